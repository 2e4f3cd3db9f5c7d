"""Timers of links: in order, on time, taken back, and gone with their loop."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

import pytest

from meshlab.emulate.network import fine_timers
from meshlab.emulate.network.fine_timers import call_at, early_s
from needs import lacking
from own_time import PATIENCE_S


def test_what_falls_due_first_is_called_first_and_none_early() -> None:
    async def run() -> list[tuple[float, float]]:
        loop, called = asyncio.get_running_loop(), []
        done = asyncio.Event()
        start = loop.time()

        def timer(after: float) -> None:
            called.append((after, loop.time() - start))
            if len(called) == 5:
                done.set()

        for after in (0.004, 0.0013, 0.0, 0.0021, 0.0301):
            call_at(loop, start + after, lambda after=after: timer(after))
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        return called

    called = asyncio.run(run())
    assert [after for after, _ in called] == [0.0, 0.0013, 0.0021, 0.004, 0.0301]
    assert all(at >= after - early_s() for after, at in called)


def test_one_that_was_taken_back_is_not_called_and_the_next_one_is() -> None:
    async def run() -> list[str]:
        loop, called, done = asyncio.get_running_loop(), [], asyncio.Event()
        first = call_at(loop, loop.time() + 0.002, lambda: called.append("first"))
        call_at(loop, loop.time() + 0.005, done.set)
        first.cancel()
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        return called

    assert asyncio.run(run()) == []


def test_one_due_at_the_same_time_can_still_be_taken_back() -> None:
    async def run() -> list[str]:
        loop, called, done = asyncio.get_running_loop(), [], asyncio.Event()
        due = loop.time() + 0.001
        call_at(loop, due, lambda: second.cancel())
        second = call_at(loop, due, lambda: called.append("second"))
        call_at(loop, due, done.set)
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        return called

    assert asyncio.run(run()) == []


def test_those_taken_back_long_before_they_fall_due_do_not_pile_up() -> None:
    async def run() -> int:
        loop = asyncio.get_running_loop()
        timers = [call_at(loop, loop.time() + 900.0, lambda: None)]
        for _ in range(5_000):
            timers.pop().cancel()
            timers.append(call_at(loop, loop.time() + 900.0, lambda: None))
        return len(fine_timers._of_loops[loop]._due) if fine_timers._libc() else 0

    assert asyncio.run(run()) < 300


def test_a_callback_that_fails_leaves_the_others() -> None:
    async def run() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda loop, context: None)
        due = loop.time() + 0.001
        call_at(loop, due, lambda: 1 / 0)
        call_at(loop, due, done.set)
        await asyncio.wait_for(done.wait(), PATIENCE_S)

    asyncio.run(run())


def test_timers_are_set_from_within_timers() -> None:
    async def run() -> int:
        loop, done, count = asyncio.get_running_loop(), asyncio.Event(), 0

        def again() -> None:
            nonlocal count
            count += 1
            if count == 50:
                done.set()
            else:
                call_at(loop, loop.time() + 0.0002, again)

        again()
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        return count

    assert asyncio.run(run()) == 50


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason=lacking("Linux", "descriptors are counted as it shows them")
)
def test_a_loop_that_is_gone_leaves_no_descriptor() -> None:
    async def run() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        call_at(loop, loop.time() + 0.001, done.set)
        await asyncio.wait_for(done.wait(), PATIENCE_S)

    def timer_descriptors() -> int:
        found = 0
        for entry in Path("/proc/self/fd").iterdir():
            try:
                found += "timerfd" in str(entry.readlink())
            except OSError:
                continue  # the listing's own
        return found

    gc.collect()
    before = timer_descriptors()
    for _ in range(5):
        asyncio.run(run())
    gc.collect()
    assert timer_descriptors() == before


def test_without_timerfd_the_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_timers, "_libc", lambda: None)

    async def run() -> float:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        start = loop.time()
        call_at(loop, start + 0.003, done.set)
        await asyncio.wait_for(done.wait(), PATIENCE_S)
        return loop.time() - start

    assert asyncio.run(run()) >= 0.003 - early_s()
    assert early_s() == fine_timers.COARSE_S
