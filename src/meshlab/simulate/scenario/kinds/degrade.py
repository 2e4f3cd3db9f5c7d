"""The way between two places is slow or loses packets, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshlab.model.topology import Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.kinds.interface import Effects, Given, Item, Objection, Path
from meshlab.simulate.scenario.kinds.paths import OfPaths


class Degrade(OfPaths):
    name = "degrade"
    keys = ("latency", "loss", "for")

    def read(self, item: Item) -> dict[str, Any] | None:
        ends = item.values[self.name]
        if not isinstance(ends, list) or len(ends) != 2:
            item.problem(self.name, "a degraded path has two ends", "write degrade: [us-east-1, dc-1]")
            return None
        latency = item.duration("latency") if "latency" in item.values else 0.0
        loss = item.share("loss") if "loss" in item.values else 0.0
        if not latency and not loss and not {"latency", "loss"} & set(item.values):
            item.problem("", "nothing is degraded", "add latency: +50ms or loss: 2%")
        return {"groups": ((str(ends[0]),), (str(ends[1]),)), "latency": latency, "loss": loss}

    def clashes(self, fault: Given, topology: Topology) -> Iterator[Objection]:
        if len(set(fault.groups)) == 1:
            text = f"{fault.groups[0][0]!r} is both ends of the path"
            yield text, "name two places; a machine reaches itself without a network"

    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        why = f"slow path since {duration(fault.at)}: +{duration(fault.latency)}, {fault.loss:.3g} loss"
        effects.paths.append(
            Path(fault.groups, False, fault.latency, fault.loss, (fault.at, fault.until, why))
        )

    def says(self, fault: Given) -> str:
        sides = " | ".join(", ".join(group) for group in fault.groups)
        return f"slow path {sides} (+{duration(fault.latency)}, {fault.loss:.3g} loss)"
