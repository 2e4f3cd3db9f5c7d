"""What explore and report share: the options of a search over designs, how they are read, and the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from meshlab.commands.output import say, span

if TYPE_CHECKING:
    from meshlab.model import Topology
    from meshlab.planning.explore import Exploration, Limits

ALL = "all"
"""As the only word of ``--vary``: everything that applies."""

Vary = Annotated[
    list[str] | None,
    typer.Option(
        "--vary",
        metavar="DIMENSION=VALUE,…",
        help="what to vary, again for more; all: everything that applies",
    ),
]
Horizon = Annotated[str, typer.Option("--horizon", help="nothing may be used up before: 24mo, 3y")]
Budget = Annotated[
    float | None, typer.Option("--budget", min=0, help="at most this many USD a month (median)")
]
Least = Annotated[
    list[str] | None,
    typer.Option("--min-availability", metavar="SERVICE=0.999", help="at least, again for more"),
]
Most = Annotated[
    list[str] | None,
    typer.Option("--max-latency", metavar="KIND=50ms", help="p99 at most, again for more"),
]
Service = Annotated[str, typer.Option("--service", help="compare by this service's downtime alone")]
Load = Annotated[
    float,
    typer.Option("--load", min=0, help="requests of each kind a second, one kind at a time; 0 is at rest"),
]


def ahead(horizon: str) -> float:
    """Gives the seconds of a ``--horizon``.

    Raises
    ------
    InputError
        It is no duration, or none ahead.
    """
    return span("--horizon", horizon, "for example 24mo, 3y, 90d")


def asked(
    topology: Topology,
    seconds: float,
    budget: float | None,
    least: Sequence[str] | None,
    most: Sequence[str] | None,
) -> Limits:
    """Gives what every design has to keep to; `seconds` is the horizon.

    Raises
    ------
    InputError
        An unknown service or kind of request, or what is not a share or a duration; all such words at once.
    """
    from meshlab.availability import structure
    from meshlab.planning.explore import limits
    from meshlab.planning.explore.measures import DAYS_PER_MONTH

    months = seconds / 86_400 / DAYS_PER_MONTH
    return limits(months, budget, least or [], most or [], structure(topology))


def search(
    topology: Topology,
    vary: Sequence[str] | None,
    limits: Limits,
    *,
    load: float = 0.0,
    service: str = "",
    samples: int = 4_000,
    seed: int = 0,
    worlds: int | None = None,
) -> Exploration:
    """Measures and compares designs, and says on stderr how far it is, at most once a second."""
    import time

    from meshlab.planning.explore import explore

    last = -1.0

    def progress(done: int, count: int, name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        if done < count and (done == 0 or now - last >= 1):
            last = now
            say(f"design {done + 1} of {count}: {name}")

    varied = [] if not vary or list(vary) == [ALL] else vary
    return explore(
        topology,
        varied,
        asked=limits,
        load=load,
        service=service,
        samples=samples,
        seed=seed,
        progress=progress,
        **({} if worlds is None else {"worlds": worlds}),
    )
