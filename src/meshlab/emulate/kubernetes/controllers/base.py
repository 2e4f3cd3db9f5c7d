"""What a control loop is: look at the copies of the objects it cares about, make the world more as it should be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from meshlab.emulate.kubernetes.client.client import KubeClient, KubeError
from meshlab.emulate.kubernetes.client.informer import Informer, Informers
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

log = logging.getLogger(__name__)

EVENTS = BY_PATH[("", "v1", "events")]
_RETRY_S = 0.5


class Controller:
    """One control loop: :meth:`sync` runs after every change of what it watches, and each ``resync_s`` seconds."""

    name = "controller"
    resync_s = 30.0

    def __init__(self, informers: Informers) -> None:
        self.client: KubeClient = informers.client
        self._informers = informers
        self._dirty = asyncio.Event()
        self._dirty.set()
        self._uses: list[Informer] = []

    def uses(self, plural: str, group: str = "") -> Informer:
        """The copy of a kind; its changes wake this loop."""
        informer = self._informers.of(plural, group)
        informer.listen(lambda kind, item: self.touched(kind, item))
        self._uses.append(informer)
        return informer

    def touched(self, kind: str, item: Object) -> None:
        """Something that this loop watches changed."""
        self._dirty.set()

    def again(self) -> None:
        """Asks for another round."""
        self._dirty.set()

    async def sync(self) -> None:
        """One round."""
        raise NotImplementedError

    async def run(self) -> None:
        """Runs rounds until cancelled. A refusal or a lost server ends a round; the next one tries again."""
        await self._informers.synced(self._uses)
        while True:
            self._dirty.clear()
            try:
                await self.sync()
            except KubeError as error:
                log.debug("%s: %s", self.name, error)
                await asyncio.sleep(_RETRY_S)
                self._dirty.set()
            except (ValueError, KeyError, TypeError, AttributeError):
                # A mistake in one round must not end the loop for good, and must be seen.
                log.exception("%s failed in a round", self.name)
                await asyncio.sleep(10 * _RETRY_S)
                self._dirty.set()
            try:
                await asyncio.wait_for(self._dirty.wait(), self.resync_s)
            except TimeoutError:
                continue

    async def attempt(self, calls: Iterable[object]) -> None:
        """Awaits calls one after another; what is gone or has changed meanwhile is left to the next round."""
        for call in calls:
            try:
                await call  # type: ignore[misc]
            except KubeError as error:
                if error.code not in (404, 409):
                    raise
                self._dirty.set()


def owner_reference(owner: Object) -> Object:
    """The reference by which a controller owns an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned_by(item: Object, owner: Object) -> bool:
    """Whether ``owner`` is the controller of an object."""
    reference = meta.controller_of(item)
    return reference is not None and reference["uid"] == owner["metadata"]["uid"]


class Recorder:
    """Writes events; one that repeats is counted up instead."""

    def __init__(self, client: KubeClient, component: str, host: str = "") -> None:
        self._client = client
        self._component = component
        self._host = host
        self._known: dict[tuple[str, ...], tuple[str, int]] = {}

    async def event(self, about: Object, kind: str, reason: str, message: str) -> None:
        """Records an event about an object; failures are not the caller's concern."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        key = (namespace, about["kind"], metadata["name"], metadata.get("uid", ""), reason, message)
        now = meta.now()
        try:
            if key in self._known:
                name, count = self._known[key]
                body = {"count": count + 1, "lastTimestamp": now}
                await self._client.patch(EVENTS, namespace, name, body)
                self._known[key] = (name, count + 1)
                return
            name = f"{metadata['name']}.{meta.suffix(16)}"
            await self._client.create(EVENTS, self._made(about, namespace, name, kind, reason, message, now))
            if len(self._known) > 4096:
                self._known.clear()
            self._known[key] = (name, 1)
        except KubeError as error:
            self._known.pop(key, None)
            log.debug("event %s about %s: %s", reason, metadata["name"], error)

    def _made(
        self, about: Object, namespace: str, name: str, kind: str, reason: str, message: str, now: str
    ) -> Object:
        metadata = about["metadata"]
        involved = {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        if metadata.get("namespace"):
            involved["namespace"] = metadata["namespace"]
        source = {"component": self._component}
        if self._host:
            source["host"] = self._host
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": kind,
            "source": source,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def set_condition(conditions: list[Object], new: Object) -> bool:
    """Enters a condition into a list in place; gives whether its status changed."""
    for position, old in enumerate(conditions):
        if old["type"] == new["type"]:
            if old["status"] == new["status"]:
                new["lastTransitionTime"] = old.get("lastTransitionTime", meta.now())
            conditions[position] = {**new, "lastTransitionTime": new.get("lastTransitionTime") or meta.now()}
            return bool(old["status"] != new["status"])
    conditions.append({**new, "lastTransitionTime": new.get("lastTransitionTime") or meta.now()})
    return True
