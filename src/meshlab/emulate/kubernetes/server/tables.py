"""Tables: what ``kubectl get`` prints, computed by the server with the real one's columns."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import Resource
from meshlab.emulate.kubernetes.objects.status import Object

Cell = Any
Column = tuple[str, str, int]
"""(name, type, priority); priority 1 is shown only with ``-o wide``."""


def age(stamp: str | None) -> str:
    """How long ago, as kubectl words it (``5d3h``)."""
    if not stamp:
        return "<unknown>"
    return duration(time.time() - meta.parse_time(stamp))


def duration(seconds: float) -> str:
    """A duration in kubectl's short words."""
    total = int(max(0.0, seconds))
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return f"{minutes}m{total % 60}s" if total % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y{days % 365}d"


def pod_reason(pod: Object) -> str:
    """The STATUS column of a pod."""
    status = pod.get("status", {})
    reason = status.get("reason") or status.get("phase", "Unknown")
    statuses = status.get("containerStatuses") or []
    for entry in reversed(statuses):
        state = entry.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif "terminated" in state:
            ended = state["terminated"]
            reason = ended.get("reason") or f"ExitCode:{ended.get('exitCode', 0)}"
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return str(reason)


def _restarts(pod: Object) -> str:
    statuses = pod.get("status", {}).get("containerStatuses") or []
    count = sum(s.get("restartCount", 0) for s in statuses)
    ended = [
        s["lastState"]["terminated"]["finishedAt"]
        for s in statuses
        if (s.get("lastState") or {}).get("terminated", {}).get("finishedAt")
    ]
    return f"{count} ({age(max(ended))} ago)" if count and ended else str(count)


def _pod(pod: Object) -> list[Cell]:
    status, spec = pod.get("status", {}), pod.get("spec", {})
    statuses = status.get("containerStatuses") or []
    ready = sum(bool(s.get("ready")) for s in statuses)
    return [
        f"{ready}/{len(spec.get('containers') or ())}",
        pod_reason(pod),
        _restarts(pod),
        age(pod["metadata"].get("creationTimestamp")),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        "<none>",
    ]


def node_roles(node: Object) -> str:
    """The ROLES column of a node."""
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(k.removeprefix(prefix) for k in labels if k.startswith(prefix))) or "<none>"


def _node(node: Object) -> list[Cell]:
    ready = meta.condition(node, "Ready")
    words = [
        "Unknown"
        if ready is None
        else {"True": "Ready", "False": "NotReady"}.get(ready["status"], "NotReady")
    ]
    if node.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    status = node.get("status", {})
    info = status.get("nodeInfo") or {}
    addresses = {a["type"]: a["address"] for a in status.get("addresses") or ()}
    return [
        ",".join(words),
        node_roles(node),
        age(node["metadata"].get("creationTimestamp")),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def _selector(selector: Object | None) -> str:
    labels = (selector or {}).get("matchLabels", selector) or {}
    return ",".join(f"{k}={v}" for k, v in sorted(labels.items())) or "<none>"


def _service(service: Object) -> list[Cell]:
    spec = service.get("spec", {})
    ports = ",".join(
        f"{p['port']}:{p['nodePort']}/{p['protocol']}"
        if p.get("nodePort")
        else f"{p['port']}/{p['protocol']}"
        for p in spec.get("ports") or ()
    )
    return [
        spec.get("type", "<unknown>"),
        spec.get("clusterIP") or "<none>",
        spec.get("externalName") or "<none>",
        ports or "<none>",
        age(service["metadata"].get("creationTimestamp")),
        _selector(spec.get("selector")),
    ]


def _images(item: Object) -> tuple[str, str]:
    containers = item["spec"]["template"]["spec"].get("containers") or ()
    return ",".join(c["name"] for c in containers), ",".join(c["image"] for c in containers)


def _stateful_set(item: Object) -> list[Cell]:
    status = item.get("status", {})
    return [
        f"{status.get('readyReplicas', 0)}/{item['spec'].get('replicas', 1)}",
        age(item["metadata"].get("creationTimestamp")),
        *_images(item),
    ]


def _deployment(item: Object) -> list[Cell]:
    status = item.get("status", {})
    return [
        f"{status.get('readyReplicas', 0)}/{item['spec'].get('replicas', 1)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(item["metadata"].get("creationTimestamp")),
        *_images(item),
        _selector(item["spec"].get("selector")),
    ]


def _replica_set(item: Object) -> list[Cell]:
    status = item.get("status", {})
    return [
        item["spec"].get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(item["metadata"].get("creationTimestamp")),
        *_images(item),
        _selector(item["spec"].get("selector")),
    ]


def _daemon_set(item: Object) -> list[Cell]:
    status = item.get("status", {})
    return [
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        _selector(item["spec"]["template"]["spec"].get("nodeSelector")),
        age(item["metadata"].get("creationTimestamp")),
        *_images(item),
        _selector(item["spec"].get("selector")),
    ]


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(found: list[str] | None) -> str:
    return ",".join(_MODES.get(m, m) for m in found or ())


def _claim(item: Object) -> list[Cell]:
    spec, status = item.get("spec", {}), item.get("status", {})
    bound = bool(spec.get("volumeName"))
    phase = "Terminating" if item["metadata"].get("deletionTimestamp") else status.get("phase", "")
    return [
        phase,
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "") if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName") or "",
        "<unset>",
        age(item["metadata"].get("creationTimestamp")),
        spec.get("volumeMode", "<unset>"),
    ]


