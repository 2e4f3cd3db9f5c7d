"""Where the numbers that go in come from: rows of the tables in `data/`, parameters, and the design itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from meshlab.model import Topology
from meshlab.model.components import Reliability
from meshlab.model.units import duration
from meshlab.parameters import Parameters
from meshlab.planning import tables
from meshlab.planning.report.document import Basis, Source
from meshlab.planning.report.provenance import pieces
from meshlab.planning.report.words import YEAR, quantity

if TYPE_CHECKING:
    from meshlab.model.review import Finding


class Sources:
    """The sources that a plan cites, each entered once, when it is first cited.

    Parameters
    ----------
    topology
        The design; its own statements are sources too.
    design
        What the design is called in the plan: the name of its file.
    """

    def __init__(self, topology: Topology, design: str) -> None:
        self.topology = topology
        self.design = design
        self.cited: dict[str, Source] = {}
        self._parameters = Parameters.for_topology(topology)
        self._tables: dict[str, Mapping[str, tables.Row]] = {
            "growth.csv": {f"{name}, {quantity}": row for (name, quantity), row in tables.growth().items()},
            "latency.csv": tables.latencies(),
            "prices.csv": tables.prices(),
            "traffic.csv": tables.traffic(),
            "explore.csv": tables.explored(),
        }

    def basis(self, method: str, *keys: str | None) -> Basis:
        """Gives a basis; sources that are not there (None) are left out, each is named once."""
        return Basis(method, tuple(dict.fromkeys(key for key in keys if key)))

    def row(self, table: str, name: str) -> str | None:
        """Cites a row of a table in `data/`; None where there is no such row."""
        row = self._tables[table].get(name)
        if row is None:
            return None
        spread = quantity(row.low, row.mid, row.high, row.unit)
        return self._cite(f"data/{table}: {name}", spread, row.source)

    def all_rows(self, table: str) -> tuple[str, ...]:
        """Cites every row of a table."""
        return tuple(key for name in self._tables[table] if (key := self.row(table, name)) is not None)

    def said(
        self, table: str, told: str, about: str = "", users: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        """Cites the rows of a table whose provenance an answer names; with `users` only their rows.

        Where several rows have the same provenance, those that share most words with what the answer is about.
        """
        by_text: dict[str, list[str]] = {}
        for name, row in self._tables[table].items():
            mine = users is None or _user(name) in users
            if mine and row.source and row.source in told:
                by_text.setdefault(row.source, []).append(name)
        words = _words(about)
        found: list[str | None] = []
        for names in by_text.values():
            common = {name: len(words & _words(name)) for name in names}
            most = max(common.values())
            found += [self.row(table, name) for name in names if common[name] == most]
        return tuple(key for key in found if key)

    def growth(self, users: tuple[str, ...], told: str, about: str) -> tuple[str, ...]:
        """Cites the rows of growth.csv that an answer on these workloads draws from.

        An answer names the provenance of a size or of a traffic; that of its growth goes with it.
        """
        found = list(self.said("growth.csv", told, about, self.rows_of(users)))
        for key in tuple(found):
            name = key.removeprefix("data/growth.csv: ")
            user, quantity = name.split(", ")
            grows = {"size": "growth", "traffic": "traffic-growth"}.get(quantity)
            more = self.row("growth.csv", f"{user}, {grows}") if grows else None
            found += [more] if more else []
        return tuple(dict.fromkeys(found))

    def rows_of(self, users: Iterable[str]) -> tuple[str, ...]:
        """Gives the names of these workloads (or groups) in growth.csv, where a chain may stand by its role."""
        table = tables.growth()
        known = {w.name: tables.grows_as(w, table) for w in self.topology.workloads}
        return tuple(dict.fromkeys(known.get(user, user) for user in users))

    def parameter(self, name: str) -> str | None:
        """Cites a parameter; one of the design's own parts is cited from there."""
        if name not in self._parameters:
            return None
        one = self._parameters[name]
        place = "data/parameters.csv" if not one.source.startswith("[T]") else self.design
        spread = quantity(one.low, one.value.quantile(0.5), one.high, one.unit)
        return self._cite(f"{place}: {name}", spread, one.source)

    def rate(self, name: str) -> str | None:
        """Cites how often a part of the design fails and how long it stays so; None where it cannot fail."""
        part = self.topology[name]
        if part.reliability is None:
            return None
        said = part.reliability.source or part.source or "no source is stated"
        return self._cite(f"{self.design}: {name}, failures", _rate(part.reliability), said)

    def links(self) -> tuple[str, ...]:
        """Cites the latencies of the design's links, those of one provenance together."""
        kinds: dict[str, list[str]] = {}
        for link in self.topology.links:
            said = link.latency.source or link.source or "no source is stated"
            kinds.setdefault(said, []).append(
                f"{link.a} to {link.b} {1000 * link.latency.quantile(0.5):.3g} ms"
            )
        place = f"{self.design}: links, one way"
        return tuple(
            self._cite(place if n == 0 else f"{place} ({n + 1})", _listed(values), said)
            for n, (said, values) in enumerate(kinds.items())
        )

    def disks(self, machines: Iterable[str]) -> tuple[str, ...]:
        """Cites how long synchronous writes of these machines' disks take."""
        kinds: dict[str, list[str]] = {}
        for name in machines:
            fsync = self.topology.machine(name).fsync
            kinds.setdefault(fsync.source or "no source is stated", []).append(
                f"{name} {1000 * fsync.quantile(0.5):.3g} ms"
            )
        place = f"{self.design}: synchronous writes"
        return tuple(
            self._cite(place if n == 0 else f"{place} ({n + 1})", _listed(values), said)
            for n, (said, values) in enumerate(kinds.items())
        )

    def stated(self, what: str, value: str, text: str = "[T] as the design says") -> str:
        """Cites a statement of the design."""
        return self._cite(f"{self.design}: {what}", value, text)

    def asked(self, what: str, value: str) -> str:
        """Cites what the plan was asked for."""
        return self._cite(f"the question: {what}", value, "as asked")

    def evidence(self, finding: Finding) -> str:
        """Cites what a finding of the review was seen in; a rule that finds several things has one each."""
        where = ", ".join(finding.components)
        return self._cite(f"{self.design}: {finding.rule}, {where}", "", finding.evidence)

    def _cite(self, place: str, value: str, text: str) -> str:
        self.cited[place] = Source(place, value, text, pieces(text))
        return place


def _rate(r: Reliability) -> str:
    value = f"{r.rate * YEAR:.3g} a year"
    if r.high > r.low:
        value += f" ({r.low * YEAR:.3g} to {r.high * YEAR:.3g})"
    return f"{value}, mean repair {duration(round(r.repair.mean))}"


def _listed(values: list[str], most: int = 6) -> str:
    more = [f"and {len(values) - most} more"] if len(values) > most else []
    return "; ".join([*values[:most], *more])


def _user(name: str) -> str:
    """The workload of a row of growth.csv; its parts (solana/ledger) are its own."""
    return name.split(",")[0].split("/")[0]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9.]+", text.lower()))
