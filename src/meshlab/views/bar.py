"""How far long work is, in a notebook's cell: a bar that is there while it lasts and leaves nothing behind."""

from __future__ import annotations

import time
from html import escape
from typing import Any, Self, cast

EVERY_S = 0.2
"""Seconds between two changes of the bar at least."""


class Bar:
    """A bar in the cell that works; in a plain terminal, nothing.

    Parameters
    ----------
    words
        What is done, for people.

    Examples
    --------
    >>> with Bar("counting") as bar:
    ...     for done in range(3):
    ...         bar.at(done, 3)
    """

    def __init__(self, words: str) -> None:
        self.words = words
        self._handle: Any = None
        self._last = 0.0

    def at(self, done: int, of: int, what: str = "") -> None:
        """Says how many of how many steps are done, and what is at work now."""
        now = time.monotonic()
        if self._handle is not None and now - self._last >= EVERY_S:
            self._last = now
            self._show(bar_html(f"{self.words}{': ' if what else ''}{what}", done, of))

    def __enter__(self) -> Self:
        from IPython.core.getipython import get_ipython

        if getattr(get_ipython(), "kernel", None) is not None:
            from IPython.core.display_functions import DisplayHandle

            self._handle = cast("Any", DisplayHandle)()
            self._handle.display(_bundle(bar_html(self.words, 0, 0)), raw=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._show("")

    def _show(self, html: str) -> None:
        self._handle.update(_bundle(html), raw=True)


def _bundle(html: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": ""}


def bar_html(words: str, done: int, of: int) -> str:
    """Gives a bar with its words and its numbers; without an end known, it says only that something is at work."""
    far = f' value="{done}" max="{of}"' if of else ""
    told = f", {done} of {of}" if of else " …"
    return f'<progress{far} aria-label="{escape(words)}"></progress> ▶ {escape(words)}{told}'
