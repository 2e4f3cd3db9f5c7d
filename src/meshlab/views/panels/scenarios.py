"""A panel that plays scenarios: choose one, choose how many histories to draw, see the downtimes and the swim lanes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.model import Topology
from meshlab.model.units import duration
from meshlab.simulate import Prediction, load_scenario, simulate
from meshlab.views.marks import html_table, picture_html, png, text_cell

if TYPE_CHECKING:
    import ipywidgets as widgets

REPLICATES = (5, 20, 50, 200)


class ScenarioPanel:
    """Simulates the scenario that is chosen; the same choice gives the same bits.

    Parameters
    ----------
    scenarios
        Scenario files; their stems are what is chosen from.
    """

    def __init__(
        self,
        topology: Topology,
        scenarios: Sequence[Path],
        chosen: str = "",
        *,
        replicates: int = 20,
        seed: int = 0,
    ) -> None:
        self.topology = topology
        self.scenarios = {path.stem: path for path in sorted(scenarios)}
        self.chosen = chosen or next(iter(self.scenarios))
        self.replicates = replicates
        self.seed = seed
        self.prediction: Prediction = self._simulate()
        self._shown: widgets.VBox | None = None

    def _simulate(self) -> Prediction:
        scenario = load_scenario(self.scenarios[self.chosen], self.topology)
        return simulate(self.topology, scenario, replicates=self.replicates, seed=self.seed)

    def choose(self, scenario: str, replicates: int | None = None) -> None:
        """Plays another scenario, or the same with another number of histories."""
        self.chosen, self.replicates = scenario, replicates or self.replicates
        if self._shown is not None:
            self._status.value = '<div role="status" class="meshlab-status">▶ simulating …</div>'
        self.prediction = self._simulate()
        if self._shown is not None:
            self._refresh()

    def table(self) -> str:
        """Gives the predicted downtime of each service as an HTML table."""
        rows = []
        for name, one in self.prediction.services.items():
            spread = f"{_seconds(one.p05)} to {_seconds(one.p95)}"
            rows.append((name, [text_cell(_seconds(one.p50)), text_cell(spread)]))
        caption = f"{self.chosen}: {self.replicates} histories of {duration(self.prediction.horizon)} each"
        return html_table("meshlab-outlook", caption, ["service", "down (median)", "90 % between"], rows)

    def lanes(self) -> bytes:
        """Gives the swim lanes of the typical history as a PNG."""
        from meshlab.views.plots.timeline import plot_timeline

        return png(plot_timeline(self.prediction.typical(), topology=self.topology), dpi=76)

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time."""
        import ipywidgets as widgets

        from meshlab.views.panels.parts.pulse import PANEL, Pulse

        if self._shown is None:
            box = widgets.Layout
            which = widgets.Dropdown(
                options=list(self.scenarios),
                value=self.chosen,
                description="scenario",
                layout=box(width="340px"),
            )
            many = widgets.Dropdown(
                options=sorted({*REPLICATES, self.replicates}), value=self.replicates, description="histories"
            )
            which.observe(lambda change: self.choose(change["new"]), names="value")
            many.observe(lambda change: self.choose(self.chosen, change["new"]), names="value")
            self._status, self._table, self._lanes = widgets.HTML(), widgets.HTML(), widgets.HTML()
            controls = widgets.HBox([which, many, self._status], layout=box(flex_flow="row wrap"))
            self._shown = widgets.VBox([Pulse("Run this cell again."), controls, self._table, self._lanes])
            self._shown.add_class(PANEL).add_class("meshlab-scenario-panel")
            self._refresh()
        return self._shown

    def _refresh(self) -> None:
        lanes = picture_html(self.lanes(), f"Typical history of {self.chosen}, component by component")
        self._table.value, self._lanes.value = self.table(), lanes
        self._status.value = (
            f'<div role="status" class="meshlab-status">● {escape(self.chosen)} simulated</div>'
        )

    def __repr__(self) -> str:
        return f"ScenarioPanel: {self.chosen}, {self.replicates} histories of {self.topology.name}"

    def _repr_mimebundle_(self, **_: Any) -> Any:
        shown = {"text/plain": repr(self), "text/html": self.table()}
        return self.widget()._repr_mimebundle_() | shown


def _seconds(value: float) -> str:
    return duration(round(value, 1) if value < 60 else round(value))
