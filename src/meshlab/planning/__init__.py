"""Capacity planning: latency, room to grow, cost; every answer with its interval and its source."""

from __future__ import annotations

from meshlab.planning.capacity import Fit, Recovery, Resource, fits, forecast, recoveries
from meshlab.planning.cost import CostItem, monthly_cost
from meshlab.planning.latency import CommitLatency, commit_latency

__all__ = [
    "CommitLatency",
    "CostItem",
    "Fit",
    "Recovery",
    "Resource",
    "commit_latency",
    "fits",
    "forecast",
    "monthly_cost",
    "recoveries",
]
