"""The answers of the what-if panel as HTML: the sentence first, then a table with bars for each question."""

from __future__ import annotations

from html import escape

from meshlab.availability.exact.exact import MINUTES_PER_YEAR
from meshlab.planning.capacity import Resource
from meshlab.planning.latency import Latency
from meshlab.planning.report.chapters.demand import LIKELY
from meshlab.planning.report.words import (
    DAYS,
    MOST_YEARS,
    milliseconds,
    minutes,
    minutes_between,
    money,
    money_between,
    share,
    span,
    years,
)
from meshlab.planning.whatif import QuickAnswer
from meshlab.planning.whatif.quick import FEW
from meshlab.views.marks import html_table
from meshlab.views.panels.parts.bars import interval_bar

_ROWS = 5
_WORLDS = (
    "The design as it is: the plan's own numbers. Changed: the same worlds; only what a change does to a latency is "
    f"seen in {FEW:,} of them, and the exported plan computes it in all."
)
_LEGEND = "Bars: 90 %; line: middle; circle: before the change; dashed: horizon. "


GOOD, LOOK, BAD = "●", "▲", "✖"
_GRAVEST_FIRST = (BAD, LOOK, GOOD)


def words(now: QuickAnswer) -> str:
    """Gives the answers in a few sentences, what is graver first: the sign before them is that of the first."""
    told = sorted(statements(now), key=lambda one: _GRAVEST_FIRST.index(one[0]))
    return ". ".join(text for _, text in told) + "."


def mark(now: QuickAnswer) -> str:
    """Gives a shape for how it stands: ● all well, ▲ to be looked at, ✖ does not do."""
    return min((sign for sign, _ in statements(now)), key=_GRAVEST_FIRST.index)


def statements(now: QuickAnswer) -> list[tuple[str, str]]:
    """Gives each answer as a sentence with the sign of how it stands."""
    short = [fit.reason for fit in now.fits if not fit.fits]
    short += [one.reason for one in now.resources if not one.fits]
    told = [(BAD, "Does not fit: " + "; ".join(short)) if short else (GOOD, "Everything fits today")]
    if now.first is not None:
        told.append(_used_up(now, now.first))
    stuck = [f"{one.request} saturates ({one.saturated})" for one in now.requests if one.saturated]
    if stuck:
        told.append((BAD, "Too slow: " + "; ".join(stuck)))
    elif now.requests:
        slow = max(
            (one for one in now.requests if one.request != "kubectl-omni"),
            key=lambda one: one.p99.value,
            default=now.requests[0],
        )
        told.append((GOOD, f"{slow.request} takes longest, p99 {milliseconds(slow.p99.value)}"))
    return [*told, (GOOD, f"A month costs {money_between(now.total.monthly)} USD")]


def _used_up(now: QuickAnswer, first: Resource) -> tuple[str, str]:
    text = (
        f"{first.subject}'s {first.resource} is used up first, in {years(first.days_left.mid)}, "
        f"within {span(now.horizon)} with probability {share(first.within_horizon)}"
    )
    likely = max(now.resources, key=lambda other: other.within_horizon)
    if likely.within_horizon > max(first.within_horizon, LIKELY):
        text += f" ({likely.subject}'s {likely.resource}: {share(likely.within_horizon)})"
    sign = BAD if likely.within_horizon > 0.5 else LOOK if likely.within_horizon > LIKELY else GOOD
    return sign, text


def answer_html(now: QuickAnswer, base: QuickAnswer, *, bars: bool = True) -> str:
    """Gives the answers, each beside what it was before the change where that differs.

    Parameters
    ----------
    bars
        Whether intervals are drawn; a notebook that is not trusted shows no drawings, and would show gaps.
    """
    tables = (
        _room(now, base, bars),
        _latency(now, base, bars),
        _availability(now, base, bars),
        _money(now, base),
    )
    cells = "".join(f'<div style="margin:0 28px 12px 0">{table}</div>' for table in tables if table)
    return (
        '<p class="meshlab-answer" aria-live="polite" style="max-width:70em">'
        f"{escape(mark(now))} {escape(words(now))}</p>"
        f'<div style="display:flex;flex-wrap:wrap;align-items:flex-start">{cells}</div>'
        f'<p style="opacity:.75;margin:0">{_LEGEND if bars else ""}{_WORLDS}</p>'
    )


