"""A listener that knows each connection from the moment the kernel gave it, so that none outlives it.

asyncio's own servers have a gap in which a socket belongs to nobody: a connection that was accepted but whose protocol
was not called yet is in no list of its server. It outlives ``close``, or is left open to the garbage collector.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
from collections.abc import Callable, Coroutine
from typing import Any

Serve = Callable[[socket.socket, Any], Coroutine[Any, Any, None]]
"""Serves one accepted connection: its socket, and the peer's address as the kernel gives it."""

_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_FULL_PAUSE_S = 0.5


class SocketListener:
    """Accepts the connections of one listening socket, each served by a task of its own that is known from the start.

    It accepts once it is made, which never waits, so that nobody can be cancelled half-way.

    Parameters
    ----------
    listening
        A bound socket that listens; it is closed with this object.
    serve
        Called for each connection; the socket is closed when what it gives is over, also if it never began.
    backlog
        How many connections are accepted in one turn of the event loop.
    """

    def __init__(self, listening: socket.socket, serve: Serve, *, backlog: int = 256) -> None:
        self._loop = asyncio.get_running_loop()
        self._serve = serve
        self._backlog = backlog
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._socket = listening
        self._socket.setblocking(False)
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


async def streams(accepted: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Gives reader and writer of an accepted connection."""
    reader = asyncio.StreamReader()
    writers: list[asyncio.StreamWriter] = []
    told = asyncio.StreamReaderProtocol(reader, lambda _, writer: writers.append(writer))
    await opened(accepted, told)
    return reader, writers[0]
