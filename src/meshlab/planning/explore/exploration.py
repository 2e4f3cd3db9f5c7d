"""Every design measured, judged and compared: the answer to "what if we built it otherwise?"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from meshlab.availability.exact.structure import structure
from meshlab.model import InputError, Topology, UnknownComponent
from meshlab.planning.explore.designs import Design, designs
from meshlab.planning.explore.dimensions import DIMENSIONS, dimensions
from meshlab.planning.explore.front import dominators, objectives
from meshlab.planning.explore.limits import MINUTES_PER_YEAR, Limits, Rejected, missed, remedy
from meshlab.planning.explore.measures import Measurer, Measures, Shift, Waiting, shown_from
from meshlab.planning.explore.recommendation import Recommendation, recommend
from meshlab.planning.progress import Progress, Steps
from meshlab.planning.worlds import WORLDS


@dataclass(frozen=True)
class Explored:
    """One design with its numbers and the verdict on it; ``dominated_by`` names a design on the front.

    ``missed`` has every constraint that it misses, the one that rejects it first.
    """

    design: Design
    measures: Measures
    missed: tuple[Rejected, ...]
    front: bool
    dominated_by: str | None
    worst: str

    @property
    def rejected(self) -> Rejected | None:
        """Why it is out; none when it keeps to everything."""
        return self.missed[0] if self.missed else None

    def to_dict(self, horizon: float) -> dict[str, Any]:
        """Gives the design as plain data; times that never come are null."""
        import numpy as np

        m = self.measures
        low, mid, high = (_finite(m.exhaustion_quantile(p)) for p in (0.1, 0.5, 0.9))
        return {
            "name": self.design.name,
            "choices": self.design.choices,
            "availability": {
                name: {
                    "availability": 1 - one.point,
                    "downtime_min_per_year": one.point * MINUTES_PER_YEAR,
                    "interval_min_per_year": [
                        float(x) * MINUTES_PER_YEAR for x in np.quantile(one.worlds, [0.05, 0.95])
                    ],
                }
                for name, one in m.downtime.items()
            },
            "worst_service": self.worst,
            "latency_p99_s": {kind: _waiting(one) for kind, one in m.latency.items()},
            "exhausted_after_months": {
                "p10": low,
                "p50": mid,
                "p90": high,
                "within_horizon": m.exhausted_within(horizon),
                "first": m.first_exhausted,
            },
            "cost_per_month": {
                name: m.cost_quantile(p) for name, p in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95))
            },
            "front": self.front,
            "dominated_by": self.dominated_by,
            "rejected": self.rejected.to_dict() if self.rejected else None,
            "missed": [one.constraint for one in self.missed],
        }


@dataclass(frozen=True)
class Exploration:
    """All designs, today's first, and what to do. `services` are those that the choices change.

    ``load`` is how many requests of each kind a second the latencies are under; 0 is at rest. Today's design has the
    numbers that the other commands give it; the others have those, and what they differ by in the same worlds.
    """

    designs: tuple[Explored, ...]
    services: tuple[str, ...]
    limits: Limits
    recommendation: Recommendation
    method: str
    load: float = 0.0

    @property
    def today(self) -> Explored:
        return next(one for one in self.designs if one.design.is_today)

    @property
    def base(self) -> Explored:
        """What the others are compared with: today's design, said in full where a dimension says more than its spec."""
        return next((one for one in self.designs if one.design.told), self.today)

    def __getitem__(self, name: str) -> Explored:
        return next(one for one in self.designs if one.design.name == name)

    def to_dict(self) -> dict[str, Any]:
        asked = asdict(self.limits)
        asked["budget"] = _finite(asked["budget"])
        return {
            "designs": [one.to_dict(self.limits.horizon) for one in self.designs],
            "compared_services": list(self.services),
            "compared_with": self.base.design.name,
            "limits": asked,
            "load_per_s": self.load,
            "recommendation": self.recommendation.to_dict(),
            "method": self.method,
        }


