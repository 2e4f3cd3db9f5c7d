"""Worlds a second of the whole capacity forecast of the reference design, beside a loop over worlds in numpy.

Ours: `forecast`, all limited resources with their quantiles, in arrays over the worlds. The twin draws the same
table with numpy's own generator, one world at a time, and divides in Python, as a model of one object a world does;
it is the slow readable form, and its medians must agree. Target: 200,000 worlds a second. One JSON line. Both times
are of the process (CPU) and of the wall; on a busy machine only the first says something. Best of several.
`--small`: 2,000 worlds, and 500 of the twin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Document, Row, best, options, said

from meshlab.model import Topology
from meshlab.model.spec import reference
from meshlab.planning.capacity import forecast
from meshlab.planning.capacity.fits import data_disk
from meshlab.planning.tables import grows_as, growth

WORLDS, TWIN_WORLDS, REPEATS = 200_000, 5_000, 5
SMALL, TWIN_SMALL = 2_000, 500
AGREE = {False: 0.06, True: 0.25}
"""How far medians may be apart: the widest has a standard error of 1.5 % in 5,000 worlds, of 5 % in 500."""


def one_world(cluster: Topology, rng: np.random.Generator, table: dict[Any, Any]) -> dict[str, float]:
    """Gives the days until each disk, core, memory and network of the workers is used up, in one world."""
    scale = {"TB": 1e12, "GB": 1e9, "GB/day": 1e9, "Mbps": 1e6, "/y": 1 / 365.25}
    drawn: dict[tuple[str, str], float] = {}
    for (workload, quantity), row in table.items():
        value = row.low if row.low == row.high else rng.triangular(row.low, row.mid, row.high)
        key = (workload.split("/")[0], quantity)
        drawn[key] = drawn.get(key, 0.0) + value * scale[row.unit]
    days = {}

    def claim(name: str, used: float, daily: float, limit: float) -> None:
        days[name] = max(0.0, limit - used) / daily if daily > 0 else float("inf")

    chains = [w for w in cluster.workloads if not w.group]
    for w in chains:
        machine = cluster.machine(w.machines[0])
        nvme = max(machine.disks, key=lambda disk: disk.size)
        role = grows_as(w, table)
        traffic = drawn[role, "traffic"]
        reserved = 384 * 2.0**20
        claim(f"{machine.name} disk space", drawn[role, "size"], drawn[role, "growth"], data_disk(machine))
        claim(f"{machine.name} endurance of {nvme.name}", 0.0, drawn[role, "writes"], nvme.endurance)
        claim(
            f"{machine.name} network",
            traffic,
            traffic * drawn[role, "traffic-growth"],
            machine.network_rate,
        )
        claim(f"{machine.name} cores", w.cores + 0.5, w.cores * drawn[role, "cores-growth"], machine.cores)
        claim(
            f"{machine.name} memory",
            w.memory + reserved,
            w.memory * drawn[role, "memory-growth"],
            machine.memory,
        )
    roles = [grows_as(w, table) for w in chains]
    both = sum(drawn[role, "traffic"] for role in roles)
    more = sum(drawn[role, "traffic"] * drawn[role, "traffic-growth"] for role in roles)
    claim("dc-1 uplink", both, more, 1e9)
    claim("etcd database quota", drawn["etcd", "size"], drawn["etcd", "growth"], 2.0**31)
    vault = cluster.workload("vault-server")
    role = grows_as(vault, table)
    claim("vault-server volume", drawn[role, "size"], drawn[role, "growth"], vault.storage)
    return days


def measure(small: bool) -> list[Document]:
    worlds, twin_worlds = (SMALL, TWIN_SMALL) if small else (WORLDS, TWIN_WORLDS)
    cluster, table = reference(), growth()
    forecast(cluster, samples=1_000)
    cpu, wall, ours = best(lambda: forecast(cluster, samples=worlds), REPEATS)

    def twin() -> list[dict[str, float]]:
        rng = np.random.default_rng(7)
        return [one_world(cluster, rng, table) for _ in range(twin_worlds)]

    twin_cpu, twin_wall, theirs = best(twin, 2)
    names = {f"{one.subject} {one.resource}": one.days_left.mid for one in ours}
    compared = sorted(names.keys() & theirs[0].keys())
    if len(compared) < len(theirs[0]):
        raise SystemExit(f"only one side has {sorted(theirs[0].keys() - names.keys())}")
    worst = max(abs(float(np.median([w[name] for w in theirs])) / names[name] - 1) for name in compared)
    if not worst <= AGREE[small]:
        raise SystemExit(f"the medians of the two differ by {worst:.1%}")
    rates = (worlds / cpu, twin_worlds / twin_cpu)
    return [
        {
            "benchmark": "capacity",
            "worlds": worlds,
            "resources": len(ours),
            "ours_worlds_per_s": {"cpu": round(rates[0]), "wall": round(worlds / wall)},
            "numpy_loop_worlds_per_s": {"cpu": round(rates[1]), "wall": round(twin_worlds / twin_wall)},
            "largest_difference_of_medians": round(worst, 4),
            "rows": [Row("capacity forecast", *rates, "worlds/s", note="loop with numpy; target 200,000")],
        }
    ]


if __name__ == "__main__":
    said(measure(options().small), "numpy")
