"""Exact availability of every service: its probability, its minimal cut sets, importance, and what is not known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from meshlab.availability.diagrams.compiled import Compiled, Limits, compiled
from meshlab.availability.diagrams.minimal import RankedCutSet, minimal_cut_sets
from meshlab.availability.exact.evaluate import probabilities
from meshlab.availability.exact.importance import Importance, importances
from meshlab.availability.exact.mission import Mission, mission, outages_per_second
from meshlab.availability.exact.structure import structure
from meshlab.availability.trees.formula import Formula, failure
from meshlab.availability.trees.rates import SAMPLES, SEED, Rates, rates, sampled, steady
from meshlab.model import Topology, UnknownComponent

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTES_PER_YEAR = 525_960.0
_SECONDS_PER_YEAR = 60 * MINUTES_PER_YEAR


@dataclass(frozen=True)
class ServiceAvailability:
    """Exact steady-state unavailability of one service, with the 90 % interval that uncertain rates give it."""

    service: str
    unavailability: float
    interval: tuple[float, float]
    cut_set_count: int
    cut_sets: tuple[RankedCutSet, ...]
    importance: tuple[Importance, ...]
    outages_per_year: float
    mission: Mission | None = None

    @property
    def downtime_minutes_per_year(self) -> float:
        return self.unavailability * MINUTES_PER_YEAR

    @property
    def nines(self) -> float:
        """How many nines: 3 is 99.9 %; infinite where it never fails."""
        return -math.log10(self.unavailability) if self.unavailability else math.inf

    def to_dict(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "unavailability": self.unavailability,
            "interval": list(self.interval),
            "downtime_min_per_year": self.downtime_minutes_per_year,
            "minimal_cut_sets": {
                "count": self.cut_set_count,
                "top": [{"events": list(c.events), "probability": c.probability} for c in self.cut_sets],
            },
            "importance": [i.to_dict() for i in self.importance],
        }
        if self.mission:
            document["mission"] = self.mission.to_dict()
        return document


def availability(
    topology: Topology,
    service: str | None = None,
    top: int = 10,
    mission_seconds: float | None = None,
    samples: int = SAMPLES,
    seed: int = SEED,
) -> dict[str, ServiceAvailability]:
    """Gives the exact availability of every service (or of one), computed from the components' rates.

    Components fail and are repaired independently of each other; what they share (zone, site, link, group,
    software) is a component of its own. Times that systems need to recover (elections, restarts) are not in it:
    that is what the simulator adds. The interval is the 5 % and 95 % point of the answer when every uncertain
    rate is drawn from its own interval; see `rates.sampled`.

    Parameters
    ----------
    top
        How many minimal cut sets to list, the most probable first; they are all counted.
    mission_seconds
        Also answer for a mission of this length that begins with all well.

    Raises
    ------
    UnknownComponent
        There is no such service.
    """
    formulas = structure(topology)
    if service is not None and service not in formulas:
        raise UnknownComponent(service, formulas, "service")
    names = [service] if service else [name for name in topology.service_names if name in formulas]
    known = rates(topology)
    draws = sampled(topology, samples, seed)
    return {name: _exact(name, formulas[name], known, draws, top, mission_seconds) for name in names}


@lru_cache(maxsize=256)
def service_diagrams(formula: Formula) -> Compiled:
    """Gives "the service is down" compiled; kept, since rates change more often than structures do."""
    return compiled(failure(formula), Limits())


def _exact(
    name: str,
    formula: Formula,
    known: dict[str, Rates],
    draws: dict[str, NDArray[np.float64]],
    top: int,
    seconds: float | None,
) -> ServiceAvailability:
    diagrams = service_diagrams(formula)
    down = steady(known)
    total, importance = importances(diagrams, down)
    cuts = minimal_cut_sets(diagrams)
    low, high = _interval(diagrams, draws, total)
    return ServiceAvailability(
        service=name,
        unavailability=total,
        interval=(low, high),
        cut_set_count=cuts.count(),
        cut_sets=tuple(islice(cuts.most_probable_first(down), top)),
        importance=importance,
        outages_per_year=outages_per_second(diagrams, known) * _SECONDS_PER_YEAR,
        mission=mission(diagrams, known, seconds) if seconds is not None else None,
    )


def _interval(diagrams: Compiled, draws: dict[str, NDArray[np.float64]], total: float) -> tuple[float, float]:
    samples = next(iter(draws.values())).size if draws else 1
    q = np.array([draws.get(name, np.zeros(samples)) for name in diagrams.events]).reshape(-1, samples)
    low, high = np.quantile(probabilities(diagrams, q), [0.05, 0.95])
    return min(float(low), total), max(float(high), total)
