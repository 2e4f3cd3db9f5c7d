"""The explore command: designs compared, one recommended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from meshlab.commands.output import Json, Spec, answer, say, table, topology_of

if TYPE_CHECKING:
    from meshlab.model import Estimate
    from meshlab.planning.explore import Exploration, Explored, Recommendation

_ROWS = 30


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
    seed: Annotated[int, typer.Option(help="same seed, same bits")] = 0,
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
    shown = _shown(found)
    kinds = list(found.today.measures.latency)
    columns = [
        "design",
        "worst service, min/y",
        *(f"{k} p99" for k in kinds),
        "used up after",
        "USD a month",
        "verdict",
    ]
    lines = [table(title, columns, [_row(one, kinds, found) for one in shown])]
    if len(shown) < len(found.designs):
        front = sum(one.front for one in found.designs)
        lines.append(
            f"{len(found.designs)} designs, {front} on the front, shown: today's, single changes of it, and those "
            "around the recommended one; --json has all"
        )
    out: dict[str, list[Explored]] = {}
    for one in found.designs:
        if one.rejected:
            out.setdefault(one.rejected.constraint, []).append(one)
    for constraint, ones in out.items():
        first = ones[0]
        assert first.rejected is not None
        lines.append(f"{len(ones)} rejected by {constraint}; {first.design.name}: {first.rejected.reason}")
    lines.append(f"used up first today: {found.today.measures.first_exhausted}")
    lines.append(_advice(found.recommendation))
    return "\n".join(lines)


def _shown(found: Exploration) -> list[Explored]:
    if len(found.designs) <= _ROWS:
        return list(found.designs)
    names = {found.recommendation.design, *(one.design for one in found.recommendation.alternatives)}
    now = found.today.design.choices
    return [
        one
        for one in found.designs
        if one.design.name in names or sum(now[k] != v for k, v in one.design.choices.items()) <= 1
    ]


def _row(one: Explored, kinds: list[str], found: Exploration) -> list[str]:
    from meshlab.model.units import duration
    from meshlab.planning.explore.limits import MINUTES_PER_YEAR

    m = one.measures
    verdict = "on the front" if one.front else f"dominated by {one.dominated_by}"
    if one.rejected:
        verdict = f"rejected: {one.rejected.constraint}"
    if one.design.name == found.recommendation.design:
        verdict = "recommended"
    down = m.downtime[one.worst].point * MINUTES_PER_YEAR if one.worst else 0.0
    return [
        one.design.name,
        f"{one.worst} {down:,.3g}",
        *(duration(m.latency[kind].p99) if kind in m.latency else "" for kind in kinds),
        f"{_months(m.exhaustion_quantile(0.5))} ({_months(m.exhaustion_quantile(0.1))} at 10 %)",
        _dollars(one),
        verdict,
    ]


def _dollars(one: Explored) -> str:
    import numpy as np

    low, mid, high = np.quantile(one.measures.cost, [0.05, 0.5, 0.95])
    return f"{mid:,.0f} ({low:,.0f} to {high:,.0f})"


def _months(value: float) -> str:
    return "never" if value == float("inf") else f"{value:.0f} mo"


def _advice(advice: Recommendation) -> str:
    if advice.design is None or advice.buys is None:
        return f"recommended: none. {advice.why}"
    buys = advice.buys
    lines = [f"recommended: {advice.design}, because {advice.why}"]
    for name, saved in buys.saved.items():
        if abs(saved.mid) >= 0.05:
            lines.append(f"  {name}: {_minutes(saved)} downtime a year")
    for kind, change in buys.quicker.items():
        if change.low > 0 or change.high < 0:
            lines.append(
                f"  {kind} p99: {change.mid * 1e3:+.1f} ms (95 %: {change.low * 1e3:+.1f} to {change.high * 1e3:+.1f})"
            )
    if abs(buys.longer.mid) >= 0.5:
        lines.append(f"  used up {buys.longer.mid:+.0f} months later")
    costs = buys.costs
    lines.append(
        f"  costs {round(costs.mid):+,} USD a month (90 %: {round(costs.low):+,} to {round(costs.high):+,})"
    )
    if buys.per_dollar is not None:
        lines.append(f"  that is {buys.per_dollar:.2g} service-minutes a year for each dollar a month")
    lines.append(f"  less downtime than today in {buys.sure:.0%} of the worlds")
    lines += [f"  not {one.differs}: {one.why}" for one in advice.alternatives]
    lines.append(f"  the rule: {advice.rule}")
    return "\n".join(lines)


def _minutes(saved: Estimate) -> str:
    word = "less" if saved.mid >= 0 else "more"
    low, high = sorted((abs(saved.low), abs(saved.high)))
    if saved.low < 0 < saved.high:
        return f"{abs(saved.mid):,.3g} minutes {word} (90 %: {saved.low:+,.2g} to {saved.high:+,.2g} less)"
    return f"{abs(saved.mid):,.3g} minutes {word} (90 %: {low:,.2g} to {high:,.2g})"
