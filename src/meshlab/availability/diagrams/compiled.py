"""A circuit compiled to diagrams, one per module: built once, then asked for probabilities as often as one likes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.availability.diagrams.bdd import FALSE_EDGE, TRUE_EDGE, Diagram, Stopped, Store, TooManyNodes
from meshlab.availability.diagrams.grouping import grouped
from meshlab.availability.diagrams.modules import modules
from meshlab.availability.diagrams.ordering import depth_first, orders
from meshlab.availability.trees.circuit import TRUE, Circuit
from meshlab.availability.trees.simplify import simplified

if TYPE_CHECKING:
    import threading

Progress = Callable[[str, int], None]
Solver = Callable[[int, Circuit], tuple[tuple[Diagram, ...], tuple[int, ...]]]
"""Gives one module's diagrams over an order of its events; the module's node, and its circuit."""
_FIRST_BUDGET = 30_000
_STEP = 8
_LARGE = _FIRST_BUDGET * _STEP**3
_FAR_AHEAD = (1.4, 1.2)
"""How many times further than the next an order must have come in the first rounds, to have a large budget at once."""
_SMALL = 24
_CACHE_ENTRIES = 1 / 8
"""For each node. With two das9701 takes a fifth longer, out of the processor's memory; with a sixteenth edfpa14r takes
twelve times as long, working out again what was forgotten."""
_COLLECT_FROM = 1_500_000


@dataclass(frozen=True)
class Part:
    """One module: a diagram over variables that are events (0 to n - 1) or earlier parts (n + its place).

    A part never holds when nothing has failed (its complement is used where it would), so that a cut set of the
    whole is a cut set of a part with the cut sets of its inner parts put in. `monotone` when its form shows that
    it is; see `is_coherent`.
    """

    diagram: Diagram
    variables: tuple[int, ...]
    monotone: bool


@dataclass(frozen=True)
class Compiled:
    """A circuit as parts, inner ones first; the last is the top. `negated` when the top is the last part's no."""

    events: tuple[str, ...]
    parts: tuple[Part, ...]
    negated: bool
    coherent: bool

    @property
    def nodes(self) -> int:
        return sum(part.diagram.nodes for part in self.parts)


@dataclass
class Limits:
    """How much a compilation may use: nodes in one store, and a moment (of `time.monotonic`) to be done by."""

    most_nodes: int = 40_000_000
    deadline: float = float("inf")
    stop: threading.Event | None = None
    progress: Progress | None = None

    def check(self) -> None:
        """Raises `Stopped` when it is time."""
        if time.monotonic() > self.deadline or (self.stop is not None and self.stop.is_set()):
            raise Stopped("the time for this model is over")


def compiled(circuit: Circuit, limits: Limits | None = None) -> Compiled:
    """Gives the circuit's diagrams.

    Raises
    ------
    Stopped
        The deadline passed.
    TooManyNodes
        No order of the variables fits the budget.
    """
    limits = limits or Limits()

    def solve(_: int, core: Circuit) -> tuple[tuple[Diagram, ...], tuple[int, ...]]:
        diagram, order = module_diagram(core, limits)
        return (diagram,), order

    return assembled(circuit, limits, solve)[0]


def assembled(circuit: Circuit, limits: Limits, solve: Solver) -> list[Compiled]:
    """Gives the circuit with every module solved; one answer for each diagram that `solve` gives of a module.

    The events of a module's circuit are named by their nodes; one that is no event of `circuit` is an inner module.
    """
    coherent = is_coherent(circuit)
    split = Split(circuit)
    count = len(circuit.events)
    if split.constant is not None:
        edge = TRUE_EDGE if split.constant else FALSE_EDGE
        return [Compiled(circuit.events, (Part(Store(0).diagram(edge), (), True),), False, coherent)] * 2
    place = {root: count + i for i, root in enumerate(split.roots)}
    parts: list[list[Part]] = []
    for i, root in enumerate(split.roots):
        core = split.core(root)
        diagrams, order = solve(root, core)
        below = [int(core.events[node - 2]) for node in order]
        variables = tuple(node - 2 if node - 2 < count else place[node] for node in below)
        monotone = is_coherent(core)
        parts.append([Part(diagram, variables, monotone) for diagram in diagrams])
        if limits.progress:
            limits.progress(f"module {i + 1} of {len(split.roots)}", diagrams[0].nodes)
    return [Compiled(circuit.events, one, split.negated, coherent) for one in zip(*parts, strict=True)]


