"""Running a plan to its end from a terminal: approve, start or attach, say what happens, hold on Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshlab.live.target import Target
from meshlab.model import CheckFailed, LiveError, Topology
from meshlab.provision.cluster.approval import approve, phrase
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import Outcome
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.guard.observed import live_guard
from meshlab.provision.guard.rule import Refused, Verdict
from meshlab.provision.plan.plan import Plan
from meshlab.provision.run.attach import Attached, start_or_attach
from meshlab.provision.run.standing import SETTLED_WORDS, stands
from meshlab.provision.run.telling import Telling

Say = Callable[[str], None]


def drive(
    plan: Plan,
    topology: Topology,
    target: Target,
    words: Callable[[str], str],
    say: Say,
    *,
    override: str | None = None,
    show: Callable[[Mapping[str, Verdict]], None] | None = None,
) -> Attached:
    """Runs a plan, or joins its run, until it is over.

    Parameters
    ----------
    words
        Asked once, with the words that approve this plan, for what the person said; not asked where the run was
        approved before or the plan changes nothing.
    show
        Called before anything is asked, with what the guard says of each step; not called where nothing is asked.
    override
        What the person typed against the guard's refusals; None where nothing was.
    say
        Told each step's end and what it waits for.

    Raises
    ------
    NotApproved
        The words were not those of this plan.
    Refused
        The guard refuses a step of it, before it starts or on its way.
    CheckFailed
        Everything was done, but a verification does not hold.
    LiveError
        The live side failed; the same call goes on with the run.
    """
    approval = None
    with Journal(Workspace.of(target, plan.cluster).journal) as journal:
        overriding = None
        if override is not None:
            overriding = approve(plan, override, journal, purpose="override")
        if plan.changes and journal.run(plan.run) is None:
            with live_guard(topology, target) as guard:
                if show is not None:
                    show({verdict.step: verdict for verdict in guard.verdicts(plan)})
                if overriding is None:
                    guard.insist(plan)
            approval = approve(plan, words(phrase(plan)), journal)
        known, records = journal.run(plan.run), journal.records(plan.run)
        said = max((record.seq for record in records), default=0)
    steps = stands(plan, records)
    telling = Telling(plan, [step for step, word in steps.items() if word in SETTLED_WORDS], say)
    if known is not None and known.outcome is not Outcome.DONE:
        say(f"going on with the run {plan.run}: {telling.place} done")
    attached = start_or_attach(plan, topology, target, approval, override=overriding)
    try:
        for event in attached.follow(after=said):
            telling.tell(event)
    except KeyboardInterrupt:
        attached.hold()
        telling.flush()
        say(f"held at {telling.place}: nothing more is started; the same command goes on with it")
        raise
    telling.flush()
    if attached.outcome is Outcome.CHECK_FAILED:
        raise CheckFailed(attached.text or "a verification does not hold")
    if attached.outcome is Outcome.REFUSED:
        raise Refused(f"{attached.text}\nto do it all the same, type: {phrase(plan, 'override')}")
    if attached.outcome is not Outcome.DONE:
        raise LiveError(attached.text or "the run was interrupted; the same command goes on with it")
    return attached
