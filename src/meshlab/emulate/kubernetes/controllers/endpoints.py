"""Endpoints and EndpointSlices: the addresses of the ready pods behind each service."""

from __future__ import annotations

from meshlab.emulate.kubernetes.client.client import KubeError
from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import Controller, owner_reference
from meshlab.emulate.kubernetes.objects import meta, selectors
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

ENDPOINTS = BY_PATH[("", "v1", "endpoints")]
SLICES = BY_PATH[("discovery.k8s.io", "v1", "endpointslices")]


class Endpoints(Controller):
    """Keeps Endpoints and one EndpointSlice per service that has a selector."""

    name = "endpoint-controller"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._services = self.uses("services")
        self._pods = self.uses("pods")
        self._endpoints = self.uses("endpoints")
        self._slices = self.uses("endpointslices", "discovery.k8s.io")

    async def sync(self) -> None:
        for service in list(self._services.items.values()):
            if service["spec"].get("selector") and service["spec"].get("type") != "ExternalName":
                await self.attempt([self._one(service)])
        for key, item in list(self._endpoints.items.items()):
            if key not in self._services.items and key != "default/kubernetes":
                await self.attempt(
                    [self.client.delete(ENDPOINTS, meta.namespace_of(item), meta.name_of(item))]
                )

    def _behind(self, service: Object) -> list[Object]:
        wanted = {"matchLabels": service["spec"]["selector"]}
        found = [
            p
            for p in self._pods.items.values()
            if meta.namespace_of(p) == meta.namespace_of(service)
            and selectors.matches(wanted, selectors.labels_of(p))
            and p.get("status", {}).get("podIP")
            and not meta.is_finished(p)
        ]
        return sorted(found, key=meta.name_of)

    async def _one(self, service: Object) -> None:
        unready_too = bool(service["spec"].get("publishNotReadyAddresses"))
        pods = self._behind(service)
        good = [
            p
            for p in pods
            if (meta.is_ready(p) and not p["metadata"].get("deletionTimestamp")) or unready_too
        ]
        bad = [p for p in pods if p not in good]
        await self._write_endpoints(service, good, bad)
        await self._write_slice(service, pods, unready_too)

    async def _write_endpoints(self, service: Object, good: list[Object], bad: list[Object]) -> None:
        subset: Object = {}
        if good:
            subset["addresses"] = [_address(p) for p in good]
        if bad:
            subset["notReadyAddresses"] = [_address(p) for p in bad]
        ports = [
            {
                k: v
                for k, v in (
                    ("name", p.get("name")),
                    ("port", _port(p, good + bad)),
                    ("protocol", p["protocol"]),
                )
                if v
            }
            for p in service["spec"].get("ports") or ()
        ]
        if ports:
            subset["ports"] = ports
        subsets = [subset] if good or bad else []
        old = self._endpoints.get(meta.namespace_of(service), meta.name_of(service))
        if old is not None and (old.get("subsets") or []) == subsets:
            return
        body: Object = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {
                "name": meta.name_of(service),
                "namespace": meta.namespace_of(service),
                "labels": service["metadata"].get("labels") or {},
            },
            "subsets": subsets,
        }
        if old is None:
            self._endpoints.put(await self.client.create(ENDPOINTS, body))
        else:
            body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            self._endpoints.put(await self.client.update(ENDPOINTS, body))

    async def _write_slice(self, service: Object, pods: list[Object], unready_too: bool) -> None:
        name = f"{meta.name_of(service)}-{service['metadata']['uid'][:5]}"
        endpoints = []
        for pod in pods:
            leaving = bool(pod["metadata"].get("deletionTimestamp"))
            ready = meta.is_ready(pod)
            endpoints.append(
                {
                    "addresses": [pod["status"]["podIP"]],
                    "conditions": {
                        "ready": (ready and not leaving) or unready_too,
                        "serving": ready,
                        "terminating": leaving,
                    },
                    "nodeName": pod["spec"].get("nodeName", ""),
                    "targetRef": _reference(pod),
                }
            )
        body: Object = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": meta.namespace_of(service),
                "labels": {
                    "kubernetes.io/service-name": meta.name_of(service),
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                },
                "ownerReferences": [owner_reference({"apiVersion": "v1", "kind": "Service", **service})],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [
                {"name": p.get("name", ""), "port": _port(p, pods), "protocol": p["protocol"]}
                for p in service["spec"].get("ports") or ()
            ],
        }
        old = self._slices.get(meta.namespace_of(service), name)
        if old is None:
            try:
                self._slices.put(await self.client.create(SLICES, body))
            except KubeError as error:
                if error.code != 409:
                    raise
        elif (old.get("endpoints") or []) != endpoints or old.get("ports") != body["ports"]:
            body["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            self._slices.put(await self.client.update(SLICES, body))


def _reference(pod: Object) -> Object:
    return {
        "kind": "Pod",
        "namespace": meta.namespace_of(pod),
        "name": meta.name_of(pod),
        "uid": pod["metadata"]["uid"],
    }


def _address(pod: Object) -> Object:
    found: Object = {"ip": pod["status"]["podIP"], "targetRef": _reference(pod)}
    if pod["spec"].get("nodeName"):
        found["nodeName"] = pod["spec"]["nodeName"]
    if pod["spec"].get("hostname"):
        found["hostname"] = pod["spec"]["hostname"]
    return found


def _port(port: Object, pods: list[Object]) -> int:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for pod in pods:
        for container in pod["spec"]["containers"]:
            for own in container.get("ports") or ():
                if own.get("name") == target:
                    return int(own["containerPort"])
    return int(port["port"])