class Split:
    """A circuit simplified and taken apart into modules, inner ones first; the last is the top's.

    `constant` is the top's value where it depends on nothing; `negated` says that the top is the last module's no.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._small = grouped(simplified(circuit))
        top = self._small.top
        self.constant = top == TRUE if abs(top) == TRUE else None
        if self.constant is not None:
            self.roots, self.negated = [], False
            return
        self._idle = _when_nothing_failed(self._small)
        self.roots = sorted(modules(self._small) | {abs(top)})
        self._borders = frozenset(self.roots)
        self.negated = (top < 0) != self._idle[abs(top)]

    def core(self, root: int) -> Circuit:
        """Gives a module as a circuit of its own whose events are named by their nodes, inner modules as if events.

        It does not hold when nothing has failed: where the module does, it is its no, and so are inner modules.
        """
        core = _core(self._small, root, self._borders, self._idle)
        return Circuit(core.events, core.gates, -core.top) if self._idle[root] else core


def is_coherent(circuit: Circuit) -> bool:
    """Whether the circuit's form is monotone: no event and no gate is used both ways, and none only negated.

    Sufficient, not necessary: a negation that does not matter is not seen through.
    """
    sign: dict[int, set[bool]] = {abs(circuit.top): {circuit.top > 0}}
    for node in range(circuit.first_gate + len(circuit.gates) - 1, circuit.first_gate - 1, -1):
        gate = circuit.gate(node)
        for way in sign.get(node, ()):
            for arg in gate.args:
                ways = {True, False} if gate.op == "xor" else {(arg > 0) == way}
                sign.setdefault(abs(arg), set()).update(ways)
    return all(ways == {True} for node, ways in sign.items() if 1 < node < circuit.first_gate)


def _when_nothing_failed(circuit: Circuit) -> list[bool]:
    value = [False, True, *(False for _ in circuit.events)]
    for gate in circuit.gates:
        held = sum(value[arg] if arg > 0 else not value[-arg] for arg in gate.args)
        match gate.op:
            case "and":
                value.append(held == len(gate.args))
            case "atleast":
                value.append(held >= gate.k)
            case "xor":
                value.append(held % 2 == 1)
    return value


def _core(circuit: Circuit, root: int, borders: frozenset[int], idle: list[bool]) -> Circuit:
    inside: set[int] = set()
    leaves: dict[int, None] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node in inside or node in leaves:
            continue
        if circuit.is_gate(node) and (node == root or node not in borders):
            inside.add(node)
            stack.extend(abs(arg) for arg in reversed(circuit.gate(node).args))
        else:
            leaves[node] = None
    number = {node: i + 2 for i, node in enumerate(leaves)}
    number |= {node: len(leaves) + 2 + i for i, node in enumerate(sorted(inside))}

    def of(literal: int) -> int:
        node = abs(literal)
        same = (literal > 0) != (node in leaves and circuit.is_gate(node) and idle[node])
        return number[node] if same else -number[node]

    gates = tuple(
        circuit.gate(node)._replace(args=tuple(map(of, circuit.gate(node).args))) for node in sorted(inside)
    )
    return Circuit(tuple(str(node) for node in leaves), gates, number[root])


def module_diagram(core: Circuit, limits: Limits) -> tuple[Diagram, tuple[int, ...]]:
    """Gives one module's diagram and the order of its variables; raises as `compiled` does.

    Tries the candidate orders with a small budget, then the better half of them with a larger one, and so on.

    Better is who came further, in gates, before the budget was spent; of equals, the later candidate, whose
    rank promised less and who came as far. One who is far ahead of the others has a large budget at once.
    """
    if len(core.events) <= _SMALL:  # any order will do: do not think about it
        limits.check()
        walk = depth_first(core)
        try:
            return _built(core, walk, _FIRST_BUDGET, limits), walk
        except TooManyNodes:
            pass
    candidates = orders(core)
    for i, budget in enumerate(_budgets(limits.most_nodes)):
        came = []
        for order in candidates:
            limits.check()
            try:
                return _built(core, order, budget, limits), order
            except TooManyNodes as spent:
                came.append((spent.gates, order))
        came.reverse()
        came.sort(key=lambda one: -one[0])
        if i < len(_FAR_AHEAD) and len(came) > 1 and came[0][0] > _FAR_AHEAD[i] * came[1][0]:
            limits.check()
            try:
                order = came[0][1]
                return _built(core, order, min(_LARGE, limits.most_nodes), limits), order
            except TooManyNodes:
                pass
        keep = len(came) if i == 0 else (len(came) + 1) // 2
        candidates = [order for _, order in came[:keep]]
    raise TooManyNodes(f"no order of the {len(core.events)} variables fits {limits.most_nodes:,} nodes")


def _budgets(most: int) -> Iterator[int]:
    budget = _FIRST_BUDGET
    while budget < most:
        yield budget
        budget *= _STEP
    yield most


def _built(core: Circuit, order: tuple[int, ...], budget: int, limits: Limits) -> Diagram:
    """Builds gate by gate; where the budget is met, what no later gate needs is forgotten and the gate tried again."""
    store = Store(len(order), budget, _CACHE_ENTRIES)
    level = {node: i for i, node in enumerate(order)}
    edges = {node: store.variable(i) for node, i in level.items()}
    uses = Counter(abs(arg) for gate in core.gates for arg in gate.args)
    uses[abs(core.top)] += 1
    collect_at = _COLLECT_FROM

    def of(literal: int) -> int:
        return edges[literal] if literal > 0 else edges[-literal] ^ 1

    with watched(store, limits):
        for i, gate in enumerate(core.gates):
            node = core.first_gate + i
            args = sorted(gate.args, key=lambda arg: -level[abs(arg)])
            level[node] = level[abs(args[-1])]
            try:
                edges[node] = gate_edge(store, gate.op, gate.k, [of(arg) for arg in args])
            except TooManyNodes:
                edges = dict(zip(edges, store.collect(edges.values()), strict=True))
                if 2 * store.nodes > budget:
                    raise TooManyNodes(f"the diagram needs more than {budget:,} nodes", i) from None
                try:
                    edges[node] = gate_edge(store, gate.op, gate.k, [of(arg) for arg in args])
                except TooManyNodes:
                    raise TooManyNodes(f"the diagram needs more than {budget:,} nodes", i) from None
            for arg in gate.args:
                uses[abs(arg)] -= 1
                if not uses[abs(arg)] and core.is_gate(abs(arg)):
                    edges.pop(abs(arg), None)
            if store.nodes > collect_at:
                edges = dict(zip(edges, store.collect(edges.values()), strict=True))
                collect_at = max(_COLLECT_FROM, 2 * store.nodes)
                if limits.progress:
                    limits.progress(f"gate {i + 1} of {len(core.gates)}", store.nodes)
        return store.diagram(of(core.top))


def gate_edge(store: Store, op: str, k: int, args: list[int]) -> int:
    match op:
        case "and":
            held = args[0]
            for arg in args[1:]:
                held = store.both(held, arg)
            return held
        case "xor":
            a, b = args
            return store.either(store.both(a, b ^ 1), store.both(a ^ 1, b))
        case _:
            reached = [TRUE_EDGE] + [FALSE_EDGE] * k
            for arg in args:
                for j in range(k, 0, -1):
                    reached[j] = store.either(reached[j], store.both(arg, reached[j - 1]))
            return reached[k]


class watched:
    """While in it, a timer tells the store to stop at the deadline (its kernels run without the GIL)."""

    def __init__(self, store: Store, limits: Limits) -> None:
        import threading

        self._done = threading.Event()
        self._store, self._limits = store, limits
        self._needed = limits.deadline != float("inf") or limits.stop is not None
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            late = time.monotonic() > self._limits.deadline
            if late or (self._limits.stop is not None and self._limits.stop.is_set()):
                self._store.stop()
                return

    def __enter__(self) -> None:
        if self._needed:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._needed:
            self._thread.join()
