"""The date at which a resource is used up, as a distribution, the soonest first."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.model import Topology
from meshlab.planning.capacity import Resource
from meshlab.planning.capacity.forecast import prospects
from meshlab.planning.whatif.growth import grown_from, sooner
from meshlab.planning.worlds import WORLDS


@dataclass(frozen=True)
class Runout:
    """A resource, and when it is used up: days at 10, 50 and 90 %; infinite for never."""

    resource: Resource
    p10: float
    p50: float
    p90: float


def runouts(
    topology: Topology, *, horizon: float, growth: float = 1.0, samples: int = WORLDS, seed: int = 0
) -> tuple[Runout, ...]:
    """Gives every limited resource with the distribution of its date, the soonest first."""
    found = [
        Runout(
            grown_from(one, horizon=horizon, growth=growth),
            *(sooner(days, growth) for days in one.quantiles(0.1, 0.5, 0.9)),
        )
        for one in prospects(topology, samples=samples, seed=seed)
    ]
    return tuple(
        sorted(found, key=lambda r: (r.resource.days_left.mid, r.resource.subject, r.resource.resource))
    )
