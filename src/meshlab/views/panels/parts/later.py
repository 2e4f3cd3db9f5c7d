"""Slow pictures drawn behind a fast panel: the newest request only, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Drawn = TypeVar("Drawn")


class Later(Generic[Asked, Drawn]):
    """Draws what was asked for last; what is overtaken while another is drawn is never drawn.

    Parameters
    ----------
    draw
        Makes the picture of what was asked for; the slow part.
    show
        Puts it on the screen.
    """

    def __init__(self, draw: Callable[[Asked], Drawn], show: Callable[[Drawn], None]) -> None:
        self._draw, self._show = draw, show
        self._changed = threading.Condition()
        self._asked: list[Asked] = []
        self._busy = False
        self.failed: Exception | None = None

    def ask(self, what: Asked) -> None:
        """Asks for a picture, in place of any that was asked for and not begun."""
        with self._changed:
            self._asked[:] = [what]
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
                drawn = self._draw(what)
                with self._changed:
                    overtaken = bool(self._asked)
                if not overtaken:
                    self._show(drawn)
            except Exception as error:
                self.failed = error
