"""What to do: the design that buys most for its money, what it buys over today, how sure that is, and why no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from meshlab.model import Estimate
from meshlab.model.units import duration
from meshlab.planning.explore.designs import TODAY, Design
from meshlab.planning.explore.limits import MINUTES_PER_YEAR, Limits, Rejected
from meshlab.planning.explore.measures import BLOCKS, Measures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SURE = 0.95
"""The share of worlds in which a design must have less downtime than today's to be recommended for that."""
_T_95 = 2.093
"""Student's t, 19 degrees of freedom, two-sided 95 %."""
MATERIAL = 1.0
"""Service-minutes a year below which nobody pays for less downtime."""
SLOWER = 1.1
"""A p99 that grows by more than this factor is a loss that somebody has to agree to."""


@dataclass(frozen=True)
class Option:
    """One design over today: minutes a year less downtime per service, seconds of p99, months, USD a month more.

    ``sure`` is the share of worlds in which the services together have less downtime than today.
    """

    design: str
    saved: dict[str, Estimate]
    saved_in_all: Estimate
    sure: float
    quicker: dict[str, Estimate]
    longer: Estimate
    costs: Estimate

    @property
    def per_dollar(self) -> float | None:
        """Service-minutes a year less downtime for each dollar a month more; none where it costs no more."""
        return self.saved_in_all.mid / self.costs.mid if self.costs.mid > 0 else None

    def to_dict(self) -> dict[str, Any]:
        return {
            "design": self.design,
            "less_downtime_min_per_year": {name: _plain(one) for name, one in self.saved.items()},
            "less_downtime_of_all_min_per_year": _plain(self.saved_in_all),
            "sure": self.sure,
            "p99_change_s": {name: _plain(one) for name, one in self.quicker.items()},
            "later_exhausted_months": _plain(self.longer),
            "costs_more_per_month": _plain(self.costs),
            "minutes_per_year_for_a_dollar_a_month": self.per_dollar,
        }


@dataclass(frozen=True)
class Alternative:
    """A design that is not recommended, in what it differs from the one that is, and why it is not."""

    design: str
    differs: str
    why: str


@dataclass(frozen=True)
class Nearest:
    """The design that comes nearest to the limits where none keeps to all: which it misses, and why."""

    design: str
    misses: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """The design to build (none when every one is rejected), in words and numbers, and what was not chosen.

    ``nearest`` is there when none is: the design that misses the fewest limits, and those by least. ``against`` is
    the design that ``buys`` is a difference to.
    """

    design: str | None
    why: str
    buys: Option | None
    alternatives: tuple[Alternative, ...]
    rule: str
    nearest: Nearest | None = None
    against: str = TODAY

    def to_dict(self) -> dict[str, Any]:
        return {
            "design": self.design,
            "why": self.why,
            "buys": self.buys.to_dict() if self.buys else None,
            "alternatives": [asdict(one) for one in self.alternatives],
            "rule": self.rule,
            "nearest": asdict(self.nearest) if self.nearest else None,
            "against": self.against,
        }


def option(name: str, one: Measures, today: Measures, services: Sequence[str]) -> Option:
    """Gives what a design buys over today's: differences world by world, both on the same random numbers."""
    import numpy as np

    saved = {
        s: _difference(
            today.downtime[s].worlds - one.downtime[s].worlds, today.downtime[s].point - one.downtime[s].point
        )
        for s in services
    }
    together = sum((today.downtime[s].worlds - one.downtime[s].worlds for s in services), start=np.zeros(1))
    point = sum(today.downtime[s].point - one.downtime[s].point for s in services)
    months = one.exhausted - today.exhausted
    months = np.where(np.isnan(months), 0.0, months)  # never less never is no difference
    later = one.exhaustion_quantile(0.5) - today.exhaustion_quantile(0.5)
    return Option(
        name,
        saved,
        _difference(together, point),
        float(np.mean(together > 0)),
        {kind: _slower(one, today, kind) for kind in one.latency if _both_answer(one, today, kind)},
        _apart(months, later if np.isfinite(later) else 0.0, "the same worlds"),
        _apart(one.cost - today.cost, one.cost_mid - today.cost_mid, "the same prices in each world"),
    )


