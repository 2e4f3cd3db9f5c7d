"""What members say to each other and write down: messages, log entries, snapshots, changes of membership."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

NOBODY = 0
"""The id of no member: no leader, no vote."""
APPEND_THREAD = 2**64 - 1
"""Target of what has to be written to the log when a member writes asynchronously."""
APPLY_THREAD = 2**64 - 2
"""Target of what has to be applied when a member writes asynchronously."""


class Kind(IntEnum):
    """Kinds of messages; those of the first group never leave the member."""

    HUP = 0
    BEAT = 1
    UNREACHABLE = 2
    SNAP_STATUS = 3
    CHECK_QUORUM = 4
    STORAGE_APPEND = 5
    STORAGE_APPEND_RESP = 6
    STORAGE_APPLY = 7
    STORAGE_APPLY_RESP = 8
    PROP = 9
    APP = 10
    APP_RESP = 11
    VOTE = 12
    VOTE_RESP = 13
    SNAP = 14
    HEARTBEAT = 15
    HEARTBEAT_RESP = 16
    TRANSFER_LEADER = 17
    TIMEOUT_NOW = 18
    READ_INDEX = 19
    READ_INDEX_RESP = 20
    PRE_VOTE = 21
    PRE_VOTE_RESP = 22
    FORGET_LEADER = 23

    @property
    def text(self) -> str:
        """Gives etcd-io/raft's name, as in ``MsgAppResp``."""
        return "Msg" + "".join(part.capitalize() for part in self.name.split("_"))


TEXT = {kind: kind.text for kind in Kind}
LOCAL = frozenset(kind for kind in Kind if kind <= Kind.STORAGE_APPLY_RESP)
RESPONSES = frozenset(
    {
        Kind.APP_RESP,
        Kind.VOTE_RESP,
        Kind.HEARTBEAT_RESP,
        Kind.UNREACHABLE,
        Kind.READ_INDEX_RESP,
        Kind.PRE_VOTE_RESP,
        Kind.STORAGE_APPEND_RESP,
        Kind.STORAGE_APPLY_RESP,
    }
)


class ChangeKind(Enum):
    """What is done to one member; the letter is the one of the traces."""

    ADD = "v"
    REMOVE = "r"
    UPDATE = "u"
    LEARNER = "l"


class Transition(Enum):
    """How a configuration is left: by itself if that is safe, by itself, or when somebody asks for it."""

    AUTO = "ConfChangeTransitionAuto"
    IMPLICIT = "ConfChangeTransitionJointImplicit"
    EXPLICIT = "ConfChangeTransitionJointExplicit"


class Change(NamedTuple):
    kind: ChangeKind
    member: int


class ConfChange(NamedTuple):
    """A change of membership. `simple` is the old form, of one change at a time. Without changes: leave joint."""

    changes: tuple[Change, ...] = ()
    transition: Transition = Transition.AUTO
    simple: bool = False

    @property
    def leaves_joint(self) -> bool:
        return self.transition is Transition.AUTO and not self.changes

    @property
    def enters_joint(self) -> bool:
        return self.transition is not Transition.AUTO or len(self.changes) > 1

    @property
    def auto_leave(self) -> bool:
        return self.transition is not Transition.EXPLICIT

    @property
    def size(self) -> int:
        """Gives its encoded bytes (protobuf, raftpb.ConfChange and ConfChangeV2)."""
        parts = [3 + _varint(change.member) for change in self.changes]
        if self.simple:
            return sum(parts)
        return sum(part + 2 for part in parts) + 2 * (self.transition is not Transition.AUTO or bool(parts))


@dataclass(frozen=True, slots=True)
class Entry:
    """One log entry; `change` says that it changes the membership."""

    term: int
    index: int
    data: bytes = b""
    change: ConfChange | None = None

    @property
    def payload(self) -> int:
        """Gives the bytes of its data."""
        return len(self.data) if self.change is None else self.change.size

    @property
    def size(self) -> int:
        """Gives its encoded bytes (protobuf, raftpb.Entry)."""
        payload = self.payload
        size = 2 + _varint(self.term) + _varint(self.index)
        if self.change is not None:
            size += 2
        return size + (1 + _varint(payload) + payload if payload else 0)


def _varint(value: int) -> int:
    return max(1, -(-value.bit_length() // 7))


class Membership(NamedTuple):
    """A configuration as it is written in snapshots (raftpb.ConfState)."""

    voters: tuple[int, ...] = ()
    outgoing: tuple[int, ...] = ()
    learners: tuple[int, ...] = ()
    learners_next: tuple[int, ...] = ()
    auto_leave: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    index: int = 0
    term: int = 0
    members: Membership = Membership()
    data: bytes = b""


class HardState(NamedTuple):
    """What a member must remember: term, vote, commit index."""

    term: int = 0
    vote: int = NOBODY
    commit: int = 0


@dataclass(slots=True)
class Message:
    """One message; the meaning of the fields depends on its kind as in etcd-io/raft.

    ``context`` counts the reads that a heartbeat confirms; ``transfer`` marks votes of a leadership transfer.
    """

    kind: Kind
    to: int = NOBODY
    sender: int = NOBODY
    term: int = 0
    log_term: int = 0
    index: int = 0
    entries: tuple[Entry, ...] = ()
    commit: int = 0
    vote: int = NOBODY
    snapshot: Snapshot | None = None
    reject: bool = False
    hint: int = 0
    context: int = 0
    transfer: bool = False
    responses: tuple[Message, ...] = ()

    @property
    def stays(self) -> bool:
        """Whether it goes to the member itself or to or from one of its threads."""
        threads = (APPEND_THREAD, APPLY_THREAD)
        return self.sender == self.to or self.sender in threads or self.to in threads


def limited(entries: tuple[Entry, ...], limit: int) -> tuple[Entry, ...]:
    """Gives the first entries whose encoded bytes keep within the limit, always at least one."""
    if limit >= INFINITE_BYTES or len(entries) < 2:
        return entries
    size = entries[0].size
    for count, entry in enumerate(entries[1:], 1):
        size += entry.size
        if size > limit:
            return entries[:count]
    return entries


INFINITE_BYTES = 2**64 - 1


def encoded(entries: tuple[Entry, ...]) -> int:
    """Gives the encoded bytes of entries together."""
    return sum(entry.size for entry in entries)


def payload(entries: tuple[Entry, ...]) -> int:
    """Gives the bytes of the entries' data together."""
    return sum(entry.payload for entry in entries)
