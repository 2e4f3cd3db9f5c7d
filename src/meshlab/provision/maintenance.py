"""Plans for work on a running cluster: one machine after the other, and on only when every quorum is whole again."""

from __future__ import annotations

from collections.abc import Sequence

from meshlab.live.target import Target
from meshlab.model import InputError, Machine, State, Topology
from meshlab.provision.manifests import chains, vault
from meshlab.provision.plan.draft import Draft
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.plan.step import Effect
from meshlab.provision.run.attach import unfinished
from meshlab.provision.systems.chains.planned import READY
from meshlab.provision.systems.kubernetes.planned import API
from meshlab.provision.systems.session import opened
from meshlab.provision.systems.talos.planned import REBOOT
from meshlab.provision.systems.talos.planned import VOTERS as ETCD_VOTERS
from meshlab.provision.systems.vault.planned import UNSEAL
from meshlab.provision.systems.vault.planned import VOTERS as VAULT_VOTERS


def plan_reboot(
    topology: Topology, target: Target, machines: Sequence[str], *, at_once: bool = False, fresh: bool = False
) -> Plan:
    """Gives the plan that reboots machines, one after the other, and brings back what a reboot leaves undone.

    After each machine: etcd has all its voters again, Vault's pods are unsealed and vote, chain nodes are ready.
    Where a run of the very same steps was begun and is not finished, its plan is given again.

    Parameters
    ----------
    at_once
        All side by side; the guard refuses that where it would cost a quorum.
    fresh
        Make a new plan although one is open.

    Raises
    ------
    UnknownComponent
        A machine is not in the topology.
    InputError
        A machine is named twice.
    """
    for number, name in enumerate(machines):
        if name in machines[:number]:
            raise InputError.single(
                "--reboot", f"{name} is named twice", "one reboot of each machine is planned"
            )
    draft = Draft(topology, target)
    before: list[str] = []
    for name in machines:
        last = _reboot(draft, topology.machine(name), () if at_once else before)
        before = last
    steps = tuple(draft.steps)
    begun = None if fresh else unfinished(target, topology.name, "maintenance", steps)
    if begun is not None:
        return begun
    with opened(target, topology.name) as context:
        journal = context.journal
        assert journal is not None
        return Plan(
            f"Reboot {', '.join(machines)}",
            "maintenance",
            topology.name,
            target.name,
            "direct",
            steps,
            life=journal.life(),
            serial=len(journal.runs()),
            actions={s.id: Action.CHANGE if s.operation == "talos.reboot" else Action.CHECK for s in steps},
        )


def _reboot(draft: Draft, machine: Machine, before: Sequence[str]) -> list[str]:
    """Adds one machine's steps and gives those after which the next machine may go."""
    topology, name = draft.topology, machine.name
    last = draft.add(
        f"talos/reboot-{name}",
        "talos.reboot",
        f"Reboot {name}",
        "Its pods are down meanwhile; a Vault pod with Shamir keys comes back sealed.",
        REBOOT,
        *before,
        settings={"address": machine.address},
        natural_key=f"boot id of {machine.address}",
        preconditions=("the guard finds every quorum safe without it",),
        effects=(Effect(name, during=State.BOOTING),),
    )
    if name in {voter for group in topology.raft_groups if group.engine == "etcd" for voter in group.voters}:
        last = draft.add(
            f"talos/etcd-after-{name}",
            "talos.etcd-voters",
            f"Wait until etcd on {name} votes again",
            "The Talos API answers before etcd does; the next master must not go before etcd is whole.",
            ETCD_VOTERS,
            last,
            settings={"control_plane": draft.control_plane},
        )
        last = draft.add(
            f"kubernetes/api-after-{name}",
            "kubernetes.api",
            "Wait for the Kubernetes API on every master",
            "What follows goes through it.",
            API,
            last,
            settings={"control_plane": draft.control_plane},
        )
    ends = [last]
    workload = draft.vault()
    if workload and name in workload.machines:
        pods = vault.pods(workload.replicas)
        unsealed = [
            draft.add(
                f"vault/unseal-{pod}-after-{name}",
                "vault.unseal",
                f"Unseal {pod} if it is sealed",
                "Which pod runs on which machine is the scheduler's choice; one that is unsealed needs nothing.",
                UNSEAL,
                last,
                settings={"pods": [pod]},
            )
            for pod in pods
        ]
        ends = [
            draft.add(
                f"vault/voters-after-{name}",
                "vault.voters",
                f"Wait for {workload.replicas} Vault voters",
                "Until each votes and follows its leader, the next machine could take the quorum.",
                VAULT_VOTERS,
                *unsealed,
                settings={"pods": pods},
            )
        ]
    for chain in draft.chains():
        if name not in chain.machines:
            continue
        called = chain.name if len(chain.machines) == 1 else f"{chain.name}-{chain.machines.index(name)}"
        ends.append(
            draft.add(
                f"chains/{called}-after-{name}",
                "chains.ready",
                f"Wait until {called} has caught up",
                "It comes back by itself, on its own disk, and has missed what happened meanwhile.",
                READY,
                last,
                settings={"namespace": chains.NAMESPACE, "pods": {f"{called}-0": name}, "ready": True},
            )
        )
    return ends
