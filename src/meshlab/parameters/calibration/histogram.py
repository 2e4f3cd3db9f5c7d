"""A distribution from a histogram: interval-censored maximum likelihood over its buckets and its sum.

Prometheus keeps of each measurement only its bucket, and of all of them the exact sum. Both are used: the
likelihood of the counts, and that of the sum given the counts (normal, with the moments of the distribution
within each bucket). The sum is what tells a median that lies within the first bucket.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.distribution import Distribution, Estimate
from meshlab.parameters.calibration.durations import Z90
from meshlab.parameters.calibration.outcome import Goodness

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST = 50
"""Fewer measurements than this are refused: their interval would be wider than what ships as the default."""
UNDECIDED = 6.0
"""Forms whose AIC differ by less are both possible (weight of the worse: 5 %); an interval then holds both."""
FORMS = ("lognormal", "gamma")


class TooLittle(ValueError):
    """The histogram does not tell the distribution: too few measurements, or all of them in one bucket."""


@dataclass(frozen=True)
class Histogram:
    """Counts between edges: ``counts[i]`` in (edges[i], edges[i+1]]; the last edge is infinite. `total` is the sum.

    ``total`` is nan where it is not known.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = math.nan

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        if len(self.edges) != len(self.counts) + 1 or not rising or min(self.counts, default=0) < 0:
            raise ValueError("a histogram has rising edges, one more than counts, and no negative count")

    @property
    def count(self) -> int:
        return sum(self.counts)

    @classmethod
    def of(cls, values: NDArray[np.float64], upper: tuple[float, ...]) -> Histogram:
        """Gives the histogram of values with the upper bounds given (the +Inf bucket is added)."""
        import numpy as np

        edges = (0.0, *upper, math.inf)
        found = np.searchsorted(np.array(edges[1:-1]), values, side="left")
        counts = np.bincount(found, minlength=len(edges) - 1)
        return cls(edges, tuple(int(c) for c in counts), float(values.sum()))


@dataclass(frozen=True)
class Fitted:
    """The form that fits best, the interval of its median and of its 99th percentile, and how well it fits."""

    value: Distribution
    median: Estimate
    p99: Estimate
    goodness: Goodness


def fit_histogram(histogram: Histogram, confidence: float = 0.9) -> Fitted:
    """Gives the lognormal or gamma distribution with the least AIC.

    Notes
    -----
    Intervals are Wald's on the logarithm, from the curvature of the log-likelihood at its maximum: they suppose
    independent measurements from the form that was taken. With very many measurements they are narrow even where
    the form is wrong; `goodness.distance` says how wrong.

    Raises
    ------
    TooLittle
        Fewer than 50 measurements, or all in one bucket (its width tells nothing of theirs).
    """
    filled = sum(1 for count in histogram.counts if count)
    if histogram.count < FEWEST:
        raise TooLittle(f"{histogram.count} measurements, at least {FEWEST} are needed: measure for longer")
    if filled < (2 if math.isfinite(histogram.total) else 3):
        first = next(i for i, count in enumerate(histogram.counts) if count)
        between = f"{histogram.edges[first]:g} and {histogram.edges[first + filled]:g} s"
        mean = f", with a mean of {histogram.total / histogram.count:.4g} s" if histogram.total else ""
        raise TooLittle(
            f"all {histogram.count} measurements lie in {filled} bucket{'s' if filled > 1 else ''} "
            f"(between {between}{mean}): that does not tell how they vary; measure them directly"
        )
    tried = {form: _maximise(form, histogram) for form in FORMS}
    aic = {form: 2 * 2 - 2 * found[1] for form, found in tried.items()}
    form = min(FORMS, key=lambda name: aic[name])
    at = tried[form][0]
    distance, p_value = _goodness(form, at, histogram)
    able = sorted((name for name in FORMS if aic[name] - aic[form] < UNDECIDED), key=lambda name: aic[name])

    def interval(p: float) -> Estimate:
        found = [_estimate(name, tried[name][0], tried[name][2], p, confidence) for name in able]
        method = "interval-censored maximum likelihood" + (
            f"; over {' and '.join(able)}, which the buckets do not tell apart" if len(able) > 1 else ""
        )
        least, most = min(e.low for e in found), max(e.high for e in found)
        return Estimate(least, found[0].mid, most, confidence, method)

    return Fitted(_distribution(form, at), interval(0.5), interval(0.99), Goodness(distance, p_value, aic))


Point = tuple[float, float]
"""Logarithms: of median and sigma of a lognormal, of mean and shape of a gamma."""


def _distribution(form: str, at: Point) -> Distribution:
    a, b = (float(f"{math.exp(x):.6g}") for x in at)
    return Distribution.lognormal(a, b) if form == "lognormal" else Distribution.gamma(a, b)


