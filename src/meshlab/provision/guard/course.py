"""The course of a plan for the raft groups: which exist, which it gives up, and what is down before each step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from meshlab.model import RaftGroup, Topology
from meshlab.provision.guard.membership import Membership, after, disturbed
from meshlab.provision.guard.rule import Refusal, Ruling, Verdict, joined
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.plan.step import Step
from meshlab.provision.systems.operations import OPERATIONS

Judge = Callable[[Step, Collection[str], Iterable[RaftGroup]], Refusal | None]
"""Judges a step by what is down meanwhile, for some raft groups."""


def founders(plan: Plan, topology: Topology) -> dict[str, str]:
    """Gives, by raft group, the step of a bring-up that founds it; a group that no step founds is there already."""
    if plan.purpose != "bring-up":
        return {}
    by_engine = {_founds(step): step.id for step in plan if _founds(step)}
    return {
        group.name: by_engine[group.engine] for group in topology.raft_groups if group.engine in by_engine
    }


def _founds(step: Step) -> str:
    """Gives the engine of the raft group that a step founds."""
    operation = OPERATIONS.get(step.operation)
    return operation.founds if operation else ""


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


class Course:
    """One walk along a plan: what is down before each step, and which groups exist by then.

    Parameters
    ----------
    down
        Asked once, where a group that exists is touched: the components that are down now.
    """

    def __init__(
        self, plan: Plan, membership: Membership, judge: Judge, down: Callable[[], Iterable[str]]
    ) -> None:
        self._plan = plan
        self._membership = membership
        self._judge = judge
        topology = membership.topology
        self._founders = founders(plan, topology)
        self._exist = set(founded(plan, topology))
        self._declared = given_up(plan, topology)
        self._acting = {step.id for step in acting(plan)}
        self._disturbing = [step for step in plan if step.id in self._acting and membership.touched(step)]
        self._lasting = set(not_there_yet(plan))
        if self._exist_when_touched() - self._declared:
            self._lasting |= set(down())

    def verdicts(self) -> tuple[Verdict, ...]:
        """Gives the verdict on each step, in the order of the plan."""
        return tuple(self._verdict(step) for step in self._plan)

    def _exist_when_touched(self) -> set[str]:
        """Gives the groups that are there already, or founded before a step that touches them."""
        touched = {group.name for step in self._disturbing for group in self._membership.touched(step)}
        late = {
            group
            for group, founder in self._founders.items()
            for step in self._disturbing
            if step.id in self._plan.descendants(founder)
        }
        return touched & (self._exist | late)

    def _verdict(self, step: Step) -> Verdict:
        given = self._given(step)
        if step.id in self._acting:
            self._lasting = after(step, self._lasting)
            self._exist |= {group for group, founder in self._founders.items() if founder == step.id}
        return given

    def _given(self, step: Step) -> Verdict:
        groups = self._membership.touched(step) if step.id in self._acting else ()
        if not groups:
            return Verdict(step.id, "untouched", "untouched: no voter goes down")
        there = [group for group in groups if group.name in self._exist]
        if not there:
            names = joined(sorted(group.name for group in groups))
            return Verdict(step.id, "not-founded", f"not founded yet: {names} cannot lose a quorum")
        down = self._lasting.union(*(disturbed(other) for other in self._beside(step)))
        guarded = [group for group in there if group.name not in self._declared]
        refused = self._judge(step, down, guarded)
        if refused:
            return Verdict(step.id, "refused", f"refused: {refused.reason}", refused.group)
        told = [self._count(group, down | disturbed(step)) for group in there]
        word: Ruling = "safe" if guarded else "declared"
        return Verdict(step.id, word, f"{word}: {'; '.join(told)}", there[0].name)

    def _beside(self, step: Step) -> Iterable[Step]:
        """Gives the steps that may be in flight with one; in a bring-up or destroy the gate lets them take turns."""
        if self._plan.purpose != "maintenance":
            return ()
        return self._membership.beside(step, self._disturbing, self._plan)

    def _count(self, group: RaftGroup, down: set[str]) -> str:
        left = len(self._membership.voters_up(group, down))
        lost = ", its quorum is gone" if left < group.quorum else ""
        return f"{group.name} keeps {left} of {len(group.voters)} voters, needs {group.quorum}{lost}"
