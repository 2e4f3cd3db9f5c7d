"""One real fault after another on groups of OpenBao pods, and what was seen of each.

A trial takes 40 s of waiting for timers and almost no processor, so several groups are asked at the same time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from meshlab.validation.setting import Setting
from meshlab.validation.vault.group import ACTIVE, VaultProcesses

GROUPS = 4
SETTLING_TIMEOUTS = 6.5
"""A started pod's timer is up to six heartbeat time-outs long (three times, times two): wait until it has run out."""
LOST_AFTER_S = 60.0
"""Without an active pod for so long, the group counts as lost."""


@dataclass(frozen=True)
class VaultTrial:
    """``leader_after``: until raft had a leader, from its log; ``serving_after``: until a pod answered as active.

    Seconds from the fault (for a restart: from the start of the processes); None if it never came.
    """

    leader_after: float | None
    serving_after: float | None


async def trials(setting: Setting, folder: Path) -> AsyncIterator[VaultTrial]:
    """Gives the trials of all groups as they end, and ends every process however the loop is left."""
    results: asyncio.Queue[VaultTrial | BaseException] = asyncio.Queue()
    groups = min(GROUPS, setting.repeats)
    shares = [setting.repeats // groups + (k < setting.repeats % groups) for k in range(groups)]
    tasks = [
        asyncio.create_task(
            _group(setting, folder / f"group-{k}", share, random.Random(setting.seed + k), results)
        )
        for k, share in enumerate(shares)
    ]
    try:
        for _ in range(setting.repeats):
            found = await results.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _group(
    setting: Setting,
    folder: Path,
    count: int,
    rng: random.Random,
    results: asyncio.Queue[VaultTrial | BaseException],
) -> None:
    try:
        if setting.fault == "kill-before-promotion":
            for k in range(count):
                results.put_nowait(await _before_promotion(setting, folder / str(k)))
            return
        group = VaultProcesses(setting, folder, auto_unseal=setting.fault != "seal-after-restart")
        try:
            await group.start()
            for _ in range(count):
                results.put_nowait(await _trial(group, setting, rng))
        finally:
            await group.close()
    except Exception as error:
        results.put_nowait(error)


async def _trial(group: VaultProcesses, setting: Setting, rng: random.Random) -> VaultTrial:
    active = await group.settled()
    await asyncio.sleep((SETTLING_TIMEOUTS + rng.random()) * setting.heartbeat)
    everyone = range(setting.members)
    if setting.fault == "full-restart":
        group.strike(everyone)
        await asyncio.gather(*(group.table.kill(name) for name in group.names))
        at, wall = time.monotonic(), time.time()
        await asyncio.gather(*(group.start_member(i) for i in everyone))
        return await _seen(group, list(everyone), at, wall)
    if setting.fault == "seal-after-restart":
        return await _sealed(group, setting, active, rng)
    wall = time.time()
    at = group.strike([active])
    try:
        return await _seen(group, [i for i in everyone if i != active], at, wall)
    finally:
        await group.table.kill(group.names[active])
        await group.start_member(active)


async def _seen(group: VaultProcesses, among: list[int], at: float, wall: float) -> VaultTrial:
    found = await group.first_active(among, at + LOST_AFTER_S)
    led = group.led_since(among, wall)
    return VaultTrial(None if led is None else led - wall, None if found is None else found[1] - at)


async def _before_promotion(setting: Setting, folder: Path) -> VaultTrial:
    """Kills the active pod while the two others have joined and do not vote yet."""
    group = VaultProcesses(setting, folder)
    try:
        await group.start(promoted=False)
        active = await group.settled()
        wall = time.time()
        at = group.strike([active])
        return await _seen(group, [i for i in range(setting.members) if i != active], at, wall)
    finally:
        await group.close()


async def _sealed(group: VaultProcesses, setting: Setting, active: int, rng: random.Random) -> VaultTrial:
    """Restarts a standby without auto-unseal: does it serve before somebody brings the key?

    ``serving_after`` is None while nobody has; the key is given after that, so that the next trial can begin.
    """
    standby = rng.choice([i for i in range(setting.members) if i != active])
    group.strike([standby])
    await group.table.kill(group.names[standby])
    at = time.monotonic()
    await group.start_member(standby)
    served = None
    while served is None and time.monotonic() < at + 4 * setting.heartbeat:
        if await group.health(standby) in (ACTIVE, 429):
            served = time.monotonic() - at
        await asyncio.sleep(setting.poll)
    await group.unsealed(standby)
    return VaultTrial(None, served)
