"""What a design must keep to, and why one that does not is rejected: the constraint, its number, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from meshlab.model import InputError, Problem, Topology
from meshlab.model.units import UnitError, duration, parse
from meshlab.planning.capacity import fits
from meshlab.planning.explore.measures import LATENCIES, Measures

MINUTES_PER_YEAR = 525_960.0
CONFIDENCE = 0.9
"""How sure it must be that nothing is used up within the horizon."""


@dataclass(frozen=True)
class Limits:
    """What is asked of every design. `horizon` in months; `budget` in USD a month; latencies are p99 in seconds."""

    horizon: float = 24.0
    budget: float = float("inf")
    availability: dict[str, float] = field(default_factory=dict)
    latency: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejected:
    """A constraint that a design misses: its name, the value that the design has, the limit, and a sentence.

    ``by`` is how far it is missed, in shares of the limit.
    """

    constraint: str
    value: float
    limit: float
    reason: str
    by: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Gives it as plain data; what is missed beyond all measure (nothing is there at all) is null."""
        return {**asdict(self), "by": self.by if self.by < float("inf") else None}


def limits(
    horizon: float, budget: float | None, least: Iterable[str], most: Iterable[str], services: Iterable[str]
) -> Limits:
    """Reads ``SERVICE=0.999`` and ``KIND=50ms`` words.

    Raises
    ------
    InputError
        An unknown service or kind of request (with the nearest), or what is not a share or a duration.
    """
    problems: list[Problem] = []
    shares = _read("--min-availability", least, tuple(services), "share", "0.999", problems)
    seconds = _read("--max-latency", most, LATENCIES, "duration", "50ms", problems)
    if problems:
        raise InputError(problems)
    return Limits(horizon, float("inf") if budget is None else budget, shares, seconds)


def _read(
    option: str,
    words: Iterable[str],
    known: tuple[str, ...],
    what: Any,
    example: str,
    problems: list[Problem],
) -> dict[str, float]:
    found: dict[str, float] = {}
    for word in words:
        where, (name, _, text) = f"{option} {word}", word.partition("=")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            problems.append(Problem(where, 0, 0, f"there is no {name!r}", hint))
            continue
        try:
            found[name] = parse(text, what)
        except UnitError as error:
            problems.append(Problem(where, 0, 0, str(error), f"write {name}={example}"))
            continue
        if what == "share" and not 0 < found[name] < 1:
            problems.append(
                Problem(where, 0, 0, "an availability is between 0 and 1", f"write {name}={example}")
            )
    return found


def missed(topology: Topology, measures: Measures, asked: Limits) -> tuple[Rejected, ...]:
    """Gives every constraint that a design misses; the first is the one that rejects it, none when it keeps to all.

    What does not fit on its machines comes first, then the load that it cannot carry: there the other numbers mean
    little. The others come in the order of how far they are missed, relative to their limits.
    """
    unfit = next((fit for fit in fits(topology) if not fit.fits), None)
    found = []
    if unfit:
        by = unfit.used / unfit.available - 1 if unfit.available else float("inf")
        found.append(Rejected("fits", unfit.used, unfit.available, f"does not fit: {unfit.reason}", by))
    for checks in (_overloads(measures), _checks(measures, asked)):
        out = sorted((pair for pair in checks if pair[0] > 0), key=lambda pair: -pair[0])
        found += [replace(one, by=by) for by, one in out]
    return tuple(found)


_REMEDIES = {"uplink": "uplink=1Gbps,10Gbps", "memory": "worker-memory=1x,1.5x"}
"""Dimensions that the default set leaves out, by what they make more of."""


def remedy(measures: Measures, asked: Limits) -> str:
    """Gives what to vary so that there is more of what is used up too early; empty where nothing is, or helps."""
    if measures.exhaustion_quantile(1 - CONFIDENCE) >= asked.horizon:
        return ""
    return next((more for what, more in _REMEDIES.items() if measures.first_exhausted.endswith(what)), "")


def _overloads(measures: Measures) -> Iterable[tuple[float, Rejected]]:
    for kind, one in measures.latency.items():
        if one.saturated:
            words = (
                f"cannot carry the load: {one.saturated} cannot keep up with {one.load:,g} {kind} requests a second, "
                f"the way carries at most {one.most:,.0f}"
            )
            # At the brink the load is the most there is: it is missed, by next to nothing.
            yield max(one.load / one.most - 1, 1e-9), Rejected(f"load {kind}", one.most, one.load, words)


def _checks(measures: Measures, asked: Limits) -> Iterable[tuple[float, Rejected]]:
    for service, least in asked.availability.items():
        down, most = measures.downtime[service].point, 1 - least
        words = (
            f"{service} is available {1 - down:.5%} of the time, {down * MINUTES_PER_YEAR:,.0f} minutes down a year, "
            f"asked are {least:.5%}, at most {most * MINUTES_PER_YEAR:,.0f} minutes"
        )
        yield down / most - 1, Rejected(f"min-availability {service}", 1 - down, least, words)
    for kind, limit in asked.latency.items():
        if measures.latency[kind].saturated:
            continue  # missed by its load, which says more
        value = measures.latency[kind].p99
        words = f"{kind} takes {duration(value)} at the 99th percentile, asked are {duration(limit)}"
        yield value / limit - 1, Rejected(f"max-latency {kind}", value, limit, words)
    if asked.budget < float("inf"):
        value = measures.cost_mid
        words = f"costs {value:,.0f} USD a month (median), the budget is {asked.budget:,.0f}"
        yield value / asked.budget - 1, Rejected("budget", value, asked.budget, words)
    early = measures.exhaustion_quantile(1 - CONFIDENCE)
    first, words = measures.first_exhausted, "is used up"
    if early < asked.horizon:
        words = (
            f"{first} is used up within {early:.1f} months with a probability of {1 - CONFIDENCE:.0%}, "
            f"the horizon is {asked.horizon:.4g} months"
        )
        if more := remedy(measures, asked):
            words += f"; try --vary {more}"
        yield asked.horizon / max(early, 1e-9) - 1, Rejected("horizon", early, asked.horizon, words)
