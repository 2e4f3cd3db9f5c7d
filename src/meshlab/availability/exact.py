"""Exact unavailability by a binary decision diagram, with the importance of every component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from meshlab.availability.cutsets import RankedCutSet, minimal_cut_sets, most_probable_first
from meshlab.availability.formula import AllOf, Formula, Works, events
from meshlab.availability.structure import structure
from meshlab.model import SERVICES, Topology

MINUTES_PER_YEAR = 525_960.0


@dataclass(frozen=True)
class Importance:
    """How much a component matters to one service; U is the service's unavailability, q the component's.

    birnbaum: dU/dq. criticality: q x birnbaum / U. fussell_vesely: the share of U that goes away when the
    component never fails, (U - U(q=0)) / U. raw: U(q=1) / U. rrw: U / U(q=0), infinite where nothing is left.
    (Definitions after Modarres, Kaminskiy and Krivtsov, Reliability Engineering and Risk Analysis, ch. 5.)
    """

    component: str
    birnbaum: float
    criticality: float
    fussell_vesely: float
    raw: float
    rrw: float


@dataclass(frozen=True)
class ServiceAvailability:
    """Exact steady-state unavailability of one service, with the interval that uncertain rates give it."""

    service: str
    unavailability: float
    interval: tuple[float, float]
    cut_set_count: int
    cut_sets: tuple[RankedCutSet, ...]
    importance: tuple[Importance, ...]

    @property
    def downtime_minutes_per_year(self) -> float:
        return self.unavailability * MINUTES_PER_YEAR

    def to_dict(self) -> dict[str, Any]:
        return {
            "unavailability": self.unavailability,
            "interval": list(self.interval),
            "downtime_min_per_year": self.downtime_minutes_per_year,
            "minimal_cut_sets": {
                "count": self.cut_set_count,
                "top": [{"events": list(c.events), "probability": c.probability} for c in self.cut_sets],
            },
            "importance": [
                {
                    "component": i.component,
                    "birnbaum": i.birnbaum,
                    "criticality": i.criticality,
                    "fussell_vesely": i.fussell_vesely,
                    "raw": i.raw,
                    "rrw": i.rrw if i.rrw != float("inf") else None,
                }
                for i in self.importance
            ],
        }


def availability(
    topology: Topology, service: str | None = None, top: int = 10
) -> dict[str, ServiceAvailability]:
    """Gives the exact availability of every service (or of one), computed from the components' rates.

    Components fail and are repaired independently of each other; what they share (zone, site, link) is a
    component of its own. Times that systems need to recover (elections, restarts) are not in it: that is what
    the simulator adds. The interval has every rate at the low, then at the high end of its own interval; the
    structure is monotone, so the answer lies between.

    Raises
    ------
    UnknownComponent
        There is no such service.
    """
    formulas = structure(topology)
    if service is not None and service not in formulas:
        from meshlab.model import UnknownComponent

        raise UnknownComponent(service, formulas)
    names = [service] if service else [name for name in SERVICES if name in formulas]
    down = {"mid": _down(topology, 0), "low": _down(topology, -1), "high": _down(topology, 1)}
    return {name: _exact(name, formulas[name], down, top) for name in names}


def _down(topology: Topology, end: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for component in topology:
        if component.reliability:
            r = component.reliability
            rate = (r.low or r.rate, r.rate, r.high or r.rate)[end + 1]
            load = rate * r.repair.mean
            found[component.name] = load / (1 + load)
    return found


def _exact(
    name: str, formula: Formula, down: Mapping[str, Mapping[str, float]], top: int
) -> ServiceAvailability:
    diagram = Diagram(formula)
    q = down["mid"]
    total = diagram.unavailability(q)
    cuts = minimal_cut_sets(formula)
    ranking = tuple(islice(most_probable_first(cuts, q), top))
    importance = sorted(
        (_importance(diagram, q, total, event) for event in diagram.events if q.get(event)),
        key=lambda i: (-i.criticality, i.component),
    )
    interval = (diagram.unavailability(down["low"]), diagram.unavailability(down["high"]))
    return ServiceAvailability(name, total, interval, len(cuts), ranking, tuple(importance))


def _importance(diagram: Diagram, q: Mapping[str, float], total: float, event: str) -> Importance:
    failed = diagram.unavailability({**q, event: 1.0})
    perfect = diagram.unavailability({**q, event: 0.0})
    birnbaum = failed - perfect
    return Importance(
        component=event,
        birnbaum=birnbaum,
        criticality=q[event] * birnbaum / total if total else 0.0,
        fussell_vesely=(total - perfect) / total if total else 0.0,
        raw=failed / total if total else 1.0,
        rrw=total / perfect if perfect else float("inf"),
    )


class Diagram:
    """A formula compiled to a BDD (oxidd), whose probability is one walk over its nodes."""

    def __init__(self, formula: Formula) -> None:
        from oxidd.bdd import BDDManager

        self.events = events(formula)
        self._manager = BDDManager(1 << 16, 1 << 14, 1)
        self._manager.add_vars(len(self.events))
        self._index = {name: i for i, name in enumerate(self.events)}
        self._root = self._build(formula, {})

    def _build(self, formula: Formula, done: dict[Formula, Any]) -> Any:
        if formula in done:
            return done[formula]
        if isinstance(formula, Works):
            node = self._manager.var(self._index[formula.name])
        else:
            conjunction = isinstance(formula, AllOf)
            node = self._manager.true() if conjunction else self._manager.false()
            for part in formula.parts:
                built = self._build(part, done)
                node = node & built if conjunction else node | built
        done[formula] = node
        return node

    @property
    def nodes(self) -> int:
        return int(self._root.node_count())

    def unavailability(self, down: Mapping[str, float]) -> float:
        """Gives the probability that the formula does not hold; `down` by component, 0 where not named.

        Summed over the failing paths, so that a small unavailability keeps its digits.
        """
        q = [down.get(name, 0.0) for name in self.events]
        known: dict[Any, float] = {}

        def failing(node: Any) -> float:
            if not node.satisfiable():
                return 1.0
            if node.valid():
                return 0.0
            if node not in known:
                i = node.node_var()
                known[node] = (1 - q[i]) * failing(node.cofactor_true()) + q[i] * failing(
                    node.cofactor_false()
                )
            return known[node]

        return failing(self._root)
