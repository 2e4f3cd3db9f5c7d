"""One real fault after another on a group of etcd processes, and what was seen of each."""

from __future__ import annotations

import asyncio
import platform
import random
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from meshlab.validation.etcd import disk_stall, writers
from meshlab.validation.etcd.group import EtcdProcesses
from meshlab.validation.setting import CannotValidate, Setting

STALL_S = 0.01
"""From the signal that stalls a disk to the put that meets it."""
UNANSWERED = 0.3
"""A put that takes so many election time-outs met the stall; no election is over by then."""
GIVE_UP_ELECTIONS = 15
"""A group without a leader after so many election time-outs counts as lost."""


@dataclass(frozen=True)
class Trial:
    """What one fault did.

    ``leader_after``: seconds from the fault until a survivor said that it leads; None if none did.
    ``terms``: by how much the term rose; more than 1 is a split or failed vote.
    ``stepped_down_after``: seconds until the cut-off leader said that it leads no more.
    ``outages``: per surviving writer, seconds from the fault to the first success of a put begun after it.
    ``in_flight``: which of these writers had a put under way at the fault.
    """

    leader_after: float | None
    terms: int
    stepped_down_after: float | None = None
    outages: list[float] = field(default_factory=list)
    in_flight: list[bool] = field(default_factory=list)


def refuse_what_cannot_be(setting: Setting) -> None:
    """Says why a fault cannot be made on real processes here.

    Raises
    ------
    CannotValidate
        It cannot.
    """
    if setting.fault == "disk-stall" and not disk_stall.possible():
        raise CannotValidate(
            "disk-stall: synchronous writes of a process without root are held up by seccomp user notification, which "
            f"needs Linux 5.5 or later on x86_64 or aarch64; this is {platform.system()} {platform.release()} on "
            f"{platform.machine()}. --fault pause stops the whole member, disk included"
        )


async def trials(setting: Setting, folder: Path) -> AsyncIterator[Trial]:
    """Starts the group, does ``setting.repeats`` faults, and ends the group however the loop is left."""
    refuse_what_cannot_be(setting)
    rng = random.Random(setting.seed)
    group = EtcdProcesses(setting, folder)
    try:
        await group.start()
        if setting.measure == "outage":
            await _start_writers(group, setting, folder)
        for _ in range(setting.repeats):
            yield await _trial(group, setting, rng, folder)
    finally:
        await group.close()


async def _start_writers(group: EtcdProcesses, setting: Setting, folder: Path) -> None:
    targets = [group.client_address(i) for i in range(setting.members)]
    orders = writers.Orders(targets, str(folder / "puts"), setting.client_timeout)
    await group.table.spawn("writers", writers.command(orders), log=folder / "writers.log")
    end = time.monotonic() + 30
    while {put.writer for put in writers.read(folder / "puts") if put.done} != set(range(setting.members)):
        if time.monotonic() > end:
            raise CannotValidate(f"the writers do not get through: see {folder / 'writers.log'}")
        await asyncio.sleep(0.1)


async def _settled(group: EtcdProcesses, setting: Setting) -> tuple[int, int]:
    """The leader and term once everything is quiet, a few heartbeats and a random phase later."""
    if setting.measure == "outage":  # indices move all the time: terms and leaders must agree
        return await agreed(group, setting)
    leader = await group.settled()
    await asyncio.sleep(3 * setting.heartbeat)
    return leader


async def agreed(group: EtcdProcesses, setting: Setting, deadline_s: float = 60.0) -> tuple[int, int]:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        told = await group.standings(range(setting.members))
        if len(told) == setting.members and len({(s.leader, s.term) for s in told.values()}) == 1:
            leader = next((i for i, s in told.items() if s.leads), None)
            if leader is not None:
                await asyncio.sleep(max(1.0, 3 * setting.heartbeat))
                return leader, told[leader].term
        await asyncio.sleep(0.05)
    raise CannotValidate(f"the group did not agree on a leader within {deadline_s:g} s")


async def _trial(group: EtcdProcesses, setting: Setting, rng: random.Random, folder: Path) -> Trial:
    leader, term = await _settled(group, setting)
    await asyncio.sleep(rng.random() * setting.election)  # any phase of the leader's checks of its quorum
    others = [i for i in range(setting.members) if i != leader]
    if setting.fault == "kill-follower":
        return await _follower_killed(group, setting, rng.choice(others), term, folder)
    on_file = _on_file(folder)
    at = await _strike(group, setting, leader, others)
    deadline = at + GIVE_UP_ELECTIONS * setting.election
    stepping = asyncio.create_task(_stepped_down(group, setting, leader, deadline))
    try:
        found = await group.first_leader(others, deadline)
        stepped = await stepping if setting.fault.startswith("partition") else None
        rose = await new_term(group, found[0], term) - term if found is not None else 0
        outages, in_flight = await _outages(setting, folder, on_file, at, others)
    finally:
        stepping.cancel()
        await _mend(group, setting, leader)
    after = found[2] - at if found is not None else None
    return Trial(after, rose, None if stepped is None else stepped - at, outages, in_flight)


