"""What a notation of designs offers: an importer makes a topology of a file, an exporter a text of a topology."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from meshlab.model.topology import Topology


@dataclass(frozen=True)
class Gap:
    """Something that the design does not say: of which component, which field, and what was assumed."""

    component: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.component}, {self.field}: {self.text}"


@dataclass(frozen=True)
class Imported:
    """A design as a valid topology, and all that had to be assumed to make it one."""

    topology: Topology
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, topology: Topology) -> Imported:
        """Gives the design of a topology whose components name their gaps, each as "field: text"."""
        found = []
        for component in topology:
            for gap in component.gaps:
                field, _, text = gap.partition(": ")
                found.append(Gap(component.name, field, text))
        return cls(topology, tuple(found))


class Importer(Protocol):
    """Reads one notation."""

    name: str
    """Of the notation, as a person would say it."""

    def recognises(self, file: str, text: str) -> bool:
        """Says whether a file is in this notation, by its name or its text."""

    def read(self, text: str, file: str) -> Imported:
        """Gives the design that a text describes.

        Raises
        ------
        InputError
            Nothing can be made of it; each problem with its line.
        """


Exporter = Callable[[Topology], str]
"""Writes a topology in one notation."""
