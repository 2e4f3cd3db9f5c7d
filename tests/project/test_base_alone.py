"""A wheel alone, without an extra: every command answers, or says which extra it takes."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from meshlab import cli
from meshlab.model.extras import MissingExtra, missing, require

ROOT = Path(__file__).parents[2]
SPEC = "data/reference.yaml"
ANSWERED = {
    "advise": [SPEC],
    "availability": [SPEC],
    "calibrate": [SPEC, "--from", "INCIDENT"],
    "capacity": [SPEC],
    "cost": [SPEC],
    "explore": [SPEC, "--vary", "zones=1,3"],
    "import": ["tests/data/design.md", "-o", "imported.yaml"],
    "incident": ["INCIDENT", "--report", "incident.html"],
    "latency": [SPEC],
    "report": [SPEC, "-o", "plan.html", "--samples", "100"],
    "review": [SPEC],
    "show": [SPEC],
    "simulate": [SPEC, "--scenario", "data/scenarios/lose-master.yaml", "--replicates", "5"],
}
"""Commands that the base answers, with arguments."""
TAKING = {
    "live": {
        "plan": [SPEC, "--target", "live"],
        "apply": [SPEC, "--target", "live"],
        "destroy": [SPEC, "--target", "live"],
        "drift": [SPEC, "--target", "live"],
        "observe": [SPEC, "--target", "live"],
        "status": [SPEC, "--target", "live"],
    },
    "emulate": {
        "demo": [],
        "validate": ["etcd"],
        "emulate up": [],
        "emulate status": [],
        "emulate etcd": [],
        "emulate down": [],
        "emulate kill": ["master-1"],
        "emulate restart": ["master-1"],
        "emulate lose-disk": ["worker-1"],
        "emulate partition": ["us-east-1", "dc-1"],
        "emulate delay": ["us-east-1", "dc-1", "50ms"],
        "emulate heal": [],
        "emulate kubeconfig": [],
    },
    "lab": {"lab": []},
    "dask": {"simulate": [*ANSWERED["simulate"], "--scheduler", "tcp://127.0.0.1:1"]},
}
"""Commands that take an extra."""
WITHOUT_A_RUN = {"hold": [SPEC]}
"""Commands that look at what is open in the workspace before they reach for anything."""


def every_command() -> set[str]:
    """The names of all commands, those of the groups with the group's name."""
    found = set()
    for name, command in typer.main.get_command(cli.app).commands.items():
        inner = getattr(command, "commands", None)
        found |= {name} if inner is None else {f"{name} {each}" for each in inner}
    return found


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from meshlab import reference
    from meshlab.incident.record import ingest

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tests/incident")
        from test_record import raw_folder

        folder = raw_folder(tmp_path_factory.mktemp("incident"))
    ingest(folder, reference(), "night").save(folder)
    return folder


@pytest.fixture(scope="module")
def alone(
    unpacked: Path, incident: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], tuple[int, str, str]]:
    """Exit code, stdout and stderr of every command, run from the unpacked wheel with only the base beside it."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "notebooks").mkdir()
    for name in ("data", "tests"):
        (folder / name).symlink_to(ROOT / name)
    kinds = {"base": ANSWERED, **TAKING, "workspace": WITHOUT_A_RUN}
    asked = {(kind, name): words for kind, commands in kinds.items() for name, words in commands.items()}
    lines = [
        [*name.split(), *(str(incident) if word == "INCIDENT" else word for word in words)]
        for (_, name), words in asked.items()
    ]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/project/base_only.py")],
        input=json.dumps(lines),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(unpacked), "MESHLAB_STATE": str(folder / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(asked, map(tuple, json.loads(done.stdout)), strict=True))


def test_each_command_is_in_one_of_the_tables() -> None:
    tables = [set(ANSWERED), *map(set, TAKING.values()), set(WITHOUT_A_RUN)]
    assert set().union(*tables) == every_command()


@pytest.mark.parametrize("name", sorted(ANSWERED))
def test_the_base_answers(name: str, alone: dict[tuple[str, str], tuple[int, str, str]]) -> None:
    code, out, err = alone["base", name]
    assert code == 0, err
    assert out or err


@pytest.mark.parametrize(
    ("extra", "name"), [(extra, name) for extra, commands in TAKING.items() for name in commands]
)
def test_what_takes_an_extra_says_which(
    extra: str, name: str, alone: dict[tuple[str, str], tuple[int, str, str]]
) -> None:
    code, _, err = alone[extra, name]
    assert code == 2, err
    assert err.rstrip().endswith(f"is not installed: pip install 'meshlab[{extra}]'")
    assert "Traceback" not in err


def test_what_looks_at_the_workspace_first_ends_without_a_traceback(
    alone: dict[tuple[str, str], tuple[int, str, str]],
) -> None:
    for name in WITHOUT_A_RUN:
        code, _, err = alone["workspace", name]
        assert code == 2, err
        assert "Traceback" not in err


def test_a_module_that_no_extra_brings_is_an_error_of_its_own() -> None:
    error = ModuleNotFoundError("No module named 'nowhere'", name="nowhere.inside")
    with pytest.raises(ModuleNotFoundError) as raised:
        missing(error)
    assert raised.value is error


def test_what_is_installed_is_not_complained_of() -> None:
    require("numpy", "typer")


@pytest.mark.parametrize(
    ("room", "extra"), [("live", "live"), ("emulate", "emulate"), ("provision", "live"), ("views", "live")]
)
def test_the_room_that_asks_decides_between_two_extras(room: str, extra: str) -> None:
    code = compile("import hvac", f"{room}.py", "exec")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "hvac", None)
        with pytest.raises(ModuleNotFoundError) as raised:
            exec(code, {"__name__": f"meshlab.{room}.something"})
    word = missing(raised.value)
    assert isinstance(word, MissingExtra)
    assert str(word).endswith(f"pip install 'meshlab[{extra}]'")


def test_every_package_that_is_imported_is_asked_for() -> None:
    """What comes only because another package needs it may be gone with that package's next version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    asked = {re.split(r"[\[<>=~!; ]", each)[0].replace("-", "_") for names in lists for each in names}
    elsewhere = {
        "IPython": "ipython",
        "google": "protobuf",
        "grpc": "grpcio",
        "pydantic_core": "pydantic",
        "ruamel": "ruamel.yaml",
    }
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = {elsewhere.get(name, name) for name in imported - sys.stdlib_module_names - {"meshlab"}}
    assert foreign - asked == set()
