"""The structure function: when each service serves its clients, as a formula over the components that work.

It is the steady state of the simulator's stack (`simulate.standing`); a test holds the two together.
"""

from __future__ import annotations

from itertools import combinations

from meshlab.availability.formula import AllOf, Formula, Works, all_of, any_of
from meshlab.model import RaftGroup, Service, Topology, Workload


def structure(topology: Topology) -> dict[str, Formula]:
    """Gives the formula of every service that this topology has, keyed by service name.

    Notes
    -----
    A machine works when it, its zone and its site do. A raft group serves when a quorum of its voters works and
    every two of that quorum can reach each other directly: KubeSpan never relays through a third. The API serves
    when etcd does and one of its servers is in that quorum. A chain node serves when its machine does: it needs
    neither control plane nor mesh to follow its chain. The mesh serves while two machines can still talk over it.
    Discovery appears nowhere: running tunnels do not need it.
    """
    found: dict[str, Formula] = {}
    for group in topology.raft_groups:
        found[group.name] = raft_group(topology, group)
    for workload in topology.workloads:
        if not workload.group:
            found[workload.name] = chain_node(topology, workload)
    for service in topology.services:
        formula = _service(topology, service, found)
        if formula is not None:
            found[service.name] = formula
    return found


def machine(topology: Topology, name: str) -> Formula:
    """Gives "this machine has power": itself, its zone, its site."""
    m = topology.machine(name)
    return all_of(Works(part) for part in (m.name, m.zone, m.site) if part)


def way(topology: Topology, a: str, b: str) -> Formula:
    """Gives "these two machines reach each other"."""
    link = topology.link_between(a, b)
    return Works(link.name) if link else AllOf(())


def raft_group(topology: Topology, group: RaftGroup) -> Formula:
    """Gives "a quorum of voters works and every two of it reach each other"."""
    return any_of(_connected(topology, quorum) for quorum in combinations(group.voters, group.quorum))


def _connected(topology: Topology, machines: tuple[str, ...]) -> Formula:
    ways = (way(topology, a, b) for a, b in combinations(machines, 2))
    return all_of([*(machine(topology, name) for name in machines), *ways])


def chain_node(topology: Topology, workload: Workload) -> Formula:
    """Gives "one of its machines works"."""
    return any_of(machine(topology, name) for name in workload.machines)


def _service(topology: Topology, service: Service, known: dict[str, Formula]) -> Formula | None:
    match service.role:
        case "mesh":
            pairs = combinations((m.name for m in topology.machines), 2)
            return any_of(_connected(topology, pair) for pair in pairs)
        case "management":
            return all_of(Works(member) for member in service.members)
        case "api":
            group = next(
                (
                    topology.raft_group(need)
                    for need in service.needs
                    if need in known and _is_group(topology, need)
                ),
                None,
            )
            if group is None:
                return any_of(machine(topology, name) for name in service.members)
            quorums = combinations(group.voters, group.quorum)
            serving = [q for q in quorums if set(q) & set(service.members)]
            return any_of(_connected(topology, quorum) for quorum in serving)
        case _:
            return None


def _is_group(topology: Topology, name: str) -> bool:
    return isinstance(topology[name], RaftGroup)
