"""One fault tree answered: probability, cut sets counted, importance; or, when it is too hard, less than that."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from meshlab.availability.diagrams.bdd import Stopped, TooManyNodes
from meshlab.availability.diagrams.compiled import Compiled, Limits, Progress, compiled
from meshlab.availability.diagrams.minimal import minimal_cut_sets
from meshlab.availability.exact.bounds import Bounds, bounds
from meshlab.availability.exact.counting import INSTALL, CounterFailed, counted, installed
from meshlab.availability.exact.importance import Importance, importances
from meshlab.availability.trees.circuit import Circuit
from meshlab.availability.trees.fault_tree import FaultTree
from meshlab.model.errors import MeshlabError

TIMEOUT = 60.0
_FOR_EXACT = 0.5
_HULL_NODES = 1_500_000
_FOR_HULL_S = 1.0
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ModelAnswer:
    """What is known of one fault tree; `status` says how much, `note` what would give more.

    It is "exact"; "exact, cut sets not counted"; "exact, probability only" (from a model counter); or "bounds".
    """

    file: str
    top: str
    probability: float | None
    bounds: tuple[float, float]
    cut_set_count: int | None
    importance: tuple[Importance, ...]
    elapsed_s: float
    status: Literal["exact", "exact, cut sets not counted", "exact, probability only", "bounds"]
    coherent: bool | None = field(default=None, compare=False)
    note: str = field(default="", compare=False)

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
        if self.note:
            document["note"] = self.note
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

    The first part of the time goes to diagrams. Where they do not fit, the rest goes to bounds that are certified
    (the probability lies between them, whatever the tree) and, side by side, to a model counter where there is one,
    which gives the exact probability alone; the two must agree. Cut sets of a tree that is not coherent are those
    of its coherent hull (see `minimal.minimal_cut_sets`); counting them gets as much time as the rest took, or a
    second.
    """
    start = time.monotonic()
    down = {name: one.mean for name, one in tree.events.items()}
    circuit = tree.circuit()
    limits = Limits(most_nodes, start + _FOR_EXACT * timeout, None, progress)
    try:
        diagrams = compiled(circuit, limits)
    except (Stopped, TooManyNodes):
        answer = _too_large(circuit, down, Limits(most_nodes, start + timeout, None, progress))
        return replace(answer, file=str(file), top=tree.top, elapsed_s=time.monotonic() - start)
    if not diagrams.coherent:
        now = time.monotonic()
        timeout = min(timeout, now - start + max(_FOR_HULL_S, now - start))
    over = threading.Event()
    with ThreadPoolExecutor(1, "cut sets") as pool:  # side by side: neither needs the interpreter's lock
        try:
            until = Limits(most_nodes, start + timeout, over, progress)
            counting = pool.submit(_count, diagrams, until) if cut_sets else None
            probability, importance = importances(diagrams, down)
            count = counting.result() if counting else None
        finally:
            over.set()
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


def _too_large(circuit: Circuit, down: Mapping[str, float], limits: Limits) -> ModelAnswer:
    """Gives bounds, or the probability where a model counter is done first."""
    enough, over = threading.Event(), threading.Event()

    def done(future: Future[float]) -> None:
        if not future.exception():
            enough.set()

    if not installed():
        return _bounded(bounds(circuit, down, limits), INSTALL)
    with ThreadPoolExecutor(1, "counter") as pool:
        exact = pool.submit(counted, circuit, down, replace(limits, stop=over))
        exact.add_done_callback(done)
        try:
            found = bounds(circuit, down, replace(limits, progress=None, stop=enough))
            probability = exact.result()
        except Stopped:
            return _bounded(found, "more time may give the exact probability")
        except CounterFailed as error:
            return _bounded(found, str(error))
        finally:
            over.set()
    if not found.low * (1 - _ROUNDING) <= probability <= found.high * (1 + _ROUNDING):
        raise MeshlabError(
            f"the counted probability {probability!r} is outside of the proven bounds {found.low!r} to {found.high!r}: "
            "one of the two is wrong; please report it with the fault tree"
        )
    return ModelAnswer(
        "", "", probability, (probability, probability), None, (), 0.0, "exact, probability only"
    )


def _bounded(found: Bounds, note: str) -> ModelAnswer:
    return ModelAnswer("", "", None, (found.low, found.high), None, (), 0.0, "bounds", note=note)


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
