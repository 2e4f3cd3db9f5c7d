"""A compiled event queue: events leave in order of (time, key).

A winner tree: events wait in the leaves, every node above knows the sooner of its two children, so the root knows
the soonest of all. An event that takes a leaf plays its way to the root, one match a level against a sibling that is
known beforehand, and the winner is chosen without a branch: which of two times is the sooner nobody can predict,
the processor neither, and a heap that branches on it stalls at every level. `leave` leaves a hole that the next
`push` fills, because an event mostly brings forth another one. Keys order events of equal time and say what each
event is; the caller chooses them, so the order never depends on how the tree came about.

References
----------
Knuth, The Art of Computer Programming, volume 3, 5.2.3 (tree selection).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from meshlab.simulate.kernels.compiling import compiled, inlined, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNT, HOLE, FULL, LEAVES = 0, 1, 2, 3
"""Columns of `Agenda.size`: leaves taken, whether the root's is a hole, whether an event found none, leaves in use."""

_ONE = np.uint64(1)
_NEVER = np.iinfo(np.int64).max
_FEWEST = 4


class Agenda(NamedTuple):
    """An event queue: a tree whose node 1 is the root, whose leaf k is node ``size[LEAVES] + k``.

    ``when[i]`` is the time in seconds of the soonest event below node i, ``leaf[i]`` the leaf that it is in. ``bits``
    is the same memory as `when`, read as integers: from zero on they are in the order of the times, and an empty
    leaf's come after all of them, infinity included. ``keys[k]`` is the key of leaf k's event;
    ``free[size[COUNT]:size[LEAVES]]`` are the empty leaves.
    """

    when: NDArray[np.float64]
    bits: NDArray[np.int64]
    leaf: NDArray[np.int64]
    keys: NDArray[np.int64]
    free: NDArray[np.int64]
    size: NDArray[np.int64]


def agenda(capacity: int) -> Agenda:
    """Gives an empty queue with room for at least `capacity` events."""
    most = _FEWEST
    while most < capacity:
        most *= 2
    bits = np.full(2 * most, _NEVER)
    leaf = np.zeros(2 * most, np.int64)
    leaf[_FEWEST : 2 * _FEWEST] = np.arange(_FEWEST)
    size = np.array([0, 0, 0, _FEWEST])
    return Agenda(bits.view(np.float64), bits, leaf, np.zeros(most, np.int64), np.arange(most), size)


@part
def clear(queue: Agenda) -> None:
    """Takes all events out."""
    queue.size[:] = 0
    queue.size[LEAVES] = _FEWEST
    for leaf in range(_FEWEST):
        _empty(queue, leaf)
    play_all(queue)


@inlined
def push(queue: Agenda, time: float, key: int) -> None:
    """Adds an event, at zero or later; without room for it, only marks the queue as full."""
    size = queue.size
    if size[HOLE]:
        size[HOLE] = 0
        _play(queue, _seated(queue, queue.leaf[_ONE], time, key))
        return
    if size[COUNT] == size[LEAVES]:
        _grow(queue)
        if size[FULL]:
            return
    leaf = queue.free[np.uint64(size[COUNT])]
    size[COUNT] += 1
    _rise(queue, _seated(queue, leaf, time, key))


@inlined
def settle(queue: Agenda) -> int:
    """Closes the hole that an event has left, if there is one, and gives how many events are waiting."""
    size = queue.size
    if size[HOLE]:
        size[HOLE] = 0
        leaf = queue.leaf[_ONE]
        size[COUNT] -= 1
        queue.free[np.uint64(size[COUNT])] = leaf
        node = np.uint64(size[LEAVES] + leaf)
        queue.bits[node] = _NEVER
        _play(queue, node)
    return int(size[COUNT])


@inlined
def soonest(queue: Agenda) -> float:
    """Gives the first event's time; after `settle`."""
    return float(queue.when[_ONE])


@inlined
def soonest_key(queue: Agenda) -> int:
    """Gives the first event's key; after `settle`."""
    return int(queue.keys[np.uint64(queue.leaf[_ONE])])


@inlined
def leave(queue: Agenda) -> None:
    """Takes the first event out; its time and key are read before."""
    queue.size[HOLE] = 1


@inlined
def waits(queue: Agenda, leaf: int) -> bool:
    """Whether there is an event in a leaf; after `settle`."""
    return bool(queue.bits[queue.size[LEAVES] + leaf] != _NEVER)


