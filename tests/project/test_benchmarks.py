"""Every benchmark runs, small, and gives rows of the table; the runner makes one table of them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__main__", "common"))
pytestmark = pytest.mark.timeout(
    900
)  # kernels are compiled at their first use, on a busy machine for minutes


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Gives the program that runs all benchmarks, as a module."""
    monkeypatch.syspath_prepend(FOLDER)
    spec = importlib.util.spec_from_file_location("benchmarks_runner", FOLDER / "__main__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_says_what_came_out_and_gives_rows(name: str, runner: ModuleType) -> None:
    documents = [json.loads(line) for line in run(f"benchmarks/{name}.py", "--small").splitlines()]
    assert documents
    for document in documents:
        assert document["benchmark"].split("-")[0] == name
        assert {"versions", "machine", "cpus", "load", "date"} <= set(document["about"])
        assert document["rows"]
        for row in [runner.Row(**row) for row in document["rows"]]:
            assert row.threads >= 1
            assert row.ours is None or row.ours > 0
            if row.theirs is None:
                assert any(word in row.note for word in ("budget", "target", "missing")), row
            else:
                assert row.ratio is not None and row.ratio > 0


def test_all_benchmarks_end_in_one_table_with_the_machine_its_load_and_the_date() -> None:
    said = run("benchmarks", "startup", "--small")
    above, table, below = said.strip().split("\n\n")
    assert above.startswith("== startup\n{")
    assert table.split()[:7] == ["what", "ours", "theirs", "ratio", "unit", "threads", "note"]
    assert "import meshlab" in table
    assert f"{os.cpu_count()} CPUs" in below
    assert "load before" in below and "python 3" in below


def test_a_benchmark_that_fails_fails_the_run(runner: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FOLDER", ROOT / "nowhere")
    with pytest.raises(SystemExit, match="des ended with exit code"):
        runner.documents("des", small=True)


def test_the_ratio_says_how_many_times_as_fast(runner: ModuleType) -> None:
    assert runner.Row("a time", 2.0, 6.0, "s").ratio == 3
    assert runner.Row("a rate", 6.0, 2.0, "million/s").ratio == 3
    assert runner.Row("a time, theirs faster", 6.0, 2.0, "s").ratio == pytest.approx(1 / 3)
    assert runner.Row("nothing beside it", 6.0, None, "s").ratio is None


def test_what_is_missing_is_said_in_the_table(runner: ModuleType) -> None:
    rows = [runner.Row("fault trees", None, None, "s", note="missing: SCRAM"), runner.Row("b", 1, 4, "s")]
    head, missing, other = runner.table(rows).splitlines()
    assert missing.endswith("missing: SCRAM")
    assert missing.split()[2:5] == ["-", "-", "-"]
    assert other.split() == ["b", "1", "4", "4", "s", "1"]
    assert head.startswith("what")


def test_make_bench_runs_all_of_them() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\nbench:")[1].split("\n\n")[0]
    assert recipe.strip().endswith("python benchmarks")
