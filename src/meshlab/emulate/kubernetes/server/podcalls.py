"""Subresources that act: binding, eviction, scale."""

from __future__ import annotations

from typing import Any

from meshlab.emulate.kubernetes.objects import meta, selectors, status
from meshlab.emulate.kubernetes.objects.resources import Resource, resource_named
from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.storage.registry import Registry, Writing, Written


async def bind(registry: Registry, namespace: str, name: str, body: Object, how: Writing) -> None:
    """Assigns a pod to a node, once.

    Raises
    ------
    ApiError
        409, when the pod has a node already.
    """
    target = (body.get("target") or {}).get("name", "")
    if not target:
        raise status.invalid("Binding", "", name, [("target.name", "FieldValueRequired", "Required value")])

    def assign(pod: Object) -> Object:
        node = pod["spec"].get("nodeName")
        if pod["metadata"].get("deletionTimestamp"):
            raise status.conflict(
                "pods/binding", "", name, f"pod {name} is being deleted, cannot be assigned to a host"
            )
        if node:
            raise status.conflict(
                "pods/binding", "", name, f'pod {name} is already assigned to node "{node}"'
            )
        pod["spec"]["nodeName"] = target
        _set_condition(pod, {"type": "PodScheduled", "status": "True", "lastTransitionTime": meta.now()})
        return pod

    pods = resource_named("pods")
    found = await registry._get(pods, namespace, name)
    if found is None:
        raise status.not_found("pods", "", name)
    await write_raw(registry, pods, namespace, name, assign)


def _set_condition(pod: Object, condition: Object) -> None:
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    conditions[:] = [c for c in conditions if c["type"] != condition["type"]] + [condition]


async def write_raw(registry: Registry, resource: Resource, namespace: str, name: str, change: Any) -> Object:
    """Changes a stored object past the field rules of ordinary updates (the server's own hand)."""
    from meshlab.emulate.kubernetes.storage.store import KeyChanged
    from meshlab.emulate.kubernetes.storage.watchcache import decode, encode

    while True:
        found = await registry._get(resource, namespace, name)
        if found is None:
            raise status.not_found(resource.plural, resource.group, name)
        item: Object = change(decode(found.value, found.revision))
        try:
            revision = await registry._stored(
                registry.storage.update(found.key, encode(item), found.revision)
            )
        except KeyChanged:
            continue
        item["metadata"]["resourceVersion"] = str(revision)
        return item


async def evict(registry: Registry, namespace: str, name: str, body: Object, how: Writing) -> None:
    """Deletes a pod if its disruption budget allows it now.

    Raises
    ------
    ApiError
        429 when the budget does not allow it, 500 when several budgets cover the pod.
    """
    options = dict(body.get("deleteOptions") or {})
    pods = resource_named("pods")
    pod = await registry.get(pods, namespace, name)
    free = meta.is_finished(pod) or pod["metadata"].get("deletionTimestamp")
    if not free and pod["status"].get("phase") != "Pending":
        budgets = await registry.list(
            resource_named("poddisruptionbudgets"),
            namespace,
            lambda b: selectors.matches(b["spec"].get("selector"), selectors.labels_of(pod)),
        )
        if len(budgets["items"]) > 1:
            raise ApiError(
                500,
                "InternalError",
                "Internal error occurred: This pod has more than one PodDisruptionBudget, "
                "which the eviction subresource does not support.",
            )
        if budgets["items"]:
            await _spend(registry, namespace, pod, meta.name_of(budgets["items"][0]), how)
    if how.dry_run:
        return
    options["preconditions"] = {"uid": pod["metadata"]["uid"], **(options.get("preconditions") or {})}
    await registry.delete(pods, namespace, name, options, how)


async def _spend(registry: Registry, namespace: str, pod: Object, budget_name: str, how: Writing) -> None:
    def take(budget: Object) -> Object:
        state = budget.setdefault("status", {})
        message = "Cannot evict pod as it would violate the pod's disruption budget."
        if state.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
            cause = f"The disruption budget {budget_name} is still being processed by the server."
            raise status.too_many_requests(message, cause, 10)
        healthy, wanted = state.get("currentHealthy", 0), state.get("desiredHealthy", 0)
        always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        if not meta.is_ready(pod) and (always or (wanted > 0 and healthy >= wanted)):
            return budget
        if state.get("disruptionsAllowed", 0) <= 0:
            cause = (
                f"The disruption budget {budget_name} needs {wanted} healthy pods and has {healthy} currently"
            )
            raise status.too_many_requests(message, cause)
        if not how.dry_run:
            state["disruptionsAllowed"] -= 1
            state.setdefault("disruptedPods", {})[meta.name_of(pod)] = meta.now()
        return budget

    await write_raw(registry, resource_named("poddisruptionbudgets"), namespace, budget_name, take)


def scale_of(resource: Resource, item: Object) -> Object:
    """The Scale object of a workload."""
    selector = item["spec"].get("selector") or {}
    metadata = {
        k: item["metadata"][k]
        for k in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if k in item["metadata"]
    }
    text = ",".join(f"{k}={v}" for k, v in sorted((selector.get("matchLabels") or {}).items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": item["spec"].get("replicas", 1)},
        "status": {"replicas": item.get("status", {}).get("replicas", 0), "selector": text},
    }


async def rescale(
    registry: Registry, resource: Resource, namespace: str, name: str, change: Any, how: Writing
) -> Written:
    """Changes the number of replicas through the scale subresource."""

    def scaled(item: Object) -> Object:
        wanted = change(scale_of(resource, item))
        version = wanted.get("metadata", {}).get("resourceVersion")
        if version and version != item["metadata"]["resourceVersion"]:
            raise status.conflict(resource.plural, resource.group, name)
        item["spec"]["replicas"] = int((wanted.get("spec") or {}).get("replicas", 0))
        return item

    written = await registry.update(resource, namespace, name, scaled, how)
    return Written(scale_of(resource, written.item), False, written.warnings)
