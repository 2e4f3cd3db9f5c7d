"""Layer 3, overlay: which KubeSpan tunnels carry packets, each direction, over time.

The rules (WireGuard's constants and Talos' peer state machine, talos-omni-kubespan.md 3.2-3.5, parameters.md E):

- A session's keys are renewed every 120 s and carry nothing after 180 s. A cut that heals earlier costs only
  the cut; a longer one also up to 5.33 s until the next attempt of a handshake, which both sides make.
- A handshake needs both directions. In a one-way cut the open direction carries packets until the keys die.
- A machine that booted knows no peers until the discovery service has told it; its key it has on disk. It then shakes
  hands at once (measured: 8 ms), without waiting for its peers' next attempt.
- A peer is marked down 275 s after its last handshake, looked at every 30 s, so 155-305 s after it vanished;
  its traffic is black-holed meanwhile. Then other endpoints are tried, 15-45 s for each wrong one.
- A pair of different sites may stay down after that (Talos issue 13160), until something changes for it: a share that
  is 0 as it ships, for nobody knows how often (`kubespan.stuck-pair`).
- With `allow-down-peer-bypass`, peers of one site then take the plain path between them, unencrypted.
- Two peers behind NAT at different sites never meet.
- Where a tunnel's packets are too large for the way (MTU 1420 and 60 bytes around them do not fit), handshakes and
  heartbeats pass and full packets vanish: Talos calls the peers up, and no TLS connection gets through.
- A discovery outage longer than the records' 30 min may come back empty: a drop of the whole mesh.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Event
from meshlab.model.units import duration
from meshlab.simulate.layers.faults import Faults
from meshlab.simulate.layers.underlay import Underlay
from meshlab.simulate.scenario.scenario import FOREVER
from meshlab.simulate.tracks import Track, moments

if TYPE_CHECKING:
    import numpy as np

    from meshlab.model.components import Link, Machine
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.streams import Streams


@dataclass
class Constants:
    """The overlay's constants in seconds, taken from the parameters once."""

    rekey: float
    reject: float
    peer_down: float
    tick: float
    endpoint: float
    retry: float
    stuck: float = 0.0

    @classmethod
    def of(cls, parameters: Parameters) -> Constants:
        value = parameters.value
        return cls(
            value("wireguard.rekey-after"),
            value("wireguard.reject-after"),
            value("kubespan.peer-down-interval"),
            value("kubespan.reconcile-tick"),
            value("kubespan.endpoint-timeout"),
            parameters.distribution("wireguard.retry").quantile(0.999999),
            value("kubespan.stuck-pair"),
        )


@dataclass
class Overlay:
    """The mesh of one replicate. Tunnels are worked out when they are asked for, and kept."""

    topology: Topology
    underlay: Underlay
    faults: Faults
    streams: Streams
    constants: Constants
    joined: dict[str, Track[bool]]
    closed: Track[bool]
    events: list[Event] = field(default_factory=list)
    _flows: dict[tuple[str, str], tuple[Track[bool], Track[bool]]] = field(default_factory=dict)

    def flow(self, a: str, b: str) -> Track[bool]:
        """Gives whether what machine a sends to machine b arrives, over time, with the causes."""
        first, second = (a, b) if a <= b else (b, a)
        found = self._flows.get((first, second))
        if found is None:
            found = self._flows[first, second] = self._pair(first, second)
        return found[0] if a == first else found[1]

    def untouched(self, a: str, b: str) -> bool:
        """Whether nothing happens to a tunnel in this replicate, so that it is up all the time."""
        faults = self.faults
        if {a, b} & (faults.power.keys() | faults.frozen.keys()) or not self.closed.constant:
            return False
        if self._holes and self._hole(a, b):
            return False
        x, y = self.underlay.class_of[a], self.underlay.class_of[b]
        opened = self.underlay.open
        return bool(opened[:, x, y].all() and opened[:, y, x].all()) and not self._never(a, b)

    def _never(self, a: str, b: str) -> bool:
        first, second = self.topology.machine(a), self.topology.machine(b)
        return first.nat and second.nat and first.site != second.site and self.topology.overlay is not None

    @cached_property
    def _holes(self) -> bool:
        """Whether any link at all is too narrow for the tunnel's packets."""
        return any(black_hole(self.topology, link) for link in self.topology.links)

    def _hole(self, a: str, b: str) -> str:
        link = self.topology.link_between(a, b)
        return black_hole(self.topology, link) if link is not None else ""

    def _pair(self, a: str, b: str) -> tuple[Track[bool], Track[bool]]:
        if self.untouched(a, b):
            return _OPEN, _OPEN
        if self._never(a, b):
            closed: Track[bool] = Track(False, f"{a} and {b} are both behind NAT at different sites")
            return closed, closed
        hole = self._hole(a, b) if self._holes else ""
        if hole:
            vanish: Track[bool] = Track(False, hole)
            return vanish, vanish
        return _Tunnel(self, a, b).run()


