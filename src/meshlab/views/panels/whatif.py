"""The what-if panel: sliders for growth, horizon, load, distance and workers; every answer at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.model import Topology
from meshlab.planning.report.words import span
from meshlab.planning.whatif import Change, Quick, QuickAnswer, changed, farthest
from meshlab.planning.worlds import WORLDS
from meshlab.views.bar import bar_html
from meshlab.views.links import link_html
from meshlab.views.panels.parts.heap import set_aside
from meshlab.views.panels.parts.panel import Panel, in_turn
from meshlab.views.panels.whatif_tables import answer_html, words

if TYPE_CHECKING:
    import ipywidgets as widgets

    from meshlab.planning.progress import Progress
    from meshlab.views.plots.plan_files import WrittenPlan

MONTH = 31_557_600.0 / 12
MOST_WORKERS = 3
COMPUTED = f"computing {WORLDS:,} worlds"


class WhatIfPanel(Panel):
    """Turns a design's numbers and says what that does to availability, latency, room and cost.

    Parameters
    ----------
    topology
        The design to ask about; it is never changed.
    folder
        Where `export` writes the plan.
    design
        What the plan calls the design: the name of its file.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> panel = WhatIfPanel(reference())
    >>> before = panel.answer.first.days_left.mid
    >>> panel.turn(growth=2.0)
    >>> round(before / panel.answer.first.days_left.mid, 6)
    2.0
    """

    name = "meshlab-whatif-panel"

    def __init__(
        self, topology: Topology, folder: Path | str = ".", *, design: str = "", seed: int = 0
    ) -> None:
        super().__init__()
        self.topology = topology
        self.folder = Path(folder)
        self.design = design or topology.name
        self.quick = Quick(topology, seed=seed)
        self.change = Change()
        self.months = 24
        self.base: QuickAnswer = self.quick(self.change, self.horizon)
        self.answer = self.base
        self._placing = False
        self._writer: threading.Thread | None = None

    @property
    def horizon(self) -> float:
        """Seconds that the design has to last."""
        return self.months * MONTH

    @in_turn
    def turn(
        self,
        *,
        growth: float | None = None,
        months: int | None = None,
        load: float | None = None,
        distance: float | None = None,
        workers: int | None = None,
    ) -> None:
        """Turns some of the numbers; what is left out stays. The answers follow."""
        now = self.change
        self.change = Change(
            now.growth if growth is None else growth,
            now.load if load is None else load,
            now.distance if distance is None else distance,
            now.workers if workers is None else workers,
        )
        self.months = self.months if months is None else months
        with set_aside():
            self.answer = self.quick(self.change, self.horizon)
            self._refresh()

    def reset(self) -> None:
        """Turns everything back to the design as it is."""
        self.turn(growth=1.0, months=24, load=0.0, distance=1.0, workers=0)

    def _place(self) -> None:
        """Puts every slider where the change is; one that was moved by hand is there already."""
        c = self.change
        places = (c.growth, self.months, c.load, c.distance * self._near, c.workers)
        self._placing = True
        try:
            for slider, value in zip(self._sliders, places, strict=True):
                slider.max = max(slider.max, value)
                if abs(slider.value - value) > 1e-9:
                    slider.value = value
        finally:
            self._placing = False

    @in_turn
    def _moved(self, **by: Any) -> None:
        if not self._placing:
            self.turn(**by)

    def html(self) -> str:
        """Gives the answers as tables, without drawings: what a saved notebook shows."""
        return answer_html(self.answer, self.base, bars=False)

    def export(self, samples: int = WORLDS, progress: Progress | None = None) -> tuple[WrittenPlan, ...]:
        """Writes the plan of the design as it is turned now, as HTML and as Markdown.

        Parameters
        ----------
        progress
            Called before each step with how many are done, how many there are, and which comes next.

        Raises
        ------
        InputError
            The folder cannot be written to.
        """
        from meshlab.planning.report import answers
        from meshlab.views.plots.plan_files import write_plans

        self.folder.mkdir(parents=True, exist_ok=True)
        with self._turn:
            change, horizon = self.change, self.horizon
        found = answers(
            changed(self.topology, change),
            horizon=horizon,
            growth=change.growth,
            load=change.load,
            samples=samples,
            seed=self.quick.seed,
            progress=progress,
        )
        note = "" if change == Change() else turned(change)
        files = [self.folder / f"capacity-plan{kind}" for kind in (".html", ".md")]
        return write_plans(found, files, design=self.design, note=note, progress=progress)

    def said(self) -> str:
        """Gives what is turned, in words."""
        return turned(self.change)

    @in_turn
    def said_in_full(self) -> str:
        """Gives what is turned and every answer to it, in words."""
        return f"{self.said()[0].upper()}{self.said()[1:]}: {words(self.answer)}"

    def _build(self) -> Sequence[widgets.Widget]:
        import ipywidgets as widgets

        box = widgets.Layout
        style, wide = {"description_width": "190px"}, box(width="460px")
        common: dict[str, Any] = {"style": style, "layout": wide, "continuous_update": True}
        self._near = round(1000 * farthest(self.topology), 3)
        growth = widgets.FloatSlider(
            value=1.0,
            min=0.0,
            max=5.0,
            step=0.1,
            description="growth, times",
            readout_format=".1f",
            **common,
        )
        months = widgets.IntSlider(value=24, min=3, max=120, step=3, description="horizon, months", **common)
        load = widgets.FloatSlider(
            value=0.0,
            min=0.0,
            max=2000.0,
            step=20.0,
            description="load, requests a second",
            readout_format=".0f",
            **common,
        )
        ways = widgets.FloatSlider(
            value=self._near,
            min=min(0.5, self._near),
            max=max(100.0, 2 * self._near),
            step=0.5,
            description="between sites, ms one way",
            readout_format=".1f",
            disabled=not self._near,
            **common,
        )
        workers = widgets.IntSlider(value=0, min=0, max=MOST_WORKERS, description="more workers", **common)
        growth.observe(lambda change: self._moved(growth=change["new"]), names="value")
        months.observe(lambda change: self._moved(months=change["new"]), names="value")
        load.observe(lambda change: self._moved(load=change["new"]), names="value")
        ways.observe(lambda change: self._moved(distance=round(change["new"], 3) / self._near), names="value")
        workers.observe(lambda change: self._moved(workers=change["new"]), names="value")
        self._sliders = (growth, months, load, ways, workers)
        back = widgets.Button(
            description="As it is", tooltip="turn everything back", layout=box(width="auto")
        )
        back.on_click(lambda _: self.reset())
        self._save = widgets.Button(
            description="Export the plan",
            tooltip="write capacity-plan.html and capacity-plan.md",
            layout=box(width="auto"),
        )
        self._save.on_click(lambda _: self._export())
        self._status = widgets.HTML()
        self._shown = widgets.HTML()
        buttons = widgets.HBox([back, self._save, self._status], layout=box(flex_flow="row wrap"))
        return [widgets.VBox([*self._sliders, buttons]), self._shown]

    def _refresh(self) -> None:
        if self._whole is not None:
            self._place()
            self._shown.value = answer_html(self.answer, self.base)

    @in_turn
    def _export(self) -> None:
        """Writes the plan in a thread of its own: sliders go on working meanwhile."""
        if self._writer is not None and self._writer.is_alive():
            return
        self._save.disabled = True
        self._writer = threading.Thread(target=self._write, name="meshlab-export", daemon=True)
        self._writer.start()

    def _write(self) -> None:
        from meshlab.model.errors import MeshlabError

        told = self.said()
        self._say(bar_html(COMPUTED, 0, 0))
        try:
            written = self.export(progress=self._told)
        except (MeshlabError, OSError) as error:
            self._say(escape(f"✖ not written: {error}"), bad=True)
        else:
            names = " and ".join(link_html(plan.files[0]) for plan in written)
            numbers = f"{written[0].numbers} numbers with their sources ({told})"
            self._say(f"● written: {names}, {escape(numbers)}")
        finally:
            self._save.disabled = False

    def _told(self, done: int, count: int, what: str) -> None:
        if what:
            self._say(bar_html(f"{COMPUTED}: {what}", done, count))

    def _say(self, html: str, bad: bool = False) -> None:
        kind = 'role="alert" class="meshlab-status bad"' if bad else 'role="status" class="meshlab-status"'
        self._status.value = f"<div {kind}>{html}</div>"

    def __repr__(self) -> str:
        return f"WhatIfPanel of {self.topology.name}, for {span(self.horizon)}: {self.said()}. {words(self.answer)}"


def turned(change: Change) -> str:
    """Gives a change in words."""
    c = change
    told = [
        f"growth x {c.growth:g}" if c.growth != 1 else "",
        f"{c.load:g} requests a second" if c.load else "",
        f"ways between sites x {c.distance:.3g}" if c.distance != 1 else "",
        f"{c.workers} more worker{'s' if c.workers > 1 else ''}" if c.workers else "",
    ]
    return ", ".join(filter(None, told)) or "the design as it is"
