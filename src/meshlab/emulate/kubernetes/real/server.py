"""A real ``kube-apiserver`` instead of the emulated one, where there is one on PATH or in ``KUBEBUILDER_ASSETS``."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from meshlab.emulate.kubernetes.real.egress import EgressProxy
from meshlab.emulate.kubernetes.server.apiserver import ServingTls
from meshlab.emulate.network.addresses import free_port, loopback
from meshlab.emulate.pods.containers import Backoff
from meshlab.emulate.processes.binaries import MissingBinary, find, version
from meshlab.emulate.processes.processes import Child, ProcessTable
from meshlab.emulate.processes.tasks import end


@dataclass(frozen=True)
class EtcdAccess:
    """Client URL of the local etcd member, and the files of its CA and a client pair (None over plain HTTP)."""

    url: str
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def available() -> Path | None:
    """The real server's program, if there is one."""
    try:
        return find("kube-apiserver")
    except MissingBinary:
        return None


def described(program: Path | None) -> str:
    """Which API server runs, in words: the real one with its version, or the stand-in."""
    if program is None:
        return "stand-in"
    return "kube-apiserver v" + ".".join(map(str, version(program)))


class ApiServerProcess:
    """A real kube-apiserver as a child process, with the same life as :class:`~.apiserver.ApiServer`.

    A process that ends by itself is started again, as the kubelet does with a static pod.

    Parameters
    ----------
    folder
        Where its certificates and keys are written, readable by this user only; it is removed by :meth:`stop`.
    log
        File for its output; by default beside ``folder``.
    port
        Port on 127.0.0.1 to listen on; 0 takes a free one (see :attr:`port`).
    advertise
        Cluster address of the machine it runs on; it then reaches kubelets, pods and services through an
        :class:`~.egress.EgressProxy`, from the machine's loopback address.
    """

    def __init__(
        self,
        etcd: EtcdAccess,
        tls: ServingTls,
        processes: ProcessTable,
        folder: Path,
        *,
        name: str = "kube-apiserver",
        machine: str | None = None,
        port: int = 0,
        advertise: str = "",
        service_network: str = "10.96.0.0/12",
        issuer: str = "https://kubernetes.default.svc.cluster.local",
        log: Path | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.port = port
        self.log = log or folder.with_suffix(".log")
        self._etcd = etcd
        self._tls = tls
        self._processes = processes
        self._folder = folder
        self._name = name
        self._machine = machine
        self._advertise = advertise
        self._service_network = service_network
        self._issuer = issuer
        self._backoff = backoff or Backoff()
        self._egress = EgressProxy(tls, loopback(advertise)) if advertise else None
        self._keeper: asyncio.Task[None] | None = None

    def _file(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return str(path)

    def _public_key(self) -> bytes:
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_private_key,
        )

        key = load_pem_private_key(self._tls.service_account_key, None)
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def _argv(self, program: Path) -> list[str]:
        tls = self._tls
        argv = [
            str(program),
            f"--etcd-servers={self._etcd.url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--advertise-address={self._advertise or '127.0.0.1'}",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={self._file('serving.crt', tls.certificate)}",
            f"--tls-private-key-file={self._file('serving.key', tls.key)}",
            f"--client-ca-file={self._file('clients.crt', tls.client_ca)}",
            f"--service-account-key-file={self._file('accounts.pub', self._public_key())}",
            f"--service-account-signing-key-file={self._file('accounts.key', tls.service_account_key)}",
            f"--service-account-issuer={self._issuer}",
            f"--service-cluster-ip-range={self._service_network}",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--profiling=false",
            f"--admission-control-config-file={self._file('admission.yaml', _POD_SECURITY)}",
        ]
        if tls.kubelet_certificate:
            argv += [
                f"--kubelet-client-certificate={self._file('kubelet.crt', tls.kubelet_certificate)}",
                f"--kubelet-client-key={self._file('kubelet.key', tls.kubelet_key)}",
                "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
            ]
        if self._egress is not None:
            argv.append(f"--egress-selector-config-file={self._file('egress.yaml', self._egress_config())}")
        if self._etcd.authority and self._etcd.certificate and self._etcd.key:
            argv += [
                f"--etcd-cafile={self._etcd.authority}",
                f"--etcd-certfile={self._etcd.certificate}",
                f"--etcd-keyfile={self._etcd.key}",
            ]
        return argv

    def _egress_config(self) -> bytes:
        assert self._egress is not None
        return _EGRESS.format(port=self._egress.port, folder=self._folder).encode()

    async def start(self) -> None:
        """Starts the process; :meth:`wait_ready` says when it serves.

        Raises
        ------
        MissingBinary
            There is no kube-apiserver.
        """
        program = find("kube-apiserver")
        self.port = self.port or free_port()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._egress is not None:
            await self._egress.start()
        argv = self._argv(program)
        child = await self._spawn(argv)
        self._keeper = asyncio.create_task(self._keep_running(argv, child), name=f"restarts of {self._name}")

    async def _spawn(self, argv: list[str]) -> Child:
        return await self._processes.spawn(
            self._name, argv, env={"GOMAXPROCS": "2"}, log=self.log, machine=self._machine
        )

    async def _keep_running(self, argv: list[str], child: Child) -> None:
        """Starts it again whenever it ends: at once the first time, then with the kubelet's back-off."""
        wait_s = 0.0
        while True:
            began = time.monotonic()
            await child.wait()
            if time.monotonic() - began > self._backoff.reset_s:
                wait_s = 0.0
            await asyncio.sleep(wait_s)
            wait_s = min(max(2 * wait_s, self._backoff.initial_s), self._backoff.limit_s)
            child = await self._spawn(argv)

    async def wait_ready(self, deadline_s: float = 60.0) -> None:
        """Waits until ``/readyz`` says ok.

        Raises
        ------
        TimeoutError
            It does not within ``deadline_s`` seconds.
        RuntimeError
            The process ended.
        """
        import aiohttp

        async with asyncio.timeout(deadline_s), aiohttp.ClientSession(trust_env=False) as session:
            while True:
                child = self._processes.get(self._name)
                if child is None or not child.running:
                    raise RuntimeError(f"{self._name} ended; its log is {self.log}")
                try:
                    async with session.get(f"https://127.0.0.1:{self.port}/readyz", ssl=False) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.2)

    async def stop(self) -> None:
        """Ends the process in order and removes its keys."""
        await end(self._keeper)
        await self._processes.terminate(self._name, grace_s=5.0)
        await self._cleared()

    async def kill(self) -> None:
        """Ends it at once, as a loss of power does, and removes its keys."""
        await end(self._keeper)
        await self._processes.kill(self._name)
        await self._cleared()

    async def _cleared(self) -> None:
        self._keeper = None
        if self._egress is not None:
            await self._egress.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


_POD_SECURITY = b"""\
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline, enforce-version: latest}
    exemptions: {namespaces: [kube-system]}
"""
"""As Talos configures it."""

_EGRESS = """\
apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      tcp:
        url: https://127.0.0.1:{port}
        tlsConfig:
          caBundle: {folder}/clients.crt
          clientCert: {folder}/kubelet.crt
          clientKey: {folder}/kubelet.key
"""
"""Connections to kubelets, pods and services go through our proxy; those to etcd do not."""
