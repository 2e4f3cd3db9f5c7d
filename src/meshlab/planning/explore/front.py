"""Which designs are worth discussing: those that no other one is at least as good as in everything."""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshlab.planning.explore.measures import Measures

Objectives = tuple[float, ...]
"""What is to be small: downtimes, p99 latencies, minus months to exhaustion, cost."""


def objectives(measured: Sequence[Measures], services: Sequence[str]) -> list[Objectives]:
    """Gives each design's objectives: all the smaller the better.

    Notes
    -----
    Every service in `services` counts, not the worst alone: a design that leaves the worst service as it is and
    takes an hour a year from another would otherwise seem as good. What is sampled is compared as it is read: p99
    to two digits, months to a tenth, cost to a dollar, so that the noise of sampling saves no design from being
    dominated, and being dominated stays transitive. The downtimes are exact; nine digits leave rounding out.
    """
    return [
        (
            *(_digits(one.downtime[name].point, 9) for name in services),
            *(_digits(one.latency[kind].p99, 2) for kind in sorted(one.latency)),
            -round(min(one.exhaustion_quantile(0.5), 1e9), 1),
            float(round(one.cost_mid)),
        )
        for one in measured
    ]


def dominates(one: Objectives, other: Objectives) -> bool:
    """Whether one design is no worse in anything and better in something."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def dominators(points: Sequence[Objectives]) -> list[int | None]:
    """Gives, for each design, one on the front that dominates it; none for those on the front.

    Of several, the one that is better by most: the largest sum of relative gains, then the first.
    """
    import numpy as np

    table = np.array(points, dtype=float)
    found: list[int | None] = []
    for position, point in enumerate(table):
        above = np.flatnonzero((table <= point).all(axis=1) & (table < point).any(axis=1))
        found.append(_best(table, position, above.tolist()))
    front = {position for position, by in enumerate(found) if by is None}
    return [
        by
        if by is None or by in front
        else _best(table, i, [j for j in sorted(front) if dominates(points[j], points[i])])
        for i, by in enumerate(found)
    ]


def _best(table: object, position: int, above: list[int]) -> int | None:
    import numpy as np

    if not above:
        return None
    points = np.asarray(table)
    here = points[position]
    scale = np.where(here != 0, np.abs(here), 1.0)
    gains = ((here - points[above]) / scale).sum(axis=1)
    return above[int(gains.argmax())]


def _digits(value: float, count: int) -> float:
    """Rounds to significant digits."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, count - 1 - math.floor(math.log10(abs(value))))
