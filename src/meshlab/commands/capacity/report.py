"""The report command: the capacity plan as a page, with a search over designs where it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from meshlab.commands.capacity.search import Budget, Least, Load, Most, Service, Vary, ahead, asked, search
from meshlab.commands.output import Json, Spec, answer, finite, progress_bar, ready, topology_of


def report(
    spec: Spec,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="plan.html (self-contained) or plan.md (pictures beside it)"),
    ],
    horizon: Annotated[str, typer.Option("--horizon", help="how long it has to last: 24mo, 3y")] = "24mo",
    growth: Annotated[
        float, typer.Option("--growth", min=0, help="how many times as fast as the table everything grows")
    ] = 1,
    load: Load = 0,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="another spec to hold beside it; may be repeated")
    ] = None,
    vary: Vary = None,
    budget: Budget = None,
    least: Least = None,
    most: Most = None,
    service: Service = "",
    samples: Annotated[int, typer.Option(min=100, help="how many worlds")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same bits")] = 0,
    author: Annotated[
        str, typer.Option("--author", help="who answers for the plan; stands in its head")
    ] = "",
    as_json: Json = False,
) -> None:
    """Writes the capacity plan, with its sources; with --vary it searches designs too, as explore does.

    Example: `meshlab report data/reference.yaml -o plan.html`
    """
    from datetime import date

    from meshlab.planning.report import Signed, answers
    from meshlab.views.plots.plan_files import check_output, write_plan

    check_output(output)
    ready(output)
    topology, seconds = topology_of(spec), ahead(horizon)
    growth, load = finite("--growth", growth), finite("--load", load)
    _need_a_search(
        vary,
        {"--budget": budget, "--min-availability": least, "--max-latency": most, "--service": service},
    )
    others = {path.stem: topology_of(path) for path in against or []}
    found = None
    if vary:
        limits = asked(topology, seconds, budget, least, most)
        found = search(topology, vary, limits, load=load, service=service, seed=seed, worlds=samples)
    with progress_bar("planning") as progress:
        answered = answers(
            topology,
            horizon=seconds,
            growth=growth,
            load=load,
            samples=samples,
            seed=seed,
            changed=others,
            progress=progress,
        )
    with progress_bar("writing") as progress:
        written = write_plan(
            answered,
            output,
            design=spec.name,
            exploration=found,
            signed=Signed(date.today(), author),
            progress=progress,
        )
    document = {
        "files": [str(path) for path in written.files],
        "numbers": written.numbers,
        "sources": len(written.report.sources),
        "answer": written.answer,
    }
    told = [f"{question} {verdict}: {line}" for question, verdict, line in written.answer]
    answer(document, as_json, "\n".join([*told, "", *(f"written: {path}" for path in written.files)]))


def _need_a_search(vary: list[str] | None, given: dict[str, object]) -> None:
    """Refuses limits on designs where none are searched: they would be without effect."""
    from meshlab.model.errors import InputError, Problem

    alone = [option for option, value in given.items() if value not in (None, [], "")]
    if alone and not vary:
        hint = "add --vary all, or --vary masters=3,5"
        raise InputError(
            [Problem(name, 0, 0, "limits the designs of a search; none is asked for", hint) for name in alone]
        )
