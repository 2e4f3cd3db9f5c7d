"""What every API server makes sure exists: namespaces, roles, priority classes, the ``kubernetes`` service."""

from __future__ import annotations

from meshlab.emulate.kubernetes.objects.resources import of_kind
from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.storage.registry import Registry, Writing

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_RBAC = "rbac.authorization.k8s.io/v1"
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_VIEWED = [
    {
        "apiGroups": [""],
        "verbs": _READ,
        "resources": [
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "pods",
            "pods/log",
            "pods/status",
            "services",
            "serviceaccounts",
            "events",
            "namespaces",
        ],
    },
    {"apiGroups": ["apps"], "verbs": _READ, "resources": ["*"]},
    {
        "apiGroups": ["batch", "policy", "networking.k8s.io", "discovery.k8s.io"],
        "verbs": _READ,
        "resources": ["*"],
    },
]
_EDITED = [
    {
        "apiGroups": [""],
        "verbs": _WRITE + _READ,
        "resources": [
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "pods",
            "pods/eviction",
            "pods/proxy",
            "pods/portforward",
            "secrets",
            "services",
            "services/proxy",
            "serviceaccounts",
            "serviceaccounts/token",
            "events",
        ],
    },
    {
        "apiGroups": ["apps", "batch", "policy", "networking.k8s.io"],
        "verbs": _WRITE + _READ,
        "resources": ["*"],
    },
]
_ROLES: dict[str, list[Object]] = {
    "cluster-admin": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ],
    "admin": [
        *_VIEWED,
        *_EDITED,
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "verbs": _WRITE + _READ,
            "resources": ["roles", "rolebindings"],
        },
    ],
    "edit": [*_VIEWED, *_EDITED],
    "view": _VIEWED,
    "system:auth-delegator": [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ],
    "system:basic-user": [
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ],
    "system:discovery": [
        {
            "nonResourceURLs": [
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ],
            "verbs": ["get"],
        },
    ],
}
_BINDINGS = {
    "cluster-admin": "system:masters",
    "system:basic-user": "system:authenticated",
    "system:discovery": "system:authenticated",
}
_PRIORITIES = {"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}


def objects(service_address: str, endpoints: list[str], port: int) -> list[Object]:
    """The manifests, in the order in which they are made."""
    found: list[Object] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES
    ]
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    for name, rules in _ROLES.items():
        found.append(
            {
                "apiVersion": _RBAC,
                "kind": "ClusterRole",
                "metadata": {"name": name, "labels": labels},
                "rules": rules,
            }
        )
    for name, group in _BINDINGS.items():
        found.append(
            {
                "apiVersion": _RBAC,
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name, "labels": labels},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
            }
        )
    for name, value in _PRIORITIES.items():
        found.append(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": value,
            }
        )
    labels = {"component": "apiserver", "provider": "kubernetes"}
    found.append(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
            "spec": {
                "clusterIP": service_address,
                "ports": [{"name": "https", "port": 443, "targetPort": port, "protocol": "TCP"}],
            },
        }
    )
    if endpoints:
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {"name": "kubernetes", "namespace": "default"},
                "subsets": [
                    {
                        "addresses": [{"ip": address} for address in endpoints],
                        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
                    }
                ],
            }
        )
    return found


async def ensure(registry: Registry, manifests: list[Object]) -> None:
    """Creates what does not exist yet.

    Raises
    ------
    ApiError
        Storage does not answer, or an object is refused.
    """
    how = Writing(manager="kube-apiserver")
    for manifest in manifests:
        resource = of_kind(manifest["apiVersion"], manifest["kind"])
        namespace = manifest["metadata"].get("namespace", "")
        try:
            await registry.create(resource, namespace, manifest, how)
        except ApiError as error:
            if error.reason not in ("AlreadyExists", "Invalid"):
                raise
