"""A machine is paused: it keeps its power and its connections, and does nothing."""

from __future__ import annotations

from meshlab.model.topology import Topology
from meshlab.simulate.scenario.kinds.interface import Effects, Given
from meshlab.simulate.scenario.kinds.machines import OfMachine


class Pause(OfMachine):
    name = "pause"
    stops = True

    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        effects.frozen.setdefault(fault.targets[0], []).append(self.window(fault, "was paused"))

    def says(self, fault: Given) -> str:
        return f"{fault.targets[0]} is paused"
