"""Layer 7, objectives: the mesh and the lanes of single parts, downtimes, and their spread over replicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Interval, Lane, Timeline
from meshlab.simulate.layers.clients import REQUESTS, client_intervals
from meshlab.simulate.layers.control_plane import reached
from meshlab.simulate.layers.faults import Faults
from meshlab.simulate.layers.overlay import Overlay
from meshlab.simulate.layers.underlay import Underlay
from meshlab.simulate.tracks import Track, moments

if TYPE_CHECKING:
    from meshlab.model.topology import Topology


@dataclass(frozen=True)
class ServiceOutlook:
    """A service's downtime over the replicates, in seconds, and its mean availability over the horizon."""

    mean: float
    p05: float
    p50: float
    p95: float
    availability: float

    def to_dict(self) -> dict[str, object]:
        downtime = {"mean": self.mean, "p05": self.p05, "p50": self.p50, "p95": self.p95}
        return {"downtime_s": downtime, "availability": self.availability}


def outlooks(
    timelines: Sequence[Timeline], horizon: float, services: Iterable[str]
) -> dict[str, ServiceOutlook]:
    """Gives the outlook of each of these services that the timelines know."""
    found: dict[str, ServiceOutlook] = {}
    for service in services:
        if not any(service in timeline.components for timeline in timelines):
            continue
        found[service] = _outlook([timeline.downtime(service) for timeline in timelines], horizon)
    return found


def client_outlooks(timelines: Sequence[Timeline], horizon: float) -> dict[str, dict[str, ServiceOutlook]]:
    """Gives for every service and kind of request how long it got no answer; nothing for services not there."""
    found: dict[str, dict[str, ServiceOutlook]] = {}
    for service, kinds in REQUESTS.items():
        if not any(service in timeline.components for timeline in timelines):
            continue
        found[service] = {
            kind: _outlook(
                [sum(i.length for i in client_intervals(timeline, service, kind)) for timeline in timelines],
                horizon,
            )
            for kind in kinds
        }
    return found


def _outlook(downtimes: Sequence[float], horizon: float) -> ServiceOutlook:
    import numpy as np

    p05, p50, p95 = (float(q) for q in np.quantile(downtimes, [0.05, 0.5, 0.95]))
    mean = float(np.mean(downtimes))
    return ServiceOutlook(mean, p05, p50, p95, 1 - mean / horizon)


def machine_lanes(topology: Topology, faults: Faults, overlay: Overlay, horizon: float) -> list[Interval]:
    """Gives the machines' states; one that runs but hears no control-plane machine is `unreachable`."""
    found: list[Interval] = []
    masters = tuple(machine.name for machine in topology.control_plane)
    for machine in topology.machines:
        power = faults.power_of(machine.name)
        contact = reached(machine.name, masters, faults, overlay)
        lane: Lane | None = None
        for now in sorted({*moments([power]), *moments([contact])}):
            if now >= horizon:
                break
            state, why = power.at(now), power.cause_at(now)
            if state is State.UP and not contact.at(now):
                state, why = State.UNREACHABLE, contact.cause_at(now)
            if lane is None:
                lane = Lane(machine.name, state, why)
            else:
                if state is State.UP and lane.state is State.UNREACHABLE:
                    why = "a control-plane machine and it hear each other again"
                lane.at(now, state, why)
        found += (lane or Lane(machine.name)).until(horizon)
    return found


def broken_lanes(topology: Topology, faults: Faults, horizon: float, always: Iterable[str]) -> list[Interval]:
    """Gives the states of failed sites, zones, links, and of the parts that are always shown."""
    found: list[Interval] = []
    shown = {*always, *(name for name in faults.broken if topology[name].kind in ("site", "zone"))}
    for name in sorted(shown):
        lane = Lane(name)
        for time, broken, cause in faults.broken_of(name).changes():
            if time < horizon:
                lane.at(time, State.DOWN if broken else State.UP, cause)
        found += lane.until(horizon)
    return found


def link_lanes(topology: Topology, underlay: Underlay, horizon: float) -> list[Interval]:
    """Gives the states of the links that a scenario cuts or slows: down when nothing gets through it."""
    found: list[Interval] = []
    for index, link in enumerate(topology.links):
        pairs = underlay.link == index
        if not pairs.any():
            continue
        epochs = range(len(underlay.times))
        whole = [bool(underlay.open[e, pairs].all()) for e in epochs]
        some = [bool(underlay.open[e, pairs].any()) for e in epochs]
        slow = [
            bool(
                (underlay.latency[e, pairs] > 0).any() or (underlay.loss[e, pairs] > link.loss + 1e-12).any()
            )
            for e in epochs
        ]
        if all(whole) and not any(slow):
            continue
        lane: Lane | None = None
        for e, time in enumerate(underlay.times):
            if time >= horizon:
                break
            state = State.DOWN if not some[e] else State.DEGRADED if slow[e] or not whole[e] else State.UP
            if lane is None:
                lane = Lane(link.name, state, underlay.causes[e])
            else:
                lane.at(time, state, underlay.causes[e])
        found += lane.until(horizon) if lane else []
    return found


