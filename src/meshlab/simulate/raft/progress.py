"""What a leader knows of each follower: how far its log matches, and how it may be sent more."""

from __future__ import annotations

from collections import deque
from enum import Enum


class Flow(Enum):
    """How a follower is replicated to: one message at a time, a pipeline, or nothing until a snapshot is there."""

    PROBE = "StateProbe"
    REPLICATE = "StateReplicate"
    SNAPSHOT = "StateSnapshot"


class Inflights:
    """Append messages under way to one follower, limited in number and in bytes (0: not limited)."""

    __slots__ = ("_bytes", "_sent", "limit", "limit_bytes")

    def __init__(self, limit: int, limit_bytes: int = 0) -> None:
        self.limit = limit
        self.limit_bytes = limit_bytes
        self._sent: deque[tuple[int, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def full(self) -> bool:
        return len(self._sent) == self.limit or 0 < self.limit_bytes <= self._bytes

    def add(self, last: int, size: int) -> None:
        """Notes a message whose last entry has index `last`."""
        if self.full:
            raise AssertionError("one more message than may be in flight")
        self._sent.append((last, size))
        self._bytes += size

    def free_to(self, index: int) -> None:
        """Forgets the messages that are acknowledged with `index`."""
        while self._sent and self._sent[0][0] <= index:
            self._bytes -= self._sent.popleft()[1]

    def clear(self) -> None:
        self._sent.clear()
        self._bytes = 0


class Progress:
    """A follower in the leader's eyes; `match` and `next` are log indexes, `match` < `next` always."""

    __slots__ = (
        "active",
        "flow",
        "inflights",
        "learner",
        "match",
        "next",
        "paused",
        "pending_snapshot",
        "sent_commit",
    )

    def __init__(
        self, match: int, next_: int, inflights: Inflights, *, learner: bool = False, active: bool = False
    ) -> None:
        self.match = match
        self.next = next_
        self.sent_commit = 0
        self.flow = Flow.PROBE
        self.pending_snapshot = 0
        self.active = active
        self.paused = False
        self.inflights = inflights
        self.learner = learner

    def copy(self) -> Progress:
        """Gives a copy that shares the messages in flight."""
        twin = Progress(self.match, self.next, self.inflights, learner=self.learner, active=self.active)
        twin.sent_commit, twin.flow = self.sent_commit, self.flow
        twin.pending_snapshot, twin.paused = self.pending_snapshot, self.paused
        return twin

    def _become(self, flow: Flow) -> None:
        self.paused = False
        self.pending_snapshot = 0
        self.flow = flow
        self.inflights.clear()

    def probe(self) -> None:
        """From now on one append at a time; after a snapshot, from where that ends."""
        start = self.match + 1
        if self.flow is Flow.SNAPSHOT:
            start = max(start, self.pending_snapshot + 1)
        self._become(Flow.PROBE)
        self.next = start
        self.sent_commit = min(self.sent_commit, start - 1)

    def replicate(self) -> None:
        self._become(Flow.REPLICATE)
        self.next = self.match + 1

    def await_snapshot(self, index: int) -> None:
        self._become(Flow.SNAPSHOT)
        self.pending_snapshot = index
        self.next = index + 1
        self.sent_commit = index

    @property
    def held(self) -> bool:
        """Whether nothing may be sent to it now."""
        return self.paused or self.flow is Flow.SNAPSHOT

    def sent(self, entries: int, size: int) -> None:
        """Notes an append message with so many entries of so many bytes."""
        if self.flow is Flow.REPLICATE:
            if entries:
                self.next += entries
                self.inflights.add(self.next - 1, size)
            self.paused = self.inflights.full
        elif self.flow is Flow.PROBE:
            if entries:
                self.paused = True
        else:
            raise AssertionError(f"an append is sent to a follower in {self.flow.value}")

    def lacks_commit(self, index: int) -> bool:
        """Whether a message would tell it of a commit index that it can use and has not been told."""
        return index > self.sent_commit and self.sent_commit < self.next - 1

    def acknowledged(self, index: int) -> bool:
        """Takes an acknowledgement; whether it was news."""
        if index <= self.match:
            return False
        self.match = index
        self.next = max(self.next, index + 1)
        self.paused = False
        return True

    def refused(self, index: int, hint: int) -> bool:
        """Takes a refusal of the append after `index`; whether it was news rather than an old message."""
        if self.flow is Flow.REPLICATE:
            if index <= self.match:
                return False
            self.next = self.match + 1
            self.sent_commit = min(self.sent_commit, self.next - 1)
            return True
        if self.next - 1 != index:
            return False
        self.next = max(min(index, hint + 1), self.match + 1)
        self.sent_commit = min(self.sent_commit, self.next - 1)
        self.paused = False
        return True

    def __str__(self) -> str:
        parts = [f"{self.flow.value} match={self.match} next={self.next}"]
        if self.learner:
            parts.append("learner")
        if self.held:
            parts.append("paused")
        if self.pending_snapshot > 0:
            parts.append(f"pendingSnap={self.pending_snapshot}")
        if not self.active:
            parts.append("inactive")
        if len(self.inflights):
            parts.append(f"inflight={len(self.inflights)}{'[full]' if self.inflights.full else ''}")
        return " ".join(parts)
