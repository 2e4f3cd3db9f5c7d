"""Leader election by a Lease, as client-go does it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from meshlab.emulate.kubernetes.client.client import KubeClient, KubeError
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

log = logging.getLogger(__name__)

LEASES = BY_PATH[("coordination.k8s.io", "v1", "leases")]
_JITTER = 1.2


@dataclass(frozen=True)
class ElectionTimes:
    """The constants of kube-controller-manager and kube-scheduler, in seconds."""

    lease_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0


class Elector:
    """One candidate for a Lease of ``kube-system``; ``lead`` runs while it holds the lease and is cancelled when it
    does not.

    Parameters
    ----------
    lead
        What the leader does; called anew at each election.
    """

    def __init__(
        self,
        client: KubeClient,
        name: str,
        identity: str,
        lead: Callable[[], Awaitable[None]],
        times: ElectionTimes | None = None,
    ) -> None:
        self.leading = False
        self._client = client
        self._name = name
        self._identity = identity
        self._lead = lead
        self._times = times or ElectionTimes()
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0

    async def run(self) -> None:
        """Takes part in elections until cancelled."""
        while True:
            await self._acquire()
            log.info("%s became the leader of %s", self._identity, self._name)
            self.leading = True
            work = asyncio.ensure_future(self._lead())
            try:
                await self._hold()
            finally:
                self.leading = False
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            log.info("%s lost the lease of %s", self._identity, self._name)

    async def _acquire(self) -> None:
        while True:
            if await self._try():
                return
            await asyncio.sleep(self._times.retry_s * (1 + _JITTER * random.random()))

    async def _hold(self) -> None:
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while loop.time() - renewed < self._times.renew_deadline_s:
            await asyncio.sleep(self._times.retry_s)
            left = self._times.renew_deadline_s - (loop.time() - renewed)
            try:
                async with asyncio.timeout(max(0.1, left)):
                    if await self._try():
                        renewed = loop.time()
            except TimeoutError:
                return

    async def _try(self) -> bool:
        try:
            return await self._try_once()
        except KubeError as error:
            log.debug("%s: %s", self._name, error)
            return False

    async def _try_once(self) -> bool:
        loop = asyncio.get_running_loop()
        limit = self._times.renew_deadline_s / 2
        try:
            lease = await self._client.get(LEASES, "kube-system", self._name, timeout_s=limit)
        except KubeError as error:
            if error.code != 404:
                raise
            await self._client.create(LEASES, self._fresh(None), timeout_s=limit)
            return True
        spec = lease.get("spec") or {}
        record = (spec.get("holderIdentity", ""), spec.get("renewTime", ""))
        if record != self._seen:
            self._seen, self._seen_at = record, loop.time()
        held_by_other = record[0] not in ("", self._identity)
        if held_by_other and loop.time() < self._seen_at + float(spec.get("leaseDurationSeconds", 15)):
            return False
        updated = await self._client.update(LEASES, self._fresh(lease), timeout_s=limit)
        self._seen = (self._identity, updated["spec"]["renewTime"])
        self._seen_at = loop.time()
        return True

    def _fresh(self, lease: Object | None) -> Object:
        now = meta.now_micro()
        old = (lease or {}).get("spec") or {}
        changed = old.get("holderIdentity") != self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._times.lease_s)),
            "acquireTime": now if changed else old.get("acquireTime", now),
            "renewTime": now,
            "leaseTransitions": old.get("leaseTransitions", 0) + (1 if lease is not None and changed else 0),
        }
        metadata: Object = {"name": self._name, "namespace": "kube-system"}
        if lease is not None:
            metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
        return {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": metadata, "spec": spec}
