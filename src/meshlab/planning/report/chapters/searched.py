"""What a search over designs found, as a section of the plan: what to build, the limits, the designs, the rejected."""

from __future__ import annotations

from collections.abc import Iterable

from meshlab.planning.explore import Exploration
from meshlab.planning.explore.bounds import Bound, bounds
from meshlab.planning.explore.phrases import phrase
from meshlab.planning.explore.words import MOST_ROWS, advice, columns, rejections, row, said_in_full, shown
from meshlab.planning.report.chapters.sources import Sources
from meshlab.planning.report.document import Basis, Line, Section, Sentence, Table, numbered


def searched(found: Exploration, s: Sources) -> Section:
    """Gives the section; every number in it is compared on the same worlds (method `explore`)."""
    few, limits = shown(found), bounds(found)
    basis = searched_basis(found, s)
    front = sum(one.front for one in found.designs)
    counted = f"{len(found.designs)} designs, {front} of them on the Pareto front, {len(few)} shown"
    lines = [*advice(found.recommendation), *said_in_full(found), *rejections(found)]
    if (chosen := found.recommendation.design) is not None:
        lines[0] = f"recommended: {phrase(found, found[chosen])}, because {found.recommendation.why}"
    if found.load:
        lines.append(f"the p99 of each design is that under {found.load:,g} requests a second of each kind")
    return Section(
        "Which design of those searched?",
        (
            *(Sentence(numbered(_sentence(line), basis)) for line in lines),
            Table(
                numbered(counted, basis),
                tuple(columns(found)),
                _rows((row(one, found) for one in few), basis),
            ),
            _limits(limits, basis),
            *_rejected(found, basis),
        ),
    )


def searched_basis(found: Exploration, s: Sources) -> Basis:
    """Gives what every number of a search rests on."""
    tried = s.asked("designs", "; ".join(one.design.name for one in shown(found)))
    kept_to = s.asked("limits", "; ".join(f"{one.constraint}: {one.asked}" for one in bounds(found)))
    return s.basis("explore", tried, kept_to, *s.all_rows("explore.csv"))


def _limits(limits: Iterable[Bound], basis: Basis) -> Table:
    rows = [
        [one.constraint, one.asked, str(one.missing), str(one.rejects), str(one.alone), one.verdict]
        for one in limits
    ]
    return Table(
        ("What every design was asked to keep to, and which of it bound",),
        ("limit", "asked", "designs that miss it", "rejected by it", "miss nothing else", "verdict"),
        _rows(rows, basis),
    )


def _rejected(found: Exploration, basis: Basis) -> list[Table]:
    """The rejected designs, each by what; none where every design keeps to the limits."""
    rows = [
        [one.design.name, first.constraint, first.reason, ", ".join(miss.constraint for miss in more)]
        for one in found.designs
        for first, *more in ([one.missed] if one.missed else [])
    ]
    if not rows:
        return []
    caption = f"{len(rows)} of {len(found.designs)} designs are rejected"
    if len(rows) > MOST_ROWS:
        caption += f"; the first {MOST_ROWS}"
    headings = ("design", "rejected by", "why", "misses too")
    return [Table(numbered(caption, basis), headings, _rows(rows[:MOST_ROWS], basis))]


def _rows(rows: Iterable[list[str]], basis: Basis) -> tuple[tuple[Line, ...], ...]:
    return tuple(tuple(numbered(cell, basis) for cell in cells) for cells in rows)


def _sentence(line: str) -> str:
    text = line.strip()
    return f"{text[0].upper()}{text[1:]}."
