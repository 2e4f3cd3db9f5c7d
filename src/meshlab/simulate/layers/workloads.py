"""Layer 6, workloads: chain nodes on local disks, and the services that only mirror a part.

A chain pod never moves: its data is on one machine. It goes down with the machine, warms up after a boot,
and is `syncing` until its lag is below its chain's health limit. A worker that is only cut off from the
control plane keeps running its pods, and a chain's clients and peers do not come through the cluster's own
mesh: so the chain stays `up` (parameters.md D), while the machine is `unreachable` from the control plane.
A container that ends is started again at once, then after 10, 20, 40 s and so on up to 300 s (the kubelet's back-off):
what was mended in between waits for the next attempt.
While the whole network of a chain is halted its node is well and says so, and has nothing new to tell: `degraded`,
not down. Nothing restarts it, and nothing that could be restarted would help (parameters.md B).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Interval, Lane
from meshlab.model.units import duration
from meshlab.simulate.layers.chains import caught_up, made
from meshlab.simulate.layers.control_plane import ControlPlane
from meshlab.simulate.layers.faults import Faults, merged
from meshlab.simulate.scenario.scenario import FOREVER

if TYPE_CHECKING:
    from meshlab.model.components import Workload
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.streams import Streams

Outage = tuple[float, float, str, str]
"""From when to when a chain's process does not run, why, and how it comes back: warm, resume (it was only
paused), restart (its pod was replaced) or empty (its disk was)."""


def run_chains(
    topology: Topology,
    parameters: Parameters,
    faults: Faults,
    control: ControlPlane,
    streams: Streams,
    horizon: float,
) -> list[Interval]:
    """Gives the chain nodes' histories."""
    found: list[Interval] = []
    for workload in topology.workloads:
        if workload.role != "vault":
            lanes = _chain(workload, parameters, faults, control, streams, horizon)
            found += _halted(workload, lanes, faults, horizon)
    return found


def _halted(workload: Workload, intervals: list[Interval], faults: Faults, horizon: float) -> list[Interval]:
    """Gives the intervals with those in which the node is up and its network stands still as `degraded`."""
    halted = faults.halted_of(workload.name)
    if halted.constant or not intervals:
        return intervals
    lane: Lane | None = None
    cuts = sorted({0.0, *(i.start for i in intervals), *(t for t in halted.times if t < horizon)})
    for now in cuts:
        own = next(i for i in intervals if i.start <= now < i.end)
        state, why = own.state, own.cause
        if state is State.UP and halted.at(now):
            state = State.DEGRADED
            why = f"{halted.cause_at(now)}; the pod is healthy, there are no new blocks"
        elif state is State.UP and lane is not None and lane.state is State.DEGRADED and own.start != now:
            why = "the network makes blocks again"
        if lane is None:
            lane = Lane(workload.name, state, why)
        else:
            lane.at(now, state, why)
    return lane.until(horizon) if lane else intervals


def _chain(
    workload: Workload,
    parameters: Parameters,
    faults: Faults,
    control: ControlPlane,
    streams: Streams,
    horizon: float,
) -> list[Interval]:
    """Gives one workload's states: it serves as long as one of its replicas does, degraded if one lacks."""
    lanes = [
        _replica(workload, machine, parameters, faults, control, streams, horizon)
        for machine in workload.machines[: workload.replicas]
    ]
    if len(lanes) == 1:
        return lanes[0].until(horizon)
    parts = [lane.until(horizon) for lane in lanes]
    whole: Lane | None = None
    for now in sorted({i.start for part in parts for i in part}):
        at = [next(i for i in part if i.start <= now < i.end) for part in parts]
        serving = [i for i in at if i.state.serving]
        worst = max(at, key=lambda i: i.state.severity)
        state = min((i.state for i in at), key=lambda s: s.severity) if not serving else State.UP
        if serving and len(serving) < len(at):
            state = State.DEGRADED
        if whole is None:
            whole = Lane(workload.name, state, worst.cause)
        else:
            whole.at(now, state, worst.cause)
    return whole.until(horizon) if whole else []


