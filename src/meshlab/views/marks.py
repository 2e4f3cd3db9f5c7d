"""Words and shapes for states in HTML: nothing rests on colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from meshlab.model import State
from meshlab.views.style import look

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
        return '<td style="padding:2px 8px">– not seen</td>'
    style = f"padding:2px 8px;background:{look(state).colour};color:{look(state).text}"
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
