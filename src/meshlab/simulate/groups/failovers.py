"""Failovers of one etcd-style raft group by the ten thousand, and its commit latencies, message by message.

For distributions: the compiled kernel (`kernels/raft.py`) plays the whole protocol for each replicate. A
replicate's random numbers come from (seed, block, its place in the block), so any number of workers gives the
same bits. The layers of `simulate` tell one group's history with its causes; this tells how long things take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from meshlab.model.distribution import Distribution
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.simulate.kernels.raft_state import Group, Settings

BLOCK = 500
"""Replicates that share a seed sequence, and that one worker plays in one go."""

FaultKind = Literal["kill", "pause", "isolate", "nothing-arrives", "nothing-leaves"]
FAULTS: tuple[FaultKind, ...] = ("kill", "pause", "isolate", "nothing-arrives", "nothing-leaves")

Spread = "Distribution | NDArray[np.float64]"
"""How a duration varies, in seconds: a distribution, or durations that were observed."""


@dataclass(frozen=True)
class GroupSettings:
    """An etcd group: its settings, its links, its disks.

    Times in seconds. `delay` is what a message takes one way; `delays` says it for what member i sends to
    member j where that differs (members count from 0). `fsync` and `fsyncs` likewise for a member's disk.
    """

    members: int = 3
    heartbeat: float = 0.1
    election: float = 1.0
    prevote: bool = True
    check_quorum: bool = True
    delay: Distribution | NDArray[np.float64] = Distribution.lognormal(0.0003, 0.3)
    delays: Mapping[tuple[int, int], Distribution | NDArray[np.float64]] = field(default_factory=dict)
    fsync: Distribution | NDArray[np.float64] = Distribution.lognormal(0.0015, 0.5)
    fsyncs: Mapping[int, Distribution | NDArray[np.float64]] = field(default_factory=dict)
    fast_forward: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.members <= 9:
            raise _wrong(f"a group has 1 to 9 members, not {self.members}")
        if not 0 < self.heartbeat < math.inf or not self.heartbeat * 2 <= self.election < math.inf:
            raise _wrong(
                f"the heartbeat ({self.heartbeat} s) must be positive, and the election time-out "
                f"({self.election} s) at least twice as long"
            )
        for i in (*self.fsyncs, *(i for pair in self.delays for i in pair)):
            if not 0 <= i < self.members:
                raise _wrong(f"there is no member {i}: members count from 0 to {self.members - 1}")


@dataclass(frozen=True)
class GroupFault:
    """What happens to the leader, or to a follower, and for how long (seconds; for ever by default).

    ``isolate`` cuts both directions between it and everybody; ``nothing-arrives`` and ``nothing-leaves`` one.
    """

    kind: FaultKind = "kill"
    target: Literal["leader", "follower"] = "leader"
    lasts: float = math.inf

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise _wrong(f"unknown fault {self.kind!r}; there are {', '.join(FAULTS)}")
        if self.target not in ("leader", "follower"):
            raise _wrong(f"a fault hits the leader or a follower, not {self.target!r}")
        if not self.lasts > 0:
            raise _wrong(f"a fault lasts longer than {self.lasts} s")


@dataclass(frozen=True)
class Failovers:
    """What came of it, an entry for each replicate. Seconds count from the fault.

    `elected`: a member became leader; `serving`: its first entry was committed; infinite where that did not
    happen in time. `leader` is -1 then. `split_votes`: candidates without a majority; `campaigns`: candidates
    in all; `terms`: by how much the term rose until then; `messages`: raft messages that went on the way.
    """

    elected: NDArray[np.float64]
    serving: NDArray[np.float64]
    leader: NDArray[np.int64]
    terms: NDArray[np.int64]
    split_votes: NDArray[np.int64]
    campaigns: NDArray[np.int64]
    messages: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.elected)

    @property
    def split_share(self) -> float:
        """The share of replicates with at least one split vote."""
        return float((self.split_votes > 0).mean())


def failovers(
    group: GroupSettings,
    fault: GroupFault | None = None,
    n: int = 10_000,
    *,
    seed: int = 0,
    workers: int = 1,
    within: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> Failovers:
    """Gives how long a group takes to have a leader again, `n` times; a killed leader when no fault is named.

    Parameters
    ----------
    workers
        Threads; the kernel runs free of the interpreter's lock. The same bits for any number.
    within
        Seconds after the fault at which a replicate ends without a new leader.
    progress
        Called with (done, total) as blocks of replicates are finished.

    Examples
    --------
    >>> found = failovers(GroupSettings(), n=200, seed=1)
    >>> bool(0.8 < found.elected.min() < found.elected.max() < 10)  # 1 s, less a heartbeat and a tick at most
    True
    """
    import numpy as np

    if n < 1 or workers < 1 or not within > 0:
        raise _wrong(f"n ({n}) and workers ({workers}) start at 1, within ({within} s) is positive")
    fault = fault or GroupFault()
    bound, arrays = _arrays(group)
    at = 3 * group.election + 4 * bound
    plan = _plan(fault, group.members, at)
    settings = _settings(group, bound, horizon=at + within, mark=at, early=True)

    def fresh(room: int) -> Group:
        return _group(arrays, plan, room=room)

    times, counts = np.empty((n, 2)), np.empty((n, 8), np.int64)
    for start, block_times, block_counts in _blocks(fresh, settings, n, seed, workers):
        times[start : start + len(block_times)] = block_times
        counts[start : start + len(block_times)] = block_counts
        if progress:
            progress(start + len(block_times), n)
    terms = np.where(counts[:, 1] > 0, counts[:, 1] - 1, 0)
    return Failovers(times[:, 0], times[:, 1], counts[:, 0], terms, counts[:, 2], counts[:, 3], counts[:, 4])


def commit_latencies(
    group: GroupSettings,
    clients: int = 1,
    *,
    seconds: float = 60.0,
    seed: int = 0,
    way: Distribution | NDArray[np.float64] = Distribution.constant(0.00005),
    apply: float = 0.0,
) -> NDArray[np.float64]:
    """Gives the latencies in seconds of writes by closed-loop clients at the leader: each waits for its answer.

    `way` is what a request takes to the leader and an answer back, each; `apply` what the leader needs from
    commit to answer. The first second is left out.
    """
    if not 1 <= clients <= 1000 or not seconds > 0:
        raise _wrong(f"clients ({clients}) are 1 to 1000, seconds ({seconds}) positive")
    bound, arrays = _arrays(group, way)
    settings = _settings(group, bound, horizon=seconds + 1.0, mark=math.inf, early=False, apply=apply)
    samples = 100_000
    while True:
        state = _group(arrays, [], clients=clients, samples=samples, room=4)
        _, counts = _play(lambda room, state=state: state, settings, _keys(seed, 0, 1))  # type: ignore[misc]
        found = int(counts[0, 7])
        if found <= samples:
            return state.samples[:found].copy()
        samples = found


def prepare() -> float:
    """Compiles the kernel, or loads it from disk; gives how many seconds that took."""
    from meshlab.simulate.kernels.compiling import seconds_to

    return seconds_to(lambda: failovers(GroupSettings(), n=1))


# --- from settings to arrays


def _wrong(text: str) -> InputError:
    return InputError.single("failovers", text)


Arrays = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.float64]"]


def _arrays(
    group: GroupSettings, way: Distribution | NDArray[np.float64] = Distribution.constant(0.0)
) -> tuple[float, Arrays]:
    """Gives the longest delay, and (table of each direction, table of each disk, tables); clients come last."""
    import numpy as np

    n = group.members
    tables = [_table(group.delay), _table(group.fsync)]
    delay_of, fsync_of = np.zeros((n, n), np.int64), np.ones(n, np.int64)
    for pair, spread in group.delays.items():
        delay_of[pair] = len(tables)
        tables.append(_table(spread))
    for member, spread in group.fsyncs.items():
        fsync_of[member] = len(tables)
        tables.append(_table(spread))
    bound = max(float(tables[t].max()) for t in delay_of.flat)
    tables.append(_table(way))
    return bound, (delay_of, fsync_of, np.array(tables))


def _table(spread: Distribution | NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives quantiles at even steps, and finer ones within the last step; both ends are cut at 1 in 2 million."""
    import numpy as np

    from meshlab.simulate.kernels.raft_state import CELLS

    u = np.arange(CELLS + 1) / CELLS
    least = 1 / (8 * CELLS * CELLS)
    levels = np.clip(np.array([u, (CELLS - 1 + u) / CELLS]), least, 1 - least)
    if isinstance(spread, Distribution):
        found = np.array([[spread.quantile(float(p)) for p in row] for row in levels])
    else:
        observed = np.asarray(spread, dtype=float)
        if observed.ndim != 1 or not len(observed) or not np.isfinite(observed).all() or observed.min() < 0:
            raise _wrong("observed durations are a list of finite, non-negative seconds")
        found = np.quantile(observed, levels)
    found[0, -1] = found[1, -1]
    return found


