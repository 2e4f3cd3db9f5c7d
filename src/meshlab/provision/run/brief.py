"""A plan in a few lines, as it is shown above the question whether to run it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from meshlab.provision.guard.rule import Verdict
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.plan.preview import seconds
from meshlab.provision.plan.step import Step
from meshlab.provision.run.histories import left

FEW = 20
"""So many changes are named one by one."""
GUARD_WORDS = {
    "not-founded": "takes a voter of a raft group that does not exist yet",
    "safe": "takes a voter out of service, a quorum is left",
    "declared": "takes a quorum that this destroy is to take",
    "refused": "must not run now: it would endanger a quorum",
}
"""What the guard's rulings mean; a step that touches no voter has none."""


def brief(plan: Plan, verdicts: Mapping[str, Verdict] | None = None) -> str:
    """Gives what changes by system, what cannot be undone, what it costs, and where the guard objects."""
    lines = [f"{plan.name} on {plan.target}: {counted(plan)}; about {seconds(left(plan, ()))}{_money(plan)}"]
    by_system: dict[str, list[Step]] = {}
    for step in plan.changes:
        by_system.setdefault(step.system, []).append(step)
    wide = max(map(len, by_system), default=0)
    for system, steps in by_system.items():
        lines.append(f"  {system:{wide}}  {_actions(plan, steps)}{_dollars(steps)}")
        if len(plan.changes) <= FEW:
            lines += [f"  {'':{wide}}    {step.title}" for step in steps]
    final = [step for step in plan.changes if step.irreversible]
    if final:
        lines.append("irreversible, done once in this cluster's life:")
        lines += [f"  {step.title} ({step.id})" for step in final]
    if plan.purpose == "destroy":
        lines.append("irreversible: what is deleted does not come back, nor does the data on it")
    return "\n".join([*lines, *objections(verdicts or {})])


def counted(plan: Plan) -> str:
    """Gives how many steps change something, and how many may: those that could not be looked at."""
    may = [*plan.unseen, *(step for step in plan.changes if step.id in plan.unlooked)]
    sure = len(plan.changes) - len(may)
    changes = f"{sure} change{'' if sure == 1 else 's'} in {len(plan)} steps"
    return changes + (f", {len(may)} more that cannot be looked at before" if may else "")


def objections(verdicts: Mapping[str, Verdict]) -> list[str]:
    """Gives what the guard says of the steps that touch a voter; what it refuses one by one."""
    rulings = Counter(verdict.ruling for verdict in verdicts.values() if verdict.ruling in GUARD_WORDS)
    lines = [
        f"the guard calls {count} step{'' if count == 1 else 's'} {ruling}: it {GUARD_WORDS[ruling]}"
        for ruling, count in sorted(rulings.items())
    ]
    refused = [verdict for verdict in verdicts.values() if verdict.ruling == "refused"]
    return [*lines, *(f"  {verdict.step}: {verdict.text}" for verdict in refused)]


def _actions(plan: Plan, steps: list[Step]) -> str:
    if not plan.actions:
        return f"{len(steps)} not compared yet"
    words = Counter(_action(plan, step) for step in steps)
    return ", ".join(f"{count} {word}" for word, count in sorted(words.items()))


def _action(plan: Plan, step: Step) -> str:
    action = plan.actions[step.id]
    if step.id in plan.unlooked or action is Action.UNREACHABLE:
        return "not looked at"
    return str(action)


def _dollars(steps: list[Step]) -> str:
    cost = sum(-s.cost.monthly if s.intent == "remove" else s.cost.monthly for s in steps)
    return f", {cost:+,.2f} USD a month" if cost else ""


def _money(plan: Plan) -> str:
    return f"; {plan.monthly_cost:+,.2f} USD a month" if plan.monthly_cost else ""
