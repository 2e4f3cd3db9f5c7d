"""One step, exactly once: what the journal knows of it, what the live side shows, and only then the effect."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from meshlab.provision.cluster.journal import Fenced, Journal, JournalError
from meshlab.provision.cluster.records import SETTLED, Kind, Record
from meshlab.provision.cluster.strongbox import StrongboxError
from meshlab.provision.cluster.tokens import client_token
from meshlab.provision.guard.gate import Gate, StepRefused
from meshlab.provision.plan.step import Step
from meshlab.provision.run.resolve import resolve
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.operations import operation_for
from meshlab.provision.systems.outcome import Found, Result, StepFailed, Unclear, Unreachable

Boundary = Callable[[str, str], None]
"""Called at each boundary of a step with (boundary, step); tests kill the process there."""

BACKOFF_S = 0.2
BACKOFF_CEILING_S = 15.0


class Attempt:
    """Brings one step to a settled result, or fails with a reason; the journal holds what happened at every instant."""

    def __init__(
        self,
        run: str,
        step: Step,
        context: Context,
        journal: Journal,
        boundary: Boundary,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate
        self._run = run
        self._step = step
        self._journal = journal
        self._boundary = boundary
        self._context = context
        self._operation: Operation = operation_for(step)
        self._attempts = 0
        self._generation = 0

    def settle(self) -> Result:
        """Gives the step's durable result.

        Raises
        ------
        StepFailed
            It could not be brought about; the journal says why.
        """
        try:
            return self._settle()
        except (StepFailed, Fenced, JournalError) as error:
            self._note_failure(error)
            raise
        except StrongboxError as error:
            failed = StepFailed(str(error))
            self._note_failure(failed)
            raise failed from error
        except Exception as error:
            # A message of a foreign exception may quote what it was given; only its kind and place are kept.
            failed = StepFailed(f"{self._step.title}: {_foreign(error)}")
            self._note_failure(failed)
            raise failed from None

    def _settle(self) -> Result:
        history = self._history()
        own = [record for record in history if record.run == self._run]
        self._attempts = sum(record.kind is Kind.INTENT for record in own)
        self._generation = sum(bool(record.data.get("spent")) for record in own)
        unknown = open_intent(history)
        if unknown is not None:
            settled = self._resolve(unknown)
            if settled is not None:
                return settled
        elif self._step.intent != "check":
            settled = self._look()
            if settled is not None:
                return settled
        self._refuse_repetition(history)
        return self._perform()

    def _history(self) -> list[Record]:
        return [
            record
            for record in self._journal.records()
            if record.step == self._step.id and record.life == self._journal.life()
        ]

    def _look(self) -> Result | None:
        """Looks before acting: what is there already is adopted."""
        deadline = time.monotonic() + self._context.target.patience.retries
        pause = BACKOFF_S
        while True:
            try:
                probe = self._operation.probe(self._ready())
                break
            except StepFailed as error:
                if error.reaction not in ("retry", "unknown") or time.monotonic() >= deadline:
                    raise
                pause = self._pause(pause, f"cannot look yet: {error}")
        if isinstance(probe, Unclear):
            raise StepFailed(f"{self._step.title}: {probe.reason}", "needs-you")
        there = isinstance(probe, Found) and not probe.differs
        if isinstance(probe, Unreachable):
            # Only operations that wait by themselves until somebody answers say this; silence settles nothing.
            self._context.say(probe.reason)
            return None
        if self._step.intent == "remove":
            return None if isinstance(probe, Found) else self._adopt("it is gone already", {})
        if there:
            assert isinstance(probe, Found)
            return self._adopt("it is there already", probe.result)
        return None

    def _resolve(self, intent: Record) -> Result | None:
        """Settles an outcome that nobody recorded. None: it must be (or may safely be) done again."""
        repeatable = self._operation.repeatable or self._step.intent in ("remove", "check")
        if repeatable and not self._step.irreversible and intent.run == self._run:
            return None
        resolution = resolve(self._operation, self._ready(), intent.time)
        if resolution.verdict == "adopted":
            return self._adopt(resolution.reason, resolution.result or {})
        if resolution.verdict == "needs-you":
            raise StepFailed(resolution.reason, "needs-you")
        self._journal.add(
            self._run, self._step.id, Kind.NEVER_HAPPENED, resolution.reason, attempt=self._attempts
        )
        return None

    def _refuse_repetition(self, history: list[Record]) -> None:
        """An irreversible step that any record says was done is not done again, whatever the live side shows."""
        if not self._step.irreversible or self._step.intent == "remove":
            return
        done = [record for record in history if record.kind in SETTLED]
        if done:
            when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(done[-1].time))
            raise StepFailed(
                f"{self._step.title}: the journal says it was done at {when} (run {done[-1].run}), but the live side"
                " does not show it. It cannot be done twice. If the cluster is really gone, destroy it first",
                "needs-you",
            )

    def _perform(self) -> Result:
        deadline = time.monotonic() + self._context.target.patience.retries
        pause = BACKOFF_S
        while True:
            self._check_preconditions()
            try:
                with self._admitted():
                    return self._once()
            except StepFailed as error:
                if error.reaction not in ("retry", "unknown") or time.monotonic() >= deadline:
                    raise
                self._note_failure(error)
                if error.reaction == "unknown":
                    intent = open_intent([r for r in self._history() if r.run == self._run])
                    settled = self._resolve(intent) if intent else None
                    if settled is not None:
                        return settled
                pause = self._pause(pause, str(error))

    def _admitted(self) -> AbstractContextManager[None]:
        if self._gate is None:
            return nullcontext()
        return self._gate.act(self._step, self._context.stop, self._context.say)

    def _once(self) -> Result:
        self._attempts += 1
        context = self._ready()
        self._boundary("before-intent", self._step.id)
        self._journal.add(
            self._run,
            self._step.id,
            Kind.INTENT,
            self._step.title,
            attempt=self._attempts,
            token=context.token,
            natural_key=self._step.natural_key,
        )
        self._boundary("after-intent", self._step.id)
        if self._step.intent == "remove":
            result = self._operation.undo(context)
        else:
            result = self._operation.perform(context)
        self._boundary("after-effect", self._step.id)
        if self._step.intent == "check" and not result.get("holds", True):
            raise ClaimsFailed(f"{self._step.title}: {result.get('said', 'a claim does not hold')}", result)
        self._boundary("before-result", self._step.id)
        self._journal.add(
            self._run,
            self._step.id,
            Kind.RESULT,
            str(result.get("said", "")),
            attempt=self._attempts,
            token=context.token,
            request_id=str(result.get("request_id", "")),
            data=result,
        )
        self._boundary("after-result", self._step.id)
        return result

    def _ready(self) -> Context:
        token = client_token(self._run, self._step.id, self._generation)
        return self._context.within(token=token)

    def _check_preconditions(self) -> None:
        unmet = self._operation.unmet(self._ready())
        if unmet:
            raise StepFailed(f"{self._step.title} cannot start: {'; '.join(unmet)}")

    def _adopt(self, reason: str, result: Result) -> Result:
        self._journal.add(
            self._run, self._step.id, Kind.ADOPTED, reason, attempt=self._attempts, data=result,
            natural_key=self._step.natural_key,
        )  # fmt: skip
        return result

    def _note_failure(self, error: BaseException) -> None:
        if isinstance(error, (Fenced, JournalError)):
            return
        assert isinstance(error, StepFailed)
        if error.spent:
            self._generation += 1
        kind = Kind.NEEDS_YOU if error.reaction == "needs-you" else Kind.FAILED
        if isinstance(error, StepRefused):
            kind = Kind.REFUSED
        data: Result = {"reaction": error.reaction, "spent": error.spent}
        if isinstance(error, ClaimsFailed):
            data |= error.result
        self._journal.add(
            self._run,
            self._step.id,
            kind,
            str(error),
            attempt=self._attempts,
            request_id=error.request_id,
            data=data,
        )

    def _pause(self, pause: float, reason: str) -> float:
        self._context.say(reason)
        if self._context.stop.wait(pause * random.uniform(0.5, 1.0)):
            raise StepFailed("the run was stopped", "stop")
        return min(pause * 2, BACKOFF_CEILING_S)


class ClaimsFailed(StepFailed):
    """A verification looked, and not everything holds; `result` has each claim."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message, "stop")
        self.result = result


def open_intent(history: list[Record]) -> Record | None:
    """Gives the last intent whose outcome no later row says; None where all are known.

    A failure with the reaction ``unknown`` leaves its intent open; every other failure closes it: the
    live side answered that nothing was done.
    """
    found: Record | None = None
    for record in history:
        if record.kind is Kind.INTENT:
            found = record
        elif record.kind in SETTLED or record.kind is Kind.NEVER_HAPPENED or _nothing_done(record):
            found = None
    return found


def _nothing_done(record: Record) -> bool:
    return record.kind is Kind.FAILED and record.data.get("reaction") == "retry"


def _foreign(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"an unforeseen {type(error).__name__}{place}"
