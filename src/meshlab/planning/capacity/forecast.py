"""When each limited resource runs out: (limit - used now) / growth a day, in many worlds at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from meshlab.model import Disk, Estimate, Machine, Topology, Workload
from meshlab.model.units import size
from meshlab.planning.capacity.draws import Worlds
from meshlab.planning.capacity.fits import data_disk
from meshlab.planning.tables import growth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAY = 86_400.0
ETCD_QUOTA = 2_147_483_648.0
"""Bytes; the default of --quota-backend-bytes [S A.etcd quota_backend_bytes_default]."""
WIREGUARD_RATE = 3e9
"""Bits a second of one tunnel, kernel WireGuard on current cores [E, facts E: 3 Gbit/s per flow]."""


@dataclass(frozen=True)
class Resource:
    """One limited resource of one machine or group, and when it is used up.

    ``used`` and ``limit`` are in `unit`; ``days_left`` is infinite where nothing grows; ``within_horizon`` is the
    probability that it is used up within the horizon asked for; ``consequence`` says what happens then.
    """

    subject: str
    resource: str
    unit: str
    used: Estimate
    limit: float
    days_left: Estimate
    within_horizon: float
    consequence: str
    users: tuple[str, ...]
    source: str

    @property
    def fits(self) -> bool:
        """Whether nine worlds of ten have room for what is there already."""
        return self.used.high <= self.limit

    @property
    def reason(self) -> str:
        """Why it does not fit, with both numbers; empty when it does."""
        if self.fits:
            return ""
        show = size if self.unit == "B" else (lambda value: f"{value / 1e6:.4g} Mbps")
        need = f"{show(self.used.mid)} ({show(self.used.low)} to {show(self.used.high)})"
        return (
            f"{', '.join(self.users)} need {need} of {self.resource}, {self.subject} has {show(self.limit)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Gives the row as plain data; infinite days are null."""
        days = {key: _finite(value) for key, value in asdict(self.days_left).items()}
        return {
            **asdict(self),
            "users": list(self.users),
            "days_left": days,
            "fits": self.fits,
            "reason": self.reason,
        }


def forecast(
    topology: Topology, *, horizon: float = 730 * DAY, samples: int = 20_000, seed: int = 0
) -> tuple[Resource, ...]:
    """Gives every limited resource with the date at which it is used up, as a distribution.

    Parameters
    ----------
    horizon
        Seconds from today for ``within_horizon``.
    samples, seed
        Worlds; size, growth and wear of a workload are drawn once per world and enter every resource alike.

    Notes
    -----
    Growth is linear within a world: its spread is what is uncertain of the rate, not day-to-day noise, which
    averages out over months. Sizes and rates with sources: ``data/growth.csv``.
    """
    worlds = Worlds(growth(), samples, seed)
    days = horizon / DAY
    method = f"{samples} worlds, seed {seed}"
    return tuple(_row(claim, days, method) for claim in _claims(topology, worlds))


def first_exhausted(topology: Topology, worlds: Worlds) -> tuple[NDArray[np.float64], str]:
    """Gives the days until the first resource is used up, world by world, and which one that mostly is."""
    import numpy as np

    claims = list(_claims(topology, worlds))
    if not claims:
        return np.full(worlds.count, np.inf), "nothing"
    days = np.array([_days(claim) for claim in claims])
    first = np.bincount(days.argmin(axis=0), minlength=len(claims)).argmax()
    return days.min(axis=0), f"{claims[first].subject}'s {claims[first].resource}"


@dataclass(frozen=True)
class _Claim:
    subject: str
    resource: str
    unit: str
    used: NDArray[np.float64]
    daily: NDArray[np.float64]
    limit: float
    consequence: str
    users: tuple[str, ...]
    source: str


