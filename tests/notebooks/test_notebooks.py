"""Every notebook, executed from top to bottom: what is kept is what comes out, and nothing that must not be kept is."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

NAMES = ("01-capacity-planning", "02-guided-bring-up", "03-incident-post-mortem", "04-model-validation")
ROOT = Path(__file__).resolve().parents[2]


def test_there_is_a_notebook_for_each_job_and_for_trust(script: ModuleType) -> None:
    assert tuple(script.names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_what_its_source_says(script: ModuleType, name: str) -> None:
    kept = script.committed(name)
    assert kept is not None
    assert script.source_differences(kept, script.from_source(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_with_its_outputs_and_nothing_that_changes(script: ModuleType, name: str) -> None:
    kept = script.committed(name)
    assert "widgets" not in kept.metadata
    assert any(cell.outputs for cell in kept.cells if cell.cell_type == "code")
    text = json.dumps(kept)
    assert script.WIDGET_VIEW not in text
    assert not re.search(r"/(work|root|home|tmp|Users)/", text), "a path of somebody's machine"
    assert not re.search(r"\b20\d\d-\d\d-\d\dT\d\d:", text), "a time of day"
    assert not [o for c in kept.cells if c.cell_type == "code" for o in c.outputs if o.output_type == "error"]


@pytest.mark.parametrize("name", NAMES)
def test_whoever_reads_a_notebook_before_running_it_sees_every_answer(script: ModuleType, name: str) -> None:
    """A first user found the ranking, the outages and the panels of 03 empty."""
    for cell in script.committed(name).cells:
        if cell.cell_type != "code" or not shows(cell.source):
            continue
        shown = [output for output in cell.outputs if output.get("data", {}).get("text/html", "").strip()]
        assert shown, f"{cell.id} of {name} shows nothing: {cell.source}"


def shows(source: str) -> bool:
    """Whether a cell's last line is something to look at: a table, a picture, a panel."""
    last = source.strip().splitlines()[-1]
    return not re.match(r"(import|from|assert|[\w, ]+ = |\w+ \w+ = )", last) and not last.startswith(
        (" ", ")", "]")
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_says_in_words_what_it_shows(script: ModuleType, name: str) -> None:
    pictures = re.findall(r"<img [^>]*>", json.dumps(outputs_of(script.committed(name))).replace('\\"', '"'))
    assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)
    assert "image/png" not in [kind for o in outputs_of(script.committed(name)) for kind in o.get("data", {})]
    if name in (NAMES[0], NAMES[3]):
        assert len(pictures) >= 5


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("name", NAMES)
def test_prose_is_never_printed(script: ModuleType, name: str) -> None:
    """What is printed is broken within words; a notebook says it in lists and tables."""
    assert [o for o in outputs_of(script.committed(name)) if o["output_type"] == "stream"] == []


@pytest.mark.parametrize("name", NAMES)
def test_headings_of_a_notebook_leave_out_no_level(script: ModuleType, name: str) -> None:
    cells = [cell.source for cell in script.committed(name).cells if cell.cell_type == "markdown"]
    levels = [len(mark) for text in cells for mark in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_what_varies_is_recorded_and_not_compared(script: ModuleType) -> None:
    kept, now = script.committed(NAMES[2]), script.committed(NAMES[2])
    varying = next(c for c in now.cells if c.cell_type == "code" and script.varies(c) and c.outputs)
    varying.outputs = []
    assert script.differences(kept, now) == []
    again = script.with_record(now, kept)
    assert [cell.get("outputs") for cell in again.cells] == [cell.get("outputs") for cell in kept.cells]


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_short(script: ModuleType, name: str) -> None:
    cells = [cell for cell in script.from_source(name).cells if cell.cell_type == "code"]
    assert max(len(cell.source.splitlines()) for cell in cells) < 15


def test_capacity_planning_comes_out_the_same(script: ModuleType, tmp_path: Path) -> None:
    kept = script.committed(NAMES[0])
    assert script.differences(kept, script.run(NAMES[0], tmp_path)) == []


def test_model_validation_comes_out_the_same(script: ModuleType, tmp_path: Path) -> None:
    """With a real etcd of its own; what it measures is told as checks, which hold on any machine."""
    kept = script.committed(NAMES[3])
    assert script.differences(kept, script.run(NAMES[3], tmp_path)) == []


def test_another_output_is_told(script: ModuleType) -> None:
    kept, now = script.committed(NAMES[0]), script.committed(NAMES[0])
    table = next(
        c for c in now.cells if c.cell_type == "code" and "The same questions" in c.source and c.outputs
    )
    table.outputs[0].data["text/html"] = table.outputs[0].data["text/html"].replace("123 min", "124 min")
    assert any("text/html came out another way" in text for text in script.differences(kept, now))
