"""What the kinds that concern the ways between places share."""

from __future__ import annotations

from meshlab.model.components import Component, Machine, MachineGroup, Site, Zone
from meshlab.model.topology import Topology
from meshlab.simulate.scenario.kinds.interface import FaultKind, Objection

Place = (Site, Zone, Machine, MachineGroup)


class OfPaths(FaultKind):
    """A fault of the ways between places."""

    def objection(self, component: Component, topology: Topology) -> Objection | None:
        if isinstance(component, Place):
            return None
        return (
            f"{component.name!r} is a {component.kind}, which has no place on the network",
            "name sites, zones, machines or groups",
        )
