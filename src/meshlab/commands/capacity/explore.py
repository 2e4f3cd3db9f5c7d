"""The explore command: designs compared, one recommended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from meshlab.commands.capacity.search import (
    Budget,
    Horizon,
    Least,
    Load,
    Most,
    Service,
    Vary,
    ahead,
    asked,
    search,
)
from meshlab.commands.output import Json, Spec, answer, table, topology_of

if TYPE_CHECKING:
    from meshlab.planning.explore import Exploration


def explore(
    spec: Spec,
    vary: Vary = None,
    horizon: Horizon = "24mo",
    budget: Budget = None,
    least: Least = None,
    most: Most = None,
    load: Load = 0,
    service: Service = "",
    samples: Annotated[int, typer.Option(min=200, help="worlds of latency, growth and prices")] = 4_000,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same bits")] = 0,
    as_json: Json = False,
) -> None:
    """Compares designs and recommends one. Example: `meshlab explore data/reference.yaml --vary masters=3,5`"""
    import time

    topology = topology_of(spec)
    limits = asked(topology, ahead(horizon), budget, least, most)
    start = time.perf_counter()
    found = search(topology, vary, limits, load=load, service=service, samples=samples, seed=seed)
    document = (
        {**found.to_dict(), "seed": seed, "elapsed_s": time.perf_counter() - start} if as_json else None
    )
    answer(document, as_json, "" if as_json else _told(topology.name, found))


def _told(title: str, found: Exploration) -> str:
    from meshlab.planning.explore.words import advice, columns, rejections, row, said_in_full, shown

    few = shown(found)
    lines = [table(title, columns(found), [row(one, found) for one in few])]
    if len(few) < len(found.designs):
        front = sum(one.front for one in found.designs)
        lines.append(
            f"{len(found.designs)} designs, {front} on the front, shown: today's, single changes of it, and those "
            "around the recommended one; --json has all"
        )
    if found.load:
        lines.append(f"p99 at {found.load:g} requests of each kind a second, one kind at a time")
    lines += [*said_in_full(found), *rejections(found)]
    lines.append(f"used up first today: {found.today.measures.first_exhausted}")
    return "\n".join([*lines, *advice(found.recommendation)])
