"""The latency of a changed design in few worlds, held against the thorough answer of the design as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshlab.planning.latency import Latency, Quantile


def held_against(plan: Latency, before: Latency, now: Latency) -> Latency:
    """Gives the plan's latency times what a change does to it.

    Parameters
    ----------
    plan
        The design as it is, in the plan's worlds.
    before, now
        The design as it is and the changed one, in the same few worlds.

    Notes
    -----
    Few worlds alone would move numbers that no change touches: half of the clients of an API server are near it and
    half are far, so that the median of all lies in the gap between the two, and jumps over it with the sample. What
    the change does is seen on the same worlds before and after. A ratio, since ways scale with the distance, and
    no latency may become negative; where there is none (no way, a station saturated), the few worlds' own.
    """
    if replace(now, load=plan.load) == replace(before, load=plan.load):
        return replace(plan, load=now.load)
    if now.saturated or not all(
        math.isfinite(one.p99.value) and one.p50.value for one in (plan, before, now)
    ):
        return now
    dominant = plan.dominant if now.dominant == before.dominant else now.dominant
    return replace(
        now,
        p50=_times(plan.p50, before.p50, now.p50),
        p95=_times(plan.p95, before.p95, now.p95),
        p99=_times(plan.p99, before.p99, now.p99),
        dominant=dominant,
        method=f"{plan.method}, times the change in {now.method}",
    )


def _times(plan: Quantile, before: Quantile, now: Quantile) -> Quantile:
    factor = plan.value / before.value
    return replace(now, value=factor * now.value, low=factor * now.low, high=factor * now.high)
