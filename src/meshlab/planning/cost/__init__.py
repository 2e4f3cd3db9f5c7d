"""What it costs."""

from __future__ import annotations

from meshlab.planning.cost.bill import PRICED_REGION, CostItem, elsewhere, monthly_cost, monthly_total
from meshlab.planning.cost.traffic import Flow

__all__ = ["PRICED_REGION", "CostItem", "Flow", "elsewhere", "monthly_cost", "monthly_total"]
