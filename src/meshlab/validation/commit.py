"""Commit latency: puts of closed-loop clients to a real leader, and the same through the simulated commit path.

What is measured beforehand, on a group of one member: the round trip of one client (put), the time of a synchronous
write, and the time between two answers while as many clients as there will be write: the processor's share of a put.
Replication itself is never measured beforehand.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.simulate.commit_latency import Costs, put_latencies
from meshlab.validation import machine as probes
from meshlab.validation.etcd_group import EtcdProcesses
from meshlab.validation.machine import Machine
from meshlab.validation.setting import Setting

if TYPE_CHECKING:
    import numpy as np

ROUNDS = 5
"""Inputs are measured before each fifth of the real puts: on a machine that others use too, a minute changes much."""
ALONE_PUTS, BUSY_PUTS = 120, 640


@dataclass(frozen=True)
class Latencies:
    """The latencies of all puts of one run, in seconds."""

    latencies: list[float]


async def real(setting: Setting, folder: Path) -> tuple[Machine, Latencies]:
    """Measures the inputs and the group's puts in turn; no fault.

    The one-member group is stopped (SIGSTOP) while the other is measured, and the other way round.
    """
    alone = EtcdProcesses(probes.one_member(setting), folder / "alone")
    group = EtcdProcesses(setting, folder / "group")
    inputs, found = Machine([], [], []), Latencies([])
    try:
        await alone.start()
        await group.start()
        for _ in range(ROUNDS):
            await _measure(alone, inputs, setting, folder / "alone")
            leader, _ = await group.settled()
            found.latencies.extend(
                await probes.put_latencies(
                    group, leader, setting.clients, -(-setting.repeats // ROUNDS), folder / "group"
                )
            )
    finally:
        await asyncio.gather(alone.close(), group.close())
    return inputs, found


async def _measure(alone: EtcdProcesses, inputs: Machine, setting: Setting, folder: Path) -> None:
    """Adds to the inputs: writes, calls, puts of one client, and the time between answers."""
    inputs.fsync.extend(probes.fsync_times(folder, ALONE_PUTS))
    inputs.together.extend(await probes.fsync_times_together(folder, setting.members, ALONE_PUTS))
    inputs.ask.extend(await probes.ask_times(alone, ALONE_PUTS))
    inputs.put.extend(await probes.put_latencies(alone, 0, 1, ALONE_PUTS, folder))
    if setting.clients > 1:
        busy = sorted(put.end for put in await probes.puts(alone, 0, setting.clients, BUSY_PUTS, folder))
        inputs.work.extend(b - a for a, b in pairwise(busy))


def simulated(setting: Setting, machine: Machine, count: int, etcd: str) -> Latencies:
    """The same clients in the simulated commit path, of an etcd of that version."""
    import numpy as np

    costs = _costs(setting, machine, tuple(map(int, etcd.split("."))), np.random.default_rng(setting.seed))
    found = put_latencies(setting.members, setting.clients, costs, count)
    return Latencies([float(v) for v in found])


ALONE_WAITS_FOR_DISK = (3, 5, 5)
"""Before, a group of one member answered a put without waiting for its own write (etcd#14370)."""


def _costs(setting: Setting, machine: Machine, etcd: tuple[int, ...], rng: np.random.Generator) -> Costs:
    """A put to one member is overhead and a write: quantile by quantile, the overhead is what is left.

    Before etcd 3.5.5 it is overhead alone.

    A message between members costs what half a client's call that needs no disk costs, and the link delay. The members
    of the validation share one disk, so their writes take what writes take there while as many others write.
    """
    fsync, put = sorted(machine.fsync), sorted(machine.put)
    rest = [max(0.0, p - f) for p, f in zip(put, fsync, strict=True)] if etcd >= ALONE_WAITS_FOR_DISK else put

    def of(sample: list[float]) -> float:
        return sample[int(rng.integers(len(sample)))]

    def hop() -> float:
        jitter = setting.jitter * (2 * float(rng.random()) - 1) if setting.jitter else 0.0
        return setting.link_delay + jitter + 0.5 * of(machine.ask)

    disk = machine.together if setting.members > 1 else fsync
    return Costs(lambda: of(rest), lambda: of(machine.work) if machine.work else 0.0, lambda: of(disk), hop)
