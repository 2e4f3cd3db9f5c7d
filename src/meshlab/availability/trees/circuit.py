"""A fault tree as a circuit of signed gates: the one form that every engine here works on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

TRUE = 1
FALSE = -1

Op = Literal["and", "atleast", "xor"]


class Gate(NamedTuple):
    """One gate: `op` over signed arguments; `k` is the threshold of "atleast" and 0 for the others."""

    op: Op
    k: int
    args: tuple[int, ...]


@dataclass(frozen=True)
class Circuit:
    """A Boolean function of basic events: `top` holds when the undesired thing happens.

    A literal is a node's number, negative where the node is negated. Node 1 is the constant true, the nodes from
    2 on are the events in their order, those after them the gates; a gate speaks of lower numbers only. There is
    no "or": it is an "and" of negations, negated (so a gate and its dual are one gate).
    """

    events: tuple[str, ...]
    gates: tuple[Gate, ...]
    top: int
    name: str = "top"

    @cached_property
    def first_gate(self) -> int:
        return len(self.events) + 2

    def gate(self, node: int) -> Gate:
        return self.gates[node - self.first_gate]

    def is_gate(self, node: int) -> bool:
        return node >= self.first_gate

    def used_events(self) -> tuple[str, ...]:
        """Gives the events that the top depends on, in the order of `events`."""
        seen = {abs(arg) for gate in self.gates for arg in gate.args} | {abs(self.top)}
        return tuple(name for i, name in enumerate(self.events) if i + 2 in seen)

    def holds(self, failed: Iterable[str]) -> bool:
        """Whether the top holds when exactly these events do: one walk, the readable twin of the diagrams."""
        lost = set(failed)
        value = [False, True, *(name in lost for name in self.events)]

        def of(literal: int) -> bool:
            return value[literal] if literal > 0 else not value[-literal]

        for gate in self.gates:
            count = sum(map(of, gate.args))
            match gate.op:
                case "and":
                    value.append(count == len(gate.args))
                case "atleast":
                    value.append(count >= gate.k)
                case "xor":
                    value.append(count % 2 == 1)
        return of(self.top)


class CircuitBuilder:
    """Builds a circuit from the events up; equal gates become one, constants and repeats go at once."""

    def __init__(self, events: Sequence[str]) -> None:
        self.events = tuple(events)
        self._literal = {name: i + 2 for i, name in enumerate(self.events)}
        self._gates: list[Gate] = []
        self._known: dict[Gate, int] = {}

    def event(self, name: str) -> int:
        return self._literal[name]

    def all_of(self, literals: Iterable[int]) -> int:
        args = dict.fromkeys(literal for literal in literals if literal != TRUE)
        if FALSE in args or any(-literal in args for literal in args):
            return FALSE
        if not args:
            return TRUE
        return next(iter(args)) if len(args) == 1 else self._gate("and", 0, args)

    def any_of(self, literals: Iterable[int]) -> int:
        return -self.all_of(-literal for literal in literals)

    def at_least(self, k: int, literals: Iterable[int]) -> int:
        """Gives "k of these hold"; a literal that is named twice counts twice."""
        args = list(literals)
        k -= args.count(TRUE)
        args = [literal for literal in args if literal not in (TRUE, FALSE)]
        if k <= 0:
            return TRUE
        if k > len(args):
            return FALSE
        if k == 1:
            return self.any_of(args)
        return self.all_of(args) if k == len(args) else self._gate("atleast", k, args)

    def xor(self, a: int, b: int) -> int:
        """Gives "one of the two holds, and not both"."""
        sign = 1 if (a > 0) == (b > 0) else -1
        low, high = sorted((abs(a), abs(b)))
        if low == high:
            return FALSE * sign
        if low == TRUE:
            return -high * sign
        return self._gate("xor", 0, [low, high]) * sign

    def _gate(self, op: Op, k: int, args: Iterable[int]) -> int:
        gate = Gate(op, k, tuple(args))
        same = gate._replace(args=tuple(sorted(gate.args)))
        if same not in self._known:
            self._gates.append(gate)
            self._known[same] = len(self.events) + 1 + len(self._gates)
        return self._known[same]

    def circuit(self, top: int, name: str = "top") -> Circuit:
        return Circuit(self.events, tuple(self._gates), top, name)
