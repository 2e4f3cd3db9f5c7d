"""The what-if panel and the plan's pictures without a browser."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ipywidgets import Widget

from meshlab.model import Topology
from meshlab.model.errors import InputError
from meshlab.model.spec import reference
from meshlab.planning.latency import latency
from meshlab.planning.progress import Progress
from meshlab.planning.report import Answers, answers
from meshlab.planning.report.document import plain
from meshlab.planning.report.words import money, years
from meshlab.views.panels.failures import FailurePanel
from meshlab.views.panels.parts.bars import interval_bar
from meshlab.views.panels.parts.later import Later
from meshlab.views.panels.parts.panel import STALE
from meshlab.views.panels.whatif import WhatIfPanel
from meshlab.views.panels.whatif_tables import answer_html, mark, words
from meshlab.views.plots.plan_figures import KINDS, plan_figures
from meshlab.views.plots.plan_files import write_plan
from own_time import PATIENCE_S

ALLOWED_S = 0.5
"""Processor seconds from a moved slider to its answer: five times what is promised, for a busy machine."""


@pytest.fixture(scope="module")
def cluster() -> Topology:
    return reference()


@pytest.fixture(scope="module")
def found(cluster: Topology) -> Answers:
    return answers(cluster, samples=300)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    yield
    Widget.close_all()


def test_a_moved_slider_changes_every_answer_that_it_touches(cluster: Topology) -> None:
    panel = WhatIfPanel(cluster)
    panel.widget()
    growth, months, load, ways, workers = panel._sliders
    first = panel._shown.value
    growth.value = 2.0
    halved = years(panel.base.first.days_left.mid / 2)
    assert halved in panel._shown.value and panel._shown.value != first
    months.value = 120
    assert "within 120 months" in panel._shown.value
    load.value = 600.0
    assert "chain-rpc saturates (chain node)" in panel._shown.value
    ways.value = 80.0
    assert panel.change.distance == pytest.approx(20.0)
    workers.value = 1
    assert f"+{money(panel.answer.total.monthly.mid - panel.base.total.monthly.mid)}" in panel._shown.value
    panel.reset()
    assert panel.answer == panel.base
    assert panel.said() == "the design as it is"


def test_the_sign_is_that_of_the_first_words(cluster: Topology) -> None:
    panel = WhatIfPanel(cluster)
    for turned, sign, first in (
        ({"months": 12}, "●", "Everything fits today."),
        ({}, "▲", "worker-1's memory is used up first"),
        ({"growth": 4.0}, "✖", "worker-1's memory is used up first"),
        ({"load": 600.0}, "✖", "Too slow: chain-rpc saturates"),
    ):
        panel.reset()
        panel.turn(**turned)
        assert (mark(panel.answer), words(panel.answer)[: len(first)]) == (sign, first)
        assert f"{sign} {words(panel.answer)[:12]}" in panel.html().replace("&#x27;", "'")


def test_the_panel_as_it_is_has_the_plans_numbers(cluster: Topology) -> None:
    """What a row of the plan says, the panel says beside its sliders: api-read stood at 7.48 ms, the plan at 4.66."""
    shown = {one.request: one.p50.value for one in WhatIfPanel(cluster).base.requests}
    assert shown["api-read"] == latency(cluster, "api-read").p50.value


def test_sliders_stand_where_a_cell_turned_them(cluster: Topology) -> None:
    panel = WhatIfPanel(cluster)
    panel.widget()
    panel.turn(growth=8.0, load=400.0, distance=2.0, workers=1)
    assert [slider.value for slider in panel._sliders] == [8.0, 24, 400.0, pytest.approx(8.0), 1]
    assert panel.change.growth == 8.0
    panel.reset()
    assert [slider.value for slider in panel._sliders] == [1.0, 24, 0.0, pytest.approx(4.0), 0]
    assert panel._shown.value == answer_html(panel.base, panel.base) and panel.answer == panel.base


def test_a_slider_is_answered_at_once(cluster: Topology) -> None:
    panel = WhatIfPanel(cluster)
    panel.widget()
    panel.turn(workers=1)
    for slider, value in zip(panel._sliders, (3.0, 60, 200.0, 30.0, 2), strict=True):
        start = time.process_time()
        slider.value = value
        assert time.process_time() - start < ALLOWED_S, slider.description


def test_a_toggle_does_not_wait_for_its_picture(cluster: Topology) -> None:
    panel = FailurePanel(cluster)
    panel.widget()
    assert panel.settle()
    drawing, gate = threading.Event(), threading.Event()

    def held(asked: object) -> str:
        drawing.set()
        gate.wait(PATIENCE_S)
        return f"picture of {asked[1]}"  # type: ignore[index]

    panel._pictures = Later(held, panel._show)
    start = time.process_time()
    panel._boxes["master-1"].value = True
    assert time.process_time() - start < ALLOWED_S
    assert "one more loss ends it" in panel._verdicts.value
    assert drawing.wait(PATIENCE_S)
    assert STALE in panel._image._dom_classes
    panel._boxes["master-2"].value = True
    gate.set()
    assert panel.settle()
    assert panel._image.value.startswith("picture of With master-1, master-2 down")
    assert STALE not in panel._image._dom_classes


def test_what_is_overtaken_is_never_drawn() -> None:
    gate, begun, drawn, shown = threading.Event(), threading.Event(), [], []

    def draw(what: int) -> int:
        drawn.append(what)
        begun.set()
        gate.wait(PATIENCE_S)
        return what

    later = Later(draw, shown.append)
    later.ask(1)
    assert begun.wait(PATIENCE_S)
    for what in (2, 3, 4):
        later.ask(what)
    gate.set()
    assert later.settle()
    assert drawn == [1, 4] and shown == [4]


def test_a_picture_that_fails_is_told_and_the_next_one_is_drawn() -> None:
    shown: list[float] = []
    later = Later(lambda what: 1 / what, shown.append)
    later.ask(0)
    with pytest.raises(ZeroDivisionError):
        later.settle()
    later.ask(2)
    assert later.settle()
    assert shown == [0.5]


def test_the_panel_exports_the_plan_of_what_it_shows(cluster: Topology, tmp_path: Path) -> None:
    panel = WhatIfPanel(cluster, tmp_path / "out", design="reference.yaml")
    panel.widget()
    panel.turn(growth=2.0, workers=1)
    page, text = panel.export(samples=200)
    assert page.files[0].read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert page.report == text.report
    shown = page.files[0].read_text(encoding="utf-8")
    assert plain(page.report.subtitle).startswith("reference.yaml, changed: growth x 2, 1 more worker, for ")
    assert "worker-4" in shown
    assert shown.count("data:image/png;base64,") == 5
    assert [path.suffix for path in text.files] == [".md", *[".png"] * 5]
    assert all(path.name in text.files[0].read_text(encoding="utf-8") for path in text.files[1:])


def test_what_cannot_be_written_is_told_in_the_panel(
    cluster: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("")
    panel = WhatIfPanel(cluster, tmp_path / "taken" / "out")
    panel.widget()
    panel._export()
    panel._writer.join(60)
    assert not panel._save.disabled
    assert 'role="alert"' in panel._status.value and "not written" in panel._status.value


def test_an_export_leaves_the_sliders_alone_and_ends_in_links(
    cluster: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = WhatIfPanel(cluster, tmp_path / "out", design="reference.yaml")
    panel.widget()
    gate, begun = threading.Event(), threading.Event()
    export = panel.export

    def held(progress: Progress) -> object:
        progress(3, 20, "availability")
        begun.set()
        assert gate.wait(60)
        return export(200, progress)

    monkeypatch.setattr(panel, "export", held)
    panel._export()
    assert begun.wait(60)
    assert '<progress value="3" max="20"' in panel._status.value and panel._save.disabled
    panel._sliders[0].value = 2.0
    assert panel.change.growth == 2.0
    gate.set()
    panel._writer.join(120)
    for name in ("capacity-plan.html", "capacity-plan.md"):
        assert re.search(f'<a href="[^"]*{re.escape(name)}"', panel._status.value)
    assert not panel._save.disabled


def test_a_plan_goes_to_html_or_markdown_only(found: Answers, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"for example plan\.html"):
        write_plan(found, tmp_path / "plan.pdf")
    with pytest.raises(InputError, match="there is no folder"):
        write_plan(found, tmp_path / "none" / "plan.md")


def test_the_pictures_of_a_plan_are_the_same_each_time(found: Answers) -> None:
    first, again = plan_figures(found, dpi=60), plan_figures(found, dpi=60)
    assert set(first) == {"design", "availability", "latency", "runout", "cost"}
    assert first == again


def test_kinds_of_hops_differ_in_grey() -> None:
    """Lightness, or a hatch, tells every two kinds apart that stand in one bar."""
    from matplotlib.colors import to_rgb

    def look(kind: str) -> tuple[float, str]:
        r, g, b = to_rgb(KINDS[kind][0])
        return 0.2126 * r + 0.7152 * g + 0.0722 * b, KINDS[kind][1]

    kinds = ["network", "quorum", "processor", "queue"]
    for i, a in enumerate(kinds):
        for b in kinds[i + 1 :]:
            assert look(a)[1] != look(b)[1] or abs(look(a)[0] - look(b)[0]) > 0.15


def test_a_bar_beyond_its_edge_says_so() -> None:
    inside = interval_bar(1, 2, 3, ends=(0, 10), said="<two>")
    beyond = interval_bar(11, 12, float("inf"), ends=(0, 10))
    assert "<path" not in inside and "&lt;two&gt;" in inside
    assert "<path" in beyond


def test_the_panel_says_it_without_a_browser(cluster: Topology) -> None:
    told = repr(WhatIfPanel(cluster))
    assert told.startswith("WhatIfPanel of hybrid, for 24 months: the design as it is. worker-1's memory ")
    assert told.startswith(
        "WhatIfPanel of hybrid, for 24 months: the design as it is. worker-1's memory is used up"
    )
    assert "Everything fits today" in told
    bundle = WhatIfPanel(cluster)._repr_mimebundle_()
    assert "meshlab-downtime" in bundle["text/html"]
