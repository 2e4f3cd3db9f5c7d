"""Admission: namespaces must exist and live, pods must fit Pod Security, services get an address, claims a class."""

from __future__ import annotations

import ipaddress
import json
import random
import time

from meshlab.emulate.kubernetes.objects import meta, status
from meshlab.emulate.kubernetes.objects.resources import BY_PATH, Resource
from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.storage import podsecurity
from meshlab.emulate.kubernetes.storage.reading import Reading
from meshlab.emulate.kubernetes.storage.store import KeyChanged, KeyExists, StorageUnavailable

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_TEMPLATED = {"StatefulSet", "Deployment", "ReplicaSet", "DaemonSet", "Job"}
_LOOKED_UP_LIVE_S = 30.0
"""A namespace deleted here is read from storage for so long, whatever the cache still says (the real server's rule)."""
_SYSTEM_NAMESPACES = {"default", "kube-system", "kube-public", "kube-node-lease"}


class Admission:
    """The admission chain of one API server.

    Parameters
    ----------
    service_network
        Where cluster IPs of services come from.
    pod_security
        Level enforced in namespaces without a label of their own, outside ``kube-system``.
    """

    def __init__(self, service_network: str = "10.96.0.0/12", pod_security: str = "baseline") -> None:
        self._network = ipaddress.ip_network(service_network)
        self._pod_security = pod_security
        self._stored: Reading | None = None
        self._deleted: dict[str, float] = {}

    def bind(self, stored: Reading) -> None:
        """Gives the chain what it reads from."""
        self._stored = stored

    @property
    def stored(self) -> Reading:
        """The objects of the server that this chain belongs to."""
        assert self._stored is not None
        return self._stored

    async def create(self, resource: Resource, item: Object, *, dry_run: bool) -> list[str]:
        """Completes and checks an object about to be created; gives warnings for the client.

        Raises
        ------
        ApiError
            403 or 404, when it may not be created.
        """
        namespace = None
        if resource.namespaced:
            namespace = await self._namespace(resource, item)
        if resource.kind == "Pod":
            await self._service_account(resource, item)
            await self._priority(item)
            self._pod_security_check(resource, item, namespace)
        if resource.kind == "Service":
            await self._allocate(item, dry_run)
        if resource.kind == "PersistentVolumeClaim":
            await self._default_class(item)
        if resource.kind in _TEMPLATED and namespace is not None:
            level = podsecurity.level_of(namespace, item["metadata"]["namespace"], self._pod_security)
            found = podsecurity.violations(item["spec"]["template"].get("spec") or {}, level)
            if found:
                return [f'would violate PodSecurity "{level}:latest": {", ".join(found)}']
        return []

    def update(self, resource: Resource, new: Object, old: Object) -> None:
        """Checks a change.

        Raises
        ------
        ApiError
            403, when it is not allowed.
        """
        if resource.kind == "Namespace" and old["metadata"].get("deletionTimestamp"):
            new.setdefault("status", {})["phase"] = "Terminating"

    def deleting(self, resource: Resource, name: str) -> None:
        """Notes that an object is being deleted here."""
        if resource.kind == "Namespace":
            self._deleted[name] = time.monotonic()

    async def undo(self, resource: Resource, item: Object) -> None:
        """Gives back what a deleted object held (a service's cluster IP)."""
        address = item.get("spec", {}).get("clusterIP") if resource.kind == "Service" else None
        if not address or address == "None":
            return
        key = self._address_key(address)
        try:
            found = await self.stored.storage.get(key)
            if found is not None and json.loads(found.value) == meta.key_of(item):
                await self.stored.storage.delete(key, found.revision)
        except (KeyChanged, StorageUnavailable):
            return

    async def _namespace(self, resource: Resource, item: Object) -> Object:
        name = item["metadata"]["namespace"]
        namespaces = BY_PATH[("", "v1", "namespaces")]
        recent = time.monotonic() - self._deleted.get(name, float("-inf")) < _LOOKED_UP_LIVE_S
        try:
            # from memory, as the real server does: a write must not wait for a read of its namespace
            known = None if recent else self.stored.cached(namespaces, "", name)
            namespace = known if known is not None else await self.stored.get(namespaces, "", name)
        except ApiError as error:
            if error.code == 404:
                raise status.not_found("namespaces", "", name) from None
            raise
        if namespace["metadata"].get("deletionTimestamp"):
            refusal = status.forbidden(
                resource.plural,
                resource.group,
                item["metadata"].get("name", ""),
                f"unable to create new content in namespace {name} because it is being terminated",
            )
            assert refusal.details is not None
            refusal.details["causes"] = [
                {
                    "reason": "NamespaceTerminating",
                    "message": f"namespace {name} is being terminated",
                    "field": "metadata.namespace",
                }
            ]
            raise refusal
        return namespace

    async def _service_account(self, resource: Resource, pod: Object) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]
        if (pod["metadata"].get("annotations") or {}).get("kubernetes.io/config.mirror"):
            return
        accounts = BY_PATH[("", "v1", "serviceaccounts")]
        try:
            await self.stored.get(accounts, namespace, name)
        except ApiError as error:
            if error.code != 404:
                raise
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise status.forbidden(resource.plural, "", pod["metadata"]["name"], why) from None

    async def _priority(self, pod: Object) -> None:
        name = pod["spec"].get("priorityClassName")
        if not name:
            return
        classes = BY_PATH[("scheduling.k8s.io", "v1", "priorityclasses")]
        try:
            found = await self.stored.get(classes, "", name)
        except ApiError as error:
            if error.code != 404:
                raise
            why = f"no PriorityClass with name {name} was found"
            raise status.forbidden("pods", "", pod["metadata"]["name"], why) from None
        pod["spec"]["priority"] = found["value"]

    def _pod_security_check(self, resource: Resource, pod: Object, namespace: Object | None) -> None:
        level = podsecurity.level_of(namespace, pod["metadata"]["namespace"], self._pod_security)
        found = podsecurity.violations(pod["spec"], level)
        if found:
            why = f'violates PodSecurity "{level}:latest": {", ".join(found)}'
            raise status.forbidden(resource.plural, "", pod["metadata"]["name"], why)

    async def _allocate(self, service: Object, dry_run: bool) -> None:
        spec = service["spec"]
        if spec["type"] == "ExternalName" or spec.get("clusterIP") == "None":
            if spec.get("clusterIP") == "None":
                spec["clusterIPs"] = ["None"]
            return
        wanted = spec.get("clusterIP")
        owner = json.dumps(meta.key_of(service)).encode()
        chooser = random.Random()
        while True:
            address = wanted or str(self._network[chooser.randrange(256, self._network.num_addresses - 1)])
            if not dry_run:
                try:
                    await self.stored.storage.create(self._address_key(address), owner)
                except KeyExists:
                    if wanted:
                        cause = (
                            "spec.clusterIPs",
                            "FieldValueInvalid",
                            f'Invalid value: ["{wanted}"]: failed to allocate IP {wanted}: '
                            "provided IP is already allocated",
                        )
                        raise status.invalid("Service", "", meta.name_of(service), [cause]) from None
                    continue
                except StorageUnavailable:
                    raise status.storage_timed_out() from None
            spec["clusterIP"], spec["clusterIPs"] = address, [address]
            return

    @staticmethod
    def _address_key(address: str) -> str:
        return f"/registry/ranges/serviceips/{address}"

    async def _default_class(self, claim: Object) -> None:
        if claim["spec"].get("storageClassName") is not None:
            return
        classes = BY_PATH[("storage.k8s.io", "v1", "storageclasses")]
        found = await self.stored.list(classes, "", lambda item: _is_default(item))
        if found["items"]:
            newest = max(found["items"], key=lambda i: i["metadata"]["creationTimestamp"])
            claim["spec"]["storageClassName"] = newest["metadata"]["name"]


def _is_default(item: Object) -> bool:
    return (item["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"


def may_delete_namespace(name: str) -> ApiError | None:
    """The refusal to delete a namespace that the cluster cannot do without."""
    if name in _SYSTEM_NAMESPACES:
        return status.forbidden("namespaces", "", name, "this namespace may not be deleted")
    return None
