"""The machine's own check of the whole cluster, ``talosctl health`` (facts: talos-omni-kubespan §5.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from meshlab.emulate.etcd.wire import EtcdError, EtcdUnavailable
from meshlab.emulate.talos.api.faults import Fault
from meshlab.emulate.talos.api.tls import Caller
from meshlab.emulate.talos.etcd import EtcdNotHere
from meshlab.live._generated import cluster_pb2
from meshlab.live.talos import resources as types

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host

pb: Any = cluster_pb2
POLL_S = 0.5
DEFAULT_WAIT_S = 300.0

Check = Callable[[list["Host"], list["Host"]], Awaitable[str]]


class ClusterCalls:
    """``cluster.ClusterService``: the checks of Talos that need no Kubernetes."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine

    async def HealthCheck(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Run the checks in order; each is repeated until it holds or the time is over."""
        machine = self._machine
        if machine.config is None or not machine.config.is_control_plane:
            raise Fault("PERMISSION_DENIED", "health checks run on a control plane")
        wait = request.wait_timeout.ToTimedelta().total_seconds() or DEFAULT_WAIT_S
        deadline = asyncio.get_running_loop().time() + wait
        control_planes, workers = self._nodes(request)
        names = (
            [node.hardware.address for node in control_planes],
            [node.hardware.address for node in workers],
        )
        yield pb.HealthCheckProgress(
            message=f"discovered nodes: {names[0]!r} (control plane), {names[1]!r} (worker)"
        )
        for title, check in self._checks():
            last = ""
            while True:
                problem = await check(control_planes, workers)
                if problem != last or not problem:
                    yield pb.HealthCheckProgress(message=f"waiting for {title}: {problem or 'OK'}")
                last = problem
                if not problem:
                    break
                if asyncio.get_running_loop().time() > deadline:
                    raise Fault("DEADLINE_EXCEEDED", f"{title}: {problem}")
                await asyncio.sleep(POLL_S)

    def _nodes(self, request: Any) -> tuple[list[Host], list[Host]]:
        site = self._machine.site
        info = request.cluster_info
        if info.control_plane_nodes or info.worker_nodes:
            names = list(info.control_plane_nodes), list(info.worker_nodes)
        else:
            members = self._machine.store.specs(types.MEMBER).values()
            names = (
                [spec.hostname for spec in members if spec.machine_type == 2],
                [spec.hostname for spec in members if spec.machine_type == 3],
            )
        found: tuple[list[Host], list[Host]] = ([], [])
        for kind, wanted in zip(found, names, strict=True):
            for name in wanted:
                machine = site.find(name)
                if machine is None:
                    raise Fault("INVALID_ARGUMENT", f"there is no node {name}")
                kind.append(machine)
        return found

    def _checks(self) -> list[tuple[str, Check]]:
        return [
            ("etcd to be healthy", self._etcd_healthy),
            ("etcd members to be consistent across nodes", self._etcd_consistent),
            ("etcd members to be control plane nodes", self._etcd_members),
            ("apid to be ready", self._apid),
            ("kubelet to be healthy", self._kubelet),
            ("all nodes to finish boot sequence", self._booted),
        ]

    def _silent(self, machine: Host) -> bool:
        return machine is not self._machine and not machine.site.both_ways(self._machine.name, machine.name)

    def _services(self, machines: list[Host], service: str) -> str:
        for machine in machines:
            if self._silent(machine):
                return f"{machine.hardware.address}: no answer"
            found = machine.services.get(service)
            if found is None or found.state != "Running" or not found.healthy:
                return f"{machine.hardware.address}: service {service!r} is not healthy"
        return ""

    async def _members(self, machine: Host) -> dict[str, str]:
        if self._silent(machine) or machine.etcd is None:
            raise EtcdUnavailable("no answer")
        return {member.name: member.peer_urls[0] for member in await machine.etcd.client().member_list()}

    async def _etcd_healthy(self, control_planes: list[Host], workers: list[Host]) -> str:
        return self._services(control_planes, "etcd")

    async def _etcd_consistent(self, control_planes: list[Host], workers: list[Host]) -> str:
        views = []
        for machine in control_planes:
            try:
                views.append(await self._members(machine))
            except (EtcdUnavailable, EtcdError, EtcdNotHere) as error:
                return f"{machine.hardware.address}: {error}"
        return "" if all(view == views[0] for view in views) else "etcd member lists differ"

    async def _etcd_members(self, control_planes: list[Host], workers: list[Host]) -> str:
        try:
            members = set(await self._members(self._machine))
        except (EtcdUnavailable, EtcdError, EtcdNotHere) as error:
            return str(error)
        wanted = {machine.name for machine in control_planes}
        return (
            "" if members == wanted else f"members are {sorted(members)}, control planes are {sorted(wanted)}"
        )

    async def _apid(self, control_planes: list[Host], workers: list[Host]) -> str:
        return self._services([*control_planes, *workers], "apid")

    async def _kubelet(self, control_planes: list[Host], workers: list[Host]) -> str:
        return self._services([*control_planes, *workers], "kubelet")

    async def _booted(self, control_planes: list[Host], workers: list[Host]) -> str:
        late = [
            m.hardware.address for m in (*control_planes, *workers) if self._silent(m) or m.stage != "running"
        ]
        return f"{', '.join(late)} not running yet" if late else ""