def _volume(item: Object) -> list[Cell]:
    spec, status = item.get("spec", {}), item.get("status", {})
    claim = spec.get("claimRef")
    phase = "Terminating" if item["metadata"].get("deletionTimestamp") else status.get("phase", "")
    return [
        (spec.get("capacity") or {}).get("storage", ""),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        phase,
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        spec.get("storageClassName", ""),
        "<unset>",
        status.get("reason", ""),
        age(item["metadata"].get("creationTimestamp")),
        spec.get("volumeMode", "<unset>"),
    ]


def _namespace(item: Object) -> list[Cell]:
    return [item.get("status", {}).get("phase", ""), age(item["metadata"].get("creationTimestamp"))]


def _counted(item: Object) -> list[Cell]:
    count = len(item.get("data") or {}) + len(item.get("binaryData") or {})
    return [count, age(item["metadata"].get("creationTimestamp"))]


def _secret(item: Object) -> list[Cell]:
    return [item.get("type", ""), *_counted(item)]


def _event(item: Object) -> list[Cell]:
    about = item.get("involvedObject") or item.get("regarding") or {}
    source = item.get("source") or item.get("deprecatedSource") or {}
    series = item.get("series") or {}
    last = series.get("lastObservedTime") or item.get("lastTimestamp") or item.get("eventTime")
    first = item.get("firstTimestamp") or item.get("eventTime")
    shown = source.get("component") or item.get("reportingComponent", "")
    if source.get("host"):
        shown = f"{shown}, {source['host']}"
    return [
        age(last),
        item.get("type", ""),
        item.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        shown,
        (item.get("message") or item.get("note") or "").strip(),
        age(first),
        series.get("count") or item.get("count") or 1,
        item["metadata"]["name"],
    ]


def _lease(item: Object) -> list[Cell]:
    return [
        item.get("spec", {}).get("holderIdentity", ""),
        age(item["metadata"].get("creationTimestamp")),
    ]


def _budget(item: Object) -> list[Cell]:
    spec = item.get("spec", {})
    shown = [spec.get(f) if spec.get(f) is not None else "N/A" for f in ("minAvailable", "maxUnavailable")]
    return [
        *map(str, shown),
        item.get("status", {}).get("disruptionsAllowed", 0),
        age(item["metadata"].get("creationTimestamp")),
    ]


def _storage_class(item: Object) -> list[Cell]:
    return [
        item.get("provisioner", ""),
        item.get("reclaimPolicy", "Delete"),
        item.get("volumeBindingMode", "Immediate"),
        bool(item.get("allowVolumeExpansion")),
        age(item["metadata"].get("creationTimestamp")),
    ]


def _endpoints(item: Object) -> list[Cell]:
    shown = []
    for subset in item.get("subsets") or ():
        for port in subset.get("ports") or ():
            shown += [f"{a['ip']}:{port['port']}" for a in subset.get("addresses") or ()]
    text = ",".join(shown[:3]) + (f" + {len(shown) - 3} more..." if len(shown) > 3 else "")
    return [text or "<none>", age(item["metadata"].get("creationTimestamp"))]


def _slice(item: Object) -> list[Cell]:
    ports = ",".join(str(p.get("port", "*")) for p in item.get("ports") or ()) or "<unset>"
    found = [a for e in item.get("endpoints") or () for a in e["addresses"]]
    text = ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")
    return [
        item.get("addressType", ""),
        ports,
        text or "<unset>",
        age(item["metadata"].get("creationTimestamp")),
    ]


def _service_account(item: Object) -> list[Cell]:
    return [age(item["metadata"].get("creationTimestamp"))]


def _role_binding(item: Object) -> list[Cell]:
    reference = item.get("roleRef", {})
    subjects = item.get("subjects") or ()

    def of(kind: str) -> str:
        found = [s for s in subjects if s.get("kind") == kind]
        return ", ".join(f"{s['namespace']}/{s['name']}" if s.get("namespace") else s["name"] for s in found)

    return [
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        age(item["metadata"].get("creationTimestamp")),
        of("User"),
        of("Group"),
        of("ServiceAccount"),
    ]


