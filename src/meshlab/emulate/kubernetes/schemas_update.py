"""Rewrite ``schemas.json.gz`` from the OpenAPI documents in a Kubernetes source tree.

Run ``python -m meshlab.emulate.kubernetes.schemas_update DIR VERSION`` where DIR holds ``api/openapi-spec/v3``. The result is the
schemas of the groups served by the stand-in, unchanged; Kubernetes is under the Apache License 2.0, as meshlab is.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

GROUP_VERSIONS = {
    "api/v1": "api__v1",
    "apis/apps/v1": "apis__apps__v1",
    "apis/authentication.k8s.io/v1": "apis__authentication.k8s.io__v1",
    "apis/authorization.k8s.io/v1": "apis__authorization.k8s.io__v1",
    "apis/autoscaling/v1": "apis__autoscaling__v1",
    "apis/batch/v1": "apis__batch__v1",
    "apis/coordination.k8s.io/v1": "apis__coordination.k8s.io__v1",
    "apis/discovery.k8s.io/v1": "apis__discovery.k8s.io__v1",
    "apis/events.k8s.io/v1": "apis__events.k8s.io__v1",
    "apis/networking.k8s.io/v1": "apis__networking.k8s.io__v1",
    "apis/policy/v1": "apis__policy__v1",
    "apis/rbac.authorization.k8s.io/v1": "apis__rbac.authorization.k8s.io__v1",
    "apis/scheduling.k8s.io/v1": "apis__scheduling.k8s.io__v1",
    "apis/storage.k8s.io/v1": "apis__storage.k8s.io__v1",
}


def compact(source: Path, version: str) -> bytes:
    """The schemas of all served group versions as gzipped JSON, the same bytes for the same source."""
    schemas: dict[str, object] = {}
    members: dict[str, list[str]] = {}
    for group_version, name in GROUP_VERSIONS.items():
        document = json.loads((source / "api/openapi-spec/v3" / f"{name}_openapi.json").read_text())
        schemas |= document["components"]["schemas"]
        members[group_version] = sorted(document["components"]["schemas"])
    text = json.dumps(
        {"version": version, "members": members, "schemas": schemas}, sort_keys=True, separators=(",", ":")
    )
    return gzip.compress(text.encode(), 9, mtime=0)


if __name__ == "__main__":
    (Path(__file__).parent / "schemas.json.gz").write_bytes(compact(Path(sys.argv[1]), sys.argv[2]))
