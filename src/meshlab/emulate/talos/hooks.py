"""What emulated machines start and stop: real etcd, API servers with their managers, kubelets with real pods."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.emulate.etcd.client import EtcdClient
from meshlab.emulate.etcd.member import EtcdMember, EtcdTimers
from meshlab.emulate.kubernetes.client.client import KubeClient
from meshlab.emulate.kubernetes.control_plane import (
    API_PORT,
    ControlPlane,
    ControlPlaneTls,
    Pair,
    Server,
    client_context,
)
from meshlab.emulate.kubernetes.node.kubelet import Kubelet, KubeletTls
from meshlab.emulate.kubernetes.real import server as real
from meshlab.emulate.kubernetes.real.server import ApiServerProcess, EtcdAccess
from meshlab.emulate.kubernetes.server.apiserver import ApiServer, ServingTls
from meshlab.emulate.kubernetes.storage.etcd_store import EtcdStorage
from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from meshlab.emulate.pods.pods import Pods
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.emulate.talos import pki as machine_pki
from meshlab.emulate.talos.node_facts import folder_of, node_facts
from meshlab.live.talos.pki import CertificateAndKey

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host, Site

KUBELET_PORT = 10250
SHUTDOWN_GRACE_S = 5.0
"""How long pods get to end when their machine goes down in order (Talos: 30 s)."""


class ClusterHooks:
    """Starts the real parts of each machine; one object for the whole embedded cluster.

    Parameters
    ----------
    service_network
        Service network of the cluster (CIDR).
    kubernetes
        Version that nodes report.
    cores
        Of each machine, by name.
    etcd_timers
        etcd's heartbeat and election settings.

    Attributes
    ----------
    api_server
        Which API server the control planes run: ``kube-apiserver`` with its version, or ``stand-in``.
    """

    def __init__(
        self,
        fabric: Fabric,
        processes: ProcessTable,
        pods: Pods,
        *,
        service_network: str = "10.96.0.0/12",
        kubernetes: str = "v1.36.3",
        cores: Mapping[str, int] | None = None,
        etcd_timers: EtcdTimers | None = None,
    ) -> None:
        self._fabric = fabric
        self._processes = processes
        self._pods = pods
        self._service_network = service_network
        self._kubernetes = kubernetes
        self._cores = dict(cores or {})
        self._etcd_timers = etcd_timers or EtcdTimers()
        self._members: dict[str, EtcdMember] = {}
        self._clients: dict[str, EtcdClient] = {}
        self._control_planes: dict[str, ControlPlane] = {}
        self._kubelets: dict[str, Kubelet] = {}
        self._real = real.available()  # once: real servers and stand-ins write etcd in different ways
        self.api_server = real.described(self._real)
        self.site: Site | None = None

    # --- etcd

    async def start_etcd(self, machine: Host, bootstrap: bool) -> None:
        assert machine.etcd is not None
        tls = machine_pki.etcd_tls(machine, machine.state / "etcd-tls")
        member = EtcdMember(
            machine.name,
            machine.hardware.address,
            data_dir=machine.etcd.data_dir,
            client_tls=tls,
            peer_tls=tls,
            processes=self._processes,
            fabric=self._fabric,
            log=self.etcd_log(machine),
            timers=self._etcd_timers,
        )
        self._members[machine.name] = member
        cluster = machine.etcd.initial_cluster or {machine.name: member.peer_url}
        await member.start(cluster, state="new" if bootstrap else "existing")
        self._clients[machine.name] = member.client(loopback(machine.hardware.address))

    async def stop_etcd(self, machine: Host, wipe: bool) -> None:
        client = self._clients.pop(machine.name, None)
        if client is not None:
            await client.close()
        member = self._members.pop(machine.name, None)
        if member is None:
            return
        if machine.powered:
            await member.stop()
        else:
            await member.kill()
        if wipe:
            member.wipe()

    def etcd(self, machine: Host) -> EtcdClient | None:
        return self._clients.get(machine.name)

    def etcd_log(self, machine: Host) -> Path:
        """Gives the log of a machine's etcd; it is on the machine's disk, and goes with it."""
        return folder_of(machine, "/var/log") / "etcd.log"

    def service_log(self, machine: Host, service: str) -> Path | None:
        """Gives the log of a service that runs as a process: etcd."""
        return self.etcd_log(machine) if service == "etcd" else None

    # --- control plane

    async def start_control_plane(self, machine: Host) -> None:
        tls = self._control_plane_tls(machine)
        plane = ControlPlane(
            machine.name, machine.hardware.address, self._api_server(machine, tls.serving), tls, self._fabric
        )
        self._control_planes[machine.name] = plane
        await plane.start()

    def _api_server(self, machine: Host, tls: ServingTls) -> Server:
        """The API server of a machine on its own etcd member: a real one where there is one, else the stand-in."""
        member = self._members[machine.name]
        address = machine.hardware.address
        if self._real is not None:
            files = member.client_tls
            return ApiServerProcess(
                EtcdAccess(member.client_url, files.ca, files.cert, files.key),
                tls,
                self._processes,
                machine.state / "kube-apiserver",
                name=f"kube-apiserver-{machine.name}",
                machine=machine.name,
                advertise=address,
                service_network=self._service_network,
                log=folder_of(machine, "/var/log") / "kube-apiserver.log",
            )
        return ApiServer(
            EtcdStorage(member.client(loopback(address))),
            tls,
            advertise=address,
            endpoints=[m.hardware.address for m in self._control_plane_machines(machine)],
            service_network=self._service_network,
        )

    async def stop_control_plane(self, machine: Host) -> None:
        plane = self._control_planes.pop(machine.name, None)
        if plane is not None:
            await (plane.stop() if machine.powered else plane.kill())

    def api_servers(self) -> tuple[str, ...]:
        """Gives the machines whose API server runs."""
        return tuple(sorted(self._control_planes))

    def _control_plane_machines(self, machine: Host) -> list[Host]:
        """The control planes of the cluster of a machine, by name."""
        assert self.site is not None
        own = machine.config.cluster_id if machine.config else ""
        same = (m for m in self.site.machines.values() if m.config and m.config.cluster_id == own)
        return sorted((m for m in same if m.config and m.config.is_control_plane), key=lambda m: m.name)

    def _control_plane_tls(self, machine: Host) -> ControlPlaneTls:
        def client(user: str, *groups: str) -> Pair:
            return _pair(machine_pki.kubernetes_certificate(machine, user, list(groups), "client"))

        return ControlPlaneTls(
            self._serving_tls(machine),
            self._cluster_ca(machine).encode(),
            # all controllers act as one user here, who needs the rights of their service accounts together
            client("system:kube-controller-manager", "system:masters"),
            client("system:kube-scheduler"),
        )

    def _serving_tls(self, machine: Host) -> ServingTls:
        config = machine.config
        assert config is not None
        names, _ = machine_pki.names_and_addresses(
            [str(n) for n in config.at("cluster.apiServer.certSANs") or []]
        )
        names = [
            *names,
            machine.hostname,
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "localhost",
        ]
        serving = machine_pki.kubernetes_certificate(
            machine, "kube-apiserver", [], "server", names=tuple(names)
        )
        kubelet = machine_pki.kubernetes_certificate(
            machine, "apiserver-kubelet-client", ["system:masters"], "client"
        )
        signing = config.pem_secret("cluster.serviceAccount.key")
        assert signing is not None
        return ServingTls(
            certificate=serving.certificate.encode(),
            key=serving.key.reveal().encode(),
            client_ca=self._cluster_ca(machine).encode(),
            service_account_key=signing.reveal().encode(),
            kubelet_certificate=kubelet.certificate.encode(),
            kubelet_key=kubelet.key.reveal().encode(),
        )

    def _cluster_ca(self, machine: Host) -> str:
        assert machine.config is not None
        return machine.config.certificate("cluster.ca") or ""

    def _kube_client(self, machine: Host, user: str, groups: list[str]) -> KubeClient:
        """A client of the API as a program on that machine has it: through its own balancer, from its own address."""
        issued = machine_pki.kubernetes_certificate(self._issuer(machine), user, groups, "client")
        urls = [
            f"https://{loopback(m.hardware.address)}:{API_PORT}"
            for m in self._control_plane_machines(machine)
        ]
        context = client_context(self._cluster_ca(machine).encode(), _pair(issued))
        return KubeClient(urls, context, local_addr=loopback(machine.hardware.address), agent=user)

    # --- kubelet

    async def start_kubelet(self, machine: Host) -> None:
        await self._signer_known(machine)
        kubelet = Kubelet(
            node_facts(machine, self._cores.get(machine.name) or 4, self._kubernetes),
            self._kube_client(machine, f"system:node:{machine.hostname}", ["system:nodes"]),
            self._pods,
            lambda path: folder_of(machine, path),
            self._kubelet_tls(machine),
        )
        self._kubelets[machine.name] = kubelet
        await kubelet.start()
        await self._fabric.expose(machine.name, KUBELET_PORT, ("127.0.0.1", kubelet.port))

    async def stop_kubelet(self, machine: Host) -> None:
        kubelet = self._kubelets.pop(machine.name, None)
        if kubelet is None:
            return
        await kubelet.stop()
        await self._fabric.withdraw(machine.name, KUBELET_PORT)
        if machine.powered:
            pods = self._pods.running(machine.name)
            await asyncio.gather(*(self._pods.stop(machine.name, key, SHUTDOWN_GRACE_S) for key in pods))

    async def _signer_known(self, machine: Host) -> None:
        """Waits until a control plane is configured: before that nobody could sign a kubelet's certificate."""
        while not self._control_plane_machines(machine):  # noqa: ASYNC110 - configurations come from outside
            await asyncio.sleep(machine.site.timings.trustd_retry_s)

    def _kubelet_tls(self, machine: Host) -> KubeletTls:
        issuer = self._issuer(machine)
        pair = machine_pki.kubernetes_certificate(
            issuer, f"system:node:{machine.hostname}", ["system:nodes"], "server", names=(machine.hostname,)
        )
        return KubeletTls(
            pair.certificate.encode(), pair.key.reveal().encode(), self._cluster_ca(machine).encode()
        )

    def _issuer(self, machine: Host) -> Host:
        """Who signs for a machine: itself, or the first control plane of its cluster."""
        own = machine.config is not None and machine.config.is_control_plane
        return machine if own else self._control_plane_machines(machine)[0]

    # --- power

    async def power_lost(self, machine: Host) -> None:
        """Cuts a machine off and kills its processes, in that order: no process gets to say goodbye."""
        self._fabric.power(machine.name, False)
        await self.stop_kubelet(machine)  # else it would ask for pods that are gone
        await self._pods.lose_power(machine.name)  # before their processes, else they would be restarted
        await self.stop_control_plane(machine)  # likewise
        for child in self._processes.running(machine.name):
            with contextlib.suppress(ProcessLookupError):
                await self._processes.kill(child.name)


def _pair(issued: CertificateAndKey) -> Pair:
    return Pair(issued.certificate.encode(), issued.key.reveal().encode())
