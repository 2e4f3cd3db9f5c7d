"""How long each service was away: what was predicted, and what was observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshlab.model import SERVICES, Estimate
from meshlab.model.units import duration
from meshlab.views.plots.time_axis import canvas, time_axis
from meshlab.views.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_outages(
    predicted: Mapping[str, Estimate],
    observed: Mapping[str, float],
    *,
    uncertainty: Mapping[str, float] | None = None,
    title: str = "How long was each service away, predicted and observed?",
    ax: Axes | None = None,
) -> Figure:
    """Draws seconds of outage per service: the predicted 90 % interval as a bar, what was observed as a diamond."""
    names = [n for n in SERVICES if n in predicted or n in observed]
    names += sorted((set(predicted) | set(observed)) - set(names))
    figure, axes = canvas(ax, (8.5, 1.3 + 0.42 * max(1, len(names))))
    most = max([*(e.high for e in predicted.values()), *observed.values(), 1.0])
    for y, name in enumerate(names):
        estimate = predicted.get(name)
        seen = observed.get(name)
        if estimate is not None:
            axes.barh(
                y, max(estimate.high - estimate.low, most * 0.004), left=estimate.low, height=0.46,
                color="#9fc5e8", edgecolor="#1f4e79", hatch="//", lw=0.8, zorder=2,
            )  # fmt: skip
            axes.plot([estimate.mid] * 2, [y - 0.3, y + 0.3], color="#1f4e79", lw=2, zorder=3)
        if seen is not None:
            half = (uncertainty or {}).get(name, 0.0)
            axes.errorbar(
                seen,
                y,
                xerr=half or None,
                fmt="D",
                color="#b03a00",
                ms=6.5,
                mec="white",
                mew=0.8,
                capsize=3,
                zorder=4,
            )
        text = f"{duration(seen)}" if seen is not None else "not observed"
        axes.annotate(
            text, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8.5, color=INK
        )
    axes.set_yticks(range(len(names)), names, fontsize=9, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0 - most * 0.02, most * 1.06)
    time_axis(axes, 0.0, most * 1.06, label="outage")
    axes.grid(axis="x", color="#e3e8ee", lw=0.7, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, loc="left", fontsize=11.5, color=INK, pad=26, fontweight="bold")
    _outage_legend(axes)
    return figure


def _outage_legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes.legend(
        handles=[
            Patch(fc="#9fc5e8", ec="#1f4e79", hatch="//", label="predicted, 90 % interval"),
            Line2D([], [], color="#1f4e79", lw=2, label="predicted, median"),
            Line2D([], [], ls="none", marker="D", color="#b03a00", label="observed (value at the right)"),
        ],
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False, fontsize=8.5, borderaxespad=0.1,
    )  # fmt: skip
