"""The picture of a topology: sites and zones, machines and what runs on them, mesh, links and quorums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshlab.model import State, Topology
from meshlab.views import style
from meshlab.views.topology.layout import lay_out
from meshlab.views.topology.links import draw_between_sites, draw_mesh_inside
from meshlab.views.topology.machines import badge_rows, draw_card, draw_more
from meshlab.views.topology.places import draw_above, draw_site, draw_title
from meshlab.views.topology.services import draw_rails, draw_services
from meshlab.views.topology.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDEST = 20.0
"""Inches; a larger picture is scaled down."""


def plot_topology(
    topology: Topology,
    *,
    timeline_state: Mapping[str, State] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Gives the picture of a topology, and of the state that it is in at one moment.

    Parameters
    ----------
    timeline_state
        The state of components by name (``timeline.states_at(t)``, say); those without one are drawn plain.
        A state is told by colour, hatch and its word.
    ax
        Axes to draw on; a figure of the right size is made where there are none.
    """
    from matplotlib.figure import Figure

    states = dict(timeline_state or {})
    badges = {m.name: badge_rows(topology, m, states) for m in topology.machines}
    fullest = max((len(rows) for rows in badges.values()), default=1)
    layout = lay_out(topology, max(1, fullest), sum(name in topology.service_names for name in states))
    if ax is None:
        scale = min(1.0, _WIDEST / layout.width)
        figure = Figure(figsize=(layout.width * scale, layout.height * scale), dpi=100, facecolor=style.PAPER)
        ax = figure.add_axes((0, 0, 1, 1))
    else:
        figure = ax.get_figure(root=True)  # type: ignore[assignment]
        box = ax.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
        scale = min(box.width / layout.width, box.height / layout.height)
    ax.set_xlim(0, layout.width)
    ax.set_ylim(layout.height, 0)
    ax.set_aspect("equal")
    ax.set_axis_off()
    sheet = Sheet(topology, states, layout, ax, scale)
    draw_title(sheet)
    for site in layout.sites:
        draw_site(sheet, site)
        draw_mesh_inside(sheet, site)
    draw_between_sites(sheet)
    draw_above(sheet)
    for name, card in layout.cards.items():
        draw_card(sheet, topology.machine(name), card, badges[name])
    for site in layout.sites:
        for more, hidden in site.more.values():
            draw_more(sheet, more, hidden)
    draw_rails(sheet)
    draw_services(sheet)
    return figure
