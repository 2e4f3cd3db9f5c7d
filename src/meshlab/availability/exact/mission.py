"""A mission: from all well to a moment, what is the chance that the service has been down, or is down at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshlab.availability.diagrams.compiled import Compiled
from meshlab.availability.exact.evaluate import gradient
from meshlab.availability.trees.rates import Rates

_POINTS = 24


@dataclass(frozen=True)
class Mission:
    """One service over a time from all well. `unreliability` is bounds on the chance of any outage in it."""

    seconds: float
    unavailability: float
    expected_outages: float
    unreliability: tuple[float, float]

    def to_dict(self) -> dict[str, float | list[float]]:
        return {
            "seconds": self.seconds,
            "unavailability": self.unavailability,
            "expected_outages": self.expected_outages,
            "unreliability": list(self.unreliability),
        }


def mission(compiled: Compiled, rates: Mapping[str, Rates], seconds: float) -> Mission:
    """Gives the unavailability at the end and bounds on the chance of an outage before it.

    Notes
    -----
    At time t the service breaks with intensity w(t) = sum of birnbaum_i(t) x rate_i x (1 - q_i(t)), exact for a
    coherent structure of independent, exponentially repaired components. The expected number of outages W is its
    integral (Gauss-Legendre). The chance of at least one is at most W, and at least the greatest U(t). The bounds
    are close where outages are rare or as long as the mission; a simulation is the way to more.

    References
    ----------
    Vesely, A time-dependent methodology for fault tree evaluation, Nuclear Engineering and Design 13, 1970.
    """
    at, weight = np.polynomial.legendre.leggauss(_POINTS)
    times = np.append((at + 1) / 2 * seconds, seconds)
    none = Rates(0.0, 1.0)
    found = [rates.get(name, none) for name in compiled.events]
    q = np.array([[one.at(float(t)) for t in times] for one in found]).reshape(len(found), len(times))
    tops, slopes = gradient(compiled, q)
    fails = np.array([one.fails for one in found])
    intensity = (slopes * fails[:, None] * (1 - q)).sum(axis=0)
    outages = float((intensity[:-1] * weight).sum() * seconds / 2)
    return Mission(
        seconds=seconds,
        unavailability=float(tops[-1]),
        expected_outages=outages,
        unreliability=(float(tops.max()), min(1.0, outages)),
    )


def outages_per_second(compiled: Compiled, rates: Mapping[str, Rates]) -> float:
    """Gives how often the service breaks in the long run, per second (coherent structures)."""
    none = Rates(0.0, 1.0)
    found = [rates.get(name, none) for name in compiled.events]
    q = np.array([one.steady for one in found])
    _, slopes = gradient(compiled, q[:, None])
    return float((slopes[:, 0] * np.array([one.fails for one in found]) * (1 - q)).sum())
