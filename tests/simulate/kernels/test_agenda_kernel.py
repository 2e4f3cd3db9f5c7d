"""The compiled event queue against heapq, and its workloads against SimPy and theory."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlab.simulate.kernels.agenda import agenda, queue_of_one_server, timers


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


def test_an_event_without_room_is_marked_and_lost() -> None:
    queue = agenda(2)
    gaps = np.ones((3, 2))
    timers(queue, gaps, np.zeros(3, np.int64), 1.0)
    assert queue.size[2] == 1
