"""The command line: names and order of the commands, and what a person sees when one fails.

Exit codes: 0 done; 1 a check did not hold; 2 bad input; 3 the live side failed and the run can be resumed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from meshlab.commands import design, road
from meshlab.commands import emulate as emulation
from meshlab.commands import incident as incidents
from meshlab.commands.bringup import holding
from meshlab.commands.bringup import plans as bringup
from meshlab.commands.capacity import availability, explore, planning, report
from meshlab.commands.output import complain, say
from meshlab.commands.trust import calibration, validation
from meshlab.model.errors import MeshlabError

app = typer.Typer(
    name="meshlab",
    help="Model, simulate, bring up and explain one hybrid Kubernetes cluster on Talos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
COMMANDS: dict[str, Callable[..., None]] = {
    "review": design.review,
    "show": design.show,
    "import": design.import_,
    "simulate": design.simulate,
    "availability": availability.availability,
    "latency": planning.latency,
    "capacity": planning.capacity,
    "cost": planning.cost,
    "explore": explore.explore,
    "advise": planning.advise,
    "report": report.report,
    "plan": bringup.plan,
    "apply": bringup.apply,
    "destroy": bringup.destroy,
    "hold": holding.hold,
    "drift": bringup.drift,
    "observe": incidents.observe,
    "incident": incidents.incident,
    "validate": validation.validate,
    "calibrate": calibration.calibrate,
    "demo": road.demo,
    "lab": road.lab,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(emulation.app, name="emulate")


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
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        sys.exit(130)
    except Exception as error:
        code, show = getattr(error, "exit_code", None), getattr(error, "show", None)
        if code is None or show is None:
            raise
        show()
        sys.exit(code)


if __name__ == "__main__":
    main()
