"""Everything that a capacity plan asks of one design, answered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from meshlab.model import Topology

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.model.review import Finding
    from meshlab.planning.advise import Advice
    from meshlab.planning.capacity import Fit, Recovery
    from meshlab.planning.cost import CostItem
    from meshlab.planning.latency import CommitLatency, Latency
    from meshlab.planning.report.dates import Runout

T = TypeVar("T")
TWO_YEARS = 730 * 86_400.0
STEPS = 8 + 48
"""Ticks of `answers`, for a progress bar."""


@dataclass(frozen=True)
class Answers:
    """What the models say of one design; times in seconds unless they are named otherwise."""

    topology: Topology
    horizon: float
    growth: float
    load: float
    samples: int
    seed: int
    findings: tuple[Finding, ...]
    services: Mapping[str, ServiceAvailability]
    requests: tuple[Latency, ...]
    commits: Mapping[str, tuple[CommitLatency, ...]]
    fits: tuple[Fit, ...]
    runouts: tuple[Runout, ...]
    recoveries: tuple[Recovery, ...]
    bill: tuple[CostItem, ...]
    total: CostItem
    advice: tuple[Advice, ...]
    changed: Mapping[str, Answers] = field(default_factory=dict)


def answers(
    topology: Topology,
    *,
    horizon: float = TWO_YEARS,
    growth: float = 1.0,
    load: float = 0.0,
    samples: int = 20_000,
    seed: int = 0,
    changed: Mapping[str, Topology] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Answers:
    """Gives the answers to every question of a capacity plan.

    Parameters
    ----------
    horizon
        Seconds from today that the plan has to last.
    growth
        How many times as fast as the table's everything grows.
    load
        Requests a second of each kind, one kind at a time.
    samples, seed
        Worlds; the same seed gives the same bits.
    changed
        Other designs to hold beside it, by what they change.
    tick
        Called after each step, :data:`STEPS` times for each design.
    """
    from meshlab.availability import availability
    from meshlab.model.review import review
    from meshlab.planning.advise import advise
    from meshlab.planning.capacity import fits, recoveries
    from meshlab.planning.cost import monthly_cost
    from meshlab.planning.latency import REQUESTS, NoSuchRequest, commit_latency, latency
    from meshlab.planning.report.dates import runouts

    def done(value: T) -> T:
        tick()
        return value

    requests = []
    for kind in REQUESTS:
        try:
            requests.append(latency(topology, kind, load=load, samples=samples, seed=seed))
        except NoSuchRequest:
            continue
    tick()
    *bill, total = done(monthly_cost(topology, samples=samples, seed=seed))
    return Answers(
        topology=topology,
        horizon=horizon,
        growth=growth,
        load=load,
        samples=samples,
        seed=seed,
        findings=done(review(topology)),
        services=done(availability(topology, seed=seed)),
        requests=tuple(requests),
        commits=done(
            {
                g.name: commit_latency(topology, g.name, samples=samples, seed=seed)
                for g in topology.raft_groups
            }
        ),
        fits=done(fits(topology)),
        runouts=runouts(topology, horizon=horizon, growth=growth, samples=samples, seed=seed, tick=tick),
        recoveries=done(recoveries(topology, samples=samples, seed=seed)),
        bill=tuple(bill),
        total=total,
        advice=done(advise(topology)),
        changed={
            name: answers(
                other, horizon=horizon, growth=growth, load=load, samples=samples, seed=seed, tick=tick
            )
            for name, other in (changed or {}).items()
        },
    )
