"""What a member of an etcd-style raft group does with a tick, a message, a finished write (etcd-io/raft 3.5).

Each rule changes the arrays of `raft_state.Group` and puts messages into the member's outbox; `raft.flush`
sends them, at once or behind a write, as etcd's Ready loop does. The columns are named in `raft_state`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshlab.simulate.kernels import raft_state as x
from meshlab.simulate.kernels.agenda import push
from meshlab.simulate.kernels.compiling import inlined, part
from meshlab.simulate.kernels.draws import quantile, uniform
from meshlab.simulate.kernels.raft_state import Group, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# --- clocks


@inlined
def tick_of(phase: float, tick: float, now: float) -> int:
    """Gives how many ticks a member's clock has made by now."""
    made: int = math.floor((now - phase) / tick + 1e-9)
    return made


@part
def put(g: Group, time: float, key: int, kind: int, i: int, a: int, b: int) -> None:
    """Adds an event of member i; `key` orders events of equal time."""
    left = g.tally[x.FREE]
    if left == 0:
        g.tally[x.TROUBLE] = 1
        return
    g.tally[x.FREE] = left - 1
    slot = g.free[left - 1]
    row = g.slots[slot]
    row[x.KIND] = kind
    row[x.AT] = i
    row[x.A] = a
    row[x.B] = b
    push(g.queue, time, (key << x.KEY_BITS) | slot)


@inlined
def watch(g: Group, s: Settings, i: int) -> None:
    """Sees to it that an event waits where member i's election timer ends, at the latest."""
    m = g.member[i]
    due = m[x.BASE] + m[x.TIMEOUT]
    if m[x.TIMER] < 0 or due < m[x.TIMER]:
        m[x.TIMER] = due
        put(g, g.phase[i] + due * s.tick, 64 + i, x.TIMER_DUE, i, due, 0)


@inlined
def beat_at(g: Group, s: Settings, i: int, tick: int) -> None:
    g.member[i, x.TICK] = tick
    put(g, g.phase[i] + tick * s.tick, 128 + i, x.TICK_DUE, i, tick, 0)


@inlined
def new_timeout(g: Group, s: Settings, i: int) -> int:
    n = g.phase.shape[0]
    return s.ticks + int(uniform(g.stream, n * n + i) * s.ticks)


# --- log


@inlined
def wrote(leaderships: NDArray[np.int64], log: int, index: int) -> int:
    """Gives the leadership that wrote the entry at `index` of a log."""
    while index < leaderships[log, x.LEAD_START]:
        log = leaderships[log, x.LEAD_BEFORE]
    return log


@inlined
def last_not_after(leaderships: NDArray[np.int64], log: int, index: int, term: int) -> int:
    """Gives the last index up to `index` whose entry's term is at most `term` (findConflictByTerm)."""
    log = wrote(leaderships, log, index)
    while leaderships[log, x.LEAD_TERM] > term:
        index = leaderships[log, x.LEAD_START] - 1
        log = leaderships[log, x.LEAD_BEFORE]
    return index


# --- messages


@inlined
def say(
    out: NDArray[np.int64], member: NDArray[np.int64], tally: NDArray[np.int64], i: int, kind: int, to: int,
    term: int, a: int, b: int, c: int, d: int, e: int,
) -> None:  # fmt: skip
    """Puts a message into member i's outbox."""
    at = member[i, x.OUT]
    if at >= out.shape[1]:
        tally[x.TROUBLE] = 2
        return
    member[i, x.OUT] = at + 1
    row = out[i, at]
    row[x.KIND] = kind
    row[x.AT] = to
    row[x.FROM] = i
    row[x.MSG_TERM] = term
    row[x.A] = a
    row[x.B] = b
    row[x.C] = c
    row[x.D] = d
    row[x.E] = e


@part
def append(g: Group, i: int, j: int, even_if_empty: bool) -> bool:
    """Sends follower j what it lacks (maybeSendAppend); gives whether something was sent."""
    m, p = g.member[i], g.progress[i, j]
    if not p[x.REPLICATING] and p[x.PROBED]:
        return False
    last, before = m[x.LAST], p[x.NEXT] - 1
    full = before < last
    if not full and not even_if_empty:
        return False
    log = wrote(g.leaderships, m[x.LOG], before)
    say(g.out, g.member, g.tally, i, x.APPEND, j, m[x.TERM], before, log, last, m[x.LOG], m[x.COMMIT])
    if full:
        if p[x.REPLICATING]:
            p[x.NEXT] = last + 1
        else:
            p[x.PROBED] = 1
    return True


