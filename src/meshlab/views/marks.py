"""Words and shapes for states in HTML: nothing rests on colour alone."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from meshlab.model import State
from meshlab.views.style import look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = {
    State.UP: "●",
    State.DEGRADED: "◐",
    State.SYNCING: "▷",
    State.BOOTING: "△",
    State.NO_LEADER: "◇",
    State.UNREACHABLE: "✚",
    State.SEALED: "■",
    State.NO_QUORUM: "✖",
    State.DOWN: "▼",
}
"""A shape for every state."""
PIXELS = 100
"""Of the page, for an inch of a figure: text of 6.5 points, the smallest there is, is 9 pixels high."""
_DRAWING = threading.Lock()
"""matplotlib draws for one thread at a time; panels draw behind each other's back."""


def cell(state: State | None) -> str:
    """Gives a table cell for a state: its shape, its word, and its colour beside them."""
    if state is None:
        return '<td style="padding:2px 8px;white-space:nowrap">– not seen</td>'
    style = f"padding:2px 8px;white-space:nowrap;background:{look(state).colour};color:{look(state).text}"
    return f'<td style="{style}">{MARKS[state]} {escape(state.value)}</td>'


def text_cell(text: str) -> str:
    """Gives a plain cell, escaped."""
    return f'<td style="padding:2px 8px">{escape(text)}</td>'


def html_table(
    name: str, caption: str, head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]
) -> str:
    """Gives a table whose rows are (name, cells); screen readers hear of a change when they are idle."""
    header = "".join(
        f'<th scope="col" style="text-align:left;padding:2px 8px">{escape(h)}</th>' for h in head
    )
    body = "".join(
        f'<tr><th scope="row" style="text-align:left;padding:2px 12px 2px 4px">{escape(row)}</th>{"".join(cells)}</tr>'
        for row, cells in rows
    )
    return (
        f'<table class="{escape(name)}" aria-live="polite">'
        f'<caption style="text-align:left;padding:4px">{escape(caption)}</caption>'
        f"<thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
    )


def picture_html(picture: bytes, said: str, *, width: int = 0) -> str:
    """Gives a picture (PNG or SVG) as HTML, with what it shows in words for those who do not see it.

    Parameters
    ----------
    width
        How wide it is at most, in pixels of the page; 0 leaves it to the picture.
    """
    kind = "png" if picture.startswith(b"\x89PNG") else "svg+xml"
    data = base64.b64encode(picture).decode("ascii")
    size = f' width="{width}"' if width else ""
    return (
        f'<img class="meshlab-picture" style="max-width:100%"{size} alt="{escape(said)}" '
        f'src="data:image/{kind};base64,{data}">'
    )


def png(figure: Figure, dpi: int = 80, *, signed: bool = False) -> bytes:
    """Gives a figure as a PNG; `signed` says in it which matplotlib has drawn it."""
    buffer = BytesIO()
    with _DRAWING:
        figure.savefig(buffer, format="png", dpi=dpi, metadata=None if signed else {"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """Gives a figure as an SVG, sharp at any size; the same bytes each time. It takes no longer than a PNG."""
    import matplotlib

    buffer = BytesIO()
    with _DRAWING, matplotlib.rc_context({"svg.hashsalt": "meshlab"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def sharp_html(figure: Figure, said: str) -> str:
    """Gives a figure as HTML at its natural size, at which its smallest words can be read; smaller where it must."""
    return picture_html(svg(figure), said, width=round(figure.get_figwidth() * PIXELS))
