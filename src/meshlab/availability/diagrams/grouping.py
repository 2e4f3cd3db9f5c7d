"""More modules: the arguments of a gate that nothing else uses are gathered under a gate of their own."""

from __future__ import annotations

from collections import Counter

from meshlab.availability.diagrams.modules import modules
from meshlab.availability.trees.circuit import Circuit, CircuitBuilder


def grouped(circuit: Circuit) -> Circuit:
    """Gives a circuit of the same function in which private arguments of a conjunction form a module.

    An argument is private when its gate is its only user and it shares no event with anything else (an event, or
    a module). Twenty events that only one gate knows cost the diagram twenty levels; as a module they cost one.
    """
    alone = modules(circuit)
    users = Counter(abs(arg) for gate in circuit.gates for arg in gate.args)
    users[abs(circuit.top)] += 1
    builder = CircuitBuilder(circuit.events)
    now = {node: node for node in range(1, circuit.first_gate)}

    def of(literal: int) -> int:
        return now[literal] if literal > 0 else -now[-literal]

    for i, gate in enumerate(circuit.gates):
        node = circuit.first_gate + i
        match gate.op:
            case "and":
                private = {
                    arg
                    for arg in gate.args
                    if users[abs(arg)] == 1 and (not circuit.is_gate(abs(arg)) or abs(arg) in alone)
                }
                if 1 < len(private) < len(gate.args):
                    group = builder.all_of(of(arg) for arg in gate.args if arg in private)
                    now[node] = builder.all_of([group, *(of(arg) for arg in gate.args if arg not in private)])
                else:
                    now[node] = builder.all_of(map(of, gate.args))
            case "atleast":
                now[node] = builder.at_least(gate.k, map(of, gate.args))
            case "xor":
                now[node] = builder.xor(*map(of, gate.args))
    return builder.circuit(of(circuit.top), circuit.name)
