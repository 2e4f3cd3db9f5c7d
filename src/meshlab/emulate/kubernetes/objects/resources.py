"""The resource kinds the stand-in serves: names, scope, verbs and subresources, as discovery lists them."""

from __future__ import annotations

from dataclasses import dataclass

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """One resource kind of one group version.

    ``subresources`` maps each name to (verbs, group, version, kind) as discovery shows them; ``storage`` names the
    group and
    plural under which objects are kept when another group shows the same ones (events.k8s.io).
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[tuple[str, tuple[str, ...], tuple[str, str, str]], ...] = ()
    storage: tuple[str, str] | None = None

    @property
    def api_version(self) -> str:
        """``v1`` or ``group/version``, as objects carry it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """The URL prefix of the group version, without a leading slash."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"

    @property
    def single(self) -> str:
        """Singular lower-case name."""
        return self.singular or self.kind.lower()

    @property
    def prefix(self) -> str:
        """Key prefix of all objects of this kind."""
        group, plural = self.storage or (self.group, self.plural)
        return f"/registry/{group or 'core'}/{plural}/"

    def key(self, namespace: str, name: str) -> str:
        """The storage key of one object."""
        return f"{self.prefix}{namespace}/{name}" if self.namespaced else f"{self.prefix}{name}"

    def has(self, subresource: str) -> bool:
        """Whether a subresource of that name exists."""
        return any(name == subresource for name, _, _ in self.subresources)


def _own(
    group: str, version: str, kind: str
) -> tuple[tuple[str, tuple[str, ...], tuple[str, str, str]], ...]:
    return (("status", ("get", "patch", "update"), (group, version, kind)),)


_SCALE = ("scale", ("get", "patch", "update"), ("autoscaling", "v1", "Scale"))


def _apps(plural: str, kind: str, short: str, *, scale: bool = True) -> Resource:
    below = _own("apps", "v1", kind) + ((_SCALE,) if scale else ())
    return Resource("apps", "v1", plural, kind, short=(short,), categories=("all",), subresources=below)


def _rbac(plural: str, kind: str, namespaced: bool) -> Resource:
    return Resource("rbac.authorization.k8s.io", "v1", plural, kind, namespaced)


def _review(group: str, plural: str, kind: str, namespaced: bool = False) -> Resource:
    return Resource(group, "v1", plural, kind, namespaced, verbs=("create",))


_POD_BELOW = (
    ("attach", ("create", "get"), ("", "v1", "PodAttachOptions")),
    ("binding", ("create",), ("", "v1", "Binding")),
    ("ephemeralcontainers", ("get", "patch", "update"), ("", "v1", "Pod")),
    ("eviction", ("create",), ("policy", "v1", "Eviction")),
    ("exec", ("create", "get"), ("", "v1", "PodExecOptions")),
    ("log", ("get",), ("", "v1", "Pod")),
    ("portforward", ("create", "get"), ("", "v1", "PodPortForwardOptions")),
    ("proxy", ("create", "delete", "get", "patch", "update"), ("", "v1", "PodProxyOptions")),
    *_own("", "v1", "Pod"),
)
_SERVICE_BELOW = (
    ("proxy", ("create", "delete", "get", "patch", "update"), ("", "v1", "ServiceProxyOptions")),
    *_own("", "v1", "Service"),
)

RESOURCES: tuple[Resource, ...] = (
    Resource("", "v1", "configmaps", "ConfigMap", short=("cm",)),
    Resource("", "v1", "endpoints", "Endpoints", short=("ep",), singular="endpoints"),
    Resource("", "v1", "events", "Event", short=("ev",)),
    Resource("", "v1", "limitranges", "LimitRange", short=("limits",)),
    Resource(
        "",
        "v1",
        "namespaces",
        "Namespace",
        False,
        short=("ns",),
        verbs=tuple(v for v in ALL_VERBS if v != "deletecollection"),
        subresources=(("finalize", ("update",), ("", "v1", "Namespace")), *_own("", "v1", "Namespace")),
    ),
    Resource(
        "",
        "v1",
        "nodes",
        "Node",
        False,
        short=("no",),
        subresources=(
            ("proxy", ("create", "delete", "get", "patch", "update"), ("", "v1", "NodeProxyOptions")),
            *_own("", "v1", "Node"),
        ),
    ),
    Resource(
        "",
        "v1",
        "persistentvolumeclaims",
        "PersistentVolumeClaim",
        short=("pvc",),
        subresources=_own("", "v1", "PersistentVolumeClaim"),
    ),
    Resource(
        "",
        "v1",
        "persistentvolumes",
        "PersistentVolume",
        False,
        short=("pv",),
        subresources=_own("", "v1", "PersistentVolume"),
    ),
    Resource("", "v1", "pods", "Pod", short=("po",), categories=("all",), subresources=_POD_BELOW),
    Resource(
        "",
        "v1",
        "resourcequotas",
        "ResourceQuota",
        short=("quota",),
        subresources=_own("", "v1", "ResourceQuota"),
    ),
    Resource("", "v1", "secrets", "Secret"),
    Resource(
        "",
        "v1",
        "serviceaccounts",
        "ServiceAccount",
        short=("sa",),
        subresources=(("token", ("create",), ("authentication.k8s.io", "v1", "TokenRequest")),),
    ),
    Resource(
        "", "v1", "services", "Service", short=("svc",), categories=("all",), subresources=_SERVICE_BELOW
    ),
    Resource("apps", "v1", "controllerrevisions", "ControllerRevision"),
    _apps("daemonsets", "DaemonSet", "ds", scale=False),
    _apps("deployments", "Deployment", "deploy"),
    _apps("replicasets", "ReplicaSet", "rs"),
    _apps("statefulsets", "StatefulSet", "sts"),
    _review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    _review("authentication.k8s.io", "tokenreviews", "TokenReview"),
    _review("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", True),
    _review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    _review("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
    Resource(
        "batch",
        "v1",
        "cronjobs",
        "CronJob",
        short=("cj",),
        categories=("all",),
        subresources=_own("batch", "v1", "CronJob"),
    ),
    Resource("batch", "v1", "jobs", "Job", categories=("all",), subresources=_own("batch", "v1", "Job")),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    Resource("events.k8s.io", "v1", "events", "Event", short=("ev",), storage=("", "events")),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", short=("netpol",)),
    Resource(
        "policy",
        "v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        short=("pdb",),
        subresources=_own("policy", "v1", "PodDisruptionBudget"),
    ),
    _rbac("clusterrolebindings", "ClusterRoleBinding", False),
    _rbac("clusterroles", "ClusterRole", False),
    _rbac("rolebindings", "RoleBinding", True),
    _rbac("roles", "Role", True),
    Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", False, short=("pc",)),
    Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, short=("sc",)),
    Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver", False),
    Resource("storage.k8s.io", "v1", "csinodes", "CSINode", False),
    Resource(
        "storage.k8s.io",
        "v1",
        "volumeattachments",
        "VolumeAttachment",
        False,
        subresources=_own("storage.k8s.io", "v1", "VolumeAttachment"),
    ),
)

BY_PATH: dict[tuple[str, str, str], Resource] = {(r.group, r.version, r.plural): r for r in RESOURCES}
BY_KIND: dict[tuple[str, str], Resource] = {(r.api_version, r.kind): r for r in RESOURCES}


def stored() -> list[Resource]:
    """The kinds that are kept in storage, each storage prefix once."""
    return [r for r in RESOURCES if "list" in r.verbs and r.storage is None]


def groups() -> list[str]:
    """The named API groups, in the order kubectl lists them."""
    return sorted({r.group for r in RESOURCES if r.group} | {"autoscaling"})


def of_kind(api_version: str, kind: str) -> Resource:
    """The resource of a manifest's apiVersion and kind.

    Raises
    ------
    KeyError
        The kind is not served.
    """
    return BY_KIND[(api_version, kind)]


def resource_named(plural: str) -> Resource:
    """The stored resource of a plural name."""
    return next(r for r in RESOURCES if r.plural == plural and r.storage is None)
