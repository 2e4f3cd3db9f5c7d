"""Rules about what runs where and the disks beneath."""

from __future__ import annotations

from collections.abc import Iterator

from meshlab.model.components import Disk, Machine
from meshlab.model.review.finding import Finding, names, stated
from meshlab.model.topology import Topology
from meshlab.model.units import size

_RESYNC = {
    "solana": "from a snapshot within hours, with a full history never",
    "ethereum": "a snap sync of many hours to days",
    "tron": "a download of a multi-terabyte snapshot, else weeks",
}


def single_replica_local_disk(topology: Topology) -> Iterator[Finding]:
    """One replica on a local disk: the pod stays where its data is, down for as long as the machine is."""
    for workload in topology.workloads:
        if workload.role == "vault" or workload.replicas > 1 or workload.volume != "local":
            continue
        machine = workload.machines[0]
        yield Finding(
            "single-replica-local-disk",
            "warning",
            (workload.name, machine),
            f"{workload.name} has one replica with its data on a disk of {machine}; when {machine} is down, it is down",
            "A pod on a local volume is tied to its node: the scheduler never moves it. While the machine is being "
            f"repaired it waits, and after a lost disk it syncs anew: {_RESYNC[workload.role]}.",
            f"workloads {workload.name}: replicas 1, volume local, machines {machine}",
            "A second replica on another machine with its own disk, behind one service; or accept it, keep a recent "
            "snapshot of the data in the site and a spare machine, and write the recovery time down.",
        )


def machine_overcommitted(topology: Topology) -> Iterator[Finding]:
    """What runs on a machine must fit its cores and memory."""
    for machine in topology.machines:
        here = [w for w in topology.workloads if machine.name in w.machines]
        for what, need, have in (
            ("cores", sum(w.cores for w in here), float(machine.cores)),
            ("memory", sum(w.memory for w in here), machine.memory),
        ):
            if have and need > have:
                text = (f"{need:g}", f"{have:g}") if what == "cores" else (size(need), size(have))
                yield Finding(
                    "machine-overcommitted",
                    "error",
                    (machine.name, *(w.name for w in here)),
                    f"{names([w.name for w in here])} want {text[0]} {what} of {machine.name}, which has {text[1]}",
                    "The scheduler leaves a pod pending that does not fit, or the kernel kills it.",
                    f"machines {machine.name}: {what}; workloads: {what}",
                    "A larger machine, or move a workload to another one.",
                )


def disk_too_small(topology: Topology) -> Iterator[Finding]:
    """The data must fit the disks beside the system's, with room to grow."""
    for machine in topology.machines:
        here = [w for w in topology.workloads if machine.name in w.machines and w.volume == "local"]
        disks = _data_disks(machine)
        need, have = sum(w.storage for w in here), sum(disk.size for disk in disks)
        if have and need > 0.85 * have:
            yield Finding(
                "disk-too-small",
                "error" if need > have else "warning",
                (machine.name, *(w.name for w in here)),
                f"{names([w.name for w in here])} need {size(need)} on {machine.name}, which has {size(have)} for data",
                "Chain data only grows; a full disk stops the node, and some stores do not start again from it.",
                f"machines {machine.name}: disks; workloads: storage",
                "A larger disk, or pruning.",
            )


def disk_endurance_unknown(topology: Topology) -> Iterator[Finding]:
    """Chain nodes write without pause; whether a disk outlives its machine depends on its endurance."""
    for workload in topology.workloads:
        if workload.role == "vault" or workload.volume != "local":
            continue
        for name in (m for m in workload.machines if m in topology):
            machine = topology.machine(name)
            worn = [d.name for d in _data_disks(machine) if d.medium != "gp3" and not d.endurance]
            if worn or not stated(machine, "disks"):
                yield Finding(
                    "disk-endurance-unknown",
                    "warning",
                    (workload.name, name),
                    f"it is not stated how many bytes may be written to the disks of {name}, on which "
                    f"{workload.name} writes all day",
                    "A busy chain node writes terabytes a day: a disk made for reading wears out within a year or two.",
                    f"machines {name}: disks {names(worn) or 'are assumed'}: endurance",
                    "Give `endurance` (TBW of the data sheet) and watch the wear level that NVMe reports.",
                )


def _data_disks(machine: Machine) -> list[Disk]:
    return [disk for disk in machine.disks if not disk.system] or list(machine.disks)
