"""A raft group as arrays: what each column means, and the group at rest before the first event."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from meshlab.simulate.kernels.agenda import Agenda, agenda

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLLOWER, PRECANDIDATE, CANDIDATE, LEADER = 0, 1, 2, 3
"""Roles."""

ROLE, TERM, VOTE, LEAD, BASE, TIMEOUT, LAST, LOG, COMMIT = 0, 1, 2, 3, 4, 5, 6, 7, 8
ALIVE, PAUSED, LIFE, GRANTED, REFUSED, ELAPSED, TIMER, TICK = 9, 10, 11, 12, 13, 14, 15, 16
BUSY, DIRTY, CAPTURED, OUT, HELD = 17, 18, 19, 20, 21
ON_DISK, IN_FLIGHT, APPLIED = 22, 26, 30
MEMBER_COLUMNS = 31
"""Columns of `Group.member`.

BASE: the member's tick at which its election timer began; TIMEOUT: after how many ticks it stands. LAST and
LOG: index of the last entry and the leadership that wrote it. LIFE counts kills. GRANTED and REFUSED: voters
as bits. ELAPSED: the leader's ticks since it looked for its quorum. TIMER and TICK: the tick of the pending
event, -1 for none. BUSY: a write is under way; DIRTY: something must be written before messages leave;
CAPTURED: how many waiting messages that write covers; OUT: waiting messages; HELD: the write ended in a pause.
ON_DISK and IN_FLIGHT: four columns each, (term, vote, last, log) on disk and being written. APPLIED: last entry
that a leader has handed to its clients.
"""

MATCH, NEXT, REPLICATING, PROBED, ACTIVE = 0, 1, 2, 3, 4
"""Columns of `Group.progress[leader, follower]`, as in etcd's tracker."""

LEAD_TERM, LEAD_START, LEAD_BEFORE = 0, 1, 2
"""Columns of `Group.leaderships`: its term, its first entry's index, the leadership of the entry before that.

Entries of one term come from one leader, so (last index, leadership) names a whole log: that is the log
matching property, and it saves keeping the entries.
"""

KIND, AT, FROM, MSG_TERM, A, B, C, D, E = 0, 1, 2, 3, 4, 5, 6, 7, 8
SLOT_COLUMNS = 10
FAULT, TIMER_DUE, TICK_DUE, DISK_DONE, REQUEST, REPLY = 0, 1, 2, 3, 4, 5
HEARTBEAT, HEARTBEAT_REPLY, APPEND, APPEND_REPLY = 8, 9, 10, 11
PREVOTE, PREVOTE_REPLY, ASK_VOTE, VOTE_REPLY = 12, 13, 14, 15
"""Columns of a waiting event or message, and its kinds; messages begin at HEARTBEAT."""

KILL, RESTART, PAUSE, RESUME, CUT, HEAL = 0, 1, 2, 3, 4, 5
"""What a fault does; CUT and HEAL concern what one member sends to another."""

SEQUENCE, FREE, LEADERSHIPS, MESSAGES, EVENTS, PIVOT = 0, 1, 2, 3, 4, 5
SPLITS, CAMPAIGNS, NEW_LEADER, NEW_TERM, TROUBLE, SAMPLES, TOLD, LIVELY = 6, 7, 8, 9, 10, 11, 12, 13
SKIPPED, NEXT_FAULT = 14, 15
"""Columns of `Group.tally`. TROUBLE: an array was too small. LIVELY: messages on their way that are no heartbeats."""

ELECTED, SERVING, RESTLESS = 0, 1, 2
"""Columns of `Group.outcome`: seconds from the mark to a new leader, to its first commit; when it was last restless."""

BECAME_LEADER, STEPPED_DOWN, STOOD, ASKED, SPLIT, COMMITTED = 0, 1, 2, 3, 4, 5
"""What a row of `Group.told` tells: (time, member, term, what)."""

