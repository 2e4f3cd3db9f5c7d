"""Plain sampling of a circuit: chunks of worlds, each component lost with its own probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshlab.availability.sampling.program import Program
from meshlab.availability.sampling.streams import scales, streams

CHUNK = 1 << 20  # worlds


@dataclass(frozen=True, eq=False)
class Plain:
    """Counts failed worlds. `worlds` bounds them all together: the last chunk is cut where it ends."""

    program: Program
    seed: int
    worlds: int | None = None

    def chunk(self, number: int) -> tuple[int, int]:
        """Gives how many worlds of chunk `number` fail, of how many."""
        from meshlab.availability.sampling.kernels.worlds import count

        p = self.program
        worlds = CHUNK if self.worlds is None else max(0, min(CHUNK, self.worlds - number * CHUNK))
        own = streams(self.seed, "worlds", number, p.events)[None, :]
        ahead = np.zeros((1, len(p.events)), np.int64)
        return count(*p.gates, own, scales(p.q)[None, :], ahead, p.rows(), p.planes(), worlds), worlds
