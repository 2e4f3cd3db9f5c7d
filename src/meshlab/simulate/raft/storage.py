"""A member's stable storage: the part of its log, and the snapshot, that a restart finds again."""

from __future__ import annotations

from meshlab.simulate.raft.messages import Entry, HardState, Snapshot, limited


class Compacted(Exception):
    """The entry asked for has given way to a snapshot."""


class Unavailable(Exception):
    """The entry asked for is not (yet) in the log."""


class SnapshotOutOfDate(Exception):
    """The snapshot is older than the one that is there."""


class Storage:
    """Entries after the last snapshot, the snapshot, and the hard state."""

    def __init__(self) -> None:
        self.hard = HardState()
        self._snapshot = Snapshot()
        self._base = (0, 0)
        self._entries: list[Entry] = []

    @property
    def first_index(self) -> int:
        return self._base[1] + 1

    @property
    def last_index(self) -> int:
        return self._base[1] + len(self._entries)

    def snapshot(self) -> Snapshot:
        """Gives the snapshot that a follower without these entries would be sent."""
        return self._snapshot

    def term(self, index: int) -> int:
        """Gives an entry's term. Raises Compacted or Unavailable."""
        at = index - self._base[1]
        if at < 0:
            raise Compacted
        if at > len(self._entries):
            raise Unavailable
        return self._entries[at - 1].term if at else self._base[0]

    def entries(self, low: int, high: int, limit: int) -> tuple[Entry, ...]:
        """Gives the entries from `low` to before `high`, as many as fit the limit in bytes."""
        if low <= self._base[1]:
            raise Compacted
        if high > self.last_index + 1:
            raise Unavailable
        first = self.first_index
        return limited(tuple(self._entries[low - first : high - first]), limit)

    def append(self, entries: tuple[Entry, ...]) -> None:
        """Writes entries; what was there from their first index on is replaced."""
        if not entries:
            return
        first = self.first_index
        kept = (
            entries
            if entries[0].index >= first
            else tuple(entry for entry in entries if entry.index >= first)
        )
        if not kept:
            return
        at = kept[0].index - first
        if at > len(self._entries):
            raise AssertionError(f"missing entries between {self.last_index} and {kept[0].index}")
        self._entries[at:] = kept

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Replaces everything by a snapshot. Raises SnapshotOutOfDate for an older one."""
        if self._snapshot.index and self._snapshot.index >= snapshot.index:
            raise SnapshotOutOfDate
        self._snapshot = snapshot
        self._base = (snapshot.term, snapshot.index)
        self._entries = []

    def compact(self, index: int) -> None:
        """Drops the entries up to an index. Raises Compacted where they are gone already."""
        if index <= self._base[1]:
            raise Compacted
        if index > self.last_index:
            raise Unavailable
        base = (self.term(index), index)
        del self._entries[: index - self._base[1]]
        self._base = base

    def keep(self, snapshot: Snapshot) -> None:
        """Notes the snapshot that laggards are sent, without dropping entries."""
        self._snapshot = snapshot
