"""The model counter's formula and process, and what is answered where diagrams are too large."""

from __future__ import annotations

import time
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_circuits import by_listing, circuits

import needs
from meshlab.availability.diagrams.bdd import Stopped, TooManyNodes
from meshlab.availability.diagrams.compiled import Limits, Split, compiled
from meshlab.availability.exact import counting, solve
from meshlab.availability.exact.counting import Formula, counted, formula
from meshlab.availability.exact.evaluate import probabilities
from meshlab.availability.trees.circuit import Circuit, CircuitBuilder
from meshlab.availability.trees.fault_tree import FaultTree
from meshlab.availability.trees.open_psa.read import read_open_psa
from meshlab.model.errors import MeshlabError
from own_time import PATIENCE_S

ANY = st.one_of(circuits(), circuits(coherent=False))


def ring(pairs: int) -> Circuit:
    """Each event with its next: too many nodes for a budget of ten, easy for everything else."""
    builder = CircuitBuilder([f"e{i}" for i in range(pairs)])
    events = [builder.event(f"e{i}") for i in range(pairs)]
    return builder.circuit(builder.any_of([builder.all_of([a, b]) for a, b in pairwise(events)]))


def tangle(events: int, sets: int) -> Circuit:
    """Random triples: no order and no decomposition is narrow, so that a counter takes minutes."""
    rng = np.random.default_rng(3)
    builder = CircuitBuilder([f"e{i}" for i in range(events)])
    literal = [builder.event(f"e{i}") for i in range(events)]
    chosen = [rng.choice(events, 3, replace=False) for _ in range(sets)]
    return builder.circuit(builder.any_of([builder.all_of([literal[i] for i in one]) for one in chosen]))


def satisfied(made: Formula, events: int, world: tuple[bool, ...]) -> bool:
    """Whether the events' values satisfy the formula: what they imply is worked out, and must be everything."""
    value = {i + 1: held for i, held in enumerate(world)}
    changed = True
    while changed:
        changed = False
        for clause in made.clauses:
            open_ = [one for one in clause if abs(one) not in value]
            if any(value.get(abs(one)) == (one > 0) for one in clause):
                continue
            if not open_:
                return False
            if len(open_) == 1:
                value[abs(open_[0])] = open_[0] > 0
                changed = True
    assert len(value) == made.variables
    return True


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ANY)
def test_a_formula_holds_in_the_worlds_in_which_its_circuit_does(circuit: Circuit) -> None:
    split = Split(circuit)
    for root in split.roots:
        core = split.core(root)
        made = formula(core)
        for world in product((False, True), repeat=len(core.events)):
            failed = [name for name, lost in zip(core.events, world, strict=True) if lost]
            assert satisfied(made, len(core.events), world) == core.holds(failed)


@pytest.mark.parametrize("k", range(1, 6))
def test_at_least_k_of_five_holds_where_k_do(k: int) -> None:
    made = Formula(5)
    made.clauses.append([made.at_least(k, [1, 2, 3, 4, 5])])
    for world in product((False, True), repeat=5):
        assert satisfied(made, 5, world) == (sum(world) >= k)


@pytest.fixture
def only_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    needs.package("pyganak", "pyganak")

    def too_many(*_: object) -> None:
        raise TooManyNodes("as if")

    monkeypatch.setattr(counting, "module_diagram", too_many)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(ANY, st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5))
def _counts(circuit: Circuit, values: list[float]) -> None:
    down = dict(zip(circuit.events, values, strict=False))
    assert counted(circuit, down, Limits()) == pytest.approx(by_listing(circuit, down), abs=1e-12)


@pytest.mark.usefixtures("only_counter")
def test_the_counter_gives_what_listing_every_world_gives() -> None:
    _counts()


