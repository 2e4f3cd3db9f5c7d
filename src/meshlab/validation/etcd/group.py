"""A group of real etcd processes on loopback addresses, with the link relays between them where they are needed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from meshlab.emulate.network.addresses import free_port, loopback
from meshlab.emulate.network.fabric import OUTSIDE, Fabric, LinkPolicy
from meshlab.emulate.processes import binaries
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.model.errors import LiveError
from meshlab.validation.etcd import disk_stall
from meshlab.validation.etcd.calls import EtcdCaller, Standing
from meshlab.validation.setting import Setting

NETWORK = "10.154"
CLIENT_PORT, PEER_PORT = 2379, 2380


_given: set[int] = set()


def free_block(port: int = PEER_PORT) -> int:
    """A third octet of the validation's loopback network that no other group uses now, here or in other processes.

    Raises
    ------
    LiveError
        There is none.
    """
    for step in range(250):
        block = 1 + (7 * os.getpid() + step) % 250
        if block in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((loopback(f"{NETWORK}.{block}.1"), port))
            except OSError:
                continue
        _given.add(block)
        return block
    raise LiveError(
        f"every address of {loopback(NETWORK + '.0.0')}/16 is in use: end other validations first"
    )


class EtcdProcesses:
    """The members of one group, by number from 0.

    Plain HTTP on loopback: what is compared is raft, not TLS. The client port of each member is reached directly,
    without a relay, so that the measuring does not add to what is measured.
    """

    def __init__(self, setting: Setting, folder: Path) -> None:
        self.setting = setting
        self.folder = folder
        block = free_block()
        self.names = [f"e{i}" for i in range(setting.members)]
        self.addresses = [f"{NETWORK}.{block}.{i + 1}" for i in range(setting.members)]
        places = dict(zip(self.names, self.addresses, strict=True))
        self.fabric = Fabric(places, seed=setting.seed) if setting.relayed else None
        self.table = ProcessTable(folder, self.fabric)
        self.program = binaries.find("etcd")
        self.version = ".".join(map(str, binaries.version(self.program)))
        self._client_ports = [free_port() for _ in self.names]
        self._peer_ports = [free_port() for _ in self.names]
        self._callers: dict[int, EtcdCaller] = {}
        self.ids: dict[int, int] = {}

    # --- processes

    async def start(self) -> None:
        """Starts all members and the links, and waits for a leader."""
        if self.fabric is not None:
            self.restore_links()
            for i, name in enumerate(self.names):
                await self.fabric.expose(name, PEER_PORT, ("127.0.0.1", self._peer_ports[i]))
                await self.fabric.expose(name, CLIENT_PORT, self.client_address(i))
        await asyncio.gather(*(self.start_member(i) for i in range(len(self.names))))
        await self.settled()

    async def start_member(self, i: int) -> None:
        host = loopback(self.addresses[i])
        peer = f"127.0.0.1:{self._peer_ports[i]}" if self.fabric is not None else f"{host}:{PEER_PORT}"
        cluster = ",".join(
            f"{name}=http://{loopback(address)}:{PEER_PORT}"
            for name, address in zip(self.names, self.addresses, strict=True)
        )
        flags: dict[str, Any] = {
            "name": self.names[i],
            "data-dir": self.folder / self.names[i],
            "listen-client-urls": f"http://127.0.0.1:{self._client_ports[i]}",
            "advertise-client-urls": f"http://127.0.0.1:{self._client_ports[i]}",
            "listen-peer-urls": f"http://{peer}",
            "initial-advertise-peer-urls": f"http://{host}:{PEER_PORT}",
            "initial-cluster": cluster,
            "initial-cluster-token": f"validation-{self.folder.name}",
            "heartbeat-interval": round(self.setting.heartbeat * 1000),
            "election-timeout": round(self.setting.election * 1000),
            "logger": "zap",
            "log-outputs": "stderr",
        }
        if binaries.version(self.program) < (3, 5, 0):
            flags["pre-vote"] = "true"  # the default since 3.5
        command = [str(self.program), *(f"--{flag}={value}" for flag, value in flags.items())]
        await self.table.spawn(
            self.names[i],
            disk_stall.command(command) if self.setting.fault == "disk-stall" else command,
            env={"GOMAXPROCS": "2"},
            log=self.log(i),
            machine=self.names[i],
        )

    def log(self, i: int) -> Path:
        return self.folder / f"{self.names[i]}.log"

    async def kill(self, i: int) -> None:
        await self.table.kill(self.names[i])

    def signal_kill(self, i: int) -> float:
        """Kills a member without waiting for its end; gives the instant (monotonic)."""
        pid = next(child.pid for child in self.table.running() if child.name == self.names[i])
        at = time.monotonic()
        os.killpg(pid, signal.SIGKILL)
        return at

    async def pause(self, i: int) -> None:
        await self.table.pause(self.names[i])

    async def resume(self, i: int) -> None:
        await self.table.resume(self.names[i])

    def stall_disk(self, i: int) -> None:
        """Lets a member's synchronous writes wait from now on."""
        self._signal(i, signal.SIGUSR1)

    def release_disk(self, i: int) -> None:
        self._signal(i, signal.SIGUSR2)

    def _signal(self, i: int, number: signal.Signals) -> None:
        """Signals the process that was started for a member, which for ``disk-stall`` is not etcd itself."""
        child = next(child for child in self.table.running() if child.name == self.names[i])
        os.kill(child.pid, number)

    async def close(self) -> None:
        """Ends every process and closes every connection."""
        for i in list(self._callers):
            await self._forget(i)
        await self.table.close(0.0)
        if self.fabric is not None:
            await self.fabric.close()

    # --- links

    def cut(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Cuts the given directions."""
        assert self.fabric is not None
        for a, b in pairs:
            self.fabric.set_link(self.names[a], self.names[b], LinkPolicy(cut=True))

    def restore_links(self) -> None:
        """Puts the delays of the setting on every link."""
        assert self.fabric is not None
        policy = LinkPolicy(delay_s=self.setting.link_delay, jitter_s=self.setting.jitter)
        for a in (OUTSIDE, *self.names):
            for b in (OUTSIDE, *self.names):
                if a != b:
                    self.fabric.set_link(a, b, policy)

    # --- asking

    def client_address(self, i: int) -> tuple[str, int]:
        return "127.0.0.1", self._client_ports[i]

    def far_caller(self, i: int) -> EtcdCaller:
        """A connection to a member over a link like those between members; the caller closes it."""
        if self.fabric is None:
            return EtcdCaller(*self.client_address(i))
        return EtcdCaller(loopback(self.addresses[i]), CLIENT_PORT, far=True)

    def caller(self, i: int) -> EtcdCaller:
        if i not in self._callers:
            self._callers[i] = EtcdCaller(*self.client_address(i))
        return self._callers[i]

    async def _forget(self, i: int) -> None:
        caller = self._callers.pop(i, None)
        if caller is not None:
            await caller.close()

    async def standings(self, members: Iterable[int]) -> dict[int, Standing]:
        """Asks members who leads; those that do not answer are left out."""
        asked = list(members)
        told = await asyncio.gather(*(self.caller(i).standing() for i in asked))
        return {i: standing for i, standing in zip(asked, told, strict=True) if standing is not None}

    async def settled(self, deadline_s: float = 60.0) -> tuple[int, int]:
        """Waits until all members follow one leader in one term, at one index; gives (leader, term).

        Raises
        ------
        LiveError
            That is not so in time; the message holds the last line of a log.
        """
        end = time.monotonic() + deadline_s
        everyone = range(len(self.names))
        told: dict[int, Standing] = {}
        while time.monotonic() < end and len(self.table.running()) >= len(self.names):
            told = await self.standings(everyone)
            if len(told) == len(self.names):
                same = len({(s.leader, s.term, s.applied) for s in told.values()}) == 1
                leader = next((i for i, s in told.items() if s.leads), None)
                if same and leader is not None:
                    return leader, told[leader].term
            await asyncio.sleep(0.05)
        silent = [i for i in everyone if i not in told]
        lines = [self._last_line(i) for i in silent or everyone][:1]
        raise LiveError(
            f"the etcd group did not settle: {told}; the log of a member that is silent ends: {lines}"
        )

    def _last_line(self, i: int) -> str:
        log = self.log(i)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return f"{self.names[i]}: {lines[-1] if lines else '(nothing)'}"

    async def first_leader(self, among: Iterable[int], deadline: float) -> tuple[int, Standing, float] | None:
        """Polls members until one says that it leads: (member, what it said, when); None at the deadline."""
        members = list(among)
        due = time.monotonic()
        while due < deadline:
            told = await self.standings(members)
            now = time.monotonic()
            for i, standing in told.items():
                if standing.leads:
                    return i, standing, now
            due = max(due + self.setting.poll, now)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        return None
