"""What must go: pods without a node, content of namespaces that end, objects whose owners are gone."""

from __future__ import annotations

import asyncio

from meshlab.emulate.kubernetes.client.client import KubeError
from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import Controller
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH, Resource, stored
from meshlab.emulate.kubernetes.objects.status import Object

PODS = BY_PATH[("", "v1", "pods")]
NAMESPACES = BY_PATH[("", "v1", "namespaces")]
ACCOUNTS = BY_PATH[("", "v1", "serviceaccounts")]
CONFIG_MAPS = BY_PATH[("", "v1", "configmaps")]
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_ORPHAN_AFTER_S = 40.0
_OWNED = (
    ("pods", ""),
    ("replicasets", "apps"),
    ("controllerrevisions", "apps"),
    ("endpointslices", "discovery.k8s.io"),
    ("persistentvolumeclaims", ""),
)
_OWNERS = (
    ("statefulsets", "apps"),
    ("deployments", "apps"),
    ("replicasets", "apps"),
    ("daemonsets", "apps"),
    ("services", ""),
    ("nodes", ""),
    ("pods", ""),
)


class PodGarbage(Controller):
    """Removes pods that no kubelet can end: their node is gone or declared out of service, or they never had one."""

    name = "pod-garbage-collector"
    resync_s = 20.0

    def __init__(self, informers: Informers, orphan_after_s: float = _ORPHAN_AFTER_S) -> None:
        super().__init__(informers)
        self._pods = self.uses("pods")
        self._nodes = self.uses("nodes")
        self._orphan_after_s = orphan_after_s
        self._orphaned: dict[str, float] = {}

    async def sync(self) -> None:
        now = asyncio.get_running_loop().time()
        for pod in list(self._pods.items.values()):
            name = pod["spec"].get("nodeName")
            leaving = bool(pod["metadata"].get("deletionTimestamp"))
            node = self._nodes.items.get(name or "")
            if name and node is None:
                since = self._orphaned.setdefault(name, now)
                if now - since >= self._orphan_after_s:
                    await self._force(pod)
            elif leaving and (not name or (node is not None and _out_of_service(node))):
                await self._force(pod)
        self._orphaned = {n: t for n, t in self._orphaned.items() if n not in self._nodes.items}
        if self._orphaned:
            wait = max(0.05, self._orphan_after_s - (now - min(self._orphaned.values())))
            asyncio.get_running_loop().call_later(wait, self.again)

    async def _force(self, pod: Object) -> None:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        await self.attempt([self.client.delete(PODS, meta.namespace_of(pod), meta.name_of(pod), options)])


def _out_of_service(node: Object) -> bool:
    ready = meta.condition(node, "Ready")
    tainted = any(t["key"] == OUT_OF_SERVICE for t in node["spec"].get("taints") or ())
    return tainted and (ready is None or ready["status"] != "True")


class Namespaces(Controller):
    """Empties namespaces that are being deleted; gives every living one its default account and CA."""

    name = "namespace-controller"
    resync_s = 10.0

    def __init__(self, informers: Informers, authority: bytes) -> None:
        super().__init__(informers)
        self._namespaces = self.uses("namespaces")
        self._accounts = self.uses("serviceaccounts")
        self._maps = self.uses("configmaps")
        self._authority = authority

    async def sync(self) -> None:
        for namespace in list(self._namespaces.items.values()):
            if namespace["metadata"].get("deletionTimestamp"):
                await self.attempt([self._empty(namespace)])
            else:
                await self.attempt([self._furnish(meta.name_of(namespace))])

    async def _furnish(self, name: str) -> None:
        if self._accounts.get(name, "default") is None:
            metadata = {"name": "default", "namespace": name}
            body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
            self._accounts.put(await self.client.create(ACCOUNTS, body))
        if self._maps.get(name, "kube-root-ca.crt") is None:
            metadata = {"name": "kube-root-ca.crt", "namespace": name}
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata,
                "data": {"ca.crt": self._authority.decode()},
            }
            self._maps.put(await self.client.create(CONFIG_MAPS, body))

    async def _empty(self, namespace: Object) -> None:
        name = meta.name_of(namespace)
        left = 0
        for resource in stored():
            if not resource.namespaced:
                continue
            found = await self.client.list(resource, name)
            left += len(found["items"])
            for item in found["items"]:
                if not item["metadata"].get("deletionTimestamp"):
                    await self.attempt(
                        [
                            self.client.delete(
                                resource, name, meta.name_of(item), {"propagationPolicy": "Background"}
                            )
                        ]
                    )
        if left:
            asyncio.get_running_loop().call_later(0.3, self.again)
            return
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name},
            "spec": {"finalizers": []},
        }
        await self.client.request("PUT", f"/api/v1/namespaces/{name}/finalize", body=body)


class GarbageCollector(Controller):
    """Deletes objects all of whose owners are gone; finishes foreground and orphan deletions."""

    name = "garbage-collector"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._owned = [self.uses(p, g) for p, g in _OWNED]
        self._owners = [self.uses(p, g) for p, g in _OWNERS]
        self._kinds = {i.resource.kind for i in self._owners}

    async def sync(self) -> None:
        present = {i["metadata"]["uid"] for informer in self._owners for i in informer.items.values()}
        for informer in self._owned:
            for item in list(informer.items.values()):
                references = item["metadata"].get("ownerReferences") or []
                known = [r for r in references if r["kind"] in self._kinds]
                if (
                    not references
                    or len(known) != len(references)
                    or item["metadata"].get("deletionTimestamp")
                ):
                    continue
                if not any(r["uid"] in present for r in references):
                    await self.attempt([self._collect(informer.resource, item, known[0])])
        for informer in self._owners:
            for owner in list(informer.items.values()):
                if owner["metadata"].get("deletionTimestamp"):
                    await self.attempt([self._finish(informer.resource, owner)])

    async def _collect(self, resource: Resource, item: Object, reference: Object) -> None:
        """Deletes an object after asking the API, not the copy, whether its owner is really gone."""
        owner = next(i.resource for i in self._owners if i.resource.kind == reference["kind"])
        namespace = meta.namespace_of(item)
        try:
            found = await self.client.get(owner, namespace, reference["name"])
            if found["metadata"]["uid"] == reference["uid"]:
                return
        except KubeError as error:
            if error.code != 404:
                raise
        options = {"propagationPolicy": "Background", "preconditions": {"uid": item["metadata"]["uid"]}}
        await self.client.delete(resource, namespace, meta.name_of(item), options)

    async def _finish(self, resource: Resource, owner: Object) -> None:
        finalizers = owner["metadata"].get("finalizers") or []
        mine = [f for f in finalizers if f in ("orphan", "foregroundDeletion")]
        if not mine:
            return
        uid = owner["metadata"]["uid"]
        waiting = False
        for informer in self._owned:
            for item in list(informer.items.values()):
                references = item["metadata"].get("ownerReferences") or []
                if not any(r["uid"] == uid for r in references):
                    continue
                namespace, name = meta.namespace_of(item), meta.name_of(item)
                if "orphan" in mine:
                    left = [r for r in references if r["uid"] != uid]
                    body = {**item, "metadata": {**item["metadata"], "ownerReferences": left}}
                    await self.client.update(informer.resource, body)
                else:
                    waiting = True
                    if not item["metadata"].get("deletionTimestamp"):
                        await self.client.delete(
                            informer.resource, namespace, name, {"propagationPolicy": "Background"}
                        )
        if waiting:
            return
        left = [f for f in finalizers if f not in mine]
        await self.client.update(resource, {**owner, "metadata": {**owner["metadata"], "finalizers": left}})
