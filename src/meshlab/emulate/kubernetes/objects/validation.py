"""What makes an object of a built-in kind invalid, with the field and the wording of the real server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from meshlab.emulate.kubernetes.objects import selectors
from meshlab.emulate.kubernetes.objects.status import Object

Cause = tuple[str, str, str]
"""(field, reason, message): one line of an Invalid answer."""

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_QUALIFIED = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_QUANTITY = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$")

_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_FREE_NAMES = {"ClusterRole", "Role", "RoleBinding", "ClusterRoleBinding"}
_LABEL_NAMES = {"Namespace", "Service"}


def required(field: str) -> Cause:
    """The cause of an absent field."""
    return (field, "FieldValueRequired", "Required value")


def bad(field: str, value: Any, why: str) -> Cause:
    """The cause of a value that is not valid."""
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return (field, "FieldValueInvalid", f"Invalid value: {shown}: {why}")


def unsupported(field: str, value: str, known: list[str]) -> Cause:
    """The cause of a value outside an enumeration."""
    listed = ", ".join(f'"{k}"' for k in known)
    return (field, "FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {listed}')


def metadata(kind: str, item: Object) -> list[Cause]:
    """What is wrong with the name, labels and annotations."""
    causes: list[Cause] = []
    meta = item["metadata"]
    name = meta.get("name", "")
    if not name:
        causes.append(
            ("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
        )
    elif kind in _LABEL_NAMES:
        if not _LABEL.match(name) or len(name) > 63:
            causes.append(bad("metadata.name", name, _LABEL_TEXT))
    elif kind not in _FREE_NAMES and (not _SUBDOMAIN.match(name) or len(name) > 253):
        causes.append(bad("metadata.name", name, _SUBDOMAIN_TEXT))
    causes += labels(meta.get("labels") or {}, "metadata.labels")
    for key in meta.get("annotations") or {}:
        if not _QUALIFIED.match(key.lower()):
            causes.append(
                bad(
                    "metadata.annotations",
                    key,
                    "name part must consist of alphanumeric characters, '-', '_' or '.'",
                )
            )
    return causes


def labels(found: dict[str, str], field: str) -> list[Cause]:
    """What is wrong with a label map."""
    causes = []
    for key, value in found.items():
        if not _QUALIFIED.match(key):
            causes.append(
                bad(
                    field,
                    key,
                    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
                    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation"
                    " is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                )
            )
        if not _VALUE.match(value) or len(value) > 63:
            causes.append(
                bad(
                    field,
                    value,
                    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
                    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
                    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
                )
            )
    return causes


def quantities(found: Object | None, field: str) -> list[Cause]:
    """What is wrong with a map of resource quantities."""
    return [
        bad(
            f"{field}[{name}]",
            str(value),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        )
        for name, value in (found or {}).items()
        if not _QUANTITY.match(str(value))
    ]


def pod_spec(spec: Object, at: str) -> list[Cause]:
    """What is wrong with a pod spec."""
    causes: list[Cause] = []
    if not spec.get("containers"):
        causes.append(required(f"{at}.containers"))
    if spec.get("restartPolicy", "Always") not in ("Always", "OnFailure", "Never"):
        causes.append(
            unsupported(f"{at}.restartPolicy", spec["restartPolicy"], ["Always", "Never", "OnFailure"])
        )
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        name = volume.get("name", "")
        here = f"{at}.volumes[{index}]"
        if not name:
            causes.append(required(f"{here}.name"))
        elif not _LABEL.match(name):
            causes.append(bad(f"{here}.name", name, _LABEL_TEXT))
        elif name in volumes:
            causes.append((f"{here}.name", "FieldValueDuplicate", f'Duplicate value: "{name}"'))
        volumes.add(name)
    names: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            causes += _container(container, f"{at}.{field}[{index}]", volumes, names)
    for index, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        here = f"{at}.topologySpreadConstraints[{index}]"
        if spread.get("whenUnsatisfiable") not in ("DoNotSchedule", "ScheduleAnyway"):
            causes.append(
                unsupported(
                    f"{here}.whenUnsatisfiable",
                    spread.get("whenUnsatisfiable", ""),
                    ["DoNotSchedule", "ScheduleAnyway"],
                )
            )
        if spread.get("maxSkew", 0) <= 0:
            causes.append(bad(f"{here}.maxSkew", spread.get("maxSkew", 0), "must be greater than 0"))
    terms = ((spec.get("affinity") or {}).get("podAntiAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    for index, term in enumerate(terms or ()):
        if not term.get("topologyKey"):
            causes.append(
                (
                    f"{at}.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[{index}].topologyKey",
                    "FieldValueRequired",
                    "Required value: can not be empty",
                )
            )
    return causes


def _container(container: Object, here: str, volumes: set[str], names: set[str]) -> list[Cause]:
    causes: list[Cause] = []
    name = container.get("name", "")
    if not name:
        causes.append(required(f"{here}.name"))
    elif not _LABEL.match(name) or len(name) > 63:
        causes.append(bad(f"{here}.name", name, _LABEL_TEXT))
    elif name in names:
        causes.append((f"{here}.name", "FieldValueDuplicate", f'Duplicate value: "{name}"'))
    names.add(name)
    if not container.get("image"):
        causes.append(required(f"{here}.image"))
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort", 0)
        if not number:
            causes.append(required(f"{here}.ports[{index}].containerPort"))
        elif not 0 < number < 65536:
            causes.append(
                bad(f"{here}.ports[{index}].containerPort", number, "must be between 1 and 65535, inclusive")
            )
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name", "") not in volumes:
            causes.append(
                (
                    f"{here}.volumeMounts[{index}].name",
                    "FieldValueNotFound",
                    f'Not found: "{mount.get("name", "")}"',
                )
            )
        if not mount.get("mountPath"):
            causes.append(required(f"{here}.volumeMounts[{index}].mountPath"))
    resources = container.get("resources") or {}
    causes += quantities(resources.get("requests"), f"{here}.resources.requests")
    causes += quantities(resources.get("limits"), f"{here}.resources.limits")
    return causes


def _pod(item: Object, old: Object | None) -> list[Cause]:
    return pod_spec(item.get("spec") or {}, "spec")


def _workload(item: Object, old: Object | None) -> list[Cause]:
    spec = item.get("spec") or {}
    causes: list[Cause] = []
    template_labels = (spec.get("template", {}).get("metadata") or {}).get("labels") or {}
    selector = spec.get("selector")
    if not selector:
        causes.append(required("spec.selector"))
        causes.append(
            bad(
                "spec.template.metadata.labels",
                f"map{template_labels}",
                "`selector` does not match template `labels`",
            )
        )
    elif not selectors.matches(selector, template_labels):
        causes.append(
            (
                "spec.template.metadata.labels",
                "FieldValueInvalid",
                "Invalid value: "
                + json.dumps(template_labels, separators=(",", ":"))
                + ": `selector` does not match template `labels`",
            )
        )
    claims = [c.get("metadata", {}).get("name", "") for c in spec.get("volumeClaimTemplates") or ()]
    inner = dict(spec.get("template", {}).get("spec") or {})
    inner["volumes"] = [
        *(v for v in inner.get("volumes") or () if v.get("name") not in claims),
        *({"name": c, "emptyDir": {}} for c in claims),
    ]
    causes += pod_spec(inner, "spec.template.spec")
    if spec.get("replicas", 1) < 0:
        causes.append(bad("spec.replicas", spec["replicas"], "must be greater than or equal to 0"))
    return causes


_STATEFUL_MUTABLE = {
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
}


def _stateful_set(item: Object, old: Object | None) -> list[Cause]:
    causes = _workload(item, old)
    if old is not None:
        fixed = {k: v for k, v in item["spec"].items() if k not in _STATEFUL_MUTABLE}
        if fixed != {k: v for k, v in old["spec"].items() if k not in _STATEFUL_MUTABLE}:
            causes.append(
                (
                    "spec",
                    "FieldValueForbidden",
                    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                    "'minReadySeconds' are forbidden",
                )
            )
    return causes


def _selector_fixed(item: Object, old: Object | None) -> list[Cause]:
    causes = _workload(item, old)
    if old is not None and item["spec"].get("selector") != old["spec"].get("selector"):
        causes.append(bad("spec.selector", str(item["spec"].get("selector")), "field is immutable"))
    return causes


def _service(item: Object, old: Object | None) -> list[Cause]:
    spec = item.get("spec") or {}
    causes: list[Cause] = []
    kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
    if spec.get("type") not in kinds:
        causes.append(unsupported("spec.type", spec.get("type", ""), kinds))
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        causes.append(required("spec.ports"))
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            causes.append(required(f"spec.ports[{index}].name"))
        if not 0 < port.get("port", 0) < 65536:
            causes.append(
                bad(
                    f"spec.ports[{index}].port", port.get("port", 0), "must be between 1 and 65535, inclusive"
                )
            )
    if old is not None and old["spec"].get("clusterIP") and spec.get("clusterIP") != old["spec"]["clusterIP"]:
        causes.append(
            (
                "spec.clusterIPs[0]",
                "FieldValueInvalid",
                f'Invalid value: ["{spec.get("clusterIP", "")}"]: may not change once set',
            )
        )
    return causes


def _claim(item: Object, old: Object | None) -> list[Cause]:
    spec = item.get("spec") or {}
    causes: list[Cause] = []
    if not spec.get("accessModes"):
        causes.append(
            ("spec.accessModes", "FieldValueRequired", "Required value: at least 1 access mode is required")
        )
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        causes.append(required("spec.resources[storage]"))
    causes += quantities(requests, "spec.resources")
    if old is not None:
        fixed = {
            k: v for k, v in spec.items() if k not in ("resources", "volumeName", "volumeAttributesClassName")
        }
        was = {
            k: v
            for k, v in old["spec"].items()
            if k not in ("resources", "volumeName", "volumeAttributesClassName")
        }
        if fixed != was or (
            old["spec"].get("volumeName") and spec.get("volumeName") != old["spec"]["volumeName"]
        ):
            causes.append(
                (
                    "spec",
                    "FieldValueForbidden",
                    "Forbidden: spec is immutable after creation except resources.requests and "
                    "volumeAttributesClassName for bound claims",
                )
            )
    return causes


_VOLUME_SOURCES = {"local", "hostPath", "nfs", "csi", "iscsi", "fc", "awsElasticBlockStore"}


def _volume(item: Object, old: Object | None) -> list[Cause]:
    spec = item.get("spec") or {}
    causes: list[Cause] = []
    if not spec.get("accessModes"):
        causes.append(required("spec.accessModes"))
    if not (spec.get("capacity") or {}).get("storage"):
        causes.append(required("spec.capacity"))
    causes += quantities(spec.get("capacity"), "spec.capacity")
    if not _VOLUME_SOURCES & spec.keys():
        causes.append(("spec", "FieldValueRequired", "Required value: must specify a volume type"))
    if "local" in spec:
        if not spec["local"].get("path"):
            causes.append(required("spec.local.path"))
        if not (spec.get("nodeAffinity") or {}).get("required"):
            causes.append(
                (
                    "spec.nodeAffinity",
                    "FieldValueRequired",
                    "Required value: Local volume requires node affinity",
                )
            )
    if old is not None and any(old["spec"].get(s) != spec.get(s) for s in _VOLUME_SOURCES):
        causes.append(
            (
                "spec.persistentvolumesource",
                "FieldValueForbidden",
                "Forbidden: spec.persistentvolumesource is immutable after creation",
            )
        )
    return causes


def _storage_class(item: Object, old: Object | None) -> list[Cause]:
    causes: list[Cause] = []
    if not item.get("provisioner"):
        causes.append(required("provisioner"))
    if item.get("volumeBindingMode") not in ("Immediate", "WaitForFirstConsumer"):
        causes.append(
            unsupported(
                "volumeBindingMode", item.get("volumeBindingMode", ""), ["Immediate", "WaitForFirstConsumer"]
            )
        )
    if old is not None:
        for field in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
            if old.get(field) != item.get(field):
                causes.append((field, "FieldValueForbidden", f"Forbidden: updates to {field} are forbidden."))
    return causes


def _config_map(item: Object, old: Object | None) -> list[Cause]:
    causes: list[Cause] = []
    for key in (*(item.get("data") or {}), *(item.get("binaryData") or {})):
        if not re.match(r"^[-._a-zA-Z0-9]+$", key):
            causes.append(
                bad(
                    f"data[{key}]",
                    key,
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                )
            )
    if (
        old is not None
        and old.get("immutable")
        and (old.get("data"), old.get("binaryData")) != (item.get("data"), item.get("binaryData"))
    ):
        causes.append(
            ("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")
        )
    return causes


def _secret(item: Object, old: Object | None) -> list[Cause]:
    causes = _config_map(item, old)
    if old is not None and old.get("type") != item.get("type"):
        causes.append(bad("type", item.get("type", ""), "field is immutable"))
    return causes


def _budget(item: Object, old: Object | None) -> list[Cause]:
    spec = item.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        return [bad("spec", "", "minAvailable and maxUnavailable cannot be both set")]
    return []


def _role_binding(item: Object, old: Object | None) -> list[Cause]:
    if old is not None and old.get("roleRef") != item.get("roleRef"):
        return [bad("roleRef", str(item.get("roleRef")), "cannot change roleRef")]
    return []


_BY_KIND: dict[str, Callable[[Object, Object | None], list[Cause]]] = {
    "Pod": _pod,
    "StatefulSet": _stateful_set,
    "Deployment": _selector_fixed,
    "ReplicaSet": _selector_fixed,
    "DaemonSet": _selector_fixed,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "StorageClass": _storage_class,
    "ConfigMap": _config_map,
    "Secret": _secret,
    "PodDisruptionBudget": _budget,
    "RoleBinding": _role_binding,
    "ClusterRoleBinding": _role_binding,
}


def causes(kind: str, item: Object, old: Object | None = None) -> list[Cause]:
    """Everything that makes an object invalid; with ``old``, also what may not change."""
    found = metadata(kind, item)
    special = _BY_KIND.get(kind)
    if special is not None:
        found += special(item, old)
    if kind == "Pod" and old is not None:
        found += _pod_update(item, old)
    return found


def _pod_update(item: Object, old: Object) -> list[Cause]:
    def fixed(pod: Object) -> Object:
        spec = {
            k: v
            for k, v in pod["spec"].items()
            if k not in ("tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds")
        }
        for field in ("containers", "initContainers"):
            spec[field] = [
                {k: v for k, v in c.items() if k not in ("image", "imagePullPolicy", "resources")}
                for c in spec.get(field) or ()
            ]
        return spec

    if fixed(item) == fixed(old):
        return []
    text = (
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
        "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
    )
    return [("spec", "FieldValueForbidden", text)]
