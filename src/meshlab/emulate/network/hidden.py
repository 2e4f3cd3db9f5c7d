"""Servers of this process that nobody else can reach: behind unix sockets in a folder that only this user may enter.

What they serve to others is handed to them by a front, which listens where callers dial and says who is calling.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from meshlab.emulate.network.sockets import Listener
from meshlab.live.listener import streams

CHUNK = 64 * 1024
_LONGEST = 80
"""Of a folder's path: the name of a unix socket is at most 104 bytes (macOS) with the file."""

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Admit = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[object | None]]
"""Looks at a new connection (its streams, the caller's address): who it is, or None to end it."""


class SocketFolder:
    """A folder for unix sockets that only this user may enter.

    Parameters
    ----------
    within
        Where it is made, so that it goes with what is there; in the temporary folder where that path is too long.
    """

    def __init__(self, within: Path | None = None) -> None:
        self._made = Path(_made(within))
        self._number = itertools.count()

    def path(self, name: str) -> Path:
        """Gives the path of a socket in it."""
        return self._made / name

    def unique(self) -> Path:
        """Gives a path in it that was never given before."""
        return self._made / f"c{next(self._number)}"

    def remove(self) -> None:
        """Removes it with all that is in it."""
        shutil.rmtree(self._made, ignore_errors=True)


def _made(within: Path | None) -> str:
    if within is not None and len(str(within.absolute())) < _LONGEST - len("/s12345678"):
        within.mkdir(parents=True, exist_ok=True, mode=0o700)
        return tempfile.mkdtemp(prefix="s", dir=within.absolute())
    return tempfile.mkdtemp(prefix="meshlab-")


class Front:
    """Accepts this user's connections at an address and hands each on to a server behind a unix socket.

    Parameters
    ----------
    within
        Where the folder of its sockets is made; None: in the temporary folder. Connections to the server are made from
        sockets with names of their own in it.
    server
        Path of the server's socket; None makes one up.
    admit
        Decides about each connection; None takes all.

    Attributes
    ----------
    server
        Where the server is to listen.
    """

    def __init__(
        self, within: Path | None = None, *, server: Path | None = None, admit: Admit | None = None
    ) -> None:
        self._folder = SocketFolder(within)
        self.server = server or self._folder.path("server")
        self._admit = admit
        self._listener: Listener | None = None
        self._admitted: dict[str, object] = {}

    def start(self, host: str, port: int) -> int:
        """Listens; gives the port."""
        self._listener = Listener(host, port, self._serve)
        return self._listener.port

    async def stop(self) -> None:
        """Stops listening, ends every connection at once, and removes its folder."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await listener.end()
        self._folder.remove()

    def drop(self) -> None:
        """Ends every connection."""
        if self._listener is not None:
            self._listener.drop()

    def behind(self, name: str) -> object | None:
        """Gives what was admitted on the connection that reached the server from the socket of this name."""
        return self._admitted.get(name)

    async def _serve(self, accepted: socket.socket, peer: tuple[str, int]) -> None:
        reader, writer = await streams(accepted)
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                admitted = await self._admit(reader, writer, peer[0]) if self._admit is not None else True
                if admitted is not None:
                    await self._hand_over((reader, writer), admitted)
        finally:
            writer.transport.abort()

    async def _hand_over(self, near: Ends, admitted: object) -> None:
        own = self._folder.unique()
        self._admitted[str(own)] = admitted
        try:
            far = await _dialled(own, self.server)
            try:
                await _both_ways(near, far)
            finally:
                far[1].transport.abort()
        finally:
            self._admitted.pop(str(own), None)


async def _dialled(own: Path, server: Path) -> Ends:
    """Opens a connection to a unix socket from one with a name, which is how the server can tell callers apart."""
    with contextlib.ExitStack() as failed:
        made = failed.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        made.setblocking(False)
        made.bind(str(own))
        failed.callback(own.unlink, missing_ok=True)
        await asyncio.get_running_loop().sock_connect(made, str(server))
        own.unlink(missing_ok=True)  # the name stays known to the server, the file need not
        ends = await asyncio.open_unix_connection(sock=made)
        failed.pop_all()
    return ends


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
