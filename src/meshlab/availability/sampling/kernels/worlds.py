"""A circuit in 64 worlds per word: how many of them fail, plainly or weighted by what a tilt has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.sampling.kernels.bits import ALL, NONE, ONE, begun, ones, place
from meshlab.simulate.kernels.compiling import compiled, part
from meshlab.simulate.kernels.draws import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

AND, AT_LEAST, XOR = 0, 1, 2
FIRST_EVENT = 2  # rows are the circuit's node numbers: row 1 is "true", the events follow
HITS, TOTAL, SQUARES, LARGEST, ROOM = 0, 1, 2, 3, 4


@part
def clear(rows: NDArray[np.uint64], events: int, width: int) -> None:
    """Mends every component in every world of the tile."""
    for row in range(FIRST_EVENT, FIRST_EVENT + events):
        for w in range(width):
            rows[row, w] = NONE


@part
def evaluate(
    ops: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    starts: NDArray[np.int64],
    args: NDArray[np.int64],
    rows: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    width: int,
) -> None:
    """Gives every gate's row from the events' rows. "At least k" counts in binary, one plane of words per digit."""
    gate_row = rows.shape[0] - ops.shape[0]
    for g in range(ops.shape[0]):
        out = gate_row + g
        op = ops[g]
        if op == AT_LEAST:
            digits = 1
            while (starts[g + 1] - starts[g]) >> digits:
                digits += 1
            for d in range(digits):
                for w in range(width):
                    planes[d, w] = NONE
            for i in range(starts[g], starts[g + 1]):
                node = abs(args[i])
                flip = ALL if args[i] < 0 else NONE
                for w in range(width):
                    carry = rows[node, w] ^ flip
                    d = 0
                    while carry:
                        both = planes[d, w] & carry
                        planes[d, w] ^= carry
                        carry = both
                        d += 1
            k = thresholds[g]
            for w in range(width):
                more, same = NONE, ALL
                for d in range(digits - 1, -1, -1):
                    plane = planes[d, w]
                    if (k >> d) & 1:
                        same &= plane
                    else:
                        more |= same & plane
                        same &= ~plane
                rows[out, w] = more | same
            continue
        begin = ALL if op == AND else NONE
        for w in range(width):
            rows[out, w] = begin
        for i in range(starts[g], starts[g + 1]):
            node = abs(args[i])
            flip = ALL if args[i] < 0 else NONE
            if op == AND:
                for w in range(width):
                    rows[out, w] &= rows[node, w] ^ flip
            else:
                for w in range(width):
                    rows[out, w] ^= rows[node, w] ^ flip


@compiled
def count(
    ops: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    starts: NDArray[np.int64],
    args: NDArray[np.int64],
    top: int,
    streams: NDArray[np.uint64],
    scales: NDArray[np.float64],
    ahead: NDArray[np.int64],
    rows: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    worlds: int,
) -> int:
    """Counts the worlds of `worlds` in which the top holds."""
    tile = rows.shape[1]
    begun(streams, ahead, scales, 0)
    node = abs(top)
    flip = ALL if top < 0 else NONE
    found = 0
    left = worlds
    while left > 0:
        width = min(tile, (left + 63) // 64)
        clear(rows, ahead.shape[1], width)
        place(streams, ahead, scales, 0, rows, FIRST_EVENT, 0, width)
        evaluate(ops, thresholds, starts, args, rows, planes, width)
        for w in range(width):
            word = rows[node, w] ^ flip
            there = left - 64 * w
            if there < 64:
                word &= (ONE << np.uint64(there)) - ONE
            found += ones(word)
        left -= 64 * width
    return found


@part
def strike(
    chooser: NDArray[np.uint64],
    cut_odds: NDArray[np.float64],
    cut_starts: NDArray[np.int64],
    cut_events: NDArray[np.int64],
    rows: NDArray[np.uint64],
    end: int,
) -> None:
    """Adds to each world of the words before `end` the losses of one cut set, drawn by its running share."""
    for w in range(end):
        bit = ONE
        while bit:
            u = uniform(chooser, 0)
            low, high = 0, cut_odds.shape[0] - 1
            while low < high:
                middle = (low + high) // 2
                if cut_odds[middle] > u:
                    high = middle
                else:
                    low = middle + 1
            for i in range(cut_starts[low], cut_starts[low + 1]):
                rows[FIRST_EVENT + cut_events[i], w] |= bit
            bit <<= ONE


@part
def contained(
    cut_starts: NDArray[np.int64],
    cut_events: NDArray[np.int64],
    rows: NDArray[np.uint64],
    counts: NDArray[np.int64],
) -> None:
    """Counts for each world of the tile how many of the cut sets are lost in it."""
    for i in range(counts.shape[0]):
        counts[i] = 0
    for k in range(cut_starts.shape[0] - 1):
        for w in range(rows.shape[1]):
            word = ALL
            for i in range(cut_starts[k], cut_starts[k + 1]):
                word &= rows[FIRST_EVENT + cut_events[i], w]
                if word == NONE:
                    break
            while word:
                counts[64 * w + ones((word & (~word + ONE)) - ONE)] += 1
                word &= word - ONE


@compiled
def weighted(
    ops: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    starts: NDArray[np.int64],
    args: NDArray[np.int64],
    top: int,
    streams: NDArray[np.uint64],
    scales: NDArray[np.float64],
    ahead: NDArray[np.int64],
    rows: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    bounds: NDArray[np.int64],
    bases: NDArray[np.float64],
    slopes: NDArray[np.float64],
    chooser: NDArray[np.uint64],
    cut_odds: NDArray[np.float64],
    cut_starts: NDArray[np.int64],
    cut_events: NDArray[np.int64],
    cut_total: float,
    counts: NDArray[np.int64],
    tiles: int,
    sums: NDArray[np.float64],
    totals: NDArray[np.float64],
    shares: NDArray[np.float64],
) -> None:
    """Adds up the weights of the failed worlds; worlds come from several ways, a fixed part of each tile from each.

    The words before ``bounds[0]`` are worlds as they are with one known cut set lost besides; those from
    ``bounds[j]`` on come from tilt j. A world's weight is its probability over what the mixture gives it. How much
    more probable a world is than in truth: in the first way, the number of known cut sets in it over `cut_total`,
    the sum of their probabilities; in tilt j, exp of ``bases[j]`` plus ``slopes[c, j]`` for each lost component.
    `totals` are the weights' sums of each way of drawing. ``shares[c]`` (where asked) adds up the weights with c
    lost. `sums` has room for the tilts' logarithms behind its four totals.
    """
    tile = rows.shape[1]
    tilts = bases.shape[0]
    for j in range(tilts + 1):
        begun(streams, ahead, scales, j)
    node = abs(top)
    flip = ALL if top < 0 else NONE
    events = slopes.shape[0]
    for _ in range(tiles):
        clear(rows, events, tile)
        place(streams, ahead, scales, tilts, rows, FIRST_EVENT, 0, bounds[0])
        strike(chooser, cut_odds, cut_starts, cut_events, rows, bounds[0])
        for j in range(tilts):
            place(streams, ahead, scales, j, rows, FIRST_EVENT, bounds[j], bounds[j + 1])
        evaluate(ops, thresholds, starts, args, rows, planes, tile)
        contained(cut_starts, cut_events, rows, counts)
        way = 0
        for w in range(tile):
            while w >= bounds[way]:
                way += 1
            word = rows[node, w] ^ flip
            while word:
                bit = word & (~word + ONE)
                word ^= bit
                for j in range(tilts):
                    sums[ROOM + j] = bases[j]
                for c in range(events):
                    if rows[FIRST_EVENT + c, w] & bit:
                        for j in range(tilts):
                            sums[ROOM + j] += slopes[c, j]
                given = bounds[0] * counts[64 * w + ones(bit - ONE)] / cut_total
                for j in range(tilts):
                    given += (bounds[j + 1] - bounds[j]) * np.exp(sums[ROOM + j])
                weight = tile / given
                sums[HITS] += 1.0
                sums[TOTAL] += weight
                totals[way] += weight
                sums[SQUARES] += weight * weight
                sums[LARGEST] = max(sums[LARGEST], weight)
                if shares.shape[0]:
                    for c in range(events):
                        if rows[FIRST_EVENT + c, w] & bit:
                            shares[c] += weight


@compiled
def reduced(
    ops: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    starts: NDArray[np.int64],
    args: NDArray[np.int64],
    top: int,
    streams: NDArray[np.uint64],
    scales: NDArray[np.float64],
    ahead: NDArray[np.int64],
    rows: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    order: NDArray[np.int64],
    failed: NDArray[np.uint64],
) -> int:
    """Draws one tile and mends, in all its failed worlds, each lost component in `order` without which they still fail.

    What is lost in them then are minimal cut sets (of a coherent circuit). Gives how many worlds failed, and
    which of each word in `failed`.
    """
    tile = rows.shape[1]
    before = rows.shape[0] - 1  # a row of its own, which no gate writes
    node = abs(top)
    flip = ALL if top < 0 else NONE
    begun(streams, ahead, scales, 0)
    clear(rows, ahead.shape[1], tile)
    place(streams, ahead, scales, 0, rows, FIRST_EVENT, 0, tile)
    evaluate(ops, thresholds, starts, args, rows[:before], planes, tile)
    found = 0
    for w in range(tile):
        failed[w] = rows[node, w] ^ flip
        found += ones(failed[w])
    if found == 0:
        return 0
    for i in range(order.shape[0]):
        row = FIRST_EVENT + order[i]
        for w in range(tile):
            rows[before, w] = rows[row, w]
            rows[row, w] &= ~failed[w]
        evaluate(ops, thresholds, starts, args, rows[:before], planes, tile)
        for w in range(tile):
            rows[row, w] |= rows[before, w] & failed[w] & ~(rows[node, w] ^ flip)
    return found
