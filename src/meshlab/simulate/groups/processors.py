"""Processors that several programs share: who waits for whom.

An operating system lets each program run until it waits for something or its turn is over; one that was just woken
goes before those that have had a turn (Linux: EEVDF, sched-eevdf.rst). Among equals it is fair, not orderly: whose turn
comes next is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Then = Callable[[float], None]
At = Callable[[float, Then], None]


@dataclass(slots=True)
class _Work:
    left: float
    begun: Then | None
    done: Then | None


class Processors:
    """A number of equal processors.

    Parameters
    ----------
    turn
        For how long a piece of work keeps a processor before another has its turn, seconds.
    at
        ``at(time, then)`` puts a call on the simulation's agenda.
    choose
        ``choose(n)`` draws one of n, from 0.
    pace
        ``pace(time)`` is how fast they are then; 1 is as usual.

    Raises
    ------
    ValueError
        There is no processor, or a turn takes no time.
    """

    def __init__(
        self, count: int, turn: float, at: At, choose: Callable[[int], int], pace: Callable[[float], float]
    ) -> None:
        if count < 1 or turn <= 0:
            raise ValueError("a machine has at least one processor, and a turn takes some time")
        self._idle = count
        self._turn = turn
        self._at = at
        self._choose = choose
        self._pace = pace
        self._woken: list[_Work] = []
        self._had_a_turn: list[_Work] = []

    def take(self, now: float, seconds: float, begun: Then, done: Then | None = None) -> None:
        """Asks for so much of a processor; ``begun`` is called when the first turn begins, ``done`` after the last."""
        self._woken.append(_Work(seconds, begun, done))
        if self._idle:
            self._idle -= 1
            self._next(now)

    def _next(self, now: float) -> None:
        """A processor is free: it goes to one of those that wait."""
        waiting = self._woken or self._had_a_turn
        if not waiting:
            self._idle += 1
            return
        i = self._choose(len(waiting)) if len(waiting) > 1 else 0
        waiting[i], waiting[-1] = waiting[-1], waiting[i]
        work = waiting.pop()
        turn = min(work.left, self._turn)
        work.left -= turn

        def over(time: float) -> None:
            if work.left > 0:
                self._had_a_turn.append(work)
            elif work.done is not None:
                work.done(time)
            self._next(time)

        self._at(now + turn / self._pace(now), over)
        if work.begun is not None:
            begun, work.begun = work.begun, None
            begun(now)


class Loop:
    """A program that takes in all that waits, works on it, and gives it all out together, as event loops do.

    What one alone takes is not waited for here (it is in the cost of the step itself); it only keeps a processor busy.
    """

    def __init__(self, processors: Processors, each: float) -> None:
        self._processors = processors
        self._each = each
        self._waiting: list[tuple[object, Then]] = []
        self._busy = False

    def take(self, now: float, then: Then, key: object = None) -> None:
        """Queues one; ``then`` is called when it is given out. Those of one ``key`` that wait cost as much as one."""
        self._waiting.append((key or object(), then))
        if not self._busy:
            self._next(now)

    def _next(self, now: float) -> None:
        taken, self._waiting = self._waiting, []
        self._busy = bool(taken)
        if not taken:
            return

        def give(time: float) -> None:
            for _, then in taken:
                then(time)

        def given(time: float) -> None:
            self._processors.take(time, self._each, give, self._next)

        others = len({key for key, _ in taken}) - 1
        if others:
            self._processors.take(now, others * self._each, nothing, given)
        else:
            given(now)


def nothing(_: float) -> None:
    """Nobody waits for it."""
