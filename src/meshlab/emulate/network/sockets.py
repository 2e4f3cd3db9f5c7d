"""Sockets that leave nothing behind and are in nobody's way, whenever their event loop ends.

asyncio's own servers have two gaps in which a socket belongs to nobody: a ``create_server`` that is cancelled after it
began to listen keeps its port, and a connection that was accepted but whose protocol was not called yet is in no list
of its server, so it outlives ``close``. Clients that dial all the time (etcd's peers) hit both.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import socket
from collections.abc import Callable, Coroutine
from typing import Any

Address = tuple[str, int]
Serve = Callable[[socket.socket, Address], Coroutine[Any, Any, None]]
"""Serves one accepted connection: its socket, and the peer's address."""

_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_FULL_PAUSE_S = 0.5


class Listener:
    """Accepts connections at one address, each served by a task of its own that this object knows from the start.

    It listens once it is made, which never waits, so that nobody can be cancelled half-way.

    Parameters
    ----------
    serve
        Called for each connection; the socket is closed when what it gives is over, also if it never began.

    Raises
    ------
    OSError
        The address is taken, or is none of this machine.
    """

    def __init__(self, host: str, port: int, serve: Serve, *, backlog: int = 256) -> None:
        self._loop = asyncio.get_running_loop()
        self._serve = serve
        self._backlog = backlog
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._socket = socket.create_server((host, port), backlog=backlog)
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])
        self._loop.add_reader(self._socket, self._accept)

    @property
    def busy(self) -> bool:
        """Whether it listens, or serves connections that it accepted."""
        return self._socket.fileno() >= 0 or bool(self._tasks)

    def _accept(self) -> None:
        for _ in range(self._backlog):
            try:
                accepted, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._loop.remove_reader(self._socket)  # it stays readable: look again when some may be free
                self._pause = self._loop.call_later(_FULL_PAUSE_S, self._again)
                return
            accepted.setblocking(False)
            task = self._loop.create_task(self._serve(accepted, peer), name=f"connection from {peer}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(functools.partial(_close, accepted))

    def _again(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._accept)

    def drop(self) -> None:
        """Ends every connection, and goes on listening."""
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        """Stops listening at once; connections go on."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    async def end(self) -> None:
        """Stops listening and ends every connection; nothing of it is left then."""
        self.close()
        self.drop()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _close(accepted: socket.socket, _: object) -> None:
    accepted.close()


async def opened(accepted: socket.socket, protocol: asyncio.Protocol) -> asyncio.Transport:
    """Gives the transport of an accepted connection, its protocol told."""
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, accepted)
    assert isinstance(transport, asyncio.Transport)
    return transport


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
