"""Whether a scenario makes sense on a topology: names, kinds, times, contradictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meshlab.model.errors import InputError, Problem
from meshlab.model.near import near_names
from meshlab.model.topology import Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.kinds.table import KINDS
from meshlab.simulate.scenario.scenario import Fault, Scenario

WHOLE = -1
"""The index of a finding that concerns the scenario and no one fault."""
MOST_FAULTS = 1_000
LONGEST_DELAY_S = 3_600.0
LONGEST_S = 100 * 31_557_600.0


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
    if scenario.horizon > LONGEST_S:
        yield Finding(
            WHOLE,
            "horizon",
            f"the horizon of {duration(scenario.horizon)} is over a hundred years",
            "shorten it",
        )
    if len(scenario.faults) > MOST_FAULTS:
        message = f"{len(scenario.faults)} faults; at most {MOST_FAULTS} are simulated in one history"
        yield Finding(WHOLE, "faults", message, "make several scenarios of it")
        return
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
    if fault.latency > LONGEST_DELAY_S:
        yield Finding(
            index,
            "latency",
            f"no network delays by {duration(fault.latency)}",
            f"{duration(LONGEST_DELAY_S)} at most; a path that is gone is a partition",
        )
    if not 0 <= fault.loss <= 1:
        yield Finding(index, "loss", f"the loss is not a share between 0 and 1: {fault.loss:g}")


def _contradictions(scenario: Scenario) -> Iterator[Finding]:
    """Two faults of one thing at one time: each is held against the one before it that ends last."""
    last: dict[tuple[object, ...], tuple[int, Fault]] = {}
    for index, fault in sorted(enumerate(scenario.faults), key=lambda pair: (pair[1].at, pair[0])):
        thing = _thing(fault)
        if thing in last:
            earlier_index, earlier = last[thing]
            if fault.at < max(earlier.until, earlier.at + 1e-9):
                yield Finding(
                    max(index, earlier_index),
                    fault.kind,
                    f"contradicts another fault: {earlier} is not over when {fault}",
                    "let one end before the other begins, or make one fault of the two",
                )
            if earlier.until > fault.until:
                continue
        last[thing] = (index, fault)


def _thing(fault: Fault) -> tuple[object, ...]:
    """What two faults may not both have at one time."""
    if KINDS[fault.kind].stops:
        return ("power", fault.targets)
    return (fault.kind, fault.targets, fault.groups)


def _near(name: str, known: Iterable[str]) -> str:
    near = near_names(name, known)
    return f"did you mean {near[0]!r}?" if near else ""
