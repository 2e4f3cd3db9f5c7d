"""The compiled event queue against heapq, and its workloads against SimPy and theory."""

from __future__ import annotations

import heapq

import numba
import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlab.simulate.kernels.agenda import (
    FULL,
    Agenda,
    agenda,
    clear,
    leave,
    push,
    queue_of_one_server,
    settle,
    soonest,
    soonest_key,
    timers,
)

PUSH, POP, CLEAR = 0, 1, 2


def timers_twin(gaps: np.ndarray, until: float) -> tuple[int, float]:
    heap = [(float(row[0]), timer) for timer, row in enumerate(gaps)]
    heapq.heapify(heap)
    turn = [1 % gaps.shape[1]] * len(gaps)
    ended, total = 0, 0.0
    while heap and heap[0][0] < until:
        now, timer = heap[0]
        ended, total = ended + 1, total + now
        heapq.heapreplace(heap, (now + float(gaps[timer, turn[timer]]), timer))
        turn[timer] = (turn[timer] + 1) % gaps.shape[1]
    return ended, total


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    count=st.integers(1, 70),
    rounds=st.integers(1, 6),
    seed=st.integers(0, 1000),
    ties=st.booleans(),
)
def test_timers_end_in_the_order_of_a_plain_heap_to_the_bit(
    count: int, rounds: int, seed: int, ties: bool
) -> None:
    """The sum of times, in order of events, tells the order; with ties many end at once."""
    rng = np.random.default_rng(seed)
    gaps = (
        rng.integers(1, 4, (count, rounds)).astype(float) if ties else rng.exponential(1.0, (count, rounds))
    )
    queue = agenda(count + 1)
    assert timers(queue, gaps, np.zeros(count, np.int64), 40.0) == timers_twin(gaps, 40.0)


def test_the_same_timers_end_as_often_in_simpy() -> None:
    gaps = np.random.default_rng(4).exponential(1.0, (30, 64))
    env = simpy.Environment()
    ended = [0, 0.0]

    def timer(waits: list[float]):  # type: ignore[no-untyped-def]
        while True:
            for wait in waits:
                yield env.timeout(wait)
                ended[0] += 1
                ended[1] += env.now

    for row in gaps.tolist():
        env.process(timer(row))
    env.run(until=50.0)
    assert timers(agenda(31), gaps, np.zeros(30, np.int64), 50.0) == (
        ended[0],
        pytest.approx(ended[1], rel=1e-12),
    )


def test_customers_wait_as_lindley_says_and_as_long_as_the_theory_of_m_m_1() -> None:
    """Lindley: W' = max(0, W + S - T). Mean wait rho^2 / (lambda (1 - rho)) = 1.633 at rho 0.7; the mean of
    400,000 autocorrelated waits has a standard error near 0.03, so 0.15 is a false alarm of 1 in 10^6."""
    rng = np.random.default_rng(5)
    customers = 400_000
    between, service = rng.exponential(1.0, customers), rng.exponential(0.7, customers)
    came, waits = np.empty(customers), np.empty(customers)
    queue_of_one_server(agenda(4), between, service, came, waits)
    assert waits.mean() == pytest.approx(0.49 / 0.3, abs=0.15)
    wait = 0.0
    for k in range(2_000):
        assert waits[k] == pytest.approx(wait, abs=1e-7)
        wait = max(0.0, wait + service[k] - between[k + 1])
    assert came[-1] == pytest.approx(between.sum())


@numba.njit(_nrt=False)  # type: ignore[untyped-decorator]
def played(queue: Agenda, steps: np.ndarray, times: np.ndarray, when: np.ndarray, keys: np.ndarray) -> int:
    """Does the steps; step k's event has key k. Fills in what left, in order; gives how many."""
    left = 0
    for k in range(steps.shape[0]):
        if steps[k] == PUSH:
            push(queue, times[k], k)
        elif steps[k] == CLEAR:
            clear(queue)
        elif settle(queue) > 0:
            when[left], keys[left] = soonest(queue), soonest_key(queue)
            leave(queue)
            left += 1
    return left


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([PUSH] * 6 + [POP] * 5 + [CLEAR]),
            st.one_of(st.integers(0, 5).map(float), st.sampled_from([-0.0, 1e-300, float("inf")])),
        ),
        max_size=120,
    )
)
def test_events_leave_as_from_a_plain_heap_whatever_is_pushed_popped_and_cleared(
    steps: list[tuple[int, float]],
) -> None:
    """Many ties, so that keys decide; more events than leaves at first; holes filled and holes left."""
    heap: list[tuple[float, int]] = []
    expected = []
    for k, (step, time) in enumerate(steps):
        if step == PUSH:
            heapq.heappush(heap, (time, k))
        elif step == CLEAR:
            heap = []
        elif heap:
            expected.append(heapq.heappop(heap))
    when, keys = np.zeros(len(steps)), np.zeros(len(steps), np.int64)
    ways, times = np.array([one[0] for one in steps], np.int64), np.array([one[1] for one in steps])
    left = played(agenda(len(steps)), ways, times, when, keys)
    assert list(zip(when[:left], keys[:left], strict=True)) == expected


@pytest.mark.parametrize("events", [8, 9])
def test_an_event_without_room_is_marked_and_lost(events: int) -> None:
    queue = agenda(8)
    timers(queue, np.ones((events, 2)), np.zeros(events, np.int64), 1.0)
    assert bool(queue.size[FULL]) == (events > 8)
