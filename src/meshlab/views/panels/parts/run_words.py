"""How a run and its steps stand, in words."""

from __future__ import annotations

from meshlab.provision.cluster.records import Kind, Outcome

STANDS = {
    Kind.INTENT: "working",
    Kind.RESULT: "done",
    Kind.ADOPTED: "adopted",
    Kind.FAILED: "failed",
    Kind.NEEDS_YOU: "needs-you",
    Kind.REFUSED: "refused",
}
"""The state of a step after a row of the journal."""
OVER = ("done", "adopted")
WORDS = {
    Outcome.PENDING: "about to start",
    Outcome.RUNNING: "at work",
    Outcome.HELD: "held: nothing more is started until Resume",
    Outcome.DONE: "done and verified",
    Outcome.FAILED: "failed; Resume goes on where it stopped",
    Outcome.NEEDS_YOU: "needs you",
    Outcome.REFUSED: "refused by the guard",
    Outcome.CHECK_FAILED: "done, but a claim of the design does not hold",
    Outcome.SUPERSEDED: "given up: another plan took its place",
}


def stands_so(outcome: Outcome, *, alive: bool, held: bool) -> str:
    """Gives how a run stands, whose runner is alive or gone, and which was asked to hold or not."""
    if held and outcome is Outcome.RUNNING and alive:
        return "about to hold: nothing more is started, what is in flight finishes"
    if outcome in (Outcome.PENDING, Outcome.RUNNING, Outcome.HELD) and not alive:
        return "interrupted: its runner is gone; Resume goes on where it stopped"
    return WORDS[outcome]
