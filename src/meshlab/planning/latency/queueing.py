"""Waiting for one of c servers: exact where arrivals and services are exponential, Allen-Cunneen otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Queue:
    """A station: `servers` in parallel, a mean service time in seconds, its squared coefficient of variation."""

    servers: int
    service: float
    variation: float = 1.0

    def load(self, rate: float) -> float:
        """Gives the share of the servers' time that is used at `rate` requests a second."""
        return rate * self.service / self.servers

    @property
    def most(self) -> float:
        """Requests a second at which it is saturated."""
        return self.servers / self.service if self.service else math.inf

    def waits(self, rate: float) -> float:
        """Gives the probability that a request has to wait (Erlang's C formula)."""
        load = self.load(rate)
        if load >= 1:
            return 1.0
        offered = rate * self.service
        term, total = 1.0, 1.0
        for k in range(1, self.servers):
            term *= offered / k
            total += term
        last = term * offered / self.servers / (1 - load)
        return last / (total + last)

    def mean_wait(self, rate: float) -> float:
        """Gives the mean wait in seconds; infinite at saturation.

        M/M/c exactly for variation 1; else times (1 + variation) / 2 (Allen and Cunneen, Poisson arrivals).
        """
        if self.load(rate) >= 1:
            return math.inf
        spare = self.servers / self.service - rate
        return self.waits(rate) / spare * (1 + self.variation) / 2

    def sample(self, rate: float, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draws waits: none with probability 1 - C, else exponential, which M/M/c is exactly."""
        import numpy as np

        if self.load(rate) >= 1:
            return np.full(count, np.inf)
        waits = self.waits(rate)
        if waits == 0:
            return np.zeros(count)
        mean = self.mean_wait(rate) / waits
        return np.where(rng.random(count) < waits, rng.exponential(mean, count), 0.0)
