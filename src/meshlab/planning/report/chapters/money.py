"""Sections on the price: the monthly bill, and what a change would buy for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.planning.report import words
from meshlab.planning.report.answers import Answers
from meshlab.planning.report.chapters.demand import resource_basis
from meshlab.planning.report.chapters.sources import Sources
from meshlab.planning.report.chapters.standing import basis_of, downtime
from meshlab.planning.report.document import Basis, Figure, Line, Number, Section, Table, numbered, plain

if TYPE_CHECKING:
    from meshlab.planning.cost import CostItem


def cost(a: Answers, s: Sources) -> Section:
    """What it costs in a month, the biggest item first."""
    rows: list[tuple[Line, ...]] = []
    for item in sorted(a.bill, key=lambda item: (-item.monthly.mid, item.item)):
        basis = item_basis(item, s)
        unknown = not item.monthly.high
        rows.append(
            (
                numbered(item.item, basis),
                (Number(f"{item.count:,.4g} {item.unit}".removesuffix("piece").strip(), basis),),
                (item.source,) if unknown else (Number(words.money(item.monthly.mid), basis),),
                ("",) if unknown else (Number(_between(item), basis),),
                ("",)
                if unknown or not a.total.monthly.mid
                else (Number(words.share(item.monthly.mid / a.total.monthly.mid), basis),),
            )
        )
    basis = total_basis(a, s)
    rows.append(
        (
            ("total",),
            ("",),
            (Number(words.money(a.total.monthly.mid), basis),),
            (Number(_between(a.total), basis),),
            ("",),
        )
    )
    table = Table(
        ("The bill of a month in US dollars, cloud and rack alike, the biggest item first",),
        ("item", "how many", "USD a month", "p05 to p95", "share"),
        tuple(rows),
    )
    return Section("What does it cost?", (Figure("cost", ("Where does the money of a month go?",)), table))


def _between(item: CostItem) -> str:
    low, high = words.money(item.monthly.low), words.money(item.monthly.high)
    return low if low == high else f"{low} to {high}"


def item_basis(item: CostItem, s: Sources) -> Basis:
    """The rows of prices, volumes and growth that an item's provenance names."""
    rows = [
        *s.said("prices.csv", item.source, item.item),
        *s.said("traffic.csv", item.source, item.item),
    ]
    if "data/growth.csv" in item.source:
        rows += [
            key
            for name in s.rows_of(w.name for w in s.topology.workloads)
            if (key := s.row("growth.csv", f"{name}, traffic")) is not None
        ]
    return s.basis("cost", *rows) if rows else s.basis("cost", s.stated(item.item, "", item.source))


def total_basis(a: Answers, s: Sources) -> Basis:
    biggest = sorted(a.bill, key=lambda item: -item.monthly.mid)[:3]
    return s.basis("cost", *(key for item in biggest for key in item_basis(item, s).sources))


def changes(a: Answers, s: Sources) -> Section | None:
    """The designs that were held beside this one; None where there are none."""
    if not a.changed:
        return None
    beside = {name: s.asked(f"the design {name}", "held beside") for name in a.changed}
    rows: list[tuple[Line, ...]] = []
    for service, one in a.services.items():
        cells: list[Line] = [
            (f"{words.service(service)}, down a year",),
            (Number(downtime(one), basis_of(one, s)),),
        ]
        for name, other in a.changed.items():
            there = other.services.get(service)
            found = with_source(basis_of(there, s), beside[name]) if there else None
            cells.append((Number(downtime(there), found),) if there and found else ("is not there",))
        rows.append(tuple(cells))
    priced = total_basis(a, s)
    columns = [(a, None), *((other, beside[name]) for name, other in a.changed.items())]
    rows.append(
        (
            ("USD a month (p05 to p95)",),
            *(
                (Number(words.money_between(d.total.monthly), with_source(priced, key)),)
                for d, key in columns
            ),
        )
    )
    rows.append((("first to run out",), *(_first(d, s, key) for d, key in columns)))
    rows.append((("does not fit",), *(_short(d) for d, _ in columns)))
    table = Table(
        ("The same questions of each design, answered with the same worlds",),
        ("", "as it is", *a.changed),
        tuple(_kept(rows)),
    )
    return Section("What would a change buy?", (table,))


def _kept(rows: list[tuple[Line, ...]]) -> list[tuple[Line, ...]]:
    """Leaves out what no change alters."""
    same = [row for row in rows if len({plain(cell) for cell in row[1:]}) == 1]
    return [row for row in rows if row not in same] or rows


def with_source(basis: Basis, key: str | None) -> Basis:
    """Gives the basis with one more source."""
    return Basis(basis.method, (*basis.sources, key)) if key else basis


def _first(a: Answers, s: Sources, key: str | None) -> Line:
    if not a.runouts:
        return ("nothing",)
    out = a.runouts[0]
    basis = with_source(resource_basis(out.resource, s), key)
    return (f"{out.resource.subject}, {out.resource.resource}: ", Number(words.years(out.p50), basis))


def _short(a: Answers) -> Line:
    tight = [f"{fit.machine}: {fit.resource}" for fit in a.fits if not fit.fits]
    return ("; ".join(tight) or "everything fits",)
