"""The list of a plan's steps: shape and word of each state; it follows what is at work, and a click previews a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

import anywidget
import traitlets

STEP_MARKS = {
    "waiting": "○",
    "working": "▶",
    "done": "●",
    "adopted": "◆",
    "failed": "✖",
    "needs-you": "▲",
    "refused": "■",
}
"""A shape for every state of a step."""


class StepList(anywidget.AnyWidget):
    """Steps by their titles, each with its state; `chosen` is the one that is previewed."""

    _esm = (Path(__file__).parent / "steps.js").read_text(encoding="utf-8")
    titles: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    stands = traitlets.Dict().tag(sync=True)
    marks = traitlets.Dict(STEP_MARKS).tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)


def steps_html(rows: Iterable[tuple[str, str]]) -> str:
    """Gives (state, title) of steps as an HTML table."""
    body = "".join(
        f'<tr><td class="{state}" style="padding:1px 8px;white-space:nowrap">{STEP_MARKS[state]} {state}</td>'
        f'<th scope="row" style="text-align:left;padding:1px 8px;font-weight:400">{escape(title)}</th></tr>'
        for state, title in rows
    )
    return (
        '<table class="meshlab-steps"><thead><tr><th scope="col">state</th><th scope="col">step</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def counted(stands: Mapping[str, str]) -> str:
    """Gives how many steps are in each state, in words: ``78 done`` or ``30 done, 48 waiting``."""
    order = [state for state in STEP_MARKS if state in stands.values()]
    values = list(stands.values())
    return ", ".join(
        f"{values.count(state)} {state}" for state in sorted(order, key=lambda s: s == "waiting")
    )
