"""Prices and volumes of one world: each drawn once and used wherever it is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.planning.tables import Row, prices, traffic
from meshlab.planning.worlds import triangle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Draws:
    """Draws rows of ``data/prices.csv`` and ``data/traffic.csv``; the same seed gives the same bits.

    Parameters
    ----------
    overrides
        Price rows that replace those of the table (live prices).
    """

    def __init__(self, count: int, seed: int, overrides: dict[str, Row] | None = None) -> None:
        self._tables = {"price": {**prices(), **(overrides or {})}, "traffic": traffic()}
        self.count, self.seed = count, seed
        self._drawn: dict[tuple[str, str], NDArray[np.float64]] = {}

    def priced(self, item: str) -> bool:
        return item in self._tables["price"]

    def price(self, item: str) -> NDArray[np.float64]:
        return self._draw("price", item)

    def traffic(self, quantity: str) -> NDArray[np.float64]:
        return self._draw("traffic", quantity)

    def sources(self, table: str, *names: str) -> str:
        """Gives where these rows come from, each with its date where the table has one."""
        return "; ".join(dict.fromkeys(self._tables[table][name].source for name in names))

    def zeros(self) -> NDArray[np.float64]:
        import numpy as np

        return np.zeros(self.count)

    def _draw(self, table: str, name: str) -> NDArray[np.float64]:
        key = (table, name)
        if key not in self._drawn:
            import numpy as np

            row = self._tables[table][name]
            # A stream per row, named by the row, so that a new row does not change the others' draws.
            rng = np.random.default_rng([self.seed, *f"{table}/{name}".encode()])
            self._drawn[key] = triangle(rng.random(self.count), row.low, row.mid, row.high)
        return self._drawn[key]

    def triangle(self, name: str, row: Row) -> NDArray[np.float64]:
        """Draws a row of another table, by a name of its own."""
        self._tables.setdefault("other", {})[name] = row
        return self._draw("other", name)
