"""Quantities as a plan shows them: few digits, the unit beside them, the interval in brackets."""

from __future__ import annotations

import math

from meshlab.model import Estimate
from meshlab.model.units import size

MOST_YEARS = 20.0
"""Beyond this a forecast says nothing: it is shown as "beyond 20 years"."""
YEAR = 31_557_600.0
DAYS = 365.25


_SERVICES = {"management": "Omni (management plane)"}


def service(name: str) -> str:
    """A service as somebody calls it who did not write the model."""
    return _SERVICES.get(name, name)


def minutes(value: float) -> str:
    """Minutes a year, with two or three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.01 else "under 0.01"


def minutes_between(low: float, mid: float, high: float) -> str:
    if minutes(low) == minutes(high):
        return f"{minutes(mid)} min"
    return f"{minutes(mid)} min ({minutes(low)} to {minutes(high)})"


def a_year(count: float) -> str:
    """How often a year."""
    return f"{count:.2g}" if count >= 0.001 or not count else "under 0.001"


def milliseconds(seconds: float) -> str:
    if math.isinf(seconds):
        return "never"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def years(days: float) -> str:
    found = days / DAYS
    if found > MOST_YEARS:
        return f"beyond {MOST_YEARS:.0f} y"
    return f"{found:.1f} y" if found >= 1 / 12 else f"{days:.0f} d"


def years_between(low: float, mid: float, high: float) -> str:
    if years(low) == years(high):
        return years(mid)
    return f"{years(mid)} ({years(low)} to {years(high)})"


def span(seconds: float) -> str:
    """A length of time that a person asked for: months where it is whole months, else days or years."""
    months = seconds / (YEAR / 12)
    if months >= 1 and abs(months - round(months)) < 0.05:
        return f"{round(months)} months"
    return years(seconds / 86_400)


def quantity(low: float, mid: float, high: float, unit: str) -> str:
    """What goes in, with its bounds: ``0.05 ms (0.02 to 0.2)``."""
    factor, name = 1.0, unit
    if unit == "s":
        factor, name = next((f, n) for most, f, n in _TIMES if max(abs(mid), abs(high), abs(low)) < most)
    shown = [_short(value * factor) for value in (low, mid, high)]
    if shown[0] == shown[2]:
        return f"{shown[1]} {name}"
    return f"{shown[1]} {name} ({shown[0]} to {shown[2]})"


_TIMES = ((1.0, 1000.0, "ms"), (300.0, 1.0, "s"), (18_000.0, 1 / 60, "min"), (math.inf, 1 / 3600, "h"))


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def money(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def money_between(monthly: Estimate) -> str:
    if monthly.high - monthly.low < 0.005:
        return money(monthly.mid)
    return f"{money(monthly.mid)} ({money(monthly.low)} to {money(monthly.high)})"


def amount(resource: str, value: float) -> str:
    """What a machine has of a resource: what is counted, or bytes."""
    return f"{value:g}" if resource in ("cores", "pods", "nodes") else size(value)


def used(unit: str, value: float) -> str:
    if unit == "B":
        return size(value)
    return f"{value / 1e6:,.0f} Mbps" if unit == "bps" else f"{value:,.4g} {unit}"


def share(value: float) -> str:
    """A share of one in per cent; next to none and next to all are never rounded to them."""
    if value in (0, 1):
        return "100 %" if value else "0 %"
    if value < 0.001:
        return "under 0.1 %"
    if value > 0.999:
        return "over 99.9 %"
    return f"{value:.1%}".replace("%", " %")


def availability(unavailability: float) -> str:
    """Per cent with as many digits as tell it from always: two that are not nine."""
    digits = max(2, math.ceil(-math.log10(unavailability)) - 1) if unavailability else 2
    return f"{100 * (1 - unavailability):.{digits}f} %"
