"""One etcd-style raft group, message by message, many times over: elections, heartbeats, log, disk, clients.

Every message has its own delay, drawn for its direction; messages of one direction keep their order (TCP).
Nothing is skipped but stretches in which only heartbeats go round: those are leapt over by moving the whole
state in time, with every random stream moved on by the draws that were left out, so that what follows comes
out the same to the bit. `tests/simulate/kernels/raft_twin.py` says the same in plain Python.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from meshlab.simulate.kernels import raft_state as x
from meshlab.simulate.kernels.agenda import (
    LEAVES,
    clear,
    leave,
    play_all,
    push,
    settle,
    soonest,
    soonest_key,
    waits,
)
from meshlab.simulate.kernels.compiling import compiled, inlined, part
from meshlab.simulate.kernels.draws import GOLDEN, mixed, quantile, uniform
from meshlab.simulate.kernels.raft_rules import (
    abandon,
    append_to_all,
    beat,
    beat_at,
    committed,
    new_timeout,
    put,
    receive,
    released,
    tick_of,
    timed_out,
    watch,
)
from meshlab.simulate.kernels.raft_state import Group, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

APART = np.uint64(0xD1B54A32D192ED03)
ONE = np.uint64(1)


@part
def begin(g: Group, s: Settings, key: np.uint64) -> None:
    """Sets a group up at rest: a leader in term 1, followers who have heard it, clocks of their own."""
    n = g.phase.shape[0]
    slots = g.slots.shape[0]
    clear(g.queue)
    g.member[:] = 0
    g.progress[:] = 0
    g.arrived[:] = 0.0
    g.opened[:] = True
    g.tally[:] = 0
    g.outcome[:] = math.inf
    g.outcome[x.RESTLESS] = 0.0
    g.tally[x.PIVOT] = g.tally[x.NEW_LEADER] = -1
    for slot in range(slots):
        g.free[slot] = slots - 1 - slot
    g.tally[x.FREE] = slots
    for q in range(g.stream.shape[0]):
        g.stream[q] = mixed(key + (np.uint64(q) + ONE) * APART)
    first = s.first
    if first < 0:
        first = int(uniform(g.stream, n * n + 2 * n) * n)
    g.leaderships[0, x.LEAD_TERM] = 1
    g.leaderships[0, x.LEAD_START] = g.leaderships[0, x.LEAD_BEFORE] = 0
    g.tally[x.LEADERSHIPS] = 1
    for i in range(g.fault_at.shape[0]):
        put(g, g.fault_at[i], i, x.FAULT, 0, i, 0)
    for i in range(n):
        m = g.member[i]
        g.phase[i] = uniform(g.stream, n * n + i) * s.tick
        m[x.ALIVE] = m[x.TERM] = m[x.ON_DISK] = 1
        m[x.VOTE] = m[x.LEAD] = m[x.ON_DISK + 1] = first
        m[x.PAUSED] = m[x.TIMER] = m[x.TICK] = -1
        m[x.BASE] = tick_of(g.phase[i], s.tick, 0.0)
        m[x.TIMEOUT] = new_timeout(g, s, i)
        if i == first:
            m[x.ROLE] = x.LEADER
            m[x.ELAPSED] = int(uniform(g.stream, n * n + 2 * n) * s.ticks)
            for j in range(n):
                g.progress[i, j, x.NEXT] = g.progress[i, j, x.REPLICATING] = g.progress[i, j, x.ACTIVE] = 1
            beat_at(g, s, i, m[x.BASE] + 1)
        else:
            watch(g, s, i)
    for c in range(g.waiting.shape[0]):
        g.waiting[c] = -1
        g.asked[c] = uniform(g.stream, n * n + 2 * n + 1 + c) * s.tick
        put(g, g.asked[c], 256 + c, x.REQUEST, 0, c, 0)


@part
def leader_now(g: Group) -> int:
    """Gives the acting leader of the highest term, -1 if there is none."""
    best = -1
    for i in range(g.phase.shape[0]):
        m = g.member[i]
        acts = m[x.ROLE] == x.LEADER and m[x.ALIVE] and m[x.PAUSED] < 0
        if acts and (best < 0 or m[x.TERM] > g.member[best, x.TERM]):
            best = i
    return best


@part
def strike(g: Group, s: Settings, number: int, now: float) -> None:
    """Does what a fault says to a member, or to what one member sends to another."""
    n = g.phase.shape[0]
    if g.tally[x.PIVOT] < 0:
        g.tally[x.PIVOT] = max(leader_now(g), 0)
    g.tally[x.NEXT_FAULT] = number + 1
    g.outcome[x.RESTLESS] = now
    what, i, j = g.fault[number, 0], g.fault[number, 1], g.fault[number, 2]
    if i < 0:
        i = (g.tally[x.PIVOT] - 1 - i) % n
    if j < 0:
        j = (g.tally[x.PIVOT] - 1 - j) % n
    m = g.member[i]
    if what == x.CUT or what == x.HEAL:
        g.opened[i, j] = what == x.HEAL
    elif what == x.KILL and m[x.ALIVE]:
        if m[x.ROLE] == x.LEADER:
            abandon(g, s, now)
        m[x.ALIVE] = m[x.BUSY] = m[x.DIRTY] = m[x.OUT] = m[x.CAPTURED] = m[x.HELD] = 0
        m[x.LIFE] += 1
        m[x.ROLE] = x.FOLLOWER
        m[x.LEAD] = m[x.PAUSED] = -1
        m[x.TERM], m[x.VOTE] = m[x.ON_DISK], m[x.ON_DISK + 1]
        m[x.LAST], m[x.LOG] = m[x.ON_DISK + 2], m[x.ON_DISK + 3]
        m[x.COMMIT] = min(m[x.COMMIT], m[x.LAST])
    elif what == x.RESTART and not m[x.ALIVE]:
        m[x.ALIVE] = 1
        m[x.BASE] = tick_of(g.phase[i], s.tick, now)
        for k in range(n):
            if k != i and g.member[k, x.ALIVE] and g.opened[i, k] and g.opened[k, i]:
                m[x.BASE] = tick_of(g.phase[i], s.tick, now) - s.fast_forward
        m[x.TIMEOUT] = new_timeout(g, s, i)
        watch(g, s, i)
    elif what == x.PAUSE and m[x.ALIVE] and m[x.PAUSED] < 0:
        if m[x.ROLE] == x.LEADER:
            abandon(g, s, now)
        m[x.PAUSED] = tick_of(g.phase[i], s.tick, now)
    elif what == x.RESUME and m[x.PAUSED] >= 0:
        tick = tick_of(g.phase[i], s.tick, now)
        m[x.BASE] += tick - m[x.PAUSED]
        m[x.PAUSED] = -1
        if m[x.HELD]:
            m[x.HELD] = 0
            put(g, now, 192 + i, x.DISK_DONE, i, m[x.LIFE], 0)
        if m[x.ROLE] != x.LEADER:
            watch(g, s, i)
        elif m[x.TICK] <= tick:
            beat_at(g, s, i, tick + 1)


@part
def propose(g: Group, s: Settings, c: int, now: float) -> int:
    """A client's request reaches the leader, which it gives; without one, the client tries again later."""
    i = leader_now(g)
    if i < 0:
        put(g, now + s.backoff, 256 + c, x.REQUEST, 0, c, 0)
        return -1
    m = g.member[i]
    m[x.LAST] += 1
    m[x.DIRTY] = 1
    g.progress[i, i, x.MATCH] = m[x.LAST]
    g.owner[m[x.LAST] & (g.owner.shape[0] - 1)] = c
    g.waiting[c] = m[x.LAST]
    committed(g, i)
    append_to_all(g, i)
    return i


