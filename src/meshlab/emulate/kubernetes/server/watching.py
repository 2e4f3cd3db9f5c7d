"""Watches: a stream of events as lines of JSON, with initial events, bookmarks and an honest end."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.server import tables
from meshlab.emulate.kubernetes.server.requestinfo import RequestInfo
from meshlab.emulate.kubernetes.storage.registry import Registry
from meshlab.emulate.kubernetes.storage.watchcache import Event

if TYPE_CHECKING:
    from aiohttp import web

BOOKMARK_EVERY_S = 60.0
_MIN_TIMEOUT_S = 1800.0
_INITIAL_END = "k8s.io/initial-events-end"


class WatchStream:
    """One client's watch of one kind."""

    def __init__(
        self,
        registry: Registry,
        info: RequestInfo,
        keep: Callable[[Object], bool],
        table: str | None,
        bookmark_every_s: float = BOOKMARK_EVERY_S,
    ) -> None:
        self._registry = registry
        self._info = info
        self._keep = keep
        self._table = table
        self._with_columns = True
        self._bookmark_every_s = bookmark_every_s
        prefix = info.resource.prefix
        self._prefix = info.resource.key(info.namespace, "") if info.namespace else prefix

    def _inside(self, item: Object) -> bool:
        namespace = self._info.namespace
        return not namespace or item["metadata"].get("namespace") == namespace

    def _line(self, kind: str, item: Object) -> bytes:
        resource = self._info.resource
        if kind != "ERROR":
            item = self._registry.shown(resource, item) if kind != "BOOKMARK" else item
        if self._table is not None and kind not in ("ERROR",):
            rows = [] if kind == "BOOKMARK" else [item]
            metadata = {"resourceVersion": item["metadata"]["resourceVersion"]}
            if kind == "BOOKMARK":
                metadata = item["metadata"]
            item = tables.table(resource, rows, metadata, self._table, columns=self._with_columns)
            self._with_columns = False
        return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode() + b"\n"

    def _bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        resource = self._info.resource
        metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {_INITIAL_END: "true"}
        item: Object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return self._line("BOOKMARK", item)

    def _event(self, event: Event) -> bytes | None:
        if not self._inside(event.item):
            return None
        now = event.type != "DELETED" and self._keep(event.item)
        before = event.previous is not None and self._keep(event.previous)
        if now:
            return self._line("MODIFIED" if before else "ADDED", event.item)
        if before:
            gone = event.item
            if event.type != "DELETED" and event.previous is not None:
                metadata = {**event.previous["metadata"], "resourceVersion": str(event.revision)}
                gone = {**event.previous, "metadata": metadata}
            return self._line("DELETED", gone)
        return None

    async def serve(self, response: web.StreamResponse, query: Object) -> None:
        """Writes the stream until its time is over, the client leaves or the cache starts over."""
        cache = self._registry.cache(self._info.resource)
        await cache.ready(7.0)
        version = query.get("resourceVersion", "")
        send_initial = query.get("sendInitialEvents", "").lower() in ("1", "true")
        since = None if version in ("", "0") or send_initial else int(version)
        bookmarks = query.get("allowWatchBookmarks", "").lower() in ("1", "true")
        timeout = float(query.get("timeoutSeconds") or 0) or _MIN_TIMEOUT_S * (1 + random.random())
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        try:
            async with cache.subscribe(since) as (initial, subscription):
                seen = since or cache.revision
                for item in sorted(initial, key=lambda i: int(i["metadata"]["resourceVersion"])):
                    if self._inside(item) and self._keep(item):
                        await response.write(self._line("ADDED", item))
                if send_initial and bookmarks:
                    await response.write(self._bookmark(seen, initial_end=True))
                next_mark = loop.time() + self._bookmark_every_s
                while (now := loop.time()) < end:
                    try:
                        until = min(end, next_mark) - now
                        event = await asyncio.wait_for(subscription.queue.get(), max(0.0, until))
                    except TimeoutError:
                        if bookmarks and loop.time() >= next_mark:
                            await response.write(self._bookmark(max(seen, cache.revision)))
                            next_mark = loop.time() + self._bookmark_every_s
                        continue
                    if event is None:
                        return
                    seen = max(seen, event.revision)
                    line = self._event(event)
                    if line is not None:
                        await response.write(line)
                if bookmarks and subscription.queue.empty():
                    await response.write(self._bookmark(max(seen, cache.revision)))
        except ApiError as error:
            await response.write(self._line("ERROR", error.status))