def _plan(fault: GroupFault, members: int, at: float) -> list[tuple[float, int, int, int]]:
    """Gives the fault as the kernel's rows (time, what, member, other); -1 is the leader, -2 the next member."""
    from meshlab.simulate.kernels import raft_state as x

    who = -1 if fault.target == "leader" or members == 1 else -2
    others = [-1 - k for k in range(members) if -1 - k != who]
    end = at + fault.lasts
    match fault.kind:
        case "kill":
            rows = [(at, x.KILL, who, 0), (end, x.RESTART, who, 0)]
        case "pause":
            rows = [(at, x.PAUSE, who, 0), (end, x.RESUME, who, 0)]
        case _:
            pairs = [(who, other) for other in others if fault.kind != "nothing-arrives"]
            pairs += [(other, who) for other in others if fault.kind != "nothing-leaves"]
            rows = [(at, x.CUT, *pair) for pair in pairs] + [(end, x.HEAL, *pair) for pair in pairs]
    return [row for row in rows if row[0] < math.inf]


def _group(
    arrays: Arrays, plan: list[tuple[float, int, int, int]], *, room: int, clients: int = 0, samples: int = 0
) -> Group:
    import numpy as np

    from meshlab.simulate.kernels import raft_state

    at = np.array([row[0] for row in plan], dtype=float)
    rows = np.array([row[1:] for row in plan], dtype=np.int64).reshape(-1, 3)
    return raft_state.group(*arrays, at, rows, clients=clients, samples=samples, room=room)


