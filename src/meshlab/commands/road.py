"""Commands that do the whole road, or open its notebooks: demo, lab."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from meshlab.commands.output import Json, say
from meshlab.model.errors import CheckFailed, MeshlabError
from meshlab.model.extras import require

QUIET = ("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None")
"""JupyterLab asks nobody outside this machine for updates or news."""


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder for report, pictures and summary")
    ] = Path("out"),
    as_json: Json = False,
) -> None:
    """Models, simulates, brings up, breaks and explains the reference cluster. Example: `meshlab demo`"""
    from meshlab.demo import run

    result = run(output, say)
    print(json.dumps(result.summary, indent=2) if as_json else result.text)
    if not result.holds:
        raise typer.Exit(CheckFailed.exit_code)


def lab(
    notebooks: Annotated[Path, typer.Argument(help="folder of the notebooks")] = Path("notebooks"),
    as_json: Json = False,
) -> None:
    """Opens JupyterLab on the notebooks. Example: `meshlab lab`"""
    if not notebooks.is_dir():
        raise MeshlabError(
            f"there is no folder {notebooks}: run this where the notebooks are, or name their folder"
        )
    require("jupyterlab")
    command = [sys.executable, "-m", "jupyterlab", *QUIET, str(notebooks)]
    if as_json:
        print(json.dumps({"command": command}))
    raise typer.Exit(subprocess.run(command, check=False).returncode)
