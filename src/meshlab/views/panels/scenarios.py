"""A panel that plays scenarios: choose one, choose how many histories to draw, see the downtimes and the swim lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.model import Topology
from meshlab.model.units import duration
from meshlab.simulate import Prediction, load_scenario, simulate
from meshlab.views.marks import html_table, png, sharp_html, text_cell
from meshlab.views.panels.parts.later import Later
from meshlab.views.panels.parts.panel import STALE, Panel, in_turn, put

if TYPE_CHECKING:
    import ipywidgets as widgets
    from matplotlib.figure import Figure

REPLICATES = (5, 20, 50, 200)


@dataclass(frozen=True)
class Question:
    """What is asked: a scenario by its name, and how many histories of it."""

    scenario: str
    replicates: int


@dataclass(frozen=True)
class Answer:
    """A prediction and the question that it answers: neither is ever shown without the other."""

    question: Question
    prediction: Prediction
    lanes: str = ""


class ScenarioPanel(Panel):
    """Simulates the scenario that is chosen; the same choice gives the same bits.

    Parameters
    ----------
    scenarios
        Scenario files; their stems are what is chosen from.
    """

    name = "meshlab-scenario-panel"

    def __init__(
        self,
        topology: Topology,
        scenarios: Sequence[Path],
        chosen: str = "",
        *,
        replicates: int = 20,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.topology = topology
        self.scenarios = {path.stem: path for path in sorted(scenarios)}
        self.seed = seed
        self.asked = Question(chosen or next(iter(self.scenarios)), replicates)
        self.answer = self._play(self.asked)
        self._answers: Later[Question, Answer] = Later(self._play, self._show, self._turn, self._failed)

    @property
    def chosen(self) -> str:
        """The scenario that is shown."""
        return self.answer.question.scenario

    @property
    def replicates(self) -> int:
        """How many histories of it were drawn."""
        return self.answer.question.replicates

    @property
    def prediction(self) -> Prediction:
        """What is shown."""
        return self.answer.prediction

    def choose(self, scenario: str, replicates: int | None = None) -> None:
        """Plays another scenario, or the same with another number of histories, and waits until it is shown."""
        self._ask(scenario=scenario, replicates=replicates or self.asked.replicates)
        self._answers.settle(600.0)

    def settle(self) -> bool:
        """Waits until what was asked last is shown."""
        return self._answers.settle()

    @in_turn
    def _ask(self, **changed: str | int) -> None:
        """Asks another question; each control changes its part of the last one."""
        self.asked = replace(self.asked, **changed)  # type: ignore[arg-type]
        if self._whole is not None:
            self._say("▶", f"simulating {self.asked.scenario}, {self.asked.replicates} histories …")
            self._table.add_class(STALE)
            self._lanes.add_class(STALE)
        self._answers.ask(self.asked)

    def _play(self, asked: Question) -> Answer:
        scenario = load_scenario(self.scenarios[asked.scenario], self.topology)
        prediction = simulate(self.topology, scenario, replicates=asked.replicates, seed=self.seed)
        answer = Answer(asked, prediction)
        return answer if self._whole is None else self._drawn(answer)

    def _drawn(self, answer: Answer) -> Answer:
        said = f"Typical history of {answer.question.scenario}, component by component"
        return replace(answer, lanes=sharp_html(self._figure(answer), said))

    def _show(self, answer: Answer) -> None:
        self.answer = answer
        self._refresh()

    def _failed(self, error: Exception) -> None:
        if self._whole is not None:
            self._say("✖", f"{self.asked.scenario} could not be simulated: {error}", bad=True)

    def table(self) -> str:
        """Gives the predicted downtime of each service as an HTML table."""
        rows = []
        for name, one in self.prediction.services.items():
            spread = f"{_seconds(one.p05)} to {_seconds(one.p95)}"
            rows.append((name, [text_cell(_seconds(one.p50)), text_cell(spread)]))
        caption = f"{self.chosen}: {self.replicates} histories of {duration(self.prediction.horizon)} each"
        return html_table("meshlab-outlook", caption, ["service", "down (median)", "90 % between"], rows)

    def html(self) -> str:
        """Gives the downtimes: what a saved notebook shows."""
        return self.table()

    def lanes(self) -> bytes:
        """Gives the swim lanes of the typical history as a PNG."""
        return png(self._figure(self.answer), dpi=76)

    def _figure(self, answer: Answer) -> Figure:
        from meshlab.views.plots.timeline import plot_timeline

        title = f"{answer.question.scenario}: who is away when, in a typical history?"
        return plot_timeline(answer.prediction.typical(), topology=self.topology, title=title, zoom=True)

    def _build(self) -> Sequence[widgets.Widget]:
        import ipywidgets as widgets

        box = widgets.Layout
        which = widgets.Dropdown(
            options=list(self.scenarios), value=self.chosen, description="scenario", layout=box(width="340px")
        )
        many = widgets.Dropdown(
            options=sorted({*REPLICATES, self.replicates}), value=self.replicates, description="histories"
        )
        which.observe(lambda change: self._ask(scenario=change["new"]), names="value")
        many.observe(lambda change: self._ask(replicates=change["new"]), names="value")
        self._status, self._table, self._lanes = widgets.HTML(), widgets.HTML(), widgets.HTML()
        controls = widgets.HBox([which, many, self._status], layout=box(flex_flow="row wrap"))
        return [controls, self._table, self._lanes]

    def _refresh(self) -> None:
        if self._whole is None:
            return
        if not self.answer.lanes:
            self.answer = self._drawn(self.answer)
        put(self._table, self.table())
        put(self._lanes, self.answer.lanes)
        if self.answer.question == self.asked:
            self._table.remove_class(STALE)
            self._lanes.remove_class(STALE)
            self._say("●", f"{self.chosen} simulated")

    def _say(self, mark: str, text: str, *, bad: bool = False) -> None:
        role, look = ("alert", "meshlab-status bad") if bad else ("status", "meshlab-status")
        put(self._status, f'<div role="{role}" class="{look}">{mark} {escape(text)}</div>')

    def __repr__(self) -> str:
        return f"ScenarioPanel: {self.chosen}, {self.replicates} histories of {self.topology.name}"


def _seconds(value: float) -> str:
    return duration(round(value, 1) if value < 60 else round(value))
