"""The strongbox: the cluster's own secrets, made at the beginning and put aside at the end."""

from __future__ import annotations

from meshlab.provision.systems.interface import System
from meshlab.provision.systems.strongbox import operations
from meshlab.provision.systems.strongbox.planned import strongbox_retired, strongbox_steps

SYSTEM = System(
    "strongbox",
    operations=operations.OPERATIONS,
    bring_up=strongbox_steps,
    gone=strongbox_retired,
)
