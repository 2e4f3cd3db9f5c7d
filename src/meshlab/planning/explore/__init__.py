"""What if it were built otherwise: designs varied, measured, compared, and one recommended."""

from __future__ import annotations

from meshlab.planning.explore.dimensions import DIMENSIONS, Dimension
from meshlab.planning.explore.exploration import Exploration, Explored, explore
from meshlab.planning.explore.limits import Limits, Rejected, limits
from meshlab.planning.explore.recommendation import Alternative, Option, Recommendation

__all__ = [
    "DIMENSIONS",
    "Alternative",
    "Dimension",
    "Exploration",
    "Explored",
    "Limits",
    "Option",
    "Recommendation",
    "Rejected",
    "explore",
    "limits",
]
