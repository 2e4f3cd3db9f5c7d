"""Random numbers in kernels: counted streams (SplitMix64), and quantile tables that turn them into seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshlab.simulate.kernels.compiling import inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S27, S30, S31, S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)
UNIT = 2.0**-53


@inlined
def mixed(z: np.uint64) -> np.uint64:
    """SplitMix64's finaliser: every bit of the result depends on every bit of `z` (Steele, Lea, Flood 2014)."""
    z = (z ^ (z >> S30)) * FIRST
    z = (z ^ (z >> S27)) * SECOND
    return z ^ (z >> S31)


@inlined
def uniform(streams: NDArray[np.uint64], which: int) -> float:
    """Draws from [0, 1). A stream is a counter, so k draws are passed over by adding k times `GOLDEN`."""
    state = streams[which] + GOLDEN
    streams[which] = state
    return np.float64(mixed(state) >> S11) * UNIT


@inlined
def quantile(table: NDArray[np.float64], u: float) -> float:
    """Gives the u-quantile of a table by linear interpolation; the last step has finer steps of its own."""
    cells = table.shape[1] - 1
    x = u * cells
    cell = int(x)
    x -= cell
    row = 0
    if cell >= cells - 1:
        row = 1
        x *= cells
        cell = int(x)
        x -= cell
    low = table[row, cell]
    return float(low + (table[row, cell + 1] - low) * x)
