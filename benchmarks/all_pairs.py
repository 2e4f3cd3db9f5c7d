"""All-pairs quickest delays of a full mesh of 1,000 machines, beside scipy's floyd_warshall on the same matrix.

Target: 300 ms. Machines lie in a plane, delays are their distances with a noise, so that many pairs are
quicker over others (`relayed_pairs`). CPU and wall, best of several: on a busy machine only the CPU time says
something. One JSON line.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from scipy.sparse.csgraph import floyd_warshall

from meshlab.planning.latency.all_pairs import all_pairs

MACHINES, REPEATS = 1_000, 7


def mesh(count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    at = rng.random((count, 2))
    delay = 0.04 * np.linalg.norm(at[:, None] - at[None], axis=2) + 0.005
    delay *= rng.lognormal(0.0, 0.1, (count, count))
    np.fill_diagonal(delay, 0.0)
    return delay


def best(work: Callable[[], np.ndarray]) -> tuple[dict[str, float], np.ndarray]:
    cpu, wall, result = [], [], np.empty(0)
    for _ in range(REPEATS):
        start, began = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - began)
    return {"cpu": round(min(cpu), 4), "wall": round(min(wall), 4)}, result


def main() -> None:
    direct = mesh(MACHINES)
    start = time.perf_counter()
    all_pairs(direct[:256, :256])
    first = time.perf_counter() - start
    ours, found = best(lambda: all_pairs(direct))
    alone, again = best(lambda: all_pairs(direct, threads=1))
    theirs, known = best(lambda: floyd_warshall(direct))
    if not np.array_equal(found, again):
        raise SystemExit("the number of threads changed a bit")
    worst = float(np.abs(found - known).max())
    if worst > 1e-12:
        raise SystemExit(f"scipy and ours differ by {worst} s")
    print(
        json.dumps(
            {
                "benchmark": "all_pairs",
                "machines": MACHINES,
                "relayed_pairs": round(float((found < direct).mean()), 3),
                "ours_s": ours,
                "ours_one_thread_s": alone,
                "scipy_floyd_warshall_s": theirs,
                "first_use_s": round(first, 2),
                "scipy": version("scipy"),
                "numba": version("numba"),
                "python": sys.version.split()[0],
                "machine": platform.machine(),
                "cpus": os.cpu_count(),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


if __name__ == "__main__":
    main()
