"""The structure function: when each service serves its clients, as a formula over the components that work.

It is the steady state of the simulator's stack (`simulate.standing`); a test holds the two together.
"""

from __future__ import annotations

from itertools import combinations

from meshlab.availability.trees.formula import AllOf, AnyOf, Formula, Works, all_of, any_of, at_least
from meshlab.model import Component, MachineGroup, RaftGroup, Service, Topology, Workload


def structure(topology: Topology) -> dict[str, Formula]:
    """Gives the formula of every service that this topology has, keyed by service name.

    Notes
    -----
    A machine works when it, its zone, its site and every group that holds it do (a group that can fail is a cause
    that its machines share: an operator's change to all of them, one provider, one image). A raft group serves
    when some voter works and reaches as many others as a quorum takes, directly: KubeSpan never relays through a
    third. The API serves when etcd does and one of its servers follows etcd's leader. A chain node serves when its
    machine does: it needs neither control plane nor mesh to follow its chain. The mesh serves while two machines
    can still talk over it. What runs everywhere at once, and so fails everywhere at once, is a component of its
    own: the overlay for KubeSpan, a raft group for its software, a service for its own. Discovery appears nowhere:
    running tunnels do not need it; nor does the orchestrator outside of management.
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
    """Gives "this machine runs": itself, its zone, its site, the groups that hold it where those can fail."""
    m = topology.machine(name)
    groups = [g.name for g in topology.of(MachineGroup) if name in g.machines and g.reliability]
    return all_of(Works(part) for part in (m.name, m.zone, m.site, *groups) if part)


def way(topology: Topology, a: str, b: str) -> Formula:
    """Gives "these two machines reach each other"."""
    one, two = topology.machine(a), topology.machine(b)
    overlay = topology.overlay
    if overlay is not None and one.site != two.site and one.nat and two.nat:
        return AnyOf(())
    link = topology.link_between(a, b)
    if link is None and one.site != two.site:
        return AnyOf(())
    needed: list[Component] = [link] if link else []
    around = overlay is not None and overlay.allow_down_peer_bypass and one.site == two.site
    if overlay is not None and overlay.reliability and not around:
        needed.append(overlay)
    return all_of(Works(part.name) for part in needed)


def raft_group(topology: Topology, group: RaftGroup) -> Formula:
    """Gives "some voter works and reaches enough others for a quorum", and its software does."""
    led = any_of(_leads(topology, group, voter) for voter in group.voters)
    return _with_own(topology, group, led, *(w for w in topology.workloads if w.group == group.name))


def _leads(topology: Topology, group: RaftGroup, voter: str) -> Formula:
    others = (
        all_of([machine(topology, other), way(topology, voter, other)])
        for other in group.voters
        if other != voter
    )
    return all_of([machine(topology, voter), at_least(group.quorum - 1, others)])


def _with_own(topology: Topology, owner: Component, formula: Formula, *more: Component) -> Formula:
    """Adds the components that are a cause of their own: those that the spec says can fail."""
    return all_of([*(Works(c.name) for c in (owner, *more) if c.reliability), formula])


def chain_node(topology: Topology, workload: Workload) -> Formula:
    """Gives "one of the machines that its replicas are on works"."""
    placed = workload.machines[: workload.replicas]
    return _with_own(topology, workload, any_of(machine(topology, name) for name in placed))


def _service(topology: Topology, service: Service, known: dict[str, Formula]) -> Formula | None:
    match service.role:
        case "mesh":
            pairs = combinations((m.name for m in topology.machines), 2)
            formula = any_of(
                all_of([machine(topology, a), machine(topology, b), way(topology, a, b)]) for a, b in pairs
            )
        case "management":
            formula = all_of(Works(member) for member in service.members)
        case "api":
            formula = _api(topology, service, known)
        case _:
            return None
    return _with_own(topology, service, formula)


def _api(topology: Topology, service: Service, known: dict[str, Formula]) -> Formula:
    group = next(
        (
            topology.raft_group(need)
            for need in service.needs
            if need in known and isinstance(topology[need], RaftGroup)
        ),
        None,
    )
    if group is None:
        return any_of(machine(topology, name) for name in service.members)
    ways: list[Formula] = [
        all_of([known[group.name], machine(topology, name)])
        for name in service.members
        if name not in group.voters
    ]
    for voter in group.voters:
        serving = [
            AllOf(()) if name == voter else all_of([machine(topology, name), way(topology, voter, name)])
            for name in service.members
            if name in group.voters
        ]
        ways.append(all_of([_leads(topology, group, voter), any_of(serving)]))
    own = [group, *(w for w in topology.workloads if w.group == group.name)]
    return _with_own(topology, own[0], any_of(ways), *own[1:])
