"""Random streams keyed by seed, replicate and component: the same numbers whoever draws them, and where."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Streams:
    """The streams of one replicate. `of(name)` gives always the same generator, advanced by what was drawn.

    Each is a Philox counter generator whose key is a hash of (seed, replicate, component), so no stream
    depends on how many others there are, nor on which process draws from it.
    """

    def __init__(self, seed: int, replicate: int) -> None:
        self.seed = seed
        self.replicate = replicate
        self._open: dict[str, np.random.Generator] = {}

    def of(self, component: str) -> np.random.Generator:
        found = self._open.get(component)
        if found is None:
            from numpy.random import Generator, Philox

            key = blake2b(f"{self.seed}/{self.replicate}/{component}".encode(), digest_size=16).digest()
            found = Generator(Philox(key=int.from_bytes(key, "little")))
            self._open[component] = found
        return found
