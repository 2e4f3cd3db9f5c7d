"""Requests that the API server passes on: pod logs from the kubelet, and HTTP to pods and services."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshlab.emulate.kubernetes.objects import meta, status
from meshlab.emulate.kubernetes.objects.resources import resource_named
from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.server.requestinfo import RequestInfo
from meshlab.emulate.kubernetes.storage.registry import Registry
from meshlab.emulate.network.sockets import dialled, outgoing

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web

Dial = Callable[[str, int], tuple[str, int]]
"""Where a cluster address and port is served on this machine."""

_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "host",
    "content-length",
    "authorization",
    "accept-encoding",
}
CONNECT_TIMEOUT_S = 30.0
"""The real server's dial time-out towards kubelets, pods and services."""
_LOG_QUERY = ("follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes")


def split_target(name: str) -> tuple[str, str, str]:
    """(scheme, name, port) of a proxy target ``[scheme:]name[:port]``."""
    parts = name.split(":")
    if len(parts) == 3:
        return parts[0] or "http", parts[1], parts[2]
    if len(parts) == 2:
        return "http", parts[0], parts[1]
    return "http", name, ""


class Streams:
    """The outgoing connections of one API server.

    Parameters
    ----------
    dial
        Maps a cluster address and port to where it is served here.
    local_addr
        Source address of the connections: the loopback address of the server's machine.
    kubelet_context
        TLS towards kubelets: trusts the cluster CA and holds the API server's kubelet client certificate.
    """

    def __init__(
        self, registry: Registry, dial: Dial, local_addr: str | None, kubelet_context: ssl.SSLContext | None
    ) -> None:
        self._registry = registry
        self._dial = dial
        self._local_addr = local_addr
        self._kubelet_context = kubelet_context
        self._session: aiohttp.ClientSession | None = None

    def _http(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(
                local_addr=None if self._local_addr is None else (self._local_addr, 0),
                socket_factory=outgoing,
                limit=0,
            )
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, auto_decompress=False, trust_env=False
            )
        return self._session

    async def connect(self, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection to a cluster address."""
        host, real_port = self._dial(address, port)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await asyncio.open_connection(sock=await dialled(host, real_port, self._local_addr))

    async def close(self) -> None:
        """Closes all outgoing connections."""
        if self._session is not None:
            await self._session.close()

    async def log(self, request: web.Request, info: RequestInfo) -> web.StreamResponse:
        """Streams a container's log from the kubelet of its node."""
        import aiohttp
        from aiohttp import web

        pod = await self._registry.get(resource_named("pods"), info.namespace, info.name)
        container = _container(pod, request.query.get("container", ""))
        node_name = pod["spec"].get("nodeName")
        if not node_name:
            return web.Response(body=b"", content_type="text/plain")
        node = await self._registry.get(resource_named("nodes"), "", node_name)
        address = next(
            (a["address"] for a in node["status"].get("addresses") or () if a["type"] == "InternalIP"), ""
        )
        port = (node["status"].get("daemonEndpoints") or {}).get("kubeletEndpoint", {}).get("Port", 10250)
        host, real_port = self._dial(address, port)
        url = f"https://{host}:{real_port}/containerLogs/{info.namespace}/{info.name}/{container}"
        query = {k: request.query[k] for k in _LOG_QUERY if k in request.query}
        try:
            async with self._http().get(url, params=query, ssl=self._kubelet_context or False) as answer:
                if answer.status != 200:
                    text = await answer.text()
                    raise ApiError(answer.status, "BadRequest" if answer.status == 400 else "NotFound", text)
                response = web.StreamResponse(headers={"Content-Type": "text/plain"})
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, TimeoutError) as error:
            shown = f'Get "https://{address}:{port}/containerLogs/{info.namespace}/{info.name}/{container}": {error}'
            raise ApiError(500, "InternalError", f"Internal error occurred: {shown}") from None

    async def _target(self, info: RequestInfo) -> tuple[str, str, int]:
        scheme, name, wanted = split_target(info.name)
        if info.resource.plural == "services":
            return scheme, *await self._service_target(info.namespace, name, wanted)
        if info.resource.plural == "nodes":
            node = await self._registry.get(resource_named("nodes"), "", name)
            address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
            return "https", address, int(wanted or 10250)
        pod = await self._registry.get(resource_named("pods"), info.namespace, name)
        address = pod["status"].get("podIP")
        if not address:
            raise status.bad_request("address not allowed")
        if not wanted:
            ports = [p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports") or ()]
            wanted = str(ports[0] if ports else 80)
        return scheme, address, int(wanted)

    async def _service_target(self, namespace: str, name: str, wanted: str) -> tuple[str, int]:
        service = await self._registry.get(resource_named("services"), namespace, name)
        ports = service["spec"].get("ports") or []
        port = next((p for p in ports if wanted in ("", p.get("name"), str(p["port"]))), None)
        unavailable = ApiError(503, "ServiceUnavailable", f'no endpoints available for service "{name}"')
        if port is None:
            raise unavailable
        try:
            found = await self._registry.get(resource_named("endpoints"), namespace, name)
        except ApiError:
            raise unavailable from None
        for subset in found.get("subsets") or ():
            for entry in subset.get("ports") or ():
                if entry.get("name", "") == port.get("name", "") and subset.get("addresses"):
                    return subset["addresses"][0]["ip"], entry["port"]
        raise unavailable

    async def proxy(self, request: web.Request, info: RequestInfo) -> web.StreamResponse:
        """Passes an HTTP request on to a pod, service or node and streams the answer back."""
        import aiohttp
        from aiohttp import web
        from yarl import URL

        scheme, address, port = await self._target(info)
        host, real_port = self._dial(address, port)
        url = URL(f"{scheme}://{host}:{real_port}/{info.tail}", encoded=True)
        if request.query_string:
            url = URL(f"{url}?{request.rel_url.raw_query_string}", encoded=True)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        headers["X-Forwarded-For"] = request.remote or ""
        headers["Host"] = f"{address}:{port}"
        body = await request.read()
        tls = self._kubelet_context if info.resource.plural == "nodes" else False
        try:
            async with self._http().request(
                request.method,
                url,
                headers=headers,
                data=body or None,
                ssl=tls or False,
                allow_redirects=False,
            ) as answer:
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP}
                response = web.StreamResponse(status=answer.status, headers=kept)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            why = _dial_error(error, address, port)
            raise ApiError(503, "ServiceUnavailable", f"error trying to reach service: {why}") from None


def _dial_error(error: BaseException, address: str, port: int) -> str:
    if isinstance(error, TimeoutError):
        return f"dial tcp {address}:{port}: i/o timeout"
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ConnectionRefusedError):
        return f"dial tcp {address}:{port}: connect: connection refused"
    return str(error) or type(error).__name__


def _container(pod: Object, wanted: str) -> str:
    names = [c["name"] for c in pod["spec"]["containers"]]
    inits = [c["name"] for c in pod["spec"].get("initContainers") or ()]
    name = meta.name_of(pod)
    if wanted:
        if wanted not in names + inits:
            raise status.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(names) > 1:
        default = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
        if default in names:
            return str(default)
        listed = " ".join(names)
        raise status.bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{listed}]"
        )
    return str(names[0])
