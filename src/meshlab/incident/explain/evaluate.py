"""How good are the explanations? Incidents of known cause, simulated with other seeds, seen through an observer.

Measured on the reference cluster (`python -m meshlab.incident.explain.evaluate`; the table is in docs/explain.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshlab.incident.explain.candidates import NOTHING, Candidate, candidates
from meshlab.incident.explain.explain import Progress, deviating, explain
from meshlab.incident.explain.eyes import codes_seen
from meshlab.incident.explain.hypotheses import Memory
from meshlab.incident.explain.likeness import STATES, UNSEEN, kind_of
from meshlab.model import Event, Lane, State, Timeline, Topology

if TYPE_CHECKING:
    import numpy as np

    from meshlab.parameters import Parameters

FINE_S = 0.05
MISSED = 0.01
"""Share of single questions that go unanswered for no reason of the cluster's."""


@dataclass(frozen=True)
class Case:
    """One incident of known cause and what was made of it.

    `place` is the rank of the entry that holds the true cause (1 is best; 0: it left no trace); `alike` how many
    candidates share that entry; `named` whether the entry carries the true cause's own name.
    """

    truth: str
    seed: int
    place: int
    named: bool
    alike: int
    best: str
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """The cases and what they come to; `candidates` is how many causes there were to choose from."""

    cases: tuple[Case, ...]
    candidates: int
    quiet: int
    alarms: int

    @property
    def visible(self) -> tuple[Case, ...]:
        """The incidents that left a trace in what was looked at."""
        return tuple(case for case in self.cases if case.place)

    def top(self, places: int) -> float:
        """Share of the visible incidents whose true cause is among the first so many entries."""
        return sum(case.place <= places for case in self.visible) / max(1, len(self.visible))

    @property
    def named(self) -> float:
        """Share of the visible incidents whose first entry carries the true cause's own name."""
        return sum(case.place == 1 and case.named for case in self.visible) / max(1, len(self.visible))

    def chance(self, places: int) -> float:
        """What guessing would reach: entries of the mean size, drawn at random."""
        size = sum(1 + case.alike for case in self.visible) / max(1, len(self.visible))
        return min(1.0, places * size / self.candidates)

    @property
    def false_alarms(self) -> float:
        """Share of quiet watches, with unanswered questions in them, of which a fault was made."""
        return self.alarms / max(1, self.quiet)

    def to_dict(self) -> dict[str, Any]:
        return {
            "incidents": len(self.cases),
            "visible": len(self.visible),
            "candidates": self.candidates,
            "top1": self.top(1),
            "top3": self.top(3),
            "named": self.named,
            "chance_top1": self.chance(1),
            "chance_top3": self.chance(3),
            "quiet": self.quiet,
            "false_alarms": self.false_alarms,
        }


def evaluate(
    topology: Topology,
    *,
    seeds: Sequence[int],
    quiet_seeds: Sequence[int] = (),
    among: Sequence[Candidate] | None = None,
    parameters: Parameters | None = None,
    horizon: float = 90.0,
    progress: Progress | None = None,
) -> Evaluation:
    """Explains simulated incidents of known cause.

    Each candidate of `among` is made to happen once per seed; the simulator's seeds are none of those that `explain`
    uses. Half of those that have a length end while they are watched.
    """
    every = candidates(topology)
    truths = [c for c in (among or every) if c.fault is not None]
    memory: Memory = {}
    cases: list[Case] = []
    runs = [(truth, seed) for seed in seeds for truth in truths]
    for number, (truth, seed) in enumerate(runs):
        if progress:
            progress(number, len(runs) + len(quiet_seeds), truth.name)
        seen = incident_of(topology, truth, seed, parameters=parameters, horizon=horizon)
        cases.append(_judge(topology, truth, seed, seen, every, parameters, memory))
    alarms = 0
    for number, seed in enumerate(quiet_seeds):
        if progress:
            progress(len(runs) + number, len(runs) + len(quiet_seeds), "a quiet watch")
        seen = incident_of(topology, NOTHING, seed, parameters=parameters, horizon=horizon)
        found = explain(topology, seen, parameters=parameters, among=every, memory=memory)
        alarms += found.best.fault is not None
    return Evaluation(tuple(cases), len(every), len(quiet_seeds), alarms)


