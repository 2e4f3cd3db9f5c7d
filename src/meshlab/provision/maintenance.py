"""Plans for work on a running cluster; each is judged by the guard before it starts and before each step."""

from __future__ import annotations

from collections.abc import Sequence

from meshlab.live.target import Target
from meshlab.model import State, Topology
from meshlab.provision.graph import Draft
from meshlab.provision.plan import Plan
from meshlab.provision.session import opened
from meshlab.provision.step import Effect


def plan_reboot(
    topology: Topology, target: Target, machines: Sequence[str], *, at_once: bool = False
) -> Plan:
    """Gives the plan that reboots machines, one after the other.

    Parameters
    ----------
    at_once
        All side by side; the guard refuses that where it would cost a quorum.
    """
    draft = Draft(topology, target)
    before: list[str] = []
    for name in machines:
        machine = topology.machine(name)
        step = draft.add(
            f"talos/reboot-{name}",
            "talos.reboot",
            f"Reboot {name}",
            "Its pods are down meanwhile; a Vault pod with Shamir keys comes back sealed and waits for people.",
            "reboot",
            *([] if at_once else before[-1:]),
            settings={"address": machine.address},
            natural_key=f"boot id of {machine.address}",
            preconditions=("the guard finds every quorum safe without it",),
            effects=(Effect(name, during=State.BOOTING),),
        )
        before.append(step)
    with opened(target, topology.name) as context:
        journal = context.journal
        assert journal is not None
        return Plan(
            f"Reboot {', '.join(machines)}",
            "maintenance",
            topology.name,
            target.name,
            "direct",
            tuple(draft.steps),
            life=journal.life(),
            serial=len(journal.runs()),
        )
