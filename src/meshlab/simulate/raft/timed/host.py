"""One member's process in time: its state machine, its disk, and where its clock stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from meshlab.simulate.raft.member import Member
from meshlab.simulate.raft.messages import Entry, HardState, Snapshot
from meshlab.simulate.raft.ready import Node
from meshlab.simulate.raft.state import Role
from meshlab.simulate.raft.storage import Storage

_WORDS = {
    Role.FOLLOWER: "follower",
    Role.PRE_CANDIDATE: "precandidate",
    Role.CANDIDATE: "candidate",
    Role.LEADER: "leader",
}


@dataclass(eq=False)
class Host:
    """A member's process and disk.

    ``phase`` is the instant of one tick of its clock, ``counted`` the number of the tick up to which its member has
    counted, ``due`` the one for which its alarm is set. ``calm`` is the leader whose heartbeats it has been hearing
    since ``calm_since``, in ``calm_term``, so that they need not be simulated one by one; ``contact`` is when it
    last heard one that was. ``answering`` are those who answer it, as a leader, in the same way; ``answered`` says
    of the others when they last did. ``marks`` are the times and indexes up to which its log was, for compaction.

    Of hashicorp/raft only: ``fresh`` until it has found a leader after a start, ``timer_end`` of its follower's timer,
    ``seeking`` whom a leader tries to reach again, ``lease`` the number of the last time its lease began to run out.
    """

    ident: int
    name: str
    phase: float
    storage: Storage
    node: Node
    member: Member = field(init=False)
    up: bool = True
    frozen: bool = False
    life: int = 0
    writing: bool = False
    applied: int = 0
    backlog: list[Callable[[float], None]] = field(default_factory=list)
    alarm: int = 0
    due: int = -1
    counted: int = 0
    asleep: bool = False
    asked: float = 0.0
    calm: Host | None = None
    calm_since: float = 0.0
    calm_term: int = 1
    contact: float = 0.0
    answering: set[int] = field(default_factory=set)
    answered: dict[int, float] = field(default_factory=dict)
    missing: bool = False
    fresh: bool = False
    timer_end: float = 0.0
    seeking: set[int] = field(default_factory=set)
    lease: int = 0
    marks: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.boot(self.node)

    def boot(self, node: Node) -> None:
        """Takes the state machine of a new process."""
        self.node, self.member = node, node.member

    @property
    def acts(self) -> bool:
        return self.up and not self.frozen

    @property
    def leads(self) -> bool:
        return self.up and self.member.role is Role.LEADER

    # --- as the story is told

    @property
    def role(self) -> str:
        return _WORDS[self.member.role]

    @property
    def lead(self) -> str:
        """Gives the name of the leader that it hears."""
        return self.calm.name if self.calm is not None else ""

    @property
    def term(self) -> int:
        return self.member.term

    def store(self, hard: HardState | None, snapshot: Snapshot | None, entries: tuple[Entry, ...]) -> None:
        """Writes one batch."""
        if hard is not None:
            self.storage.hard = hard
        if snapshot is not None:
            self.storage.apply_snapshot(snapshot)
            self.applied = snapshot.index
        else:
            self.storage.append(entries)

    def apply(self, entries: tuple[Entry, ...]) -> bool:
        """Applies committed entries; whether the membership has changed."""
        changed = False
        for entry in entries:
            self.applied = entry.index
            if entry.change is not None:
                members = self.member.apply_change(entry.change)
                self.storage.keep(Snapshot(entry.index, entry.term, members))
                changed = True
        return changed

    def write_at_rest(self, entry: Entry) -> None:
        """Has an entry written, committed and applied, as happens all the time in a group that nothing disturbs."""
        log = self.member.log
        log.append((entry,))
        log.unstable.accept()
        self.storage.append((entry,))
        log.unstable.stable_to(entry.term, entry.index)
        log.commit_to(entry.index)
        log.accept_applying(entry.index, 0, True)
        log.applied_to(entry.index, 0)
        self.applied = entry.index
        self.storage.hard = self.member.hard_state
        self.node.resume()

    def compact(self, index: int) -> None:
        """Drops entries up to an index; who lacks them is sent a snapshot."""
        if self.storage.first_index <= index < self.applied:
            self.storage.compact(index)
            term = self.storage.term(self.applied)
            self.storage.keep(Snapshot(self.applied, term, self.member.configuration.state()))
