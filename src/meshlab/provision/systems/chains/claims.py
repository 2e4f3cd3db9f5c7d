"""What is proven of the chain nodes on the running cluster, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshlab.provision.manifests.chains import NAMESPACE as CHAINS
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Claim, Subject
from meshlab.provision.systems.kubernetes.calls import is_true, kubernetes_errors


def chain_nodes(context: Context, subject: Subject) -> Iterator[Claim]:
    """Each chain node is healthy on its worker, with its data on that worker's disk."""
    if not subject.parts["chains"]:
        return
    kube = context.connections.kubernetes
    with kubernetes_errors("reading the chain nodes"):
        pods = {p["metadata"]["name"]: p for p in kube.list("v1", "Pod", CHAINS)}
        claims = {c["metadata"]["name"]: c for c in kube.list("v1", "PersistentVolumeClaim", CHAINS)}
        volumes = {v["metadata"]["name"]: v for v in kube.list("v1", "PersistentVolume")}
    for chain in subject.parts["chains"]:
        pod = pods.get(chain["pod"], {})
        node, ready = pod.get("spec", {}).get("nodeName", "nowhere"), is_true(pod, "Ready")
        yield Claim(
            f"{chain['role']} is in step with its network on {chain['machine']}",
            f"{chain['pod']} on {node}, {'ready' if ready else 'not ready'}",
            node == chain["machine"] and ready,
        )
        claim = claims.get(f"data-{chain['pod']}", {})
        volume = volumes.get(claim.get("spec", {}).get("volumeName", ""), {})
        path = volume.get("spec", {}).get("local", {}).get("path", "")
        yield Claim(
            f"{chain['role']} keeps its data on {chain['machine']}'s own disk",
            f"{path or 'no local volume'} on {', '.join(_hosts(volume)) or '?'}",
            bool(path) and _hosts(volume) == [chain["machine"]],
        )


def _hosts(volume: dict[str, Any]) -> list[str]:
    terms = volume.get("spec", {}).get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms") or ()
    return [str(v) for t in terms for e in t.get("matchExpressions", ()) for v in e.get("values", ())]


CLAIMS = (chain_nodes,)
