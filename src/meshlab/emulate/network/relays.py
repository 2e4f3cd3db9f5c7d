"""One TCP connection through the fabric: two sockets, and a pipe each way between them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from meshlab.emulate.network.links import Link, Mark, Pipe
from meshlab.emulate.network.sockets import dialled
from meshlab.live.listener import opened

SYN_RETRIES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Linux: gaps between the tries to open a connection; after the last one the opener sees a time-out."""


@dataclass(frozen=True)
class Flow:
    """A connection through the fabric: who opened it, to what, bytes each way, and when (Unix seconds)."""

    source: str
    target: str
    address: str
    port: int
    sent: int
    received: int
    opened: float
    established: bool


class Side(asyncio.Protocol):
    """One socket of a relay."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.transport: asyncio.Transport | None = None
        self.outgoing: Pipe | None = None
        self.incoming: Pipe | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self.outgoing is not None:
            self.outgoing.feed(data)

    def eof_received(self) -> bool:
        if self.relay.abandoned(self):
            return False
        if self.outgoing is not None:
            self.outgoing.feed_mark("eof")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.relay.lost(self, exc)

    def pause_writing(self) -> None:
        if self.incoming is not None:
            self.incoming.block(True)

    def resume_writing(self) -> None:
        if self.incoming is not None:
            self.incoming.block(False)

    def hold(self, held: bool) -> None:
        """Stops or resumes reading from the socket."""
        if self.transport is None or self.transport.is_closing():
            return
        if held:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def reset(self) -> None:
        """Closes the socket with a reset instead of an orderly end."""
        if self.transport is None:
            return
        sock = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Relay:
    """A connection that somebody opened to an exposed port.

    Parameters
    ----------
    locate
        Gives the source machine of an accepted connection, from its (client, server) socket addresses.
    links
        Gives the two links, there and back, for (source, target).
    dial
        Gives the hidden server's address and the local address to dial from, for a source; None when nothing
        listens now.
    on_start, on_end
        Called once when it is accepted, and once when it is over.
    """

    def __init__(
        self,
        target: str,
        address: str,
        port: int,
        *,
        locate: Callable[[tuple[str, int], tuple[str, int]], str],
        links: Callable[[str, str], tuple[Link, Link]],
        dial: Callable[[str], tuple[tuple[str, int], str | None] | None],
        on_start: Callable[[Relay], None],
        on_end: Callable[[Relay], None],
    ) -> None:
        self.source = "outside"
        self.target = target
        self.address = address
        self.port = port
        self.opened = time.time()
        self.established = False
        self.client = Side(self)
        self.server = Side(self)
        self.there: Pipe | None = None
        self.back: Pipe | None = None
        self._locate = locate
        self._links = links
        self._dial = dial
        self._on_start = on_start
        self._on_end = on_end
        self._carrying: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._hanging = False
        self._severed = False

    def flow(self) -> Flow:
        """What it has carried so far."""
        sent = self.there.carried if self.there is not None else 0
        received = self.back.carried if self.back is not None else 0
        return Flow(
            self.source, self.target, self.address, self.port, sent, received, self.opened, self.established
        )

    async def carry(self, accepted: socket.socket, peer: tuple[str, int]) -> None:
        """Serves an accepted connection until both its sockets are closed."""
        self._carrying = asyncio.current_task()
        own = accepted.getsockname()
        self.source = self._locate((peer[0], peer[1]), (own[0], own[1]))
        there, back = self._links(self.source, self.target)
        self.there = Pipe(there, back, self.client.hold, self.client.reset)
        self.back = Pipe(back, there, self.server.hold, self.server.reset)
        self.client.outgoing = self.server.incoming = self.there
        self.server.outgoing = self.client.incoming = self.back
        self._on_start(self)
        try:
            client = await opened(accepted, self.client)
            await self._open(client, there, back)
            await self._ended.wait()
        finally:
            self._ended.set()
            self.there.close()
            self.back.close()
            self.reset()
            self._on_end(self)

    async def _open(self, client: asyncio.Transport, there: Link, back: Link) -> None:
        """The handshake, tried again at TCP's intervals while a direction is cut; then the server."""
        if not await self._shake_hands(there, back):
            self.client.reset()
            return
        found = self._dial(self.source)
        if found is None:
            self.client.reset()
            return
        (host, port), local = found
        try:
            server = await opened(await dialled(host, port, local), self.server)
        except OSError:
            self.client.reset()
            return
        if self.client.transport is None:
            self.server.reset()
            return
        assert self.there is not None and self.back is not None
        self.established = True
        self.back.connect(client, self._mark_for(self.client, self.server))
        self.there.connect(server, self._mark_for(self.server, self.client))

    async def _shake_hands(self, there: Link, back: Link) -> bool:
        for gap_s in (*SYN_RETRIES_S, None):
            if there.passable and back.passable and not there.lost() and not back.lost():
                round_trip_s = there.transit_s() + back.transit_s()
                if round_trip_s:
                    await asyncio.sleep(round_trip_s)
                return True
            if gap_s is not None:
                self._hanging = True
                await asyncio.sleep(gap_s)
                self._hanging = False
        return False

    def _mark_for(self, receiver: Side, sender: Side) -> Callable[[Mark], None]:
        def arrive(mark: Mark) -> None:
            if mark == "reset":
                receiver.reset()
                return
            sender.ended = True
            if receiver.ended:
                self._close()
            elif receiver.transport is not None and receiver.transport.can_write_eof():
                try:
                    receiver.transport.write_eof()
                except OSError:  # the receiver went away in the same moment
                    self._close()

        return arrive

    def _close(self) -> None:
        for side in (self.client, self.server):
            if side.transport is not None:
                side.transport.close()

    def abandoned(self, side: Side) -> bool:
        """Whether a client closes a connection that was never opened: nothing it sent left its machine."""
        return self._hanging and side is self.client

    def lost(self, side: Side, exc: Exception | None) -> None:
        """Told by a socket that it is closed; the other end learns it through the link."""
        if side.incoming is not None:
            side.incoming.close()
        if self._ended.is_set():
            return
        if side is self.client and not self.established and self._carrying is not None:
            self._carrying.cancel()
        if self.client.transport is None and self.server.transport is None:
            self._ended.set()
        elif side.outgoing is not None and not self._severed:
            side.outgoing.feed_mark("reset" if exc is not None or not side.ended else "eof")

    def sever(self, machine: str) -> None:
        """``machine`` loses power: its end vanishes, the other end hears nothing more."""
        if not self.established and machine != self.source:
            return  # its opener keeps trying
        self._severed = True
        for side, place in ((self.client, self.source), (self.server, self.target)):
            if place == machine:
                side.reset()

    @property
    def severed(self) -> bool:
        """Whether one end is gone without the other knowing."""
        return self._severed

    def reset(self) -> None:
        """Resets what is left of it."""
        self.client.reset()
        self.server.reset()
