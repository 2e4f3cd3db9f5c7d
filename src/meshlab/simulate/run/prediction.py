"""Prediction: what a simulation gives - a timeline per replicate and every service's outlook."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from meshlab.model.timeline import Timeline
from meshlab.simulate.layers.objectives import ServiceOutlook, client_outlooks


@dataclass(frozen=True)
class Prediction:
    """The replicates of one simulation, and what they say of each service."""

    seed: int
    horizon: float
    replicates: int
    timelines: tuple[Timeline, ...]
    services: dict[str, ServiceOutlook]

    def typical(self) -> Timeline:
        """Gives the replicate whose downtimes are nearest to the medians (the first of them): for plotting.

        Distance: the sum over services of |downtime - median| / (p95 - p05, at least one second).
        """

        def distance(timeline: Timeline) -> float:
            return sum(
                abs(timeline.downtime(name) - outlook.p50) / max(outlook.p95 - outlook.p05, 1.0)
                for name, outlook in self.services.items()
            )

        return min(self.timelines, key=distance)

    @cached_property
    def clients(self) -> dict[str, dict[str, ServiceOutlook]]:
        """What clients see, by service and kind of request: how long it got no answer, over the replicates."""
        return client_outlooks(self.timelines, self.horizon)

    def to_dict(self) -> dict[str, Any]:
        """Gives the JSON document of ``meshlab simulate --json``."""
        return {
            "horizon_s": self.horizon,
            "seed": self.seed,
            "replicates": self.replicates,
            "intervals": [
                {
                    "replicate": number,
                    "component": interval.component,
                    "state": str(interval.state),
                    "start_s": interval.start,
                    "end_s": interval.end,
                    "cause": interval.cause,
                }
                for number, timeline in enumerate(self.timelines)
                for interval in timeline.intervals
            ],
            "services": {name: outlook.to_dict() for name, outlook in self.services.items()},
        }
