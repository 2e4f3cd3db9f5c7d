"""How far a long computation is, told to whoever waits for it: a terminal, a notebook, a panel."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with how many steps are done, how many there are, and what comes next; at the end with nothing next."""


class Steps:
    """Counts the steps of one computation and tells of each before it begins."""

    def __init__(self, count: int, progress: Progress | None = None) -> None:
        self.count, self.done = count, 0
        self._progress = progress

    def begin(self, what: str) -> None:
        """Tells what comes next; what came before is done."""
        if self._progress is not None:
            self._progress(self.done, self.count, what)
        self.done += 1

    def end(self) -> None:
        """Tells that all is done."""
        if self._progress is not None:
            self._progress(self.count, self.count, "")
