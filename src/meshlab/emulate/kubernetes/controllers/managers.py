"""kube-controller-manager and kube-scheduler of one machine: candidates for the two leases, loops while leading."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from meshlab.emulate.kubernetes.client.client import KubeClient
from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.client.leader import ElectionTimes, Elector
from meshlab.emulate.kubernetes.controllers.base import Controller
from meshlab.emulate.kubernetes.controllers.cleanup import GarbageCollector, Namespaces, PodGarbage
from meshlab.emulate.kubernetes.controllers.disruption import Disruption
from meshlab.emulate.kubernetes.controllers.endpoints import Endpoints
from meshlab.emulate.kubernetes.controllers.nodelifecycle import NodeLifecycle, NodeTimes
from meshlab.emulate.kubernetes.controllers.replicas import DaemonSets, Deployments, ReplicaSets
from meshlab.emulate.kubernetes.controllers.scheduler import Scheduler
from meshlab.emulate.kubernetes.controllers.statefulset import StatefulSets
from meshlab.emulate.kubernetes.controllers.volumes import VolumeBinder


@dataclass(frozen=True)
class ManagerTimes:
    """All constants of the two managers; tests scale them, the embedded cluster keeps the real ones."""

    election: ElectionTimes = field(default_factory=ElectionTimes)
    nodes: NodeTimes = field(default_factory=NodeTimes)
    orphan_after_s: float = 40.0


async def _lead(client: KubeClient, informers: Informers, controllers: Sequence[Controller]) -> None:
    tasks = [asyncio.create_task(c.run(), name=c.name) for c in controllers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await informers.stop()


class Controllers:
    """The controller manager and the scheduler of one control-plane machine.

    Parameters
    ----------
    manager, scheduler
        Clients of the API (users ``system:kube-controller-manager`` and ``system:kube-scheduler``); they are closed by
        :meth:`stop`.
    identity
        The machine's name; holder of the leases.
    authority
        The cluster CA, PEM, for ``kube-root-ca.crt``.
    """

    def __init__(
        self,
        manager: KubeClient,
        scheduler: KubeClient,
        identity: str,
        authority: bytes,
        times: ManagerTimes | None = None,
    ) -> None:
        self._manager = manager
        self._scheduler = scheduler
        self._authority = authority
        self._times = times or ManagerTimes()
        election = self._times.election
        self.managing = Elector(manager, "kube-controller-manager", identity, self._manage, election)
        self.scheduling = Elector(scheduler, "kube-scheduler", identity, self._schedule, election)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Becomes a candidate for both leases."""
        self._tasks = [
            asyncio.create_task(self.managing.run(), name="kube-controller-manager"),
            asyncio.create_task(self.scheduling.run(), name="kube-scheduler"),
        ]

    async def stop(self) -> None:
        """Ends both at once, without giving the leases back (as when the machine dies)."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._manager.close()
        await self._scheduler.close()

    async def _manage(self) -> None:
        informers = Informers(self._manager)
        controllers: list[Controller] = [
            StatefulSets(informers),
            Deployments(informers),
            ReplicaSets(informers),
            DaemonSets(informers),
            VolumeBinder(informers),
            Endpoints(informers),
            Disruption(informers),
            NodeLifecycle(informers, self._times.nodes),
            PodGarbage(informers, self._times.orphan_after_s),
            Namespaces(informers, self._authority),
            GarbageCollector(informers),
        ]
        await _lead(self._manager, informers, controllers)

    async def _schedule(self) -> None:
        informers = Informers(self._scheduler)
        await _lead(self._scheduler, informers, [Scheduler(informers)])
