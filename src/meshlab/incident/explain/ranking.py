"""The likelihood of what was seen under what was simulated, per component and per stretch of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from meshlab.incident.explain.hypotheses import Grid, Hypothesis
from meshlab.incident.explain.likeness import STATES, UNSEEN, encode, kind_of, table
from meshlab.model import State, Timeline, Topology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLACK_S = 0.75
"""Seconds of mismatch that the model itself is granted in each stretch."""
STRETCH = 0.05
"""Share of the length of a stretch of trouble that it is granted besides, within it and beside it."""
ODD = 1e-6
"""Probability that a stretch is as it is for a reason outside the model: a missed probe, a bug, a second fault."""


@dataclass(frozen=True)
class Stretch:
    """A stretch in which a component was seen in one state: bins [first, last) of its row."""

    component: str
    state: State
    first: int
    last: int


@dataclass(frozen=True)
class Seen:
    """What was observed, on the grid: codes [component, bin], its stretches, and the scale of mismatch of each."""

    grid: Grid
    codes: NDArray[np.uint8] = field(repr=False)
    stretches: tuple[tuple[Stretch, ...], ...]
    scales: tuple[NDArray[np.float64], ...] = field(repr=False)
    costs: tuple[NDArray[np.float32], ...] = field(repr=False)

    @cached_property
    def untouched(self) -> NDArray[np.float64]:
        """Log likelihood of each component under a hypothesis in which it stays up."""
        import numpy

        well = numpy.full((1, self.grid.count), STATES.index(State.UP), dtype=numpy.uint8)
        return numpy.array([_log_likelihood(self, row, well) for row in range(len(self.stretches))])


@dataclass(frozen=True)
class Score:
    """How well one hypothesis with its fault at `time` tells what was seen: log likelihood per component."""

    hypothesis: Hypothesis
    time: float
    by_component: NDArray[np.float64] = field(repr=False)

    @property
    def total(self) -> float:
        return float(self.by_component.sum())


def seen(observed: Timeline, topology: Topology, grid: Grid) -> Seen:
    """Gives the observed timeline ready to be compared."""
    import numpy

    codes = encode(observed, grid.components, 0.0, grid.step, grid.count)
    stretches, scales, costs = [], [], []
    for row, component in enumerate(grid.components):
        cuts = [0, *(int(c) + 1 for c in numpy.flatnonzero(numpy.diff(codes[row]))), grid.count]
        own = tuple(
            Stretch(component, STATES[codes[row, a]], a, b)
            for a, b in pairwise(cuts)
            if codes[row, a] != UNSEEN
        )
        blur = max((i.uncertainty for i in observed.of(component)), default=0.0)
        stretches.append(own)
        scales.append(
            numpy.array([SLACK_S + blur + STRETCH * grid.step * n for n in _trouble(own)], dtype=float)
        )
        costs.append(table(kind_of(component, topology)))
    return Seen(grid, codes, tuple(stretches), tuple(scales), tuple(costs))


def _trouble(own: Sequence[Stretch]) -> list[int]:
    """For each stretch, the bins of trouble whose length may be a little off: its own, or next to it when well."""
    bad = [0 if s.state is State.UP else s.last - s.first for s in own]
    return [max(bad[max(0, n - 1) : n + 2]) if bad[n] == 0 else bad[n] for n in range(len(own))]


def mismatch(what: Seen, hypothesis: Hypothesis, time: float, row: int) -> NDArray[np.float64]:
    """Gives the seconds of mismatch of one component: an array [replicate, stretch]."""
    return _unlike(what, row, hypothesis.window(time, what.grid)[:, row])


def _unlike(what: Seen, row: int, codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    import numpy

    unlike = what.costs[row][codes, what.codes[row][None, :]]
    total = numpy.zeros((unlike.shape[0], unlike.shape[1] + 1))
    numpy.cumsum(unlike, axis=1, out=total[:, 1:])
    first = [stretch.first for stretch in what.stretches[row]]
    last = [stretch.last for stretch in what.stretches[row]]
    seconds: NDArray[np.float64] = (total[:, last] - total[:, first]) * what.grid.step
    return seconds


def _log_likelihood(what: Seen, row: int, codes: NDArray[np.uint8]) -> float:
    import numpy

    if not what.stretches[row]:
        return 0.0
    seconds = _unlike(what, row, codes)
    kernel = numpy.log((1 - ODD) * numpy.exp(-seconds / what.scales[row]) + ODD).sum(axis=1)
    top = kernel.max()
    return float(top + numpy.log(numpy.exp(kernel - top).mean()))


def score(what: Seen, hypothesis: Hypothesis, time: float) -> Score:
    """Gives the log likelihood of what was seen, component by component.

    For a component with stretches s and replicates r it is log(1/R sum_r prod_s k(d_rs)), where d is the seconds
    in which the replicate looks unlike what was seen and k(d) = (1 - ODD) exp(-d / scale_s) + ODD. Components are
    taken as independent given the hypothesis: a composite likelihood, which ranks well and is rather too sure.
    """
    logs = what.untouched.copy()
    window = hypothesis.window(time, what.grid)
    for row in hypothesis.touched:
        logs[row] = _log_likelihood(what, row, window[:, row])
    return Score(hypothesis, time, logs)


def best_over_time(what: Seen, hypothesis: Hypothesis, times: Sequence[float]) -> tuple[Score, float]:
    """Gives the best-placed score and the log likelihood averaged over the times tried."""
    import numpy

    scores = [score(what, hypothesis, time) for time in times]
    totals = numpy.array([s.total for s in scores])
    best = int(totals.argmax())
    return scores[best], float(totals[best] + numpy.log(numpy.exp(totals - totals[best]).mean()))
