"""Compiled kernels of the decision diagrams: conjunction with a budget, and sweeps over a finished diagram.

An edge is ``2 * node + complement``; node 0 is the leaf "false", so edge 0 is false and edge 1 is true. The low edge
of a node is never complemented, which makes every function's diagram unique. In a monotone function only edges to
the leaf "true" are complemented; so it is in some others too: edges do not prove a function monotone. Children have
lower numbers than their parents, so a sweep is one loop over an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
Int = Any  # an integer: Python's where called from Python, 64 bits inside
COUNT, LIMIT, STOP = 0, 1, 2
GROW, STOPPED, FULL = -2, -3, -4


@njit(cache=True, inline="always")
def _slot(level: Int, low: Int, high: Int, mask: Int) -> Int:
    h = np.uint64(level) * np.uint64(0x9E3779B97F4A7C15)
    h ^= np.uint64(low) * np.uint64(0xC2B2AE3D27D4EB4F)
    h ^= np.uint64(high) * np.uint64(0x165667B19E3779F9)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(32)
    return np.int64(h & np.uint64(mask))


@njit(cache=True, nogil=True)
def make(
    level: Int, low: Int, high: Int, levels: Array, lows: Array, highs: Array, table: Array, control: Array
) -> Int:
    """Gives the edge to the node (level, low, high), made if it is new; negative: a code."""
    if low == high:
        return low
    flip = low & 1
    low ^= flip
    high ^= flip
    mask = table.size - 1
    slot = _slot(level, low, high, mask)
    while True:
        node = table[slot]
        if node == 0:
            break
        if levels[node] == level and lows[node] == low and highs[node] == high:
            return 2 * np.int64(node) + flip
        slot = (slot + 1) & mask
    node = control[COUNT]
    if node >= control[LIMIT]:
        return np.int64(FULL)
    if node >= levels.size or 2 * node >= table.size:
        return np.int64(GROW)
    levels[node] = level
    lows[node] = low
    highs[node] = high
    table[slot] = node
    control[COUNT] = node + 1
    return 2 * node + flip


@njit(cache=True, nogil=True)
def conjunction(
    f: Int,
    g: Int,
    levels: Array,
    lows: Array,
    highs: Array,
    table: Array,
    control: Array,
    keys: Array,
    values: Array,
    stack: Array,
) -> Int:
    """Gives the edge of "f and g"; GROW, STOPPED and FULL leave the diagram whole, so that it can be asked again."""
    mask = keys.shape[0] - 1
    depth = 0
    stack[0, 0] = f
    stack[0, 1] = g
    stack[0, 2] = 0
    result = np.int64(0)
    ticks = 0
    while depth >= 0:
        stage = stack[depth, 2]
        if stage == 0:
            a = stack[depth, 0]
            b = stack[depth, 1]
            if a > b:
                a, b = b, a
            if a == 0 or a == (b ^ 1):
                result = np.int64(0)
                depth -= 1
                continue
            if a == 1 or a == b:
                result = b
                depth -= 1
                continue
            slot = _slot(np.int64(7), a, b, mask)
            if keys[slot, 0] == a and keys[slot, 1] == b:
                result = np.int64(values[slot])
                depth -= 1
                continue
            ticks += 1
            if ticks & 0xFFFF == 0 and control[STOP] != 0:
                return np.int64(STOPPED)
            na = a >> 1
            nb = b >> 1
            la = levels[na]
            lb = levels[nb]
            level = min(la, lb)
            if la == level:
                a0 = np.int64(lows[na]) ^ (a & 1)
                a1 = np.int64(highs[na]) ^ (a & 1)
            else:
                a0 = a
                a1 = a
            if lb == level:
                b0 = np.int64(lows[nb]) ^ (b & 1)
                b1 = np.int64(highs[nb]) ^ (b & 1)
            else:
                b0 = b
                b1 = b
            stack[depth, 0] = a
            stack[depth, 1] = b
            stack[depth, 2] = 1
            stack[depth, 3] = a1
            stack[depth, 4] = b1
            stack[depth, 5] = level
            depth += 1
            stack[depth, 0] = a0
            stack[depth, 1] = b0
            stack[depth, 2] = 0
        elif stage == 1:
            stack[depth, 6] = result
            stack[depth, 2] = 2
            a1 = stack[depth, 3]
            b1 = stack[depth, 4]
            depth += 1
            stack[depth, 0] = a1
            stack[depth, 1] = b1
            stack[depth, 2] = 0
        else:
            result = make(stack[depth, 5], stack[depth, 6], result, levels, lows, highs, table, control)
            if result < 0:
                return result
            a = stack[depth, 0]
            b = stack[depth, 1]
            slot = _slot(np.int64(7), a, b, mask)
            keys[slot, 0] = a
            keys[slot, 1] = b
            values[slot] = result
            depth -= 1
    return result


@njit(cache=True, nogil=True)
def rehash(table: Array, levels: Array, lows: Array, highs: Array, first: Int, count: Int) -> None:
    """Fills an empty table with the nodes there are."""
    mask = table.size - 1
    for node in range(first, count):
        slot = _slot(np.int64(levels[node]), np.int64(lows[node]), np.int64(highs[node]), mask)
        while table[slot] != 0:
            slot = (slot + 1) & mask
        table[slot] = node


@njit(cache=True, nogil=True)
def compact(roots: Array, levels: Array, lows: Array, highs: Array, count: Int) -> Int:
    """Keeps what the roots need, moved to the front in place; gives the new count and rewrites the roots."""
    keep = np.zeros(count, np.int32)
    keep[0] = 1
    for i in range(roots.size):
        keep[roots[i] >> 1] = 1
    for node in range(count - 1, 0, -1):
        if keep[node]:
            keep[lows[node] >> 1] = 1
            keep[highs[node] >> 1] = 1
    now = 1
    keep[0] = 0
    for node in range(1, count):
        if keep[node]:
            keep[node] = now
            levels[now] = levels[node]
            lows[now] = 2 * keep[lows[node] >> 1] + (lows[node] & 1)
            highs[now] = 2 * keep[highs[node] >> 1] + (highs[node] & 1)
            now += 1
    for i in range(roots.size):
        roots[i] = 2 * keep[roots[i] >> 1] + (roots[i] & 1)
    return now


@njit(cache=True, nogil=True)
def probabilities(levels: Array, lows: Array, highs: Array, q: Array, held: Array, missed: Array) -> None:
    """Sweeps up: for each node and column the probability that it holds, and that it does not.

    Both, because one minus the other would lose the digits of whichever is small.
    """
    columns = q.shape[1]
    for c in range(columns):
        held[0, c] = 0.0
        missed[0, c] = 1.0
    for node in range(1, levels.size):
        level = levels[node]
        low = lows[node] >> 1
        high = highs[node] >> 1
        if highs[node] & 1:
            for c in range(columns):
                p = q[level, c]
                held[node, c] = (1.0 - p) * held[low, c] + p * missed[high, c]
                missed[node, c] = (1.0 - p) * missed[low, c] + p * held[high, c]
        else:
            for c in range(columns):
                p = q[level, c]
                held[node, c] = (1.0 - p) * held[low, c] + p * held[high, c]
                missed[node, c] = (1.0 - p) * missed[low, c] + p * missed[high, c]


@njit(cache=True, nogil=True)
def derivatives(
    levels: Array,
    lows: Array,
    highs: Array,
    root: Int,
    q: Array,
    held: Array,
    missed: Array,
    reach: Array,
    out: Array,
) -> None:
    """Sweeps down: for each variable and column how fast the root's probability grows with its own.

    `reach` is the signed probability to come by a node; a path through a complement counts negative.
    """
    columns = q.shape[1]
    reach[:] = 0.0
    out[:] = 0.0
    sign = -1.0 if root & 1 else 1.0
    for c in range(columns):
        reach[root >> 1, c] = sign
    for node in range(levels.size - 1, 0, -1):
        level = levels[node]
        low = lows[node] >> 1
        high = highs[node] >> 1
        if highs[node] & 1:
            for c in range(columns):
                r = reach[node, c]
                reach[low, c] += r * (1.0 - q[level, c])
                reach[high, c] -= r * q[level, c]
                out[level, c] += r * (missed[high, c] - held[low, c])
        else:
            for c in range(columns):
                r = reach[node, c]
                reach[low, c] += r * (1.0 - q[level, c])
                reach[high, c] += r * q[level, c]
                out[level, c] += r * (held[high, c] - held[low, c])


@njit(cache=True, nogil=True)
def losses(
    root: Int,
    levels: Array,
    lows: Array,
    highs: Array,
    q: Array,
    held: Array,
    missed: Array,
    monotone: bool,
    up: bool,
    reach: Array,
    loss: Array,
) -> None:
    """Fills in how far rounding each node that the root needs, plain or negated, alone moves the root's probability.

    That is how likely a walk comes by the node, times how much what takes its place (see `rounded`) differs from it.
    Never zero, so that zero says that the root does not need it.
    """
    reach[root >> 1, root & 1] = 1.0
    for node in range(root >> 1, 0, -1):
        p = q[levels[node], 0]
        low = lows[node] >> 1
        high = highs[node] >> 1
        other = missed[high, 0] if highs[node] & 1 else held[high, 0]
        for flip in range(2):
            r = reach[node, flip]
            if r > 0.0:
                reach[low, flip] += max((1.0 - p) * r, 1e-290)
                reach[high, (highs[node] & 1) ^ flip] += max(p * r, 1e-290)
                if monotone:
                    share = 1.0 - p if up != (flip == 1) else p
                    gone = share * abs(other - held[low, 0])
                else:
                    gone = missed[node, 0] if up != (flip == 1) else held[node, 0]
                loss[node, flip] = max(r * gone, 1e-300)


@njit(cache=True, nogil=True)
def rounded(
    start: Int,
    last: Int,
    levels: Array,
    lows: Array,
    highs: Array,
    loss: Array,
    threshold: float,
    monotone: bool,
    up: bool,
    new: Array,
    table: Array,
    control: Array,
) -> Int:
    """Rebuilds a function from the nodes that matter; gives the node to go on with where the store must grow.

    In a monotone function a node that goes is replaced by a branch: the low one is below it and the high one
    above, or the other way round where it is negated.
    """
    for node in range(start, last + 1):
        for flip in range(2):
            if loss[node, flip] <= 0.0:
                continue
            low = np.int64(lows[node]) ^ flip
            high = np.int64(highs[node]) ^ flip
            if low > 1:
                low = new[low >> 1, low & 1]
            if high > 1:
                high = new[high >> 1, high & 1]
            if loss[node, flip] >= threshold:
                edge = make(np.int64(levels[node]), low, high, levels, lows, highs, table, control)
                if edge < 0:
                    control[3] = edge
                    return node
                new[node, flip] = edge
            elif monotone:
                new[node, flip] = high if up != (flip == 1) else low
            else:
                new[node, flip] = 1 if up else 0
    return last + 1
