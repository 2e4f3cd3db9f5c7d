"""One design measured: availability, p99 latencies, time to exhaustion, cost; the worlds are kept for differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshlab.availability.exact.structure import structure
from meshlab.availability.trees.formula import Formula
from meshlab.availability.trees.rates import rates, sampled, steady
from meshlab.model import MachineGroup, Topology
from meshlab.planning.capacity.forecast import first_exhausted
from meshlab.planning.cost.bill import monthly_worlds
from meshlab.planning.cost.draws import Draws
from meshlab.planning.latency.hops import Latency, latency_of
from meshlab.planning.latency.requests import NoSuchRequest, walk
from meshlab.planning.tables import growth
from meshlab.planning.worlds import Worlds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

LATENCIES = ("api-write", "vault-write", "etcd-put")
"""The kinds of requests whose 99th percentile is compared."""
DAYS_PER_MONTH = 30.4375
BLOCKS = 20
"""Parts of the latency worlds, for the interval of a difference between two designs."""


@dataclass(frozen=True)
class Downtime:
    """A service's share of time down: exact at the spec's rates, and in worlds in which the rates vary."""

    point: float
    worlds: Samples


@dataclass(frozen=True)
class Waiting:
    """A kind of request: its p99 in seconds with its 95 % interval, and the p99 of each block of worlds.

    All of them at `load` requests a second, of which the way carries at most `most`; beyond that they are infinite
    and ``saturated`` names the first station on the way that cannot keep up.
    """

    p99: float
    low: float
    high: float
    blocks: Samples
    load: float = 0.0
    most: float = float("inf")
    saturated: str = ""


@dataclass(frozen=True)
class Measures:
    """Everything that designs are compared by. `exhausted` in months and `cost` in USD a month, world by world.

    The worlds are for differences. Where they are fewer than the plan's, ``shift`` moves what is shown by as much as
    today's design is off in them (`shown_from`): today's numbers are then the plan's own.
    """

    downtime: dict[str, Downtime]
    latency: dict[str, Waiting]
    exhausted: Samples
    first_exhausted: str
    cost: Samples
    shift: Shift | None = None

    @property
    def cost_mid(self) -> float:
        return self.cost_quantile(0.5)

    def cost_quantile(self, p: float) -> float:
        """Gives the USD a month that are not exceeded with this probability."""
        import numpy as np

        return float(np.quantile(self.cost, p)) + (self.shift.cost(p) if self.shift else 0.0)

    def exhaustion_quantile(self, p: float) -> float:
        """Gives the months after which the first resource is used up with this probability; infinite for never."""
        import numpy as np

        found = float(np.quantile(self.exhausted, p, method="lower"))
        return max(0.0, found + self.shift.months(p)) if self.shift else found

    def exhausted_within(self, months: float) -> float:
        """Gives the probability that something is used up within so many months."""
        import numpy as np

        found = float(np.mean(self.exhausted <= months))
        return min(1.0, max(0.0, found + self.shift.within(months))) if self.shift else found


@dataclass(frozen=True)
class Shift:
    """How far today's design is off in the few worlds that designs are compared in: its own numbers less those."""

    own: Measures
    few: Measures
    _kept: dict[tuple[str, float], float] = field(default_factory=dict, compare=False, repr=False)

    def cost(self, p: float) -> float:
        return self._once("cost", p, lambda one: one.cost_quantile(p))

    def months(self, p: float) -> float:
        return self._once("months", p, lambda one: one.exhaustion_quantile(p))

    def within(self, months: float) -> float:
        return self._once("within", months, lambda one: one.exhausted_within(months))

    def _once(self, what: str, at: float, of: Callable[[Measures], float]) -> float:
        """None where today's design is never out of anything: there is no difference to never."""
        if (what, at) not in self._kept:
            own, few = of(self.own), of(self.few)
            known = own < float("inf") and few < float("inf")
            self._kept[what, at] = own - few if known else 0.0
        return self._kept[what, at]


def shown_from(shift: Shift, one: Measures) -> Measures:
    """Gives a design as it is shown: its difference to today's in the few worlds, on top of today's own numbers."""
    own, few = shift.own, shift.few
    latency = {
        kind: _moved(waiting, own.latency[kind], few.latency[kind])
        if kind in own.latency and kind in few.latency
        else waiting
        for kind, waiting in one.latency.items()
    }
    return replace(one, latency=latency, shift=shift)


