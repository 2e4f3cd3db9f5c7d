"""The three patch formats besides apply: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

from meshlab.emulate.kubernetes.objects import schemas
from meshlab.emulate.kubernetes.objects.status import ApiError, Object, bad_request


def json_patch(target: Object, operations: Any) -> Object:
    """A target after RFC 6902 operations.

    Raises
    ------
    ApiError
        400 for operations that are not well formed, 422 when one does not fit the target.
    """
    import jsonpatch
    import jsonpointer

    try:
        patched: Object = jsonpatch.JsonPatch(operations).apply(target)
    except (jsonpatch.InvalidJsonPatch, TypeError) as error:
        raise bad_request(f"error decoding patch: {error}") from None
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        raise ApiError(
            422, "Invalid", "the server rejected our request due to an error in our request"
        ) from None
    return patched


def merge_patch(target: Any, patch: Any) -> Any:
    """A target after an RFC 7386 merge patch."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def strategic_merge(target: Any, patch: Any, schema: Object) -> Any:
    """A target after a strategic merge patch: lists merge by the key that their schema names.

    Raises
    ------
    ApiError
        400, when an element of a keyed list lacks its key.
    """
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    directive = patch.get("$patch")
    if directive == "replace":
        return _plain(patch)
    if directive == "delete":
        return {}
    merged = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        merged = {k: v for k, v in merged.items() if k in patch["$retainKeys"]}
    for name, value in patch.items():
        if name.startswith("$setElementOrder/") or name in ("$patch", "$retainKeys"):
            continue
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.split("/", 1)[1]
            merged[field] = [v for v in merged.get(field, []) if v not in value]
        elif value is None:
            merged.pop(name, None)
        else:
            below = schemas.field(schema, name) or {}
            merged[name] = _strategic_field(merged.get(name), value, below)
    for name, order in patch.items():
        if name.startswith("$setElementOrder/"):
            field = name.split("/", 1)[1]
            if field in merged:
                merged[field] = _ordered(merged[field], order, schemas.field(schema, field) or {})
    return merged


def _strategic_field(old: Any, new: Any, schema: Object) -> Any:
    strategy = schema.get("x-kubernetes-patch-strategy", "")
    if isinstance(new, dict):
        return strategic_merge(old, new, schema)
    if not isinstance(new, list) or "merge" not in strategy.split(","):
        return [_plain(v) for v in new] if isinstance(new, list) else new
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return [*(old or []), *(v for v in new if v not in (old or []))]
    return _keyed(old or [], new, key, schemas.items(schema))


def _keyed(old: list[Any], new: list[Any], key: str, element: Object) -> list[Any]:
    if any(isinstance(v, dict) and v.get("$patch") == "replace" for v in new):
        return [_plain(v) for v in new if v.get("$patch") != "replace"]
    merged = list(old)
    for value in new:
        if not isinstance(value, dict) or key not in value:
            raise bad_request(f"map: {value!r} does not contain declared merge key: {key}")
        place = next((i for i, v in enumerate(merged) if v.get(key) == value[key]), None)
        if value.get("$patch") == "delete":
            merged = [v for v in merged if v.get(key) != value[key]]
        elif place is None:
            merged.append(strategic_merge({}, value, element))
        else:
            merged[place] = strategic_merge(merged[place], value, element)
    return merged


def _ordered(values: list[Any], order: list[Any], schema: Object) -> list[Any]:
    """Elements named in the order come in that order; the others keep their place after the element before them."""
    key = schema.get("x-kubernetes-patch-merge-key")

    def identity(value: Any) -> Any:
        return value.get(key) if key and isinstance(value, dict) else value

    wanted = [identity(v) for v in order]
    named = sorted((v for v in values if identity(v) in wanted), key=lambda v: wanted.index(identity(v)))
    result: list[Any] = []
    for value in values:
        if identity(value) in wanted:
            result.append(named.pop(0))
        else:
            result.append(value)
    return result


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if not k.startswith("$") and v is not None}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value
