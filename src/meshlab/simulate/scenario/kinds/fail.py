"""A component fails: machines in it lose their power, everything else stops working."""

from __future__ import annotations

from meshlab.model.components import (
    Component,
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
from meshlab.model.topology import Topology
from meshlab.simulate.scenario.kinds.interface import Effects, FaultKind, Given, Objection

_FAILING = (
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


class Fail(FaultKind):
    name = "fail"
    stops = True

    def objection(self, component: Component, topology: Topology) -> Objection | None:
        if isinstance(component, _FAILING):
            return None
        return f"a {component.kind} cannot fail: {component.name!r}", ""

    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        component, window = topology[fault.targets[0]], self.window(fault, "failed")
        if isinstance(component, (Site, Zone, Machine, MachineGroup)):
            for machine in topology.machines_in(component.name):
                effects.off.setdefault(machine.name, []).append(window)
        if not isinstance(component, Machine):
            effects.broken.setdefault(component.name, []).append(window)
        if isinstance(component, Site):
            for zone in topology.zones:
                if zone.site == component.name:
                    effects.broken.setdefault(zone.name, []).append(window)

    def says(self, fault: Given) -> str:
        return f"{fault.targets[0]} fails"
