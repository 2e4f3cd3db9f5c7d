"""A member's log: entries on disk, then entries (or a snapshot) that are not yet; committed, applying, applied."""

from __future__ import annotations

from collections.abc import Callable

from meshlab.simulate.raft.messages import INFINITE_BYTES, Entry, Snapshot, encoded, limited
from meshlab.simulate.raft.storage import Compacted, Storage, Unavailable

Tell = Callable[[str, str], None]
"""Takes a log line: its level (DEBUG, INFO, WARN, ERROR) and its text."""


class Unstable:
    """The end of a log that is in memory only; from `offset` on, up to `in_progress` being written."""

    __slots__ = ("entries", "in_progress", "offset", "snapshot", "snapshot_in_progress", "tell")

    def __init__(self, offset: int, tell: Tell | None) -> None:
        self.snapshot: Snapshot | None = None
        self.entries: tuple[Entry, ...] = ()
        self.offset = offset
        self.snapshot_in_progress = False
        self.in_progress = offset
        self.tell = tell

    def term(self, index: int) -> int | None:
        if index < self.offset:
            return self.snapshot.term if self.snapshot and self.snapshot.index == index else None
        at = index - self.offset
        return self.entries[at].term if at < len(self.entries) else None

    def next_entries(self) -> tuple[Entry, ...]:
        return self.entries[self.in_progress - self.offset :]

    def next_snapshot(self) -> Snapshot | None:
        return None if self.snapshot_in_progress else self.snapshot

    def accept(self) -> None:
        """Notes that all of it is being written."""
        if self.entries:
            self.in_progress = self.entries[-1].index + 1
        if self.snapshot is not None:
            self.snapshot_in_progress = True

    def stable_to(self, term: int, index: int) -> None:
        """Lets go of entries that are written, unless they have been replaced meanwhile."""
        held = self.term(index)
        if held is None:
            self._say(f"entry at index {index} missing from unstable log; ignoring")
        elif index < self.offset:
            self._say(f"entry at index {index} matched unstable snapshot; ignoring")
        elif held != term:
            self._say(
                f"entry at (index,term)=({index},{term}) mismatched with "
                f"entry at ({index},{held}) in unstable log; ignoring"
            )
        else:
            self.entries = self.entries[index + 1 - self.offset :]
            self.offset = index + 1
            self.in_progress = max(self.in_progress, self.offset)

    def stable_snapshot_to(self, index: int) -> None:
        if self.snapshot is not None and self.snapshot.index == index:
            self.snapshot = None
            self.snapshot_in_progress = False

    def restore(self, snapshot: Snapshot) -> None:
        self.offset = self.in_progress = snapshot.index + 1
        self.entries = ()
        self.snapshot = snapshot
        self.snapshot_in_progress = False

    def append(self, entries: tuple[Entry, ...]) -> None:
        """Adds entries; what is there from their first index on gives way."""
        first = entries[0].index
        if first == self.offset + len(self.entries):
            self.entries += entries
        elif first <= self.offset:
            self._say(f"replace the unstable entries from index {first}")
            self.entries = entries
            self.offset = self.in_progress = first
        else:
            self._say(f"truncate the unstable entries before index {first}")
            self.entries = self.entries[: first - self.offset] + entries
            self.in_progress = min(self.in_progress, first)

    def slice(self, low: int, high: int) -> tuple[Entry, ...]:
        return self.entries[low - self.offset : high - self.offset]

    def _say(self, text: str) -> None:
        if self.tell:
            self.tell("INFO", text)


