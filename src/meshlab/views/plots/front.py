"""The designs of an exploration: downtime against the bill, and which of them somebody would build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.planning.explore import Exploration, Explored
from meshlab.planning.explore.limits import MINUTES_PER_YEAR
from meshlab.views import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOOKS = {"rejected": ("x", "none"), "dominated": ("o", style.FAINT), "on the front": ("o", "#4c7ba6")}
"""Marker and fill of a design, by what became of it."""
_BEST, _TODAY = "#f0b95a", "today"


def front_figure(found: Exploration) -> Figure:
    """Gives minutes a year that the compared services are down together, over USD a month (bars: 90 %).

    A design on the front may lie above another one: latency and the date of exhaustion, which are not drawn, count too.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    ax = figure.add_subplot()
    told: set[str] = set()
    for one in found.designs:
        fate = "rejected" if one.rejected else "on the front" if one.front else "dominated"
        marker, fill = _LOOKS[fate]
        low, mid, high = (one.measures.cost_quantile(p) for p in (0.05, 0.5, 0.95))
        down = _minutes(found, one)
        ax.plot([low, high], [down, down], color=style.FAINT, lw=1.2, zorder=1)
        ax.scatter(
            [mid], [down], s=46, marker=marker, zorder=2, linewidths=1.2,
            color=style.MUTED if marker == "x" else fill, edgecolors=None if marker == "x" else style.INK,
            label="_" if fate in told else fate,
        )  # fmt: skip
        told.add(fate)
    best = found.recommendation.design
    for name in _told(found):
        one = found[name]
        at = (one.measures.cost_mid, _minutes(found, one))
        if name == best:
            ax.scatter(
                [at[0]], [at[1]], s=260, marker="*", color=_BEST, edgecolors=style.INK, zorder=4, label="recommended"
            )  # fmt: skip
        head = name in (best, _TODAY)
        ax.annotate(
            f"{name} (recommended)" if name == best else name, at, textcoords="offset points",
            xytext=(0, 12 if head else -18), ha="center", color=style.INK, fontsize=10 if head else 8.5,
            weight="bold" if head else "normal", zorder=5,
        )  # fmt: skip
    ax.set_ylim(0, 1.12 * ax.get_ylim()[1])
    ax.set_xlabel("USD a month (bars: 90 %)")
    ax.set_ylabel(f"minutes down in a year, {len(found.services)} services together")
    ax.set_title(
        f"What to build: {best}" if best else "Nothing within the limits",
        loc="left", weight="bold", color=style.INK, fontsize=13,
    )  # fmt: skip
    ax.grid(color=style.FAINT, lw=0.5)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, loc="upper right")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return figure


def _told(found: Exploration) -> list[str]:
    """The designs that are named in the picture: today's, the recommended one, and the two ends of the front."""
    front = [one for one in found.designs if one.front and not one.rejected]
    names = [found.today.design.name, found.recommendation.design]
    if front:
        names.append(
            min(front, key=lambda one: (float(one.measures.cost.mean()), one.design.name)).design.name
        )
        names.append(min(front, key=lambda one: (_minutes(found, one), one.design.name)).design.name)
    return [name for name in dict.fromkeys(names) if name]


def _minutes(found: Exploration, one: Explored) -> float:
    """Services that a design does not have are not down in it."""
    parts = one.measures.downtime
    return sum(parts[name].point for name in found.services if name in parts) * MINUTES_PER_YEAR
