"""The forecast with everything growing faster or slower than the table says."""

from __future__ import annotations

import math
from dataclasses import replace

from meshlab.model import Topology
from meshlab.planning.capacity import Resource
from meshlab.planning.capacity.forecast import Prospect, prospects
from meshlab.planning.worlds import WORLDS


def grown(
    topology: Topology, *, horizon: float, growth: float = 1.0, samples: int = WORLDS, seed: int = 0
) -> tuple[Resource, ...]:
    """Gives the forecast with everything growing `growth` times as fast as the table says.

    Parameters
    ----------
    horizon
        Seconds from today.

    Notes
    -----
    Growth is linear within a world, so faster growth is time passing faster: (limit - used) / (g x growth) <= H
    where (limit - used) / growth <= g x H. A disk's wear counts as growth.
    """
    found = prospects(topology, samples=samples, seed=seed)
    return tuple(grown_from(one, horizon=horizon, growth=growth) for one in found)


def grown_from(one: Prospect, *, horizon: float, growth: float) -> Resource:
    """Gives one resource of a forecast with everything growing `growth` times as fast."""
    found = one.resource(growth * horizon)
    if growth == 1:
        return found
    days = found.days_left
    low, mid, high = (sooner(value, growth) for value in (days.low, days.mid, days.high))
    return replace(found, days_left=replace(days, low=low, mid=mid, high=high))


def sooner(days: float, growth: float) -> float:
    """Gives the days until something is used up when everything grows `growth` times as fast."""
    if growth == 1:
        return days
    return days / growth if growth else math.inf if days else 0.0
