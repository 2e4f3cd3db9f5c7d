"""A circuit as arrays that a kernel walks: one row of words per node, gates in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.trees.circuit import Circuit
from meshlab.availability.trees.simplify import without_unused

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILE = 64  # words that are evaluated together
_OPS = {"and": 0, "atleast": 1, "xor": 2}


@dataclass(frozen=True, eq=False)
class Program:
    """One circuit's gates in arrays, and the probability of each event that it uses.

    Arguments of gate g are ``args[starts[g]:starts[g + 1]]``: row numbers, negative where negated. Row 1 is
    "true"; the events' rows follow it, then the gates'.
    """

    events: tuple[str, ...]
    q: NDArray[np.float64]
    ops: NDArray[np.int64]
    thresholds: NDArray[np.int64]
    starts: NDArray[np.int64]
    args: NDArray[np.int64]
    top: int

    @classmethod
    def of(cls, circuit: Circuit, down: Mapping[str, float]) -> Program:
        """Gives the program of a circuit; an event that `down` does not name never happens."""
        small = without_unused(circuit)
        used = small.used_events()
        row = {1: 1} | {small.events.index(name) + 2: i + 2 for i, name in enumerate(used)}
        row |= {small.first_gate + g: len(used) + 2 + g for g in range(len(small.gates))}

        def of(literal: int) -> int:
            return row[literal] if literal > 0 else -row[-literal]

        counts = [len(gate.args) for gate in small.gates]
        return cls(
            events=used,
            q=np.array([down.get(name, 0.0) for name in used], float),
            ops=np.array([_OPS[gate.op] for gate in small.gates], np.int64),
            thresholds=np.array([gate.k for gate in small.gates], np.int64),
            starts=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
            args=np.array([of(arg) for gate in small.gates for arg in gate.args], np.int64),
            top=of(small.top),
        )

    @property
    def gates(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
        """What every kernel of a circuit is given first."""
        return self.ops, self.thresholds, self.starts, self.args, self.top

    def rows(self) -> NDArray[np.uint64]:
        """Gives room for one tile: a row of words per node, "true" filled in."""
        rows = np.zeros((2 + len(self.events) + self.ops.size, TILE), np.uint64)
        rows[1] = ~np.uint64(0)
        return rows

    def planes(self) -> NDArray[np.uint64]:
        """Gives room for the binary counters of the widest gate."""
        widest = int(np.diff(self.starts).max(initial=1))
        return np.zeros((widest.bit_length() + 1, TILE), np.uint64)