def _apart(worlds: NDArray[np.float64], mid: float, method: str) -> Estimate:
    """A difference of two medians, as far apart as they are shown; 90 % of the differences in the worlds around it."""
    spread = Estimate.of(worlds, method=method)
    return replace(spread, low=min(spread.low, mid), mid=mid, high=max(spread.high, mid))


def _difference(worlds: NDArray[np.float64], point: float) -> Estimate:
    """Minutes a year: exact in the middle, 90 % of the worlds of the failure rates around it."""
    import numpy as np

    low, high = np.quantile(worlds, [0.05, 0.95]) * MINUTES_PER_YEAR
    mid = point * MINUTES_PER_YEAR
    return Estimate(
        min(float(low), mid), mid, max(float(high), mid), 0.9, "exact; rates of failure in their intervals"
    )


def _both_answer(one: Measures, today: Measures, kind: str) -> bool:
    """Whether both can carry the load: else there is no difference of two p99 to tell."""
    return kind in today.latency and not (one.latency[kind].saturated or today.latency[kind].saturated)


def _slower(one: Measures, today: Measures, kind: str) -> Estimate:
    """The change of a p99 in seconds; its 95 % interval from the differences of the blocks (Student's t)."""
    import numpy as np

    blocks = one.latency[kind].blocks - today.latency[kind].blocks
    mid = one.latency[kind].p99 - today.latency[kind].p99
    half = _T_95 * float(np.std(blocks, ddof=1)) / BLOCKS**0.5
    return Estimate(mid - half, mid, mid + half, 0.95, f"{BLOCKS} blocks of the same seed")


def recommend(
    designs: Sequence[Design],
    measured: Sequence[Measures],
    misses: Sequence[Sequence[Rejected]],
    front: Sequence[bool],
    services: Sequence[str],
    asked: Limits,
) -> Recommendation:
    """Gives the recommendation.

    Notes
    -----
    Today's design misses a limit: the cheapest that keeps to all and makes nothing worse but the bill, or, where every
    one does, the cheapest. It keeps to them: of the designs on the front that
    have less downtime (a minute at least, in 95 % of the worlds) and make nothing worse but the bill (:func:`_loss`),
    those that cost no more, by minutes saved; else the one with most service-minutes a year for a dollar a month.
    None: stay. Where today's design is said in full, differences are to that.
    """
    out = [next(iter(them), None) for them in misses]
    today = next(i for i, d in enumerate(designs) if d.is_today)
    base = next((i for i, d in enumerate(designs) if d.told), today)
    options = [option(d.name, m, measured[base], services) for d, m in zip(designs, measured, strict=True)]
    # Today's design said in full is today's, so it is none to change to.
    allowed = [i for i, why in enumerate(out) if why is None and (i == today or i != base)]
    if not allowed:
        near = _nearest(designs, measured, misses)
        return Recommendation(None, "no design keeps to the limits", None, (), _CHEAPEST, near)
    losses = [_loss(m, measured[base], services, asked) for m in measured]
    missed = out[today]
    if missed is not None:
        harmless = [i for i in allowed if not losses[i]]
        chosen = min(
            harmless or allowed,
            key=lambda i: (round(measured[i].cost_mid), -options[i].saved_in_all.mid, i),
        )
        rule, why = _CHEAPEST, f"today's design is out: {missed.reason}"
        if not harmless:
            why += f"; every design within the limits makes something worse, here: {losses[chosen]}"
    else:
        rule = _MOST_FOR_THE_MONEY
        better = [
            i
            for i in allowed
            if i != today
            and front[i]
            and options[i].sure >= SURE
            and options[i].saved_in_all.mid >= MATERIAL
            and not losses[i]
        ]
        free = [i for i in better if options[i].costs.mid <= 0]
        if free:
            chosen = max(free, key=lambda i: (options[i].saved_in_all.mid, -i))
            why = "it has less downtime than today's, costs no more, and makes nothing worse"
        elif better:
            chosen = max(better, key=lambda i: (options[i].per_dollar or 0.0, -i))
            why = "of all that make nothing worse but the bill it buys most uptime for a dollar"
        else:
            chosen = today
            why = "no other design within the limits surely has less downtime and makes nothing worse"
    if chosen == today:  # it buys nothing, whatever its spec leaves out
        options[today] = replace(options[base], design=designs[today].name)
    others = _alternatives(designs, measured, out, options, losses, base if chosen == today else chosen)
    return Recommendation(
        designs[chosen].name, why, options[chosen], others, rule, against=designs[base].name
    )


