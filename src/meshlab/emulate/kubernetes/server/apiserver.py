"""One API server: starts and stops the HTTPS server on one storage."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.emulate.kubernetes.objects.status import ApiError
from meshlab.emulate.kubernetes.server import bootstrap
from meshlab.emulate.kubernetes.server.identity import Tokens
from meshlab.emulate.kubernetes.server.rest import Rest
from meshlab.emulate.kubernetes.server.streams import Dial, Streams
from meshlab.emulate.kubernetes.server.watching import BOOKMARK_EVERY_S
from meshlab.emulate.kubernetes.storage.admission import Admission
from meshlab.emulate.kubernetes.storage.registry import Registry
from meshlab.emulate.kubernetes.storage.store import Storage
from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.sockets import listening

if TYPE_CHECKING:
    from aiohttp import web

_RETRY_S = 1.0


@dataclass(frozen=True)
class ServingTls:
    """TLS material of an API server, all PEM.

    ``client_ca`` signs client certificates; ``service_account_key`` signs tokens and is shared by all servers of a
    cluster;
    the kubelet pair is what the server shows to kubelets.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes
    service_account_key: bytes = field(repr=False)
    kubelet_certificate: bytes = b""
    kubelet_key: bytes = field(default=b"", repr=False)

    def serving_context(self) -> ssl.SSLContext:
        """TLS for incoming connections; client certificates are verified when shown."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_pair(context, self.certificate, self.key)
        context.load_verify_locations(cadata=self.client_ca.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        return context

    def kubelet_context(self) -> ssl.SSLContext | None:
        """TLS towards kubelets, whose certificates are not verified (as Talos' API servers do by default)."""
        if not self.kubelet_certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        load_pair(context, self.kubelet_certificate, self.kubelet_key)
        return context


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Loads a PEM pair into a context; the key touches the disk only in a directory of mode 0700, for a moment."""
    with tempfile.TemporaryDirectory(prefix="meshlab-") as folder:
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_bytes(certificate + b"\n" + key)
        context.load_cert_chain(path)


def dial_loopback(address: str, port: int) -> tuple[str, int]:
    """A cluster address by the loopback rule, the port as it is."""
    return loopback(address), port


class ApiServer:
    """An emulated kube-apiserver over HTTPS.

    Parameters
    ----------
    storage
        Where objects are kept; several servers on one etcd agree.
    tls
        Certificates and keys.
    port
        Port on 127.0.0.1 to listen on; 0 takes a free one (see :attr:`port`).
    advertise
        Cluster address of the machine it runs on; connections to kubelets and pods come from its loopback address.
    endpoints
        Cluster addresses of all API servers, for the ``kubernetes`` service's endpoints.
    dial
        Where a cluster address is served; by default the loopback rule.
    pod_security
        Level enforced where a namespace has no label of its own.
    """

    def __init__(
        self,
        storage: Storage,
        tls: ServingTls,
        *,
        port: int = 0,
        advertise: str = "",
        endpoints: list[str] | None = None,
        service_network: str = "10.96.0.0/12",
        dial: Dial = dial_loopback,
        pod_security: str = "baseline",
        issuer: str = "https://kubernetes.default.svc.cluster.local",
        bookmark_every_s: float = BOOKMARK_EVERY_S,
        host: str = "127.0.0.1",
    ) -> None:
        self._tls = tls
        self._wanted_port = port
        self._host = host
        self._advertise = advertise
        self._endpoints = endpoints if endpoints is not None else ([advertise] if advertise else [])
        self._service_network = service_network
        self.registry = Registry(storage, Admission(service_network, pod_security))
        tokens = Tokens(tls.service_account_key, issuer)
        local = loopback(advertise) if advertise else None
        self._streams = Streams(self.registry, dial, local, tls.kubelet_context())
        shown = f"{advertise or host}:6443"
        self._rest = Rest(self.registry, tokens, self._streams, shown, bookmark_every_s)
        self._task: asyncio.Task[None] | None = None
        self._runner: object | None = None
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self.port = port

    async def start(self) -> None:
        """Listens; the server is ready (``/readyz``) once storage answered and the bootstrap objects exist."""
        from aiohttp import web

        self.registry.start()
        application = web.Application(client_max_size=4 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            application,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.5,
            auto_decompress=True,
        )
        await runner.setup()
        door = listening(self._host, self._wanted_port, backlog=512)
        site = web.SockSite(runner, door, ssl_context=self._tls.serving_context(), backlog=512)
        await site.start()
        self._runner = runner
        self.port = runner.addresses[0][1]
        self._task = asyncio.create_task(self._prepare(), name=f"bootstrap of API server {self.port}")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            self._transports.add(request.transport)
        return await self._rest.handle(request)

    async def _prepare(self) -> None:
        network = self._service_network.split("/")[0].rsplit(".", 1)[0]
        manifests = bootstrap.objects(f"{network}.1", self._endpoints, 6443)
        while True:
            with contextlib.suppress(ApiError):
                await bootstrap.ensure(self.registry, manifests)
                self._rest.ready = True
                return
            await asyncio.sleep(_RETRY_S)

    async def wait_ready(self, deadline_s: float = 30.0) -> None:
        """Waits until the bootstrap objects exist.

        Raises
        ------
        TimeoutError
            They do not within ``deadline_s`` seconds.
        """
        assert self._task is not None, "start() first"
        async with asyncio.timeout(deadline_s):
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Closes all connections, its storage's too, and stops listening."""
        from aiohttp import web

        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if isinstance(self._runner, web.AppRunner):
            await self._runner.cleanup()
            self._runner = None
        for transport in list(self._transports):  # else TLS waits 30 s for clients to say goodbye
            transport.abort()
        await self._streams.close()
        await self.registry.close()
        await self.registry.storage.close()

    async def kill(self) -> None:
        """Ends it at once: it has no other way."""
        await self.stop()
