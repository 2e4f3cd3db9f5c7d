"""A panel that lays a measured cell beside its simulation: choose the cell, choose the quantity, see both curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from meshlab.validation.stored import cell_name
from meshlab.validation.tables import TITLES
from meshlab.views.marks import html_table, sharp_html, text_cell
from meshlab.views.panels.parts.later import Later
from meshlab.views.panels.parts.panel import STALE, Panel, in_turn, put
from meshlab.views.plots.curves import LONG_MS, plot_curves

if TYPE_CHECKING:
    import ipywidgets as widgets
    from matplotlib.figure import Figure

SIMULATED, PUTS = 300, 4000
"""Faults, or puts, that are simulated for a picture: a few seconds."""
SYSTEMS = {"etcd": "etcd", "vault": "Vault", "api": "Kubernetes API", "mesh": "WireGuard"}


Samples = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Question:
    """What is asked: a cell by its name, and a quantity of it."""

    cell: str
    quantity: str


@dataclass(frozen=True)
class Curves:
    """A question, the simulated samples that answer it, and the picture where somebody looks."""

    question: Question
    samples: Samples
    picture: str = ""


class ValidationPanel(Panel):
    """Shows one cell of the validation: real and simulated curves, and their numbers.

    Parameters
    ----------
    documents
        Results by name (:func:`meshlab.validation.stored.compared`); the simulated curve is computed when it is asked
        for, with the model as it is now.
    chosen
        The name of the cell to begin with; the first one unless told.
    """

    name = "meshlab-validation-panel"

    def __init__(self, documents: Mapping[str, dict[str, Any]], chosen: str = "") -> None:
        super().__init__()
        self.documents = {name: d for name, d in documents.items() if _quantities(d)}
        cell = chosen or next(iter(self.documents))
        self.asked = Question(cell, _quantities(self.documents[cell])[0])
        self.shown = Curves(self.asked, {})
        self._placing = False
        self._samples: dict[str, Samples] = {}
        self._answers: Later[Question, Curves] = Later(self._simulate, self._show, self._turn, self._failed)

    @property
    def document(self) -> dict[str, Any]:
        """The cell that is shown."""
        return self.documents[self.shown.question.cell]

    @property
    def quantity(self) -> str:
        """The quantity of it that is shown."""
        return self.shown.question.quantity

    def choose(self, name: str, quantity: str = "") -> None:
        """Shows another cell, or another quantity of it, and waits until it is shown."""
        self._ask(name, quantity)
        self._answers.settle(600.0)

    def settle(self) -> bool:
        """Waits until what was asked last is shown."""
        return self._answers.settle()

    @in_turn
    def _ask(self, cell: str, quantity: str) -> None:
        known = _quantities(self.documents[cell])
        self.asked = Question(cell, quantity if quantity in known else known[0])
        if self._whole is not None:
            self._place()
            self._say("▶", "simulating …")
            self._curves.add_class(STALE)
            self._table.add_class(STALE)
        self._answers.ask(self.asked)

    def figure(self) -> Figure:
        """Gives the two curves."""
        if not self.shown.samples:
            self._answers.ask(self.asked)
            self._answers.settle(600.0)
        return self._figure(self.shown)

    def _figure(self, curves: Curves) -> Figure:
        document, quantity = self.documents[curves.question.cell], curves.question.quantity
        setting = document["setting"]
        title = f"{SYSTEMS[setting['system']]}: {TITLES[quantity]}, as simulated?\n{cell_name(setting)}"
        real = document["real"][quantity]
        return plot_curves(real, curves.samples[quantity], title, TITLES[quantity])

    def _simulate(self, asked: Question) -> Curves:
        from meshlab.validation.cell import simulated_side

        document = self.documents[asked.cell]
        if asked.cell not in self._samples:
            count = PUTS if document["setting"]["measure"] == "commit" else SIMULATED
            self._samples[asked.cell] = simulated_side(document, count)
        curves = Curves(asked, self._samples[asked.cell])
        return curves if self._whole is None else self._drawn(curves)

    def _drawn(self, curves: Curves) -> Curves:
        about = f"Cumulative curves, measured and simulated: {TITLES[curves.question.quantity]}"
        return replace(curves, picture=sharp_html(self._figure(curves), about))

    def _show(self, curves: Curves) -> None:
        self.shown = curves
        self._refresh()

    def _failed(self, error: Exception) -> None:
        if self._whole is not None:
            self._say("✖", f"not simulated: {error}", bad=True)

    def table(self) -> str:
        """Gives the numbers of the cell (of 2,000 and more simulated faults) as an HTML table."""
        rows = []
        compared = [self.document["comparison"][key] for key in _quantities(self.document)]
        times = [q["value"] for found in compared for side in ("real", "simulated") for q in found[side]]
        long = max(times) >= LONG_MS
        for key in _quantities(self.document):
            found = self.document["comparison"][key]
            for side in ("real", "simulated"):
                values = [text_cell(_time(q["value"], long)) for q in found[side]]
                count = text_cell(f"{found[f'{side}_n']:,}")
                rows.append((f"{TITLES[key]}, {'measured' if side == 'real' else side}", [count, *values]))
        caption = f"{SYSTEMS[self.document['setting']['system']]}, {cell_name(self.document['setting'])}"
        return html_table("meshlab-cell", caption, ["quantity", "n", "median", "90 %", "99 %"], rows)

    def html(self) -> str:
        """Gives the numbers of the cell: what a saved notebook shows."""
        return self.table()

    def _build(self) -> Sequence[widgets.Widget]:
        import ipywidgets as widgets

        wide = widgets.Layout(width="560px", max_width="98%")
        self._which = widgets.Dropdown(
            options=self._options(), value=self.asked.cell, description="cell", layout=wide
        )
        self._what = widgets.Dropdown(
            options=self._choices(), value=self.asked.quantity, description="quantity", layout=wide
        )
        self._which.observe(lambda change: self._chosen(cell=change["new"]), names="value")
        self._what.observe(lambda change: self._chosen(quantity=change["new"]), names="value")
        self._status, self._table, self._curves = widgets.HTML(), widgets.HTML(), widgets.HTML()
        return [widgets.VBox([self._which, self._what, self._status]), self._curves, self._table]

    def _options(self) -> list[tuple[str, str]]:
        named = [(d["setting"], name) for name, d in self.documents.items()]
        return [(f"{SYSTEMS[s['system']]}: {cell_name(s)}", name) for s, name in named]

    def _choices(self) -> list[tuple[str, str]]:
        return [(TITLES[key], key) for key in _quantities(self.documents[self.asked.cell])]

    @in_turn
    def _chosen(self, cell: str = "", quantity: str = "") -> None:
        if not self._placing:
            self._ask(cell or self.asked.cell, quantity or self.asked.quantity)

    def _place(self) -> None:
        """Puts the controls where the question is; the quantities are those of its cell."""
        self._placing = True
        try:
            self._which.value = self.asked.cell
            if self._what.options != tuple(self._choices()):
                self._what.options = self._choices()
            self._what.value = self.asked.quantity
        finally:
            self._placing = False

    def _refresh(self) -> None:
        if self._whole is None:
            return
        if not self.shown.picture:
            self._ask(self.asked.cell, self.asked.quantity)
            put(self._table, self.table())
            return
        put(self._curves, self.shown.picture)
        put(self._table, self.table())
        if self.shown.question == self.asked:
            self._curves.remove_class(STALE)
            self._table.remove_class(STALE)
            self._say("●", f"{cell_name(self.document['setting'])}: {TITLES[self.quantity]}")

    def _say(self, mark: str, text: str, *, bad: bool = False) -> None:
        role, look = ("alert", "meshlab-status bad") if bad else ("status", "meshlab-status")
        put(self._status, f'<div role="{role}" class="{look}">{mark} {escape(text)}</div>')

    def __repr__(self) -> str:
        return f"ValidationPanel: {self.shown.question.cell}, {TITLES[self.quantity]}"


def _quantities(document: dict[str, Any]) -> list[str]:
    """The quantities of a cell that have two samples to compare."""
    return [key for key in TITLES if key in document["comparison"]]


def _time(milliseconds: float, long: bool) -> str:
    """One unit in a whole table, so that rows can be compared at a glance."""
    return f"{milliseconds / 1000:.2f} s" if long else f"{milliseconds:.4g} ms"
