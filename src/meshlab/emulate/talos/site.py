"""What emulated machines share: each other, the network between them, the discovery service, and who starts things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from meshlab.emulate.kubespan.discovery import DiscoveryService
from meshlab.emulate.kubespan.service import MeshNode, mesh_endpoint
from meshlab.emulate.talos.hardware import Hardware
from meshlab.emulate.timings import Timings

if TYPE_CHECKING:
    from pathlib import Path

    from meshlab.emulate.cosi.store import ResourceStore
    from meshlab.emulate.etcd.client import EtcdClient
    from meshlab.emulate.etcd.member import Exposure
    from meshlab.emulate.talos.log import EventLog, KernelLog, ServiceTable
    from meshlab.emulate.talos.request import Request
    from meshlab.live.secret import Secret
    from meshlab.live.talos.config_view import ConfigView


Stage = Literal[
    "off",
    "booting",
    "installing",
    "maintenance",
    "running",
    "rebooting",
    "shutting down",
    "resetting",
    "upgrading",
]


class Api(Protocol):
    """The Talos API of a machine; `api.server.TalosApi` is it."""

    @property
    def in_maintenance(self) -> bool: ...
    @property
    def listening(self) -> bool: ...
    async def perform(self, call: Any, request: Any, caller: Any) -> Any: ...
    def perform_stream(self, call: Any, request: Any, caller: Any) -> AsyncIterator[Any]: ...


class Etcd(Protocol):
    """The etcd service of a control plane; `etcd.EtcdService` is it."""

    initial_cluster: dict[str, str]
    """Peer URL by member name, for the process that is about to start."""
    running: bool

    @property
    def has_data(self) -> bool: ...
    @property
    def data_dir(self) -> Path: ...
    @property
    def peer_url(self) -> str: ...
    def client(self) -> EtcdClient: ...
    def bootstrap(self) -> None: ...
    async def leave(self) -> None: ...


class Host(Protocol):
    """A machine as its parts, its API and its neighbours see it; `machine.Machine` is one."""

    @property
    def name(self) -> str: ...
    @property
    def hardware(self) -> Hardware: ...
    @property
    def site(self) -> Site: ...
    @property
    def stage(self) -> Stage: ...
    @property
    def powered(self) -> bool: ...
    @property
    def ready(self) -> bool: ...
    @property
    def boot_id(self) -> str: ...
    @property
    def busy(self) -> str | None: ...
    @property
    def config(self) -> ConfigView | None: ...
    @property
    def config_text(self) -> Secret[str] | None: ...
    @property
    def mesh(self) -> MeshNode | None: ...
    @property
    def etcd(self) -> Etcd | None: ...
    @property
    def api(self) -> Api: ...
    @property
    def events(self) -> EventLog: ...
    @property
    def kernel(self) -> KernelLog: ...
    @property
    def store(self) -> ResourceStore: ...
    @property
    def services(self) -> ServiceTable: ...
    @property
    def directory(self) -> Path: ...
    @property
    def state(self) -> Path: ...
    @property
    def ephemeral(self) -> Path: ...
    @property
    def hostname(self) -> str: ...
    @property
    def node_id(self) -> str: ...
    @property
    def installed(self) -> bool: ...
    @property
    def talos_version(self) -> str: ...
    def user_volume(self, name: str) -> Path: ...
    def request(self, request: Request) -> None: ...
    def configure(self, text: str, *, save: bool = True) -> None: ...
    def save_config(self, text: str) -> None: ...
    def stage_image(self, version: str) -> None: ...
    async def power_on(self) -> None: ...
    async def power_off(self) -> None: ...
    async def wait_for(self, stage: Stage, deadline_s: float = 30.0) -> None: ...


class MachineHooks(Protocol):
    """Starts and stops the real processes and services of a machine."""

    async def start_etcd(self, machine: Host, bootstrap: bool) -> None:
        """Start etcd: with ``bootstrap`` a new cluster, else on its data or as the member just added.

        The members to name are in ``machine.etcd.initial_cluster`` (peer URL by name).
        """

    async def stop_etcd(self, machine: Host, wipe: bool) -> None:
        """Stop etcd if it runs; with ``wipe`` its data goes too."""

    def etcd(self, machine: Host) -> EtcdClient | None:
        """Give a client of the machine's running member, or None. The hooks keep and close it."""

    async def start_control_plane(self, machine: Host) -> None:
        """Start the API server and the controllers of a control plane; etcd serves."""

    async def stop_control_plane(self, machine: Host) -> None:
        """Stop them if they run."""

    async def start_kubelet(self, machine: Host) -> None:
        """Start the kubelet; the API server may not be there yet."""

    async def stop_kubelet(self, machine: Host) -> None:
        """Stop it, and the pods with it."""

    def service_log(self, machine: Host, service: str) -> Path | None:
        """Give the file that a service's own process logs to, which need not be there yet.

        None: the service has no such process, its log is what the machine says of it.
        """


