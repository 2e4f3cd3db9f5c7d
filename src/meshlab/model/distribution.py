"""A number that varies, as the spec describes it; and an estimate with the interval that belongs to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["constant", "uniform", "lognormal", "exponential", "triangular", "gamma"]
_PHI = NormalDist()


@dataclass(frozen=True)
class Distribution:
    """How a non-negative quantity varies; parameters by kind, all in the unit of the quantity.

    ============= ===================== =========================================
    kind          a, b, c               meaning
    ============= ===================== =========================================
    constant      a                     always a
    uniform       a, b                  equally likely between a and b
    lognormal     a, b                  median a, sigma b of the logarithm
    exponential   a                     mean a
    triangular    a, b, c               least a, most likely b, greatest c
    gamma         a, b                  mean a, shape b (variance a^2 / b)
    ============= ===================== =========================================

    ``source`` says where the numbers come from (a facts row, a measurement, an estimate).
    """

    kind: Kind
    a: float
    b: float = 0.0
    c: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        if (
            self.a < 0
            or (self.kind == "uniform" and self.b < self.a)
            or (self.kind == "lognormal" and self.b < 0)
            or (self.kind == "gamma" and self.b <= 0)
        ):
            raise ValueError(f"not a distribution of a non-negative quantity: {self}")
        if self.kind == "triangular" and not self.a <= self.b <= self.c:
            raise ValueError(f"a triangular distribution needs least <= mode <= greatest: {self}")

    @classmethod
    def constant(cls, value: float, source: str = "") -> Distribution:
        return cls("constant", value, source=source)

    @classmethod
    def lognormal(cls, median: float, sigma: float, source: str = "") -> Distribution:
        return cls("lognormal", median, sigma, source=source)

    @classmethod
    def uniform(cls, low: float, high: float, source: str = "") -> Distribution:
        return cls("uniform", low, high, source=source)

    @classmethod
    def exponential(cls, mean: float, source: str = "") -> Distribution:
        return cls("exponential", mean, source=source)

    @classmethod
    def triangular(cls, low: float, mode: float, high: float, source: str = "") -> Distribution:
        return cls("triangular", low, mode, high, source=source)

    @classmethod
    def gamma(cls, mean: float, shape: float, source: str = "") -> Distribution:
        return cls("gamma", mean, shape, source=source)

    @property
    def mean(self) -> float:
        match self.kind:
            case "uniform":
                return (self.a + self.b) / 2
            case "lognormal":
                return self.a * math.exp(self.b**2 / 2)
            case "triangular":
                return (self.a + self.b + self.c) / 3
            case _:
                return self.a

    def quantile(self, p: float) -> float:
        """Gives the value that is not exceeded with probability p (0 <= p < 1)."""
        match self.kind:
            case "uniform":
                return self.a + p * (self.b - self.a)
            case "lognormal":
                return (
                    self.a * math.exp(self.b * _PHI.inv_cdf(p))
                    if 0 < p < 1 and self.a > 0
                    else 0.0
                    if p <= 0
                    else self.a
                )
            case "exponential":
                return -self.a * math.log1p(-p)
            case "triangular":
                return self._triangular(p)
            case "gamma":
                from scipy.special import gammaincinv

                return self.a / self.b * float(gammaincinv(self.b, p))
            case _:
                return self.a

    def _triangular(self, p: float) -> float:
        width = self.c - self.a
        if width == 0:
            return self.a
        knee = (self.b - self.a) / width
        if p < knee:
            return self.a + math.sqrt(p * width * (self.b - self.a))
        return self.c - math.sqrt((1 - p) * width * (self.c - self.b))

    def sample(self, rng: np.random.Generator, size: int | None = None) -> float | NDArray[np.float64]:
        """Draws from the distribution with the generator given; a float, or an array of `size`."""
        match self.kind:
            case "uniform":
                return rng.uniform(self.a, self.b, size)
            case "lognormal":
                import numpy

                return self.a * numpy.exp(self.b * rng.standard_normal(size))
            case "exponential":
                return rng.exponential(self.a, size)
            case "gamma":
                return rng.gamma(self.b, self.a / self.b, size)
            case "triangular":
                return (
                    rng.triangular(self.a, self.b, self.c, size) if self.c > self.a else _full(self.a, size)
                )
            case _:
                return _full(self.a, size)

    def scaled(self, factor: float) -> Distribution:
        """Gives the distribution of `factor` times the quantity."""
        if self.kind in ("lognormal", "gamma"):
            return Distribution(self.kind, self.a * factor, self.b, source=self.source)
        return Distribution(self.kind, self.a * factor, self.b * factor, self.c * factor, source=self.source)


def _full(value: float, size: int | None) -> float | NDArray[np.float64]:
    if size is None:
        return value
    import numpy

    return numpy.full(size, value)


@dataclass(frozen=True)
class Estimate:
    """A quantity with the interval that belongs to it.

    ``low`` and ``high`` bound the central `confidence` share (0.9: from the 5th to the 95th percentile);
    ``method`` says how the interval was obtained.
    """

    low: float
    mid: float
    high: float
    confidence: float = 0.9
    method: str = ""

    @classmethod
    def of(
        cls, samples: NDArray[np.float64] | list[float], confidence: float = 0.9, method: str = "sampled"
    ) -> Estimate:
        import numpy

        tail = (1 - confidence) / 2
        low, mid, high = numpy.quantile(numpy.asarray(samples, dtype=float), [tail, 0.5, 1 - tail])
        return cls(float(low), float(mid), float(high), confidence, method)

    def __str__(self) -> str:
        return f"{self.mid:.4g} ({self.low:.4g} to {self.high:.4g})"
