"""Events of Kubernetes and Talos, and the records of our own journal, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshlab.incident.evidence.rows import CLOCK_HALF_WIDTH_S, Row, around

_XID_ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def kubernetes_rows(
    items: Iterable[Mapping[str, Any]], source: str, places: Mapping[str, str] | None = None
) -> Iterator[Row]:
    """Gives the rows of Event objects, core/v1 or events.k8s.io/v1.

    Either family of time stamps may be null: the last observation of the series is taken, else lastTimestamp,
    else eventTime, else firstTimestamp, else when the object was made.

    Parameters
    ----------
    places
        Component of the topology by "kind/name" or "name" of the object concerned; by default its name.
    """
    for number, item in enumerate(items, 1):
        when = _kubernetes_time(item)
        if when is None:
            continue
        t_lo, t_hi = around(when)
        about = item.get("involvedObject") or item.get("regarding") or {}
        kind, name = str(about.get("kind", "")), str(about.get("name", ""))
        known = places or {}
        component = known.get(f"{kind.lower()}/{name}", known.get(name, name))
        source_of = item.get("source") or {}
        yield Row(
            t_lo,
            t_hi,
            "kubernetes-api",
            component,
            str(item.get("reason", "event")),
            f"{kind.lower()} {name}: {item.get('message') or item.get('note') or ''}".strip(),
            source,
            number,
            when,
            "warning" if item.get("type") == "Warning" else "info",
            str(
                item.get("reportingComponent")
                or item.get("reportingController")
                or source_of.get("component", "")
            ),
            {
                "uid": about.get("uid"),
                "resourceVersion": (item.get("metadata") or {}).get("resourceVersion"),
                "count": item.get("count") or item.get("deprecatedCount"),
            },
        )


def _kubernetes_time(item: Mapping[str, Any]) -> str | None:
    series = item.get("series") or {}
    meta = item.get("metadata") or {}
    for value in (
        series.get("lastObservedTime"),
        item.get("lastTimestamp") or item.get("deprecatedLastTimestamp"),
        item.get("eventTime"),
        item.get("firstTimestamp") or item.get("deprecatedFirstTimestamp"),
        meta.get("creationTimestamp"),
    ):
        if value:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)
    return None


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
        words = " ".join(f"{key} {value}" for key, value in data.items() if value not in ("", None, [], {}))
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


def xid_seconds(text: str) -> int | None:
    """Gives the Unix second in which an xid (20 characters, base32hex) was made; None if it is none."""
    if len(text) != 20 or any(c not in _XID_ALPHABET for c in text):
        return None
    number = 0
    for character in text[:7]:
        number = number * 32 + _XID_ALPHABET.index(character)
    return number >> 3


def journal_rows(records: Iterable[Mapping[str, Any]], source: str) -> Iterator[Row]:
    """Gives the rows of our own journal: {step, kind, time, text, request_id, run}.

    Its times are Unix seconds of this machine's clock, which is the observer's: they are exact. Of progress and
    run records nothing is said.
    """
    words = {
        "intent": "begun",
        "result": "done",
        "adopted": "found done",
        "never-happened": "never happened",
        "failed": "failed",
        "needs-you": "needs a person",
        "refused": "refused",
    }
    for number, record in enumerate(records, 1):
        kind = str(record.get("kind", ""))
        if kind not in words or record.get("time") is None:
            continue
        moment = float(record["time"])
        text = f"step {record.get('step')} {words[kind]}" + (
            f": {record['text']}" if record.get("text") else ""
        )
        yield Row(
            moment,
            moment,
            "observer",
            "provision",
            "step",
            text,
            source,
            number,
            str(record["time"]),
            "error" if kind in ("failed", "needs-you", "refused") else "info",
            "meshlab",
            {"step": record.get("step"), "run": record.get("run"), "request_id": record.get("request_id")},
        )
