"""A panel of failure toggles: take a zone, a machine or a link away, and see the picture and the verdicts change.

The verdicts come at once; the picture takes a moment and follows, grey until it is that of the verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from meshlab.model import Link, Machine, RaftGroup, Site, State, Topology, Zone
from meshlab.simulate import standing
from meshlab.views.marks import MARKS, cell, html_table, png, sharp_html, text_cell
from meshlab.views.panels.parts.heap import set_aside
from meshlab.views.panels.parts.later import Later
from meshlab.views.panels.parts.panel import STALE, Panel, in_turn

if TYPE_CHECKING:
    import ipywidgets as widgets


class FailurePanel(Panel):
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

    name = "meshlab-failure-panel"

    def __init__(self, topology: Topology, down: Iterable[str] = ()) -> None:
        super().__init__()
        self.topology = topology
        self._down = set(down)
        for name in self._down:
            topology[name]
        self.states: dict[str, State] = standing(topology, self._down)
        self._pictures: Later[tuple[dict[str, State], str], str] = Later(self._draw, self._show, self._turn)

    @property
    def down(self) -> tuple[str, ...]:
        """What is down now, sorted."""
        return tuple(sorted(self._down))

    @in_turn
    def set(self, name: str, failed: bool) -> None:
        """Takes a component down, or brings it back; picture and verdicts follow."""
        self.topology[name]
        (self._down.add if failed else self._down.discard)(name)
        with set_aside():
            self.states = standing(self.topology, self._down)
            self._refresh()

    def verdicts(self) -> list[tuple[str, State, str]]:
        """Gives for each service its state and, for a raft group, how far it is from losing its quorum."""
        return [
            (name, self.states[name], self._margin(name))
            for name in self.topology.service_names
            if name in self.states
        ]

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
        from meshlab.views.topology.plot import plot_topology

        return png(plot_topology(self.topology, timeline_state=self._shown()))

    def settle(self) -> bool:
        """Waits until the picture is that of the verdicts."""
        return self._pictures.settle()

    def _draw(self, asked: tuple[dict[str, State], str]) -> str:
        from meshlab.views.topology.plot import plot_topology

        states, said = asked
        return sharp_html(plot_topology(self.topology, timeline_state=states), said)

    def _show(self, picture: str) -> None:
        self._image.value = picture
        self._image.remove_class(STALE)

    def words(self) -> str:
        """Gives the verdicts in one sentence."""
        failed = ", ".join(self.down) or "nothing"
        stands = ", ".join(f"{name} {MARKS[state]} {state.value}" for name, state, _ in self.verdicts())
        return f"With {failed} down: {stands}"

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

    def html(self) -> str:
        """Gives the verdicts: what a saved notebook shows."""
        return self.table()

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

    def _build(self) -> Sequence[widgets.Widget]:
        import ipywidgets as widgets

        box = widgets.Layout
        self._boxes: dict[str, Any] = {}
        columns = [self._column(widgets, heading, names) for heading, names in self.toggles().items()]
        back = widgets.Button(
            description="Bring everything back", tooltip="clear every toggle", layout=box(width="auto")
        )
        back.on_click(lambda _: self.reset())
        self._verdicts, self._image = widgets.HTML(), widgets.HTML(layout=box(flex="0 1 auto"))
        toggles = widgets.HBox(columns, layout=box(flex_flow="row wrap"))
        # Toggles and verdicts stand beside the picture where the page is wide enough, above it where it is not.
        words = widgets.VBox([toggles, back, self._verdicts], layout=box(flex="1 1 290px"))
        return [widgets.HBox([words, self._image], layout=box(flex_flow="row wrap"))]

    @in_turn
    def reset(self) -> None:
        """Brings everything back."""
        for name in self.down:
            self.set(name, False)

    def _column(self, widgets: Any, heading: str, names: list[str]) -> Any:
        boxes = [widgets.HTML(f'<p class="meshlab-heading">Take down: {escape(heading)}</p>')]
        for name in names:
            box = widgets.Checkbox(
                value=name in self._down,
                description=name,
                indent=False,
                tooltip=f"take {name} down",
                layout={"width": "auto"},
            )
            box.observe(lambda change, name=name: self._toggled(name, change["new"]), names="value")
            self._boxes[name] = box
            boxes.append(box)
        return widgets.VBox(boxes, layout=widgets.Layout(margin="0 24px 0 0"))

    @in_turn
    def _toggled(self, name: str, failed: bool) -> None:
        if failed != (name in self._down):
            self.set(name, failed)

    def _refresh(self) -> None:
        if self._whole is None:
            return
        for name, box in self._boxes.items():
            box.value = name in self._down
        self._verdicts.value = self.table()
        self._image.add_class(STALE)
        self._pictures.ask((self._shown(), self.words()))

    def __repr__(self) -> str:
        return f"FailurePanel of {self.topology.name}. {self.words()}"
