"""The tiles of Floyd and Warshall's recurrence, compiled; `all_pairs` says in which order they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.simulate.kernels.compiling import compiled, inlined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

_TILE = 64


@inlined
def _in_order(delay: Matrix, row: int, via: int, column: int) -> None:
    """One tile through the machines of `via`, one after the other: needed where the tile is among its own ways."""
    for k in range(via, via + _TILE):
        second = delay[k, column : column + _TILE]
        for a in range(row, row + _TILE):
            first = delay[a, k]
            best = delay[a, column : column + _TILE]
            for b in range(_TILE):
                way = first + second[b]
                best[b] = way if way < best[b] else best[b]


@inlined
def _at_once(delay: Matrix, row: int, via: int, column: int) -> None:
    """One tile through the machines of `via`, four at a time: both legs are settled, so their order is free.

    Slices, not pairs of indices: only so does numba's loop over b become vector instructions.
    """
    for a in range(row, row + _TILE):
        best = delay[a, column : column + _TILE]
        for k in range(via, via + _TILE, 4):
            first, second, third, fourth = delay[a, k], delay[a, k + 1], delay[a, k + 2], delay[a, k + 3]
            one, two = delay[k, column : column + _TILE], delay[k + 1, column : column + _TILE]
            three, four = delay[k + 2, column : column + _TILE], delay[k + 3, column : column + _TILE]
            for b in range(_TILE):
                least = best[b]
                way = first + one[b]
                least = way if way < least else least
                way = second + two[b]
                least = way if way < least else least
                way = third + three[b]
                least = way if way < least else least
                way = fourth + four[b]
                best[b] = way if way < least else least


@compiled
def corner(delay: Matrix, via: int) -> None:
    """The tile on the diagonal: ways within it over itself."""
    _in_order(delay, via * _TILE, via * _TILE, via * _TILE)


@compiled
def cross(delay: Matrix, via: int, low: int, high: int) -> None:
    """The tiles low..high - 1 of its row and of its column."""
    here = via * _TILE
    for tile in range(low, high):
        if tile != via:
            _in_order(delay, here, here, tile * _TILE)
            _in_order(delay, tile * _TILE, here, here)


@compiled
def rest(delay: Matrix, via: int, low: int, high: int) -> None:
    """The other tiles of the rows low..high - 1."""
    here = via * _TILE
    tiles = delay.shape[0] // _TILE
    for row in range(low, high):
        if row != via:
            for column in range(tiles):
                if column != via:
                    _at_once(delay, row * _TILE, here, column * _TILE)
