"""The Kubernetes side of one control-plane machine: its API server, controller manager and scheduler together."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Protocol

from meshlab.emulate.etcd.member import Exposure
from meshlab.emulate.kubernetes.client.client import BalancerTimes, KubeClient
from meshlab.emulate.kubernetes.controllers.managers import Controllers, ManagerTimes
from meshlab.emulate.kubernetes.server.apiserver import ServingTls, load_pair
from meshlab.emulate.network.addresses import loopback

API_PORT = 6443


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


class Server(Protocol):
    """An API server: it listens on a hidden port of 127.0.0.1, which is known once it is started."""

    port: int

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def kill(self) -> None: ...


class ControlPlane:
    """API server, controller manager and scheduler of one machine, started and stopped together.

    Parameters
    ----------
    name, address
        The machine and its cluster address.
    server
        Its API server; the fabric serves it at port 6443 of the machine.
    fabric
        Serves hidden ports at the machine's own address.
    """

    def __init__(
        self,
        name: str,
        address: str,
        server: Server,
        tls: ControlPlaneTls,
        fabric: Exposure,
        *,
        times: ManagerTimes | None = None,
        balancer: BalancerTimes | None = None,
    ) -> None:
        self.server = server
        self._name = name
        self._address = address
        self._tls = tls
        self._fabric = fabric
        self._times = times
        self._balancer = balancer
        self._controllers: Controllers | None = None

    @property
    def leading(self) -> tuple[bool, bool]:
        """Whether this machine's controller manager and scheduler lead."""
        found = self._controllers
        return (found.managing.leading, found.scheduling.leading) if found is not None else (False, False)

    def _client(self, pair: Pair, agent: str) -> KubeClient:
        """A client of the machine's own API server, from the machine's own address."""
        host = loopback(self._address)
        context = client_context(self._tls.authority, pair)
        return KubeClient(
            [f"https://{host}:{API_PORT}"], context, local_addr=host, agent=agent, times=self._balancer
        )

    async def start(self) -> None:
        """Starts all three; the managers retry until their API server is reachable."""
        await self.server.start()
        await self._fabric.expose(self._name, API_PORT, ("127.0.0.1", self.server.port))
        self._controllers = Controllers(
            self._client(self._tls.manager, "kube-controller-manager"),
            self._client(self._tls.scheduler, "kube-scheduler"),
            self._name,
            self._tls.authority,
            self._times,
        )
        await self._controllers.start()

    async def stop(self) -> None:
        """Stops all three, the API server in order (the managers keep their leases, as when the machine stops)."""
        await self._withdraw()
        await self.server.stop()

    async def kill(self) -> None:
        """Ends all three at once, as a loss of power does."""
        await self._withdraw()
        await self.server.kill()

    async def _withdraw(self) -> None:
        if self._controllers is not None:
            await self._controllers.stop()
            self._controllers = None
        await self._fabric.withdraw(self._name, API_PORT)