def mesh_lane(
    name: str, topology: Topology, underlay: Underlay, faults: Faults, overlay: Overlay, horizon: float
) -> list[Interval]:
    """Gives the mesh's state: down when no two sites, or no quorum of masters, can talk; degraded when some
    pair of powered machines cannot."""
    pairs = _pairs(topology, underlay, faults, overlay)
    powers = {n for pair in pairs for n in pair}
    tracks: list[Track[bool]] = [overlay.flow(a, b) for a, b in pairs] + [
        overlay.flow(b, a) for a, b in pairs
    ]
    times = sorted({0.0, *moments(tracks), *moments([faults.power_of(n) for n in powers])})
    site = {m.name: m.site for m in topology.machines}
    always = _always_joined(underlay, faults, overlay, site)
    masters = {m.name for m in topology.control_plane}
    lane: Lane | None = None
    for now in [t for t in times if t < horizon]:
        apart, why = [], ""
        for a, b in pairs:
            if not (_on(faults, a, now) and _on(faults, b, now)):
                continue
            there, back = overlay.flow(a, b), overlay.flow(b, a)
            if not (there.at(now) and back.at(now)):
                apart.append((a, b))
                why = why or _why_apart(overlay, underlay, a, b, there if not there.at(now) else back, now)
        alive = [
            frozenset((site[a], site[b]))
            for a, b in pairs
            if site[a] != site[b] and _on(faults, a, now) and _on(faults, b, now)
        ]
        joined = {
            frozenset((site[a], site[b]))
            for a, b in pairs
            if site[a] != site[b] and (a, b) not in apart and _on(faults, a, now) and _on(faults, b, now)
        } | always
        on = [m for m in sorted(masters) if _on(faults, m, now)]
        split = (
            bool(apart)
            and len(on) > 1
            and not _star(on, {frozenset(p) for p in apart}, len(masters) // 2 + 1)
        )
        if apart and ((alive and not joined) or (split and len(on) > len(masters) // 2)):
            state = State.DOWN
        else:
            state = State.DEGRADED if apart else State.UP
        if state is State.DEGRADED:
            why = f"{len(apart)} pair{'s' if len(apart) > 1 else ''} cannot talk ({' and '.join(apart[0])}: {why})"
        why = why or ("every pair of powered machines can talk" if lane else "")
        if lane is None:
            lane = Lane(name, state, why)
        else:
            lane.at(now, state, why)
    return (lane or Lane(name)).until(horizon)


def _why_apart(overlay: Overlay, underlay: Underlay, a: str, b: str, flow: Track[bool], now: float) -> str:
    for name in (a, b):
        if name in overlay.joined and not overlay.joined[name].at(now):
            return f"{name} has booted and does not know its peers yet"
    if underlay.path(a, b).at(now) and underlay.path(b, a).at(now):
        return f"no handshake yet since {flow.cause_at(now)}"
    return flow.cause_at(now)


def _always_joined(
    underlay: Underlay, faults: Faults, overlay: Overlay, site: dict[str, str]
) -> set[frozenset[str]]:
    """Gives the pairs of sites between which some pair of machines can talk throughout."""
    still = [
        name
        for members in underlay.members
        for name in members
        if name not in faults.power and name not in faults.frozen
    ]
    by_class = list({underlay.class_of[name]: name for name in reversed(still)}.values())
    return {
        frozenset((site[a], site[b]))
        for a in by_class
        for b in by_class
        if site[a] < site[b] and overlay.untouched(a, b)
    }


def _star(on: list[str], apart: set[frozenset[str]], need: int) -> bool:
    return any(
        sum(1 for other in on if other == centre or frozenset((centre, other)) not in apart) >= need
        for centre in on
    )


def _on(faults: Faults, machine: str, now: float) -> bool:
    return faults.power_of(machine).at(now) is State.UP


def _pairs(topology: Topology, underlay: Underlay, faults: Faults, overlay: Overlay) -> list[tuple[str, str]]:
    """Gives the pairs to look at: one for each two classes, and each touched machine with each class."""
    touched = sorted(faults.power.keys() | faults.frozen.keys())
    firsts = [members[0] for members in underlay.members]
    seconds = [members[1] for members in underlay.members if len(members) > 1]
    names = sorted({*touched, *firsts, *seconds})
    faces = set(firsts) | set(seconds)
    found = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            if (a in faces or b in faces) and not overlay.untouched(a, b):
                found.append((a, b))
    return found


def service_lanes(topology: Topology, faults: Faults, horizon: float) -> list[Interval]:
    """Gives the management service: it is the orchestrator that it stands for."""
    found: list[Interval] = []
    for service in topology.services:
        if service.role != "management":
            continue
        lane = Lane(service.name)
        names = [service.name, *(m for m in service.members if m in topology)]
        tracks = [faults.broken_of(n) for n in names]
        for now in moments(tracks):
            if now < horizon:
                broken = [t for t in tracks if t.at(now)]
                why = (broken or tracks)[-1].cause_at(now) if broken else "it answers again"
                if now > 0 or broken:
                    lane.at(now, State.DOWN if broken else State.UP, why)
        found += lane.until(horizon)
    return found
