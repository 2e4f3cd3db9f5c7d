"""How long a write takes to be committed by a raft group: at rest for each leader, and under load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model import Estimate, Topology
from meshlab.planning.latency.network import WIREGUARD_DELAY, Ways
from meshlab.planning.worlds import WORLDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

__all__ = ["WIREGUARD_DELAY", "CommitLatency", "commit_latency", "commit_under_load"]


@dataclass(frozen=True)
class CommitLatency:
    """Time from a leader's proposal to its commit, in seconds; `dominant` is what most of the median is."""

    leader: str
    p50: float
    p95: float
    p99: float
    spread: Estimate
    dominant: str


def commit_latency(
    topology: Topology, group: str = "etcd", *, samples: int = WORLDS, seed: int = 0
) -> tuple[CommitLatency, ...]:
    """Gives the unloaded commit latency of a raft group for each possible leader.

    The leader writes to its own disk while it sends to all followers; a follower writes to its disk and answers.
    The entry is committed when a quorum has it: the (quorum - 1)-th fastest follower, or the leader's own disk,
    whichever is later (etcd performance documentation; raft thesis section 10.2.1). Queueing is not in it.
    """
    import numpy as np

    raft = topology.raft_group(group)
    found = []
    for leader in raft.voters:
        rng = np.random.Generator(np.random.Philox(key=[seed, raft.voters.index(leader)]))
        ways = Ways(topology, frozenset(), samples, rng)
        own = ways.draw(topology.machine(leader).fsync)
        others = [v for v in raft.voters if v != leader]
        trips = np.array([ways.round_trip(leader, v) for v in others])
        disks = np.array([ways.draw(topology.machine(v).fsync) for v in others])
        needed = raft.quorum - 1
        commit = np.maximum(own, np.sort(trips + disks, axis=0)[needed - 1]) if needed else own
        p50, p95, p99 = (float(x) for x in np.quantile(commit, [0.5, 0.95, 0.99]))
        network = float(np.median(np.sort(trips, axis=0)[needed - 1])) if needed else 0.0
        dominant = "network" if network > p50 / 2 else "disk"
        spread = Estimate.of(commit, method=f"{samples} samples, seed {seed}")
        found.append(CommitLatency(leader, p50, p95, p99, spread, dominant))
    return tuple(found)


def commit_under_load(
    arrivals: Samples, own: Samples, there: Samples, disks: Samples, back: Samples, quorum: int
) -> tuple[Samples, Samples]:
    """Gives, for each entry proposed at `arrivals`, its wait for the leader's batch and its time from there to commit.

    A leader takes everything that has come in since its last batch, writes it and sends it meanwhile, and takes the
    next when its own write is done; a follower likewise writes what has arrived while it wrote (group commit: the
    batch grows with the load, the writes a second do not). An entry is committed when a quorum has it on disk.

    Parameters
    ----------
    arrivals : (entries,)
        Rising, in seconds.
    own : (batches,)
        The leader's synchronous writes; at least as many as entries.
    there, disks, back : (followers, batches)
        One way to each follower, its synchronous writes, the way of its answer.
    quorum
        How many members must have an entry, the leader among them.

    Returns
    -------
    (entries,), (entries,)
        Seconds waited before the batch began; seconds from the batch's beginning to the commit.
    """
    from bisect import bisect_right

    import numpy as np

    followers, count = range(len(there)), len(arrivals)
    free = 0.0
    disk_free = [0.0] * len(there)
    times, writes = arrivals.tolist(), own.tolist()
    # A batch's numbers side by side; conditions instead of max(): half the time (benchmarks/whatif.py, load).
    trips = list(zip(*(x.T.tolist() for x in (there, disks, back)), strict=True))
    needed = quorum - 2
    starts, ends, firsts = [], [], []
    first = 0
    for write, (way, disk, answer) in zip(writes, trips, strict=True):
        if first == count:
            break
        arrived = times[first]
        start = free if free > arrived else arrived
        starts.append(start)
        firsts.append(first)
        free = start + write
        answers = []
        for i in followers:
            reached, idle = start + way[i], disk_free[i]
            written = (reached if reached > idle else idle) + disk[i]
            disk_free[i] = written
            answers.append(written + answer[i])
        committed = free
        if needed >= 0:
            answers.sort()
            if answers[needed] > free:
                committed = answers[needed]
        ends.append(committed)
        first = bisect_right(times, start, first)
    batch = np.array(starts)
    entries = np.diff([*firsts, count])
    return np.repeat(batch, entries) - arrivals, np.repeat(np.array(ends) - batch, entries)


def commit_at_rest(own: Samples, there: Samples, disks: Samples, back: Samples, quorum: int) -> Samples:
    """Gives the time to commit of entries that come one at a time; arguments as in :func:`commit_under_load`."""
    import numpy as np

    if quorum == 1:
        return own
    return np.asarray(np.maximum(own, np.sort(there + disks + back, axis=0)[quorum - 2]))


def leaders(voters: Sequence[str], up: Sequence[str]) -> list[str]:
    """Gives the voters that may lead: those that are up, each as likely."""
    return [voter for voter in voters if voter in up]
