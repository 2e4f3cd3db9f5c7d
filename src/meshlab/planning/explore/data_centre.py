"""Changes to the data centre: where Vault runs, how many replicas the chains have, their switches, spare machines."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

from meshlab.model import (
    Distribution,
    InputError,
    Machine,
    MachineGroup,
    Reliability,
    Topology,
    Workload,
)
from meshlab.model.units import parse
from meshlab.parameters import Parameters
from meshlab.planning.explore.control_plane import inserted, next_address, unused
from meshlab.planning.tables import explored

YEAR = 31_557_600.0
_SAMPLES = 20_000


def vault_on(topology: Topology, role: str) -> Topology:
    """Gives the topology with Vault's pods on the first masters or the first workers, as many as there are now."""
    changed = topology
    machines = topology.control_plane if role == "masters" else topology.workers
    for group in topology.raft_groups:
        if group.engine != "hashicorp":
            continue
        if len(machines) < len(group.voters):
            raise InputError.single(
                f"vault={role}", f"{len(group.voters)} pods need as many {role}", "leave that value out"
            )
        names = tuple(m.name for m in machines[: len(group.voters)])
        changed = changed.with_component(replace(group, voters=names))
        for workload in topology.workloads:
            if workload.group == group.name:
                changed = changed.with_component(replace(workload, machines=names))
    return changed


def chain_replicas(topology: Topology, value: str) -> Topology:
    """Gives the topology with this many nodes of each chain, each on a machine of its own like the first one's."""
    changed, wanted = topology, int(value)
    for workload in chains(topology):
        placed = list(workload.machines[:wanted])
        for _ in range(wanted - len(placed)):
            like = changed.machine(workload.machines[0])
            changed, name = another_worker(changed, like)
            placed.append(name)
        changed = changed.with_component(
            replace(workload, machines=tuple(placed), replicas=min(wanted, len(placed)))
        )
    return changed


def another_worker(topology: Topology, like: Machine) -> tuple[Topology, str]:
    """Gives the topology with one more machine like this one, in the same groups and firewalls, and its name."""
    name = unused(topology, like.name.rstrip("0123456789") or "worker-")
    new = replace(like, name=name, address=next_address(topology, like))
    changed = inserted(topology, new, after=topology.workers[-1].name)
    for group in topology.of(MachineGroup):
        if like.name in group.machines and not group.reliability:
            changed = changed.with_component(replace(group, machines=(*group.machines, name)))
    return changed, name


def switches(topology: Topology, value: str) -> Topology:
    """Gives the topology with the data centre's switch as what its machines fail by: one for all, or one for each.

    In the spec it is a link of the site to itself, which cuts its machines from each other; a machine behind a dead
    switch serves nobody either. The link keeps its latency and no longer fails.
    """
    changed = topology
    for site in topology.sites:
        inside = [m.name for m in topology.machines if m.site == site.name]
        if site.place != "datacentre" or not inside:
            continue
        own = next((link for link in topology.links if link.a == link.b == site.name), None)
        reliability = own.reliability if own is not None and own.reliability else _switch()
        if own is not None:
            changed = changed.with_component(replace(own, reliability=None))
        sets = [inside] if value == "shared" else [[name] for name in inside]
        for number, machines in enumerate(sets, 1):
            changed = changed.with_component(
                MachineGroup(
                    name=f"tor-{site.name}" if value == "shared" else f"tor-{site.name}-{number}",
                    technology="switch",
                    machines=tuple(machines),
                    reliability=reliability,
                    source=own.source if own is not None else reliability.source,
                )
            )
    return changed


def _switch() -> Reliability:
    row, repair = explored()["switch-fails"], explored()["switch-repair"]
    return Reliability(
        row.mid / YEAR, Distribution.lognormal(repair.mid, 1.5), row.low / YEAR, row.high / YEAR, row.source
    )


def uplink(topology: Topology, value: str) -> Topology:
    """Gives the topology with every uplink of a data centre of this width; latency and failures stay."""
    places = {site.name for site in topology.sites if site.place == "datacentre"}
    changed = topology
    for link in topology.links:
        if link.a != link.b and {link.a, link.b} & places:
            changed = changed.with_component(replace(link, bandwidth=parse(value, "rate")))
    return changed


