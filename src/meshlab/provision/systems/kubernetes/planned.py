"""Kubernetes' part of the plans: the API, the nodes, storage; and how objects are applied."""

from __future__ import annotations

from typing import Any

from meshlab.model import State, Workload
from meshlab.provision.manifests import storage, vault
from meshlab.provision.plan.draft import MIB, Draft
from meshlab.provision.plan.durations import Takes
from meshlab.provision.plan.step import Effect

API = Takes(120.0, 0.4, 3.0)
NODES_READY = Takes(60.0, 0.4, 3.0)
APPLY = Takes(0.3, 0.4, 0.1)
PODS = Takes(40.0, 0.5, 3.0)
REMOVE = Takes(1.5, 0.5, 0.2)
NODES = "kubernetes/nodes"
"""The step after which every node is Ready."""
STORAGE = "kubernetes/storage-class"
"""The step after which local volumes can be claimed."""


def kubernetes_steps(draft: Draft) -> None:
    """Adds the steps from a founded etcd to nodes that are Ready and have their storage class."""
    draft.add(
        "kubernetes/api",
        "kubernetes.api",
        "Wait for the Kubernetes API on every master",
        "What follows goes through it; one that answers alone would be a single point of failure unseen.",
        API,
        "talos/kubeconfig",
        "talos/etcd-voters",
        settings={"control_plane": draft.control_plane},
        effects=(Effect("kubernetes-api", after=State.UP),),
    )
    draft.add(
        NODES,
        "kubernetes.nodes",
        "Wait for all nodes to be Ready",
        "A node is Ready when its kubelet reports, its network works and its pods may come.",
        NODES_READY,
        "kubernetes/api",
        "talos/mesh",
        settings={"machines": [m.name for m in draft.topology.machines]},
    )
    apply(
        draft,
        "storage-class",
        storage.storage_class(),
        "Data stays on the machine's own disk; binding waits for the pod, so that the scheduler knows the machine.",
        NODES,
    )


def apply(draft: Draft, name: str, manifest: vault.Manifest, why: str, *needs: str, title: str = "") -> str:
    """Adds a step that applies an object, and gives the step's id."""
    kind, called = manifest["kind"], manifest["metadata"]["name"]
    return draft.add(
        f"kubernetes/{name}",
        "kubernetes.apply",
        title or f"Apply {kind} {called}",
        why,
        APPLY,
        *needs,
        settings={"manifest": manifest},
        natural_key=f"{kind} {manifest['metadata'].get('namespace', '')}/{called}".replace(" /", " "),
    )


def size(workload: Workload) -> dict[str, Any]:
    """Gives a workload's sizes for its manifest; without a stated memory, as much as a small pod takes."""
    return {
        "image": workload.image,
        "storage": max(1, int(workload.storage / MIB)),
        "cores": workload.cores or 0.1,
        "memory": int(workload.memory / MIB) or 256,
    }


def kubernetes_removal(draft: Draft) -> None:
    """Adds the step that removes what Kubernetes made on AWS, which no tag of ours is on."""
    draft.add(
        "remove/kubernetes/load-balancers",
        "kubernetes.load-balancers",
        "Remove what Kubernetes made on AWS",
        "A load balancer of a Service holds network interfaces in our VPC, and the VPC would not go.",
        REMOVE,
        system="kubernetes",
        intent="remove",
        settings={"control_plane": draft.control_plane},
    )
