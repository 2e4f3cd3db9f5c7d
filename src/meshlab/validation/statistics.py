"""Two samples side by side: quantiles with bootstrap intervals, Kolmogorov-Smirnov, shares with exact intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

QUANTILES = (0.5, 0.9, 0.99)
RESAMPLES = 1000
_AT_ONCE = 100


@dataclass(frozen=True)
class Quantile:
    """A quantile of a sample and its 95 % percentile-bootstrap interval, in the unit of the sample."""

    p: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Share:
    """How many of how many, and the exact (Clopper-Pearson) 95 % interval of the probability behind it."""

    count: int
    of: int
    share: float
    low: float
    high: float

    def holds(self, probability: float) -> bool:
        """Whether a probability lies inside the interval."""
        return self.low <= probability <= self.high


@dataclass(frozen=True)
class Comparison:
    """A real and a simulated sample; errors are (simulated - real) / real, in percent, by quantile."""

    real_n: int
    simulated_n: int
    real: tuple[Quantile, ...]
    simulated: tuple[Quantile, ...]
    ks: float
    p_value: float
    error_percent: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def quantiles(sample: Sequence[float], *, seed: int = 0) -> tuple[Quantile, ...]:
    """Gives p50, p90 and p99 with their intervals.

    Raises
    ------
    ValueError
        The sample is empty.
    """
    import numpy as np

    values = np.asarray(sample, dtype=float)
    if not values.size:
        raise ValueError("an empty sample has no quantiles")
    rng = np.random.default_rng(seed)
    found = np.quantile(values, QUANTILES)
    low, high = np.quantile(_resampled(values, rng), (0.025, 0.975), axis=0)
    return tuple(
        Quantile(p, float(v), float(a), float(b))
        for p, v, a, b in zip(QUANTILES, found, low, high, strict=True)
    )


def _resampled(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    import numpy as np

    found = np.empty((RESAMPLES, len(QUANTILES)))
    for start in range(0, RESAMPLES, _AT_ONCE):
        drawn = rng.integers(values.size, size=(min(_AT_ONCE, RESAMPLES - start), values.size))
        found[start : start + len(drawn)] = np.quantile(values[drawn], QUANTILES, axis=1).T
    return found


def share(count: int, of: int) -> Share:
    """Gives a share and its exact 95 % interval."""
    from scipy.stats import binomtest

    interval = binomtest(count, of).proportion_ci(confidence_level=0.95, method="exact")
    return Share(count, of, count / of, float(interval.low), float(interval.high))


def compare(real: Sequence[float], simulated: Sequence[float], *, seed: int = 0) -> Comparison:
    """Compares two samples of one quantity."""
    from scipy.stats import ks_2samp

    ours, theirs = quantiles(simulated, seed=seed), quantiles(real, seed=seed)
    test = ks_2samp(real, simulated, method="auto")
    errors = {
        name(a.p): round(100.0 * (b.value - a.value) / a.value, 2) if a.value else float("nan")
        for a, b in zip(theirs, ours, strict=True)
    }
    return Comparison(
        len(real), len(simulated), theirs, ours, float(test.statistic), float(test.pvalue), errors
    )


def name(p: float) -> str:
    """p50, p99, ..."""
    return f"p{100 * p:g}"
