"""Talos: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from meshlab.provision.systems.interface import System
from meshlab.provision.systems.talos import claims, configuration, group
from meshlab.provision.systems.talos.planned import talos_removal, talos_steps

SYSTEM = System(
    "talos",
    operations=(
        *configuration.OPERATIONS,
        *group.OPERATIONS,
    ),
    bring_up=talos_steps,
    removal=talos_removal,
    claims=claims.CLAIMS,
)
