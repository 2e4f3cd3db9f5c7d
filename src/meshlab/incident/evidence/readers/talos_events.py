"""Events of Talos machines, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshlab.incident.evidence.readers.interface import Log
from meshlab.incident.evidence.rows import CLOCK_HALF_WIDTH_S, Row

_XID_ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def talos_rows(items: Iterable[Mapping[str, Any]], machine: str, source: str) -> Iterator[Row]:
    """Gives the rows of Talos events: {id, actor_id, type, data{…}}.

    Talos events carry no time stamp; their id does (an xid, whose first four bytes are Unix seconds), so they
    are known to a second of the machine's clock.
    """
    for number, item in enumerate(items, 1):
        second = xid_seconds(str(item.get("id", "")))
        if second is None:
            continue
        data = item.get("data") or {}
        kind = str(item.get("type", "event")).rsplit(".", 1)[-1]
        words = _said(data, joint=" ")
        bad = bool(data.get("error")) or str(data.get("action", "")).upper() == "FAILED"
        yield Row(
            second - CLOCK_HALF_WIDTH_S,
            second + 1.0 + CLOCK_HALF_WIDTH_S,
            machine,
            machine,
            kind,
            f"{machine}: {kind.removesuffix('Event')} {words}".strip(),
            source,
            number,
            str(item.get("id")),
            "error" if bad else "info",
            str(item.get("actor_id", "")),
            {"actor_id": item.get("actor_id"), "event_id": item.get("id")},
        )


def _said(value: Any, joint: str = ", ") -> str:
    """Gives a value of an event in words: no braces, no quotes, nothing that is empty."""
    if isinstance(value, Mapping):
        parts = [(str(key).replace("_", " "), _said(one)) for key, one in value.items()]
        return joint.join(f"{key} {text}" for key, text in parts if text)
    if isinstance(value, (list, tuple)):
        return "; ".join(filter(None, map(_said, value)))
    return "" if value is None else str(value)


def xid_seconds(text: str) -> int | None:
    """Gives the Unix second in which an xid (20 characters, base32hex) was made; None if it is none."""
    if len(text) != 20 or any(c not in _XID_ALPHABET for c in text):
        return None
    number = 0
    for character in text[:7]:
        number = number * 32 + _XID_ALPHABET.index(character)
    return number >> 3


class TalosEvents:
    """``talos-events-<machine>.json``: what the machine's event stream gave."""

    name = "events of a Talos machine"
    files = "talos-events-*"

    def rows(self, log: Log) -> Iterable[Row]:
        return talos_rows(log.items(), log.subject, log.source)
