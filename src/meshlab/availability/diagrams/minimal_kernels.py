"""Compiled kernels for minimal cut sets as a zero-suppressed diagram: made, counted, weighed, never listed.

Nodes here are plain numbers: 0 is no set at all, 1 is the empty set alone, from 2 on (level, without, with).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from meshlab.availability.diagrams.bdd_kernels import (
    COUNT,
    FULL,
    GROW,
    LIMIT,
    STOP,
    STOPPED,
    Array,
    Int,
    _slot,
    conjunction,
    make,
)


@njit(cache=True, nogil=True)
def needed(lows: Array, highs: Array, wanted: Array) -> None:
    """Marks, from the marked ones down, the functions under each: node by node, plain and negated."""
    for node in range(lows.size - 1, 0, -1):
        for flip in range(2):
            if wanted[node, flip]:
                low = lows[node] ^ flip
                high = highs[node] ^ flip
                wanted[low >> 1, low & 1] = True
                wanted[high >> 1, high & 1] = True


@njit(cache=True, nogil=True)
def hull(
    start: Int,
    done: Int,
    levels: Array,
    lows: Array,
    highs: Array,
    wanted: Array,
    closed: Array,
    table: Array,
    control: Array,
    keys: Array,
    values: Array,
    stack: Array,
) -> Int:
    """Closes each wanted function upwards: what holds with some failures still holds with more.

    `levels[:done]` is the function's own diagram; new nodes go behind. Gives the node to go on with, or `done`
    when it is finished; a code where the store has to grow or to stop.
    """
    for node in range(start, done):
        for flip in range(2):
            if not wanted[node, flip]:
                continue
            low = np.int64(lows[node]) ^ flip
            high = np.int64(highs[node]) ^ flip
            less = low if low < 2 else closed[low >> 1, low & 1]
            more = high if high < 2 else closed[high >> 1, high & 1]
            none = conjunction(less ^ 1, more ^ 1, levels, lows, highs, table, control, keys, values, stack)
            if none >= 0:
                none = make(np.int64(levels[node]), less, none ^ 1, levels, lows, highs, table, control)
            if none < 0:
                control[3] = none
                return node
            closed[node, flip] = none
    return done


@njit(cache=True, nogil=True)
def _set_node(
    level: Int,
    without: Int,
    having: Int,
    levels: Array,
    lows: Array,
    highs: Array,
    table: Array,
    control: Array,
) -> Int:
    if having == 0:
        return without
    mask = table.size - 1
    slot = _slot(level, without, having, mask)
    while True:
        node = table[slot]
        if node == 0:
            break
        if levels[node] == level and lows[node] == without and highs[node] == having:
            return np.int64(node)
        slot = (slot + 1) & mask
    node = control[COUNT]
    if node >= control[LIMIT]:
        return np.int64(FULL)
    if node >= levels.size or 2 * node >= table.size:
        return np.int64(GROW)
    levels[node] = level
    lows[node] = without
    highs[node] = having
    table[slot] = node
    control[COUNT] = node + 1
    return node


@njit(cache=True, nogil=True)
def _unsubsumed(
    z: Int,
    f: Int,
    zl: Array,
    z0: Array,
    z1: Array,
    table: Array,
    control: Array,
    fl: Array,
    f0: Array,
    f1: Array,
    keys: Array,
    values: Array,
    stack: Array,
) -> Int:
    """Gives the sets of `z` that do not by themselves make the monotone function with edge `f` hold."""
    mask = keys.shape[0] - 1
    depth = 0
    stack[0, 0] = z
    stack[0, 1] = f
    stack[0, 2] = 0
    result = np.int64(0)
    ticks = 0
    while depth >= 0:
        stage = stack[depth, 2]
        if stage == 0:
            a = stack[depth, 0]
            b = stack[depth, 1]
            while b > 1 and a > 1 and zl[a] > fl[b >> 1]:
                b = np.int64(f0[b >> 1])
            if a == 0 or b == 1:
                result = np.int64(0)
                depth -= 1
                continue
            if b == 0 or a == 1:
                result = a
                depth -= 1
                continue
            slot = _slot(np.int64(3), a, b, mask)
            if keys[slot, 0] == a and keys[slot, 1] == b:
                result = np.int64(values[slot])
                depth -= 1
                continue
            ticks += 1
            if ticks & 0xFFFF == 0 and control[STOP] != 0:
                return np.int64(STOPPED)
            if zl[a] == fl[b >> 1]:
                below = np.int64(f0[b >> 1])
                above = np.int64(f1[b >> 1])
            else:
                below = b
                above = b
            stack[depth, 0] = a
            stack[depth, 1] = b
            stack[depth, 2] = 1
            stack[depth, 3] = above
            depth += 1
            stack[depth, 0] = z0[a]
            stack[depth, 1] = below
            stack[depth, 2] = 0
        elif stage == 1:
            stack[depth, 4] = result
            stack[depth, 2] = 2
            a = stack[depth, 0]
            above = stack[depth, 3]
            depth += 1
            stack[depth, 0] = z1[a]
            stack[depth, 1] = above
            stack[depth, 2] = 0
        else:
            a = stack[depth, 0]
            b = stack[depth, 1]
            result = _set_node(np.int64(zl[a]), stack[depth, 4], result, zl, z0, z1, table, control)
            if result < 0:
                return result
            slot = _slot(np.int64(3), a, b, mask)
            keys[slot, 0] = a
            keys[slot, 1] = b
            values[slot] = result
            depth -= 1
    return result


@njit(cache=True, nogil=True)
def minimal(
    start: Int,
    fl: Array,
    f0: Array,
    f1: Array,
    sets: Array,
    zl: Array,
    z0: Array,
    z1: Array,
    table: Array,
    control: Array,
    keys: Array,
    values: Array,
    stack: Array,
) -> Int:
    """Gives each node's minimal solutions, children first; the node to go on with where the store must grow."""
    for node in range(start, fl.size):
        low = np.int64(f0[node])
        high = np.int64(f1[node])
        less = low if low < 2 else np.int64(sets[low >> 1])
        more = high if high < 2 else np.int64(sets[high >> 1])
        new = _unsubsumed(more, low, zl, z0, z1, table, control, fl, f0, f1, keys, values, stack)
        if new >= 0:
            new = _set_node(np.int64(fl[node]), less, new, zl, z0, z1, table, control)
        if new < 0:
            control[3] = new
            return node
        sets[node] = new
    return fl.size


@njit(cache=True, nogil=True)
def weighed(zl: Array, z0: Array, z1: Array, weight: Array, out: Array) -> None:
    """Sums over all sets the product of their members' weights, per node (weight 1 counts the sets)."""
    out[0] = 0
    out[1] = 1
    for node in range(2, zl.size):
        out[node] = out[z0[node]] + weight[zl[node]] * out[z1[node]]


@njit(cache=True, nogil=True)
def likeliest(zl: Array, z0: Array, z1: Array, weight: Array, out: Array) -> None:
    """Gives per node the greatest product of weights of one set."""
    out[0] = -1.0
    out[1] = 1.0
    for node in range(2, zl.size):
        out[node] = max(out[z0[node]], weight[zl[node]] * out[z1[node]])
