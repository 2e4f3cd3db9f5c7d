"""An emulated machine's control plane with a real kube-apiserver, where there is one."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from talos_site import call, cluster, shared_bundle, until

from meshlab.emulate.kubernetes.real.server import available
from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from meshlab.emulate.pods.pods import Pods
from meshlab.emulate.processes.binaries import find
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.emulate.talos import pki as machine_pki
from meshlab.emulate.talos.hooks import ClusterHooks
from meshlab.emulate.talos.machine import Machine
from needs import lacking
from own_addresses import network
from own_time import PATIENCE_S

pytestmark = pytest.mark.skipif(
    available() is None,
    reason=lacking("kube-apiserver"),
)
PROCESS = "kube-apiserver-master-1"
LEASE = ("get", "lease", "master-1", "-n", "kube-node-lease", "-o", "jsonpath={.spec.renewTime}")
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "seen"},
    "spec": {"nodeName": "master-1", "containers": [{"name": "a", "image": "example/one"}]},
}


class Master:
    """One emulated control plane, driven with kubectl."""

    def __init__(self, machine: Machine, hooks: ClusterHooks, processes: ProcessTable, folder: Path) -> None:
        self.machine = machine
        self.hooks = hooks
        self.processes = processes
        self._kubeconfig = folder / "kubeconfig"

    async def kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        if not self._kubeconfig.exists():
            self._kubeconfig.write_text(machine_pki.admin_kubeconfig(self.machine).reveal())
        server = f"https://{loopback(self.machine.hardware.address)}:6443"
        argv = [str(find("kubectl")), f"--kubeconfig={self._kubeconfig}", f"--server={server}", *arguments]
        done: subprocess.CompletedProcess[str] = await call(
            subprocess.run, argv, input=stdin, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return done

    async def until_kubectl(self, *arguments: str, stdin: str = "", deadline_s: float = PATIENCE_S) -> str:
        """Repeats a command until it succeeds, and gives what it prints."""
        said = ""
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    done = await self.kubectl(*arguments, stdin=stdin)
                    if done.returncode == 0:
                        return done.stdout
                    said = done.stderr
                    await asyncio.sleep(0.3)
        except TimeoutError:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {said}") from None


@asynccontextmanager
async def one_master(folder: Path) -> AsyncIterator[Master]:
    async with cluster(folder, shared_bundle(), 14, network=network(2)) as site:
        addresses = {"master-1": site.address(11)}
        fabric = Fabric(addresses)
        processes = ProcessTable(folder / "processes", fabric)
        pods = Pods(fabric, processes, folder / "pods", addresses)
        hooks = ClusterHooks(fabric, processes, pods)
        hooks.site, site.site.hooks, site.site.exposure = site.site, hooks, fabric
        try:
            (machine,) = await site.control_planes(1)
            await until(lambda: (s := machine.services.get("apid")) and s.state == "Running", "apid")
            await call(site.client(11).bootstrap)
            yield Master(machine, hooks, processes, folder)
            await machine.power_off()
        finally:
            await pods.close()
            await processes.close()
            await fabric.close()


def test_a_masters_control_plane_is_a_real_apiserver_that_serves_logs_and_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with one_master(tmp_path) as master:
            version = json.loads(await master.until_kubectl("version", "-o", "json"))
            running = version["serverVersion"]["gitVersion"]
            assert master.hooks.api_server.startswith(f"kube-apiserver {running.partition('-')[0]}")
            await master.until_kubectl("get", "serviceaccount", "default")
            await master.until_kubectl("apply", "-f", "-", stdin=json.dumps(POD))
            await master.until_kubectl("wait", "--for=condition=Ready", "pod/seen", "--timeout=300s")
            assert await master.until_kubectl("logs", "seen") == "example/one: a stand-in that runs nothing\n"

            held = await master.until_kubectl(*LEASE)
            async with asyncio.timeout(PATIENCE_S):  # renewed each 10 s
                while await master.until_kubectl(*LEASE) == held:  # noqa: ASYNC110 - kubectl has no event
                    await asyncio.sleep(1.0)

            first = master.processes.get(PROCESS)
            assert first is not None
            await master.processes.kill(PROCESS)
            await until(lambda: master.processes.get(PROCESS) is not first, "the process to be started again")
            assert await master.until_kubectl("get", "pod", "seen", "-o", "name") == "pod/seen\n"

            await master.machine.power_off()
            assert master.processes.running("master-1") == []
            assert not (master.machine.state / "kube-apiserver").exists()  # its keys

    asyncio.run(story())
