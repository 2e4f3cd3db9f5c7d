"""A panel with a time slider over an incident: what was seen at that moment, beside what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshlab.model import State, Timeline, Topology
from meshlab.model.units import duration
from meshlab.views.marks import MARKS, cell, html_table, picture_html, png, sharp_html, text_cell
from meshlab.views.panels.parts.lanes import Lanes
from meshlab.views.panels.parts.later import Later
from meshlab.views.panels.parts.panel import STALE, Panel, in_turn, put

if TYPE_CHECKING:
    import ipywidgets as widgets
    from matplotlib.figure import Figure


class IncidentPanel(Panel):
    """Observed and predicted state of every component at one moment, with the picture of that moment.

    Words and the line in the swim lanes follow the slider at once; the map takes a moment, and is grey until then.

    Parameters
    ----------
    topology, observed
        The cluster, and what was seen of it.
    predicted
        A simulated history on the same zero (`Prediction.typical()`); None shows the observed one alone.
    """

    name = "meshlab-incident-panel"

    def __init__(self, topology: Topology, observed: Timeline, predicted: Timeline | None = None) -> None:
        super().__init__()
        self.topology = topology
        self.observed = observed
        self.predicted = predicted
        self.time = 0.0
        self._drawn: Lanes | None = None
        self._pictures: Later[float, str] = Later(self._draw, self._show, self._turn)

    def at(self, time: float) -> dict[str, tuple[State | None, State | None]]:
        """Gives (observed, predicted) state by component at a moment; None where a history does not say."""
        machines = [m.name for m in self.topology.machines]
        names = [*self.topology.service_names, *machines]
        predicted = self.predicted
        states = {
            name: (self.observed.state_at(name, time), predicted.state_at(name, time) if predicted else None)
            for name in names
        }
        return {name: pair for name, pair in states.items() if pair != (None, None)}

    @in_turn
    def move(self, time: float) -> None:
        """Moves to another moment, in seconds from the zero of the incident."""
        self.time = min(max(0.0, time), self.observed.horizon)
        self._refresh()

    def settle(self) -> bool:
        """Waits until the map is that of the words."""
        return self._pictures.settle()

    def table(self, time: float | None = None) -> str:
        """Gives the states of a moment (this one unless told) as an HTML table, with the reason of what was seen."""
        now = self.time if time is None else time
        rows = [
            (name, [cell(seen), cell(expected), text_cell(self._cause(name, now))])
            for name, (seen, expected) in self.at(now).items()
        ]
        events = [e for e in self.observed.events if abs(e.time - now) <= 1.0]
        caption = f"At {duration(now)}" + (": " + "; ".join(e.text for e in events[:3]) if events else "")
        return html_table("meshlab-moment", caption, ["component", "observed", "predicted", "why"], rows)

    def _cause(self, name: str, time: float) -> str:
        for interval in self.observed.of(name):
            if interval.start <= time < interval.end:
                return interval.cause
        return ""

    def picture(self) -> bytes:
        """Gives the topology at this moment as a PNG, as observed."""
        return png(self.map(self.time))

    def map(self, time: float) -> Figure:
        """Gives the topology at a moment, as observed."""
        from meshlab.views.topology.plot import plot_topology

        return plot_topology(self.topology, timeline_state=self._seen(time))

    def lanes(self) -> Figure:
        """Gives the swim lanes of both histories, where things happen, of what was not well all the time."""
        from meshlab.views.plots.timeline import default_lanes, plot_timeline

        histories = [self.observed]
        if self.predicted is not None:
            histories.insert(0, self.predicted.clipped(self.observed.horizon))
        every = default_lanes(histories, self.topology)
        troubled = {i.component for t in histories for i in t.intervals if i.state is not State.UP}
        shown = [name for name in every if name in troubled] or every
        title = " above ".join(t.origin for t in histories)
        rest = (
            f"; the other {len(every) - len(shown)} were up all the time" if len(shown) < len(every) else ""
        )
        return plot_timeline(
            *histories,
            components=shown,
            topology=self.topology,
            title=f"{title.capitalize()}{rest}",
            zoom=True,
        )

    def _seen(self, time: float) -> dict[str, State]:
        return {name: seen for name, (seen, _) in self.at(time).items() if seen is not None}

    def words(self, time: float | None = None) -> str:
        """Gives what was not well at a moment (this one unless told) in one sentence."""
        now = self.time if time is None else time
        ill = [f"{n} {MARKS[s]} {s.value}" for n, s in self._seen(now).items() if s is not State.UP]
        return f"At {duration(now)}: " + (", ".join(ill) or "everything that was seen was up")

    def moments(self) -> list[tuple[str, float]]:
        """Gives the moments worth a look: where something stopped serving, or served again."""
        changes: dict[float, list[str]] = {}
        for interval in sorted(self.observed.intervals, key=lambda i: (i.start, i.component)):
            if interval.start > 0:
                changes.setdefault(interval.start, []).append(f"{interval.component} {interval.state.value}")
        return [(f"{duration(time)}: {', '.join(told)}", time) for time, told in sorted(changes.items())]

    def worst(self) -> float:
        """Gives the first moment at which most components did not serve."""
        times = [0.0, *(time for _, time in self.moments())]
        return max(times, key=lambda t: (sum(not s.serving for s in self._seen(t).values()), -t))

    def html(self) -> str:
        """Gives the swim lanes and the worst moment: what a saved notebook shows."""
        lanes = picture_html(png(self.lanes(), dpi=100), LANES, width=1100)
        return f"{lanes}<p>{self.words(self.worst())}</p>{self.table(self.worst())}"

    def _build(self) -> Sequence[widgets.Widget]:
        import ipywidgets as widgets

        box = widgets.Layout
        self._slider = widgets.FloatSlider(
            value=self.time,
            min=0.0,
            max=self.observed.horizon,
            step=0.5,
            description="time (s)",
            continuous_update=True,
            readout_format=".1f",
            layout=box(width="98%"),
        )
        self._jump = widgets.Dropdown(
            options=[("jump to …", None), *self.moments()], description="moment", layout=box(width="98%")
        )
        self._placing = False
        self._slider.observe(lambda change: self._moved(change["new"]), names="value")
        self._jump.observe(lambda change: self._moved(change["new"]), names="value")
        self._table = widgets.HTML(layout=box(flex="1 1 420px"))
        self._image = widgets.HTML(layout=box(flex="0 1 auto"))
        self._drawn = Lanes(self.lanes(), LANES)
        picture, self._now = widgets.HTML(self._drawn.picture), widgets.HTML()
        self._now.add_class("meshlab-now-layer")
        lanes = widgets.Box([picture, self._now])
        lanes.add_class("meshlab-lanes")
        shown = widgets.HBox([self._table, self._image], layout=box(flex_flow="row wrap"))
        return [self._slider, self._jump, lanes, shown]

    @in_turn
    def _moved(self, time: float | None) -> None:
        if time is not None and not self._placing:
            self.move(time)

    def _place(self) -> None:
        """Puts slider and list where the moment is; a moment that is in no list leaves the list at its head."""
        self._placing = True
        try:
            self._slider.value = self.time
            self._jump.value = self.time if self.time in {time for _, time in self.moments()} else None
        finally:
            self._placing = False

    def _refresh(self) -> None:
        if self._drawn is None or self._whole is None:
            return
        self._place()
        put(self._table, self.table())
        put(self._now, self._drawn.line(self.time))
        self._image.add_class(STALE)
        self._pictures.ask(self.time)

    def _draw(self, time: float) -> str:
        return sharp_html(self.map(time), self.words(time))

    def _show(self, picture: str) -> None:
        put(self._image, picture)
        self._image.remove_class(STALE)

    def __repr__(self) -> str:
        return f"IncidentPanel of {self.topology.name}. {self.words(self.worst())}"


LANES = "Predicted and observed states of every component over time"
