"""An exploration in words: the designs worth showing, a row for each, what is rejected, the recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.planning.explore.designs import TODAY

if TYPE_CHECKING:
    from meshlab.model import Estimate
    from meshlab.planning.explore.exploration import Exploration, Explored
    from meshlab.planning.explore.measures import Waiting
    from meshlab.planning.explore.recommendation import Option, Recommendation

MOST_ROWS = 30


def columns(found: Exploration) -> list[str]:
    """The headings of `row`."""
    kinds = found.today.measures.latency
    return [
        "design",
        "worst service, min/y",
        *(f"{k} p99{' under load' if found.load else ''}" for k in kinds),
        "used up after",
        "USD a month",
        "verdict",
    ]


def rejected_by(found: Exploration) -> dict[str, int]:
    """How many designs each constraint rejects, in the order of the designs."""
    out: dict[str, int] = {}
    for one in found.designs:
        if one.rejected:
            out[one.rejected.constraint] = out.get(one.rejected.constraint, 0) + 1
    return out


def rejections(found: Exploration) -> list[str]:
    """How many designs each constraint rejects, and why the first of them."""
    out: dict[str, list[Explored]] = {}
    for one in found.designs:
        if one.rejected:
            out.setdefault(one.rejected.constraint, []).append(one)
    return [
        f"{len(ones)} rejected by {constraint}; {ones[0].design.name}: {ones[0].rejected.reason}"
        for constraint, ones in out.items()
        if ones[0].rejected
    ]


def shown(found: Exploration) -> list[Explored]:
    """All designs where they are few, else today's, single changes of it, and those around the recommended one."""
    if len(found.designs) <= MOST_ROWS:
        return list(found.designs)
    names = {found.recommendation.design, *(one.design for one in found.recommendation.alternatives)}
    now = found.today.design.choices
    return [
        one
        for one in found.designs
        if one.design.name in names or sum(now[k] != v for k, v in one.design.choices.items()) <= 1
    ]


def row(one: Explored, found: Exploration) -> list[str]:
    """One design: what it gives, what it costs, and what became of it."""
    from meshlab.planning.explore.limits import MINUTES_PER_YEAR

    m, kinds = one.measures, found.today.measures.latency
    verdict = "on the front" if one.front else f"dominated by {one.dominated_by}"
    if one.rejected:
        verdict = f"rejected: {one.rejected.constraint}"
    if one.design.name == found.recommendation.design:
        verdict = "recommended"
    down = m.downtime[one.worst].point * MINUTES_PER_YEAR if one.worst else 0.0
    return [
        one.design.name,
        f"{one.worst} {down:,.3g}",
        *(_p99(m.latency[kind]) if kind in m.latency else "" for kind in kinds),
        f"{_months(m.exhaustion_quantile(0.5))} ({_months(m.exhaustion_quantile(0.1))} at 10 %)",
        _dollars(one),
        verdict,
    ]


def _p99(one: Waiting) -> str:
    from meshlab.model.units import duration

    return f"carries at most {one.most:,.0f} a second" if one.saturated else duration(one.p99)


def _dollars(one: Explored) -> str:
    low, mid, high = (one.measures.cost_quantile(p) for p in (0.05, 0.5, 0.95))
    return f"{mid:,.0f} ({low:,.0f} to {high:,.0f})"


def _months(value: float) -> str:
    return "never" if value == float("inf") else f"{value:.0f} mo"


def advice(advice: Recommendation) -> list[str]:
    """The recommendation: what, why, what it buys and costs, how sure, and why no other; a line each."""
    if advice.design is None or advice.buys is None:
        return [f"recommended: none, {advice.why}", *_nearest(advice)]
    lines = [f"recommended: {advice.design}, because {advice.why}"]
    if advice.design != TODAY:
        lines += [f"  {line}" for line in _bought(advice.buys)]
    lines += [f"  not {one.differs}: {one.why}" for one in advice.alternatives]
    lines.append(f"  the rule: {advice.rule}")
    return lines


def _bought(buys: Option) -> list[str]:
    lines = [
        f"{name}: {_minutes(saved)} downtime a year"
        for name, saved in buys.saved.items()
        if abs(saved.mid) >= 0.05
    ]
    lines += [
        f"{kind} p99: {change.mid * 1e3:+.1f} ms (95 %: {change.low * 1e3:+.1f} to {change.high * 1e3:+.1f})"
        for kind, change in buys.quicker.items()
        if change.low > 0 or change.high < 0
    ]
    if abs(buys.longer.mid) >= 0.5:
        lines.append(f"used up {buys.longer.mid:+.0f} months later")
    costs = buys.costs
    lines.append(
        f"costs {round(costs.mid):+,} USD a month (90 %: {round(costs.low):+,} to {round(costs.high):+,})"
    )
    if abs(buys.saved_in_all.mid) < 0.05:
        return [*lines, "no less downtime than today"]
    if buys.per_dollar is not None:
        lines.append(f"that is {buys.per_dollar:.2g} service-minutes a year for each dollar a month")
    return [*lines, f"less downtime than today in {buys.sure:.0%} of the worlds"]


def _nearest(advice: Recommendation) -> list[str]:
    near = advice.nearest
    if near is None:
        return []
    lines = [f"nearest to the limits: {near.design}, which misses {' and '.join(near.misses)}"]
    return [*lines, *(f"  {reason}" for reason in near.reasons)]


def said_in_full(found: Exploration) -> list[str]:
    """What today's design has more than its spec says, where it is said in full to compare the others with it."""
    from meshlab.planning.explore.limits import MINUTES_PER_YEAR

    base, today = found.base, found.today
    if not base.design.told:
        return []
    dollars = base.measures.cost_mid - today.measures.cost_mid
    there = base.measures.downtime
    down = {name: there[name].point - one.point for name, one in today.measures.downtime.items()}
    service = max(down, key=lambda name: abs(down[name]), default="")
    more = down.get(service, 0.0) * MINUTES_PER_YEAR
    longest = (
        f"; {service} is down {abs(more):,.2g} min a year {'more' if more > 0 else 'less'}" if more else ""
    )
    return [
        f"{base.design.name} is today's design, said in full: {base.design.told}. "
        f"That alone is {dollars:+,.0f} USD a month{longest}",
        f"differences, and what is recommended, are against {base.design.name}",
    ]


def _minutes(saved: Estimate) -> str:
    word = "less" if saved.mid >= 0 else "more"
    low, high = sorted((abs(saved.low), abs(saved.high)))
    if saved.low < 0 < saved.high:
        return f"{abs(saved.mid):,.3g} minutes {word} (90 %: {saved.low:+,.2g} to {saved.high:+,.2g} less)"
    return f"{abs(saved.mid):,.3g} minutes {word} (90 %: {low:,.2g} to {high:,.2g})"
