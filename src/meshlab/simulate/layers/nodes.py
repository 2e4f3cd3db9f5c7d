"""Node leases, taints and evictions: when the control plane gives a node up, and which pods it then tells to go.

The rules (parameters.md D; Kubernetes' node life-cycle controller): a node that does not renew its lease is
Unknown 40-55 s later, if a controller leads and the API answers then. A node that is Unknown gets the
`unreachable:NoExecute` taint, zone by zone, one every 10 s; its pods are told to go 300 s after their taint.

- A zone with no node left is tainted at that same rate: its pods are wanted elsewhere.
- A zone that has lost more than two nodes, and 55 % or more but not all, is in partial disruption: taints stop, or
  slow down to one in 100 s where the zone has more than 50 nodes.
- When no zone has a node left, the control plane takes itself for the one that is cut off: no taints, and those that
  are there are taken away.

A node that is only cut off runs its pods on, and stops them when it hears that they were told to go. Pods on a local
volume then start anew on the same node; those of a dead node stay Terminating until it is back.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.timeline import Event
from meshlab.simulate.scenario.scenario import FOREVER
from meshlab.simulate.tracks import Track

if TYPE_CHECKING:
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.streams import Streams


@dataclass
class Spell:
    """A time in which a node was not heard of: lost at `start`, back at `end`, given up at `unknown`.

    ``tainted`` is when it got its taint (infinite: never, or it was taken away again).
    """

    machine: str
    zone: str
    start: float
    end: float
    unknown: float
    tainted: float = FOREVER
    said: bool = False


@dataclass
class GivenUp:
    """What became of the nodes: whose pods were told to go (and until when they did not hear it), and the events."""

    evictions: dict[str, list[tuple[float, float]]]
    events: list[Event]


def give_up_nodes(
    topology: Topology,
    parameters: Parameters,
    contact: dict[str, Track[bool]],
    controller: Track[bool],
    answers: Track[bool],
    streams: Streams,
    horizon: float,
) -> GivenUp:
    """Gives which nodes are given up, and whose pods are told to go.

    Parameters
    ----------
    contact
        For each machine that ever loses touch with the control plane: whether it has it.
    controller, answers
        Whether a controller-manager leads, and whether the API answers at all.
    """
    found = GivenUp({}, [])
    spells = [
        spell
        for machine in topology.machines
        if machine.name in contact
        for spell in _spells(machine.name, machine.zone or machine.site, contact[machine.name], parameters,
                             controller, answers, streams, horizon)
    ]  # fmt: skip
    for spell in spells:
        text = f"node {spell.machine} is Unknown: no lease"
        found.events.append(Event(spell.unknown, spell.machine, text, "node"))
    sizes: dict[str, int] = {}
    for machine in topology.machines:
        zone = machine.zone or machine.site
        sizes[zone] = sizes.get(zone, 0) + 1
    _taint(spells, sizes, parameters, found.events)
    for spell in spells:
        if spell.tainted == FOREVER:
            continue
        told = _both(spell.tainted + parameters.value("node.toleration"), controller, answers)
        if told < min(spell.end, horizon):
            text = f"pods of {spell.machine} are told to go; local volumes keep them"
            found.events.append(Event(told, spell.machine, text, "eviction"))
            found.evictions.setdefault(spell.machine, []).append((told, spell.end))
    return found


def _spells(
    machine: str,
    zone: str,
    contact: Track[bool],
    parameters: Parameters,
    controller: Track[bool],
    answers: Track[bool],
    streams: Streams,
    horizon: float,
) -> Iterable[Spell]:
    """Gives a node's spells of silence that were long enough for it to be given up."""
    rng = streams.of(f"{machine}/lease")
    phase, monitor = (parameters.distribution(f"node.{name}") for name in ("lease-phase", "monitor"))
    for start, end, heard, _ in contact.spans(FOREVER):
        if heard or start >= horizon:
            continue
        due = start + parameters.value("node.grace") - float(phase.sample(rng)) + float(monitor.sample(rng))
        unknown = _both(due, controller, answers)
        if unknown < min(end, horizon):
            yield Spell(machine, zone, start, end, unknown)


def _both(time: float, *tracks: Track[bool]) -> float:
    """Gives the first instant from `time` on at which all tracks hold."""
    while time < FOREVER:
        latest = max(track.next_at(time, True) for track in tracks)
        if latest == time:
            return time
        time = latest
    return FOREVER


def _taint(spells: list[Spell], sizes: dict[str, int], parameters: Parameters, events: list[Event]) -> None:
    """Sweeps over all changes and gives the nodes their taints, as fast as the state of their zone allows."""
    large, normal = parameters.value("node.large-cluster"), parameters.value("node.eviction-rate")
    slow = parameters.value("node.secondary-eviction-rate")
    threshold = parameters.value("node.unhealthy-zone")
    waiting = {t for s in spells for t in (s.unknown, s.end) if t < FOREVER}
    times = sorted(waiting)
    free: dict[str, float] = {}  # when a zone may taint its next node
    while times:
        now = heapq.heappop(times)
        gone = [s for s in spells if s.unknown <= now < s.end]
        lost: dict[str, int] = {}
        for spell in gone:
            lost[spell.zone] = lost.get(spell.zone, 0) + 1
        if len(lost) == len(sizes) and all(lost[zone] == sizes[zone] for zone in sizes):
            for spell in gone:
                spell.tainted = FOREVER
            continue
        for spell in sorted(gone, key=lambda s: (s.unknown, s.machine)):
            if spell.tainted < FOREVER:
                continue
            bad, size = lost[spell.zone], sizes[spell.zone]
            partial = 2 < bad < size and bad / size >= threshold
            rate = normal if not partial else slow if size > large else 0.0
            if rate <= 0:
                if not spell.said:
                    text = f"no eviction from {spell.machine}: {bad} of {size} nodes of its zone are lost"
                    events.append(Event(now, spell.machine, text, "eviction"))
                    spell.said = True
                continue
            at = free.get(spell.zone, 0.0)
            if at > now:
                if at not in waiting:
                    waiting.add(at)
                    heapq.heappush(times, at)
                continue
            spell.tainted = now
            free[spell.zone] = now + 1 / rate
