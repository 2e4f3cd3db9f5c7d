"""The worked examples of docs/contributing.md do what they say, entered in their tables as the text says."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshlab.incident.evidence.readers import table as readers
from meshlab.model.exchange import table as notations
from meshlab.provision import bringup
from meshlab.provision.plan.draft import Draft
from meshlab.provision.systems import operations
from meshlab.provision.systems.kubernetes.planned import kubernetes_steps
from meshlab.simulate.scenario import file as scenario_file
from meshlab.simulate.scenario.kinds import table as kinds

TEXT = (Path(__file__).parents[2] / "docs" / "contributing.md").read_text(encoding="utf-8")


def blocks(heading: str) -> list[dict[str, Any]]:
    """Gives what each Python block under a heading defines."""
    part = TEXT.split(f"### {heading}\n")[1].split("\n### ")[0]
    found = []
    for text in re.findall(r"```python\n(.*?)```", part, re.DOTALL):
        names: dict[str, Any] = {"__name__": "example"}
        exec(compile(text, heading, "exec"), names)
        found.append(names)
    return found


@pytest.fixture
def isolate(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    example, its_test = blocks("A kind of fault")
    monkeypatch.setitem(kinds.KINDS, "isolate", example["Isolate"]())
    importlib.reload(scenario_file)  # its keys are read from the table once
    its_test["parse_scenario"] = scenario_file.parse_scenario
    yield its_test
    monkeypatch.undo()
    importlib.reload(scenario_file)


def test_a_kind_of_fault_is_its_file_and_a_line_in_the_table(isolate: dict[str, Any]) -> None:
    isolate["test_a_master_that_is_cut_off_takes_no_quorum_with_it"]()


def test_a_notation_is_its_file_and_a_line_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, its_test = blocks("A notation of designs")
    monkeypatch.setattr(notations, "IMPORTERS", (example["Hosts"](), *notations.IMPORTERS))
    its_test["test_a_list_of_hosts_joins_the_workers"](tmp_path)


def test_a_step_is_an_operation_and_its_place_in_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation, planned, its_test = blocks("A step of the plan")
    monkeypatch.setitem(operations.OPERATIONS, "kubernetes.quiet", operation["Quiet"])

    def with_the_step(draft: Draft) -> None:
        kubernetes_steps(draft)
        planned["quiet"](draft)

    systems = [
        replace(system, bring_up=with_the_step) if system.name == "kubernetes" else system
        for system in bringup.SYSTEMS
    ]
    monkeypatch.setattr(bringup, "SYSTEMS", tuple(systems))
    its_test["test_a_pod_without_a_place_is_named"](tmp_path)


def test_a_reader_is_its_file_and_a_line_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, its_test = blocks("A reader of evidence")
    monkeypatch.setattr(readers, "READERS", (example["Notes"](), *readers.READERS))
    its_test["test_a_note_is_a_row_at_its_line"](tmp_path)
