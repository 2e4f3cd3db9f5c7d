"""How long a step takes: on the real systems by the facts, on an embedded cluster by what it does there."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.live.target import Target
from meshlab.model import Distribution


@dataclass(frozen=True)
class Takes:
    """How long a kind of step takes, in seconds: median and sigma on the real systems, median on an embedded cluster.

    Sources: facts talos-omni-kubespan 5.3 ("typical durations"), live-bringup 1.4 (waiters) and 2.3; [E] where
    neither says.
    """

    median: float
    sigma: float
    embedded: float

    def on(self, target: Target) -> Distribution:
        """Gives how long it takes on a target."""
        if target.real:
            source = "facts talos-omni-kubespan 5.3, live-bringup 1.4 and 2.3 [E]"
            return Distribution.lognormal(self.median, self.sigma, source)
        return Distribution.lognormal(self.embedded, 0.3, "embedded cluster [E]")
