"""A panel with a time slider over an incident: what was seen at that moment, beside what was predicted."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from meshlab.model import SERVICES, State, Timeline, Topology
from meshlab.model.units import duration
from meshlab.views.marks import cell, html_table, text_cell

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
        names = [*SERVICES, *machines]
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
        import matplotlib.pyplot as plt

        from meshlab.views.topology_plot import plot_topology

        seen = {name: pair[0] for name, pair in self.at(self.time).items() if pair[0] is not None}
        figure = plot_topology(self.topology, timeline_state=seen)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=80)
        plt.close(figure)
        return buffer.getvalue()

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

        if self._widget is None:
            wide = widgets.Layout(width="100%")
            self._slider = widgets.FloatSlider(
                value=self.time,
                min=0.0,
                max=self.observed.horizon,
                step=0.5,
                description="second",
                continuous_update=False,
                layout=wide,
            )
            jump = widgets.Dropdown(
                options=[("jump to …", None), *self.moments()], description="moment", layout=wide
            )
            self._slider.observe(lambda change: self.move(change["new"]), names="value")
            jump.observe(lambda change: self._jump(change["new"]), names="value")
            self._table = widgets.HTML()
            self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
            self._widget = widgets.VBox([self._slider, jump, self._table, self._image])
            self._widget.add_class("meshlab-incident-panel")
            self._refresh()
        return self._widget

    def _jump(self, time: float | None) -> None:
        if time is not None:
            self._slider.value = time

    def _refresh(self) -> None:
        self._table.value = self.table()
        self._image.value = self.picture()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget())  # type: ignore[no-untyped-call]
