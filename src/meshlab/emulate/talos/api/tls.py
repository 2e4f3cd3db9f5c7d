"""The TLS side of a machine's API: certificates as Talos has them (Ed25519, which gRPC's own TLS refuses), by OpenSSL.

Each connection is decrypted here and handed to a plain gRPC server behind a unix socket in a folder that only this user
may enter; the server learns who is calling by the name of the socket that the hand-over came from.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshlab.emulate.network.hidden import Front
from meshlab.live.talos import pki
from meshlab.live.talos.tls_tunnel import load_chain

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


@dataclass(frozen=True)
class Caller:
    """Who makes a call: roles (the organizations of its certificate) and the address it comes from."""

    roles: frozenset[str]
    address: str = ""


class TlsFront:
    """Accepts TLS connections at one address and hands them on, in the clear, to a gRPC server of this process.

    Parameters
    ----------
    folder
        Where the folder of the gRPC server's socket is made; None: in the temporary folder.

    Attributes
    ----------
    backend
        Where the gRPC server is to listen.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._front = Front(folder, admit=self._admit)
        self.backend = f"unix:{self._front.server}"
        self._context: ssl.SSLContext | None = None
        self._maintenance_roles: frozenset[str] = frozenset()

    def caller(self, peer: str) -> Caller | None:
        """Give who is behind a connection to the gRPC server, by gRPC's name of its peer; None if it has none."""
        found = self._front.behind(peer.removeprefix("unix:"))
        return found if isinstance(found, Caller) else None

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
        return self._front.start(host, port)

    async def stop(self) -> None:
        """Stop listening and end every connection at once."""
        await self._front.stop()

    def drop(self) -> None:
        """End every connection."""
        self._front.drop()

    async def _admit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> Caller | None:
        if self._context is None:
            return None
        async with asyncio.timeout(10.0):
            await writer.start_tls(self._context)
        return self._identify(writer.get_extra_info("ssl_object"), address)

    def _identify(self, session: Any, address: str) -> Caller | None:
        from cryptography import x509

        data = session.getpeercert(binary_form=True)
        if data is None:
            return Caller(self._maintenance_roles, address)
        certificate = x509.load_der_x509_certificate(data)
        if pki.extended_usages(certificate) != [CLIENT_AUTH]:
            return None  # apid: exactly one extended key usage, client
        return Caller(frozenset(pki.organizations(certificate)), address)
