"""What a search over designs found, as a section of the plan: the designs, what was rejected, and what to build."""

from __future__ import annotations

from meshlab.planning.explore import Exploration
from meshlab.planning.explore.words import advice, columns, rejections, row, shown
from meshlab.planning.report.document import Line, Section, Sentence, Table, numbered
from meshlab.planning.report.sources import Sources


def searched(found: Exploration, s: Sources) -> Section:
    """Gives the section; every number in it is compared on the same worlds (method `explore`)."""
    tried = s.asked("designs", "; ".join(one.design.name for one in shown(found)))
    basis = s.basis("explore", tried, *s.all_rows("explore.csv"))
    few = shown(found)
    front = sum(one.front for one in found.designs)
    rows: list[tuple[Line, ...]] = []
    for one in few:
        rows.append(tuple(numbered(cell, basis) for cell in row(one, found)))
    counted = f"{len(found.designs)} designs, {front} of them on the Pareto front, {len(few)} shown"
    lines = [*advice(found.recommendation), *rejections(found)]
    return Section(
        "Which design of those searched?",
        (
            *(Sentence(numbered(_sentence(line), basis)) for line in lines),
            Table(numbered(counted, basis), tuple(columns(found)), tuple(rows)),
        ),
    )


def _sentence(line: str) -> str:
    text = line.strip()
    return f"{text[0].upper()}{text[1:]}."
