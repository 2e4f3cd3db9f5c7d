"""The proxy through which a real kube-apiserver reaches cluster addresses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pki import authority

from meshlab.emulate.kubernetes.real.egress import EgressProxy
from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from own_addresses import network
from own_time import PATIENCE_S

MASTER = f"{network(3)}.21.1"
WORKER = f"{network(3)}.21.2"
PORT = 10250


def story(told: Callable[[Fabric, EgressProxy], Coroutine[Any, Any, None]]) -> None:
    """Runs a story in which a worker serves an echo and the proxy belongs to a master."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    async def run() -> None:
        fabric = Fabric({"master-1": MASTER, "worker-1": WORKER})
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        await fabric.expose("worker-1", PORT, server.sockets[0].getsockname())
        proxy = EgressProxy(authority().serving(), loopback(MASTER))
        await proxy.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await told(fabric, proxy)
        finally:
            await proxy.stop()
            await fabric.close()
            server.close()

    asyncio.run(run())


async def asked(
    proxy: EgressProxy, line: str, context: ssl.SSLContext | None = None
) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """Sends a request line; gives the head of the answer and the connection."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", proxy.port, ssl=context or authority().client_context()
    )
    try:
        return await _head(reader, writer, line), reader, writer
    except BaseException:
        writer.transport.abort()
        raise


async def _head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> bytes:
    writer.write(f"{line} HTTP/1.1\r\nHost: {line.partition(' ')[2]}\r\n\r\n".encode())
    return await reader.readuntil(b"\r\n\r\n")


def test_a_tunnel_to_a_cluster_address_comes_from_the_servers_machine() -> None:
    async def told(fabric: Fabric, proxy: EgressProxy) -> None:
        head, reader, writer = await asked(proxy, f"CONNECT {WORKER}:{PORT}")
        assert head.startswith(b"HTTP/1.1 200 ")
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        assert fabric.traffic()["master-1", "worker-1", PORT].connections == 1
        writer.close()

    story(told)


def test_a_machine_that_loses_power_leaves_the_tunnel_silent_and_resets_it_when_it_is_back() -> None:
    async def told(fabric: Fabric, proxy: EgressProxy) -> None:
        _, reader, writer = await asked(proxy, f"CONNECT {WORKER}:{PORT}")
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        fabric.power("worker-1", False)
        writer.write(b"again")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(5), 0.3)
        fabric.power("worker-1", True)
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await reader.readexactly(5)
        writer.close()

    story(told)


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        (f"CONNECT {WORKER}:9", 502, f"dial tcp {WORKER}:9: connect: "),
        ("CONNECT 192.0.2.1:80", 502, "192.0.2.1 is not a cluster address"),
        (f"GET http://{WORKER}:{PORT}/", 400, "not a CONNECT to an address and a port"),
    ],
    ids=["nobody listens", "no cluster address", "no CONNECT"],  # addresses differ from process to process
)
def test_what_cannot_be_reached_is_refused_with_the_reason(line: str, code: int, why: str) -> None:
    async def told(fabric: Fabric, proxy: EgressProxy) -> None:
        head, reader, writer = await asked(proxy, line)
        assert head.startswith(f"HTTP/1.1 {code} ".encode())
        assert why in (await reader.read()).decode()
        writer.close()

    story(told)


def test_without_a_certificate_of_the_cluster_there_is_no_tunnel() -> None:
    async def told(fabric: Fabric, proxy: EgressProxy) -> None:
        stranger = ssl.create_default_context(cadata=authority().certificate.decode())
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await asked(proxy, f"CONNECT {WORKER}:{PORT}", stranger)
        assert fabric.traffic() == {}

    story(told)
