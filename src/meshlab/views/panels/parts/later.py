"""Slow answers worked out behind a fast panel: the newest question only, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Drawn = TypeVar("Drawn")


class Later(Generic[Asked, Drawn]):
    """Answers what was asked last; what is overtaken while another is worked out is never begun, nor shown.

    Parameters
    ----------
    draw
        Works out the answer, a picture mostly; the slow part. What it is asked holds all that it depends on.
    show
        Puts it on the screen. Nobody can ask while it does, so that an answer never stands beside a newer question.
    turn
        The lock of the panel: it is held while an answer is shown, and not while it is worked out.
    fail
        Told what either of them raised; `settle` raises it too.
    """

    def __init__(
        self,
        draw: Callable[[Asked], Drawn],
        show: Callable[[Drawn], None],
        turn: threading.RLock | None = None,
        fail: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._draw, self._show, self._fail = draw, show, fail
        self._changed = threading.Condition(turn or threading.RLock())
        self._asked: list[Asked] = []
        self._busy = False
        self.failed: Exception | None = None

    def ask(self, what: Asked) -> None:
        """Asks, in place of anything that was asked for and not begun."""
        with self._changed:
            self._asked[:] = [what]
            self.failed = None
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._work, name="meshlab-later", daemon=True).start()

    def settle(self, seconds: float = 60.0) -> bool:
        """Waits until what was asked for is shown; says whether it is. Raises what drawing raised."""
        with self._changed:
            done = self._changed.wait_for(lambda: not self._busy, seconds)
            failed, self.failed = self.failed, None
        if failed is not None:
            raise failed
        return done

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._asked:
                    self._busy = False
                    self._changed.notify_all()
                    return
                what = self._asked.pop()
            try:
                self._answer(what)
            except Exception as error:
                with self._changed:
                    self.failed = error
                    self._fail(error)

    def _answer(self, what: Asked) -> None:
        drawn = self._draw(what)
        with self._changed:
            if not self._asked:
                self._show(drawn)
