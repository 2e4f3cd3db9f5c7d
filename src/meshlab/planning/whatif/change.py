"""A change of a design in a few numbers, and the design that it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address

from meshlab.model import Link, Machine, Topology


@dataclass(frozen=True)
class Change:
    """What is turned.

    ``growth``: how many times as fast as the table's everything grows. ``load``: requests a second of each kind.
    ``distance``: how many times as long the ways between sites take. ``workers``: how many more there are, each a
    twin of one that is there, with a second replica of what runs on that.
    """

    growth: float = 1.0
    load: float = 0.0
    distance: float = 1.0
    workers: int = 0

    @property
    def design(self) -> Change:
        """That part of it which changes the design itself."""
        return Change(distance=self.distance, workers=self.workers)


def crossing(topology: Topology) -> tuple[Link, ...]:
    """Gives the links between different sites."""

    def site(place: str) -> str:
        return str(getattr(topology[place], "site", place))

    return tuple(link for link in topology.links if site(link.a) != site(link.b))


def farthest(topology: Topology) -> float:
    """Gives the longest median one-way latency between two sites, in seconds; zero where there is one site."""
    return max((link.latency.quantile(0.5) for link in crossing(topology)), default=0.0)


def changed(topology: Topology, change: Change) -> Topology:
    """Gives the design after a change; growth and load are no part of a design.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> one_more = changed(reference(), Change(workers=1))
    >>> one_more.workload("tron").machines, one_more.machine("worker-4").cores
    (('worker-3', 'worker-4'), 16)
    """
    found = topology
    if change.distance != 1:
        for link in crossing(topology):
            found = found.with_component(replace(link, latency=link.latency.scaled(change.distance)))
    twins = topology.workers[::-1]
    for k in range(change.workers if twins else 0):
        found = _with_twin(found, twins[k % len(twins)])
    return found


def _with_twin(topology: Topology, worker: Machine) -> Topology:
    """Adds a machine like `worker`, with one more replica of each workload that stays on its machine."""
    name = _free_name(topology, worker.name)
    found = topology.with_component(replace(worker, name=name, address=_free_address(topology, worker)))
    for load in topology.workloads:
        here = load.machines[: load.replicas]
        if worker.name in here and not load.group:
            places = (*here, name, *load.machines[load.replicas :])
            found = found.with_component(replace(load, machines=places, replicas=load.replicas + 1))
    return found


def _free_name(topology: Topology, like: str) -> str:
    stem = like.rstrip("0123456789")
    number = 1
    while f"{stem}{number}" in topology:
        number += 1
    return f"{stem}{number}"


def _free_address(topology: Topology, like: Machine) -> str:
    """The address after the highest of its site; none where the machine has none."""
    if not like.address:
        return ""
    taken = [ip_address(m.address) for m in topology.machines if m.site == like.site and m.address]
    return str(max(taken, key=int) + 1)
