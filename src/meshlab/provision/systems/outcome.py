"""What a look or an effect ends in: found, absent, unclear, nobody answered, or a failure with a reaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from meshlab.model import LiveError

if TYPE_CHECKING:
    pass


Result = dict[str, Any]
"""What an operation leaves for others: identifiers and addresses, plain JSON, never a secret."""


@dataclass(frozen=True)
class Found:
    """The thing is there. `differs` names, in words, where it is not as the step wants it."""

    result: Result = field(default_factory=dict)
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Absent:
    """The thing is not there, as far as this look can say; `reason` is for the person."""

    reason: str = ""


@dataclass(frozen=True)
class Unclear:
    """It cannot be told whether the thing is there (no answer, two of them, a contradiction)."""

    reason: str


@dataclass(frozen=True)
class Unreachable:
    """Whoever would know did not answer. It says nothing about the thing: silence is not absence."""

    reason: str


Probe = Found | Absent | Unclear | Unreachable


Reaction = Literal["retry", "unknown", "stop", "needs-you"]


class StepFailed(LiveError):
    """An operation did not do its work. `reaction` says what the executor does about it.

    ``retry``: nothing was done, the same call again after a pause; ``unknown``: it may have been done, resolve it;
    ``stop``: the run stops and stays resumable; ``needs-you``: a person must decide, and the text says what.
    ``spent``: the client token is used up, so the next attempt needs another one. ``silent``: nobody answered.
    """

    def __init__(
        self,
        message: str,
        reaction: Reaction = "stop",
        request_id: str = "",
        *,
        spent: bool = False,
        silent: bool = False,
    ) -> None:
        super().__init__(message)
        self.silent = silent
        self.reaction: Reaction = reaction
        self.request_id = request_id
        self.spent = spent
