"""Parameters: one immutable table of named quantities, each a distribution with unit and provenance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshlab.model.distribution import Distribution
from meshlab.model.errors import InputError, MeshlabError, Problem

if TYPE_CHECKING:
    from meshlab.model.topology import Topology


@dataclass(frozen=True)
class Parameter:
    """One quantity: its name, how it varies, its unit, the bounds it is believed to lie in, and its source.

    ``source`` starts with a tag: [S] read in the named source, [D] derived, [R] recalled, [E] estimate,
    [M] measured, [T] from the topology's own spec.
    """

    name: str
    value: Distribution
    unit: str
    low: float
    high: float
    source: str
    meaning: str = ""


@dataclass(frozen=True)
class Parameters:
    """A table of parameters, looked up by dotted name. Changing it gives a new one.

    Examples
    --------
    >>> Parameters.defaults()["kubespan.peer-down-interval"].value.mean
    275.0
    """

    rows: Mapping[str, Parameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", MappingProxyType(dict(self.rows)))

    @classmethod
    def defaults(cls) -> Parameters:
        """Gives what ships with meshlab (``data/parameters.csv``)."""
        return cls(_shipped("parameters.csv"))

    @classmethod
    def embedded(cls) -> Parameters:
        """Gives the defaults with what differs on the embedded cluster (``data/parameters-embedded.csv``)."""
        return cls({**_shipped("parameters.csv"), **_shipped("parameters-embedded.csv")})

    @classmethod
    def for_topology(cls, topology: Topology) -> Parameters:
        """Gives the defaults joined with what the topology's spec says of its own parts."""
        return cls.defaults().joined(topology)

    def joined(self, topology: Topology) -> Parameters:
        """Gives the table with one row per machine (boot, fsync), link (latency) and raft group (timers).

        A row that is there already stays (a calibrated ``machine.master-1.boot``); else a row for the whole
        class (``machine.boot``) gives the value; else the topology's spec does.
        """
        rows = dict(self.rows)

        def add(kind: str, name: str, quantity: str, value: Distribution, unit: str, source: str) -> None:
            key = f"{kind}.{name}.{quantity}"
            general = self.rows.get(f"{kind}.{quantity}")
            if general is not None:
                rows.setdefault(key, replace(general, name=key))
            else:
                low, high = value.quantile(0.05), value.quantile(0.95)
                rows.setdefault(key, Parameter(key, value, unit, low, high, f"[T] {value.source or source}"))

        for machine in topology.machines:
            add("machine", machine.name, "boot", machine.boot, "s", machine.source)
            add("machine", machine.name, "fsync", machine.fsync, "s", machine.source)
        for link in topology.links:
            add("link", link.name, "latency", link.latency, "s", link.source)
        for group in topology.raft_groups:
            for quantity in ("heartbeat", "election", "lease"):
                value = Distribution.constant(getattr(group, quantity))
                add("raft", group.name, quantity, value, "s", group.source or "the engine's defaults")
        return Parameters(rows)

    def with_value(
        self, name: str, value: Distribution | float, source: str, unit: str | None = None
    ) -> Parameters:
        """Gives the table with one value replaced; the row keeps its unit and meaning, and names its source."""
        old = self.rows.get(name)
        if old is None and unit is None and not self._concerns_a_part(name):
            self[name]  # raises UnknownParameter, with the name that is near
        spread = value if isinstance(value, Distribution) else Distribution.constant(float(value))
        row = Parameter(
            name,
            replace(spread, source=source),
            unit or (old.unit if old else "s"),
            spread.quantile(0.05),
            spread.quantile(0.95),
            source,
            old.meaning if old else "",
        )
        return Parameters({**self.rows, name: row})

    def with_rows(self, rows: Iterable[Parameter]) -> Parameters:
        """Gives the table with rows added, or put in the place of those of the same name."""
        return Parameters({**self.rows, **{row.name: row for row in rows}})

    @staticmethod
    def _concerns_a_part(name: str) -> bool:
        return name.split(".")[0] in ("machine", "link", "raft")

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self.rows[name]
        except KeyError:
            raise UnknownParameter(name, self.rows) from None

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.rows.values())

    def __len__(self) -> int:
        return len(self.rows)

    def __hash__(self) -> int:
        return hash(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameters) and self._items == other._items

    @cached_property
    def _items(self) -> tuple[tuple[str, Parameter], ...]:
        return tuple(sorted(self.rows.items()))

    def __getstate__(self) -> dict[str, dict[str, Parameter]]:
        return {"rows": dict(self.rows)}

    def __setstate__(self, state: dict[str, dict[str, Parameter]]) -> None:
        object.__setattr__(self, "rows", MappingProxyType(state["rows"]))

    def distribution(self, name: str) -> Distribution:
        return self[name].value

    def value(self, name: str) -> float:
        """Gives the mean of a parameter, which for a constant is its value."""
        return self[name].value.mean


class UnknownParameter(MeshlabError):
    """A parameter name that is not in the table; the message says which name is near."""

    def __init__(self, name: str, known: Mapping[str, Parameter]) -> None:
        near = get_close_matches(name, list(known), n=1)
        super().__init__(f"there is no parameter {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


_FORMS = {"constant": 1, "uniform": 2, "lognormal": 2, "exponential": 1, "triangular": 3, "gamma": 2}


def parse_distribution(text: str, source: str = "") -> Distribution:
    """Gives the distribution written as its kind and numbers: ``lognormal 90 0.35``.

    Raises
    ------
    ValueError
        The kind is unknown, the numbers are not as many as it needs, or they make no distribution.
    """
    kind, *numbers = text.split()
    if _FORMS.get(kind) != len(numbers):
        known = ", ".join(f"{name} ({count} numbers)" for name, count in _FORMS.items())
        raise ValueError(f"{text!r} is no distribution; known: {known}")
    a, b, c = [*(float(number) for number in numbers), 0.0, 0.0][:3]
    return Distribution(kind, a, b, c, source)  # type: ignore[arg-type]


def write_distribution(value: Distribution) -> str:
    """Gives the text that `parse_distribution` reads back to the same bits."""
    numbers = (value.a, value.b, value.c)[: _FORMS[value.kind]]
    return " ".join([value.kind, *(repr(float(number)) for number in numbers)])


def read_csv(text: str, file: str) -> dict[str, Parameter]:
    """Gives the rows of a table of parameters.

    Raises
    ------
    InputError
        A row lacks a source or its numbers make no sense; the error names file and line.
    """
    import csv

    rows: dict[str, Parameter] = {}
    problems: list[Problem] = []
    reader = csv.DictReader(text.splitlines())
    for row in reader:
        line = reader.line_num
        try:
            if not row["source"].startswith("["):
                raise ValueError("no source tag: start it with [S], [D], [R], [M], [E] or [T]")
            if row["name"] in rows:
                raise ValueError(f"{row['name']!r} stands twice")
            value = parse_distribution(row["value"], row["source"])
            rows[row["name"]] = Parameter(
                row["name"],
                value,
                row["unit"],
                float(row["low"]),
                float(row["high"]),
                row["source"],
                row["meaning"] or "",
            )
        except (ValueError, KeyError, AttributeError) as error:
            problems.append(Problem(file, line, 0, f"not a parameter: {error}"))
    if problems:
        raise InputError(problems)
    return rows


@lru_cache
def _shipped(name: str) -> dict[str, Parameter]:
    from meshlab.model.spec import data_file

    return read_csv(data_file(name).read_text(encoding="utf-8"), name)
