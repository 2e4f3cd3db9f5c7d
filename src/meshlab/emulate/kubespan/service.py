"""KubeSpan on one emulated machine: it publishes itself, learns peers, shakes hands, and watches its tunnels.

No packet is encrypted here. A handshake happens when both machines know each other, the endpoint in use leads to the
peer, and the underlay carries packets both ways; states, endpoint rotation and timing are those of Talos
(:mod:`meshlab.emulate.kubespan.peer`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from meshlab.emulate.cosi.store import ResourceStore
from meshlab.emulate.kubespan.discovery import Affiliate, DiscoveryService, DiscoveryUnavailable
from meshlab.emulate.kubespan.identity import PORT, KubeSpanIdentity
from meshlab.emulate.kubespan.peer import Peer, State, calculated, next_endpoint, with_endpoint
from meshlab.emulate.processes.tasks import end
from meshlab.emulate.timings import Timings
from meshlab.live._generated import talos_cluster_pb2, talos_kubespan_pb2
from meshlab.live.talos import resources as types

cluster_pb: Any = talos_cluster_pb2
kubespan_pb: Any = talos_kubespan_pb2

STATES: Mapping[State, int] = {"unknown": 0, "up": 1, "down": 2}
MACHINE_TYPES = {"controlplane": 2, "worker": 3}
HANDSHAKE_BYTES = (92, 148)


class Underlay(Protocol):
    """The network below: who owns an address, and whether packets get through."""

    def endpoint_owner(self, source: str, endpoint: str) -> MeshNode | None:
        """Give the node whose mesh port a packet from ``source`` to ``endpoint`` reaches, if the link lets it pass."""

    def reachable(self, source: str, target: str) -> bool:
        """Whether packets of a machine reach another one."""

    def observed_endpoint(self, source: str, target: str) -> str:
        """Give the ``ip:port`` from which ``target`` sees packets of ``source``'s mesh port."""


