"""Calls to the Kubernetes API, errors turned into reactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from meshlab.provision.systems.outcome import Reaction, StepFailed


@contextmanager
def kubernetes_errors(what: str) -> Iterator[None]:
    """Turns a Kubernetes error into what the executor does about it. Applying again is always harmless."""
    from meshlab.live.kubernetes import KubernetesError

    try:
        yield
    except KubernetesError as error:
        status = error.status
        transient = status in (0, 408, 409, 429) or status >= 500
        reaction: Reaction = "retry" if transient else "stop"
        raise StepFailed(f"{what}: {error}", reaction, silent=status == 0) from None


def is_true(thing: Mapping[str, Any], condition: str) -> bool:
    """Says whether a node's or pod's condition is True."""
    conditions = thing.get("status", {}).get("conditions") or ()
    return any(c["type"] == condition and c["status"] == "True" for c in conditions)
