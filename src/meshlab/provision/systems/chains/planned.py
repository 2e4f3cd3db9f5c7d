"""The chain nodes' part of the plans: one replica each, on the worker that has its disk."""

from __future__ import annotations

from meshlab.model import State
from meshlab.provision.manifests import chains, storage
from meshlab.provision.plan.draft import Draft
from meshlab.provision.plan.durations import Takes
from meshlab.provision.plan.step import Effect
from meshlab.provision.systems.kubernetes.planned import APPLY, NODES, STORAGE, apply, size
from meshlab.provision.systems.talos.settings import volume_name

READY = Takes(3600.0, 1.0, 5.0)


def chain_steps(draft: Draft) -> None:
    """Adds the steps from Ready nodes to chain nodes in step with their networks; nothing where there are none."""
    if not draft.chains():
        return
    space = apply(draft, "chains-namespace", chains.namespace(), "Chain nodes keep to themselves.", NODES)
    for workload in draft.chains():
        role, sizes = workload.role, size(workload)
        for number, machine in enumerate(workload.machines):
            name = workload.name if len(workload.machines) == 1 else f"{workload.name}-{number}"
            needs = [space]
            if role == "ethereum":
                needs.append(
                    draft.add(
                        f"kubernetes/{name}-jwt",
                        "kubernetes.jwt",
                        "Make the engine secret and apply it",
                        "Made for this cluster: a well-known chart ships the same one to everybody.",
                        APPLY,
                        space,
                        settings={
                            "name": chains.JWT_SECRET,
                            "namespace": chains.NAMESPACE,
                            "kept": ["ethereum jwt"],
                        },
                    )
                )
            claim = (chains.NAMESPACE, f"data-{name}-0")
            needs.append(
                apply(
                    draft,
                    f"{name}-volume",
                    storage.volume(
                        f"{role}-{machine}",
                        machine=machine,
                        path=f"/var/mnt/{volume_name(workload)}",
                        storage=sizes["storage"],
                        claim=claim,
                    ),
                    "The worker's own NVMe; promised to this one claim.",
                    STORAGE,
                )
            )
            if number == 0:
                needs.append(
                    apply(
                        draft, f"{name}-service", chains.service(role), "A stable name for its calls.", space
                    )
                )
            applied = apply(
                draft,
                f"{name}-statefulset",
                chains.stateful_set(role, name=name, machine=machine, **sizes),
                "One replica: two nodes with one identity could be punished by their network. It never moves.",
                *needs,
            )
            draft.add(
                f"chains/{name}",
                "chains.ready",
                f"Wait until {name} on {machine} is not behind its network",
                "Ready means synced; alive is asked apart, as a first sync may take days.",
                READY,
                applied,
                settings={"namespace": chains.NAMESPACE, "pods": {f"{name}-0": machine}, "ready": True},
                effects=(Effect(role, during=State.SYNCING, after=State.UP),),
            )
