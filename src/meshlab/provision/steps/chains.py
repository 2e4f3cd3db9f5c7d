"""What bring-up does for the chain nodes beyond applying their objects: wait until each is healthy."""

from __future__ import annotations

from meshlab.provision.steps.context import Context
from meshlab.provision.steps.kubernetes import PodsRunning
from meshlab.provision.steps.operation import Probe, operation


@operation("chains.ready")
class ChainReady(PodsRunning):
    """A chain node runs on its own worker and says that it is not behind its network."""

    patience = "chains_ready"

    def look(self, context: Context) -> Probe:
        return super().look(context)
