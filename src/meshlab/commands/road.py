"""Commands that do the whole road, or open its notebooks: demo, lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from meshlab.commands.output import Json, answer, ready, say
from meshlab.model.errors import CheckFailed, MeshlabError
from meshlab.model.extras import require

QUIET = ("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None")
"""JupyterLab asks nobody outside this machine for updates or news."""
NO_QUESTION = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""... and does not ask the user whether it may, over the first picture."""


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="folder for report, pictures and summary")
    ] = Path("out"),
    as_json: Json = False,
) -> None:
    """Models, simulates, brings up, breaks and explains the reference cluster. Example: `meshlab demo`"""
    from meshlab.demo import run

    ready(output, folder=True)
    result = run(output, say)
    answer(result.summary, as_json, result.text)
    if not result.holds:
        raise typer.Exit(CheckFailed.exit_code)


def lab(
    context: typer.Context,
    notebooks: Annotated[Path, typer.Argument(help="folder of the notebooks")] = Path("notebooks"),
    as_json: Json = False,
) -> None:
    """Opens JupyterLab on the notebooks. Example: `meshlab lab`, `meshlab lab notebooks --port 8899 --no-browser`

    It serves the folder above the notebooks: what they write stands in `out/` there, and their links lead to it. What
    it does not know is passed on to JupyterLab. As root (in a container) JupyterLab wants `--allow-root` said.
    """
    given = list(context.args)
    if str(notebooks).startswith("-"):  # an option of JupyterLab where the folder was left out
        given, notebooks = [str(notebooks), *given], Path("notebooks")
    if not notebooks.is_dir():
        raise MeshlabError(
            f"there is no folder {notebooks}: run this where the notebooks are, or name their folder"
        )
    require("jupyterlab")
    if os.geteuid() == 0 and "--allow-root" not in given:
        raise MeshlabError(
            "JupyterLab does not run as root unless told so: meshlab lab --allow-root (whoever reaches its port acts as"
            " root then), or run it as another user"
        )
    command = lab_command(notebooks, given)
    if as_json:
        print(json.dumps({"command": command}))
    with tempfile.TemporaryDirectory() as config:
        raise typer.Exit(subprocess.run(command, check=False, env=lab_environment(Path(config))).returncode)


def lab_environment(config: Path) -> dict[str, str]:
    """Gives the environment of a JupyterLab that asks no question; `config` is read beside the user's own settings."""
    page = config / "labconfig" / "page_config.json"
    page.parent.mkdir()
    page.write_text(json.dumps(NO_QUESTION), encoding="utf-8")
    known = os.environ.get("JUPYTER_CONFIG_PATH")
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, [str(config), known]))}


def lab_command(notebooks: Path, given: list[str]) -> list[str]:
    """Gives the command that serves a folder of notebooks together with what stands beside it."""
    folder = notebooks.resolve()
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        *QUIET,
        f"--ServerApp.root_dir={folder.parent}",
        f"--LabApp.default_url=/lab/tree/{folder.name}",
        *given,
    ]
