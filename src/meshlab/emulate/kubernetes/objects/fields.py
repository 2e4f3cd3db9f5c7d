"""Field ownership: which manager set which field, conflicts, and the merge of server-side apply.

A field set is a set of paths; a path is a tuple of elements: ``("f", name)`` for a field or map key, ``("k", key
values)`` for
an element of a keyed list, ``("v", value)`` for an element of a set. The rules are those of structured-merge-diff:
leaves are
owned; atomic maps and lists are one leaf; an element of a keyed list is owned besides its leaves.

References
----------
Kubernetes documentation, "Server-Side Apply": merge strategy, conflicts, ``managedFields``.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meshlab.emulate.kubernetes.objects import schemas
from meshlab.emulate.kubernetes.objects.status import Object

Element = tuple[str, Any]
Path = tuple[Element, ...]
FieldSet = frozenset[Path]

_ABSENT = object()
_NEVER_OWNED = {
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
    "generation",
    "managedFields",
    "selfLink",
}


@dataclass(frozen=True)
class Entry:
    """One manager's entry of ``managedFields``."""

    manager: str
    operation: str
    subresource: str
    api_version: str
    time: str
    fields: FieldSet


def _keys(schema: Object) -> list[str] | None:
    if schema.get("x-kubernetes-list-type") == "map":
        return list(schema["x-kubernetes-list-map-keys"])
    return None


def _element_key(value: Object, keys: list[str], element: Object) -> Element:
    found = []
    for key in keys:
        inner = value.get(key, _ABSENT)
        if inner is _ABSENT:
            inner = (schemas.field(element, key) or {}).get("default", _ABSENT)
        if inner is not _ABSENT:
            found.append((key, inner))
    return ("k", tuple(sorted(found)))


def _is_atomic(value: Any, schema: Object) -> bool:
    if isinstance(value, dict):
        return bool(schema.get("x-kubernetes-map-type") == "atomic") or schemas.is_open(schema)
    if isinstance(value, list):
        return bool(schema.get("x-kubernetes-list-type", "atomic") == "atomic")
    return True


def paths(value: Any, schema: Object, at: Path = ()) -> FieldSet:
    """The set of fields that a value sets."""
    found: set[Path] = set()
    _collect(value, schema, at, found)
    return frozenset(found)


def _collect(value: Any, schema: Object, at: Path, found: set[Path]) -> None:
    if _is_atomic(value, schema) and at:
        found.add(at)
    elif isinstance(value, dict):
        if not value and at:
            found.add(at)
        for name, inner in value.items():
            _collect(inner, schemas.field(schema, name) or {}, (*at, ("f", name)), found)
    elif isinstance(value, list):
        keys, element = _keys(schema), schemas.items(schema)
        if not value:
            found.add(at)
        for inner in value:
            if keys is None:
                found.add((*at, ("v", json.dumps(inner, sort_keys=True))))
            else:
                here = (*at, _element_key(inner, keys, element))
                found.add(here)
                _collect(inner, element, here, found)


def owned(item: Object, schema: Object, subresource: str = "") -> FieldSet:
    """The fields of a whole object that a manager can own by setting them (identity and server-set ones left out)."""
    everything = paths(item, schema)
    return frozenset(p for p in everything if _can_own(p, subresource))


def _can_own(path: Path, subresource: str) -> bool:
    head = path[0][1]
    if head in ("apiVersion", "kind") or (len(path) == 1 and head == "metadata"):
        return False
    if head == "metadata":
        return path[1][1] not in _NEVER_OWNED and subresource != "status"
    return bool((head == "status") == (subresource == "status"))


def lookup(value: Any, schema: Object, path: Path) -> Any:
    """What stands at a path, or a marker that equals nothing but itself."""
    for position, (kind, name) in enumerate(path):
        if kind == "f":
            if not isinstance(value, dict) or name not in value:
                return _ABSENT
            value, schema = value[name], schemas.field(schema, name) or {}
        elif kind == "v":
            wanted = json.loads(name)
            return wanted if isinstance(value, list) and wanted in value else _ABSENT
        else:
            keys, element = _keys(schema) or [], schemas.items(schema)
            match = [v for v in value or [] if _element_key(v, keys, element) == (kind, name)]
            if not match:
                return _ABSENT
            value, schema = match[0], element
            if position == len(path) - 1:
                return True
    return value


