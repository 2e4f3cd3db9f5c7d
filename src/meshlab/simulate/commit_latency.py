"""How long a put takes: closed-loop clients, the leader's batches, synchronous writes on leader and followers.

The commit path of etcd (server/etcdserver/raft.go, raft/node.go): the leader takes everything that has come in since
its last batch, hands out what is committed, sends the batch to its followers *while* it writes it to its own log, and
takes the next batch only when that write is done. A follower answers when its own write is done. An entry is committed
when a quorum has it on disk; its client is answered when the leader begins its next batch, or at once if it is idle.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Draw = Callable[[], float]


@dataclass(frozen=True)
class Costs:
    """What each part of the way takes, drawn anew each time; seconds.

    ``overhead``: a client's round trip to the leader without any disk. ``work``: for how long a put keeps the next one
    from beginning (processor time that only one can have; it delays the others, not the put itself). ``fsync``: a
    synchronous write. ``hop``: one way between two members.
    """

    overhead: Draw
    work: Draw
    fsync: Draw
    hop: Draw


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
        self._free_at = 0.0
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
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

    def _at(self, time: float, action: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (time, self._count, action))

    def _put(self, client: int) -> Callable[[float], None]:
        def begin(now: float) -> None:
            start = max(now, self._free_at)
            self._free_at = start + self.costs.work()
            overhead = self.costs.overhead()
            self._at(start + overhead / 2, lambda time: propose(time, overhead / 2))

            def propose(time: float, back: float) -> None:
                self.waiting.append((client, now, back))
                self.logs[0].known += 1
                self._leader_batch(time)

        return begin

    def _leader_batch(self, now: float) -> None:
        leader = self.logs[0]
        if leader.busy:
            return
        self._deliver(now)
        if leader.known == leader.written:
            return
        batch, leader.busy = leader.known, True
        for i in range(1, len(self.logs)):
            self._at(now + self.costs.hop(), self._append(i, batch))

        def written(time: float) -> None:
            leader.busy, leader.written, self.match[0] = False, batch, batch
            self._leader_batch(time)

        self._at(now + self.costs.fsync(), written)

    def _append(self, i: int, batch: int) -> Callable[[float], None]:
        def arrive(now: float) -> None:
            self.logs[i].known = max(self.logs[i].known, batch)
            self._follower_batch(i, now)

        return arrive

    def _follower_batch(self, i: int, now: float) -> None:
        log = self.logs[i]
        if log.busy or log.known == log.written:
            return
        batch, log.busy = log.known, True

        def written(time: float) -> None:
            log.busy, log.written = False, batch
            self._at(time + self.costs.hop(), lambda later: self._acknowledged(i, batch, later))
            self._follower_batch(i, time)

        self._at(now + self.costs.fsync(), written)

    def _acknowledged(self, i: int, batch: int, now: float) -> None:
        self.match[i] = max(self.match[i], batch)
        self._leader_batch(now)

    def _deliver(self, now: float) -> None:
        """Answers the clients whose entries a quorum has on disk."""
        committed = sorted(self.match, reverse=True)[self.quorum - 1]
        while self.delivered < committed:
            client, began, back = self.waiting[self.delivered - self.sent]
            self.delivered += 1
            self._at(now + back, self._answered(client, began))
        done = self.delivered - self.sent
        if done > 1000:  # forget what was answered
            del self.waiting[:done]
            self.sent = self.delivered

    def _answered(self, client: int, began: float) -> Callable[[float], None]:
        def end(now: float) -> None:
            self._latencies.append(now - began)
            self._at(now + self.pause, self._put(client))

        return end


def put_latencies(
    members: int, clients: int, costs: Costs, puts: int, *, pause: float = 0.0
) -> NDArray[np.float64]:
    """Gives the latencies of ``puts`` puts, after a tenth as many to warm up; seconds.

    Examples
    --------
    >>> calm = Costs(overhead=lambda: 1e-3, work=lambda: 0.0, fsync=lambda: 2e-3, hop=lambda: 5e-3)
    >>> float(put_latencies(3, 1, calm, 10).max())  # 1 ms of overhead, 2 x 5 ms of way, 2 ms on the follower's disk
    0.013
    """
    warm = max(1, puts // 10)
    found: NDArray[np.float64] = CommitPath(members, clients, costs, pause=pause).run(puts + warm)[warm:]
    return found
