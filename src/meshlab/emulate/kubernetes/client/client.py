"""How kubelets and controllers talk to the Kubernetes API: one of several API servers at a time, as through KubePrism.

KubePrism is the balancer that Talos runs on each machine: it checks every API server each 20 s with a time-out of
15 s, and open
connections to one that fell silent die after 30 s (TCP user time-out).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from meshlab.emulate.kubernetes.objects.resources import Resource
from meshlab.emulate.kubernetes.objects.status import Object
from meshlab.emulate.network.sockets import outgoing

if TYPE_CHECKING:
    import aiohttp

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class KubeError(Exception):
    """The API said no (``code`` is the HTTP status) or no API server answered (``code`` 0)."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class BalancerTimes:
    """The balancer's constants, in seconds (Talos 1.11-1.14)."""

    check_interval_s: float = 20.0
    check_timeout_s: float = 15.0
    silence_s: float = 30.0
    dial_timeout_s: float = 15.0


def path_of(resource: Resource, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The URL path of a collection, an object or a subresource."""
    path = f"/{resource.path}"
    if namespace and resource.namespaced:
        path += f"/namespaces/{quote(namespace)}"
    path += f"/{resource.plural}"
    for part in (name, subresource):
        if part:
            path += f"/{quote(part)}"
    return path


class KubeClient:
    """An asynchronous client of the Kubernetes API over one or several API servers.

    Parameters
    ----------
    servers
        Base URLs such as ``https://127.20.1.11:6443``; one is used until it fails, then the next that is healthy.
    context
        TLS: the cluster CA and this client's certificate.
    local_addr
        Source address of the connections (the loopback address of the machine this client runs on).
    agent
        User agent; its first word is the field manager of writes.
    """

    def __init__(
        self,
        servers: Sequence[str],
        context: ssl.SSLContext,
        *,
        local_addr: str | None = None,
        agent: str = "meshlab",
        times: BalancerTimes | None = None,
    ) -> None:
        if not servers:
            raise ValueError("a Kubernetes client needs at least one API server")
        self._servers = list(servers)
        self._context = context
        self._local_addr = local_addr
        self._agent = agent
        self._times = times or BalancerTimes()
        self._healthy = dict.fromkeys(servers, True)
        self._current = self._servers[0]
        self._session: aiohttp.ClientSession | None = None
        self._checker: asyncio.Task[None] | None = None

    @property
    def server(self) -> str:
        """The API server in use."""
        return self._current

    def _http(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._context,
                local_addr=None if self._local_addr is None else (self._local_addr, 0),
                socket_factory=outgoing,
                limit=0,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": self._agent, "Accept": "application/json"},
                read_bufsize=4 * 1024 * 1024,
                trust_env=False,
            )
            self._checker = asyncio.create_task(self._check(), name=f"health checks of {self._agent}")
        return self._session

    async def close(self) -> None:
        """Closes all connections."""
        if self._checker is not None:
            self._checker.cancel()
            await asyncio.gather(self._checker, return_exceptions=True)
            self._checker = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(self._times.check_interval_s)
            await asyncio.gather(*(self._check_one(server) for server in self._servers))
            if not self._healthy[self._current]:
                self._next(self._current)

    async def _check_one(self, server: str) -> None:
        self._healthy[server] = await self._alive(server)

    async def _alive(self, server: str) -> bool:
        import aiohttp

        limit = aiohttp.ClientTimeout(total=self._times.check_timeout_s)
        try:
            async with self._http().get(server + "/version", timeout=limit) as answer:
                await answer.read()
                return True
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False

    def _next(self, failed: str) -> None:
        """Leaves a server that failed for the next one that is not known to be dead."""
        if failed != self._current:
            return
        at = self._servers.index(failed)
        order = self._servers[at + 1 :] + self._servers[:at]
        self._current = next((s for s in order if self._healthy[s]), order[0] if order else failed)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout_s: float | None = None,
    ) -> Object:
        """One call; gives the decoded answer.

        Raises
        ------
        KubeError
            The API refused, or no answer came in ``timeout_s`` seconds (the next call uses another server).
        """
        import aiohttp

        server = self._current
        limit = aiohttp.ClientTimeout(
            total=timeout_s or self._times.silence_s, sock_connect=self._times.dial_timeout_s
        )
        data = None if body is None else json.dumps(body)
        try:
            async with self._http().request(
                method,
                server + path,
                params=query,
                data=data,
                headers={"Content-Type": content_type} if data else None,
                timeout=limit,
            ) as answer:
                text = await answer.text()
                code = answer.status
        except TimeoutError:
            self._next(server)
            raise KubeError(0, "Timeout", f"{server} did not answer {method} {path}") from None
        except (aiohttp.ClientError, OSError) as error:
            self._next(server)
            raise KubeError(0, "Unavailable", f"{server}: {error}") from None
        return _decoded(code, text)

    # --- objects -----------------------------------------------------------------------------------------------

    async def get(
        self, resource: Resource, namespace: str, name: str, *, timeout_s: float | None = None
    ) -> Object:
        """One object."""
        return await self.request("GET", path_of(resource, namespace, name), timeout_s=timeout_s)

    async def list(
        self, resource: Resource, namespace: str = "", *, query: Mapping[str, str] | None = None
    ) -> Object:
        """A list object; its items carry kind and apiVersion."""
        found = await self.request("GET", path_of(resource, namespace), query=query)
        for item in found["items"]:
            item.setdefault("kind", resource.kind)
            item.setdefault("apiVersion", resource.api_version)
        return found

    async def create(self, resource: Resource, item: Object, *, timeout_s: float | None = None) -> Object:
        """Creates an object (in the namespace it names)."""
        namespace = item["metadata"].get("namespace", "")
        return await self.request("POST", path_of(resource, namespace), body=item, timeout_s=timeout_s)

    async def update(
        self, resource: Resource, item: Object, subresource: str = "", *, timeout_s: float | None = None
    ) -> Object:
        """Replaces an object that was read before; somebody else's change meanwhile is a conflict (409)."""
        metadata = item["metadata"]
        path = path_of(resource, metadata.get("namespace", ""), metadata["name"], subresource)
        return await self.request("PUT", path, body=item, timeout_s=timeout_s)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Any,
        subresource: str = "",
        *,
        kind: str = STRATEGIC,
        timeout_s: float | None = None,
    ) -> Object:
        """Patches an object."""
        path = path_of(resource, namespace, name, subresource)
        return await self.request("PATCH", path, body=body, content_type=kind, timeout_s=timeout_s)

    async def delete(
        self, resource: Resource, namespace: str, name: str, options: Object | None = None
    ) -> Object:
        """Deletes an object."""
        return await self.request("DELETE", path_of(resource, namespace, name), body=options or {})

    async def watch(
        self, resource: Resource, *, query: Mapping[str, str], namespace: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """Events (type, object) from ``resourceVersion`` of the query on, until the stream ends.

        Raises
        ------
        KubeError
            The connection broke or fell silent, or the API said so (410: list again).
        """
        import aiohttp

        server = self._current
        limit = aiohttp.ClientTimeout(total=None, sock_connect=self._times.dial_timeout_s)
        asked = {**query, "watch": "1"}
        try:
            async with self._http().get(
                server + path_of(resource, namespace), params=asked, timeout=limit
            ) as answer:
                if answer.status != 200:
                    _decoded(answer.status, await answer.text())
                while line := await self._line(answer, server):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _error(event["object"])
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._next(server)
            raise KubeError(0, "Unavailable", f"{server}: {error}") from None

    async def _line(self, answer: aiohttp.ClientResponse, server: str) -> bytes:
        """The next line; after a silence the server is asked whether it lives, as HTTP/2 pings do."""
        reading = asyncio.ensure_future(answer.content.readline())
        try:
            while True:
                done, _ = await asyncio.wait([reading], timeout=self._times.silence_s)
                if done:
                    return reading.result()
                if server != self._current or not await self._alive(server):
                    self._next(server)
                    raise KubeError(0, "Timeout", f"{server} has fallen silent")
        finally:
            if not reading.done():
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
            elif not reading.cancelled():
                reading.exception()


def _decoded(code: int, text: str) -> Object:
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError:
        body = {"message": text.strip()}
    if code >= 400:
        raise _error({"code": code, **body})
    found: Object = body
    return found


def _error(status: Object) -> KubeError:
    return KubeError(int(status.get("code", 500)), status.get("reason", ""), status.get("message", ""))
