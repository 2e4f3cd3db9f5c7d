"""How much processor a call takes, measured beforehand on a group of one member: on one machine all parts share it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from meshlab.validation.etcd import machine as probes
from meshlab.validation.etcd import writers
from meshlab.validation.etcd.calls import EtcdCaller
from meshlab.validation.etcd.machine import PACE_S, ProcessorUse

if TYPE_CHECKING:
    from meshlab.validation.etcd.group import EtcdProcesses
    from meshlab.validation.setting import Setting

CALLS = 640
MANY_CALLS = 4000
RELAYED_CALLS = 160


class _Ran(NamedTuple):
    """Seconds of processor, and in how many turns."""

    seconds: float
    turns: int

    def __sub__(self, other: _Ran) -> _Ran:
        return _Ran(self.seconds - other.seconds, self.turns - other.turns)


def typical(found: list[ProcessorUse]) -> ProcessorUse:
    """Gives the median of each, and all the paces; of the kernel's the mean, which is counted in ticks of 10 ms."""
    from statistics import mean, median

    single = ("put", "ask", "client", "relay", "turn", "rate")
    middle = {name: median(getattr(use, name) for use in found) for name in single}
    paces = [pace for use in found for pace in use.paces]
    kernel = mean(use.kernel for use in found)
    return ProcessorUse(**middle, kernel=kernel, processors=found[0].processors, paces=paces)


async def measured(alone: EtcdProcesses, setting: Setting, folder: Path) -> ProcessorUse:
    """Measures a group of one member that is running."""
    before, kernel = _ran(alone), _softirq()
    several = setting.clients > 1
    done = await probes.puts(alone, 0, setting.clients, MANY_CALLS if several else CALLS, folder)
    member, kernel = _ran(alone) - before, _softirq() - kernel
    client, puts = writers.processor_time(folder / probes.WRITTEN)
    return ProcessorUse(
        put=member.seconds / puts,
        ask=await _asks(alone, setting.clients),
        client=client / puts,
        relay=await _relayed(alone, setting),
        kernel=kernel / puts,
        turn=member.seconds / max(1, member.turns),
        rate=(len(done) - 1) / (max(put.end for put in done) - min(put.end for put in done)),
        processors=os.cpu_count() or 1,
        paces=_paces([put.end for put in done]) if several else [],
    )


def _paces(ends: list[float]) -> list[float]:
    """How many ended in each 10 ms, the median being 1; at least half a put, since no work takes for ever."""
    import numpy as np

    edges = np.arange(min(ends), max(ends), PACE_S)
    if len(edges) < 3:
        return []
    counts, _ = np.histogram(ends, edges)
    usual = float(np.median(counts))
    return [round(max(0.5, float(count)) / max(0.5, usual), 3) for count in counts]


async def _asks(alone: EtcdProcesses, clients: int) -> float:
    callers = [alone.caller(0)] * clients
    await _calls(callers, CALLS)  # until it is warm
    before = _ran(alone)
    made = await _calls(callers, MANY_CALLS if clients > 1 else CALLS)
    return (_ran(alone) - before).seconds / made


async def _calls(callers: list[EtcdCaller], count: int) -> int:
    """Lets each caller ask again and again; gives how many calls that were."""
    each = -(-count // len(callers))

    async def ask(caller: EtcdCaller) -> None:
        for _ in range(each):
            await caller.standing(5.0)

    await asyncio.gather(*(ask(caller) for caller in callers))
    return each * len(callers)


async def _relayed(alone: EtcdProcesses, setting: Setting) -> float:
    """Of this process, which holds the relays: what a call costs over them more than directly, for each message."""
    if alone.fabric is None:
        return 0.0
    connections = max(1, 2 * (setting.members - 1))
    took = []
    for far in (False, True):
        callers = [
            alone.far_caller(0) if far else EtcdCaller(*alone.client_address(0)) for _ in range(connections)
        ]
        await _calls(callers, connections)  # opens the connections
        before = time.process_time()
        made = await _calls(callers, RELAYED_CALLS)
        took.append((time.process_time() - before) / made)
        await asyncio.gather(*(caller.close() for caller in callers))
    return max(0.0, took[1] - took[0]) / 2


def _ran(alone: EtcdProcesses) -> _Ran:
    """What the member has used of the processors so far."""
    pid = next(child.pid for child in alone.table.running() if child.name == alone.names[0])
    threads = Path(f"/proc/{pid}/task")
    if not threads.exists():
        import psutil

        process = psutil.Process(pid)
        times, switches = process.cpu_times(), process.num_ctx_switches()
        return _Ran(times.user + times.system, switches.voluntary + switches.involuntary)
    total = _Ran(0.0, 0)
    for thread in threads.iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            # nanoseconds that it ran, that it waited, and in how many turns (sched-stats.rst)
            ran, _, turns = (thread / "schedstat").read_text().split()
            total = _Ran(total.seconds + int(ran) / 1e9, total.turns + int(turns))
    return total


def _softirq() -> float:
    """Seconds that the kernel has spent in software interrupts so far, on all processors; 0 where it does not say."""
    told = Path("/proc/stat")
    if not told.exists():
        return 0.0
    ticks = told.read_text().split("\n", 1)[0].split()[1:]
    return int(ticks[6]) / os.sysconf("SC_CLK_TCK")  # proc_stat(5): user nice system idle iowait irq softirq
