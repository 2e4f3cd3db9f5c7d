"""How often something fails: a Gamma posterior from failures counted over an exposure."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.model.distribution import Estimate

WORTH = 0.1
"""An exposure below this share of what the prior is worth teaches nothing that could be told from it."""


@dataclass(frozen=True)
class RatePrior:
    """A Gamma belief of a rate (per second): as if `failures` had been seen in `exposure` seconds."""

    failures: float
    exposure: float

    @classmethod
    def of(cls, rate: float, low: float = 0.0, high: float = 0.0) -> RatePrior:
        """Gives the Gamma distribution of that mean whose 5th and 95th percentile are in the ratio low : high.

        Where no bounds are given: worth half a failure.
        """
        if rate <= 0:
            raise ValueError(f"a rate is positive: {rate:g} per second")
        if not 0 < low < high:
            return cls(0.5, 0.5 / rate)
        from scipy.optimize import brentq
        from scipy.special import gammaincinv

        wanted = high / low

        def off(shape: float) -> float:
            return float(gammaincinv(shape, 0.95) / gammaincinv(shape, 0.05)) - wanted

        least, most = 0.2, 1e5
        if off(least) <= 0:
            shape = least
        elif off(most) >= 0:
            shape = most
        else:
            shape = float(brentq(off, least, most))
        return cls(shape, shape / rate)

    def after(self, failures: int, exposure: float, confidence: float = 0.9) -> Estimate:
        """Gives the posterior rate per second, mean and interval, after so many failures in so many seconds.

        Notes
        -----
        Gamma(a + n, b + T), failures a Poisson process of constant rate. Right only for an exposure that was not
        chosen because something failed in it.
        """
        if failures < 0 or exposure < 0:
            raise ValueError(f"{failures} failures in {exposure:g} s cannot be")
        from scipy.special import gammaincinv

        shape, scale = self.failures + failures, 1 / (self.exposure + exposure)
        tail = (1 - confidence) / 2
        low, high = (float(gammaincinv(shape, q)) * scale for q in (tail, 1 - tail))
        return Estimate(low, shape * scale, high, confidence, "Gamma posterior")

    def worth(self, exposure: float) -> bool:
        """Whether an exposure is long enough to learn from: at least a tenth of what the prior counts for."""
        return exposure >= WORTH * self.exposure
