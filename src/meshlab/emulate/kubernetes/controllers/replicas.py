"""Deployments, ReplicaSets and DaemonSets: pods without an identity of their own."""

from __future__ import annotations

import copy
import math

from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import (
    Controller,
    Recorder,
    is_owned_by,
    owner_reference,
    set_condition,
)
from meshlab.emulate.kubernetes.controllers.scheduling import Cluster, fit
from meshlab.emulate.kubernetes.controllers.statefulset import template_hash
from meshlab.emulate.kubernetes.objects import meta, selectors
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

DEPLOYMENTS = BY_PATH[("apps", "v1", "deployments")]
REPLICA_SETS = BY_PATH[("apps", "v1", "replicasets")]
DAEMON_SETS = BY_PATH[("apps", "v1", "daemonsets")]
PODS = BY_PATH[("", "v1", "pods")]
_HASH = "pod-template-hash"


def _pod_from(owner: Object, extra_labels: dict[str, str]) -> Object:
    template = copy.deepcopy(owner["spec"]["template"])
    metadata = template.setdefault("metadata", {})
    metadata |= {
        "generateName": f"{meta.name_of(owner)}-",
        "namespace": meta.namespace_of(owner),
        "ownerReferences": [owner_reference(owner)],
    }
    metadata["labels"] = {**(metadata.get("labels") or {}), **extra_labels}
    return {"apiVersion": "v1", "kind": "Pod", **template}


