"""One fault tree answered: probability, cut sets counted, importance; or certified bounds when it is too hard."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from meshlab.availability.bdd import Stopped, TooManyNodes
from meshlab.availability.bounds import bounds
from meshlab.availability.compiled import Compiled, Limits, Progress, compiled
from meshlab.availability.fault_tree import FaultTree
from meshlab.availability.importance import Importance, importances
from meshlab.availability.minimal import minimal_cut_sets

TIMEOUT = 60.0
_FOR_EXACT = 0.5
_HULL_NODES = 1_500_000
_FOR_HULL_S = 1.0


@dataclass(frozen=True)
class ModelAnswer:
    """What is known of one fault tree. `status`: "exact"; "exact, cut sets not counted"; or "bounds"."""

    file: str
    top: str
    probability: float | None
    bounds: tuple[float, float]
    cut_set_count: int | None
    importance: tuple[Importance, ...]
    elapsed_s: float
    status: Literal["exact", "exact, cut sets not counted", "bounds"]
    coherent: bool | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Gives the fixed JSON form; "bounds" is there only where there is no exact probability."""
        document: dict[str, Any] = {
            "file": self.file,
            "top": self.top,
            "probability": self.probability,
            "minimal_cut_sets": {"count": self.cut_set_count},
            "importance": [one.to_dict() for one in self.importance],
            "elapsed_s": self.elapsed_s,
            "status": self.status,
        }
        if self.status == "bounds":
            document["bounds"] = list(self.bounds)
        return document


def solve(
    tree: FaultTree,
    file: str | Path = "",
    cut_sets: bool = True,
    timeout: float = TIMEOUT,
    most_nodes: int = 40_000_000,
    progress: Progress | None = None,
) -> ModelAnswer:
    """Answers one fault tree within `timeout` seconds.

    The first part of the time goes to the exact answer. Where that does not come, the rest goes to bounds that
    are certified: the probability lies between them, whatever the tree. Cut sets of a tree that is not coherent
    are those of its coherent hull (see `minimal.minimal_cut_sets`); counting them gets as much time as the rest took,
    or a second.
    """
    start = time.monotonic()
    down = {name: one.mean for name, one in tree.events.items()}
    circuit = tree.circuit()
    limits = Limits(most_nodes, start + _FOR_EXACT * timeout, None, progress)
    try:
        diagrams = compiled(circuit, limits)
    except (Stopped, TooManyNodes):
        found = bounds(circuit, down, Limits(most_nodes, start + timeout, None, progress))
        ends = (found.low, found.high)
        return ModelAnswer(str(file), tree.top, None, ends, None, (), time.monotonic() - start, "bounds")
    probability, importance = importances(diagrams, down)
    if not diagrams.coherent:
        now = time.monotonic()
        timeout = min(timeout, now - start + max(_FOR_HULL_S, now - start))
    count = _count(diagrams, Limits(most_nodes, start + timeout, None, progress)) if cut_sets else None
    return ModelAnswer(
        file=str(file),
        top=tree.top,
        probability=probability,
        bounds=(probability, probability),
        cut_set_count=count,
        importance=importance,
        elapsed_s=time.monotonic() - start,
        status="exact, cut sets not counted" if cut_sets and count is None else "exact",
        coherent=diagrams.coherent,
    )


def _count(diagrams: Compiled, limits: Limits) -> int | None:
    """Gives the number of minimal cut sets; none where the time or, for a coherent hull, a small budget is spent.

    The hull of a diagram can be far larger than the diagram, and its count is the lesser part of the answer.
    """
    if not diagrams.coherent:
        limits.most_nodes = min(limits.most_nodes, _HULL_NODES + diagrams.nodes)
    try:
        return minimal_cut_sets(diagrams, limits).count()
    except (Stopped, TooManyNodes):
        return None
