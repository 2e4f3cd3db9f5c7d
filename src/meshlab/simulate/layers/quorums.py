"""Layer 4, quorums: who leads a raft group when, and what state the group is in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Event, Interval, Lane
from meshlab.model.units import duration
from meshlab.simulate.groups.etcd import EtcdGroup
from meshlab.simulate.groups.hashicorp import HashicorpGroup
from meshlab.simulate.layers.faults import Faults
from meshlab.simulate.layers.overlay import Overlay
from meshlab.simulate.raft.timed.world import Election, Reign, World
from meshlab.simulate.tracks import Track, moments

if TYPE_CHECKING:
    from meshlab.model.components import RaftGroup
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.layers.underlay import Underlay
    from meshlab.simulate.streams import Streams


@dataclass
class Group:
    """A raft group's history: its surroundings, its leaders, its log, and its state as intervals."""

    spec: RaftGroup
    world: World
    reigns: list[Reign]
    log: list[Election]
    intervals: list[Interval]
    events: list[Event]

    def leader_at(self, time: float) -> Reign | None:
        """Gives the reign of a leader that serves at an instant and has its quorum; None if there is none."""
        need = self.world.quorum(time)
        for reign in self.reigns:
            if reign.serving <= time < reign.end and len(self.world.around(reign.leader, time)) >= need:
                return reign
        return None

    def times(self) -> list[float]:
        """Gives every instant at which the group's state may change."""
        own = {t for r in self.reigns for t in (r.elected, r.serving, r.end) if t < math.inf}
        return sorted({*self.world.times(), *own})


Sealed = Mapping[str, Track[bool]]
"""For each member of Vault: whether its pod runs but is sealed."""


def run_group(
    group: RaftGroup,
    topology: Topology,
    parameters: Parameters,
    underlay: Underlay,
    overlay: Overlay,
    faults: Faults,
    streams: Streams,
    horizon: float,
    *,
    running: Mapping[str, Track[bool]],
    voting: Mapping[str, Track[bool]] | None = None,
    sealed: Sealed | None = None,
    leader: str = "",
) -> Group:
    """Gives a group's history. ``running[m]``: member m's process is up (for Vault: and unsealed)."""
    rng = streams.of(f"{group.name}/raft")
    world = World(
        members=group.voters,
        running={m: running[m] for m in group.voters},
        frozen={m: faults.frozen_of(m) for m in group.voters},
        flows={(a, b): overlay.flow(a, b) for a in group.voters for b in group.voters if a != b},
        delay=Delays(topology, parameters, underlay, streams, group.name),
        fsync=_fsync(group, parameters, streams),
        voting=dict(voting or {}),
        leaving=faults.clean_stops,
    )
    value = parameters.value
    engine: EtcdGroup | HashicorpGroup
    if group.engine == "etcd":
        engine = EtcdGroup(
            world,
            heartbeat=value(f"raft.{group.name}.heartbeat"),
            election=value(f"raft.{group.name}.election"),
            rng=rng,
            leader=leader,
            prevote=group.prevote,
            check_quorum=group.check_quorum,
            fast_forward=round(value("etcd.restart-fast-forward")),
        )
        reigns, log = engine.run(horizon)
    else:
        engine = HashicorpGroup(
            world,
            heartbeat=value(f"raft.{group.name}.heartbeat"),
            election=value(f"raft.{group.name}.election"),
            lease=value(f"raft.{group.name}.lease"),
            rng=rng,
            leader=leader,
            prevote=group.prevote,
            startup=value("vault.startup-multiplier"),
            reconnect=parameters.distribution("vault.reconnect"),
            commit_interval=parameters.distribution("vault.commit-interval"),
        )
        reigns, log = engine.run(horizon)
        reigns = [_mounted(reign, parameters, streams.of(f"{group.name}/mount")) for reign in reigns]
    found = Group(group, world, sorted(reigns, key=lambda r: r.elected), log, [], [])
    found.events = [Event(e.time, group.name, e.text, e.kind) for e in log if e.kind in _TOLD]
    found.intervals = _intervals(found, horizon, sealed or {})
    return found


_TOLD = frozenset({"leader", "split-vote", "step-down", "transfer"})


def _mounted(reign: Reign, parameters: Parameters, rng: object) -> Reign:
    """A new active Vault answers everywhere once it has mounted and the standbys know its address."""
    if reign.elected <= 0:
        return reign
    mount = float(parameters.distribution("vault.mount").sample(rng))  # type: ignore[arg-type]
    refresh = float(parameters.distribution("vault.standby-refresh").sample(rng))  # type: ignore[arg-type]
    return Reign(
        reign.leader, reign.term, reign.elected, min(reign.serving + mount + refresh, reign.end), reign.end
    )


def _fsync(group: RaftGroup, parameters: Parameters, streams: Streams) -> Callable[[str], float]:
    rng = streams.of(f"{group.name}/fsync")
    spread = {m: parameters.distribution(f"machine.{m}.fsync") for m in group.voters}
    return lambda member: float(spread[member].sample(rng))


