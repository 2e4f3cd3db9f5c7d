"""What a request asks for, read from its URL and method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from meshlab.emulate.kubernetes.objects import status
from meshlab.emulate.kubernetes.objects.resources import BY_PATH, Resource
from meshlab.emulate.kubernetes.server.identity import Attributes


@dataclass(frozen=True)
class RequestInfo:
    """One request on a resource: which kind, which object, which subresource, and the path behind it (proxy)."""

    resource: Resource
    namespace: str
    name: str
    subresource: str
    tail: str
    method: str
    watch: bool

    @property
    def verb(self) -> str:
        """The Kubernetes verb of this request."""
        if self.method in ("GET", "HEAD"):
            if self.subresource == "proxy" or self.name:
                return "get"
            return "watch" if self.watch else "list"
        if self.method == "DELETE" and not self.name:
            return "deletecollection"
        return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(
            self.method, "get"
        )

    @property
    def attributes(self) -> Attributes:
        """What RBAC is asked."""
        plural = self.resource.plural + (f"/{self.subresource}" if self.subresource else "")
        return Attributes(self.verb, self.resource.group, plural, self.namespace, self.name)


def is_resource_path(path: str) -> bool:
    """Whether a path lies below a group version (``/api/v1/...`` or ``/apis/GROUP/VERSION/...``)."""
    parts = path.strip("/").split("/")
    return (parts[0] == "api" and len(parts) > 2) or (parts[0] == "apis" and len(parts) > 3)


def parse(raw_path: str, method: str, query: Mapping[str, str]) -> RequestInfo:
    """The request behind a URL.

    Raises
    ------
    ApiError
        404, for a path that is not served.
    """
    raw = raw_path.lstrip("/").split("/")
    group, version, rest = ("", raw[1], raw[2:]) if raw[0] == "api" else (raw[1], raw[2], raw[3:])
    watch = query.get("watch", "").lower() in ("1", "true")
    parts = [unquote(p) for p in rest]
    if parts and parts[0] == "watch":
        parts, rest, watch = parts[1:], rest[1:], True
    namespace = ""
    if len(parts) >= 3 and parts[0] == "namespaces" and parts[2] not in ("status", "finalize"):
        namespace, parts, rest = parts[1], parts[2:], rest[2:]
    if parts and not parts[-1] and "proxy" not in parts:
        parts = parts[:-1]
    resource = BY_PATH.get((group, version, parts[0])) if parts else None
    if resource is None or (namespace and not resource.namespaced):
        raise status.no_such_path()
    name = parts[1] if len(parts) > 1 else ""
    subresource = parts[2] if len(parts) > 2 else ""
    if subresource and not resource.has(subresource):
        raise status.no_such_path()
    if len(parts) > 3 and subresource != "proxy":
        raise status.no_such_path()
    if resource.namespaced and not namespace and (name or method == "POST") and "get" in resource.verbs:
        raise status.no_such_path()
    return RequestInfo(resource, namespace, name, subresource, "/".join(rest[3:]), method, watch)
