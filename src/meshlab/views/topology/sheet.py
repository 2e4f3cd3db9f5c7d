"""The sheet on which a topology is drawn, and the strokes of which everything on it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from meshlab.model import State, Topology
from meshlab.views import style
from meshlab.views.topology.layout import Box, Layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LineStyle = Literal["-", "--", ":"]


@dataclass(frozen=True)
class Sheet:
    """What is drawn, where it stands, and the axes it is drawn on.

    Positions are the layout's, in inches from the top left. `scale` is how much smaller the axes are than the
    layout: text and lines, which matplotlib measures in points, shrink with it.
    """

    topology: Topology
    states: Mapping[str, State]
    layout: Layout
    ax: Axes
    scale: float

    def text(
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

    def box(
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

    def line(
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

    def chip(self, right: float, y: float, state: State | None, points: float = 6.5) -> float:
        """A state's word on its colour, ending at `right`; gives where it begins."""
        if state is None:
            return right
        look = style.look(state)
        width = text_width(str(state), points) + 0.13
        self.box(
            Box(right - width, y - 0.085, width, 0.17),
            fill=look.colour,
            edge=style.INK,
            line=0.6,
            radius=0.05,
            z=5,
        )
        self.text(right - width / 2, y, str(state), points, colour=look.text, ha="center")
        return right - width

    def ring(self, x: float, y: float, colour: str, lost: bool) -> None:
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


def text_width(text: str, points: float) -> float:
    """About how wide a text is, in inches (DejaVu Sans; a little too much rather than too little)."""
    narrow = sum(char in "iljtfr.,:;|!'()[] " for char in text)
    wide = sum(char.isupper() or char in "mwMW%" for char in text)
    return (0.62 * (len(text) - narrow - wide) + 0.38 * narrow + 0.78 * wide) * points / 72


def short(text: str, width: float, points: float) -> str:
    if text_width(text, points) <= width:
        return text
    while text and text_width(f"{text}…", points) > width:
        text = text[:-1]
    return f"{text}…" if len(text) > 3 else ""


def tint(colour: str, share: float) -> str:
    """A colour thinned with paper."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)