def uplink_today(topology: Topology) -> str | None:
    """Gives the width of a data centre's widest uplink, as the spec would say it."""
    places = {site.name for site in topology.sites if site.place == "datacentre"}
    ways = [x.bandwidth for x in topology.links if x.a != x.b and {x.a, x.b} & places and x.bandwidth]
    return f"{max(ways) / 1e9:g}Gbps" if ways else None


def worker_memory(topology: Topology, value: str) -> Topology:
    """Gives the topology with so many times the memory in the workers that carry chain nodes: 1.5x, 2x."""
    changed, times = topology, float(value.removesuffix("x"))
    busy = {name for workload in chains(topology) for name in workload.machines}
    for machine in topology.workers:
        if machine.name in busy:
            changed = changed.with_component(replace(machine, memory=times * machine.memory))
    return changed


def spare_workers(topology: Topology, value: str) -> Topology:
    """Gives the topology with idle machines, as large as the largest worker, to which a chain node can move.

    Notes
    -----
    A chain node whose machine broke then waits for a person to move it and for its data to be synced anew, if that
    is quicker than the repair and a spare is free. That none is, is Erlang's loss probability B: machines that
    break come at the workers' rate together and hold a spare until they are repaired. The mean repair becomes
    (1 - B) E[min(repair, takeover + resync)] + B E[repair]; the exact engine uses nothing but the mean. A pod of
    Vault on such a worker is counted as made anew on the spare in the same time.
    """
    count = int(value)
    used = [topology.machine(name) for w in chains(topology) for name in w.machines[: w.replicas]]
    hosts = [m for m in dict.fromkeys(used) if m.reliability]
    if not count or not hosts:
        return topology
    offered = sum(m.reliability.rate * m.reliability.repair.mean for m in hosts if m.reliability)
    none_free = erlang_loss(count, offered)
    known = Parameters.for_topology(topology)
    changed = topology
    for workload in chains(topology):
        for name in workload.machines[: workload.replicas]:
            machine = topology.machine(name)
            if machine.reliability:
                resync = known.distribution(f"{workload.role}.resync")
                repair = _moved_or_mended(workload.role, machine.reliability.repair, resync, none_free)
                shorter = replace(machine.reliability, repair=repair)
                changed = changed.with_component(replace(machine, reliability=shorter))
    largest = max(topology.workers, key=lambda m: (m.cores, m.memory))
    for _ in range(count):
        changed, _name = another_worker(changed, largest)
    return changed


def erlang_loss(servers: int, offered: float) -> float:
    """Gives the probability that all servers are busy (Erlang's B formula), whatever their times are distributed."""
    lost = 1.0
    for k in range(1, servers + 1):
        lost = offered * lost / (k + offered * lost)
    return lost


@lru_cache(maxsize=64)
def _moved_or_mended(kind: str, repair: Distribution, resync: Distribution, none_free: float) -> Distribution:
    import numpy as np

    row = explored()["takeover"]
    rng = np.random.default_rng([0, *kind.encode()])
    mended = np.asarray(repair.sample(rng, _SAMPLES))
    takeover = rng.triangular(row.low, row.mid, row.high, _SAMPLES)
    moved = np.minimum(mended, takeover + np.asarray(resync.sample(rng, _SAMPLES)))
    times = np.where(rng.random(_SAMPLES) < none_free, mended, moved)
    mean, spread = float(times.mean()), float(times.std())
    sigma = math.sqrt(math.log1p((spread / mean) ** 2))
    source = f"{repair.source}; with a spare: {row.source}; {resync.source}".strip("; ")
    return Distribution.lognormal(mean / math.exp(sigma**2 / 2), sigma, source=source)


def chains(topology: Topology) -> tuple[Workload, ...]:
    """Gives the workloads that keep their data on one machine: the chain nodes."""
    return tuple(w for w in topology.workloads if not w.group)


def vault_today(topology: Topology) -> str | None:
    """Gives where Vault runs: masters, workers, or None where there is no Vault or it is spread over both."""
    for group in topology.raft_groups:
        if group.engine == "hashicorp":
            roles = {topology.machine(name).role for name in group.voters}
            return {"control-plane": "masters", "worker": "workers"}[roles.pop()] if len(roles) == 1 else None
    return None
