"""The project's own files: packaging, environment, layering, import time."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import needs

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_environment_yml_installs_what_is_locked() -> None:
    from ruamel.yaml import YAML

    environment = YAML(typ="safe").load((ROOT / "environment.yml").read_text())
    [pip] = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert pip == ["-r locks/dev.txt"]
    assert f"python{PYPROJECT['project']['requires-python']},<3.15" in environment["dependencies"]


def test_every_data_file_and_every_file_that_is_no_code_has_an_origin() -> None:
    page = (ROOT / "data/README.md").read_text()
    named = [
        name for row in re.findall(r"(?m)^\| (`[^|]*) \|", page) for name in re.findall(r"`([^`]*)`", row)
    ]
    for folder in ("data", "src/meshlab"):
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT / folder)
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
                assert any(inside.match(name) for name in named), f"{inside} has no row in data/README.md"


def test_what_the_documents_have_people_write_in_the_checkout_is_not_for_git() -> None:
    """A kubeconfig is an admin's credential, an incident holds what was logged: neither belongs in a commit."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    asked = {
        name
        for page in pages
        for name in re.findall(
            r"meshlab [^\n`]*?(?:-o|--output|--report|>) +([a-z][\w./-]*)", page.read_text()
        )
    }
    assert {"kubeconfig", "incident", "report.html", "plan.html", "run.json"} <= asked
    written = sorted(name.rstrip("/") for name in asked if not name.startswith("data/"))
    done = subprocess.run(
        [
            "git",
            "check-ignore",
            "--no-index",
            *written,
            *(f"{name}/x" for name in written if "." not in name),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 128:
        needs.skip("a git checkout")
    assert set(written) <= {line.removesuffix("/x") for line in done.stdout.split()}


def test_our_child_processes_run_nothing_of_the_folder_they_start_in() -> None:
    """``python -m`` alone imports from the current folder first: a checkout of somebody else, a pod's files."""
    sources = {path: path.read_text() for path in (ROOT / "src").rglob("*.py")}
    starts = [
        (path.name, words)
        for path, text in sources.items()
        for words in re.findall(r'sys\.executable,((?:\s*"-\w",)*\s*"-m",\s*(?:"meshlab|WORKER))', text)
    ]
    assert len(starts) >= 7
    assert [name for name, words in starts if '"-P",' not in words] == []


def test_every_top_level_command_of_the_makefile_exists() -> None:
    text = (ROOT / "Makefile").read_text()
    assert {"demo", "test", "lab", "bench", "lint"} <= set(re.findall(r"^(\w+):", text, re.M))


@pytest.mark.parametrize(
    "module", ["numba", "grpc", "boto3", "kubernetes", "pandas", "matplotlib", "scipy", "aiohttp"]
)
def test_importing_meshlab_does_not_load(module: str) -> None:
    code = f"import meshlab, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_import_takes_under_a_second_even_on_a_loaded_machine() -> None:
    """The target is 0.3 s (see benchmarks/startup.py); in a processor's time, so that no neighbour fails it."""
    code = "import time; t = time.process_time(); import meshlab; print(time.process_time() - t)"
    seconds = float(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )
    assert seconds < 1.0


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
