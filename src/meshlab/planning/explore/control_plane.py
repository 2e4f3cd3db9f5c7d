"""Changes to the control plane: how many masters, over how many zones or regions, on which disks."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

from meshlab.model import (
    Firewall,
    InputError,
    Machine,
    MachineGroup,
    RaftGroup,
    Service,
    Topology,
    Zone,
)
from meshlab.planning.tables import explored


def masters(topology: Topology, value: str) -> Topology:
    """Gives the topology with this many control-plane machines, each a member of etcd and of what the others serve.

    New ones are copies of those there are, placed over the same zones in turn. Vault's pods stay where they are.
    """
    wanted, there = int(value), topology.control_plane
    if wanted < len(there):
        return topology.without(*(m.name for m in there[wanted:]))
    changed = topology
    for position in range(len(there), wanted):
        changed = _another_master(changed, there[position % len(there)])
    return changed


def _another_master(topology: Topology, like: Machine) -> Topology:
    new = replace(
        like,
        name=unused(topology, like.name.rstrip("0123456789") or "master-"),
        address=next_address(topology, like),
    )
    changed = inserted(topology, new, after=topology.control_plane[-1].name)
    for component in topology:
        match component:
            case RaftGroup(engine="etcd") if like.name in component.voters:
                changed = changed.with_component(replace(component, voters=(*component.voters, new.name)))
            case Service() if like.name in component.members:
                changed = changed.with_component(replace(component, members=(*component.members, new.name)))
            case MachineGroup() | Firewall() if like.name in component.machines:
                changed = changed.with_component(replace(component, machines=(*component.machines, new.name)))
            case _:
                pass
    return changed


def over_zones(topology: Topology, count: int) -> Topology:
    """Gives the topology with the masters spread in turn over the first `count` zones of their site."""
    site = topology.control_plane[0].site
    zones = [zone for zone in topology.zones if zone.site == site]
    if len(zones) < count:
        raise InputError.single(
            f"zones={count}",
            f"{site} has {len(zones)} zones in this design",
            "leave that value out, or give the site more zones in the spec",
        )
    changed = topology
    for position, machine in enumerate(topology.control_plane):
        changed = _moved(changed, machine, zones[position % count])
    return changed


def _moved(topology: Topology, machine: Machine, zone: Zone) -> Topology:
    if machine.zone == zone.name:
        return topology
    there = replace(machine, zone=zone.name, site=zone.site)
    return topology.with_component(replace(there, address=next_address(topology, there, zone.subnet)))


def system_disk(topology: Topology, medium: str) -> Topology:
    """Gives the topology with the masters' cloud disks of this kind; io2's synchronous writes are quicker.

    Only between gp3 and io2; how much quicker is in ``data/explore.csv``.
    """
    changed = topology
    share = explored()["io2-fsync"]
    for machine in topology.control_plane:
        disks = []
        for disk in machine.disks:
            if disk.medium in ("gp3", "io2") and disk.medium != medium:
                factor = share.mid if medium == "io2" else 1 / share.mid
                quicker = replace(disk.fsync.scaled(factor), source=f"{disk.fsync.source}; {share.source}")
                disk = replace(disk, medium=medium, fsync=quicker)  # type: ignore[arg-type]
            disks.append(disk)
        changed = changed.with_component(replace(machine, disks=tuple(disks)))
    return changed


def inserted(topology: Topology, machine: Machine, *, after: str) -> Topology:
    """Gives the topology with a machine added behind another, so that the order of the spec stays readable."""
    parts = list(topology.components)
    position = next(i for i, component in enumerate(parts) if component.name == after)
    parts.insert(position + 1, machine)
    return replace(topology, components=tuple(parts))


def unused(topology: Topology, stem: str) -> str:
    """Gives the first name stem1, stem2, ... that no component has."""
    number = 1
    while f"{stem}{number}" in topology:
        number += 1
    return f"{stem}{number}"


def next_address(topology: Topology, machine: Machine, subnet: str = "") -> str:
    """Gives an address that no machine has: the next after the machine's own, or the eleventh of another subnet."""
    taken = {m.address for m in topology.machines}
    if not machine.address:
        return ""
    start = ip_address(machine.address)
    if subnet and start not in ip_network(subnet):
        start = ip_network(subnet)[11]
    while str(start) in taken:
        start += 1
    return str(start)
