"""The published OpenAPI schemas of Kubernetes: what fields exist, how lists merge, and the OpenAPI documents."""

from __future__ import annotations

import copy
import gzip
import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from meshlab.emulate.kubernetes.objects.status import Object

_REF = "#/components/schemas/"


@cache
def _document() -> Object:
    packed = (Path(__file__).parent / "schemas.json.gz").read_bytes()
    document: Object = json.loads(gzip.decompress(packed))
    return document


def version() -> str:
    """The Kubernetes version the schemas were published with, such as ``v1.36.3``."""
    return str(_document()["version"])


def definition(name: str) -> Object:
    """A schema by its full name, such as ``io.k8s.api.core.v1.Pod``."""
    found: Object = _document()["schemas"][name]
    return found


@cache
def _by_kind() -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for name, schema in _document()["schemas"].items():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            found.setdefault((gvk["group"], gvk["version"], gvk["kind"]), name)
    return found


def kind_schema(group: str, api_version: str, kind: str) -> Object | None:
    """The schema of a kind; None for a kind that has none."""
    name = _by_kind().get((group, api_version, kind))
    return None if name is None else definition(name)


def resolve(schema: Object) -> Object:
    """The schema with its reference followed; keywords beside the reference (merge keys, defaults) win."""
    reference = schema.get("$ref")
    if reference is None and len(schema.get("allOf", ())) == 1:
        reference = schema["allOf"][0].get("$ref")
    if reference is None:
        return schema
    return _merged(reference, id(schema), _Held(schema))


class _Held:
    """Keeps a schema alive and hashable by identity for the cache of :func:`_merged`."""

    def __init__(self, schema: Object) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.schema is self.schema


@lru_cache(maxsize=8192)
def _merged(reference: str, _identity: int, held: _Held) -> Object:
    target = definition(reference.removeprefix(_REF))
    beside = {k: v for k, v in held.schema.items() if k not in ("$ref", "allOf", "description", "default")}
    return {**target, **beside} if beside else target


def field(schema: Object, name: str) -> Object | None:
    """The schema of one field of an object; for a map, of its values; None when the field is not known."""
    properties = schema.get("properties")
    if properties is not None and name in properties:
        return resolve(properties[name])
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return resolve(extra)
    if properties is None and extra is None:
        return {}
    return None


def items(schema: Object) -> Object:
    """The schema of a list's elements."""
    return resolve(schema.get("items", {}))


def is_open(schema: Object) -> bool:
    """Whether anything may stand here (raw extensions, FieldsV1, quantities' unions)."""
    return not any(k in schema for k in ("properties", "additionalProperties", "items")) and schema.get(
        "type"
    ) in (
        None,
        "object",
    )


def unknown_fields(value: Any, schema: Object, path: str = "") -> list[str]:
    """The paths of fields that the schema does not know, as the strict decoder names them."""
    found: list[str] = []
    if isinstance(value, dict):
        if is_open(schema):
            return found
        for name, inner in value.items():
            below = field(schema, name)
            here = f"{path}.{name}" if path else name
            if below is None:
                found.append(here)
            else:
                found += unknown_fields(inner, below, here)
    elif isinstance(value, list) and "items" in schema:
        element = items(schema)
        for index, inner in enumerate(value):
            found += unknown_fields(inner, element, f"{path}[{index}]")
    return found


def drop_unknown(value: Any, schema: Object) -> Any:
    """The value without the fields that the schema does not know and without nulls, as a typed decoder leaves it."""
    if isinstance(value, dict) and not is_open(schema):
        kept = {}
        for name, inner in value.items():
            below = field(schema, name)
            if below is not None and inner is not None:
                kept[name] = drop_unknown(inner, below)
        return kept
    if isinstance(value, list) and "items" in schema:
        element = items(schema)
        return [drop_unknown(inner, element) for inner in value]
    return value


_JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def type_error(value: Any, schema: Object, path: str = "", owner: str = "") -> str | None:
    """How a value does not fit its schema, in the words of Go's JSON decoder; None when it fits."""
    wanted = schema.get("type")
    if value is None or "oneOf" in schema or schema.get("format") == "int-or-string":
        return None
    found = _JSON_NAMES[type(value)]
    fits = {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
    }
    if wanted in fits and not fits[wanted]:
        go = {"integer": schema.get("format", "int64"), "boolean": "bool"}.get(wanted, wanted)
        return f"json: cannot unmarshal {found} into Go struct field {owner}{path} of type {go}"
    if isinstance(value, dict):
        for name, inner in value.items():
            below = field(schema, name)
            if below is not None and (error := type_error(inner, below, f"{path}.{name}", owner)):
                return error
    elif isinstance(value, list) and "items" in schema:
        element = items(schema)
        for inner in value:
            if error := type_error(inner, element, path, owner):
                return error
    return None


def missing_required(value: Any, schema: Object, path: str = "") -> list[str]:
    """The paths of required fields that are absent; the first of each object."""
    found: list[str] = []
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                found.append(f"{path}.{name}" if path else name)
        for name, inner in value.items():
            below = field(schema, name)
            if below:
                found += missing_required(inner, below, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and "items" in schema:
        element = items(schema)
        for index, inner in enumerate(value):
            found += missing_required(inner, element, f"{path}[{index}]")
    return found


def fill_defaults(value: Any, schema: Object) -> None:
    """Writes the defaults that the schema itself declares (protocol TCP, probe periods, …) into a value, in place."""
    if isinstance(value, dict) and "properties" in schema:
        for name, raw in schema["properties"].items():
            if name in value:
                if value[name] is not None:
                    fill_defaults(value[name], resolve(raw))
            elif raw.get("default") not in (None, "", 0, False) and raw["default"] != {}:
                value[name] = copy.deepcopy(raw["default"])
    elif isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        below = resolve(schema["additionalProperties"])
        for inner in value.values():
            fill_defaults(inner, below)
    elif isinstance(value, list) and "items" in schema:
        element = items(schema)
        for inner in value:
            fill_defaults(inner, element)


def group_versions() -> list[str]:
    """The served paths (``api/v1``, ``apis/apps/v1``, …) that have an OpenAPI v3 document."""
    return sorted(_document()["members"])


def members(group_version: str) -> dict[str, Object]:
    """The schemas that belong into one group version's OpenAPI document."""
    return {name: definition(name) for name in _document()["members"][group_version]}
