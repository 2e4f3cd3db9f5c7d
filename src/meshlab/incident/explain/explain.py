"""From what was seen to the most likely cause: every candidate fault simulated, and ranked by likelihood."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meshlab.incident.explain.candidates import NOTHING, Candidate, candidates
from meshlab.incident.explain.hypotheses import Grid, Hypothesis, Memory, imagine, lengths_seen
from meshlab.incident.explain.likeness import cost, kind_of
from meshlab.incident.explain.ranking import Score, Seen, best_over_time, seen
from meshlab.incident.explain.reasons import Reasons, reasons
from meshlab.incident.observe.observed import initial_leaders
from meshlab.model import Interval, State, Timeline, Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.scenario import Fault, Scenario

if TYPE_CHECKING:
    from meshlab.parameters import Parameters

Progress = Callable[[int, int, str], None]

LAGS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0, 20.0, 30.0, 45.0, 60.0)
"""Seconds by which a fault may precede the first deviation that was seen."""
BLIP_S = 2.0
"""A deviation no longer than this may be a question or two that went unanswered."""
SCREEN, REFINE = 4, 32
"""Replicates of the first look at every candidate, and of the second at those that are left."""
KEEP, WITHIN = 7, 14.0
"""How many are looked at again, and how far behind the best they may be (natural logarithm)."""
QUIET = 0.5
"""Prior probability that nothing failed at all: somebody asks because something looked odd."""
TELLS = 2.0
"""A cause has something to say of what was seen when it is that much likelier than nothing at all."""
ALIKE = 1.0
"""Two causes whose log likelihoods differ by less than this in every component, and by less than 1.5 in all,
cannot be told apart."""


@dataclass(frozen=True)
class Cause:
    """A possible cause: what, how likely, and why.

    Parameters
    ----------
    probability
        Posterior among all candidates, that of those in `alike` included.
    score
        Log likelihood of what was seen (a composite one: compare it, do not believe it to the digit).
    alike
        Other candidates that would have looked the same from here; the prior alone ranks them lower.
    """

    name: str
    fault: Fault | None
    scenario: Scenario
    probability: float
    score: float
    rate_per_year: float
    source: str
    why: Reasons
    alike: tuple[str, ...] = ()
    components: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "components": list(self.components),
            "probability": self.probability,
            "score": self.score,
            "at_s": self.fault.at if self.fault else None,
            "lasts_s": None if self.fault is None or math.isinf(self.fault.lasts) else self.fault.lasts,
            "rate_per_year": self.rate_per_year,
            "source": self.source,
            "alike": list(self.alike),
            "explains": list(self.why.explains),
            "misses": list(self.why.misses),
            "would_show": list(self.why.would_show),
        }


@dataclass(frozen=True)
class Explanation:
    """Causes ranked, most likely first; the probabilities of all add up to one."""

    causes: tuple[Cause, ...]
    deviations: tuple[Interval, ...]
    first_deviation: float | None
    candidates: int
    simulations: int
    seconds: float
    notes: tuple[str, ...] = field(default=())

    @property
    def best(self) -> Cause:
        return self.causes[0]

    @property
    def cannot_tell(self) -> tuple[str, ...]:
        """The causes between which what was seen does not decide; empty where there is one."""
        best = self.best
        return (best.name, *best.alike) if best.alike else ()

    @property
    def first_sign(self) -> Interval | None:
        """The first deviation that the likeliest cause explains; the first of all where it explains none."""
        for seen_so in self.deviations:
            for component, start, end in self.best.why.told:
                if component == seen_so.component and seen_so.start < end and start < seen_so.end:
                    return seen_so
        return self.deviations[0] if self.deviations else None

    @property
    def unexplained(self) -> tuple[Interval, ...]:
        """What deviated before the first sign: it has to do with something else."""
        first = self.first_sign
        return tuple(i for i in self.deviations if first is not None and i.start < first.start)

    def to_dict(self) -> dict[str, Any]:
        return {
            "causes": [cause.to_dict() for cause in self.causes],
            "first_deviation_s": self.first_deviation,
            "first_sign_s": self.first_sign.start if self.first_sign else None,
            "deviations": [
                {"component": i.component, "state": str(i.state), "start_s": i.start, "end_s": i.end}
                for i in self.deviations
            ],
            "cannot_tell": list(self.cannot_tell),
            "candidates": self.candidates,
            "simulations": self.simulations,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }


def explain(
    topology: Topology,
    observed: Timeline,
    *,
    parameters: Parameters | None = None,
    seed: int = 0,
    among: Sequence[Candidate] | None = None,
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> Explanation:
    """Gives the candidate faults ranked by how well their simulation tells what was observed.

    Every single fault of the topology is simulated (`candidates`), with the leaders that were seen at the start,
    for the lengths that the outages suggest; the likelihood of what was seen is averaged over the times at which
    it may have begun, and weighed by how often such a fault happens and lasts so long. Causes that would look
    the same are one entry, which says so.

    Parameters
    ----------
    parameters
        How parts behave there: `Parameters.embedded()` for the embedded cluster.
    among
        Candidates to choose from; by default all single faults.
    progress
        Called with (done, of, what).
    memory
        A dictionary in which simulations are kept for the next explanation on the same topology and parameters.
    """
    started = clock.monotonic()
    known = tuple(among) if among is not None else candidates(topology)
    if NOTHING not in known:
        known = (NOTHING, *known)
    deviations = deviating(observed, topology)
    if not deviations:
        return _quiet(observed, len(known), clock.monotonic() - started)
    onsets = _onsets(deviations)
    run = _Run(topology, observed, known, onsets, parameters, seed, progress, memory)
    ranked = run.ranked()
    return Explanation(
        _grouped(ranked, run),
        deviations,
        min(onsets),
        len(known),
        run.simulations,
        clock.monotonic() - started,
        (
            "single faults only: two at once are not among the candidates",
            "the likelihood takes components as independent, so high probabilities are rather too sure",
        ),
    )


def deviating(observed: Timeline, topology: Topology) -> tuple[Interval, ...]:
    """Gives the stretches in which a component did not look well, by the time they began."""
    return tuple(
        sorted(
            (i for i in observed.intervals if cost(State.UP, i.state, kind_of(i.component, topology)) >= 0.3),
            key=lambda i: (i.start, i.component),
        )
    )


def _onsets(deviations: Sequence[Interval], most: int = 3) -> tuple[float, ...]:
    """Gives the instants around which the fault is looked for, weightiest first: where the longest deviation began,
    where the first that is no mere blip began, and the first of all (which may be an unanswered question)."""
    longest = max(deviations, key=lambda i: (i.length, -i.start))
    lasting = [i for i in deviations if i.length > BLIP_S]
    found: list[float] = []
    for interval in (longest, *lasting[:2], deviations[0]):
        if all(abs(interval.start - other) > 1.5 for other in found):
            found.append(interval.start)
    return tuple(found[:most])


@dataclass(frozen=True)
class _Ranked:
    score: Score
    prior: float
    evidence: float
    probability: float = 0.0

    @property
    def candidate(self) -> Candidate:
        return self.score.hypothesis.candidate


class _Run:
    """One explanation under way: a first look at every candidate, a second at the best."""

    def __init__(
        self,
        topology: Topology,
        observed: Timeline,
        known: Sequence[Candidate],
        onsets: Sequence[float],
        parameters: Parameters | None,
        seed: int,
        progress: Progress | None,
        memory: Memory | None,
    ) -> None:
        self.topology, self.observed, self.known, self.onset = topology, observed, known, onsets[0]
        self.parameters, self.seed, self.progress, self.memory = parameters, seed, progress, memory
        self.grid = Grid.over(_rows(observed), observed.horizon)
        self.what: Seen = seen(observed, topology, self.grid)
        self.initial = _leaders(observed, topology)
        self.times = sorted(
            {onset - lag for onset in onsets for lag in LAGS if onset - lag < observed.horizon}
        )
        self.watched = 10.0 * math.ceil((observed.horizon - min(onsets) + LAGS[-1] + 1.0) / 10.0)
        self.rates = sum(candidate.rate for candidate in known) or 1.0
        self.simulations = 0

    def ranked(self) -> list[_Ranked]:
        lengths = {candidate.name: self._lengths(candidate) for candidate in self.known}
        looked = self._look(self.known, lengths, SCREEN)
        best = max(entry.prior + entry.evidence for entry in looked)
        again = [entry for entry in looked if entry.prior + entry.evidence > best - WITHIN][:KEEP]
        chosen = [entry.candidate for entry in again]
        refined = self._look(
            chosen, {entry.candidate.name: [entry.score.hypothesis.lasts] for entry in again}, REFINE
        )
        names = {entry.candidate.name for entry in refined}
        every = refined + [entry for entry in looked if entry.candidate.name not in names]
        top = max(entry.prior + entry.evidence for entry in every)
        weights = [math.exp(entry.prior + entry.evidence - top) for entry in every]
        total = sum(weights)
        found = [
            _Ranked(entry.score, entry.prior, entry.evidence, weight / total)
            for entry, weight in zip(every, weights, strict=True)
        ]
        return sorted(found, key=lambda entry: (-entry.probability, entry.candidate.name))

    def _look(
        self, chosen: Sequence[Candidate], lengths: Mapping[str, Sequence[float]], replicates: int
    ) -> list[_Ranked]:
        """Simulates and scores; of each candidate's lengths the best is kept. Best first."""
        hypotheses = imagine(
            self.topology,
            chosen,
            self.grid,
            watched=self.watched,
            lengths=lengths,
            initial=self.initial,
            replicates=replicates,
            seed=self.seed,
            parameters=self.parameters,
            progress=self.progress,
            memory=self.memory,
        )
        self.simulations += len(hypotheses) * replicates
        best: dict[str, _Ranked] = {}
        for hypothesis in hypotheses:
            entry = self._weigh(hypothesis)
            held = best.get(entry.candidate.name)
            if held is None or entry.prior + entry.evidence > held.prior + held.evidence:
                best[entry.candidate.name] = entry
        return sorted(best.values(), key=lambda e: (-(e.prior + e.evidence), e.candidate.name))

    def _weigh(self, hypothesis: Hypothesis) -> _Ranked:
        candidate = hypothesis.candidate
        times = self.times if candidate.fault is not None else [self.onset]
        score, evidence = best_over_time(self.what, hypothesis, times)
        if candidate.fault is None:
            return _Ranked(score, math.log(QUIET), evidence)
        share = math.log((1 - QUIET) * max(candidate.rate, 1e-15) / self.rates)
        length = candidate.log_length(hypothesis.lasts, self.observed.horizon - score.time)
        return _Ranked(score, share + length, evidence)

    def _lengths(self, candidate: Candidate) -> list[float]:
        if not candidate.lasting:
            return [math.inf]
        lengths = [math.inf]
        for length in lengths_seen(self.observed, self.onset):
            lengths.append(length)
            boot = self._boot(candidate)
            if boot and length - boot > 0.5:
                lengths.append(length - boot)  # it was back before it had booted
        return lengths

    def _boot(self, candidate: Candidate) -> float:
        """Median seconds that the machines of a failed place need to boot; 0 where nothing boots."""
        if candidate.fault is None or candidate.fault.kind != "fail":
            return 0.0
        if not any(name in self.topology for name in candidate.components):
            return 0.0
        machines = [m for name in candidate.components for m in self.topology.machines_in(name)]
        if not machines:
            return 0.0
        key = f"machine.{machines[0].name}.boot"
        table = self.parameters
        if table is not None:
            table = table.joined(self.topology)
            if key in table:
                return table.distribution(key).quantile(0.5)
        return machines[0].boot.quantile(0.5)


