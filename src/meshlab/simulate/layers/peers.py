"""What Talos says of a KubeSpan peer, which is not what its traffic does: `up` for minutes while nothing gets through.

The state machine (talos-omni-kubespan.md 3.4, E since the endpoint was set, H since the last handshake): for E above
275 s `up` while H is below 275 s, else `down`; below that `up` once a handshake is newer than the endpoint, else
`unknown` for 15 s and `down` from then on. It is looked at every 30 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from meshlab.simulate.tracks import Track

if TYPE_CHECKING:
    from meshlab.simulate.layers.overlay import Overlay

PeerState = Literal["up", "unknown", "down"]


def stated(
    since_endpoint: float, since_handshake: float, peer_down: float = 275.0, endpoint_timeout: float = 15.0
) -> PeerState:
    """Gives a peer's state from the seconds since its endpoint was set and since its last handshake.

    Examples
    --------
    >>> stated(20.0, 300.0), stated(5.0, 300.0), stated(20.0, 3.0), stated(1000.0, 120.0)
    ('down', 'unknown', 'up', 'up')
    """
    if since_endpoint > peer_down:
        return "up" if since_handshake < peer_down else "down"
    if since_handshake < since_endpoint:
        return "up"
    return "unknown" if since_endpoint < endpoint_timeout else "down"


def peer_state(overlay: Overlay, a: str, b: str) -> Track[PeerState]:
    """Gives what machine a says of its peer b over time, as far as one replicate's overlay tells it.

    While a machine is without power it says nothing; its last word is kept.
    """
    overlay.flow(a, b)
    first, second = (a, b) if a <= b else (b, a)
    changes: list[tuple[float, PeerState, str]] = []
    for event in overlay.events:
        if (
            event.component == first
            and event.kind == "peer-down"
            and f"peers {first} and {second} " in event.text
        ):
            changes.append((event.time, "down", event.text))
        if (
            event.component == first
            and event.kind == "handshake"
            and event.text.startswith(f"handshake of {first} and {second},")
        ):
            changes.append((event.time, "up", event.text))
    joined = overlay.joined.get(a)
    if joined is not None:
        for time, knows, cause in joined.changes():
            if knows:
                changes.append((time, "unknown", cause))
                changes.append((time + overlay.constants.endpoint, "down", f"no handshake with {b} since"))
    track: Track[PeerState] = Track("up")
    latest = 0.0
    for time, state, cause in sorted(changes, key=lambda change: change[0]):
        if state == "down" and track.at(time) == "up" and cause.startswith("no handshake"):
            continue  # it was met before the endpoint's time was over
        track.set(max(time, latest), state, cause)
        latest = time
    return track
