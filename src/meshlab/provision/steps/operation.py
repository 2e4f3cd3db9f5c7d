"""What a step does: probe what is, perform the one effect, undo it. One class per kind of thing."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from meshlab.model import LiveError

if TYPE_CHECKING:
    from meshlab.provision.plan.step import Step
    from meshlab.provision.steps.context import Context

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


class Operation(ABC):
    """The action of one step. Holds the step's settings; everything live comes from the context.

    ``repeatable``: calling `perform` again after an unknown outcome is harmless, because the call carries
    the same client token or is idempotent by nature. Where it is False, the outcome is probed first.
    """

    name: ClassVar[str]
    repeatable: ClassVar[bool] = False
    lags: ClassVar[bool] = False
    """Whether a probe right after the effect may not see it yet (AWS reads)."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.settings: Mapping[str, Any] = step.settings

    @abstractmethod
    def probe(self, context: Context) -> Probe:
        """Looks whether the thing is there. Reads only."""

    @abstractmethod
    def perform(self, context: Context) -> Result:
        """Makes it so, by one effect where that can be; returns what others need of it."""

    def undo(self, context: Context) -> Result:
        """Makes it be gone. What is gone already is fine."""
        raise StepFailed(f"{self.step.title}: there is no way back from this step")

    def unmet(self, context: Context) -> tuple[str, ...]:
        """Says which preconditions do not hold, each with its reason; nothing where all do."""
        return ()

    def never_happened(self, context: Context) -> bool:
        """Whether a probe that says Absent *proves* that an earlier attempt had no effect.

        Asked for irreversible steps after an unknown outcome; the cautious answer is no.
        """
        return not self.step.irreversible


class Waiting(Operation):
    """An operation without an effect: it waits until something holds, and says meanwhile what is missing."""

    repeatable = True
    patience: ClassVar[str] = "kubernetes_api"

    def probe(self, context: Context) -> Probe:
        try:
            return self.look(context)
        except StepFailed as error:
            if error.reaction in ("stop", "needs-you"):
                raise
            return Unreachable(str(error)) if error.silent else Absent(str(error))

    @abstractmethod
    def look(self, context: Context) -> Probe:
        """Looks once."""

    def perform(self, context: Context) -> Result:
        deadline = getattr(context.target.patience, self.patience)
        return context.wait_until(lambda: self.probe(context), deadline, self.step.title)

    def undo(self, context: Context) -> Result:
        return {}


_OPERATIONS: dict[str, type[Operation]] = {}
_MODULES = {
    "strongbox": "talos",
    "aws": "aws",
    "talos": "talos",
    "kubernetes": "kubernetes",
    "vault": "vault",
    "chains": "chains",
    "verify": "verify",
}

O = TypeVar("O", bound=type[Operation])  # noqa: E741 - the conventional letter for an operation class here


def operation(name: str) -> Callable[[O], O]:
    """Enters a class as the operation of that name."""

    def enter(cls: O) -> O:
        cls.name = name
        _OPERATIONS[name] = cls
        return cls

    return enter


def operation_for(step: Step) -> Operation:
    """Gives the operation that a step names, ready to be asked."""
    if step.operation not in _OPERATIONS:
        module = _MODULES.get(step.operation.split(".")[0])
        if module:
            importlib.import_module(f"meshlab.provision.steps.{module}")
    try:
        return _OPERATIONS[step.operation](step)
    except KeyError:
        raise StepFailed(
            f"the plan names the operation {step.operation!r}, which this version of meshlab does not have"
        ) from None
