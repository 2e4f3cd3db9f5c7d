"""Log lines folded: a burst of lines that say the same, but for their numbers, is one row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from meshlab.incident.evidence.rows import Row
from meshlab.model.units import duration

GAP_S = 10.0
"""Lines that say the same within so many seconds of each other are one burst."""
_VARIES = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+(?:[.:]\d+)*")
_LONG = re.compile(r"(\d+\.\d{2})\d+")
_MOST = 160


@dataclass(frozen=True)
class Burst:
    """Lines of one machine that say the same: the first of them, and how many and until when."""

    rows: tuple[Row, ...]

    @property
    def first(self) -> Row:
        return self.rows[0]

    @property
    def text(self) -> str:
        """What they say: the first line, its numbers cut to what a person reads."""
        text = _LONG.sub(r"\1", " ".join(self.first.text.split()))
        text = text if len(text) <= _MOST else text[: _MOST - 1] + "…"
        if len(self.rows) == 1:
            return text
        length = self.rows[-1].time - self.first.time
        return (
            f"{text} ({len(self.rows)} lines like it in {duration(length)})"
            if length
            else (f"{text} ({len(self.rows)} lines like it)")
        )

    @property
    def evidence(self) -> tuple[str, ...]:
        """The first line and the last."""
        return tuple(dict.fromkeys((self.first.evidence, self.rows[-1].evidence)))


def bursts(rows: Iterable[Row]) -> list[Burst]:
    """Gives rows, in order of time, folded into bursts, by the time at which each began."""
    open_ones: dict[tuple[str, str, str], list[Row]] = {}
    found: list[list[Row]] = []
    for row in rows:
        key = (row.component, row.kind, _VARIES.sub("#", row.text))
        held = open_ones.get(key)
        if held is None or row.time - held[-1].time > GAP_S:
            held = open_ones[key] = []
            found.append(held)
        held.append(row)
    return [Burst(tuple(held)) for held in found]
