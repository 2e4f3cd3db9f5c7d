"""A panel of failure toggles: take a zone, a machine or a link away, and see the picture and the verdicts change."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from meshlab.model import SERVICES, Link, Machine, RaftGroup, Site, State, Topology, Zone
from meshlab.simulate import standing
from meshlab.views.marks import cell, html_table, text_cell

if TYPE_CHECKING:
    import ipywidgets as widgets


class FailurePanel:
    """Toggles for everything that can fail; the verdicts are those of the settled state (`simulate.standing`).

    Parameters
    ----------
    topology
        The cluster to ask about; it is never changed.
    down
        What is down to begin with.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> panel = FailurePanel(reference(), down=["master-1", "master-2"])
    >>> str(panel.states["etcd"])
    'no-quorum'
    """

    def __init__(self, topology: Topology, down: Iterable[str] = ()) -> None:
        self.topology = topology
        self._down = set(down)
        for name in self._down:
            topology[name]
        self.states: dict[str, State] = standing(topology, self._down)
        self._widget: widgets.VBox | None = None

    @property
    def down(self) -> tuple[str, ...]:
        """What is down now, sorted."""
        return tuple(sorted(self._down))

    def set(self, name: str, failed: bool) -> None:
        """Takes a component down, or brings it back; picture and verdicts follow."""
        self.topology[name]
        (self._down.add if failed else self._down.discard)(name)
        self.states = standing(self.topology, self._down)
        if self._widget is not None:
            self._refresh()

    def verdicts(self) -> list[tuple[str, State, str]]:
        """Gives for each service its state and, for a raft group, how far it is from losing its quorum."""
        return [(name, self.states[name], self._margin(name)) for name in SERVICES if name in self.states]

    def _margin(self, name: str) -> str:
        group = next((g for g in self.topology.raft_groups if g.name == name), None)
        if group is None:
            return ""
        up = self.voters_up(group)
        spare = len(up) - group.quorum
        if spare < 0:
            return f"{len(up)} of {len(group.voters)} voters, {group.quorum} needed"
        if spare == 0:
            return f"{len(up)} of {len(group.voters)} voters: one more loss ends it"
        return f"{len(up)} of {len(group.voters)} voters, {spare} to spare"

    def voters_up(self, group: RaftGroup) -> tuple[str, ...]:
        """Gives the voters of a group whose machine, zone and site are not taken down."""
        machines = (self.topology.machine(voter) for voter in group.voters)
        return tuple(m.name for m in machines if not {m.name, m.zone, m.site} & self._down)

    def picture(self) -> bytes:
        """Gives the topology as a PNG, its machines and services in their states."""
        import matplotlib.pyplot as plt

        from meshlab.views.topology_plot import plot_topology

        figure = plot_topology(self.topology, timeline_state=self._shown())
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=80)
        plt.close(figure)
        return buffer.getvalue()

    def _shown(self) -> dict[str, State]:
        shown = dict(self.states)
        for name in self._down:
            shown[name] = State.DOWN
            component = self.topology[name]
            if isinstance(component, (Site, Zone)):
                shown.update({machine.name: State.DOWN for machine in self.topology.machines_in(name)})
        return shown

    def table(self) -> str:
        """Gives the verdicts as an HTML table: state by shape and word, colour only beside them."""
        failed = ", ".join(self.down) or "nothing"
        rows = [(name, [cell(state), text_cell(margin)]) for name, state, margin in self.verdicts()]
        caption = f"With {failed} down, once things have settled"
        return html_table("meshlab-verdicts", caption, ["service", "state", "margin"], rows)

    def toggles(self) -> dict[str, list[str]]:
        """Gives what can be toggled, by heading."""
        t = self.topology
        providers = [c.name for c in (t.orchestrator, t.discovery) if c]
        between = [link.name for link in t.of(Link) if link.a != link.b]
        return {
            "sites and zones": [c.name for c in (*t.of(Site), *t.of(Zone))],
            "machines": [c.name for c in t.of(Machine)],
            "links and providers": [*between, *providers],
        }

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time."""
        import ipywidgets as widgets

        if self._widget is None:
            columns = [self._column(widgets, heading, names) for heading, names in self.toggles().items()]
            self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
            self._verdicts = widgets.HTML()
            self._widget = widgets.VBox([widgets.HBox(columns), self._verdicts, self._image])
            self._widget.add_class("meshlab-failure-panel")
            self._refresh()
        return self._widget

    def _column(self, widgets: Any, heading: str, names: list[str]) -> Any:
        boxes = [widgets.HTML(f"<b>take down: {escape(heading)}</b>")]
        for name in names:
            box = widgets.Checkbox(
                value=name in self._down,
                description=name,
                indent=False,
                tooltip=f"take {name} down",
                layout={"width": "auto"},
            )
            box.observe(lambda change, name=name: self.set(name, change["new"]), names="value")
            boxes.append(box)
        return widgets.VBox(boxes, layout=widgets.Layout(margin="0 24px 0 0"))

    def _refresh(self) -> None:
        self._verdicts.value = self.table()
        self._image.value = self.picture()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget())  # type: ignore[no-untyped-call]
