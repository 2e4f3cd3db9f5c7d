"""The forecast with everything growing faster or slower than the table says."""

from __future__ import annotations

import math
from dataclasses import replace

from meshlab.model import Estimate, Topology
from meshlab.planning.capacity import Resource, forecast


def grown(
    topology: Topology, *, horizon: float, growth: float = 1.0, samples: int = 20_000, seed: int = 0
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
    found = forecast(topology, horizon=growth * horizon, samples=samples, seed=seed)
    if growth == 1:
        return found
    return tuple(replace(one, days_left=_faster(one.days_left, growth)) for one in found)


def _faster(days: Estimate, growth: float) -> Estimate:
    low, mid, high = (
        value / growth if growth else math.inf if value else 0.0 for value in (days.low, days.mid, days.high)
    )
    return replace(days, low=low, mid=mid, high=high)
