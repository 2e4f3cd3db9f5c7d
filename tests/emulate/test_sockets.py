"""No socket outlives the one that opened it, at whatever moment that one is ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from meshlab.emulate.network.addresses import free_port
from meshlab.emulate.network.fabric import Fabric
from meshlab.emulate.network.sockets import Listener
from meshlab.emulate.network.sockets import dialled as dialled_from
from meshlab.emulate.talos.api.tls import TlsFront
from own_addresses import dialled, network
from own_time import PATIENCE_S

ADDRESS = f"{network(0)}.11.1"
HOST = f"{dialled(network(0))}.11.1"
MOMENTS = range(6)
"""Turns of the event loop between a connection's arrival and the end; in asyncio it takes three to be registered."""


def callers(port: int, count: int = 5) -> list[socket.socket]:
    """Connections that the kernel has opened and nobody has accepted yet, as of an etcd that keeps dialling."""
    return [socket.create_connection((HOST, port), timeout=20.0) for _ in range(count)]


def hung_up(caller: socket.socket) -> bool:
    """Whether the other end of a connection is closed; it is not when the kernel still holds it open."""
    try:
        return caller.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    finally:
        caller.close()


def ends_them(start: Callable[[int], Awaitable[Callable[[], Awaitable[None]]]], turns: int) -> list[bool]:
    """Starts a server, lets callers in, ends it after some turns of the loop; whether each caller was hung up on."""

    async def main() -> list[bool]:
        port = free_port(HOST)
        end = await start(port)
        them = callers(port)
        for _ in range(turns):
            await asyncio.sleep(0)
        await end()
        return [hung_up(caller) for caller in them]

    return asyncio.run(main())


@pytest.mark.parametrize("turns", MOMENTS)
def test_a_closed_fabric_holds_no_connection_that_was_just_accepted(turns: int) -> None:
    async def start(port: int) -> Callable[[], Awaitable[None]]:
        fabric = Fabric({"m": ADDRESS})
        await fabric.expose("m", port, ("127.0.0.1", free_port()))
        return fabric.close

    assert ends_them(start, turns) == [True] * 5


@pytest.mark.parametrize("turns", MOMENTS)
def test_a_stopped_machine_holds_no_connection_that_was_just_accepted(turns: int) -> None:
    async def start(port: int) -> Callable[[], Awaitable[None]]:
        front = TlsFront()
        await front.start(HOST, port)
        return front.stop

    assert ends_them(start, turns) == [True] * 5


@pytest.mark.parametrize("turns", MOMENTS)
def test_serving_a_port_leaves_no_listener_when_it_is_cancelled_half_way(turns: int) -> None:
    async def main() -> None:
        fabric, port = Fabric({"m": ADDRESS}), free_port(HOST)
        exposing = asyncio.create_task(fabric.expose("m", port, ("127.0.0.1", free_port())))
        for _ in range(turns):
            await asyncio.sleep(0)
        exposing.cancel()
        await asyncio.wait([exposing])
        await fabric.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port), timeout=20.0)

    asyncio.run(main())


def test_nothing_is_served_by_a_closed_fabric() -> None:
    async def main() -> None:
        fabric, port = Fabric({"m": ADDRESS}), free_port(HOST)
        await fabric.close()
        await fabric.expose("m", port, ("127.0.0.1", free_port()))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port), timeout=20.0)

    asyncio.run(main())


def test_a_machine_can_listen_where_the_kernel_let_it_dial_from() -> None:
    """The API's port, 50000, is of the range that Linux hands to outgoing connections (32768 to 60999)."""

    async def main() -> None:
        far = socket.create_server(("127.0.0.1", 0))
        outgoing = await dialled_from(*far.getsockname(), HOST)
        with far, outgoing:
            own = Listener(HOST, outgoing.getsockname()[1], lambda accepted, _: asyncio.sleep(0))
            assert (own.port, outgoing.getpeername()) == (outgoing.getsockname()[1], far.getsockname())
            await own.end()

    asyncio.run(main())


def test_a_connection_is_closed_when_its_task_ends() -> None:
    async def main() -> None:
        async def serve(accepted: socket.socket, peer: tuple[str, int]) -> None:
            assert peer[0] == "127.0.0.1"

        listener = Listener(HOST, 0, serve)
        (caller,) = callers(listener.port, 1)
        async with asyncio.timeout(PATIENCE_S):
            with caller:
                caller.setblocking(False)
                assert await asyncio.get_running_loop().sock_recv(caller, 1) == b""
        await listener.end()

    asyncio.run(main())
