"""What claims a limited resource: how much of it is used in each world, how fast that grows, where it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model import Disk, Machine, Topology, Workload
from meshlab.planning.capacity.fits import SYSTEM_CORES, data_disk, reserved_memory
from meshlab.planning.tables import traffic
from meshlab.planning.worlds import Worlds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.planning.cost.draws import Draws

    Samples = NDArray[np.float64]

DAY = 86_400.0
ETCD_QUOTA = 2_147_483_648.0
"""Bytes; the default of --quota-backend-bytes [S A.etcd quota_backend_bytes_default]."""
WIREGUARD_RATE = 3e9
"""Bits a second of one tunnel, kernel WireGuard on one core [E, facts E: 3 Gbit/s per flow, 1.5 to 5]."""


@dataclass(frozen=True)
class Claim:
    """One limited resource of one machine or group, in every world: `used` now, `daily` growth, in `unit`.

    ``source`` is the provenance of what is used, ``growth_sources`` that of each row that `daily` is drawn from.
    """

    subject: str
    resource: str
    unit: str
    used: Samples
    daily: Samples
    limit: float
    consequence: str
    users: tuple[str, ...]
    source: str
    growth_sources: tuple[str, ...]


def claims(topology: Topology, worlds: Worlds, sent: Draws) -> Iterator[Claim]:
    """Gives every claim that the topology and the table of growth have numbers for.

    Parameters
    ----------
    sent
        What the control plane itself sends, in as many worlds of the same seed.
    """
    for machine in topology.machines:
        loads = [w for w in topology.workloads if machine.name in w.machines[: w.replicas] and not w.group]
        grown = [w for w in loads if worlds.knows(worlds.name(w), "size")]
        if grown:
            yield _disk(machine, grown, worlds)
        worn = [w for w in loads if worlds.knows(worlds.name(w), "writes")]
        disk = _data_disk(machine)
        if worn and disk is not None and disk.endurance:
            yield _endurance(machine, disk, worn, worlds)
        busy = [w for w in loads if worlds.knows(worlds.name(w), "traffic")]
        if busy and machine.network_rate:
            yield _traffic(machine.name, "network", machine.network_rate, busy, worlds)
        yield from _asked_for(topology, machine, loads, worlds)
    yield from _uplinks(topology, worlds)
    yield from _tunnels(topology, worlds, sent)
    yield from _databases(topology, worlds)


def _disk(machine: Machine, loads: Sequence[Workload], worlds: Worlds) -> Claim:
    return Claim(
        machine.name,
        "disk space",
        "B",
        _sum(worlds, loads, "size"),
        _sum(worlds, loads, "growth"),
        data_disk(machine),
        "the node stops at a full disk and has to be synced anew on a larger one",
        tuple(w.name for w in loads),
        "; ".join(worlds.source(worlds.name(w), "size") for w in loads),
        _sources(worlds, loads, "growth"),
    )


def _endurance(machine: Machine, disk: Disk, loads: Sequence[Workload], worlds: Worlds) -> Claim:
    import numpy as np

    return Claim(
        machine.name,
        f"endurance of {disk.name}",
        "B",
        np.zeros(worlds.count),
        _sum(worlds, loads, "writes"),
        disk.endurance,
        "the vendor's rated writes are used up: replace the disk before it fails",
        tuple(w.name for w in loads),
        "; ".join(worlds.source(worlds.name(w), "writes") for w in loads),
        _sources(worlds, loads, "writes"),
    )


def _asked_for(
    topology: Topology, machine: Machine, loads: Sequence[Workload], worlds: Worlds
) -> Iterator[Claim]:
    """Cores and memory: what the spec asks for, and the share by which that has to grow with the chains."""
    import numpy as np

    here = [w for w in topology.workloads if machine.name in w.machines[: w.replicas]]
    for resource, quantity, limit, system in (
        ("cores", "cores-growth", float(machine.cores), SYSTEM_CORES),
        ("memory", "memory-growth", machine.memory, reserved_memory(machine)),
    ):
        grown = [w for w in loads if worlds.knows(worlds.name(w), quantity) and _asks(w, resource)]
        if not grown or not limit:
            continue
        used = np.full(worlds.count, system + sum(_asks(w, resource) for w in here))
        parts = (worlds(worlds.name(w), quantity) * _asks(w, resource) for w in grown)
        yield Claim(
            machine.name,
            resource,
            "B" if resource == "memory" else "cores",
            used,
            sum(parts, start=np.zeros(worlds.count)),
            limit,
            "the node no longer keeps up with its chain"
            if resource == "cores"
            else "the kernel kills the node, which then has to catch up",
            tuple(w.name for w in here),
            "; ".join(worlds.source(worlds.name(w), quantity) for w in grown),
            _sources(worlds, grown, quantity),
        )


def _asks(workload: Workload, resource: str) -> float:
    return workload.cores if resource == "cores" else workload.memory


def _traffic(subject: str, what: str, limit: float, loads: Sequence[Workload], worlds: Worlds) -> Claim:
    import numpy as np

    growing = [w for w in loads if worlds.knows(worlds.name(w), "traffic-growth")]
    daily = np.zeros(worlds.count)
    for w in growing:
        daily = daily + worlds(worlds.name(w), "traffic") * worlds(worlds.name(w), "traffic-growth")
    return Claim(
        subject,
        what,
        "bps",
        _sum(worlds, loads, "traffic"),
        daily,
        limit,
        "the nodes no longer keep up with their chains",
        tuple(dict.fromkeys(w.name for w in loads)),
        "; ".join(worlds.source(worlds.name(w), "traffic") for w in loads),
        # What is added in a year is a share of the traffic: both are in the date.
        _sources(worlds, growing, "traffic", "traffic-growth"),
    )


def _uplinks(topology: Topology, worlds: Worlds) -> Iterator[Claim]:
    """A data centre's uplink: the largest link that leaves it carries its chain traffic too."""
    for site in topology.sites:
        if site.place != "datacentre":
            continue
        out = [
            link.bandwidth for link in topology.links if site.name in (link.a, link.b) and link.a != link.b
        ]
        inside = {m.name for m in topology.machines if m.site == site.name}
        # One entry for each replica there: each of them follows the chain by itself.
        loads = [
            w
            for w in topology.workloads
            for name in w.machines[: w.replicas]
            if name in inside and worlds.knows(worlds.name(w), "traffic")
        ]
        widest = max(out, default=0.0)
        if loads and widest:
            yield _traffic(site.name, "uplink", widest, loads, worlds)


