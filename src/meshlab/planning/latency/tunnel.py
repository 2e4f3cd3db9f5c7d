"""What WireGuard adds to a kind of request: time in each direction, bytes on each packet, packets by its MTU."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from meshlab.model import Overlay, Topology
from meshlab.planning.worlds import WORLDS


@dataclass(frozen=True)
class TunnelCost:
    """The mean seconds that the tunnel adds to a request, and their share of its mean; nothing without an overlay."""

    request: str
    seconds: float
    share: float
    mtu: int
    overhead: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def tunnel_cost(topology: Topology, request: str, *, samples: int = WORLDS, seed: int = 0) -> TunnelCost:
    """Gives what the tunnel costs a request at rest: with it less without it, world by world on the same draws."""
    import numpy as np

    from meshlab.planning.latency.network import WIREGUARD_OVERHEAD
    from meshlab.planning.latency.requests import walk

    overlay = topology.overlay
    if overlay is None:
        return TunnelCost(request, 0.0, 0.0, 1500, 0)
    bare = topology.without(*(part.name for part in topology.of(Overlay)))
    total = []
    for cluster in (topology, bare):
        path = walk(request, cluster, load=0.0, down=frozenset(), samples=samples, seed=seed)
        total.append(float(np.mean(np.sum([hop.seconds for hop in path.hops], axis=0))))
    added = total[0] - total[1]
    return TunnelCost(request, added, added / total[0], overlay.mtu, WIREGUARD_OVERHEAD)
