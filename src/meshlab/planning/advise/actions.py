"""The ways out: bring a voter back, replace it, rebuild a group; each with its steps and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshlab.model import Machine, RaftGroup, Topology
from meshlab.model.components import Component
from meshlab.parameters import Parameters
from meshlab.planning.advise.exposure import Exposure, exposure
from meshlab.planning.advise.situation import Situation, situation
from meshlab.planning.advise.words import joined


@dataclass(frozen=True)
class Action:
    """One way out. `keeps_data` is false where committed entries may be lost. `after` is the margin it leads to."""

    kind: str
    what: str
    why: str
    steps: tuple[str, ...]
    exposure: Exposure
    after: int
    keeps_data: bool
    source: str


def actions(topology: Topology, parameters: Parameters, now: Situation) -> tuple[Action, ...]:
    """Gives the ways out for one group, the safest first.

    Safest means: keeps the data; then ends with the larger margin; then the smaller probability that the quorum is
    lost meanwhile (while it is lost already: the shorter time).
    """
    found = [
        _bring_back(topology, parameters, now, component)
        for component in sorted(now.down)
        if component in now.lost.values() or _stands_in_the_way(topology, now, component)
    ]
    found += [
        action
        for voter in now.lost
        if now.serving and (action := _replace(topology, parameters, now, voter)) is not None
    ]
    if now.up and len(now.up) < now.group.quorum:
        found.append(_rebuild(topology, parameters, now))
    return tuple(
        sorted(found, key=lambda a: (not a.keeps_data, -a.after, a.exposure.risk.mid, _mid(a), a.what))
    )


def _mid(action: Action) -> float:
    return action.exposure.seconds.mid


def _stands_in_the_way(topology: Topology, now: Situation, component: str) -> bool:
    """Whether the group would serve, or have a larger margin, with this component (a link, the mesh) back."""
    return situation(topology, now.group, now.down - {component}).margin > now.margin


def _bring_back(topology: Topology, parameters: Parameters, now: Situation, component: str) -> Action:
    part = topology[component]
    back = [voter for voter, cause in now.lost.items() if cause == component]
    then = situation(topology, now.group, now.down - {component})
    parts = [part.reliability.repair] if part.reliability else []
    if not back:
        return Action(
            "restore",
            f"restore {component}",
            "the voters have power but do not reach each other",
            (f"restore {component}", f"{now.group.name} goes on by itself: nothing else is to be done"),
            exposure(parts, now.breakers),
            then.margin,
            True,
            _repair_source(part),
        )
    parts.append(max((topology.machine(v).boot for v in back), key=lambda boot: boot.mean))
    steps = [f"restore {component}" if part.kind != "machine" else f"bring {component} back with its disk"]
    if _sealed_after_restart(topology, now.group):
        parts.append(parameters.distribution("vault.unseal-by-people"))
        steps.append(
            f"unseal Vault on {joined(back)}: a Shamir-sealed pod comes back sealed and waits for the key holders"
        )
    steps.append(
        f"wait until {now.group.name} has {joined(back)} as {'a voter' if len(back) == 1 else 'voters'} again"
    )
    return Action(
        "bring-back",
        f"bring back {component}",
        f"the data of {joined(back)} is still there: a short catch-up, no membership change",
        tuple(steps),
        exposure(parts, now.breakers),
        then.margin,
        True,
        _repair_source(part),
    )


def _replace(topology: Topology, parameters: Parameters, now: Situation, voter: str) -> Action | None:
    """Replaces a dead voter in the cloud by a new machine: remove first, then add (Talos 5.5; etcd runtime docs)."""
    machine = topology.machine(voter)
    if not machine.instance_type:
        return None
    place = _zone_for(topology, machine, now.down)
    if place is None:
        return None
    moved = _moved(topology, machine, place)
    then = situation(moved, moved.raft_group(now.group.name), now.down - {voter})
    if now.group.engine == "etcd":
        remove = (
            f"remove the dead member {voter} first (talosctl etcd remove-member), from a voter that is up"
        )
        join = "Talos adds it as a learner and promotes it once it has caught up"
    else:
        remove = f"remove the dead peer {voter} first (raft remove-peer), at the active node"
        join = "unseal and join an empty pod; autopilot promotes it after its stabilisation time"
    where = f" in {place}" if place != machine.zone else ""
    parts = [parameters.distribution(f"{_engine(now.group)}.member-replace"), machine.boot]
    if _sealed_after_restart(topology, now.group):
        parts.append(parameters.distribution("vault.unseal-by-people"))
    return Action(
        "replace",
        f"replace {voter} by a new machine{where}",
        "for a machine whose disk is gone for good",
        (remove, f"launch a new control-plane machine{where} with the same machine config", join),
        exposure(parts, now.breakers),
        then.margin,
        True,
        parameters[f"{_engine(now.group)}.member-replace"].source,
    )


def _rebuild(topology: Topology, parameters: Parameters, now: Situation) -> Action:
    survivor = now.up[0]
    steps: tuple[str, ...]
    if now.group.engine == "etcd":
        steps = (
            f"copy the data of every survivor away first ({joined(now.up)}): talosctl cp "
            "/var/lib/etcd/member/snap/db (a snapshot by the API needs a quorum)",
            "make certain that the lost voters stay off: two of them that come back would be a second cluster",
            "reset EPHEMERAL on the control-plane machines, until every etcd is Preparing",
            f"talosctl bootstrap --recover-from=db --recover-skip-hash-check on {survivor}, on no other machine",
            "let the others join, one after the other",
        )
        source = "facts 5.5 disaster recovery [S]"
    else:
        steps = (
            f"copy the raft data of every survivor away first ({joined(now.up)})",
            "make certain that the lost voters stay off",
            f"write raft/peers.json with {joined(now.up)} alone, restart that pod, unseal it",
            "join empty pods, one after the other; or restore the last raft snapshot into a new group",
        )
        source = "OpenBao and Vault: lost quorum recovery by peers.json [R]"
    parts = [parameters.distribution(f"{_engine(now.group)}.member-replace"), topology.machine(survivor).boot]
    if _sealed_after_restart(topology, now.group):
        parts.append(parameters.distribution("vault.unseal-by-people"))
    return Action(
        "rebuild",
        f"rebuild {now.group.name} from the data of {joined(now.up)}",
        "only when the lost voters never come back: what a quorum committed may be missing on the survivors",
        steps,
        exposure(parts, ()),
        0,
        False,
        source,
    )


def _zone_for(topology: Topology, machine: Machine, down: frozenset[str]) -> str | None:
    """Gives the zone for a replacement: its own, else the working zone of the site with the fewest voters."""
    if machine.site in down:
        return None
    if machine.zone not in down:
        return machine.zone
    zones = [zone.name for zone in topology.zones if zone.site == machine.site and zone.name not in down]
    load = {zone: sum(m.zone == zone for m in topology.control_plane) for zone in zones}
    return min(zones, key=lambda zone: (load[zone], zone), default=None)


def _moved(topology: Topology, machine: Machine, place: str) -> Topology:
    return topology if place == machine.zone else topology.with_component(replace(machine, zone=place))


def _engine(group: RaftGroup) -> str:
    """The prefix of the engine's parameters; a group may have any name."""
    return "etcd" if group.engine == "etcd" else "vault"


def _sealed_after_restart(topology: Topology, group: RaftGroup) -> bool:
    return any(w.group == group.name and w.seal == "shamir" for w in topology.workloads)


def _repair_source(part: Component) -> str:
    spread = part.reliability.repair.source if part.reliability else ""
    return f"repair time of {part.name}: {spread or part.source or 'not stated'}"
