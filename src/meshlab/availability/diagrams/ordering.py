"""Orders of the variables: what decides whether a diagram has ten thousand nodes or ten billion."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.trees.circuit import Circuit

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 60
_KEPT = 3


def orders(circuit: Circuit) -> list[tuple[int, ...]]:
    """Gives candidate orders of the circuit's events (node numbers), the most promising first.

    Notes
    -----
    Depth-first walks, each with another rule for which argument goes first, and each of them improved by FORCE:
    every gate pulls its arguments towards their common centre, again and again, until none of the spans shrinks.
    Each kind is ranked by the sum over all cuts of the order of (gates open at the cut) squared. A ranking is a
    guess: who builds a diagram tries the candidates in turn with a small budget, then with a larger one.

    References
    ----------
    Aloul, Markov and Sakallah, FORCE: a fast and easy-to-implement variable-ordering heuristic, GLSVLSI 2003.
    """
    size = _sizes(circuit)
    users = Counter(abs(arg) for gate in circuit.gates for arg in gate.args)
    first: list[Callable[[int], float | tuple[float, float]] | None] = [
        None,
        lambda node: size[node],
        lambda node: -size[node],
        lambda node: (-users[node], size[node]),
        lambda node: (users[node], size[node]),
    ]
    walks = [depth_first(circuit, key) for key in first]
    walks.insert(1, depth_first(circuit, None, backwards=True))
    pulled = [forced(circuit, walk) for walk in walks]
    ranked = [
        sorted(dict.fromkeys(kind), key=lambda order: _open_gates(circuit, order))[:_KEPT]
        for kind in (pulled, walks)
    ]
    return list(dict.fromkeys(order for pair in zip_longest(*ranked) for order in pair if order))


def depth_first(
    circuit: Circuit,
    key: Callable[[int], float | tuple[float, float]] | None = None,
    backwards: bool = False,
) -> tuple[int, ...]:
    """Gives the events in the order in which a walk from the top meets them."""
    seen: dict[int, None] = {}
    stack = [abs(circuit.top)]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen[node] = None
        if circuit.is_gate(node):
            below = [abs(arg) for arg in circuit.gate(node).args]
            if key:
                below.sort(key=key)
            stack.extend(below if backwards else reversed(below))
    return tuple(node for node in seen if not circuit.is_gate(node))


def forced(circuit: Circuit, start: tuple[int, ...]) -> tuple[int, ...]:
    """Gives the order improved by FORCE from a start; the best one met."""
    count = circuit.first_gate + len(circuit.gates)
    position = np.zeros(count)
    position[list(start)] = np.arange(len(start))
    edges = []
    for i, gate in enumerate(circuit.gates):
        node = circuit.first_gate + i
        below = [abs(arg) for arg in gate.args]
        position[node] = position[below].mean()
        edges.append([node, *below])
    if not edges:
        return start
    pins = np.concatenate([np.array(edge) for edge in edges])
    lengths = np.array([len(edge) for edge in edges])
    starts = np.cumsum(lengths) - lengths
    edge_of = np.repeat(np.arange(len(edges)), lengths)
    degree = np.bincount(pins, minlength=count)
    nodes = np.nonzero(degree)[0]
    best, shortest = start, np.inf
    for _ in range(_ROUNDS):
        centre = np.add.reduceat(position[pins], starts) / lengths
        wish = np.bincount(pins, weights=centre[edge_of], minlength=count)[nodes] / degree[nodes]
        order = nodes[np.argsort(wish, kind="stable")]
        position[order] = np.arange(len(order))
        at = position[pins]
        span = float((np.maximum.reduceat(at, starts) - np.minimum.reduceat(at, starts)).sum())
        if span < shortest:
            best, shortest = tuple(int(node) for node in order if node < circuit.first_gate), span
    return best


def _sizes(circuit: Circuit) -> list[float]:
    size = [1.0] * circuit.first_gate
    for gate in circuit.gates:
        size.append(sum(size[abs(arg)] for arg in gate.args))
    return size


def _open_gates(circuit: Circuit, order: tuple[int, ...]) -> float:
    place = {node: i for i, node in enumerate(order)}
    spans = {node: (i, i) for node, i in place.items()}
    change = np.zeros(len(order) + 1)
    for i, gate in enumerate(circuit.gates):
        below = [spans[abs(arg)] for arg in gate.args]
        low, high = min(a for a, _ in below), max(b for _, b in below)
        spans[circuit.first_gate + i] = (low, high)
        change[low] += 1
        change[high] -= 1
    return float((np.cumsum(change) ** 2).sum())
