"""One direction of a network link, and the bytes of one connection that cross it.

A link shapes what TCP carries, so its faults look to a program as they would through TCP: loss is a stall
while a segment is sent again, a cut is silence, and bytes held by a cut arrive at the first retransmission
after it heals. A cut is at the sender's end: what was on its way arrives.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from meshlab.emulate.network.fine_timers import Handle, call_at, early_s

RTO_MIN_S = 0.2
"""Linux: the smallest retransmission time-out; the round trip is added to it."""
RTO_MAX_S = 120.0
GIVE_UP_S = 924.6
"""Linux: a connection whose bytes stay unacknowledged is dropped after 15 retransmissions (tcp_retries2)."""
SEGMENT_BYTES = 1448
_HIGH_BYTES = 4 << 20
_LOW_BYTES = 1 << 20
"""A sender is paused when so much of one connection is under way, about what a kernel would buffer."""


@dataclass(frozen=True)
class LinkPolicy:
    """How one direction of a link treats what crosses it.

    Parameters
    ----------
    delay_s
        One-way delay, seconds.
    jitter_s
        The delay varies uniformly within ± this; the order within a connection is kept.
    loss
        Probability that a segment (1448 bytes) is lost; it then arrives after a retransmission time-out
        (200 ms + round trip), doubled for each further loss of the same segment.
    rate_bps
        Bits per second, shared by all connections of the link; None is unlimited.
    cut
        Nothing more leaves, silently.

    Raises
    ------
    ValueError
        A number is out of range.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    rate_bps: float | None = None
    cut: bool = False

    def __post_init__(self) -> None:
        if self.delay_s < 0 or self.jitter_s < 0:
            raise ValueError("delay and jitter of a link are not negative")
        if not 0 <= self.loss < 1:
            raise ValueError(f"loss of a link is a probability below 1, not {self.loss}")
        if self.rate_bps is not None and self.rate_bps <= 0:
            raise ValueError(f"rate of a link is above 0 bits per second, not {self.rate_bps}")

    @property
    def neutral(self) -> bool:
        """Whether it changes nothing."""
        return self == _NEUTRAL


_NEUTRAL = LinkPolicy()


