"""One replicate: the stack of layers, each from those below it, to one predicted Timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Event, Interval, Timeline
from meshlab.simulate.layers import objectives
from meshlab.simulate.layers.clients import as_series, client_outages
from meshlab.simulate.layers.control_plane import ControlPlane, run_control_plane
from meshlab.simulate.layers.faults import Faults, apply_faults, merged
from meshlab.simulate.layers.overlay import build_overlay
from meshlab.simulate.layers.quorums import Group, run_group
from meshlab.simulate.layers.seals import vault_pods
from meshlab.simulate.layers.underlay import Underlay
from meshlab.simulate.layers.workloads import run_chains
from meshlab.simulate.scenario.scenario import FOREVER, Scenario
from meshlab.simulate.streams import Streams
from meshlab.simulate.tracks import Track

if TYPE_CHECKING:
    from meshlab.model.components import RaftGroup
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters


def replicate(
    topology: Topology,
    scenario: Scenario,
    parameters: Parameters,
    underlay: Underlay,
    seed: int,
    number: int,
) -> Timeline:
    """Gives what happens in one replicate: layer upon layer, none looking up."""
    horizon = scenario.horizon
    streams = Streams(seed, number)
    faults = apply_faults(topology, scenario, parameters, streams)
    overlay = build_overlay(topology, parameters, underlay, faults, streams)
    intervals: list[Interval] = []
    events: list[Event] = list(faults.events)
    seen: list[Group] = []

    def group(spec: RaftGroup, running: dict[str, Track[bool]], **more: object) -> Group:
        found = run_group(
            spec, topology, parameters, underlay, overlay, faults, streams, horizon,
            running=running, leader=scenario.initial.get(spec.name, ""), **more,  # type: ignore[arg-type]
        )  # fmt: skip
        intervals.extend(found.intervals)
        events.extend(found.events)
        seen.append(found)
        return found

    groups = {
        spec.name: group(spec, _etcd_running(spec, faults, parameters, streams))
        for spec in topology.raft_groups
        if spec.engine == "etcd"
    }
    control: ControlPlane = run_control_plane(
        topology, parameters, faults, overlay, next(iter(groups.values()), None), streams, horizon
    )
    intervals += control.intervals
    for spec in topology.raft_groups:
        if spec.engine == "hashicorp":
            pods = vault_pods(spec, topology, parameters, faults, control, streams, horizon)
            events += pods.events
            group(spec, pods.unsealed, sealed=pods.sealed, voting=pods.voting)
    intervals += run_chains(topology, parameters, faults, control, streams, horizon)
    intervals += objectives.machine_lanes(topology, faults, overlay, horizon)
    shown = [part.name for part in (topology.discovery, topology.orchestrator) if part]
    intervals += objectives.broken_lanes(topology, faults, horizon, shown)
    intervals += objectives.link_lanes(topology, underlay, horizon)
    intervals += objectives.service_lanes(topology, faults, horizon)
    for service in topology.services:
        if service.role == "mesh":
            intervals += objectives.mesh_lane(service.name, topology, underlay, faults, overlay, horizon)
    events += control.events + overlay.events
    outages = client_outages(topology, parameters, faults, control, seen, streams, horizon)
    told = tuple(e for e in events if e.time < horizon)
    return Timeline("predicted", horizon, tuple(intervals), told, as_series(outages))


def _etcd_running(
    spec: RaftGroup, faults: Faults, parameters: Parameters, streams: Streams
) -> dict[str, Track[bool]]:
    """Gives when each etcd member's process runs: its machine is up, its data is there, nobody stopped it."""
    found: dict[str, Track[bool]] = {}
    for member in spec.voters:
        windows = [
            (start, end, cause)
            for start, end, state, cause in faults.power_of(member).spans(FOREVER)
            if state is not State.UP
        ]
        windows += [(s, e, c) for s, e, broken, c in faults.broken_of(spec.name).spans(FOREVER) if broken]
        for machine, at, lasts in faults.disks:
            if machine == member:
                spread = parameters.distribution("etcd.member-replace")
                took = lasts if lasts < FOREVER else float(spread.sample(streams.of(f"{member}/etcd-member")))
                windows.append((at, at + took, f"{member} lost its disk"))
        track: Track[bool] = Track(True)
        for start, end, cause in merged(windows):
            track.set(start, False, cause)
            if end < FOREVER:
                track.set(end, True, f"{member} runs again")
        found[member] = track
    return found
