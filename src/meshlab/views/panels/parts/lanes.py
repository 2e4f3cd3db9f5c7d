"""Swim lanes that are drawn once, with a line at a moment that moves over them in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.views.marks import sharp_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Lanes:
    """A timeline's picture, and where upon it a second is.

    Parameters
    ----------
    figure
        Of one axes, whose horizontal axis is time in seconds.
    said
        What the picture shows, in words.
    """

    def __init__(self, figure: Figure, said: str) -> None:
        self.picture = sharp_html(figure, said)  # which settles the layout
        (axes,) = figure.axes
        box = axes.get_position()
        self.left, self.width, self.top, self.height = box.x0, box.width, 1 - box.y1, box.height
        self.start, self.end = axes.get_xlim()

    def place(self, time: float) -> float | None:
        """Gives how far from the left of the picture a moment is, as a share of it; None where it is not shown."""
        if not self.start <= time <= self.end:
            return None
        return float(self.left + self.width * (time - self.start) / (self.end - self.start))

    def html(self, time: float) -> str:
        """Gives the picture with a line at a moment."""
        wrap = "position:relative;display:inline-block;max-width:100%;line-height:0"
        return f'<div style="{wrap}">{self.picture}{self.line(time)}</div>'

    def line(self, time: float) -> str:
        """Gives the line at a moment, hidden where the lanes do not reach so far."""
        at = self.place(time)
        where = "display:none" if at is None else f"left:{100 * at:.3f}%"
        return (
            f'<div class="meshlab-now" style="position:absolute;border-left:2px solid #b00020;'
            f'top:{100 * self.top:.2f}%;height:{100 * self.height:.2f}%;{where}"></div>'
        )
