"""What every system offers: operations that probe, perform and undo, and its part of the plans and of the proof."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from meshlab.provision.plan.draft import Draft
from meshlab.provision.plan.step import Step
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.outcome import Absent, Probe, Result, StepFailed, Unreachable


class Operation(ABC):
    """The action of one step. Holds the step's settings; everything live comes from the context.

    ``repeatable``: calling `perform` again after an unknown outcome is harmless, because the call carries
    the same client token or is idempotent by nature. Where it is False, the outcome is probed first.
    """

    name: ClassVar[str]
    repeatable: ClassVar[bool] = False
    lags: ClassVar[bool] = False
    """Whether a probe right after the effect may not see it yet (AWS reads)."""
    founds: ClassVar[str] = ""
    """The engine of the raft group that it founds; nothing where it founds none."""

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


@dataclass(frozen=True)
class Claim:
    """One line of the verification: what the design says, what was measured, whether it holds."""

    claim: str
    measured: str
    holds: bool

    def to_dict(self) -> dict[str, object]:
        return {"claim": self.claim, "measured": self.measured, "holds": self.holds}


@dataclass(frozen=True)
class Subject:
    """What is verified, from the step's settings."""

    machines: list[dict[str, str]]
    parts: Mapping[str, Any]
    """By system, what its claims are about (`System.claimed`)."""

    @property
    def masters(self) -> list[dict[str, str]]:
        return [m for m in self.machines if m["role"] == "control-plane"]


Check = Callable[[Context, Subject], Iterator[Claim]]
"""Gives some claims with their measurements; its docstring says what they are about."""


def _nothing(draft: Draft) -> None:
    """Adds no step."""


def _no_part(draft: Draft) -> Any:
    return []


@dataclass(frozen=True)
class System:
    """One live system's share of provisioning, declared in one place and listed in `table`.

    Parameters
    ----------
    operations
        What its steps do, each under its own name.
    bring_up, removal
        Add its steps to a plan that makes the cluster, or takes it away.
    gone
        Adds the steps that end it after all removals: what was kept for them is put aside, nothing is proven left.
    claims, claimed
        What is proven of it once the cluster is up, and what of the topology that is about (plain JSON).
    """

    name: str
    operations: tuple[type[Operation], ...]
    bring_up: Callable[[Draft], None] = _nothing
    removal: Callable[[Draft], None] = _nothing
    gone: Callable[[Draft], None] = _nothing
    claims: tuple[Check, ...] = ()
    claimed: Callable[[Draft], Any] = _no_part
