"""Timers that are good to some ten microseconds: an event loop's own are late by up to a millisecond.

The loop waits in epoll, whose time-outs are whole milliseconds. On Linux one timerfd per loop (timerfd_create(2)) wakes
it at the nanosecond; elsewhere the loop's own timers serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import heapq
import os
import sys
import weakref
from collections.abc import Callable
from functools import cache
from typing import Protocol

_CLOCK_MONOTONIC = 1
_NONBLOCK, _CLOEXEC, _ABSOLUTE = 0o4000, 0o2000000, 1
_SWEEP_FROM = 128
FINE_S = 2e-5
COARSE_S = 5e-4
"""How early what is due may be taken as due: the half of a timer's granularity."""


class Handle(Protocol):
    """A timer that can be taken back."""

    def cancel(self) -> None: ...


class _Spec(ctypes.Structure):
    _fields_ = (("interval", ctypes.c_long * 2), ("value", ctypes.c_long * 2))


class _Timer:
    """One callback, until it is run or cancelled."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def run(self) -> None:
        """Calls it, unless it was taken back since it fell due."""
        if self.callback is not None:
            self.callback()


class FineTimers:
    """The fine timers of one event loop, all on one descriptor, which is closed when the loop is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, libc: ctypes.CDLL) -> None:
        self._loop = weakref.ref(loop)
        self._set = libc.timerfd_settime
        self._descriptor = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._due: list[tuple[float, int, _Timer]] = []
        self._count = 0
        self._armed = float("inf")
        self._sweep_at = _SWEEP_FROM
        weakref.finalize(loop, os.close, self._descriptor)
        loop.add_reader(self._descriptor, self._run)

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        """Calls it at that time of the loop's clock, which is the system's monotonic one."""
        timer = _Timer(callback)
        self._count += 1
        heapq.heappush(self._due, (when, self._count, timer))
        if len(self._due) > self._sweep_at:  # those taken back long before they fall due would pile up
            self._due = [entry for entry in self._due if entry[2].callback is not None]
            heapq.heapify(self._due)
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._due))
        self._arm()
        return timer

    def _arm(self) -> None:
        while self._due and self._due[0][2].callback is None:
            heapq.heappop(self._due)
        if not self._due or self._due[0][0] == self._armed:
            return
        self._armed = self._due[0][0]
        seconds, rest = divmod(max(self._armed, 1e-9), 1.0)
        spec = _Spec((0, 0), (int(seconds), min(max(1, int(rest * 1e9)), 999_999_999)))
        self._set(self._descriptor, _ABSOLUTE, ctypes.byref(spec), None)

    def _run(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._descriptor, 8)
        self._armed = float("inf")
        loop = self._loop()
        if loop is None:
            return
        now = loop.time() + FINE_S
        while self._due and self._due[0][0] <= now:
            loop.call_soon(heapq.heappop(self._due)[2].run)
        self._arm()


_of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, FineTimers] = weakref.WeakKeyDictionary()


@cache
def _libc() -> ctypes.CDLL | None:
    """The C library, where it has timerfd."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return libc if hasattr(libc, "timerfd_create") else None


def call_at(loop: asyncio.AbstractEventLoop, when: float, callback: Callable[[], None]) -> Handle:
    """Calls it at that time of the loop's clock, as exactly as the system can."""
    libc = _libc()
    if libc is None:
        return loop.call_at(when, callback)
    if loop not in _of_loops:
        _of_loops[loop] = FineTimers(loop, libc)
    return _of_loops[loop].call_at(when, callback)


def early_s() -> float:
    """Gives by how much what is due may be early, seconds."""
    return COARSE_S if _libc() is None else FINE_S
