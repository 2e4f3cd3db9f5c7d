"""An API server on each member of a real etcd group: a real kube-apiserver where there is one, else the stand-in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from meshlab.emulate.kubernetes.real.server import ApiServerProcess, EtcdAccess
from meshlab.emulate.kubernetes.server.apiserver import ServingTls
from meshlab.emulate.network.addresses import free_port
from meshlab.live.talos import pki
from meshlab.validation.api import clients as api_clients
from meshlab.validation.api import server as api_server
from meshlab.validation.etcd.group import EtcdProcesses
from meshlab.validation.setting import Setting


class ApiProcesses:
    """The servers, by the number of the member that each stands on; their clients; the etcd group below."""

    def __init__(self, setting: Setting, folder: Path) -> None:
        self.setting = setting
        self.folder = folder
        self.etcd = EtcdProcesses(setting, folder)
        self.ports = [free_port() for _ in range(setting.members)]
        self.keys = folder / "keys"
        self._tls = _certificates(self.keys)
        self._real = setting.server == "kube-apiserver"
        self._servers: dict[int, ApiServerProcess] = {}

    async def start(self) -> None:
        """Starts etcd, the servers and the clients; :meth:`through` says when they get through."""
        await self.etcd.start()
        await asyncio.gather(*(self.start_server(i) for i in range(self.setting.members)))
        orders = api_clients.Orders(
            self.ports, str(self.keys), str(self.requests), self.setting.client_timeout
        )
        await self.etcd.table.spawn("clients", api_clients.command(orders), log=self.folder / "clients.log")

    @property
    def requests(self) -> Path:
        """The file of the clients' requests."""
        return self.folder / "requests"

    async def start_server(self, i: int) -> None:
        host, port = self.etcd.client_address(i)
        url = f"http://{host}:{port}"
        if self._real:
            server = ApiServerProcess(
                EtcdAccess(url),
                self._tls,
                self.etcd.table,
                self.folder / f"api-{i}",
                name=f"api-{i}",
                port=self.ports[i],
            )
            self._servers[i] = server
            await server.start()
            return
        orders = api_server.Orders(url, self.ports[i], str(self.keys))
        await self.etcd.table.spawn(f"api-{i}", api_server.command(orders), log=self.folder / f"api-{i}.log")

    async def kill_server(self, i: int) -> None:
        """Ends a server at once, as a loss of power does."""
        if self._real:
            await self._servers.pop(i).kill()
        else:
            await self.etcd.table.kill(f"api-{i}")

    async def close(self) -> None:
        """Ends every process."""
        for i in list(self._servers):
            await self.kill_server(i)
        await self.etcd.close()


def _certificates(folder: Path) -> ServingTls:
    """Makes an authority, the servers' certificate and an administrator's, and writes them for the child processes."""
    authority = pki.new_authority("ecdsa", common_name="validation")
    serving = pki.issue(
        authority, usage="server", common_name="kube-apiserver", addresses=["127.0.0.1"], names=["localhost"]
    )
    admin = pki.issue(authority, usage="client", organizations=["system:masters"], common_name="admin")
    tls = ServingTls(
        serving.certificate.encode(),
        serving.key.reveal().encode(),
        authority.certificate.encode(),
        pki.standard_key_pem(authority.key).reveal().encode(),
    )
    api_server.keep(tls, folder)
    pair = folder / "admin.pem"
    pair.touch(mode=0o600)
    pair.write_text(admin.certificate + admin.key.reveal())
    return tls
