"""Diagrams against every world listed: probability, derivatives, cut sets, Shapley values, bounds."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_circuits import by_listing, circuits, worlds

from meshlab.availability.diagrams import compiled as module
from meshlab.availability.diagrams.bdd import Diagram, Stopped, Store, TooManyNodes
from meshlab.availability.diagrams.compiled import Limits, assembled, compiled, is_coherent
from meshlab.availability.diagrams.grouping import grouped
from meshlab.availability.diagrams.minimal import minimal_cut_sets
from meshlab.availability.diagrams.modules import modules
from meshlab.availability.diagrams.ordering import orders
from meshlab.availability.exact.bounds import _Modules
from meshlab.availability.exact.evaluate import gradient, probabilities
from meshlab.availability.exact.importance import importances, shapley
from meshlab.availability.trees.circuit import Circuit, CircuitBuilder
from meshlab.availability.trees.simplify import simplified

SHARES = st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5)
ANY = st.booleans().flatmap(lambda coherent: circuits(coherent))
FEW = settings(max_examples=60, deadline=None)


def shares(circuit: Circuit, values: list[float]) -> dict[str, float]:
    return dict(zip(circuit.events, values, strict=False))


def column(circuit: Circuit, down: dict[str, float]) -> np.ndarray:
    return np.array([[down[name]] for name in circuit.events])


@FEW
@given(ANY, SHARES)
def test_the_diagrams_give_what_listing_every_world_gives(circuit: Circuit, values: list[float]) -> None:
    down = shares(circuit, values)
    found = probabilities(compiled(circuit), column(circuit, down))[0]
    assert found == pytest.approx(by_listing(circuit, down), abs=1e-12)


@FEW
@given(ANY)
def test_simplifying_and_grouping_change_no_world(circuit: Circuit) -> None:
    small = grouped(simplified(circuit))
    assert all(small.holds(world) == circuit.holds(world) for world in worlds(circuit))


@FEW
@given(ANY, SHARES)
def test_a_derivative_is_the_difference_between_always_and_never_down(
    circuit: Circuit, values: list[float]
) -> None:
    down = shares(circuit, values)
    _, slopes = gradient(compiled(circuit), column(circuit, down))
    for i, name in enumerate(circuit.events):
        difference = by_listing(circuit, {**down, name: 1.0}) - by_listing(circuit, {**down, name: 0.0})
        assert slopes[i, 0] == pytest.approx(difference, abs=1e-12)


@FEW
@given(ANY, SHARES)
def test_the_cut_sets_are_the_smallest_failures_that_bring_the_top(
    circuit: Circuit, values: list[float]
) -> None:
    down = shares(circuit, values)
    true = [world for world in worlds(circuit) if circuit.holds(world)]
    smallest = {world for world in true if not any(other < world for other in true)}
    found = minimal_cut_sets(compiled(circuit))
    listed = list(found.most_probable_first(down))
    assert found.count() == len(listed) == len(smallest)
    assert {frozenset(one.events) for one in listed} == smallest
    assert all(a.probability >= b.probability - 1e-15 for a, b in pairwise(listed))
    assert found.rare_event_sum(down) == pytest.approx(sum(one.probability for one in listed), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(circuits(), SHARES)
def test_shapley_is_the_mean_over_all_orders_of_coming_in(circuit: Circuit, values: list[float]) -> None:
    """The definition by subsets, beside the integral: weight |S|! (n - |S| - 1)! / n!."""
    down = shares(circuit, values)
    n = len(circuit.events)

    def worth(group: tuple[str, ...]) -> float:
        return by_listing(circuit, {name: down[name] if name in group else 0.0 for name in circuit.events})

    found = shapley(compiled(circuit), column(circuit, down)[:, 0])
    for i, name in enumerate(circuit.events):
        others = [other for other in circuit.events if other != name]
        expected = sum(
            factorial(k) * factorial(n - k - 1) / factorial(n) * (worth((*group, name)) - worth(group))
            for k in range(n)
            for group in combinations(others, k)
        )
        assert found[i] == pytest.approx(expected, abs=1e-10)


@FEW
@given(circuits(), SHARES)
def test_every_measure_is_what_its_definition_says(circuit: Circuit, values: list[float]) -> None:
    down = {name: 0.05 + 0.9 * value for name, value in shares(circuit, values).items()}
    total = by_listing(circuit, down)
    found, measures = importances(compiled(circuit), down)
    assert found == pytest.approx(total, abs=1e-12)
    for one in measures:
        never = by_listing(circuit, {**down, one.component: 0.0})
        always = by_listing(circuit, {**down, one.component: 1.0})
        assert one.birnbaum == pytest.approx(always - never, abs=1e-12)
        if total > 0:
            assert one.criticality == pytest.approx(down[one.component] * (always - never) / total, abs=1e-9)
            assert one.fussell_vesely == pytest.approx((total - never) / total, abs=1e-9)
            assert one.raw == pytest.approx(always / total, abs=1e-9)
            assert one.rrw == (pytest.approx(total / never, rel=1e-6) if never > 0 else float("inf"))
    if total > 0:
        assert sum(one.shapley for one in measures) == pytest.approx(1.0)


@FEW
@given(ANY, SHARES, st.integers(1, 4))
def test_the_bounds_hold_however_much_is_rounded(circuit: Circuit, values: list[float], size: int) -> None:
    down = shares(circuit, values)
    lower, upper = assembled(circuit, Limits(), _Modules(column(circuit, down)[:, 0], Limits(), size).pair)
    inside = any(a.diagram is not b.diagram for a, b in zip(lower.parts[:-1], upper.parts[:-1], strict=True))
    if inside and not lower.coherent:
        return
    low, high = sorted(float(probabilities(one, column(circuit, down))[0]) for one in (lower, upper))
    assert low - 1e-12 <= by_listing(circuit, down) <= high + 1e-12


def test_rounding_to_one_node_leaves_a_gap_that_the_bounds_show() -> None:
    builder = CircuitBuilder([f"e{i}" for i in range(8)])
    pairs = [builder.all_of([i + 2, (i + 1) % 8 + 2]) for i in range(8)]
    circuit = builder.circuit(builder.any_of(pairs))
    q = np.full((8, 1), 0.1)
    lower, upper = assembled(circuit, Limits(), _Modules(q[:, 0], Limits(), 3).pair)
    low, high = (float(probabilities(one, q)[0]) for one in (lower, upper))
    assert low < float(probabilities(compiled(circuit), q)[0]) < high


def test_a_part_that_shares_nothing_is_a_module_and_one_that_shares_is_not() -> None:
    builder = CircuitBuilder("abcd")
    a, b, c, d = map(builder.event, "abcd")
    alone, shared = builder.any_of([a, b]), builder.any_of([c, d])
    circuit = builder.circuit(builder.all_of([alone, builder.any_of([shared, c])]))
    found = modules(circuit)
    assert abs(alone) in found
    assert abs(shared) not in found


@FEW
@given(ANY)
def test_every_order_names_every_event_once(circuit: Circuit) -> None:
    small = simplified(circuit)
    for order in orders(small) if small.gates else ():
        assert sorted(order) == sorted(2 + small.events.index(name) for name in small.used_events())


def test_a_negation_makes_a_circuit_incoherent_and_a_dual_gate_does_not() -> None:
    builder = CircuitBuilder("ab")
    a, b = builder.event("a"), builder.event("b")
    assert is_coherent(builder.circuit(builder.any_of([a, b])))
    assert not is_coherent(builder.circuit(builder.all_of([a, -b])))


def test_a_store_that_may_not_grow_says_so_and_stays_whole() -> None:
    store = Store(40, most_nodes=100)
    edges = [store.variable(i) for i in range(40)]
    with pytest.raises(TooManyNodes, match="more than 100 nodes"):
        for i in range(20):
            edges[i + 1] = store.either(store.both(edges[i], edges[39 - i]), edges[i + 1])
    assert store.both(edges[0], edges[0]) == edges[0]


def test_a_deadline_that_has_passed_stops_the_work() -> None:
    builder = CircuitBuilder("abc")
    a, b, c = map(builder.event, "abc")
    circuit = builder.circuit(builder.at_least(2, [a, b, builder.all_of([c, a])]))
    with pytest.raises(Stopped):
        compiled(circuit, Limits(deadline=0.0))


def test_forgetting_what_is_not_needed_keeps_the_rest() -> None:
    store = Store(6)
    edges = [store.variable(i) for i in range(6)]
    kept = store.either(store.both(edges[0], edges[1]), edges[5])
    store.both(store.both(edges[2], edges[3]), edges[4])
    before = store.diagram(kept)
    (after,) = store.collect([kept])
    assert store.nodes == before.nodes
    assert np.array_equal(store.diagram(after).highs, before.highs)


def test_a_falling_function_without_a_negated_edge_is_not_taken_for_a_rising_one() -> None:
    """Its diagram (not a, not b, c) has plain edges only; rounding by branches once put its bounds below it."""
    builder = CircuitBuilder("abc")
    a, b, c = map(builder.event, "abc")
    circuit = builder.circuit(builder.all_of([-a, -b, c]))
    q = np.array([[0.0], [0.0], [1.0]])
    lower, upper = assembled(circuit, Limits(), _Modules(q[:, 0], Limits(), 1).pair)
    low, high = sorted(float(probabilities(one, q)[0]) for one in (lower, upper))
    assert low <= 1.0 <= high


@pytest.mark.parametrize("entries", [1 / 64, 1 / 4, 2.0])
def test_a_cache_of_any_size_gives_the_same_diagram(entries: float) -> None:
    """Pairs far apart in the order: thousands of nodes, of which a small cache forgets most."""
    rng = np.random.default_rng(1)
    pairs = rng.permutation(26).reshape(13, 2)

    def built(store: Store) -> int:
        edge = 0
        for a, b in pairs:
            edge = store.either(edge, store.both(store.variable(int(a)), store.variable(int(b))))
        return edge

    store, roomy = Store(26, entries=entries), Store(26)
    ours, theirs = store.diagram(built(store)), roomy.diagram(built(roomy))
    assert ours.nodes > 500 and ours.root == theirs.root
    for mine, its in zip(
        (ours.levels, ours.lows, ours.highs), (theirs.levels, theirs.lows, theirs.highs), strict=True
    ):
        assert np.array_equal(mine, its)


def test_an_order_far_ahead_of_the_others_has_a_large_budget_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The orders are stood in for: one comes half as far again as the others, and fits a large budget only."""
    builder = CircuitBuilder([f"e{i}" for i in range(30)])
    events = [builder.event(f"e{i}") for i in range(30)]
    circuit = builder.circuit(builder.at_least(2, [*events[:20], builder.all_of(events[15:])]))
    tried: list[tuple[int, int]] = []

    def built(core: Circuit, order: tuple[int, ...], budget: int, limits: Limits) -> Diagram:
        ahead = order == there[-1]
        tried.append((there.index(order), budget))
        if not ahead or budget < 10_000_000:
            raise TooManyNodes("as if", 150 if ahead else 100)
        return Store(len(order)).diagram(0)

    there = orders(circuit)
    assert len(there) > 1
    monkeypatch.setattr(module, "_built", built)
    monkeypatch.setattr(module, "orders", lambda core: there)
    _, order = module.module_diagram(circuit, Limits())
    assert order == there[-1]
    assert tried == [*((i, 30_000) for i in range(len(there))), (len(there) - 1, 15_360_000)]
