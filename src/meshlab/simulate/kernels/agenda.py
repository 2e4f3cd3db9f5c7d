"""A compiled event queue: events leave in order of (time, key).

A four-ary heap in two arrays. `pop` leaves a hole at the root that the next `push` fills, because an event
mostly brings forth another one. Keys order events of equal time and say what each event is; the caller
chooses them, so the order never depends on how the heap came about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from meshlab.simulate.kernels.compiling import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNT, HOLE, FULL = 0, 1, 2
"""Columns of `Agenda.size`: slots in use, whether the root is a hole, whether an event found no room."""


class Agenda(NamedTuple):
    """An event queue: times in seconds, keys, and three counters."""

    when: NDArray[np.float64]
    keys: NDArray[np.int64]
    size: NDArray[np.int64]


def agenda(capacity: int) -> Agenda:
    """Gives an empty queue with room for `capacity` events."""
    return Agenda(np.zeros(capacity), np.zeros(capacity, np.int64), np.zeros(3, np.int64))


@inlined
def push(queue: Agenda, time: float, key: int) -> None:
    """Adds an event; without room for it, only marks the queue as full."""
    when, keys, size = queue.when, queue.keys, queue.size
    if size[HOLE]:
        size[HOLE] = 0
        _place(when, keys, size[COUNT], time, key)
        return
    at = size[COUNT]
    if at >= when.shape[0]:
        size[FULL] = 1
        return
    size[COUNT] = at + 1
    while at > 0:
        above = (at - 1) >> 2
        if when[above] < time or (when[above] == time and keys[above] < key):
            break
        when[at] = when[above]
        keys[at] = keys[above]
        at = above
    when[at] = time
    keys[at] = key


@inlined
def settle(queue: Agenda) -> int:
    """Closes the hole that a pop has left, if there is one, and gives how many events are waiting."""
    when, keys, size = queue.when, queue.keys, queue.size
    if size[HOLE]:
        size[HOLE] = 0
        last = size[COUNT] - 1
        size[COUNT] = last
        if last > 0:
            _place(when, keys, last, when[last], keys[last])
    return int(size[COUNT])


@inlined
def leave(queue: Agenda) -> None:
    """Takes the first event out; read ``when[0]`` and ``keys[0]`` before, after `settle`."""
    queue.size[HOLE] = 1


@inlined
def _place(when: NDArray[np.float64], keys: NDArray[np.int64], count: int, time: float, key: int) -> None:
    """Puts an event where the root was: the hole sinks to the leaves, the event rises from there.

    Choosing among children without branches, and comparing the event only on the way up (an event just made
    is mostly a late one), is what makes it fast.
    """
    at = 0
    child = 1
    while child + 3 < count:
        left = child + int(when[child + 1] < when[child])
        right = child + 2 + int(when[child + 3] < when[child + 2])
        best = right if when[right] < when[left] else left
        soonest = when[best]
        for other in range(child, child + 4):
            if when[other] == soonest and keys[other] < keys[best]:
                best = other
        when[at] = soonest
        keys[at] = keys[best]
        at = best
        child = 4 * at + 1
    if child < count:
        best = child
        for other in range(child + 1, count):
            if when[other] < when[best] or (when[other] == when[best] and keys[other] < keys[best]):
                best = other
        when[at] = when[best]
        keys[at] = keys[best]
        at = best
    while at > 0:
        above = (at - 1) >> 2
        if when[above] < time or (when[above] == time and keys[above] < key):
            break
        when[at] = when[above]
        keys[at] = keys[above]
        at = above
    when[at] = time
    keys[at] = key


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
    while settle(queue) > 0 and queue.when[0] < until:
        now, timer = queue.when[0], queue.keys[0]
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
        now, kind = queue.when[0], queue.keys[0]
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
