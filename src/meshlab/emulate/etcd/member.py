"""A member of the cluster's etcd: a real etcd process with TLS, whose traffic crosses the links of its
machine.

The process listens on hidden ports of 127.0.0.1; the fabric serves them at the machine's loopback address on
etcd's well-known ports. What etcd advertises is the loopback address, because peers dial it.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from meshlab.emulate.etcd.client import EtcdClient, EtcdUnavailable
from meshlab.emulate.network.addresses import free_port, loopback
from meshlab.emulate.processes import binaries
from meshlab.emulate.processes.processes import Child, ProcessTable

CLIENT_PORT = 2379
PEER_PORT = 2380


class Exposure(Protocol):
    """What serves a hidden port at a machine's own address (the fabric)."""

    async def expose(
        self, machine: str, port: int, target: tuple[str, int], *, address: str | None = None
    ) -> None: ...

    async def withdraw(self, machine: str, port: int, *, address: str | None = None) -> None: ...


@dataclass(frozen=True)
class TlsFiles:
    """Paths of a CA certificate, a certificate and its private key, in PEM."""

    ca: Path
    cert: Path
    key: Path

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts the CA and presents the certificate."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
        context.load_cert_chain(self.cert, self.key)
        return context


@dataclass(frozen=True)
class EtcdTimers:
    """etcd's timers in milliseconds, with etcd's own defaults (parameters A.etcd).

    ``progress_ms`` is how often a quiet watch gets a progress mark: 5 s, as an API server asks for.
    """

    heartbeat_ms: int = 100
    election_ms: int = 1000
    progress_ms: int = 5000


