"""A local copy of all objects of a kind, kept by list and watch, as client-go's informers do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable

from meshlab.emulate.kubernetes.client.client import KubeClient, KubeError
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH, Resource
from meshlab.emulate.kubernetes.objects.status import Object

log = logging.getLogger(__name__)

_FIRST_DELAY_S = 0.8
_LONGEST_DELAY_S = 30.0
"""client-go's reflector back-off."""


class Informer:
    """The objects of one kind by ``namespace/name``; :attr:`changed` tells listeners that something happened."""

    def __init__(self, client: KubeClient, resource: Resource, query: dict[str, str] | None = None) -> None:
        self.resource = resource
        self.items: dict[str, Object] = {}
        self.synced = asyncio.Event()
        self._client = client
        self._query = query or {}
        self._listeners: list[Callable[[str, Object], None]] = []
        self._task: asyncio.Task[None] | None = None

    def listen(self, listener: Callable[[str, Object], None]) -> None:
        """Calls ``listener(type, object)`` on every change from now on."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begins to follow, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"informer of {self.resource.plural}")

    async def stop(self) -> None:
        """Stops to follow."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def get(self, namespace: str, name: str) -> Object | None:
        """One object of the copy."""
        return self.items.get(f"{namespace}/{name}" if namespace else name)

    def put(self, item: Object) -> None:
        """Enters what a write of ours gave back, so that it is seen before the watch brings it."""
        key = meta.key_of(item)
        known = self.items.get(key)
        if known is None or _version(known) <= _version(item):
            self.items[key] = item

    def _tell(self, kind: str, item: Object) -> None:
        for listener in self._listeners:
            listener(kind, item)

    async def _run(self) -> None:
        delay = _FIRST_DELAY_S
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list()
                    delay = _FIRST_DELAY_S
                version = await self._follow(version)
            except KubeError as error:
                log.debug("informer of %s: %s", self.resource.plural, error)
                if error.code == 410:
                    version = ""
                    continue
                await asyncio.sleep(delay * (1 + random.random()))
                delay = min(delay * 2, _LONGEST_DELAY_S)

    async def _list(self) -> str:
        found = await self._client.list(self.resource, query={**self._query, "resourceVersion": "0"})
        before = self.items
        self.items = {meta.key_of(i): i for i in found["items"]}
        self.synced.set()
        for key, item in self.items.items():
            if key not in before:
                self._tell("ADDED", item)
            elif _version(before[key]) != _version(item):
                self._tell("MODIFIED", item)
        for key, item in before.items():
            if key not in self.items:
                self._tell("DELETED", item)
        return str(found["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> str:
        query = {
            **self._query,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randrange(300, 600)),
        }
        stream = self._client.watch(self.resource, query=query)
        try:
            async with contextlib.aclosing(stream):  # type: ignore[type-var]
                async for kind, item in stream:
                    version = item["metadata"]["resourceVersion"]
                    if kind == "BOOKMARK":
                        continue
                    if kind == "DELETED":
                        self.items.pop(meta.key_of(item), None)
                    else:
                        self.put(item)
                    self._tell(kind, item)
        except KubeError as error:
            if error.code == 410:
                raise
            await asyncio.sleep(_FIRST_DELAY_S * (1 + random.random()))
        return version


def _version(item: Object) -> int:
    return int(item["metadata"].get("resourceVersion") or 0)


class Informers:
    """The informers that share one client, one per kind."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client
        self._informers: dict[str, Informer] = {}

    def of(self, plural: str, group: str = "", version: str = "v1") -> Informer:
        """The informer of a kind, started when first asked for."""
        if plural not in self._informers:
            informer = Informer(self.client, BY_PATH[(group, version, plural)])
            informer.start()
            self._informers[plural] = informer
        return self._informers[plural]

    async def synced(self, informers: Iterable[Informer]) -> None:
        """Waits until the first list of each is in."""
        for informer in informers:
            await informer.synced.wait()

    async def stop(self) -> None:
        """Stops all."""
        await asyncio.gather(*(i.stop() for i in self._informers.values()))
