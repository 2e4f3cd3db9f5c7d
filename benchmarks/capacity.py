"""Worlds a second of the whole capacity forecast of the reference design, beside a loop over worlds in numpy.

Ours: `forecast`, all limited resources with their quantiles, in arrays over the worlds. The twin draws the same
table with numpy's own generator, one world at a time, and divides in Python, as a model of one object a world does;
it is the slow readable form, and its medians must agree. Target: 200,000 worlds a second. One JSON line. Both times
are of the process (CPU) and of the wall; on a busy machine only the first says something. Best of several.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from meshlab.model import Topology
from meshlab.model.spec import reference
from meshlab.planning.capacity import forecast
from meshlab.planning.capacity.fits import data_disk
from meshlab.planning.tables import growth

WORLDS, TWIN_WORLDS, REPEATS = 200_000, 5_000, 5


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
        traffic = drawn[w.name, "traffic"]
        reserved = 384 * 2.0**20
        claim(
            f"{machine.name} disk space", drawn[w.name, "size"], drawn[w.name, "growth"], data_disk(machine)
        )
        claim(f"{machine.name} endurance of {nvme.name}", 0.0, drawn[w.name, "writes"], nvme.endurance)
        claim(
            f"{machine.name} network",
            traffic,
            traffic * drawn[w.name, "traffic-growth"],
            machine.network_rate,
        )
        claim(f"{machine.name} cores", w.cores + 0.5, w.cores * drawn[w.name, "cores-growth"], machine.cores)
        claim(
            f"{machine.name} memory",
            w.memory + reserved,
            w.memory * drawn[w.name, "memory-growth"],
            machine.memory,
        )
    both = sum(drawn[w.name, "traffic"] for w in chains)
    more = sum(drawn[w.name, "traffic"] * drawn[w.name, "traffic-growth"] for w in chains)
    claim("dc-1 way out", both, more, 1e9)
    claim("etcd database quota", drawn["etcd", "size"], drawn["etcd", "growth"], 2.0**31)
    vault = cluster.workload("vault-server")
    claim(
        "vault-server volume", drawn["vault-server", "size"], drawn["vault-server", "growth"], vault.storage
    )
    return days


def best(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Gives the least CPU and wall seconds of several runs, and the last result."""
    cpu, wall, result = [], [], None
    for _ in range(REPEATS):
        start, began = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - began)
    return min(cpu), min(wall), result


def main() -> None:
    cluster, table = reference(), growth()
    forecast(cluster, samples=1_000)
    cpu, wall, ours = best(lambda: forecast(cluster, samples=WORLDS))
    rng = np.random.default_rng(7)
    start, began = time.process_time(), time.perf_counter()
    theirs = [one_world(cluster, rng, table) for _ in range(TWIN_WORLDS)]
    twin_cpu, twin_wall = time.process_time() - start, time.perf_counter() - began
    worst = 0.0
    for one in ours:
        name = f"{one.subject} {one.resource}"
        if name in theirs[0]:
            median = float(np.median([world[name] for world in theirs]))
            worst = max(worst, abs(median / one.days_left.mid - 1))
    if worst > 0.06:  # the widest of these medians has a standard error of 1.5 % in 5,000 worlds
        raise SystemExit(f"the medians of the two differ by {worst:.1%}")
    print(
        json.dumps(
            {
                "benchmark": "capacity",
                "worlds": WORLDS,
                "resources": len(ours),
                "ours_worlds_per_s": {"cpu": round(WORLDS / cpu), "wall": round(WORLDS / wall)},
                "numpy_loop_worlds_per_s": {
                    "cpu": round(TWIN_WORLDS / twin_cpu),
                    "wall": round(TWIN_WORLDS / twin_wall),
                },
                "largest_difference_of_medians": round(worst, 4),
                "numpy": version("numpy"),
                "python": sys.version.split()[0],
                "machine": platform.machine(),
                "cpus": os.cpu_count(),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


if __name__ == "__main__":
    main()