def _share(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    exact = int(value.rstrip("%")) * total / 100
    return math.ceil(exact) if up else math.floor(exact)


class ReplicaSets(Controller):
    """Keeps the number of pods of ReplicaSets."""

    name = "replicaset-controller"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._sets = self.uses("replicasets", "apps")
        self._pods = self.uses("pods")
        self._recorder = Recorder(self.client, "replicaset-controller")

    async def sync(self) -> None:
        for item in list(self._sets.items.values()):
            if not item["metadata"].get("deletionTimestamp"):
                await self.attempt([self._one(item)])

    def _owned(self, item: Object) -> list[Object]:
        return [p for p in self._pods.items.values() if is_owned_by(p, item) and not meta.is_finished(p)]

    async def _one(self, item: Object) -> None:
        live = [p for p in self._owned(item) if not p["metadata"].get("deletionTimestamp")]
        wanted = item["spec"].get("replicas", 1)
        for _ in range(wanted - len(live)):
            pod = await self.client.create(PODS, _pod_from(item, {}))
            self._pods.put(pod)
            text = f"Created pod: {meta.name_of(pod)}"
            await self._recorder.event(item, "Normal", "SuccessfulCreate", text)
        surplus = sorted(live, key=lambda p: (meta.is_ready(p), bool(p["spec"].get("nodeName"))))
        for pod in surplus[: max(0, len(live) - wanted)]:
            await self.client.delete(PODS, meta.namespace_of(pod), meta.name_of(pod))
            text = f"Deleted pod: {meta.name_of(pod)}"
            await self._recorder.event(item, "Normal", "SuccessfulDelete", text)
        live = [p for p in self._owned(item) if not p["metadata"].get("deletionTimestamp")]
        ready = sum(meta.is_ready(p) for p in live)
        state = {
            "replicas": len(live),
            "fullyLabeledReplicas": len(live),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": item["metadata"].get("generation", 1),
        }
        state = {k: v for k, v in state.items() if v or k == "replicas"}
        if item.get("status") != state:
            self._sets.put(await self.client.update(REPLICA_SETS, {**item, "status": state}, "status"))


class Deployments(Controller):
    """Rolls Deployments from one ReplicaSet to the next."""

    name = "deployment-controller"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._deployments = self.uses("deployments", "apps")
        self._sets = self.uses("replicasets", "apps")
        self._recorder = Recorder(self.client, "deployment-controller")

    async def sync(self) -> None:
        for item in list(self._deployments.items.values()):
            if not item["metadata"].get("deletionTimestamp"):
                await self.attempt([self._one(item)])

    async def _one(self, item: Object) -> None:
        spec, hashed = item["spec"], template_hash(item["spec"]["template"])
        name = f"{meta.name_of(item)}-{hashed}"
        owned = [s for s in self._sets.items.values() if is_owned_by(s, item)]
        new = next((s for s in owned if meta.name_of(s) == name), None)
        old = [s for s in owned if s is not new and s["spec"].get("replicas", 0) > 0]
        wanted = spec.get("replicas", 1)
        if new is None:
            new = await self._create(item, name, hashed, 0 if old else wanted)
        rolling = spec["strategy"].get("rollingUpdate") or {"maxSurge": 0, "maxUnavailable": "100%"}
        surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
        unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
        if not surge and not unavailable:
            unavailable = 1
        total = sum(s["spec"].get("replicas", 0) for s in [*old, new])
        have = new["spec"].get("replicas", 0)
        if have > wanted or (not old and have != wanted):
            new = await self._scale(item, new, wanted)
        elif have < wanted and total < wanted + surge:
            new = await self._scale(item, new, min(wanted, have + wanted + surge - total))
        available = sum(s.get("status", {}).get("availableReplicas", 0) for s in [*old, new])
        spare = available - (wanted - unavailable)
        for older in old:
            unready = older["spec"]["replicas"] - older.get("status", {}).get("availableReplicas", 0)
            cut = min(older["spec"]["replicas"], unready + max(0, spare))
            if cut > 0:
                spare -= max(0, cut - unready)
                await self._scale(item, older, older["spec"]["replicas"] - cut)
        await self._status(item, new, [s for s in owned if meta.name_of(s) != name], wanted)

    async def _create(self, item: Object, name: str, hashed: str, replicas: int) -> Object:
        template = copy.deepcopy(item["spec"]["template"])
        labels = {**(template.setdefault("metadata", {}).get("labels") or {}), _HASH: hashed}
        template["metadata"]["labels"] = labels
        selector = copy.deepcopy(item["spec"]["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), _HASH: hashed}
        revision = 1 + max(
            (
                int((s["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", 0))
                for s in self._sets.items.values()
                if is_owned_by(s, item)
            ),
            default=0,
        )
        body = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": meta.namespace_of(item),
                "labels": labels,
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
                "ownerReferences": [owner_reference(item)],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        }
        created = await self.client.create(REPLICA_SETS, body)
        self._sets.put(created)
        note = {"metadata": {"annotations": {"deployment.kubernetes.io/revision": str(revision)}}}
        await self.client.patch(DEPLOYMENTS, meta.namespace_of(item), meta.name_of(item), note)
        await self._told(item, created, 0, replicas)
        return created

    async def _scale(self, item: Object, target: Object, replicas: int) -> Object:
        before = target["spec"].get("replicas", 0)
        if before == replicas:
            return target
        body = {**target, "spec": {**target["spec"], "replicas": replicas}}
        changed = await self.client.update(REPLICA_SETS, body)
        self._sets.put(changed)
        await self._told(item, changed, before, replicas)
        return changed

    async def _told(self, item: Object, target: Object, before: int, after: int) -> None:
        if before != after:
            word = "up" if after > before else "down"
            text = f"Scaled {word} replica set {meta.name_of(target)} from {before} to {after}"
            await self._recorder.event(item, "Normal", "ScalingReplicaSet", text)

    async def _status(self, item: Object, new: Object, old: list[Object], wanted: int) -> None:
        def total(field: str, sets: list[Object]) -> int:
            return sum(s.get("status", {}).get(field, 0) for s in sets)

        every = [new, *old]
        available = total("availableReplicas", every)
        conditions = [dict(c) for c in item.get("status", {}).get("conditions") or ()]
        least = wanted - _share(
            (item["spec"]["strategy"].get("rollingUpdate") or {}).get("maxUnavailable", 0), wanted, up=False
        )
        good = available >= least
        done = total("updatedReplicas", [new]) == wanted or total("replicas", [new]) == wanted
        set_condition(
            conditions,
            {
                "type": "Available",
                "status": "True" if good else "False",
                "reason": "MinimumReplicasAvailable" if good else "MinimumReplicasUnavailable",
                "message": f"Deployment {'has' if good else 'does not have'} minimum availability.",
                "lastUpdateTime": meta.now(),
            },
        )
        set_condition(
            conditions,
            {
                "type": "Progressing",
                "status": "True",
                "reason": "NewReplicaSetAvailable" if done and available >= wanted else "ReplicaSetUpdated",
                "message": f'ReplicaSet "{meta.name_of(new)}" is progressing.',
                "lastUpdateTime": meta.now(),
            },
        )
        state = {
            "observedGeneration": item["metadata"].get("generation", 1),
            "replicas": total("replicas", every),
            "updatedReplicas": total("replicas", [new]),
            "readyReplicas": total("readyReplicas", every),
            "availableReplicas": available,
            "unavailableReplicas": max(0, wanted - available),
            "conditions": conditions,
        }
        state = {k: v for k, v in state.items() if v}
        before = item.get("status") or {}
        if _without_times(before) != _without_times(state):
            changed = await self.client.update(DEPLOYMENTS, {**item, "status": state}, "status")
            self._deployments.put(changed)


def _without_times(state: Object) -> Object:
    kept = dict(state)
    kept["conditions"] = [
        {k: v for k, v in c.items() if not k.startswith("last")} for c in state.get("conditions") or ()
    ]
    return kept


class DaemonSets(Controller):
    """Keeps one pod of each DaemonSet on every node that it fits."""

    name = "daemonset-controller"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._sets = self.uses("daemonsets", "apps")
        self._pods = self.uses("pods")
        self._nodes = self.uses("nodes")

    async def sync(self) -> None:
        for item in list(self._sets.items.values()):
            if not item["metadata"].get("deletionTimestamp"):
                await self.attempt([self._one(item)])

    def _pod(self, item: Object, node: str) -> Object:
        pod = _pod_from(item, {"controller-revision-hash": template_hash(item["spec"]["template"])})
        spec = pod["spec"]
        field = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [field]}
        tolerations = spec.setdefault("tolerations", [])
        for key in ("not-ready", "unreachable"):
            tolerations.append(
                {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
            )
        for key in ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"):
            tolerations.append(
                {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoSchedule"}
            )
        return pod

    async def _one(self, item: Object) -> None:
        owned = [p for p in self._pods.items.values() if is_owned_by(p, item) and not meta.is_finished(p)]
        by_node = {_target(p): p for p in owned}
        wanted = []
        for node in self._nodes.items.values():
            pod = self._pod(item, meta.name_of(node))
            bare = {
                **pod,
                "spec": {k: v for k, v in pod["spec"].items() if k in ("nodeSelector", "tolerations")},
            }
            if not fit(bare, node, Cluster([node], [])).reasons:
                wanted.append(meta.name_of(node))
                if meta.name_of(node) not in by_node:
                    self._pods.put(await self.client.create(PODS, pod))
        revision = template_hash(item["spec"]["template"])
        for node_name, pod in by_node.items():
            current = selectors.labels_of(pod).get("controller-revision-hash") == revision
            rolling = item["spec"]["updateStrategy"]["type"] == "RollingUpdate"
            stale = rolling and not current and all(meta.is_ready(p) for p in owned)
            if (node_name not in wanted or stale) and not pod["metadata"].get("deletionTimestamp"):
                await self.client.delete(PODS, meta.namespace_of(pod), meta.name_of(pod))
                if stale:
                    break
        here = [p for n, p in by_node.items() if n in wanted]
        ready = sum(meta.is_ready(p) for p in here)
        updated = sum(selectors.labels_of(p).get("controller-revision-hash") == revision for p in here)
        state = {
            "currentNumberScheduled": len(here),
            "numberMisscheduled": len(by_node) - len(here),
            "desiredNumberScheduled": len(wanted),
            "numberReady": ready,
            "observedGeneration": item["metadata"].get("generation", 1),
            "updatedNumberScheduled": updated,
            "numberAvailable": ready,
            "numberUnavailable": len(wanted) - ready,
        }
        always = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
        state = {k: v for k, v in state.items() if v or k in always}
        if item.get("status") != state:
            self._sets.put(await self.client.update(DAEMON_SETS, {**item, "status": state}, "status"))


def _target(pod: Object) -> str:
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return str(terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])
