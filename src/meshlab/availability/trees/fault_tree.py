"""A fault tree as the Open-PSA exchange format has it: named gates and events, with what is known of each event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from meshlab.availability.trees.circuit import FALSE, TRUE, Circuit, CircuitBuilder

Connective = Literal[
    "and", "or", "not", "atleast", "cardinality", "xor", "nand", "nor", "iff", "imply", "constant", "pass"
]


@dataclass(frozen=True)
class Name:
    """A reference to a gate, a basic event or a house event."""

    name: str


@dataclass(frozen=True)
class Formula:
    """A connective over references and formulas; `least` and `most` for "atleast" and "cardinality"."""

    connective: Connective
    parts: tuple[Name | Formula, ...]
    least: int = 0
    most: int = 0


@dataclass(frozen=True)
class Probability:
    """A basic event's probability, and how uncertain it is: a lognormal of this error factor, or certain.

    `error_factor` is the 95th percentile over the median; 1 is certain. The mean stays `mean`.
    """

    mean: float
    error_factor: float = 1.0


@dataclass(frozen=True)
class FaultTree:
    """Gates by name, the top among them, the basic events with their probabilities, the house events' states."""

    name: str
    top: str
    gates: dict[str, Formula]
    events: dict[str, Probability]
    houses: dict[str, bool] = field(default_factory=dict)

    def circuit(self) -> Circuit:
        """Gives the tree as a circuit over its basic events, in the order of the file; house events folded in."""
        builder = CircuitBuilder(list(self.events))
        known: dict[str, int] = {name: builder.event(name) for name in self.events}
        known |= {name: TRUE if on else FALSE for name, on in self.houses.items()}
        stack = [self.top]
        while stack:
            name = stack[-1]
            if name in known:
                stack.pop()
                continue
            wanting = [below for below in references(self.gates[name]) if below not in known]
            if wanting:
                stack.extend(reversed(wanting))
                continue
            known[stack.pop()] = _literal(self.gates[name], builder, known)
        return builder.circuit(known[self.top], self.top)


def references(formula: Formula) -> list[str]:
    """Gives every name that a formula speaks of, in its order."""
    found: list[str] = []
    for part in formula.parts:
        found.extend([part.name] if isinstance(part, Name) else references(part))
    return found


def _literal(formula: Formula, builder: CircuitBuilder, known: dict[str, int]) -> int:
    args = [
        known[part.name] if isinstance(part, Name) else _literal(part, builder, known)
        for part in formula.parts
    ]
    match formula.connective:
        case "and":
            return builder.all_of(args)
        case "or":
            return builder.any_of(args)
        case "not":
            return -args[0]
        case "nand":
            return -builder.all_of(args)
        case "nor":
            return -builder.any_of(args)
        case "xor":
            return builder.xor(args[0], args[1])
        case "iff":
            return -builder.xor(args[0], args[1])
        case "imply":
            return builder.any_of([-args[0], args[1]])
        case "atleast":
            return builder.at_least(formula.least, args)
        case "cardinality":
            enough = builder.at_least(formula.least, args)
            return builder.all_of([enough, -builder.at_least(formula.most + 1, args)])
        case "constant":
            return TRUE if formula.least else FALSE
        case "pass":
            return args[0]
