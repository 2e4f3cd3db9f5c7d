"""Minimal cut sets: the smallest sets of components whose loss takes a service down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from math import prod

from meshlab.availability.formula import AllOf, AnyOf, Formula, Works

CutSet = frozenset[str]


def minimal_cut_sets(formula: Formula) -> frozenset[CutSet]:
    """Gives every minimal cut set of "the formula holds".

    The dual of a monotone formula: a conjunction fails with any of its parts (union), a disjunction with all of
    them (products), absorbed to minimal sets at every step. Exponential in the worst case; meant for the
    structure functions of one cluster, tens of events.
    """
    match formula:
        case Works(name):
            return frozenset([frozenset([name])])
        case AllOf(parts):
            return _minimal(cut for part in parts for cut in minimal_cut_sets(part))
        case AnyOf(parts):
            sets: frozenset[CutSet] = frozenset([frozenset()])
            for part in parts:
                cuts = minimal_cut_sets(part)
                sets = _minimal(a | b for a in sets for b in cuts)
            return sets


def _minimal(sets: Iterator[CutSet]) -> frozenset[CutSet]:
    kept: list[CutSet] = []
    for candidate in sorted(set(sets), key=len):
        if not any(small <= candidate for small in kept):
            kept.append(candidate)
    return frozenset(kept)


@dataclass(frozen=True, order=True)
class RankedCutSet:
    """A minimal cut set with the probability that all of it is down at once (independent components)."""

    probability: float
    events: tuple[str, ...]


def most_probable_first(cuts: frozenset[CutSet], down: Mapping[str, float]) -> Iterator[RankedCutSet]:
    """Gives the cut sets lazily, most probable first; those with a component that never fails come last."""
    heap: list[tuple[float, tuple[str, ...]]] = []
    for cut in cuts:
        heappush(heap, (-prod(down.get(name, 0.0) for name in cut), tuple(sorted(cut))))
    while heap:
        probability, names = heappop(heap)
        yield RankedCutSet(-probability, names)
