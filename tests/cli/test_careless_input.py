"""What the command line says of files and places that are not fit: a word and exit code 2, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Done

from meshlab.model.reading import VARIABLE

SPEC = "data/reference.yaml"
NESTED = "a: " + "[" * 300


@pytest.mark.parametrize("command", ["review", "show", "availability", "plan", "emulate up"])
def test_a_spec_that_is_no_file_ends_every_command_in_a_word(
    meshlab: Callable[..., Done], command: str, tmp_path: Path
) -> None:
    pipe, nested = tmp_path / "pipe.yaml", tmp_path / "nested.yaml"
    os.mkfifo(pipe)
    nested.write_text(NESTED)
    for path, words in (
        (pipe, "is a pipe"),
        (nested, "nests deeper than 100"),
        (Path("/dev/zero"), "is a device"),
    ):
        done = meshlab(*command.split(), str(path))
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_limits_are_raised_before_the_command_and_nonsense_in_them_is_refused(
    meshlab: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")  # put back when the test ends: the command line sets it
    nested = tmp_path / "nested.yaml"
    nested.write_text(f"{NESTED}{']' * 300}")
    assert "unknown key 'a'" in meshlab("--limits", "depth=400", "review", str(nested)).stderr
    done = meshlab("--limits", "depth=none", "review", SPEC)
    assert done.returncode == 2
    assert "no whole number from 1 to 1000" in done.stderr


def test_a_place_that_cannot_be_written_is_said_before_the_work(
    meshlab: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for options in (
        ("import", "tests/data/design.md", "-o", str(tmp_path)),
        ("show", SPEC, "--format", "yaml", "-o", str(tmp_path / "none" / "x.yaml")),
        ("report", SPEC, "-o", str(tmp_path / "file" / "plan.html")),
        ("validate", "etcd", "-o", str(tmp_path / "file" / "folder")),
        ("validate", "etcd", "-o", "/dev/null/x"),
    ):
        done = meshlab(*options)
        assert done.returncode == 2, options
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("span", ["0s", "-5s", "0ms"])
def test_a_watch_of_no_time_is_refused(meshlab: Callable[..., Done], span: str) -> None:
    for option in ("--for", "--interval"):
        done = meshlab("observe", SPEC, f"{option}={span}")
        assert done.returncode == 2
        assert f"{option}: {span} is no time" in done.stderr


@pytest.mark.parametrize(
    "module", ["typer", "meshlab.model.errors", "meshlab.commands.output", "meshlab.cli"]
)
def test_ctrl_c_while_the_command_line_is_imported_ends_with_a_word(module: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "meshlab", "review", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.split("|")[-1].strip() == module:
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "interrupted" in told
    assert "Traceback" not in told
