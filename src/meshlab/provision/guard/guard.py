"""The guard: judges steps, and whole plans, by the model of the cluster and what is down in it now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from meshlab.model import RaftGroup, Topology
from meshlab.provision.guard.course import Course
from meshlab.provision.guard.membership import Membership, disturbed
from meshlab.provision.guard.rule import Refusal, Refused, Verdict, refusal
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Step


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
        self.membership = Membership(topology)
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
            for group in self.membership.touched(step)
            if (exist is None or group.name in exist) and group.name not in declared
        ]
        if not groups:
            return None
        return self._refusal(step, set(self._down()).union(*(disturbed(other) for other in beside)), groups)

    def verdicts(self, plan: Plan) -> tuple[Verdict, ...]:
        """Judges a whole plan before it starts: each step with what is down, what was done, what may be in flight.

        In a bring-up the runner takes steps that together would endanger a group one after the other; the steps
        of other plans are judged with all that may be in flight beside them.
        """
        return Course(plan, self.membership, self._refusal, self._down).verdicts()

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

    def _refusal(self, step: Step, down: Collection[str], groups: Iterable[RaftGroup]) -> Refusal | None:
        for group in groups:
            refused = refusal(self.membership, group, step, down, tuple(self._idle(group)))
            if refused:
                return refused
        return None
