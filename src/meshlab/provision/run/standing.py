"""How the latest run of a cluster stands: how far it is, what it is at, who holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meshlab.live.target import Target
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.lease import runner_alive
from meshlab.provision.cluster.records import Kind, Outcome, Record
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.plan.plan import Plan

CLOSED = (Outcome.DONE, Outcome.SUPERSEDED)
SETTLED_WORDS = ("done", "adopted")
_WORDS = {
    Kind.INTENT: "working",
    Kind.RESULT: "done",
    Kind.ADOPTED: "adopted",
    Kind.FAILED: "failed",
    Kind.NEEDS_YOU: "needs-you",
    Kind.REFUSED: "refused",
}


@dataclass(frozen=True)
class Standing:
    """A run as it stands now.

    Parameters
    ----------
    steps
        Where each step stands: waiting, working, done, adopted, failed, needs-you, refused.
    text
        Why the run stands as it does, where it is not done.
    alive
        Whether a runner is at work on the cluster.
    held, held_by
        Whether nothing more is to be started, and who said so; "" where that is not known.
    """

    plan: Plan
    outcome: Outcome
    steps: dict[str, str]
    text: str
    alive: bool
    held: bool
    held_by: str

    @property
    def open(self) -> bool:
        """Whether it was begun and is not finished."""
        return self.outcome not in CLOSED

    @property
    def settled(self) -> frozenset[str]:
        """The steps whose results are known."""
        return frozenset(step for step, word in self.steps.items() if word in SETTLED_WORDS)

    @property
    def place(self) -> str:
        return f"{len(self.settled)} of {len(self.plan)}"

    def sentence(self) -> str:
        """Gives how it stands, as a person reads it."""
        run, by = f"the run {self.plan.run}", f" by {self.held_by}" if self.held_by else ""
        if not self.open:
            return f"{run} is {self.outcome}: {self.place} steps"
        if self.held:
            carried = "its runner waits" if self.alive else "no runner is at work"
            return f"{run} is held at {self.place}{by}; {carried}"
        if self.alive:
            now = [self.plan[step].title for step, word in self.steps.items() if word == "working"]
            return f"{run} is at work, {self.place} done" + (f"; now: {', '.join(now)}" if now else "")
        if self.outcome.final:
            return f"{run} stopped at {self.place} ({self.outcome})" + (f": {self.text}" if self.text else "")
        return f"{run} was interrupted at {self.place}; no runner is at work"

    def to_dict(self) -> dict[str, Any]:
        return {
            "run": self.plan.run,
            "purpose": self.plan.purpose,
            "outcome": self.outcome.value,
            "done": len(self.settled),
            "of": len(self.plan),
            "working": [step for step, word in self.steps.items() if word == "working"],
            "held": self.held,
            "held_by": self.held_by,
            "runner_alive": self.alive,
            "text": self.text,
            "steps": self.steps,
        }


def stands(plan: Plan, records: Iterable[Record]) -> dict[str, str]:
    """Gives where each step of a run stands, by its rows of the journal."""
    found = {step.id: "waiting" for step in plan}
    for record in records:
        if record.step in found and record.kind in _WORDS:
            found[record.step] = _WORDS[record.kind]
    return found


def standing(target: Target, cluster: str) -> Standing | None:
    """Gives how the open run of a cluster stands, else its latest; None where there was none."""
    workspace = Workspace(target.cluster_directory(cluster))
    if not workspace.journal.exists():
        return None
    with Journal(workspace.journal) as journal:
        runs = journal.runs()
        if not runs:
            return None
        run = next((one for one in reversed(runs) if one.outcome not in CLOSED), runs[-1])
        plan = Plan.load(workspace.run(run.run).plan)
        steps = stands(plan, journal.records(run.run))
        return Standing(
            plan, run.outcome, steps, run.text, runner_alive(workspace), journal.held, journal.held_by
        )