def _moved(one: Waiting, own: Waiting, few: Waiting) -> Waiting:
    """A p99 is no shorter than nothing; where one is infinite, nothing is known that could be added."""
    if one.saturated or own.saturated or few.saturated:
        return one
    p99, low, high = (
        max(0.0, getattr(one, name) + getattr(own, name) - getattr(few, name))
        for name in ("p99", "low", "high")
    )
    return replace(one, p99=p99, low=low, high=high)


class Measurer:
    """Measures designs on common random numbers; what two designs share is computed once.

    Parameters
    ----------
    samples
        Worlds for latency, growth and prices; rates of failure have their own number (`availability.rates`).
    seed
        The same seed gives the same bits, in whatever order designs are measured.
    load
        Requests of each kind a second, one kind at a time, Poisson; 0 is at rest.
    """

    def __init__(self, samples: int, seed: int, load: float = 0.0) -> None:
        self.samples, self.seed, self.load = samples, seed, load
        self.growth = Worlds(growth(), samples, seed)
        self.prices = Draws(samples, seed)
        self._compiled: dict[Formula, tuple[tuple[tuple[str, float], ...], Downtime]] = {}
        self._waiting: dict[tuple[object, ...], dict[str, Waiting]] = {}

    def __call__(self, topology: Topology) -> Measures:
        """Measures a design to be compared: in it a spare asks for nothing, so it slows nobody."""
        return self._measured(topology, _busy(topology), self._downtime(topology))

    def own(self, topology: Topology, downtime: dict[str, Downtime]) -> Measures:
        """Measures a design as the other commands do, where every machine asks; its downtime needs no worlds."""
        return self._measured(topology, topology, downtime)

    def _measured(self, topology: Topology, asking: Topology, downtime: dict[str, Downtime]) -> Measures:
        exhausted, first = first_exhausted(topology, self.growth, self.prices)
        return Measures(
            downtime,
            self._latency(asking),
            exhausted / DAYS_PER_MONTH,
            first,
            monthly_worlds(topology, self.prices),
        )

    def _downtime(self, topology: Topology) -> dict[str, Downtime]:
        import numpy as np

        from meshlab.availability.exact.evaluate import probabilities
        from meshlab.availability.exact.exact import service_diagrams

        point, worlds = steady(rates(topology)), sampled(topology, seed=self.seed)
        found = {}
        for name, formula in structure(topology).items():
            diagrams = service_diagrams(formula)
            key = tuple((event, point.get(event, 0.0)) for event in diagrams.events)
            kept = self._compiled.get(formula)
            if kept is None or kept[0] != key:
                count = next((w.size for w in worlds.values()), 1)
                q = np.zeros((len(diagrams.events), 1 + count))
                for i, event in enumerate(diagrams.events):
                    if event in worlds:
                        q[i, 0], q[i, 1:] = point[event], worlds[event]
                down = probabilities(diagrams, q)
                kept = key, Downtime(float(down[0]), down[1:])
                self._compiled[formula] = kept
            found[name] = kept[1]
        return found

    def _latency(self, topology: Topology) -> dict[str, Waiting]:
        key = _without_failures(topology)
        if key not in self._waiting:
            self._waiting[key] = {
                kind: one for kind in LATENCIES if (one := self._wait(topology, kind)) is not None
            }
        return self._waiting[key]

    def _wait(self, topology: Topology, kind: str) -> Waiting | None:
        import numpy as np

        try:
            path = walk(
                kind, topology, load=self.load, down=frozenset(), samples=self.samples, seed=self.seed
            )
        except NoSuchRequest:
            return None
        if path.saturated:
            never = np.full(BLOCKS, np.inf)
            return Waiting(np.inf, np.inf, np.inf, never, self.load, path.most, path.saturated)
        found: Latency = latency_of(kind, self.load, path.hops, most=path.most, saturated="", method="")
        total = np.sum([hop.seconds for hop in path.hops], axis=0)
        blocks = np.array([np.quantile(part, 0.99) for part in np.array_split(total, BLOCKS)])
        return Waiting(found.p99.value, found.p99.low, found.p99.high, blocks, self.load, path.most)


def _busy(topology: Topology) -> Topology:
    """Leaves out workers on which nothing runs."""
    used = {name for w in topology.workloads for name in w.machines}
    idle = [m.name for m in topology.workers if m.name not in used]
    return topology.without(*idle) if idle and len(idle) < len(topology.workers) else topology


def _without_failures(topology: Topology) -> tuple[object, ...]:
    """What latency depends on: two designs that differ in failures only take the same time."""
    return tuple(
        replace(component, reliability=None)
        for component in topology
        if not isinstance(component, MachineGroup)
    )
