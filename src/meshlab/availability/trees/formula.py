"""Monotone Boolean formulas over the events "this component works"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshlab.availability.trees.circuit import Circuit, CircuitBuilder


@dataclass(frozen=True)
class Works:
    """The component of that name works."""

    name: str


@dataclass(frozen=True)
class AllOf:
    """Every part holds; of no parts: true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds; of no parts: false."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True)
class AtLeast:
    """At least `k` of the parts hold."""

    k: int
    parts: tuple[Formula, ...]


Formula = Works | AllOf | AnyOf | AtLeast


def all_of(parts: Iterable[Formula]) -> Formula:
    """Gives the conjunction, flat and without repeats."""
    flat: dict[Formula, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: Iterable[Formula]) -> Formula:
    """Gives the disjunction, flat and without repeats."""
    flat: dict[Formula, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, AnyOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AnyOf(tuple(flat))


def holds(formula: Formula, works: Mapping[str, bool]) -> bool:
    """Whether the formula holds in a world; a component that the world does not name works."""
    match formula:
        case Works(name):
            return works.get(name, True)
        case AllOf(parts):
            return all(holds(part, works) for part in parts)
        case AnyOf(parts):
            return any(holds(part, works) for part in parts)
        case AtLeast(k, parts):
            return sum(holds(part, works) for part in parts) >= k


def events(formula: Formula) -> tuple[str, ...]:
    """Gives the components a formula speaks of, in the order of a depth-first walk (a good order for a BDD)."""
    found: dict[str, None] = {}
    stack: list[Formula] = [formula]
    while stack:
        node = stack.pop()
        if isinstance(node, Works):
            found[node.name] = None
        else:
            stack.extend(reversed(node.parts))
    return tuple(found)


def at_least(k: int, parts: Iterable[Formula]) -> Formula:
    """Gives "k of these parts hold"; of no more than k parts, or of one: the plain form."""
    group = tuple(parts)
    if k <= 0:
        return AllOf(())
    if k == 1 or k > len(group):
        return any_of(group) if k == 1 else AnyOf(())
    return all_of(group) if k == len(group) else AtLeast(k, group)


def failure(formula: Formula, name: str = "top") -> Circuit:
    """Gives "the formula does not hold" as a circuit over the events "this component has failed"."""
    builder = CircuitBuilder(events(formula))
    known: dict[Formula, int] = {}

    def lost(part: Formula) -> int:
        if part not in known:
            match part:
                case Works(component):
                    known[part] = builder.event(component)
                case AllOf(parts):
                    known[part] = builder.any_of(map(lost, parts))
                case AnyOf(parts):
                    known[part] = builder.all_of(map(lost, parts))
                case AtLeast(k, parts):
                    known[part] = builder.at_least(len(parts) - k + 1, map(lost, parts))
        return known[part]

    return builder.circuit(lost(formula), name)
