"""Linearizable reads through the leader: a read waits until a quorum has confirmed who leads (raft thesis 6.4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshlab.simulate.raft.messages import Message
from meshlab.simulate.raft.quorum import Joint


class ReadRule(Enum):
    """What a leader trusts when it answers a read: a round of heartbeats, or its lease (and the clocks)."""

    SAFE = "safe"
    LEASE = "lease-based"


@dataclass(frozen=True, slots=True)
class ReadState:
    """A read that may be served once the state machine has applied `index`."""

    index: int
    request: bytes


class PendingReads:
    """Reads that wait for their round of heartbeats; each heartbeat says how many reads it confirms."""

    __slots__ = ("_acks", "_confirmed", "_waiting")

    def __init__(self) -> None:
        self._acks: dict[int, int] = {}
        self._waiting: list[tuple[Message, int]] = []
        self._confirmed = 0

    def add(self, request: Message, committed: int) -> None:
        self._waiting.append((request, committed))

    @property
    def context(self) -> int:
        """Gives what a heartbeat carries to confirm all that wait now; 0 if nothing waits."""
        return self._confirmed + len(self._waiting) if self._waiting else 0

    def acknowledged(self, member: int, context: int) -> None:
        if context:
            self._acks[member] = max(self._acks.get(member, 0), context)

    def release(self, voters: Joint) -> list[tuple[Message, int]]:
        """Gives the reads (and the commit index each saw) that a quorum has confirmed by now."""
        confirmed = voters.committed(self._acks)
        count = confirmed - self._confirmed
        if count <= 0:
            return []
        released, self._waiting = self._waiting[:count], self._waiting[count:]
        self._confirmed = confirmed
        return released