@part
def append_to_all(g: Group, i: int) -> None:
    for j in range(g.phase.shape[0]):
        if j != i:
            append(g, i, j, True)


@inlined
def tell(
    told: NDArray[np.float64],
    tally: NDArray[np.int64],
    member: NDArray[np.int64],
    now: float,
    i: int,
    what: int,
) -> None:
    """Writes a line of the group's history, if it is kept."""
    at = tally[x.TOLD]
    if at < told.shape[0]:
        told[at, 0], told[at, 1], told[at, 2], told[at, 3] = now, i, member[i, x.TERM], what
        tally[x.TOLD] = at + 1


# --- roles


@part
def abandon(g: Group, s: Settings, now: float) -> None:
    """Clients that wait for a leader which is no more: their time-out decides when they ask again."""
    clients = g.waiting.shape[0]
    for c in range(clients):
        if g.waiting[c] >= 0:
            g.waiting[c] = -1
            put(g, max(now, g.asked[c] + s.patience), 256 + c, x.REQUEST, 0, c, 0)


@part
def follow(g: Group, s: Settings, i: int, term: int, lead: int, now: float) -> None:
    """Becomes a follower of `lead` (-1: of nobody yet) in `term`."""
    m = g.member[i]
    if m[x.ROLE] == x.LEADER:
        tell(g.told, g.tally, g.member, now, i, x.STEPPED_DOWN)
        abandon(g, s, now)
    if term != m[x.TERM]:
        m[x.TERM] = term
        m[x.VOTE] = -1
        m[x.DIRTY] = 1
    m[x.ROLE] = x.FOLLOWER
    m[x.LEAD] = lead
    m[x.BASE] = tick_of(g.phase[i], s.tick, now)
    m[x.TIMEOUT] = new_timeout(g, s, i)
    watch(g, s, i)


@part
def committed(g: Group, i: int) -> bool:
    """Moves the leader's commit index up to what a majority has; gives whether it moved.

    The leader counts itself at once, as etcd 3.5 does; `released` waits for its own write.
    """
    n = g.phase.shape[0]
    m = g.member[i]
    best = m[x.COMMIT]
    for j in range(n):
        here = g.progress[i, j, x.MATCH]
        if here > best:
            count = 0
            for k in range(n):
                count += g.progress[i, k, x.MATCH] >= here
            if count > n // 2:
                best = here
    if best == m[x.COMMIT] or best < g.leaderships[m[x.LOG], x.LEAD_START]:
        return False
    m[x.COMMIT] = best
    return True


@part
def released(g: Group, s: Settings, i: int, now: float) -> None:
    """Applies what is committed and on the leader's disk, and answers the clients who wait for it."""
    n = g.phase.shape[0]
    m = g.member[i]
    upto = min(m[x.COMMIT], m[x.ON_DISK + 2])
    if upto <= m[x.APPLIED]:
        return
    start = g.leaderships[m[x.LOG], x.LEAD_START]
    if m[x.APPLIED] < start <= upto:
        tell(g.told, g.tally, g.member, now, i, x.COMMITTED)
        if g.tally[x.NEW_LEADER] == i and g.tally[x.NEW_TERM] == m[x.TERM]:
            g.outcome[x.SERVING] = now - s.mark
    if g.waiting.shape[0]:
        clients = g.tables.shape[0] - 1
        for index in range(m[x.APPLIED] + 1, upto + 1):
            c = g.owner[index & (g.owner.shape[0] - 1)]
            if g.waiting[c] == index:
                g.waiting[c] = -1
                back = quantile(g.tables[clients], uniform(g.stream, n * n + 2 * n + 1 + c))
                put(g, now + s.apply + back, 256 + c, x.REPLY, 0, c, 0)
    m[x.APPLIED] = upto