def _moments(form: str, at: Point, edges: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Gives the integrals of 1, x and x^2 times the density over each bucket."""
    import numpy as np
    from scipy.special import gammainc, gammaincc, ndtr

    a, b = (math.exp(x) for x in at)
    found = []
    if form == "lognormal":
        with np.errstate(divide="ignore"):
            z = (np.log(edges) - math.log(a)) / b
        for k in (0, 1, 2):
            shifted = z - k * b
            low, high = shifted[:-1], shifted[1:]
            mass = np.where(low > 0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
            found.append(mass * math.exp(min(k * math.log(a) + k * k * b * b / 2, 600)))
    else:
        scale = a / b
        for k, factor in ((0, 1.0), (1, a), (2, a * a * (1 + 1 / b))):
            x = edges / scale
            cdf, tail = gammainc(b + k, x), gammaincc(b + k, x)
            mass = np.where(cdf[:-1] > 0.5, tail[:-1] - tail[1:], cdf[1:] - cdf[:-1])
            found.append(mass * factor)
    return tuple(found)


def _log_likelihood(form: str, at: Point, histogram: Histogram, edges: NDArray[np.float64]) -> float:
    import numpy as np

    counts = np.array(histogram.counts, dtype=float)
    mass, first, second = _moments(form, at, edges)
    filled = counts > 0
    if (mass[filled] <= 0).any():
        return -1e300
    found = float(counts[filled] @ np.log(mass[filled]))
    if math.isfinite(histogram.total):
        mean = first[filled] / mass[filled]
        spread = np.maximum(second[filled] / mass[filled] - mean**2, 1e-18 * mean**2)
        expected, variance = float(counts[filled] @ mean), float(counts[filled] @ spread)
        found -= 0.5 * math.log(variance) + 0.5 * (histogram.total - expected) ** 2 / variance
    return found if math.isfinite(found) else -1e300


def _maximise(form: str, histogram: Histogram) -> tuple[Point, float, NDArray[np.float64]]:
    """Gives the maximum, its log-likelihood, and the covariance of the two logarithms."""
    import numpy as np
    from scipy.optimize import minimize

    edges = np.array(histogram.edges)
    finite = np.minimum(np.maximum(edges, edges[1] / 4), edges[-2] * 2)
    middles = np.sqrt(finite[:-1] * finite[1:])
    counts = np.array(histogram.counts, dtype=float)
    mean_log = float(counts @ np.log(middles) / counts.sum())
    sd_log = math.sqrt(max(float(counts @ (np.log(middles) - mean_log) ** 2 / counts.sum()), 0.01))
    mean = histogram.total / histogram.count if math.isfinite(histogram.total) else math.exp(mean_log)

    def loss(at: NDArray[np.float64]) -> float:
        return -_log_likelihood(form, (float(at[0]), float(at[1])), histogram, edges)

    starts = (
        [(mean_log, math.log(sd_log)), (math.log(mean), math.log(0.5))]
        if form == "lognormal"
        else [(math.log(mean), math.log(1 / sd_log**2)), (math.log(mean), 0.7)]
    )
    start = min(starts, key=lambda point: loss(np.array(point)))
    options = {"xatol": 1e-5, "fatol": 1e-6, "maxiter": 4000}
    best = minimize(loss, start, method="Nelder-Mead", options=options)
    at = (float(best.x[0]), float(best.x[1]))
    return at, -float(best.fun), _covariance(loss, best.x)


def _covariance(loss: object, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the inverse of the curvature by central differences."""
    import numpy as np

    assert callable(loss)
    step = 1e-4
    curvature = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            e, f = np.eye(2)[i] * step, np.eye(2)[j] * step
            corners = loss(at + e + f) - loss(at + e - f) - loss(at - e + f) + loss(at - e - f)
            curvature[i, j] = corners / (4 * step * step)
    found = np.linalg.pinv(curvature)
    return np.asarray(found, dtype=float)


def _estimate(form: str, at: Point, covariance: NDArray[np.float64], p: float, confidence: float) -> Estimate:
    from statistics import NormalDist

    import numpy as np

    def log_quantile(point: Point) -> float:
        return math.log(_exact(form, point).quantile(p))

    step = 1e-5
    slope = np.array(
        [
            (log_quantile((at[0] + step, at[1])) - log_quantile((at[0] - step, at[1]))) / (2 * step),
            (log_quantile((at[0], at[1] + step)) - log_quantile((at[0], at[1] - step))) / (2 * step),
        ]
    )
    error = math.sqrt(max(float(slope @ covariance @ slope), 0.0))
    z = Z90 if confidence == 0.9 else NormalDist().inv_cdf((1 + confidence) / 2)
    middle = log_quantile(at)
    low, mid, high = (math.exp(middle + k * z * error) for k in (-1, 0, 1))
    return Estimate(low, mid, high, confidence)


def _exact(form: str, at: Point) -> Distribution:
    a, b = math.exp(at[0]), math.exp(at[1])
    return Distribution.lognormal(a, b) if form == "lognormal" else Distribution.gamma(a, b)


def _goodness(form: str, at: Point, histogram: Histogram) -> tuple[float, float]:
    """Gives the greatest distance of the distribution functions at the edges, and chi-square's p-value."""
    import numpy as np
    from scipy.special import gammaincc

    mass = _moments(form, at, np.array(histogram.edges))[0]
    counts = np.array(histogram.counts, dtype=float)
    n = counts.sum()
    distance = float(np.abs(np.cumsum(mass) - np.cumsum(counts) / n).max())
    joined: list[tuple[float, float]] = []
    seen, wanted = 0.0, 0.0
    for count, expected in zip(counts, mass * n, strict=True):
        seen, wanted = seen + count, wanted + expected
        if wanted >= 5:
            joined.append((seen, wanted))
            seen, wanted = 0.0, 0.0
    if joined:
        joined[-1] = (joined[-1][0] + seen, joined[-1][1] + wanted)
    freedom = len(joined) - 1 - 2
    if freedom < 1:
        return distance, math.nan
    chi = sum((o - e) ** 2 / e for o, e in joined)
    return distance, float(gammaincc(freedom / 2, chi / 2))
