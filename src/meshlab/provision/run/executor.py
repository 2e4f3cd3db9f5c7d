"""Walks a plan: independent steps side by side, a dependent one only when the results it needs are durable."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from meshlab.model import MeshlabError, Topology
from meshlab.provision.cluster.journal import Fenced, Journal, JournalError
from meshlab.provision.cluster.records import Kind, Outcome
from meshlab.provision.guard.gate import Gate, StepRefused
from meshlab.provision.guard.guard import Guard
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Step
from meshlab.provision.run.attempt import Attempt, Boundary, ClaimsFailed
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.outcome import Result, StepFailed

HOLD_POLL_S = 0.2


def nowhere(boundary: str, step: str) -> None:
    """Does nothing at a boundary; what everybody but a test wants."""


class Executor:
    """Runs one plan to its end, its first failure, or a hold. What is settled already is not touched again.

    Parameters
    ----------
    workers
        How many steps may run side by side.
    topology, guard
        The cluster, and who judges each step just before its effect; without them nobody does (a test).
    waits_on_hold
        Whether to wait while the hold flag is set (the runner) or to return (a test).
    """

    def __init__(
        self,
        plan: Plan,
        context: Context,
        journal: Journal,
        *,
        workers: int = 6,
        topology: Topology | None = None,
        guard: Guard | None = None,
        boundary: Boundary = nowhere,
        waits_on_hold: bool = False,
        lost: Callable[[], bool] = lambda: False,
    ) -> None:
        self._plan = plan
        self._context = context
        self._journal = journal
        self._workers = workers
        self._gate: Gate | None = None
        if guard is not None and topology is not None:
            self._gate = Gate(
                plan,
                topology,
                guard,
                done=lambda: list(self._results),
                overridden=lambda: journal.overrides(plan.hash, plan.run),
            )
        self._boundary = boundary
        self._waits_on_hold = waits_on_hold
        self._lost = lost
        self._results: dict[str, Result] = {}
        self._flying: dict[Future[Result], Step] = {}
        self._outcome = Outcome.DONE
        self._text = ""

    def run(self) -> Outcome:
        """Walks the plan and gives how the run stands; the same is in the journal.

        Raises
        ------
        Fenced, JournalError
            This runner may not act any more.
        """
        run = self._plan.run
        self._results = {step: dict(data) for step, data in self._journal.settled(run).items()}
        self._journal.set_outcome(run, Outcome.RUNNING)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="step") as pool:
            try:
                while self._feed(pool) or self._flying:
                    self._collect()
            except BaseException:
                self._context.stop.set()
                raise
        if self._outcome is Outcome.DONE and self._plan.purpose == "destroy":
            self._journal.end_life()
        self._journal.set_outcome(run, self._outcome, self._text)
        return self._outcome

    def _feed(self, pool: ThreadPoolExecutor) -> bool:
        """Starts what may start now. True where something is left that may still start later."""
        while self._outcome is Outcome.DONE and len(self._flying) < self._workers:
            if self._journal.held and not self._hold():
                return bool(self._flying)
            step = self._next()
            if step is None:
                break
            self._flying[pool.submit(self._work, step)] = step
        return bool(self._flying)

    def _hold(self) -> bool:
        """Lets what is in flight finish, then waits for the flag to be cleared. False: give up and return."""
        if self._flying:
            return False
        if not self._waits_on_hold:
            self._stop(Outcome.HELD, "held")
            return False
        self._journal.set_outcome(self._plan.run, Outcome.HELD, "held by a person; nothing is in flight")
        while self._journal.held:
            if self._lost():
                raise Fenced("another runner has taken over while this one was held")
            if self._context.stop.wait(HOLD_POLL_S):
                self._stop(Outcome.FAILED, "the runner was stopped while the run was held")
                return False
        self._journal.set_outcome(self._plan.run, Outcome.RUNNING)
        return True

    def _next(self) -> Step | None:
        flying = {step.id for step in self._flying.values()}
        for step in self._plan:
            if step.id in self._results or step.id in flying:
                continue
            if all(need in self._results for need in step.needs):
                return step
        return None

    def _work(self, step: Step) -> Result:
        def say(text: str) -> None:
            self._journal.add(self._plan.run, step.id, Kind.PROGRESS, text)

        needed = dict(self._results)
        context = self._context.within(results=needed, say=say, journal=self._journal)
        return Attempt(self._plan.run, step, context, self._journal, self._boundary, self._gate).settle()

    def _collect(self) -> None:
        if not self._flying:
            return
        done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
        for future in done:
            step = self._flying.pop(future)
            try:
                self._results[step.id] = future.result()
            except (Fenced, JournalError):
                self._context.stop.set()
                raise
            except ClaimsFailed as error:
                self._stop(Outcome.CHECK_FAILED, str(error))
            except StepRefused as error:
                self._stop(Outcome.REFUSED, str(error))
            except StepFailed as error:
                needs_you = error.reaction == "needs-you"
                self._stop(Outcome.NEEDS_YOU if needs_you else Outcome.FAILED, str(error))
            except MeshlabError as error:
                self._stop(Outcome.FAILED, str(error))

    def _stop(self, outcome: Outcome, text: str) -> None:
        if self._outcome is Outcome.DONE:
            self._outcome, self._text = outcome, text
