"""What an operation is given: the target, the secrets, the results of the steps before it, and a voice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshlab.live.target import Target
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.systems.outcome import Found, Probe, Result, StepFailed

if TYPE_CHECKING:
    from meshlab.provision.cluster.connections import Connections


def _silent(text: str) -> None:
    """Says nothing; where nobody listens."""


@dataclass(frozen=True)
class Context:
    """The world of one operation. `token` is the client token of this attempt; `cluster` names the tag of everything.

    ``say`` tells a watching person what is going on; it goes to the journal, so it must not carry a secret.
    """

    target: Target
    cluster: str
    strongbox: Strongbox
    connections: Connections
    journal: Journal | None = None
    results: Mapping[str, Result] = field(default_factory=dict)
    token: str = ""
    say: Callable[[str], None] = _silent
    stop: threading.Event = field(default_factory=threading.Event)

    def result(self, step: str) -> Result:
        """Gives what an earlier step left.

        Raises
        ------
        StepFailed
            It has left nothing yet.
        """
        if step not in self.results:
            raise StepFailed(f"the step {step!r} has left no result yet")
        return self.results[step]

    def known(self, step: str, key: str) -> Any:
        """Gives one value of an earlier step's result; None where the step or the value is not there yet."""
        return self.results.get(step, {}).get(key)

    def within(self, **changes: Any) -> Context:
        """Gives the same context with some parts replaced."""
        return replace(self, **changes)

    def wait_until(self, look: Callable[[], Probe], deadline_s: float, what: str) -> Result:
        """Looks again and again until it is found; says what is missing whenever that changes.

        Raises
        ------
        StepFailed
            The deadline passed (the last reason is in the text), or the run was stopped.
        """
        deadline = time.monotonic() + deadline_s
        said = ""
        while True:
            probe = look()
            if isinstance(probe, Found) and not probe.differs:
                return probe.result
            reason = "; ".join(probe.differs) if isinstance(probe, Found) else probe.reason
            if reason and reason != said:
                self.say(reason)
                said = reason
            if time.monotonic() >= deadline:
                raise StepFailed(f"{what}: not within {deadline_s:.0f} s; last seen: {reason or 'nothing'}")
            if self.stop.wait(self.target.patience.poll):
                raise StepFailed(f"{what}: the run was stopped while waiting", "retry")
