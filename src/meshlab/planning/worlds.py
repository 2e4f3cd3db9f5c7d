"""The worlds of a forecast: one draw of each uncertain quantity per world, the same in every resource it enters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshlab.model import Workload
from meshlab.planning.tables import Row, grows_as

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORLDS = 20_000
"""Worlds behind every number that is shown: the bill, the plan, the panel as it is and today's row are of the same."""
_SCALE = {"TB": 1e12, "GB": 1e9, "GB/day": 1e9, "Mbps": 1e6, "/y": 1 / 365.25}


class Worlds:
    """Draws quantities of ``data/growth.csv`` from their triangles, each from a stream of its own.

    A workload may have parts (``solana/ledger``): what it needs of a quantity is their sum.

    Parameters
    ----------
    table
        Rows by (workload, quantity).
    count, seed
        How many worlds; the same seed gives the same bits, whatever is asked for first and whatever else is known.
    """

    def __init__(self, table: Mapping[tuple[str, str], Row], count: int, seed: int) -> None:
        self.table = table
        self.count, self.seed = count, seed
        self._parts: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for workload, quantity in table:
            self._parts.setdefault((workload.split("/")[0], quantity), []).append((workload, quantity))
        self._drawn: dict[tuple[str, str], NDArray[np.float64]] = {}

    def name(self, workload: Workload) -> str:
        """Gives the name under which the table has a workload: its own, else its role's."""
        return grows_as(workload, self.table)

    def knows(self, workload: str, quantity: str) -> bool:
        return (workload, quantity) in self._parts

    def sources(self, workload: str, quantity: str) -> tuple[str, ...]:
        """Gives the provenance of each row that the quantity is drawn from; none where the table has no row."""
        return tuple(self.table[part].source for part in self._parts.get((workload, quantity), ()))

    def source(self, workload: str, quantity: str) -> str:
        return "; ".join(self.sources(workload, quantity))

    def __call__(self, workload: str, quantity: str) -> NDArray[np.float64]:
        """Gives one value per world, in bytes, bytes a day, bits a second, or the share by which it grows a day."""
        key = (workload, quantity)
        if key not in self._drawn:
            first, *more = (self._draw(part) for part in self._parts[key])
            self._drawn[key] = sum(more, start=first)
        return self._drawn[key]

    def _draw(self, part: tuple[str, str]) -> NDArray[np.float64]:
        import numpy as np

        row = self.table[part]
        rng = np.random.default_rng([self.seed, *"/".join(part).encode()])
        return triangle(rng.random(self.count), row.low, row.mid, row.high) * _SCALE[row.unit]


def triangle(p: NDArray[np.float64], low: float, mode: float, high: float) -> NDArray[np.float64]:
    """Gives the quantiles of a triangular distribution (its inverse distribution function) at p."""
    import numpy as np

    width = high - low
    if width == 0:
        return np.full_like(p, low)
    left = p < (mode - low) / width
    root = np.sqrt(np.where(left, p * (width * (mode - low)), (1 - p) * (width * (high - mode))))
    return np.where(left, low + root, high - root)
