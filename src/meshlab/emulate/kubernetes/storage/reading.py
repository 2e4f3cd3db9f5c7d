"""Reading what is stored: one object, lists page by page, and the watch caches that answer from memory."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from meshlab.emulate.kubernetes.objects import status
from meshlab.emulate.kubernetes.objects.resources import Resource, stored
from meshlab.emulate.kubernetes.objects.status import Object
from meshlab.emulate.kubernetes.storage.events import as_new_event
from meshlab.emulate.kubernetes.storage.store import RevisionCompacted, Storage, StorageUnavailable, Stored
from meshlab.emulate.kubernetes.storage.watchcache import WatchCache, decode

Objects = list[Object]


class Reading:
    """All objects of one API server, to be read."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._caches = {r.prefix: WatchCache(storage, r.prefix) for r in stored()}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def cache(self, resource: Resource) -> WatchCache:
        """The watch cache of a kind."""
        return self._caches[resource.prefix]

    def start(self) -> None:
        """Starts all watch caches, so that a watch begun at another server can go on here."""
        for prefix, cache in self._caches.items():
            if prefix not in self._tasks:
                self._tasks[prefix] = asyncio.create_task(cache.run(), name=f"watch cache {prefix}")

    async def close(self) -> None:
        """Stops all watch caches."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """One object as it is now.

        Raises
        ------
        ApiError
            404 when it does not exist, 500 when storage does not answer.
        """
        found = await self._get(resource, namespace, name)
        if found is None:
            raise status.not_found(resource.plural, resource.group, name)
        return self.shown(resource, decode(found.value, found.revision))

    def cached(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object as the watch cache has it; None when it does not know it."""
        return self.cache(resource).state.get(resource.key(namespace, name))

    async def _get(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        found: Stored | None = await self._stored(self.storage.get(resource.key(namespace, name)))
        return found

    async def _stored(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except StorageUnavailable:
            raise status.storage_timed_out() from None
        except RevisionCompacted:
            raise status.expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new "
                "list without the continue parameter."
            ) from None

    async def list(
        self,
        resource: Resource,
        namespace: str,
        keep: Callable[[Object], bool],
        *,
        limit: int = 0,
        token: str = "",
        cached: bool = False,
    ) -> Object:
        """A list object; ``cached`` serves it from memory without asking storage (resourceVersion=0).

        Raises
        ------
        ApiError
            400 for a bad continue token, 410 for one that is too old, 500 when storage does not answer.
        """
        metadata: Object = {}
        if cached and not limit:
            cache = self.cache(resource)
            await self._stored(cache.ready(7.0))
            prefix = resource.key(namespace, "") if namespace else resource.prefix
            items = [v for k, v in sorted(cache.state.items()) if k.startswith(prefix)]
            metadata["resourceVersion"] = str(cache.revision)
            items = [self.shown(resource, i) for i in items if keep(i)]
        else:
            items, metadata = await self._page(resource, namespace, keep, limit, token)
        return {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "items": items,
        }

    async def _page(
        self, resource: Resource, namespace: str, keep: Callable[[Object], bool], limit: int, token: str
    ) -> tuple[Objects, Object]:
        prefix = resource.key(namespace, "") if namespace and resource.namespaced else resource.prefix
        revision, start = _decode_token(token) if token else (0, "")
        items: Objects = []
        while True:
            page = await self._stored(self.storage.page(prefix, limit=limit, revision=revision, start=start))
            revision = page.revision
            items += [
                self.shown(resource, i)
                for i in (decode(e.value, e.revision) for e in page.entries)
                if keep(i)
            ]
            metadata: Object = {"resourceVersion": str(revision)}
            if not page.remaining:
                return items, metadata
            start = page.entries[-1].key + "\0"
            if len(items) >= limit:
                metadata["continue"] = _encode_token(revision, start)
                metadata["remainingItemCount"] = page.remaining
                return items, metadata

    def shown(self, resource: Resource, item: Object) -> Object:
        """A stored object as a kind shows it (events have two groups)."""
        if resource.storage is None:
            return item
        return as_new_event(item)


def _encode_token(revision: int, start: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_token(token: str) -> tuple[int, str]:
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(found["rv"]), str(found["start"])
    except (ValueError, KeyError, TypeError) as error:
        raise status.bad_request(f"continue key is not valid: {error}") from None