class NoHooks:
    """Hooks that start nothing: a machine alone."""

    async def start_etcd(self, machine: Host, bootstrap: bool) -> None:
        """Do nothing."""

    async def stop_etcd(self, machine: Host, wipe: bool) -> None:
        """Do nothing."""

    def etcd(self, machine: Host) -> EtcdClient | None:
        """Give None."""
        return None

    async def start_control_plane(self, machine: Host) -> None:
        """Do nothing."""

    async def stop_control_plane(self, machine: Host) -> None:
        """Do nothing."""

    async def start_kubelet(self, machine: Host) -> None:
        """Do nothing."""

    async def stop_kubelet(self, machine: Host) -> None:
        """Do nothing."""

    def service_log(self, machine: Host, service: str) -> Path | None:
        """Give None."""
        return None


@dataclass
class Site:
    """All machines of an embedded cluster and what is between them.

    Attributes
    ----------
    reachable
        Whether the underlay carries packets from one machine (by name) to another, one direction.
    exposure
        The fabric, which serves hidden ports at the machines' addresses; None: machines listen there themselves.
    etcd_membership
        Taken for each change of etcd's members: etcd drops a second change proposed while one is under way, and its
        proposer waits for nothing.
    """

    hooks: MachineHooks
    discovery: DiscoveryService = field(default_factory=DiscoveryService)
    timings: Timings = field(default_factory=Timings)
    exposure: Exposure | None = None
    reachable_by: Callable[[str, str], bool] = lambda source, target: True
    machines: dict[str, Host] = field(default_factory=dict)
    etcd_membership: asyncio.Lock = field(default_factory=asyncio.Lock)

    def reachable(self, source: str, target: str) -> bool:
        """Whether packets of ``source`` reach ``target``, which has to have power."""
        machine = self.machines.get(target)
        return machine is not None and machine.powered and self.reachable_by(source, target)

    def both_ways(self, one: str, other: str) -> bool:
        """Whether a connection between two machines can live."""
        return self.reachable(one, other) and self.reachable(other, one)

    def find(self, target: str) -> Host | None:
        """Find a machine by address, name or hostname."""
        for machine in self.machines.values():
            if target in (
                machine.hardware.address,
                machine.hardware.external_address,
                machine.name,
                machine.hostname,
            ):
                return machine
        return None

    def endpoint_owner(self, source: str, endpoint: str) -> MeshNode | None:
        """Give the mesh node that packets from ``source`` to ``endpoint`` reach."""
        here = self.machines.get(source)
        for machine in self.machines.values():
            if here is None or machine.mesh is None:
                continue
            if endpoint in self._endpoints(here, machine) and self.reachable(source, machine.name):
                return machine.mesh
        return None

    def observed_endpoint(self, source: str, target: str) -> str:
        """Give where ``target`` sees ``source``'s mesh port."""
        one, other = self.machines[source].hardware, self.machines[target].hardware
        inside = one.location == other.location or one.external_address is None
        return mesh_endpoint(one.address if inside else str(one.external_address))

    def _endpoints(self, here: Host, there: Host) -> list[str]:
        one, other = here.hardware, there.hardware
        announced = there.config.extra_announced_endpoints if there.config is not None else []
        result = list(announced)
        if other.external_address is not None:
            result.append(mesh_endpoint(other.external_address))
        if one.location == other.location or other.external_address is None:
            result.append(mesh_endpoint(other.address))
        return result
