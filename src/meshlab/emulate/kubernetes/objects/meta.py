"""Small facts about objects: names, times, identifiers, quantities."""

from __future__ import annotations

import datetime
import re
import secrets
import uuid
from typing import Any

from meshlab.emulate.kubernetes.objects.status import Object

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_SCALE = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}


def now() -> str:
    """The present as Kubernetes writes times: UTC, whole seconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro() -> str:
    """The present as MicroTime (leases, new events)."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def after(seconds: float) -> str:
    """The time so many seconds from now."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float:
    """Seconds since the epoch of a Time or MicroTime."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def new_uid() -> str:
    """A fresh object uid."""
    return str(uuid.uuid4())


def suffix(length: int = 5) -> str:
    """A random name ending of the alphabet that Kubernetes uses."""
    return "".join(secrets.choice(_SAFE) for _ in range(length))


def quantity(value: Any) -> float:
    """A resource quantity as a number (cores, bytes, pieces).

    Raises
    ------
    ValueError
        The text is not a quantity.
    """
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?\d+)?)([numkKMGTPE]?i?)", str(value))
    if match is None or match[2] not in _SCALE:
        raise ValueError(f"{value!r} is not a resource quantity")
    return float(match[1]) * _SCALE[match[2]]


def name_of(item: Object) -> str:
    """The name of an object."""
    return str(item["metadata"]["name"])


def namespace_of(item: Object) -> str:
    """The namespace of an object; empty for one without."""
    return str(item["metadata"].get("namespace", ""))


def key_of(item: Object) -> str:
    """``namespace/name``, or just the name."""
    namespace = namespace_of(item)
    return f"{namespace}/{name_of(item)}" if namespace else name_of(item)


def controller_of(item: Object) -> Object | None:
    """The owner reference of the object's controller."""
    for reference in item["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def condition(item: Object, kind: str) -> Object | None:
    """The condition of a type in an object's status."""
    for entry in item.get("status", {}).get("conditions") or ():
        if entry.get("type") == kind:
            return dict(entry)
    return None


def is_ready(pod: Object) -> bool:
    """Whether a pod's Ready condition is True."""
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def is_finished(pod: Object) -> bool:
    """Whether a pod has ended for good."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
