"""The gate before each effect: the guard judges the step against what is down now and the effects beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from meshlab.model import Topology
from meshlab.provision.guard.course import founded, given_up
from meshlab.provision.guard.guard import Guard
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Step
from meshlab.provision.systems.outcome import StepFailed

TURN_S = 0.2


class StepRefused(StepFailed):
    """The guard refuses a step that was about to act; nothing was done."""


class Gate:
    """Lets one step after another through to its effect.

    A step that finds all as it should be has no effect and does not come here. One that is only in danger because of
    others in flight waits for its turn; one that is in danger by itself is refused.
    """

    def __init__(
        self,
        plan: Plan,
        topology: Topology,
        guard: Guard,
        *,
        done: Callable[[], Iterable[str]],
        overridden: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._topology = topology
        self._guard = guard
        self._done = done
        self._overridden = overridden
        self._declared = given_up(plan, topology)
        self._turn = threading.Condition()
        self._acting: dict[str, Step] = {}

    @contextmanager
    def act(self, step: Step, stop: threading.Event, say: Callable[[str], None]) -> Iterator[None]:
        """Holds the right to a step's effect for a `with` block.

        Raises
        ------
        StepRefused
            The step would cost a quorum; the text says which and why.
        """
        with self._turn:
            said = False
            while self._in_danger(step):
                if not said:
                    say("waits for its turn: together with what is in flight it would cost a quorum")
                    said = True
                self._turn.wait(TURN_S)
                if stop.is_set():
                    raise StepFailed("the run was stopped", "stop")
            self._acting[step.id] = step
        try:
            yield
        finally:
            with self._turn:
                self._acting.pop(step.id, None)
                self._turn.notify_all()

    def _in_danger(self, step: Step) -> bool:
        """Says whether a step must wait for others; refuses it where waiting would not help."""
        membership = self._guard.membership
        if not membership.touched(step):
            return False
        exist = founded(self._plan, self._topology, set(self._done()))
        if not exist - self._declared or self._overridden():
            return False
        beside = membership.beside(step, self._acting.values(), self._plan)
        if beside:
            return self._guard.judge(step, beside, exist=exist, declared=self._declared) is not None
        refusal = self._guard.judge(step, exist=exist, declared=self._declared)
        if refusal:
            raise StepRefused(f"{step.title}: refused: {refusal.reason}")
        return False