def _grouped(ranked: Sequence[_Ranked], run: _Run) -> tuple[Cause, ...]:
    """Causes that would have looked the same become one, named by the likeliest of them."""
    left = list(ranked)
    quiet = next((entry.score.total for entry in ranked if entry.candidate.fault is None), -math.inf)
    causes: list[Cause] = []
    while left:
        head, *left = left
        tells = head.candidate.fault is not None and head.score.total > quiet + TELLS
        alike = [entry for entry in left if _look_alike(head, entry)] if tells else []
        left = [entry for entry in left if entry not in alike]
        causes.append(_cause(head, alike, run))
    return tuple(sorted(causes, key=lambda c: (-c.probability, c.name)))


def _look_alike(a: _Ranked, b: _Ranked) -> bool:
    if b.candidate.fault is None:
        return False
    apart = abs(a.score.by_component - b.score.by_component)
    return bool(apart.max() < ALIKE and abs(a.score.total - b.score.total) < 1.5)


def _cause(head: _Ranked, alike: Sequence[_Ranked], run: _Run) -> Cause:
    hypothesis = head.score.hypothesis
    candidate = hypothesis.candidate
    scenario = candidate.scenario(
        max(0.0, head.score.time), hypothesis.lasts, run.observed.horizon, run.initial
    )
    return Cause(
        candidate.name,
        scenario.faults[0] if scenario.faults else None,
        scenario,
        head.probability + sum(entry.probability for entry in alike),
        head.score.total,
        candidate.rate * 31557600.0,
        candidate.source,
        reasons(run.what, head.score),
        tuple(entry.candidate.name for entry in alike),
        candidate.components,
    )


def _quiet(observed: Timeline, known: int, seconds: float) -> Explanation:
    watched = f"nothing deviated in {duration(observed.horizon)}"
    cause = Cause(
        NOTHING.name,
        None,
        Scenario(NOTHING.name, observed.horizon),
        1.0,
        0.0,
        0.0,
        NOTHING.source,
        Reasons((watched,), (), ()),
    )
    note = "a fault that leaves no trace in what was looked at cannot be excluded"
    return Explanation((cause,), (), None, known, 0, seconds, (note,))


def _rows(observed: Timeline) -> tuple[str, ...]:
    return observed.components


def _leaders(observed: Timeline, topology: Topology) -> dict[str, str]:
    voters = {group.name: group.voters for group in topology.raft_groups}
    return {g: name for g, name in initial_leaders(observed).items() if name in voters.get(g, ())}
