"""How long a put takes: closed-loop clients, the leader's batches, synchronous writes on leader and followers.

The commit path of etcd (server/etcdserver/raft.go, raft/node.go): the leader takes everything that has come in since
its last batch, hands out what is committed, sends the batch to its followers *while* it writes it to its own log, and
takes the next batch only when that write is done. A follower answers when its own write is done. An entry is committed
when a quorum has it on disk; its client is answered when the leader begins its next batch, or at once if it is idle.

Where members and clients share one machine, as in a validation, they also wait for each other's use of its processors
(:class:`SharedMachine`). What a step takes by itself is in its own cost already; only the waiting is added.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.simulate.groups.processors import Loop, Processors, Then, nothing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Draw = Callable[[], float]


@dataclass(frozen=True)
class SharedMachine:
    """One machine for all members, the clients' one program and the relays' one; seconds of processor.

    ``client``: a put, in the clients' program. ``serve``: a call, in the leader, without its log. ``store``: an entry,
    in any member: its log and its state. ``message``: one between members, at either end; ``kernel``: on its way.
    ``relay``: one passed on.
    ``turn``: for how long a program keeps a processor when others wait. ``choose(n)`` draws whose turn is next.
    ``pace(time)``: how fast the machine is then; 1 is as usual.
    """

    processors: int
    turn: float
    choose: Callable[[int], int]
    pace: Callable[[float], float]
    client: float
    serve: float
    store: float
    message: float
    kernel: float = 0.0
    relay: float = 0.0


@dataclass(frozen=True)
class Costs:
    """What each part of the way takes, drawn anew each time; seconds.

    ``overhead``: a client's round trip to the leader without any disk. ``fsync``: a synchronous write. ``hop``: one way
    between two members. ``shared``: the machine that all share; None: nobody waits for a processor.
    """

    overhead: Draw
    fsync: Draw
    hop: Draw
    shared: SharedMachine | None = None


@dataclass
class _Log:
    """One member's log: what it knows of, what is on its disk, and whether a write is under way."""

    known: int = 0
    written: int = 0
    busy: bool = False


class CommitPath:
    """One group and its clients; :meth:`run` gives the latencies of their puts."""

    def __init__(self, members: int, clients: int, costs: Costs, *, pause: float = 0.0) -> None:
        if members < 1 or clients < 1:
            raise ValueError("a group has at least one member, and somebody has to write")
        self.quorum = members // 2 + 1
        self.costs = costs
        self.pause = pause
        self.logs = [_Log() for _ in range(members)]  # the leader is the first
        self.match = [0] * members
        self.delivered = 0
        self.sent = 0
        self.waiting: list[tuple[int, float, float]] = []  # client, when it began, its way back
        self._use = _Use(costs.shared, self._at) if costs.shared is not None else _NoUse()
        self._agenda: list[tuple[float, int, Then]] = []
        self._count = 0
        self._latencies: list[float] = []
        for client in range(clients):
            self._at(client * 1e-5, self._put(client))

    def run(self, puts: int) -> NDArray[np.float64]:
        """Gives the latencies of ``puts`` puts in the order of their answers, in seconds."""
        import numpy as np

        while len(self._latencies) < puts:
            time, _, action = heapq.heappop(self._agenda)
            action(time)
        return np.asarray(self._latencies[:puts])

    def _at(self, time: float, action: Then) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (time, self._count, action))

    def _put(self, client: int) -> Then:
        def begin(now: float) -> None:
            half = self.costs.overhead() / 2

            def propose(time: float) -> None:
                self.waiting.append((client, now, half))
                self.logs[0].known += 1
                self._leader_batch(time)

            def arrive(time: float) -> None:
                self._use.intake(time, propose)

            self._use.client(now, lambda time: self._at(time + half, arrive))

        return begin

    def _leader_batch(self, now: float) -> None:
        leader = self.logs[0]
        if leader.busy:
            return
        self._deliver(now)
        if leader.known == leader.written:
            return
        size, batch, leader.busy = leader.known - leader.written, leader.known, True

        def begun(time: float) -> None:
            for i in range(1, len(self.logs)):
                self._send(time, (0, i), self._append(i, batch))
            self._at(time + self.costs.fsync(), written)

        def written(time: float) -> None:
            leader.busy, leader.written, self.match[0] = False, batch, batch
            self._leader_batch(time)

        self._use.log(now, size, len(self.logs) - 1, 0, begun)

    def _send(self, now: float, ends: tuple[int, int], arrive: Then) -> None:
        """One message to another member."""
        self._use.relay(now, ends, lambda time: self._at(time + self.costs.hop(), arrive))

    def _append(self, i: int, batch: int) -> Then:
        def arrive(now: float) -> None:
            self.logs[i].known = max(self.logs[i].known, batch)
            self._follower_batch(i, now)

        return arrive

    def _follower_batch(self, i: int, now: float) -> None:
        log = self.logs[i]
        if log.busy or log.known == log.written:
            return
        size, batch, log.busy = log.known - log.written, log.known, True

        def written(time: float) -> None:
            log.busy, log.written = False, batch
            self._use.state(time, size)
            self._send(time, (i, 0), answered)
            self._follower_batch(i, time)

        def answered(time: float) -> None:
            self._use.message(time, lambda free: self._acknowledged(i, batch, free))

        self._use.log(now, size, 2, size, lambda time: self._at(time + self.costs.fsync(), written))

    def _acknowledged(self, i: int, batch: int, now: float) -> None:
        self.match[i] = max(self.match[i], batch)
        self._leader_batch(now)

    def _deliver(self, now: float) -> None:
        """Answers the clients whose entries a quorum has on disk."""
        committed = sorted(self.match, reverse=True)[self.quorum - 1]
        while self.delivered < committed:
            client, began, back = self.waiting[self.delivered - self.sent]
            self.delivered += 1
            self._use.answer(now, self._on_its_way(client, began, back))
        done = self.delivered - self.sent
        if done > 1000:  # forget what was answered
            del self.waiting[:done]
            self.sent = self.delivered

    def _on_its_way(self, client: int, began: float, back: float) -> Then:
        def leave(now: float) -> None:
            self._at(now + back, self._answered(client, began))

        return leave

    def _answered(self, client: int, began: float) -> Then:
        def end(now: float) -> None:
            self._latencies.append(now - began)
            self._at(now + self.pause, self._put(client))

        return end


