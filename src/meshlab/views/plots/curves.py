"""Cumulative curves of what was measured and what was simulated, on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshlab.views.style import FAINT, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONFIDENCE = 0.95
LONG_MS = 5000.0
"""Above this, an axis in seconds reads better."""


def plot_curves(real: Sequence[float], simulated: Sequence[float], title: str, quantity: str) -> Figure:
    """Plots the share of faults that were over after so long; samples in milliseconds.

    The real curve is a thick line in a band that holds the true one with 95 % probability (Dvoretzky, Kiefer and
    Wolfowitz: ± sqrt(ln(2 / 0.05) / 2n) at every time at once); the simulated curve is dashed. Where the dashed line
    leaves the band, the simulator is wrong, and not only unlucky.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.2), layout="constrained")
    axes = figure.subplots()
    unit, scale = ("s", 1000.0) if max(*real, *simulated) > LONG_MS else ("ms", 1.0)
    _band(axes, [v / scale for v in real])
    _curve(axes, [v / scale for v in simulated], "--", 1.8, MUTED, f"simulated (n = {len(simulated)})")
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.set_xlabel(f"{quantity}, {unit}")
    axes.set_ylabel("share that was over by then")
    axes.set_ylim(0, 1)
    low, high = _window([v / scale for v in real], [v / scale for v in simulated])
    axes.set_xlim(low, high)
    axes.grid(color=FAINT, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _window(real: Sequence[float], simulated: Sequence[float]) -> tuple[float, float]:
    """Both samples whole, with some room; a sample that is one value has room too."""
    low, high = min(*real, *simulated), max(*real, *simulated)
    room = max(0.04 * (high - low), 0.01 * high)
    return max(0.0, low - room), high + room


def _steps(sample: Sequence[float]) -> tuple[list[float], list[float]]:
    values = sorted(sample)
    return [values[0], *values], [k / len(values) for k in range(len(values) + 1)]


def _curve(
    axes: Axes, sample: Sequence[float], line: str, width: float, colour: str, label: str
) -> tuple[list[float], list[float]]:
    times, shares = _steps(sample)
    axes.plot(
        times, shares, line, drawstyle="steps-post", linewidth=width, color=colour, label=label, zorder=3
    )
    return times, shares


def _band(axes: Axes, real: Sequence[float]) -> None:
    half = math.sqrt(math.log(2 / (1 - CONFIDENCE)) / (2 * len(real)))
    times, shares = _steps(real)
    axes.fill_between(
        times,
        [max(0.0, s - half) for s in shares],
        [min(1.0, s + half) for s in shares],
        step="post",
        color=FAINT,
        alpha=0.6,
        linewidth=0,
        label="95 % band of the measurement",
    )
    _curve(axes, real, "-", 2.4, INK, f"measured (n = {len(real)})")