def _nearest(
    designs: Sequence[Design], measured: Sequence[Measures], misses: Sequence[Sequence[Rejected]]
) -> Nearest:
    """The fewest limits missed, then by the least in all; of those alike today's, then the cheapest."""
    near = min(
        range(len(designs)),
        key=lambda i: (
            len(misses[i]),
            sum(one.by for one in misses[i]),
            not designs[i].is_today,
            measured[i].cost_mid,
            i,
        ),
    )
    return Nearest(
        designs[near].name,
        tuple(one.constraint for one in misses[near]),
        tuple(one.reason for one in misses[near]),
    )


_CHEAPEST = (
    "today's design misses a limit: the cheapest design that keeps to all of them and makes nothing worse but the "
    "bill; where every one makes something worse, the cheapest"
)
_MOST_FOR_THE_MONEY = (
    f"within the limits, on the front, at least {MATERIAL:g} service-minute a year less downtime than today, less in "
    f"{SURE:.0%} of the worlds, and nothing worse but "
    f"the bill (no service less available, no p99 more than {SLOWER - 1:.0%} slower unless --max-latency allows it, "
    "nothing used up sooner): first those that cost no more, by minutes saved; then by minutes of all services a "
    "year for a dollar a month"
)


def _loss(one: Measures, today: Measures, services: Sequence[str], asked: Limits) -> str:
    """Gives what a design makes worse than today's, other than the bill; empty when nothing."""
    for name in services:
        more = one.downtime[name].point - today.downtime[name].point
        if more > 1e-12:
            return f"{name} would be down {more * MINUTES_PER_YEAR:,.1f} minutes a year more"
    for kind, waiting in one.latency.items():
        if kind in asked.latency or kind not in today.latency:
            continue
        if waiting.saturated:
            return f"{kind} could not be asked {waiting.load:,g} times a second"
        if waiting.p99 > SLOWER * today.latency[kind].p99:
            return (
                f"{kind} would take {duration(waiting.p99)} instead of {duration(today.latency[kind].p99)} (p99); "
                f"say --max-latency {kind}=... if that is enough"
            )
    if one.exhaustion_quantile(0.5) < 0.99 * today.exhaustion_quantile(0.5):
        months = one.exhaustion_quantile(0.5)
        return f"{one.first_exhausted} would be used up in {months:.0f} months"
    return ""


def _alternatives(
    designs: Sequence[Design],
    measured: Sequence[Measures],
    out: Sequence[Rejected | None],
    options: Sequence[Option],
    losses: Sequence[str],
    chosen: int,
) -> tuple[Alternative, ...]:
    """Each design that differs from the recommended one in a single choice, and why it is not it."""
    found = []
    choices = designs[chosen].choices
    for i, design in enumerate(designs):
        different = [f"{k}={v}" for k, v in design.choices.items() if choices[k] != v]
        if len(different) != 1 or (design.is_today and any(d.told for d in designs)):
            continue
        rejection = out[i]
        if rejection is not None:
            found.append(Alternative(design.name, different[0], f"rejected by {rejection.constraint}"))
            continue
        minutes = options[i].saved_in_all.mid - options[chosen].saved_in_all.mid
        dollars = measured[i].cost_mid - measured[chosen].cost_mid
        words = f"{_amount(abs(minutes))} service-minutes a year {'less' if minutes > 0 else 'more'} downtime"
        if abs(minutes) < 1e-6:
            words = "no less downtime"
        more = "more" if dollars >= 0 else "less"
        words += " for the same money" if abs(dollars) < 1 else f" for {abs(dollars):,.0f} USD a month {more}"
        if minutes > 1e-6 and dollars >= 1:
            words += f" ({minutes / dollars:.2g} minutes a dollar)"
        if losses[i]:
            words += f"; {losses[i]}"
        elif options[i].saved_in_all.mid > 0 and options[i].sure < SURE:
            words += f"; less downtime than today in {options[i].sure:.0%} of the worlds"
        found.append(Alternative(design.name, different[0], words))
    return tuple(found)


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _plain(estimate: Estimate) -> dict[str, Any]:
    return {key: _finite(value) for key, value in asdict(estimate).items()}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value
