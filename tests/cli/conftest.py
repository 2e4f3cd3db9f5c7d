"""The command line, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Done

from meshlab import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture
def meshlab(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the command line from the project's folder, with a state directory of its own."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MESHLAB_STATE", str(tmp_path / "state"))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["meshlab", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capfd.readouterr()
        return Done(int(left.value.code or 0), out, err)

    return run
