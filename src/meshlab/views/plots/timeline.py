"""Swim lanes: histories of one cluster side by side, one band per component, one row per history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from meshlab.model import SERVICES, Interval, State, Timeline, Topology
from meshlab.model.timeline import NOT_THERE_YET
from meshlab.model.units import duration
from meshlab.views.plots.time_axis import busy_span, canvas, time_axis
from meshlab.views.style import FAINT, INK, MUTED, STATES, look

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


def plot_timeline(
    *timelines: Timeline,
    components: Sequence[str] | None = None,
    title: str = "",
    topology: Topology | None = None,
    span: tuple[float, float] | None = None,
    zoom: bool = False,
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
    zoom
        Shows the stretch in which things happen, where that is much shorter than all; the axis says so.
    """
    if not timelines:
        raise ValueError("plot_timeline needs at least one timeline")
    lanes = list(components) if components is not None else default_lanes(timelines, topology)
    whole = (0.0, max(t.horizon for t in timelines) or 1.0)
    start, end = span or (busy_span(timelines, lanes) if zoom else whole)
    height = _height(len(lanes), len(timelines))
    figure, axes = canvas(ax, (11.0, height))
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
    time_axis(axes, start, end, of=whole[1] if (start, end) != whole else 0.0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_title(title or _title(timelines), loc="left", fontsize=12, color=INK, pad=30, fontweight="bold")
    _legend(axes, timelines, lanes, (start, end), height)
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


def _height(lanes: int, rows: int) -> float:
    return max(2.75, 1.55 + max(1, lanes) * (0.2 + 0.2 * rows))


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
        if _absent(interval):
            _write(axes, interval, left, right - left, y, end - start)
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
    share = width / shown
    if _absent(interval):
        if share > 0.12:
            axes.text(
                left + shown * 0.004, y + ROW * 0.43, NOT_THERE_YET, va="center", fontsize=6.9, color=MUTED, zorder=5
            )  # fmt: skip
        return
    letter = LETTERS[interval.state]
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


def _absent(interval: Interval) -> bool:
    """Whether a component was not made yet: that is no failure, and is drawn as nothing."""
    return interval.cause == NOT_THERE_YET


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
        if groups and time - groups[-1][0] < shown * _room(groups[-1][1][0]):
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


def _room(text: str) -> float:
    """The share of the axis that the name of a fault takes, with what may be said behind it."""
    return (min(len(text), 46) + 8) / 150


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _title(timelines: Sequence[Timeline]) -> str:
    origins = " and ".join(dict.fromkeys(t.origin for t in timelines))
    return f"What was {origins}, component by component?"


def _legend(
    axes: Axes, timelines: Sequence[Timeline], lanes: Sequence[str], span: tuple[float, float], height: float
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown = set(lanes)
    told = [i for t in timelines for i in t.intervals if i.component in shown and i.start < span[1]]
    states = {i.state for i in told if not _absent(i)}
    handles: list[Any] = []
    for state in sorted(states, key=lambda s: s.severity):
        style = look(state)
        letter = f" ({LETTERS[state]})" if LETTERS[state] else ""
        handles.append(
            Patch(fc=style.colour, ec=style.text, hatch=style.hatch, lw=0.5, label=f"{state}{letter}")
        )
    words = ["not looked at"] if any(not t.of(lane) for t in timelines for lane in lanes) else []
    words += [NOT_THERE_YET] if any(map(_absent, told)) else []
    if words:
        handles.append(Patch(fc="none", ec=MUTED, ls=(0, (2, 2)), lw=0.5, label=", ".join(words)))
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
