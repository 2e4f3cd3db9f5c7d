"""No collection of the whole heap falls into an answer of a panel."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from ipywidgets import Widget

from meshlab.model.spec import reference
from meshlab.views.panels import failures as failure_panel
from meshlab.views.panels import whatif as whatif_panel
from meshlab.views.panels.failures import FailurePanel
from meshlab.views.panels.parts.heap import set_aside
from meshlab.views.panels.whatif import WhatIfPanel


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    yield
    Widget.close_all()


def walked() -> int:
    """How many objects a full collection would walk now."""
    return len(gc.get_objects())


def test_a_collection_meanwhile_walks_only_what_is_made_meanwhile() -> None:
    before = walked()
    assert before > 10_000
    with set_aside():
        mine = [[k] for k in range(500)]
        assert len(mine) <= walked() < 5_000
    assert walked() > 0.9 * before


def test_what_was_set_aside_is_still_collected_afterwards() -> None:
    class Ring:
        pass

    one = Ring()
    one.itself = one  # type: ignore[attr-defined]
    with set_aside():
        del one
        assert not any(isinstance(x, Ring) for x in gc.get_objects())
    gc.collect()
    assert not any(isinstance(x, Ring) for x in gc.get_objects())


def test_an_error_meanwhile_gives_the_heap_back() -> None:
    with pytest.raises(ZeroDivisionError), set_aside():
        1 / 0  # noqa: B018
    assert gc.get_freeze_count() == 0


def test_a_heap_that_the_program_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        with set_aside():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_a_slider_and_a_toggle_are_answered_with_the_heap_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}
    answer_html, standing = whatif_panel.answer_html, failure_panel.standing

    def slider(*args: object, **named: object) -> str:
        seen["slider"] = walked()
        return answer_html(*args, **named)  # type: ignore[arg-type]

    def toggle(*args: object) -> object:
        seen["toggle"] = walked()
        return standing(*args)  # type: ignore[arg-type]

    panel, failures = WhatIfPanel(reference()), FailurePanel(reference())
    panel.widget()
    monkeypatch.setattr(whatif_panel, "answer_html", slider)
    monkeypatch.setattr(failure_panel, "standing", toggle)
    whole = walked()
    panel._sliders[2].value = 100.0
    failures.set("master-1", True)
    assert max(seen.values()) < whole / 4, (seen, whole)
