"""Groups of places cannot reach each other; one way: only what the first sends to the second is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshlab.model.topology import Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.kinds.interface import Effects, Given, Item, Objection, Path
from meshlab.simulate.scenario.kinds.paths import OfPaths, Place


class Partition(OfPaths):
    name = "partition"
    keys = ("direction", "for")

    def read(self, item: Item) -> dict[str, Any] | None:
        groups = self._groups(item)
        direction = str(item.values.get("direction", "both"))
        if direction not in ("both", "forward"):
            near = "; did you mean 'forward'?" if direction in ("one-way", "forwards") else ""
            item.problem("direction", f"direction {direction!r} is not both or forward{near}")
        if direction == "forward" and len(groups) != 2:
            item.problem(self.name, "a one-way partition has two sides", "name two groups")
        return {"groups": groups, "direction": "forward" if direction == "forward" else "both"}

    def _groups(self, item: Item) -> tuple[tuple[str, ...], ...]:
        given = item.values[self.name]
        if not isinstance(given, list) or len(given) < 2:
            item.problem(
                self.name,
                "a partition has at least two groups",
                "write partition: [[us-east-1], [dc-1]]",
            )
            return ()
        return tuple(
            tuple(str(name) for name in group) if isinstance(group, list) else (str(group),)
            for group in given
        )

    def clashes(self, fault: Given, topology: Topology) -> Iterator[Objection]:
        if not all(fault.groups):
            yield "a side of the partition is empty", "name a place on each side"
        sides = [{m for place in group for m in _machines(topology, place)} for group in fault.groups]
        for i, first in enumerate(sides):
            for second in sides[i + 1 :]:
                if first & second:
                    both = ", ".join(sorted(first & second))
                    yield f"both sides of the partition hold {both}", "put each machine on one side"

    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        forward = fault.direction == "forward"
        sides = [", ".join(group) for group in fault.groups]
        if forward:
            text = f"nothing gets through from {sides[0]} to {' and '.join(sides[1:])}"
        else:
            text = f"no way between {' and '.join(sides)}"
        window = (fault.at, fault.until, f"{text} since {duration(fault.at)}")
        effects.paths.append(Path(fault.groups, forward, 0.0, 1.0, window))

    def says(self, fault: Given) -> str:
        sides = " | ".join(", ".join(group) for group in fault.groups)
        arrow = " (only what the first sends to the second is lost)" if fault.direction == "forward" else ""
        return f"no way between {sides}{arrow}"


def _machines(topology: Topology, place: str) -> tuple[str, ...]:
    if isinstance(topology[place], Place):
        return tuple(machine.name for machine in topology.machines_in(place))
    return ()
