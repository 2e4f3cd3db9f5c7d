"""The raft kernel's readable twin: the same rules from the same draws, in plain Python, nothing skipped.

Written from etcd-io/raft's description of itself (raft.go 3.5) rather than from the kernel; what the two must
share is the order of draws: one stream for each direction, member clock and time-out, disk, client.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

import numpy as np

MASK = (1 << 64) - 1
GOLDEN, APART = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03


def mixed(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Stream:
    """A counted stream of numbers in [0, 1)."""

    def __init__(self, key: int, number: int) -> None:
        self.state = mixed((key + (number + 1) * APART) & MASK)

    def __call__(self) -> float:
        self.state = (self.state + GOLDEN) & MASK
        return (mixed(self.state) >> 11) * 2.0**-53


def quantile(table: np.ndarray, u: float) -> float:
    """Linear between even steps; the last step is divided once more."""
    cells = table.shape[1] - 1
    row, place = 0, u * cells
    if int(place) == cells - 1:
        row, place = 1, (place - int(place)) * cells
    low, high = float(table[row, int(place)]), float(table[row, int(place) + 1])
    return low + (high - low) * (place - int(place))


@dataclass
class Message:
    kind: str
    source: int
    to: int
    term: int
    index: int = 0
    log: tuple[int, ...] = ()
    entries: tuple[int, ...] = ()
    commit: int = 0
    reject: bool = False
    hint: int = 0
    hint_term: int = 0


@dataclass
class Progress:
    match: int
    next: int
    replicating: bool
    probed: bool = False
    active: bool = False


@dataclass
class Member:
    """A member's state; `log` holds the term of every entry, the first has index 1."""

    phase: float
    stream: Stream
    disk: Stream
    timeout: int = 0
    base: int = 0
    role: str = "follower"
    term: int = 1
    vote: int | None = None
    lead: int | None = None
    log: list[int] = field(default_factory=list)
    commit: int = 0
    applied: int = 0
    alive: bool = True
    paused: int | None = None
    life: int = 0
    granted: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    since_check: int = 0
    timer: int | None = None
    next_beat: int | None = None
    progress: dict[int, Progress] = field(default_factory=dict)
    outbox: list[Message] = field(default_factory=list)
    must_write: bool = False
    behind_write: int = 0
    writing: tuple[int, int | None, tuple[int, ...]] | None = None
    written: tuple[int, int | None, tuple[int, ...]] = (1, None, ())
    held: bool = False

    @property
    def acts(self) -> bool:
        return self.alive and self.paused is None

    def term_at(self, index: int) -> int:
        return self.log[index - 1] if index > 0 else 1


