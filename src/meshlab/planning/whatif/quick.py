"""Answers that come at once: nothing is computed again that a change does not touch, and changes take few worlds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from meshlab.model import Topology
from meshlab.planning.whatif.against import held_against
from meshlab.planning.whatif.change import Change, changed
from meshlab.planning.whatif.growth import grown_from
from meshlab.planning.worlds import WORLDS

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.planning.capacity import Fit, Resource
    from meshlab.planning.capacity.forecast import Prospect
    from meshlab.planning.cost import CostItem
    from meshlab.planning.latency import Latency

FEW = 1_000
"""Worlds in which the latencies of a changed design are compared with those of the design as it is."""
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
    growth and horizon; each is computed when what it depends on is another, and kept. The design as it is gets the
    plan's own numbers, to the bit. Of a changed one only the latencies are not the plan's: they are the plan's times
    what the change does to them in a `few` worlds, the same ones before and after.

    Parameters
    ----------
    worlds, seed
        The plan's: the same seed gives the same bits.
    few
        Worlds in which a change of latency is seen.
    """

    def __init__(self, topology: Topology, *, worlds: int = WORLDS, few: int = FEW, seed: int = 0) -> None:
        from meshlab.planning.cost.draws import Draws
        from meshlab.planning.tables import growth
        from meshlab.planning.worlds import Worlds

        self.topology = topology
        self.worlds, self.few, self.seed = worlds, few, seed
        self._growth, self._prices = Worlds(growth(), worlds, seed), Draws(worlds, seed)
        self.design = lru_cache(_KEPT)(self._design)
        self._standing = lru_cache(_KEPT)(self._stand)
        self._latencies = lru_cache(_KEPT)(self._measure)
        self._walked = lru_cache(_KEPT)(self._walk)
        self._ahead = lru_cache(_KEPT)(self._prospects)

    def __call__(self, change: Change, horizon: float) -> QuickAnswer:
        """Gives the answers; `horizon` in seconds."""
        services, fit, total = self._standing(change.workers)
        requests = self._latencies(change.design, change.load)
        found = (
            grown_from(one, horizon=horizon, growth=change.growth) for one in self._ahead(change.workers)
        )
        resources = tuple(sorted(found, key=lambda one: (one.days_left.mid, one.subject, one.resource)))
        return QuickAnswer(change, horizon, services, requests, resources, fit, total)

    def _design(self, change: Change) -> Topology:
        return changed(self.topology, change)

    def _stand(self, workers: int) -> tuple[Mapping[str, ServiceAvailability], tuple[Fit, ...], CostItem]:
        from meshlab.availability import availability
        from meshlab.planning.capacity import fits
        from meshlab.planning.cost import monthly_total

        design = self.design(Change(workers=workers))
        services = availability(design, top=1, seed=self.seed)
        return services, fits(design), monthly_total(design, self._prices)

    def _measure(self, change: Change, load: float) -> tuple[Latency, ...]:
        plan = self._walked(Change(), 0.0, self.worlds)
        if change == Change() and not load:
            return tuple(plan.values())
        before, now = self._walked(Change(), 0.0, self.few), self._walked(change, load, self.few)
        return tuple(
            held_against(plan[kind], before[kind], one) if kind in plan else one for kind, one in now.items()
        )

    def _walk(self, change: Change, load: float, worlds: int) -> Mapping[str, Latency]:
        from meshlab.planning.latency import REQUESTS, NoSuchRequest, latency

        design, found = self.design(change), {}
        for kind in REQUESTS:
            try:
                found[kind] = latency(design, kind, load=load, samples=worlds, seed=self.seed)
            except NoSuchRequest:
                continue
        return found

    def _prospects(self, workers: int) -> tuple[Prospect, ...]:
        from meshlab.planning.capacity.forecast import prospects_in

        known = self._ahead(0) if workers else ()
        return prospects_in(self.design(Change(workers=workers)), self._growth, self._prices, known)
