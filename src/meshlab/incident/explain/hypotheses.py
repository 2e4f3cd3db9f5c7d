"""Hypotheses: each candidate, for each length that it may have had, simulated once; kept as the states seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from meshlab.incident.explain.candidates import Candidate
from meshlab.incident.explain.eyes import codes_seen
from meshlab.incident.explain.likeness import STATES
from meshlab.model import State, Timeline, Topology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.parameters import Parameters

LEAD_S = 5.0
"""Quiet seconds before the fault in every simulation; the history before them is the same, so it is not run."""

Progress = Callable[[int, int, str], None]
Memory = dict[Hashable, "Hypothesis"]


@dataclass(frozen=True)
class Grid:
    """The instants at which histories are compared: `count` bins of `step` seconds; `components` are the rows."""

    components: tuple[str, ...]
    step: float
    count: int

    @classmethod
    def over(cls, components: Sequence[str], horizon: float, finest: float = 0.25, most: int = 1600) -> Grid:
        """Gives a grid fine enough for a probe's interval, and coarse enough to be quick on a long history."""
        step = max(finest, horizon / most)
        return cls(tuple(components), step, max(1, math.ceil(horizon / step)))


@dataclass(frozen=True)
class Hypothesis:
    """A candidate that lasts so long: `codes` are states [replicate, component, bin] from `LEAD_S` before it."""

    candidate: Candidate
    lasts: float
    codes: NDArray[np.uint8] = field(repr=False)

    @cached_property
    def touched(self) -> tuple[int, ...]:
        """The rows in which some replicate is ever anything but up: the others need no second look."""
        up = STATES.index(State.UP)
        return tuple(int(row) for row in (self.codes != up).any(axis=(0, 2)).nonzero()[0])

    def window(self, time: float, grid: Grid) -> NDArray[np.uint8]:
        """Gives the states on the grid when the fault came `time` seconds after the grid's zero."""
        import numpy

        first = round((LEAD_S - time) / grid.step)
        wanted = numpy.clip(numpy.arange(first, first + grid.count), 0, self.codes.shape[2] - 1)
        return self.codes[:, :, wanted]


def imagine(
    topology: Topology,
    candidates: Iterable[Candidate],
    grid: Grid,
    *,
    watched: float,
    lengths: Mapping[str, Sequence[float]],
    initial: Mapping[str, str],
    replicates: int,
    seed: int,
    parameters: Parameters | None,
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> list[Hypothesis]:
    """Simulates each candidate for each of its lengths.

    Parameters
    ----------
    watched
        Seconds to simulate after the fault.
    lengths
        By candidate name, the lengths to try (seconds; infinite: to the end).
    memory
        What was simulated before for this topology and these parameters; what is new is added to it.
    """
    import numpy

    from meshlab.simulate import simulate

    runs = [(candidate, lasts) for candidate in candidates for lasts in lengths[candidate.name]]
    count = math.ceil((LEAD_S + watched) / grid.step)
    found: list[Hypothesis] = []
    for number, (candidate, lasts) in enumerate(runs):
        if progress:
            progress(number, len(runs), candidate.name)
        key = (candidate.name, lasts, grid, watched, tuple(sorted(initial.items())), replicates, seed)
        if memory is not None and key in memory:
            found.append(memory[key])
            continue
        scenario = candidate.scenario(LEAD_S, lasts, LEAD_S + watched, initial)
        prediction = simulate(topology, scenario, replicates=replicates, seed=seed, parameters=parameters)
        codes = numpy.stack(
            [
                codes_seen(timeline, topology, candidate, grid.components, grid.step, count)
                for timeline in prediction.timelines
            ]
        )
        found.append(Hypothesis(candidate, lasts, codes))
        if memory is not None:
            memory[key] = found[-1]
    if progress:
        progress(len(runs), len(runs), "")
    return found


def lengths_seen(observed: Timeline, start: float, most: int = 3) -> tuple[float, ...]:
    """Gives how long the trouble may have lasted, from the stretches of outage that ended while watched."""
    ends = sorted(
        {
            round(i.end - start, 2)
            for i in observed.intervals
            if not i.state.serving
            and i.end < observed.horizon - 1.0
            and i.end - start > 0.5
            and i.length > 1.0
        },
        reverse=True,
    )
    kept: list[float] = []
    for end in ends:
        if all(abs(end - other) > 0.15 * other for other in kept):
            kept.append(end)
    return tuple(kept[:most])
