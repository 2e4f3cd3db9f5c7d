"""One step of a plan as a person wants to see it before saying yes: why, what, and what the model says it changes."""

from __future__ import annotations

from collections.abc import Mapping
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


INHERITED = ("instance_type", "talos", "volume_gib")
"""Settings of the steps before it that say what a machine will be."""
_NAMES = {"instance_type": "type", "talos": "image: Talos", "volume_gib": "disk, GiB", "cidr": "network"}
_SILENT = ("part", "machine")
MOST = 8
"""Settings that are shown of one step; the rest are counted."""


def preview_html(plan: Plan, step: Step, consequences: Consequences, topology: Topology) -> str:
    """Gives a step's preview as HTML: a list of terms, each with its text; what it costs comes early."""
    reason = plan.reasons.get(step.id, "")
    action = str(plan.actions.get(step.id, "not compared yet"))
    cost = f"{step.cost.monthly:.2f} USD a month ({step.cost.source})" if step.cost.monthly else "nothing"
    entries = [
        ("why", [step.why]),
        ("will", [action + (f" ({reason})" if reason else "")]),
        ("with", settings(plan, step)),
        ("costs", [cost]),
        ("takes", [duration(step)]),
        ("by simulation", _said(consequences, step, topology)),
        ("effect on the model", effects(step) or ["none: no component changes its state"]),
        ("found again by", [step.natural_key] if step.natural_key else []),
        ("after", [plan[need].title for need in step.needs] or ["nothing: it may start at once"]),
        ("must hold before it", list(step.preconditions) or ["nothing more"]),
    ]
    if step.irreversible:
        entries.insert(0, ("▲ irreversible", ["done once in this cluster's life, never retried blindly"]))
    body = "".join(
        f"<dt>{escape(term)}</dt>" + "".join(f"<dd>{escape(text)}</dd>" for text in texts)
        for term, texts in entries
        if texts
    )
    return (
        f'<div class="meshlab-preview" aria-live="polite"><p class="meshlab-heading">{escape(step.title)}'
        f" <code>{escape(step.id)}</code></p><dl>{body}</dl></div>"
    )


def settings(plan: Plan, step: Step) -> list[str]:
    """Gives with what a step is done; for a machine also its type, image and disk, which steps before it settle."""
    found = {key: value for key, value in step.settings.items() if key not in _SILENT}
    if "machine" in step.settings:
        before = [plan[name].settings for name in _ancestors(plan, step)]
        inherited = {key: known[key] for known in before for key in INHERITED if key in known}
        found = {key: inherited[key] for key in INHERITED if key in inherited} | found
    told = [f"{_NAMES.get(key, key.replace('_', ' '))}: {_value(value)}" for key, value in found.items()]
    more = len(told) - MOST
    return told[:MOST] + ([f"and {more} more settings"] if more > 0 else [])


def _ancestors(plan: Plan, step: Step) -> list[str]:
    """The steps of the same system that come before it, however far."""
    found: dict[str, None] = {}
    ahead = list(step.needs)
    while ahead:
        name = ahead.pop(0)
        if name not in found and plan[name].system == step.system:
            found[name] = None
            ahead += plan[name].needs
    return list(found)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{len(value)} entries"
    if isinstance(value, (list, tuple)):
        plain = all(isinstance(one, (str, int, float)) for one in value)
        return ", ".join(map(str, value)) if plain and len(value) <= 6 else f"{len(value)} of them"
    text = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"


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
