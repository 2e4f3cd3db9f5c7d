"""What clients see: per kind of request, the stretches in which it gets no answer, beside the group's own state.

A group that has a new leader after 1.3 s may have kept a client waiting for 7 s: its request was under way to the old
leader, and nobody tells it. The rules (parameters.md A "request deadlines", C, D, T.5):

- An etcd member forwards writes to the leader that it knows. One sent to a dead leader is lost and waits for etcd's
  time-out of 7 s; one that comes in once the member knows that its leader is gone waits for the next one. Whether a
  write was already safe on a quorum when the leader died is not asked: it counts as lost.
- A linearizable read (ReadIndex) that waits is ended by the change of the leader and asked again at once
  (docs/validation.md); serializable ones need no leader and see no outage.
- An open connection to an API server that fell silent ends when KubePrism's TCP gives unacknowledged data up (30 s)
  or client-go's ping has had no answer (30 + 15 s after the last frame), whichever is first.
- New connections through KubePrism reach the silent server, one in n, until it is off the list (15-35 s).
- An API server whose etcd endpoint is on another machine notices a silent one after 30-40 s.
- Vault's standbys forward to the active pod; a request under way to one that fell silent waits for its client's own
  time-out. Until the standbys know the new address all requests wait, which is the group's own state.

Each client keeps one request under way, through a member that survives; which one is drawn for each replicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Interval, Series, Timeline
from meshlab.simulate.scenario.scenario import FOREVER

if TYPE_CHECKING:
    import numpy as np

    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.layers.control_plane import ControlPlane
    from meshlab.simulate.layers.faults import Faults
    from meshlab.simulate.layers.quorums import Group
    from meshlab.simulate.streams import Streams

REQUESTS: Mapping[str, tuple[str, ...]] = {
    "etcd": ("write", "linearizable read", "serializable read"),
    "kubernetes-api": ("write", "open connection", "new connection"),
    "vault": ("request", "request under way"),
}
"""The kinds of requests that are looked at, by the role of the service."""
_QUANTITY = "no answer to: "


@dataclass(frozen=True)
class NoAnswer:
    """A stretch in which one kind of request got no answer (seconds from the scenario's zero)."""

    service: str
    kind: str
    start: float
    end: float
    cause: str


def client_outages(
    topology: Topology,
    parameters: Parameters,
    faults: Faults,
    control: ControlPlane,
    groups: Iterable[Group],
    streams: Streams,
    horizon: float,
) -> list[NoAnswer]:
    """Gives what clients see in one replicate."""
    found: list[NoAnswer] = []
    api = next((s for s in topology.services if s.role == "api"), None)
    for group in groups:
        rng = streams.of(f"{group.spec.name}/client")
        if group.spec.engine == "etcd":
            found += _etcd(group, group.spec.name, None, parameters, faults, rng, horizon)
            if api is not None:
                rng = streams.of(f"{api.name}/client")
                found += _etcd(group, api.name, api.members, parameters, faults, rng, horizon)
        else:
            found += _vault(group, parameters, faults, horizon)
    if api is not None:
        rng = streams.of(f"{api.name}/connections")
        found += _connections(api.name, control, parameters, faults, rng, horizon)
    return [n for n in found if n.start < min(n.end, horizon)]


def _losses(group: Group) -> Iterator[tuple[float, float, str]]:
    """Gives when a group lost its service, when it had it again, and why."""
    begun: Interval | None = None
    for interval in group.intervals:
        if not interval.state.serving:
            begun = begun or interval
        elif begun is not None:
            if begun.start > 0:
                yield begun.start, interval.start, begun.cause
            begun = None
    if begun is not None and begun.start > 0:
        yield begun.start, FOREVER, begun.cause


def _etcd(
    group: Group,
    service: str,
    doors: tuple[str, ...] | None,
    parameters: Parameters,
    faults: Faults,
    rng: np.random.Generator,
    horizon: float,
) -> Iterator[NoAnswer]:
    """Gives what a client of etcd sees; `doors` are the API servers through which one of the API comes."""
    patience = parameters.value("etcd.request-timeout")
    for lost, back, cause in _losses(group):
        able = [m for m in (doors or group.spec.voters) if not _silent(faults, m, lost)]
        if not able:
            yield NoAnswer(service, "write", lost, min(back, horizon), cause)
            continue
        door = able[int(rng.integers(len(able)))]
        member = door if door in group.spec.voters else ""
        end = _written(lost, back, _aware(group, member, lost, back), patience)
        why = cause if end <= back + 1e-9 else f"under way to the lost leader: {patience:g} s ({cause})"
        if not member:
            endpoint = group.spec.voters[int(rng.integers(len(group.spec.voters)))]
            notices = lost + float(parameters.distribution("apiserver.etcd-dead-connection").sample(rng))
            if _silent(faults, endpoint, lost) and notices > end:
                end, why = notices, f"{door} holds on to its silent etcd endpoint on {endpoint} ({cause})"
        yield NoAnswer(service, "write", lost, min(end, horizon), why)
        if doors is None:
            yield NoAnswer(service, "linearizable read", lost, min(back, horizon), cause)


def _written(lost: float, back: float, aware: float, patience: float) -> float:
    """Gives when a client that always has one write under way gets its next answer.

    Writes begun before the member knows that its leader is gone are lost, and fail after `patience`; one begun
    later waits for the new leader, unless that takes longer than its patience.
    """
    if back == FOREVER:
        return FOREVER
    start = lost
    while start < back:
        if start >= aware and back <= start + patience:
            return back
        start += patience
    return start


def _aware(group: Group, member: str, lost: float, back: float) -> float:
    """Gives when a member stopped forwarding to the lost leader: it stood itself, or was asked for its real vote."""
    own = (
        e.time
        for e in group.log
        if e.member == member and lost < e.time <= back and e.kind == "pre-candidate"
    )
    asked = (
        e.time for e in group.log if e.member != member and lost < e.time <= back and e.kind == "candidate"
    )
    return min([*own, *asked], default=back)


def _silent(faults: Faults, machine: str, time: float) -> bool:
    return faults.power_of(machine).at(time) is not State.UP or faults.frozen_of(machine).at(time)


def _connections(
    service: str,
    control: ControlPlane,
    parameters: Parameters,
    faults: Faults,
    rng: np.random.Generator,
    horizon: float,
) -> Iterator[NoAnswer]:
    """Gives what connections to one API server see when its machine falls silent."""
    share = len(control.servers)
    for machine, server in control.servers.items():
        for start, end, answers, cause in server.spans(horizon):
            if answers or start <= 0 or not _silent(faults, machine, start):
                continue
            speaks, heard = float(rng.uniform(0, 10)), float(rng.uniform(0, 10))
            given_up = start + parameters.value("kubeprism.user-timeout") + speaks
            pinged = start - heard + parameters.value("client-go.dead-connection")
            power = faults.power_of(machine).next_at(start, State.UP)
            there = max(power, faults.frozen_of(machine).next_at(start, False))
            over = min(given_up, pinged, max(there, start))
            why = f"connections to {machine} are dead and not yet given up ({cause})"
            yield NoAnswer(service, "open connection", start, min(over, horizon), why)
            listed = control.listed[machine].next_at(start, False)
            gone = min(listed, end, horizon)
            why = f"KubePrism still offers {machine}, to one in {share} new connections ({cause})"
            yield NoAnswer(service, "new connection", start, gone, why)


def _vault(group: Group, parameters: Parameters, faults: Faults, horizon: float) -> Iterator[NoAnswer]:
    """Gives what a client of Vault sees; standbys that do not know the active pod's address yet let it wait."""
    name = group.spec.name
    for lost, back, cause in _losses(group):
        yield NoAnswer(name, "request", lost, min(back, horizon), cause)
        leader = next((r.leader for r in reversed(group.reigns) if r.serving <= lost <= r.end + 1e-6), "")
        if leader and _silent(faults, leader, lost):
            wait = parameters.value("vault.client-timeout")
            why = f"under way to the silent {leader}: the client's own {wait:g} s ({cause})"
            yield NoAnswer(name, "request under way", lost, min(max(lost + wait, back), horizon), why)


def as_series(outages: Iterable[NoAnswer]) -> tuple[Series, ...]:
    """Gives the outages as series of a Timeline, one for each service and kind: 1 while there is no answer, else 0."""
    by_kind: dict[tuple[str, str], list[NoAnswer]] = {}
    for outage in outages:
        by_kind.setdefault((outage.service, outage.kind), []).append(outage)
    found = []
    for (service, kind), given in sorted(by_kind.items()):
        times, values = [0.0], [0.0]
        until = 0.0
        for outage in sorted(given, key=lambda o: (o.start, o.end)):
            if outage.start > until or len(times) == 1:
                times += [outage.start, outage.end]
                values += [1.0, 0.0]
            elif outage.end > until:
                times[-1] = outage.end
            until = max(until, outage.end)
        found.append(Series(service, f"{_QUANTITY}{kind}", "", tuple(times), tuple(values)))
    return tuple(found)


def client_intervals(timeline: Timeline, service: str, kind: str) -> tuple[Interval, ...]:
    """Gives the stretches of a predicted Timeline in which a kind of request got no answer, as `down` intervals."""
    for series in timeline.series:
        if series.component == service and series.quantity == f"{_QUANTITY}{kind}":
            edges = series.times[1:]
            spans = zip(edges[::2], edges[1::2], strict=True)
            return tuple(Interval(service, State.DOWN, start, end, kind) for start, end in spans)
    return ()
