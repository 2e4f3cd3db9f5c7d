"""The steady state: how every service stands once things have settled with some components down.

The structure function of the same rules that `simulate` plays out in time; fast enough for a guard that asks
before each step and for a notebook's toggles. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshlab.model.components import Machine, MachineGroup, Site, Zone
from meshlab.model.states import State

if TYPE_CHECKING:
    from meshlab.model.components import RaftGroup
    from meshlab.model.topology import Topology

Cut = str | tuple[str, str]


def standing(topology: Topology, down: Iterable[str], links_cut: Iterable[Cut] = ()) -> dict[str, State]:
    """Gives the settled state of every service and raft group.

    Parameters
    ----------
    down
        Names of components that have failed for good: machines, zones, sites, groups, links, the overlay,
        discovery, the orchestrator, services, workloads, raft groups.
    links_cut
        Links by name, or pairs of places that cannot talk (both directions).

    Raises
    ------
    UnknownComponent
        A name is not in the topology.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> str(standing(reference(), {"master-1", "master-2"})["etcd"])
    'no-quorum'
    """
    failed = set(down)
    off: set[str] = set()
    for name in failed:
        component = topology[name]
        if isinstance(component, (Site, Zone, Machine, MachineGroup)):
            off |= {machine.name for machine in topology.machines_in(name)}
    reach = _Reach(topology, failed, list(links_cut))
    found: dict[str, State] = {}
    led: dict[str, set[str]] = {}
    for group in topology.raft_groups:
        stopped = group.name in failed or any(
            w.group == group.name and w.name in failed for w in topology.workloads
        )
        led[group.name], found[group.name] = _group(group, off, reach, stopped)
    for service in topology.services:
        match service.role:
            case "api":
                found[service.name] = _api(topology, service.name, service.members, off, led, failed)
            case "mesh":
                found[service.name] = _mesh(topology, off, reach)
            case "management":
                gone = service.name in failed or failed & set(service.members)
                found[service.name] = State.DOWN if gone else State.UP
            case _:
                pass
    for workload in topology.workloads:
        if workload.role == "vault":
            continue
        placed = workload.machines[: workload.replicas]
        there = [] if workload.name in failed else [m for m in placed if m not in off]
        found[workload.name] = (
            State.UP if len(there) == len(placed) else State.DEGRADED if there else State.DOWN
        )
    return found


class _Reach:
    """Which powered machines can talk in the end (a tunnel whose path is cut either way dies)."""

    def __init__(self, topology: Topology, failed: set[str], cuts: list[Cut]) -> None:
        self.topology = topology
        self.mesh_down = topology.overlay is not None and topology.overlay.name in failed
        self.bypass = topology.overlay is not None and topology.overlay.allow_down_peer_bypass
        links = {link.name for link in topology.links}
        self.links = (failed & links) | {cut for cut in cuts if isinstance(cut, str)}
        for name in self.links:
            topology[name]
        self.sides = [
            tuple({machine.name for machine in topology.machines_in(place)} for place in cut)
            for cut in cuts
            if not isinstance(cut, str)
        ]
        self._seen: dict[tuple[str, str], bool] = {}
        self._links: dict[tuple[str, str], str | None] = {}

    def touch(self, a: str, b: str) -> bool:
        if a == b:
            return True
        for first, second in self.sides:
            if (a in first and b in second) or (b in first and a in second):
                return False
        one, two = self.topology.machine(a), self.topology.machine(b)
        if self.mesh_down and not (self.bypass and one.site == two.site):
            return False
        if one.site != two.site and one.nat and two.nat and self.topology.overlay is not None:
            return False
        if one.place == two.place and not self.links:
            return True
        key = (one.place, two.place)
        if self.links or one.site != two.site:
            if key not in self._links:
                link = self.topology.link_between(a, b)
                self._links[key] = link.name if link else None
            name = self._links[key]
            return name not in self.links if name else one.site == two.site
        return True


def _group(group: RaftGroup, off: set[str], reach: _Reach, stopped: bool) -> tuple[set[str], State]:
    """Gives the voters that follow the leader, and the group's state.

    Where a cut between voters leaves it to chance who leads, the leader that has the fewest voters (yet a
    quorum) is meant: the worse case is what a guard asks for.
    """
    if stopped:
        return set(), State.NO_QUORUM
    alive = [voter for voter in group.voters if voter not in off]
    around = [{v for v in alive if reach.touch(centre, v)} for centre in alive]
    leads = min((star for star in around if len(star) >= group.quorum), key=len, default=None)
    if leads is None:
        return set(), State.NO_QUORUM
    return leads, State.UP if len(leads) == len(group.voters) else State.DEGRADED


def _api(
    topology: Topology,
    name: str,
    members: tuple[str, ...],
    off: set[str],
    led: dict[str, set[str]],
    failed: set[str],
) -> State:
    if name in failed:
        return State.DOWN
    etcd = next((group for group in topology.raft_groups if group.engine == "etcd"), None)
    working = [
        m
        for m in members
        if m not in off and (etcd is None or m in led[etcd.name] or (m not in etcd.voters and led[etcd.name]))
    ]
    return State.UP if working else State.DOWN


def _mesh(topology: Topology, off: set[str], reach: _Reach) -> State:
    names = [machine.name for machine in topology.machines if machine.name not in off]
    site = {machine.name: machine.site for machine in topology.machines}
    apart: set[frozenset[str]] = set()
    sites_alive: set[frozenset[str]] = set()
    sites_joined: set[frozenset[str]] = set()
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            sides = frozenset((site[a], site[b]))
            if len(sides) == 2:
                sites_alive.add(sides)
            if reach.touch(a, b):
                if len(sides) == 2:
                    sites_joined.add(sides)
            else:
                apart.add(frozenset((a, b)))
    if not apart:
        return State.UP
    masters = [machine.name for machine in topology.control_plane]
    on = [m for m in masters if m not in off]
    need = len(masters) // 2 + 1
    split = len(on) >= need and not any(
        sum(1 for m in on if m == centre or frozenset((centre, m)) not in apart) >= need for centre in on
    )
    return State.DOWN if split or (sites_alive and not sites_joined) else State.DEGRADED
