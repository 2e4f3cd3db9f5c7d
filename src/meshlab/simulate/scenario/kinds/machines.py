"""What the kinds that only a machine can have share."""

from __future__ import annotations

from meshlab.model.components import Component, Machine
from meshlab.model.topology import Topology
from meshlab.simulate.scenario.kinds.interface import FaultKind, Objection


class OfMachine(FaultKind):
    """A fault that only a machine can have."""

    def objection(self, component: Component, topology: Topology) -> Objection | None:
        if isinstance(component, Machine):
            return None
        return (
            f"only a machine can have {self.name!r}; {component.name!r} is a {component.kind}",
            "name a machine, one fault for each",
        )
