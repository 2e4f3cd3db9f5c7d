"""Processors that several programs share: nothing is lost, nobody is forgotten, event loops take in all that waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlab.simulate.groups.processors import Loop, Processors, nothing

Then = Callable[[float], None]


class Agenda:
    """A simulation's agenda, run to its end."""

    def __init__(self) -> None:
        self._events: list[tuple[float, int, Then]] = []
        self._count = 0
        self.now = 0.0

    def at(self, time: float, then: Then) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, then))

    def run(self) -> float:
        while self._events:
            self.now, _, then = heapq.heappop(self._events)
            then(self.now)
        return self.now


def processors(agenda: Agenda, count: int = 2, turn: float = 1.0, pace: float = 1.0) -> Processors:
    rng = np.random.default_rng(0)
    return Processors(count, turn, agenda.at, lambda n: int(rng.integers(n)), lambda time: pace)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 5.0), min_size=1, max_size=20), st.integers(1, 4), st.floats(0.05, 3.0))
def test_no_processor_idles_while_work_waits(work: list[float], count: int, turn: float) -> None:
    """So all is done between the sum over the processors and that and one whole piece more (Graham's bound)."""
    agenda = Agenda()
    shared, ended = processors(agenda, count, turn), []
    for seconds in work:
        shared.take(0.0, seconds, nothing, ended.append)
    end = agenda.run()
    assert len(ended) == len(work)
    assert max(sum(work) / count, max(work)) - 1e-9 <= end <= sum(work) / count + max(work) + 1e-9


def test_one_that_was_just_woken_goes_before_those_that_had_a_turn() -> None:
    agenda, began = Agenda(), []
    shared = processors(agenda, count=1)
    shared.take(0.0, 10.0, nothing)
    agenda.at(2.5, lambda now: shared.take(now, 1.0, began.append))
    assert agenda.run() == pytest.approx(11.0)
    assert began == [3.0]  # at the end of the turn that was under way


def test_at_half_the_pace_everything_takes_twice_as_long() -> None:
    agenda = Agenda()
    processors(agenda, pace=0.5).take(0.0, 3.0, nothing)
    assert agenda.run() == pytest.approx(6.0)


def test_a_loop_gives_out_together_what_waited_together() -> None:
    agenda, given_out = Agenda(), []
    loop = Loop(processors(agenda), 1.0)
    for _ in range(4):
        loop.take(0.0, given_out.append)
    agenda.run()
    assert given_out == [0.0, 3.0, 3.0, 3.0]  # the first at once; three came while it was under way


def test_a_loop_takes_pieces_of_one_key_as_one() -> None:
    agenda, given_out = Agenda(), []
    loop = Loop(processors(agenda), 1.0)
    loop.take(0.0, given_out.append, "a")
    for key in "bbc":
        loop.take(0.0, given_out.append, key)
    agenda.run()
    assert given_out == [0.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(("count", "turn"), [(0, 1.0), (1, 0.0)])
def test_a_machine_without_processors_or_turns_is_refused(count: int, turn: float) -> None:
    with pytest.raises(ValueError, match="at least one processor"):
        processors(Agenda(), count, turn)
