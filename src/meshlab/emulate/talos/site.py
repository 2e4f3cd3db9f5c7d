"""What emulated machines share: each other, the network between them, the discovery service, and who starts things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from meshlab.emulate.kubespan.discovery import DiscoveryService
from meshlab.emulate.kubespan.service import MeshNode, mesh_endpoint
from meshlab.emulate.timings import Timings

if TYPE_CHECKING:
    from pathlib import Path

    from meshlab.emulate.etcd.client import EtcdClient
    from meshlab.emulate.etcd.member import Exposure
    from meshlab.emulate.talos.machine import Machine


class MachineHooks(Protocol):
    """Starts and stops the real processes and services of a machine."""

    async def start_etcd(self, machine: Machine, bootstrap: bool) -> None:
        """Start etcd: with ``bootstrap`` a new cluster, else on its data or as the member just added.

        The members to name are in ``machine.etcd.initial_cluster`` (peer URL by name).
        """

    async def stop_etcd(self, machine: Machine, wipe: bool) -> None:
        """Stop etcd if it runs; with ``wipe`` its data goes too."""

    def etcd(self, machine: Machine) -> EtcdClient | None:
        """Give a client of the machine's running member, or None. The hooks keep and close it."""

    async def start_control_plane(self, machine: Machine) -> None:
        """Start the API server and the controllers of a control plane; etcd serves."""

    async def stop_control_plane(self, machine: Machine) -> None:
        """Stop them if they run."""

    async def start_kubelet(self, machine: Machine) -> None:
        """Start the kubelet; the API server may not be there yet."""

    async def stop_kubelet(self, machine: Machine) -> None:
        """Stop it, and the pods with it."""

    def service_log(self, machine: Machine, service: str) -> Path | None:
        """Give the file that a service's own process logs to, which need not be there yet.

        None: the service has no such process, its log is what the machine says of it.
        """


class NoHooks:
    """Hooks that start nothing: a machine alone."""

    async def start_etcd(self, machine: Machine, bootstrap: bool) -> None:
        """Do nothing."""

    async def stop_etcd(self, machine: Machine, wipe: bool) -> None:
        """Do nothing."""

    def etcd(self, machine: Machine) -> EtcdClient | None:
        """Give None."""
        return None

    async def start_control_plane(self, machine: Machine) -> None:
        """Do nothing."""

    async def stop_control_plane(self, machine: Machine) -> None:
        """Do nothing."""

    async def start_kubelet(self, machine: Machine) -> None:
        """Do nothing."""

    async def stop_kubelet(self, machine: Machine) -> None:
        """Do nothing."""

    def service_log(self, machine: Machine, service: str) -> Path | None:
        """Give None."""
        return None


@dataclass(frozen=True)
class DiskSpec:
    """A disk of a machine: kernel name, size in bytes, transport (``nvme``, ``sata``, ``virtio``), model."""

    name: str
    size: int
    transport: str = "nvme"
    model: str = "Emulated"


@dataclass(frozen=True)
class Hardware:
    """What a machine is before any configuration.

    Attributes
    ----------
    address
        Its cluster address (10.x).
    network
        Prefix of its link, e.g. ``10.20.1.0/24``.
    location
        Name of the network it is in (a VPC, a data centre): addresses are reached directly only inside one.
    external_address
        Public address that leads to it from elsewhere, None: there is none (the mesh then tries ``address``).
    installed
        Whether the image it boots from is an installed one, as an AMI is.
    """

    name: str
    address: str
    uuid: str
    mac: str
    network: str = "10.0.0.0/8"
    location: str = ""
    external_address: str | None = None
    platform: Literal["metal", "aws"] = "metal"
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    instance_id: str = ""
    installed: bool = False
    disks: tuple[DiskSpec, ...] = (DiskSpec("nvme0n1", 100 * 10**9),)
    memory_bytes: int = 8 * 2**30

    @property
    def provider_id(self) -> str:
        """As the cloud's controller writes it."""
        return f"aws:///{self.zone}/{self.instance_id}" if self.platform == "aws" and self.instance_id else ""


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
    machines: dict[str, Machine] = field(default_factory=dict)
    etcd_membership: asyncio.Lock = field(default_factory=asyncio.Lock)

    def reachable(self, source: str, target: str) -> bool:
        """Whether packets of ``source`` reach ``target``, which has to have power."""
        machine = self.machines.get(target)
        return machine is not None and machine.powered and self.reachable_by(source, target)

    def both_ways(self, one: str, other: str) -> bool:
        """Whether a connection between two machines can live."""
        return self.reachable(one, other) and self.reachable(other, one)

    def find(self, target: str) -> Machine | None:
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

    def _endpoints(self, here: Machine, there: Machine) -> list[str]:
        one, other = here.hardware, there.hardware
        announced = there.config.extra_announced_endpoints if there.config is not None else []
        result = list(announced)
        if other.external_address is not None:
            result.append(mesh_endpoint(other.external_address))
        if one.location == other.location or other.external_address is None:
            result.append(mesh_endpoint(other.address))
        return result
