"""The whole network of a chain stops making blocks; our nodes of it are well."""

from __future__ import annotations

from meshlab.model.components import Component, Workload
from meshlab.model.topology import Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.kinds.interface import Effects, FaultKind, Given, Objection


class Halt(FaultKind):
    name = "halt"

    def objection(self, component: Component, topology: Topology) -> Objection | None:
        if isinstance(component, Workload) and component.role != "vault":
            return None
        chains = [w.name for w in topology.workloads if w.role != "vault"]
        return (
            f"only the network of a chain can halt; {component.name!r} is a {component.kind}",
            f"the chains here: {', '.join(chains)}" if chains else "this topology runs no chain",
        )

    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        why = f"the network of {fault.targets[0]} halted at {duration(fault.at)}"
        effects.halted.setdefault(fault.targets[0], []).append((fault.at, fault.until, why))

    def says(self, fault: Given) -> str:
        return f"the network of {fault.targets[0]} halts"
