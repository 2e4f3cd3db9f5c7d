"""Words of 64 worlds: placing failures in them by geometric skips, counting ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meshlab.simulate.kernels.compiling import inlined, part
from meshlab.simulate.kernels.draws import GOLDEN, mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

Int = Any  # an integer: Python's where called from Python, 64 bits inside
NONE = np.uint64(0)
ONE = np.uint64(1)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
NEVER = 1 << 62
_FAR = 4.0e18
_SIX, _WITHIN = np.int64(6), np.int64(63)
_M1, _M2, _M4 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_H01, _S1, _S2, _S4, _S56 = np.uint64(0x0101010101010101), ONE, np.uint64(2), np.uint64(4), np.uint64(56)

_LOW, _S12 = np.uint64(0xFFF), np.uint64(12)
_REST, _HALF, _STEP = np.uint64((1 << 44) - 1), 2.0**43, 2.0**-52
LN2 = 0.6931471805599453
LOGS = np.log1p((np.arange(256) + 0.5) / 256)
INVERSES = 1.0 / (1.0 + (np.arange(256) + 0.5) / 256)


@inlined
def ones(word: np.uint64) -> Int:
    """Counts the ones of a word; LLVM makes one instruction of it."""
    word = word - ((word >> _S1) & _M1)
    word = (word & _M2) + ((word >> _S2) & _M2)
    word = (word + (word >> _S4)) & _M4
    return np.int64((word * _H01) >> _S56)


@inlined
def drawn(state: np.uint64) -> tuple[float, np.uint64]:
    """Draws minus the logarithm of a uniform number, to 1e-13, without a library's logarithm; and the stream after it.

    A uniform number is 2^-e (1 + f) / 2 with e geometric (zeros of the low bits) and f uniform (the high bits); the
    logarithm of 1 + f is that of the middle of f's cell, from a table, and a short series. So it is quick, and has
    the same bits on every machine.
    """
    state = state + GOLDEN
    word = mixed(state)
    halves = 1
    low = word & _LOW
    while low == NONE:
        halves += 12
        state += GOLDEN
        low = mixed(state) & _LOW
    halves += ones((low & (~low + ONE)) - ONE)
    cell = np.int64(word >> _S56)
    rest = (np.float64(np.int64((word >> _S12) & _REST)) - _HALF) * _STEP * INVERSES[cell]
    log = LOGS[cell] + rest * (1.0 - rest * (0.5 - rest * (1.0 / 3.0 - rest * 0.25)))
    return np.float64(halves) * LN2 - log, state


@inlined
def exponential(streams: NDArray[np.uint64], which: int) -> float:
    """Draws from an exponential distribution of mean 1."""
    value, streams[which] = drawn(streams[which])
    return value


@inlined
def passed_over(value: float, scale: float) -> Int:
    """Gives how many worlds are passed over before the next failure: geometric, by inversion of its tail.

    `value` is an exponential draw, `scale` -1 / log(1 - p), a tiny number where p is 1; not asked where p is 0.
    """
    worlds = value * scale
    return np.int64(worlds) if worlds < _FAR else np.int64(NEVER)


@part
def place(
    streams: NDArray[np.uint64],
    ahead: NDArray[np.int64],
    scales: NDArray[np.float64],
    source: int,
    lost: NDArray[np.uint64],
    row: int,
    begin: int,
    end: int,
) -> None:
    """Adds which worlds lose each component to the words `begin` to `end` of the rows from `row` on.

    ``ahead[source, c]`` counts the worlds until component c's next failure; it is carried over from call to call,
    so that the work is in proportion to the failures and not to the worlds.
    """
    span = (end - begin) << _SIX
    for c in range(ahead.shape[1]):
        at = ahead[source, c]
        if at < span:
            scale, state = scales[source, c], streams[source, c]
            while at < span:
                lost[row + c, begin + (at >> _SIX)] |= ONE << np.uint64(at & _WITHIN)
                value, state = drawn(state)
                at += 1 + passed_over(value, scale)
            streams[source, c] = state
        ahead[source, c] = min(at, NEVER) - span


@part
def begun(
    streams: NDArray[np.uint64], ahead: NDArray[np.int64], scales: NDArray[np.float64], source: int
) -> None:
    """Draws how far ahead every component's first failure is; a scale of zero means "never"."""
    for c in range(ahead.shape[1]):
        scale = scales[source, c]
        if scale > 0.0:
            value, streams[source, c] = drawn(streams[source, c])
            ahead[source, c] = passed_over(value, scale)
        else:
            ahead[source, c] = NEVER
