"""Values with units as people write them: ``250ms``, ``1Gbps``, ``4TiB``; seconds, bits/s, bytes inside."""

from __future__ import annotations

import math
import re
from typing import Literal

Dimension = Literal["duration", "rate", "size", "share", "frequency"]

_DURATION = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "mo": 2629800.0,
    "y": 31557600.0,
}
_RATE = {"bps": 1.0, "kbps": 1e3, "Mbps": 1e6, "Gbps": 1e9, "Tbps": 1e12}
_SIZE = {
    "B": 1.0,
    "kB": 1e3,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "PB": 1e15,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
    "PiB": 2.0**50,
}
_SHARE = {"%": 0.01, "": 1.0}
_FREQUENCY = {f"/{unit}": 1.0 / seconds for unit, seconds in _DURATION.items()}

UNITS: dict[str, dict[str, float]] = {
    "duration": _DURATION,
    "rate": _RATE,
    "size": _SIZE,
    "share": _SHARE,
    "frequency": _FREQUENCY,
}
EXAMPLES = {
    "duration": "250ms, 5m, 4h",
    "rate": "100Mbps, 1Gbps",
    "size": "512MiB, 4TiB",
    "share": "2%, 0.02",
    "frequency": "0.1/y, 2/d",
}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:[_,]\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?\s*")
_COMPOUND = re.compile(r"(?:\d+(?:\.\d+)?(?:h|min|m|ms|s|d)){2,}")


class UnitError(ValueError):
    """A value whose unit is missing, unknown or of another dimension."""


def parse(text: str | int | float, dimension: Dimension) -> float:
    """Gives a value in seconds, bits/s, bytes, a share of one, or events per second.

    Parameters
    ----------
    text
        ``"250ms"``, ``"1h30m"`` (durations may be compound), ``"1Gbps"``, ``"4TiB"``, ``"2%"``.
        A bare number is accepted only where it cannot be misread: a share, and zero.
    dimension
        What kind of quantity is expected.

    Raises
    ------
    UnitError
        The text is not a number with a unit of that dimension; the message names the units that are.

    Examples
    --------
    >>> parse("250ms", "duration")
    0.25
    >>> parse("1h30m", "duration")
    5400.0
    >>> parse("4TiB", "size")
    4398046511104.0
    """
    if isinstance(text, bool):
        raise UnitError(f"{text!r} is not a {dimension}; write for example {EXAMPLES[dimension]}")
    if isinstance(text, (int, float)):
        if dimension == "share" or text == 0:
            return _finite(float(text), text)
        raise UnitError(f"{text!r} has no unit; write for example {EXAMPLES[dimension]}")
    if dimension == "duration" and _COMPOUND.fullmatch(text.strip()):
        parts = re.findall(r"(\d+(?:\.\d+)?)(h|min|ms|m|s|d)", text)
        return sum(float(number) * _DURATION[unit] for number, unit in parts)
    match = _NUMBER.fullmatch(text)
    if not match:
        raise UnitError(f"{text!r} is not a {dimension}; write for example {EXAMPLES[dimension]}")
    number = float(match[1].replace("_", "").replace(",", ""))
    unit = (match[2] or "").strip()
    table = UNITS[dimension]
    if unit in table:
        return _finite(number * table[unit], text)
    if not unit:
        if number == 0:
            return 0.0
        raise UnitError(f"{text!r} has no unit; write for example {EXAMPLES[dimension]}")
    known = next((name for name, units in UNITS.items() if unit in units), None)
    if known:
        raise UnitError(
            f"{text!r} is a {known}, but a {dimension} is meant here, for example {EXAMPLES[dimension]}"
        )
    near = [name for name in table if name.lower() == unit.lower()]
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UnitError(
        f"unknown unit {unit!r} in {text!r}; {meant}units of a {dimension}: {', '.join(filter(None, table))}"
    )


def _finite(value: float, text: object) -> float:
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is not a finite number")
    return value


def duration(seconds: float) -> str:
    """Gives seconds as a person reads them: ``1.3 s``, ``4 min 10 s``, ``2.5 h``, ``3.1 d``."""
    magnitude = abs(seconds)
    if magnitude == 0:
        return "0 s"
    if magnitude < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    if magnitude < 1:
        return f"{seconds * 1e3:.3g} ms"
    if magnitude < 60:
        return f"{seconds:.3g} s"
    if magnitude < 3600:
        minutes, rest = divmod(round(magnitude), 60)
        sign = "-" if seconds < 0 else ""
        return f"{sign}{minutes} min" + (f" {rest} s" if rest else "")
    if magnitude < 2 * 86400:
        return f"{seconds / 3600:.3g} h"
    return f"{seconds / 86400:.3g} d"


def size(count: float) -> str:
    """Gives bytes in the binary unit that keeps the number short: ``3.6 TiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} PiB"


def rate(bits_per_second: float) -> str:
    """Gives a bandwidth in decimal units: ``1 Gbps``."""
    value = float(bits_per_second)
    for unit in ("bps", "kbps", "Mbps", "Gbps"):
        if abs(value) < 1000:
            return f"{value:.4g} {unit}"
        value /= 1000
    return f"{value:.4g} Tbps"
