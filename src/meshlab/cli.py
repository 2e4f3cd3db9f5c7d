"""The command line: names, jobs and order of the commands, and what a person sees when one fails.

Exit codes: 0 done; 1 a check did not hold; 2 bad input; 3 the live side failed and the run can be resumed.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from meshlab import __version__
from meshlab.commands import design, road
from meshlab.commands import emulate as emulation
from meshlab.commands import incident as incidents
from meshlab.commands.bringup import holding
from meshlab.commands.bringup import plans as bringup
from meshlab.commands.bringup import status as standing
from meshlab.commands.capacity import availability, explore, planning, report
from meshlab.commands.failures import meant_for_a_person
from meshlab.commands.output import complain, say
from meshlab.commands.trust import calibration, validation
from meshlab.model.errors import MeshlabError
from meshlab.model.extras import missing
from meshlab.model.reading import VARIABLE, Limits

app = typer.Typer(
    name="meshlab",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Design": {
        "review": design.review,
        "show": design.show,
        "import": design.import_,
        "simulate": design.simulate,
    },
    "Capacity": {
        "availability": availability.availability,
        "latency": planning.latency,
        "capacity": planning.capacity,
        "cost": planning.cost,
        "explore": explore.explore,
        "report": report.report,
    },
    "Bring-up": {
        "plan": bringup.plan,
        "apply": bringup.apply,
        "destroy": bringup.destroy,
        "status": standing.status,
        "hold": holding.hold,
        "drift": bringup.drift,
    },
    "Incident": {
        "observe": incidents.observe,
        "incident": incidents.incident,
        "advise": planning.advise,
    },
    "Emulate": {
        "demo": road.demo,
        "lab": road.lab,
    },
    "Trust": {
        "validate": validation.validate,
        "calibrate": calibration.calibrate,
    },
}
"""The commands by the job that they belong to, in the order in which `--help` lists them."""
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""How `lab` takes what it does not know: it is JupyterLab's."""
for job, commands in COMMANDS.items():
    if job == "Emulate":
        app.add_typer(emulation.app, name="emulate", rich_help_panel=job)
    for name, command in commands.items():
        settings = PASSED_ON if name == "lab" else None
        app.command(name, rich_help_panel=job, context_settings=settings)(command)


def _version(asked: bool) -> None:
    if asked:
        print(f"meshlab {__version__}, Python {platform.python_version()}")
        raise typer.Exit


@app.callback()
def meshlab(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_version, help="say meshlab's and Python's version"
        ),
    ] = False,
    limits: Annotated[
        str,
        typer.Option(
            "--limits",
            metavar="size=200MB,…",
            envvar=VARIABLE,
            help="read files that are larger than usual: size, depth, values, time (see docs/reference.md)",
        ),
    ] = "",
) -> None:
    """Model, simulate, bring up and explain one hybrid Kubernetes cluster on Talos."""
    Limits().with_text(limits)
    if limits:
        os.environ[VARIABLE] = limits  # a runner, and whatever else is started from here, has them too


def main() -> None:
    """Runs the command line; a user's mistake ends in a message and exit code 2, never in a traceback."""
    try:
        status = app(standalone_mode=False)
        if status == 130:  # typer makes this of a Ctrl-C
            say("interrupted")
        sys.exit(status if isinstance(status, int) else 0)
    except MeshlabError as error:
        complain(error)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        word = missing(error)
        complain(word)
        sys.exit(word.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        sys.exit(130)
    except Exception as error:
        code, show = getattr(error, "exit_code", None), getattr(error, "show", None)
        meant = meant_for_a_person(error)
        if meant is not None:
            complain(meant)
            sys.exit(meant.exit_code)
        if code is None or show is None:
            raise
        show()
        if "--json" in sys.argv:
            said = getattr(error, "format_message", None)
            print(json.dumps({"error": said() if said else str(error), "exit_code": code}, indent=2))
        sys.exit(code)


if __name__ == "__main__":
    main()
