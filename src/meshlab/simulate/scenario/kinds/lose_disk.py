"""A machine's data disk breaks; how long its replacement takes is said, or drawn from the parameters."""

from __future__ import annotations

from meshlab.model.topology import Topology
from meshlab.simulate.scenario.kinds.interface import Effects, Given
from meshlab.simulate.scenario.kinds.machines import OfMachine


class LoseDisk(OfMachine):
    name = "lose-disk"

    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        effects.disks.append((fault.targets[0], fault.at, fault.lasts))

    def says(self, fault: Given) -> str:
        return f"{fault.targets[0]} loses its data disk"
