"""The explore command: designs compared, one recommended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from meshlab.commands.output import Json, Spec, answer, say, table, topology_of

if TYPE_CHECKING:
    from meshlab.planning.explore import Exploration


def explore(
    spec: Spec,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary", metavar="DIMENSION=VALUE,…", help="what to vary, again for more; default: all"
        ),
    ] = None,
    horizon: Annotated[
        str, typer.Option("--horizon", help="nothing may be used up before: 24mo, 3y")
    ] = "24mo",
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="at most this many USD a month (median)")
    ] = None,
    least: Annotated[
        list[str] | None,
        typer.Option("--min-availability", metavar="SERVICE=0.999", help="at least, again for more"),
    ] = None,
    most: Annotated[
        list[str] | None,
        typer.Option("--max-latency", metavar="KIND=50ms", help="p99 at most, again for more"),
    ] = None,
    service: Annotated[str, typer.Option("--service", help="compare by this service's downtime alone")] = "",
    samples: Annotated[int, typer.Option(min=200, help="worlds of latency, growth and prices")] = 4_000,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same bits")] = 0,
    as_json: Json = False,
) -> None:
    """Compares designs and recommends one. Example: `meshlab explore data/reference.yaml --vary masters=3,5`"""
    import time

    from meshlab.availability import structure
    from meshlab.model.errors import InputError
    from meshlab.model.units import UnitError, parse
    from meshlab.planning.explore import explore as of_designs
    from meshlab.planning.explore import limits
    from meshlab.planning.explore.measures import DAYS_PER_MONTH

    topology = topology_of(spec)
    try:
        months = parse(horizon, "duration") / 86_400 / DAYS_PER_MONTH
    except UnitError as error:
        raise InputError.single("--horizon", str(error), "for example 24mo, 3y, 90d") from None
    asked = limits(months, budget, least or [], most or [], structure(topology))
    start = last = time.perf_counter()

    def progress(done: int, count: int, name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= 1 or done == 0:
            last = now
            say(f"design {done + 1} of {count}: {name}")

    found = of_designs(
        topology, vary or [], asked=asked, service=service, samples=samples, seed=seed, progress=progress
    )
    document = (
        {**found.to_dict(), "seed": seed, "elapsed_s": time.perf_counter() - start} if as_json else None
    )
    answer(document, as_json, "" if as_json else _told(topology.name, found))


def _told(title: str, found: Exploration) -> str:
    from meshlab.planning.explore.words import advice, columns, rejections, row, shown

    few = shown(found)
    lines = [table(title, columns(found), [row(one, found) for one in few])]
    if len(few) < len(found.designs):
        front = sum(one.front for one in found.designs)
        lines.append(
            f"{len(found.designs)} designs, {front} on the front, shown: today's, single changes of it, and those "
            "around the recommended one; --json has all"
        )
    lines += rejections(found)
    lines.append(f"used up first today: {found.today.measures.first_exhausted}")
    return "\n".join([*lines, *advice(found.recommendation)])
