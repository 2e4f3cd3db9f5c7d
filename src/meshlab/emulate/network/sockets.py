"""Sockets that take only this user's callers, leave nothing behind and are in nobody's way.

Every server of the embedded cluster listens by :func:`listening`, so that what one user runs is no door for another.

A ``create_server`` of asyncio that is cancelled after it began to listen keeps its port, and what it has just accepted
outlives it (see :mod:`meshlab.live.listener`). Clients that dial all the time (etcd's peers) hit both.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from meshlab.emulate.network.sources import opened_by_this_user
from meshlab.live.listener import SocketListener

Address = tuple[str, int]
Serve = Callable[[socket.socket, Address], Coroutine[Any, Any, None]]
"""Serves one accepted connection: its socket, and the peer's address."""

_LOG = logging.getLogger(__name__)


class _OwnDoor(socket.socket):
    """A listening socket that resets whoever is not a program of its own user."""

    def accept(self) -> tuple[socket.socket, Any]:
        while True:
            accepted, peer = super().accept()
            if opened_by_this_user(peer[:2], accepted.getsockname()[:2]):
                return accepted, peer
            reset(accepted)
            _say_refused(self.getsockname()[:2])


def listening(host: str, port: int, *, backlog: int = 256) -> socket.socket:
    """Gives a socket that listens at an address of this machine, for programs of this user only.

    Raises
    ------
    OSError
        The address is taken, or is none of this machine.
    """
    with contextlib.ExitStack() as failed:
        made = failed.enter_context(_OwnDoor(socket.AF_INET, socket.SOCK_STREAM))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
        made.listen(backlog)
        made.setblocking(False)
        failed.pop_all()
    return made


def reset(accepted: socket.socket) -> None:
    """Closes a connection with a reset instead of an orderly end."""
    with contextlib.suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()


@functools.lru_cache(maxsize=256)
def _say_refused(address: Address) -> None:
    """Says once per door that somebody was refused: the log is no place for somebody else to fill a disk."""
    _LOG.warning("refused a caller at %s:%d that is no running program of this user", *address)


class Listener(SocketListener):
    """Accepts connections at one address, each served by a task of its own that this object knows from the start.

    Raises
    ------
    OSError
        The address is taken, or is none of this machine.
    """

    def __init__(self, host: str, port: int, serve: Serve, *, backlog: int = 256) -> None:
        door = listening(host, port, backlog=backlog)
        self.port = int(door.getsockname()[1])
        super().__init__(door, serve, backlog=backlog)


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
