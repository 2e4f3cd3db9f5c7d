"""Certified bounds where the exact answer is out of reach: a diagram nowhere above the function, one nowhere below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from meshlab.availability.bdd import Diagram, Stopped, Store, TooManyNodes
from meshlab.availability.circuit import Circuit
from meshlab.availability.compiled import Limits, assembled, gate_edge, is_coherent, watched
from meshlab.availability.evaluate import probabilities
from meshlab.availability.ordering import depth_first, orders

_FIRST_SIZE = 60
_STEP = 4
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
    beyond a size is rounded: down in the lower, up in the upper, its likely part kept (`Store.rounded`). And, or,
    at-least and negation keep the order, so the top's diagrams bound the top, whatever was rounded; how far apart
    they are is not estimated but computed. Sizes grow until the time is over. A module inside others bounds them
    only where the tree is coherent; where it is not, only the top module may be rounded.
    """
    best = Bounds(0.0, 1.0, 0)
    q = np.array([[down.get(name, 0.0)] for name in circuit.events])
    size = _FIRST_SIZE
    while 20 * size < limits.most_nodes:
        try:
            lower, upper = assembled(circuit, limits, partial(_pair, size=size, limits=limits))
        except (Stopped, TooManyNodes):
            return best
        rounded_inside = any(
            a.diagram is not b.diagram for a, b in zip(lower.parts[:-1], upper.parts[:-1], strict=True)
        )
        if rounded_inside and not lower.coherent:
            return best
        ends = sorted(float(probabilities(one, q)[0]) for one in (lower, upper))
        best = Bounds(max(best.low, ends[0]), min(best.high, ends[1]), size)
        if best.high - best.low <= _CLOSE * best.high:
            return best
        size *= _STEP
    return best


def _pair(core: Circuit, size: int, limits: Limits) -> tuple[tuple[Diagram, ...], tuple[int, ...]]:
    limits.check()
    order = orders(core)[0] if len(core.gates) > 1 else depth_first(core)
    store = Store(len(order), limits.most_nodes)
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
            below[node] = store.rounded(low, size, False, monotone)
            above[node] = store.rounded(high, size, True, monotone)
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
        if ends[0] == ends[1]:
            return (store.diagram(ends[0]),) * 2, order
        return (store.diagram(ends[0]), store.diagram(ends[1])), order


def _xor_ends(store: Store, args: list[tuple[int, int]]) -> tuple[int, int]:
    """Gives the bounds of an exclusive or: one surely holds and the other surely not; one may and one may not."""
    (a, a_up), (b, b_up) = args
    low = store.either(store.both(a, b_up ^ 1), store.both(b, a_up ^ 1))
    high = store.either(store.both(a_up, b ^ 1), store.both(b_up, a ^ 1))
    return low, high
