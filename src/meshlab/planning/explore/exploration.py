"""Every design measured, judged and compared: the answer to "what if we built it otherwise?"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from meshlab.model import Estimate, Topology, UnknownComponent
from meshlab.planning.explore.designs import Design, designs
from meshlab.planning.explore.dimensions import dimensions
from meshlab.planning.explore.front import dominators, objectives
from meshlab.planning.explore.limits import MINUTES_PER_YEAR, Limits, Rejected, rejected
from meshlab.planning.explore.measures import Measurer, Measures
from meshlab.planning.explore.recommendation import Recommendation, recommend


@dataclass(frozen=True)
class Explored:
    """One design with its numbers and the verdict on it; ``dominated_by`` names a design on the front."""

    design: Design
    measures: Measures
    rejected: Rejected | None
    front: bool
    dominated_by: str | None
    worst: str

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
            "latency_p99_s": {
                kind: {"value": one.p99, "low": one.low, "high": one.high} for kind, one in m.latency.items()
            },
            "exhausted_after_months": {
                "p10": low,
                "p50": mid,
                "p90": high,
                "within_horizon": float(np.mean(m.exhausted <= horizon)),
                "first": m.first_exhausted,
            },
            "cost_per_month": _quantiles(m.cost),
            "front": self.front,
            "dominated_by": self.dominated_by,
            "rejected": self.rejected.to_dict() if self.rejected else None,
        }


@dataclass(frozen=True)
class Exploration:
    """All designs, today's first, and what to do. `services` are those that the choices change."""

    designs: tuple[Explored, ...]
    services: tuple[str, ...]
    limits: Limits
    recommendation: Recommendation
    method: str

    @property
    def today(self) -> Explored:
        return next(one for one in self.designs if one.design.is_today)

    def __getitem__(self, name: str) -> Explored:
        return next(one for one in self.designs if one.design.name == name)

    def to_dict(self) -> dict[str, Any]:
        asked = asdict(self.limits)
        asked["budget"] = _finite(asked["budget"])
        return {
            "designs": [one.to_dict(self.limits.horizon) for one in self.designs],
            "compared_services": list(self.services),
            "limits": asked,
            "recommendation": self.recommendation.to_dict(),
            "method": self.method,
        }


def explore(
    topology: Topology,
    varied: Iterable[str] = (),
    *,
    asked: Limits | None = None,
    service: str = "",
    samples: int = 4_000,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Exploration:
    """Measures and compares the designs that a topology could be changed into.

    Parameters
    ----------
    varied
        ``NAME=VALUE,VALUE`` words; all dimensions that apply when empty.
    asked
        What every design must keep to; :class:`Limits` has the defaults.
    service
        Compare by this service's downtime alone instead of every service's that the choices change.
    samples, seed
        Worlds of latency, growth and prices; the same seed gives the same bits.
    progress
        Called before each design with how many are done, how many there are, and its name.

    Raises
    ------
    InputError
        A dimension or value that there is not.
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
    words = tuple(varied)
    chosen = designs(topology, dimensions(topology, words), asked=bool(words))
    measure = Measurer(samples, seed)
    measured: list[Measures] = []
    for position, design in enumerate(chosen):
        if progress is not None:
            progress(position, len(chosen), design.name)
        measured.append(measure(design.topology))
    services = _compared(measured, service)
    out = [rejected(d.topology, m, asked) for d, m in zip(chosen, measured, strict=True)]
    allowed = [i for i, why in enumerate(out) if why is None]
    points = objectives(measured, services)
    above = dominators([points[i] for i in allowed])
    by: list[str | None] = [None] * len(chosen)
    front = [False] * len(chosen)
    for i, over in zip(allowed, above, strict=True):
        front[i] = over is None
        by[i] = None if over is None else chosen[allowed[over]].name
    found = tuple(
        Explored(d, m, why, on, name, max(services, key=lambda s: (m.downtime[s].point, s), default=""))
        for d, m, why, on, name in zip(chosen, measured, out, front, by, strict=True)
    )
    advice = recommend(chosen, measured, out, front, services, asked)
    method = f"availability exact; {samples} worlds of latency, growth and prices, seed {seed}, alike in every design"
    return Exploration(found, services, asked, advice, method)


def _compared(measured: Sequence[Measures], service: str) -> tuple[str, ...]:
    """Gives the services whose downtime differs between the designs; those that no choice changes compare nothing."""
    names = list(measured[0].downtime)
    if service:
        if service not in names:
            raise UnknownComponent(service, names)
        return (service,)
    changed = [n for n in names if len({round(m.downtime[n].point, 15) for m in measured}) > 1]
    return tuple(changed or names)


def _quantiles(worlds: Any) -> dict[str, float]:
    estimate = Estimate.of(worlds)
    return {"p05": estimate.low, "p50": estimate.mid, "p95": estimate.high}


def _finite(value: float) -> float | None:
    return None if value == float("inf") else value
