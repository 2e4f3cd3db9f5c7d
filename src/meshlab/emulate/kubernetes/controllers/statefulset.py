"""StatefulSets: pods with a number, a name and claims of their own."""

from __future__ import annotations

import copy
import hashlib
import json
import re

from meshlab.emulate.kubernetes.client.client import KubeError
from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import Controller, Recorder, is_owned_by, owner_reference
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

SETS = BY_PATH[("apps", "v1", "statefulsets")]
PODS = BY_PATH[("", "v1", "pods")]
CLAIMS = BY_PATH[("", "v1", "persistentvolumeclaims")]
REVISIONS = BY_PATH[("apps", "v1", "controllerrevisions")]
_REVISION = "controller-revision-hash"


def template_hash(template: Object) -> str:
    """A short stable hash of a pod template, in the alphabet of generated names."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join("bcdfghjklmnpqrstvwxz2456789"[b % 27] for b in digest[:10])


def ordinal(name: str) -> int:
    """The number of a pod of a set; -1 when the name has none."""
    match = re.search(r"-(\d+)$", name)
    return int(match[1]) if match else -1


class StatefulSets(Controller):
    """Keeps the pods of StatefulSets."""

    name = "statefulset-controller"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._sets = self.uses("statefulsets", "apps")
        self._pods = self.uses("pods")
        self._claims = self.uses("persistentvolumeclaims")
        self._recorder = Recorder(self.client, "statefulset-controller")
        self._refused: dict[str, str] = {}
        self._known_revisions: set[tuple[str, str]] = set()

    async def sync(self) -> None:
        for item in list(self._sets.items.values()):
            if not item["metadata"].get("deletionTimestamp"):
                await self.attempt([self._sync(item)])

    async def _sync(self, item: Object) -> None:
        spec = item["spec"]
        update = f"{meta.name_of(item)}-{template_hash(spec['template'])}"
        pods = {
            ordinal(meta.name_of(p)): p
            for p in self._pods.items.values()
            if is_owned_by(p, item) and not meta.is_finished(p)
        }
        await self._revision(item, update)
        await self._replace_failed(item)
        current = item.get("status", {}).get("currentRevision") or update
        first = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(first, first + spec.get("replicas", 1))
        await self._scale(item, pods, wanted, update, current)
        await self._roll(item, pods, wanted, update)
        await self._status(item, update, current, wanted)

    async def _revision(self, item: Object, name: str) -> None:
        known = self._known_revisions
        if (item["metadata"]["uid"], name) in known:
            return
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": meta.namespace_of(item),
                "labels": {**(item["spec"]["template"]["metadata"].get("labels") or {}), _REVISION: name},
                "ownerReferences": [owner_reference(item)],
            },
            "revision": len(known) + 1,
            "data": {"spec": {"template": {**item["spec"]["template"], "$patch": "replace"}}},
        }
        try:
            await self.client.create(REVISIONS, body)
        except KubeError as error:
            if error.code != 409:
                raise
        known.add((item["metadata"]["uid"], name))

    async def _replace_failed(self, item: Object) -> None:
        for pod in list(self._pods.items.values()):
            if (
                is_owned_by(pod, item)
                and meta.is_finished(pod)
                and not pod["metadata"].get("deletionTimestamp")
            ):
                await self.attempt([self._remove(item, pod)])

    async def _scale(
        self, item: Object, pods: dict[int, Object], wanted: range, update: str, current: str
    ) -> None:
        parallel = item["spec"].get("podManagementPolicy") == "Parallel"
        partition = (item["spec"]["updateStrategy"].get("rollingUpdate") or {}).get("partition", 0)
        for number in wanted:
            pod = pods.get(number)
            if pod is None:
                on_delete = item["spec"]["updateStrategy"]["type"] == "OnDelete"
                revision = update if on_delete or number >= partition or current == update else current
                pods[number] = await self._create(item, number, revision)
                pod = pods[number]
            if not parallel and (pod["metadata"].get("deletionTimestamp") or not meta.is_ready(pod)):
                return
        surplus = sorted((n for n in pods if n not in wanted), reverse=True)
        for number in surplus:
            if not pods[number]["metadata"].get("deletionTimestamp"):
                await self._remove(item, pods[number])
            if not parallel:
                return

    async def _roll(self, item: Object, pods: dict[int, Object], wanted: range, update: str) -> None:
        strategy = item["spec"]["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for number in reversed(wanted):
            pod = pods.get(number)
            if pod is None or pod["metadata"].get("deletionTimestamp"):
                return
            outdated = (pod["metadata"].get("labels") or {}).get(_REVISION) != update
            if outdated and number >= partition:
                await self._remove(item, pod)
                return
            if not meta.is_ready(pod):
                return

    async def _remove(self, item: Object, pod: Object) -> None:
        await self.client.delete(PODS, meta.namespace_of(pod), meta.name_of(pod))
        text = f"delete Pod {meta.name_of(pod)} in StatefulSet {meta.name_of(item)} successful"
        await self._recorder.event(item, "Normal", "SuccessfulDelete", text)

    async def _create(self, item: Object, number: int, revision: str) -> Object:
        name = f"{meta.name_of(item)}-{number}"
        await self._create_claims(item, number)
        try:
            pod = await self.client.create(PODS, self._pod(item, name, number, revision))
        except KubeError as error:
            if error.code == 409:
                raise
            text = f"create Pod {name} in StatefulSet {meta.name_of(item)} failed error: {error}"
            if self._refused.get(item["metadata"]["uid"]) != text:
                self._refused[item["metadata"]["uid"]] = text
                await self._recorder.event(item, "Warning", "FailedCreate", text)
            raise
        self._pods.put(pod)
        text = f"create Pod {name} in StatefulSet {meta.name_of(item)} successful"
        await self._recorder.event(item, "Normal", "SuccessfulCreate", text)
        return pod

    def _claim_name(self, template: Object, item: Object, number: int) -> str:
        return f"{template['metadata']['name']}-{meta.name_of(item)}-{number}"

    async def _create_claims(self, item: Object, number: int) -> None:
        namespace = meta.namespace_of(item)
        for template in item["spec"].get("volumeClaimTemplates") or ():
            name = self._claim_name(template, item, number)
            if self._claims.get(namespace, name) is not None:
                continue
            labels = {
                **(item["spec"]["selector"].get("matchLabels") or {}),
                **(template["metadata"].get("labels") or {}),
            }
            metadata = {**template["metadata"], "name": name, "namespace": namespace, "labels": labels}
            claim = {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": metadata,
                "spec": template["spec"],
            }
            try:
                self._claims.put(await self.client.create(CLAIMS, claim))
            except KubeError as error:
                if error.code != 409:
                    raise
                continue
            text = f"create Claim {name} Pod {meta.name_of(item)}-{number} in StatefulSet {meta.name_of(item)} success"
            await self._recorder.event(item, "Normal", "SuccessfulCreate", text)

    def _pod(self, item: Object, name: str, number: int, revision: str) -> Object:
        template = copy.deepcopy(item["spec"]["template"])
        metadata = template.setdefault("metadata", {})
        metadata |= {
            "name": name,
            "namespace": meta.namespace_of(item),
            "ownerReferences": [owner_reference(item)],
        }
        metadata["labels"] = {
            **(metadata.get("labels") or {}),
            "apps.kubernetes.io/pod-index": str(number),
            _REVISION: revision,
            "statefulset.kubernetes.io/pod-name": name,
        }
        spec = template["spec"]
        spec["hostname"] = name
        spec["subdomain"] = item["spec"].get("serviceName", "")
        claims = {t["metadata"]["name"]: t for t in item["spec"].get("volumeClaimTemplates") or ()}
        volumes = [v for v in spec.get("volumes") or () if v["name"] not in claims]
        volumes += [
            {"name": n, "persistentVolumeClaim": {"claimName": self._claim_name(t, item, number)}}
            for n, t in claims.items()
        ]
        if volumes:
            spec["volumes"] = volumes
        return {"apiVersion": "v1", "kind": "Pod", **template}

    async def _status(self, item: Object, update: str, current: str, wanted: range) -> None:
        pods = [p for p in self._pods.items.values() if is_owned_by(p, item) and not meta.is_finished(p)]
        live = [p for p in pods if not p["metadata"].get("deletionTimestamp")]

        def at(revision: str) -> int:
            return sum((p["metadata"].get("labels") or {}).get(_REVISION) == revision for p in live)

        ready = sum(meta.is_ready(p) for p in pods)
        done = at(update) == len(wanted) == len(pods) and ready == len(wanted)
        if done:
            current = update
        state = {
            "observedGeneration": item["metadata"].get("generation", 1),
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": at(current),
            "updatedReplicas": at(update),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        state = {
            k: v for k, v in state.items() if v or k in ("replicas", "availableReplicas", "collisionCount")
        }
        if item.get("status") == state:
            return
        changed = await self.client.update(SETS, {**item, "status": state}, "status")
        self._sets.put(changed)
