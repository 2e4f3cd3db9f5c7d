"""How much each component matters: six measures, all of them exact on the diagrams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.diagrams.compiled import Compiled
from meshlab.availability.exact.evaluate import gradient, probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RULES = (6, 12, 24, 48)
_AGREE = 1e-9
_SUSPECT = 1e-7


@dataclass(frozen=True)
class Importance:
    """How much one component matters. U is the probability of the top, q the component's, U0 and U1 that of the
    top when the component never, or always, is down; components are independent.

    ================ ================================ ==========================================================
    measure          definition                       in words
    ================ ================================ ==========================================================
    birnbaum         dU/dq = U1 - U0                  how fast the top grows with the component
    criticality      q x birnbaum / U                 given the top: the component is down and it decides
    fussell_vesely   (U - U0) / U                     the share of U that goes when the component never fails:
                                                      given the top, *every* failed cut set holds it
    raw              U1 / U                           how many times worse with the component down for good
    rrw              U / U0                           how many times better without its failures; may be infinite
    shapley          mean over all orders in which    its share of the blame: the components are made imperfect one
                     the components come in of what   after another; the shares of all sum to 1 (of top events
                     it adds to U, divided by U       that cannot hold when nothing has failed)
    ================ ================================ ==========================================================

    Notes
    -----
    Three things are called Fussell-Vesely. This is the conditional one, exact and defined without a list of cut
    sets, also for trees that are not coherent; for independent components it is equal to `criticality`. The
    probability that *some* failed cut set holds the component (Fussell 1975) is never smaller; the ratio of
    rare-event sums (what cut-set programs print) approximates that one.

    References
    ----------
    Birnbaum 1969; Modarres, Kaminskiy and Krivtsov, Reliability Engineering and Risk Analysis, ch. 5
    (criticality, Fussell-Vesely as risk reduction, RAW, RRW); Vesely et al., NUREG/CR-3385, 1983 (RAW, RRW).
    Shapley 1953, by the integral of Owen, Multilinear extensions of games, Management Science 18, 1972.
    """

    component: str
    birnbaum: float
    criticality: float
    fussell_vesely: float
    raw: float
    rrw: float
    shapley: float

    def to_dict(self) -> dict[str, float | str | None]:
        """Gives the measures for JSON, which has no infinity: there it is null."""
        return {
            "component": self.component,
            "birnbaum": self.birnbaum,
            "criticality": self.criticality,
            "fussell_vesely": self.fussell_vesely,
            "raw": self.raw,
            "rrw": self.rrw if self.rrw != float("inf") else None,
            "shapley": self.shapley,
        }


def importances(compiled: Compiled, down: Mapping[str, float]) -> tuple[float, tuple[Importance, ...]]:
    """Gives the top's probability and the importance of every event, the most critical first."""
    q = np.array([down.get(name, 0.0) for name in compiled.events])
    tops, slopes = gradient(compiled, q[:, None])
    total, birnbaum = float(tops[0]), slopes[:, 0]
    without = _without(compiled, q, total, birnbaum)
    blame = shapley(compiled, q)
    found = []
    for i, name in enumerate(compiled.events):
        slope = float(birnbaum[i])
        failed = min(max(total + (1 - float(q[i])) * slope, 0.0), 1.0)
        found.append(
            Importance(
                component=name,
                birnbaum=slope,
                criticality=float(q[i]) * slope / total if total else 0.0,
                fussell_vesely=(total - float(without[i])) / total if total else 0.0,
                raw=failed / total if total else 1.0,
                rrw=total / float(without[i]) if without[i] > 0 else (float("inf") if total else 1.0),
                shapley=float(blame[i]) / total if total else 0.0,
            )
        )
    return total, tuple(sorted(found, key=lambda i: (-i.criticality, i.component)))


def _without(
    compiled: Compiled, q: NDArray[np.float64], total: float, birnbaum: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gives U0 of every event; where U - q x birnbaum would be all cancellation, by a sweep of its own."""
    without = np.clip(total - q * birnbaum, 0.0, 1.0)
    lost = np.nonzero((without < _SUSPECT * total) & (q > 0))[0]
    if lost.size:
        columns = np.repeat(q[:, None], lost.size, axis=1)
        columns[lost, np.arange(lost.size)] = 0.0
        without[lost] = probabilities(compiled, columns)
    return without


def shapley(compiled: Compiled, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the Shapley value of every event in the game "U with these events imperfect, the others perfect".

    Notes
    -----
    U is multilinear in q, so the value is the integral over t from 0 to 1 of q_i dU/dq_i(t q). The integrand is a
    polynomial in t; Gauss-Legendre with n points is exact up to degree 2n - 1. The number of points grows until
    the values sum to U(q) - U(0), as they must, to nine digits.
    """
    ends = probabilities(compiled, np.stack([np.zeros_like(q), q], axis=1))
    whole = float(ends[1] - ends[0])
    found = np.zeros_like(q)
    for points in _RULES:
        at, weight = np.polynomial.legendre.leggauss(points)
        _, slopes = gradient(compiled, q[:, None] * (at + 1) / 2)
        found = q * (slopes @ weight) / 2
        if abs(found.sum() - whole) <= _AGREE * abs(whole) or 2 * points > len(q):
            break
    return found
