"""What is measured of this machine beforehand: it goes into the model, and nothing else of the real run does.

How long a synchronous write of a raft record takes, and the round trips of a client to a group of one member.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meshlab.validation import writers
from meshlab.validation.etcd_group import EtcdProcesses
from meshlab.validation.setting import Setting

RECORD_BYTES = 256
WRITES = 300
ROUND_TRIPS = 200


@dataclass(frozen=True)
class Machine:
    """The measured inputs, in seconds: samples, not fits.

    ``fsync``: appending a record of 256 bytes and fdatasync. ``ask``: a call to one member that needs no disk.
    ``put``: a put to a one-member group, one closed-loop client.
    """

    fsync: list[float]
    ask: list[float]
    put: list[float]

    def as_json(self) -> dict[str, Any]:
        """Medians and p99 in milliseconds, for the record."""
        return {name: spread_ms(sample) for name, sample in asdict(self).items()}


def spread_ms(sample: list[float]) -> dict[str, float]:
    """Size, p50, p90 and p99 of a sample of seconds, in milliseconds."""
    import numpy as np

    p50, p90, p99 = (round(float(v) * 1000, 3) for v in np.quantile(sample, (0.5, 0.9, 0.99)))
    return {"n": len(sample), "p50_ms": p50, "p90_ms": p90, "p99_ms": p99}


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


async def measured(folder: Path, *, clients: int = 1, puts: int = ROUND_TRIPS) -> Machine:
    """Measures this machine with a one-member etcd and, for puts, ``clients`` closed-loop writers."""
    fsync = fsync_times(folder)
    own = folder / "alone"
    own.mkdir()
    alone = EtcdProcesses(Setting(members=1, measure="commit", clients=clients), own)
    try:
        await alone.start()
        ask = []
        for _ in range(ROUND_TRIPS):
            start = time.perf_counter()
            await alone.caller(0).standing()
            ask.append(time.perf_counter() - start)
            await asyncio.sleep(0.002)
        put = await put_latencies(alone, 0, clients, puts, own)
    finally:
        await alone.close()
    return Machine(fsync, ask, put)


async def put_latencies(
    group: EtcdProcesses, member: int, clients: int, puts: int, folder: Path, *, pause_s: float = 0.0
) -> list[float]:
    """Has ``clients`` closed-loop writers put to one member; gives the latencies, the first tenth left out."""
    each = -(-puts // clients)
    path = folder / "latency-puts"
    orders = writers.Orders(
        [group.client_address(member)] * clients, str(path), 30.0, pause_s, each + -(-each // 10)
    )
    child = await group.table.spawn("writers", writers.command(orders), log=folder / "writers.log")
    await child.wait()
    done = sorted((put for put in writers.read(path) if put.done), key=lambda put: put.start)
    return [put.end - put.start for put in done[len(done) // 11 :]]
