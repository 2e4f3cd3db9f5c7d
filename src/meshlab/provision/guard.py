"""The guard: no step may take a raft group's quorum, or bring it one loss away from that where it can be avoided."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from meshlab.model import MeshlabError, RaftGroup, Topology
from meshlab.provision.plan import Plan
from meshlab.provision.step import Step


class Refused(MeshlabError):
    """The guard refuses a plan; the text says which step, why, and what to type to override it."""


@dataclass(frozen=True)
class Refusal:
    """Why one step must not run now: the group it endangers, who is down already, what would be left."""

    step: str
    group: str
    reason: str


def _nobody() -> Iterable[str]:
    return ()


class Guard:
    """Judges steps against the model of the cluster and what is down in it already.

    Parameters
    ----------
    topology
        The cluster as it stands.
    down
        Asked each time: the components that are down now (machines, zones, sites).
    """

    def __init__(self, topology: Topology, down: Callable[[], Iterable[str]] = _nobody) -> None:
        self._topology = topology
        self._down = down

    def judge(self, step: Step, beside: Iterable[Step] = ()) -> Refusal | None:
        """Judges one step just before it runs; `beside` are the steps in flight."""
        down = set(self._down())
        for other in beside:
            down |= disturbed(other)
        return self._refusal(step, down)

    def refusals(self, plan: Plan) -> tuple[Refusal, ...]:
        """Judges a whole plan before it starts, each step with all that may be in flight beside it.

        A plan that destroys the cluster is not judged: taking everything down is what it says it does.
        """
        if plan.purpose == "destroy":
            return ()
        lasting = set(self._down())
        found: list[Refusal] = []
        for step in plan:
            beside = [
                other
                for other in plan
                if other.id != step.id
                and step.id not in plan.descendants(other.id)
                and other.id not in plan.descendants(step.id)
            ]
            down = lasting.union(*(disturbed(other) for other in beside))
            refusal = self._refusal(step, down)
            if refusal:
                found.append(refusal)
            lasting = after(step, lasting)
        return tuple(found)

    def insist(self, plan: Plan) -> None:
        """Lets a plan pass, or says why not.

        Raises
        ------
        Refused
            At least one step is refused.
        """
        refusals = self.refusals(plan)
        if refusals:
            reasons = "\n".join(f"  {refusal.step}: {refusal.reason}" for refusal in refusals)
            raise Refused(f"refused:\n{reasons}\nto do it all the same, type: override {plan.short}")

    def _refusal(self, step: Step, down: set[str]) -> Refusal | None:
        taken = disturbed(step)
        if not taken:
            return None
        for group in self._topology.raft_groups:
            before = self.voters_up(group, down)
            left = self.voters_up(group, down | taken)
            if len(before) < group.quorum or left == before:
                continue
            reason = self._danger(group, before, left, down)
            if reason:
                return Refusal(step.id, group.name, reason)
        return None

    def voters_up(self, group: RaftGroup, down: Iterable[str]) -> frozenset[str]:
        """Gives the voters of a group that are up while these components are down."""
        dead = set(down)
        standing = set()
        for name in group.voters:
            machine = self._topology.machine(name)
            if not {machine.name, machine.zone, machine.site} & dead:
                standing.add(name)
        return frozenset(standing)

    def _danger(self, group: RaftGroup, before: frozenset[str], left: frozenset[str], down: set[str]) -> str:
        total, margin = len(group.voters), len(left) - group.quorum
        lost = sorted(before - left)
        already = sorted(set(group.voters) - before)
        said = f"it takes {_and(lost)} down" + (f" while {_and(already)} is down already" if already else "")
        if margin < 0:
            cost = (
                f"{group.name} would have {len(left)} of {total} voters and needs {group.quorum}: no quorum"
            )
            return f"{said}: {cost}{self._consequences(down | set(lost))}"
        gentlest = total - 1 - group.quorum
        if margin == 0 and gentlest > 0:
            way = (
                "bring back " + _and(already) + " first" if already else "take them down one after the other"
            )
            return f"{said}: {group.name} would be one loss away from losing its quorum, which can be avoided: {way}"
        return ""

    def _consequences(self, down: set[str]) -> str:
        from meshlab.simulate import standing

        states = standing(self._topology, down)
        out = sorted(name for name, state in states.items() if not state.serving and name not in down)
        return f"; then out of service: {', '.join(out)}" if out else ""


def disturbed(step: Step) -> set[str]:
    """Gives the components that a step takes out of service, for a while or for good."""
    return {effect.component for effect in step.effects if effect.disturbs}


def after(step: Step, down: set[str]) -> set[str]:
    """Gives what is down once a step is done."""
    gone = {e.component for e in step.effects if e.after is not None and not e.after.serving}
    back = {e.component for e in step.effects if e.after is not None and e.after.serving}
    return (down | gone) - back


def _and(names: Iterable[str]) -> str:
    listed = list(names)
    return " and ".join(listed) if len(listed) < 3 else ", ".join(listed[:-1]) + " and " + listed[-1]