def _created(item: Object) -> list[Cell]:
    return [item["metadata"].get("creationTimestamp", "")]


def _policy(item: Object) -> list[Cell]:
    return [
        _selector(item.get("spec", {}).get("podSelector")),
        age(item["metadata"].get("creationTimestamp")),
    ]


def _priority(item: Object) -> list[Cell]:
    return [
        item.get("value", 0),
        bool(item.get("globalDefault")),
        age(item["metadata"].get("creationTimestamp")),
        item.get("preemptionPolicy", "PreemptLowerPriority"),
    ]


def _columns(text: str) -> list[Column]:
    found = []
    for name in text.split("|"):
        wide = name.startswith("+")
        name = name.lstrip("+")
        kind = "integer" if name.startswith("#") else "string"
        found.append((name.lstrip("#"), kind, 1 if wide else 0))
    return found


_TABLES: dict[str, tuple[str, Callable[[Object], list[Cell]]]] = {
    "Pod": ("Ready|Status|Restarts|Age|+IP|+Node|+Nominated Node|+Readiness Gates", _pod),
    "Node": (
        "Status|Roles|Age|Version|+Internal-IP|+External-IP|+OS-Image|+Kernel-Version|+Container-Runtime",
        _node,
    ),
    "Service": ("Type|Cluster-IP|External-IP|Port(s)|Age|+Selector", _service),
    "StatefulSet": ("Ready|Age|+Containers|+Images", _stateful_set),
    "Deployment": ("Ready|#Up-to-date|#Available|Age|+Containers|+Images|+Selector", _deployment),
    "ReplicaSet": ("#Desired|#Current|#Ready|Age|+Containers|+Images|+Selector", _replica_set),
    "DaemonSet": (
        "#Desired|#Current|#Ready|#Up-to-date|#Available|Node Selector|Age|+Containers|+Images|+Selector",
        _daemon_set,
    ),
    "PersistentVolumeClaim": (
        "Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|+VolumeMode",
        _claim,
    ),
    "PersistentVolume": (
        "Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|+VolumeMode",
        _volume,
    ),
    "Namespace": ("Status|Age", _namespace),
    "ConfigMap": ("#Data|Age", _counted),
    "Secret": ("Type|#Data|Age", _secret),
    "Event": (
        "Last Seen|Type|Reason|Object|+Subobject|+Source|Message|+First Seen|+#Count|+Name",
        _event,
    ),
    "Lease": ("Holder|Age", _lease),
    "PodDisruptionBudget": ("Min Available|Max Unavailable|#Allowed Disruptions|Age", _budget),
    "StorageClass": ("Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age", _storage_class),
    "Endpoints": ("Endpoints|Age", _endpoints),
    "EndpointSlice": ("AddressType|Ports|Endpoints|Age", _slice),
    "ServiceAccount": ("Age", _service_account),
    "RoleBinding": ("Role|Age|+Users|+Groups|+ServiceAccounts", _role_binding),
    "ClusterRoleBinding": ("Role|Age|+Users|+Groups|+ServiceAccounts", _role_binding),
    "Role": ("Created At", _created),
    "ClusterRole": ("Created At", _created),
    "NetworkPolicy": ("Pod-Selector|Age", _policy),
    "PriorityClass": ("#Value|Global-Default|Age|+PreemptionPolicy", _priority),
}


def definitions(resource: Resource) -> list[Object]:
    """The column definitions of a kind's table."""
    text = _TABLES[resource.kind][0] if resource.kind in _TABLES else "Created At"
    columns: list[Column] = [*_columns(text)]
    if resource.kind != "Event":
        columns.insert(0, ("Name", "string", 0))
    return [
        {
            "name": name,
            "type": kind,
            "format": "name" if name == "Name" else "",
            "description": name,
            "priority": priority,
        }
        for name, kind, priority in columns
    ]


def row(resource: Resource, item: Object, include: str) -> Object:
    """One table row; ``include`` is Metadata, Object or None as the client asked."""
    cells = _TABLES.get(resource.kind, ("", _created))[1](item)
    if resource.kind != "Event":
        cells = [item["metadata"]["name"], *cells]
    shown: Object = {"cells": cells}
    if include == "Object":
        shown["object"] = item
    elif include != "None":
        shown["object"] = partial(item)
    return shown


def partial(item: Object) -> Object:
    """An object with nothing but its metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def table(
    resource: Resource, items: list[Object], metadata: Object, include: str, *, columns: bool = True
) -> Object:
    """A Table of items."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions(resource) if columns else None,
        "rows": [row(resource, item, include) for item in items],
    }