@inlined
def _play(queue: Agenda, node: np.uint64) -> None:
    """Plays from a leaf's node up to the root. The sign of the difference, as a mask, picks the sooner."""
    bits, leaves, keys = queue.bits, queue.leaf, queue.keys
    time, leaf = bits[node], leaves[node]
    while node > _ONE:
        sibling = node ^ _ONE
        its_time, its_leaf = bits[sibling], leaves[sibling]
        later = its_time - time
        if later == 0:
            later = keys[np.uint64(its_leaf)] - keys[np.uint64(leaf)]
        sooner = later >> 63
        time ^= (time ^ its_time) & sooner
        leaf ^= (leaf ^ its_leaf) & sooner
        node >>= _ONE
        bits[node] = time
        leaves[node] = leaf


@inlined
def _seated(queue: Agenda, leaf: int, time: float, key: int) -> np.uint64:
    """Puts an event into a leaf and gives the leaf's node."""
    queue.keys[np.uint64(leaf)] = key
    node = np.uint64(queue.size[LEAVES] + leaf)
    queue.when[node] = time + 0.0  # -0.0 has other bits
    return node


@inlined
def _rise(queue: Agenda, node: np.uint64) -> None:
    """Plays from the node of a leaf that was empty up to the first match lost: an event just made is mostly late."""
    bits, leaves, keys = queue.bits, queue.leaf, queue.keys
    time, leaf = bits[node], leaves[node]
    key = keys[np.uint64(leaf)]
    node >>= _ONE
    while node >= _ONE:
        later = bits[node] - time
        if later == 0:
            later = keys[np.uint64(leaves[node])] - key
        if later < 0:
            return
        bits[node] = time
        leaves[node] = leaf
        node >>= _ONE


@part
def play_all(queue: Agenda) -> None:
    """Plays every match anew, after times in leaves have changed."""
    bits, leaves, keys = queue.bits, queue.leaf, queue.keys
    for node in range(queue.size[LEAVES] - 1, 0, -1):
        one, other = 2 * node, 2 * node + 1
        later = bits[other] - bits[one]
        if later == 0:
            later = keys[leaves[other]] - keys[leaves[one]]
        won = other if later < 0 else one
        bits[node] = bits[won]
        leaves[node] = leaves[won]


@part
def _empty(queue: Agenda, leaf: int) -> None:
    node = queue.size[LEAVES] + leaf
    queue.bits[node] = _NEVER
    queue.leaf[node] = leaf
    queue.free[leaf] = leaf


@part
def _grow(queue: Agenda) -> None:
    """Doubles the leaves in use, all of which are taken; without room for that, marks the queue as full."""
    size = queue.size
    leaves = size[LEAVES]
    if leaves == queue.keys.shape[0]:
        size[FULL] = 1
        return
    size[LEAVES] = 2 * leaves
    for leaf in range(leaves):
        queue.bits[2 * leaves + leaf] = queue.bits[leaves + leaf]
        queue.leaf[2 * leaves + leaf] = leaf
        _empty(queue, leaves + leaf)
    play_all(queue)


@compiled
def timers(
    queue: Agenda, gaps: NDArray[np.float64], turn: NDArray[np.int64], until: float
) -> tuple[int, float]:
    """Runs timers that start again when they end; timer i waits ``gaps[i, k]`` the k-th time, over and over.

    `queue` is empty at first; ``turn[i]`` says which gap timer i waits next. Gives how many ended before
    `until` and the sum of their times.
    """
    count, rounds = gaps.shape
    for timer in range(count):
        push(queue, gaps[timer, turn[timer]], timer)
        turn[timer] = (turn[timer] + 1) % rounds
    ended = 0
    total = 0.0
    while settle(queue) > 0 and soonest(queue) < until:
        now, timer = soonest(queue), soonest_key(queue)
        leave(queue)
        ended += 1
        total += now
        k = turn[timer]
        push(queue, now + gaps[timer, k], timer)
        turn[timer] = k + 1 if k + 1 < rounds else 0
    return ended, total


ARRIVAL, DEPARTURE = 0, 1


@compiled
def queue_of_one_server(
    queue: Agenda,
    between: NDArray[np.float64],
    service: NDArray[np.float64],
    came: NDArray[np.float64],
    waits: NDArray[np.float64],
) -> float:
    """Runs customers through one server, first come first served, as events; fills when they came, their waits.

    `between` holds the seconds from one arrival to the next, `service` each customer's time at the server.
    Gives when the last one leaves.
    """
    customers = between.shape[0]
    arrived = served = 0
    busy = False
    now = 0.0
    push(queue, between[0], ARRIVAL)
    while settle(queue) > 0:
        now, kind = soonest(queue), soonest_key(queue)
        leave(queue)
        if kind == ARRIVAL:
            came[arrived] = now
            arrived += 1
            if arrived < customers:
                push(queue, now + between[arrived], ARRIVAL)
        else:
            busy = False
        if not busy and served < arrived:
            busy = True
            waits[served] = now - came[served]
            push(queue, now + service[served], DEPARTURE)
            served += 1
    return now
