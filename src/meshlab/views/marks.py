"""Words and shapes for states in HTML: nothing rests on colour alone."""

from __future__ import annotations

import base64
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


def picture_html(png: bytes, said: str) -> str:
    """Gives a picture as HTML, with what it shows in words for those who do not see it."""
    data = base64.b64encode(png).decode("ascii")
    return f'<img style="max-width:100%" alt="{escape(said)}" src="data:image/png;base64,{data}">'


def png(figure: Figure, dpi: int = 80) -> bytes:
    """Gives a figure as a PNG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()
