"""Node lifecycle: nodes whose heartbeat stops become Unknown, are tainted, and lose their pods in the end.

References
----------
Kubernetes documentation, "Nodes": monitor period 5 s, grace 50 s (since 1.32), eviction 0.1 nodes/s, zone rules.
Heartbeats are
the leases of ``kube-node-lease`` and node status; what counts is when this controller *saw* them change.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from meshlab.emulate.kubernetes.client.client import KubeError
from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import Controller, Recorder, log, set_condition
from meshlab.emulate.kubernetes.controllers.scheduling import node_labels
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

NODES = BY_PATH[("", "v1", "nodes")]
PODS = BY_PATH[("", "v1", "pods")]
UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"
_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True)
class NodeTimes:
    """The controller's constants, in seconds, per second, and as fractions."""

    monitor_s: float = 5.0
    grace_s: float = 50.0
    eviction_per_s: float = 0.1
    secondary_eviction_per_s: float = 0.01
    unhealthy_zone: float = 0.55
    large_cluster: int = 50


@dataclass
class _Seen:
    heartbeat: tuple[str, str]
    at: float


class NodeLifecycle(Controller):
    """Watches heartbeats, sets conditions and taints, and evicts pods whose toleration has run out."""

    name = "node-lifecycle-controller"

    def __init__(self, informers: Informers, times: NodeTimes | None = None) -> None:
        super().__init__(informers)
        self._times = times or NodeTimes()
        self._nodes = self.uses("nodes")
        self._leases = self.uses("leases", "coordination.k8s.io")
        self._pods = self.uses("pods")
        self._recorder = Recorder(self.client, "node-controller")
        self._seen: dict[str, _Seen] = {}
        self._next_eviction: dict[str, float] = {}
        self._tolerated: dict[tuple[str, str], float] = {}
        self._all_down = False

    async def run(self) -> None:
        await self._informers.synced(self._uses)
        while True:
            try:
                await self.sync()
            except KubeError as error:
                log.debug("%s: %s", self.name, error)
            await asyncio.sleep(self._times.monitor_s)

    async def sync(self) -> None:
        now = asyncio.get_running_loop().time()
        for node in list(self._nodes.items.values()):
            await self.attempt([self._monitor(node, now)])
        self._seen = {n: s for n, s in self._seen.items() if n in self._nodes.items}
        zones = self._zones()
        full = {z for z, (bad, good) in zones.items() if bad and not good}
        was, self._all_down = self._all_down, bool(zones) and full == set(zones)
        if self._all_down and not was:
            log.warning("all zones are down: evictions stop")
        for node in list(self._nodes.items.values()):
            await self.attempt([self._taint(node, now, zones)])
        await self._evict(now)

    async def _monitor(self, node: Object, now: float) -> None:
        name = meta.name_of(node)
        lease = self._leases.get("kube-node-lease", name)
        ready = meta.condition(node, "Ready")
        heartbeat = (
            (lease or {}).get("spec", {}).get("renewTime", ""),
            (ready or {}).get("lastHeartbeatTime", ""),
        )
        seen = self._seen.get(name)
        if seen is None or (seen.heartbeat != heartbeat):
            self._seen[name] = seen = _Seen(heartbeat, now)
        if now - seen.at <= self._times.grace_s or (ready is not None and ready["status"] == "Unknown"):
            return
        conditions = [dict(c) for c in node.get("status", {}).get("conditions") or ()]
        for kind in _CONDITIONS:
            old = next((c for c in conditions if c["type"] == kind), None)
            never = old is None
            set_condition(
                conditions,
                {
                    "type": kind,
                    "status": "Unknown",
                    "reason": "NodeStatusNeverUpdated" if never else "NodeStatusUnknown",
                    "message": "Kubelet never posted node status."
                    if never
                    else "Kubelet stopped posting node status.",
                    "lastHeartbeatTime": (old or {}).get("lastHeartbeatTime", meta.now()),
                    "lastTransitionTime": meta.now(),
                },
            )
        body = {**node, "status": {**node.get("status", {}), "conditions": conditions}}
        changed = await self.client.update(NODES, body, "status")
        self._nodes.put(changed)
        ready = meta.condition(changed, "Ready")
        self._seen[name] = _Seen((heartbeat[0], (ready or {}).get("lastHeartbeatTime", "")), seen.at)
        await self._recorder.event(node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady")
        await self._pods_not_ready(name)

    async def _pods_not_ready(self, node: str) -> None:
        for pod in list(self._pods.items.values()):
            if pod["spec"].get("nodeName") == node and meta.is_ready(pod):
                condition = {"type": "Ready", "status": "False", "lastTransitionTime": meta.now()}
                body = {"status": {"conditions": [condition]}}
                await self.attempt(
                    [self.client.patch(PODS, meta.namespace_of(pod), meta.name_of(pod), body, "status")]
                )

    def _zone(self, node: Object) -> str:
        labels = node_labels(node)
        return f"{labels.get('topology.kubernetes.io/region', '')}:{labels.get('topology.kubernetes.io/zone', '')}"

    def _zones(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for node in self._nodes.items.values():
            bad, good = found.get(self._zone(node), (0, 0))
            ready = meta.condition(node, "Ready")
            if ready is not None and ready["status"] == "True":
                good += 1
            else:
                bad += 1
            found[self._zone(node)] = (bad, good)
        return found

    def _rate(self, bad: int, good: int) -> float:
        if self._all_down:
            return 0.0
        if bad > 2 and good and bad / (bad + good) >= self._times.unhealthy_zone:
            large = len(self._nodes.items) > self._times.large_cluster
            return self._times.secondary_eviction_per_s if large else 0.0
        return self._times.eviction_per_s

    async def _taint(self, node: Object, now: float, zones: dict[str, tuple[int, int]]) -> None:
        ready = meta.condition(node, "Ready")
        state = "Unknown" if ready is None else ready["status"]
        old = [dict(t) for t in node["spec"].get("taints") or ()]
        kept = [
            t for t in old if t["key"] not in (UNREACHABLE, NOT_READY, "node.kubernetes.io/unschedulable")
        ]
        if node["spec"].get("unschedulable"):
            kept.append(_same(old, "node.kubernetes.io/unschedulable", "NoSchedule"))
        if state != "True":
            key = UNREACHABLE if state == "Unknown" else NOT_READY
            kept.append(_same(old, key, "NoSchedule"))
            present = any(t["key"] == key and t["effect"] == "NoExecute" for t in old)
            swapped = any(t["key"] in (UNREACHABLE, NOT_READY) and t["effect"] == "NoExecute" for t in old)
            if self._all_down:
                pass
            elif present or swapped or self._may_evict(node, now, zones):
                kept.append(_same(old, key, "NoExecute"))
        if kept != old:
            body = {**node, "spec": {**node["spec"], "taints": kept}}
            self._nodes.put(await self.client.update(NODES, body))

    def _may_evict(self, node: Object, now: float, zones: dict[str, tuple[int, int]]) -> bool:
        zone = self._zone(node)
        rate = self._rate(*zones[zone])
        if rate <= 0 or now < self._next_eviction.get(zone, 0.0):
            return False
        self._next_eviction[zone] = now + 1 / rate
        return True

    async def _evict(self, now: float) -> None:
        present = set()
        for pod in list(self._pods.items.values()):
            node = self._nodes.items.get(pod["spec"].get("nodeName", ""))
            if node is None or meta.is_finished(pod):
                continue
            for taint in node["spec"].get("taints") or ():
                if taint["effect"] != "NoExecute":
                    continue
                key = (pod["metadata"]["uid"], taint["key"])
                present.add(key)
                since = self._tolerated.setdefault(key, now)
                limit = _tolerated_for(pod, taint)
                if limit is None or pod["metadata"].get("deletionTimestamp"):
                    continue
                if now - since >= limit:
                    await self._delete(pod)
        self._tolerated = {k: v for k, v in self._tolerated.items() if k in present}

    async def _delete(self, pod: Object) -> None:
        text = f"Marking for deletion Pod {meta.key_of(pod)}"
        await self._recorder.event(pod, "Normal", "TaintManagerEviction", text)
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": meta.now(),
        }
        namespace, name = meta.namespace_of(pod), meta.name_of(pod)
        await self.attempt(
            [
                self.client.patch(PODS, namespace, name, {"status": {"conditions": [condition]}}, "status"),
                self.client.delete(PODS, namespace, name, {"preconditions": {"uid": pod["metadata"]["uid"]}}),
            ]
        )


def _same(old: list[Object], key: str, effect: str) -> Object:
    found = next((t for t in old if t["key"] == key and t["effect"] == effect), None)
    return found or {"key": key, "effect": effect, "timeAdded": meta.now()}


def _tolerated_for(pod: Object, taint: Object) -> float | None:
    """Seconds a pod tolerates a NoExecute taint; None for ever, 0 not at all."""
    from meshlab.emulate.kubernetes.controllers.scheduling import tolerates

    fitting = [t for t in pod["spec"].get("tolerations") or () if tolerates([t], taint)]
    if not fitting:
        return 0.0
    limits = [t["tolerationSeconds"] for t in fitting if t.get("tolerationSeconds") is not None]
    return float(max(0, min(limits))) if limits else None
