"""How a raft group stands with some components down: who is in its quorum, its margin, what would end it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

from meshlab.model import RaftGroup, State, Topology
from meshlab.model.components import Component, Reliability
from meshlab.simulate import standing

YEAR = 31_557_600.0
_MOST_LOOKED_AT = 1_000


@dataclass(frozen=True)
class Breaker:
    """A component that still works and whose loss would take the group's quorum; `rate` in failures a second."""

    component: str
    reliability: Reliability


@dataclass(frozen=True)
class Situation:
    """One raft group with some components down.

    ``up`` are the voters whose machine has power, ``lost`` the others with the component that took each.
    ``margin`` is how many more voters may be lost, whichever they are, with the quorum kept; below zero it is how
    many voters are missing. ``breakers`` are the single components whose loss would take the quorum from here.
    """

    group: RaftGroup
    down: frozenset[str]
    state: State
    up: tuple[str, ...]
    lost: dict[str, str]
    margin: int
    breakers: tuple[Breaker, ...]

    @property
    def serving(self) -> bool:
        return self.state.serving

    @property
    def rate(self) -> float:
        """Failures a second of what would take the quorum: the sum over the breakers."""
        return sum(b.reliability.rate for b in self.breakers)


def situation(topology: Topology, group: RaftGroup, down: frozenset[str]) -> Situation:
    """Gives how a group stands.

    Raises
    ------
    UnknownComponent
        A name in `down` is not in the topology.
    """
    lost = {voter: cause for voter in group.voters if (cause := _taken_by(topology, voter, down))}
    up = tuple(voter for voter in group.voters if voter not in lost)
    state = standing(topology, down)[group.name]
    return Situation(
        group,
        down,
        state,
        up,
        lost,
        _margin(topology, group, down, up, state),
        _breakers(topology, group, down) if state.serving else (),
    )


def _taken_by(topology: Topology, voter: str, down: frozenset[str]) -> str:
    """Gives the component that took a voter: the largest of site, zone, group, machine; empty when it is up."""
    holders = [name for name in down if _holds(topology, name, voter)]
    return max(holders, key=lambda name: (len(topology.machines_in(name)), name), default="")


def _holds(topology: Topology, name: str, voter: str) -> bool:
    if topology[name].kind not in ("site", "zone", "machine", "group"):
        return False
    return any(machine.name == voter for machine in topology.machines_in(name))


def _margin(
    topology: Topology, group: RaftGroup, down: frozenset[str], up: tuple[str, ...], state: State
) -> int:
    if not state.serving:
        return min(len(up) - group.quorum, -1)
    for more in range(1, len(up) + 1):
        if (
            comb(len(up), more) > _MOST_LOOKED_AT
        ):  # by count: who can still reach whom was looked at for fewer
            return max(len(up) - group.quorum, more - 1)
        if any(
            not standing(topology, down | set(chosen))[group.name].serving
            for chosen in combinations(up, more)
        ):
            return more - 1
    return len(up)


def _breakers(topology: Topology, group: RaftGroup, down: frozenset[str]) -> tuple[Breaker, ...]:
    return tuple(
        Breaker(component.name, component.reliability)
        for component in _that_can_fail(topology, down)
        if component.reliability and not standing(topology, down | {component.name})[group.name].serving
    )


def _that_can_fail(topology: Topology, down: frozenset[str]) -> tuple[Component, ...]:
    gone = {machine.name for name in down if name in topology for machine in _machines(topology, name)}
    return tuple(
        c
        for c in topology
        if c.reliability and c.name not in down and c.name not in gone and c.kind != "raft-group"
    )


def _machines(topology: Topology, name: str) -> tuple[Component, ...]:
    return topology.machines_in(name) if topology[name].kind in ("site", "zone", "group", "machine") else ()
