"""A panel with a time slider over an incident: what was seen at that moment, beside what was predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshlab.model import State, Timeline, Topology
from meshlab.model.units import duration
from meshlab.views.marks import MARKS, cell, html_table, picture_html, png, text_cell

if TYPE_CHECKING:
    import ipywidgets as widgets


class IncidentPanel:
    """Observed and predicted state of every component at one moment, with the picture of that moment.

    Parameters
    ----------
    topology, observed
        The cluster, and what was seen of it.
    predicted
        A simulated history on the same zero (`Prediction.typical()`); None shows the observed one alone.
    """

    def __init__(self, topology: Topology, observed: Timeline, predicted: Timeline | None = None) -> None:
        self.topology = topology
        self.observed = observed
        self.predicted = predicted
        self.time = 0.0
        self._widget: widgets.VBox | None = None

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

    def move(self, time: float) -> None:
        """Moves to another moment, in seconds from the zero of the incident."""
        self.time = min(max(0.0, time), self.observed.horizon)
        if self._widget is not None:
            self._refresh()

    def table(self) -> str:
        """Gives the states of this moment as an HTML table, with the reason of what was seen."""
        rows = [
            (name, [cell(seen), cell(expected), text_cell(self._cause(name))])
            for name, (seen, expected) in self.at(self.time).items()
        ]
        events = [e for e in self.observed.events if abs(e.time - self.time) <= 1.0]
        caption = f"At {duration(self.time)}" + (
            ": " + "; ".join(e.text for e in events[:3]) if events else ""
        )
        return html_table("meshlab-moment", caption, ["component", "observed", "predicted", "why"], rows)

    def _cause(self, name: str) -> str:
        for interval in self.observed.of(name):
            if interval.start <= self.time < interval.end:
                return interval.cause
        return ""

    def picture(self) -> bytes:
        """Gives the topology at this moment as a PNG, as observed."""
        from meshlab.views.topology.plot import plot_topology

        return png(plot_topology(self.topology, timeline_state=self._seen()))

    def lanes(self) -> bytes:
        """Gives the swim lanes of both histories as a PNG, with a line at this moment."""
        from meshlab.views.plots.timeline import plot_timeline

        histories = [self.observed]
        if self.predicted is not None:
            histories.insert(0, self.predicted.clipped(self.observed.horizon))
        return png(plot_timeline(*histories, topology=self.topology, now=self.time), dpi=72)

    def _seen(self) -> dict[str, State]:
        return {name: seen for name, (seen, _) in self.at(self.time).items() if seen is not None}

    def words(self) -> str:
        """Gives what was not well at this moment in one sentence."""
        ill = [f"{n} {MARKS[s]} {s.value}" for n, s in self._seen().items() if s is not State.UP]
        return f"At {duration(self.time)}: " + (", ".join(ill) or "everything that was seen was up")

    def moments(self) -> list[tuple[str, float]]:
        """Gives the moments worth a look: where something stopped serving, or served again."""
        changes = {
            interval.start: f"{duration(interval.start)}: {interval.component} {interval.state.value}"
            for interval in sorted(self.observed.intervals, key=lambda i: (i.start, i.component))
            if interval.start > 0
        }
        return [(text, time) for time, text in sorted(changes.items())]

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time."""
        import ipywidgets as widgets

        from meshlab.views.panels.parts.pulse import PANEL, Pulse

        if self._widget is None:
            box = widgets.Layout
            self._slider = widgets.FloatSlider(
                value=self.time,
                min=0.0,
                max=self.observed.horizon,
                step=0.5,
                description="time (s)",
                continuous_update=False,
                readout_format=".1f",
                layout=box(width="98%"),
            )
            jump = widgets.Dropdown(
                options=[("jump to …", None), *self.moments()], description="moment", layout=box(width="98%")
            )
            self._slider.observe(lambda change: self.move(change["new"]), names="value")
            jump.observe(lambda change: self._jump(change["new"]), names="value")
            self._table = widgets.HTML(layout=box(flex="1 1 420px"))
            self._image = widgets.HTML(layout=box(flex="1 1 420px"))
            self._lanes = widgets.HTML()
            shown = widgets.HBox([self._table, self._image], layout=box(flex_flow="row wrap"))
            self._widget = widgets.VBox(
                [Pulse("Run this cell again."), self._slider, jump, shown, self._lanes]
            )
            self._widget.add_class(PANEL).add_class("meshlab-incident-panel")
            self._refresh()
        return self._widget

    def _jump(self, time: float | None) -> None:
        if time is not None:
            self._slider.value = time

    def _refresh(self) -> None:
        self._slider.value = self.time
        # Drawn first, so that the words and the pictures change together.
        picture = picture_html(self.picture(), self.words())
        lanes = picture_html(self.lanes(), "Predicted and observed states of every component over time")
        self._table.value, self._image.value, self._lanes.value = self.table(), picture, lanes

    def __repr__(self) -> str:
        return f"IncidentPanel of {self.topology.name}"

    def _repr_mimebundle_(self, **_: Any) -> Any:
        return self.widget()._repr_mimebundle_() | {"text/plain": repr(self)}
