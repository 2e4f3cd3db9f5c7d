"""The picture of a topology: sites and zones, machines and what runs on them, mesh, links and quorums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from meshlab.model import Link, Machine, MachineGroup, RaftGroup, State, Topology
from meshlab.model.states import SERVICES
from meshlab.model.units import rate, size
from meshlab.views import style
from meshlab.views.topology_layout import (
    BADGE_HEIGHT,
    GUTTER,
    SERVICE_WIDTH,
    Box,
    Layout,
    SiteLayout,
    lay_out,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LineStyle = Literal["-", "--", ":"]
_WIDEST = 20.0
"""Inches; a larger picture is scaled down."""
_CHAINS = {"solana": "Solana", "ethereum": "Ethereum", "tron": "Tron"}


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
    badges = {m.name: _badges(topology, m, states) for m in topology.machines}
    rows = max((len(_rows(found)) for found in badges.values()), default=1)
    layout = lay_out(topology, max(1, rows), sum(name in SERVICES for name in states))
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
    _Picture(topology, states, layout, badges, ax, scale).draw()
    return figure


@dataclass(frozen=True)
class _Badge:
    text: str
    fill: str
    ink: str
    hatch: str = ""

    @property
    def width(self) -> float:
        return _text_width(self.text, 7.0) + 0.14


def _text_width(text: str, points: float) -> float:
    """About how wide a text is, in inches (DejaVu Sans; a little too much rather than too little)."""
    narrow = sum(char in "iljtfr.,:;|!'()[] " for char in text)
    wide = sum(char.isupper() or char in "mwMW%" for char in text)
    return (0.62 * (len(text) - narrow - wide) + 0.38 * narrow + 0.78 * wide) * points / 72


def _short(text: str, width: float, points: float) -> str:
    if _text_width(text, points) <= width:
        return text
    while text and _text_width(f"{text}…", points) > width:
        text = text[:-1]
    return f"{text}…" if len(text) > 3 else ""


def _badges(topology: Topology, machine: Machine, states: Mapping[str, State]) -> list[_Badge]:
    found = []
    if any(machine.name in g.voters for g in topology.raft_groups if g.engine == "etcd"):
        found.append(_Badge("etcd", *style.BADGES["etcd"]))
    if any(machine.name in s.members for s in topology.services if s.role == "api"):
        found.append(_Badge("API", *style.BADGES["api"]))
    for workload in topology.workloads:
        if machine.name not in workload.machines:
            continue
        if workload.role == "vault":
            found.append(_Badge("Vault", *style.BADGES["vault"]))
            continue
        state = states.get(workload.name)
        name = _CHAINS[workload.role]
        if state is None or state is State.UP:
            found.append(_Badge(name, *style.BADGES[workload.role]))
        else:
            look = style.look(state)
            found.append(_Badge(f"{name}: {state}", look.colour, look.text, look.hatch))
    return found


def _rows(badges: list[_Badge]) -> list[list[_Badge]]:
    """Badges in rows that fit a card."""
    rows: list[list[_Badge]] = []
    left = 0.0
    for badge in badges:
        if not rows or badge.width > left:
            rows.append([])
            left = 1.90
        rows[-1].append(badge)
        left -= badge.width + 0.06
    return rows


class _Picture:
    def __init__(
        self,
        topology: Topology,
        states: Mapping[str, State],
        layout: Layout,
        badges: dict[str, list[_Badge]],
        ax: Axes,
        scale: float,
    ) -> None:
        self.topology = topology
        self.states = states
        self.layout = layout
        self.badges = badges
        self.ax = ax
        self.scale = scale

    def draw(self) -> None:
        self._title()
        for site in self.layout.sites:
            self._site(site)
        self._between_sites()
        self._above()
        for name, box in self.layout.cards.items():
            self._card(self.topology.machine(name), box)
        for site in self.layout.sites:
            for more, hidden in site.more.values():
                self._more(more, hidden)
        self._rails()
        self._services()

    # --- strokes ---------------------------------------------------------------------------------------------

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        points: float,
        *,
        colour: str = style.INK,
        bold: bool = False,
        ha: str = "left",
        ground: str = "",
    ) -> None:
        drawn = self.ax.text(
            x,
            y,
            text,
            fontsize=points * self.scale,
            color=colour,
            weight="bold" if bold else "normal",
            ha=ha,
            va="center",
            zorder=6,
            clip_on=False,
            parse_math=False,
        )
        if ground:
            drawn.set_bbox({"facecolor": ground, "edgecolor": "none", "pad": 1.5 * self.scale})

    def _box(
        self,
        box: Box,
        *,
        fill: str,
        edge: str,
        line: float = 1.0,
        radius: float = 0.06,
        hatch: str = "",
        dashed: bool = False,
        z: float = 1,
    ) -> None:
        from matplotlib.patches import FancyBboxPatch

        patch = FancyBboxPatch(
            (box.x + radius, box.y + radius),
            box.width - 2 * radius,
            box.height - 2 * radius,
            boxstyle=f"round,pad={radius},rounding_size={radius}",
            facecolor=fill,
            edgecolor=edge,
            linewidth=line * self.scale,
            linestyle=(0, (4, 3)) if dashed else "solid",
            hatch=hatch or None,
            zorder=z,
        )
        self.ax.add_artist(patch)  # not add_patch, which reckons data limits that nobody needs

    def _line(
        self,
        points: list[tuple[float, float]],
        colour: str,
        width: float,
        *,
        z: float = 2,
        dash: LineStyle = "-",
        alpha: float = 1.0,
    ) -> None:
        from matplotlib.lines import Line2D

        xs, ys = zip(*points, strict=True)
        line = Line2D(
            xs,
            ys,
            color=colour,
            linewidth=width * self.scale,
            linestyle=dash,
            alpha=alpha,
            zorder=z,
            solid_capstyle="round",
        )
        self.ax.add_artist(line)

    def _chip(self, right: float, y: float, state: State | None, points: float = 6.5) -> float:
        """A state's word on its colour, ending at `right`; gives where it begins."""
        if state is None:
            return right
        look = style.look(state)
        width = _text_width(str(state), points) + 0.13
        self._box(
            Box(right - width, y - 0.085, width, 0.17),
            fill=look.colour,
            edge=style.INK,
            line=0.6,
            radius=0.05,
            z=5,
        )
        self._text(right - width / 2, y, str(state), points, colour=look.text, ha="center")
        return right - width

    # --- parts -----------------------------------------------------------------------------------------------

    def _title(self) -> None:
        count, sites = len(self.topology.machines), len(self.topology.sites)
        title = f"{self.topology.name}: {count} machines in {sites} site{'s' if sites != 1 else ''}"
        self._text(0.24, 0.24, title, 12, bold=True)

    def _site(self, site: SiteLayout) -> None:
        component = next(s for s in self.topology.sites if s.name == site.name)
        fill, edge = style.PLACES[component.place]
        state = self.states.get(site.name)
        self._box(site.box, fill=fill, edge=edge, line=1.6, radius=0.12)
        if state is not None and not state.serving:
            look = style.look(state)
            strip = Box(site.box.x + 0.02, site.box.y + 0.12, 0.10, site.box.height - 0.24)
            self._box(
                strip, fill=look.colour, edge=style.PAPER, hatch=look.hatch, line=0.3, radius=0.02, z=1.5
            )
        y = site.box.y + 0.21
        begin = self._chip(site.box.right - 0.18, y, state)
        name = _short(site.name, begin - site.box.x - 0.32, 12)
        self._text(site.box.x + 0.22, y, name, 10.5, bold=True, colour=edge)
        kind = "AWS region" if component.place == "aws-region" else "data centre"
        full = f"{kind} · {component.network}" if component.network else kind
        room = begin - site.box.x - 0.45 - _text_width(name, 12)
        kind = full if _text_width(full, 7.5) <= room else _short(kind, room, 7.5)
        self._text(begin - 0.08, y, kind, 7.5, colour=style.MUTED, ha="right")
        note = self._site_note(site.name)
        self._text(site.box.x + 0.22, y + 0.22, _short(note, site.box.width - 0.4, 7), 7, colour=style.MUTED)
        for zone, box in site.zones.items():
            self._zone(zone, box, edge)
        self._mesh_inside(site)

    def _site_note(self, name: str) -> str:
        """The groups of a site and the latency inside it, in one line."""
        notes = []
        for group in self.topology.of(MachineGroup):
            if group.machines and all(self.topology.machine(m).site == name for m in group.machines):
                kind = "ASG" if group.technology == "autoscaling-group" else "pool"
                notes.append(f"{kind} {group.name}")
        places = {name, *(z.name for z in self.topology.zones if z.site == name)}
        inside = [
            link.latency.quantile(0.5) * 1000 for link in self.topology.links if {link.a, link.b} <= places
        ]
        if inside:
            low, high = f"{min(inside):.3g}", f"{max(inside):.3g}"
            notes.append(f"{low if low == high else f'{low}-{high}'} ms one way")
        return " · ".join(notes)

    def _zone(self, name: str, box: Box, edge: str) -> None:
        state = self.states.get(name)
        down = state is not None and not state.serving
        look = style.look(state)
        self._box(
            box, fill="#fffaf0" if not down else "#f1eeee", edge=edge, line=0.9, dashed=True, radius=0.07
        )
        if down:
            strip = Box(box.x + 0.03, box.y + 0.07, 0.09, box.height - 0.14)
            self._box(
                strip, fill=look.colour, edge=style.PAPER, hatch=look.hatch, line=0.3, radius=0.02, z=1.5
            )
        begin = self._chip(box.right - 0.08, box.y + 0.15, state)
        left = min(
            (card.x for card in self.layout.cards.values() if box.x < card.x < box.right),
            default=box.x + 0.16,
        )
        self._text(left, box.y + 0.15, _short(name, begin - left - 0.06, 9), 8, colour=edge, bold=True)

    def _mesh_inside(self, site: SiteLayout) -> None:
        """A bus over the cards, and a lane down the right of each column that has cards."""
        if self.topology.overlay is None:
            return
        boxes = [
            box for name, box in self.layout.cards.items() if self.topology.machine(name).site == site.name
        ]
        boxes += [box for box, _ in site.more.values()]
        if not boxes:
            return
        lanes = sorted({box.right + GUTTER / 4 for box in boxes})
        self._line(
            [(site.box.x + 0.16, site.bus), (site.box.right - 0.16, site.bus)], style.MESH, 1.3, alpha=0.75
        )
        for lane in lanes:
            lowest = max(box.y + 0.15 for box in boxes if abs(box.right + GUTTER / 4 - lane) < 1e-6)
            self._line([(lane, site.bus), (lane, lowest)], style.MESH, 1.0, alpha=0.6)
        for box in boxes:
            ends = [(box.right, box.y + 0.15), (box.right + GUTTER / 4, box.y + 0.15)]
            self._line(ends, style.MESH, 1.0, alpha=0.6)

    def _card(self, machine: Machine, box: Box) -> None:
        state = self.states.get(machine.name)
        look = style.look(state)
        serving = state is None or state.serving
        fill = style.PAPER if state is None or state is State.UP else _tint(look.colour, 0.25)
        edge = style.MUTED if serving else look.colour
        self._box(box, fill=fill, edge=edge, line=0.9 if serving else 1.8, z=3)
        if state is not None:
            strip = Box(box.x + 0.015, box.y + 0.05, 0.085, box.height - 0.10)
            self._box(
                strip, fill=look.colour, edge=style.PAPER, hatch=look.hatch, line=0.3, radius=0.02, z=3.5
            )
        left = box.x + 0.14
        begin = self._chip(box.right - 0.07, box.y + 0.16, state if state is not State.UP else None)
        self._text(left, box.y + 0.16, _short(machine.name, begin - left - 0.05, 10), 8.5, bold=True)
        parts = [
            machine.instance_type or (f"{machine.cores} cores" if machine.cores else ""),
            size(machine.memory) if machine.memory else "",
        ]
        where = " · ".join(filter(None, [machine.address, "behind NAT" if machine.nat else ""]))
        about = " · ".join(filter(None, parts))
        self._text(left, box.y + 0.36, _short(about, box.width - 0.2, 7), 7, colour=style.MUTED)
        self._text(left, box.y + 0.52, _short(where, box.width - 0.2, 7), 7, colour=style.MUTED)
        y = box.y + 0.65
        for row in _rows(self.badges[machine.name]):
            x = left
            for badge in row:
                place = Box(x, y, badge.width, BADGE_HEIGHT)
                line = 0.6 if badge.hatch else 0.0
                self._box(place, fill=badge.fill, edge=style.INK, line=line, radius=0.05, z=4)
                self._text(place.middle, y + BADGE_HEIGHT / 2, badge.text, 7, colour=badge.ink, ha="center")
                x += badge.width + 0.06
            y += BADGE_HEIGHT + 0.05

    def _more(self, box: Box, hidden: tuple[str, ...]) -> None:
        self._box(box, fill=style.PAPER, edge=style.MUTED, dashed=True, z=3)
        self._text(
            box.middle, box.y + box.height * 0.36, f"and {len(hidden)} more", 8.5, bold=True, ha="center"
        )
        bad = sum(self.states.get(name, State.UP) is not State.UP for name in hidden)
        told = f"{bad} of them not up" if bad else f"{hidden[0]} to {hidden[-1]}"
        self._text(
            box.middle,
            box.y + box.height * 0.64,
            _short(told, 1.6, 6.5),
            6.5,
            colour=style.MUTED,
            ha="center",
        )

    def _above(self) -> None:
        """Omni and the discovery service, and their faint threads to the sites."""
        omni, discovery = self.topology.orchestrator, self.topology.discovery
        parts = []
        if omni:
            hosted = "SaaS" if omni.hosted == "saas" else "self-hosted"
            parts.append((omni.name, "Omni", f"{hosted} · manages {len(self.topology.machines)} machines"))
        if discovery:
            within = (
                f"within {discovery.within}" if discovery.within else "introduces the peers to each other"
            )
            parts.append((discovery.name, "Discovery service", within))
        width, height, y = 2.75, 0.56, 0.50
        gap = 0.5
        x = (self.layout.width - len(parts) * width - (len(parts) - 1) * gap) / 2
        for k, (name, title, about) in enumerate(parts):
            box = Box(x, y, width, height)
            for site in self.layout.sites:
                shift = (k - (len(parts) - 1) / 2) * 0.5
                target = min(max(box.middle, site.box.x + 0.5), site.box.right - 0.5) + shift
                start = min(max(target, box.x + 0.3), box.right - 0.3)
                middle = box.bottom + 0.20 + 0.10 * k
                path = [(start, box.bottom), (start, middle), (target, middle), (target, site.box.y)]
                self._line(path, style.FAINT, 1.1, dash=":", z=0.5)
            state = self.states.get(name)
            look = style.look(state)
            serving = state is None or state.serving
            fill = "#f4f2fa" if state in (None, State.UP) else _tint(look.colour, 0.25)
            self._box(
                box,
                fill=fill,
                edge=style.MUTED if serving else look.colour,
                line=1.0 if serving else 1.8,
                z=3,
            )
            begin = self._chip(box.right - 0.08, y + 0.18, state if state is not State.UP else None)
            self._text(x + 0.14, y + 0.18, _short(title, begin - x - 0.2, 9), 9, bold=True)
            self._text(x + 0.14, y + 0.40, _short(about, width - 0.24, 7), 7, colour=style.MUTED)
            x += width + gap

    def _between_sites(self) -> None:
        for left, right in zip(self.layout.sites, self.layout.sites[1:], strict=False):
            x0, x1 = left.box.right, right.box.x
            link = self.topology.link_between(left.name, right.name)
            if self.topology.overlay is not None:
                self._bundle(left, right)
            if link is not None:
                self._wan(link, x0, x1, TOP_OF_WAN + left.box.y)
        for (a, b), y in self.layout.far_links.items():
            link = self.topology.link_between(a, b)
            if link is None:
                continue
            boxes = {site.name: site.box for site in self.layout.sites}
            x0, x1 = boxes[a].middle, boxes[b].middle
            colour, dash = self._link_look(link)
            self._line(
                [(x0, boxes[a].bottom), (x0, y), (x1, y), (x1, boxes[b].bottom)],
                colour,
                1.6,
                dash=dash,
                z=0.8,
            )
            text = f"{a} - {b}: {', '.join(_link_text(link))}"
            self._text((x0 + x1) / 2, y, text, 7, ha="center", ground=style.PAPER)
            state = self.states.get(link.name)
            if state is not None:
                self._chip((x0 + x1) / 2 + _text_width(text, 7) / 2 + 0.9, y, state)

    def _bundle(self, left: SiteLayout, right: SiteLayout) -> None:
        """All tunnels between two sites as one line."""
        ours, theirs = (sum(m.site == s.name for m in self.topology.machines) for s in (left, right))
        if not ours or not theirs:
            return
        state = self.states.get("mesh") or self.states.get(
            self.topology.overlay.name if self.topology.overlay else ""
        )
        broken = state is not None and not state.serving
        y = left.bus
        ends = [(left.box.right - 0.16, y), (right.box.x + 0.16, y)]
        self._line(ends, style.MESH, 6.5, alpha=0.30, z=1.6)
        self._line(ends, style.MESH, 1.3, alpha=0.9, z=1.7, dash="--" if broken else "-")
        middle = (left.box.right + right.box.x) / 2
        overlay = self.topology.overlay
        if overlay is not None:
            self._text(
                middle, y - 0.33, "KubeSpan (WireGuard)", 7.5, ha="center", colour="#2c7a72", bold=True
            )
        self._text(
            middle, y - 0.15, f"{ours} × {theirs} = {ours * theirs} tunnels", 7, ha="center", colour="#2c7a72"
        )
        if state is not None and state is not State.UP:
            width = _text_width(str(state), 6.5) + 0.13
            self._chip(middle + width / 2, y + 0.18, state)

    def _wan(self, link: Link, x0: float, x1: float, y: float) -> None:
        colour, dash = self._link_look(link)
        if colour != style.INK:
            self._line([(x0, y), (x1, y)], style.INK, 4.0, dash=dash, z=1.9)
        self._line([(x0, y), (x1, y)], colour, 2.4, dash=dash, z=2)
        for x in (x0, x1):
            self._line([(x, y - 0.08), (x, y + 0.08)], style.INK, 2.2, z=2.1)
        middle = (x0 + x1) / 2
        texts = _link_text(link)
        self._text(middle, y - 0.15, texts[0], 8, ha="center", bold=True)
        for k, text in enumerate(texts[1:]):
            self._text(middle, y + 0.16 + 0.17 * k, text, 7, ha="center", colour=style.MUTED)
        state = self.states.get(link.name)
        if state is not None:
            width = _text_width(str(state), 6.5) + 0.13
            self._chip(middle + width / 2, y + 0.20 + 0.17 * (len(texts) - 1), state)

    def _link_look(self, link: Link) -> tuple[str, LineStyle]:
        state = self.states.get(link.name)
        if state is None or state is State.UP:
            return style.INK, "-"
        return style.look(state).colour, "-" if state.serving else ":"

    def _rails(self) -> None:
        """Each raft group as a rail under its voters: a ring at each voter, the quorum in words."""
        for k, group in enumerate(self.topology.raft_groups):
            boxes = [self.layout.cards[v] for v in group.voters if v in self.layout.cards]
            home = self._home(group.name)
            y = home.rails[group.name] if home else self.layout.rails[group.name]
            if not boxes:
                continue
            colour = style.BADGES["etcd" if group.engine == "etcd" else "vault"][0]
            lanes = []
            for voter in group.voters:
                if voter not in self.layout.cards:
                    continue
                box = self.layout.cards[voter]
                lane, height = (
                    box.x - 0.085 - 0.10 * (k % 2),
                    box.y + 0.38 + 0.28 * k % max(0.3, box.height - 0.5),
                )
                lanes.append(lane)
                gone = self.states.get(voter)
                lost = gone is not None and not gone.serving
                self._line(
                    [(box.x, height), (lane, height), (lane, y)],
                    colour,
                    1.3,
                    z=2.5,
                    dash=":" if lost else "-",
                )
                self._ring(box.x, height, colour, lost)
            self._line([(min(lanes), y), (max(lanes), y)], colour, 1.8, z=2.5)
            word = self._quorum(group)
            beside = [
                other
                for other in self.topology.raft_groups
                if self._home(other.name) == self._home(group.name)
            ]
            x = (
                max(
                    self.layout.cards[v].x for other in beside for v in other.voters if v in self.layout.cards
                )
                + 0.04
            )
            self._line([(max(lanes), y), (x - 0.07, y)], colour, 1.8, z=2.5)
            self._text(x, y, word, 7.5, colour=colour, bold=True)
            state = self.states.get(group.name)
            if state is not None:
                begin = x + _text_width(word, 7.5) * 1.08 + 0.1
                self._chip(begin + _text_width(str(state), 6.5) + 0.13, y, state)

    def _quorum(self, group: RaftGroup) -> str:
        """What a raft group needs and, where the state of all its voters is known, what it has."""
        count, known = len(group.voters), [self.states[v] for v in group.voters if v in self.states]
        if len(known) < count:
            return f"{group.name}: quorum {group.quorum} of {count}"
        return f"{group.name}: {sum(s.serving for s in known)} of {count}, needs {group.quorum}"

    def _ring(self, x: float, y: float, colour: str, lost: bool) -> None:
        """The mark of a voter: a ring, or a cross where the machine does not serve."""
        from matplotlib.lines import Line2D

        ring = Line2D(
            [x],
            [y],
            marker="x" if lost else "o",
            markersize=6.5 * self.scale,
            markerfacecolor=style.PAPER,
            markeredgecolor=colour,
            markeredgewidth=1.8 * self.scale,
            zorder=5,
        )
        self.ax.add_artist(ring)

    def _home(self, group: str) -> SiteLayout | None:
        """The site that a raft group's rail is in; None where its voters are in several."""
        return next((site for site in self.layout.sites if group in site.rails), None)

    def _services(self) -> None:
        """A row with the state of each service that one is known of."""
        known = [name for name in SERVICES if name in self.states]
        y = self.layout.services + 0.16
        if known:
            self._text(0.24, y, "Services", 8, bold=True)
        for i, name in enumerate(known):
            row, column = divmod(i, self.layout.services_per_row)
            x, line = 1.10 + column * SERVICE_WIDTH, y + row * 0.27
            self._text(x, line, name, 7.5)
            state = self.states[name]
            self._chip(x + _text_width(name, 7.5) * 1.05 + 0.22 + _text_width(str(state), 6.5), line, state)


TOP_OF_WAN = 1.45
"""How far below the top of the sites the line between two of them runs, in inches."""


def _link_text(link: Link) -> list[str]:
    median, late = link.latency.quantile(0.5) * 1000, link.latency.quantile(0.99) * 1000
    texts = [f"{median:.3g} ms one way", f"p99 {late:.3g} ms"]
    if link.loss:
        texts.append(
            f"{link.loss:.3%} lost".replace("0%", "%", 1) if link.loss < 0.01 else f"{link.loss:.1%} lost"
        )
    if link.bandwidth:
        texts.append(rate(link.bandwidth))
    return texts


def _tint(colour: str, share: float) -> str:
    """A colour thinned with paper."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)
