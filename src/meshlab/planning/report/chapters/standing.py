"""Sections on whether it holds: availability of each service, the quorums' margin, what the review found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshlab.availability.exact.exact import MINUTES_PER_YEAR
from meshlab.planning.report import words
from meshlab.planning.report.answers import Answers
from meshlab.planning.report.chapters.sources import Sources
from meshlab.planning.report.document import (
    Basis,
    Block,
    Figure,
    Line,
    Number,
    Section,
    Sentence,
    Table,
    numbered,
)

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.availability.diagrams.minimal import RankedCutSet

_SHOWN = 3


def parts(events: Iterable[str]) -> str:
    return " and ".join(events)


def basis_of(one: ServiceAvailability, s: Sources) -> Basis:
    """The rates of the parts in the sets of failures that limit a service most."""
    names = dict.fromkeys(name for cut in one.cut_sets[:_SHOWN] for name in cut.events)
    return s.basis("availability", *(s.rate(name) for name in names if name in s.topology))


def downtime(one: ServiceAvailability) -> str:
    low, high = (bound * MINUTES_PER_YEAR for bound in one.interval)
    return words.minutes_between(low, one.downtime_minutes_per_year, high)


def availability(a: Answers, s: Sources) -> Section:
    """How long each service is down in a year, and what limits it."""
    rows, cuts = [], []
    for name, one in a.services.items():
        basis = basis_of(one, s)
        rows.append(
            (
                (words.service(name),),
                (Number(words.availability(one.unavailability), basis),),
                (Number(f"{one.nines:.1f}", basis),),
                (Number(downtime(one), basis),),
                (Number(words.a_year(one.outages_per_year), basis),),
                (parts(one.cut_sets[0].events) if one.cut_sets else "nothing",),
            )
        )
    alike: dict[tuple[RankedCutSet, ...], list[ServiceAvailability]] = {}
    for one in a.services.values():
        alike.setdefault(one.cut_sets, []).append(one)
    for same in alike.values():
        one, basis = same[0], basis_of(same[0], s)
        for rank, cut in enumerate(one.cut_sets[:_SHOWN]):
            cuts.append(
                (
                    (", ".join(words.service(each.service) for each in same) if rank == 0 else "",),
                    (parts(cut.events),),
                    (Number(words.share(cut.probability / one.unavailability), basis),),
                    (Number(words.minutes(cut.probability * MINUTES_PER_YEAR) + " min", basis),),
                    (Number(f"{one.cut_set_count:,}", basis) if rank == 0 else "",),
                )
            )
    blocks: list[Block] = [
        Figure("availability", ("How many minutes a year is each service down, and what limits it?",)),
        Table(
            ("Expected downtime of each service in a year, with what is not known of the rates",),
            ("service", "available", "nines", "down a year (interval)", "outages a year", "mostly by"),
            tuple(rows),
        ),
        Table(
            ("The smallest sets of failures that take each service, the likeliest first",),
            ("service", "what has to fail", "share of the downtime", "a year", "sets in all"),
            tuple(cuts),
        ),
    ]
    return Section("Is it available, and what limits that?", tuple(blocks))


def margin(a: Answers, s: Sources) -> Section:
    """How near each raft group is to losing its quorum."""
    rows = []
    for advice in a.advice:
        now = advice.now
        basis = margin_basis(advice.group, [b.component for b in now.breakers], s)
        enders = ", ".join(b.component for b in now.breakers) or "nothing alone"
        rate = sum(b.reliability.rate for b in now.breakers) * words.YEAR
        rows.append(
            (
                (advice.group,),
                (Number(f"{len(now.up)} of {len(now.group.voters)}", basis),),
                (Number(f"{now.group.quorum}", basis),),
                (Number(f"{now.margin}", basis),),
                (enders,),
                (Number(f"{rate:.2g} a year", basis),),
            )
        )
    table = Table(
        ("Each raft group with nothing down",),
        ("group", "voters up", "needed", "may lose", "ended by one failure of", "which comes"),
        tuple(rows),
    )
    return Section("How near is it to losing a quorum?", (table,))


def margin_basis(group: str, breakers: Iterable[str], s: Sources) -> Basis:
    voters = s.topology.raft_group(group).voters
    stated = s.stated(f"raft-groups, {group}", f"voters {', '.join(voters)}")
    return s.basis("margin", stated, *(s.rate(name) for name in breakers))


_MARKS = {"error": "✖ error", "warning": "▲ warning", "info": "● info"}


def review(a: Answers, s: Sources) -> Section:
    """What an expert would say of the design."""
    rows = []
    for finding in a.findings:
        basis = s.basis("review", s.evidence(finding))
        rows.append(
            (
                (_MARKS[finding.severity],),
                (Number(finding.rule, basis),),
                numbered(finding.message, basis),
                numbered(finding.fix, basis),
            )
        )
    if not rows:
        return Section("What does the design review say?", (Sentence(("It found nothing to say.",)),))
    graver = [f for f in a.findings if f.severity != "info"]
    counted = s.basis("review", *(s.evidence(f) for f in graver[:1]))
    caption: Line = (*numbered(words.counted(len(a.findings), "finding"), counted), ", the gravest first")
    table = Table(caption, ("severity", "rule", "what", "what to do"), tuple(rows))
    return Section("What does the design review say?", (table,))
