"""What every panel is: one widget, one thing at a time, and its answer in plain HTML where there is no kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import ipywidgets as widgets

ADVICE = (
    "Reload the page (the panel comes back where its kernel still runs). If that does not help, choose this cell, "
    "then Run > Run All Above Selected Cell, and run the cell itself."
)
"""What to do with a panel whose kernel does not answer: its cell alone knows nothing of the names made above it."""

STALE = "meshlab-stale"
"""The CSS class of a picture that is not yet that of the words beside it."""

Method = TypeVar("Method", bound=Callable[..., Any])


class Panel:
    """The frame of a panel.

    Notes
    -----
    The browser's messages may arrive in several threads at once: JupyterLab sends them over subshells of the kernel.
    So whatever a control calls, and whatever changes what is shown, goes through :func:`in_turn`; what takes longer
    than a moment is given to :class:`~meshlab.views.panels.parts.later.Later`, which answers the newest question only.
    """

    name = ""
    """The CSS class of this kind of panel."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self._whole: widgets.VBox | None = None
        self._pulse: Any = None

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time."""
        import ipywidgets

        from meshlab.views.panels.parts.pulse import PANEL, Pulse

        with self._turn:
            if self._whole is None:
                self._pulse = Pulse(self.advice(), self.regions())
                whole = ipywidgets.VBox([self._pulse, *self._build()])
                whole.add_class(PANEL).add_class(self.name)
                self._whole = whole
                self._refresh()
            return self._whole

    def html(self) -> str:
        """Gives what the panel says now as HTML without controls: what a saved notebook shows."""
        raise NotImplementedError

    def advice(self) -> str:
        """Gives what to do when the kernel does not answer."""
        return ADVICE

    def regions(self) -> dict[str, str]:
        """Gives the parts that scroll, by CSS class, with what they hold: a keyboard has to reach them."""
        return {}

    def _build(self) -> Sequence[widgets.Widget]:
        raise NotImplementedError

    def _refresh(self) -> None:
        """Puts on the screen how things stand; does nothing where nothing is displayed."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: Any) -> Any:
        with self._turn:
            shown = {"text/plain": repr(self), "text/html": self.html()}
        return self.widget()._repr_mimebundle_() | shown


def in_turn(method: Method) -> Method:
    """Lets the calls of a panel's methods wait for each other."""

    @wraps(method)
    def alone(self: Panel, *args: Any, **kwargs: Any) -> Any:
        with self._turn:
            return method(self, *args, **kwargs)

    return cast("Method", alone)


def put(widget: Any, value: str) -> None:
    """Changes what an HTML widget shows, where it is another text: equal ones would be sent again."""
    if widget.value != value:
        widget.value = value
