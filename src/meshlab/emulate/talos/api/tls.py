"""The TLS side of a machine's API: certificates as Talos has them (Ed25519, which gRPC's own TLS refuses), by OpenSSL.

Each connection is decrypted here and handed to a plain gRPC server on a hidden port of 127.0.0.1; the server learns who
is calling by the port the hand-over came from, and refuses connections that did not come from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from meshlab.emulate.network.sockets import Listener
from meshlab.live.listener import opened
from meshlab.live.talos import pki
from meshlab.live.talos.tls_tunnel import load_chain

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Caller:
    """Who makes a call: roles (the organizations of its certificate) and the address it comes from."""

    roles: frozenset[str]
    address: str = ""


class TlsFront:
    """Accepts TLS connections at one address and hands them on, in the clear, to a gRPC server of this process.

    Parameters
    ----------
    backend
        Host and port of the gRPC server.
    """

    def __init__(self, backend: tuple[str, int]) -> None:
        self._backend = backend
        self._context: ssl.SSLContext | None = None
        self._maintenance_roles: frozenset[str] = frozenset()
        self._callers: dict[int, Caller] = {}
        self._listener: Listener | None = None

    def caller(self, port: int) -> Caller | None:
        """Give who is behind a connection to the gRPC server from this port; None if it did not come from here."""
        return self._callers.get(port)

    def show(
        self,
        certificate: pki.CertificateAndKey,
        *,
        client_ca: str | None,
        roles: frozenset[str] = frozenset(),
    ) -> None:
        """Choose the certificate for connections from now on.

        ``client_ca`` (PEM) makes a client certificate of that authority necessary; None asks for none and gives every
        caller ``roles``.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        load_chain(context, certificate)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=client_ca)
        self._context = context
        self._maintenance_roles = roles

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port."""
        self._listener = Listener(host, port, self._serve)
        return self._listener.port

    async def stop(self) -> None:
        """Stop listening and end every connection at once."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await listener.end()

    def drop(self) -> None:
        """End every connection."""
        if self._listener is not None:
            self._listener.drop()

    async def _serve(self, accepted: socket.socket, peer: tuple[str, int]) -> None:
        reader = asyncio.StreamReader()
        writers: list[asyncio.StreamWriter] = []
        told = asyncio.StreamReaderProtocol(reader, lambda _, writer: writers.append(writer))
        await opened(accepted, told)
        (writer,) = writers
        try:
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError, asyncio.IncompleteReadError):
                await self._hand_over(reader, writer, peer[0])
        finally:
            writer.transport.abort()

    async def _hand_over(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> None:
        if self._context is None:
            return
        async with asyncio.timeout(10.0):
            await writer.start_tls(self._context)
        caller = self._identify(writer.get_extra_info("ssl_object"), address)
        if caller is None:
            return
        back_reader, back_writer = await asyncio.open_connection(*self._backend)
        port = back_writer.get_extra_info("sockname")[1]
        self._callers[port] = caller
        try:
            await _both_ways((reader, writer), (back_reader, back_writer))
        finally:
            self._callers.pop(port, None)
            back_writer.transport.abort()

    def _identify(self, session: Any, address: str) -> Caller | None:
        from cryptography import x509

        data = session.getpeercert(binary_form=True)
        if data is None:
            return Caller(self._maintenance_roles, address)
        certificate = x509.load_der_x509_certificate(data)
        if pki.extended_usages(certificate) != [CLIENT_AUTH]:
            return None  # apid: exactly one extended key usage, client
        return Caller(frozenset(pki.organizations(certificate)), address)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(near: Ends, far: Ends) -> None:
    ways = [asyncio.create_task(_copy(near[0], far[1])), asyncio.create_task(_copy(far[0], near[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.5):
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