async def new_term(group: EtcdProcesses, leader: int, old: int, deadline_s: float = 5.0) -> int:
    """The term of a new leader; etcd tells it only once the first entry of that term is applied."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        told = (await group.standings([leader])).get(leader)
        if told is not None and told.term > old:
            return told.term
        await asyncio.sleep(0.02)
    return old


async def _strike(group: EtcdProcesses, setting: Setting, leader: int, others: Iterable[int]) -> float:
    if setting.fault == "kill":
        return group.signal_kill(leader)
    if setting.fault == "disk-stall":
        return await _disk_stalled(group, leader)
    at = time.monotonic()
    if setting.fault == "pause":
        await group.pause(leader)
    else:
        ways = [(leader, other) for other in others]
        if setting.fault == "partition":
            ways += [(b, a) for a, b in ways]
        group.cut(ways)
    return at


async def _disk_stalled(group: EtcdProcesses, leader: int) -> float:
    """Stalls the leader's disk and has it write: a leader that writes nothing does not notice its disk.

    A put that is answered came before the stall; the first one that is not is the instant of the fault.
    """
    group.stall_disk(leader)
    await asyncio.sleep(STALL_S)
    while True:
        at = time.monotonic()
        if not await group.caller(leader).put(b"stall", b"v", UNANSWERED * group.setting.election):
            return at


async def _mend(group: EtcdProcesses, setting: Setting, leader: int) -> None:
    if setting.fault == "kill":
        await group.kill(leader)  # waits for its end
        await group.start_member(leader)
    elif setting.fault == "pause":
        await group.resume(leader)
    elif setting.fault == "disk-stall":
        group.release_disk(leader)
    elif group.fabric is not None:
        group.restore_links()


async def _stepped_down(group: EtcdProcesses, setting: Setting, leader: int, deadline: float) -> float | None:
    if not setting.fault.startswith("partition"):
        return None
    while time.monotonic() < deadline:
        told = await group.standings([leader])
        if leader in told and not told[leader].leads:
            return time.monotonic()
        await asyncio.sleep(setting.poll)
    return None


async def _outages(
    setting: Setting, folder: Path, on_file: int, at: float, survivors: list[int]
) -> tuple[list[float], list[bool]]:
    """Waits until every surviving writer has got through again; gives how long each had not."""
    if setting.measure != "outage":
        return [], []
    longest = setting.election * GIVE_UP_ELECTIONS + 2 * setting.client_timeout
    end = time.monotonic() + longest
    first: dict[int, float] = {}
    under_way: dict[int, bool] = {}
    while time.monotonic() < end and len(first) < len(survivors):
        await asyncio.sleep(0.1)
        first, under_way = {}, dict.fromkeys(survivors, False)
        for put in writers.read(folder / "puts", on_file):
            if put.writer in survivors and put.start < at < put.end:
                under_way[put.writer] = True
            if put.writer in survivors and put.done and put.start >= at:
                first.setdefault(put.writer, put.end - at)
    return [first.get(i, longest) for i in survivors], [under_way.get(i, False) for i in survivors]


def _on_file(folder: Path) -> int:
    """How many bytes the writers have written: a put that is under way now comes after them."""
    path = folder / "puts"
    return path.stat().st_size if path.exists() else 0


async def _follower_killed(
    group: EtcdProcesses, setting: Setting, victim: int, term: int, folder: Path
) -> Trial:
    """Kills a follower, starts it again, and looks whether the group got another leader or term by either."""
    on_file = _on_file(folder)
    at = group.signal_kill(victim)
    survivors = [i for i in range(setting.members) if i != victim]
    outages, in_flight = await _outages(setting, folder, on_file, at, survivors)
    await asyncio.sleep(max(0.0, at + 2 * setting.election - time.monotonic()))
    told = await group.standings(survivors)
    rose = max((s.term for s in told.values()), default=term) - term
    await group.kill(victim)
    await group.start_member(victim)
    _, now = await (agreed(group, setting) if setting.measure == "outage" else group.settled())
    return Trial(None, max(rose, now - term), None, outages, in_flight)
