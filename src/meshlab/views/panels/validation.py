"""A panel that lays a measured cell beside its simulation: choose the cell, choose the quantity, see both curves."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from meshlab.validation.stored import cell_name
from meshlab.validation.tables import TITLES
from meshlab.views.marks import html_table, picture_html, png, text_cell
from meshlab.views.plots.curves import plot_curves

if TYPE_CHECKING:
    import ipywidgets as widgets
    from matplotlib.figure import Figure

SIMULATED, PUTS = 300, 4000
"""Faults, or puts, that are simulated for a picture: a few seconds."""
SYSTEMS = {"etcd": "etcd", "vault": "Vault", "api": "Kubernetes API", "mesh": "WireGuard"}


class ValidationPanel:
    """Shows one cell of the validation: real and simulated curves, and their numbers.

    Parameters
    ----------
    documents
        Results by name (:func:`meshlab.validation.stored.compared`); the simulated curve is computed when it is asked
        for, with the model as it is now.
    chosen
        The name of the cell to begin with; the first one unless told.
    """

    def __init__(self, documents: Mapping[str, dict[str, Any]], chosen: str = "") -> None:
        self.documents = {name: d for name, d in documents.items() if _quantities(d)}
        self.chosen = chosen or next(iter(self.documents))
        self.quantity = _quantities(self.documents[self.chosen])[0]
        self._samples: dict[str, dict[str, list[float]]] = {}
        self._shown: widgets.VBox | None = None

    @property
    def document(self) -> dict[str, Any]:
        return self.documents[self.chosen]

    def choose(self, name: str, quantity: str = "") -> None:
        """Shows another cell, or another quantity of it."""
        self.chosen = name
        known = _quantities(self.document)
        self.quantity = quantity if quantity in known else known[0]
        if self._shown is not None:
            self._refresh()

    def figure(self) -> Figure:
        """Gives the two curves."""
        setting = self.document["setting"]
        quantity = TITLES[self.quantity]
        title = f"{SYSTEMS[setting['system']]}: {quantity}, as simulated?\n{cell_name(setting)}"
        return plot_curves(self.document["real"][self.quantity], self._simulated(), title, quantity)

    def _simulated(self) -> list[float]:
        from meshlab.validation.cell import simulated_side

        if self.chosen not in self._samples:
            count = PUTS if self.document["setting"]["measure"] == "commit" else SIMULATED
            self._samples[self.chosen] = simulated_side(self.document, count)
        return self._samples[self.chosen][self.quantity]

    def table(self) -> str:
        """Gives the numbers of the cell (of 2,000 and more simulated faults) as an HTML table."""
        rows = []
        for key in _quantities(self.document):
            found = self.document["comparison"][key]
            for side in ("real", "simulated"):
                values = [text_cell(_milliseconds(q["value"])) for q in found[side]]
                count = text_cell(str(found[f"{side}_n"]))
                rows.append((f"{TITLES[key]}, {'measured' if side == 'real' else side}", [count, *values]))
        caption = f"{SYSTEMS[self.document['setting']['system']]}, {cell_name(self.document['setting'])}"
        return html_table("meshlab-cell", caption, ["", "n", "median", "90 %", "99 %"], rows)

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time."""
        import ipywidgets as widgets

        from meshlab.views.panels.parts.pulse import PANEL, Pulse

        if self._shown is None:
            wide = widgets.Layout(width="560px")
            self._which = widgets.Dropdown(
                options=self._options(), value=self.chosen, description="cell", layout=wide
            )
            self._what = widgets.Dropdown(
                options=self._choices(), value=self.quantity, description="quantity", layout=wide
            )
            self._which.observe(self._another_cell, names="value")
            self._what.observe(self._another_quantity, names="value")
            self._status, self._table, self._curves = widgets.HTML(), widgets.HTML(), widgets.HTML()
            controls = widgets.VBox([self._which, self._what, self._status])
            self._shown = widgets.VBox([Pulse("Run this cell again."), controls, self._curves, self._table])
            self._shown.add_class(PANEL).add_class("meshlab-validation-panel")
            self._refresh()
        return self._shown

    def _options(self) -> list[tuple[str, str]]:
        named = [(d["setting"], name) for name, d in self.documents.items()]
        return [(f"{SYSTEMS[s['system']]}: {cell_name(s)}", name) for s, name in named]

    def _choices(self) -> list[tuple[str, str]]:
        return [(TITLES[key], key) for key in _quantities(self.document)]

    def _another_cell(self, change: Any) -> None:
        self.chosen = change["new"]
        known = _quantities(self.document)
        self.quantity = self.quantity if self.quantity in known else known[0]
        self._what.unobserve(self._another_quantity, names="value")
        self._what.options = self._choices()
        self._what.value = self.quantity
        self._what.observe(self._another_quantity, names="value")
        self._refresh()

    def _another_quantity(self, change: Any) -> None:
        if change["new"]:
            self.choose(self.chosen, change["new"])

    def _refresh(self) -> None:
        self._status.value = '<div role="status" class="meshlab-status">▶ simulating …</div>'
        about = f"Cumulative curves, measured and simulated: {TITLES[self.quantity]}"
        self._curves.value = picture_html(png(self.figure(), dpi=90), about)
        self._table.value = self.table()
        told = f"{cell_name(self.document['setting'])}: {TITLES[self.quantity]}"
        self._status.value = f'<div role="status" class="meshlab-status">● {escape(told)}</div>'

    def __repr__(self) -> str:
        return f"ValidationPanel: {self.chosen}, {TITLES[self.quantity]}"

    def _repr_mimebundle_(self, **_: Any) -> Any:
        shown = {"text/plain": repr(self), "text/html": self.table()}
        return self.widget()._repr_mimebundle_() | shown


def _quantities(document: dict[str, Any]) -> list[str]:
    """The quantities of a cell that have two samples to compare."""
    return [key for key in TITLES if key in document["comparison"]]


def _milliseconds(value: float) -> str:
    return f"{value / 1000:.2f} s" if value >= 10_000 else f"{value:.4g} ms"
