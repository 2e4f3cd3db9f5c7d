"""A Step: one thing to do on one live system, with everything a person and the guard want to know before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from meshlab.model import Distribution, State

Intent = Literal["ensure", "remove", "check"]


@dataclass(frozen=True)
class Effect:
    """What a step does to a component of the model: the state it is in while the step works, and afterwards.

    ``during`` is None where the component is left alone until the step is done; ``after`` is None where it
    goes back to what it was (a reboot: ``during`` down, ``after`` None).
    """

    component: str
    during: State | None = None
    after: State | None = None

    @property
    def disturbs(self) -> bool:
        """Whether the component stops serving while the step works, or stays so."""
        return any(state is not None and not state.serving for state in (self.during, self.after))


@dataclass(frozen=True)
class Cost:
    """What a step starts to cost, in US dollars; `source` says where the price was read."""

    per_hour: float = 0.0
    per_month: float = 0.0
    source: str = ""

    @property
    def monthly(self) -> float:
        """Dollars per month of 730 hours."""
        return self.per_hour * 730.0 + self.per_month


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node of a plan's execution graph. It is data: what it does is the operation that it names.

    Parameters
    ----------
    id
        Its name in the plan (``aws/vpc``); the first part is the system.
    intent
        ``ensure``: make it be so; ``remove``: make it be gone; ``check``: only look.
    operation, settings
        Which operation does it (``aws.vpc``), and with what; plain JSON, never a secret.
    natural_key
        What finds the thing again without any record of ours (a tag, a name, an address).
    needs
        The steps whose results must be durable before this one may start.
    preconditions
        What must hold, in words; the operation checks it at plan time and again just before it acts.
    duration
        How long it takes on the target, in seconds.
    irreversible
        Done once in a cluster's life; never retried blindly.
    """

    id: str
    system: str
    title: str
    why: str
    operation: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    intent: Intent = "ensure"
    natural_key: str = ""
    needs: tuple[str, ...] = ()
    preconditions: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    duration: Distribution = Distribution.constant(1.0)
    cost: Cost = Cost()
    irreversible: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Gives the step as plain JSON values."""
        return {
            "id": self.id,
            "system": self.system,
            "title": self.title,
            "why": self.why,
            "operation": self.operation,
            "settings": dict(self.settings),
            "intent": self.intent,
            "natural_key": self.natural_key,
            "needs": list(self.needs),
            "preconditions": list(self.preconditions),
            "effects": [
                {"component": e.component, "during": _text(e.during), "after": _text(e.after)}
                for e in self.effects
            ],
            "duration": asdict(self.duration),
            "cost": asdict(self.cost),
            "irreversible": self.irreversible,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Step:
        """Gives the step that `to_dict` wrote."""
        return cls(
            **{
                **data,
                "needs": tuple(data["needs"]),
                "preconditions": tuple(data["preconditions"]),
                "effects": tuple(
                    Effect(e["component"], _state(e["during"]), _state(e["after"])) for e in data["effects"]
                ),
                "duration": Distribution(**data["duration"]),
                "cost": Cost(**data["cost"]),
            }
        )


def _text(state: State | None) -> str | None:
    return None if state is None else str(state)


def _state(text: str | None) -> State | None:
    return None if text is None else State(text)
