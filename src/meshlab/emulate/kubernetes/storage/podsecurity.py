"""Pod Security admission at the levels baseline and restricted, with the real server's wording.

References
----------
Kubernetes documentation, "Pod Security Standards"; Talos enforces ``baseline`` in every namespace but ``kube-system``.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshlab.emulate.kubernetes.objects.defaults import containers
from meshlab.emulate.kubernetes.objects.status import Object

ENFORCE = "pod-security.kubernetes.io/enforce"
_BASELINE_CAPABILITIES = {
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
}
_RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def level_of(namespace: Object | None, name: str, default: str = "baseline") -> str:
    """The level enforced in a namespace: its label, else the cluster's default (none in kube-system)."""
    labels = (namespace or {}).get("metadata", {}).get("labels") or {}
    return str(labels.get(ENFORCE, "privileged" if name == "kube-system" else default))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)


def _containers_text(names: list[str]) -> str:
    return f"container{'s' if len(names) > 1 else ''} {_quoted(names)}"


def violations(spec: Object, level: str) -> list[str]:
    """Why a pod spec is not allowed at a level; empty when it is."""
    if level == "privileged":
        return []
    found = _baseline(spec)
    return found + _restricted(spec) if level == "restricted" else found


def _baseline(spec: Object) -> list[str]:
    found = []
    namespaces = [f"{f}=true" for f in ("hostNetwork", "hostPID", "hostIPC") if spec.get(f)]
    if namespaces:
        found.append(f"host namespaces ({', '.join(namespaces)})")
    host_paths = [v["name"] for v in spec.get("volumes") or () if "hostPath" in v]
    if host_paths:
        found.append(f"hostPath volumes (volume{'s' if len(host_paths) > 1 else ''} {_quoted(host_paths)})")
    ports: list[str] = []
    users = []
    for container in containers(spec):
        own = [str(p["hostPort"]) for p in container.get("ports") or () if p.get("hostPort")]
        if own:
            users.append(container["name"])
            ports += own
    if ports:
        found.append(
            f"hostPort ({_containers_text(users)} use{'s' if len(users) == 1 else ''} hostPort {', '.join(ports)})"
        )
    privileged = [c["name"] for c in containers(spec) if (c.get("securityContext") or {}).get("privileged")]
    if privileged:
        found.append(
            f"privileged ({_containers_text(privileged)} must not set securityContext.privileged=true)"
        )
    added: dict[str, list[str]] = {}
    for container in containers(spec):
        capabilities = (container.get("securityContext") or {}).get("capabilities") or {}
        extra = [c for c in capabilities.get("add") or () if c not in _BASELINE_CAPABILITIES]
        if extra:
            added[container["name"]] = extra
    if added:
        listed = _quoted(sorted({c for extra in added.values() for c in extra}))
        found.append(
            f"non-default capabilities ({_containers_text(list(added))} must not include {listed} in "
            "securityContext.capabilities.add)"
        )
    return found


def _restricted(spec: Object) -> list[str]:
    found = []
    pod_context = spec.get("securityContext") or {}

    def offenders(bad: object) -> list[str]:
        assert callable(bad)
        return [c["name"] for c in containers(spec) if bad(c.get("securityContext") or {})]

    escalating = offenders(lambda c: c.get("allowPrivilegeEscalation") is not False)
    if escalating:
        found.append(
            f"allowPrivilegeEscalation != false ({_containers_text(escalating)} must set "
            "securityContext.allowPrivilegeEscalation=false)"
        )
    keeping = offenders(lambda c: "ALL" not in ((c.get("capabilities") or {}).get("drop") or ()))
    if keeping:
        found.append(
            f"unrestricted capabilities ({_containers_text(keeping)} must set "
            'securityContext.capabilities.drop=["ALL"])'
        )
    volumes = [v["name"] for v in spec.get("volumes") or () if not (set(v) - {"name"}) <= _RESTRICTED_VOLUMES]
    if volumes:
        found.append(f"restricted volume types (volumes {_quoted(volumes)} use restricted volume types)")
    as_root = offenders(lambda c: not c.get("runAsNonRoot", pod_context.get("runAsNonRoot")))
    if as_root:
        found.append(
            f"runAsNonRoot != true (pod or {_containers_text(as_root)} must set securityContext.runAsNonRoot=true)"
        )
    unconfined = offenders(
        lambda c: (
            (c.get("seccompProfile") or pod_context.get("seccompProfile") or {}).get("type")
            not in ("RuntimeDefault", "Localhost")
        )
    )
    if unconfined:
        found.append(
            f"seccompProfile (pod or {_containers_text(unconfined)} must set securityContext.seccompProfile.type to "
            '"RuntimeDefault" or "Localhost")'
        )
    return found
