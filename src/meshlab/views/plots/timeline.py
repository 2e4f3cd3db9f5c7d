"""Swim lanes: histories of one cluster side by side, one band per component, one row per history."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meshlab.model import SERVICES, Estimate, Interval, State, Timeline, Topology
from meshlab.model.units import duration
from meshlab.views.style import FAINT, INK, MUTED, PAPER, STATES, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTERS: dict[State, str] = {
    State.UP: "",
    State.DEGRADED: "d",
    State.DOWN: "D",
    State.UNREACHABLE: "U",
    State.NO_LEADER: "L",
    State.NO_QUORUM: "Q",
    State.SEALED: "S",
    State.BOOTING: "B",
    State.SYNCING: "Y",
}
"""One letter per state, printed in every stretch that has room for it; `up` needs none."""

ROW = 0.36
"""Height of one history's row, in the units in which a component's band without padding is its rows."""
GAP = 0.34
_STEPS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    21600,
    43200,
    86400,
)


def plot_timeline(
    *timelines: Timeline,
    components: Sequence[str] | None = None,
    title: str = "",
    topology: Topology | None = None,
    span: tuple[float, float] | None = None,
    now: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draws histories side by side: predicted above observed for each component, on one time axis.

    A state is told by colour, hatch and letter, so the picture reads in grey; what caused a stretch is written
    in it where there is room; faults are marked across all lanes, elections and boots on their own lane.

    Parameters
    ----------
    timelines
        One or more histories; their zeros must mean the same instant (`Timeline.shifted` moves one).
    components
        Which lanes, top to bottom; by default those of which any history says more than ``up``, services
        first, then machines, and what is left.
    topology
        Sorts machines by place when it is given.
    span
        The seconds to show; by default all.
    now
        Draws a cursor at that instant.
    """
    if not timelines:
        raise ValueError("plot_timeline needs at least one timeline")
    lanes = list(components) if components is not None else default_lanes(timelines, topology)
    start, end = span or (0.0, max(t.horizon for t in timelines) or 1.0)
    height = _height(len(lanes), len(timelines))
    figure, axes = _canvas(ax, (11.0, height))
    band = len(timelines) * ROW + GAP
    for place, component in enumerate(lanes):
        top = place * band
        if place % 2 == 0:
            axes.axhspan(top - GAP / 2, top + band - GAP / 2, color="#f5f7f9", lw=0, zorder=0)
        for row, timeline in enumerate(timelines):
            _lane(axes, timeline, component, top + row * ROW, (start, end))
            if len(timelines) > 1:
                _row_name(axes, timeline, top + row * ROW)
        for row, timeline in enumerate(timelines):
            _marks(axes, timeline, component, top + row * ROW, (start, end))
    _faults(axes, timelines, (start, end), len(lanes) * band)
    axes.set_yticks(
        [place * band + (len(timelines) * ROW) / 2 for place in range(len(lanes))],
        [lane.replace(" — ", "\n") for lane in lanes],
        fontsize=9,
        color=INK,
    )
    axes.tick_params(axis="y", length=0, pad=66 if len(timelines) > 1 else 6)
    axes.set_ylim(max(1, len(lanes)) * band - GAP / 2, -GAP / 2)
    axes.set_xlim(start, end)
    _time_axis(axes, start, end)
    if now is not None:
        axes.axvline(now, color=INK, lw=1.2, zorder=6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_title(title or _title(timelines), loc="left", fontsize=12, color=INK, pad=30, fontweight="bold")
    _legend(axes, timelines, lanes, (start, end), height)
    return figure


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
    figure, axes = _canvas(ax, (8.5, 1.3 + 0.42 * max(1, len(names))))
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
    _time_axis(axes, 0.0, most * 1.06, label="outage")
    axes.grid(axis="x", color="#e3e8ee", lw=0.7, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, loc="left", fontsize=11.5, color=INK, pad=26, fontweight="bold")
    _outage_legend(axes)
    return figure


def default_lanes(timelines: Sequence[Timeline], topology: Topology | None = None) -> list[str]:
    """Gives the components worth a lane: services, then machines by place, then whatever else was not well."""
    every = {c for t in timelines for c in t.components}
    troubled = {i.component for t in timelines for i in t.intervals if i.state is not State.UP}
    services = [s for s in (topology.service_names if topology else SERVICES) if s in every]
    machines = (
        [
            m.name
            for m in sorted(topology.machines, key=lambda m: (m.role, m.site, m.zone, m.name))
            if m.name in every
        ]
        if topology
        else sorted(c for c in every if "-" in c and c.rsplit("-", 1)[1].isdigit())
    )
    known = set(services) | set(machines)
    rest = sorted(c for c in troubled if c not in known)
    lanes = services + [m for m in machines if m in troubled or len(machines) <= 8] + rest
    return lanes[:40]


def _canvas(ax: Axes | None, inches: tuple[float, float]) -> tuple[Figure, Axes]:
    if ax is not None:
        figure: Any = ax.figure
        return figure, ax
    from matplotlib.figure import Figure as New

    figure = New(figsize=inches, layout="constrained", facecolor=PAPER)
    return figure, figure.subplots()


def _height(lanes: int, rows: int) -> float:
    return 1.55 + max(1, lanes) * (0.2 + 0.2 * rows)


def _lane(axes: Axes, timeline: Timeline, component: str, y: float, span: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle

    start, end = span
    known = timeline.of(component)
    last = min(end, timeline.horizon)
    axes.add_patch(
        Rectangle(
            (start, y),
            max(0.0, last - start),
            ROW * 0.9,
            fc="none",
            ec=FAINT,
            lw=0.5,
            ls=(0, (2, 2)),
            zorder=1,
        )
    )
    for interval in known:
        left, right = max(interval.start, start), min(interval.end, end)
        if right <= left:
            continue
        style, troubled = look(interval.state), interval.state is not State.UP
        width = max(right - left, (end - start) * 0.0022)  # a second's outage must still be seen in an hour
        axes.add_patch(
            Rectangle(
                (left, y), width, ROW * 0.9, fc=style.colour, ec=style.text if troubled else "#8fc4ad",
                hatch=style.hatch, lw=0.6, zorder=3 if troubled else 2,
            )
        )  # fmt: skip
        _write(axes, interval, left, width, y, end - start)


def _write(axes: Axes, interval: Interval, left: float, width: float, y: float, shown: float) -> None:
    """The letter of a state, then its length where it was an outage, then its cause: as much as there is room for."""
    letter = LETTERS[interval.state]
    share = width / shown
    if not letter or share < 0.010:
        return
    room = int(share * 125) - 2
    parts = [letter]
    if not interval.state.serving:
        parts.append(duration(interval.length))
    text = " ".join(parts) if len(" ".join(parts)) <= room else letter
    if interval.cause and room > len(text) + 12:
        text = _short(f"{text} · {interval.cause}", room)
    style = STATES[interval.state]
    axes.text(
        left + shown * 0.004, y + ROW * 0.43, text, va="center", ha="left", fontsize=6.9, color=style.text, zorder=5,
        clip_on=True, bbox={"boxstyle": "square,pad=0.18", "fc": style.colour, "ec": "none"},
    )  # fmt: skip


def _row_name(axes: Axes, timeline: Timeline, y: float) -> None:
    axes.annotate(
        timeline.origin, (0, y + ROW * 0.45), xycoords=("axes fraction", "data"), xytext=(-5, 0),
        textcoords="offset points", ha="right", va="center", fontsize=7, color=MUTED,
    )  # fmt: skip


def _marks(axes: Axes, timeline: Timeline, component: str, y: float, span: tuple[float, float]) -> None:
    """Elections and boots: a small mark on the lane they belong to."""
    points = [
        e for e in timeline.events
        if e.component == component and e.kind not in ("fault", "leader") and span[0] <= e.time <= span[1]
    ]  # fmt: skip
    if points:
        axes.plot(
            [e.time for e in points], [y + ROW * 0.88] * len(points), ls="none", marker="^", ms=5,
            color=INK, mec="white", mew=0.5, zorder=7, clip_on=False,
        )  # fmt: skip


def _faults(axes: Axes, timelines: Iterable[Timeline], span: tuple[float, float], depth: float) -> None:
    """Faults: a line across all lanes with its name above; what lies too near to the last is put with it."""
    faults = sorted({(round(e.time, 2), e.text) for t in timelines for e in t.events if e.kind == "fault"})
    shown = span[1] - span[0]
    groups: list[tuple[float, list[str]]] = []
    for time, text in faults:
        if not span[0] <= time <= span[1]:
            continue
        if groups and time - groups[-1][0] < shown * 0.16:
            groups[-1][1].append(text)
        else:
            groups.append((time, [text]))
        axes.plot(
            [time, time], [-GAP / 2, depth - GAP / 2], color="#b00020", lw=1.1, ls=(0, (4, 2)), zorder=4
        )
    for time, texts in groups:
        rest = f" (+{len(texts) - 1})" if len(texts) > 1 else ""
        right = time > span[0] + shown * 0.7
        axes.annotate(
            "▼ " + _short(texts[0], 46) + rest if not right else _short(texts[0], 46) + rest + " ▼",
            (time, 1.0), xycoords=("data", "axes fraction"), xytext=(5 if right else -5, 3),
            textcoords="offset points", ha="right" if right else "left", va="bottom", fontsize=8, color="#b00020",
        )  # fmt: skip


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _time_axis(axes: Axes, start: float, end: float, label: str = "") -> None:
    """Ticks at round times in one unit that a person reads: seconds, m:ss, or hours."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    shown = max(end - start, 1e-9)
    step = next((s for s in _STEPS if shown / s <= 12), math.ceil(shown / 12 / 86400) * 86400)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: _tick(t, shown)))
    unit = "seconds" if shown < 120 else "min:s" if shown < 7200 else "h:min" if shown < 2 * 86400 else "days"
    axes.set_xlabel(f"{label or 'time since the start'} [{unit}]", fontsize=8.5, color=MUTED)
    axes.tick_params(axis="x", labelsize=8.5, colors=MUTED)


def _tick(time: float, shown: float) -> str:
    sign, t = ("-" if time < -1e-9 else ""), abs(time)
    if shown < 120:
        return f"{sign}{t:g}"
    if shown < 7200:
        return f"{sign}{round(t) // 60}:{round(t) % 60:02d}"
    if shown < 2 * 86400:
        return f"{sign}{round(t) // 3600}:{round(t) % 3600 // 60:02d}"
    return f"{sign}{t / 86400:g}"


def _title(timelines: Sequence[Timeline]) -> str:
    origins = " and ".join(dict.fromkeys(t.origin for t in timelines))
    return f"What was {origins}, component by component?"


def _legend(
    axes: Axes, timelines: Sequence[Timeline], lanes: Sequence[str], span: tuple[float, float], height: float
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown = set(lanes)
    states = {i.state for t in timelines for i in t.intervals if i.component in shown and i.start < span[1]}
    handles: list[Any] = []
    for state in sorted(states, key=lambda s: s.severity):
        style = look(state)
        letter = f" ({LETTERS[state]})" if LETTERS[state] else ""
        handles.append(
            Patch(fc=style.colour, ec=style.text, hatch=style.hatch, lw=0.5, label=f"{state}{letter}")
        )
    if any(not t.of(lane) for t in timelines for lane in lanes):
        handles.append(Patch(fc="none", ec=MUTED, ls=(0, (2, 2)), lw=0.5, label="not looked at"))
    if _has_marks(timelines, shown):
        handles.append(Line2D([], [], ls="none", marker="^", color=INK, label="election, boot"))
    if any(e.kind == "fault" for t in timelines for e in t.events):
        handles.append(Line2D([], [], color="#b00020", ls=(0, (4, 2)), lw=1.1, label="fault"))
    if handles:
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0.0, -0.62 / (height - 1.3)), ncols=min(6, len(handles)),
            frameon=False, fontsize=8.5, handlelength=2.2, handleheight=1.1, borderaxespad=0.0,
        )  # fmt: skip


def _has_marks(timelines: Sequence[Timeline], lanes: set[str]) -> bool:
    return any(
        e.component in lanes and e.kind not in ("fault", "leader") for t in timelines for e in t.events
    )


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
