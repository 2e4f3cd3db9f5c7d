"""Stretches in which only heartbeats and ordinary writes go on: they are skipped, and drawn when they end.

A follower that hears its leader, and whose log is as far, is *calm*: heartbeats to it are not simulated. When
that ends, the last of them are: those that had been sent and were still on their way arrive, and the follower's
clock counts from the last one that had arrived. In the same way a leader knows who has answered it last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from meshlab.simulate.raft.messages import Entry, Kind, Message
from meshlab.simulate.raft.progress import Flow
from meshlab.simulate.raft.quorum import Verdict
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.state import Role
from meshlab.simulate.raft.timed.host import Host
from meshlab.simulate.raft.timed.story import Story
from meshlab.simulate.raft.timed.world import World


class Group(Protocol):
    """What is asked of the group whose quiet is kept here; `timed.TimedGroup` is one."""

    world: World
    settings: Settings
    tick: float
    kept: float
    story: Story
    hosts: dict[int, Host]
    stirred: bool

    def reaches(self, sender: Host, host: Host) -> bool: ...
    def ticks(self, host: Host, now: float) -> int: ...
    def found(self, host: Host) -> None: ...
    def count(self, host: Host, now: float) -> None: ...
    def arm(self, host: Host, now: float) -> None: ...
    def disarm(self, host: Host) -> None: ...
    def alarm(self, host: Host, number: int, action: Callable[[Host, float], None]) -> None: ...
    def beat(self, leader: Host, now: float) -> None: ...
    def in_flight(self, sender: Host, host: Host, message: Message, arrival: float) -> None: ...


def crown(leader: Host, hosts: list[Host]) -> None:
    """Makes a member the leader of a group at rest, in the term that all are in; everyone has its first entry."""
    leader.member.become_leader()
    leader.member.outbox_after_write.clear()
    entry = leader.member.log.unstable.entries[0]
    leader.member.log.unstable.entries = ()
    _write(entry, leader, hosts)


def _write(entry: Entry, leader: Host, hosts: list[Host]) -> None:
    for host in hosts:
        host.write_at_rest(entry)
        progress = leader.member.followers.get(host.ident)
        if progress is not None:
            progress.active = True
            progress.acknowledged(entry.index)
            if progress.flow is not Flow.REPLICATE:
                progress.replicate()
            progress.sent_commit = entry.index


def hears(group: Group, host: Host, leader: Host) -> bool:
    """Whether heartbeats of a leader reach a follower of its now."""
    member = host.member
    return (
        leader.leads
        and leader.acts
        and host.acts
        and member.role is Role.FOLLOWER
        and member.lead == leader.ident
        and member.term == leader.member.term
        and group.reaches(leader, host)
    )


def settled(leader: Host, host: Host) -> bool:
    """Whether a calm follower has everything that its leader has, and both know it."""
    if host.calm is not leader or host.writing:
        return False
    progress = leader.member.followers.get(host.ident)
    if progress is None:
        return True
    log = leader.member.log
    return (
        progress.match == log.last_index
        and progress.flow is Flow.REPLICATE
        and host.member.log.committed == log.committed
    )


def begin(group: Group, host: Host, leader: Host, now: float) -> None:
    """Notes that a follower has heard its leader."""
    host.contact = now
    group.found(host)
    if host.calm is not leader:
        group.stirred = True
        host.calm, host.calm_since, host.calm_term = leader, now, leader.member.term
        group.disarm(host)
        host.asleep = False


def heartbeat(leader: Host, host: Host) -> Message:
    """Gives the heartbeat that a leader sends."""
    member = leader.member
    progress = member.followers.get(host.ident)
    commit = min(progress.match, member.log.committed) if progress else 0
    return Message(Kind.HEARTBEAT, to=host.ident, sender=leader.ident, term=member.term, commit=commit)


def lose(group: Group, host: Host, now: float) -> None:
    """Ends a follower's calm: heartbeats still on their way arrive, the clock counts from the last that had."""
    leader = host.calm
    assert leader is not None
    host.calm = None
    if not host.up:
        return
    contact = host.contact
    message = heartbeat(leader, host)
    message.term = host.calm_term
    number = group.ticks(leader, now)
    while (sent := leader.phase + number * group.tick) > host.calm_since:
        arrival = sent + group.world.delay(leader.name, host.name, sent)
        if arrival <= now:
            contact = max(contact, arrival)
            break
        group.in_flight(leader, host, message, arrival)
        number -= 1
    host.contact = contact
    member = host.member
    if member.role is Role.FOLLOWER and member.lead == leader.ident and member.term == host.calm_term:
        host.counted = group.ticks(host, now)
        member.election_elapsed = host.counted - group.ticks(host, contact)
    group.arm(host, now)