def _replica(
    workload: Workload,
    machine: str,
    parameters: Parameters,
    faults: Faults,
    control: ControlPlane,
    streams: Streams,
    horizon: float,
) -> Lane:
    rng = streams.of(f"{workload.name}/{machine}")
    role = workload.role
    lane = Lane(workload.name)
    outages = _outages(workload, machine, parameters, faults, control, streams)
    for index, (start, end, cause, way) in enumerate(outages):
        if start >= horizon:
            break
        lane.at(start, State.DOWN, cause)
        if end == FOREVER:
            break
        following = outages[index + 1][0] if index + 1 < len(outages) else FOREVER
        if way == "empty":
            took = float(parameters.distribution(f"{role}.resync").sample(rng))
            text = f"{workload.name} syncs from an empty disk"
        else:
            warm = float(parameters.distribution(f"{role}.warm-restart").sample(rng))
            if way == "resume":
                warm = 0.0
            lag = end - start + warm
            rate = float(parameters.distribution(f"{role}.catch-up").sample(rng))
            halted = faults.halted_of(workload.name)
            if halted.constant:
                catch = _catch_up(role, lag, parameters, rate)
            else:
                behind = made(start, end + warm, role, parameters, halted)
                catch = caught_up(behind, end + warm, role, parameters, rate, halted)
            fresh = float(parameters.distribution(f"{role}.resync").sample(rng))
            took = warm + min(catch, fresh)
            text = f"{workload.name} starts again {duration(lag)} behind" + (
                ", faster from a snapshot" if fresh < catch else ""
            )
        if end < following:
            lane.at(end, State.SYNCING, text)
        if end + took < following:
            lane.at(end + took, State.UP, f"{workload.name} is within its health limit again")
    return lane


def _catch_up(role: str, lag: float, parameters: Parameters, rate: float) -> float:
    """Gives the seconds until a node `lag` seconds behind is within its health limit (parameters.md H).

    Blocks come at 1/t per second and are processed at `rate`: the lag falls by rate - 1/t blocks per second.
    """
    return caught_up(lag / parameters.value(f"{role}.block-time"), 0.0, role, parameters, rate)


def _outages(
    workload: Workload,
    machine: str,
    parameters: Parameters,
    faults: Faults,
    control: ControlPlane,
    streams: Streams,
) -> list[Outage]:
    spans: list[tuple[float, float, str, str]] = []
    for start, end, state, cause in faults.power_of(machine).spans(FOREVER):
        if state is not State.UP:
            if end < FOREVER and faults.power_of(machine).at(end) is State.UP:
                end = control.pods_known(machine, end)
            spans.append((start, end, cause, "warm"))
    for start, end, value, cause in faults.frozen_of(machine).spans(FOREVER):
        if value:
            spans.append((start, end, cause, "resume"))
    for start, end, value, cause in faults.broken_of(workload.name).spans(FOREVER):
        if value:
            spans.append((start, next_attempt(start, end, parameters), cause, "warm"))
    rng = streams.of(f"{workload.name}/disk")
    for name, at, lasts in faults.disks:
        if name == machine and workload.volume == "local":
            fixed = lasts if lasts < FOREVER else float(parameters.distribution("disk.replace").sample(rng))
            spans.append((at, at + fixed, f"{machine} lost its data disk at {duration(at)}", "empty"))
    for _, heard in control.evictions.get(machine, ()):
        if heard < FOREVER and faults.power_of(machine).at(heard) is State.UP:
            restart = float(parameters.distribution("pod.restart").sample(rng))
            why = f"{machine} heard that its pods were told to go; the pod starts anew on its local volume"
            if not any(s <= heard < e for s, e, *_ in spans):
                spans.append((heard, heard + restart, why, "restart"))
    found: list[Outage] = []
    for start, end, cause in merged([(s, e, c) for s, e, c, _ in spans]):
        ways = [way for s, e, _, way in spans if s < end and e > start]
        found.append((start, end, cause, min(ways, key=_HARDEST.index)))
    return found


def next_attempt(crashed: float, mended: float, parameters: Parameters) -> float:
    """Gives when the kubelet next starts a container that has ended again and again since `crashed`.

    The first start anew is immediate, the next after 10 s, each wait twice the one before, at most 300 s
    (D.k8s crashloop_backoff_initial).
    """
    if mended == FOREVER:
        return FOREVER
    wait, most = parameters.value("pod.backoff"), parameters.value("pod.backoff-most")
    attempt = crashed
    while attempt < mended:
        attempt += wait
        wait = min(2 * wait, most)
    return attempt


_HARDEST = ("empty", "warm", "restart", "resume")
