"""Between the layers: Vault's pods. A pod that starts is sealed; people or a KMS unseal it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Event
from meshlab.model.units import duration
from meshlab.simulate.layers.control_plane import ControlPlane
from meshlab.simulate.layers.faults import Faults, merged
from meshlab.simulate.scenario.scenario import FOREVER
from meshlab.simulate.tracks import Track

if TYPE_CHECKING:
    from meshlab.model.components import RaftGroup
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.streams import Streams


@dataclass
class Pods:
    """Vault's pods: unsealed and running, running but sealed, and which of them vote."""

    unsealed: dict[str, Track[bool]] = field(default_factory=dict)
    sealed: dict[str, Track[bool]] = field(default_factory=dict)
    voting: dict[str, Track[bool]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


def vault_pods(
    group: RaftGroup,
    topology: Topology,
    parameters: Parameters,
    faults: Faults,
    control: ControlPlane,
    streams: Streams,
    horizon: float,
) -> Pods:
    """Gives the pods' histories.

    A pod starts when its machine is up and the kubelet has learnt of it from the API. With a Shamir
    seal it waits for people: who come once for all pods that are sealed when they arrive. With ``awskms`` it
    unseals by itself. A wiped disk makes the member a new one: replaced by hand, then a non-voter for
    autopilot's stabilisation time (parameters.md C).
    """
    found = Pods()
    workload = next((w for w in topology.workloads if w.group == group.name), None)
    by_kms = workload is not None and workload.seal == "awskms"
    off: dict[str, list[tuple[float, float, str]]] = {
        m: _process_down(m, group, topology, faults, workload.name if workload else "") for m in group.voters
    }
    wiped = _wiped(group.voters, faults, parameters, streams)
    for member, windows in wiped.items():
        off[member] += windows
    ready: list[tuple[float, str, float, str]] = []  # (pod starts, member, down since, cause)
    for member in group.voters:
        for start, end, cause in merged(off[member]):
            begins = FOREVER
            if end < FOREVER:
                learnt = control.pods_known(member, end)
                draw = parameters.distribution("vault.pod-start").sample(streams.of(f"{member}/vault-pod"))
                begins = learnt + float(draw)
            ready.append((begins, member, start, cause))
    unsealed = _unsealed(ready, by_kms, parameters, streams, found, horizon)
    for member in group.voters:
        running: Track[bool] = Track(True)
        sealed: Track[bool] = Track(False)
        own = sorted((since, begins, cause) for begins, name, since, cause in ready if name == member)
        for index, (since, begins, cause) in enumerate(own):
            following = own[index + 1][0] if index + 1 < len(own) else FOREVER
            running.set(since, False, cause)
            sealed.set(since, False, cause)
            if begins >= following:
                continue
            sealed.set(begins, True, f"the Vault pod on {member} started sealed")
            opened, why = unsealed[begins, member]
            running.set(begins, False, f"the pod is sealed ({cause})")
            if opened < following:
                sealed.set(opened, False, why)
                running.set(opened, True, why)
        found.unsealed[member], found.sealed[member] = running, sealed
        if member in wiped:
            found.voting[member] = _promotion(member, wiped[member], running, parameters, streams)
    return found


def _promotion(
    member: str,
    windows: list[tuple[float, float, str]],
    running: Track[bool],
    parameters: Parameters,
    streams: Streams,
) -> Track[bool]:
    """Gives when a member whose disk was wiped votes: not from its replacement until autopilot promotes it."""
    track: Track[bool] = Track(True)
    for _, back, _ in windows:
        if back == FOREVER:
            continue
        wait = parameters.value("vault.stabilization") + float(
            parameters.distribution("vault.reconcile").sample(streams.of(f"{member}/autopilot"))
        )
        track.set(back, False, f"{member} has joined anew and does not vote yet")
        joined = running.next_at(back, True)
        if joined < FOREVER:
            track.set(joined + wait, True, f"autopilot made {member} a voter")
    return track


def _process_down(
    member: str, group: RaftGroup, topology: Topology, faults: Faults, workload: str
) -> list[tuple[float, float, str]]:
    spans = [
        (start, end, cause)
        for start, end, state, cause in faults.power_of(member).spans(FOREVER)
        if state is not State.UP
    ]
    for name in (workload, group.name):
        if name:
            spans += [(s, e, c) for s, e, broken, c in faults.broken_of(name).spans(FOREVER) if broken]
    return [(s, e, next(c for a, _, c in spans if a == s)) for s, e, _ in merged(spans)]


def _unsealed(
    ready: list[tuple[float, str, float, str]],
    by_kms: bool,
    parameters: Parameters,
    streams: Streams,
    found: Pods,
    horizon: float,
) -> dict[tuple[float, str], tuple[float, str]]:
    when: dict[tuple[float, str], tuple[float, str]] = {}
    visit = -1.0
    for begins, member, _, _ in sorted(ready):
        if begins == FOREVER:
            when[begins, member] = (FOREVER, "")
            continue
        if by_kms:
            draw = parameters.distribution("vault.unseal-by-kms").sample(streams.of(f"{member}/kms"))
            at, why = begins + float(draw), f"the KMS unsealed the pod on {member}"
        else:
            if begins > visit:
                wait = parameters.distribution("vault.unseal-by-people").sample(streams.of("vault/people"))
                visit = begins + float(wait)
            at, why = (
                visit,
                f"people unsealed the pod on {member} {duration(visit - begins)} after it started",
            )
        when[begins, member] = (at, why)
        if at < horizon:
            found.events.append(Event(at, "vault", why, "unseal"))
    return when


def _wiped(
    voters: tuple[str, ...], faults: Faults, parameters: Parameters, streams: Streams
) -> dict[str, list[tuple[float, float, str]]]:
    windows: dict[str, list[tuple[float, float, str]]] = {}
    for machine, at, lasts in faults.disks:
        if machine not in voters:
            continue
        rng = streams.of(f"{machine}/vault-member")
        back = at + (
            lasts if lasts < FOREVER else float(parameters.distribution("vault.member-replace").sample(rng))
        )
        cause = f"{machine} lost its disk at {duration(at)}"
        windows.setdefault(machine, []).append((at, back, cause))
    return windows
