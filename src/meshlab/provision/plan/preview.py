"""A plan as something a person can read aloud: one line per step, and the whole story of one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def preview(plan: Plan, step: Step | str) -> str:
    """Gives what one step will do, why, what must hold before, what it does to the cluster, how long, what it costs."""
    found = plan[step] if isinstance(step, str) else step
    lines = [f"{found.title}  [{found.id}]", found.why]
    action = plan.actions.get(found.id)
    if action:
        reason = plan.reasons.get(found.id, "")
        lines.append(f"Will: {action}" + (f" ({reason})" if reason else ""))
    if found.irreversible:
        lines.append("Irreversible: done once in this cluster's life, never retried blindly.")
    if found.natural_key:
        lines.append(f"Found again by: {found.natural_key}")
    if found.needs:
        lines.append("After: " + ", ".join(found.needs))
    lines += [f"Before it: {text}" for text in found.preconditions]
    lines += [f"Effect: {text}" for text in effects(found)]
    lines.append(f"Takes: {duration(found)}")
    if found.cost.monthly:
        lines.append(f"Costs: {found.cost.monthly:.2f} USD a month ({found.cost.source})")
    return "\n".join(lines)


def effects(step: Step) -> list[str]:
    """Gives a step's effects on the model, in words."""
    said = []
    for effect in step.effects:
        if effect.during and effect.after:
            said.append(f"{effect.component} is {effect.during} meanwhile, then {effect.after}")
        elif effect.during:
            said.append(f"{effect.component} is {effect.during} meanwhile, then as before")
        elif effect.after:
            said.append(f"{effect.component} is {effect.after} afterwards")
    return said


def duration(step: Step) -> str:
    """Gives how long a step takes: the median and the span that nine of ten keep."""
    middle, low, high = (step.duration.quantile(p) for p in (0.5, 0.05, 0.95))
    return f"about {seconds(middle)}" if high - low < 0.2 * middle else f"{seconds(low)} to {seconds(high)}"


def seconds(value: float) -> str:
    """Gives a duration for people: 0.4 s, 70 s, 4 min."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def rows(
    plan: Plan,
    verdicts: Mapping[str, Mapping[str, str]] | None = None,
    stands: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Gives one row per step: for tables, panels and ``--json``; with the guard's verdict where it was asked, and
    where the step `stands` in the plan's run where that was begun."""
    given = verdicts or {}
    return [
        {
            "step": step.id,
            "title": step.title,
            "system": step.system,
            "action": str(plan.actions.get(step.id, "")),
            "reason": plan.reasons.get(step.id, ""),
            "why": step.why,
            "duration_s": round(step.duration.mean, 2),
            "usd_per_month": round(step.cost.monthly, 2),
            "irreversible": step.irreversible,
            "needs": list(step.needs),
        }
        | ({"stands": stands[step.id]} if stands else {})
        | ({"guard": dict(given[step.id])} if step.id in given else {})
        for step in plan
    ]


def table(plan: Plan) -> pd.DataFrame:
    """Gives the plan as a table, one row per step."""
    import pandas as pd

    return pd.DataFrame(rows(plan)).set_index("step")


def summary(plan: Plan) -> str:
    """Gives one sentence: what changes and what it costs."""
    if not plan.actions:
        return f"{len(plan)} steps, not compared with the live systems yet."
    if plan.empty:
        return "Nothing to do: everything is as the plan wants it."
    counts: dict[str, int] = {}
    for step, action in plan.actions.items():
        word = "not looked at" if step in plan.unlooked else str(action)
        counts[word] = counts.get(word, 0) + 1
    said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"{len(plan)} steps: {said}; {plan.monthly_cost:+.2f} USD a month."