class Twin:
    """One replicate. `tell` is the log: (time, member, term, what)."""

    def __init__(
        self, key: int, *, members: int, settings: object, tables: np.ndarray, delay_of: np.ndarray,
        fsync_of: np.ndarray, faults: list[tuple[float, str, int, int]], clients: int = 0,
    ) -> None:  # fmt: skip
        s = self.s = settings
        n = self.n = members
        self.tables, self.delay_of, self.fsync_of = tables, delay_of, fsync_of
        self.links = {(i, j): Stream(key, i * n + j) for i in range(n) for j in range(n)}
        clocks = [Stream(key, n * n + i) for i in range(n)]
        disks = [Stream(key, n * n + n + i) for i in range(n)]
        common = Stream(key, n * n + 2 * n)
        self.clients = [Stream(key, n * n + 2 * n + 1 + c) for c in range(clients)]
        self.asked = [0.0] * clients
        self.waiting: list[int | None] = [None] * clients
        self.owner: dict[int, int] = {}
        self.samples: list[float] = []
        self.open = dict.fromkeys(self.links, True)
        self.arrived = dict.fromkeys(self.links, 0.0)
        self.agenda: list[tuple[float, int, int, tuple[object, ...]]] = []
        self.added = self.messages = self.splits = self.campaigns = 0
        self.pivot: int | None = None
        self.told: list[tuple[float, int, int, str]] = []
        self.new: tuple[int, int] | None = None
        self.elected = self.serving = math.inf
        self.now = 0.0
        first = s.first if s.first >= 0 else int(common() * n)
        for number, (at, *what) in enumerate(faults):
            self.add(at, number, "fault", *what)
        self.members = [Member(clocks[i]() * s.tick, clocks[i], disks[i]) for i in range(n)]
        for i, m in enumerate(self.members):
            m.vote = m.lead = first
            m.written = (1, first, ())
            m.base = self.tick(m)
            m.timeout = self.draw_timeout(m)
            if i == first:
                m.role, m.since_check = "leader", int(common() * s.ticks)
                m.progress = {j: Progress(0, 1, True, active=True) for j in range(n)}
                self.next_beat(i, m.base + 1)
            else:
                self.watch(i)
        for c, stream in enumerate(self.clients):
            self.asked[c] = stream() * s.tick
            self.add(self.asked[c], 256 + c, "request", c)

    # --- clocks and events

    def add(self, time: float, rank: int, *what: object) -> None:
        self.added += 1
        heapq.heappush(self.agenda, (time, rank, self.added, what))

    def tick(self, m: Member) -> int:
        return math.floor((self.now - m.phase) / self.s.tick + 1e-9)

    def draw_timeout(self, m: Member) -> int:
        return self.s.ticks + int(m.stream() * self.s.ticks)

    def watch(self, i: int) -> None:
        m = self.members[i]
        due = m.base + m.timeout
        if m.timer is None or due < m.timer:
            m.timer = due
            self.add(m.phase + due * self.s.tick, 64 + i, "timer", i, due)

    def next_beat(self, i: int, tick: int) -> None:
        m = self.members[i]
        m.next_beat = tick
        self.add(m.phase + tick * self.s.tick, 128 + i, "beat", i, tick)

    def run(self) -> Twin:
        while self.agenda and self.agenda[0][0] < self.s.horizon:
            self.now, _, _, (what, *rest) = heapq.heappop(self.agenda)
            acted = getattr(self, f"on_{what}")(*rest)
            if acted is not None:
                self.ready(acted)
                if self.s.early and self.serving < math.inf:
                    break
        return self

    def tell(self, i: int, what: str) -> None:
        self.told.append((self.now, i, self.members[i].term, what))

    # --- Ready: what is written before what is sent

    def ready(self, i: int) -> None:
        m = self.members[i]
        if m.writing is not None:
            return
        if m.role == "leader":
            self.apply(i)
        leaving = len(m.outbox) if m.role == "leader" or not m.must_write else m.behind_write
        m.outbox, sent = m.outbox[leaving:], m.outbox[:leaving]
        for message in sent:
            self.transmit(message)
        m.behind_write = 0
        if m.must_write:
            m.must_write, m.behind_write = False, len(m.outbox)
            m.writing = (m.term, m.vote, tuple(m.log))
            took = quantile(self.tables[self.fsync_of[i]], m.disk())
            self.add(self.now + took, 192 + i, "written", i, m.life)

    def transmit(self, message: Message) -> None:
        pair = (message.source, message.to)
        if not self.open[pair] or not self.members[message.to].alive:
            return
        delay = quantile(self.tables[self.delay_of[pair]], self.links[pair]())
        self.arrived[pair] = max(self.now + delay, self.arrived[pair])
        self.messages += 1
        self.add(self.arrived[pair], (1 << 20) + self.messages, "message", message)

    def apply(self, i: int) -> None:
        m = self.members[i]
        upto = min(m.commit, len(m.written[2]))
        for index in range(m.applied + 1, upto + 1):
            if m.term_at(index) == m.term and m.term_at(index - 1) != m.term:
                self.tell(i, "committed")
                if self.new == (i, m.term):
                    self.serving = self.now - self.s.mark
        for index in range(m.applied + 1, upto + 1):
            c = self.owner.get(index)
            if c is not None and self.waiting[c] == index:
                self.waiting[c] = None
                back = quantile(self.tables[-1], self.clients[c]())
                self.add(self.now + self.s.apply + back, 256 + c, "reply", c)
        m.applied = max(m.applied, upto)

    def on_written(self, i: int, life: int) -> int | None:
        m = self.members[i]
        if life != m.life:
            return None
        if m.paused is not None:
            m.held = True
            return None
        assert m.writing is not None
        m.written, m.writing = m.writing, None
        return i

    # --- faults

    def on_fault(self, what: str, a: int, b: int) -> None:
        if self.pivot is None:
            self.pivot = max(self.leader(), 0)
        i, j = (t if t >= 0 else (self.pivot - 1 - t) % self.n for t in (a, b))
        m = self.members[i]
        if what in ("cut", "heal"):
            self.open[i, j] = what == "heal"
        elif what == "kill" and m.alive:
            if m.role == "leader":
                self.abandon()
            m.alive, m.role, m.lead, m.paused, m.held = False, "follower", None, None, False
            m.life += 1
            m.outbox, m.must_write, m.behind_write, m.writing = [], False, 0, None
            m.term, m.vote, log = m.written
            m.log = list(log)
            m.commit = min(m.commit, len(log))
        elif what == "restart" and not m.alive:
            m.alive, m.base = True, self.tick(m)
            others = [k for k in range(self.n) if k != i and self.members[k].alive]
            if any(self.open[i, k] and self.open[k, i] for k in others):
                m.base -= self.s.fast_forward
            m.timeout = self.draw_timeout(m)
            self.watch(i)
        elif what == "pause" and m.acts:
            if m.role == "leader":
                self.abandon()
            m.paused = self.tick(m)
        elif what == "resume" and m.paused is not None:
            m.base += self.tick(m) - m.paused
            m.paused = None
            if m.held:
                m.held = False
                self.add(self.now, 192 + i, "written", i, m.life)
            if m.role != "leader":
                self.watch(i)
            elif m.next_beat is not None and m.next_beat <= self.tick(m):
                self.next_beat(i, self.tick(m) + 1)

    def leader(self) -> int:
        leaders = [i for i, m in enumerate(self.members) if m.role == "leader" and m.acts]
        return max(leaders, key=lambda i: (self.members[i].term, -i), default=-1)

    # --- clients

    def abandon(self) -> None:
        for c, waits in enumerate(self.waiting):
            if waits is not None:
                self.waiting[c] = None
                self.add(max(self.now, self.asked[c] + self.s.patience), 256 + c, "request", c)

    def on_request(self, c: int) -> int | None:
        i = self.leader()
        if i < 0:
            self.add(self.now + self.s.backoff, 256 + c, "request", c)
            return None
        m = self.members[i]
        m.log.append(m.term)
        m.must_write = True
        m.progress[i].match = len(m.log)
        self.owner[len(m.log)] = c
        self.waiting[c] = len(m.log)
        self.advance_commit(i)
        self.append_to_all(i)
        return i

    def on_reply(self, c: int) -> None:
        if self.asked[c] >= self.s.warm:
            self.samples.append(self.now - self.asked[c])
        self.asked[c] = self.now
        self.add(self.now + quantile(self.tables[-1], self.clients[c]()), 256 + c, "request", c)

    # --- roles

    def follow(self, i: int, term: int, lead: int | None) -> None:
        m = self.members[i]
        if m.role == "leader":
            self.tell(i, "stepped down")
            self.abandon()
        if term != m.term:
            m.term, m.vote, m.must_write = term, None, True
        m.role, m.lead = "follower", lead
        m.base, m.timeout = self.tick(m), self.draw_timeout(m)
        self.watch(i)

    def on_timer(self, i: int, tick: int) -> int | None:
        m = self.members[i]
        if tick != m.timer:
            return None
        m.timer = None
        if not m.acts or m.role == "leader":
            return None
        if tick < m.base + m.timeout:
            self.watch(i)
            return None
        if m.role == "candidate":
            self.split(i)
        m.base = tick
        if not self.s.prevote or self.n == 1:
            self.stand(i)
            return i
        m.role, m.lead, m.granted, m.refused = "precandidate", None, {i}, set()
        self.tell(i, "asked")
        self.ask_all(i, "prevote", m.term + 1)
        self.watch(i)
        return i

    def stand(self, i: int) -> None:
        m = self.members[i]
        m.role, m.term, m.vote, m.lead, m.must_write = "candidate", m.term + 1, i, None, True
        m.base, m.timeout = self.tick(m), self.draw_timeout(m)
        m.granted, m.refused = {i}, set()
        self.tell(i, "stood")
        self.campaigns += self.now >= self.s.mark
        if self.n == 1:
            self.become_leader(i)
            return
        self.ask_all(i, "vote", m.term)
        self.watch(i)

    def ask_all(self, i: int, kind: str, term: int) -> None:
        m = self.members[i]
        for j in range(self.n):
            if j != i:
                last = m.term_at(len(m.log))
                m.outbox.append(Message(kind, i, j, term, index=len(m.log), hint_term=last))

    def split(self, i: int) -> None:
        self.tell(i, "split")
        self.splits += self.now >= self.s.mark

    def become_leader(self, i: int) -> None:
        m = self.members[i]
        m.progress = {j: Progress(0, len(m.log) + 1, False) for j in range(self.n)}
        m.log.append(m.term)
        m.role, m.lead, m.since_check, m.must_write = "leader", i, 0, True
        m.progress[i].match = len(m.log)
        self.tell(i, "leader")
        if self.now >= self.s.mark and self.new is None:
            self.new, self.elected = (i, m.term), self.now - self.s.mark
        self.advance_commit(i)
        self.append_to_all(i)
        self.next_beat(i, self.tick(m) + 1)

    def on_beat(self, i: int, tick: int) -> int | None:
        m = self.members[i]
        if not m.acts or m.role != "leader" or tick != m.next_beat:
            return None
        m.since_check += 1
        if m.since_check >= self.s.ticks:
            m.since_check = 0
            if self.s.check_quorum:
                active = 1 + sum(m.progress[j].active for j in range(self.n) if j != i)
                for progress in m.progress.values():
                    progress.active = False
                if active <= self.n // 2:
                    self.follow(i, m.term, None)
                    return i
        self.next_beat(i, tick + 1)
        for j in range(self.n):
            if j != i:
                commit = min(m.progress[j].match, m.commit)
                m.outbox.append(Message("heartbeat", i, j, m.term, commit=commit))
        return i

    # --- messages

    def on_message(self, message: Message) -> int | None:
        i = message.to
        if not self.members[i].acts:
            return None
        self.step(i, message)
        return i

    def reply(self, to: Message, kind: str, term: int, **more: object) -> None:
        self.members[to.to].outbox.append(Message(kind, to.to, to.source, term, **more))  # type: ignore[arg-type]

    def step(self, i: int, msg: Message) -> None:
        m = self.members[i]
        if msg.term > m.term:
            in_lease = m.lead is not None and (m.role == "leader" or self.tick(m) - m.base < self.s.ticks)
            if msg.kind in ("prevote", "vote") and self.s.check_quorum and in_lease:
                return
            promise = msg.kind == "prevote" or (msg.kind == "prevote reply" and not msg.reject)
            if not promise:
                self.follow(i, msg.term, msg.source if msg.kind in ("append", "heartbeat") else None)
        elif msg.term < m.term:
            if msg.kind in ("append", "heartbeat") and (self.s.check_quorum or self.s.prevote):
                self.reply(msg, "append reply", m.term)
            elif msg.kind == "prevote":
                self.reply(msg, "prevote reply", m.term, reject=True)
            return
        if msg.kind in ("prevote", "vote"):
            self.answer(i, msg)
        elif msg.kind in ("heartbeat", "append") and m.role != "leader":
            if m.role != "follower":
                self.follow(i, msg.term, msg.source)
            m.lead, m.base = msg.source, self.tick(m)
            if msg.kind == "heartbeat":
                m.commit = max(m.commit, msg.commit)
                self.reply(msg, "heartbeat reply", m.term)
            else:
                self.take(i, msg)
        elif msg.kind == "heartbeat reply" and m.role == "leader":
            progress = m.progress[msg.source]
            progress.active, progress.probed = True, False
            if progress.match < len(m.log):
                self.append(i, msg.source, True)
        elif msg.kind == "append reply" and m.role == "leader":
            self.taken(i, msg)
        elif (msg.kind, m.role) in (("prevote reply", "precandidate"), ("vote reply", "candidate")):
            self.count(i, msg)

    def answer(self, i: int, msg: Message) -> None:
        m, pre = self.members[i], msg.kind == "prevote"
        free = m.vote == msg.source or (m.vote is None and m.lead is None) or (pre and msg.term > m.term)
        if free and (msg.hint_term, msg.index) >= (m.term_at(len(m.log)), len(m.log)):
            if not pre:
                m.base, m.vote, m.must_write = self.tick(m), msg.source, True
                self.watch(i)
            self.reply(msg, f"{msg.kind} reply", msg.term)
        else:
            self.reply(msg, f"{msg.kind} reply", m.term, reject=True)

    def count(self, i: int, msg: Message) -> None:
        m = self.members[i]
        if msg.source in m.granted | m.refused:
            return
        (m.refused if msg.reject else m.granted).add(msg.source)
        majority = self.n // 2 + 1
        if len(m.granted) >= majority:
            if m.role == "precandidate":
                self.stand(i)
            else:
                self.become_leader(i)
        elif len(m.refused) >= majority:
            if m.role == "candidate":
                self.split(i)
            self.follow(i, m.term, None)

    def append_to_all(self, i: int) -> None:
        for j in range(self.n):
            if j != i:
                self.append(i, j, True)

    def append(self, i: int, j: int, even_if_empty: bool) -> None:
        m = self.members[i]
        p = m.progress[j]
        before = p.next - 1
        new = before < len(m.log)
        if (not p.replicating and p.probed) or not (new or even_if_empty):
            return
        m.outbox.append(
            Message("append", i, j, m.term, before, tuple(m.log[:before]), tuple(m.log[before:]), m.commit)
        )
        if new and p.replicating:
            p.next = len(m.log) + 1
        elif new:
            p.probed = True

    def take(self, i: int, msg: Message) -> None:
        """Here a message carries the whole log before it; by log matching that is the same as its last entry."""
        m = self.members[i]
        before = msg.index
        if before < m.commit:
            self.reply(msg, "append reply", m.term, index=m.commit)
            return
        at = 1 if before == 0 else msg.log[-1]
        if before <= len(m.log) and m.term_at(before) == at:
            last = before + len(msg.entries)
            if m.log[before:last] != list(msg.entries):
                m.log = list(msg.log + msg.entries)
                m.must_write = True
            m.commit = max(m.commit, min(msg.commit, last))
            self.reply(msg, "append reply", m.term, index=last)
            return
        hint = self.not_after(m, min(before, len(m.log)), at)
        self.reply(
            msg, "append reply", m.term, index=before, reject=True, hint=hint, hint_term=m.term_at(hint)
        )

    def not_after(self, m: Member, index: int, term: int) -> int:
        while m.term_at(index) > term:
            index -= 1
        return index

    def taken(self, i: int, msg: Message) -> None:
        m, j = self.members[i], msg.source
        p = m.progress[j]
        p.active = True
        if msg.reject:
            best = self.not_after(m, min(msg.hint, len(m.log)), msg.hint_term)
            if p.replicating and msg.index > p.match:
                p.next, p.replicating, p.probed = p.match + 1, False, False
                self.append(i, j, True)
            elif not p.replicating and p.next - 1 == msg.index:
                p.next, p.probed = max(min(msg.index, best + 1), 1), False
                self.append(i, j, True)
            return
        was_waiting = not p.replicating and p.probed
        p.next = max(p.next, msg.index + 1)
        if msg.index <= p.match:
            return
        p.match, p.probed = msg.index, False
        if not p.replicating:
            p.replicating, p.next = True, msg.index + 1
        if self.advance_commit(i):
            self.append_to_all(i)
        elif was_waiting:
            self.append(i, j, True)
        self.append(i, j, False)

    def advance_commit(self, i: int) -> bool:
        m = self.members[i]
        agreed = sorted((m.progress[j].match for j in range(self.n)), reverse=True)[self.n // 2]
        if agreed <= m.commit or m.term_at(agreed) != m.term:
            return False
        m.commit = agreed
        return True
