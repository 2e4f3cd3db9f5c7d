"""Which timers a raft group should have for its distances, and what they cost: false elections, failover time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from meshlab.model import RaftGroup, Topology
from meshlab.parameters import Parameters

DAY = 86_400.0
_CUT = 12
"""Retransmissions looked at; 0.2 s doubled twelve times is beyond any election time-out."""


@dataclass(frozen=True)
class Timers:
    """What a pair of timers means for a group. Times in seconds.

    ``false_elections`` is the expected number a day of elections although the leader lives, ``failover`` the mean
    time from the death of the leader to the start of the election that replaces it.
    """

    heartbeat: float
    election: float
    false_elections: float
    failover: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def worst_round_trip(topology: Topology, group: RaftGroup, quantile: float = 0.99) -> float:
    """Gives the largest round trip between two voters, each way at this quantile of its link."""
    worst = 0.0
    for a in group.voters:
        for b in group.voters:
            link = topology.link_between(a, b) if a != b else None
            if link is not None:
                worst = max(worst, 2 * link.latency.quantile(quantile))
    return worst


def advised(topology: Topology, group: RaftGroup) -> tuple[float, float]:
    """Gives (heartbeat, election): heartbeat about the round trip, election at least ten of it, at most 50 s.

    etcd's tuning guide: heartbeat 0.5-1.5 round trips between members, election time-out at least ten round trips,
    50 s at most; the defaults (100 ms, 1 s) where the members are near.
    """
    trip = worst_round_trip(topology, group)
    heartbeat = max(0.1, _up_to(1.5 * trip, 0.05))
    return heartbeat, min(50.0, max(1.0, 10 * heartbeat))


def timers(
    topology: Topology,
    group: RaftGroup,
    heartbeat: float,
    election: float,
    parameters: Parameters | None = None,
) -> Timers:
    """Gives what these timers mean on the group's links.

    Notes
    -----
    A follower begins an election when no heartbeat arrived for its time-out T, uniform on E..2E-1 ticks. Heartbeats
    of one TCP stream arrive in order, so one lost k times over holds all behind it back by the first k
    retransmission time-outs (0.2 s and the round trip, doubling; Linux may notice a loss sooner by the heartbeats
    behind it, so this is a bound). With a loss share p a gap longer than g begins with probability
    p^k at each heartbeat, k being the least number of retransmissions whose sum exceeds g less what is usual.
    With PreVote a quorum has to agree, which a leader that lives prevents unless they miss it as well: the number
    is that of pre-votes asked, an upper bound on elections.
    """
    known = parameters or Parameters.for_topology(topology)
    first = known.value("tcp.retransmit")
    ticks = max(1, round(election / heartbeat))
    times = [heartbeat * tick for tick in range(ticks, 2 * ticks)]
    expected = 0.0
    leader = group.voters[0]
    for follower in group.voters[1:]:
        link = topology.link_between(leader, follower)
        if link is None or not link.loss:
            continue
        # The gap between two arrivals is one heartbeat and what the later one was held back; ticks are a phase off.
        for limit in times:
            for phase in (0.125, 0.375, 0.625, 0.875):
                held = limit - phase * heartbeat - heartbeat
                tries = _tries(held, first + 2 * link.latency.quantile(0.5))
                expected += DAY / heartbeat * link.loss**tries / len(times) / 4
    return Timers(heartbeat, election, expected, _failover(len(group.voters) - 1, ticks, heartbeat))


def _failover(followers: int, ticks: int, heartbeat: float) -> float:
    """The mean of the least of `followers` draws uniform on ticks..2 ticks - 1, less half a heartbeat on average."""
    if not followers:
        return float("inf")
    mean = ticks + sum(((ticks - k) / ticks) ** followers for k in range(1, ticks))
    return heartbeat * (mean - 0.5)


def _tries(gap: float, first: float) -> int:
    """The least number of retransmissions that hold a segment back for longer than `gap`."""
    held, tries = 0.0, 0
    while held <= gap and tries < _CUT:
        held += first * 2**tries
        tries += 1
    return tries


def _up_to(value: float, step: float) -> float:
    """Rounds up to a multiple of `step`, so that a person can read it."""
    import math

    return round(math.ceil(value / step) * step, 6)
