"""Candidate causes: every single fault that the topology can have, with how often it happens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from meshlab.model import Disk, Distribution, Machine, Topology
from meshlab.model.components import Component
from meshlab.simulate.scenario.scenario import Fault, Scenario

_YEAR = 31557600.0

# Rates that no spec states, per year. All are estimates [E]: they order causes that look alike and do no more.
UNPLANNED_RESTART = 0.3
"""Kernel panic, watchdog, a reboot by mistake; a planned one is in somebody's journal. [E]"""
HANG = 0.05
"""A machine that stands still without losing power. [E]"""
ONE_WAY_SHARE = 0.1
"""Share of lost paths that are lost in one direction only. [E]"""
SLOW_SHARE = 2.0
"""Spells of delay and loss on a path, per loss of the path. [E]"""
CRASH = 2.0
"""Crashes of a chain node's process that its restart does not mend at once. [E]"""
DISK = 0.015
"""Losses of a local NVMe data disk, per disk; facts group G.dc gives about 1 % to 2 % a year. [E]"""
TRANSIENT = 0.3
"""Share of faults that heal without a repair, or are made and undone by people (a drill, a wrong rule). [E]"""
SLOW_LATENCY_S = 0.05
SLOW_LOSS = 0.02


@dataclass(frozen=True)
class Candidate:
    """One fault that could be the cause.

    Parameters
    ----------
    name
        In words: ``master-1 lost``.
    fault
        The fault as a scenario has it; None stands for "nothing happened".
    rate
        How often it happens, per second; `source` says where that is from.
    repair
        How long it lasts (seconds); None where it has no length (a restart).
    components
        What a person would look at: the names of what broke.
    """

    name: str
    fault: Fault | None
    rate: float
    source: str
    repair: Distribution | None = None
    components: tuple[str, ...] = ()

    @property
    def lasting(self) -> bool:
        """Whether it has a length that can be searched."""
        return self.repair is not None

    def scenario(
        self, at: float, lasts: float, horizon: float, initial: Mapping[str, str] | None = None
    ) -> Scenario:
        """Gives the scenario in which this happens `at` seconds and lasts for `lasts` (infinite: to the end)."""
        if self.fault is None:
            return Scenario(self.name, horizon, (), dict(initial or {}))
        length = self.fault.lasts if not self.lasting else lasts
        return Scenario(self.name, horizon, (replace(self.fault, at=at, lasts=length),), dict(initial or {}))

    def log_length(self, lasts: float, watched: float) -> float:
        """Logarithm of the probability that it lasts as long as that, given how long was watched after it.

        For one that never ended while it was watched: the probability that a repair takes longer. For one of
        length `lasts`: the probability of a length within a quarter of it. A share `TRANSIENT` of all faults goes
        away by itself, after any time (lengths are then equally likely in each of four ranges).
        """
        if self.repair is None:
            return 0.0
        if math.isinf(lasts):
            share = 1 - _cdf(self.repair, watched)
        else:
            share = _cdf(self.repair, lasts * 1.25) - _cdf(self.repair, lasts * 0.75)
        return math.log((1 - TRANSIENT) * share + TRANSIENT / 4)


NOTHING = Candidate("nothing failed", None, 0.0, "the quiet cluster itself")


def candidates(topology: Topology) -> tuple[Candidate, ...]:
    """Gives every single fault that the topology can have, `NOTHING` first.

    Machines lost, restarted, hanging; zones and sites lost; each pair of places cut, both ways and one way; the
    paths between sites slow; Omni and the discovery service away; a worker's data disk lost.
    """
    return (
        NOTHING,
        *_machines(topology),
        *_places(topology),
        *_paths(topology),
        *_providers(topology),
        *_disks(topology),
        *_programs(topology),
    )


def _machines(topology: Topology) -> Iterator[Candidate]:
    for machine in topology.machines:
        rate, repair, source = _reliability(machine, 0.5, 3600.0)
        name = machine.name
        yield Candidate(f"{name} lost", Fault.fail(name, 0.0), rate, source, repair, (name,))
        yield Candidate(
            f"{name} restarted",
            Fault.restart(name, 0.0),
            UNPLANNED_RESTART / _YEAR,
            "[E] unplanned restarts",
            None,
            (name,),
        )
        yield Candidate(
            f"{name} hangs",
            Fault.pause(name, 0.0),
            HANG / _YEAR,
            "[E] machines that stand still",
            Distribution.lognormal(120.0, 1.5, "[E]"),
            (name,),
        )


