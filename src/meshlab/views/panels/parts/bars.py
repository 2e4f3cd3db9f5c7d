"""Intervals as small pictures in a table's cell: drawn in the browser, in the colour of the text, in no time."""

from __future__ import annotations

import math
from html import escape

WIDE, HIGH = 170, 14
"""Pixels."""


def interval_bar(
    low: float,
    mid: float,
    high: float,
    *,
    ends: tuple[float, float],
    logarithmic: bool = False,
    mark: float | None = None,
    before: float | None = None,
    said: str = "",
) -> str:
    """Gives an interval as an SVG picture: a bar from low to high, a line at the middle.

    Parameters
    ----------
    ends
        What the left and the right edge stand for; beyond them an arrow says so.
    mark
        A limit, drawn as a dashed line through the whole height.
    before
        What the middle was before the change, drawn as a small circle.
    said
        The picture in words.
    """

    def at(value: float) -> float:
        return 4 + (WIDE - 8) * min(1.0, max(0.0, _part(value, ends, logarithmic)))

    x0, x, x1 = at(low), at(mid), at(high)
    middle = HIGH / 2
    parts = [
        f'<line x1="4" y1="{middle:g}" x2="{WIDE - 4}" y2="{middle:g}" stroke="currentColor" stroke-opacity=".2"/>',
        f'<rect x="{x0:.1f}" y="3" width="{max(1.0, x1 - x0):.1f}" height="{HIGH - 6}" fill="currentColor" '
        'fill-opacity=".28"/>',
    ]
    if mark is not None:
        m = at(mark)
        parts.append(
            f'<line x1="{m:.1f}" y1="0" x2="{m:.1f}" y2="{HIGH}" stroke="currentColor" stroke-dasharray="3 2"/>'
        )
    if before is not None and abs(at(before) - x) > 0.5:
        parts.append(
            f'<circle cx="{at(before):.1f}" cy="{middle:g}" r="3.5" fill="none" stroke="currentColor"/>'
        )
    if mid > ends[1]:
        parts.append(
            f'<path d="M{WIDE - 9} 2 L{WIDE - 2} {middle:g} L{WIDE - 9} {HIGH - 2} Z" fill="currentColor"/>'
        )
    else:
        parts.append(
            f'<line x1="{x:.1f}" y1="1" x2="{x:.1f}" y2="{HIGH - 1}" stroke="currentColor" stroke-width="2.4"/>'
        )
    return (
        f'<svg role="img" aria-label="{escape(said)}" width="{WIDE}" height="{HIGH}" '
        f'viewBox="0 0 {WIDE} {HIGH}">{"".join(parts)}</svg>'
    )


def _part(value: float, ends: tuple[float, float], logarithmic: bool) -> float:
    if not logarithmic or math.isinf(value):
        return math.inf if math.isinf(value) else (value - ends[0]) / (ends[1] - ends[0])
    least = math.log(ends[0])
    return (math.log(max(value, ends[0])) - least) / (math.log(ends[1]) - least)
