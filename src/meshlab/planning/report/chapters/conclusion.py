"""What to do, in order, with what it gives and what it costs: what a reader takes away who reads nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshlab.availability.exact.exact import MINUTES_PER_YEAR
from meshlab.planning.explore import Exploration
from meshlab.planning.explore.phrases import phrase
from meshlab.planning.report import words
from meshlab.planning.report.answers import Answers
from meshlab.planning.report.chapters import demand, money
from meshlab.planning.report.chapters.searched import searched_basis
from meshlab.planning.report.chapters.sources import Sources
from meshlab.planning.report.document import Line, Number, Section, Sentence, Table, numbered, plain

MOST = 8
NOT_PRICED = "not priced here"


@dataclass(frozen=True)
class Proposal:
    """One thing to do: what, what it gives or prevents, and what it costs a month."""

    what: Line
    gain: Line
    price: Line


def proposals(a: Answers, s: Sources, found: Exploration | None) -> tuple[Proposal, ...]:
    """Gives what to do: what does not work first, then what was searched or held beside, then what runs out, then
    the review's warnings."""
    return (
        *_reviewed(a, s, "error"),
        *_short(a, s),
        *(_of_search(found, s) if found else ()),
        *_beside(a, s),
        *_running_out(a, s),
        *_reviewed(a, s, "warning"),
    )


def decision(made: tuple[Proposal, ...]) -> Sentence:
    """Gives the first things to do in one sentence, for the head of the answer."""
    if not made:
        return Sentence(("Recommended: keep the design as it is.",), lead=True)
    first = made[0]
    priced = next((one for one in made[1:] if plain(one.price) != NOT_PRICED), None)
    line: Line = ("Recommended: ", *first.what, *_at(first))
    if priced is not None:
        line = (*line, ". Then ", *_lowered(priced.what), *_at(priced), ", for ", *priced.gain)
    return Sentence((*line, "."), lead=True)


def conclusion(made: tuple[Proposal, ...], s: Sources) -> Section:
    """Gives the list."""
    if not made:
        return Section("What to do", (Sentence(("Nothing: the design does as it is.",)),))
    counted = s.basis("asked", s.stated("proposals", f"{len(made)} made of the sections below"))
    rows = tuple(
        ((Number(str(n), counted),), one.what, one.gain, one.price) for n, one in enumerate(made[:MOST], 1)
    )
    caption: Line = ("In this order",)
    if len(made) > MOST:
        caption = (*caption, "; ", Number(str(len(made) - MOST), counted), " more are in the review below")
    return Section(
        "What to do, in order",
        (Table(caption, ("no.", "what to do", "what it gives or prevents", "USD a month"), rows),),
    )


def _at(one: Proposal) -> Line:
    """The price in brackets, where there is one."""
    return () if plain(one.price) == NOT_PRICED else (" (", *one.price, " USD a month)")


def _lowered(line: Line) -> Line:
    first, *rest = line
    return (first[:1].lower() + first[1:], *rest) if isinstance(first, str) else line


def _reviewed(a: Answers, s: Sources, severity: str) -> Iterator[Proposal]:
    for finding in a.findings:
        if finding.severity == severity:
            basis = s.basis("review", s.evidence(finding))
            what = finding.fix.split(". ")[0].rstrip(".")
            told = finding.message[:1].upper() + finding.message[1:]
            yield Proposal(numbered(what, basis), numbered(told, basis), (NOT_PRICED,))


def _short(a: Answers, s: Sources) -> Iterator[Proposal]:
    for fit in a.fits:
        if not fit.fits:
            basis = demand.fit_basis(fit.machine, s)
            yield Proposal(
                (f"Give {fit.machine} more {fit.resource}, or move something",),
                numbered(fit.reason, basis),
                (NOT_PRICED,),
            )


def _of_search(found: Exploration, s: Sources) -> Iterator[Proposal]:
    advice = found.recommendation
    if advice.design is None or advice.buys is None or advice.design == found.today.design.name:
        return
    basis = searched_basis(found, s)
    text = f"Build {phrase(found, found[advice.design])}"
    price = Number(dollars(advice.buys.costs.mid), basis)
    missed = found.today.rejected
    kept = numbered(f"; today {missed.reason}", basis) if missed else ()
    yield Proposal(numbered(text, basis), (*less_downtime(found, s), *kept), (price,))


def less_downtime(found: Exploration, s: Sources) -> Line:
    """Gives what the recommended design saves, of which services."""
    buys, basis = found.recommendation.buys, searched_basis(found, s)
    if buys is None or abs(buys.saved_in_all.mid) < 0.01:
        return ("as much downtime as now",)
    saved = buys.saved_in_all
    low, high = sorted((abs(saved.low), abs(saved.high)))
    amount = f"{words.minutes(abs(saved.mid))} min ({words.minutes(low)} to {words.minutes(high)})"
    names = [words.service(name) for name, one in buys.saved.items() if abs(one.mid) >= 0.05]
    whose = f" of {', '.join(names)} together" if len(names) > 1 else f" of {names[0]}" if names else ""
    return (Number(amount, basis), f" a year {'less' if saved.mid > 0 else 'more'} downtime{whose}")


def _beside(a: Answers, s: Sources) -> Iterator[Proposal]:
    """Designs that were named and are down less, the most minutes for the money first."""
    basis = money.total_basis(a, s)
    for name, other in a.changed.items():
        both = [service for service in a.services if service in other.services]
        saved = MINUTES_PER_YEAR * sum(
            a.services[x].unavailability - other.services[x].unavailability for x in both
        )
        beside = money.with_source(basis, s.asked(f"the design {name}", "held beside"))
        more = other.total.monthly.mid - a.total.monthly.mid
        gain = f"{words.minutes(abs(saved))} min a year {'less' if saved > 0 else 'more'} downtime of all services"
        if abs(saved) < 0.01:
            gain = "as much downtime as now; what else differs is in the comparison below"
        yield Proposal((f"Decide on {name}",), numbered(gain, beside), (Number(dollars(more), beside),))


def _running_out(a: Answers, s: Sources) -> Iterator[Proposal]:
    for out in a.runouts:
        one = out.resource
        if one.within_horizon > demand.LIKELY and one.fits:
            basis = demand.resource_basis(one, s)
            yield Proposal(
                (
                    f"Give {one.subject} more {one.resource} within ",
                    Number(words.years(out.p10), basis),
                ),
                (
                    f"else {one.consequence}: used up within ",
                    Number(words.span(a.horizon), basis),
                    " with a probability of ",
                    Number(words.share(one.within_horizon), basis),
                ),
                (NOT_PRICED,),
            )


def dollars(value: float) -> str:
    """Gives a difference of the monthly bill, with its sign."""
    return "no more" if abs(value) < 0.5 else f"{value:+,.0f}".replace("-", "−")
