"""Who is in the raft groups: which voters a step takes out of service, and which are up while parts are down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from meshlab.model import RaftGroup, Topology
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Step


@dataclass(frozen=True)
class Membership:
    """The voters of a cluster's raft groups, each with the machine, zone and site that it needs."""

    topology: Topology

    def touched(self, step: Step) -> tuple[RaftGroup, ...]:
        """Gives the raft groups of which a step takes a voter out of service."""
        taken = disturbed(step)
        if not taken:
            return ()
        return tuple(g for g in self.topology.raft_groups if self.voters_up(g, taken) != set(g.voters))

    def voters_up(self, group: RaftGroup, down: Iterable[str]) -> frozenset[str]:
        """Gives the voters of a group that are up while these components are down."""
        dead = set(down)
        return frozenset(name for name in group.voters if not self._places[name] & dead)

    def beside(self, step: Step, among: Iterable[Step], plan: Plan) -> tuple[Step, ...]:
        """Gives those of some steps that count with a step: that may be in flight with it and touch a group it touches.

        Two steps may be in flight together where the plan puts neither before the other.
        """
        groups = set(self.touched(step))
        later = plan.descendants(step.id)
        return tuple(
            other
            for other in among
            if other.id != step.id
            and other.id not in later
            and step.id not in plan.descendants(other.id)
            and groups & set(self.touched(other))
        )

    @cached_property
    def _places(self) -> dict[str, frozenset[str]]:
        machines = [self.topology.machine(name) for g in self.topology.raft_groups for name in g.voters]
        return {m.name: frozenset((m.name, m.zone, m.site)) for m in machines}


def disturbed(step: Step) -> set[str]:
    """Gives the components that a step takes out of service, for a while or for good."""
    return {effect.component for effect in step.effects if effect.disturbs}


def after(step: Step, down: set[str]) -> set[str]:
    """Gives what is down once a step is done."""
    gone = {e.component for e in step.effects if e.after is not None and not e.after.serving}
    back = {e.component for e in step.effects if e.after is not None and e.after.serving}
    return (down | gone) - back
