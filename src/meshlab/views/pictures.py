"""Figures as a notebook shows them: with words for those who do not see them, and not glaring in a dark theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshlab.views.marks import PIXELS, picture_html, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 130
DARK = (
    '<style>body[data-jp-theme-light="false"] img.meshlab-picture'
    "{filter:invert(0.93) hue-rotate(180deg)}</style>"
)
"""Paper gets dark and ink light, and colours stay what they are, in the dark theme of JupyterLab."""


class Picture:
    """A figure for a notebook's output.

    Parameters
    ----------
    figure
        What to show.
    said
        What it shows, in words; its title where left out.
    """

    def __init__(self, figure: Figure, said: str = "") -> None:
        self.figure = figure
        self.said = said or title(figure) or "a figure"

    def __repr__(self) -> str:
        return f"Picture: {self.said}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        width = round(self.figure.get_figwidth() * PIXELS)
        shown = DARK + picture_html(png(self.figure, DPI, signed=True), self.said, width=width)
        return {"text/html": shown, "text/plain": repr(self)}


def title(figure: Figure) -> str:
    """Gives the title of a figure, wherever its maker has put it: of the whole, of its axes, or as a bold line."""
    above = [figure.get_suptitle()]
    above += [axes.get_title(loc=place) for axes in figure.axes for place in ("left", "center", "right")]
    above += [text.get_text() for text in figure.texts]
    return next((" ".join(text.split()) for text in above if text), "")
