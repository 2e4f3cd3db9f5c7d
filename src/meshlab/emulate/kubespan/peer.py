"""The state machine of one KubeSpan peer, without I/O or clock (facts: talos-omni-kubespan §3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from meshlab.emulate.timings import KubeSpanTimings

State = Literal["unknown", "up", "down"]


@dataclass(frozen=True)
class Peer:
    """What a machine knows about its tunnel to a peer; times in seconds of one clock, None: never.

    Attributes
    ----------
    endpoint
        Where WireGuard sends now; follows the peer when that roams.
    last_used_endpoint
        The last one that was chosen here.
    """

    state: State = "unknown"
    endpoint: str = ""
    last_used_endpoint: str = ""
    endpoint_changed_at: float | None = None
    handshake_at: float | None = None
    received: int = 0
    sent: int = 0


def calculated(peer: Peer, now: float, timings: KubeSpanTimings) -> Peer:
    """Give the peer with its state as it follows from the times."""
    if peer.endpoint_changed_at is None:
        since_change = float("inf")
    else:
        since_change = now - peer.endpoint_changed_at
    since_handshake = float("inf") if peer.handshake_at is None else now - peer.handshake_at
    fresh = since_handshake < since_change  # the handshake is newer than the endpoint
    if since_change > timings.peer_down_s:
        state: State = "up" if since_handshake < timings.peer_down_s else "down"
    elif since_change < timings.endpoint_timeout_s:
        state = "up" if fresh else "unknown"
    else:
        state = "up" if fresh else "down"
    if state == "down" and not peer.last_used_endpoint:
        state = "unknown"
    return replace(peer, state=state)


def next_endpoint(peer: Peer, endpoints: Sequence[str]) -> str | None:
    """Give the endpoint to try next, None to stay."""
    if not endpoints or (peer.state != "down" and peer.last_used_endpoint):
        return None
    if peer.last_used_endpoint not in endpoints:
        return endpoints[0]
    if len(endpoints) == 1 and peer.endpoint == peer.last_used_endpoint:
        return None
    return endpoints[(list(endpoints).index(peer.last_used_endpoint) + 1) % len(endpoints)]


def with_endpoint(peer: Peer, endpoint: str, now: float) -> Peer:
    """Give the peer just after an endpoint was chosen."""
    return replace(
        peer, endpoint=endpoint, last_used_endpoint=endpoint, endpoint_changed_at=now, state="unknown"
    )