def _settings(
    group: GroupSettings, bound: float, *, horizon: float, mark: float, early: bool, apply: float = 0.0
) -> Settings:
    from meshlab.simulate.kernels.raft_state import Settings

    ticks = max(2, round(group.election / group.heartbeat))
    steady = 2 * bound + 3 * group.heartbeat < ticks * group.heartbeat
    return Settings(
        tick=float(group.heartbeat), ticks=ticks, prevote=group.prevote, check_quorum=group.check_quorum,
        fast_forward=min(group.fast_forward, ticks - 1), horizon=float(horizon), mark=float(mark), early=early,
        skip=steady and not apply and math.isfinite(mark), bound=float(bound), first=-1, patience=7.0, backoff=0.1,
        warm=1.0, apply=float(apply),
    )  # fmt: skip


# --- playing


def _keys(seed: int, block: int, count: int) -> NDArray[np.uint64]:
    import numpy as np

    return np.random.SeedSequence(seed, spawn_key=(block,)).generate_state(count, np.uint64).astype(np.uint64)


Block = tuple[int, "NDArray[np.float64]", "NDArray[np.int64]"]


def _blocks(
    fresh: Callable[[int], Group], settings: Settings, n: int, seed: int, workers: int
) -> Iterator[Block]:
    """Gives the blocks in order. An interrupt lets the running blocks end (milliseconds) and starts no more."""
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    def play(start: int) -> Block:
        keys = _keys(seed, start // BLOCK, min(BLOCK, n - start))
        return (start, *_play(fresh, settings, keys))

    if workers == 1:
        for start in range(0, n, BLOCK):
            yield play(start)
        return
    waiting: deque[Future[Block]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for start in range(0, n, BLOCK):
            waiting.append(pool.submit(play, start))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _play(
    fresh: Callable[[int], Group], settings: Settings, keys: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Plays a replicate for each key; one that needs more room than usual is played again with more."""
    import numpy as np

    from meshlab.simulate.kernels.raft import replicates

    times, counts = np.empty((len(keys), 2)), np.empty((len(keys), 8), np.int64)
    done, room = 0, 1
    while done < len(keys):
        stuck = replicates(fresh(room), settings, keys[done:], times[done:], counts[done:])
        if not stuck:
            break
        done += stuck - 1
        room *= 4
        if room > 4**4:
            raise _wrong(
                "the group never comes to rest: messages pile up faster than its disks and links take them"
            )
    return times, counts
