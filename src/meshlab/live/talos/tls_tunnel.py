"""TLS to a machine by OpenSSL, for gRPC, whose own TLS library refuses Ed25519 certificates - and Talos has no others.

gRPC speaks plain HTTP/2 to a unix socket in a directory that only this user may enter; what listens there opens one TLS
connection to the machine for each connection it is given, and copies bytes both ways. All tunnels share one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshlab.live.listener import SocketListener, streams
from meshlab.live.talos import pki
from meshlab.live.talos.talosconfig import Talosconfig

CHUNK = 64 * 1024


def tls_context(config: Talosconfig | None) -> ssl.SSLContext:
    """Give the context of a client: the config's certificate and authority, or no proof at all for maintenance mode."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if config is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context.load_verify_locations(cadata=config.ca)
    load_chain(context, pki.CertificateAndKey(config.certificate, config.key))
    return context


def load_chain(context: ssl.SSLContext, pair: pki.CertificateAndKey) -> None:
    """Load a certificate and its key into a context; the key touches the disk only in a private, removed directory."""
    with tempfile.TemporaryDirectory(prefix="meshlab-") as private:
        path = Path(private) / "pair.pem"
        path.touch(mode=0o600)
        path.write_text(pair.certificate + pki.standard_key_pem(pair.key).reveal())
        context.load_cert_chain(path)


class _Loop:
    """The one event loop, in a daemon thread, that all tunnels of this process live in."""

    _lock = threading.Lock()
    _loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def get(cls) -> asyncio.AbstractEventLoop:
        with cls._lock:
            if cls._loop is None or cls._loop.is_closed():
                loop = asyncio.new_event_loop()
                loop.set_exception_handler(lambda _loop, _context: None)
                threading.Thread(target=loop.run_forever, name="talos-tls", daemon=True).start()
                cls._loop = loop
            return cls._loop


@dataclass
class _State:
    """What the loop's side knows; apart from the tunnel so that the tunnel can be collected."""

    host: str
    port: int
    context: ssl.SSLContext
    server_name: str | None
    connect_timeout_s: float
    problem: str = ""
    listener: SocketListener | None = None


class TlsTunnel:
    """A unix socket that leads, through TLS, to one machine.

    Parameters
    ----------
    host, port
        Where to dial.
    context
        See :func:`tls_context`.
    server_name
        The name or address that the machine's certificate must bear, None to accept any.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext,
        server_name: str | None,
        connect_timeout_s: float = 10.0,
    ) -> None:
        self._directory = tempfile.mkdtemp(prefix="meshlab-")
        self._path = str(Path(self._directory) / "talos.sock")
        self._state = _State(host, port, context, server_name, connect_timeout_s)
        loop = _Loop.get()
        loop.call_soon_threadsafe(_listen, self._state, _bound(self._path))
        self._finalizer = weakref.finalize(self, _finish, self._state, loop, self._directory)

    @property
    def target(self) -> str:
        """What to hand to gRPC."""
        return f"unix:{self._path}"

    @property
    def problem(self) -> str:
        """Why the last connection could not be made; empty when it could."""
        return self._state.problem

    def drop(self) -> None:
        """End every connection; later ones are dialled anew."""
        state, loop = self._state, _Loop.get()

        def drop() -> None:
            if state.listener is not None:
                state.listener.drop()

        loop.call_soon_threadsafe(drop)

    def close(self) -> None:
        """End every connection and remove the socket. May be called twice."""
        self._finalizer()


def _finish(state: _State, loop: asyncio.AbstractEventLoop, directory: str) -> None:
    def stop() -> None:
        if state.listener is not None:
            state.listener.close()
            state.listener.drop()

    if loop.is_running():
        loop.call_soon_threadsafe(stop)
    shutil.rmtree(directory, ignore_errors=True)


def _bound(path: str) -> socket.socket:
    """Give a socket that can be dialled at once, before anybody accepts."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def _listen(state: _State, listening: socket.socket) -> None:
    async def serve(accepted: socket.socket, _: object) -> None:
        await _carry(state, *await streams(accepted))

    state.listener = SocketListener(listening, serve)


async def _carry(state: _State, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    far: asyncio.StreamWriter | None = None
    try:
        try:
            async with asyncio.timeout(state.connect_timeout_s):
                far_reader, far = await asyncio.open_connection(
                    state.host, state.port, ssl=state.context, server_hostname=state.server_name or ""
                )
        except TimeoutError:
            state.problem = f"no answer from {state.host}:{state.port} within {state.connect_timeout_s:g} s"
            return
        except ssl.SSLCertVerificationError as error:
            state.problem = f"the certificate of {state.host}:{state.port} is refused: {error.verify_message}"
            return
        except ssl.SSLError as error:
            state.problem = f"TLS with {state.host}:{state.port} failed: {error.reason}"
            return
        except OSError as error:
            state.problem = f"cannot connect to {state.host}:{state.port}: {error.strerror or error}"
            return
        state.problem = ""
        _notice_silence(far.get_extra_info("socket"))
        await _both_ways(state, (reader, writer), (far_reader, far))
    finally:
        for end in (writer, far):
            if end is not None:
                end.transport.abort()


def _notice_silence(connection: Any) -> None:
    """Let the kernel end a connection whose other side has fallen silent, where it can."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 10),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 25_000),
    ):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


async def _both_ways(
    state: _State,
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Copy until either side ends, then give what is under way a moment to arrive."""
    ways = [asyncio.create_task(_copy(near[0], far[1])), asyncio.create_task(_copy(far[0], near[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            if way.done() and isinstance(way.exception(), ssl.SSLError):
                state.problem = f"TLS with {state.host}:{state.port} failed: {way.exception()}"
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(near[1].drain(), far[1].drain())
                near[1].close()
                await near[1].wait_closed()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK):
        target.write(data)
        await target.drain()
