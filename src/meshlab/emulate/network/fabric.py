"""The network of the embedded cluster: TCP relays between loopback addresses that delay, lose, limit and cut.

Every port of a machine that somebody else reaches is *exposed* here: the real server listens on a hidden port
of 127.0.0.1, and the fabric at the machine's own loopback address. Each connection is attributed to the
machine that opened it, and each of its directions crosses the link between the two machines.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.links import Link, LinkPolicy
from meshlab.emulate.network.relays import Flow, Relay
from meshlab.emulate.network.sockets import Listener
from meshlab.emulate.network.sources import owner_of
from meshlab.model.errors import LiveError

__all__ = ["OUTSIDE", "Fabric", "Flow", "LinkPolicy", "PortTaken", "Traffic"]

OUTSIDE = "outside"
"""The source of whatever is no machine: the user's own programs."""


class PortTaken(LiveError):
    """The address and port that a machine needs are used by another program."""


@dataclass
class Traffic:
    """Connections opened and bytes carried in all, from one machine to one port of another."""

    connections: int = 0
    sent: int = 0
    received: int = 0


@dataclass
class _Port:
    machine: str
    target: tuple[str, int] | None
    listener: Listener | None


class Fabric:
    """All links and exposed ports of one embedded cluster. Used from one event loop.

    Parameters
    ----------
    machines
        Cluster address (10.x) of each machine by name.
    seed
        Of the draws for jitter and loss.
    """

    def __init__(self, machines: Mapping[str, str], *, seed: int = 0) -> None:
        self._random = Random(seed)
        self._hosts: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._ports: dict[tuple[str, int], _Port] = {}
        self._owners: dict[int, str] = {}
        self._off: set[str] = set()
        self._relays: dict[Relay, None] = {}
        self._traffic: dict[tuple[str, str, int], Traffic] = {}
        self._listeners: list[Listener] = []
        self._closed = False
        for name, address in machines.items():
            self.add_machine(name, address)

    def add_machine(self, name: str, address: str) -> None:
        """Makes a machine known by name and cluster address.

        Raises
        ------
        ValueError
            The name or the address belongs to another machine, or the address is not of 10.0.0.0/8.
        """
        host = loopback(address)
        taken = self._places.get(host, name)
        if name == OUTSIDE or taken != name or self._hosts.get(name, host) != host:
            raise ValueError(f"machine {name} at {address}: the name or the address is taken")
        self._hosts[name] = host
        self._places[host] = name

    def own(self, pid: int, machine: str) -> None:
        """Says that a process runs on a machine, so that what it opens comes from there."""
        self._known(machine)
        self._owners[pid] = machine

    def disown(self, pid: int) -> None:
        """Says that a process has ended."""
        self._owners.pop(pid, None)

    def _known(self, name: str) -> str:
        if name not in self._hosts and name != OUTSIDE:
            raise ValueError(
                f"no machine {name!r} in this fabric; there are: {', '.join(sorted(self._hosts))}"
            )
        return name

    async def expose(
        self, machine: str, port: int, target: tuple[str, int], *, address: str | None = None
    ) -> None:
        """Serves a hidden server at a port of a machine; exposing it again changes the hidden server.

        Once the fabric is closed nothing is served any more, also for a machine that is just starting something.

        Parameters
        ----------
        target
            Host and port where the real server listens.
        address
            Another loopback address of that machine (a pod's); None is the machine's own.

        Raises
        ------
        PortTaken
            Another program listens at that address and port.
        """
        host = self._host(machine, address)
        known = self._ports.get((host, port))
        if known is None:
            known = self._ports[(host, port)] = _Port(machine, None, None)
        if known.machine != machine and known.target is not None:
            raise ValueError(f"{host}:{port} belongs to {known.machine}, not to {machine}")
        known.machine, known.target = machine, target  # a pod's address moves with the pod
        self._listen(host, port, known)

    def _host(self, machine: str, address: str | None) -> str:
        self._known(machine)
        if address is None:
            return self._hosts[machine]
        if not address.startswith("127."):
            raise ValueError(f"{address} is not a loopback address; use loopback({address!r})")
        self._places[address] = machine
        return address

    def _listen(self, host: str, port: int, entry: _Port) -> None:
        if entry.listener is not None or self._closed:
            return

        def carry(accepted: socket.socket, peer: tuple[str, int]) -> Coroutine[Any, Any, None]:
            return self._relay(entry.machine, host, port).carry(accepted, peer)

        try:
            entry.listener = Listener(host, port, carry)
        except OSError as error:
            entry.target = None
            raise PortTaken(
                f"{entry.machine} cannot listen on {host}:{port}: {error.strerror or error}. "
                "Another embedded cluster, or another program, may use it: bring that down first"
            ) from error
        self._listeners = [listener for listener in self._listeners if listener.busy]
        self._listeners.append(entry.listener)

    async def withdraw(self, machine: str, port: int, *, address: str | None = None) -> None:
        """Stops serving a port: new connections are refused, open ones go on until an end closes them.

        A machine without power refuses nothing: its ports stay silent until power is back.
        """
        host = self._host(machine, address)
        entry = self._ports.get((host, port))
        if entry is None:
            return
        entry.target = None
        if machine not in self._off:
            self._unlisten(entry)

    @staticmethod
    def _unlisten(entry: _Port) -> None:
        if entry.listener is not None:
            entry.listener.close()
            entry.listener = None

    def _relay(self, machine: str, host: str, port: int) -> Relay:
        def dial(source: str) -> tuple[tuple[str, int], str | None] | None:
            entry = self._ports.get((host, port))
            if entry is None or entry.target is None:
                return None
            return entry.target, self._hosts.get(source)

        def start(relay: Relay) -> None:
            self._relays[relay] = None
            key = (relay.source, machine, port)
            self._traffic.setdefault(key, Traffic()).connections += 1

        return Relay(
            machine,
            host,
            port,
            locate=self._locate,
            links=lambda source, target: (self._link(source, target), self._link(target, source)),
            dial=dial,
            on_start=start,
            on_end=self._ended,
        )

    def _ended(self, relay: Relay) -> None:
        self._relays.pop(relay, None)
        flow = relay.flow()
        total = self._traffic[(relay.source, relay.target, relay.port)]
        total.sent += flow.sent
        total.received += flow.received

    def _locate(self, client: tuple[str, int], server: tuple[str, int]) -> str:
        place = self._places.get(client[0])
        if place is not None:
            return place
        pid = owner_of(client, server, self._owners)
        return OUTSIDE if pid is None else self._owners[pid]

    def _link(self, source: str, target: str) -> Link:
        link = self._links.get((source, target))
        if link is None:
            link = self._links[(source, target)] = Link(source, target, self._random)
            link.change(down=source in self._off or target in self._off)
        return link

    def link(self, source: str, target: str) -> LinkPolicy:
        """The policy of one direction between two machines (or "outside")."""
        return self._link(self._known(source), self._known(target)).policy

    def set_link(self, source: str, target: str, policy: LinkPolicy) -> None:
        """Sets how one direction between two machines (or "outside") treats what crosses it, from now on."""
        if source == target:
            raise ValueError(f"{source} has no link to itself")
        self._link(self._known(source), self._known(target)).change(policy)

    def power(self, machine: str, on: bool) -> None:
        """Takes a machine's power away, or gives it back; its processes are killed by whoever runs them.

        Without power every connection to it is silent, also new ones. With power again, the connections from
        before are reset. Take the power away *before* killing the machine's processes, else their sockets say
        goodbye.
        """
        self._known(machine)
        if on == (machine not in self._off):
            return
        (self._off.discard if on else self._off.add)(machine)
        for (source, target), link in list(self._links.items()):
            if machine in (source, target):
                link.change(down=bool({source, target} & self._off))
        for relay in list(self._relays):
            if machine in (relay.source, relay.target):
                if not on:
                    relay.sever(machine)
                elif relay.severed:
                    relay.reset()
        self._settle(machine)

    def _settle(self, machine: str) -> None:
        """Opens or closes the listeners of ports without a server: silent while off, refusing while on."""
        for (host, port), entry in self._ports.items():
            if entry.machine != machine or entry.target is not None:
                continue
            if machine not in self._off:
                self._unlisten(entry)
                continue
            with contextlib.suppress(PortTaken):  # withdrawn long ago, and somebody else's since
                self._listen(host, port, entry)

    def powered(self, machine: str) -> bool:
        """Whether a machine has power."""
        return self._known(machine) not in self._off

    def flows(self) -> list[Flow]:
        """The open connections, oldest first."""
        return [relay.flow() for relay in self._relays]

    def traffic(self) -> dict[tuple[str, str, int], Traffic]:
        """Connections and bytes so far by (source, target, port), open connections included."""
        totals = {key: Traffic(t.connections, t.sent, t.received) for key, t in sorted(self._traffic.items())}
        for flow in self.flows():
            total = totals[(flow.source, flow.target, flow.port)]
            total.sent += flow.sent
            total.received += flow.received
        return totals

    async def close(self) -> None:
        """Closes every port and connection; returns when no socket is left."""
        self._closed = True
        for entry in self._ports.values():
            self._unlisten(entry)
        self._ports.clear()
        await asyncio.gather(*(listener.end() for listener in self._listeners))
