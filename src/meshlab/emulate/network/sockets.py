"""Sockets that leave nothing behind and are in nobody's way, whenever their event loop ends.

A ``create_server`` of asyncio that is cancelled after it began to listen keeps its port, and what it has just accepted
outlives it (see :mod:`meshlab.live.listener`). Clients that dial all the time (etcd's peers) hit both.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from meshlab.live.listener import SocketListener

Address = tuple[str, int]
Serve = Callable[[socket.socket, Address], Coroutine[Any, Any, None]]
"""Serves one accepted connection: its socket, and the peer's address."""


class Listener(SocketListener):
    """Accepts connections at one address, each served by a task of its own that this object knows from the start.

    Raises
    ------
    OSError
        The address is taken, or is none of this machine.
    """

    def __init__(self, host: str, port: int, serve: Serve, *, backlog: int = 256) -> None:
        listening = socket.create_server((host, port), backlog=backlog)
        self.port = int(listening.getsockname()[1])
        super().__init__(listening, serve, backlog=backlog)


def outgoing(info: tuple[Any, ...]) -> socket.socket:
    """Makes a socket to dial from a machine's own address, at a port that no server of the machine is kept from.

    The kernel may give it the very port (50000, of the range for outgoing connections) at which the machine will
    listen. Only with SO_REUSEADDR at both ends may a server then still listen there; otherwise that port is lost to
    it for as long as the connection lasts, and a minute more.

    Parameters
    ----------
    info
        Family, type and protocol first, as ``getaddrinfo`` gives them and aiohttp hands them on.
    """
    made = socket.socket(*info[:3])
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


async def dialled(host: str, port: int, local: str | None) -> socket.socket:
    """Opens a connection from a machine's own address.

    Raises
    ------
    OSError
        Nobody answers there.
    """
    with contextlib.ExitStack() as failed:
        made = failed.enter_context(outgoing((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)))
        if local is not None:
            made.bind((local, 0))
        await asyncio.get_running_loop().sock_connect(made, (host, port))
        failed.pop_all()
    return made
