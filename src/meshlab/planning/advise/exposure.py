"""How long a way out takes, and how likely the quorum is lost meanwhile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model import Distribution, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.planning.advise.situation import Breaker

SAMPLES = 20_000


@dataclass(frozen=True)
class Exposure:
    """Seconds until the way out is done, and the probability that the quorum is lost before.

    ``risk.mid`` is the expectation at the failure rates of the spec; ``low`` and ``high`` are the expectations at
    the ends of the rates' intervals (all low, all high: an outer bound).
    """

    seconds: Estimate
    risk: Estimate


def exposure(parts: Sequence[Distribution], breakers: Sequence[Breaker], *, seed: int = 0) -> Exposure:
    """Gives the exposure of a way out whose `parts` follow one another.

    Notes
    -----
    While it lasts (T seconds), failures of the breakers come as a Poisson process of rate r, so the quorum is lost
    with probability 1 - E[exp(-r T)]. That two components fail meanwhile whose losses only together take the
    quorum is left out: it is of second order in r T (a test holds it against a simulation of all failures).
    """
    import numpy as np

    rng = np.random.Generator(np.random.Philox(key=[seed, len(parts)]))
    time = np.zeros(SAMPLES)
    for part in parts:
        time = time + np.asarray(part.sample(rng, SAMPLES))
    method = f"{SAMPLES} samples, seed {seed}"
    rates = [sum(b.reliability.rate for b in breakers)]
    rates.append(sum(b.reliability.low or b.reliability.rate for b in breakers))
    rates.append(sum(b.reliability.high or b.reliability.rate for b in breakers))
    mid, low, high = (_lost(rate, time) for rate in rates)
    return Exposure(
        Estimate.of(time, method=method), Estimate(low, mid, high, 0.9, f"1 - E[exp(-rate x time)], {method}")
    )


def _lost(rate: float, time: NDArray[np.float64]) -> float:
    import numpy as np

    value = float(np.mean(-np.expm1(-rate * time)))
    return value if math.isfinite(value) else 1.0