@part
def lead(g: Group, s: Settings, i: int, now: float) -> None:
    """Becomes leader: an empty entry of its term, sent to all."""
    n = g.phase.shape[0]
    m = g.member[i]
    number = g.tally[x.LEADERSHIPS]
    if number >= g.leaderships.shape[0]:
        g.tally[x.TROUBLE] = 3
        return
    g.tally[x.LEADERSHIPS] = number + 1
    row = g.leaderships[number]
    row[x.LEAD_TERM] = m[x.TERM]
    row[x.LEAD_START] = m[x.LAST] + 1
    row[x.LEAD_BEFORE] = m[x.LOG]
    for j in range(n):
        p = g.progress[i, j]
        p[x.MATCH] = 0
        p[x.NEXT] = m[x.LAST] + 1
        p[x.REPLICATING] = p[x.PROBED] = p[x.ACTIVE] = 0
    m[x.LAST] += 1
    m[x.LOG] = number
    m[x.ROLE] = x.LEADER
    m[x.LEAD] = i
    m[x.ELAPSED] = 0
    m[x.DIRTY] = 1
    g.progress[i, i, x.MATCH] = m[x.LAST]
    tell(g.told, g.tally, g.member, now, i, x.BECAME_LEADER)
    if now >= s.mark and g.tally[x.NEW_LEADER] < 0:
        g.tally[x.NEW_LEADER] = i
        g.tally[x.NEW_TERM] = m[x.TERM]
        g.outcome[x.ELECTED] = now - s.mark
    committed(g, i)
    append_to_all(g, i)
    beat_at(g, s, i, tick_of(g.phase[i], s.tick, now) + 1)


@part
def stand(g: Group, s: Settings, i: int, now: float) -> None:
    """Becomes a candidate of the next term and asks for votes."""
    n = g.phase.shape[0]
    m = g.member[i]
    m[x.ROLE] = x.CANDIDATE
    m[x.TERM] += 1
    m[x.VOTE] = i
    m[x.LEAD] = -1
    m[x.DIRTY] = 1
    m[x.BASE] = tick_of(g.phase[i], s.tick, now)
    m[x.TIMEOUT] = new_timeout(g, s, i)
    m[x.GRANTED] = 1 << i
    m[x.REFUSED] = 0
    tell(g.told, g.tally, g.member, now, i, x.STOOD)
    if now >= s.mark:
        g.tally[x.CAMPAIGNS] += 1
    if n == 1:
        lead(g, s, i, now)
        return
    for j in range(n):
        if j != i:
            say(g.out, g.member, g.tally, i, x.ASK_VOTE, j, m[x.TERM], m[x.LAST], m[x.LOG], 0, 0, 0)
    watch(g, s, i)


@part
def timed_out(g: Group, s: Settings, i: int, now: float, tick: int) -> None:
    """The election timer ended: asks whether it may stand (PreVote), or stands."""
    n = g.phase.shape[0]
    m = g.member[i]
    if m[x.ROLE] == x.CANDIDATE:
        tell(g.told, g.tally, g.member, now, i, x.SPLIT)
        if now >= s.mark:
            g.tally[x.SPLITS] += 1
    m[x.BASE] = tick
    if not s.prevote or n == 1:
        stand(g, s, i, now)
        return
    m[x.ROLE] = x.PRECANDIDATE
    m[x.LEAD] = -1
    m[x.GRANTED] = 1 << i
    m[x.REFUSED] = 0
    tell(g.told, g.tally, g.member, now, i, x.ASKED)
    for j in range(n):
        if j != i:
            say(g.out, g.member, g.tally, i, x.PREVOTE, j, m[x.TERM] + 1, m[x.LAST], m[x.LOG], 0, 0, 0)
    watch(g, s, i)