_OPEN: Track[bool] = Track(True)
AROUND = 60
"""Bytes that WireGuard puts around a packet on IPv4: 20 IP, 8 UDP, 32 its own (E.wireguard overhead_ipv4)."""


def black_hole(topology: Topology, link: Link) -> str:
    """Gives why full packets of the tunnel vanish on a link, or an empty text where they fit.

    Supposes that fragments, or the messages that would ask for smaller packets, are dropped on the way, as
    firewalls do; where they are not, the same link is only slower.
    """
    mesh = topology.overlay
    if mesh is None or mesh.mtu + AROUND <= link.mtu:
        return ""
    fits = link.mtu - AROUND
    return (
        f"full packets vanish on {link.name}: the tunnel's MTU {mesh.mtu} and {AROUND} bytes around it do not fit "
        f"into {link.mtu} (set the mesh's mtu to {fits}); the peers are up, but TLS does not get through"
    )


def build_overlay(
    topology: Topology, parameters: Parameters, underlay: Underlay, faults: Faults, streams: Streams
) -> Overlay:
    """Gives the overlay of one replicate: who has joined it when; its tunnels follow from that."""
    joined: dict[str, Track[bool]] = {}
    discovery = topology.discovery
    down = faults.broken_of(discovery.name) if discovery else None
    fetch = parameters.distribution("discovery.fetch")
    for name, power in faults.power.items():
        track: Track[bool] = Track(True)
        for time, state, cause in power.changes():
            if state is State.UP:
                if topology.overlay is None:
                    track.set(time, True, cause)
                    continue
                asked = down.next_at(time, False) if down else time
                if asked < FOREVER:
                    late = " (the discovery service was down)" if asked > time else ""
                    ready = asked + float(fetch.sample(streams.of(f"{name}/discovery")))
                    track.set(ready, True, f"{name} has learnt of its peers{late}")
            else:
                track.set(time, False, cause)
        joined[name] = track
    closed = _closures(topology, parameters, faults, streams)
    return Overlay(topology, underlay, faults, streams, Constants.of(parameters), joined, closed)


def _closures(topology: Topology, parameters: Parameters, faults: Faults, streams: Streams) -> Track[bool]:
    """Gives when the whole mesh is closed: the overlay failed, or every peer was dropped."""
    track: Track[bool] = Track(False)
    windows: list[tuple[float, float, str]] = []
    if topology.overlay is None:
        return track
    for start, end, value, cause in faults.broken_of(topology.overlay.name).spans(FOREVER):
        if value:
            windows.append((start, end, cause))
    if topology.discovery is not None:
        ttl = parameters.value("discovery.ttl")
        for start, end, value, _ in faults.broken_of(topology.discovery.name).spans(FOREVER):
            if value and end < FOREVER and end - start > ttl:
                drop = parameters.distribution("discovery.empty-drop").sample(streams.of("discovery/drop"))
                cause = f"{topology.discovery.name} came back empty after {duration(end - start)}"
                windows.append((end, end + float(drop), cause))
    from meshlab.simulate.layers.faults import merged

    for start, end, cause in merged(windows):
        track.set(start, True, cause)
        if end < FOREVER:
            track.set(end, False, "peers are known again")
    return track


