"""What is proven of Kubernetes on the running cluster, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Claim, Subject
from meshlab.provision.systems.kubernetes.calls import is_true, kubernetes_errors


def api_servers(context: Context, subject: Subject) -> Iterator[Claim]:
    """The Kubernetes API is ready on every master."""
    ready = [m["name"] for m in subject.masters if context.connections.kubernetes.ready(m["address"])]
    yield Claim(
        "the Kubernetes API is ready on every master",
        f"ready on {', '.join(ready)}",
        len(ready) == len(subject.masters),
    )


def nodes(context: Context, subject: Subject) -> Iterator[Claim]:
    """Every machine is a Ready node and says its zone."""
    with kubernetes_errors("reading the nodes"):
        found = {n["metadata"]["name"]: n for n in context.connections.kubernetes.list("v1", "Node")}
    ready = [m["name"] for m in subject.machines if m["name"] in found and is_true(found[m["name"]], "Ready")]
    yield Claim(
        "every machine is a Ready node",
        f"{len(ready)} of {len(subject.machines)}",
        len(ready) == len(subject.machines),
    )
    zone = "topology.kubernetes.io/zone"
    right = [m["name"] for m in subject.machines if _label(found.get(m["name"]), zone) == m["place"]]
    yield Claim(
        "every node carries its zone",
        f"{len(right)} of {len(subject.machines)}",
        len(right) == len(subject.machines),
    )


def _label(node: dict[str, Any] | None, label: str) -> str:
    return str((node or {}).get("metadata", {}).get("labels", {}).get(label, ""))


CLAIMS = (
    api_servers,
    nodes,
)