def merge(live: Any, applied: Any, schema: Object) -> Any:
    """The live value with what is applied written over it, lists merged by their keys."""
    if _is_atomic(applied, schema) and not (isinstance(applied, dict) and schema.get("properties")):
        return copy.deepcopy(applied)
    if isinstance(applied, dict):
        if schema.get("x-kubernetes-map-type") == "atomic":
            return copy.deepcopy(applied)
        merged = dict(live) if isinstance(live, dict) else {}
        for name, value in applied.items():
            merged[name] = merge(merged.get(name), value, schemas.field(schema, name) or {})
        return merged
    keys, element = _keys(schema), schemas.items(schema)
    result = list(live) if isinstance(live, list) else []
    if keys is None:
        return result + [v for v in applied if v not in result]
    for value in applied:
        key = _element_key(value, keys, element)
        place = next((i for i, v in enumerate(result) if _element_key(v, keys, element) == key), None)
        if place is None:
            result.append(copy.deepcopy(value))
        else:
            result[place] = merge(result[place], value, element)
    return result


def remove(value: Any, schema: Object, path: Path) -> Any:
    """The value without what stands at a path."""
    (kind, name), rest = path[0], path[1:]
    if kind == "f":
        if not isinstance(value, dict) or name not in value:
            return value
        left = dict(value)
        if not rest:
            left.pop(name)
        else:
            left[name] = remove(left[name], schemas.field(schema, name) or {}, rest)
            if left[name] in ({}, []) and value[name] not in ({}, []):
                left.pop(name)
        return left
    if not isinstance(value, list):
        return value
    if kind == "v":
        return [v for v in value if v != json.loads(name)]
    keys, element = _keys(schema) or [], schemas.items(schema)
    result = []
    for inner in value:
        if _element_key(inner, keys, element) != (kind, name):
            result.append(inner)
        elif rest:
            result.append(remove(inner, element, rest))
    return result


def encode(fields: Iterable[Path]) -> Object:
    """The FieldsV1 form of a field set."""
    tree: Object = {}
    whole = set(fields)
    for path in sorted(whole, key=repr):
        at = tree
        for element in path:
            at = at.setdefault(_encoded(element), {})
    _mark(tree, (), whole)
    return tree


def _mark(tree: Object, at: Path, whole: set[Path]) -> None:
    for name, below in tree.items():
        here = (*at, _decoded(name))
        if below:
            _mark(below, here, whole)
            if here in whole:
                below["."] = {}


def _encoded(element: Element) -> str:
    kind, value = element
    if kind == "k":
        return "k:" + json.dumps(dict(value), separators=(",", ":"))
    return f"{kind}:{value}"


def _decoded(text: str) -> Element:
    kind, _, value = text.partition(":")
    if kind == "k":
        return ("k", tuple(sorted(json.loads(value).items())))
    return (kind, value)


def decode(tree: Object, at: Path = ()) -> FieldSet:
    """The field set of a FieldsV1 value."""
    found: set[Path] = set()
    for name, below in tree.items():
        if name == ".":
            found.add(at)
            continue
        here = (*at, _decoded(name))
        if below:
            found |= decode(below, here)
        else:
            found.add(here)
    return frozenset(found)


def entries(item: Object) -> list[Entry]:
    """The entries of an object's ``managedFields``."""
    return [
        Entry(
            e.get("manager", ""),
            e.get("operation", ""),
            e.get("subresource", ""),
            e.get("apiVersion", ""),
            e.get("time", ""),
            decode(e.get("fieldsV1") or {}),
        )
        for e in item.get("metadata", {}).get("managedFields") or ()
    ]


def to_managed_fields(found: Iterable[Entry]) -> list[Object]:
    """``managedFields`` from entries; those that own nothing are left out."""
    result = []
    for entry in sorted(found, key=lambda e: (e.operation, e.time, e.manager)):
        if not entry.fields:
            continue
        shown: Object = {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": encode(entry.fields),
        }
        if entry.subresource:
            shown["subresource"] = entry.subresource
        result.append(shown)
    return result


def shown(path: Path) -> str:
    """A path as conflict messages print it: ``.spec.containers[name="x"].image``."""
    text = ""
    for kind, value in path:
        if kind == "f":
            text += f".{value}"
        elif kind == "k":
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in value) + "]"
        else:
            text += f"[={value}]"
    return text