def note_answers(group: Group, leader: Host, now: float) -> None:
    """Notes who answers a leader, when the others last did, and whether a quorum is missing."""
    for host in group.hosts.values():
        if host is leader:
            continue
        if leader.acts and host.calm is leader and group.reaches(host, leader):
            leader.answering.add(host.ident)
        elif host.ident in leader.answering:
            leader.answering.discard(host.ident)
            if group.settings.check_quorum:
                leader.answered[host.ident] = _last_answer(group, leader, host, now)
    voters = leader.member.configuration.voters
    verdict = voters.verdict({m: m in leader.answering or m == leader.ident for m in voters.everyone})
    missing = verdict is not Verdict.WON
    if missing and not leader.missing:
        group.story.silent_since = now
    leader.missing = missing


def watch(group: Group, leader: Host, now: float) -> None:
    """Notes who answers a leader; sets its alarm for a heartbeat that somebody needs, or a look at its quorum."""
    member = leader.member
    note_answers(group, leader, now)
    needed = False
    for host in group.hosts.values():
        if host is leader or not host.acts or host.ident not in member.followers:
            continue
        if group.reaches(leader, host):
            answers = host.ident in leader.answering
            needed = needed or host.calm is not leader or (answers and not settled(leader, host))
    group.count(leader, now)
    left = group.settings.election - member.election_elapsed
    if not leader.acts:
        group.disarm(leader)
    elif needed:
        group.alarm(leader, leader.counted + 1, group.beat)
    elif (leader.missing and group.settings.check_quorum) or member.transferee:
        group.alarm(leader, leader.counted + left, group.beat)
    else:
        group.disarm(leader)


def _last_answer(group: Group, leader: Host, host: Host, now: float) -> float:
    """Draws when a leader received the last answer to a heartbeat that a follower had got before `now`."""
    number = group.ticks(leader, now)
    while (sent := leader.phase + number * group.tick) > host.calm_since:
        heard = sent + group.world.delay(leader.name, host.name, sent)
        if heard <= now:
            return heard + group.world.delay(host.name, leader.name, heard)
        number -= 1
    return host.calm_since


def mark_active(group: Group, leader: Host, now: float) -> None:
    """Tells a leader, before it looks at its quorum, who has answered since its last look."""
    since = now - group.settings.election * group.tick
    for ident, progress in leader.member.followers.items():
        if ident in leader.answering or leader.answered.get(ident, -1.0) > since:
            progress.active = True


def write(group: Group, now: float) -> None:
    """Lets a group at rest have been written to since the last change: who is out of touch falls behind."""
    for leader in group.hosts.values():
        if not leader.leads or not leader.acts or leader.missing or leader.writing:
            continue
        log = leader.member.log
        if log.committed != log.last_index or log.applied != log.committed or leader.member.transferee:
            continue
        calm = [host for host in group.hosts.values() if settled(leader, host)]
        voters = leader.member.configuration.voters
        have = {host.ident for host in calm} | {leader.ident}
        if voters.verdict({m: m in have for m in voters.everyone}) is not Verdict.WON:
            continue
        everyone = [leader, *calm]
        if any(host.node.has_ready for host in everyone):
            continue
        _write(Entry(leader.member.term, log.last_index + 1), leader, everyone)
        for host in everyone:
            _forget(group, host, now)


def _forget(group: Group, host: Host, now: float) -> None:
    """Drops entries that are kept no longer for those who lag behind."""
    if group.kept == float("inf"):
        return
    host.marks.append((now, host.applied))
    dropped = 0
    while host.marks and host.marks[0][0] < now - group.kept:
        dropped = host.marks.pop(0)[1]
    if dropped:
        host.compact(dropped)
