"""What an API server remembers of one resource kind: its state and recent changes, fed by one storage watch."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from meshlab.emulate.kubernetes.objects.status import Object, expired
from meshlab.emulate.kubernetes.storage.store import Change, RevisionCompacted, Storage, StorageUnavailable

HISTORY = 1000
"""Changes kept per kind; a watch from before them is told that its resource version is too old."""

_RETRY_S = 1.0


def decode(value: bytes, revision: int) -> Object:
    """An object from storage with its resource version filled in."""
    item: Object = json.loads(value)
    item["metadata"]["resourceVersion"] = str(revision)
    return item


def encode(item: Object) -> bytes:
    """An object as storage keeps it, without its resource version."""
    metadata = {k: v for k, v in item["metadata"].items() if k != "resourceVersion"}
    return json.dumps({**item, "metadata": metadata}, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Event:
    """One change of an object; for a deletion ``item`` is the last state at the revision of the deletion."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    item: Object
    previous: Object | None
    revision: int


class Subscription:
    """One watcher's queue of events; None in the queue says that the cache had to start over."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue()


class WatchCache:
    """State and recent history of the keys under one prefix."""

    def __init__(self, storage: Storage, prefix: str, history: int = HISTORY) -> None:
        self._storage = storage
        self._prefix = prefix
        self._history: deque[Event] = deque(maxlen=history)
        self._oldest = 0
        self._subscriptions: set[Subscription] = set()
        self._ready = asyncio.Event()
        self._advanced = asyncio.Condition()
        self.state: dict[str, Object] = {}
        self.revision = 0

    async def run(self) -> None:
        """Follows storage until cancelled."""
        while True:
            try:
                if not self._ready.is_set():
                    await self._load()
                stream = self._storage.watch(self._prefix, self.revision + 1)
                async for changes in stream:
                    await self._take(changes)
            except RevisionCompacted:
                self._start_over()
            except StorageUnavailable:
                await asyncio.sleep(_RETRY_S)

    async def _load(self) -> None:
        page = await self._storage.page(self._prefix)
        self.state = {e.key: decode(e.value, e.revision) for e in page.entries}
        self.revision = page.revision
        self._oldest = page.revision
        self._history.clear()
        self._ready.set()

    def _start_over(self) -> None:
        self._ready.clear()
        for subscription in self._subscriptions:
            subscription.queue.put_nowait(None)
        self._subscriptions.clear()

    async def _take(self, changes: list[Change]) -> None:
        for change in changes:
            if change.revision <= self.revision and change.revision <= self._oldest:
                continue
            previous = self.state.get(change.key)
            if change.value is not None:
                item = decode(change.value, change.revision)
                kind: Literal["ADDED", "MODIFIED"] = "ADDED" if previous is None else "MODIFIED"
                self.state[change.key] = item
                event = Event(kind, item, previous, change.revision)
            else:
                self.state.pop(change.key, None)
                if previous is None:
                    continue
                gone = {
                    **previous,
                    "metadata": {**previous["metadata"], "resourceVersion": str(change.revision)},
                }
                event = Event("DELETED", gone, previous, change.revision)
            self.revision = max(self.revision, change.revision)
            if len(self._history) == self._history.maxlen:
                self._oldest = self._history[0].revision
            self._history.append(event)
            for subscription in self._subscriptions:
                subscription.queue.put_nowait(event)
        async with self._advanced:
            self._advanced.notify_all()

    async def ready(self, timeout_s: float) -> None:
        """Waits until the first list is in.

        Raises
        ------
        StorageUnavailable
            It is not within ``timeout_s`` seconds.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise StorageUnavailable("the watch cache has nothing to start from") from None

    @contextlib.asynccontextmanager
    async def subscribe(self, since: int | None) -> AsyncIterator[tuple[list[Object], Subscription]]:
        """The objects to begin with (when ``since`` is None) and the subscription to what follows.

        With ``since`` the changes after that revision come first through the subscription.

        Raises
        ------
        ApiError
            410, when changes after ``since`` are no longer all remembered.
        """
        subscription = Subscription()
        initial: list[Object] = []
        if since is None:
            initial = list(self.state.values())
        else:
            if since < self._oldest:
                raise expired(f"too old resource version: {since} ({self._oldest})")
            for event in self._history:
                if event.revision > since:
                    subscription.queue.put_nowait(event)
        self._subscriptions.add(subscription)
        try:
            yield initial, subscription
        finally:
            self._subscriptions.discard(subscription)
