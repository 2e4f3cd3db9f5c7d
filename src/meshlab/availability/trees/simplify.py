"""A smaller circuit of the same function: chains of like gates become one gate, what nothing needs goes."""

from __future__ import annotations

from collections import Counter

from meshlab.availability.trees.circuit import Circuit, CircuitBuilder


def simplified(circuit: Circuit) -> Circuit:
    """Gives a circuit of the same function without chains, unused gates and repeats of one gate.

    A conjunction inside a conjunction (and so a disjunction inside a disjunction) is merged where it has no other
    user, or where it is small: it is the only step here that could cost sharing. Done again until nothing changes.
    """
    while True:
        smaller = _once(circuit)
        if smaller.gates == circuit.gates and smaller.top == circuit.top:
            return smaller
        circuit = smaller


def _once(circuit: Circuit) -> Circuit:
    needed = _needed(circuit)
    users = Counter(
        abs(arg) for node in needed if circuit.is_gate(node) for arg in set(circuit.gate(node).args)
    )
    users[abs(circuit.top)] += 1
    builder = CircuitBuilder(circuit.events)
    now: dict[int, int] = {node: node for node in range(1, circuit.first_gate)}
    parts: dict[int, tuple[int, ...]] = {}

    def of(literal: int) -> int:
        return now[literal] if literal > 0 else -now[-literal]

    for node in needed:
        if not circuit.is_gate(node):
            continue
        gate = circuit.gate(node)
        match gate.op:
            case "and":
                flat: list[int] = []
                for arg in gate.args:
                    merge = arg in parts and users[arg] == 1
                    flat.extend(parts[arg] if merge else [of(arg)])
                parts[node] = tuple(flat)
                now[node] = builder.all_of(flat)
            case "atleast":
                now[node] = builder.at_least(gate.k, map(of, gate.args))
            case "xor":
                now[node] = builder.xor(*map(of, gate.args))
    built = builder.circuit(of(circuit.top), circuit.name)
    return without_unused(built)


def without_unused(circuit: Circuit) -> Circuit:
    """Gives the circuit with only the gates that the top needs; the events stay, so that numbers stay."""
    needed = [node for node in _needed(circuit) if circuit.is_gate(node)]
    if len(needed) == len(circuit.gates):
        return circuit
    number = {node: node for node in range(1, circuit.first_gate)}
    number |= {node: circuit.first_gate + i for i, node in enumerate(needed)}

    def of(literal: int) -> int:
        return number[literal] if literal > 0 else -number[-literal]

    gates = []
    for node in needed:
        gate = circuit.gate(node)
        gates.append(gate._replace(args=tuple(map(of, gate.args))))
    return Circuit(circuit.events, tuple(gates), of(circuit.top), circuit.name)


def _needed(circuit: Circuit) -> list[int]:
    """Gives the nodes that the top needs, children before parents."""
    wanted = {abs(circuit.top)}
    for node in range(circuit.first_gate + len(circuit.gates) - 1, circuit.first_gate - 1, -1):
        if node in wanted:
            wanted.update(map(abs, circuit.gate(node).args))
    return sorted(wanted)
