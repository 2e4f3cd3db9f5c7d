"""Time as a test owns it: a clock that it moves by hand, and one patience for all that must be waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""Deadline of whatever a test waits for. No verdict hangs on it: it only ends what would wait for ever."""


class HandClock:
    """Seconds that only the test makes pass, for what is given a `clock` and a `sleep`; from any thread."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """A `time.sleep` that takes no time: the clock is put forward instead."""
        self._now_s += seconds

    async def wait(self, seconds: float) -> None:
        """An `asyncio.sleep` that is over once the clock was moved so far."""
        due = self._now_s + seconds
        while True:
            await asyncio.sleep(0.002)
            if self._now_s >= due:
                return


def until(holds: Callable[[], object], what: str, deadline_s: float = PATIENCE_S) -> None:
    """Polls until something holds."""
    end = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end, f"waited {deadline_s:g} s in vain for {what}"
        time.sleep(0.01)
