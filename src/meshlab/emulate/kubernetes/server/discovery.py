"""What the server says about itself: groups, resources, versions and OpenAPI documents."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from meshlab.emulate.kubernetes.objects import schemas
from meshlab.emulate.kubernetes.objects.resources import RESOURCES, Resource, groups
from meshlab.emulate.kubernetes.objects.status import Object

AGGREGATED = "as=APIGroupDiscoveryList"
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


@cache
def version_info() -> Object:
    """The body of ``/version``."""
    text = schemas.version()
    major, minor, _ = text.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": f"{text}+meshlab",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }


def _versions(group: str) -> list[str]:
    if group == "autoscaling":
        return ["v1"]
    return sorted({r.version for r in RESOURCES if r.group == group})


def _group(group: str) -> Object:
    versions = [{"groupVersion": f"{group}/{v}", "version": v} for v in _versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def api_versions(address: str) -> Object:
    """The body of ``/api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


@cache
def group_list() -> Object:
    """The body of ``/apis``."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(g) for g in groups()]}


def one_group(group: str) -> Object | None:
    """The body of ``/apis/GROUP``."""
    if group not in groups():
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}


def _hash(text: str) -> str:
    import base64

    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def resource_list(group: str, version: str) -> Object | None:
    """The body of ``/api/v1`` or ``/apis/GROUP/VERSION``."""
    if (group and group not in groups()) or (version not in _versions(group)):
        return None
    found: list[Object] = []
    for resource in (r for r in RESOURCES if (r.group, r.version) == (group, version)):
        entry: Object = {
            "name": resource.plural,
            "singularName": resource.single,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short:
            entry["shortNames"] = list(resource.short)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        if "list" in resource.verbs:
            entry["storageVersionHash"] = _hash(f"{resource.api_version}/{resource.kind}")
        found.append(entry)
        for name, verbs, (g, v, kind) in resource.subresources:
            below: Object = {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": kind,
                "verbs": list(verbs),
            }
            if (g, v) != (resource.group, resource.version):
                below |= {"group": g, "version": v}
            found.append(below)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": found,
    }


def _aggregated_resource(resource: Resource) -> Object:
    entry: Object = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.single,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        entry["shortNames"] = list(resource.short)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": name,
                "responseKind": {"group": g, "version": v, "kind": kind},
                "verbs": list(verbs),
            }
            for name, verbs, (g, v, kind) in resource.subresources
        ]
    return entry


@cache
def aggregated(core: bool, version: str) -> Object:
    """Aggregated discovery of the core group or of all named ones, in ``version`` v2 or v2beta1."""
    found = []
    for group in [""] if core else groups():
        versions = [
            {
                "version": v,
                "resources": [
                    _aggregated_resource(r) for r in RESOURCES if (r.group, r.version) == (group, v)
                ],
                "freshness": "Current",
            }
            for v in _versions(group)
        ]
        found.append({"metadata": {"name": group} if group else {}, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": found,
    }


def _operation(resource: Resource, action: str, method: str) -> Object:
    reference = f"#/components/schemas/{_schema_name(resource)}"
    parameters = [
        {"name": n, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for n in ("dryRun", "fieldManager", "fieldValidation")
    ]
    operation: Object = {
        "operationId": f"{method}{resource.kind}{action}",
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": reference}}}}
        },
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "version": resource.version,
            "kind": resource.kind,
        },
    }
    if method in ("post", "put", "patch"):
        operation["parameters"] = parameters
    if method == "patch":
        patch = {"schema": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Patch"}}
        operation["requestBody"] = {"content": dict.fromkeys(_PATCHES, patch), "required": True}
    return operation


def _schema_name(resource: Resource) -> str:
    wanted = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    for name, schema in schemas.members(resource.path).items():
        if wanted in schema.get("x-kubernetes-group-version-kind", ()) and not name.endswith("List"):
            return name
    raise LookupError(f"no schema for {wanted}")


def _paths(path: str) -> Object:
    found: Object = {}
    for resource in (r for r in RESOURCES if r.path == path):
        base = f"/{path}/namespaces/{{namespace}}/" if resource.namespaced else f"/{path}/"
        collection: Object = {}
        if "list" in resource.verbs:
            collection["get"] = _operation(resource, "list", "get")
        if "create" in resource.verbs:
            collection["post"] = _operation(resource, "post", "post")
        found[base + resource.plural] = collection
        if "patch" in resource.verbs:
            found[base + resource.plural + "/{name}"] = {
                method: _operation(resource, action, method)
                for method, action in (
                    ("get", "get"),
                    ("put", "put"),
                    ("patch", "patch"),
                    ("delete", "delete"),
                )
            }
    return found


@cache
def openapi_v3(path: str) -> bytes | None:
    """The OpenAPI v3 document of one group version (``apis/apps/v1``), as JSON."""
    if path not in schemas.group_versions():
        return None
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": schemas.version()},
        "paths": _paths(path),
        "components": {"schemas": schemas.members(path)},
    }
    return json.dumps(document, separators=(",", ":")).encode()


@cache
def openapi_index() -> Object:
    """The body of ``/openapi/v3``: where each group version's document is, with its hash."""
    found = {}
    for path in schemas.group_versions():
        document = openapi_v3(path) or b""
        digest = hashlib.sha512(document).hexdigest().upper()
        found[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": found}


@cache
def openapi_v2() -> bytes:
    """The OpenAPI v2 document of everything served, as JSON."""
    definitions: Object = {}
    for path in schemas.group_versions():
        definitions |= schemas.members(path)
    text = json.dumps(definitions, separators=(",", ":")).replace("#/components/schemas/", "#/definitions/")
    paths = {name: item for path in schemas.group_versions() for name, item in _paths(path).items()}
    document = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": schemas.version()},
        "paths": {name: {} for name in paths},
        "definitions": _unwrapped(json.loads(text)),
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _unwrapped(value: object) -> object:
    """References in version 2 stand alone, not in an ``allOf`` of one."""
    if isinstance(value, dict):
        inner = value.get("allOf")
        if isinstance(inner, list) and len(inner) == 1:
            kept = {k: v for k, v in value.items() if k not in ("allOf", "default")}
            return {k: _unwrapped(v) for k, v in kept.items()} | inner[0]
        return {k: _unwrapped(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_unwrapped(v) for v in value]
    return value
