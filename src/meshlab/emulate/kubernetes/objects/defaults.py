"""The defaults that the real server writes into objects beyond those its schemas declare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from meshlab.emulate.kubernetes.objects import schemas
from meshlab.emulate.kubernetes.objects.status import Object


def containers(spec: Object) -> Iterator[Object]:
    """All containers of a pod spec, init containers first."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(field) or ()


def _pull_policy(image: str) -> str:
    tag = image.rsplit("/", 1)[-1]
    return "Always" if "@" not in tag and (":" not in tag or tag.endswith(":latest")) else "IfNotPresent"


def _probe(probe: Object) -> None:
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        probe.setdefault(field, value)
    http = probe.get("httpGet")
    if http is not None:
        http.setdefault("scheme", "HTTP")
        http.setdefault("path", "/")


def pod_spec(spec: Object) -> None:
    """Defaults of a pod spec, in a pod or a template."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for container in containers(spec):
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
        container.setdefault("resources", {})
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")
        for name in ("livenessProbe", "readinessProbe", "startupProbe"):
            if name in container:
                _probe(container[name])
        limits = container["resources"].get("limits")
        if limits:
            requests = container["resources"].setdefault("requests", {})
            for resource, amount in limits.items():
                requests.setdefault(resource, amount)
        for env in container.get("env") or ():
            reference = (env.get("valueFrom") or {}).get("fieldRef")
            if reference is not None:
                reference.setdefault("apiVersion", "v1")
    for volume in spec.get("volumes") or ():
        for kind in ("configMap", "secret", "projected", "downwardAPI"):
            if kind in volume:
                volume[kind].setdefault("defaultMode", 420)
        if "hostPath" in volume:
            volume["hostPath"].setdefault("type", "")
        if not any(k != "name" for k in volume):
            volume["emptyDir"] = {}


def _pod(pod: Object) -> None:
    spec = pod.setdefault("spec", {})
    pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"] = "default"
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_tolerates(t, key) for t in tolerations):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            )
    pod.setdefault("status", {}).setdefault("phase", "Pending")
    pod["status"].setdefault("qosClass", quality(spec))


def _tolerates(toleration: Object, key: str) -> bool:
    wanted_key = toleration.get("key", "")
    return wanted_key in ("", key) and toleration.get("effect", "") in ("", "NoExecute")


def quality(spec: Object) -> str:
    """The QoS class of a pod: Guaranteed, Burstable or BestEffort."""
    resources = [c.get("resources") or {} for c in containers(spec)]
    if not any(r.get("requests") or r.get("limits") for r in resources):
        return "BestEffort"
    for entry in resources:
        limits, requests = entry.get("limits") or {}, entry.get("requests") or {}
        if not {"cpu", "memory"} <= limits.keys() or any(
            requests.get(k) != limits[k] for k in ("cpu", "memory")
        ):
            return "Burstable"
    return "Guaranteed"


def _counters(item: Object, *names: str) -> None:
    for name in names:
        item.setdefault("status", {}).setdefault(name, 0)


def _budget(item: Object) -> None:
    _counters(item, "currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")


def _service(service: Object) -> None:
    spec = service.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "ExternalName":
        return
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def _stateful_set(item: Object) -> None:
    spec = item.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
        claim.setdefault("status", {}).setdefault("phase", "Pending")
    _counters(item, "replicas", "availableReplicas")


def _deployment(item: Object) -> None:
    spec = item.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))


def _replica_set(item: Object) -> None:
    spec = item.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    if spec.get("template", {}).get("spec"):
        pod_spec(spec["template"]["spec"])
    _counters(item, "replicas")


def _daemon_set(item: Object) -> None:
    spec = item.setdefault("spec", {})
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {"maxSurge": 0, "maxUnavailable": 1})
    pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    _counters(item, "currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")


def _claim(item: Object) -> None:
    item.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    item.setdefault("status", {}).setdefault("phase", "Pending")
    _finalizer(item, "kubernetes.io/pvc-protection")


def _volume(item: Object) -> None:
    spec = item.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    item.setdefault("status", {}).setdefault("phase", "Pending")
    _finalizer(item, "kubernetes.io/pv-protection")


def _finalizer(item: Object, name: str) -> None:
    metadata = item["metadata"]
    if "resourceVersion" not in metadata and "uid" not in metadata:
        finalizers = metadata.setdefault("finalizers", [])
        if name not in finalizers:
            finalizers.append(name)


def _storage_class(item: Object) -> None:
    item.setdefault("reclaimPolicy", "Delete")
    item.setdefault("volumeBindingMode", "Immediate")


def _secret(item: Object) -> None:
    import base64

    text = item.pop("stringData", None)
    if text:
        data = item.setdefault("data", {})
        for key, value in text.items():
            data[key] = base64.b64encode(value.encode()).decode()
    item.setdefault("type", "Opaque")


def _namespace(item: Object) -> None:
    labels = item["metadata"].setdefault("labels", {})
    if item["metadata"].get("name"):
        labels["kubernetes.io/metadata.name"] = item["metadata"]["name"]
    item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    item.setdefault("status", {}).setdefault("phase", "Active")


def _binding(item: Object) -> None:
    item.get("roleRef", {}).setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in item.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def _network_policy(item: Object) -> None:
    spec = item.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])


_BY_KIND: dict[str, Callable[[Object], None]] = {
    "Pod": _pod,
    "Service": _service,
    "StatefulSet": _stateful_set,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "DaemonSet": _daemon_set,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "StorageClass": _storage_class,
    "Secret": _secret,
    "Namespace": _namespace,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "NetworkPolicy": _network_policy,
    "PodDisruptionBudget": _budget,
}


def apply_defaults(kind: str, item: Object, schema: Object) -> None:
    """Completes an object in place, as the real server's defaulting and mutating admission do."""
    schemas.fill_defaults(item, schema)
    special: Any = _BY_KIND.get(kind)
    if special is not None:
        special(item)
