"""A duration from a few measurements: the posterior of a lognormal, with today's row of the table as the prior.

Measurements may be exact, known to lie between two bounds (what an observer that looks every half second sees),
or cut off by the end of the watch. The posterior of the log-median and the log of sigma is summed on a grid, so
that the stated interval is right for one measurement as for a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.distribution import Distribution, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.parameters.table import Parameter

Z90 = 1.6448536269514722
SPREAD_DOUBT = 0.5
"""Standard deviation of the logarithm of sigma in the prior: within a factor of 2.3 with 90 %."""
SIGNIFICANT = 6
"""Significant digits that fitted numbers keep: more says nothing, and fewer would be lost in a spec's units."""


@dataclass(frozen=True)
class Measured:
    """One measured duration in seconds: between `low` and `high`; equal when exact, `high` infinite when cut off."""

    low: float
    high: float

    @classmethod
    def exactly(cls, seconds: float) -> Measured:
        return cls(seconds, seconds)


@dataclass(frozen=True)
class Prior:
    """What is believed of a lognormal before: its median with a factor of doubt, its sigma with another.

    `doubt` is the standard deviation of the logarithm of the median.
    """

    median: float
    doubt: float
    sigma: float

    @classmethod
    def of(cls, row: Parameter) -> Prior:
        """Gives the prior that a row of the table stands for.

        Its median and spread are those of its distribution; the row's bounds hold the median with 90 %. A
        constant says nothing of the spread: sigma is then about 0.5.
        """
        value = row.value
        low, high = value.quantile(0.05), value.quantile(0.95)
        median = max(value.quantile(0.5), 1e-9)
        sigma = 0.5 if low == high else math.log(high / low) / (2 * Z90) if low > 0 else 0.8
        sigma = max(sigma, 0.05)
        bounded = 0 < row.low < row.high < math.inf
        doubt = math.log(row.high / row.low) / (2 * Z90) if bounded else sigma
        return cls(median, max(doubt, 0.05), sigma)

    @classmethod
    def vague(cls, median: float) -> Prior:
        """Gives a prior that says next to nothing: the median within a factor of 27, a sigma about 0.5."""
        return cls(median, 2.0, 0.5)


@dataclass(frozen=True)
class Posterior:
    """The fitted lognormal and the interval of its median."""

    value: Distribution
    median: Estimate
    sigma: Estimate


def fit_durations(measured: Sequence[Measured], prior: Prior, confidence: float = 0.9) -> Posterior:
    """Gives the posterior of a lognormal duration.

    Notes
    -----
    log duration ~ Normal(mu, sigma); mu ~ Normal(log prior median, doubt), log sigma ~ Normal(log prior sigma,
    0.5). The value is the lognormal at the posterior means of mu and log sigma. `confidence` is the posterior
    probability of the interval; over truths drawn from the prior it is also its coverage.

    Raises
    ------
    ValueError
        A measurement is negative, zero at its upper bound, or upside down.
    """
    import numpy as np

    for m in measured:
        if not (0 <= m.low <= m.high and m.high > 0):
            raise ValueError(f"not a duration: between {m.low:g} and {m.high:g} s")
    finite = [math.log(max(x, 1e-9)) for m in measured for x in (m.low, m.high) if 0 < x < math.inf]
    centre = math.log(prior.median)
    lows, highs = [centre - 5 * prior.doubt, *finite], [centre + 5 * prior.doubt, *finite]
    mu = np.linspace(min(lows), max(highs), 101)
    lam = np.linspace(math.log(prior.sigma) - 4 * SPREAD_DOUBT, math.log(prior.sigma) + 4 * SPREAD_DOUBT, 41)
    weight = _weights(measured, prior, mu, lam)
    for _ in range(3):  # where the mass lies is known now: look there again, closer
        mu, lam = _closer(mu, weight.sum(axis=1)), _closer(lam, weight.sum(axis=0))
        weight = _weights(measured, prior, mu, lam)
    tail = (1 - confidence) / 2
    by_mu, by_lam = weight.sum(axis=1), weight.sum(axis=0)
    method = "posterior, summed on a grid"
    middle, spread = float(by_mu @ mu), float(by_lam @ lam)
    median = _rounded(math.exp(middle))
    bounds = [math.exp(_quantile(mu, by_mu, q)) for q in (tail, 1 - tail)]
    widths = [math.exp(_quantile(lam, by_lam, q)) for q in (tail, 1 - tail)]
    sigma = _rounded(math.exp(spread))
    return Posterior(
        Distribution.lognormal(median, sigma),
        Estimate(_rounded(bounds[0]), median, _rounded(bounds[1]), confidence, method),
        Estimate(_rounded(widths[0]), sigma, _rounded(widths[1]), confidence, method),
    )


def _weights(
    measured: Sequence[Measured], prior: Prior, mu: NDArray[np.float64], lam: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gives the normalised posterior on the grid; rows are mu, columns log sigma."""
    import numpy as np
    from scipy.special import log_ndtr

    m, sigma = mu[:, None], np.exp(lam)[None, :]
    log_p = -0.5 * ((m - math.log(prior.median)) / prior.doubt) ** 2
    log_p = log_p - 0.5 * ((lam[None, :] - math.log(prior.sigma)) / SPREAD_DOUBT) ** 2
    exact = np.array([math.log(x.low) for x in measured if x.low == x.high > 0])
    if len(exact):
        n, mean = len(exact), float(exact.mean())
        squares = float(((exact - mean) ** 2).sum())
        log_p = log_p - n * np.log(sigma) - 0.5 * (squares + n * (m - mean) ** 2) / sigma**2
    for low, high in ((x.low, x.high) for x in measured if x.low != x.high):
        above = (
            log_ndtr(-((math.log(low) - m) / sigma)) if low > 0 else np.zeros(np.broadcast(m, sigma).shape)
        )
        if high < math.inf:
            beyond = log_ndtr(-((math.log(high) - m) / sigma))
            lower = log_ndtr((math.log(low) - m) / sigma) if low > 0 else np.full(beyond.shape, -np.inf)
            upper = log_ndtr((math.log(high) - m) / sigma)
            # the difference of two distribution functions, taken in the tail where it does not cancel
            right = above + np.log(-np.expm1(np.minimum(beyond - above, -1e-300)))
            left = upper + np.log(-np.expm1(np.minimum(lower - upper, -1e-300)))
            above = np.where(above < upper, right, left)
        log_p = log_p + above
    weight = np.exp(log_p - log_p.max())
    return np.asarray(weight / weight.sum(), dtype=float)


def _closer(grid: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    kept = np.flatnonzero(weight > weight.max() * 1e-7)
    low, high = max(kept[0] - 1, 0), min(kept[-1] + 1, len(grid) - 1)
    return np.linspace(grid[low], grid[high], len(grid))


def _quantile(grid: NDArray[np.float64], weight: NDArray[np.float64], p: float) -> float:
    import numpy as np

    below = np.cumsum(weight) - weight / 2
    return float(np.interp(p, below, grid))


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT}g}")