CELLS = 512
"""Cells of a quantile table; the last of them has a table of its own."""

KEY_BITS = 16


class Settings(NamedTuple):
    """What a group is told. Times in seconds; `ticks` is the election time-out in heartbeats.

    `mark`: outcomes count leaders elected from then on; `early`: stop when one of them has committed;
    `skip`: leap over quiet stretches; `bound`: the longest delay there is; `first`: who leads at time 0;
    `patience`: a client's time-out; `backoff`: its wait when nobody leads; `warm`: latencies count from then.
    """

    tick: float
    ticks: int
    prevote: bool
    check_quorum: bool
    fast_forward: int
    horizon: float
    mark: float
    early: bool
    skip: bool
    bound: float
    first: int
    patience: float
    backoff: float
    warm: float
    apply: float


class Group(NamedTuple):
    """One group's arrays. Used again for replicate after replicate."""

    queue: Agenda
    slots: NDArray[np.int64]
    free: NDArray[np.int64]
    member: NDArray[np.int64]
    progress: NDArray[np.int64]
    out: NDArray[np.int64]
    opened: NDArray[np.bool_]
    arrived: NDArray[np.float64]
    phase: NDArray[np.float64]
    stream: NDArray[np.uint64]
    delay_of: NDArray[np.int64]
    fsync_of: NDArray[np.int64]
    tables: NDArray[np.float64]
    leaderships: NDArray[np.int64]
    fault_at: NDArray[np.float64]
    fault: NDArray[np.int64]
    owner: NDArray[np.int64]
    asked: NDArray[np.float64]
    waiting: NDArray[np.int64]
    tally: NDArray[np.int64]
    outcome: NDArray[np.float64]
    samples: NDArray[np.float64]
    told: NDArray[np.float64]


def group(
    delay_of: NDArray[np.int64],
    fsync_of: NDArray[np.int64],
    tables: NDArray[np.float64],
    fault_at: NDArray[np.float64],
    fault: NDArray[np.int64],
    *,
    clients: int = 0,
    samples: int = 0,
    told: int = 0,
    room: int = 1,
) -> Group:
    """Gives a group's arrays.

    Parameters
    ----------
    delay_of, fsync_of
        Which quantile table holds for what member i sends to j, and for i's disk; clients use the last table.
    tables
        ``tables[t, 0]`` quantiles of even steps, ``tables[t, 1]`` those within the last step; seconds.
    fault_at, fault
        Times in order, and rows (what, member, other member); -1 is the leader at the first fault, -2 the
        member after it, and so on.
    room
        Multiplies the room for events and waiting messages.
    """
    n = len(fsync_of)
    slots = 64 * n * n + 16 * clients * n + len(fault_at)
    slots = min(slots * room, 1 << KEY_BITS)
    window = 1
    while window < 4 * clients + 64:
        window *= 2
    return Group(
        queue=agenda(slots),
        slots=np.zeros((slots, SLOT_COLUMNS), np.int64),
        free=np.zeros(slots, np.int64),
        member=np.zeros((n, MEMBER_COLUMNS), np.int64),
        progress=np.zeros((n, n, 5), np.int64),
        out=np.zeros((n, (64 + 16 * clients) * n * room, SLOT_COLUMNS), np.int64),
        opened=np.ones((n, n), np.bool_),
        arrived=np.zeros((n, n)),
        phase=np.zeros(n),
        stream=np.zeros(n * n + 2 * n + 1 + clients, np.uint64),
        delay_of=delay_of,
        fsync_of=fsync_of,
        tables=tables,
        leaderships=np.zeros((1024 * room, 3), np.int64),
        fault_at=fault_at,
        fault=fault,
        owner=np.zeros(window, np.int64),
        asked=np.zeros(clients),
        waiting=np.zeros(clients, np.int64),
        tally=np.zeros(16, np.int64),
        outcome=np.zeros(3),
        samples=np.zeros(samples),
        told=np.zeros((told, 4)),
    )
