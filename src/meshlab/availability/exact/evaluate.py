"""Probabilities and their derivatives on compiled diagrams, for many sets of event probabilities in one sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.diagrams.compiled import Compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshlab.availability.diagrams.bdd import Diagram

_CELLS = 20_000_000  # nodes x columns held at once, at most
_WIDE = 200_000  # and where more columns at a time no longer gain anything


def probabilities(compiled: Compiled, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives the top's probability for each column of `q` (events x columns), exact but for rounding.

    Events are independent of each other: what several share is an event of its own.
    """
    return np.concatenate([_forward(compiled, block)[0] for block in _blocks(compiled, q)])


def probability(diagram: Diagram, q: NDArray[np.float64]) -> float:
    """Gives one diagram's probability; ``q[i, 0]`` is that of its variable i."""
    from meshlab.availability.diagrams.bdd_kernels import probabilities as sweep

    held, missed = np.empty((diagram.nodes, 1)), np.empty((diagram.nodes, 1))
    sweep(diagram.levels, diagram.lows, diagram.highs, q, held, missed)
    return float((missed if diagram.root & 1 else held)[diagram.root >> 1, 0])


def gradient(compiled: Compiled, q: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gives the top's probability per column, and its derivative by each event's (events x columns).

    One sweep up and one down per part; a part inside another passes its derivative on by the chain rule.
    """
    from meshlab.availability.diagrams.bdd_kernels import derivatives

    tops, slopes = [], []
    for block in _blocks(compiled, q):
        top, values, sweeps = _forward(compiled, block)
        slope = np.zeros_like(values)
        slope[-1] = -1.0 if compiled.negated else 1.0
        for i in range(len(compiled.parts) - 1, -1, -1):
            part = compiled.parts[i]
            if part.variables:
                d, (held, missed) = part.diagram, sweeps[i]
                out = np.empty((d.variables, block.shape[1]))
                here = values[list(part.variables)]
                derivatives(d.levels, d.lows, d.highs, d.root, here, held, missed, np.empty_like(held), out)
                slope[list(part.variables)] += out * slope[len(compiled.events) + i]
        tops.append(top)
        slopes.append(slope[: len(compiled.events)])
    return np.concatenate(tops), np.concatenate(slopes, axis=1)


def _blocks(compiled: Compiled, q: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    most = max(part.diagram.nodes for part in compiled.parts)
    width = max(1, min(_CELLS // most, max(_WIDE // most, 16)))
    return [np.ascontiguousarray(q[:, i : i + width]) for i in range(0, q.shape[1], width)]


def _forward(
    compiled: Compiled, q: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    from meshlab.availability.diagrams.bdd_kernels import probabilities as sweep

    count = len(compiled.events)
    values = np.zeros((count + len(compiled.parts), q.shape[1]))
    values[:count] = q
    sweeps = []
    top = np.zeros(q.shape[1])
    for i, part in enumerate(compiled.parts):
        d = part.diagram
        held, missed = np.empty((d.nodes, q.shape[1])), np.empty((d.nodes, q.shape[1]))
        here = values[list(part.variables)] if part.variables else np.zeros((0, q.shape[1]))
        sweep(d.levels, d.lows, d.highs, here, held, missed)
        yes, no = (missed, held) if d.root & 1 else (held, missed)
        values[count + i] = yes[d.root >> 1]
        top = (no if compiled.negated else yes)[d.root >> 1].copy()
        sweeps.append((held, missed))
    return top, values, sweeps
