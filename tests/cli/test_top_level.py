"""What the program says of itself: its version, its help by job, and the words that a shell completes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from command_line import Done

import meshlab as package
from meshlab.cli import COMMANDS

PROGRAM = Path(sys.executable).parent / "meshlab"


def run_program(*arguments: str, **environment: str) -> str:
    known: Mapping[str, str] = {**os.environ, **environment}
    return subprocess.run([PROGRAM, *arguments], check=True, capture_output=True, text=True, env=known).stdout


def test_version_says_its_own_and_pythons(meshlab: Callable[..., Done]) -> None:
    done = meshlab("--version")
    assert done.returncode == 0
    assert done.stdout.split() == ["meshlab", f"{package.__version__},", "Python", platform.python_version()]


@pytest.mark.parametrize("words", [(), ("review",), ("emulate",), ("emulate", "up")])
def test_h_is_help(meshlab: Callable[..., Done], words: tuple[str, ...]) -> None:
    short, long = meshlab(*words, "-h"), meshlab(*words, "--help")
    assert (short.returncode, short.stdout) == (0, long.stdout)
    assert "Usage:" in short.stdout


def test_help_lists_every_command_below_its_job(meshlab: Callable[..., Done]) -> None:
    lines = meshlab("--help").stdout.splitlines()
    headings = {line.split()[1]: number for number, line in enumerate(lines) if line.startswith("╭─")}
    assert [*headings] == ["Options", *COMMANDS]
    for job, commands in COMMANDS.items():
        below = lines[headings[job] :]
        panel = below[: next(i for i, line in enumerate(below) if line.startswith("╰"))]
        listed = [line.split()[1] for line in panel[1:] if line[2:3].strip()]
        assert listed == [*commands, *(["emulate"] if job == "Emulate" else [])]


def test_a_shell_can_be_taught_to_complete_commands() -> None:
    script = run_program("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "complete -o default -F _meshlab_completion meshlab" in script
    words = run_program(_MESHLAB_COMPLETE="complete_bash", COMP_WORDS="meshlab emulate k", COMP_CWORD="2")
    assert words.split() == ["kill", "kubeconfig"]
