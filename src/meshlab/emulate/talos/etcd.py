"""etcd as a service of a machine: bootstrap, joining as a learner, promotion, leaving (facts: §5.3, §5.5)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from meshlab.emulate.etcd.wire import EtcdError, EtcdUnavailable
from meshlab.emulate.network.addresses import cluster_address, loopback
from meshlab.emulate.processes.tasks import end
from meshlab.live._generated import talos_etcd_pb2
from meshlab.live.talos import resources as types

if TYPE_CHECKING:
    from meshlab.emulate.etcd.client import EtcdClient
    from meshlab.emulate.talos.site import Host

etcd_pb: Any = talos_etcd_pb2

PEER_PORT = 2380


class EtcdNotHere(Exception):
    """The call needs a running etcd on this machine."""


class EtcdService:
    """The etcd service of one control plane.

    Attributes
    ----------
    initial_cluster
        Peer URL by member name, for the process that is about to start.
    """

    def __init__(self, machine: Host) -> None:
        self._machine = machine
        self._task: asyncio.Task[None] | None = None
        self._go = asyncio.Event()
        self._bootstrap = False
        self.initial_cluster: dict[str, str] = {}
        self.running = False
        self.voting = asyncio.Event()

    @property
    def peer_url(self) -> str:
        """Where peers reach this member."""
        return f"https://{loopback(self._machine.hardware.address)}:{PEER_PORT}"

    @property
    def data_dir(self) -> Any:
        """The member's directory on the EPHEMERAL partition."""
        return self._machine.ephemeral / "etcd"

    @property
    def has_data(self) -> bool:
        """Whether the data directory holds anything: the member has been part of a cluster."""
        return self.data_dir.is_dir() and any(self.data_dir.iterdir())

    def client(self) -> EtcdClient:
        """Give the client of the running member.

        Raises
        ------
        EtcdNotHere
            It does not run.
        """
        client = self._machine.site.hooks.etcd(self._machine) if self.running else None
        if client is None:
            raise EtcdNotHere("etcd is not running on this machine")
        return client

    def start(self) -> None:
        """Begin: start on existing data, else wait for a bootstrap here or a cluster to join."""
        self._task = asyncio.create_task(self._run(), name=f"etcd-{self._machine.name}")

    def bootstrap(self) -> None:
        """Let this machine found the cluster."""
        self._bootstrap = True
        self._go.set()

    async def stop(self, *, wipe: bool = False) -> None:
        """Stop the service and its process."""
        await end(self._task)
        self._task = None
        await self._machine.site.hooks.stop_etcd(self._machine, wipe)
        self.running = False
        self.voting.clear()
        self._machine.store.remove(types.ETCD_MEMBER, "local")

    async def _run(self) -> None:
        try:
            await self._serve()
        except Exception as error:
            self._machine.services.set("etcd", "Failed", f"{type(error).__name__}: {error}", healthy=False)
            raise

    async def _serve(self) -> None:
        self._machine.services.set("etcd", "Preparing", "Running pre state")
        if self.has_data:
            await self._launch(bootstrap=False)
        else:
            while not self.running:
                if self._bootstrap:
                    self.initial_cluster = {self._machine.name: self.peer_url}
                    await self._launch(bootstrap=True)
                elif not await self._join():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._machine.site.timings.etcd_join_retry_s):
                            await self._go.wait()
        await self._watch_health()

    async def _launch(self, *, bootstrap: bool) -> None:
        self._machine.services.set("etcd", "Starting", "Starting etcd")
        await self._machine.site.hooks.start_etcd(self._machine, bootstrap)
        self.running = True
        self._machine.services.set("etcd", "Running", "Started task etcd")

    def _candidates(self) -> list[tuple[Host, EtcdClient]]:
        """Other control planes of this cluster, known by discovery, whose etcd can be reached."""
        machine, site = self._machine, self._machine.site
        known = {
            spec.hostname for spec in machine.store.specs(types.MEMBER).values() if spec.machine_type == 2
        }
        found = []
        for other in sorted(site.machines.values(), key=lambda other: other.name):
            if (
                other is machine
                or other.hostname not in known
                or other.etcd is None
                or not other.etcd.running
            ):
                continue
            client = site.hooks.etcd(other) if site.both_ways(machine.name, other.name) else None
            if client is not None:
                found.append((other, client))
        return found

    async def _join(self) -> bool:
        for _, client in self._candidates():
            try:
                async with self._machine.site.etcd_membership:
                    await self._add_by(client)
            except (EtcdUnavailable, EtcdError) as error:
                self._machine.kernel.write(f"etcd join: {error}")
            else:
                await self._launch(bootstrap=False)
                return True
        return False

    async def _add_by(self, client: EtcdClient) -> None:
        members = await client.member_list()
        for member in members:
            if member.name == self._machine.name or self.peer_url in member.peer_urls:
                await client.member_remove(member.id)  # a stale member of the same name goes first
        added = await client.member_add([self.peer_url], learner=True)
        members = await client.member_list()
        self.initial_cluster = {
            (member.name or self._machine.name if member.id == added.id else member.name): member.peer_urls[0]
            for member in members
            if member.peer_urls and (member.name or member.id == added.id)
        }

    async def _watch_health(self) -> None:
        timings = self._machine.site.timings
        while True:
            healthy = False
            try:
                healthy = await self._look()
            except (EtcdUnavailable, EtcdError, EtcdNotHere, OSError) as error:
                self._machine.services.set("etcd", "Running", str(error), healthy=False)
            else:
                message = "Health check successful" if healthy else "not a voting member yet"
                self._machine.services.set("etcd", "Running", message, healthy=healthy)
            if healthy:
                self.voting.set()
            await asyncio.sleep(timings.etcd_health_period_s if healthy else timings.etcd_promote_retry_s)

    async def _look(self) -> bool:
        client = self.client()
        status = await client.status()
        self._machine.store.put(
            types.ETCD_MEMBER, "local", etcd_pb.MemberSpec(member_id=f"{status.member_id:016x}")
        )
        if status.is_learner:
            await self._promote(status.member_id)
            return False
        return await client.health()

    async def _promote(self, member_id: int) -> None:
        for _, client in self._candidates():
            try:
                async with self._machine.site.etcd_membership:
                    await client.member_promote(member_id)
                self._machine.kernel.write("etcd: promoted to a voting member")
                return
            except (EtcdUnavailable, EtcdError) as error:
                self._machine.kernel.write(f"etcd promotion: {error}")

    async def leave(self) -> None:
        """Leave the cluster: be removed from it, stop, drop the data.

        Raises
        ------
        EtcdNotHere
            etcd does not run here.
        EtcdUnavailable
            The cluster could not be told in time.
        """
        client = self.client()
        own = (await client.status()).member_id
        deadline = asyncio.get_running_loop().time() + self._machine.site.timings.etcd_leave_deadline_s
        while True:
            try:
                if len(await client.member_list()) > 1:
                    await client.member_remove(own)
                break
            except (EtcdUnavailable, EtcdError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise EtcdUnavailable(f"etcd could not be left: {error}") from None
                await asyncio.sleep(self._machine.site.timings.etcd_join_retry_s)
        await self.stop(wipe=True)
        self._machine.services.set("etcd", "Finished", "left the cluster")


def cluster_url(url: str) -> str:
    """Give a URL of the embedded cluster as the machines publish it: 127.x is 10.x."""
    scheme, _, rest = url.partition("://")
    host, colon, port = rest.partition(":")
    return f"{scheme}://{cluster_address(host)}{colon}{port}" if host.startswith("127.") else url
