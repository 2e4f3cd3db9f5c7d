"""Commands about what happened: observe, incident."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from meshlab.commands.output import Json, Spec, TargetName, answer, say, table, target_of, topology_of, write
from meshlab.model.errors import InputError
from meshlab.model.units import UnitError, duration, parse


def observe(
    spec: Spec,
    seconds: Annotated[str, typer.Option("--for", help="how long to watch, for example 90s")] = "60s",
    output: Annotated[Path, typer.Option("--output", "-o", help="folder of the incident")] = Path("incident"),
    interval: Annotated[str, typer.Option("--interval", help="between two questions of one probe")] = "500ms",
    target: TargetName = "embedded",
    as_json: Json = False,
) -> None:
    """Watches the live cluster and writes it down. Example: `meshlab observe data/reference.yaml --for 90s`"""
    from meshlab.incident.watch import watch
    from meshlab.live.omni.reach import management_call

    topology = topology_of(spec)
    where = target_of(target, topology)
    incident = watch(
        topology,
        where,
        output,
        seconds=_duration("--for", seconds),
        interval_s=_duration("--interval", interval),
        omni=management_call(where),
        progress=_watching,
    )
    timeline = incident.timeline
    rows = [
        [i.component, i.state.value, f"{i.start:.1f}", duration(i.length), i.cause]
        for i in timeline.intervals
        if i.state.value != "up"
    ]
    text = (
        table("not up", ["component", "state", "from (s)", "for", "cause"], rows)
        if rows
        else "everything was up"
    )
    answer(timeline.to_dict(), as_json, f"{text}\nthe incident is in {output}")


def incident(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="an incident's folder, as `observe` writes it")
    ],
    report: Annotated[
        Path | None, typer.Option("--report", help="HTML file to write; Markdown beside it")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same ranking")] = 0,
    as_json: Json = False,
) -> None:
    """Finds the most likely cause and writes the report. Example: `meshlab incident incident --report report.html`"""
    from meshlab.incident.post_mortem import post_mortem

    result = post_mortem(folder, seed=seed, progress=lambda done, of, text: say(f"{done}/{of} {text}"))
    if report:
        from meshlab.incident.report.html import html
        from meshlab.incident.report.markdown import markdown
        from meshlab.views.plots.report_figures import report_figures

        write(report, html(result.report, report_figures(result.report)))
        write(report.with_suffix(".md"), markdown(result.report))
        say(f"wrote {report} and {report.with_suffix('.md')}")
    rows = [
        [c.name, f"{c.probability:.1%}", f"{c.score:.1f}", ", ".join(c.alike) or "-"]
        for c in result.explanation.causes
    ]
    text = table(
        "causes, most likely first", ["cause", "probability", "log likelihood", "looks the same"], rows
    )
    answer(result.to_dict(), as_json, text)


def _watching(now: float, end: float, silent: str) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{now:5.0f} of {end:.0f} s{'  silent: ' + silent if silent else '':60.60}",
            end="",
            file=sys.stderr,
        )


def _duration(option: str, text: str) -> float:
    try:
        return parse(text, "duration")
    except UnitError as error:
        raise InputError.single(option, str(error)) from None
