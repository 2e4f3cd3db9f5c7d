"""A mesh of machines and links in 64 worlds per word: is enough of it in one connected piece?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.sampling.kernels.bits import ALL, NONE, ONE, begun, ones, place
from meshlab.simulate.kernels.compiling import compiled, inlined, part

if TYPE_CHECKING:
    from numpy.typing import NDArray


@inlined
def lost_to(
    causes: NDArray[np.int64], starts: NDArray[np.int64], which: int, lost: NDArray[np.uint64], w: int
) -> np.uint64:
    """Gives the worlds of word w in which any of a thing's causes is lost."""
    word = NONE
    for i in range(starts[which], starts[which + 1]):
        word |= lost[causes[i], w]
    return word


@part
def reach(
    root: int,
    wanted: np.uint64,
    order: NDArray[np.int64],
    near: NDArray[np.int64],
    near_starts: NDArray[np.int64],
    over: NDArray[np.int64],
    link_causes: NDArray[np.int64],
    link_starts: NDArray[np.int64],
    lost: NDArray[np.uint64],
    w: int,
    up: NDArray[np.uint64],
    reached: NDArray[np.uint64],
) -> None:
    """Gives in which worlds each machine is reached from the root: directly, then only what is still missing."""
    start = up[root] & wanted
    for m in range(up.shape[0]):
        reached[m] = NONE
    reached[root] = start
    for i in range(near_starts[root], near_starts[root + 1]):
        reached[near[i]] |= start & up[near[i]] & ~lost_to(link_causes, link_starts, over[i], lost, w)
    more, left = True, ALL
    while more and left:
        more, left = False, NONE
        for j in range(order.shape[0]):
            m = order[j]
            missing = start & up[m] & ~reached[m]
            if missing == NONE:
                continue
            got = NONE
            for i in range(near_starts[m], near_starts[m + 1]):
                if reached[near[i]] & missing & ~got:
                    got |= reached[near[i]] & ~lost_to(link_causes, link_starts, over[i], lost, w)
                    if missing & ~got == NONE:
                        break
            got &= missing
            left |= missing & ~got
            if got:
                reached[m] |= got
                more = True


@part
def enough(
    needs: NDArray[np.int64],
    members: NDArray[np.int64],
    member_starts: NDArray[np.int64],
    reached: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    start: np.uint64,
) -> np.uint64:
    """Gives the worlds of `start` in which every group has as many members reached as it needs.

    Counted is what is missing, in binary, one plane per digit; most machines miss nothing in most words.
    """
    good = start
    for g in range(needs.shape[0]):
        spare = member_starts[g + 1] - member_starts[g] - needs[g]
        incomplete = 0
        for i in range(member_starts[g], member_starts[g + 1]):
            carry = start & ~reached[members[i]]
            if carry == NONE:
                continue
            if incomplete == 0:
                for d in range(planes.shape[0]):
                    planes[d] = NONE
            incomplete += 1
            d = 0
            while carry:
                both = planes[d] & carry
                planes[d] ^= carry
                carry = both
                d += 1
        if incomplete <= spare:
            continue
        more, same = NONE, ALL
        for d in range(planes.shape[0] - 1, -1, -1):
            if (spare >> d) & 1:
                same &= planes[d]
            else:
                more |= same & planes[d]
                same &= ~planes[d]
        good &= ~more
    return good


@compiled
def count(
    streams: NDArray[np.uint64],
    scales: NDArray[np.float64],
    ahead: NDArray[np.int64],
    lost: NDArray[np.uint64],
    machine_causes: NDArray[np.int64],
    machine_starts: NDArray[np.int64],
    near: NDArray[np.int64],
    near_starts: NDArray[np.int64],
    over: NDArray[np.int64],
    link_causes: NDArray[np.int64],
    link_starts: NDArray[np.int64],
    roots: NDArray[np.int64],
    order: NDArray[np.int64],
    needs: NDArray[np.int64],
    members: NDArray[np.int64],
    member_starts: NDArray[np.int64],
    up: NDArray[np.uint64],
    reached: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    worlds: int,
) -> int:
    """Counts the worlds in which no connected piece of the mesh has what is needed.

    A piece that has it contains one of the roots; the second root is asked only where the first one's piece
    does not serve, and so on.
    """
    tile = lost.shape[1]
    begun(streams, ahead, scales, 0)
    found = 0
    left = worlds
    while left > 0:
        width = min(tile, (left + 63) // 64)
        for w in range(width):
            for c in range(lost.shape[0]):
                lost[c, w] = NONE
        place(streams, ahead, scales, 0, lost, 0, 0, width)
        for w in range(width):
            asked = ALL if left - 64 * w >= 64 else (ONE << np.uint64(left - 64 * w)) - ONE
            for m in range(up.shape[0]):
                up[m] = ~lost_to(machine_causes, machine_starts, m, lost, w)
            for r in range(roots.shape[0]):
                root = roots[r]
                if up[root] & asked == NONE:
                    continue
                reach(
                    root,
                    asked,
                    order,
                    near,
                    near_starts,
                    over,
                    link_causes,
                    link_starts,
                    lost,
                    w,
                    up,
                    reached,
                )
                asked &= ~enough(needs, members, member_starts, reached, planes, reached[root])
                if asked == NONE:
                    break
            found += ones(asked)
        left -= 64 * width
    return found