@part
def replied(g: Group, s: Settings, c: int, now: float) -> None:
    """A client has its answer: the latency is noted, the next request leaves."""
    n = g.phase.shape[0]
    count = g.tally[x.SAMPLES]
    if g.asked[c] >= s.warm:
        if count < g.samples.shape[0]:
            g.samples[count] = now - g.asked[c]
        g.tally[x.SAMPLES] = count + 1
    g.asked[c] = now
    leg = quantile(g.tables[g.tables.shape[0] - 1], uniform(g.stream, n * n + 2 * n + 1 + c))
    put(g, now + leg, 256 + c, x.REQUEST, 0, c, 0)


@inlined
def flush(g: Group, s: Settings, i: int, now: float) -> None:
    """What etcd does with a Ready: a leader sends, then writes; others write, then send; one write at a time."""
    m = g.member[i]
    if m[x.BUSY]:
        return
    dirty, leads = m[x.DIRTY], m[x.ROLE] == x.LEADER
    if leads and m[x.COMMIT] > m[x.APPLIED]:
        released(g, s, i, now)
    waiting = m[x.OUT]
    leaving = m[x.CAPTURED] if dirty and not leads else waiting
    n = g.phase.shape[0]
    for at in range(leaving):
        message = g.out[i, at]
        j = message[x.AT]
        if not g.opened[i, j] or not g.member[j, x.ALIVE]:
            continue
        left = g.tally[x.FREE]
        if left == 0:
            g.tally[x.TROUBLE] = 1
            return
        g.tally[x.FREE] = left - 1
        slot = g.free[left - 1]
        row = g.slots[slot]
        for column in range(9):
            row[column] = message[column]
        time = now + quantile(g.tables[g.delay_of[i, j]], uniform(g.stream, i * n + j))
        time = max(time, g.arrived[i, j])
        g.arrived[i, j] = time
        g.tally[x.MESSAGES] += 1
        g.tally[x.SEQUENCE] += 1
        g.tally[x.LIVELY] += message[x.KIND] > x.HEARTBEAT_REPLY
        push(g.queue, time, (((1 << 20) + g.tally[x.SEQUENCE]) << x.KEY_BITS) | slot)
    for at in range(leaving, waiting):
        for column in range(9):
            g.out[i, at - leaving, column] = g.out[i, at, column]
    m[x.OUT] = waiting - leaving
    m[x.CAPTURED] = 0
    if dirty:
        m[x.DIRTY] = 0
        m[x.BUSY] = 1
        m[x.CAPTURED] = m[x.OUT]
        m[x.IN_FLIGHT], m[x.IN_FLIGHT + 1] = m[x.TERM], m[x.VOTE]
        m[x.IN_FLIGHT + 2], m[x.IN_FLIGHT + 3] = m[x.LAST], m[x.LOG]
        took = quantile(g.tables[g.fsync_of[i]], uniform(g.stream, n * n + n + i))
        put(g, now + took, 192 + i, x.DISK_DONE, i, m[x.LIFE], 0)