def _tunnels(topology: Topology, worlds: Worlds, sent: Draws) -> Iterator[Claim]:
    """The busiest master's WireGuard: it leads every raft group and serves every watch; chain traffic goes outside."""
    import numpy as np

    masters = topology.control_plane
    if topology.overlay is None or not masters or not topology.raft_groups:
        return
    from meshlab.planning.cost.traffic import led, watched

    groups = [g for g in topology.raft_groups if masters[0].name in g.voters]
    bits = 8 * sum((led(topology, g, sent) for g in groups), start=watched(topology, sent))
    yield Claim(
        masters[0].name,
        "WireGuard, one core",
        "bps",
        bits,
        np.zeros(worlds.count),
        WIREGUARD_RATE,
        "consensus and watches wait for the cipher",
        tuple(g.name for g in groups),
        f"E.wireguard kernel_throughput_per_core 3 Gbit/s [E]; {traffic()['etcd-entry'].source}",
        (),
    )


def _databases(topology: Topology, worlds: Worlds) -> Iterator[Claim]:
    for group in topology.raft_groups:
        if group.engine == "etcd" and worlds.knows("etcd", "size"):
            yield Claim(
                group.name,
                "database quota",
                "B",
                worlds("etcd", "size"),
                worlds("etcd", "growth"),
                ETCD_QUOTA,
                "NOSPACE alarm: only reads and deletes until compacted, defragmented and disarmed",
                (group.name,),
                f"{worlds.source('etcd', 'size')}; A.etcd quota_backend_bytes_default [S]",
                worlds.sources("etcd", "growth"),
            )
    for workload in topology.workloads:
        name = worlds.name(workload)
        if workload.group and workload.storage and worlds.knows(name, "size"):
            yield Claim(
                workload.name,
                "volume",
                "B",
                worlds(name, "size"),
                worlds(name, "growth"),
                workload.storage,
                "raft cannot append: writes fail",
                (workload.name,),
                worlds.source(name, "size"),
                worlds.sources(name, "growth"),
            )


def _sum(worlds: Worlds, loads: Sequence[Workload], quantity: str) -> Samples:
    import numpy as np

    known = (worlds(worlds.name(w), quantity) for w in loads if worlds.knows(worlds.name(w), quantity))
    return sum(known, start=np.zeros(worlds.count))


def _sources(worlds: Worlds, loads: Sequence[Workload], *quantities: str) -> tuple[str, ...]:
    """Gives the provenances of these quantities of these workloads, each once."""
    found = (
        text for w in loads for quantity in quantities for text in worlds.sources(worlds.name(w), quantity)
    )
    return tuple(dict.fromkeys(found))


def _data_disk(machine: Machine) -> Disk | None:
    data = [disk for disk in machine.disks if not disk.system] or list(machine.disks)
    return max(data, key=lambda disk: disk.size, default=None)
