"""The quorum advisor."""

from __future__ import annotations

from meshlab.planning.advise.actions import Action
from meshlab.planning.advise.advice import Advice, advise
from meshlab.planning.advise.exposure import Exposure
from meshlab.planning.advise.prohibitions import Prohibition
from meshlab.planning.advise.situation import Breaker, Situation

__all__ = ["Action", "Advice", "Breaker", "Exposure", "Prohibition", "Situation", "advise"]
