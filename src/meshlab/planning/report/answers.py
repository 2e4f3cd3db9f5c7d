"""Everything that a capacity plan asks of one design, answered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshlab.model import Topology
from meshlab.planning.progress import Progress, Steps
from meshlab.planning.worlds import WORLDS

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.model.review import Finding
    from meshlab.planning.advise import Advice
    from meshlab.planning.capacity import Fit, Recovery
    from meshlab.planning.cost import CostItem
    from meshlab.planning.latency import CommitLatency, Latency
    from meshlab.planning.report.dates import Runout

TWO_YEARS = 730 * 86_400.0


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
    samples: int = WORLDS,
    seed: int = 0,
    changed: Mapping[str, Topology] | None = None,
    progress: Progress | None = None,
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
    progress
        Called before each question with how many are answered, how many there are, and which comes next.
    """
    from meshlab.planning.latency import REQUESTS

    others = changed or {}
    steps = Steps((len(REQUESTS) + len(_QUESTIONS)) * (1 + len(others)), progress)
    asked = _Asked(horizon, growth, load, samples, seed)
    found = _answered(topology, asked, steps, "")
    beside = {name: _answered(other, asked, steps, f"{name}: ") for name, other in others.items()}
    steps.end()
    return replace(found, changed=beside)


@dataclass(frozen=True)
class _Asked:
    horizon: float
    growth: float
    load: float
    samples: int
    seed: int


_QUESTIONS = ("review", "availability", "commits", "room", "dates", "recovery", "bill", "quorums")


def _answered(topology: Topology, asked: _Asked, steps: Steps, which: str) -> Answers:
    from meshlab.availability import availability
    from meshlab.model.review import review
    from meshlab.planning.advise import advise
    from meshlab.planning.capacity import fits, recoveries
    from meshlab.planning.cost import monthly_cost
    from meshlab.planning.latency import REQUESTS, NoSuchRequest, commit_latency, latency
    from meshlab.planning.report.dates import runouts

    samples, seed = asked.samples, asked.seed
    requests = []
    for kind in REQUESTS:
        steps.begin(f"{which}latency of {kind}")
        with suppress(NoSuchRequest):
            requests.append(latency(topology, kind, load=asked.load, samples=samples, seed=seed))
    questions: dict[str, Callable[[], Any]] = {
        "review": lambda: review(topology),
        "availability": lambda: availability(topology, seed=seed),
        "commits": lambda: {
            g.name: commit_latency(topology, g.name, samples=samples, seed=seed) for g in topology.raft_groups
        },
        "room": lambda: fits(topology),
        "dates": lambda: runouts(
            topology, horizon=asked.horizon, growth=asked.growth, samples=samples, seed=seed
        ),
        "recovery": lambda: recoveries(topology, samples=samples, seed=seed),
        "bill": lambda: monthly_cost(topology, samples=samples, seed=seed),
        "quorums": lambda: advise(topology),
    }
    found: dict[str, Any] = {}
    for name in _QUESTIONS:
        steps.begin(f"{which}{name}")
        found[name] = questions[name]()
    *bill, total = found["bill"]
    return Answers(
        topology=topology,
        horizon=asked.horizon,
        growth=asked.growth,
        load=asked.load,
        samples=asked.samples,
        seed=asked.seed,
        findings=found["review"],
        services=found["availability"],
        requests=tuple(requests),
        commits=found["commits"],
        fits=found["room"],
        runouts=found["dates"],
        recoveries=found["recovery"],
        bill=tuple(bill),
        total=total,
        advice=found["quorums"],
    )
