"""The way between two machines, drawn: the link's latency, the tunnel, and the time to put the bytes on the wire."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from meshlab.model import Distribution, Topology
from meshlab.planning.latency.all_pairs import NEIGHBOUR, relayed_ways

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

WIREGUARD_DELAY = Distribution.triangular(20e-6, 50e-6, 150e-6, source="E.wireguard added_latency_kernel [E]")
"""Per direction, unloaded."""
WIREGUARD_OVERHEAD = 80
"""Bytes per packet: 40 IPv6 + 8 UDP + 32 [D E.wireguard overhead_ipv6]."""
SEGMENT_OVERHEAD = 52
"""Bytes per packet inside the tunnel: 20 IPv4 + 32 TCP with time stamps."""
LOOPBACK = Distribution.lognormal(20e-6, 0.3, source="one machine to itself [E]")


class Ways:
    """Draws one-way delays between machines of a topology while some components are down.

    Parameters
    ----------
    down
        Names of components that are down; a link among them cuts its pair.
    count
        How many worlds.
    rng
        Everything random comes from it, in the order of the calls.
    relayed
        Where two machines have no way of their own, go over others, the quickest way at the links' medians. KubeSpan
        does not do that (a peer is reached directly or not at all); a routed mesh or a gateway would.
    """

    def __init__(
        self,
        topology: Topology,
        down: frozenset[str],
        count: int,
        rng: np.random.Generator,
        relayed: bool = False,
    ) -> None:
        self.relayed = relayed
        self._over: dict[tuple[str, str], tuple[str, ...]] | None = None
        self.topology = topology
        self.down = down
        self.count = count
        self.rng = rng

    def draw(self, spread: Distribution) -> Samples:
        import numpy as np

        return np.asarray(spread.sample(self.rng, self.count), dtype=np.float64)

    def one_way(self, a: str, b: str, size: float = 0.0) -> Samples:
        """Gives seconds from a to b for a message of `size` bytes; infinite where there is no way."""
        import numpy as np

        if a == b:
            return self.draw(LOOPBACK)
        link = self.topology.link_between(a, b)
        one, two = self.topology.machine(a), self.topology.machine(b)
        if (link is not None and link.name in self.down) or (link is None and one.site != two.site):
            over = self._relays(a, b) if self.relayed else ()
            if not over:
                return np.full(self.count, np.inf)
            legs = [self.one_way(*leg, size) for leg in pairwise((a, *over, b))]
            return np.asarray(np.sum(legs, axis=0))
        delay = self.draw(link.latency if link is not None else NEIGHBOUR)
        # Drawn with or without a tunnel, so that the two can be compared world by world.
        tunnel = self.draw(WIREGUARD_DELAY)
        if self.topology.overlay is not None:
            delay = delay + tunnel
        rate = min(
            r for r in (one.network_rate, two.network_rate, link.bandwidth if link else 0.0, 1e12) if r
        )
        return delay + self._bits(size) / rate

    def round_trip(self, a: str, b: str, size: float = 0.0) -> Samples:
        """Gives seconds there and back; the request is of `size` bytes, the answer too."""
        return self.one_way(a, b, size) + self.one_way(b, a, size)

    def _relays(self, a: str, b: str) -> tuple[str, ...]:
        """Gives the machines over which a reaches b; none where nothing that is up does."""
        if self._over is None:
            self._over = relayed_ways(self.topology, self.down)
        return self._over.get((a, b), ())

    def _bits(self, size: float) -> float:
        """Gives the bits on the wire: the payload and what each packet of the tunnel's MTU adds."""
        mtu = self.topology.overlay.mtu if self.topology.overlay is not None else 1500
        packets = max(1, -(-int(size) // (mtu - SEGMENT_OVERHEAD)))
        each = SEGMENT_OVERHEAD + (WIREGUARD_OVERHEAD if self.topology.overlay is not None else 0)
        return 8.0 * (size + packets * each)
