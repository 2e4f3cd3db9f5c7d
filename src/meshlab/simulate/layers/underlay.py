"""Layer 2, underlay: which machines' packets arrive, each direction on its own, with latency and loss.

Machines that no fault tells apart stand in one class (their place; themselves where a link or a fault names
them, or in a small cluster), so that the state of the network between changes is a few arrays of
classes x classes, whatever the number of machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.components import Machine, MachineGroup
from meshlab.model.units import duration
from meshlab.simulate.layers.faults import merged
from meshlab.simulate.scenario.scenario import FOREVER, Scenario, effects
from meshlab.simulate.tracks import Track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.model.components import Link
    from meshlab.model.topology import Topology

SMALL = 64
"""Up to so many machines, every machine is a class of its own."""


@dataclass
class Underlay:
    """The network between machines over time; it depends on the scenario only, not on the replicate.

    ``times[e]`` is when epoch e begins; ``open[e, x, y]`` whether packets of class x reach class y;
    ``latency`` (seconds added one way), ``loss`` (share) likewise. ``link[x, y]`` indexes `links`, or is -1
    within one place, -2 where there is no way at all.
    """

    class_of: dict[str, int]
    members: list[list[str]]
    times: list[float]
    open: NDArray[np.bool_]
    latency: NDArray[np.float64]
    loss: NDArray[np.float64]
    link: NDArray[np.int64]
    links: tuple[Link, ...]
    causes: list[str]

    def path(self, a: str, b: str) -> Track[bool]:
        """Gives whether packets from machine a would reach machine b, over time (both powered)."""
        x, y = self.class_of[a], self.class_of[b]
        return self.class_path(x, y)

    def class_path(self, x: int, y: int) -> Track[bool]:
        column = self.open[:, x, y].tolist()
        track: Track[bool] = Track(column[0], self.causes[0])
        for time, value, cause in zip(self.times[1:], column[1:], self.causes[1:], strict=True):
            track.set(time, value, cause)
        return track

    def epoch(self, time: float) -> int:
        from bisect import bisect_right

        return bisect_right(self.times, time) - 1

    def quality(self, a: str, b: str, time: float) -> tuple[int, float, float]:
        """Gives (link index, added latency, loss) of the way from a to b at an instant."""
        e, x, y = self.epoch(time), self.class_of[a], self.class_of[b]
        return int(self.link[x, y]), float(self.latency[e, x, y]), float(self.loss[e, x, y])


def build_underlay(topology: Topology, scenario: Scenario) -> Underlay:
    """Gives the network's epochs: what is cut or slow between one change and the next."""
    import numpy as np

    class_of, members = _classes(topology, scenario)
    n = len(members)
    link = np.full((n, n), -1, dtype=np.int64)
    index = {name: i for i, name in enumerate(found.name for found in topology.links)}
    sites = {machine.name: machine.site for machine in topology.machines}
    for x in range(n):
        for y in range(n):
            a, b = members[x][0], members[y][0]
            if x == y and len(members[x]) == 1:
                continue
            between = topology.link_between(a, b if b != a else members[y][1])
            if between is not None:
                link[x, y] = index[between.name]
            elif sites[a] != sites[b]:
                link[x, y] = -2
    changes = _changes(topology, scenario, class_of)
    times = sorted({0.0, *(t for start, end, *_ in changes for t in (start, end) if t < FOREVER)})
    opened = np.repeat((link != -2)[None], len(times), axis=0)
    latency = np.zeros((len(times), n, n))
    loss = np.zeros((len(times), n, n))
    causes = [""] * len(times)
    for start, end, mask, added, lost, cause in changes:
        cut = lost >= 1.0
        for e, time in enumerate(times):
            if time == start:
                causes[e] = cause
            if time == end:
                causes[e] = causes[e] or f"healed at {duration(end)}"
            if start <= time < end:
                where = mask if mask.dtype == bool else (link == int(mask[0]))
                if cut:
                    opened[e][where] = False
                else:
                    latency[e][where] += added
                    loss[e][where] = 1 - (1 - loss[e][where]) * (1 - lost)
    base = np.array([found.loss for found in topology.links] or [0.0])
    loss = 1 - (1 - loss) * (1 - np.where(link >= 0, base[np.maximum(link, 0)], 0.0))
    return Underlay(class_of, members, times, opened, latency, loss, link, topology.links, causes)


def _classes(topology: Topology, scenario: Scenario) -> tuple[dict[str, int], list[list[str]]]:
    ends = {end for found in topology.links for end in (found.a, found.b)}
    faulty: dict[str, set[str]] = {}
    for fault in scenario.faults:
        for name in fault.names:
            component = topology[name]
            if isinstance(component, Machine):
                faulty.setdefault(name, set()).add(name)
            elif isinstance(component, MachineGroup):
                for member in component.machines:
                    faulty.setdefault(member, set()).add(component.name)
    voters = {voter for group in topology.raft_groups for voter in group.voters}
    small = len(topology.machines) <= SMALL
    class_of: dict[str, int] = {}
    members: list[list[str]] = []
    known: dict[object, int] = {}
    for machine in topology.machines:
        own = (
            small
            or machine.name in ends
            or machine.name in voters
            or machine.name in faulty.get(machine.name, ())
        )
        key = (
            machine.name
            if own
            else (machine.site, machine.zone, machine.nat, frozenset(faulty.get(machine.name, ())))
        )
        if key not in known:
            known[key] = len(members)
            members.append([])
        class_of[machine.name] = known[key]
        members[known[key]].append(machine.name)
    return class_of, members


Change = tuple[float, float, "NDArray[np.bool_] | NDArray[np.int64]", float, float, str]


def _changes(topology: Topology, scenario: Scenario, class_of: dict[str, int]) -> list[Change]:
    """Gives (start, end, mask of class pairs or the index of a link, added latency, loss, cause)."""
    import numpy as np

    n = max(class_of.values()) + 1
    found: list[Change] = []
    index = {link.name: i for i, link in enumerate(topology.links)}
    done = effects(scenario.faults, topology)
    for path in done.paths:
        mask = np.zeros((n, n), dtype=bool)
        sides = [
            sorted({class_of[m.name] for place in group for m in topology.machines_in(place)})
            for group in path.groups
        ]
        for i, first in enumerate(sides):
            for second in sides[i + 1 :]:
                mask[np.ix_(first, second)] = True
                if not path.forward:
                    mask[np.ix_(second, first)] = True
        start, end, cause = path.window
        found.append((start, end, mask, path.latency, path.loss, cause))
    for name in (name for name in done.broken if name in index):
        for start, end, cause in merged(done.broken[name]):
            found.append((start, end, np.array([index[name]]), 0.0, 1.0, cause))
    return found
