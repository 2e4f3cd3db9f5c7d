"""The guard: no step may take a raft group's quorum, or bring it one loss away from that where it can be avoided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from meshlab.model import MeshlabError, RaftGroup, Topology
from meshlab.provision.guard.course import acting, founded, founders, given_up, not_there_yet
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Step

Ruling = Literal["untouched", "not-founded", "safe", "declared", "refused"]


class Refused(MeshlabError):
    """The guard refuses a plan; the text says which step, why, and what to type to override it."""


@dataclass(frozen=True)
class Refusal:
    """Why one step must not run now: the group it endangers, who is down already, what would be left."""

    step: str
    group: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the guard says of one step of a plan.

    ``untouched``: it takes no voter down; ``not-founded``: the group of the voter that it takes down does not exist
    yet; ``safe``: a quorum is left; ``declared``: a destroy takes this quorum, which is what was approved;
    ``refused``: it must not run, unless overridden.
    """

    step: str
    ruling: Ruling
    text: str
    group: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"ruling": self.ruling, "text": self.text, "group": self.group}


def _nobody() -> Iterable[str]:
    return ()


def _none_of(group: RaftGroup) -> Iterable[str]:
    return ()


class Guard:
    """Judges steps against the model of the cluster and what is down in it already.

    Parameters
    ----------
    topology
        The cluster as it stands.
    down
        Asked each time a step touches a voter: the components that are down now (machines, zones, sites).
    idle
        Asked likewise, per raft group: the voters whose machines are up but that have no part in the group now (an
        etcd that is still starting, a sealed Vault).
    """

    def __init__(
        self,
        topology: Topology,
        down: Callable[[], Iterable[str]] = _nobody,
        idle: Callable[[RaftGroup], Iterable[str]] = _none_of,
    ) -> None:
        self._topology = topology
        self._down = down
        self._idle = idle

    def judge(
        self,
        step: Step,
        beside: Iterable[Step] = (),
        *,
        exist: Collection[str] | None = None,
        declared: Collection[str] = (),
    ) -> Refusal | None:
        """Judges one step just before it runs, asking what is down now.

        Parameters
        ----------
        beside
            The steps in flight.
        exist
            The raft groups that are founded; None: all.
        declared
            The raft groups that the plan means to give up.
        """
        groups = [
            group
            for group in self.touched(step)
            if (exist is None or group.name in exist) and group.name not in declared
        ]
        if not groups:
            return None
        down = set(self._down()).union(*(disturbed(other) for other in beside))
        return self._refusal(step, down, groups)

    def verdicts(self, plan: Plan) -> tuple[Verdict, ...]:
        """Judges a whole plan before it starts: each step with what is down, what was done, what may be in flight.

        In a bring-up the runner takes steps that together would endanger a group one after the other; the steps
        of other plans are judged with all that may be in flight beside them.
        """
        course = _Course(self, plan)
        return tuple(course.verdict(step) for step in plan)

    def refusals(self, plan: Plan) -> tuple[Refusal, ...]:
        """Gives the steps of a plan that must not run."""
        return tuple(
            Refusal(v.step, v.group, v.text.removeprefix("refused: "))
            for v in self.verdicts(plan)
            if v.ruling == "refused"
        )

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

    def touched(self, step: Step) -> tuple[RaftGroup, ...]:
        """Gives the raft groups of which a step takes a voter out of service."""
        taken = disturbed(step)
        if not taken:
            return ()
        return tuple(g for g in self._topology.raft_groups if self.voters_up(g, taken) != set(g.voters))

    def voters_up(self, group: RaftGroup, down: Iterable[str]) -> frozenset[str]:
        """Gives the voters of a group that are up while these components are down."""
        dead = set(down)
        standing = set()
        for name in group.voters:
            if not self._places[name] & dead:
                standing.add(name)
        return frozenset(standing)

    @cached_property
    def _places(self) -> dict[str, frozenset[str]]:
        machines = [self._topology.machine(name) for g in self._topology.raft_groups for name in g.voters]
        return {m.name: frozenset((m.name, m.zone, m.site)) for m in machines}

    def _refusal(self, step: Step, down: set[str], groups: Iterable[RaftGroup]) -> Refusal | None:
        taken = disturbed(step)
        for group in groups:
            idle = frozenset(self._idle(group))
            before = self.voters_up(group, down) - idle
            left = self.voters_up(group, down | taken) - idle
            if len(before) < group.quorum or left == before:
                continue
            reason = self._danger(group, before, left, down, idle)
            if reason:
                return Refusal(step.id, group.name, reason)
        return None

    def _danger(
        self,
        group: RaftGroup,
        before: frozenset[str],
        left: frozenset[str],
        down: set[str],
        idle: frozenset[str],
    ) -> str:
        total, margin = len(group.voters), len(left) - group.quorum
        lost, already = sorted(before - left), sorted(set(group.voters) - before)
        dark = [name for name in already if name not in self.voters_up(group, down)]
        waits = [name for name in already if name not in dark]
        while_ = [f"{_and(dark)} {_is(dark)} down already"] if dark else []
        while_ += [f"{_and(waits)} {_is(waits)} up but without a part in {group.name}"] if waits else []
        said = f"it takes {_and(lost)} down" + (f" while {' and '.join(while_)}" if while_ else "")
        if margin < 0:
            cost = (
                f"{group.name} would have {len(left)} of {total} voters and needs {group.quorum}: no quorum"
            )
            return f"{said}: {cost}{self._consequences(frozenset(down | set(lost)))}"
        gentlest = total - 1 - group.quorum
        if margin == 0 and gentlest > 0:
            way = (
                "bring back " + _and(already) + " first" if already else "take them down one after the other"
            )
            return f"{said}: {group.name} would be one loss away from losing its quorum, which can be avoided: {way}"
        return ""

    def _consequences(self, down: frozenset[str]) -> str:
        from meshlab.simulate import standing

        known = {name for name in down if name in self._topology}
        states = standing(self._topology, known)
        out = sorted(name for name, state in states.items() if not state.serving and name not in down)
        return f"; then out of service: {', '.join(out)}" if out else ""


