"""A kubelet stand-in: registers its node, renews its lease, runs the pods bound to it and reports what they do."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.emulate.kubernetes.client.client import KubeClient, KubeError
from meshlab.emulate.kubernetes.client.informer import Informer
from meshlab.emulate.kubernetes.client.leader import LEASES
from meshlab.emulate.kubernetes.controllers.base import Recorder
from meshlab.emulate.kubernetes.node.mounts import Mounts, NotMountable
from meshlab.emulate.kubernetes.node.podstatus import pod_status
from meshlab.emulate.kubernetes.node.runtime import PodRuntime, RunState
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object
from meshlab.emulate.kubernetes.server.apiserver import load_pair
from meshlab.emulate.network.sockets import listening

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

NODES = BY_PATH[("", "v1", "nodes")]
PODS = BY_PATH[("", "v1", "pods")]
_LEASE_NAMESPACE = "kube-node-lease"


@dataclass(frozen=True)
class NodeFacts:
    """What a node says about itself; ``address`` is its cluster address, ``capacity`` are resource quantities."""

    name: str
    address: str
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[tuple[str, str], ...] = ()
    capacity: dict[str, str] = field(
        default_factory=lambda: {"cpu": "4", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "110"}
    )
    provider_id: str = ""
    pod_cidr: str = ""
    boot_id: str = ""
    kubelet_version: str = "v1.36.3"
    os_image: str = "Talos (v1.13.0)"
    kernel: str = "6.18.24-talos"
    container_runtime: str = "containerd://2.1.4"


@dataclass(frozen=True)
class KubeletTimes:
    """The kubelet's constants, in seconds."""

    lease_s: float = 40.0
    renew_s: float = 10.0
    status_s: float = 10.0
    report_s: float = 300.0
    look_s: float = 0.5
    """How often the runtime is asked what a pod does (the real one hears from its runtime each second)."""