class MeshNode:
    """The KubeSpan and cluster discovery controllers of one machine.

    Parameters
    ----------
    name
        The machine's name in the underlay.
    affiliate
        What it publishes about itself, mesh parts included when the mesh is on.
    identity
        None when the mesh is off: then only members are learnt.
    """

    def __init__(
        self,
        name: str,
        cluster_id: str,
        affiliate: Affiliate,
        identity: KubeSpanIdentity | None,
        *,
        store: ResourceStore,
        discovery: DiscoveryService,
        underlay: Underlay,
        timings: Timings,
    ) -> None:
        self.name = name
        self.affiliate = affiliate
        self.identity = identity
        self.peers: dict[str, Peer] = {}
        self.affiliates: dict[str, Affiliate] = {}
        self._cluster_id = cluster_id
        self._store = store
        self._discovery = discovery
        self._underlay = underlay
        self._timings = timings
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._attempts: dict[str, float] = {}

    def start(self) -> None:
        """Begin, with nothing learnt yet: what was known before a reboot is gone."""
        self._task = asyncio.create_task(self._run(), name=f"mesh-{self.name}")

    async def stop(self) -> None:
        """End; peers hear nothing of it."""
        await end(self._task)
        self._task = None

    def knows(self, public_key: str) -> bool:
        """Whether a peer is configured here."""
        return public_key in self.peers

    async def _run(self) -> None:
        stop_listening = self._discovery.listen(self._cluster_id, self._changed.set)
        kubespan = self._timings.kubespan
        step = min(kubespan.handshake_retry_s, kubespan.tick_s, kubespan.endpoint_timeout_s / 3) / 2
        next_tick = next_refresh = 0.0
        try:
            while True:
                now = time.monotonic()
                if now >= next_refresh and self._publish():
                    next_refresh = now + self._timings.discovery_refresh_s
                if self._changed.is_set() or now >= next_tick:
                    self._changed.clear()
                    next_tick = now + kubespan.tick_s
                    self._learn()
                    self._look(now)
                self._shake_hands(now)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(step):
                        await self._changed.wait()
        finally:
            stop_listening()

    def _publish(self) -> bool:
        try:
            self._discovery.publish(self._cluster_id, self.affiliate)
        except DiscoveryUnavailable:
            return False
        return True

    def _learn(self) -> None:
        """Take over what the discovery service says; without it, what was learnt stays."""
        try:
            self.affiliates = self._discovery.affiliates(self._cluster_id)
        except DiscoveryUnavailable:
            if not self.affiliates:
                self.affiliates = {self.affiliate.node_id: self.affiliate}
        everyone = self.affiliates | {self.affiliate.node_id: self.affiliate}
        self._store.replace(types.AFFILIATE, {node_id: affiliate_spec(a) for node_id, a in everyone.items()})
        self._store.replace(
            types.MEMBER, {a.nodename: member_spec(a) for a in everyone.values() if a.nodename}
        )
        if self.identity is None:
            return
        others = self._others()
        self.peers = {key: self.peers.get(key, Peer()) for key in others}
        self._store.replace(types.KUBESPAN_PEER_SPEC, {key: peer_spec(a) for key, a in others.items()})

    def _others(self) -> dict[str, Affiliate]:
        me = self.affiliate.node_id
        return {
            affiliate.kubespan_public_key: affiliate
            for node_id, affiliate in self.affiliates.items()
            if node_id != me and affiliate.kubespan_public_key
        }

    def _look(self, now: float) -> None:
        """The 30 s tick: calculate states, try another endpoint where needed, publish statuses."""
        statuses = {}
        for key, affiliate in self._others().items():
            if key not in self.peers:
                continue
            peer = calculated(self.peers[key], now, self._timings.kubespan)
            chosen = next_endpoint(peer, affiliate.endpoints)
            if chosen is not None:
                peer = with_endpoint(peer, chosen, now)
                self._attempts.pop(key, None)
            self.peers[key] = peer
            statuses[key] = peer_status(peer, affiliate.nodename, now)
        self._store.replace(types.KUBESPAN_PEER_STATUS, statuses)

    def _shake_hands(self, now: float) -> None:
        kubespan = self._timings.kubespan
        for key, peer in list(self.peers.items()):
            last = float("-inf") if peer.handshake_at is None else peer.handshake_at
            due = now - last >= kubespan.rekey_s or (
                peer.endpoint_changed_at is not None and last < peer.endpoint_changed_at
            )
            tried = self._attempts.get(key, float("-inf"))
            if not peer.endpoint or not due or now - tried < kubespan.handshake_retry_s:
                continue
            self._attempts[key] = now
            self._handshake(key, peer)

    def _handshake(self, key: str, peer: Peer) -> None:
        target = self._underlay.endpoint_owner(self.name, peer.endpoint)
        if target is None or target.identity is None or self.identity is None:
            return
        if target.identity.public_key != key or not target.knows(self.identity.public_key):
            return
        if not self._underlay.reachable(target.name, self.name):
            return
        now = (
            time.monotonic()
        )  # later than the choice of the endpoint, which must be older to count as answered
        self._established(key, peer.endpoint, now, HANDSHAKE_BYTES)
        seen = self._underlay.observed_endpoint(self.name, target.name)
        target._established(self.identity.public_key, seen, now, HANDSHAKE_BYTES[::-1])

    def _established(self, key: str, endpoint: str, now: float, traffic: tuple[int, int]) -> None:
        peer = self.peers[key]
        self.peers[key] = replace(
            peer,
            endpoint=endpoint,
            handshake_at=now,
            received=peer.received + traffic[0],
            sent=peer.sent + traffic[1],
        )


