"""Commit latency: puts of closed-loop clients to a real leader, and the same through the simulated commit path.

What is measured beforehand, on a group of one member: the round trip of one client (put), the time of a synchronous
write, and how much processor a put and a call take while as many clients as there will be make them. Replication
itself is never measured beforehand: a follower is taken to store an entry at the cost at which the one member did.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.simulate.groups.commit_latency import Costs, SharedMachine, put_latencies
from meshlab.validation.etcd import machine as probes
from meshlab.validation.etcd import processor_use
from meshlab.validation.etcd.group import EtcdProcesses
from meshlab.validation.etcd.machine import PACE_S, Machine, ProcessorUse
from meshlab.validation.setting import Setting

if TYPE_CHECKING:
    import numpy as np

ROUNDS = 5
"""Inputs are measured before each fifth of the real puts: on a machine that others use too, a minute changes much."""
ALONE_PUTS = 120
KEPT_PUTS = 4000
"""Of more puts than that, evenly spaced ones are kept: neighbours in time tell the same."""


@dataclass(frozen=True)
class Latencies:
    """The latencies of all puts of one run, in seconds."""

    latencies: list[float]


async def real(setting: Setting, folder: Path) -> tuple[Machine, Latencies]:
    """Measures the inputs and the group's puts in turn; no fault. The one that is not measured is idle meanwhile."""
    alone = EtcdProcesses(probes.one_member(setting), folder / "alone")
    group = EtcdProcesses(setting, folder / "group")
    inputs, used, found = Machine([], [], []), [], Latencies([])
    try:
        await alone.start()
        await group.start()
        for _ in range(ROUNDS):
            await _measure(alone, inputs, setting, folder / "alone")
            used.append(await processor_use.measured(alone, setting, folder / "alone"))
            leader, _ = await group.settled()
            found.latencies.extend(
                await probes.put_latencies(
                    group, leader, setting.clients, -(-setting.repeats // ROUNDS), folder / "group"
                )
            )
    finally:
        await asyncio.gather(alone.close(), group.close())
    every = max(1, len(found.latencies) // KEPT_PUTS)
    return replace(inputs, use=processor_use.typical(used)), Latencies(found.latencies[::every])


async def _measure(alone: EtcdProcesses, inputs: Machine, setting: Setting, folder: Path) -> None:
    """Adds to the inputs: writes, calls, and puts of one client."""
    inputs.fsync.extend(probes.fsync_times(folder, ALONE_PUTS))
    inputs.together.extend(await probes.fsync_times_together(folder, setting.members, ALONE_PUTS))
    inputs.ask.extend(await probes.ask_times(alone, ALONE_PUTS))
    inputs.put.extend(await probes.put_latencies(alone, 0, 1, ALONE_PUTS, folder))


ALONE_WAITS_FOR_DISK = (3, 5, 5)
"""Before, a group of one member answered a put without waiting for its own write (etcd#14370)."""
MATCHED_PUTS, MATCHING_STEPS = 2000, 7


def simulated(setting: Setting, machine: Machine, count: int, etcd: str) -> Latencies:
    """The same clients in the simulated commit path, of an etcd of that version."""
    version = tuple(map(int, etcd.split(".")))
    pace = _matched(setting, machine, version) if machine.use and setting.clients > 1 else 1.0
    found = put_latencies(setting.members, setting.clients, _costs(setting, machine, version, pace), count)
    return Latencies([float(v) for v in found])


def _matched(setting: Setting, machine: Machine, etcd: tuple[int, ...]) -> float:
    """The pace at which a simulated group of one member does as many puts a second as the real one did.

    The processors are not always busy when there is work: that is in the real group's rate, not in what its work takes.
    """
    assert machine.use is not None
    alone, clients = replace(setting, members=1), setting.clients
    low, high = 0.25, 2.0
    for _ in range(MATCHING_STEPS):
        pace = math.sqrt(low * high)
        found = put_latencies(1, clients, _costs(alone, machine, etcd, pace), MATCHED_PUTS)
        if float(clients / found.mean()) > machine.use.rate:
            high = pace
        else:
            low = pace
    return math.sqrt(low * high)


def _costs(setting: Setting, machine: Machine, etcd: tuple[int, ...], pace: float) -> Costs:
    """A put to one member is overhead and a write: quantile by quantile, the overhead is what is left.

    Before etcd 3.5.5 it is overhead alone.

    A message between members costs what half a client's call that needs no disk costs, and the link delay. The members
    of the validation share one disk, so their writes take what writes take there while as many others write.
    """
    import numpy as np

    rng = np.random.default_rng(setting.seed)
    fsync, put = sorted(machine.fsync), sorted(machine.put)
    waits = etcd >= ALONE_WAITS_FOR_DISK
    rest = [max(0.0, p - f) for p, f in zip(put, fsync, strict=True)] if waits else put

    def of(sample: list[float]) -> float:
        return sample[int(rng.integers(len(sample)))]

    def hop() -> float:
        jitter = setting.jitter * (2 * float(rng.random()) - 1) if setting.jitter else 0.0
        return setting.link_delay + jitter + 0.5 * of(machine.ask)

    disk = machine.together if setting.members > 1 else fsync if waits else [0.0]
    shared = _shared(machine.use, rng, pace) if machine.use else None
    return Costs(lambda: of(rest), lambda: of(disk), hop, shared)


def _shared(use: ProcessorUse, rng: np.random.Generator, pace: float) -> SharedMachine:
    """A put is a call and an entry stored; a call is a message taken in and one sent, and the kernel has its share.

    The measured paces come one after the other, again and again, from one that is drawn.
    """
    paces = use.paces or [1.0]
    first = int(rng.integers(len(paces)))
    return SharedMachine(
        processors=use.processors,
        turn=use.turn,
        choose=lambda n: int(rng.integers(n)),
        pace=lambda time: pace * paces[(first + int(time / PACE_S)) % len(paces)],
        client=use.client,
        serve=use.ask + use.kernel,
        store=max(0.0, use.put - use.ask),
        message=use.ask / 2,
        kernel=use.kernel / 2,
        relay=use.relay,
    )