@pytest.mark.parametrize("name", ["das9201", "das9205", "edf9205", "isp9602", "isp9607"])
def test_the_counter_gives_what_the_diagrams_of_published_models_give(
    name: str, aralia: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.package("pyganak", "pyganak")
    monkeypatch.setattr(counting, "_EASY_NODES", 40)
    asked: list[int] = []
    by_counter = counting._counted

    def told(core: Circuit, q: list[float], limits: Limits) -> float:
        asked.append(len(core.events))
        return by_counter(core, q, limits)

    monkeypatch.setattr(counting, "_counted", told)
    tree = read_open_psa(aralia / f"{name}.xml")
    down = {event: chance.mean for event, chance in tree.events.items()}
    circuit = tree.circuit()
    exact = probabilities(compiled(circuit), np.array([[down[event]] for event in circuit.events]))[0]
    assert counted(circuit, down, Limits()) == pytest.approx(float(exact), rel=1e-12)
    assert max(asked, default=0) > 24, "nothing was left for the counter"


@pytest.mark.usefixtures("only_counter")
def test_the_counter_gives_rare_events_to_all_digits() -> None:
    circuit = ring(30)
    down = dict.fromkeys(circuit.events, 1e-7)
    exact = float(probabilities(compiled(circuit), np.full((30, 1), 1e-7))[0])
    assert counted(circuit, down, Limits()) == pytest.approx(exact, rel=1e-13)


@pytest.mark.usefixtures("only_counter")
def test_a_formula_that_fits_into_no_pipe_reaches_the_counter_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the counter's place, slow to begin: what says how many weights it was given."""
    (tmp_path / "tells_how_many.py").write_text(
        "import json, sys, time; time.sleep(0.5); print(len(json.load(sys.stdin)['q']))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(counting, "WORKER", "tells_how_many")
    assert counted(ring(5_000), {}, Limits()) == 5_000


@pytest.mark.usefixtures("only_counter")
def test_a_wide_gate_does_not_make_a_narrow_formula_wide() -> None:
    """Neighbours in a row of 120; by hand, step by step: nobody beside one who is down is down."""
    q = 1e-3
    up, down = 1.0, 0.0
    for _ in range(120):
        up, down = (up + down) * (1 - q), up * q
    circuit = ring(120)
    assert max(len(clause) for clause in formula(circuit).clauses) <= 21
    found = counted(circuit, dict.fromkeys(circuit.events, q), Limits(deadline=time.monotonic() + PATIENCE_S))
    assert found == pytest.approx(1 - (up + down), rel=1e-9)


@pytest.mark.usefixtures("only_counter")
def test_a_counter_that_takes_too_long_is_ended_with_its_process() -> None:
    circuit = tangle(120, 260)
    with pytest.raises(Stopped):
        counted(circuit, dict.fromkeys(circuit.events, 0.3), Limits(deadline=time.monotonic() + 1.5))
    assert not [one for one in psutil.Process().children() if "counter_process" in " ".join(one.cmdline())]


@pytest.mark.usefixtures("only_counter")
def test_a_counter_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "WORKER", "meshlab.availability.no_such_process")
    with pytest.raises(counting.CounterFailed, match="no_such_process"):
        counted(ring(6), {}, Limits())


TREE = """<opsa-mef><define-fault-tree name="t"><define-gate name="top"><or>{pairs}</or></define-gate>
</define-fault-tree><model-data>{events}</model-data></opsa-mef>"""


@pytest.fixture
def tree(tmp_path) -> FaultTree:  # type: ignore[no-untyped-def]
    """All pairs of ten events, and a chain of thirty more: not one module, not a diagram of ten nodes."""
    names = [f"e{i}" for i in range(30)]
    both = [*combinations(names[:6], 2), *pairwise(names)]
    pairs = "".join(f'<and><basic-event name="{a}"/><basic-event name="{b}"/></and>' for a, b in both)
    events = "".join(
        f'<define-basic-event name="{n}"><float value="0.01"/></define-basic-event>' for n in names
    )
    file = tmp_path / "tree.xml"
    file.write_text(TREE.format(pairs=pairs, events=events))
    return read_open_psa(file)


def test_what_no_diagram_holds_is_counted_and_must_lie_within_the_bounds(
    tree: FaultTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs.package("pyganak", "pyganak")
    monkeypatch.setattr(counting, "_EASY_NODES", 10)
    exact = solve.solve(tree)
    answer = solve.solve(tree, timeout=PATIENCE_S, most_nodes=10)
    assert (exact.status, answer.status) == ("exact", "exact, probability only")
    assert answer.probability == pytest.approx(exact.probability, rel=1e-12)
    assert answer.to_dict()["importance"] == []
    monkeypatch.setattr(solve, "counted", lambda *_: 2.0)
    with pytest.raises(MeshlabError, match="outside of the proven bounds"):
        solve.solve(tree, timeout=PATIENCE_S, most_nodes=10)


def test_without_a_counter_bounds_are_given_and_how_to_get_one(
    tree: FaultTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solve, "installed", lambda: False)
    answer = solve.solve(tree, timeout=PATIENCE_S, most_nodes=10)
    assert answer.status == "bounds"
    assert "meshlab[counting]" in answer.to_dict()["note"]


def test_a_counter_without_an_answer_leaves_the_bounds_and_says_so(
    tree: FaultTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> float:
        raise counting.CounterFailed("the model counter ended without an answer: killed")

    monkeypatch.setattr(solve, "installed", lambda: True)
    monkeypatch.setattr(solve, "counted", failing)
    answer = solve.solve(tree, timeout=PATIENCE_S, most_nodes=10)
    assert (answer.status, answer.note) == ("bounds", "the model counter ended without an answer: killed")
