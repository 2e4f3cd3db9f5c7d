"""When each limited resource runs out: (limit - used now) / growth a day, in many worlds at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from meshlab.model import Estimate, Topology
from meshlab.model.units import size
from meshlab.planning.capacity.claims import DAY, Claim, claims
from meshlab.planning.tables import growth, rests_on
from meshlab.planning.worlds import WORLDS, Worlds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.planning.cost.draws import Draws


@dataclass(frozen=True)
class Resource:
    """One limited resource of one machine or group, and when it is used up.

    ``used`` and ``limit`` are in `unit`; ``days_left`` is infinite where nothing grows; ``within_horizon`` is the
    probability that it is used up within the horizon asked for; ``consequence`` says what happens then.
    ``source`` is the provenance of what is used, ``growth_source`` that of how fast it grows; ``rests_on`` says what
    that makes of the date (:func:`~meshlab.planning.tables.rests_on`).
    """

    subject: str
    resource: str
    unit: str
    used: Estimate
    limit: float
    days_left: Estimate
    within_horizon: float
    consequence: str
    users: tuple[str, ...]
    source: str
    growth_source: str
    rests_on: str

    @property
    def fits(self) -> bool:
        """Whether nine worlds of ten have room for what is there already."""
        return self.used.high <= self.limit

    @property
    def reason(self) -> str:
        """Why it does not fit, with both numbers; empty when it does."""
        if self.fits:
            return ""

        def show(value: float) -> str:
            if self.unit == "B":
                return size(value)
            return f"{value / 1e6:.4g} Mbps" if self.unit == "bps" else f"{value:.4g}"

        low, need, high = (show(value) for value in (self.used.low, self.used.mid, self.used.high))
        need += "" if low == high else f" ({low} to {high})"
        return (
            f"{', '.join(self.users)} need {need} of {self.resource}, {self.subject} has {show(self.limit)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Gives the row as plain data; infinite days are null."""
        days = {key: _finite(value) for key, value in asdict(self.days_left).items()}
        return {
            **asdict(self),
            "users": list(self.users),
            "days_left": days,
            "fits": self.fits,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Prospect:
    """One limited resource with the days until it is used up in every world; ask it as often as there are questions."""

    claim: Claim
    days: NDArray[np.float64]
    used: Estimate
    days_left: Estimate

    def within(self, days: float) -> float:
        """Gives the probability that it is used up within so many days."""
        import numpy as np

        return float(np.mean(self.days <= days))

    def quantiles(self, *shares: float) -> tuple[float, ...]:
        """Gives the days at which the probability reaches these shares; infinite for never."""
        import numpy as np

        # Quantiles of a sample with infinities must not interpolate between a number and infinity.
        return tuple(float(x) for x in np.quantile(self.days, shares, method="lower"))

    def resource(self, horizon: float) -> Resource:
        """Gives the answer for a horizon in seconds."""
        claim = self.claim
        return Resource(
            claim.subject,
            claim.resource,
            claim.unit,
            self.used,
            claim.limit,
            self.days_left,
            self.within(horizon / DAY),
            claim.consequence,
            claim.users,
            claim.source,
            "; ".join(claim.growth_sources),
            rests_on(claim.growth_sources),
        )


def forecast(
    topology: Topology, *, horizon: float = 730 * DAY, samples: int = WORLDS, seed: int = 0
) -> tuple[Resource, ...]:
    """Gives every limited resource with the date at which it is used up, as a distribution.

    Parameters
    ----------
    horizon
        Seconds from today for ``within_horizon``.
    samples, seed
        Worlds; size, growth and wear of a workload are drawn once per world and enter every resource alike.

    Notes
    -----
    Growth is linear within a world: its spread is what is uncertain of the rate, not day-to-day noise, which
    averages out over months. Sizes and rates with sources: ``data/growth.csv``.
    """
    return tuple(one.resource(horizon) for one in prospects(topology, samples=samples, seed=seed))


def prospects(topology: Topology, *, samples: int = WORLDS, seed: int = 0) -> tuple[Prospect, ...]:
    """Gives every limited resource in all its worlds, for those who ask about more than one horizon."""
    from meshlab.planning.cost.draws import Draws

    return prospects_in(topology, Worlds(growth(), samples, seed), Draws(samples, seed))


def prospects_in(
    topology: Topology, worlds: Worlds, sent: Draws, known: Iterable[Prospect] = ()
) -> tuple[Prospect, ...]:
    """Gives the same in worlds that are drawn already.

    Parameters
    ----------
    sent
        What the control plane itself sends, in as many worlds of the same seed.
    known
        Those of another design in the same worlds: what is alike in both is not computed again.
    """
    method = f"{worlds.count} worlds, seed {worlds.seed}"
    there = {(one.claim.subject, one.claim.resource): one for one in known}
    found = []
    for claim in claims(topology, worlds, sent):
        one = there.get((claim.subject, claim.resource))
        found.append(one if one is not None and _alike(one.claim, claim) else _prospect(claim, method))
    return tuple(found)


def _alike(one: Claim, other: Claim) -> bool:
    import numpy as np

    words = ("unit", "limit", "consequence", "users", "source", "growth_sources")
    return (
        all(getattr(one, name) == getattr(other, name) for name in words)
        and np.array_equal(one.used, other.used)
        and np.array_equal(one.daily, other.daily)
    )


def first_exhausted(topology: Topology, worlds: Worlds, sent: Draws) -> tuple[NDArray[np.float64], str]:
    """Gives the days until the first resource is used up, world by world, and which one that mostly is."""
    import numpy as np

    found = list(claims(topology, worlds, sent))
    if not found:
        return np.full(worlds.count, np.inf), "nothing"
    days = np.array([_days(claim) for claim in found])
    first = np.bincount(days.argmin(axis=0), minlength=len(found)).argmax()
    return days.min(axis=0), f"{found[first].subject}'s {found[first].resource}"


def _days(claim: Claim) -> NDArray[np.float64]:
    import numpy as np

    room = np.maximum(claim.limit - claim.used, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(claim.daily > 0, room / claim.daily, np.where(room > 0, np.inf, 0.0))


def _prospect(claim: Claim, method: str) -> Prospect:
    import numpy as np

    days = _days(claim)
    low, mid, high = (float(x) for x in np.quantile(days, [0.05, 0.5, 0.95], method="lower"))
    return Prospect(claim, days, _used(claim.used, method), Estimate(low, mid, high, 0.9, method))


def _used(worlds: NDArray[np.float64], method: str) -> Estimate:
    first = float(worlds[0])
    if float(worlds.min()) == float(worlds.max()):
        return Estimate(first, first, first, 0.9, "as the spec says")
    return Estimate.of(worlds, method=method)


def _finite(value: Any) -> Any:
    return None if value == float("inf") else value