@inlined
def members_in(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


# --- messages received


@part
def answer(
    g: Group, s: Settings, i: int, j: int, pre: bool, term: int, last: int, log: int, now: float
) -> None:
    """Grants or refuses j's (pre-)vote; the term has been dealt with."""
    m = g.member[i]
    kind = x.PREVOTE_REPLY if pre else x.VOTE_REPLY
    may = m[x.VOTE] == j or (m[x.VOTE] < 0 and m[x.LEAD] < 0) or (pre and term > m[x.TERM])
    theirs, ours = g.leaderships[log, x.LEAD_TERM], g.leaderships[m[x.LOG], x.LEAD_TERM]
    if may and (theirs > ours or (theirs == ours and last >= m[x.LAST])):
        if not pre:
            m[x.BASE] = tick_of(g.phase[i], s.tick, now)
            m[x.VOTE] = j
            m[x.DIRTY] = 1
            watch(g, s, i)
        say(g.out, g.member, g.tally, i, kind, j, term, 0, 0, 0, 0, 0)
    else:
        say(g.out, g.member, g.tally, i, kind, j, m[x.TERM], 1, 0, 0, 0, 0)


@part
def counted(g: Group, s: Settings, i: int, j: int, pre: bool, refused: bool, now: float) -> None:
    """Counts an answer to a (pre-)candidate's question."""
    n = g.phase.shape[0]
    m = g.member[i]
    if ((m[x.GRANTED] | m[x.REFUSED]) >> j) & 1:
        return
    if refused:
        m[x.REFUSED] |= 1 << j
    else:
        m[x.GRANTED] |= 1 << j
    if members_in(m[x.GRANTED]) > n // 2:
        if pre:
            stand(g, s, i, now)
        else:
            lead(g, s, i, now)
    elif members_in(m[x.REFUSED]) > n // 2:
        if not pre:
            tell(g.told, g.tally, g.member, now, i, x.SPLIT)
            if now >= s.mark:
                g.tally[x.SPLITS] += 1
        follow(g, s, i, m[x.TERM], -1, now)


@part
def appended(
    g: Group, i: int, j: int, before: int, log_before: int, last: int, log: int, commit: int
) -> None:
    """Takes a leader's entries, or refuses them with a hint (handleAppendEntries)."""
    m = g.member[i]
    if before < m[x.COMMIT]:
        say(g.out, g.member, g.tally, i, x.APPEND_REPLY, j, m[x.TERM], m[x.COMMIT], 0, 0, 0, 0)
        return
    if before <= m[x.LAST] and wrote(g.leaderships, m[x.LOG], before) == log_before:
        if last > m[x.LAST] or wrote(g.leaderships, m[x.LOG], last) != wrote(g.leaderships, log, last):
            m[x.LAST] = last
            m[x.LOG] = log
            m[x.DIRTY] = 1
        m[x.COMMIT] = max(m[x.COMMIT], min(commit, last))
        say(g.out, g.member, g.tally, i, x.APPEND_REPLY, j, m[x.TERM], last, 0, 0, 0, 0)
        return
    hint = last_not_after(
        g.leaderships, m[x.LOG], min(before, m[x.LAST]), g.leaderships[log_before, x.LEAD_TERM]
    )
    say(
        g.out,
        g.member,
        g.tally,
        i,
        x.APPEND_REPLY,
        j,
        m[x.TERM],
        before,
        1,
        hint,
        wrote(g.leaderships, m[x.LOG], hint),
        0,
    )


@part
def append_replied(
    g: Group, s: Settings, i: int, j: int, index: int, refused: bool, hint: int, hint_log: int, now: float
) -> None:
    """A follower's answer to an append, at its leader (stepLeader, MsgAppResp)."""
    m, p = g.member[i], g.progress[i, j]
    p[x.ACTIVE] = 1
    if refused:
        best = last_not_after(
            g.leaderships, m[x.LOG], min(hint, m[x.LAST]), g.leaderships[hint_log, x.LEAD_TERM]
        )
        if p[x.REPLICATING]:
            if index > p[x.MATCH]:
                p[x.NEXT] = p[x.MATCH] + 1
                p[x.REPLICATING] = p[x.PROBED] = 0
                append(g, i, j, True)
        elif p[x.NEXT] - 1 == index:
            p[x.NEXT] = max(min(index, best + 1), 1)
            p[x.PROBED] = 0
            append(g, i, j, True)
        return
    paused = not p[x.REPLICATING] and p[x.PROBED]
    p[x.NEXT] = max(p[x.NEXT], index + 1)
    if index > p[x.MATCH]:
        p[x.MATCH] = index
        p[x.PROBED] = 0
        if not p[x.REPLICATING]:
            p[x.REPLICATING] = 1
            p[x.NEXT] = index + 1
        if committed(g, i):
            append_to_all(g, i)
        elif paused:
            append(g, i, j, True)
        append(g, i, j, False)


@part
def other_term(
    g: Group, s: Settings, i: int, j: int, kind: int, term: int, refused: bool, now: float
) -> bool:
    """Deals with a message of another term than the member's; gives whether the rest of it counts.

    `refused` means something for answers to a (pre-)vote only.
    """
    m = g.member[i]
    if term > m[x.TERM]:
        asks = kind == x.PREVOTE or kind == x.ASK_VOTE
        fresh = m[x.ROLE] == x.LEADER or tick_of(g.phase[i], s.tick, now) - m[x.BASE] < s.ticks
        if asks and s.check_quorum and m[x.LEAD] >= 0 and fresh:
            return False
        if kind == x.PREVOTE or (kind == x.PREVOTE_REPLY and not refused):
            return True
        follow(g, s, i, term, j if kind == x.APPEND or kind == x.HEARTBEAT else -1, now)
        return True
    if kind == x.APPEND or kind == x.HEARTBEAT:
        if s.check_quorum or s.prevote:
            say(g.out, g.member, g.tally, i, x.APPEND_REPLY, j, m[x.TERM], 0, 0, 0, 0, 0)
    elif kind == x.PREVOTE:
        say(g.out, g.member, g.tally, i, x.PREVOTE_REPLY, j, m[x.TERM], 1, 0, 0, 0, 0)
    return False


@inlined
def receive(
    g: Group, s: Settings, i: int, j: int, kind: int, term: int,
    a: int, b: int, c: int, d: int, e: int, now: float,
) -> None:  # fmt: skip
    """Member i takes a message from j (raft.Step)."""
    m = g.member[i]
    if term != m[x.TERM] and not other_term(g, s, i, j, kind, term, a != 0, now):
        return
    role = m[x.ROLE]
    if kind == x.HEARTBEAT or kind == x.APPEND:
        if role == x.LEADER:
            return
        if role != x.FOLLOWER:
            follow(g, s, i, term, j, now)
        m[x.LEAD] = j
        m[x.BASE] = tick_of(g.phase[i], s.tick, now)
        if kind == x.HEARTBEAT:
            m[x.COMMIT] = max(m[x.COMMIT], a)
            say(g.out, g.member, g.tally, i, x.HEARTBEAT_REPLY, j, term, 0, 0, 0, 0, 0)
        else:
            appended(g, i, j, a, b, c, d, e)
    elif kind == x.HEARTBEAT_REPLY:
        if role == x.LEADER:
            p = g.progress[i, j]
            p[x.ACTIVE] = 1
            p[x.PROBED] = 0
            if p[x.MATCH] < m[x.LAST]:
                append(g, i, j, True)
    elif kind == x.APPEND_REPLY:
        if role == x.LEADER:
            append_replied(g, s, i, j, a, b != 0, c, d, now)
    elif kind == x.PREVOTE or kind == x.ASK_VOTE:
        answer(g, s, i, j, kind == x.PREVOTE, term, a, b, now)
    elif kind == x.PREVOTE_REPLY:
        if role == x.PRECANDIDATE:
            counted(g, s, i, j, True, a != 0, now)
    elif kind == x.VOTE_REPLY and role == x.CANDIDATE:
        counted(g, s, i, j, False, a != 0, now)


@inlined
def beat(g: Group, s: Settings, i: int, now: float, tick: int) -> None:
    """A leader's tick: looks for its quorum every election time-out, then sends heartbeats."""
    n = g.phase.shape[0]
    m = g.member[i]
    m[x.ELAPSED] += 1
    if m[x.ELAPSED] >= s.ticks:
        m[x.ELAPSED] = 0
        if s.check_quorum:
            active = 1
            for j in range(n):
                if j != i:
                    active += g.progress[i, j, x.ACTIVE]
                    g.progress[i, j, x.ACTIVE] = 0
            if active <= n // 2:
                follow(g, s, i, m[x.TERM], -1, now)
                return
    beat_at(g, s, i, tick + 1)
    for j in range(n):
        if j != i:
            safe = min(g.progress[i, j, x.MATCH], m[x.COMMIT])
            say(g.out, g.member, g.tally, i, x.HEARTBEAT, j, m[x.TERM], safe, 0, 0, 0, 0)