class EtcdMember:
    """One etcd process of one machine; it can be stopped and started again on the same data.

    Parameters
    ----------
    name
        The machine's name; also the member's name.
    address
        The machine's cluster address (10.x).
    data_dir
        Directory of the member on the machine's disk; it is made, and removed by :meth:`wipe`.
    client_tls, peer_tls
        Certificates; they need the machine's addresses as SAN and both server and client use.
    fabric
        Serves the hidden ports at the machine's loopback address. None: etcd listens there itself.
    """

    def __init__(
        self,
        name: str,
        address: str,
        *,
        data_dir: Path,
        client_tls: TlsFiles,
        peer_tls: TlsFiles,
        processes: ProcessTable,
        fabric: Exposure | None = None,
        log: Path | None = None,
        timers: EtcdTimers | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self.host = loopback(address)
        self.data_dir = data_dir
        self.log = log if log is not None else data_dir.with_name(data_dir.name + ".log")
        self.client_url = f"https://{self.host}:{CLIENT_PORT}"
        self.peer_url = f"https://{self.host}:{PEER_PORT}"
        self.metrics_url: str | None = None
        self.client_tls = client_tls
        self._peer_tls = peer_tls
        self._processes = processes
        self._fabric = fabric
        self._timers = timers if timers is not None else EtcdTimers()
        self._child: Child | None = None

    @property
    def process_name(self) -> str:
        """Name of the process in the process table."""
        return f"etcd-{self.name}"

    @property
    def running(self) -> bool:
        """Whether the process runs (which says nothing about its health)."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._child.pid if self._child is not None and self._child.running else None

    @property
    def has_data(self) -> bool:
        """Whether the member has been part of a cluster: it then ignores how it is told to start."""
        return (self.data_dir / "member").is_dir()

    def client(self, local_addr: str | None = None, *, tls: TlsFiles | None = None) -> EtcdClient:
        """A client of this member, by default with the member's own certificate."""
        return EtcdClient(self.client_url, (tls or self.client_tls).client_context(), local_addr)

    async def start(
        self,
        initial_cluster: Mapping[str, str],
        *,
        state: Literal["new", "existing"] = "new",
        token: str = "etcd-cluster",
    ) -> None:
        """Starts the process and serves its ports; returns at once, without waiting for health.

        Parameters
        ----------
        initial_cluster
            Peer URL of every member by name, this one included; used only while there is no data.
        state
            "new" to found a cluster, "existing" to join one that has added this member.

        Raises
        ------
        ValueError
            The initial cluster lacks this member.
        MissingBinary
            etcd is not installed.
        """
        if initial_cluster.get(self.name) != self.peer_url:
            raise ValueError(f"initial cluster of etcd {self.name} must hold {self.name}={self.peer_url}")
        client, peer, metrics = self._listeners()
        self.metrics_url = f"http://{metrics[0]}:{metrics[1]}"
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        argv = self._argv(initial_cluster, state, token, client, peer)
        self._child = await self._processes.spawn(
            self.process_name, argv, env={"GOMAXPROCS": "2"}, log=self.log, machine=self.name
        )
        if self._fabric is not None:
            await self._fabric.expose(self.name, CLIENT_PORT, client)
            await self._fabric.expose(self.name, PEER_PORT, peer)

    def _listeners(self) -> tuple[tuple[str, int], tuple[str, int], tuple[str, int]]:
        metrics = ("127.0.0.1", free_port())
        if self._fabric is None:
            return (self.host, CLIENT_PORT), (self.host, PEER_PORT), metrics
        return ("127.0.0.1", free_port()), ("127.0.0.1", free_port()), metrics

    def _argv(
        self,
        initial_cluster: Mapping[str, str],
        state: str,
        token: str,
        client: tuple[str, int],
        peer: tuple[str, int],
    ) -> list[str]:
        program = binaries.find("etcd")
        renamed = binaries.version(program) >= (3, 6, 0)  # experimental flags were renamed in 3.6
        progress = "watch-progress-notify-interval"
        flags = {
            "name": self.name,
            "data-dir": str(self.data_dir),
            "listen-client-urls": f"https://{client[0]}:{client[1]}",
            "advertise-client-urls": self.client_url,
            "listen-peer-urls": f"https://{peer[0]}:{peer[1]}",
            "initial-advertise-peer-urls": self.peer_url,
            "initial-cluster": ",".join(f"{name}={url}" for name, url in sorted(initial_cluster.items())),
            "initial-cluster-state": state,
            "initial-cluster-token": token,
            "listen-metrics-urls": str(self.metrics_url),
            "heartbeat-interval": str(self._timers.heartbeat_ms),
            "election-timeout": str(self._timers.election_ms),
            progress if renamed else f"experimental-{progress}": f"{self._timers.progress_ms}ms",
            "client-cert-auth": "true",
            "trusted-ca-file": str(self.client_tls.ca),
            "cert-file": str(self.client_tls.cert),
            "key-file": str(self.client_tls.key),
            "peer-client-cert-auth": "true",
            "peer-trusted-ca-file": str(self._peer_tls.ca),
            "peer-cert-file": str(self._peer_tls.cert),
            "peer-key-file": str(self._peer_tls.key),
            "logger": "zap",
            "log-outputs": "stderr",
        }
        return [str(program), *(f"--{flag}={value}" for flag, value in flags.items())]

    async def wait_healthy(self, deadline_s: float = 30.0) -> None:
        """Waits until the member has a leader and can commit.

        Raises
        ------
        EtcdUnavailable
            It ended, or is not healthy in time; the message holds the last line of its log.
        """
        async with self.client() as client:
            waiting = asyncio.create_task(client.wait_healthy(deadline_s))
            ended = asyncio.create_task(self._child.wait()) if self._child is not None else None
            tasks = {waiting} if ended is None else {waiting, ended}
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done() and waiting.exception() is None:
                    return
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        raise EtcdUnavailable(f"etcd {self.name} is not healthy; its log ends with: {self._last_line()}")

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1] if lines else "(nothing)"

    async def stop(self, grace_s: float = 10.0) -> None:
        """Stops the process in order (a leader hands over first) and withdraws its ports."""
        await self._processes.terminate(self.process_name, grace_s)
        await self._withdraw()

    async def kill(self) -> None:
        """Ends the process at once, as a crash does; its ports then refuse connections."""
        await self._processes.kill(self.process_name)
        await self._withdraw()

    async def _withdraw(self) -> None:
        if self._fabric is not None:
            await self._fabric.withdraw(self.name, CLIENT_PORT)
            await self._fabric.withdraw(self.name, PEER_PORT)

    def wipe(self) -> None:
        """Removes the member's data from the machine's disk.

        Raises
        ------
        RuntimeError
            The process still runs.
        """
        if self.running:
            raise RuntimeError(f"etcd {self.name} still runs: stop it before its data is wiped")
        shutil.rmtree(self.data_dir, ignore_errors=True)
