"""The words of a report and of the terminal: shares, seconds with their spread, the answer in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from meshlab.incident.explain.explain import Cause, Explanation
from meshlab.incident.explain.replay import Outage
from meshlab.incident.report.actions import Action
from meshlab.model import Timeline
from meshlab.model.units import duration

LEAST_BLUR_S = 0.001
"""Nothing that is asked over a network is known more exactly."""
URGENT = ("now", "tell apart")


def percent(share: float) -> str:
    """Gives a share of the ranking; it is too sure of itself to be said more exactly at its ends."""
    if share > 0.99:
        return "more than 99 %"
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "less than 1 %"


def moment(observed: Timeline, time: float) -> str:
    """Gives an instant as people read it: UTC where the timeline has an epoch, and seconds from its zero."""
    if observed.epoch is None:
        return f"+{time:.1f} s"
    at = datetime.fromtimestamp(observed.epoch + time, UTC)
    return f"{at:%H:%M:%S}.{int(at.microsecond / 1e5)} (+{time:.1f} s)"


def blur(seconds: float) -> str:
    """Gives the half-width in which an instant is known, to two digits and never below a millisecond."""
    seconds = max(seconds, LEAST_BLUR_S)
    digits = 1 - math.floor(math.log10(seconds))
    return f"±{duration(round(seconds, digits))}"


def away(outage: Outage) -> str:
    """Gives how long a service was seen to be away."""
    if outage.observed is None:
        return "not looked at"
    spread = f" {blur(outage.uncertainty)}" if outage.uncertainty > 0 and outage.observed > 0 else ""
    late = f"late for {duration(round(outage.late, 1))}" if outage.late >= 0.05 else ""
    if not outage.observed:
        return f"not away, {late}" if late else "0 s"
    return ", ".join(filter(None, [duration(outage.observed) + spread, late]))


def expected(outage: Outage) -> str:
    """Gives the interval in which nine of ten such incidents have a service away."""
    low, high = outage.predicted.low, outage.predicted.high
    return duration(high) if low == high else f"{duration(low)} to {duration(high)}"


def answer_line(explanation: Explanation) -> str:
    """Gives the most likely cause, how sure that is and what it cannot be told from."""
    best = explanation.best
    if explanation.first_deviation is None:
        return "nothing deviated: there is nothing to explain"
    if best.fault is None:
        return f"no single fault explains what was seen ({percent(best.probability)})"
    alike = f"; cannot be told from: {', '.join(best.alike)}" if best.alike else ""
    return f"most likely: {best.name} ({percent(best.probability)} of the ranking{alike})"


def outage_lines(outages: Sequence[Outage]) -> list[str]:
    """Gives a line for each service that was away or late, observed against expected; the others in one."""
    lines, well = [], []
    for outage in outages:
        if outage.observed is None:
            continue
        if outage.observed or outage.late >= 0.05:
            verdict = "" if outage.inside is None else "as expected" if outage.inside else "not as expected"
            word = "away " if outage.observed else ""
            lines.append(f"{outage.service}: {word}{away(outage)}; expected {expected(outage)} ({verdict})")
        elif outage.inside is False:
            lines.append(f"{outage.service}: not away; expected {expected(outage)} (not as expected)")
        else:
            well.append(outage.service)
    return [*lines, *([f"not away: {', '.join(well)}"] if well else [])]


def urgent(found: Sequence[Action]) -> list[Action]:
    """Gives what is to be done at once."""
    return [action for action in found if action.kind in URGENT]


def lasted(cause: Cause) -> str:
    """Gives how long a fault lasted."""
    if cause.fault is None or cause.fault.lasts == 0:
        return ""
    return "to the end" if math.isinf(cause.fault.lasts) else duration(cause.fault.lasts)