@part
def calm(g: Group, s: Settings, i: int) -> bool:
    """Whether nothing but leader i's heartbeats goes round: all who act follow it and have all it has."""
    n = g.phase.shape[0]
    m = g.member[i]
    if g.tally[x.LIVELY] or m[x.BUSY] or m[x.DIRTY] or m[x.COMMIT] != m[x.LAST]:
        return False
    active = 1
    for j in range(n):
        f, p = g.member[j], g.progress[i, j]
        if j == i:
            continue
        if not f[x.ALIVE] or f[x.PAUSED] >= 0:
            if p[x.ACTIVE]:
                return False
            continue
        active += 1
        same = f[x.TERM] == m[x.TERM] and f[x.LAST] == m[x.LAST] and f[x.LOG] == m[x.LOG]
        if not same or f[x.ROLE] != x.FOLLOWER or f[x.LEAD] != i or f[x.COMMIT] != m[x.COMMIT]:
            return False
        if f[x.BUSY] or f[x.DIRTY] or not g.opened[i, j] or not g.opened[j, i]:
            return False
        if not p[x.ACTIVE] or not p[x.REPLICATING] or p[x.MATCH] != m[x.LAST]:
            return False
    return bool(active > n // 2)


@part
def leap(g: Group, s: Settings, i: int, now: float, tick: int) -> int:
    """Moves a calm group on by whole election time-outs; gives by how many ticks, 0 if it cannot.

    The times of pending events move, the streams pass over the draws of the heartbeats left out. The leap ends
    well before the next fault, so that all that is in flight then is made anew.
    """
    n = g.phase.shape[0]
    settling = 2 * s.bound + 4 * s.tick
    if not calm(g, s, i):
        g.outcome[x.RESTLESS] = now
        return 0
    if now < g.outcome[x.RESTLESS] + settling:
        return 0
    fault = g.tally[x.NEXT_FAULT]
    end = min(g.fault_at[fault], s.horizon) if fault < g.fault_at.shape[0] else s.horizon
    rounds = math.floor((end - now - settling) / (s.ticks * s.tick))
    if rounds < 2:
        return 0
    ticks = rounds * s.ticks
    for j in range(n):
        f = g.member[j]
        if f[x.TIMER] >= 0:
            f[x.TIMER] += ticks
        if not f[x.ALIVE]:
            continue
        draws = np.uint64(ticks) * GOLDEN
        if j != i and g.opened[i, j]:
            g.stream[i * n + j] += draws
            g.arrived[i, j] += ticks * s.tick
            g.tally[x.MESSAGES] += ticks
        if f[x.PAUSED] < 0:
            f[x.BASE] += ticks
            if j != i:
                g.stream[j * n + i] += draws
                g.arrived[j, i] += ticks * s.tick
                g.tally[x.MESSAGES] += ticks
    settle(g.queue)
    leaves = g.queue.size[LEAVES]
    for leaf in range(leaves):
        if not waits(g.queue, leaf):
            continue
        key = g.queue.keys[leaf]
        time = g.queue.when[leaves + leaf]
        row = g.slots[key & ((1 << x.KEY_BITS) - 1)]
        if row[x.KIND] == x.TIMER_DUE or row[x.KIND] == x.TICK_DUE:
            row[x.A] += ticks
            time = g.phase[row[x.AT]] + row[x.A] * s.tick
        elif row[x.KIND] != x.FAULT:
            time += ticks * s.tick
        g.queue.when[leaves + leaf] = time
    play_all(g.queue)
    g.tally[x.SKIPPED] += ticks
    return ticks


@inlined
def play(g: Group, s: Settings, key: np.uint64) -> None:
    """Runs one replicate to its horizon, or to the new leader's first commit."""
    begin(g, s, key)
    while settle(g.queue) > 0 and soonest(g.queue) < s.horizon and g.tally[x.TROUBLE] == 0:
        now = soonest(g.queue)
        slot = soonest_key(g.queue) & ((1 << x.KEY_BITS) - 1)
        leave(g.queue)
        row = g.slots[slot]
        kind, i = row[x.KIND], row[x.AT]
        source, term = row[x.FROM], row[x.MSG_TERM]
        a, b, c, d, e = row[x.A], row[x.B], row[x.C], row[x.D], row[x.E]
        g.free[g.tally[x.FREE]] = slot
        g.tally[x.FREE] += 1
        g.tally[x.EVENTS] += 1
        m = g.member[i]
        acts = m[x.ALIVE] and m[x.PAUSED] < 0
        if kind >= x.HEARTBEAT:
            g.tally[x.LIVELY] -= kind > x.HEARTBEAT_REPLY
            if not acts:
                continue
            receive(g, s, i, source, kind, term, a, b, c, d, e, now)
        elif kind == x.TICK_DUE:
            if not acts or m[x.ROLE] != x.LEADER or a != m[x.TICK]:
                continue
            if s.skip:
                ticks = leap(g, s, i, now, a)
                if ticks:
                    beat_at(g, s, i, a + ticks)
                    continue
            beat(g, s, i, now, a)
        elif kind == x.TIMER_DUE:
            if a != m[x.TIMER]:
                continue
            m[x.TIMER] = -1
            if not acts or m[x.ROLE] == x.LEADER:
                continue
            if a < m[x.BASE] + m[x.TIMEOUT]:
                watch(g, s, i)
                continue
            timed_out(g, s, i, now, a)
        elif kind == x.DISK_DONE:
            if a != m[x.LIFE]:
                continue
            if m[x.PAUSED] >= 0:
                m[x.HELD] = 1
                continue
            m[x.BUSY] = 0
            for column in range(4):
                m[x.ON_DISK + column] = m[x.IN_FLIGHT + column]
        elif kind == x.FAULT:
            strike(g, s, a, now)
            continue
        elif kind == x.REQUEST:
            i = propose(g, s, a, now)
            if i < 0:
                continue
        else:
            replied(g, s, a, now)
            continue
        flush(g, s, i, now)
        if s.early and g.outcome[x.SERVING] < math.inf:
            break


@compiled
def replicates(
    g: Group, s: Settings, keys: NDArray[np.uint64], times: NDArray[np.float64], counts: NDArray[np.int64]
) -> int:
    """Plays one replicate for each key.

    Fills ``times[r]`` with (elected, serving), in seconds after the mark, infinite when it did not happen, and
    ``counts[r]`` with (leader, its term, split votes, campaigns, messages, events, skipped ticks, samples).
    Gives 0, or 1 + r when replicate r found an array too small: give it more `room` and go on from r.
    """
    for r in range(keys.shape[0]):
        play(g, s, keys[r])
        if g.tally[x.TROUBLE]:
            return r + 1
        times[r, 0], times[r, 1] = g.outcome[x.ELECTED], g.outcome[x.SERVING]
        counts[r, 0], counts[r, 1] = g.tally[x.NEW_LEADER], g.tally[x.NEW_TERM]
        counts[r, 2], counts[r, 3] = g.tally[x.SPLITS], g.tally[x.CAMPAIGNS]
        counts[r, 4], counts[r, 5] = g.tally[x.MESSAGES], g.tally[x.EVENTS]
        counts[r, 6], counts[r, 7] = g.tally[x.SKIPPED], g.tally[x.SAMPLES]
    return 0
