"""The break panel: watch the embedded cluster, let something fail, and keep what was seen as an incident."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.incident.record import ABOUT, TIMELINE
from meshlab.model import MeshlabError, Timeline, Topology
from meshlab.views.marks import picture_html, png
from meshlab.views.panels.parts.blows import Blow, blows
from meshlab.views.panels.parts.gate import NotYet, approved_beforehand
from meshlab.views.panels.parts.panel import Panel, in_turn, put

if TYPE_CHECKING:
    import ipywidgets as widgets

    from meshlab.live.target import Target

CALM_S, WATCHED_S = 10.0, 75.0
"""Seconds watched before the fault, and in all."""


class BreakPanel(Panel):
    """A button that breaks something in an embedded cluster while the live clients watch it.

    Every incident gets a folder of its own, and none is ever taken away: what is recorded already is kept and shown
    until the button makes a newer one.

    Parameters
    ----------
    victim
        The machine that loses its power. On a real target there is no such button: this refuses to be made.
    folder
        Where the first incident is written; the next one goes beside it (``incident-2``).
    """

    name = "meshlab-break-panel"

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
        super().__init__()
        self.topology, self.target, self.victim = topology, target, victim
        self.blows: tuple[Blow, ...] = blows(topology, victim)
        self.blow = self.blows[0]
        self.seconds, self.calm = seconds, calm
        self._first = Path(folder)
        self._now = 0.0
        self._silent = self._said = self._error = ""
        self._worker: threading.Thread | None = None

    @property
    def watching(self) -> bool:
        """Whether it is watching now."""
        return self._worker is not None and self._worker.is_alive()

    @property
    def folder(self) -> Path:
        """The folder of the newest incident there is; the first one's where there is none."""
        return next((path for path in reversed(self._folders()) if (path / ABOUT).exists()), self._first)

    @property
    def recorded(self) -> bool:
        """Whether there is an incident to explain."""
        return not self.watching and (self.folder / ABOUT).exists()

    def _folders(self) -> list[Path]:
        """The folders that incidents were begun in, oldest first."""
        found, path = [], self._first
        while path.exists():
            found.append(path)
            path = self._first.with_name(f"{self._first.name}-{len(found) + 1}")
        return found

    def _next(self) -> Path:
        begun = len(self._folders())
        return self._first.with_name(f"{self._first.name}-{begun + 1}") if begun else self._first

    @in_turn
    def start(self) -> None:
        """Begins to watch; what was chosen fails once the calm is over."""
        if self.watching:
            return
        self._error = self._said = ""
        self._now = 0.0
        work = threading.Thread(
            target=self._watch, args=(self._next(), self.blow), name="meshlab-break-panel", daemon=True
        )
        self._worker = work
        work.start()

    @in_turn
    def heal(self) -> None:
        """Takes every fault away again: the victim gets its power back."""
        self._error = ""
        self._said = f"● {self._fault({'fault': 'heal'})}"
        if self._seals:
            self._said += (
                ". A Vault pod that lost its power is sealed now and waits for people with their key shares: "
                "`meshlab drift` shows it, and `meshlab apply` unseals it."
            )

    @property
    def _seals(self) -> bool:
        vaults = [w for w in self.topology.workloads if w.role == "vault"]
        return any(w.seal == "shamir" and self.victim in w.machines for w in vaults)

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
        return f"Watch, and {self.blow.words}"

    def _watch(self, folder: Path, blow: Blow) -> None:
        from meshlab.incident.watch import watch

        dealt: list[float] = []

        def progress(now: float, end: float, silent: str) -> None:
            self._now, self._silent = now, silent
            if now >= self.calm and not dealt:
                dealt.append(now)
                self._fault(dict(blow.body))
            self._refresh()

        try:
            watch(self.topology, self.target, folder, seconds=self.seconds, interval_s=0.5, progress=progress)
            self._now = self.seconds
        except (MeshlabError, OSError) as error:
            self._error = str(error)
        self._worker = None
        self._refresh()

    def _fault(self, body: dict[str, Any]) -> str:
        from meshlab.emulate.control import Control

        return str(Control.of(self.target.directory).call("/fault", body)["text"])

    def status(self) -> str:
        """Gives one line: what it does now, what is silent, or what was recorded."""
        if self._error:
            return f"✖ {self._error}"
        if self.watching:
            part = "calm" if self._now < self.calm else self.blow.since
            silent = f"; silent: {self._silent}" if self._silent else ""
            return f"▶ watching, {self._now:.0f} of {self.seconds:.0f} s: {part}{silent}"
        if self.recorded:
            when = time.strftime("%H:%M", time.localtime((self.folder / ABOUT).stat().st_mtime))
            return (
                f"● an incident is recorded in {self.folder.name} ({when}): run the cells below, or press the button "
                f"for a new one, which gets the folder {self._next().name}"
            )
        return f"○ nothing is recorded yet; it takes {self.seconds:.0f} s"

    def html(self) -> str:
        """Gives what was observed: what a saved notebook shows."""
        if not self.recorded:
            return f"<p>○ {escape(self._words())}: nothing is recorded yet</p>"
        from meshlab.views.plots.timeline import plot_timeline

        seen = Timeline.from_dict(json.loads((self.folder / TIMELINE).read_text(encoding="utf-8")))
        title = "What did the clients see, from outside?"
        figure = plot_timeline(seen, topology=self.topology, title=title, zoom=True)
        lanes = picture_html(png(figure, dpi=100), "Swim lanes of what was observed", width=1100)
        return f"<p>● {escape(self.blow.title)}: an incident is recorded</p>{lanes}"

    def _build(self) -> Sequence[widgets.Widget]:
        import ipywidgets as widgets

        wide = widgets.Layout(width="auto")
        self._choice = widgets.Dropdown(
            options=[(blow.title, blow) for blow in self.blows],
            value=self.blow,
            description="what breaks",
            layout=wide,
        )
        self._choice.observe(lambda change: self._try(lambda: self._choose(change["new"])), names="value")
        self._button = widgets.Button(
            description=self._words(), icon="bolt", button_style="danger", layout=wide
        )
        heal = widgets.Button(
            description="Heal", icon="medkit", tooltip="take every fault away again", layout=wide
        )
        self._button.on_click(lambda _: self._try(self.start))
        heal.on_click(lambda _: self._try(self.heal))
        self._bar = widgets.FloatProgress(
            max=self.seconds, description="watched", layout=widgets.Layout(width="98%")
        )
        self._status = widgets.HTML()
        buttons = widgets.HBox(
            [self._choice, self._button, heal], layout=widgets.Layout(flex_flow="row wrap")
        )
        return [buttons, self._bar, self._status]

    @in_turn
    def _choose(self, blow: Blow) -> None:
        self.blow = blow

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except MeshlabError as error:
            self._error = str(error)
        self._refresh()

    @in_turn
    def _refresh(self) -> None:
        if self._whole is None:
            return
        self._choice.disabled = self._button.disabled = self.watching
        self._button.description = self._words()
        self._button.tooltip = (
            f"watch the embedded cluster for {self.seconds:.0f} s; after {self.calm:.0f} s {self.blow.title}"
        )
        self._bar.value = self.seconds if self.recorded else self._now
        role, look = ("alert", "meshlab-status bad") if self._error else ("status", "meshlab-status")
        said = "<br>".join(escape(text) for text in (self.status(), self._said) if text)
        put(self._status, f'<div role="{role}" class="{look}">{said}</div>')

    def __repr__(self) -> str:
        return f"BreakPanel for {self.victim} of {self.topology.name}"
