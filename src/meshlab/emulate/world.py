"""The embedded world of one spec: an empty cloud account, racked machines, the network, Omni and discovery."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meshlab.emulate.aws.cloud import AwsCloud
from meshlab.emulate.aws.instances import Instance, PowerHooks
from meshlab.emulate.aws.settings import AwsSettings
from meshlab.emulate.etcd.member import EtcdTimers
from meshlab.emulate.kubespan.discovery import DiscoveryService
from meshlab.emulate.network.fabric import Fabric, LinkPolicy
from meshlab.emulate.network.sources import users_are_told
from meshlab.emulate.omni.service import Omni
from meshlab.emulate.pods.pods import Pods
from meshlab.emulate.processes import binaries
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.emulate.talos.hardware import DiskSpec, Hardware
from meshlab.emulate.talos.hooks import ClusterHooks
from meshlab.emulate.talos.machine import Machine
from meshlab.emulate.talos.site import Site
from meshlab.emulate.timings import Timings
from meshlab.live import private_file
from meshlab.live.omni.reach import KEY_FILE
from meshlab.live.omni.signature import ServiceAccount
from meshlab.live.secret import Secret
from meshlab.live.target import DialRule, Patience, Target
from meshlab.model import Machine as Planned
from meshlab.model import MeshlabError, Topology

Progress = Callable[[str], None]
START_S = 300.0
"""How long racked machines may take to maintenance mode; a second or two on a machine with nothing else to do."""


class World:
    """Everything that runs in one supervisor.

    Parameters
    ----------
    topology
        What there is; machines need addresses in 10.0.0.0/8.
    state
        Directory for everything written; removed by whoever removes the embedded cluster.
    """

    def __init__(self, topology: Topology, state: Path, *, timings: Timings | None = None) -> None:
        self.topology = topology
        self.state = state
        self.timings = timings or Timings()
        addresses = {m.name: _address(m) for m in topology.machines}
        self.fabric = Fabric(addresses)
        self.processes = ProcessTable(state, self.fabric)
        self.pods = Pods(self.fabric, self.processes, state, addresses, network=topology.networks.pods)
        self.hooks = ClusterHooks(
            self.fabric,
            self.processes,
            self.pods,
            service_network=topology.networks.services,
            kubernetes=topology.versions.kubernetes,
            cores={m.name: m.cores for m in topology.machines},
            etcd_timers=_etcd_timers(topology),
        )
        self.discovery = DiscoveryService(ttl_s=self.timings.discovery_ttl_s)
        self.site = Site(
            hooks=self.hooks,
            discovery=self.discovery,
            timings=self.timings,
            exposure=self.fabric,
            reachable_by=self.reachable,
        )
        self.hooks.site = self.site
        self.cloud = AwsCloud(
            AwsSettings(talos_versions=(topology.versions.talos,)),
            hooks=PowerHooks(
                on_running=self._instance_running,
                on_stopped=self._instance_stopped,
                on_terminated=self._instance_terminated,
                on_rebooted=self._instance_rebooted,
            ),
            processes=self.processes,
            state_dir=state,
        )
        self.account = ServiceAccount.generate("meshlab")
        self.omni = Omni(self.site, [self.account], folder=state)
        self._omni_port = 0

    async def start(self, progress: Progress) -> None:
        """Starts the cloud and gives the racked machines power; returns when they are in maintenance mode."""
        self._lay_links()
        if not users_are_told():
            progress(
                "careful: this system does not say whose a connection is, so that other users of this machine reach "
                "the embedded cluster"
            )
        with contextlib.suppress(binaries.MissingBinary):
            etcd = await asyncio.to_thread(binaries.etcd)
            if etcd.concern:
                progress(f"careful: {etcd}")
        progress("starting the cloud (moto behind the strict layer)")
        await self.cloud.start()
        self.cloud.credentials.save(self.state)
        progress("starting Omni")
        await self.omni_up()
        private_file.write(self.state / KEY_FILE, self.account.environment_value().reveal())
        racked = [m for m in self.topology.machines if not m.instance_type]
        progress(f"powering on {len(racked)} racked machines")
        for planned in racked:
            await self._machine(planned).power_on()
        for planned in racked:
            await self.site.machines[planned.name].wait_for("maintenance", START_S)

    async def omni_up(self) -> None:
        """Starts Omni's API, at the port it had before if it had one."""
        url = await self.omni.start(port=self._omni_port)
        self._omni_port = int(url.rpartition(":")[2])

    async def omni_down(self) -> None:
        """Stops Omni's API; its machines go on."""
        await self.omni.stop()

    def _lay_links(self) -> None:
        """Gives every pair of machines the latency and loss of the link between their places."""
        for a in self.topology.machines:
            for b in self.topology.machines:
                if a.name != b.name:
                    self.fabric.set_link(a.name, b.name, self.base_policy(a.name, b.name))

    def base_policy(self, a: str, b: str) -> LinkPolicy:
        """Gives the link's policy without faults: the spec's median latency, its spread as jitter, its loss.

        Bandwidth is not limited: a laptop's loopback is no measure of it.
        """
        link = self.topology.link_between(a, b)
        if link is None:
            return LinkPolicy()
        median, p90 = link.latency.quantile(0.5), link.latency.quantile(0.9)
        return LinkPolicy(delay_s=median, jitter_s=max(0.0, min(median, p90 - median)), loss=link.loss)

    def reachable(self, source: str, target: str) -> bool:
        """Whether the underlay carries packets in that direction now."""
        return (
            self.fabric.powered(source)
            and self.fabric.powered(target)
            and not self.fabric.link(source, target).cut
        )

    def _machine(self, planned: Planned, instance: Instance | None = None) -> Machine:
        hardware = _hardware(self.topology, planned, instance)
        data = instance.user_data.decode() if instance and instance.user_data else ""
        secret = Secret(data, name="user data") if data else None
        return Machine(hardware, self.site, self.state / "machines" / planned.name, user_data=secret)

    def _planned(self, instance: Instance) -> Planned | None:
        return next((m for m in self.topology.machines if m.address == instance.private_ip), None)

    async def _instance_running(self, instance: Instance) -> None:
        planned = self._planned(instance)
        if planned is None:
            return  # an instance at an address that the spec does not know: it runs, and does nothing
        machine = self.site.machines.get(planned.name)
        if machine is None or machine.hardware.instance_id != instance.id:
            machine = self._machine(planned, instance)
        self.fabric.power(planned.name, True)
        await machine.power_on()

    async def _instance_stopped(self, instance: Instance) -> None:
        await self._off(instance)

    async def _instance_terminated(self, instance: Instance) -> None:
        planned = await self._off(instance)
        if planned is not None:
            self.site.machines.pop(planned.name, None)
            _remove(self.state / "machines" / planned.name)

    async def _off(self, instance: Instance) -> Planned | None:
        planned = self._planned(instance)
        if planned is None or planned.name not in self.site.machines:
            return None
        if self.site.machines[planned.name].hardware.instance_id != instance.id:
            return None
        await self.site.machines[planned.name].power_off()
        return planned

    async def _instance_rebooted(self, instance: Instance) -> None:
        planned = await self._off(instance)
        if planned is not None:
            self.fabric.power(planned.name, True)
            await self.site.machines[planned.name].power_on()

    def target(self) -> Target:
        """Gives where the live systems of this world are, for the live clients."""
        return Target(
            name="embedded",
            directory=self.state,
            aws_endpoint=self.cloud.endpoint,
            dial_rules=(DialRule("10.0.0.0/8", "127.0.0.0/8"),),
            patience=Patience.short(),
            omni_endpoint=self.omni.url,
        )

    def status(self) -> dict[str, Any]:
        """Gives what runs, machine by machine."""
        return {
            "spec": self.topology.name,
            "machines": [self._machine_status(m) for m in self.topology.machines],
            "api_server": self.hooks.api_server,
            "api_servers": list(self.hooks.api_servers()),
            "pods": self.pods.running(),
            "processes": [
                {"name": c.name, "pid": c.pid, "machine": c.machine} for c in self.processes.running()
            ],
            "aws_endpoint": self.cloud.endpoint,
        }

    def _machine_status(self, planned: Planned) -> dict[str, Any]:
        machine = self.site.machines.get(planned.name)
        return {
            "name": planned.name,
            "address": planned.address,
            "dial": self.fabric_address(planned.name),
            "stage": machine.stage if machine else "not there",
            "powered": self.fabric.powered(planned.name) and machine is not None and machine.powered,
            "running": [child.name for child in self.processes.running(planned.name)],
        }

    def fabric_address(self, name: str) -> str:
        """Gives the loopback address at which a machine is served."""
        from meshlab.emulate.network.addresses import loopback

        return loopback(self.topology.machine(name).address)

    async def stop(self) -> None:
        """Ends everything, machines first."""
        await self.omni.stop()
        for machine in list(self.site.machines.values()):
            await machine.power_off()
        await self.pods.close(grace_s=1.0)
        await self.cloud.stop()
        await self.processes.close(grace_s=3.0)
        await self.fabric.close()


