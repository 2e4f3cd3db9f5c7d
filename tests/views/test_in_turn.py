"""Two threads at one panel: a browser's messages may arrive so, and no answer may stand beside another's question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from ipywidgets import Widget

from meshlab.model import Topology
from meshlab.model.spec import data_file, reference
from meshlab.planning.whatif import Change
from meshlab.simulate import simulate
from meshlab.validation.stored import compared
from meshlab.views.panels import scenarios as scenario_panel
from meshlab.views.panels.failures import FailurePanel
from meshlab.views.panels.parts.later import Later
from meshlab.views.panels.parts.panel import STALE
from meshlab.views.panels.scenarios import Question, ScenarioPanel
from meshlab.views.panels.validation import ValidationPanel
from meshlab.views.panels.whatif import WhatIfPanel

PATIENCE_S = 60.0
"""For what is waited for; nothing here counts on being quick."""


@pytest.fixture(scope="module")
def cluster() -> Topology:
    return reference()


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    yield
    Widget.close_all()


def at_once(*acts: Callable[[], object]) -> None:
    """Does things in threads of their own, which all begin together, and raises what any of them raised."""
    start, raised = threading.Barrier(len(acts)), []

    def work(act: Callable[[], object]) -> None:
        start.wait(PATIENCE_S)
        try:
            act()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


def test_the_numbers_of_a_scenario_never_stand_under_another_ones_name(
    cluster: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a first user saw: two scenarios chosen one after the other, whose callbacks ran in two threads."""
    files = [data_file(f"scenarios/{name}.yaml") for name in ("lose-two-masters", "lose-zone")]
    alone = ScenarioPanel(cluster, files, "lose-zone", replicates=5).table()
    panel = ScenarioPanel(cluster, files, "lose-zone", replicates=2)
    panel.widget()
    begun, gate = threading.Event(), threading.Event()

    def slow(*args: object, **named: object) -> object:
        if not begun.is_set():
            begun.set()
            assert gate.wait(PATIENCE_S)
        return simulate(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(scenario_panel, "simulate", slow)
    which, many = panel._whole.children[1].children[:2]

    def first() -> None:
        which.value = "lose-two-masters"

    def second() -> None:
        many.value = 5
        which.value = "lose-zone"

    one = threading.Thread(target=first)
    one.start()
    assert begun.wait(PATIENCE_S)
    two = threading.Thread(target=second)
    two.start()
    two.join(PATIENCE_S)
    assert not two.is_alive(), "the second choice waits for the first one's answer"
    assert STALE in panel._table._dom_classes and "simulating lose-zone, 5 histories" in panel._status.value
    gate.set()
    one.join(PATIENCE_S)
    assert panel.settle()
    assert panel.answer.question == panel.asked == Question("lose-zone", 5)
    assert panel._table.value == alone
    assert "lose-zone simulated" in panel._status.value
    assert "Typical history of lose-zone" in panel._lanes.value


def test_an_overtaken_answer_is_never_shown() -> None:
    shown: list[int] = []
    gate, begun = threading.Event(), threading.Event()

    def work(what: int) -> int:
        begun.set()
        assert gate.wait(PATIENCE_S)
        return what

    later = Later(work, shown.append)
    later.ask(1)
    assert begun.wait(PATIENCE_S)
    later.ask(2)
    gate.set()
    assert later.settle(PATIENCE_S)
    assert shown == [2]


def test_two_sliders_moved_at_once_are_both_in_the_answer(cluster: Topology) -> None:
    panel = WhatIfPanel(cluster)
    panel.widget()
    growth, _, load, _, workers = panel._sliders
    for turn in range(1, 6):
        at_once(
            lambda turn=turn: setattr(growth, "value", 1.0 + 0.1 * turn),
            lambda turn=turn: setattr(load, "value", 20.0 * turn),
            lambda turn=turn: setattr(workers, "value", turn % 3),
        )
        assert panel.change == Change(pytest.approx(1.0 + 0.1 * turn), 20.0 * turn, 1.0, turn % 3)
        assert panel.answer == panel.quick(panel.change, panel.horizon)


def test_toggles_in_two_threads_leave_the_verdicts_of_what_is_down(cluster: Topology) -> None:
    panel = FailurePanel(cluster)
    panel.widget()
    names = ["master-1", "master-2", "worker-1", "worker-2"]
    at_once(*(lambda name=name: setattr(panel._boxes[name], "value", True) for name in names))
    assert panel.settle()
    assert panel.down == tuple(names)
    assert panel.states == FailurePanel(cluster, names).states
    assert f"With {', '.join(names)} down" in panel._verdicts.value
    assert f'alt="With {", ".join(names)} down' in panel._image.value


def test_a_cell_and_a_quantity_chosen_in_two_threads_are_shown_together() -> None:
    cells = compared()
    names = ["vault-3-kill-leadership-delay0", "mesh-partition-200s-delay0"]
    panel = ValidationPanel({name: cells[name] for name in names}, names[0])
    panel.widget()
    assert panel.settle()
    at_once(
        lambda: setattr(panel._which, "value", names[1]),
        lambda: setattr(panel._what, "value", panel._what.options[-1][1]),
    )
    assert panel.settle()
    assert panel.shown.question == panel.asked
    assert (panel._which.value, panel._what.value) == (panel.asked.cell, panel.asked.quantity)
    assert panel.table() == panel._table.value
