"""A plan beside what is: for every step, whether it creates, adopts, changes, deletes, or finds all as it should be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import SETTLED
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.plan.step import Step
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.operations import operation_for
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result, StepFailed, Unclear, Unreachable

LOOKERS = 8


def compare(plan: Plan, context: Context, journal: Journal | None = None) -> Plan:
    """Gives the plan with each step's action filled in. Reads only; changes nothing on the live side.

    A step is looked at when everything it needs is there; below something that is still to be made there is
    nothing to look at, and it is to be made too. What nobody answers for is `unreachable`: neither there nor absent;
    so is a wait below it whose condition does not hold, since the silent part may be why.

    Raises
    ------
    StepFailed
        A look gave no clear answer; the text says which and why.
    """
    ours = _settled_in_this_life(journal) if journal else {}
    actions: dict[str, Action] = {}
    reasons: dict[str, str] = {}
    results: dict[str, Result] = {}
    waiting = list(plan)
    with ThreadPoolExecutor(LOOKERS, thread_name_prefix="look") as pool:
        while waiting:
            ready = [step for step in waiting if all(need in actions for need in step.needs)]
            waiting = [step for step in waiting if step not in ready]
            looked = pool.map(lambda step: _look(step, context, results, actions), ready)
            for step, (action, reason, result) in zip(ready, list(looked), strict=True):
                if action is Action.UNCHANGED and step.intent == "ensure" and step.id not in ours and journal:
                    waits = not operation_changes(step)
                    action = Action.UNCHANGED if waits else Action.ADOPT
                actions[step.id] = action
                if reason:
                    reasons[step.id] = reason
                if result is not None:
                    results[step.id] = result
    unlooked = [
        step.id
        for step in plan
        if actions[step.id] is Action.CREATE
        and step.id in ours
        and any(actions[need] is Action.CREATE for need in step.needs)
    ]
    return replace(plan, actions=actions, reasons=reasons, unlooked=tuple(unlooked))


def operation_changes(step: Step) -> bool:
    """Says whether a step's operation has an effect of its own, or only waits for one."""
    from meshlab.provision.systems.interface import Waiting

    return not isinstance(operation_for(step), Waiting)


def _look(
    step: Step, context: Context, results: dict[str, Result], actions: dict[str, Action]
) -> tuple[Action, str, Result | None]:
    if step.intent == "check":
        return Action.CHECK, "", None
    operation: Operation = operation_for(step)
    if step.intent == "ensure" and any(actions[n] is Action.CREATE and n not in results for n in step.needs):
        return Action.CREATE, "", None
    unseen = [need for need in step.needs if actions[need] is Action.UNREACHABLE]
    known = context.within(results=dict(results))
    probe = _probed(operation, known, unseen)
    if isinstance(probe, Unreachable):
        # One look may get lost on a busy machine or path; the second one counts.
        probe = _probed(operation, known, unseen)
    if isinstance(probe, Unreachable):
        return Action.UNREACHABLE, f"not looked at ({probe.reason})", None
    if isinstance(probe, Absent) and unseen and not operation_changes(step):
        return Action.UNREACHABLE, f"{probe.reason} (below {unseen[0]}, which was not looked at)", None
    if isinstance(probe, Unclear):
        if step.intent == "remove":
            return Action.DELETE, probe.reason, None
        raise StepFailed(f"{step.title}: {probe.reason}", "needs-you")
    if step.intent == "remove":
        if isinstance(probe, Found):
            return Action.DELETE, "", probe.result
        return Action.UNCHANGED, "gone already", None
    if isinstance(probe, Found):
        if probe.differs:
            return Action.CHANGE, "; ".join(probe.differs), probe.result
        return Action.UNCHANGED, "", probe.result
    return Action.CREATE, probe.reason, None


def _probed(operation: Operation, context: Context, unseen: list[str]) -> Probe:
    """Looks once; no answer, and what cannot be asked for want of an earlier answer, is `Unreachable`."""
    try:
        return operation.probe(context)
    except StepFailed as error:
        if error.silent or (unseen and error.reaction != "needs-you"):
            return Unreachable(str(error))
        raise


def _settled_in_this_life(journal: Journal) -> dict[str, str]:
    life = journal.life()
    return {r.step: r.run for r in journal.records() if r.life == life and r.kind in SETTLED}
