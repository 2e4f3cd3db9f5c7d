"""How long a write takes to be committed by a raft group, leader by leader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model import Distribution, Estimate, Topology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# [E] parameters.csv E.wireguard added_latency_kernel: per direction, unloaded.
WIREGUARD_DELAY = Distribution.triangular(20e-6, 50e-6, 150e-6, source="E.wireguard added_latency_kernel [E]")


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
    topology: Topology, group: str = "etcd", *, samples: int = 20_000, seed: int = 0
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
        own = np.asarray(topology.machine(leader).fsync.sample(rng, samples))
        others = [v for v in raft.voters if v != leader]
        trips = np.array([_round_trip(topology, leader, v, rng, samples) for v in others])
        disks = np.array([np.asarray(topology.machine(v).fsync.sample(rng, samples)) for v in others])
        answers = np.sort(trips + disks, axis=0) if others else np.zeros((1, samples))
        needed = raft.quorum - 1
        commit = np.maximum(own, answers[needed - 1]) if needed else own
        p50, p95, p99 = (float(x) for x in np.quantile(commit, [0.5, 0.95, 0.99]))
        network = float(np.median(np.sort(trips, axis=0)[needed - 1])) if needed else 0.0
        dominant = "network" if network > p50 / 2 else "disk"
        spread = Estimate.of(commit, method=f"{samples} samples, seed {seed}")
        found.append(CommitLatency(leader, p50, p95, p99, spread, dominant))
    return tuple(found)


def _round_trip(
    topology: Topology, a: str, b: str, rng: np.random.Generator, samples: int
) -> NDArray[np.float64]:
    import numpy as np

    link = topology.link_between(a, b)
    if link is None:
        return np.full(samples, np.inf)
    ways = [np.asarray(link.latency.sample(rng, samples)) for _ in range(2)]
    tunnel = [np.asarray(WIREGUARD_DELAY.sample(rng, samples)) for _ in range(2)]
    return np.asarray(sum(ways) + sum(tunnel), dtype=np.float64)
