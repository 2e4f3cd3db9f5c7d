"""The worlds of a forecast: one draw of each uncertain quantity per world, the same in every resource it enters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshlab.planning.tables import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCALE = {"TB": 1e12, "GB": 1e9, "GB/day": 1e9, "Mbps": 1e6}


class Worlds:
    """Draws quantities of ``data/growth.csv`` from their triangles, each from a stream of its own.

    Parameters
    ----------
    table
        Rows by (workload, quantity).
    count, seed
        How many worlds; the same seed gives the same bits, whatever is asked for first.
    """

    def __init__(self, table: Mapping[tuple[str, str], Row], count: int, seed: int) -> None:
        self.table = table
        self.count = count
        self._streams = {key: [seed, position] for position, key in enumerate(sorted(table))}
        self._drawn: dict[tuple[str, str], NDArray[np.float64]] = {}

    def knows(self, workload: str, quantity: str) -> bool:
        return (workload, quantity) in self.table

    def source(self, workload: str, quantity: str) -> str:
        return self.table[workload, quantity].source

    def __call__(self, workload: str, quantity: str) -> NDArray[np.float64]:
        """Gives one value per world, in bytes, bytes a day or bits a second."""
        key = (workload, quantity)
        if key not in self._drawn:
            import numpy as np

            row = self.table[key]
            rng = np.random.Generator(np.random.Philox(key=self._streams[key]))
            self._drawn[key] = triangle(rng.random(self.count), row.low, row.mid, row.high) * _SCALE[row.unit]
        return self._drawn[key]


def triangle(p: NDArray[np.float64], low: float, mode: float, high: float) -> NDArray[np.float64]:
    """Gives the quantiles of a triangular distribution (its inverse distribution function) at p."""
    import numpy as np

    width = high - low
    if width == 0:
        return np.full_like(p, low)
    knee = (mode - low) / width
    left = low + np.sqrt(p * (width * (mode - low)))
    right = high - np.sqrt((1 - p) * (width * (high - mode)))
    return np.where(p < knee, left, right)
