"""Where objects are kept: the protocol the API server needs, and one that keeps them in memory for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


class StorageUnavailable(Exception):
    """Storage did not answer in time (no quorum, no member, time-out)."""


class KeyExists(Exception):
    """The key to create exists already."""


class KeyChanged(Exception):
    """The key is gone or has another revision than expected."""


class RevisionCompacted(Exception):
    """The revision asked for is no longer kept."""


@dataclass(frozen=True)
class Stored:
    """One key with its value and the revision of its last change."""

    key: str
    value: bytes
    revision: int


@dataclass(frozen=True)
class Change:
    """One change: ``value`` is None for a deletion; ``previous`` is what was there before."""

    key: str
    value: bytes | None
    previous: bytes | None
    revision: int


@dataclass(frozen=True)
class Page:
    """A part of a list, the revision it was read at, and how many keys follow."""

    entries: list[Stored]
    revision: int
    remaining: int


class Storage(Protocol):
    """A revisioned key-value store with compare-and-swap and watches: what etcd is to Kubernetes."""

    async def get(self, key: str) -> Stored | None: ...

    async def page(self, prefix: str, *, limit: int = 0, revision: int = 0, start: str = "") -> Page: ...

    async def create(self, key: str, value: bytes, *, ttl_s: int = 0) -> int: ...

    async def update(self, key: str, value: bytes, expected: int, *, ttl_s: int = 0) -> int: ...

    async def delete(self, key: str, expected: int) -> int: ...

    def watch(self, prefix: str, start_revision: int) -> AsyncIterator[list[Change]]: ...

    async def healthy(self) -> bool: ...

    async def close(self) -> None: ...


class MemoryStorage:
    """Storage within one process, for tests of the API without etcd; ``available`` switches it off and on."""

    def __init__(self) -> None:
        self.available = True
        self.revision = 1
        self.compacted = 0
        self._entries: dict[str, Stored] = {}
        self._history: list[Change] = []
        self._changed = asyncio.Condition()

    async def _check(self) -> None:
        if not self.available:
            raise StorageUnavailable("storage is switched off")

    async def get(self, key: str) -> Stored | None:
        await self._check()
        return self._entries.get(key)

    async def page(self, prefix: str, *, limit: int = 0, revision: int = 0, start: str = "") -> Page:
        await self._check()
        if revision and revision <= self.compacted:
            raise RevisionCompacted(str(revision))
        entries = dict(self._entries) if not revision or revision >= self.revision else self._at(revision)
        keys = sorted(k for k in entries if k.startswith(prefix) and k >= start)
        shown = keys[:limit] if limit else keys
        return Page([entries[k] for k in shown], revision or self.revision, len(keys) - len(shown))

    def _at(self, revision: int) -> dict[str, Stored]:
        entries: dict[str, Stored] = {}
        for change in self._history:
            if change.revision > revision:
                break
            if change.value is None:
                entries.pop(change.key, None)
            else:
                entries[change.key] = Stored(change.key, change.value, change.revision)
        return entries

    async def _write(self, key: str, value: bytes | None) -> int:
        async with self._changed:
            self.revision += 1
            previous = self._entries.pop(key, None)
            if value is not None:
                self._entries[key] = Stored(key, value, self.revision)
            self._history.append(Change(key, value, previous.value if previous else None, self.revision))
            self._changed.notify_all()
            return self.revision

    async def create(self, key: str, value: bytes, *, ttl_s: int = 0) -> int:
        await self._check()
        if key in self._entries:
            raise KeyExists(key)
        return await self._write(key, value)

    async def update(self, key: str, value: bytes, expected: int, *, ttl_s: int = 0) -> int:
        await self._check()
        self._expect(key, expected)
        return await self._write(key, value)

    async def delete(self, key: str, expected: int) -> int:
        await self._check()
        self._expect(key, expected)
        return await self._write(key, None)

    def _expect(self, key: str, expected: int) -> None:
        entry = self._entries.get(key)
        if entry is None or entry.revision != expected:
            raise KeyChanged(key)

    def compact(self, revision: int) -> None:
        """Forgets what happened up to a revision, as etcd's compaction does."""
        self.compacted = revision

    async def watch(self, prefix: str, start_revision: int) -> AsyncIterator[list[Change]]:
        if start_revision <= self.compacted:
            raise RevisionCompacted(str(start_revision))
        position = next(
            (i for i, c in enumerate(self._history) if c.revision >= start_revision), len(self._history)
        )
        while True:
            async with self._changed:
                while len(self._history) <= position:
                    await self._changed.wait()
                fresh = self._history[position:]
                position = len(self._history)
            batch = [c for c in fresh if c.key.startswith(prefix) and c.revision >= start_revision]
            if batch:
                yield batch

    async def healthy(self) -> bool:
        return self.available

    async def close(self) -> None:
        """Keeps everything: the next server on it finds what this one left."""