def _room(now: QuickAnswer, base: QuickAnswer, bars: bool) -> str:
    if not now.resources:
        return ""
    before = {(one.subject, one.resource): one for one in base.resources}
    ends = (0.0, MOST_YEARS)
    horizon = now.horizon / 86_400 / DAYS
    rows = []
    for one in now.resources[:_ROWS]:
        was = before.get((one.subject, one.resource))
        bar = interval_bar(
            *(value / DAYS for value in (one.days_left.low, one.days_left.mid, one.days_left.high)),
            ends=ends,
            mark=horizon,
            before=was.days_left.mid / DAYS if was else None,
            said=f"used up in {years(one.days_left.mid)}",
        )
        rows.append(
            (
                f"{one.subject}, {one.resource}",
                [_text(_lasting(one)), *_drawn(bar, bars), _text(share(one.within_horizon))],
            )
        )
    heads = [
        "what",
        "used up in",
        *([f"0 to {MOST_YEARS:.0f} years"] if bars else []),
        f"within {span(now.horizon)}",
    ]
    return html_table("meshlab-room", "What is used up first?", heads, rows)


def _lasting(one: Resource) -> str:
    if not one.fits:
        return "does not fit"
    return years(one.days_left.mid)


def _latency(now: QuickAnswer, base: QuickAnswer, bars: bool) -> str:
    if not now.requests:
        return ""
    before = {one.request: one for one in base.requests}
    rows = []
    for one in now.requests:
        rows.append(
            (
                one.request,
                [
                    _text(milliseconds(one.p50.value)),
                    _text(milliseconds(one.p99.value)),
                    *_drawn(_request_bar(one, before.get(one.request)), bars),
                    _text(f"✖ {one.saturated} saturated" if one.saturated else one.dominant),
                ],
            )
        )
    heads = ["request", "p50", "p99", *(["p50 to p99: 1 to 1,000 ms"] if bars else []), "mostly"]
    return html_table("meshlab-requests", "How long does a request take?", heads, rows)


def _request_bar(one: Latency, was: Latency | None) -> str:
    low, mid, high = (1000 * q.value for q in (one.p50, one.p50, one.p99))
    return interval_bar(
        low,
        mid,
        high,
        ends=(1.0, 1000.0),
        logarithmic=True,
        before=1000 * was.p50.value if was else None,
        said=f"p50 {milliseconds(one.p50.value)}, p99 {milliseconds(one.p99.value)}",
    )


def _availability(now: QuickAnswer, base: QuickAnswer, bars: bool) -> str:
    rows = []
    for name, one in now.services.items():
        was = base.services.get(name)
        low, high = (bound * MINUTES_PER_YEAR for bound in one.interval)
        bar = interval_bar(
            low,
            one.downtime_minutes_per_year,
            high,
            ends=(0.1, 1000.0),
            logarithmic=True,
            before=was.downtime_minutes_per_year if was else None,
            said=f"down {minutes(one.downtime_minutes_per_year)} minutes a year",
        )
        by = " and ".join(one.cut_sets[0].events) if one.cut_sets else ""
        told = minutes_between(low, one.downtime_minutes_per_year, high)
        rows.append((name, [_text(told), *_drawn(bar, bars), _text(by)]))
    heads = ["service", "down a year", *(["0.1 to 1,000 min"] if bars else []), "mostly by"]
    return html_table("meshlab-downtime", "How long is it down?", heads, rows) if rows else ""


def _money(now: QuickAnswer, base: QuickAnswer) -> str:
    more = now.total.monthly.mid - base.total.monthly.mid
    change = f"{'+' if more > 0 else '−'}{money(abs(more))}" if abs(more) >= 0.5 else "as before"
    rows = [("total", [_text(money_between(now.total.monthly)), _text(change)])]
    return html_table("meshlab-cost", "What does a month cost?", ["what", "USD", "change"], rows)


def _drawn(bar: str, bars: bool) -> list[str]:
    return [f'<td style="padding:2px 8px;vertical-align:middle">{bar}</td>'] if bars else []


def _text(text: str) -> str:
    return f'<td style="padding:2px 8px;text-align:left">{escape(text)}</td>'
