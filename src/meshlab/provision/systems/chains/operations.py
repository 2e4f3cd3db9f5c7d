"""What bring-up does for the chain nodes beyond applying their objects: wait until each is healthy."""

from __future__ import annotations

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.kubernetes.waits import PodsRunning
from meshlab.provision.systems.outcome import Probe


class ChainReady(PodsRunning):
    """A chain node runs on its own worker and says that it is not behind its network."""

    name = "chains.ready"
    patience = "chains_ready"

    def look(self, context: Context) -> Probe:
        return super().look(context)


OPERATIONS = (ChainReady,)