class _Course:
    """One walk along a plan: what is down before each step, and which groups exist by then."""

    def __init__(self, guard: Guard, plan: Plan) -> None:
        self._guard = guard
        self._plan = plan
        self._topology = guard._topology
        self._by_group = founders(plan, self._topology)
        self._exist = set(founded(plan, self._topology))
        self._declared = given_up(plan, self._topology)
        self._acting = {step.id for step in acting(plan)}
        self._disturbing = [step for step in plan if step.id in self._acting and guard.touched(step)]
        self._later = {step.id: plan.descendants(step.id) for step in self._disturbing}
        self._lasting = set(not_there_yet(plan))
        if any(g.name not in self._declared and g.name in self._ever() for g in self._groups()):
            self._lasting |= set(guard._down())

    def _groups(self) -> set[RaftGroup]:
        return {group for step in self._disturbing for group in self._guard.touched(step)}

    def _ever(self) -> set[str]:
        """Gives the groups that are founded before the last step that touches them."""
        late = {
            group
            for group, founder in self._by_group.items()
            for step in self._disturbing
            if step.id in self._plan.descendants(founder)
        }
        return self._exist | late

    def verdict(self, step: Step) -> Verdict:
        given = self._given(step)
        if step.id in self._acting:
            self._lasting = after(step, self._lasting)
            self._exist |= {group for group, founder in self._by_group.items() if founder == step.id}
        return given

    def _given(self, step: Step) -> Verdict:
        groups = self._guard.touched(step) if step.id in self._acting else ()
        if not groups:
            return Verdict(step.id, "untouched", "untouched: no voter goes down")
        there = [group for group in groups if group.name in self._exist]
        if not there:
            names = _and(sorted(group.name for group in groups))
            return Verdict(step.id, "not-founded", f"not founded yet: {names} cannot lose a quorum")
        down = self._lasting.union(*(disturbed(other) for other in self._beside(step)))
        guarded = [group for group in there if group.name not in self._declared]
        refusal = self._guard._refusal(step, down, guarded)
        if refusal:
            return Verdict(step.id, "refused", f"refused: {refusal.reason}", refusal.group)
        told = [self._count(group, down | disturbed(step)) for group in there]
        word: Ruling = "safe" if guarded else "declared"
        return Verdict(step.id, word, f"{word}: {'; '.join(told)}", there[0].name)

    def _count(self, group: RaftGroup, down: set[str]) -> str:
        left = len(self._guard.voters_up(group, down))
        lost = ", its quorum is gone" if left < group.quorum else ""
        return f"{group.name} keeps {left} of {len(group.voters)} voters, needs {group.quorum}{lost}"

    def _beside(self, step: Step) -> list[Step]:
        if self._plan.purpose != "maintenance":
            return []
        return [
            other
            for other in self._disturbing
            if other.id != step.id
            and step.id not in self._later[other.id]
            and other.id not in self._later.get(step.id, ())
        ]


def disturbed(step: Step) -> set[str]:
    """Gives the components that a step takes out of service, for a while or for good."""
    return {effect.component for effect in step.effects if effect.disturbs}


def after(step: Step, down: set[str]) -> set[str]:
    """Gives what is down once a step is done."""
    gone = {e.component for e in step.effects if e.after is not None and not e.after.serving}
    back = {e.component for e in step.effects if e.after is not None and e.after.serving}
    return (down | gone) - back


def _is(names: Collection[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _and(names: Iterable[str]) -> str:
    listed = list(names)
    return " and ".join(listed) if len(listed) < 3 else ", ".join(listed[:-1]) + " and " + listed[-1]
