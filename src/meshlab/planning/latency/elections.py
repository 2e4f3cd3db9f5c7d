"""Which etcd timers to choose: each pair's failover, simulated on the group's own links and disks, and false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshlab.model import Estimate, RaftGroup, Topology
from meshlab.planning.latency.timers import advised, timers, worst_round_trip

HEARTBEATS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
ELECTIONS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
MOST_FALSE = 1 / 30
"""False alarms a day that are accepted: one a month."""


@dataclass(frozen=True)
class Choice:
    """One pair of timers: seconds from the leader's death until another one leads, and until it has committed.

    ``elected`` and ``serving`` are simulated: their mid is the median, low and high the 5 % and 95 % points;
    ``slowest`` is the 99 % point of `serving`. ``split`` is the share of failovers with a split vote.
    ``false_elections`` a day is the bound of :func:`timers`. ``against`` says what the pair breaks, if anything.
    """

    heartbeat: float
    election: float
    elected: Estimate
    serving: Estimate
    slowest: float
    split: float
    false_elections: float
    against: str
    chosen: bool = False

    def to_dict(self) -> dict[str, Any]:
        from dataclasses import asdict

        return asdict(self)


def choices(
    topology: Topology, group: RaftGroup, *, samples: int = 1_000, seed: int = 0
) -> tuple[Choice, ...]:
    """Gives pairs of timers for an etcd group, quickest failover first, with the one to choose marked.

    Chosen is, among the pairs that etcd's guide allows (heartbeat of half to one and a half round trips, or the
    default; election time-out of at least ten round trips and five heartbeats) and that raise less than one false
    alarm a month, one whose failover (99 % point) is within a tenth of the quickest, which is what sampling can tell
    apart: of those the one with the longest heartbeat, which sends least. Where there is none, the guide's own.
    """
    from dataclasses import replace

    trip = worst_round_trip(topology, group, 0.5)
    guide = advised(topology, group)
    pairs = {(h, e) for h in HEARTBEATS for e in ELECTIONS if e >= 5 * h and _sensible(h, e, trip)}
    pairs |= {guide, (group.heartbeat, group.election)}
    found = sorted(
        (_choice(topology, group, h, e, trip, samples, seed) for h, e in sorted(pairs)),
        key=lambda c: (c.slowest, c.heartbeat),
    )
    good = [c for c in found if not c.against]
    near = [c for c in good if c.slowest <= 1.1 * good[0].slowest]
    best = (
        max(near, key=lambda c: c.heartbeat)
        if near
        else next(c for c in found if (c.heartbeat, c.election) == guide)
    )
    return tuple(replace(c, chosen=c is best) for c in found)


def _sensible(heartbeat: float, election: float, trip: float) -> bool:
    """Leaves out what nobody would try: a heartbeat of more than two trips and the default, elections beyond that."""
    return heartbeat <= max(0.1, 2 * trip) and election <= max(2.0, 25 * trip)


def _choice(
    topology: Topology,
    group: RaftGroup,
    heartbeat: float,
    election: float,
    trip: float,
    samples: int,
    seed: int,
) -> Choice:
    import numpy as np

    from meshlab.simulate.groups.failovers import GroupSettings, failovers

    voters = group.voters
    delays = {
        (i, j): link.latency
        for i, a in enumerate(voters)
        for j, b in enumerate(voters)
        if i != j and (link := topology.link_between(a, b)) is not None
    }
    settings = GroupSettings(
        members=len(voters),
        heartbeat=heartbeat,
        election=election,
        prevote=group.prevote,
        check_quorum=group.check_quorum,
        delays=delays,
        fsyncs={i: topology.machine(name).fsync for i, name in enumerate(voters)},
    )
    played = failovers(settings, n=samples, seed=seed)
    served = np.isfinite(played.serving)
    method = f"{samples} kills of a leader, seed {seed}"
    against = _against(heartbeat, election, trip, float(served.mean()))
    false = timers(topology, group, heartbeat, election).false_elections
    if not against and false > MOST_FALSE:
        against = f"{false:.2g} false alarms a day"
    elected, serving = played.elected[served], played.serving[served]
    if not served.any():
        elected = serving = np.full(1, np.inf)
    return Choice(
        heartbeat,
        election,
        Estimate.of(elected, method=method),
        Estimate.of(serving, method=method),
        float(np.quantile(serving, 0.99, method="lower")),
        played.split_share,
        false,
        against,
    )


def _against(heartbeat: float, election: float, trip: float, served: float) -> str:
    if served < 1:
        return f"no leader within a minute in {1 - served:.1%} of the failovers"
    if heartbeat < 0.5 * trip:
        return f"heartbeat below half the round trip of {trip * 1e3:.0f} ms"
    if heartbeat > max(0.1, 1.5 * trip):
        return f"heartbeat above one and a half round trips of {trip * 1e3:.0f} ms"
    if election < 10 * trip:
        return f"election time-out below ten round trips of {trip * 1e3:.0f} ms"
    if election < 5 * heartbeat:
        return "election time-out below five heartbeats"
    return ""