def _address(machine: Planned) -> str:
    if not machine.address.startswith("10."):
        raise MeshlabError(
            f"{machine.name} has the address {machine.address or '(none)'}; "
            "the embedded cluster serves addresses in 10.0.0.0/8"
        )
    return machine.address


def _etcd_timers(topology: Topology) -> EtcdTimers:
    for group in topology.raft_groups:
        if group.engine == "etcd":
            return EtcdTimers(round(group.heartbeat * 1000), round(group.election * 1000))
    return EtcdTimers()


def _hardware(topology: Topology, planned: Planned, instance: Instance | None) -> Hardware:
    digest = hashlib.sha256(f"{topology.name}/{planned.name}".encode()).digest()
    site = next(s for s in topology.sites if s.name == planned.site)
    zone = next((z for z in topology.zones if z.name == planned.zone), None)
    disks = tuple(
        DiskSpec(disk.name, int(disk.size), {"nvme": "nvme", "ssd": "sata"}.get(disk.medium, "nvme"))
        for disk in sorted(planned.disks, key=lambda d: not d.system)
    )
    return Hardware(
        name=planned.name,
        address=planned.address,
        uuid=str(uuid.UUID(bytes=digest[:16], version=4)),
        mac=":".join(f"{byte:02x}" for byte in (0x02, *digest[16:21])),
        network=(zone.subnet if zone else "") or site.network or "10.0.0.0/8",
        location=site.name,
        external_address=(instance.public_ip if instance else None),
        platform="aws" if instance else "metal",
        region=site.region,
        zone=planned.zone,
        instance_type=planned.instance_type,
        instance_id=instance.id if instance else "",
        installed=instance is not None,
        disks=disks,
        memory_bytes=int(planned.memory) or 8 * 2**30,
    )


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
