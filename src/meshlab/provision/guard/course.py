"""The course of a plan for the raft groups: when each comes to be, and which of them the plan means to give up."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from meshlab.model import Topology
from meshlab.provision.plan.plan import Action, Plan

if TYPE_CHECKING:
    from meshlab.provision.plan.step import Step

FOUNDS = {"talos.bootstrap": "etcd", "vault.init": "hashicorp"}
"""The operations that found a raft group, and the engine of the group that each founds."""


def founders(plan: Plan, topology: Topology) -> dict[str, str]:
    """Gives, by raft group, the step of a bring-up that founds it; a group that no step founds is there already."""
    if plan.purpose != "bring-up":
        return {}
    by_engine = {FOUNDS[step.operation]: step.id for step in plan if step.operation in FOUNDS}
    return {
        group.name: by_engine[group.engine] for group in topology.raft_groups if group.engine in by_engine
    }


def founded(plan: Plan, topology: Topology, done: Collection[str] = ()) -> frozenset[str]:
    """Gives the raft groups that exist once some steps are done; one that does not exist cannot lose a quorum."""
    by_group = founders(plan, topology)
    return frozenset(
        group.name
        for group in topology.raft_groups
        if group.name not in by_group
        or by_group[group.name] in done
        or plan.actions.get(by_group[group.name], Action.CREATE) is not Action.CREATE
    )


def given_up(plan: Plan, topology: Topology) -> frozenset[str]:
    """Gives the raft groups that a destroy takes away whole: losing their quorum is what was approved.

    A group of which it takes only some voters is not among them; its quorum is guarded as ever.
    """
    if plan.purpose != "destroy":
        return frozenset()
    gone = {e.component for step in plan for e in step.effects if e.after is not None and not e.after.serving}

    def goes(name: str) -> bool:
        machine = topology.machine(name)
        return bool({machine.name, machine.zone, machine.site} & gone)

    return frozenset(group.name for group in topology.raft_groups if all(map(goes, group.voters)))


def not_there_yet(plan: Plan) -> frozenset[str]:
    """Gives the components that a bring-up is still to make; they are down when it begins."""
    if plan.purpose != "bring-up":
        return frozenset()
    made = [step for step in plan if plan.actions.get(step.id, Action.CREATE) is Action.CREATE]
    return frozenset(effect.component for step in made for effect in step.effects)


def acting(plan: Plan) -> tuple[Step, ...]:
    """Gives the steps that have an effect: one that finds everything as it should be takes nothing down."""
    changing = {step.id for step in plan.changes}
    return tuple(step for step in plan if step.id in changing)
