"""A store of decision diagrams that can be stopped, bounded in memory, and read while it works."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from meshlab.model.errors import MeshlabError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FALSE_EDGE = 0
TRUE_EDGE = 1
MOST_ENTRIES = 1 << 23
_TABLE_ENTRIES = 4
"""For each node; with two, das9701 takes a twentieth longer: more of them stand beside where they belong."""


class TooManyNodes(MeshlabError):
    """The diagram needs more nodes than it may have; `gates` were built before it did."""

    exit_code = 1

    def __init__(self, message: str, gates: int = 0) -> None:
        super().__init__(message)
        self.gates = gates


class Stopped(MeshlabError):
    """The work was told to stop, by its deadline or by a person."""

    exit_code = 1


@dataclass(frozen=True)
class Diagram:
    """One function as a finished diagram; see `bdd_kernels` for what an edge is. Variables are levels."""

    levels: NDArray[np.int32]
    lows: NDArray[np.int32]
    highs: NDArray[np.int32]
    root: int
    variables: int

    @property
    def nodes(self) -> int:
        return int(self.levels.size)


class Store:
    """Diagrams over one order of variables, sharing their nodes. Edges are plain integers.

    Parameters
    ----------
    variables
        How many; a variable is its level, 0 at the top.
    most_nodes
        Nodes it may have, those of intermediate results included (28 bytes each, and 12 for each cache entry).
    entries
        Of the cache of conjunctions, for each node. A small cache stays in the processor's own memory, but what it
        forgets is worked out again.
    """

    def __init__(self, variables: int, most_nodes: int = 50_000_000, entries: float = 2.0) -> None:
        self.variables = variables
        self._entries = entries
        size = 1 << 12
        self._levels = np.zeros(size, np.int32)
        self._lows = np.zeros(size, np.int32)
        self._highs = np.zeros(size, np.int32)
        self._levels[0] = variables
        self._table = np.zeros(_TABLE_ENTRIES * size, np.int32)
        self._fresh_cache(2 * size)
        self._stack = np.zeros((variables + 3, 7), np.int64)
        self.control = np.array([1, most_nodes, 0, 0], np.int64)

    @classmethod
    def holding(cls, diagram: Diagram, most_nodes: int) -> Store:
        """Gives a store that begins with a diagram's nodes, under the numbers they have there."""
        store = cls(diagram.variables, most_nodes)
        while store._levels.size <= diagram.nodes:
            store._grow()
        for mine, its in zip(store.nodes_arrays, (diagram.levels, diagram.lows, diagram.highs), strict=True):
            mine[: diagram.nodes] = its
        store.control[0] = diagram.nodes
        store._rehash(store._table.size)
        return store

    @property
    def nodes(self) -> int:
        return int(self.control[0])

    @property
    def nodes_arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        return self._levels, self._lows, self._highs

    @property
    def work_arrays(self) -> tuple[NDArray[Any], ...]:
        return self._table, self.control, self._keys, self._values, self._stack

    def stop(self) -> None:
        """Makes the work that another thread does here end with `Stopped`, soon."""
        self.control[2] = 1

    def variable(self, level: int) -> int:
        from meshlab.availability.diagrams.bdd_kernels import make

        edge = -1
        while edge < 0:
            edge = self._checked(
                int(make(level, 0, 1, self._levels, self._lows, self._highs, self._table, self.control))
            )
        return edge

    def both(self, f: int, g: int) -> int:
        """Gives the conjunction of two functions."""
        from meshlab.availability.diagrams.bdd_kernels import conjunction

        edge = -1
        while edge < 0:
            edge = self._checked(
                int(
                    conjunction(
                        f,
                        g,
                        self._levels,
                        self._lows,
                        self._highs,
                        self._table,
                        self.control,
                        self._keys,
                        self._values,
                        self._stack,
                    )
                )
            )
        return edge

    def either(self, f: int, g: int) -> int:
        return self.both(f ^ 1, g ^ 1) ^ 1

    def _checked(self, edge: int) -> int:
        if edge < 0:
            self.after(edge)
        return edge

    def after(self, code: int, first: int = 1) -> None:
        """Does what a kernel's code asks for: grows, or raises; nodes from `first` on are in the table."""
        from meshlab.availability.diagrams.bdd_kernels import FULL, GROW, STOPPED

        if code == STOPPED:
            raise Stopped("stopped before the diagram was complete")
        if code == FULL:
            raise TooManyNodes(f"the diagram needs more than {int(self.control[1])} nodes")
        if code == GROW:
            self._grow(first)

    def _grow(self, first: int = 1) -> None:
        size = 2 * self._levels.size
        for name in ("_levels", "_lows", "_highs"):
            old = getattr(self, name)
            new = np.zeros(size, np.int32)
            new[: old.size] = old
            setattr(self, name, new)
        self._rehash(_TABLE_ENTRIES * size, first)
        if self._values.size < min(int(size * self._entries), MOST_ENTRIES):
            self._fresh_cache(2 * self._values.size)

    def _rehash(self, size: int, first: int = 1) -> None:
        from meshlab.availability.diagrams.bdd_kernels import rehash

        self._table = np.zeros(size, np.int32)
        rehash(self._table, self._levels, self._lows, self._highs, first, self.nodes)

    def _fresh_cache(self, size: int) -> None:
        self._keys = np.zeros((size, 2), np.int32)
        self._values = np.zeros(size, np.int32)

    def rounded(self, f: int, most: int, up: bool, monotone: bool, q: NDArray[np.float64]) -> int:
        """Gives a function of at most about `most` nodes that is nowhere above `f` (or, `up`, nowhere below).

        Those nodes stay without which the function's probability would change most; ``q[i, 0]`` is that of
        variable i. A node that goes is replaced by its low branch (up: by its high branch) where the caller knows
        that `f` or its negation is monotone, else by a constant.
        """
        from meshlab.availability.diagrams.bdd_kernels import losses, probabilities, rounded

        if f < 2:
            return f
        last = f >> 1
        levels, lows, highs = (array[: last + 1] for array in self.nodes_arrays)
        held, missed = np.empty((last + 1, 1)), np.empty((last + 1, 1))
        probabilities(levels, lows, highs, q, held, missed)
        loss = np.zeros((last + 1, 2))
        losses(f, levels, lows, highs, q, held, missed, monotone, up, np.zeros((last + 1, 2)), loss)
        needed = loss[loss > 0]
        if needed.size <= most:
            return f
        threshold = float(np.partition(needed, needed.size - most)[needed.size - most])
        new = np.zeros(loss.shape, np.int64)
        node = 1
        while node <= last:
            arrays = (*self.nodes_arrays, loss, threshold, monotone, up, new, self._table, self.control)
            node = int(rounded(node, last, *arrays))
            if node <= last:
                self.after(int(self.control[3]))
        return int(new[last, f & 1])

    def collect(self, roots: Iterable[int]) -> list[int]:
        """Forgets what these functions do not need; gives their new edges, in order."""
        from meshlab.availability.diagrams.bdd_kernels import compact

        edges = np.array(list(roots), np.int64)
        self.control[0] = compact(edges, self._levels, self._lows, self._highs, self.nodes)
        self._rehash(self._table.size)
        self._keys[:] = 0
        return [int(edge) for edge in edges]

    def diagram(self, root: int) -> Diagram:
        """Gives one function as a diagram of its own."""
        from meshlab.availability.diagrams.bdd_kernels import compact

        n = self.nodes
        levels, lows, highs = self._levels[:n].copy(), self._lows[:n].copy(), self._highs[:n].copy()
        edge = np.array([root], np.int64)
        kept = int(compact(edge, levels, lows, highs, n))
        return Diagram(
            levels[:kept].copy(), lows[:kept].copy(), highs[:kept].copy(), int(edge[0]), self.variables
        )
