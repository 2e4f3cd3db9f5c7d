"""The pulse of a panel: the kernel beats once a second; without it the browser greys the panel and says so.

After a kernel's end, widgets stay on the screen, look alive and drop every click. So each panel holds a `Pulse`:
its JavaScript (bundled, no network) hears the beats, and after three seconds without a message of that kernel disables
the panel's controls and says how to go on; when the beat returns, it undoes that. It also names slider handles for
screen readers, which the sliders themselves do not, and lets a keyboard reach what scrolls.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from pathlib import Path

import anywidget
import traitlets

BEAT_S = 1.0
PANEL = "meshlab-panel"
"""The CSS class of every panel."""
_HERE = Path(__file__).parent
_ALIVE: weakref.WeakSet[Pulse] = weakref.WeakSet()
_LOCK = threading.Lock()
_BEATING = threading.Event()


class Pulse(anywidget.AnyWidget):
    """Sends a beat to the browser every second while it lives.

    Parameters
    ----------
    advice
        What to do when the kernel is gone: how to attach again. Plain text, no secret.
    regions
        The parts of the panel that scroll, by CSS class, and the name that each has for a screen reader.
    """

    _esm = (_HERE / "pulse.js").read_text(encoding="utf-8")
    _css = (_HERE / "panels.css").read_text(encoding="utf-8")
    panel = traitlets.Unicode(PANEL).tag(sync=True)
    advice = traitlets.Unicode("").tag(sync=True)
    regions = traitlets.Dict().tag(sync=True)
    kernel = traitlets.Unicode("").tag(sync=True)
    """The session of the kernel: every message that carries it counts as a beat; that of its successor does not."""

    def __init__(self, advice: str, regions: Mapping[str, str] | None = None) -> None:
        super().__init__(advice=advice, regions=dict(regions or {}), kernel=_session())
        with _LOCK:
            _ALIVE.add(self)
            if not _BEATING.is_set():
                _BEATING.set()
                threading.Thread(target=_beat, name="meshlab-pulse", daemon=True).start()


def _session() -> str:
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return str(kernel.session.session) if kernel is not None else ""


def _beat() -> None:
    """Beats for all pulses until none is left. A message, not a trait: nothing of it is saved."""
    pause = threading.Event()
    while not pause.wait(BEAT_S):
        with _LOCK:
            alive = [pulse for pulse in _ALIVE if pulse.comm is not None]
            if not alive:
                _BEATING.clear()
                return
        for pulse in alive:
            pulse.send({"beat": 1})
        del alive
