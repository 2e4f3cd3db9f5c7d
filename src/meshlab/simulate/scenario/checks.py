"""Whether a scenario makes sense on a topology: names, kinds, times, contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from meshlab.model.components import (
    Discovery,
    Link,
    Machine,
    MachineGroup,
    Orchestrator,
    Overlay,
    RaftGroup,
    Service,
    Site,
    Workload,
    Zone,
)
from meshlab.model.errors import InputError, Problem
from meshlab.model.topology import Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.scenario import Fault, Scenario

FAILING = (
    Site,
    Zone,
    Machine,
    MachineGroup,
    Link,
    Overlay,
    Discovery,
    Orchestrator,
    RaftGroup,
    Service,
    Workload,
)


@dataclass(frozen=True)
class Finding:
    """One thing wrong with one fault: its index, the key it concerns, what, and what to do."""

    index: int
    key: str
    message: str
    hint: str = ""


def check_scenario(scenario: Scenario, topology: Topology) -> None:
    """Raises an InputError that names everything in a scenario that makes no sense on this topology."""
    findings = [*faults_findings(scenario, topology), *initial_findings(scenario, topology)]
    if findings:
        where = f"scenario {scenario.name}"
        raise InputError(Problem(where, 0, 0, f.message, f.hint) for f in findings)


def faults_findings(scenario: Scenario, topology: Topology) -> Iterator[Finding]:
    """Gives what is wrong with the faults, in their order."""
    for index, fault in enumerate(scenario.faults):
        yield from _names(index, fault, topology)
        yield from _times(index, fault, scenario)
    yield from _contradictions(scenario)


def initial_findings(scenario: Scenario, topology: Topology) -> Iterator[Finding]:
    """Gives what is wrong with the leaders known at the start."""
    groups = {group.name: group for group in topology.raft_groups}
    for name, machine in scenario.initial.items():
        if name not in groups:
            yield Finding(0, name, f"there is no raft group {name!r}", _near(name, groups))
        elif machine not in groups[name].voters:
            yield Finding(
                0,
                name,
                f"{machine!r} is no voter of {name}",
                _near(machine, groups[name].voters) or f"its voters: {', '.join(groups[name].voters)}",
            )


def _names(index: int, fault: Fault, topology: Topology) -> Iterator[Finding]:
    known = [component.name for component in topology]
    for name in fault.names:
        if name not in topology:
            yield Finding(index, fault.kind, f"there is no component {name!r}", _near(name, known))
            continue
        component = topology[name]
        if fault.kind in ("restart", "pause", "lose-disk") and not isinstance(component, Machine):
            yield Finding(
                index,
                fault.kind,
                f"only a machine can have {fault.kind!r}; {name!r} is a {component.kind}",
                "name a machine, one fault for each",
            )
        elif fault.kind == "halt" and not (isinstance(component, Workload) and component.role != "vault"):
            chains = [w.name for w in topology.workloads if w.role != "vault"]
            yield Finding(
                index,
                fault.kind,
                f"only the network of a chain can halt; {name!r} is a {component.kind}",
                f"the chains here: {', '.join(chains)}" if chains else "this topology runs no chain",
            )
        elif fault.kind == "fail" and not isinstance(component, FAILING):
            yield Finding(index, fault.kind, f"a {component.kind} cannot fail: {name!r}")
        elif fault.kind in ("partition", "degrade") and not isinstance(
            component, (Site, Zone, Machine, MachineGroup)
        ):
            yield Finding(
                index,
                fault.kind,
                f"{name!r} is a {component.kind}, which has no place on the network",
                "name sites, zones, machines or groups",
            )
    if fault.kind == "partition" and all(name in topology for name in fault.names):
        sides = [{m.name for place in group for m in _machines(topology, place)} for group in fault.groups]
        for i, first in enumerate(sides):
            for second in sides[i + 1 :]:
                if first & second:
                    yield Finding(
                        index,
                        fault.kind,
                        f"both sides of the partition hold {', '.join(sorted(first & second))}",
                        "put each machine on one side",
                    )


def _machines(topology: Topology, place: str) -> tuple[Machine, ...]:
    component = topology[place]
    if isinstance(component, (Site, Zone, Machine, MachineGroup)):
        return topology.machines_in(place)
    return ()


def _times(index: int, fault: Fault, scenario: Scenario) -> Iterator[Finding]:
    if fault.at < 0:
        yield Finding(index, "at", f"the fault begins before the scenario: {duration(fault.at)}")
    if fault.at >= scenario.horizon:
        yield Finding(
            index,
            "at",
            f"the fault at {duration(fault.at)} is not before the horizon of {duration(scenario.horizon)}",
            "move it, or make the horizon longer",
        )
    if fault.lasts < 0:
        yield Finding(index, "for", f"the fault lasts a negative time: {duration(fault.lasts)}")
    if fault.latency < 0:
        yield Finding(index, "latency", "the added latency is negative")
    if not 0 <= fault.loss <= 1:
        yield Finding(index, "loss", f"the loss is not a share between 0 and 1: {fault.loss:g}")


def _contradictions(scenario: Scenario) -> Iterator[Finding]:
    seen: list[tuple[int, Fault]] = []
    for index, fault in sorted(enumerate(scenario.faults), key=lambda pair: (pair[1].at, pair[0])):
        for earlier_index, earlier in seen:
            if not _same_thing(earlier, fault) or not fault.at < max(earlier.until, earlier.at + 1e-9):
                continue
            yield Finding(
                max(index, earlier_index),
                fault.kind,
                f"contradicts another fault: {earlier} is not over when {fault}",
                "let one end before the other begins, or make one fault of the two",
            )
        seen.append((index, fault))


def _same_thing(a: Fault, b: Fault) -> bool:
    power = ("fail", "restart", "pause")
    if a.kind in power and b.kind in power:
        return a.targets == b.targets
    return a.kind == b.kind and (a.targets, a.groups) == (b.targets, b.groups)


def _near(name: str, known: object) -> str:
    from collections.abc import Iterable

    near = get_close_matches(name, [str(k) for k in known] if isinstance(known, Iterable) else [], n=1)
    return f"did you mean {near[0]!r}?" if near else ""
