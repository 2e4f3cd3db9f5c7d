"""Worlds drawn in several ways at once, each counted by how much less likely it is in truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.sampling.program import TILE, Program
from meshlab.availability.sampling.streams import scales, streams

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILES = 16
CHUNK = TILES * TILE * 64  # worlds
_STRUCK = 24  # words of a tile in which a known cut set is lost
_CLOSE = 24  # words that come from the close tilt; the wide ones share the rest


@dataclass(frozen=True)
class Weighed:
    """Totals of weighted worlds. `failed` is how many failed; the weights' sum, sum of squares and largest.

    `variance` is the sum's: of values that come from each way of drawing in a fixed number (stratified).
    """

    worlds: int = 0
    failed: int = 0
    total: float = 0.0
    squares: float = 0.0
    variance: float = 0.0
    largest: float = 0.0

    def __add__(self, other: Weighed) -> Weighed:
        return Weighed(
            self.worlds + other.worlds,
            self.failed + other.failed,
            self.total + other.total,
            self.squares + other.squares,
            self.variance + other.variance,
            max(self.largest, other.largest),
        )

    @property
    def worth(self) -> float:
        """How many equal weights these are worth (Kish's effective size)."""
        return self.total**2 / self.squares if self.squares else 0.0


@dataclass(frozen=True, eq=False)
class CutSets:
    """Some minimal cut sets: events of set k are ``events[starts[k]:starts[k + 1]]``; `logs` their probabilities."""

    logs: NDArray[np.float64]
    starts: NDArray[np.int64]
    events: NDArray[np.int64]

    @property
    def total(self) -> float:
        """The sum of their probabilities."""
        return float(np.exp(self.logs).sum())

    def running(self) -> NDArray[np.float64]:
        """Gives the running sum of their shares, by which one is drawn."""
        weights = np.exp(self.logs - self.logs.max())
        found: NDArray[np.float64] = np.cumsum(weights / weights.sum())
        return found


@dataclass(frozen=True, eq=False)
class Weighted:
    """Worlds of a mixture: with a known cut set lost; of a close tilt after the failures that matter; of wide tilts.

    ``tilts[j]`` is every component's probability of being lost in tilt j, the close one first; it is not less
    than the true one, and where the true one is 0 or 1 it stays.

    Notes
    -----
    A failed world x weighs p(x) / sum_j a_j g_j(x), the balance heuristic: unbiased whatever the cut sets and
    tilts are, and no weight is beyond p / (a_j g_j) for any of them. The wide tilts are there for what neither
    the cut sets nor the close tilt know of.

    References
    ----------
    Veach and Guibas, Optimally combining sampling techniques, SIGGRAPH 1995. Owen and Zhou, Safe and effective
    importance sampling, JASA 95, 2000. Karp and Luby, Monte-Carlo algorithms for enumeration and reliability
    problems, FOCS 1983 (worlds with a cut set lost).
    """

    program: Program
    cuts: CutSets
    tilts: NDArray[np.float64]
    seed: int
    label: str = "weighted"

    @classmethod
    def of(
        cls,
        program: Program,
        cuts: CutSets,
        close: NDArray[np.float64],
        wide: Sequence[NDArray[np.float64]],
        seed: int,
        label: str = "weighted",
    ) -> Weighted:
        return cls(program, cuts, np.stack([close, *wide]), seed, label)

    def chunk(self, number: int) -> Weighed:
        """Gives the totals of chunk `number`."""
        return self._chunk(number, np.zeros(0))

    def learned(self, chunks: int) -> tuple[Weighed, NDArray[np.float64]]:
        """Gives the totals of some chunks, and how probable each component's loss is where the top fails."""
        shares = np.zeros(len(self.program.events))
        whole = sum((self._chunk(number, shares) for number in range(chunks)), Weighed())
        return whole, shares / whole.total if whole.total else shares

    def _chunk(self, number: int, shares: NDArray[np.float64]) -> Weighed:
        from meshlab.availability.sampling.kernels.worlds import weighted

        p, cuts, ways = self.program, self.cuts, len(self.tilts) + 1
        names = [f"{self.label}/{j}" for j in range(ways)]
        own = np.stack([streams(self.seed, name, number, p.events) for name in names])
        drawn = np.concatenate([self.tilts, p.q[None, :]])
        wide = np.linspace(_STRUCK + _CLOSE, TILE, len(self.tilts)).round().astype(np.int64)
        bounds = np.concatenate([[_STRUCK], wide])
        sums, totals = np.zeros(4 + len(self.tilts)), np.zeros(ways)
        weighted(
            *p.gates,
            own,
            scales(drawn),
            np.zeros(own.shape, np.int64),
            p.rows(),
            p.planes(),
            bounds,
            *_logarithms(p.q, self.tilts),
            streams(self.seed, self.label, number, ["which cut set"]),
            cuts.running(),
            cuts.starts,
            cuts.events,
            cuts.total,
            np.zeros(TILE * 64, np.int64),
            TILES,
            sums,
            totals,
            shares,
        )
        drawn_worlds = np.diff(bounds, prepend=0) * 64 * TILES
        variance = float(sums[2] - (totals**2 / drawn_worlds).sum())
        return Weighed(CHUNK, int(sums[0]), float(sums[1]), float(sums[2]), variance, float(sums[3]))


def _logarithms(
    q: NDArray[np.float64], tilts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gives log(g/p) of the world without losses per tilt, and what each loss adds to it (components x tilts)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.log1p(-tilts) - np.log1p(-q)
        lost = np.log(tilts) - np.log(q)
    fixed = (q <= 0) | (q >= 1)
    kept, lost = np.where(fixed, 0.0, kept), np.where(fixed, 0.0, lost)
    return kept.sum(axis=1), np.ascontiguousarray((lost - kept).T)
