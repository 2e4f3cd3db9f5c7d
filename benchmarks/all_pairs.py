"""All-pairs quickest delays of a full mesh of 1,000 machines, beside scipy's floyd_warshall on the same matrix.

Target: 300 ms. Machines lie in a plane, delays are their distances with a noise, so that many pairs are
quicker over others (`relayed_pairs`). CPU and wall, best of several: on a busy machine only the CPU time says
something. One JSON line; `--small`: 60 machines.
"""

from __future__ import annotations

import time

import numpy as np
from common import Document, Row, best, options, said
from scipy.sparse.csgraph import floyd_warshall

from meshlab.planning.latency.all_pairs import all_pairs

MACHINES, SMALL, REPEATS = 1_000, 60, 7


def mesh(count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    at = rng.random((count, 2))
    delay = 0.04 * np.linalg.norm(at[:, None] - at[None], axis=2) + 0.005
    delay *= rng.lognormal(0.0, 0.1, (count, count))
    np.fill_diagonal(delay, 0.0)
    return delay


def seconds(cpu: float, wall: float) -> dict[str, float]:
    return {"cpu": round(cpu, 4), "wall": round(wall, 4)}


def measure(small: bool) -> list[Document]:
    machines = SMALL if small else MACHINES
    direct = mesh(machines)
    start = time.perf_counter()
    all_pairs(direct[:256, :256])
    first = time.perf_counter() - start
    *ours, found = best(lambda: all_pairs(direct), REPEATS)
    *alone, again = best(lambda: all_pairs(direct, threads=1), REPEATS)
    *theirs, known = best(lambda: floyd_warshall(direct), REPEATS)
    if not np.array_equal(found, again):
        raise SystemExit("the number of threads changed a bit")
    worst = float(np.abs(found - known).max())
    if worst > 1e-12:
        raise SystemExit(f"scipy and ours differ by {worst} s")
    name = f"all-pairs delays of {machines:,} machines"
    return [
        {
            "benchmark": "all_pairs",
            "machines": machines,
            "relayed_pairs": round(float((found < direct).mean()), 3),
            "ours_s": seconds(*ours),
            "ours_one_thread_s": seconds(*alone),
            "scipy_floyd_warshall_s": seconds(*theirs),
            "first_use_s": round(first, 2),
            "rows": [Row(name, alone[0], theirs[0], "s", note="scipy floyd_warshall; budget 0.3 s")],
        }
    ]


if __name__ == "__main__":
    said(measure(options().small), "scipy", "numba")
