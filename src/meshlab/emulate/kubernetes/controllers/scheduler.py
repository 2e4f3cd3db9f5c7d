"""The scheduler: takes pods without a node one by one, binds each to the best node that fits."""

from __future__ import annotations

import time

from meshlab.emulate.kubernetes.client.client import STRATEGIC, KubeError
from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import Controller, Recorder
from meshlab.emulate.kubernetes.controllers.scheduling import Cluster, Fit, failure_message, fit, pod_problem
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

PODS = BY_PATH[("", "v1", "pods")]
VOLUMES = BY_PATH[("", "v1", "persistentvolumes")]
_ASSUMED_S = 30.0


class Scheduler(Controller):
    """Binds pods to nodes, and the volumes of their claims with them."""

    name = "scheduler"
    resync_s = 60.0

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._pods = self.uses("pods")
        self._nodes = self.uses("nodes")
        self._volumes = self.uses("persistentvolumes")
        self._claims = self.uses("persistentvolumeclaims")
        self._classes = self.uses("storageclasses", "storage.k8s.io")
        self._recorder = Recorder(self.client, "default-scheduler")
        self._assumed: dict[str, tuple[str, float]] = {}
        self._refused: dict[str, str] = {}

    async def sync(self) -> None:
        waiting = [
            p
            for p in self._pods.items.values()
            if not p["spec"].get("nodeName")
            and not p["metadata"].get("deletionTimestamp")
            and not meta.is_finished(p)
            and not p["spec"].get("schedulingGates")
            and p["spec"].get("schedulerName", "default-scheduler") == "default-scheduler"
            and p["metadata"]["uid"] not in self._assumed
        ]
        order = sorted(
            waiting,
            key=lambda p: (-p["spec"].get("priority", 0), p["metadata"]["creationTimestamp"], meta.key_of(p)),
        )
        for pod in order:
            await self._schedule(pod)

    def _present(self) -> Cluster:
        now = time.monotonic()
        pods = []
        for pod in self._pods.items.values():
            assumed = self._assumed.get(pod["metadata"]["uid"])
            if pod["spec"].get("nodeName"):
                self._assumed.pop(pod["metadata"]["uid"], None)
            elif assumed is not None and now - assumed[1] < _ASSUMED_S:
                pod = {**pod, "spec": {**pod["spec"], "nodeName": assumed[0]}}
            pods.append(pod)
        self._assumed = {u: a for u, a in self._assumed.items() if now - a[1] < _ASSUMED_S}
        return Cluster(
            [self._nodes.items[n] for n in sorted(self._nodes.items)],
            pods,
            self._volumes.items,
            self._claims.items,
            self._classes.items,
        )

    async def _schedule(self, pod: Object) -> None:
        cluster = self._present()
        problem = pod_problem(pod, cluster)
        total = len(cluster.nodes)
        if problem is not None:
            helpless = f"preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
            await self._refuse(pod, f"0/{total} nodes are available: {problem}. {helpless}")
            return
        fits: list[tuple[Object, Fit]] = [(n, fit(pod, n, cluster)) for n in cluster.nodes]
        good = [(n, f) for n, f in fits if not f.reasons]
        if not good:
            await self._refuse(pod, failure_message(total, [r for _, f in fits for r in f.reasons]))
            return
        node, chosen = min(good, key=lambda pair: (len(cluster.on(pair[0])), meta.name_of(pair[0])))
        await self._bind(pod, meta.name_of(node), chosen)

    async def _bind(self, pod: Object, node: str, chosen: Fit) -> None:
        """Promises volumes to the pod's claims first; the pod follows once the binder has bound them."""
        for claim_key, volume_name in chosen.volumes:
            claim = self._claims.items[claim_key]
            volume = self._volumes.items[volume_name]
            if (volume["spec"].get("claimRef") or {}).get("uid") == claim["metadata"]["uid"]:
                continue
            reference = {
                "kind": "PersistentVolumeClaim",
                "apiVersion": "v1",
                "namespace": meta.namespace_of(claim),
                "name": meta.name_of(claim),
                "uid": claim["metadata"]["uid"],
                "resourceVersion": claim["metadata"]["resourceVersion"],
            }
            body = {
                "metadata": {
                    "resourceVersion": volume["metadata"]["resourceVersion"],
                    "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"},
                },
                "spec": {"claimRef": reference},
            }
            self._volumes.put(await self.client.patch(VOLUMES, "", volume_name, body, kind=STRATEGIC))
        if chosen.volumes:
            return
        namespace, name = meta.namespace_of(pod), meta.name_of(pod)
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": pod["metadata"]["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/binding"
        try:
            await self.client.request("POST", path, body=binding)
        except KubeError as error:
            if error.code not in (404, 409):
                raise
            return
        self._assumed[pod["metadata"]["uid"]] = (node, time.monotonic())
        self._refused.pop(pod["metadata"]["uid"], None)
        message = f"Successfully assigned {namespace}/{name} to {node}"
        await self._recorder.event(pod, "Normal", "Scheduled", message)

    async def _refuse(self, pod: Object, message: str) -> None:
        uid = pod["metadata"]["uid"]
        if self._refused.get(uid) == message:
            return
        self._refused[uid] = message
        await self._recorder.event(pod, "Warning", "FailedScheduling", message)
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": meta.now(),
        }
        body = {"status": {"conditions": [condition]}}
        try:
            await self.client.patch(PODS, meta.namespace_of(pod), meta.name_of(pod), body, "status")
        except KubeError as error:
            if error.code not in (404, 409):
                raise
