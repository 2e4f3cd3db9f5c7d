"""Whether a scenario makes sense on a topology: names, kinds, times, contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from meshlab.model.errors import InputError, Problem
from meshlab.model.topology import Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.kinds.table import KINDS
from meshlab.simulate.scenario.scenario import Fault, Scenario


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
    if all(fault.kind in KINDS for fault in scenario.faults):
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
    if fault.kind not in KINDS:
        yield Finding(index, fault.kind, f"there is no fault {fault.kind!r}", _near(fault.kind, KINDS))
        return
    kind = KINDS[fault.kind]
    for name in fault.names:
        if name not in topology:
            yield Finding(index, fault.kind, f"there is no component {name!r}", _near(name, known))
            continue
        objection = kind.objection(topology[name], topology)
        if objection:
            yield Finding(index, fault.kind, *objection)
    if all(name in topology for name in fault.names):
        for clash in kind.clashes(fault, topology):
            yield Finding(index, fault.kind, *clash)


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
    if KINDS[a.kind].stops and KINDS[b.kind].stops:
        return a.targets == b.targets
    return a.kind == b.kind and (a.targets, a.groups) == (b.targets, b.groups)


def _near(name: str, known: object) -> str:
    from collections.abc import Iterable

    near = get_close_matches(name, [str(k) for k in known] if isinstance(known, Iterable) else [], n=1)
    return f"did you mean {near[0]!r}?" if near else ""
