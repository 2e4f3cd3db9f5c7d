"""Capacity planning: latency, room to grow, cost; every answer with its interval and its source."""

from __future__ import annotations

from meshlab.planning.capacity import Fit, Growth, capacity, fits
from meshlab.planning.cost import CostItem, monthly_cost
from meshlab.planning.latency import CommitLatency, commit_latency

__all__ = ["CommitLatency", "CostItem", "Fit", "Growth", "capacity", "commit_latency", "fits", "monthly_cost"]