def affiliate_spec(affiliate: Affiliate) -> Any:
    """Give ``AffiliateSpec`` of an affiliate."""
    spec = cluster_pb.AffiliateSpec(
        node_id=affiliate.node_id,
        addresses=[ip_message(address) for address in affiliate.addresses],
        hostname=affiliate.hostname,
        nodename=affiliate.nodename,
        operating_system=affiliate.operating_system,
        machine_type=MACHINE_TYPES.get(affiliate.machine_type, 0),
    )
    if affiliate.api_server_port:
        spec.control_plane.api_server_port = affiliate.api_server_port
    if affiliate.kubespan_public_key:
        mesh = spec.kube_span
        mesh.public_key = affiliate.kubespan_public_key
        mesh.address.ip = ipaddress.ip_address(affiliate.kubespan_address).packed
        mesh.additional_addresses.extend(prefix_message(net) for net in affiliate.additional_addresses)
        mesh.endpoints.extend(endpoint_message(endpoint) for endpoint in affiliate.endpoints)
        mesh.exclude_advertised_networks.extend(prefix_message(net) for net in affiliate.excluded_networks)
    return spec


def member_spec(affiliate: Affiliate) -> Any:
    """Give ``MemberSpec`` of an affiliate."""
    spec = cluster_pb.MemberSpec(
        node_id=affiliate.node_id,
        addresses=[ip_message(address) for address in affiliate.addresses],
        hostname=affiliate.hostname,
        machine_type=MACHINE_TYPES.get(affiliate.machine_type, 0),
        operating_system=affiliate.operating_system,
    )
    if affiliate.api_server_port:
        spec.control_plane.api_server_port = affiliate.api_server_port
    return spec


def peer_spec(affiliate: Affiliate) -> Any:
    """Give ``PeerSpecSpec``: what of this peer goes into the tunnel, and where the tunnel may end."""
    excluded = [ipaddress.ip_network(net) for net in affiliate.excluded_networks]
    addresses = [ipaddress.ip_address(address) for address in affiliate.addresses]
    kept = [a for a in addresses if not any(a.version == net.version and a in net for net in excluded)]
    own = ipaddress.ip_address(affiliate.kubespan_address)
    allowed = [f"{address}/{address.max_prefixlen}" for address in dict.fromkeys([*kept, own])]
    return kubespan_pb.PeerSpecSpec(
        address=ip_message(affiliate.kubespan_address),
        allowed_ips=[prefix_message(net) for net in [*allowed, *affiliate.additional_addresses]],
        endpoints=[endpoint_message(endpoint) for endpoint in affiliate.endpoints],
        label=affiliate.nodename,
    )


def peer_status(peer: Peer, label: str, now: float) -> Any:
    """Give ``PeerStatusSpec``; times of the clock are turned into the wall's."""
    status = kubespan_pb.PeerStatusSpec(
        label=label, state=STATES[peer.state], receive_bytes=peer.received, transmit_bytes=peer.sent
    )
    if peer.endpoint:
        status.endpoint.CopyFrom(endpoint_message(peer.endpoint))
    if peer.last_used_endpoint:
        status.last_used_endpoint.CopyFrom(endpoint_message(peer.last_used_endpoint))
    wall = time.time() - now
    if peer.handshake_at is not None:
        status.last_handshake_time.FromNanoseconds(round((wall + peer.handshake_at) * 1e6) * 1000)
    if peer.endpoint_changed_at is not None:
        status.last_endpoint_change.FromNanoseconds(round((wall + peer.endpoint_changed_at) * 1e6) * 1000)
    return status


def ip_message(address: str) -> Any:
    """Give ``common.NetIP``."""
    return {"ip": ipaddress.ip_address(address).packed}


def prefix_message(network: str) -> Any:
    """Give ``common.NetIPPrefix`` of an address with its length."""
    interface = ipaddress.ip_interface(network)
    return {"ip": interface.ip.packed, "prefix_length": interface.network.prefixlen}


def endpoint_message(endpoint: str) -> Any:
    """Give ``common.NetIPPort`` of ``ip:port``."""
    from meshlab.live._generated import common_pb2

    common: Any = common_pb2
    host, _, port = endpoint.rpartition(":")
    return common.NetIPPort(ip=ipaddress.ip_address(host.strip("[]")).packed, port=int(port))


def mesh_endpoint(address: str) -> str:
    """Give the mesh endpoint at an address."""
    return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"
