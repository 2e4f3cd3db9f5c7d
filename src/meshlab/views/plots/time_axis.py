"""The axis of time in a unit that a person reads, and the stretch of a history in which something happens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from meshlab.model import State, Timeline
from meshlab.model.units import duration
from meshlab.views.style import MUTED, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.12
"""What is shown before the first change and after the last one, as a share of what lies between them."""
WORTH_IT = 0.6
"""A stretch longer than this share of the history is shown with all of it."""
INSTANT, AROUND = 0.002, 0.05
"""What is shorter than this share is one moment, which is shown with that much around it."""
_STEPS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    21600,
    43200,
    86400,
)


def busy_span(timelines: Sequence[Timeline], lanes: Sequence[str]) -> tuple[float, float]:
    """Gives the stretch outside of which nothing changes in these lanes; all of it where that is most of it."""
    end = max((t.horizon for t in timelines), default=0.0) or 1.0
    shown = set(lanes)
    changes = [e.time for t in timelines for e in t.events if e.kind == "fault"]
    for timeline in timelines:
        for i in timeline.intervals:
            if i.component in shown and i.state is not State.UP:
                changes += [time for time in (i.start, i.end) if 0 < time < timeline.horizon]
    inside = [time for time in changes if 0 <= time <= end]
    if not inside:
        return 0.0, end
    first, last = min(inside), max(inside)
    apart = last - first > INSTANT * end
    room = max(1.0, MARGIN * (last - first)) if apart else AROUND * end
    found = max(0.0, first - room), min(end, last + room)
    return found if found[1] - found[0] <= WORTH_IT * end else (0.0, end)


def canvas(ax: Axes | None, inches: tuple[float, float]) -> tuple[Figure, Axes]:
    """Gives the axes to draw on and their figure; a new one where none are given."""
    if ax is not None:
        figure: Any = ax.figure
        return figure, ax
    from matplotlib.figure import Figure as New

    figure = New(figsize=inches, layout="constrained", facecolor=PAPER)
    return figure, figure.subplots()


def time_axis(axes: Axes, start: float, end: float, label: str = "", *, of: float = 0.0) -> None:
    """Ticks at round times in one unit that a person reads: seconds, m:ss, or hours.

    Parameters
    ----------
    of
        The length of the whole history where only a stretch of it is shown: the axis says so.
    """
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    shown = max(end - start, 1e-9)
    step = next((s for s in _STEPS if shown / s <= 12), math.ceil(shown / 12 / 86400) * 86400)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: _tick(t, shown)))
    unit = "seconds" if shown < 120 else "min:s" if shown < 7200 else "h:min" if shown < 2 * 86400 else "days"
    part = (
        f" - zoomed in: {duration(round(end - start))} of {duration(of)}, nothing changes outside"
        if of
        else ""
    )
    axes.set_xlabel(f"{label or 'time since the start'} [{unit}]{part}", fontsize=8.5, color=MUTED)
    axes.tick_params(axis="x", labelsize=8.5, colors=MUTED)


def _tick(time: float, shown: float) -> str:
    sign, t = ("-" if time < -1e-9 else ""), abs(time)
    if shown < 120:
        return f"{sign}{t:g}"
    if shown < 7200:
        return f"{sign}{round(t) // 60}:{round(t) % 60:02d}"
    if shown < 2 * 86400:
        return f"{sign}{round(t) // 3600}:{round(t) % 3600 // 60:02d}"
    return f"{sign}{t / 86400:g}"
