"""The pictures of a capacity plan: one question each, its answer in the title, legible in grey."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from meshlab.planning.report.answers import Answers
from meshlab.planning.report.words import (
    DAYS,
    MOST_YEARS,
    counted,
    milliseconds,
    minutes,
    money,
    service,
    span,
    years,
    years_between,
)
from meshlab.views import style
from meshlab.views.marks import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI = 150
_BESIDE = "beside"
_GAP = 0.2
"""Inches between a name and the axes, or the axes and the words beside them, to the edge."""
WIDTH = 10.0
"""Inches."""
_BAR = "#4c7ba6"
_FILL = "#c5d6e6"
KINDS = {
    "network": ("#35618f", ""),
    "quorum": ("#8a6bb1", "xx"),
    "disk": ("#8a6bb1", "xx"),
    "processor": ("#f0b95a", "//"),
    "queue": ("#b3261e", ".."),
}
"""Fill and hatch of a hop, by its kind."""
_NINES = ((526.0, "99.9 %"), (52.6, "99.99 %"), (5.26, "99.999 %"))


def plan_figures(a: Answers, dpi: int = DPI) -> dict[str, bytes]:
    """Gives the plan's pictures as PNG, by the names that the plan calls them by."""
    return {name: png(drawn(), dpi) for name, drawn in drawings(a).items()}


def drawings(a: Answers) -> dict[str, Callable[[], Figure]]:
    """Gives what draws each of the plan's pictures, by the names that the plan calls them by."""
    from meshlab.views.topology.plot import plot_topology

    wanted: dict[str, tuple[bool, Callable[[], Figure]]] = {
        "design": (True, lambda: plot_topology(a.topology)),
        "availability": (bool(a.services), lambda: availability_figure(a)),
        "latency": (bool(a.requests), lambda: latency_figure(a)),
        "runout": (bool(a.runouts), lambda: runout_figure(a)),
        "cost": (True, lambda: cost_figure(a)),
    }
    return {name: drawn for name, (there, drawn) in wanted.items() if there}


def availability_figure(a: Answers) -> Figure:
    """Minutes a year that each service is down, with the interval, on a scale of the nines."""
    found = sorted(a.services.values(), key=lambda one: (one.unavailability, one.service))
    least = 0.01
    figure, ax = _canvas(len(found), left=1.3, right=2.7)
    for y, one in enumerate(found):
        low, high = (max(least, bound * 525_960) for bound in one.interval)
        mid = max(least, one.downtime_minutes_per_year)
        ax.plot([low, high], [y, y], color=_FILL, lw=7, solid_capstyle="butt", zorder=2)
        ax.plot([mid], [y], "D", color=style.INK, ms=5.5, zorder=3)
        by = " and ".join(one.cut_sets[0].events) if one.cut_sets else "nothing"
        _beside(ax, y, f"{minutes(one.downtime_minutes_per_year)} min, by {by}")
    ax.set_xscale("log")
    ax.set_xlim(least, max(1000.0, 2 * max(one.interval[1] for one in found) * 525_960))
    for value, name in _NINES:
        ax.axvline(value, color=style.MUTED, lw=0.8, ls=(0, (4, 3)), zorder=1)
        ax.text(value, len(found) - 0.35, name, ha="center", va="bottom", fontsize=8, color=style.MUTED)
    ax.set_xlabel("minutes down in a year (diamond: expected; bar: 90 %)")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    worst = found[-1]
    title = f"{service(worst.service)} is down the longest: {minutes(worst.downtime_minutes_per_year)} minutes a year"
    return _finished(figure, ax, title, [service(one.service) for one in found])


