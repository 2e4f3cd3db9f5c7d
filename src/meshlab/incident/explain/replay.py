"""Replay: a hypothesis simulated over the very time that was watched, and what both say of each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshlab.incident.explain.candidates import Candidate
from meshlab.incident.explain.explain import Cause
from meshlab.incident.observe.observed import initial_leaders
from meshlab.model import Estimate, State, Timeline, Topology
from meshlab.simulate import Prediction, simulate
from meshlab.simulate.scenario.scenario import Scenario

if TYPE_CHECKING:
    from meshlab.parameters import Parameters


@dataclass(frozen=True)
class Outage:
    """One service's outage, predicted and observed, in seconds.

    `unseen` are the seconds in which nobody could look, `late` those in which answers came, but late (a client that
    gives up sooner meets an outage); `inside` tells whether what was observed lies in the
    predicted 90 % interval, both taken with their uncertainty (None: it was not looked at).
    """

    service: str
    predicted: Estimate
    mean: float
    observed: float | None
    uncertainty: float
    unseen: float
    inside: bool | None
    note: str = ""
    late: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "predicted_s": {
                "p05": self.predicted.low,
                "p50": self.predicted.mid,
                "p95": self.predicted.high,
                "mean": self.mean,
            },
            "observed_s": self.observed,
            "uncertainty_s": self.uncertainty,
            "unseen_s": self.unseen,
            "late_s": self.late,
            "inside": self.inside,
            "note": self.note,
        }


@dataclass(frozen=True)
class Replay:
    """A hypothesis beside what was observed: the same zero, the same horizon, the same leaders at the start."""

    scenario: Scenario
    prediction: Prediction
    observed: Timeline
    outages: tuple[Outage, ...] = field(default=())

    @property
    def predicted(self) -> Timeline:
        """The most typical replicate, for pictures."""
        return self.prediction.typical()

    def share_inside(self) -> float:
        """Share of the services looked at whose observed outage lies in its predicted interval."""
        judged = [outage.inside for outage in self.outages if outage.inside is not None]
        return sum(judged) / len(judged) if judged else 1.0


def replay(
    topology: Topology,
    observed: Timeline,
    hypothesis: Scenario | Cause | Candidate,
    *,
    at: float = 0.0,
    replicates: int = 200,
    seed: int = 0,
    parameters: Parameters | None = None,
) -> Replay:
    """Simulates a hypothesis over the time that was watched.

    Parameters
    ----------
    hypothesis
        A scenario whose times count from the observed timeline's zero, or a cause that `explain` found; for a bare
        candidate, `at` says when it happened.
    """
    scenario = _scenario(hypothesis, at, observed.horizon)
    leaders = {**_known_leaders(observed, topology), **scenario.initial}
    scenario = replace(scenario, horizon=observed.horizon, initial=leaders)
    prediction = simulate(topology, scenario, replicates=replicates, seed=seed, parameters=parameters)
    return Replay(scenario, prediction, observed, outages(prediction, observed))


def outages(prediction: Prediction, observed: Timeline) -> tuple[Outage, ...]:
    """Gives each service's outage as predicted and as observed."""
    found = []
    for service, outlook in prediction.services.items():
        method = f"{prediction.replicates} replicates, seed {prediction.seed}"
        estimate = Estimate(outlook.p05, outlook.p50, outlook.p95, 0.9, method)
        known = observed.of(service)
        if not known:
            found.append(
                Outage(service, estimate, outlook.mean, None, 0.0, observed.horizon, None, "not looked at")
            )
            continue
        seen = observed.downtime(service)
        blur = sum(2 * i.uncertainty for i in known if not i.state.serving)
        unseen = max(0.0, observed.horizon - sum(i.length for i in known))
        late = _late(observed, service)
        inside = outlook.p05 - blur <= seen + unseen + late and seen <= outlook.p95 + blur
        note = _note(observed, service, unseen, late)
        found.append(Outage(service, estimate, outlook.mean, seen, blur, unseen, inside, note, late))
    return tuple(found)


def _late(observed: Timeline, service: str) -> float:
    """Gives the seconds in which a write waited for its answer, and got it."""
    if service != "kubernetes-api":
        return 0.0
    return sum(i.length for i in observed.of(service) if i.state is State.DEGRADED)


def _note(observed: Timeline, service: str, unseen: float, late: float) -> str:
    notes = []
    if late > 0:
        notes.append(f"writes were answered late for {late:.2g} s")
    if unseen > 0.02 * observed.horizon and unseen > 1.0:
        notes.append(f"could not be seen for {unseen:.3g} s")
    cut = sum(i.length for i in observed.of(service) if i.state is State.UNREACHABLE)
    if cut > 1.0 and service not in ("etcd", "kubernetes-api"):
        notes.append(f"unreachable through the cluster for {cut:.3g} s; its own clients may have been served")
    return "; ".join(notes)


def _scenario(hypothesis: Scenario | Cause | Candidate, at: float, horizon: float) -> Scenario:
    if isinstance(hypothesis, Cause):
        return hypothesis.scenario
    if isinstance(hypothesis, Candidate):
        return hypothesis.scenario(at, float("inf"), horizon)
    return hypothesis


def _known_leaders(observed: Timeline, topology: Topology) -> Mapping[str, str]:
    voters = {group.name: group.voters for group in topology.raft_groups}
    return {g: name for g, name in initial_leaders(observed).items() if name in voters.get(g, ())}
