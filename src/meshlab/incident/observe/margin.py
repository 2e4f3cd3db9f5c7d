"""How near it was: for how long was each raft group one more failure away from losing its quorum?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from meshlab.model import State, Timeline, Topology

_AWAY = frozenset({State.DOWN, State.UNREACHABLE, State.BOOTING})


@dataclass(frozen=True)
class Margin:
    """Seconds in which a raft group could lose `spare` more voters; below zero: it had lost its quorum."""

    group: str
    spare: int
    seconds: float
    stretches: tuple[tuple[float, float], ...]


def margins(topology: Topology, timeline: Timeline) -> tuple[Margin, ...]:
    """Gives, for each raft group, the time spent at each number of voters that could still be lost.

    A voter counts as lost while its machine does not run or does not answer; what happens inside a machine that
    answers is not counted.
    """
    found: list[Margin] = []
    for group in topology.raft_groups:
        lanes = [timeline.of(voter) for voter in group.voters]
        cuts = sorted({0.0, timeline.horizon, *(t for lane in lanes for i in lane for t in (i.start, i.end))})
        times: dict[int, list[tuple[float, float]]] = {}
        for start, end in pairwise(cuts):
            middle = (start + end) / 2
            lost = sum(timeline.state_at(voter, middle) in _AWAY for voter in group.voters)
            spare = len(group.voters) - lost - group.quorum
            stretches = times.setdefault(spare, [])
            if stretches and stretches[-1][1] == start:
                stretches[-1] = (stretches[-1][0], end)
            else:
                stretches.append((start, end))
        found += [
            Margin(group.name, spare, sum(b - a for a, b in stretches), tuple(stretches))
            for spare, stretches in sorted(times.items())
        ]
    return tuple(found)
