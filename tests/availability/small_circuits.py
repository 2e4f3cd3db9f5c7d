"""What the availability tests share: random circuits, and every world listed as the second way to a number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from hypothesis import strategies as st

from meshlab.availability.trees.circuit import Circuit, CircuitBuilder


@st.composite
def circuits(draw: st.DrawFn, coherent: bool = True) -> Circuit:
    """Circuits of at most five events and six gates; events and gates are shared freely."""
    names = [f"e{i}" for i in range(draw(st.integers(1, 5)))]
    builder = CircuitBuilder(names)
    pool = [builder.event(name) for name in names]
    for _ in range(draw(st.integers(1, 6))):
        sign = st.just(1) if coherent else st.sampled_from((1, 1, -1))
        args = [draw(st.sampled_from(pool)) * draw(sign) for _ in range(draw(st.integers(1, 4)))]
        kind = draw(
            st.sampled_from(("and", "or", "atleast") if coherent else ("and", "or", "atleast", "xor"))
        )
        if kind == "and":
            pool.append(builder.all_of(args))
        elif kind == "or" or (kind == "xor" and len(args) < 2):
            pool.append(builder.any_of(args))
        elif kind == "atleast":
            pool.append(builder.at_least(draw(st.integers(1, len(args))), args))
        else:
            pool.append(builder.xor(args[0], args[1]))
    return builder.circuit(pool[-1])


def worlds(circuit: Circuit) -> Iterator[frozenset[str]]:
    for up in product((False, True), repeat=len(circuit.events)):
        yield frozenset(name for name, lost in zip(circuit.events, up, strict=True) if lost)


def by_listing(circuit: Circuit, down: dict[str, float]) -> float:
    """The top's probability, summed over every world."""
    return sum(
        prod(down[name] if name in world else 1 - down[name] for name in circuit.events)
        for world in worlds(circuit)
        if circuit.holds(world)
    )
