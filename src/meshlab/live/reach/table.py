"""The ways to reach the machines, by the mode of a plan."""

from __future__ import annotations

from meshlab.live.reach.direct import Direct
from meshlab.live.reach.interface import Reach

REACHES: dict[str, type[Reach]] = {"direct": Direct}
