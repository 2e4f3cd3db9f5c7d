"""What bring-up does for the chain nodes beyond applying their objects: wait until each is healthy."""

from __future__ import annotations

from meshlab.provision.context import Context
from meshlab.provision.operation import Probe, operation
from meshlab.provision.steps_kubernetes import PodsRunning


@operation("chains.ready")
class ChainReady(PodsRunning):
    """A chain node runs on its own worker and says that it is not behind its network."""

    patience = "chains_ready"

    def look(self, context: Context) -> Probe:
        return super().look(context)
