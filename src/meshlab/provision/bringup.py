"""Plans for the whole cluster in direct mode: bring it up, take it away, and what differs from the spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meshlab.live.target import Target
from meshlab.model import Topology
from meshlab.provision.compare import compare
from meshlab.provision.plan.draft import CannotPlan, Draft
from meshlab.provision.plan.plan import CHANGING, Action, Plan, Purpose, in_order
from meshlab.provision.plan.step import Step
from meshlab.provision.run.attach import unfinished
from meshlab.provision.systems import verify
from meshlab.provision.systems.session import opened
from meshlab.provision.systems.table import SYSTEMS

Mode = Literal["direct", "omni"]


@dataclass(frozen=True)
class Difference:
    """Where what is differs from the spec: the step that would mend it, and how."""

    step: str
    title: str
    action: str
    text: str


@dataclass(frozen=True)
class Drift:
    """What differs, and what nobody answered for: that may be as the spec says or not.

    `below` is what could not be looked at because it needs something that differs; that comes first.
    """

    differences: tuple[Difference, ...]
    unseen: tuple[Difference, ...]
    below: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.differences or self.unseen)


def plan_bringup(
    topology: Topology,
    target: Target,
    mode: Mode = "direct",
    *,
    revoke_root: bool = False,
    fresh: bool = False,
    looked: bool = True,
) -> Plan:
    """Gives the plan that makes the target be what the topology says.

    Where a run of the very same steps was begun and is not finished, its plan is given again: going on with it is
    what applying it does.

    Parameters
    ----------
    revoke_root
        Whether Vault's root token is revoked at the end.
    fresh
        Make a new plan although one is open.
    looked
        Whether to compare with the live systems; without it no action is known (a preview without any access).
    """
    draft = Draft(topology, target, revoke_root=revoke_root)
    if mode != "direct":
        raise CannotPlan('bring-up through Omni is not there yet: plan with mode="direct"')
    for system in (*SYSTEMS, verify.SYSTEM):
        system.bring_up(draft)
    return _made(draft, "bring-up", mode, fresh, looked)


def destroy(topology: Topology, target: Target, *, fresh: bool = False, looked: bool = True) -> Plan:
    """Gives the plan that leaves nothing of the cluster: in the order of facts live-bringup 1.10, proof included."""
    draft = Draft(topology, target)
    for system in reversed(SYSTEMS):
        system.removal(draft)
    for system in reversed(SYSTEMS):
        system.gone(draft)
    return _made(draft, "destroy", "direct", fresh, looked)


def drift(topology: Topology, target: Target) -> Drift:
    """Gives where the live systems differ from the topology, and what could not be looked at."""
    plan = plan_bringup(topology, target, fresh=True)

    def of(step: Step, text: str) -> Difference:
        return Difference(step.id, step.title, str(plan.actions[step.id]), text)

    def absent(step: Step) -> str:
        above = next(need for need in step.needs if plan.actions[need] is Action.CREATE)
        return f"not looked at: it needs {above}, which is not there"

    def hidden(step: Step) -> bool:
        creates = plan.actions[step.id] is Action.CREATE
        return creates and any(plan.actions[need] is Action.CREATE for need in step.needs)

    differs = [step for step in plan if plan.actions[step.id] in CHANGING]
    return Drift(
        tuple(of(s, plan.reasons.get(s.id) or "it is not there") for s in differs if not hidden(s)),
        tuple(of(s, plan.reasons[s.id]) for s in plan.unseen),
        tuple(of(s, absent(s)) for s in differs if hidden(s)),
    )


def _made(draft: Draft, purpose: Purpose, mode: Mode, fresh: bool, looked: bool) -> Plan:
    cluster, steps = draft.topology.name, in_order(tuple(draft.steps))
    words = {"bring-up": "Bring up", "destroy": "Destroy", "maintenance": "Maintain"}
    if not fresh:
        begun = unfinished(draft.target, cluster, purpose, steps)
        if begun is not None:
            return begun
    if not looked:
        return Plan(f"{words[purpose]} {cluster}", purpose, cluster, draft.target.name, mode, steps)
    with opened(draft.target, cluster) as context:
        journal = context.journal
        assert journal is not None
        plan = Plan(
            f"{words[purpose]} {cluster}",
            purpose,
            cluster,
            draft.target.name,
            mode,
            steps,
            life=journal.life(),
            serial=len(journal.runs()),
        )
        return compare(plan, context, journal)
