"""Minimal cut sets of compiled diagrams: counted without being listed, listed lazily, most probable first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.diagrams.bdd import Diagram, Store
from meshlab.availability.diagrams.compiled import Compiled, Limits, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXACT_INTEGERS = 9.0e18
_CACHE_ENTRIES = 1 / 8  # for each node, as in `compiled`


@dataclass(frozen=True)
class SetFamily:
    """A family of sets as a zero-suppressed diagram; `root` 0 is no set, 1 the empty set alone."""

    levels: NDArray[np.int32]
    without: NDArray[np.int32]
    having: NDArray[np.int32]
    root: int


@dataclass(frozen=True, order=True)
class RankedCutSet:
    """A minimal cut set with the probability that all of it is down at once (independent components)."""

    probability: float
    events: tuple[str, ...]


@dataclass(frozen=True)
class CutSets:
    """Every minimal cut set of a compiled circuit, one family per part; see `minimal_cut_sets`."""

    compiled: Compiled
    families: tuple[SetFamily, ...]

    def count(self) -> int:
        """Gives how many there are, exactly, without listing them."""
        counts: list[int] = [1] * len(self.compiled.events)
        for part, family in zip(self.compiled.parts, self.families, strict=True):
            weights = [counts[v] for v in part.variables]
            rough = _weighed(family, np.array(weights, np.float64))
            if rough < _EXACT_INTEGERS:
                counts.append(int(_weighed(family, np.array(weights, np.int64))))
            else:
                counts.append(_counted(family, weights))
        return counts[-1]

    def rare_event_sum(self, down: Mapping[str, float]) -> float:
        """Gives the sum of the cut sets' probabilities: an upper bound of the top's, for coherent circuits."""
        values = [down.get(name, 0.0) for name in self.compiled.events]
        for part, family in zip(self.compiled.parts, self.families, strict=True):
            values.append(float(_weighed(family, np.array([values[v] for v in part.variables]))))
        return values[-1]

    def most_probable_first(self, down: Mapping[str, float]) -> Iterator[RankedCutSet]:
        """Gives the cut sets one by one, most probable first; stop whenever there are enough.

        A search that always takes the partial set with the best possible end, which is known exactly from one
        sweep, so no more is opened than is listed. Sets with a component that never fails come last.
        """
        from meshlab.availability.diagrams.minimal_kernels import likeliest

        events = self.compiled.events
        chance = [down.get(name, 0.0) for name in events]
        best: list[NDArray[np.float64]] = []
        for part, family in zip(self.compiled.parts, self.families, strict=True):
            out = np.empty(max(family.levels.size, 2))
            likeliest(
                family.levels,
                family.without,
                family.having,
                np.array([max(chance[v], 0.0) for v in part.variables]),
                out,
            )
            best.append(out)
            chance.append(float(out[family.root]))
        if chance[-1] < 0:
            return
        last = len(self.families) - 1
        ties = 0
        heap: list[tuple[float, int, float, tuple[int, ...], tuple[tuple[int, int], ...]]] = [
            (-chance[-1], 0, 1.0, (), ((last, self.families[last].root),))
        ]
        while heap:
            _, _, found, chosen, open_ = heappop(heap)
            while open_:
                (i, node), open_ = open_[-1], open_[:-1]
                if node == 1:
                    continue
                family = self.families[i]
                other, variable = (
                    int(family.without[node]),
                    self.compiled.parts[i].variables[family.levels[node]],
                )
                take = chance[variable] * best[i][family.having[node]]
                rest = found
                for j, n in open_:
                    rest *= best[j][n]
                leave = float(best[i][other])
                with_it = (*open_, (i, int(family.having[node])))
                if variable < len(events):
                    taken = (found * chance[variable], (*chosen, variable), with_it)
                else:
                    inner = variable - len(events)
                    taken = (found, chosen, (*with_it, (inner, self.families[inner].root)))
                if other == 0:
                    found, chosen, open_ = taken
                    continue
                left = (found, chosen, (*open_, (i, other)))
                (found, chosen, open_), behind = (taken, left) if take >= leave else (left, taken)
                ties += 1
                heappush(heap, (-rest * min(take, leave), ties, *behind))
            yield RankedCutSet(found, tuple(sorted(events[v] for v in chosen)))


def minimal_cut_sets(compiled: Compiled, limits: Limits | None = None) -> CutSets:
    """Gives all minimal cut sets of a compiled circuit, as diagrams.

    Notes
    -----
    Rauzy's minimal solutions, part by part. Of a circuit that is not coherent they are the minimal cut sets of
    its coherent hull (the least monotone function above it): the smallest sets of failures with which, everything
    else working, the top holds, and none inside them does. Prime implicants, which also say what must *not* have
    failed, are another and larger family.

    References
    ----------
    Rauzy, New algorithms for fault trees analysis, Reliability Engineering and System Safety 40, 1993.
    Dutuit and Rauzy, Exact and truncated computations of prime implicants of coherent and non-coherent fault
    trees within Aralia, Reliability Engineering and System Safety 58, 1997.

    Raises
    ------
    Stopped, TooManyNodes
        As in `compiled`.
    """
    limits = limits or Limits()
    families = []
    for i, part in enumerate(compiled.parts):
        limits.check()
        top = i == len(compiled.parts) - 1
        diagram = part.diagram
        if top and compiled.negated:
            diagram = Diagram(
                diagram.levels, diagram.lows, diagram.highs, diagram.root ^ 1, diagram.variables
            )
        if not part.monotone or (top and compiled.negated):
            diagram = coherent_hull(diagram, limits)
        families.append(_family(diagram, limits))
    return CutSets(compiled, tuple(families))


def coherent_hull(diagram: Diagram, limits: Limits) -> Diagram:
    """Gives the least monotone function above the diagram's."""
    from meshlab.availability.diagrams.minimal_kernels import hull, needed

    if diagram.root < 2:
        return diagram
    n = diagram.nodes
    store = Store.holding(diagram, limits.most_nodes)
    wanted = np.zeros((n, 2), np.bool_)
    wanted[diagram.root >> 1, diagram.root & 1] = True
    needed(diagram.lows, diagram.highs, wanted)
    closed = np.zeros((n, 2), np.int64)
    node = 1
    with watched(store, limits):
        while node < n:
            node = int(hull(node, n, *store.nodes_arrays, wanted, closed, *store.work_arrays))
            if node < n:
                store.after(int(store.control[3]))
    return store.diagram(int(closed[diagram.root >> 1, diagram.root & 1]))


