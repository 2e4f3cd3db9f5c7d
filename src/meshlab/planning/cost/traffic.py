"""The bytes that the control plane itself sends: consensus between zones, watches to the data centre."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model import Machine, RaftGroup, Topology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.planning.cost.draws import Draws

MONTH = 2_629_800.0
"""Seconds in a month: a twelfth of a Julian year."""


@dataclass(frozen=True)
class Flow:
    """Traffic of one kind over one kind of border; ``bytes`` a month, one value per world.

    ``crosses`` is ``zones`` (within a region; both sides pay), ``regions`` (of the cloud, from one to another) or
    ``internet`` (out of the cloud; what comes in is free).
    """

    name: str
    crosses: str
    bytes: NDArray[np.float64]
    source: str


def flows(topology: Topology, draws: Draws) -> tuple[Flow, ...]:
    """Gives every flow that is paid for by its bytes: the control plane's, the mesh's, and of chains in the cloud.

    Notes
    -----
    A leader sends each entry and each heartbeat to every follower and gets an answer of a heartbeat's size; the
    bytes between two zones are those to the followers in other zones than the leader's, averaged over the voters
    that may lead. An API server reads and writes at the etcd member of its own machine, which crosses nothing.
    """
    found = []
    for group in topology.raft_groups:
        found += list(_consensus(topology, group, draws))
        found += list(_member_sync(topology, group, draws))
    found += list(_watches(topology, draws))
    found += list(_idle_tunnels(topology, draws))
    found += list(_chains_in_the_cloud(topology, draws))
    return tuple(found)


def _consensus(topology: Topology, group: RaftGroup, draws: Draws) -> Iterator[Flow]:
    kind = "etcd" if group.engine == "etcd" else "vault"
    each = _to_a_follower(topology, group, draws)
    for border in ("zones", "regions", "internet"):
        share = _apart(topology, group, border)
        if share:
            rows = (f"{kind}-entry", f"{kind}-heartbeat", "packet-overhead")
            yield Flow(
                f"{group.name} consensus", border, share * each * MONTH, draws.sources("traffic", *rows)
            )


def _member_sync(topology: Topology, group: RaftGroup, draws: Draws) -> Iterator[Flow]:
    """The whole database, sent by the leader to a voter that was made anew."""
    from meshlab.planning.tables import grows_as, growth

    table = growth()
    names = (
        ["etcd"]
        if group.engine == "etcd"
        else [grows_as(w, table) for w in topology.workloads if w.group == group.name]
    )
    rows = [table[name, "size"] for name in names if (name, "size") in table]
    if not rows:
        return
    size = sum(draws.triangle(f"{group.name}/size", row) * 1e9 for row in rows)
    for border in ("zones", "regions", "internet"):
        share = _apart(topology, group, border)
        if share:
            monthly = share * size * draws.traffic("member-sync") / 12
            source = f"{draws.sources('traffic', 'member-sync')}; {rows[0].source}"
            yield Flow(f"{group.name} members made anew", border, monthly, source)


def _idle_tunnels(topology: Topology, draws: Draws) -> Iterator[Flow]:
    """What a full mesh sends though nobody says anything: every pair, both directions. It grows with the square."""
    if topology.overlay is None:
        return
    places = Counter((machine.site, machine.zone) for machine in topology.machines)
    clouds = {site.name for site in topology.sites if site.place == "aws-region"}
    paid: Counter[str] = Counter()
    for one, here in places.items():
        for two, there in places.items():
            if one != two and (border := _border_of(one, two, clouds)):
                paid[border] += here * there
    for border, directions in sorted(paid.items()):
        monthly = directions * draws.traffic("tunnel-idle") * MONTH
        yield Flow("KubeSpan at rest", border, monthly, draws.sources("traffic", "tunnel-idle"))


def _chains_in_the_cloud(topology: Topology, draws: Draws) -> Iterator[Flow]:
    """A chain node on an instance pays for what it sends to its peers; what comes in is free."""
    from meshlab.planning.tables import grows_as, growth

    table = growth()
    for workload in topology.workloads:
        placed = [topology.machine(name) for name in workload.machines[: workload.replicas]]
        count = sum(bool(machine.instance_type) for machine in placed)
        row = table.get((grows_as(workload, table), "traffic"))
        if count and row is not None and not workload.group:
            rate = draws.triangle(f"{grows_as(workload, table)}/traffic", row) * 1e6 / 8
            yield Flow(f"{workload.name} to its peers", "internet", count * rate * MONTH, row.source)


def _to_a_follower(topology: Topology, group: RaftGroup, draws: Draws) -> NDArray[np.float64]:
    """Gives the bytes a second between a leader and one of its followers, both ways together."""
    kind = "etcd" if group.engine == "etcd" else "vault"
    overhead = draws.traffic("packet-overhead")
    if group.engine == "etcd":
        leases = len(topology.machines) * draws.traffic("lease-write")
        writes = leases + 2 * draws.traffic("controller-write") + draws.traffic("other-write")
        beats = 1 / group.heartbeat
    else:
        writes = draws.traffic("vault-write")
        # hashicorp/raft sends a heartbeat each T/10 and, when idle, an append each 50-100 ms (commit timeout).
        beats = 10 / group.heartbeat + 1 / 0.075
    beat = draws.traffic(f"{kind}-heartbeat") + overhead
    return writes * (draws.traffic(f"{kind}-entry") + overhead + beat) + beats * 2 * beat


def led(topology: Topology, group: RaftGroup, draws: Draws) -> NDArray[np.float64]:
    """Gives the bytes a second that a leader exchanges with all its followers."""
    return _to_a_follower(topology, group, draws) * (len(group.voters) - 1)


def watched(topology: Topology, draws: Draws) -> NDArray[np.float64]:
    """Gives the bytes a second of the watches of all workers."""
    return len(topology.workers) * (draws.traffic("watch-stream") + draws.traffic("packet-overhead"))


def _apart(topology: Topology, group: RaftGroup, border: str) -> float:
    """Gives the mean number of followers across a border, over the voters that may lead."""
    machines = [topology.machine(name) for name in group.voters]
    clouds = {site.name for site in topology.sites if site.place == "aws-region"}
    count = sum(_border(leader, follower, clouds) == border for leader in machines for follower in machines)
    return count / len(machines) if machines else 0.0


def _border(leader: Machine, follower: Machine, clouds: set[str]) -> str:
    return _border_of((leader.site, leader.zone), (follower.site, follower.zone), clouds)


def _border_of(one: tuple[str, str], two: tuple[str, str], clouds: set[str]) -> str:
    """Gives what is paid for from one (site, zone) to another; empty where nothing is."""
    if one[0] == two[0]:
        return "zones" if one[0] in clouds and one[1] != two[1] else ""
    if one[0] in clouds:
        return "regions" if two[0] in clouds else "internet"
    return ""


def _watches(topology: Topology, draws: Draws) -> Iterator[Flow]:
    clouds = {site.name for site in topology.sites if site.place == "aws-region"}
    if not any(machine.site in clouds for machine in topology.control_plane):
        return
    outside = [machine for machine in topology.workers if machine.site not in clouds]
    if outside:
        each = draws.traffic("watch-stream") + draws.traffic("packet-overhead")
        source = draws.sources("traffic", "watch-stream", "packet-overhead")
        yield Flow("API to the data centre", "internet", len(outside) * each * MONTH, source)