class Log:
    """The whole log of a member.

    Parameters
    ----------
    limit
        Encoded bytes of entries that may be being applied at once.
    """

    def __init__(self, storage: Storage, tell: Tell | None = None, limit: int = INFINITE_BYTES) -> None:
        self.storage = storage
        self.unstable = Unstable(storage.last_index + 1, tell)
        self.tell = tell
        self.committed = self.applying = self.applied = storage.first_index - 1
        self.limit = limit
        self._applying_size = 0
        self._paused = False

    def __str__(self) -> str:
        unstable = self.unstable
        return (
            f"committed={self.committed}, applied={self.applied}, applying={self.applying}, "
            f"unstable.offset={unstable.offset}, unstable.offsetInProgress={unstable.in_progress}, "
            f"len(unstable.Entries)={len(unstable.entries)}"
        )

    @property
    def limited(self) -> bool:
        """Whether only so many bytes of entries may be being applied at once."""
        return self.limit < INFINITE_BYTES

    # --- ends and terms

    @property
    def first_index(self) -> int:
        snapshot = self.unstable.snapshot
        return snapshot.index + 1 if snapshot else self.storage.first_index

    @property
    def last_index(self) -> int:
        unstable = self.unstable  # it begins where the storage ends, or where its snapshot does
        return unstable.offset + len(unstable.entries) - 1

    def last(self) -> tuple[int, int]:
        """Gives (term, index) of the last entry."""
        index = self.last_index
        return self.term(index), index

    def term(self, index: int) -> int:
        """Gives an entry's term. Raises Compacted or Unavailable."""
        unstable = self.unstable
        if index >= unstable.offset or unstable.snapshot is not None:
            found = unstable.term(index)
            if found is not None:
                return found
            if index + 1 < self.first_index:
                raise Compacted
            if index > self.last_index:
                raise Unavailable
        return self.storage.term(index)

    def term_or_zero(self, index: int) -> int:
        try:
            return self.term(index)
        except (Compacted, Unavailable):
            return 0

    def matches(self, term: int, index: int) -> bool:
        try:
            return self.term(index) == term
        except (Compacted, Unavailable):
            return False

    def up_to_date(self, term: int, index: int) -> bool:
        """Whether a log that ends so is at least as long as this one (raft paper 5.4.1)."""
        return (term, index) >= self.last()

    # --- appending

    def try_append(
        self, prev_term: int, prev_index: int, entries: tuple[Entry, ...], committed: int
    ) -> int | None:
        """Appends a leader's entries if the one before them matches; gives the last new index, or None."""
        if not self.matches(prev_term, prev_index):
            return None
        last = prev_index + len(entries)
        conflict = self._conflict(entries)
        if conflict:
            if conflict <= self.committed:
                raise AssertionError(f"entry {conflict} conflicts with the committed one")
            self.append(entries[conflict - prev_index - 1 :])
        self.commit_to(min(committed, last))
        return last

    def append(self, entries: tuple[Entry, ...]) -> int:
        """Appends entries of one's own; gives the last index."""
        if entries:
            if entries[0].index - 1 < self.committed:
                raise AssertionError(f"entry {entries[0].index} would replace a committed one")
            self.unstable.append(entries)
        return self.last_index

    def _conflict(self, entries: tuple[Entry, ...]) -> int:
        for entry in entries:
            if not self.matches(entry.term, entry.index):
                if self.tell and entry.index <= self.last_index:
                    self.tell(
                        "INFO",
                        f"found conflict at index {entry.index} [existing term: "
                        f"{self.term_or_zero(entry.index)}, conflicting term: {entry.term}]",
                    )
                return entry.index
        return 0

    def conflict_by_term(self, index: int, term: int) -> tuple[int, int]:
        """Gives the greatest (index, its term) up to `index` at which a log of `term` there could match.

        Terms never fall along a log, so whatever has a greater term than `term` cannot (raft thesis 5.3).
        """
        while index > 0:
            try:
                ours = self.term(index)
            except (Compacted, Unavailable):
                return index, 0
            if ours <= term:
                return index, ours
            index -= 1
        return 0, 0

    def restore(self, snapshot: Snapshot) -> None:
        if self.tell:
            self.tell(
                "INFO",
                f"log [{self}] starts to restore snapshot [index: {snapshot.index}, term: {snapshot.term}]",
            )
        self.committed = snapshot.index
        self.unstable.restore(snapshot)

    # --- committing and applying

    def commit_to(self, index: int) -> None:
        if self.committed < index:
            if self.last_index < index:
                raise AssertionError(f"commit index {index} is beyond the log's end {self.last_index}")
            self.committed = index

    def try_commit(self, term: int, index: int) -> bool:
        """Commits up to an index if its entry is of the leader's term (raft paper 5.4.2); whether it did."""
        if term and index > self.committed and self.matches(term, index):
            self.commit_to(index)
            return True
        return False

    def _appliable(self, unstable: bool) -> int:
        return self.committed if unstable else min(self.committed, self.unstable.offset - 1)

    def next_committed(self, unstable: bool) -> tuple[Entry, ...]:
        """Gives entries to apply next; those not yet written only if `unstable` allows it."""
        if not self.has_committed(unstable):
            return ()
        room = self.limit - self._applying_size
        if room <= 0:
            raise AssertionError(f"no room to apply entries: {self._applying_size} of {self.limit} bytes")
        return self.slice(self.applying + 1, self._appliable(unstable) + 1, room)

    def has_committed(self, unstable: bool) -> bool:
        if self._paused or self.unstable.snapshot is not None:
            return False
        return self.applying < self._appliable(unstable)

    def accept_applying(self, index: int, size: int, unstable: bool) -> None:
        """Notes that entries up to `index` are being applied; holds back more when they fill the limit."""
        self.applying = index
        self._applying_size += size
        self._paused = self._applying_size >= self.limit or index < self._appliable(unstable)

    def applied_to(self, index: int, size: int) -> None:
        if not self.applied <= index <= self.committed:
            raise AssertionError(f"applied {index} is not in [{self.applied}, {self.committed}]")
        self.applied = index
        self.applying = max(self.applying, index)
        self._applying_size = max(0, self._applying_size - size)
        self._paused = self._applying_size >= self.limit

    # --- reading

    def snapshot(self) -> Snapshot:
        return self.unstable.snapshot or self.storage.snapshot()

    def entries_from(self, index: int, limit: int) -> tuple[Entry, ...]:
        """Gives the entries from an index to the end, as many as fit the limit. Raises Compacted."""
        last = self.last_index
        return () if index > last else self.slice(index, last + 1, limit)

    def slice(self, low: int, high: int, limit: int = INFINITE_BYTES) -> tuple[Entry, ...]:
        """Gives the entries from `low` to before `high`, as many as fit the limit. Raises Compacted."""
        if low < self.first_index:
            raise Compacted
        if high > self.last_index + 1:
            raise AssertionError(f"slice [{low},{high}) is out of [{self.first_index},{self.last_index}]")
        if low >= high:
            return ()
        offset = self.unstable.offset
        if low >= offset:
            return limited(self.unstable.slice(low, high), limit)
        cut = min(high, offset)
        stable = self.storage.entries(low, cut, limit)
        if high <= offset or len(stable) < cut - low:
            return stable
        size = encoded(stable) if limit < INFINITE_BYTES else 0
        if size >= limit:
            return stable
        rest = limited(self.unstable.slice(offset, high), limit - size)
        if len(rest) == 1 and limit < INFINITE_BYTES and size + rest[0].size > limit:
            return stable
        return stable + rest
