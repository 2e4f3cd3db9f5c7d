"""A group on a network that drops, doubles, delays and reorders, with crashes: for tests of safety."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from trace_stage import HistoryStorage

from meshlab.simulate.raft.member import Member
from meshlab.simulate.raft.membership import MembershipError
from meshlab.simulate.raft.messages import (
    APPEND_THREAD,
    APPLY_THREAD,
    Change,
    ChangeKind,
    ConfChange,
    Entry,
    HardState,
    Kind,
    Membership,
    Message,
    Snapshot,
    Transition,
)
from meshlab.simulate.raft.reads import ReadState
from meshlab.simulate.raft.ready import Node, UnknownPeer
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.state import ProposalDropped, Role


@dataclass
class Host:
    """A member's process and its disk; `node` is None while it is down."""

    storage: HistoryStorage
    node: Node | None
    applied: int


class WildNetwork:
    """Members 1..n vote, the next two are empty and may be added. Every step checks what raft promises."""

    def __init__(self, members: int, settings: Settings, seed: int) -> None:
        self.settings = settings
        self.random = random.Random(seed)
        voters = Membership(tuple(range(1, members + 1)))
        self.hosts: dict[int, Host] = {}
        for ident in range(1, members + 3):
            storage = HistoryStorage()
            first = Snapshot(2, 1, voters) if ident <= members else Snapshot()
            storage.history.append(first)
            if first.index:
                storage.apply_snapshot(first)
            self.hosts[ident] = Host(storage, None, first.index)
            self.start(ident)
        self.flying: list[Message] = []
        self.cut: set[tuple[int, int]] = set()
        self.leaders: dict[int, int] = {}
        self.committed: dict[int, Entry] = {}
        self.proposals = 0
        self.reads: dict[int, list[ReadState]] = {}

    def settle(self, leader: int) -> None:
        """Lets a member be elected and all messages arrive, before the storm begins."""
        node = self.hosts[leader].node
        assert node is not None
        node.member.step(Message(Kind.HUP))
        self.work(leader)
        while self.flying:
            self.deliver(0)

    # --- what may happen

    def start(self, ident: int) -> None:
        host = self.hosts[ident]
        if host.node is None:
            ticks = self.settings.election
            draw = lambda: ticks + self.random.randrange(ticks)  # noqa: E731
            host.node = Node(Member(ident, self.settings, host.storage, draw, applied=host.applied))

    def crash(self, ident: int) -> None:
        """Stops a process; what it had not written is lost."""
        self.hosts[ident].node = None

    def tick(self, ident: int) -> None:
        node = self.hosts[ident].node
        if node is not None:
            node.member.tick()
            self.work(ident)

    def propose(self, ident: int) -> None:
        self.proposals += 1
        self._propose(ident, Entry(0, 0, f"p{self.proposals}".encode()))

    def change(self, ident: int, who: int, how: ChangeKind, joint: bool) -> None:
        """Asks a leader for a change of membership, unless it could not be made (as etcd's server checks)."""
        change = ConfChange((Change(how, who),), Transition.IMPLICIT if joint else Transition.AUTO)
        node = self.hosts[ident].node
        if node is None or node.member.role is not Role.LEADER:
            return
        try:
            node.member.changer().apply(change)
        except MembershipError:
            return
        self._propose(ident, Entry(0, 0, change=change))

    def _propose(self, ident: int, entry: Entry) -> None:
        node = self.hosts[ident].node
        if node is not None:
            try:
                node.member.step(Message(Kind.PROP, sender=ident, entries=(entry,)))
            except ProposalDropped:
                return
            self.work(ident)

    def transfer(self, ident: int, to: int) -> None:
        node = self.hosts[ident].node
        if node is not None and node.member.role is Role.LEADER:
            node.member.step(Message(Kind.TRANSFER_LEADER, sender=to))
            self.work(ident)

    def compact(self, ident: int) -> None:
        host = self.hosts[ident]
        if host.applied > host.storage.first_index:
            host.storage.compact(host.applied)

    def deliver(self, at: int, *, keep: bool = False) -> None:
        """Delivers one of the messages under way, in any order; `keep` doubles it."""
        if not self.flying:
            return
        at %= len(self.flying)
        message = self.flying[at] if keep else self.flying.pop(at)
        host = self.hosts.get(message.to)
        if host is None or host.node is None or (message.sender, message.to) in self.cut:
            return
        try:
            host.node.step(replace(message))
        except (UnknownPeer, ProposalDropped):
            return
        self.work(message.to)

    # --- carrying out what members want

    def work(self, ident: int) -> None:
        host = self.hosts[ident]
        node = host.node
        while node is not None and node.has_ready:
            batch = node.ready()
            self.reads.setdefault(ident, []).extend(batch.reads)
            self._store(host, batch.hard, batch.snapshot, batch.entries)
            for entry in batch.committed:
                self._apply(host, node.member, entry)
            self.flying += [m for m in batch.messages if m.to not in (APPEND_THREAD, APPLY_THREAD)]
            node.advance()
            self._check_leader(node.member)

    def _store(
        self, host: Host, hard: HardState | None, snapshot: Snapshot | None, entries: tuple[Entry, ...]
    ) -> None:
        if hard is not None:
            host.storage.hard = hard
        if snapshot is not None:
            host.storage.apply_snapshot(snapshot)
            host.storage.history.append(snapshot)
            host.applied = snapshot.index
        else:
            host.storage.append(entries)

    def _apply(self, host: Host, member: Member, entry: Entry) -> None:
        known = self.committed.setdefault(entry.index, entry)
        assert known == entry, f"{member.id} applies {entry}, but {known} was committed"
        assert entry.index == host.applied + 1, "applied in order, none left out"
        host.applied = entry.index
        members = host.storage.history[-1].members
        if entry.change is not None:
            members = member.apply_change(entry.change)
        host.storage.history.append(Snapshot(entry.index, entry.term, members))

    # --- what raft promises (raft paper, figure 3)

    def _check_leader(self, member: Member) -> None:
        if member.role is Role.LEADER:
            leader = self.leaders.setdefault(member.term, member.id)
            assert leader == member.id, f"{leader} and {member.id} both lead in term {member.term}"

    def check(self) -> None:
        """Log matching among all disks; a leader of the greatest term has everything that was committed."""
        logs = [host.storage for host in self.hosts.values()]
        for a in logs:
            for b in logs:
                low, high = max(a.first_index, b.first_index), min(a.last_index, b.last_index)
                same = False
                for index in range(high, low - 1, -1):
                    if same:
                        assert _at(a, index) == _at(b, index), f"logs differ below a common entry, at {index}"
                    same = same or a.term(index) == b.term(index)
        newest = max(self.leaders, default=0)
        for host in self.hosts.values():
            member = host.node.member if host.node else None
            if member is not None and member.role is Role.LEADER and member.term == newest:
                for index, entry in self.committed.items():
                    assert index <= member.log.last_index, f"leader {member.id} lacks committed entry {index}"
                    if index >= member.log.first_index:
                        assert member.log.term(index) == entry.term


def _at(storage: HistoryStorage, index: int) -> Entry:
    return storage.entries(index, index + 1, 2**64 - 1)[0]
