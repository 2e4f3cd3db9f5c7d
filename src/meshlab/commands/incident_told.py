"""What the incident commands tell: the watch and the search in one line, and the answer before everything else."""

from __future__ import annotations

import sys
import time
from math import isinf
from types import TracebackType
from typing import TYPE_CHECKING

from meshlab.commands.output import one_line, say, table

if TYPE_CHECKING:
    from meshlab.incident.post_mortem import PostMortem

BUSY = "the observing machine was busy"
SHOWN = 5
SAY_EVERY_S = 20.0


class _Line:
    """A line on stderr that is written over; a file gets one now and then instead."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._shown = False

    def show(self, text: str, *, rarely: bool = True) -> None:
        if sys.stderr.isatty():
            one_line(text)
            self._shown = True
        elif rarely and time.monotonic() - self._said >= SAY_EVERY_S:
            self._said = time.monotonic()
            say(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            one_line("")


class Watching(_Line):
    """How long it has watched, and what is silent."""

    def __enter__(self) -> Watching:
        return self

    def __call__(self, now: float, end: float, silent: str) -> None:
        far = f"{now:.0f} s, until Ctrl-C" if isinf(end) else f"{now:.0f} of {end:.0f} s"
        self.show(far + (f"  silent: {silent}" if silent else ""))


class Counting(_Line):
    """How many candidates were simulated."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def __enter__(self) -> Counting:
        return self

    def __call__(self, done: int, of: int, what: str) -> None:
        self.show(f"{self._what} {done} of {of}: {what}")


def found(result: PostMortem, every: bool) -> str:
    """Gives the answer: cause, outages, what to do now, the likeliest causes."""
    from meshlab.incident.report.words import answer_line, outage_lines, percent, urgent

    causes = result.explanation.causes
    shown = causes if every else causes[:SHOWN]
    rows = [[c.name, percent(c.probability), f"{c.score:.1f}", ", ".join(c.alike)] for c in shown]
    lines = [
        answer_line(result.explanation),
        *outage_lines(result.replay.outages),
        *(f"{action.kind}: {action.text} ({action.why})" for action in urgent(result.report.actions)),
        "",
        table(
            "causes, most likely first", ["cause", "probability", "log likelihood", "looks the same"], rows
        ),
    ]
    if len(shown) < len(causes):
        lines.append(f"and {len(causes) - len(shown)} less likely: --all")
    notes = [note for note in result.report.observed.notes if note.startswith(BUSY)]
    return "\n".join([*lines, *notes])