class Link:
    """One direction between two machines, with the pipes that cross it now."""

    def __init__(self, source: str, target: str, random: Random) -> None:
        self.source = source
        self.target = target
        self.policy = _NEUTRAL
        self.clear = True
        self.pipes: set[Pipe] = set()
        self._down = False
        self._cut_at = math.inf
        self._random = random
        self._busy_until = 0.0

    @property
    def passable(self) -> bool:
        """Whether what is sent now gets through."""
        return not (self.policy.cut or self._down)

    def arrives(self, left: float) -> bool:
        """Whether a piece arrives that left at some time (monotonic); a cut takes nothing back."""
        return not self._down and left <= self._cut_at

    def change(self, policy: LinkPolicy | None = None, *, down: bool | None = None) -> None:
        """Sets the policy, or whether an end is without power; held bytes move on when it became passable."""
        was_passable = self.passable
        self.policy = self.policy if policy is None else policy
        self._down = self._down if down is None else down
        self.clear = self.policy.neutral and not self._down
        if not self.policy.cut:
            self._cut_at = math.inf
        elif math.isinf(self._cut_at):
            self._cut_at = time.monotonic()
        if self.passable != was_passable:
            for pipe in list(self.pipes):
                pipe.link_changed()

    def transit_s(self) -> float:
        """A drawn one-way delay, seconds."""
        policy = self.policy
        if not policy.jitter_s:
            return policy.delay_s
        return max(0.0, policy.delay_s + self._random.uniform(-policy.jitter_s, policy.jitter_s))

    def stall_s(self, size: int, round_trip_s: float) -> float:
        """How long a piece of ``size`` bytes waits for retransmissions, seconds; mostly 0."""
        loss = self.policy.loss
        if not loss:
            return 0.0
        segments = -(-size // SEGMENT_BYTES)
        lost = self._random.random() < 1 - (1 - loss) ** segments
        stall, timeout = 0.0, RTO_MIN_S + round_trip_s
        while lost:
            stall += timeout
            timeout = min(2 * timeout, RTO_MAX_S)
            lost = self._random.random() < loss
        return stall

    def lost(self) -> bool:
        """Whether one small packet (a handshake's) is lost on this link."""
        return self.policy.loss > 0 and self._random.random() < self.policy.loss

    def sent_at(self, now: float, size: int) -> float:
        """When the last bit of a piece has been put on the wire; the wire is then busy until that time."""
        rate = self.policy.rate_bps
        if rate is None:
            return now
        self._busy_until = max(now, self._busy_until) + size * 8 / rate
        return self._busy_until

    def piece_bytes(self) -> int:
        """Into what pieces a burst is cut, so that a slow link trickles instead of lumping: 10 ms worth."""
        rate = self.policy.rate_bps
        return 1 << 18 if rate is None else int(min(1 << 16, max(SEGMENT_BYTES, rate / 8 * 0.01)))


Mark = Literal["eof", "reset"]


@dataclass(slots=True)
class _Item:
    """A piece under way: when it arrives, when it was first sent, when what arrives of it left, and what it is."""

    due: float
    sent: float
    left: float
    content: bytes | Mark


class Pipe:
    """One direction of one connection: takes bytes in, gives them out in order when the link lets them.

    Parameters
    ----------
    link, back
        The link it crosses, and the opposite direction (for the round trip).
    pause
        Called with True when the sender should stop sending, with False when it may go on.
    give_up
        Called when bytes have been held for longer than TCP would keep trying.
    """

    def __init__(
        self, link: Link, back: Link, pause: Callable[[bool], None], give_up: Callable[[], None]
    ) -> None:
        self.link = link
        self.carried = 0
        self._back = back
        self._pause = pause
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._output: asyncio.Transport | None = None
        self._on_mark: Callable[[Mark], None] | None = None
        self._items: deque[_Item] = deque()
        self._buffered = 0
        self._paused = False
        self._blocked = False
        self._closed = False
        self._last_due = 0.0
        self._timer: Handle | None = None
        link.pipes.add(self)

    def connect(self, output: asyncio.Transport, on_mark: Callable[[Mark], None]) -> None:
        """Gives it the far end; what was taken in so far begins its way now."""
        self._output = output
        self._on_mark = on_mark
        now = self._loop.time()
        for item in self._items:
            item.sent = item.left = now
            item.due = max(now + self.link.transit_s(), self._last_due)
            self._last_due = item.due
        self._arm()

    def feed(self, data: bytes) -> None:
        """Takes in bytes from the sender."""
        if self._closed:
            return
        if self.link.clear and not self._items and self._output is not None:
            self._put_out(self._output, data)
            return
        piece = self.link.piece_bytes()
        for i in range(0, len(data), piece):
            self._enqueue(data[i : i + piece])
        self._arm()
        self._throttle()

    def _put_out(self, output: asyncio.Transport, data: bytes) -> None:
        """Gives bytes to the far end; one that is gone takes no more."""
        if not output.is_closing():
            output.write(data)
            self.carried += len(data)

    def feed_mark(self, mark: Mark) -> None:
        """Takes in the end of the stream, or a reset; it arrives after the bytes before it."""
        if not self._closed:
            self._enqueue(mark)
            self._arm()

    def _enqueue(self, content: bytes | Mark) -> None:
        now = self._loop.time()
        size = len(content) if isinstance(content, bytes) else 0
        left = self.link.sent_at(now, size)
        if size:
            left += self.link.stall_s(size, self._round_trip_s())
        self._last_due = max(left + self.link.transit_s(), self._last_due)
        self._items.append(_Item(self._last_due, now, left, content))
        self._buffered += size

    def _round_trip_s(self) -> float:
        return self.link.policy.delay_s + self._back.policy.delay_s

    def block(self, blocked: bool) -> None:
        """Told by the far end that its own buffer is full (True) or drained (False)."""
        self._blocked = blocked
        self._throttle()

    def _throttle(self) -> None:
        full = self._blocked or self._buffered > (_LOW_BYTES if self._paused else _HIGH_BYTES)
        if full != self._paused:
            self._paused = full
            self._pause(full)

    def link_changed(self) -> None:
        """Told that the link was cut or has healed: TCP's next retransmission brings through what waits."""
        now = self._loop.time()
        if self.link.passable and self._items and self._items[0].due <= now:
            again = next_retransmission(self._items[0].sent, now, RTO_MIN_S + self._round_trip_s())
            for item in self._items:
                item.left = max(item.left, again - self.link.policy.delay_s)
                item.due = max(item.due, again)
            self._last_due = max(self._last_due, again)
        self._arm()

    def _arm(self) -> None:
        """Sets the timer for the next thing to happen: the first piece falls due, or is given up."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed or not self._items or self._output is None:
            return
        first = self._items[0]
        now = self._loop.time()
        if not self.link.arrives(first.left):
            self._timer = call_at(self._loop, first.sent + GIVE_UP_S, self._expire)
        elif first.due > now:
            self._timer = call_at(self._loop, first.due, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        self._timer = None
        output = self._output
        horizon = self._loop.time() + early_s()
        while self._items and self._items[0].due <= horizon:
            if output is None or self._closed or not self.link.arrives(self._items[0].left):
                break
            item = self._items.popleft()
            if isinstance(item.content, bytes):
                self._buffered -= len(item.content)
                self._put_out(output, item.content)
            elif self._on_mark is not None:
                self._on_mark(item.content)
        self._throttle()
        if self._items:
            self._arm()

    def _expire(self) -> None:
        self._timer = None
        if self._items and not self.link.passable:
            self._give_up()

    def close(self) -> None:
        """Forgets what is under way."""
        self._closed = True
        self._items.clear()
        self._buffered = 0
        self.link.pipes.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def next_retransmission(first_s: float, now_s: float, timeout_s: float) -> float:
    """When TCP next sends an unacknowledged segment again, given when it was first sent.

    Notes
    -----
    Retransmissions come ``timeout_s`` after the first sending; each gap is twice the one before, up to 120 s.
    """
    at, gap = first_s + timeout_s, timeout_s
    while at <= now_s:
        gap = min(2 * gap, RTO_MAX_S)
        at += gap
    return at
