"""One step of a plan as a person wants to see it before saying yes: why, what, and what the model says it changes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from meshlab.model import State, Topology
from meshlab.provision.guard.membership import after, disturbed
from meshlab.provision.plan.preview import duration, effects
from meshlab.simulate import standing
from meshlab.views.marks import MARKS

if TYPE_CHECKING:
    from meshlab.provision.plan.plan import Plan
    from meshlab.provision.plan.step import Step

Change = tuple[str, State, State]
"""A service, its settled state before a step and after it."""


class Consequences:
    """What each step changes for the services, by the model: every step is settled with what is down around it.

    A bring-up begins with everything down that it will bring up; any other plan begins with everything up.
    """

    def __init__(self, plan: Plan, topology: Topology) -> None:
        self._topology = topology
        self._before: dict[str, frozenset[str]] = {}
        down: set[str] = set()
        if plan.purpose == "bring-up":
            down = {
                effect.component for step in plan for effect in step.effects if effect.component in topology
            }
        for step in plan:
            self._before[step.id] = frozenset(down)
            down = {name for name in after(step, down) if name in topology}

    def meanwhile(self, step: Step) -> tuple[Change, ...]:
        """Gives the services that are in another state while the step works."""
        before = self._before[step.id]
        taken = {name for name in disturbed(step) if name in self._topology}
        return self._changes(before, before | taken) if taken - before else ()

    def afterwards(self, step: Step) -> tuple[Change, ...]:
        """Gives the services that are in another state once the step is done and things have settled."""
        before = self._before[step.id]
        then = {name for name in after(step, set(before)) if name in self._topology}
        return self._changes(before, frozenset(then)) if then != before else ()

    def _changes(self, before: frozenset[str], then: frozenset[str]) -> tuple[Change, ...]:
        old, new = standing(self._topology, before), standing(self._topology, then)
        return tuple((name, old[name], new[name]) for name in sorted(new) if old[name] != new[name])


def preview_html(plan: Plan, step: Step, consequences: Consequences, topology: Topology) -> str:
    """Gives a step's preview as HTML: a list of terms, each with its text."""
    reason = plan.reasons.get(step.id, "")
    action = str(plan.actions.get(step.id, "not compared yet"))
    entries = [
        ("why", [step.why]),
        ("will", [action + (f" ({reason})" if reason else "")]),
        ("after", [", ".join(step.needs) or "nothing: it may start at once"]),
        ("must hold before it", list(step.preconditions) or ["nothing more"]),
        ("effect on the model", effects(step) or ["none: no component changes its state"]),
        ("by simulation", _said(consequences, step, topology)),
        ("takes", [duration(step)]),
        (
            "costs",
            [f"{step.cost.monthly:.2f} USD a month ({step.cost.source})" if step.cost.monthly else "nothing"],
        ),
    ]
    if step.natural_key:
        entries.insert(3, ("found again by", [step.natural_key]))
    if step.irreversible:
        entries.insert(0, ("▲ irreversible", ["done once in this cluster's life, never retried blindly"]))
    body = "".join(
        f"<dt>{escape(term)}</dt>" + "".join(f"<dd>{escape(text)}</dd>" for text in texts)
        for term, texts in entries
    )
    return (
        f'<div class="meshlab-preview" aria-live="polite"><h4>{escape(step.title)}'
        f" <code>{escape(step.id)}</code></h4><dl>{body}</dl></div>"
    )


def _said(consequences: Consequences, step: Step, topology: Topology) -> list[str]:
    said = [f"meanwhile {_change(change)}" for change in consequences.meanwhile(step)]
    said += [f"afterwards {_change(change)}" for change in consequences.afterwards(step)]
    if said:
        return said
    waits = [e.component for e in step.effects if e.component in topology]
    return [
        f"no service changes yet ({', '.join(waits)} alone is not enough)" if waits else "no service changes"
    ]


def _change(change: Change) -> str:
    name, old, new = change
    return f"{name}: {MARKS[old]} {old.value} → {MARKS[new]} {new.value}"
