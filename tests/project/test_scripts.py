"""Every script runs, small, and finds nothing to mend."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import needs

ROOT = Path(__file__).parents[2]
SMALL_RUN = {
    "busy": (sys.executable, "-c", ""),
    "notebooks": ("check",),
    "protoc": ("--check",),
    "rooms": ("--check",),
    "sbom": (),
    "validation": ("check",),
}
"""What each script is asked to do here: to compare what it would write with what is there, or next to nothing."""
NEED_THE_INDEX = {"lock": "lock:", "wheel_check": "wheel-check:"}
"""Scripts that take a package index, and the target of the Makefile that runs them; here they are loaded only."""
CELL = "etcd-3-kill-leadership-100-1000-delay0"


def test_every_script_has_a_small_run() -> None:
    there = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert {*SMALL_RUN, *NEED_THE_INDEX} == there, (
        "say in SMALL_RUN what a new script is asked to do in the tests"
    )


@pytest.mark.parametrize("name", SMALL_RUN)
def test_what_a_script_writes_is_what_is_there(name: str) -> None:
    if name == "sbom":
        needs.package("hatchling", "hatchling")
    command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *SMALL_RUN[name]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def script(name: str) -> ModuleType:
    """Gives a script as a module."""
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NEED_THE_INDEX)
def test_a_script_that_takes_the_index_can_be_loaded(name: str) -> None:
    assert callable(script(name).main)
    assert f"\n{NEED_THE_INDEX[name]}" in (ROOT / "Makefile").read_text()


def test_only_the_notebook_that_differs_is_said_to_differ(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notebooks = script("notebooks")
    monkeypatch.setattr(notebooks, "names", lambda: ["one", "two"])
    monkeypatch.setattr(notebooks, "committed", lambda name: name)
    monkeypatch.setattr(notebooks, "from_source", lambda name: name)
    monkeypatch.setattr(notebooks, "source_differences", lambda kept, source: ["cell-01"] * (kept == "one"))
    assert notebooks.main(["check"]) == 1
    assert capsys.readouterr().out.splitlines() == ["one: differs", "two: ok"]


def test_the_simulated_side_of_a_cell_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validation = script("validation")
    before = json.loads((validation.DATA / f"{CELL}.json").read_text())
    shutil.copy(validation.DATA / f"{CELL}.json", tmp_path)
    monkeypatch.setattr(validation, "DATA", tmp_path)
    validation.simulate([CELL])
    after = json.loads((tmp_path / f"{CELL}.json").read_text())
    assert after["setting"] == before["setting"]
    assert after["real"] == before["real"]
    assert set(after) == set(before)
