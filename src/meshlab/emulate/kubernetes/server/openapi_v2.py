"""The OpenAPI v2 document in protobuf, which kubectl asks for to check manifests of kind List.

Only what kubectl reads is written: the definitions with their types, properties and kinds.

References
----------
gnostic-models, ``openapiv2/OpenAPIv2.proto``: Document.definitions 9, NamedSchema, Schema.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from meshlab.emulate.kubernetes.objects import schemas
from meshlab.emulate.kubernetes.objects.status import Object

CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_KINDS = "x-kubernetes-group-version-kind"


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _bytes(number: int, data: bytes | str) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _named(name: str, value: bytes) -> bytes:
    return _bytes(1, _bytes(1, name) + _bytes(2, value))


def _schema(schema: Object) -> bytes:
    inner = schema.get("allOf")
    reference = inner[0].get("$ref") if inner and len(inner) == 1 else schema.get("$ref")
    if reference is not None:
        return _bytes(1, reference.replace("#/components/schemas/", "#/definitions/"))
    kind = schema.get("type")
    if "oneOf" in schema:
        kind = "string"
    found = b""
    if "format" in schema:
        found += _bytes(2, schema["format"])
    for name in schema.get("required") or ():
        found += _bytes(19, name)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        found += _bytes(21, _bytes(1, _schema(extra)))
    if kind is not None:
        found += _bytes(22, _bytes(1, kind))
    if "items" in schema:
        found += _bytes(23, _bytes(1, _schema(schema["items"])))
    if "properties" in schema:
        found += _bytes(25, b"".join(_named(n, _schema(s)) for n, s in sorted(schema["properties"].items())))
    if _KINDS in schema:
        kinds: Any = json.dumps(schema[_KINDS])
        found += _bytes(31, _bytes(1, _KINDS) + _bytes(2, _bytes(2, kinds)))
    return found


@cache
def document() -> bytes:
    """The encoded document of everything served."""
    definitions: Object = {}
    for path in schemas.group_versions():
        definitions |= schemas.members(path)
    info = _bytes(1, "Kubernetes") + _bytes(2, schemas.version())
    body = b"".join(_named(name, _schema(schema)) for name, schema in sorted(definitions.items()))
    return _bytes(1, "2.0") + _bytes(2, info) + _bytes(8, b"") + _bytes(9, body)
