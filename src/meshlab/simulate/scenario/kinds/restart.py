"""A machine is restarted in order: its services are stopped, then it boots."""

from __future__ import annotations

from typing import Any

from meshlab.model.topology import Topology
from meshlab.simulate.scenario.kinds.interface import Effects, Given, Item
from meshlab.simulate.scenario.kinds.machines import OfMachine


class Restart(OfMachine):
    name = "restart"
    keys = ()
    stops = True

    def read(self, item: Item) -> dict[str, Any] | None:
        fields = super().read(item)
        return None if fields is None else {**fields, "lasts": 0.0}

    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        name = fault.targets[0]
        effects.off.setdefault(name, []).append(self.window(fault, "was restarted"))
        effects.clean_stops.setdefault(name, set()).add(fault.at)

    def says(self, fault: Given) -> str:
        return f"{fault.targets[0]} is restarted"
