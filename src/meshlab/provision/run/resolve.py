"""What became of a call whose answer was never recorded: adopted, never happened, or needs you - and here is why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.outcome import Found, Result, StepFailed, Unclear, Unreachable


@dataclass(frozen=True)
class Resolution:
    """The one answer about an unknown outcome, with its reason; `result` where it was adopted."""

    verdict: Literal["adopted", "never-happened", "needs-you"]
    reason: str
    result: Result | None = None


def resolve(
    operation: Operation,
    context: Context,
    intended_at: float,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Resolution:
    """Finds out whether an intended effect took place, by probing with a bounded wait for read lag.

    Parameters
    ----------
    intended_at
        Unix time of the intent; the wait for read lag counts from the later of that and now.
    clock
        Monotonic seconds.

    Raises
    ------
    StepFailed
        The live side does not answer at all; the run stops and can be resumed.
    """
    remove = operation.step.intent == "remove"
    patience = context.target.patience
    lag = patience.read_lag if operation.lags else 0.0
    lag_over = clock() + lag
    silent_over = clock() + patience.retries
    while True:
        begun = clock()  # what a look shows is from between then and its end, which may be much later
        try:
            probe = operation.probe(context)
        except StepFailed as error:
            if error.reaction not in ("retry", "unknown") or clock() >= silent_over:
                raise
            context.say(f"cannot look yet: {error}")
            _pause(context)
            continue
        if isinstance(probe, Unreachable):
            if clock() >= silent_over:
                raise StepFailed(f"{operation.step.title}: {probe.reason}", "retry", silent=True)
            context.say(f"cannot look yet: {probe.reason}")
            _pause(context)
            continue
        if isinstance(probe, Found) and not probe.differs and not remove:
            return Resolution(
                "adopted", "found by " + (operation.step.natural_key or "looking"), probe.result
            )
        if isinstance(probe, Found):
            return Resolution("never-happened", "; ".join(probe.differs) or "it is still there")
        if begun >= lag_over:
            break
        _pause(context)
    if remove:
        return Resolution("adopted", "it is gone", {})
    if isinstance(probe, Unclear):
        return Resolution("needs-you", probe.reason)
    if operation.never_happened(context):
        return Resolution(
            "never-happened", probe.reason or "it is not there, and reads have had time to show it"
        )
    return Resolution(
        "needs-you",
        f"{operation.step.title} was begun at {_clock(intended_at)} and may have happened, but nothing shows it"
        + (f" ({probe.reason})" if probe.reason else "")
        + "; it cannot be undone, so it is not tried again without you",
    )


def _pause(context: Context) -> None:
    if context.stop.wait(context.target.patience.poll):
        raise StepFailed("the run was stopped while finding out what had happened", "stop")


def _clock(unix: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix))