def _claims(topology: Topology, worlds: Worlds) -> Iterator[_Claim]:
    for machine in topology.machines:
        loads = [w for w in topology.workloads if machine.name in w.machines[: w.replicas] and not w.group]
        grown = [w for w in loads if worlds.knows(w.name, "size")]
        if grown:
            yield _disk(machine, grown, worlds)
        worn = [w for w in loads if worlds.knows(w.name, "writes")]
        disk = _data_disk(machine)
        if worn and disk is not None and disk.endurance:
            yield _endurance(machine, disk, worn, worlds)
        busy = [w for w in loads if worlds.knows(w.name, "traffic")]
        if busy and machine.network_rate:
            yield _traffic(machine.name, "network", machine.network_rate, busy, worlds)
    yield from _uplinks(topology, worlds)
    for group in topology.raft_groups:
        if group.engine == "etcd" and worlds.knows("etcd", "size"):
            yield _Claim(
                group.name,
                "database quota",
                "B",
                worlds("etcd", "size"),
                worlds("etcd", "growth"),
                ETCD_QUOTA,
                "NOSPACE alarm: only reads and deletes until compacted, defragmented and disarmed",
                (group.name,),
                f"{worlds.source('etcd', 'size')}; A.etcd quota_backend_bytes_default [S]",
            )
    for workload in topology.workloads:
        if workload.group and workload.storage and worlds.knows(workload.name, "size"):
            yield _Claim(
                workload.name,
                "volume",
                "B",
                worlds(workload.name, "size"),
                worlds(workload.name, "growth"),
                workload.storage,
                "raft cannot append: writes fail",
                (workload.name,),
                worlds.source(workload.name, "size"),
            )


def _disk(machine: Machine, loads: list[Workload], worlds: Worlds) -> _Claim:
    return _Claim(
        machine.name,
        "disk space",
        "B",
        sum(worlds(w.name, "size") for w in loads),  # type: ignore[arg-type]
        sum(worlds(w.name, "growth") for w in loads),  # type: ignore[arg-type]
        data_disk(machine),
        "the node stops at a full disk and has to be synced anew on a larger one",
        tuple(w.name for w in loads),
        "; ".join(worlds.source(w.name, "size") for w in loads),
    )


def _endurance(machine: Machine, disk: Disk, loads: list[Workload], worlds: Worlds) -> _Claim:
    import numpy as np

    daily = sum(worlds(w.name, "writes") for w in loads)
    return _Claim(
        machine.name,
        f"endurance of {disk.name}",
        "B",
        np.zeros(worlds.count),
        daily,  # type: ignore[arg-type]
        disk.endurance,
        "the vendor's rated writes are used up: replace the disk before it fails",
        tuple(w.name for w in loads),
        "; ".join(worlds.source(w.name, "writes") for w in loads),
    )


def _traffic(subject: str, what: str, limit: float, loads: list[Workload], worlds: Worlds) -> _Claim:
    import numpy as np

    return _Claim(
        subject,
        what,
        "bps",
        sum(worlds(w.name, "traffic") for w in loads),  # type: ignore[arg-type]
        np.zeros(worlds.count),
        limit,
        "the nodes fall behind the tip of their chains",
        tuple(w.name for w in loads),
        "; ".join(worlds.source(w.name, "traffic") for w in loads),
    )


def _uplinks(topology: Topology, worlds: Worlds) -> Iterator[_Claim]:
    """A data centre's way out: the largest link that leaves it carries its chain traffic too."""
    for site in topology.sites:
        if site.place != "datacentre":
            continue
        out = [
            link.bandwidth for link in topology.links if site.name in (link.a, link.b) and link.a != link.b
        ]
        inside = {m.name for m in topology.machines if m.site == site.name}
        loads = [
            w
            for w in topology.workloads
            if inside & set(w.machines[: w.replicas]) and worlds.knows(w.name, "traffic")
        ]
        widest = max(out, default=0.0)
        if loads and widest:
            yield _traffic(site.name, "way out", widest, loads, worlds)


def _data_disk(machine: Machine) -> Disk | None:
    data = [disk for disk in machine.disks if not disk.system] or list(machine.disks)
    return max(data, key=lambda disk: disk.size, default=None)


def _days(claim: _Claim) -> NDArray[np.float64]:
    import numpy as np

    room = np.maximum(claim.limit - claim.used, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(claim.daily > 0, room / claim.daily, np.where(room > 0, np.inf, 0.0))


def _row(claim: _Claim, horizon_days: float, method: str) -> Resource:
    import numpy as np

    days = _days(claim)
    # Quantiles of a sample with infinities must not interpolate between a number and infinity.
    low, mid, high = (float(x) for x in np.quantile(days, [0.05, 0.5, 0.95], method="lower"))
    return Resource(
        claim.subject,
        claim.resource,
        claim.unit,
        Estimate.of(claim.used, method=method),
        claim.limit,
        Estimate(low, mid, high, 0.9, method),
        float(np.mean(days <= horizon_days)),
        claim.consequence,
        claim.users,
        claim.source,
    )


def _finite(value: Any) -> Any:
    return None if value == float("inf") else value