class _Tunnel:
    """One pair of machines: a sweep over everything that changes for it."""

    def __init__(self, overlay: Overlay, a: str, b: str) -> None:
        self.overlay = overlay
        self.constants = overlay.constants
        self.names = (a, b)
        self.machines: tuple[Machine, Machine] = (overlay.topology.machine(a), overlay.topology.machine(b))
        self.rng: np.random.Generator = overlay.streams.of(f"tunnel/{a}/{b}")
        self.same_site = self.machines[0].site == self.machines[1].site
        mesh = overlay.topology.overlay
        self.bypass = mesh is not None and mesh.allow_down_peer_bypass and self.same_site
        self.marks: dict[float, float] = {}
        self.plain = overlay.topology.overlay is None

    def run(self) -> tuple[Track[bool], Track[bool]]:
        """Gives both directions, from a to b and from b to a."""
        o, (a, b) = self.overlay, self.names
        power = [o.faults.power_of(n) for n in self.names]
        frozen = [o.faults.frozen_of(n) for n in self.names]
        joined = [o.joined.get(n, _OPEN) for n in self.names]
        paths = (o.underlay.path(a, b), o.underlay.path(b, a))
        times = sorted({*moments(power), *moments(frozen, joined, paths, [o.closed])})
        out: tuple[Track[bool], Track[bool]] = (Track(True), Track(True))
        key = -float(self.rng.random()) * self.constants.rekey
        session = whole = True
        deaf = False
        booted = ""
        established = FOREVER
        lost_at = 0.0
        for now, until in zip(times, [*times[1:], FOREVER], strict=True):
            cause = self._cause(now, power, frozen, joined, paths)
            off = next((n for n, p in zip(self.names, power, strict=True) if p.at(now) is not State.UP), "")
            ready = not off and all(j.at(now) for j in joined) and not o.closed.at(now)
            ways = tuple(p.at(now) and not any(f.at(now) for f in frozen) for p in paths)
            if off:
                booted = off
            if self.plain:
                for track, way in zip(out, ways, strict=True):
                    track.set(now, way and not off, cause)
                continue
            if not ready:
                if session:
                    key, lost_at = self._last_key(key, now) if whole else key, now
                session, whole, established = False, False, FOREVER
                _both(out, now, False, cause)
                self._mark_down(key, now, until)
                if self.bypass and not off and all(ways) and self._marked(key) < until:
                    _both(out, max(now, self._marked(key)), True, "peers are down: the plain path is taken")
                continue
            if session and not all(ways):
                if whole:
                    key, lost_at, whole = self._last_key(key, now), now, False
                for track, way in zip(out, ways, strict=True):
                    track.set(now, way, cause)
                dies = key + self.constants.reject
                if dies < until:
                    session = False
                    _both(out, max(dies, now), False, f"the tunnel's keys expired ({cause})")
            elif session:
                if not whole:
                    key, whole = now, True
                _both(out, now, True, cause)
            elif all(ways):
                if established == FOREVER:
                    rotated = now > key + self.constants.peer_down + self.constants.tick
                    begins = bool(booted) and any(now in j.times for j in joined)
                    established = now + self._meeting(booted, rotated, begins, deaf)
                    booted = "" if established < FOREVER else booted
                if established < until:
                    _both(out, established, True, self._met(established, lost_at))
                    session, whole, key, established = True, True, established, FOREVER
            else:
                established = FOREVER
                _both(out, now, False, cause)
            if not whole:
                self._mark_down(key, now, until)
            deaf = not any(ways)
        return out

    def _last_key(self, key: float, now: float) -> float:
        return key + self.constants.rekey * ((now - key) // self.constants.rekey)

    def _meeting(self, booted: str, rotated: bool, begins: bool, deaf: bool) -> float:
        """Draws the time until the handshake after which a pair can talk again (parameters T.3, facts 3.4).

        ``begins``: a machine that booted has just learnt of its peers. It tries at once; who tried in vain tries again.
        ``deaf``: neither heard the other, so both try, and the first of two attempts counts (docs/validation.md).
        """
        c, rng = self.constants, self.rng
        attempts = [float(rng.random()) for _ in range(2 if deaf else 1)]
        retry = min(attempts) * c.retry * (not begins)
        wrong = c.endpoint + float(rng.random()) * c.tick
        if self.same_site:
            return retry
        if rotated and c.stuck > 0 and rng.random() < c.stuck:
            return FOREVER
        boots_behind_nat = any(m.name == booted and m.nat for m in self.machines)
        if boots_behind_nat:
            return wrong  # its peer's private address comes first and leads nowhere
        return wrong if rotated and not booted and rng.random() < 0.5 else retry

    def _marked(self, key: float) -> float:
        if key not in self.marks:
            self.marks[key] = key + self.constants.peer_down + float(self.rng.random()) * self.constants.tick
        return self.marks[key]

    def _mark_down(self, key: float, now: float, until: float) -> None:
        """Tells when Talos calls the peer down, if that falls between now and the next change."""
        marked = self._marked(key)
        if now <= marked < until:
            a, b = self.names
            text = f"peers {a} and {b} marked down: no handshake for {duration(marked - key)}"
            self.overlay.events.append(Event(marked, a, text, "peer-down"))

    def _met(self, now: float, lost_at: float) -> str:
        a, b = self.names
        self.overlay.events.append(
            Event(
                now,
                a,
                f"handshake of {a} and {b}, {duration(now - lost_at)} after they lost touch",
                "handshake",
            )
        )
        return f"handshake of {a} and {b}"

    def _cause(
        self,
        now: float,
        power: list[Track[State]],
        frozen: list[Track[bool]],
        joined: list[Track[bool]],
        paths: tuple[Track[bool], Track[bool]],
    ) -> str:
        if self.overlay.closed.at(now):
            return self.overlay.closed.cause_at(now)
        for state in power:
            if state.at(now) is not State.UP:
                return state.cause_at(now)
        for pause in frozen:
            if pause.at(now):
                return pause.cause_at(now)
        for name, track in zip(self.names, joined, strict=True):
            if not track.at(now):
                return f"{name} does not know its peers yet"
        for path in paths:
            if not path.at(now):
                return path.cause_at(now)
        return next((p.cause_at(now) for p in (*paths, *frozen) if p.cause_at(now)), "")


def _both(out: tuple[Track[bool], Track[bool]], time: float, value: bool, cause: str) -> None:
    for track in out:
        track.set(time, value, cause)
