"""What it costs."""

from __future__ import annotations

from meshlab.planning.cost.bill import CostItem, monthly_cost
from meshlab.planning.cost.traffic import Flow

__all__ = ["CostItem", "Flow", "monthly_cost"]
