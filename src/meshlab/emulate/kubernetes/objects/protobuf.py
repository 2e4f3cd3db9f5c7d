"""Request bodies in Kubernetes' protobuf encoding, which kubectl's typed clients send, as the JSON objects they
stand for.

Only decoding is needed: every client that sends protobuf also accepts JSON answers. Go's encoder writes non-pointer
fields even
when they are empty; those are left out again, as Go's JSON encoder would.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from meshlab.emulate.kubernetes.objects import schemas, status
from meshlab.emulate.kubernetes.objects.status import Object

MAGIC = b"k8s\x00"
_META = "k8s.io.apimachinery.pkg.apis.meta.v1."
_ZERO_IS_MEANT = {
    "replicas",
    "gracePeriodSeconds",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
    "partition",
    "expirationSeconds",
    "runAsUser",
    "runAsGroup",
    "fsGroup",
    "value",
    "backoffLimit",
    "revisionHistoryLimit",
}
_FALSE_IS_MEANT = {
    "allowPrivilegeEscalation",
    "automountServiceAccountToken",
    "blockOwnerDeletion",
    "controller",
    "enableServiceLinks",
    "immutable",
    "orphanDependents",
    "privileged",
    "readOnlyRootFilesystem",
    "runAsNonRoot",
}
_EMPTY_IS_ABSENT = {
    "status",
    "strategy",
    "updateStrategy",
    "metadata",
    "resources",
    "loadBalancer",
    "source",
    "spec",
}


@cache
def _messages() -> dict[str, dict[str, list[str]]]:
    packed = (Path(__file__).parent / "protos.json.gz").read_bytes()
    found: dict[str, dict[str, list[str]]] = json.loads(gzip.decompress(packed))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        else:
            length, at = {1: (8, at), 5: (4, at)}.get(wire) or _varint(data, at)
            if at + length > len(data):
                raise IndexError("truncated field")
            yield number, data[at : at + length]
            at += length


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(message: dict[int, Any], number: int) -> str:
    return bytes(message.get(number, b"")).decode()


def _special(kind: str, data: bytes) -> tuple[bool, Any]:
    """Messages that are not objects in JSON: (whether this is one, its value)."""
    name = kind.rpartition(".")[2]
    if kind.endswith("api.resource.Quantity"):
        return True, _text(dict(_fields(data)), 1)
    if kind in (_META + "Time", _META + "MicroTime", _META + "Timestamp"):
        import datetime

        found = dict(_fields(data))
        if not found.get(1):
            return True, None
        moment = datetime.datetime.fromtimestamp(_signed(int(found[1])), datetime.UTC)
        if name == "MicroTime":
            moment = moment.replace(microsecond=int(found.get(2, 0)) // 1000)
            return True, moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return True, moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind.endswith("intstr.IntOrString"):
        found = dict(_fields(data))
        return True, _text(found, 3) if found.get(1) else _signed(int(found.get(2, 0)))
    if kind == _META + "FieldsV1" or kind.endswith("runtime.RawExtension"):
        raw = _text(dict(_fields(data)), 1)
        return True, json.loads(raw) if raw else None
    if kind == _META + "Verbs" or name == "ExtraValue":
        return True, [bytes(v).decode() for n, v in _fields(data) if n == 1 and isinstance(v, bytes)]
    return False, None


def _value(kind: str, raw: int | bytes) -> Any:
    if isinstance(raw, int):
        return bool(raw) if kind == "bool" else _signed(raw)
    if kind == "string":
        return raw.decode()
    if kind == "bytes":
        return base64.b64encode(raw).decode()
    special, value = _special(kind, raw)
    return value if special else _message(kind, raw)


def _message(kind: str, data: bytes) -> Object:
    known = _messages()[kind]
    schema_name = "io.k8s." + kind.removeprefix("k8s.io.")
    try:
        properties: Object | None = schemas.definition(schema_name).get("properties", {})
    except KeyError:
        properties = None
    found: Object = {}
    for number, raw in _fields(data):
        if str(number) not in known:
            continue
        name, inner, rule = known[str(number)]
        if rule == "map":
            assert isinstance(raw, bytes)
            entry = dict(_fields(raw))
            empty: int | bytes = b""
            found.setdefault(name, {})[_text(entry, 1)] = _value(inner, entry.get(2, empty))
            continue
        value = _value(inner, raw)
        if rule == "list":
            found.setdefault(name, []).append(value)
        elif properties is not None and name not in properties and isinstance(value, dict):
            found |= value
        elif not _absent(name, value):
            found[name] = value
    return found


def _absent(name: str, value: Any) -> bool:
    if value is None or value == "":
        return True
    if value is False:
        return name not in _FALSE_IS_MEANT
    if value == 0 and isinstance(value, int):
        return name not in _ZERO_IS_MEANT
    return value == {} and name in _EMPTY_IS_ABSENT


def decode(body: bytes) -> Object:
    """The object of a protobuf body (the magic number, then a runtime.Unknown envelope).

    Raises
    ------
    ApiError
        400, when the body is not such an encoding or of a kind that is not known.
    """
    if not body.startswith(MAGIC):
        raise status.bad_request(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        envelope = dict(_fields(body[len(MAGIC) :]))
        type_meta = dict(_fields(bytes(envelope.get(1, b""))))
        api_version, kind = _text(type_meta, 1), _text(type_meta, 2)
        group, _, version = api_version.rpartition("/")
        schema = _message_name(group, version, kind)
        item = _message(schema, bytes(envelope.get(2, b"")))
    except (IndexError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise status.bad_request(f"the protobuf body cannot be decoded: {error}") from None
    except KeyError:
        raise status.bad_request(f'no kind "{kind}" is registered for version "{api_version}"') from None
    return {"apiVersion": api_version, "kind": kind, **item}


def _message_name(group: str, version: str, kind: str) -> str:
    short = group.split(".")[0] or "core"
    name = f"k8s.io.api.{short}.{version}.{kind}"
    return name if name in _messages() else _META + kind
