"""A small cluster of emulated machines with real etcd, for tests; addresses are of network 1 if not told."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from meshlab.emulate.etcd.client import EtcdClient
from meshlab.emulate.etcd.member import EtcdMember
from meshlab.emulate.kubespan.discovery import DiscoveryService
from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.emulate.talos import pki as machine_pki
from meshlab.emulate.talos.hardware import Hardware
from meshlab.emulate.talos.machine import Machine
from meshlab.emulate.talos.site import NoHooks, Site
from meshlab.emulate.timings import KubeSpanTimings, Timings
from meshlab.live.secret import Secret
from meshlab.live.talos.client import TalosClient
from meshlab.live.talos.machine_config import machine_config
from meshlab.live.talos.secrets_bundle import SecretsBundle
from meshlab.live.talos.settings import ClusterSettings, NodeSettings
from meshlab.live.talos.talosconfig import Talosconfig
from own_addresses import network
from own_time import PATIENCE_S

QUICK = Timings(
    boot_s=0.05,
    install_s=0.05,
    shutdown_s=0.1,
    etcd_join_retry_s=0.2,
    etcd_promote_retry_s=0.2,
    etcd_health_period_s=0.3,
    trustd_retry_s=0.05,
    proxy_timeout_s=0.3,
    omni_poll_s=0.1,
    kubespan=KubeSpanTimings().scaled(0.005),
)


@functools.cache
def shared_bundle() -> SecretsBundle:
    """One secrets bundle for every test: its RSA key is slow to make."""
    return SecretsBundle.generate()


class EtcdHooks(NoHooks):
    """Hooks that run real etcd processes, and remember what else was asked for."""

    def __init__(self, directory: Path) -> None:
        self.processes = ProcessTable(directory)
        self.members: dict[str, EtcdMember] = {}
        self.clients: dict[str, EtcdClient] = {}
        self.calls: list[tuple[str, str]] = []

    async def start_etcd(self, machine: Machine, bootstrap: bool) -> None:
        assert machine.etcd is not None
        self.calls.append(("bootstrap etcd" if bootstrap else "start etcd", machine.name))
        tls = machine_pki.etcd_tls(machine, machine.directory / "etcd-tls")
        member = EtcdMember(
            machine.name,
            machine.hardware.address,
            data_dir=machine.ephemeral / "etcd",
            client_tls=tls,
            peer_tls=tls,
            processes=self.processes,
            log=machine.directory / "etcd.log",
        )
        self.members[machine.name] = member
        self.clients[machine.name] = member.client()
        initial = machine.etcd.initial_cluster or {machine.name: member.peer_url}
        await member.start(initial, state="new" if bootstrap else "existing")

    async def stop_etcd(self, machine: Machine, wipe: bool) -> None:
        client = self.clients.pop(machine.name, None)
        if client is not None:
            await client.close()
        member = self.members.pop(machine.name, None)
        if member is not None:
            await member.stop()
            if wipe:
                member.wipe()

    async def power_lost(self, machine: Machine) -> None:
        member = self.members.get(machine.name)
        if member is not None:
            await member.kill()

    def service_log(self, machine: Machine, service: str) -> Path | None:
        return machine.directory / "etcd.log" if service == "etcd" else None

    def etcd(self, machine: Machine) -> EtcdClient | None:
        return self.clients.get(machine.name)

    async def start_control_plane(self, machine: Machine) -> None:
        self.calls.append(("start control plane", machine.name))

    async def start_kubelet(self, machine: Machine) -> None:
        self.calls.append(("start kubelet", machine.name))

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()
        await self.processes.close()


class Cluster:
    """Machines, their settings, and clients of them."""

    def __init__(
        self,
        directory: Path,
        bundle: SecretsBundle,
        subnet: int,
        timings: Timings = QUICK,
        network: str = network(1),
    ) -> None:
        self.directory = directory
        self.bundle = bundle
        self.network = f"{network}.{subnet}"
        self.hooks = EtcdHooks(directory / "processes")
        self.cuts: set[tuple[str, str]] = set()
        self.site = Site(
            self.hooks,
            DiscoveryService(),
            timings,
            reachable_by=lambda source, target: (source, target) not in self.cuts,
        )
        self.settings = ClusterSettings("test", f"https://{self.address(11)}:6443")
        self.talosconfig = Talosconfig.issue(bundle, "test")
        self._clients: list[TalosClient] = []

    def address(self, host: int) -> str:
        return f"{self.network}.{host}"

    def machine(
        self, name: str, host: int, *, user_data: Secret[str] | None = None, **hardware: Any
    ) -> Machine:
        described = Hardware(
            name=name,
            address=self.address(host),
            uuid=f"00000000-0000-4000-8000-{host:012x}",
            mac=f"02:00:00:00:00:{host:02x}",
            network=f"{self.network}.0/24",
            **hardware,
        )
        return Machine(described, self.site, self.directory / name, user_data=user_data)

    def config(self, name: str, role: Any = "controlplane", **settings: Any) -> Secret[str]:
        return machine_config(self.bundle, self.settings, NodeSettings(role, hostname=name, **settings))

    def client(self, host: int, config: Talosconfig | None = None, **options: Any) -> TalosClient:
        """A client with admin rights; ``config`` gives others."""
        made = TalosClient(
            self.address(host), config or self.talosconfig, dial=loopback, **{"timeout_s": 60.0, **options}
        )
        self._clients.append(made)
        return made

    def insecure(self, host: int) -> TalosClient:
        """A client without proof, for maintenance mode."""
        made = TalosClient(self.address(host), None, timeout_s=60.0, dial=loopback)
        self._clients.append(made)
        return made

    async def control_planes(self, count: int) -> list[Machine]:
        """Machines from an installed image with their configuration in user data, switched on."""
        machines = []
        for number in range(1, count + 1):
            name = f"master-{number}"
            machines.append(
                self.machine(name, 10 + number, user_data=self.config(name), installed=True, platform="aws")
            )
        for machine in machines:
            await machine.power_on()
        return machines

    async def close(self) -> None:
        for client in self._clients:
            client.close()
        for machine in self.site.machines.values():
            await machine.power_off()
        await self.hooks.close()


@contextlib.asynccontextmanager
async def cluster(
    directory: Path, bundle: SecretsBundle, subnet: int, timings: Timings = QUICK, network: str = network(1)
) -> AsyncIterator[Cluster]:
    made = Cluster(directory, bundle, subnet, timings, network)
    try:
        yield made
    finally:
        await made.close()


async def until(holds: Callable[[], Any], what: str, deadline_s: float = PATIENCE_S) -> Any:
    """Polls until something holds; fails with ``what`` when it does not in time."""
    try:
        async with asyncio.timeout(deadline_s):
            while not (result := holds()):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.02)
            return result
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s:g} s: {what}") from None


async def call(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Runs a blocking call of a client beside the machines' event loop."""
    return await asyncio.to_thread(function, *arguments, **keywords)