class _NoUse:
    """Processors enough: nobody waits."""

    def client(self, now: float, then: Then) -> None:
        then(now)

    intake = answer = message = client

    def relay(self, now: float, ends: tuple[int, int], then: Then) -> None:
        then(now)

    def log(self, now: float, size: int, messages: int, arrived: int, then: Then) -> None:
        then(now)

    def state(self, now: float, size: int) -> None:
        pass


class _Use:
    """Who takes how much of the shared machine.

    Half of what an entry costs is its log and half its state, in each member; half of a call is taking it in and half
    answering it.
    """

    def __init__(self, shared: SharedMachine, at: Callable[[float, Then], None]) -> None:
        self._shared = shared
        self._processors = Processors(shared.processors, shared.turn, at, shared.choose, shared.pace)
        self._clients = Loop(self._processors, shared.client)
        self._intake = Loop(self._processors, shared.serve / 2)
        self._answers = Loop(self._processors, shared.serve / 2 + shared.store / 2)
        self._relays = Loop(self._processors, shared.relay)

    def client(self, now: float, then: Then) -> None:
        """A put in the clients' program: an answer taken in, and the next begun."""
        self._clients.take(now, then)

    def intake(self, now: float, then: Then) -> None:
        """A put taken in by the leader."""
        self._intake.take(now, then)

    def answer(self, now: float, then: Then) -> None:
        """An entry put into the leader's state, and its client answered."""
        self._answers.take(now, then)

    def relay(self, now: float, ends: tuple[int, int], then: Then) -> None:
        """A message through the relays."""
        if self._shared.relay:
            self._relays.take(now, then, ends)
        else:
            then(now)

    def message(self, now: float, then: Then) -> None:
        """An answer taken in by the leader."""
        self._processors.take(now, self._shared.message + self._shared.kernel, then)

    def log(self, now: float, size: int, messages: int, arrived: int, then: Then) -> None:
        """A batch in a member's log, and the messages about it that the member takes in or sends.

        ``arrived``: with so many messages the entries came from the leader, which sends each as it is proposed.
        """
        others = (size - 1) * self._shared.store / 2 + arrived * self._shared.kernel
        own = self._shared.store / 2 + messages * self._shared.message
        self._processors.take(now, others, nothing, lambda time: self._processors.take(time, own, then))

    def state(self, now: float, size: int) -> None:
        """A batch put into a follower's state: nobody waits for it."""
        self._processors.take(now, size * self._shared.store / 2, nothing)


def put_latencies(
    members: int, clients: int, costs: Costs, puts: int, *, pause: float = 0.0
) -> NDArray[np.float64]:
    """Gives the latencies of ``puts`` puts, after a tenth as many to warm up; seconds.

    Examples
    --------
    >>> calm = Costs(overhead=lambda: 1e-3, fsync=lambda: 2e-3, hop=lambda: 5e-3)
    >>> round(float(put_latencies(3, 1, calm, 10).max()), 6)  # 1 ms of overhead, 2 x 5 ms of way, a disk's 2 ms
    0.013
    """
    warm = max(1, puts // 10)
    found: NDArray[np.float64] = CommitPath(members, clients, costs, pause=pause).run(puts + warm)[warm:]
    return found
