"""Rewrite ``schemas.json.gz`` and ``protos.json.gz`` from the Kubernetes sources of one version.

Run ``python -m meshlab.emulate.kubernetes.objects.schemas_update KUBERNETES API APIMACHINERY VERSION``: the source
directories of the
modules k8s.io/kubernetes, k8s.io/api and k8s.io/apimachinery. What is kept are the schemas (unchanged) and the
field numbers of
the groups that the stand-in serves; Kubernetes is under the Apache License 2.0, as meshlab is.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

GROUP_VERSIONS = {
    "api/v1": "core",
    "apis/apps/v1": "apps",
    "apis/authentication.k8s.io/v1": "authentication",
    "apis/authorization.k8s.io/v1": "authorization",
    "apis/autoscaling/v1": "autoscaling",
    "apis/batch/v1": "batch",
    "apis/coordination.k8s.io/v1": "coordination",
    "apis/discovery.k8s.io/v1": "discovery",
    "apis/events.k8s.io/v1": "events",
    "apis/networking.k8s.io/v1": "networking",
    "apis/policy/v1": "policy",
    "apis/rbac.authorization.k8s.io/v1": "rbac",
    "apis/scheduling.k8s.io/v1": "scheduling",
    "apis/storage.k8s.io/v1": "storage",
}
_MACHINERY = ("pkg/apis/meta/v1", "pkg/api/resource", "pkg/runtime", "pkg/util/intstr")
_MESSAGE = re.compile(r"message (\w+) \{([^}]*)\}")
_FIELD = re.compile(
    r"(?P<rule>optional|repeated|)\s*(?P<type>map<\s*\w+\s*,\s*(?P<value>[\w.]+)\s*>|[\w.]+)\s+(?P<name>\w+)\s*=\s*(?P<number>\d+);"
)


def _packed(value: object) -> bytes:
    return gzip.compress(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), 9, mtime=0)


def schemas(kubernetes: Path, version: str) -> bytes:
    """The OpenAPI schemas of all served group versions as gzipped JSON."""
    found: dict[str, object] = {}
    members: dict[str, list[str]] = {}
    for group_version in GROUP_VERSIONS:
        name = group_version.replace("/", "__") + "_openapi.json"
        document = json.loads((kubernetes / "api/openapi-spec/v3" / name).read_text())
        found |= document["components"]["schemas"]
        members[group_version] = sorted(document["components"]["schemas"])
    return _packed({"version": version, "members": members, "schemas": found})


def messages(api: Path, machinery: Path) -> bytes:
    """The protobuf messages of all served group versions: full name to field number to (name, type, rule)."""
    files = [api / group / "v1/generated.proto" for group in GROUP_VERSIONS.values()]
    files += [machinery / part / "generated.proto" for part in _MACHINERY]
    found: dict[str, dict[str, list[str]]] = {}
    for file in files:
        text = re.sub(r"//.*", "", file.read_text())
        package = re.search(r"package ([\w.]+);", text)
        assert package is not None, file
        for name, body in _MESSAGE.findall(text):
            fields = {}
            for match in _FIELD.finditer(body):
                kind = (match["value"] or match["type"]).removeprefix(".")
                if kind[0].isupper():
                    kind = f"{package[1]}.{kind}"
                rule = "map" if match["value"] else "list" if match["rule"] == "repeated" else ""
                fields[match["number"]] = [match["name"], kind, rule]
            found[f"{package[1]}.{name}"] = fields
    return _packed(found)


if __name__ == "__main__":
    here = Path(__file__).parent
    sources = [Path(a) for a in sys.argv[1:4]]
    (here / "schemas.json.gz").write_bytes(schemas(sources[0], sys.argv[4]))
    (here / "protos.json.gz").write_bytes(messages(sources[1], sources[2]))
