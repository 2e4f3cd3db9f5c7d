"""The break panel: watch the embedded cluster, take a machine's power away, and keep what was seen as an incident."""

from __future__ import annotations

import shutil
import threading
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.incident.record import ABOUT, SAMPLES
from meshlab.model import MeshlabError, Topology
from meshlab.views.panels.parts.gate import NotYet, approved_beforehand

if TYPE_CHECKING:
    import ipywidgets as widgets

    from meshlab.live.target import Target

CALM_S, WATCHED_S = 10.0, 75.0
"""Seconds watched before the fault, and in all."""


class BreakPanel:
    """A button that breaks one machine of an embedded cluster while the live clients watch it.

    An incident that is in the folder already is kept and shown; the button makes a new one.

    Parameters
    ----------
    victim
        The machine that loses its power. On a real target there is no such button: this refuses to be made.
    folder
        Where the incident is written.
    """

    def __init__(
        self,
        topology: Topology,
        target: Target,
        folder: Path,
        victim: str = "master-1",
        *,
        seconds: float = WATCHED_S,
        calm: float = CALM_S,
    ) -> None:
        if target.real:
            raise MeshlabError(
                f"{target.name} is real: a machine's power is only ever taken on the embedded cluster"
            )
        topology.machine(victim)
        self.topology, self.target, self.folder, self.victim = topology, target, Path(folder), victim
        self.seconds, self.calm = seconds, calm
        self._now = 0.0
        self._silent = ""
        self._error = ""
        self._worker: threading.Thread | None = None
        self._shown: widgets.VBox | None = None

    @property
    def watching(self) -> bool:
        """Whether it is watching now."""
        return self._worker is not None and self._worker.is_alive()

    @property
    def recorded(self) -> bool:
        """Whether there is an incident to explain."""
        return not self.watching and (self.folder / ABOUT).exists()

    def start(self) -> None:
        """Begins to watch; the victim loses its power once the calm is over."""
        if self.watching:
            return
        self._error, self._now = "", 0.0
        if (self.folder / SAMPLES).exists():
            shutil.rmtree(self.folder)
        self._worker = threading.Thread(target=self._watch, name="meshlab-break-panel", daemon=True)
        self._worker.start()

    def heal(self) -> None:
        """Takes every fault away again: the victim gets its power back."""
        self._fault({"fault": "heal"})

    def result(self) -> Path:
        """Gives the folder of the incident; where it was approved from outside, watches and breaks first.

        Raises
        ------
        NotYet
            Nothing was recorded yet: the text says what to press.
        """
        if not self.recorded and not self.watching and approved_beforehand(self.target):
            self.start()
        if self._worker is not None and approved_beforehand(self.target):
            self._worker.join()
        if self._error:
            raise MeshlabError(self._error)
        if not self.recorded:
            what = "wait until it has watched" if self.watching else f"press `{self._words()}` in the panel"
            raise NotYet(f"no incident yet: {what}, then run the cells from here on")
        return self.folder

    def _words(self) -> str:
        return f"Watch, and kill {self.victim}"

    def _watch(self) -> None:
        from meshlab.incident.watch import watch

        killed: list[float] = []

        def progress(now: float, end: float, silent: str) -> None:
            self._now, self._silent = now, silent
            if now >= self.calm and not killed:
                killed.append(now)
                self._fault({"fault": "fail", "component": self.victim})
            self._show()

        try:
            watch(
                self.topology,
                self.target,
                self.folder,
                seconds=self.seconds,
                interval_s=0.5,
                progress=progress,
            )
            self._now = self.seconds
        except (MeshlabError, OSError) as error:
            self._error = str(error)
        self._worker = None
        self._show()

    def _fault(self, body: dict[str, Any]) -> str:
        from meshlab.emulate.control import Control

        return str(Control.of(self.target.directory).call("/fault", body)["text"])

    def status(self) -> str:
        """Gives one line: what it does now, what is silent, or what was recorded."""
        if self._error:
            return f"✖ {self._error}"
        if self.watching:
            part = "calm" if self._now < self.calm else f"{self.victim} has no power"
            silent = f"; silent: {self._silent}" if self._silent else ""
            return f"▶ watching, {self._now:.0f} of {self.seconds:.0f} s: {part}{silent}"
        if self.recorded:
            when = time.strftime("%H:%M", time.localtime((self.folder / ABOUT).stat().st_mtime))
            return (
                f"● an incident is recorded ({when}); run the cells below, or press the button for a new one"
            )
        return f"○ nothing is recorded yet; it takes {self.seconds:.0f} s"

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time."""
        import ipywidgets as widgets

        from meshlab.views.panels.parts.pulse import PANEL, Pulse

        if self._shown is None:
            wide = widgets.Layout(width="auto")
            self._button = widgets.Button(
                description=self._words(),
                icon="bolt",
                button_style="danger",
                tooltip=f"watch the embedded cluster and take {self.victim}'s power away after {self.calm:.0f} s",
                layout=wide,
            )
            heal = widgets.Button(
                description="Heal", icon="medkit", tooltip="take every fault away again", layout=wide
            )
            self._button.on_click(lambda _: self._try(self.start))
            heal.on_click(lambda _: self._try(self.heal))
            self._bar = widgets.FloatProgress(
                max=self.seconds, description="watched", layout=widgets.Layout(width="100%")
            )
            self._status = widgets.HTML()
            buttons = widgets.HBox([self._button, heal])
            self._shown = widgets.VBox([Pulse("Run this cell again."), buttons, self._bar, self._status])
            self._shown.add_class(PANEL).add_class("meshlab-break-panel")
            self._show()
        return self._shown

    def _try(self, act: Any) -> None:
        try:
            act()
        except MeshlabError as error:
            self._error = str(error)
        self._show()

    def _show(self) -> None:
        if self._shown is None:
            return
        self._button.disabled = self.watching
        self._bar.value = self.seconds if self.recorded else self._now
        role, look = ("alert", "meshlab-status bad") if self._error else ("status", "meshlab-status")
        self._status.value = f'<div role="{role}" class="{look}">{escape(self.status())}</div>'

    def __repr__(self) -> str:
        return f"BreakPanel for {self.victim} of {self.topology.name}"

    def _repr_mimebundle_(self, **_: Any) -> Any:
        return self.widget()._repr_mimebundle_() | {"text/plain": repr(self)}