def explore(
    topology: Topology,
    varied: Iterable[str] = (),
    *,
    asked: Limits | None = None,
    load: float = 0.0,
    service: str = "",
    samples: int = 4_000,
    seed: int = 0,
    worlds: int = WORLDS,
    progress: Progress | None = None,
) -> Exploration:
    """Measures and compares the designs that a topology could be changed into.

    Parameters
    ----------
    varied
        ``NAME=VALUE,VALUE`` words; all dimensions that apply when empty, with what today's design runs out of.
    asked
        What every design must keep to; :class:`Limits` has the defaults.
    load
        Requests of each kind a second, one kind at a time, at which the p99 is taken; a design that cannot carry them
        is rejected. 0 is at rest.
    service
        Compare by this service's downtime alone instead of every service's that the choices change.
    samples, seed
        Worlds of latency, growth and prices in which designs are compared; the same seed gives the same bits.
    worlds
        Those of today's own numbers, on top of which the differences are shown: the plan's.
    progress
        Called before each design with how many are done, how many there are, and its name.

    Raises
    ------
    InputError
        A dimension or value that there is not; a load that is none; a limit on a kind of request that nothing answers.
    UnknownComponent
        There is no such service.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> found = explore(reference(), ["spare-workers=0,1"], samples=500)
    >>> [one.design.name for one in found.designs]
    ['today', 'spare-workers=1']
    """
    asked = asked or Limits()
    if not 0 <= load < float("inf"):
        raise InputError.single("--load", f"{load:g} requests a second are no load", "for example --load 200")
    _answerable(topology, service)
    measure = Measurer(samples, seed, load)
    few = measure(topology)
    own = Measurer(worlds, seed, load).own(topology, few.downtime)
    words = tuple(varied)
    choices = dimensions(topology, words) if words else _default(topology, own, asked)
    chosen = designs(topology, choices, asked=bool(words))
    steps = Steps(len(chosen), progress)
    measured: list[Measures] = []
    shift = Shift(own, few)
    for design in chosen:
        steps.begin(design.name)
        measured.append(shown_from(shift, few if design.is_today else measure(design.topology)))
        _answered(measured[-1], asked)
    steps.end()
    base = next((i for i, design in enumerate(chosen) if design.told), 0)
    services = _compared(measured[base:], service)
    misses = [missed(d.topology, m, asked) for d, m in zip(chosen, measured, strict=True)]
    front, by = _compare(chosen, measured, misses, services, base)
    found = tuple(
        Explored(d, m, them, on, name, max(services, key=lambda s: (m.downtime[s].point, s), default=""))
        for d, m, them, on, name in zip(chosen, measured, misses, front, by, strict=True)
    )
    advice = recommend(chosen, measured, misses, front, services, asked)
    method = (
        f"availability exact; {samples} worlds of latency, growth and prices, seed {seed}, alike in every design; "
        f"today's own numbers from {worlds}, on top of which the differences of the others are shown"
    )
    if load:
        method += f"; p99 at {load:g} requests of each kind a second, one kind at a time"
    return Exploration(found, services, asked, advice, method, load)


def _compare(
    chosen: Sequence[Design],
    measured: Sequence[Measures],
    misses: Sequence[Sequence[Rejected]],
    services: Sequence[str],
    base: int,
) -> tuple[list[bool], list[str | None]]:
    """Gives which designs are on the front, and for each other one a design on it that beats it.

    Where today's design is said in full, that stands for it: the spec as it is says less than the others.
    """
    kept = [i for i, them in enumerate(misses) if not them and i >= base]
    points = objectives(measured, services)
    front, by = [False] * len(chosen), cast("list[str | None]", [None] * len(chosen))
    for i, over in zip(kept, dominators([points[i] for i in kept]), strict=True):
        front[i] = over is None
        by[i] = None if over is None else chosen[kept[over]].name
    if base and not misses[0]:
        front[0], by[0] = front[base], by[base]
    return front, by


def _default(topology: Topology, own: Measures, asked: Limits) -> dict[str, tuple[str, ...]]:
    """Gives all dimensions that apply, and one that the default set leaves out where today's design needs it."""
    choices = dimensions(topology)
    more = remedy(own, asked)
    if more:
        choices |= dimensions(topology, [more])
    return {name: choices[name] for name in DIMENSIONS if name in choices}


def _answerable(topology: Topology, service: str) -> None:
    """Refuses a service that there is not, before anything is measured."""
    names = list(structure(topology))
    if service and service not in names:
        raise UnknownComponent(service, names, "service")


def _answered(measures: Measures, asked: Limits) -> None:
    """Refuses a limit on a kind of request that nothing in the design answers."""
    for kind in asked.latency:
        if kind not in measures.latency:
            there = ", ".join(measures.latency) or "none that is compared"
            raise InputError.single(
                f"--max-latency {kind}", "nothing in the design answers it", f"there are: {there}"
            )


def _compared(measured: Sequence[Measures], service: str) -> tuple[str, ...]:
    """Gives the services whose downtime differs between the designs; those that no choice changes compare nothing."""
    names = list(measured[0].downtime)
    if service:
        return (service,)
    changed = [n for n in names if len({round(m.downtime[n].point, 15) for m in measured}) > 1]
    return tuple(changed or names)


def _waiting(one: Waiting) -> dict[str, Any]:
    """A p99 at rest, or under load with what the way carries; what cannot carry it has none."""
    found: dict[str, Any] = {"value": _finite(one.p99), "low": _finite(one.low), "high": _finite(one.high)}
    if one.load:
        found |= {"at_most_per_s": _finite(one.most), "saturated": one.saturated}
    return found


def _finite(value: float) -> float | None:
    return None if value == float("inf") else value
