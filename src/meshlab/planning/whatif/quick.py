"""Answers that come at once: few worlds, and nothing computed again that a change does not touch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from meshlab.model import Topology
from meshlab.planning.whatif.change import Change, changed
from meshlab.planning.whatif.growth import grown

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.planning.capacity import Fit, Resource
    from meshlab.planning.cost import CostItem
    from meshlab.planning.latency import Latency

WORLDS = 1_000
_KEPT = 128


@dataclass(frozen=True)
class QuickAnswer:
    """What the models say of one change, each with the interval of its worlds."""

    change: Change
    horizon: float
    services: Mapping[str, ServiceAvailability]
    requests: tuple[Latency, ...]
    resources: tuple[Resource, ...]
    fits: tuple[Fit, ...]
    total: CostItem

    @property
    def first(self) -> Resource | None:
        """What is used up first."""
        return self.resources[0] if self.resources else None


class Quick:
    """Answers changes of one design, in less than a tenth of a second each.

    Availability, room and cost depend on the machines alone, latency on the load and the distances, the forecast on
    growth and horizon; each is computed when what it depends on is another, and kept.

    Parameters
    ----------
    worlds, seed
        The same seed gives the same bits; the intervals of a thousand worlds are wide enough to see by eye.
    """

    def __init__(self, topology: Topology, *, worlds: int = WORLDS, seed: int = 0) -> None:
        self.topology = topology
        self.worlds, self.seed = worlds, seed
        self.design = lru_cache(_KEPT)(self._design)
        self._standing = lru_cache(_KEPT)(self._stand)
        self._latencies = lru_cache(_KEPT)(self._measure)
        self._ahead = lru_cache(_KEPT)(self._forecast)

    def __call__(self, change: Change, horizon: float) -> QuickAnswer:
        """Gives the answers; `horizon` in seconds."""
        services, fit, total = self._standing(change.workers)
        requests = self._latencies(change.design, change.load)
        resources = self._ahead(change.workers, change.growth, horizon)
        return QuickAnswer(change, horizon, services, requests, resources, fit, total)

    def _design(self, change: Change) -> Topology:
        return changed(self.topology, change)

    def _stand(self, workers: int) -> tuple[Mapping[str, ServiceAvailability], tuple[Fit, ...], CostItem]:
        from meshlab.availability import availability
        from meshlab.planning.capacity import fits
        from meshlab.planning.cost import monthly_cost

        design = self.design(Change(workers=workers))
        services = availability(design, top=1, samples=self.worlds, seed=self.seed)
        total = monthly_cost(design, samples=self.worlds, seed=self.seed)[-1]
        return services, fits(design), total

    def _measure(self, change: Change, load: float) -> tuple[Latency, ...]:
        from meshlab.planning.latency import REQUESTS, NoSuchRequest, latency

        design, found = self.design(change), []
        for kind in REQUESTS:
            try:
                found.append(latency(design, kind, load=load, samples=self.worlds, seed=self.seed))
            except NoSuchRequest:
                continue
        return tuple(found)

    def _forecast(self, workers: int, growth: float, horizon: float) -> tuple[Resource, ...]:
        design = self.design(Change(workers=workers))
        found = grown(design, horizon=horizon, growth=growth, samples=self.worlds, seed=self.seed)
        return tuple(sorted(found, key=lambda one: (one.days_left.mid, one.subject, one.resource)))
