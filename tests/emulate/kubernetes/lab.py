"""A small cluster in a thread of its own: real etcd, API servers, controllers and kubelets."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pki

from meshlab.emulate.etcd.client import EtcdClient
from meshlab.emulate.kubernetes.client.client import BalancerTimes, KubeClient
from meshlab.emulate.kubernetes.client.leader import ElectionTimes
from meshlab.emulate.kubernetes.controllers.managers import Controllers, ManagerTimes
from meshlab.emulate.kubernetes.controllers.nodelifecycle import NodeTimes
from meshlab.emulate.kubernetes.node.kubelet import Kubelet, KubeletTimes, KubeletTls, NodeFacts
from meshlab.emulate.kubernetes.server.apiserver import ApiServer, dial_loopback
from meshlab.emulate.kubernetes.storage.etcd_store import EtcdStorage
from meshlab.emulate.network.addresses import free_port
from meshlab.emulate.processes.binaries import find
from own_addresses import dialled, network
from own_time import PATIENCE_S

T = TypeVar("T")
ETCD_HOST = f"{dialled(network(3))}.0.1"
# Short for a test's sake, and long enough that a busy machine does not lose a leader or a node by itself.
QUICK = ManagerTimes(
    election=ElectionTimes(lease_s=6.0, renew_deadline_s=4.5, retry_s=0.3),
    nodes=NodeTimes(monitor_s=0.2, grace_s=6.0, eviction_per_s=10.0),
    orphan_after_s=0.5,
)
QUICK_BALANCER = BalancerTimes(check_interval_s=0.5, check_timeout_s=3.0, silence_s=4.0, dial_timeout_s=3.0)


@dataclass
class FakeState:
    phase: str = "Running"
    ready: bool = True
    restarts: int = 0
    message: str = ""
    started_at: float | None = 0.0


@dataclass
class FakeRuntime:
    """Runs nothing: a pod started is a pod running, until a test says otherwise."""

    states: dict[str, FakeState] = field(default_factory=dict)
    seen: dict[str, tuple[Mapping[str, Path], Mapping[str, Mapping[str, bytes]]]] = field(
        default_factory=dict
    )
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    stopped: list[tuple[str, float]] = field(default_factory=list)
    address_of: Callable[[str], str] = lambda key: f"{network(3)}.9.{10 + sum(key.encode()) % 200}"

    async def start(
        self,
        machine: str,
        pod: Mapping[str, Any],
        volumes: Mapping[str, Path],
        config: Mapping[str, Mapping[str, bytes]],
    ) -> None:
        key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        self.states[key] = FakeState(started_at=time.time())
        self.seen[key] = (volumes, config)
        self.lines.setdefault(key, []).append(f"hello from {key} on {machine}\n".encode())

    async def stop(self, machine: str, pod_key: str, grace_s: float) -> None:
        self.stopped.append((pod_key, grace_s))
        self.states.pop(pod_key, None)

    def state(self, pod_key: str) -> FakeState:
        return self.states[pod_key]

    async def logs(
        self, pod_key: str, container: str | None, tail: int | None, follow: bool
    ) -> AsyncIterator[bytes]:
        lines = self.lines[pod_key]
        for line in lines if tail is None else lines[-tail:]:
            yield line

    def address(self, pod_key: str) -> str:
        return self.address_of(pod_key)


def node_facts(name: str, zone: str, address: str) -> NodeFacts:
    labels = {"topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": "lab"}
    return NodeFacts(name, address, labels, provider_id=f"lab:///{zone}/{name}")


class Lab:
    """The cluster. Everything of it runs in one event loop in a thread."""

    def __init__(self, folder: Path, nodes: tuple[str, ...] = ("n1", "n2", "n3"), servers: int = 1) -> None:
        self.folder = folder
        self.authority = pki.authority()
        self.runtime = FakeRuntime()
        self.kubelets: dict[str, Kubelet] = {}
        self.servers: list[ApiServer] = []
        self._nodes = nodes
        self._wanted_servers = servers
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._etcd: subprocess.Popen[bytes] | None = None
        self._etcd_clients: list[EtcdClient] = []
        self._managers: list[Controllers] = []
        self._ports: dict[str, int] = {}

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float = PATIENCE_S) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    # --- etcd

    def start_etcd(self) -> None:
        if not self._ports:
            self._ports = {"client": free_port(ETCD_HOST), "peer": free_port(ETCD_HOST)}
        client, peer = (f"http://{ETCD_HOST}:{self._ports[k]}" for k in ("client", "peer"))
        self._etcd = subprocess.Popen(
            [
                str(find("etcd")),
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
                "--unsafe-no-fsync",
                "--heartbeat-interval=50",
                "--election-timeout=500",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: self.run(self._etcd_healthy(client)), "etcd to be healthy")
        self.etcd_url = client

    async def _etcd_healthy(self, url: str) -> bool:
        async with EtcdClient(url, timeout_s=5.0) as client:
            return await client.health()

    def kill_etcd(self) -> None:
        assert self._etcd is not None
        self._etcd.kill()
        self._etcd.wait()

    # --- life

    def __enter__(self) -> Lab:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        self.start_etcd()
        self.run(self._start())
        (self.folder / "kubeconfig.json").write_text(json.dumps(self.kubeconfig()))
        return self

    def kubeconfig(
        self, user: str = "admin", groups: tuple[str, ...] = ("system:masters",)
    ) -> dict[str, Any]:
        pair = self.authority.issue(user, groups)

        def text(data: bytes) -> str:
            return base64.b64encode(data).decode()

        cluster = {
            "server": f"https://127.0.0.1:{self.servers[0].port}",
            "certificate-authority-data": text(self.authority.certificate),
        }
        credentials = {
            "client-certificate-data": text(pair.certificate),
            "client-key-data": text(pair.key),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}],
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "admin", "user": credentials}],
        }

    def dial(self, address: str, port: int) -> tuple[str, int]:
        for kubelet in self.kubelets.values():
            if kubelet.facts.address == address and port == 10250:
                return "127.0.0.1", kubelet.port
        return dial_loopback(address, port)

    async def _start(self) -> None:
        for _ in range(self._wanted_servers):
            await self.add_server()
        await self.add_manager("m1")
        for index, name in enumerate(self._nodes):
            await self.add_kubelet(name, f"z{index + 1}", f"{network(3)}.1.{index + 1}")

    async def add_server(self, **options: Any) -> ApiServer:
        client = EtcdClient(self.etcd_url, timeout_s=options.pop("timeout_s", 60.0))
        self._etcd_clients.append(client)
        server = ApiServer(EtcdStorage(client), self.authority.serving(), dial=self.dial, **options)
        await server.start()
        await server.wait_ready()
        self.servers.append(server)
        return server

    def urls(self) -> list[str]:
        return [f"https://127.0.0.1:{s.port}" for s in self.servers]

    def client(self, user: str, *groups: str) -> KubeClient:
        context = self.authority.client_context(user, groups)
        return KubeClient(self.urls(), context, agent=user.rpartition(":")[2], times=QUICK_BALANCER)

    async def add_manager(self, name: str) -> Controllers:
        managers = Controllers(
            self.client("system:kube-controller-manager"),
            self.client("system:kube-scheduler"),
            name,
            self.authority.certificate,
            QUICK,
        )
        self._managers.append(managers)
        await managers.start()
        return managers

    def stop_managers(self) -> None:
        while self._managers:
            self.run(self._managers.pop().stop())

    async def add_kubelet(self, name: str, zone: str, address: str) -> Kubelet:
        pair = self.authority.issue(f"system:node:{name}", ("system:nodes",))
        kubelet = Kubelet(
            node_facts(name, zone, address),
            self.client(f"system:node:{name}", "system:nodes"),
            self.runtime,
            lambda path: self.folder / name / path.lstrip("/"),
            KubeletTls(pair.certificate, pair.key, self.authority.certificate),
            times=KubeletTimes(lease_s=6.0, renew_s=0.5, status_s=0.5, look_s=0.1),
        )
        self.kubelets[name] = kubelet
        await kubelet.start()
        return kubelet

    async def _stop(self) -> None:
        for part in (*self.kubelets.values(), *self._managers, *self.servers):
            await part.stop()
        for client in self._etcd_clients:
            await client.close()

    def __exit__(self, *exc: object) -> None:
        try:
            self.run(self._stop())
        finally:
            self.kill_etcd()
            wait_for(lambda: connections(self._loop) == 0, "all connections to be closed")
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
            self._loop.close()

    # --- driving it

    def argv(self, *arguments: str) -> list[str]:
        return [str(find("kubectl")), f"--kubeconfig={self.folder / 'kubeconfig.json'}", *arguments]

    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.folder), "PATH": "/usr/bin:/bin"}

    def try_kubectl(
        self, *arguments: str, stdin: str = "", timeout_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=self.environment(),
            check=False,
        )

    def kubectl(self, *arguments: str, stdin: str = "", timeout_s: float = PATIENCE_S) -> str:
        done = self.try_kubectl(*arguments, stdin=stdin, timeout_s=timeout_s)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def wait_nodes(self) -> None:
        wait_for(
            lambda: (
                all(ready(n) for n in self.get("nodes")["items"])
                and len(self.get("nodes")["items"]) == len(self._nodes)
            ),
            "all nodes to be ready",
        )


def connections(loop: asyncio.AbstractEventLoop) -> int:
    """How many sockets a loop still serves, besides the one it wakes itself by."""
    selector: Any = loop._selector  # type: ignore[attr-defined]
    return len(selector.get_map()) - 1


def ready(item: Mapping[str, Any]) -> bool:
    conditions = item.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def wait_for(
    holds: Callable[[], object], what: str, deadline_s: float = PATIENCE_S, every_s: float = 0.1
) -> None:
    end = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end, f"waited {deadline_s:g} s in vain for {what}"
        time.sleep(every_s)
