"""Layer 5, control plane: the Kubernetes API as its clients see it, its controllers, the nodes it hears of.

The rules (parameters.md D, T.5): an API server answers while its machine runs, its own etcd member follows a
leader, and that leader has its quorum. A silent one stays in KubePrism's list for 15-35 s, so some new
connections fail: `degraded`. Requests in flight to a lost etcd leader wait for etcd's 7 s time-out. What becomes
of nodes that are not heard of is in `nodes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Event, Interval, Lane
from meshlab.model.units import duration
from meshlab.simulate.layers.faults import Faults
from meshlab.simulate.layers.nodes import give_up_nodes
from meshlab.simulate.layers.overlay import Overlay
from meshlab.simulate.layers.quorums import Group
from meshlab.simulate.scenario.scenario import FOREVER
from meshlab.simulate.tracks import Track, moments

if TYPE_CHECKING:
    from meshlab.model.components import Service
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.streams import Streams


@dataclass
class ControlPlane:
    """What the control plane does: the API's intervals, when it answers at all, which pods are told to go.

    ``servers`` says when each API server answers, ``listed`` when KubePrism offers it.
    """

    intervals: list[Interval] = field(default_factory=list)
    answers: Track[bool] = field(default_factory=lambda: Track(True))
    evictions: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    contact: dict[str, Track[bool]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    servers: dict[str, Track[bool]] = field(default_factory=dict)
    listed: dict[str, Track[bool]] = field(default_factory=dict)

    def pods_known(self, machine: str, time: float) -> float:
        """Gives when a kubelet that starts at `time` has learnt of its pods from the API; maybe never.

        A kubelet keeps no pods over a reboot: without the API it starts none but static ones.
        """
        contact = self.contact.get(machine)
        while time < FOREVER:
            heard = contact.next_at(time, True) if contact else time
            answered = self.answers.next_at(heard, True)
            if answered == heard:
                return heard
            time = answered
        return FOREVER


def run_control_plane(
    topology: Topology,
    parameters: Parameters,
    faults: Faults,
    overlay: Overlay,
    etcd: Group | None,
    streams: Streams,
    horizon: float,
) -> ControlPlane:
    """Gives the control plane's history over the etcd group's."""
    found = ControlPlane()
    api = next((s for s in topology.services if s.role == "api"), None)
    if api is None:
        return found
    servers = {m: _server(m, api, topology, parameters, faults, etcd, streams, horizon) for m in api.members}
    listed = {m: _listed(m, servers[m], faults, parameters, streams) for m in api.members}
    found.servers, found.listed = servers, listed
    _states(api, found, servers, listed, parameters, faults, etcd, horizon)
    controller = _controller(topology, parameters, servers, found, streams, horizon)
    for machine in topology.machines:
        contact = reached(machine.name, api.members, faults, overlay)
        if not all(contact.values):
            found.contact[machine.name] = contact
    given_up = give_up_nodes(topology, parameters, found.contact, controller, found.answers, streams, horizon)
    found.evictions = given_up.evictions
    found.events += given_up.events
    return found


def _controller(
    topology: Topology,
    parameters: Parameters,
    servers: dict[str, Track[bool]],
    found: ControlPlane,
    streams: Streams,
    horizon: float,
) -> Track[bool]:
    """Gives when a controller-manager leads: its lease of 15 s outlives short gaps of the API (parameters.md D).

    Who leads at first is drawn; one whose machine's API server stays silent is replaced after 15-20 s.
    """
    service = next((s for s in topology.services if s.role == "controller"), None)
    members = [m for m in service.members if m in servers] if service else []
    leads: Track[bool] = Track(True)
    if service is None or not members:
        return leads
    rng = streams.of(f"{service.name}/leader")
    leader = members[int(rng.integers(len(members)))]
    failover = parameters.distribution("controller.failover")
    now = 0.0
    while now < horizon:
        lost = servers[leader].next_at(now, False)
        back = servers[leader].next_at(lost, True) if lost < FOREVER else FOREVER
        if lost >= horizon:
            break
        expired = lost + float(failover.sample(rng))
        now = back
        if back > expired:
            leads.set(lost, False, f"the {service.name} on {leader} is lost")
            able = {m: servers[m].next_at(expired, True) for m in members}
            leader = min(able, key=lambda m: able[m])
            now = able[leader]
            if now < horizon:
                leads.set(now, True, f"the {service.name} on {leader} leads")
                text = f"the {service.name} on {leader} leads after {duration(now - lost)}"
                found.events.append(Event(now, service.name, text, "controller"))
    return leads


def _server(
    machine: str,
    api: Service,
    topology: Topology,
    parameters: Parameters,
    faults: Faults,
    etcd: Group | None,
    streams: Streams,
    horizon: float,
) -> Track[bool]:
    """Gives when one API server answers."""
    rng = streams.of(f"{machine}/apiserver")
    start, resume = (
        parameters.distribution("apiserver.start"),
        parameters.distribution("apiserver.etcd-return"),
    )
    power, frozen, broken = faults.power_of(machine), faults.frozen_of(machine), faults.broken_of(api.name)
    track: Track[bool] = Track(True)
    times = {*moments([power]), *moments([frozen, broken]), *(etcd.times() if etcd else ())}
    able_from = 0.0
    before = True
    for now in sorted(t for t in times if t < horizon):
        if power.at(now) is not State.UP or broken.at(now):
            cause = power.cause_at(now) if power.at(now) is not State.UP else broken.cause_at(now)
            able_from = -1.0
            track.set(now, False, cause)
            before = False
            continue
        if able_from < 0:
            able_from = now + float(start.sample(rng))
        follows, why = _follows(etcd, machine, now)
        works = follows and not frozen.at(now)
        if works and not before:
            track.set(
                max(able_from, now + float(resume.sample(rng))), True, f"the API server on {machine} answers"
            )
        elif not works:
            track.set(now, False, frozen.cause_at(now) if frozen.at(now) else why)
        before = works
    return track


def _follows(etcd: Group | None, machine: str, now: float) -> tuple[bool, str]:
    """Whether the etcd member that a machine's API server uses follows a leader that can commit."""
    if etcd is None:
        return True, ""
    reign = etcd.leader_at(now)
    if reign is None:
        return False, "etcd has no leader that can commit"
    if machine in etcd.world.members and machine not in etcd.world.around(reign.leader, now):
        return False, f"the etcd member on {machine} does not follow {reign.leader}"
    return True, ""


