"""What is measured of this machine beforehand: it goes into the model, and nothing else of the real run does.

How long a synchronous write of a raft record takes, and the round trips of a client to a group of one member.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from meshlab.validation.etcd import writers
from meshlab.validation.etcd.group import EtcdProcesses
from meshlab.validation.setting import CannotValidate, Setting

RECORD_BYTES = 256
WRITES = 300
ROUND_TRIPS = 200
ASK_FEWER_ABOVE_S = 0.02
WRITTEN = "latency-puts"
PACE_S = 0.01
WARM_PUTS, WARM_S = 4000, 0.5
"""Of several clients: so many puts come before those that count, or as many as the links let through in that time."""


@dataclass(frozen=True)
class ProcessorUse:
    """Seconds of processor, while as many clients as there will be call a group of one member.

    ``put``, ``ask``: of the member, for a put and for a call that needs no log. ``client``: of the writers' program,
    for a put. ``relay``: for a message through the relays. ``kernel``: for a put, on the network and on
    nobody's account (Linux: softirq). ``turn``: for how long the member's threads run at a time.
    ``rate``: puts a second. ``processors``: how many there are. ``paces``: puts done in each 10 ms one after the other,
    the usual number being 1; empty with one client.
    """

    put: float
    ask: float
    client: float
    relay: float
    kernel: float
    turn: float
    rate: float
    processors: int
    paces: list[float]


@dataclass(frozen=True)
class Machine:
    """The measured inputs, in seconds: samples, not fits.

    ``fsync``: appending a record of 256 bytes and fdatasync. ``ask``: a call to one member that needs no disk, over a
    link like those between members, without the delay set on it.
    ``put``: a put to a one-member group, one closed-loop client. ``together``: like ``fsync``, while as many others as
    the group has members do the same on the same disk. ``use``: of the processors (both only for commit latency).
    """

    fsync: list[float]
    ask: list[float]
    put: list[float]
    together: list[float] = field(default_factory=list)
    use: ProcessorUse | None = None

    def samples(self) -> dict[str, list[float]]:
        """The samples by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "use"}


def description() -> dict[str, Any]:
    """The machine and the software that a result belongs to."""
    import grpc
    import numpy as np

    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else ""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": model or platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "grpcio": grpc.__version__,
    }


def fsync_times(folder: Path, count: int = WRITES) -> list[float]:
    """Appends records to a file and syncs each, as a write-ahead log does; gives the times in seconds."""
    sync = getattr(os, "fdatasync", os.fsync)
    record = b"r" * RECORD_BYTES
    path = folder / "fsync-probe"
    times = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, 1 << 20) if hasattr(os, "posix_fallocate") else None
        for _ in range(count):
            start = time.perf_counter()
            os.write(descriptor, record)
            sync(descriptor)
            times.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
        path.unlink()
    return times


async def measured(setting: Setting, folder: Path) -> Machine:
    """Measures this machine with a one-member etcd."""
    fsync = fsync_times(folder)
    own = folder / "alone"
    own.mkdir()
    alone = EtcdProcesses(one_member(setting), own)
    try:
        await alone.start()
        ask = await ask_times(alone, ROUND_TRIPS)
        put = await put_latencies(alone, 0, 1, ROUND_TRIPS, own)
    finally:
        await alone.close()
    return Machine(fsync, ask, put)


async def fsync_times_together(folder: Path, members: int, count: int) -> list[float]:
    """The same for several writers at once, each with a file of its own."""
    places = [folder / f"disk-{i}" for i in range(members)]
    for place in places:
        place.mkdir(exist_ok=True)
    found = await asyncio.gather(*(asyncio.to_thread(fsync_times, place, count) for place in places))
    return [each for times in found for each in times]


def one_member(setting: Setting) -> Setting:
    """The setting of the group of one member, behind the same link as the members of the real one have."""
    if setting.system == "vault":
        return Setting(members=1, measure="commit")
    if setting.system == "api":
        return Setting(members=1, measure="commit", heartbeat=setting.heartbeat, election=setting.election)
    return replace(setting, members=1, measure="commit")


async def ask_times(alone: EtcdProcesses, count: int) -> list[float]:
    """Round trips of calls that need no disk, over a link like those between members, without the delays set on it."""
    found: list[float] = []
    caller = alone.far_caller(0)
    if alone.setting.link_delay > ASK_FEWER_ABOVE_S:
        count = max(20, count // 4)
    try:
        for k in range(count + 5):
            start = time.perf_counter()
            told = await caller.standing(5.0)
            if told is not None and k >= 5:  # the first ones open the connection
                found.append(max(0.0, time.perf_counter() - start - 2 * alone.setting.link_delay))
            await asyncio.sleep(0.002)
    finally:
        await caller.close()
    if not found:
        raise CannotValidate("the group of one member does not answer over its link")
    return found


async def puts(
    group: EtcdProcesses, member: int, clients: int, count: int, folder: Path
) -> list[writers.Put]:
    """Has closed-loop writers put to one member; gives those that were done once all programs were warm."""
    each, warm = -(-count // clients), -(-max(count // 10, _warm_puts(group.setting, clients)) // clients)
    path = folder / WRITTEN
    targets = [group.client_address(member)] * clients
    orders = writers.Orders(targets, str(path), 30.0, 0.0, warm + each)
    child = await group.table.spawn("writers", writers.command(orders), log=folder / "writers.log")
    await child.wait()
    done = sorted((put for put in writers.read(path) if put.done), key=lambda put: put.start)
    if len(done) <= warm * clients:
        raise CannotValidate(f"the writers do not get through: see {folder / 'writers.log'}")
    return done[warm * clients :]


def _warm_puts(setting: Setting, clients: int) -> int:
    if clients == 1:
        return 0
    if setting.members == 1 or not setting.link_delay:
        return WARM_PUTS
    return min(WARM_PUTS, round(WARM_S / (2 * setting.link_delay) * clients))


async def put_latencies(
    group: EtcdProcesses, member: int, clients: int, count: int, folder: Path
) -> list[float]:
    """The latencies of such puts, in seconds."""
    return [put.end - put.start for put in await puts(group, member, clients, count, folder)]
