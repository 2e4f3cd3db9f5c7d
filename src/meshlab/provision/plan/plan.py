"""A Plan: the execution graph of a run, made once and saved; apply only walks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from meshlab.model import InputError, MeshlabError
from meshlab.model.reading import read_json
from meshlab.provision.plan.step import Step

Purpose = Literal["bring-up", "destroy", "maintenance"]


class Action(StrEnum):
    """What a step will do, as the comparison with the live systems says."""

    CREATE = "create"
    ADOPT = "adopt"
    UNCHANGED = "unchanged"
    CHANGE = "change"
    DELETE = "delete"
    CHECK = "check"
    UNREACHABLE = "unreachable"
    """Nobody answered who would know; what it will do is seen when it runs."""


CHANGING = frozenset({Action.CREATE, Action.CHANGE, Action.DELETE})


class BadPlan(MeshlabError):
    """The steps do not form an execution graph; the text names the step."""


@dataclass(frozen=True)
class Plan:
    """Steps in an order that respects their needs, what each will do, and the hash that approvals are bound to.

    Parameters
    ----------
    life
        Which life of the cluster it is for: one more after each complete destroy.
    serial
        How many runs the cluster had when the plan was made; the same plan made after another run is another plan.
    actions
        By step id; empty before the plan was compared with the live systems.
    reasons
        Why a step's action is what it is, in words (what differs, what was found).
    unlooked
        Steps to create that were done before and cannot be looked at now, since they need one that is not there: they
        may be there still.
    """

    name: str
    purpose: Purpose
    cluster: str
    target: str
    mode: str
    steps: tuple[Step, ...]
    life: int = 0
    serial: int = 0
    actions: Mapping[str, Action] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    unlooked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for step in self.steps:
            if step.id in seen:
                raise BadPlan(f"two steps are called {step.id!r}")
            missing = [need for need in step.needs if need not in seen]
            if missing:
                raise BadPlan(f"step {step.id!r} needs {missing[0]!r}, which does not come before it")
            seen.add(step.id)

    def __getitem__(self, step: str) -> Step:
        try:
            return self._by_id[step]
        except KeyError:
            raise BadPlan(f"the plan has no step {step!r}") from None

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def _by_id(self) -> dict[str, Step]:
        return {step.id: step for step in self.steps}

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the plan's content: what approvals and overrides are bound to."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def short(self) -> str:
        """The first eight digits of the hash: what a person types to approve."""
        return self.hash[:8]

    @property
    def run(self) -> str:
        """The name of the one run of this plan."""
        return f"{self.purpose}-{self.life}-{self.serial}-{self.hash[:12]}"

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that will change something, or may because they could not be looked at; all where none was."""
        if not self.actions:
            return tuple(step for step in self.steps if step.intent != "check")
        may = CHANGING | {Action.UNREACHABLE}
        return tuple(step for step in self.steps if self.actions[step.id] in may)

    @property
    def unseen(self) -> tuple[Step, ...]:
        """The steps that could not be looked at, because nobody answered."""
        return tuple(step for step in self.steps if self.actions.get(step.id) is Action.UNREACHABLE)

    @property
    def empty(self) -> bool:
        """Whether everything is as it should be already."""
        return not self.changes

    @property
    def monthly_cost(self) -> float:
        """Dollars per month of what the plan creates (negative for what it removes)."""
        sure = (step for step in self.changes if step not in self.unseen)
        return sum(-s.cost.monthly if s.intent == "remove" else s.cost.monthly for s in sure)

    def descendants(self, step: str) -> frozenset[str]:
        """Gives the steps that wait for this one, directly or not."""
        found: set[str] = set()
        for later in self.steps:
            if step in later.needs or found & set(later.needs):
                found.add(later.id)
        return frozenset(found)

    def to_dict(self) -> dict[str, Any]:
        """Gives the plan as plain JSON values."""
        return {
            "name": self.name,
            "purpose": self.purpose,
            "cluster": self.cluster,
            "target": self.target,
            "mode": self.mode,
            "life": self.life,
            "serial": self.serial,
            "steps": [step.to_dict() for step in self.steps],
            "actions": {name: str(action) for name, action in self.actions.items()},
            "reasons": dict(self.reasons),
            **({"unlooked": list(self.unlooked)} if self.unlooked else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Gives the plan that `to_dict` wrote."""
        return cls(
            name=data["name"],
            purpose=data["purpose"],
            cluster=data["cluster"],
            target=data["target"],
            mode=data["mode"],
            life=data["life"],
            serial=data["serial"],
            steps=tuple(Step.from_dict(step) for step in data["steps"]),
            actions={name: Action(action) for name, action in data["actions"].items()},
            reasons=dict(data["reasons"]),
            unlooked=tuple(data.get("unlooked", ())),
        )

    def save(self, path: str | Path) -> None:
        """Writes the plan as JSON, whole or not at all."""
        path = Path(path)
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps({"hash": self.hash, **self.to_dict()}, indent=1))
        scratch.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Gives the plan in a file.

        Raises
        ------
        InputError
            It is no plan, or was altered after it was made (its hash does not match).
        """
        hint = "make one with `meshlab plan`"
        data = read_json(path, hint)
        try:
            plan = cls.from_dict(data)
        except (AttributeError, ValueError, KeyError, TypeError, BadPlan) as error:
            raise InputError.single(path, f"not a plan: {error}", hint) from None
        if data.get("hash") != plan.hash:
            raise InputError.single(
                path, "the plan was altered after it was made", "make it again with `meshlab plan`"
            )
        return plan


def in_order(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Gives the steps so that each comes after what it needs, otherwise in the order given.

    Raises
    ------
    BadPlan
        Steps need each other in a circle, or one that is not there.
    """
    by_id = {step.id: step for step in steps}
    placed: dict[str, Step] = {}
    waiting = list(steps)
    while waiting:
        ready = [step for step in waiting if all(need in placed for need in step.needs)]
        if not ready:
            lost = next((n for s in waiting for n in s.needs if n not in by_id), None)
            if lost:
                raise BadPlan(f"a step needs {lost!r}, which is not in the plan")
            raise BadPlan(f"steps need each other in a circle: {', '.join(s.id for s in waiting)}")
        placed[ready[0].id] = ready[0]
        waiting.remove(ready[0])
    return tuple(placed.values())