def _listed(
    machine: str, server: Track[bool], faults: Faults, parameters: Parameters, streams: Streams
) -> Track[bool]:
    """Gives whether KubePrism still offers an API server: a silent one leaves the list 15-35 s later."""
    rng = streams.of(f"{machine}/kubeprism")
    removal = parameters.distribution("kubeprism.removal")
    track: Track[bool] = Track(True)
    spans = list(server.spans(FOREVER))
    for start, end, answers, cause in spans:
        if answers:
            track.set(start, True, cause)
        else:
            gone = start + float(removal.sample(rng))
            if gone < end:
                track.set(gone, False, f"KubePrism dropped {machine}")
    return track


def _states(
    api: Service,
    found: ControlPlane,
    servers: dict[str, Track[bool]],
    listed: dict[str, Track[bool]],
    parameters: Parameters,
    faults: Faults,
    etcd: Group | None,
    horizon: float,
) -> None:
    waits = parameters.value("etcd.request-timeout")
    stuck = [r.end for r in (etcd.reigns if etcd else ()) if r.end < horizon]
    changes = {*moments(servers.values(), listed.values()), *stuck, *(end + waits for end in stuck)}
    lane: Lane | None = None
    for now in sorted(t for t in changes if t < horizon):
        working = [m for m, server in servers.items() if server.at(now)]
        silent = [m for m in servers if m not in working and listed[m].at(now)]
        if not working:
            state = State.DOWN
            why = next(iter(server.cause_at(now) for server in servers.values() if not server.at(now)), "")
            why = _because_of_etcd(etcd, now) or why
        elif silent:
            state = State.DEGRADED
            last = max(silent, key=lambda m: servers[m].next_at(now, True))
            why = f"{last} is silent but still listed by KubePrism: {servers[last].cause_at(now)}"
        elif any(end <= now < end + waits for end in stuck):
            state, why = (
                State.DEGRADED,
                "requests in flight to the lost etcd leader wait for their 7 s time-out",
            )
        else:
            state, why = State.UP, f"answered by {', '.join(working)}"
        if lane is None:
            lane = Lane(api.name, state, why if state is not State.UP else "")
        else:
            lane.at(now, state, why)
        found.answers.set(now, bool(working), why)
    found.intervals = (lane or Lane(api.name)).until(horizon)


def _because_of_etcd(etcd: Group | None, now: float) -> str:
    if etcd is None:
        return ""
    at = next((i for i in etcd.intervals if i.start <= now < i.end), None)
    return "" if at is None or at.state.serving else f"etcd is {at.state}: {at.cause}"


def reached(machine: str, members: tuple[str, ...], faults: Faults, overlay: Overlay) -> Track[bool]:
    """Gives whether a node and some control-plane machine hear each other."""
    others = [m for m in members if m != machine]
    power, frozen = faults.power_of(machine), faults.frozen_of(machine)
    flows = [(overlay.flow(machine, m), overlay.flow(m, machine)) for m in others]
    if machine in members or not others:
        times = sorted({*moments([power]), *moments([frozen])})
        track: Track[bool] = Track(True)
        for now in times:
            well = power.at(now) is State.UP and not frozen.at(now)
            track.set(
                now, well, power.cause_at(now) if power.at(now) is not State.UP else frozen.cause_at(now)
            )
        return track
    track = Track(True)
    for now in sorted({*moments([power]), *moments([frozen], *flows)}):
        ways = [to.at(now) and back.at(now) for to, back in flows]
        well = power.at(now) is State.UP and not frozen.at(now) and any(ways)
        cause = power.cause_at(now) if power.at(now) is not State.UP else frozen.cause_at(now)
        if not cause or power.at(now) is State.UP:
            cause = next((f.cause_at(now) for pair in flows for f in pair if not f.at(now)), cause)
        track.set(now, well, cause)
    return track
