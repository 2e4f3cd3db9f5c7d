"""The date at which a resource is used up, as a distribution: its probability by many horizons, and its quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshlab.model import Topology
from meshlab.planning.capacity import Resource, forecast
from meshlab.planning.whatif import grown

DAY = 86_400.0
HORIZONS = (1.0, 30.0, *(365.25 / 4 * 100 ** (k / 45) for k in range(46)))
"""Days: one, thirty, then from a quarter of a year to 25 years in equal ratios."""


@dataclass(frozen=True)
class Runout:
    """A resource, and when it is used up: days at 10, 50 and 90 % (infinite beyond 25 years).

    ``by`` is the probability that it is used up within each of :data:`HORIZONS`.
    """

    resource: Resource
    by: tuple[float, ...]
    p10: float
    p50: float
    p90: float


def runouts(
    topology: Topology,
    *,
    horizon: float,
    growth: float = 1.0,
    samples: int = 20_000,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> tuple[Runout, ...]:
    """Gives every limited resource with the distribution of its date, the soonest first."""
    now = grown(topology, horizon=horizon, growth=growth, samples=samples, seed=seed)
    curves: list[list[float]] = [[] for _ in now]
    for days in HORIZONS:
        for curve, one in zip(
            curves, forecast(topology, horizon=growth * days * DAY, samples=samples, seed=seed), strict=True
        ):
            curve.append(one.within_horizon)
        tick()
    found = [
        Runout(one, tuple(curve), *(quantile(curve, p) for p in (0.1, 0.5, 0.9)))
        for one, curve in zip(now, curves, strict=True)
    ]
    return tuple(
        sorted(found, key=lambda r: (r.resource.days_left.mid, r.resource.subject, r.resource.resource))
    )


def quantile(by: Sequence[float], p: float, horizons: Sequence[float] = HORIZONS) -> float:
    """Gives the days at which the probability reaches p, between two horizons by their logarithms."""
    if by[0] >= p:
        return 0.0
    for k in range(1, len(by)):
        if by[k] >= p:
            part = (p - by[k - 1]) / (by[k] - by[k - 1])
            return float(horizons[k - 1] * (horizons[k] / horizons[k - 1]) ** part)
    return math.inf
