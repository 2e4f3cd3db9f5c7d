"""Whether the workloads fit on their machines, and when a disk will be full."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.model import Estimate, Machine, Topology, Workload
from meshlab.model.units import size
from meshlab.planning.tables import growth

DAY = 86_400.0


@dataclass(frozen=True)
class Fit:
    """Whether one machine has enough of one resource; `reason` says why not, with both numbers."""

    machine: str
    resource: str
    used: float
    available: float
    fits: bool
    reason: str


@dataclass(frozen=True)
class Growth:
    """How a workload's data fills its disk; `days_left` is from today, infinite where it does not grow."""

    workload: str
    machine: str
    disk: float
    used: Estimate
    days_left: Estimate
    fits: bool
    source: str


def fits(topology: Topology) -> tuple[Fit, ...]:
    """Gives, for every machine with workloads, whether cores, memory and data disk suffice.

    Talos and the kubelet keep 512 MiB (worker 384 MiB) and half a core for themselves [S T.talos
    kubelet_reserved_memory; the half core is an estimate].
    """
    found = []
    for machine in topology.machines:
        loads = [w for w in topology.workloads if machine.name in w.machines]
        if not loads:
            continue
        reserved = (512 if machine.role == "control-plane" else 384) * 2.0**20
        demands = (
            ("cores", sum(w.cores for w in loads) + 0.5, float(machine.cores), str),
            ("memory", sum(w.memory for w in loads) + reserved, machine.memory, size),
            ("storage", sum(w.storage for w in loads), data_disk(machine), size),
        )
        for resource, used, available, show in demands:
            enough = used <= available
            names = ", ".join(w.name for w in loads)
            reason = (
                ""
                if enough
                else f"{names} need {show(used)} of {resource}, {machine.name} has {show(available)}"
            )
            found.append(Fit(machine.name, resource, used, available, enough, reason))
    return tuple(found)


def data_disk(machine: Machine) -> float:
    """Gives the bytes of the disk that workloads use: the largest one that is not the system's, else the system's."""
    data = [disk.size for disk in machine.disks if not disk.system] or [disk.size for disk in machine.disks]
    return max(data, default=0.0)


def capacity(topology: Topology, *, samples: int = 20_000, seed: int = 0) -> tuple[Growth, ...]:
    """Gives when each workload's disk will be full, as a distribution: (disk - size now) / growth per day.

    Size and growth are drawn from the triangles of ``data/growth.csv`` (sources there). A workload whose data
    exceed its disk already does not fit: its days left are zero.
    """
    import numpy as np

    table = growth()
    found = []
    for position, workload in enumerate(topology.workloads):
        if (workload.name, "size") not in table:
            continue
        now, more = table[workload.name, "size"], table[workload.name, "growth"]
        rng = np.random.Generator(np.random.Philox(key=[seed, position]))
        scale = {"TB": 1e12, "GB": 1e9}[now.unit]
        used = rng.triangular(now.low, now.mid, now.high, samples) * scale
        daily = rng.triangular(more.low, more.mid, more.high, samples) * 1e9
        for name in workload.machines:
            disk = data_disk(topology.machine(name))
            days = np.maximum(0.0, (disk - used) / np.maximum(daily, 1.0))
            estimate = Estimate.of(days, method=f"{samples} samples, seed {seed}")
            size_now = Estimate.of(used, method=estimate.method)
            found.append(_growth(workload, name, disk, size_now, estimate, f"{now.source}; {more.source}"))
    return tuple(found)


def _growth(
    workload: Workload, name: str, disk: float, used: Estimate, days: Estimate, source: str
) -> Growth:
    return Growth(workload.name, name, disk, used, days, used.high <= disk, source)