class Delays:
    """Draws the time a message takes from one machine to another: link, tunnel, what a fault adds, loss."""

    def __init__(
        self, topology: Topology, parameters: Parameters, underlay: Underlay, streams: Streams, who: str
    ) -> None:
        self.underlay = underlay
        self.rng = streams.of(f"{who}/delay")
        self.links = [parameters.distribution(f"link.{link.name}.latency") for link in topology.links]
        self.local = parameters.distribution("local.latency")
        self.added = parameters.value("kubespan.added-latency") if topology.overlay else 0.0
        self.retransmit = parameters.value("tcp.retransmit")

    def __call__(self, a: str, b: str, time: float) -> float:
        link, added, loss = self.underlay.quality(a, b, time)
        spread = self.links[link] if link >= 0 else self.local
        delay = float(spread.sample(self.rng)) + self.added + added
        wait = self.retransmit
        while loss > 0 and wait < 60 and self.rng.random() < loss:
            delay += wait
            wait *= 2
        return delay


def _intervals(group: Group, horizon: float, sealed: Sealed) -> list[Interval]:
    """Gives the group's states: serving, degraded, or why it does not serve."""
    world = group.world
    lane: Lane | None = None
    lost: tuple[float, str] = (0.0, "")
    was: Reign | None = None
    times = sorted({*group.times(), *moments(sealed.values())})
    for now in [t for t in times if t < horizon]:
        reign = group.leader_at(now)
        voters = world.voters(now)
        if reign is not None:
            missing = [v for v in voters if v not in world.around(reign.leader, now)]
            missing += [v for v in world.members if v not in voters]
            state = State.DEGRADED if missing else State.UP
            why = _reached(group, reign, lost) if was is None or was.leader != reign.leader else ""
            if missing:
                because = _why_missing(world, missing[0], now, reign.leader)
                why = "; ".join(filter(None, (why, f"without {', '.join(missing)} ({because})")))
            else:
                why = why or "all voters follow the leader again"
            if lane is None and not missing:
                why = ""
        else:
            if lane is None or lane.state.serving:
                lost = (now, _why_lost(group, was, now))
            if world.has_quorum(now):
                state, why = State.NO_LEADER, lost[1]
                if lane is not None and lane.state in (State.NO_QUORUM, State.SEALED):
                    lost = (now, "the quorum is there again")
                    why = lost[1]
            else:
                locked = [m for m in world.members if m in sealed and sealed[m].at(now)]
                there = [m for m in world.members if world.acts(m, now) or m in locked]
                short = len(there) >= world.quorum(now) and bool(locked)
                state = State.SEALED if short else State.NO_QUORUM
                why = _why_no_quorum(world, locked, now)
        was = reign
        if lane is None:
            lane = Lane(group.spec.name, state, why)
        else:
            lane.at(now, state, why)
    return (lane or Lane(group.spec.name)).until(horizon)


def _why_lost(group: Group, was: Reign | None, now: float) -> str:
    if was is None:
        return "no leader at the start"
    running, frozen = group.world.running[was.leader], group.world.frozen[was.leader]
    if not running.at(now):
        return f"the leader {was.leader} is lost: {running.cause_at(now)}"
    if frozen.at(now):
        return f"the leader {was.leader} is lost: {frozen.cause_at(now)}"
    if was.end <= now:
        return f"the leader {was.leader} stepped down"
    cut = next(
        (c for c in (_path_cause(group.world, was.leader, v, now) for v in group.world.members) if c), ""
    )
    return f"the leader {was.leader} has lost its quorum" + (f": {cut}" if cut else "")


def _why_missing(world: World, member: str, now: float, leader: str) -> str:
    if not world.voting[member].at(now):
        return world.voting[member].cause_at(now)
    for track in (world.running[member],):
        if not track.at(now):
            return track.cause_at(now)
    if world.frozen[member].at(now):
        return world.frozen[member].cause_at(now)
    return _path_cause(world, leader, member, now) or "out of touch"


def _path_cause(world: World, a: str, b: str, now: float) -> str:
    if a == b:
        return ""
    for pair in ((a, b), (b, a)):
        if not world.flows[pair].at(now):
            return world.flows[pair].cause_at(now)
    return ""


def _why_no_quorum(world: World, locked: list[str], now: float) -> str:
    parts = []
    for member in world.members:
        if member in locked:
            parts.append(f"{member} is sealed")
        elif not world.running[member].at(now):
            parts.append(f"{member}: {world.running[member].cause_at(now)}")
        elif world.frozen[member].at(now):
            parts.append(f"{member}: {world.frozen[member].cause_at(now)}")
        elif not world.voting[member].at(now):
            parts.append(f"{member} does not vote: {world.voting[member].cause_at(now)}")
    if not parts:
        parts = sorted({_path_cause(world, a, b, now) for a, b in world.flows} - {""})[:2]
    return "no quorum: " + "; ".join(dict.fromkeys(parts))


def _reached(group: Group, reign: Reign, lost: tuple[float, str]) -> str:
    if reign.elected <= 0:
        return f"{reign.leader} leads" if not lost[1] else f"{reign.leader} has its quorum again"
    if reign.elected < lost[0]:
        return f"{reign.leader} has its quorum again"
    took = duration(max(reign.elected - lost[0], 0.0))
    text = f"{reign.leader} won the election of term {reign.term} after {took}"
    return text if not lost[1] else f"{lost[1]}; {text}"
