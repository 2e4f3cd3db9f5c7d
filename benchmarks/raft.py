"""The raft kernel: messages a second, 10,000 failovers, a quiet year; one JSON line. Machine and versions beside.

Targets: 10 million messages/s on one core, 10,000 failovers of three voters in 2 s, a quiet year of the
reference cluster through `simulate` in 50 ms. The other side is the same protocol in plain Python, as the
layers of `simulate` run it. CPU seconds of this process (one thread), best of several.
`--small`: 100 failovers, 5 by the layer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from common import Document, Row, best, options, said

from meshlab.model.distribution import Distribution
from meshlab.model.spec import reference
from meshlab.simulate import Scenario, simulate
from meshlab.simulate.groups.etcd import EtcdGroup
from meshlab.simulate.groups.failovers import GroupSettings, commit_latencies, failovers, prepare
from meshlab.simulate.kernels import raft
from meshlab.simulate.raft.timed.world import World
from meshlab.simulate.tracks import Track

YEAR = 365.25 * 86400
RUNS = 5


def seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    return best(work, runs)[0]


def heartbeats(members: int, horizon: float) -> tuple[float, int]:
    """Seconds, and messages, of a group's heartbeats with nothing skipped; lognormal delays."""
    from meshlab.simulate.groups import failovers as front

    group = GroupSettings(members, delay=Distribution.lognormal(0.0005, 0.4))
    bound, arrays = front._arrays(group)
    plain = front._settings(group, bound, horizon=horizon, mark=1e18, early=False)._replace(skip=False)
    keys = front._keys(1, 0, 1)
    times, counts = np.zeros((1, 2)), np.zeros((1, 8), np.int64)
    state = front._group(arrays, [], room=1)
    took = seconds(lambda: raft.replicates(state, plain, keys, times, counts))
    return took, int(counts[0, 4])


def layered(kills: int) -> None:
    """Failovers of three voters by the layer that tells a group's history."""
    for seed in range(kills):
        names = ("m0", "m1", "m2")
        world = World(
            members=names,
            running={m: Track(True) for m in names},
            frozen={m: Track(False) for m in names},
            flows={(a, b): Track(True) for a in names for b in names if a != b},
            delay=lambda a, b, time: 0.0003,
            fsync=lambda member: 0.0015,
        )
        world.running["m0"].set(10.0, False, "killed")
        EtcdGroup(world, heartbeat=0.1, election=1.0, rng=np.random.default_rng(seed), leader="m0").run(14.0)


def measure(small: bool) -> list[Document]:
    ready = prepare()
    rates = {}
    for members in (3, 5):
        took, messages = heartbeats(members, 200.0 if small else 20_000.0)
        rates[str(members)] = round(messages / took / 1e6, 2)
    group = GroupSettings()
    start = time.process_time()
    writes = len(commit_latencies(group, 64, seconds=1.0 if small else 30.0))
    busy = time.process_time() - start
    count, kills = (100, 5) if small else (10_000, 100)
    failing = seconds(lambda: failovers(group, n=count))
    by_layer = seconds(lambda: layered(kills), 2) / kills
    topology, quiet = reference(), Scenario("a quiet year", YEAR, (), {})
    simulate(topology, quiet, replicates=1)
    year = seconds(lambda: simulate(topology, quiet, replicates=1))
    kernel = failing / count
    return [
        {
            "benchmark": "raft",
            "clock": "CPU seconds of one thread, best of several",
            "million_messages_per_s": rates,
            "writes_per_s_64_clients": round(writes / busy),
            f"failovers_{count}_s": round(failing, 3),
            "failover_us": {"kernel": round(kernel * 1e6, 2), "layer": round(by_layer * 1e6, 1)},
            "quiet_year_reference_ms": round(year * 1e3, 2),
            "first_use_s": round(ready, 2),
            "rows": [
                Row("raft failover of three", kernel * 1e6, by_layer * 1e6, "us", note="the same in Python"),
                *(
                    Row(f"raft messages, {n} members", rate, None, "million/s", note="target 10")
                    for n, rate in rates.items()
                ),
                Row("a quiet year of the reference", year * 1e3, None, "ms", note="budget 50"),
            ],
        }
    ]


if __name__ == "__main__":
    said(measure(options().small), "numba", "numpy")
