"""Rows: what logs and events say, normalised - when (as an interval), where, what, and the line that says it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meshlab.model import Event, InputError
from meshlab.model.reading import json_lines

CLOCK_HALF_WIDTH_S = 1.0
"""How far a machine's clock may be off where nothing is known of it: time-synchronised, but not measured. [E]"""

_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


@dataclass(frozen=True)
class Row:
    """Something that a source says happened between `t_lo` and `t_hi` (Unix seconds).

    The interval holds the resolution of the stamp and what is not known of the clock that made it, so it is
    never narrower than what is known. `raw` is the stamp as written, `clock` whose clock it is, `keys` what
    orders it without clocks (raft term and index, resourceVersion, request ids).
    """

    t_lo: float
    t_hi: float
    clock: str
    component: str
    kind: str
    text: str
    source: str
    line: int = 0
    raw: str = ""
    severity: str = "info"
    actor: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def time(self) -> float:
        """The middle of the interval."""
        return (self.t_lo + self.t_hi) / 2

    @property
    def uncertainty(self) -> float:
        return (self.t_hi - self.t_lo) / 2

    @property
    def evidence(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source

    def corrected(self, low: float, high: float) -> Row:
        """Gives the row with its clock's offset known to lie between `low` and `high` (true = raw + offset).

        `t_lo` and `t_hi` must still be those of an unknown clock: the default half-width is taken off first.
        """
        slack = min(CLOCK_HALF_WIDTH_S, self.uncertainty)
        return replace(self, t_lo=self.t_lo + slack + low, t_hi=self.t_hi - slack + high)

    def to_dict(self) -> dict[str, Any]:
        return {
            "t_lo": self.t_lo,
            "t_hi": self.t_hi,
            "raw": self.raw,
            "clock": self.clock,
            "component": self.component,
            "kind": self.kind,
            "severity": self.severity,
            "actor": self.actor,
            "text": self.text,
            "keys": dict(self.keys),
            "source": self.source,
            "line": self.line,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Row:
        """Gives the row that `to_dict` wrote.

        Raises
        ------
        ValueError
            Something is missing or of another type; the message says what.
        """
        given = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        for name, kind in _TYPES.items():
            if name not in given and name not in _OPTIONAL:
                raise ValueError(f"it has no {name}")
            value = given.get(name, _OPTIONAL.get(name))
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ValueError(f"{name} is {str(value)[:40]!r}")
        if not -1e12 < given["t_lo"] <= given["t_hi"] < 1e12:
            raise ValueError(f"{given['t_lo']:g} to {given['t_hi']:g} is no stretch of Unix time")
        return cls(**given)


_OPTIONAL: dict[str, Any] = {"line": 0, "raw": "", "severity": "info", "actor": "", "keys": {}}
_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("t_lo", "t_hi"), (int, float)),
    **dict.fromkeys(("clock", "component", "kind", "text", "source", "raw", "severity", "actor"), str),
    "line": int,
    "keys": dict,
}


def stamp(text: str) -> tuple[float, float]:
    """Gives (Unix seconds, resolution in seconds) of an RFC 3339 stamp; one without a zone is taken as UTC.

    Raises
    ------
    ValueError
        It is no such stamp.
    """
    match = _STAMP.search(text)
    if match is None:
        raise ValueError(f"not a time stamp: {text!r}")
    year, month, day, hour, minute, second = (int(match[n]) for n in range(1, 7))
    moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp()
    digits = match[7] or ""
    zone = match[8] or "Z"
    if zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        moment -= sign * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
    fraction = float(f"0.{digits}") if digits else 0.0
    return moment + fraction + (second - min(second, 59)), 10.0 ** -len(digits)


def around(text: str, *, half_width: float = CLOCK_HALF_WIDTH_S) -> tuple[float, float]:
    """Gives (t_lo, t_hi) of a stamp made by a clock known to within `half_width`; stamps are cut, not rounded."""
    moment, resolution = stamp(text)
    return moment - half_width, moment + resolution + half_width


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Gives rows in an order to read them in. Where intervals overlap the order says nothing: see `before`."""
    return tuple(sorted(rows, key=lambda r: (r.time, r.source, r.line)))


def before(a: Row, b: Row) -> bool | None:
    """Tells whether a happened before b: True, False, or None where it cannot be told.

    Lines of one file, and raft terms of one group, order rows without any clock.
    """
    if a.source == b.source and a.clock == b.clock and a.line and b.line:
        return a.line < b.line
    term_a, term_b = a.keys.get("term"), b.keys.get("term")
    if a.kind == b.kind == "election" and term_a is not None and term_b is not None and term_a != term_b:
        return bool(term_a < term_b)
    if a.t_hi < b.t_lo:
        return True
    return False if b.t_hi < a.t_lo else None


def events(rows: Iterable[Row], epoch: float, horizon: float) -> tuple[Event, ...]:
    """Gives rows as events of a timeline whose zero is at `epoch`; what lies outside of it is left out."""
    found = []
    for row in rows:
        time = row.time - epoch
        if -row.uncertainty <= time <= horizon + row.uncertainty:
            about = f" (±{row.uncertainty:.2g} s)" if row.uncertainty > 0.05 else ""
            found.append(
                Event(
                    min(max(time, 0.0), horizon), row.component, row.text + about, row.kind, (row.evidence,)
                )
            )
    return tuple(found)


def write_rows(rows: Iterable[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row.to_dict(), default=str) + "\n" for row in rows), encoding="utf-8")


def read_rows(path: Path) -> tuple[Row, ...]:
    """Gives the rows of a file that `write_rows` wrote.

    Raises
    ------
    InputError
        A line is no row; names the line.
    """
    rows = []
    hint = "remove the line, or collect the rows again"
    for line, data in json_lines(path, hint):
        try:
            rows.append(Row.from_dict(data))
        except ValueError as error:
            raise InputError.single(path, f"not a row: {error}", hint, line) from None
    return tuple(rows)
