"""Events of Kubernetes, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshlab.incident.evidence.readers.interface import Log
from meshlab.incident.evidence.rows import Row, around


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
        try:
            t_lo, t_hi = around(when)
        except ValueError:
            continue
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


class KubernetesEvents:
    """``kubernetes-events.json``: a list of Event objects."""

    name = "events of Kubernetes"
    files = "kubernetes-events"

    def rows(self, log: Log) -> Iterable[Row]:
        return kubernetes_rows(log.items(), log.source)
