"""Commands about what happened: observe, incident."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated

import typer

from meshlab.commands.incident_told import BUSY, Counting, Watching, found
from meshlab.commands.output import (
    Json,
    Spec,
    TargetName,
    answer,
    ready,
    say,
    span,
    table,
    target_of,
    topology_of,
    working,
    write,
)
from meshlab.model.units import duration


def observe(
    spec: Spec,
    seconds: Annotated[
        str | None, typer.Option("--for", help="how long to watch: 90s; until Ctrl-C where left out")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="folder of the incident")] = Path("incident"),
    interval: Annotated[str, typer.Option("--interval", help="between two questions of one probe")] = "500ms",
    target: TargetName = "embedded",
    as_json: Json = False,
) -> None:
    """Watches the live cluster and writes it down. Example: `meshlab observe data/reference.yaml --for 90s`

    Ctrl-C ends the watch; what was seen until then is written all the same.
    """
    from meshlab.incident.watch import watch
    from meshlab.live.omni.reach import management_call

    longest = inf if seconds is None else span("--for", seconds, "for example 90s, 10min")
    every = span("--interval", interval, "for example 500ms")
    topology = topology_of(spec)
    where = target_of(target, topology)
    ready(output, folder=True)
    with Watching() as shown:
        incident = watch(
            topology,
            where,
            output,
            seconds=longest,
            interval_s=every,
            omni=management_call(where),
            progress=shown,
        )
    timeline = incident.timeline
    rows = [
        [i.component, i.state.value, f"{i.start:.1f} s", duration(i.length), i.cause]
        for i in timeline.intervals
        if i.state.value != "up"
    ]
    text = (
        table("not up", ["component", "state", "from", "for", "cause"], rows) if rows else "everything was up"
    )
    notes = [note for note in timeline.notes if note.startswith(BUSY)]
    lines = [text, *notes, f"the incident is in {output}: meshlab incident {output}"]
    answer(timeline.to_dict(), as_json, "\n".join(lines))


def incident(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="an incident's folder, as `observe` writes it")
    ],
    report: Annotated[
        Path | None, typer.Option("--report", help="HTML file to write; Markdown beside it")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same ranking")] = 0,
    every: Annotated[bool, typer.Option("--all", help="every cause that was looked at")] = False,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", help="the design, where a watch left samples alone"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Finds the most likely cause and writes the report. Example: `meshlab incident incident --report report.html`"""
    from meshlab.incident.post_mortem import post_mortem
    from meshlab.incident.record import ABOUT, SAMPLES, begin

    if spec and not (folder / ABOUT).exists() and (folder / SAMPLES).exists():
        begin(folder, topology_of(spec), folder.name, {})
    with Counting("candidates") as count:
        result = post_mortem(folder, seed=seed, progress=count)
    if report:
        from meshlab.incident.report.html import html
        from meshlab.incident.report.markdown import markdown
        from meshlab.views.plots.report_figures import report_figures

        with working("drawing the report"):
            page = html(result.report, report_figures(result.report))
        write(report, page)
        write(report.with_suffix(".md"), markdown(result.report))
        say(f"wrote {report} and {report.with_suffix('.md')}")
    ready(report)
    answer(result.to_dict(), as_json, "" if as_json else found(result, every))
