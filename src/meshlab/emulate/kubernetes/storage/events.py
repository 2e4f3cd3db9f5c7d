"""Events in their two forms: core/v1 as stored, events.k8s.io/v1 as the newer group shows them."""

from __future__ import annotations

from meshlab.emulate.kubernetes.objects.status import Object


def as_new_event(event: Object) -> Object:
    """An event of core/v1 as events.k8s.io/v1."""
    shown: Object = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": event["metadata"],
        "eventTime": event.get("eventTime"),
        "reportingController": event.get("reportingComponent", ""),
        "reportingInstance": event.get("reportingInstance", ""),
        "regarding": event.get("involvedObject", {}),
        "note": event.get("message", ""),
    }
    for field in ("reason", "type", "action", "related", "series"):
        if field in event:
            shown[field] = event[field]
    for old, new in (
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
    ):
        if event.get(old) is not None:
            shown[new] = event[old]
    return shown


def as_core_event(event: Object) -> Object:
    """An event of events.k8s.io/v1 as core/v1."""
    stored: Object = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": event.get("metadata", {}),
        "involvedObject": event.get("regarding", {}),
        "message": event.get("note", ""),
        "eventTime": event.get("eventTime"),
        "reportingComponent": event.get("reportingController", ""),
        "reportingInstance": event.get("reportingInstance", ""),
    }
    for field in ("reason", "type", "action", "related", "series"):
        if field in event:
            stored[field] = event[field]
    for new, old in (
        ("deprecatedSource", "source"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
    ):
        if event.get(new) is not None:
            stored[old] = event[new]
    return stored
