"""Label and field selectors, as query strings and as objects carry them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from meshlab.emulate.kubernetes.objects.status import Object, bad_request

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*([^\s!=]+)\s*(==|=|!=)\s*([^\s=!]*)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s!=()]+)\s*$")


def _split(text: str) -> list[str]:
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _term(text: str) -> Predicate:
    if match := _SET.match(text):
        key, operator, raw = match.groups()
        values = {v.strip() for v in raw.split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL.match(text):
        key, operator, value = match.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.match(text):
        absent, key = match.groups()
        return (lambda labels: key not in labels) if absent else (lambda labels: key in labels)
    raise bad_request(f"unable to parse requirement: {text!r}")


def label_query(text: str) -> Predicate:
    """The predicate of a ``labelSelector`` query such as ``app=vault,tier in (a,b),!old``.

    Raises
    ------
    ApiError
        400, when the text cannot be parsed.
    """
    terms = [_term(part) for part in _split(text)]
    return lambda labels: all(term(labels) for term in terms)


def matches(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether labels fit a LabelSelector object; an empty one fits all, an absent one fits none."""
    if selector is None:
        return False
    if any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    return all(expression_matches(e, labels) for e in selector.get("matchExpressions") or ())


def expression_matches(expression: Mapping[str, Any], labels: Labels) -> bool:
    """Whether labels fit one match expression (In, NotIn, Exists, DoesNotExist, Gt, Lt)."""
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or []
    found = labels.get(key)
    match operator:
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case "Gt" | "Lt":
            try:
                left, right = int(found or ""), int(values[0])
            except (ValueError, IndexError):
                return False
            return left > right if operator == "Gt" else left < right
    return False


def labels_of(item: Object) -> Labels:
    """The labels of an object."""
    labels: Labels = item.get("metadata", {}).get("labels") or {}
    return labels


_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "replicasets": ("status.replicas",),
    "jobs": ("status.successful",),
}


def _read(item: Object, path: str) -> str:
    value: Any = item
    if path == "source" and isinstance(item.get("source"), dict):
        return str(item["source"].get("component", ""))
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool) or (value is None and path in ("spec.unschedulable", "spec.hostNetwork")):
        return "true" if value else "false"
    return "" if value is None else str(value)


def field_query(text: str, plural: str) -> Callable[[Object], bool]:
    """The predicate of a ``fieldSelector`` query; only the fields the real server indexes are known.

    Raises
    ------
    ApiError
        400, for a field that cannot be selected on.
    """
    known = {"metadata.name", "metadata.namespace", *_FIELDS.get(plural, ())}
    terms: list[tuple[str, bool, str]] = []
    for part in _split(text):
        match = re.match(r"^\s*([^!=\s]+)\s*(==|=|!=)\s*(.*?)\s*$", part)
        if match is None:
            raise bad_request(f"invalid selector: {part!r}; can't understand {part!r}")
        path, operator, value = match.groups()
        if path not in known:
            raise bad_request(f"field label not supported: {path}")
        terms.append((path, operator != "!=", value))
    return lambda item: all((_read(item, path) == value) == equal for path, equal, value in terms)
