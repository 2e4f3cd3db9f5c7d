"""Where a chunk's random numbers come from: a stream per component, keyed by its name, the seed and the chunk."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def streams(seed: int, label: str, chunk: int, names: Sequence[str]) -> NDArray[np.uint64]:
    """Gives the counters with which the named components' streams begin in one chunk of worlds.

    The key is a hash, so a stream depends neither on which other components there are nor on who draws from it.
    """
    return np.array([_key(f"{seed}/{label}/{chunk}/{name}") for name in names], np.uint64)


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def scales(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives -1 / log(1 - p), by which a geometric skip is drawn: 0 where p is 0, tiny where p is 1."""
    with np.errstate(divide="ignore"):
        found = -1.0 / np.log1p(-probabilities)
    found = np.where(probabilities >= 1.0, 1e-300, found)
    return np.where(probabilities <= 0.0, 0.0, found)
