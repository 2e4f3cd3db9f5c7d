"""Event queues head to head: SimPy and the compiled agenda on the same timers and the same M/M/1 customers.

Both sides use the same numbers, drawn beforehand, so that neither pays for drawing; the timers' count and the
customers' waits must come out equal. SimPy runs as its documentation writes such processes, bound methods
taken out of the loops. Target: 20 times SimPy's events/s. CPU seconds, best of several; one JSON line.
`--small`: ten timers, 500 customers.
"""

from __future__ import annotations

import time
from collections.abc import Generator

import numpy as np
import simpy
from common import Document, Row, options, said
from numpy.typing import NDArray

from meshlab.simulate.kernels.agenda import agenda, queue_of_one_server, timers

ROUNDS = 1024
COUNTS, EVENTS, CUSTOMERS = (10, 100, 1000, 10_000), 200_000, 50_000
SMALL_COUNTS, SMALL_EVENTS, SMALL_CUSTOMERS = (10,), 2_000, 500
Floats = NDArray[np.float64]


def simpy_timers(gaps: Floats, until: float) -> tuple[float, int, float]:
    """Seconds, timers ended, sum of their times."""
    env = simpy.Environment()
    found = [0, 0.0]

    def timer(waits: list[float]) -> Generator[simpy.Event, None, None]:
        timeout = env.timeout
        while True:
            for wait in waits:
                yield timeout(wait)
                found[0] += 1
                found[1] += env.now

    for row in gaps.tolist():
        env.process(timer(row))
    start = time.process_time()
    env.run(until=until)
    return time.process_time() - start, int(found[0]), found[1]


def our_timers(gaps: Floats, until: float) -> tuple[float, int, float]:
    queue, turn = agenda(len(gaps) + 1), np.zeros(len(gaps), np.int64)
    start = time.process_time()
    ended, total = timers(queue, gaps, turn, until)
    return time.process_time() - start, ended, total


def simpy_server(between: Floats, service: Floats) -> tuple[float, Floats]:
    """Seconds, and each customer's wait."""
    env = simpy.Environment()
    server = simpy.Resource(env)
    waits: list[float] = []

    def customer(takes: float) -> Generator[simpy.Event, None, None]:
        came = env.now
        with server.request() as turn:
            yield turn
            waits.append(env.now - came)
            yield env.timeout(takes)

    def arrivals() -> Generator[simpy.Event, None, None]:
        for gap, takes in zip(between.tolist(), service.tolist(), strict=True):
            yield env.timeout(gap)
            env.process(customer(takes))

    env.process(arrivals())
    start = time.process_time()
    env.run()
    return time.process_time() - start, np.array(waits)


def our_server(between: Floats, service: Floats) -> tuple[float, Floats]:
    came, waits = np.empty(len(between)), np.empty(len(between))
    queue = agenda(4)
    start = time.process_time()
    queue_of_one_server(queue, between, service, came, waits)
    return time.process_time() - start, waits


def compare_timers(count: int, events: int) -> dict[str, float]:
    gaps = np.random.default_rng(1).exponential(1.0, (count, ROUNDS))
    until = events / count
    theirs = [simpy_timers(gaps, until) for _ in range(3)]
    same = our_timers(gaps, until)
    if theirs[0][1] != same[1] or not np.isclose(theirs[0][2], same[2], rtol=1e-9):
        raise SystemExit(f"{count} timers: the two sides do not agree: {theirs[0][1:]}, {same[1:]}")
    ours = [our_timers(gaps, 10 * until) for _ in range(5)]
    slow = min(t / n for t, n, _ in theirs)
    fast = min(t / n for t, n, _ in ours)
    return {
        "simpy_M_per_s": round(1e-6 / slow, 3),
        "meshlab_M_per_s": round(1e-6 / fast, 2),
        "ratio": round(slow / fast, 1),
    }


def compare_servers(customers: int) -> dict[str, float]:
    rng = np.random.default_rng(2)
    between, service = rng.exponential(1.0, customers), rng.exponential(0.7, customers)
    theirs = [simpy_server(between, service) for _ in range(3)]
    ours = [our_server(between, service) for _ in range(5)]
    if not np.allclose(theirs[0][1], ours[0][1], rtol=0, atol=1e-6):
        raise SystemExit("M/M/1: the two sides' waits differ")
    slow, fast = (min(t for t, _ in side) / customers for side in (theirs, ours))
    return {
        "simpy_M_per_s": round(1e-6 / slow, 3),
        "meshlab_M_per_s": round(1e-6 / fast, 2),
        "ratio": round(slow / fast, 1),
        "mean_wait": round(float(ours[0][1].mean()), 3),
        "mean_wait_theory": round(0.7 * 0.7 / 0.3, 3),
    }


def row(name: str, found: dict[str, float]) -> Row:
    ours, theirs = found["meshlab_M_per_s"], found["simpy_M_per_s"]
    return Row(name, ours, theirs, "million/s", note="SimPy; target 20 times")


def measure(small: bool) -> list[Document]:
    our_timers(np.ones((2, 4)), 3.0)
    our_server(np.ones(3), np.ones(3))
    counts, events = (SMALL_COUNTS, SMALL_EVENTS) if small else (COUNTS, EVENTS)
    timed = {str(count): compare_timers(count, events) for count in counts}
    served = compare_servers(SMALL_CUSTOMERS if small else CUSTOMERS)
    return [
        {
            "benchmark": "des",
            "clock": "CPU seconds, best of several, both sides in one run",
            "timers": timed,
            "mm1_customers": served,
            "rows": [
                *(row(f"events, {int(count):,} timers", found) for count, found in timed.items()),
                row("customers of M/M/1", served),
            ],
        }
    ]


if __name__ == "__main__":
    said(measure(options().small), "simpy", "numba")
