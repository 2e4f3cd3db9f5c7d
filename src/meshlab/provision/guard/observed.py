"""What is down now, asked of the live systems: machines on the Talos API, etcd's own health, sealed Vault pods."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from meshlab.live.target import Target
from meshlab.model import RaftGroup, Topology
from meshlab.provision.cluster.connections import Connections
from meshlab.provision.guard.guard import Guard
from meshlab.provision.guard.rule import Verdict
from meshlab.provision.plan.plan import Plan
from meshlab.provision.systems.session import opened

FRESH_S = 1.0
"""How long one look serves; steps that are judged at the same moment share it."""
LOOK_S = 3.0


class Observed:
    """The members that are out of action now; each answer is at most a second old."""

    def __init__(self, topology: Topology, connections: Connections) -> None:
        self._topology = topology
        self._connections = connections
        self._seen: dict[str, tuple[float, frozenset[str]]] = {}

    def down(self) -> frozenset[str]:
        """Gives the machines that do not answer on the Talos API with the cluster's credentials."""
        return self._fresh("machines", lambda: frozenset(self._connections.machines_down(self._topology)))

    def idle(self, group: RaftGroup) -> frozenset[str]:
        """Gives the voters whose machine is up, but which have no part in the group: starting, or sealed."""
        look = self._etcd_idle if group.engine == "etcd" else self._vault_idle
        return self._fresh(group.name, lambda: look(group))

    def _fresh(self, name: str, look: Callable[[], frozenset[str]]) -> frozenset[str]:
        at, found = self._seen.get(name, (float("-inf"), frozenset()))
        if time.monotonic() - at > FRESH_S:
            found = look()
            self._seen[name] = (time.monotonic(), found)
        return found

    def _etcd_idle(self, group: RaftGroup) -> frozenset[str]:
        from meshlab.live.talos.errors import TalosError

        def idle(name: str) -> bool:
            try:
                with self._connections.talos(
                    self._topology.machine(name).address, timeout_s=LOOK_S
                ) as client:
                    service = client.service_list().get("etcd")
            except TalosError:
                return True
            return service is None or service.state != "Running" or not service.health.healthy

        return _which(idle, set(group.voters) - self.down())

    def _vault_idle(self, group: RaftGroup) -> frozenset[str]:
        """Where the Kubernetes API cannot be asked where the pods are, only the machines count."""
        from meshlab.live.kubernetes import KubernetesError
        from meshlab.live.vault import VaultError
        from meshlab.provision.cluster.strongbox import StrongboxError
        from meshlab.provision.manifests.vault import NAMESPACE, SET

        try:
            listed = self._connections.kubernetes.list("v1", "Pod", NAMESPACE)
        except (KubernetesError, StrongboxError):
            return frozenset()
        pods = {
            str(pod["spec"].get("nodeName", "")): str(pod["metadata"]["name"])
            for pod in listed
            if str(pod["metadata"]["name"]).startswith(f"{SET}-")
        }

        def idle(name: str) -> bool:
            if name not in pods:
                return True
            try:
                with self._connections.vault(pods[name]) as client:
                    health = client.health()
            except (VaultError, KubernetesError):
                return True
            return health.sealed or not health.initialized

        return _which(idle, set(group.voters) - self.down())


def _which(holds: Callable[[str], bool], names: set[str]) -> frozenset[str]:
    listed = sorted(names)
    with ThreadPoolExecutor(len(listed) or 1) as pool:
        return frozenset(name for name, yes in zip(listed, pool.map(holds, listed), strict=True) if yes)


def guard_of(topology: Topology, connections: Connections) -> Guard:
    """Gives a guard that asks the live systems what is down; it asks only for steps that touch a voter."""
    observed = Observed(topology, connections)
    return Guard(topology, observed.down, observed.idle)


@contextmanager
def live_guard(topology: Topology, target: Target) -> Iterator[Guard]:
    """Gives the guard of a cluster on a target, with connections of its own."""
    with opened(target, topology.name) as context:
        yield guard_of(topology, context.connections)


def verdicts(plan: Plan, topology: Topology, target: Target) -> dict[str, Verdict]:
    """Gives the guard's verdict on each step of a plan, by what is down now."""
    with live_guard(topology, target) as guard:
        return {verdict.step: verdict for verdict in guard.verdicts(plan)}