def latency_figure(a: Answers) -> Figure:
    """Where the time of each request goes, hop by hop, and its p99; much slower ones on a scale of their own."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    usable = [one for one in a.requests if math.isfinite(one.p99.value)]
    ranked = sorted(usable, key=lambda one: (one.p99.value, one.request))
    apart = len(ranked) > 1 and ranked[-1].p99.value > 4 * ranked[-2].p99.value
    groups = [ranked[:-1], ranked[-1:]] if apart else [ranked]
    heights = [len(group) + 0.6 for group in groups]
    figure = Figure(figsize=(WIDTH, 1.6 + 0.36 * sum(heights) + 0.4 * len(groups)), facecolor=style.PAPER)
    axes = figure.subplots(len(groups), 1, height_ratios=heights, squeeze=False)[:, 0]
    for ax, group in zip(axes, groups, strict=True):
        for y, one in enumerate(group):
            at = 0.0
            for hop in one.shares:
                fill, hatch = KINDS.get(hop.kind, (_BAR, ""))
                width = 1000 * hop.mean
                ax.barh(
                    y,
                    width,
                    left=at,
                    height=0.6,
                    color=fill,
                    hatch=hatch,
                    edgecolor="white",
                    lw=0.5,
                    zorder=2,
                )
                at += width
            ax.plot([1000 * one.p99.value], [y], "D", color=style.INK, ms=5.5, zorder=3)
            _beside(ax, y, f"p99 {milliseconds(one.p99.value)}, mostly {one.dominant}")
        _dress(ax, [one.request for one in group])
        ax.set_xlim(0, 1.08 * 1000 * max(one.p99.value for one in group))
    axes[-1].set_xlabel("milliseconds (bar: mean, by kind of hop; diamond: p99)")
    kinds = dict.fromkeys(hop.kind for one in ranked for hop in one.shares)
    names = {"quorum": "quorum: disks and network", "queue": "waiting"}
    patches = [
        Patch(facecolor=KINDS[k][0], hatch=KINDS[k][1], edgecolor="white", label=names.get(k, k))
        for k in kinds
    ]
    inside = ranked[-2] if apart else ranked[-1]
    title = f"Within the cluster {inside.request} takes longest: {milliseconds(inside.p99.value)} at p99"
    figure.subplots_adjust(
        left=1.3 / WIDTH,
        right=1 - 3.5 / WIDTH,
        top=1 - 0.85 / figure.get_figheight(),
        bottom=0.55 / figure.get_figheight(),
        hspace=0.4,
    )
    _fit(figure, list(axes))
    _title(figure, title)
    figure.legend(
        handles=patches,
        loc="upper left",
        bbox_to_anchor=(1.22 / WIDTH, 1 - 0.4 / figure.get_figheight()),
        ncols=4,
        fontsize=8.5,
        frameon=False,
    )
    return figure


def runout_figure(a: Answers) -> Figure:
    """When each resource is used up: p10 to p90 with the median, and the horizon asked for."""
    most = MOST_YEARS
    found = [out for out in a.runouts if out.p10 < most * DAYS][::-1]
    never = len(a.runouts) - len(found)
    figure, ax = _canvas(max(1, len(found)), left=2.0, right=2.4)
    for y, out in enumerate(found):
        low, high = out.p10 / DAYS, min(out.p90 / DAYS, most)
        ax.plot([low, high], [y, y], color=_FILL, lw=9, solid_capstyle="butt", zorder=2)
        if out.p90 / DAYS > most:
            ax.plot([most], [y], ">", color=_BAR, ms=7, zorder=2, clip_on=False)
        if out.p50 / DAYS <= most:
            ax.plot([out.p50 / DAYS] * 2, [y - 0.25, y + 0.25], color=style.INK, lw=2.2, zorder=3)
        _beside(ax, y, f"  {years_between(out.p10, out.p50, out.p90)}")
    horizon = a.horizon / 86_400 / DAYS
    ax.axvline(horizon, color="#b3261e", lw=1.4, ls=(0, (5, 3)), zorder=1)
    ax.text(
        horizon,
        len(found) - 0.35,
        f"horizon, {span(a.horizon)}",
        color="#b3261e",
        fontsize=8,
        ha="center",
        va="bottom",
    )
    ax.set_xlim(0, most)
    beyond = f"; {counted(never, 'resource')} not within {most:.0f} years" if never else ""
    ax.set_xlabel(f"years from today (line: median; bar: p10 to p90{beyond})")
    if found:
        first = found[-1]
        title = (
            f"{first.resource.subject}'s {first.resource.resource} is used up first: in {years(first.p50)}"
        )
    else:
        title = f"Nothing is used up within {most:.0f} years"
    return _finished(figure, ax, title, [f"{o.resource.subject}: {o.resource.resource}" for o in found])


def cost_figure(a: Answers) -> Figure:
    """The items of the bill, the biggest first, with what is not known of each."""
    items = sorted((i for i in a.bill if i.monthly.mid), key=lambda i: (i.monthly.mid, i.item))
    big = [item for item in items if item.monthly.mid >= 0.01 * a.total.monthly.mid]
    small = [item for item in items if item not in big]
    rows: list[tuple[str, float, float, float]] = [
        (i.item, i.monthly.low, i.monthly.mid, i.monthly.high) for i in big
    ]
    if small:
        together = sum(i.monthly.mid for i in small)
        rows.insert(0, (counted(len(small), "smaller item"), together, together, together))
    figure, ax = _canvas(max(1, len(rows)), left=2.7, right=1.6)
    for y, (_, low, mid, high) in enumerate(rows):
        ax.barh(y, mid, height=0.6, color=_FILL, edgecolor=_BAR, lw=0.8, zorder=2)
        if high > low:
            ax.plot([low, high], [y, y], color=style.INK, lw=1.4, zorder=3)
            ax.plot([low, high], [y, y], "|", color=style.INK, ms=7, zorder=3)
        _beside(ax, y, f"{money(mid)}" + (f" ({money(low)} to {money(high)})" if high > low else ""))
    ax.set_xlim(0, 1.05 * max((row[3] for row in rows), default=1.0))
    ax.set_xlabel("USD a month (bar: median; line: p05 to p95)")
    total = a.total.monthly
    title = f"A month costs {money(total.mid)} USD ({money(total.low)} to {money(total.high)})"
    return _finished(figure, ax, title, [row[0] for row in rows])


def _canvas(rows: int, *, left: float, right: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    height = 1.45 + 0.34 * rows
    figure = Figure(figsize=(WIDTH, height), facecolor=style.PAPER)
    box = (left / WIDTH, 0.6 / height, 1 - (left + right) / WIDTH, 1 - 1.25 / height)
    return figure, figure.add_axes(box)


def _finished(figure: Figure, ax: Axes, title: str, names: Sequence[str]) -> Figure:
    _dress(ax, names)
    _fit(figure, [ax])
    _title(figure, title)
    return figure


def _fit(figure: Figure, axes: Sequence[Axes]) -> None:
    """Makes as much room beside the axes as their names and the words right of them need, and no less picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    names = [label for ax in axes for label in ax.get_yticklabels()]
    beside = [text for ax in axes for text in ax.texts if text.get_gid() == _BESIDE]
    width = figure.get_figwidth()

    def widest(texts: Sequence[Text]) -> float:
        return max((text.get_window_extent(renderer).width / figure.dpi for text in texts), default=0.0)

    left, right = (widest(texts) + _GAP for texts in (names, beside))
    for ax in axes:
        box = ax.get_position()
        ax.set_position((left / width, box.y0, max(0.1, 1 - (left + right) / width), box.height))


def _dress(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), names, fontsize=9.5, color=style.INK)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", colors=style.MUTED, labelsize=8.5)
    ax.xaxis.label.set_color(style.MUTED)
    ax.xaxis.label.set_fontsize(9)
    ax.grid(axis="x", color=style.FAINT, lw=0.6, zorder=0)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(style.FAINT)


def _title(figure: Figure, text: str) -> None:
    figure.text(
        0.002,
        1 - 0.12 / figure.get_figheight(),
        text,
        fontsize=12.5,
        weight="bold",
        va="top",
        color=style.INK,
    )


def _beside(ax: Axes, y: float, text: str) -> None:
    """What a row comes to, in words right of the picture."""
    ax.text(
        1.015,
        y,
        text,
        transform=ax.get_yaxis_transform(),
        fontsize=8.5,
        va="center",
        color=style.INK,
        gid=_BESIDE,
    )
