"""The Kubernetes side of one control-plane machine: its API server, controller manager and scheduler together."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..addresses import loopback
from ..etcd_client import EtcdClient
from .apiserver import ApiServer, ServingTls, load_pair
from .client import BalancerTimes, KubeClient
from .controllers.managers import Controllers, ManagerTimes
from .etcd_storage import EtcdStorage


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def client_context(authority: bytes, pair: Pair) -> ssl.SSLContext:
    """TLS of a client of the API: the cluster CA (PEM) and the client's own pair."""
    context = ssl.create_default_context(cadata=authority.decode())
    load_pair(context, pair.certificate, pair.key)
    return context


@dataclass(frozen=True)
class ControlPlaneTls:
    """What one control-plane machine needs: ``authority`` is the CA that signs serving certificates.

    ``manager`` is issued to ``system:kube-controller-manager``, ``scheduler`` to ``system:kube-scheduler`` (CN).
    """

    serving: ServingTls
    authority: bytes
    manager: Pair
    scheduler: Pair


class ControlPlane:
    """API server, controller manager and scheduler of one machine, started and stopped together.

    Parameters
    ----------
    name, address
        The machine and its cluster address.
    etcd
        Client of the machine's etcd member; it stays the caller's to close.
    endpoints
        Cluster addresses of all API servers.
    port
        Hidden port on 127.0.0.1 of the API server, 0 for a free one; the caller exposes it as 6443 once
        :meth:`start` is done (``server.port``).
    server_url
        Where the managers reach their own API server; by default port 6443 of the machine's loopback address.
    """

    def __init__(
        self,
        name: str,
        address: str,
        etcd: EtcdClient,
        tls: ControlPlaneTls,
        *,
        endpoints: Sequence[str] = (),
        port: int = 0,
        server_url: str = "",
        times: ManagerTimes | None = None,
        balancer: BalancerTimes | None = None,
    ) -> None:
        addresses = list(endpoints) or [address]
        self.server = ApiServer(
            EtcdStorage(etcd), tls.serving, port=port, advertise=address, endpoints=addresses
        )
        self._name = name
        self._address = address
        self._tls = tls
        self._url = server_url
        self._times = times
        self._balancer = balancer
        self._controllers: Controllers | None = None

    @property
    def leading(self) -> tuple[bool, bool]:
        """Whether this machine's controller manager and scheduler lead."""
        found = self._controllers
        return (found.managing.leading, found.scheduling.leading) if found is not None else (False, False)

    def _client(self, pair: Pair, agent: str) -> KubeClient:
        url = self._url or f"https://{loopback(self._address)}:6443"
        context = client_context(self._tls.authority, pair)
        return KubeClient(
            [url], context, local_addr=loopback(self._address), agent=agent, times=self._balancer
        )

    async def start(self) -> None:
        """Starts all three; the managers retry until their API server is reachable."""
        await self.server.start()
        self._controllers = Controllers(
            self._client(self._tls.manager, "kube-controller-manager"),
            self._client(self._tls.scheduler, "kube-scheduler"),
            self._name,
            self._tls.authority,
            self._times,
        )
        await self._controllers.start()

    async def stop(self) -> None:
        """Stops all three at once, as when the machine stops."""
        if self._controllers is not None:
            await self._controllers.stop()
            self._controllers = None
        await self.server.stop()
