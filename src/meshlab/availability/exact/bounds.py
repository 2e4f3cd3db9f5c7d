"""Certified bounds where the exact answer is out of reach: a diagram nowhere above the function, one nowhere below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.diagrams.bdd import Diagram, Stopped, Store, TooManyNodes
from meshlab.availability.diagrams.compiled import Limits, assembled, gate_edge, is_coherent, watched
from meshlab.availability.diagrams.ordering import depth_first, orders
from meshlab.availability.exact.evaluate import probabilities, probability
from meshlab.availability.trees.circuit import Circuit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_SIZE = 60
_STEP = 2
_ORDERS = 6
_ROOM = 8_000
"""Nodes for each one kept of a gate: an order that needs more is left for the next, which is quicker by far."""
_CLOSE = 1e-9


@dataclass(frozen=True)
class Bounds:
    """The probability lies between `low` and `high`: proven, but for rounding. `size` nodes a gate were kept."""

    low: float
    high: float
    size: int


def bounds(circuit: Circuit, down: Mapping[str, float], limits: Limits) -> Bounds:
    """Gives the best bounds found before the deadline; at worst 0 and 1.

    Notes
    -----
    Every gate gets two diagrams, below and above its function, made from those of its arguments. One that grows
    beyond a size is rounded: down in the lower, up in the upper, where it matters least (`Store.rounded`). And, or,
    at-least and negation keep the order, so the top's diagrams bound the top, whatever was rounded; how far apart
    they are is not estimated but computed. Sizes grow until the time is over, and every size is tried with several
    orders of the variables, since which of them is near is not known beforehand: the highest lower bound and the
    lowest upper one are taken. A module inside others bounds them only where the tree is coherent; where it is not,
    only the top module may be rounded.
    """
    best = Bounds(0.0, 1.0, 0)
    q = np.array([[down.get(name, 0.0)] for name in circuit.events])
    modules = _Modules(q[:, 0], limits)
    for size, turn in _tries(limits.most_nodes):
        if turn >= modules.ways:
            continue
        modules.size, modules.turn = size, turn
        try:
            lower, upper = assembled(circuit, limits, modules.pair)
        except Stopped:
            break
        except TooManyNodes:
            continue
        rounded_inside = any(
            a.diagram is not b.diagram for a, b in zip(lower.parts[:-1], upper.parts[:-1], strict=True)
        )
        if rounded_inside and not lower.coherent:
            continue
        low, high = sorted(float(probabilities(one, q)[0]) for one in (lower, upper))
        if low > best.low or high < best.high:
            best = Bounds(max(best.low, low), min(best.high, high), size)
        if best.high - best.low <= _CLOSE * best.high:
            break
    return best


def _tries(most_nodes: int) -> Iterator[tuple[int, int]]:
    for k in count():
        size = _FIRST_SIZE * _STEP**k
        if 20 * size >= most_nodes:
            return
        for turn in range(_ORDERS):
            yield size, turn


@dataclass
class _Modules:
    """Bounds one module after the other; knows how likely each is, which says what matters in those around it."""

    down: NDArray[np.float64]
    limits: Limits
    size: int = _FIRST_SIZE
    turn: int = 0
    _likely: dict[int, float] = field(default_factory=dict)
    _orders: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)

    @property
    def ways(self) -> int:
        """How many different orders there are to try; one until the modules have been seen."""
        return max(map(len, self._orders.values()), default=1)

    def pair(self, root: int, core: Circuit) -> tuple[tuple[Diagram, ...], tuple[int, ...]]:
        """Gives a diagram below the module's function and one above it (the same one where they agree)."""
        self.limits.check()
        if root not in self._orders:
            self._orders[root] = orders(core) if len(core.gates) > 1 else [depth_first(core)]
        order = self._orders[root][self.turn % len(self._orders[root])]
        leaves = (int(core.events[node - 2]) for node in order)
        q = np.array([[self._likely[n] if n in self._likely else self.down[n - 2]] for n in leaves])
        ends = _pair(core, order, q, self.size, self.limits)
        self._likely[root] = sum(probability(end, q) for end in ends) / len(ends)
        return ends, order


def _pair(
    core: Circuit, order: tuple[int, ...], q: NDArray[np.float64], size: int, limits: Limits
) -> tuple[Diagram, Diagram]:
    store = Store(len(order), min(limits.most_nodes, _ROOM * size))
    level = {node: i for i, node in enumerate(order)}
    below = {node: store.variable(i) for node, i in level.items()}
    above = dict(below)
    monotone = is_coherent(core)
    uses = Counter(abs(arg) for gate in core.gates for arg in gate.args)
    uses[abs(core.top)] += 1
    collect_at = 40 * size

    def of(literal: int, side: dict[int, int], other: dict[int, int]) -> int:
        return side[literal] if literal > 0 else other[-literal] ^ 1

    with watched(store, limits):
        for i, gate in enumerate(core.gates):
            node = core.first_gate + i
            args = sorted(gate.args, key=lambda arg: -level[abs(arg)])
            level[node] = level[abs(args[-1])]
            low = gate_edge(store, gate.op, gate.k, [of(arg, below, above) for arg in args])
            high = gate_edge(store, gate.op, gate.k, [of(arg, above, below) for arg in args])
            if gate.op == "xor" and low != high:
                low, high = _xor_ends(store, [(of(a, below, above), of(a, above, below)) for a in args])
            below[node] = store.rounded(low, size, False, monotone, q)
            above[node] = store.rounded(high, size, True, monotone, q)
            for arg in gate.args:
                uses[abs(arg)] -= 1
                if not uses[abs(arg)] and core.is_gate(abs(arg)):
                    below.pop(abs(arg), None)
                    above.pop(abs(arg), None)
            if store.nodes > collect_at:
                kept = store.collect([*below.values(), *above.values()])
                below = dict(zip(below, kept[: len(below)], strict=True))
                above = dict(zip(above, kept[len(below) :], strict=True))
                collect_at = max(40 * size, 2 * store.nodes)
        ends = (of(core.top, below, above), of(core.top, above, below))
        lower = store.diagram(ends[0])
        return lower, lower if ends[0] == ends[1] else store.diagram(ends[1])


def _xor_ends(store: Store, args: list[tuple[int, int]]) -> tuple[int, int]:
    """Gives the bounds of an exclusive or: one surely holds and the other surely not; one may and one may not."""
    (a, a_up), (b, b_up) = args
    low = store.either(store.both(a, b_up ^ 1), store.both(b, a_up ^ 1))
    high = store.either(store.both(a_up, b ^ 1), store.both(b_up, a ^ 1))
    return low, high