def _places(topology: Topology) -> Iterator[Candidate]:
    for place in (*topology.zones, *topology.sites):
        if not topology.machines_in(place.name):
            continue
        rate, repair, source = _reliability(place, 0.1, 4 * 3600.0)
        yield Candidate(
            f"{place.name} lost", Fault.fail(place.name, 0.0), rate, source, repair, (place.name,)
        )


def _paths(topology: Topology) -> Iterator[Candidate]:
    places = [site.name for site in topology.sites if topology.machines_in(site.name)]
    pairs = [(a, b) for a, b in combinations(places, 2)]
    for site in topology.sites:
        zones = [zone.name for zone in topology.zones if zone.site == site.name]
        pairs += list(combinations([zone for zone in zones if topology.machines_in(zone)], 2))
    for a, b in pairs:
        link = topology.link_between(a, b)
        rate, repair, source = _reliability(link, 1.0, 1800.0)
        yield Candidate(
            f"{a} and {b} cut apart",
            Fault.partition((a,), (b,), at=0.0),
            rate,
            source,
            repair,
            (a, b),
        )
        for x, y in ((a, b), (b, a)):
            yield Candidate(
                f"one way lost, {x} to {y}",
                Fault.partition((x,), (y,), at=0.0, direction="forward"),
                rate * ONE_WAY_SHARE / 2,
                f"[E] {ONE_WAY_SHARE:.0%} of lost paths are lost one way; {source}",
                repair,
                (x, y),
            )
        if a in places:
            yield Candidate(
                f"slow path {a} to {b}",
                Fault.degrade(a, b, 0.0, latency=SLOW_LATENCY_S, loss=SLOW_LOSS),
                rate * SLOW_SHARE,
                f"[E] {SLOW_SHARE:g} slow spells per lost path; {source}",
                repair,
                (a, b),
            )


def _providers(topology: Topology) -> Iterator[Candidate]:
    for provider in (topology.orchestrator, topology.discovery):
        if provider is not None:
            rate, repair, source = _reliability(provider, 1.0, 1800.0)
            yield Candidate(
                f"{provider.name} away",
                Fault.fail(provider.name, 0.0),
                rate,
                source,
                repair,
                (provider.name,),
            )


def _disks(topology: Topology) -> Iterator[Candidate]:
    for machine in topology.workers:
        if any(_data(disk) for disk in machine.disks):
            yield Candidate(
                f"data disk of {machine.name} lost",
                Fault.lose_disk(machine.name, 0.0),
                DISK / _YEAR,
                "[E] G.dc: 1 % to 2 % of NVMe disks a year",
                None,
                (machine.name,),
            )


def _programs(topology: Topology) -> Iterator[Candidate]:
    for workload in topology.workloads:
        if workload.role != "vault":
            yield Candidate(
                f"{workload.name}'s process lost",
                Fault.fail(workload.name, 0.0),
                CRASH / _YEAR,
                "[E] crashes of a chain node",
                Distribution.lognormal(120.0, 1.5, "[E]"),
                (workload.name,),
            )


def _data(disk: Disk) -> bool:
    return not disk.system


def _reliability(
    component: Component | Machine | None, per_year: float, repair_s: float
) -> tuple[float, Distribution, str]:
    given = component.reliability if component is not None else None
    if given is None:
        return per_year / _YEAR, Distribution.lognormal(repair_s, 1.0, "[E]"), f"[E] {per_year:g} a year"
    return given.rate, given.repair, given.source or (component.source if component else "")


def _cdf(distribution: Distribution, value: float) -> float:
    """Share of a distribution at or below a value, by bisection of its quantiles."""
    if value <= distribution.quantile(1e-9):
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if middle >= 1.0 or distribution.quantile(middle) > value:
            high = middle
        else:
            low = middle
    return low