def _judge(
    topology: Topology,
    truth: Candidate,
    seed: int,
    seen: Timeline,
    every: Sequence[Candidate],
    parameters: Parameters | None,
    memory: Memory,
) -> Case:
    if not any(i.length > 1.5 for i in deviating(seen, topology)):
        return Case(truth.name, seed, 0, False, 0, NOTHING.name, 1.0)
    found = explain(topology, seen, parameters=parameters, among=every, memory=memory)
    entries = [(cause.name, *cause.alike) for cause in found.causes]
    place = next((n for n, names in enumerate(entries, 1) if truth.name in names), len(entries) + 1)
    alike = len(entries[place - 1]) - 1 if place <= len(entries) else 0
    named = place <= len(entries) and entries[place - 1][0] == truth.name
    return Case(truth.name, seed, place, named, alike, found.best.name, found.best.probability)


def incident_of(
    topology: Topology,
    truth: Candidate,
    seed: int,
    *,
    parameters: Parameters | None = None,
    horizon: float = 90.0,
    interval: float = 0.5,
    missed: float = MISSED,
) -> Timeline:
    """Gives one simulated incident as an observer would have recorded it.

    Every component is asked each `interval` seconds at a phase of its own; `missed` of the questions go
    unanswered; KubeSpan says nothing within its 155 s; who led at the start is known.
    """
    import numpy

    from meshlab.simulate import simulate

    rng = numpy.random.default_rng([77, seed, *truth.name.encode()])
    at = float(rng.uniform(15.0, 25.0))
    lasts = float(rng.uniform(15.0, 35.0)) if truth.lasting and rng.random() < 0.5 else math.inf
    voters = topology.raft_groups
    leads = numpy.random.default_rng(
        [78, seed]
    )  # the same for every cause of a seed: what is simulated can be kept
    initial = {group.name: str(leads.choice(list(group.voters))) for group in voters}
    scenario = truth.scenario(at, lasts, horizon, initial)
    history = simulate(
        topology, scenario, replicates=1, seed=1_000_003 + seed, parameters=parameters
    ).timelines[0]
    components = tuple(sorted({*history.components} & _watched(topology)))
    codes = codes_seen(history, topology, truth, components, FINE_S, math.ceil(horizon / FINE_S))
    intervals = []
    for row, component in enumerate(components):
        intervals += _asked(component, codes[row], topology, rng, horizon, interval, missed)
    leaders = tuple(Event(0.0, group, f"{name} leads", "leader") for group, name in initial.items())
    return Timeline("observed", horizon, tuple(intervals), leaders, epoch=0.0)


def _watched(topology: Topology) -> set[str]:
    machines = {machine.name for machine in topology.machines}
    chains = {w.name for w in topology.workloads if w.role != "vault"}
    return machines | chains | {"etcd", "vault", "kubernetes-api", "mesh", "management"}


def _asked(
    component: str,
    codes: Any,
    topology: Topology,
    rng: np.random.Generator,
    horizon: float,
    interval: float,
    missed: float,
) -> list[Any]:
    """One component's intervals, from asking it again and again."""
    kind = kind_of(component, topology)
    times = [float(t) for t in _phases(rng, horizon, interval)]
    lane: Lane | None = None
    before = 0.0
    for time in times:
        code = int(codes[min(len(codes) - 1, int(time / FINE_S))])
        if code == UNSEEN:
            continue
        state = _looks(STATES[code], kind)
        if rng.random() < missed and kind in ("machine", "chain", "api"):
            state = State.DOWN if kind == "api" else State.UNREACHABLE
        if lane is None:
            lane = Lane(component, state)
        else:
            lane.at((before + time) / 2, state)
        before = time
    if lane is None:
        return []
    return [
        type(i)(i.component, i.state, i.start, i.end, uncertainty=interval / 2) for i in lane.until(horizon)
    ]


def _phases(rng: np.random.Generator, horizon: float, interval: float) -> Any:
    import numpy

    return numpy.arange(float(rng.uniform(0.0, interval)), horizon, interval)


def _looks(state: State, kind: str) -> State:
    """What the observer's probe would say of a true state."""
    if kind == "machine":
        if state in (State.DOWN, State.BOOTING):
            return State.UNREACHABLE
        return State.UP if state is State.UNREACHABLE else state
    if kind == "mesh":
        return State.UP
    if kind == "api" and state is State.DEGRADED:
        return State.UP
    return state


def main() -> None:
    """Prints the table for the reference cluster; takes some minutes."""
    import json
    import sys

    from meshlab.model.spec import reference

    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    found = evaluate(
        reference(),
        seeds=seeds,
        quiet_seeds=range(40),
        progress=lambda done, of, what: print(f"\r{done}/{of} {what:50}", end="", file=sys.stderr),
    )
    print(json.dumps(found.to_dict(), indent=2))
    for case in found.cases:
        if case.place != 1:
            print(case)


if __name__ == "__main__":
    main()