@dataclass(frozen=True)
class KubeletTls:
    """Serving certificate of the kubelet and the CA of its clients, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes

    def context(self) -> ssl.SSLContext:
        """TLS for incoming connections; a client certificate is required."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_pair(context, self.certificate, self.key)
        context.load_verify_locations(cadata=self.client_ca.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        return context


class Kubelet:
    """The kubelet of one machine.

    Parameters
    ----------
    client
        Client of the API as ``system:node:NAME`` (group ``system:nodes``), bound to the machine's address;
        :meth:`stop` closes it.
    folder_of
        The real directory of a path of the machine.
    port
        Port on 127.0.0.1 of the kubelet's own HTTPS server (10250 behind the fabric); 0 takes a free one.
    published_port
        Port that the node publishes for it; by default 10250, or the real one when ``published_port`` is 0.
    """

    def __init__(
        self,
        facts: NodeFacts,
        client: KubeClient,
        runtime: PodRuntime,
        folder_of: Callable[[str], Path],
        tls: KubeletTls,
        *,
        port: int = 0,
        published_port: int = 10250,
        times: KubeletTimes | None = None,
    ) -> None:
        self.facts = facts
        self.port = port
        self._client = client
        self._runtime = runtime
        self._tls = tls
        self._published_port = published_port
        self._times = times or KubeletTimes()
        self._mounts = Mounts(client, folder_of)
        query = {"fieldSelector": f"spec.nodeName={facts.name}"}
        self._pods = Informer(client, PODS, query)
        self._pods.listen(lambda kind, item: self._touched(item))
        self._recorder = Recorder(client, "kubelet", facts.name)
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._reported: dict[str, Object] = {}
        self._lease: Object | None = None
        self._server: object | None = None

    # --- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the server and all loops; the node registers itself as soon as an API server answers."""
        await self._serve()
        self._pods.start()
        self._tasks = [
            asyncio.create_task(self._register(), name=f"kubelet {self.facts.name}"),
            asyncio.create_task(self._renew(), name=f"node lease {self.facts.name}"),
        ]

    async def stop(self) -> None:
        """Ends the kubelet; its pods run on until the runtime ends them."""
        workers = [*self._tasks, *self._workers.values()]
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self._tasks, self._workers = [], {}
        await self._pods.stop()
        await self._client.close()
        from aiohttp import web

        if isinstance(self._server, web.AppRunner):
            await self._server.cleanup()
            self._server = None

    async def _serve(self) -> None:
        from aiohttp import web

        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        door = listening("127.0.0.1", self.port)
        await web.SockSite(runner, door, ssl_context=self._tls.context()).start()
        self._server = runner
        self.port = runner.addresses[0][1]

    async def _healthz(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        return web.Response(text="ok")

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        key = f"{request.match_info['namespace']}/{request.match_info['pod']}"
        container = request.match_info["container"]
        if key not in self._wake:
            return web.Response(status=404, text=f'pod "{key}" not found')
        tail = request.query.get("tailLines")
        follow = request.query.get("follow") == "true"
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        started = False
        try:
            async for chunk in self._runtime.logs(key, container, int(tail) if tail else None, follow):
                if not started:
                    await response.prepare(request)
                    started = True
                await response.write(chunk)
        except KeyError as error:
            if not started:
                text = f'container "{container}" in pod "{request.match_info["pod"]}" is waiting to start: {error}'
                return web.Response(status=400, text=text)
        except ConnectionError:
            return response
        if not started:
            await response.prepare(request)
        await response.write_eof()
        return response

    # --- node --------------------------------------------------------------------------------------------------

    def _node(self) -> Object:
        facts = self.facts
        labels = {
            "kubernetes.io/hostname": facts.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "beta.kubernetes.io/arch": "amd64",
            **facts.labels,
        }
        spec: Object = {}
        if facts.provider_id:
            spec["providerID"] = facts.provider_id
        if facts.pod_cidr:
            spec |= {"podCIDR": facts.pod_cidr, "podCIDRs": [facts.pod_cidr]}
        if facts.taints:
            spec["taints"] = [{"key": k, "effect": e} for k, e in facts.taints]
        metadata = {
            "name": facts.name,
            "labels": labels,
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        }
        return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec}

    def _conditions(self, node: Object) -> list[Object]:
        now = meta.now()
        wanted = (
            (
                "MemoryPressure",
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        )
        found = []
        for kind, value, reason, message in wanted:
            old = meta.condition(node, kind)
            same = old is not None and old["status"] == value
            found.append(
                {
                    "type": kind,
                    "status": value,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": old["lastTransitionTime"] if same and old else now,
                }
            )
        return found

    def _status(self, node: Object) -> Object:
        facts = self.facts
        port = self._published_port or self.port
        return {
            "addresses": [
                {"type": "InternalIP", "address": facts.address},
                {"type": "Hostname", "address": facts.name},
            ],
            "capacity": dict(facts.capacity),
            "allocatable": dict(facts.capacity),
            "conditions": self._conditions(node),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "nodeInfo": {
                "machineID": meta.name_of(node),
                "systemUUID": facts.boot_id,
                "bootID": facts.boot_id,
                "kernelVersion": facts.kernel,
                "osImage": facts.os_image,
                "containerRuntimeVersion": facts.container_runtime,
                "kubeletVersion": facts.kubelet_version,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        }

    async def _register(self) -> None:
        """Registers, then reports status: each ``report_s``, at once when what the API shows is not right."""
        reported = 0.0
        loop = asyncio.get_running_loop()
        registered = False
        while True:
            try:
                node = await self._present_node(registered)
                if not registered:
                    registered = True
                    await self._recorder.event(node, "Normal", "Starting", "Starting kubelet.")
                ready = meta.condition(node, "Ready")
                wrong = ready is None or ready["status"] != "True"
                changed = self._status(node)["nodeInfo"] != node.get("status", {}).get("nodeInfo")
                if wrong or changed or loop.time() - reported >= self._times.report_s:
                    await self._client.update(
                        NODES, {**node, "status": self._status(node)}, "status", timeout_s=10.0
                    )
                    reported = loop.time()
                    if wrong:
                        text = f"Node {self.facts.name} status is now: NodeReady"
                        await self._recorder.event(node, "Normal", "NodeReady", text)
                await asyncio.sleep(self._times.status_s)
            except KubeError as error:
                log.debug("kubelet %s: %s", self.facts.name, error)
                await asyncio.sleep(min(1.0, self._times.status_s))

    async def _present_node(self, registered: bool) -> Object:
        wanted = self._node()
        try:
            node = await self._client.get(NODES, "", self.facts.name, timeout_s=10.0)
        except KubeError as error:
            if error.code != 404:
                raise
            return await self._client.create(NODES, wanted, timeout_s=10.0)
        labels = {**(node["metadata"].get("labels") or {}), **wanted["metadata"]["labels"]}
        if not registered and labels != node["metadata"].get("labels"):
            body = {**node, "metadata": {**node["metadata"], "labels": labels}}
            node = await self._client.update(NODES, body, timeout_s=10.0)
        return node

    async def _renew(self) -> None:
        """Renews the node's lease; after a failure again in 0.2 s doubling to 7 s."""
        delay = 0.2
        name = self.facts.name
        while True:
            try:
                await self._renew_once(name)
                delay = 0.2
                await asyncio.sleep(self._times.renew_s * (1 + 0.04 * random.random()))
            except KubeError as error:
                log.debug("lease of %s: %s", name, error)
                await asyncio.sleep(delay)
                delay = min(7.0, delay * 2)

    async def _renew_once(self, name: str) -> None:
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": max(1, round(self._times.lease_s)),
            "renewTime": meta.now_micro(),
        }
        try:
            held = self._lease or await self._client.get(LEASES, _LEASE_NAMESPACE, name, timeout_s=10.0)
            self._lease = await self._client.update(LEASES, {**held, "spec": spec}, timeout_s=10.0)
        except KubeError as error:
            self._lease = None  # deleted or written meanwhile: it is read again before the next try
            if error.code != 404:
                raise
            metadata: Object = {"name": name, "namespace": _LEASE_NAMESPACE}
            body = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": metadata, "spec": spec}
            self._lease = await self._client.create(LEASES, body, timeout_s=10.0)

    # --- pods --------------------------------------------------------------------------------------------------

    def _touched(self, pod: Object) -> None:
        key = meta.key_of(pod)
        if key in self._wake:
            self._wake[key].set()
        elif key in self._pods.items:
            self._wake[key] = asyncio.Event()
            self._workers[key] = asyncio.create_task(self._work(key), name=f"pod {key}")

    async def _work(self, key: str) -> None:
        """Follows one pod name from its first binding until nothing of that name is left."""
        try:
            while (pod := self._pods.items.get(key)) is not None:
                await self._one_life(key, pod)
        finally:
            self._wake.pop(key, None)
            self._workers.pop(key, None)
            self._reported.pop(key, None)
            if key in self._pods.items and self._tasks:
                self._touched(self._pods.items[key])

    async def _one_life(self, key: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        old = pod.get("status", {})
        started_before = any("running" in (s.get("state") or {}) for s in old.get("containerStatuses") or ())
        base = sum(s.get("restartCount", 0) for s in (old.get("containerStatuses") or [])[:1]) + int(
            started_before
        )
        since = old.get("startTime") or meta.now()
        running = self._adopted(key, pod)
        if running:
            base = 0
        waiting = ""
        while True:
            current = self._pods.items.get(key)
            gone = current is None or current["metadata"]["uid"] != uid
            try:
                if gone or (current is not None and current["metadata"].get("deletionTimestamp")):
                    await self._end(key, pod if gone or current is None else current, running, gone)
                    return
                assert current is not None
                if not running and not meta.is_finished(current):
                    running, waiting = await self._begin(key, current, waiting)
                await self._report(key, current, running, since, waiting, base)
            except KubeError as error:
                log.debug("pod %s on %s: %s", key, self.facts.name, error)
            await self._pause(key)

    def _adopted(self, key: str, pod: Object) -> bool:
        """Whether the runtime still runs this pod (the kubelet alone was restarted)."""
        if not pod.get("status", {}).get("startTime"):
            return False
        try:
            self._runtime.state(key)
        except KeyError:
            return False
        return True

    async def _pause(self, key: str) -> None:
        wake = self._wake[key]
        try:
            await asyncio.wait_for(wake.wait(), self._times.look_s)
        except TimeoutError:
            return
        wake.clear()

    async def _begin(self, key: str, pod: Object, waiting: str) -> tuple[bool, str]:
        try:
            mounted = await self._mounts.of(pod)
        except NotMountable as error:
            if str(error) != waiting:
                await self._recorder.event(pod, "Warning", "FailedMount", str(error))
            return False, str(error)
        for container in pod["spec"]["containers"]:
            text = f'Container image "{container["image"]}" already present on machine'
            await self._recorder.event(pod, "Normal", "Pulled", text)
        await self._runtime.start(self.facts.name, pod, mounted.volumes, mounted.config)
        for container in pod["spec"]["containers"]:
            await self._recorder.event(pod, "Normal", "Started", f"Started container {container['name']}")
        return True, ""

    async def _report(
        self, key: str, pod: Object, running: bool, since: str, waiting: str, base: int
    ) -> None:
        state: RunState | None = self._runtime.state(key) if running else None
        address = self._runtime.address(key) if running else ""
        wanted = pod_status(
            pod, state, host=self.facts.address, address=address, started=since, waiting=waiting, base=base
        )
        present = pod.get("status") or {}
        same = present.get("phase") == wanted["phase"] and meta.is_ready(pod) == meta.is_ready(
            {"status": wanted}
        )
        if present == wanted or (same and self._reported.get(key) == wanted):
            return
        body = {**pod, "status": wanted}
        try:
            self._pods.put(await self._client.update(PODS, body, "status", timeout_s=10.0))
            self._reported[key] = wanted
        except KubeError as error:
            if error.code == 409:
                fresh = await self._client.get(
                    PODS, meta.namespace_of(pod), meta.name_of(pod), timeout_s=10.0
                )
                if fresh["metadata"]["uid"] == pod["metadata"]["uid"]:
                    self._pods.put(fresh)
            elif error.code == 404:
                self._pods.items.pop(key, None)
            else:
                raise

    async def _end(self, key: str, pod: Object, running: bool, gone: bool) -> None:
        """Stops a pod within its grace and lets the API forget it."""
        metadata = pod["metadata"]
        grace = metadata.get("deletionGracePeriodSeconds")
        if running:
            for container in pod["spec"]["containers"]:
                await self._recorder.event(
                    pod, "Normal", "Killing", f"Stopping container {container['name']}"
                )
            await self._runtime.stop(self.facts.name, key, float(30 if grace is None else grace))
        if gone:
            return
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        while True:
            try:
                await self._client.delete(PODS, metadata["namespace"], metadata["name"], options)
            except KubeError as error:
                if error.code not in (404, 409):
                    await asyncio.sleep(1.0)
                    continue
            left = self._pods.items.get(key)
            if left is not None and left["metadata"]["uid"] == metadata["uid"]:
                self._pods.items.pop(key, None)
            return
