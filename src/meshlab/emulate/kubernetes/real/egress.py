"""The way out of a real kube-apiserver: an HTTP CONNECT proxy that knows where cluster addresses are served.

A real kube-apiserver dials kubelets, pods and services at the addresses they publish (10.x), which exist nowhere on
this machine. Its egress selector sends those connections here instead (``--egress-selector-config-file``, as
konnectivity uses it); they leave from the loopback address of the server's machine, so that the fabric's cuts and
delays apply to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from meshlab.emulate.kubernetes.server.apiserver import ServingTls, dial_loopback, load_pair
from meshlab.emulate.kubernetes.server.streams import CONNECT_TIMEOUT_S, Dial
from meshlab.emulate.network.sockets import dialled, listening

_CHUNK = 65536


class EgressProxy:
    """The proxy of one API server: it listens on a free port of 127.0.0.1 (see :attr:`port`).

    Parameters
    ----------
    tls
        Of the API server: the proxy shows its serving certificate, and takes only clients that show one of its
        ``client_ca``.
    local_addr
        Source address of the connections: the loopback address of the server's machine.
    dial
        Where a cluster address is served.
    """

    def __init__(self, tls: ServingTls, local_addr: str, *, dial: Dial = dial_loopback) -> None:
        self.port = 0
        self._tls = tls
        self._local_addr = local_addr
        self._dial = dial
        self._server: asyncio.Server | None = None
        self._tunnels: set[asyncio.Task[None]] = set()

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_pair(context, self._tls.certificate, self._tls.key)
        context.load_verify_locations(cadata=self._tls.client_ca.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def start(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(
            self._accept,
            sock=listening("127.0.0.1", self.port),
            ssl=self._context(),
            ssl_shutdown_timeout=0.5,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes every tunnel and stops listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for tunnel in self._tunnels:
            tunnel.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel = asyncio.create_task(self._tunnel(reader, writer), name=f"egress tunnel {self._local_addr}")
        self._tunnels.add(tunnel)
        tunnel.add_done_callback(self._tunnels.discard)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            code, text, far = await self._connected(head.split(b"\r\n", 1)[0].decode("latin-1"))
            writer.write(_answer(code, text))
            if far is not None:
                await _join((reader, writer), far)
            else:
                await writer.drain()
                writer.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise

    async def _connected(
        self, request: str
    ) -> tuple[int, str, tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]:
        """The status to answer, its text, and the connection if there is one."""
        method, _, rest = request.partition(" ")
        address, _, port = rest.partition(" ")[0].rpartition(":")
        if method != "CONNECT" or not port.isdecimal():
            return 400, f"not a CONNECT to an address and a port: {request}", None
        try:
            host, real_port = self._dial(address, int(port))
        except ValueError as error:
            return 502, f"dial tcp {address}:{port}: {error}", None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                far = await asyncio.open_connection(sock=await dialled(host, real_port, self._local_addr))
        except TimeoutError:
            return 504, f"dial tcp {address}:{port}: i/o timeout", None
        except OSError as error:
            return 502, f"dial tcp {address}:{port}: connect: {error.strerror or error}", None
        return 200, "Connection established", far


def _answer(code: int, text: str) -> bytes:
    if code == 200:
        return b"HTTP/1.1 200 Connection established\r\n\r\n"
    reason = {400: "Bad Request", 502: "Bad Gateway", 504: "Gateway Timeout"}[code]
    body = text.encode()
    return (
        f"HTTP/1.1 {code} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body


async def _join(
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Carries bytes both ways until one end closes; then what is on its way is delivered and both are closed."""
    ways = [asyncio.ensure_future(_carry(near[0], far[1])), asyncio.ensure_future(_carry(far[0], near[1]))]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        broken = any(way.exception() is not None for way in done)
    except asyncio.CancelledError:
        broken = True
        raise
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (near[1], far[1]):
            if broken:
                writer.transport.abort()
            else:
                with contextlib.suppress(OSError):
                    writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
