"""What the Kubernetes API holds: events."""

from __future__ import annotations

from collections.abc import Iterable

from meshlab.incident.evidence.collectors.interface import Piece, Sources
from meshlab.incident.observe.connections import Connections
from meshlab.incident.observe.probes import Silent


def kubernetes(sources: Sources) -> Iterable[Piece]:
    """Gives the events, where there is a way to the API."""
    if sources.connections.door is not None:
        yield Piece("events of Kubernetes", "kubernetes-events.json", lambda: _events(sources.connections))


def _events(connections: Connections) -> str:
    assert connections.door is not None
    reply = connections.door.ask("GET", "/api/v1/events?limit=5000")
    if reply.status != 200:
        raise Silent(reply.message)
    return reply.body.decode(errors="replace")
