"""The discovery service: where machines of a cluster find each other (facts: talos-omni-kubespan §3.5).

It knows entries only as sealed data in the real world; here the records are passed as they are. What matters is kept:
entries die after their time to live, and a service that is down takes and gives nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Affiliate:
    """What a machine tells the others about itself.

    Attributes
    ----------
    addresses
        Addresses by which peers reach it inside the mesh, its mesh address among them.
    endpoints
        ``ip:port`` at which its mesh port may be reached from outside, in the order they are tried.
    excluded_networks
        Networks that peers must not send through the mesh.
    """

    node_id: str
    hostname: str
    nodename: str
    machine_type: str
    operating_system: str
    addresses: tuple[str, ...]
    api_server_port: int = 0
    kubespan_public_key: str = ""
    kubespan_address: str = ""
    additional_addresses: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    excluded_networks: tuple[str, ...] = ()


class DiscoveryUnavailable(Exception):
    """The discovery service does not answer."""


class DiscoveryService:
    """Affiliates by cluster id.

    Parameters
    ----------
    ttl_s
        Life of an entry that is not renewed.
    clock
        Seconds that only go forward.
    """

    def __init__(self, ttl_s: float = 1800.0, clock: Callable[[], float] | None = None) -> None:
        self._ttl_s = ttl_s
        self._clock = clock or time.monotonic
        self._entries: dict[str, dict[str, tuple[Affiliate, float]]] = {}
        self._listeners: dict[int, tuple[str, Callable[[], None]]] = {}
        self._next = 0
        self.up = True

    def stop(self) -> None:
        """Take the service away: every call fails until :meth:`start`."""
        self.up = False

    def start(self, *, forget: bool = False) -> None:
        """Bring it back; with ``forget`` without its entries, as after a long outage."""
        if forget:
            self._entries.clear()
        self.up = True
        for cluster_id in {cluster_id for cluster_id, _ in self._listeners.values()}:
            self._tell(cluster_id)

    def publish(self, cluster_id: str, affiliate: Affiliate) -> None:
        """Add or renew an entry.

        Raises
        ------
        DiscoveryUnavailable
            The service is down.
        """
        self._must_be_up()
        entries = self._entries.setdefault(cluster_id, {})
        known = entries.get(affiliate.node_id)
        entries[affiliate.node_id] = (affiliate, self._clock() + self._ttl_s)
        if known is None or known[0] != affiliate:
            self._tell(cluster_id)

    def withdraw(self, cluster_id: str, node_id: str) -> None:
        """Remove an entry, as a reset does."""
        self._must_be_up()
        if self._entries.get(cluster_id, {}).pop(node_id, None) is not None:
            self._tell(cluster_id)

    def affiliates(self, cluster_id: str) -> dict[str, Affiliate]:
        """Give the living entries of a cluster by node id.

        Raises
        ------
        DiscoveryUnavailable
            The service is down.
        """
        self._must_be_up()
        now = self._clock()
        entries = self._entries.get(cluster_id, {})
        for node_id in [node_id for node_id, (_, ends) in entries.items() if ends <= now]:
            del entries[node_id]
        return {node_id: affiliate for node_id, (affiliate, _) in sorted(entries.items())}

    def listen(self, cluster_id: str, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` after each change of a cluster's entries; gives the call that ends it."""
        number = self._next
        self._next += 1
        self._listeners[number] = (cluster_id, changed)

        def stop() -> None:
            self._listeners.pop(number, None)

        return stop

    def _must_be_up(self) -> None:
        if not self.up:
            raise DiscoveryUnavailable("the discovery service does not answer")

    def _tell(self, cluster_id: str) -> None:
        for wanted, changed in list(self._listeners.values()):
            if wanted == cluster_id:
                changed()
