"""Modules: the parts of a circuit that share no event with the rest, so each can be solved on its own."""

from __future__ import annotations

from meshlab.availability.trees.circuit import Circuit


def modules(circuit: Circuit) -> frozenset[int]:
    """Gives the gates whose events appear nowhere outside of them; the top gate is one.

    Notes
    -----
    Two walks, linear in the size of the circuit. The first notes for each node when it was met first and last;
    a gate is a module when everything below it was met between the gate's own first visit and its end.

    References
    ----------
    Dutuit and Rauzy, A linear-time algorithm to find modules of fault trees, IEEE Transactions on Reliability
    45(3), 1996.
    """
    first: dict[int, int] = {}
    left: dict[int, int] = {}
    last: dict[int, int] = {}
    time = 0
    stack: list[tuple[int, bool]] = [(abs(circuit.top), False)]
    while stack:
        node, leaving = stack.pop()
        time += 1
        last[node] = time
        if leaving:
            left[node] = time
            continue
        if node in first:
            continue
        first[node] = time
        if circuit.is_gate(node):
            stack.append((node, True))
            stack.extend((abs(arg), False) for arg in reversed(circuit.gate(node).args))
    low: dict[int, int] = {}
    high: dict[int, int] = {}
    found: set[int] = set()
    for node in sorted(first):
        if not circuit.is_gate(node):
            low[node], high[node] = first[node], last[node]
            continue
        below = [abs(arg) for arg in circuit.gate(node).args]
        lowest, highest = min(low[n] for n in below), max(high[n] for n in below)
        if lowest > first[node] and highest < left[node]:
            found.add(node)
        low[node], high[node] = min(lowest, first[node]), max(highest, last[node])
    return frozenset(found)