def _family(diagram: Diagram, limits: Limits) -> SetFamily:
    from meshlab.availability.diagrams.minimal_kernels import minimal

    if diagram.root < 2:
        empty = np.zeros(2, np.int32)
        return SetFamily(empty, empty, empty, diagram.root)
    store = Store(diagram.variables, limits.most_nodes, _CACHE_ENTRIES)
    store.control[0] = 2
    sets = np.zeros(diagram.nodes, np.int32)
    node = 1
    with watched(store, limits):
        while node < diagram.nodes:
            node = int(
                minimal(
                    node,
                    diagram.levels,
                    diagram.lows,
                    diagram.highs,
                    sets,
                    *store.nodes_arrays,
                    *store.work_arrays,
                )
            )
            if node < diagram.nodes:
                store.after(int(store.control[3]), first=2)
    levels, lows, highs = (a[: store.nodes].copy() for a in store.nodes_arrays)
    return SetFamily(levels, lows, highs, int(sets[diagram.root >> 1]))


def _weighed(family: SetFamily, weights: NDArray[np.float64] | NDArray[np.int64]) -> float | int:
    from meshlab.availability.diagrams.minimal_kernels import weighed

    out = np.zeros(max(family.levels.size, 2), weights.dtype)
    weighed(family.levels, family.without, family.having, weights, out)
    return out[family.root].item()  # type: ignore[no-any-return]


def _counted(family: SetFamily, weights: list[int]) -> int:
    counts = [0, 1]
    for level, without, having in zip(
        family.levels[2:].tolist(), family.without[2:].tolist(), family.having[2:].tolist(), strict=True
    ):
        counts.append(counts[without] + weights[level] * counts[having])
    return counts[family.root]
