"""What speaks for a cause and what against it, read off its simulation beside what was seen."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.incident.explain.likeness import STATES, UNSEEN
from meshlab.incident.explain.ranking import Score, Seen, Stretch, mismatch
from meshlab.model import State
from meshlab.model.units import duration

GOOD, BAD = 0.3, 0.6
"""A stretch is told when its mismatch is below this share of it, and missed when it is above that."""


@dataclass(frozen=True)
class Reasons:
    """`explains`: trouble that was seen and simulated; `misses`: seen, not simulated; `would_show`: the reverse.

    `told` are the stretches of trouble, seen, in which the simulation has trouble too: component, start, end (s).
    """

    explains: tuple[str, ...]
    misses: tuple[str, ...]
    would_show: tuple[str, ...]
    told: tuple[tuple[str, float, float], ...] = ()

    def __str__(self) -> str:
        parts = []
        if self.explains:
            parts.append("explains " + "; ".join(self.explains))
        if self.misses:
            parts.append("does not explain " + "; ".join(self.misses))
        if self.would_show:
            parts.append("would show, which was not seen, " + "; ".join(self.would_show))
        return ". ".join(parts) or "neither explains nor contradicts anything that was seen"


def reasons(what: Seen, score: Score) -> Reasons:
    """Gives the reasons for and against a hypothesis at its best time."""
    explains: list[str] = []
    misses: list[str] = []
    would_show: list[str] = []
    told: list[tuple[str, float, float]] = []
    window = score.hypothesis.window(score.time, what.grid)
    for row, stretches in enumerate(what.stretches):
        seconds = mismatch(what, score.hypothesis, score.time, row)
        for number, stretch in enumerate(stretches):
            length = (stretch.last - stretch.first) * what.grid.step
            typical = float(_median(seconds[:, number]))
            if stretch.state is not State.UP:
                if _troubled(window[:, row, stretch.first : stretch.last]):
                    step = what.grid.step
                    told.append((stretch.component, stretch.first * step, stretch.last * step))
                allowance = GOOD * length + what.grid.step
                if typical <= allowance:
                    explains.append(_words(stretch, length))
                elif typical >= BAD * length and length > 2 * what.grid.step:
                    misses.append(_words(stretch, length))
            elif typical > max(2.0, 2 * float(what.scales[row][number])):
                state = _commonest(window[:, row, stretch.first : stretch.last])
                would_show.append(f"{stretch.component} {state} (about {duration(typical)})")
    return Reasons(tuple(explains), tuple(misses), tuple(would_show), tuple(told))


def _words(stretch: Stretch, length: float) -> str:
    return f"{stretch.component} {stretch.state} for {duration(length)}"


def _median(values: object) -> float:
    import numpy

    return float(numpy.median(numpy.asarray(values)))


def _troubled(codes: object) -> bool:
    """Says whether a window of the simulation is not well for the better part."""
    import numpy

    return bool((numpy.asarray(codes) != STATES.index(State.UP)).mean() > 0.5)


def _commonest(codes: object) -> str:
    """Names the state other than up that a window shows most."""
    import numpy

    counts = numpy.bincount(numpy.asarray(codes).ravel(), minlength=UNSEEN + 1)
    counts[STATES.index(State.UP)] = counts[UNSEEN] = 0
    return str(STATES[int(counts.argmax())]) if counts.any() else "not up"
