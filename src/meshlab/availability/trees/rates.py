"""From rates of failure and repair to probabilities: steady state, at a moment, and how uncertain they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshlab.simulate.streams import Streams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshlab.model import Reliability, Topology

SAMPLES = 2000
SEED = 0
_NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True)
class Rates:
    """One component's failure and repair rate, per second."""

    fails: float
    repairs: float

    @property
    def steady(self) -> float:
        """The share of time that it is down in the long run."""
        return self.fails / (self.fails + self.repairs) if self.fails else 0.0

    def at(self, seconds: float) -> float:
        """The probability that it is down at a moment, having begun as new; repair times exponential."""
        return self.steady * -math.expm1(-(self.fails + self.repairs) * seconds)


def rates(topology: Topology) -> dict[str, Rates]:
    """Gives the rates of every component that can fail; a component without a repair time is mended at once."""
    return {
        component.name: _rates(component.reliability)
        for component in topology
        if component.reliability and component.reliability.rate > 0
    }


def _rates(reliability: Reliability) -> Rates:
    mean = reliability.repair.mean
    return Rates(reliability.rate, 1 / mean) if mean > 0 else Rates(0.0, 1.0)


def sampled(topology: Topology, samples: int = SAMPLES, seed: int = SEED) -> dict[str, NDArray[np.float64]]:
    """Gives each component's steady unavailability in every sample, its failure rate drawn from what is known.

    Notes
    -----
    `low` and `high` of a rate are its 5 % and 95 % points, the rate itself the median: two half lognormals, one
    on each side. Components with the same rate, bounds and source share one draw: what is not known of one zone
    is not known of the other either (state-of-knowledge correlation), which widens the answer, rightly. Draws are
    stratified: each of the n slices of a distribution gives one sample.

    References
    ----------
    Apostolakis and Kaplan, Pitfalls in risk calculations, Reliability Engineering 2, 1981.
    """
    streams = Streams(seed, 0)
    drawn: dict[tuple[float, float, float, str], NDArray[np.float64]] = {}
    found = {}
    for component in topology:
        r = component.reliability
        if r is None or r.rate <= 0 or r.repair.mean <= 0:
            continue
        key = (r.rate, r.low, r.high, r.source or component.source)
        if key not in drawn:
            drawn[key] = _draw(r, samples, streams.of(repr(key)))
        load = drawn[key] * r.repair.mean
        found[component.name] = load / (1 + load)
    return found


def _draw(r: Reliability, samples: int, stream: np.random.Generator) -> NDArray[np.float64]:
    from scipy.special import ndtri

    z = ndtri((stream.permutation(samples) + stream.random(samples)) / samples)
    below = math.log(r.rate / r.low) / _NORMAL_95 if 0 < r.low < r.rate else 0.0
    above = math.log(r.high / r.rate) / _NORMAL_95 if r.high > r.rate else 0.0
    found: NDArray[np.float64] = r.rate * np.exp(np.where(z < 0, below, above) * z)
    return found


def steady(found: Mapping[str, Rates]) -> dict[str, float]:
    """Gives every component's long-run unavailability."""
    return {name: one.steady for name, one in found.items()}
