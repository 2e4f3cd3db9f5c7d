"""What a calibration found: for every number its value, interval, method, evidence, and what it replaced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshlab.model.distribution import Distribution, Estimate
from meshlab.model.errors import InputError
from meshlab.model.reading import parse_json
from meshlab.parameters.table import Parameter, parse_distribution, write_distribution

FORMAT = "meshlab-calibration-1"


@dataclass(frozen=True)
class Evidence:
    """Where a number was read: the file, the line (0: not known) or the metric in it, how many, and when.

    ``count`` is the number of measurements, ``date`` the day (ISO) on which they were taken.
    """

    file: str
    what: str
    count: int
    date: str
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.count} x {self.what} in {place} ({self.date})"


@dataclass(frozen=True)
class Goodness:
    """How well a fitted distribution describes what it was fitted to.

    ``distance`` is the greatest difference between the two distribution functions at the edges of the buckets;
    ``p_value`` that of Pearson's chi-square over the buckets (buckets expecting fewer than 5 are joined; nan
    where too few are left); ``aic`` the Akaike criterion of each form that was tried, the least is taken.
    """

    distance: float
    p_value: float
    aic: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Fit:
    """One calibrated number.

    ``interval`` bounds `bounded` (the median of a duration, a rate) with its confidence: how well it is known,
    not how much the quantity varies, which ``value`` says. ``replaced`` is the row that it takes the place of.
    """

    name: str
    value: Distribution
    unit: str
    bounded: str
    interval: Estimate
    method: str
    evidence: tuple[Evidence, ...]
    replaced: Parameter | None = None
    goodness: Goodness | None = None
    meaning: str = ""

    @property
    def count(self) -> int:
        """How many measurements it rests on."""
        return sum(part.count for part in self.evidence)

    @property
    def source(self) -> str:
        """The provenance as the table of parameters names it: one line, tagged [M]."""
        i = self.interval
        found = f"{self.bounded} {i.mid:.4g} ({i.low:.4g} to {i.high:.4g}, {i.confidence:.0%})"
        return f"[M] {found}; {'; '.join(str(part) for part in self.evidence[:3])}" + (
            f"; and {len(self.evidence) - 3} more" if len(self.evidence) > 3 else ""
        )

    def row(self) -> Parameter:
        """Gives the row for the table of parameters; its bounds are the 5th and 95th percentile of the value."""
        value = Distribution(self.value.kind, self.value.a, self.value.b, self.value.c, self.source)
        low, high = value.quantile(0.05), value.quantile(0.95)
        return Parameter(self.name, value, self.unit, low, high, self.source, self.meaning)

    def to_dict(self) -> dict[str, Any]:
        """Gives the fit as plain JSON values; floats keep their bits."""
        i = self.interval
        return {
            "name": self.name,
            "value": write_distribution(self.value),
            "unit": self.unit,
            "interval": {
                "of": self.bounded,
                "low": i.low,
                "mid": i.mid,
                "high": i.high,
                "confidence": i.confidence,
                "method": i.method,
            },
            "method": self.method,
            "evidence": [
                {"file": e.file, "line": e.line, "what": e.what, "count": e.count, "date": e.date}
                for e in self.evidence
            ],
            "replaced": _replaced(self.replaced),
            "goodness": None
            if self.goodness is None
            else {
                "distance": self.goodness.distance,
                "p_value": None if self.goodness.p_value != self.goodness.p_value else self.goodness.p_value,
                "aic": dict(self.goodness.aic),
            },
            "meaning": self.meaning,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fit:
        """Gives the fit that `to_dict` wrote."""
        i, g = data["interval"], data.get("goodness")
        return cls(
            str(data["name"]),
            parse_distribution(data["value"]),
            str(data["unit"]),
            str(i["of"]),
            Estimate(i["low"], i["mid"], i["high"], i["confidence"], i["method"]),
            str(data["method"]),
            tuple(
                Evidence(e["file"], e["what"], int(e["count"]), e["date"], int(e.get("line", 0)))
                for e in data["evidence"]
            ),
            _row(data["name"], data.get("replaced")),
            None
            if g is None
            else Goodness(
                g["distance"], float("nan") if g["p_value"] is None else g["p_value"], g.get("aic", {})
            ),
            str(data.get("meaning", "")),
        )


@dataclass(frozen=True)
class NotLearnt:
    """A number that the evidence does not reach, and why; `place` is where the evidence stands."""

    name: str
    reason: str
    place: str = ""


@dataclass(frozen=True)
class Calibration:
    """All that one calibration found for one cluster, and what it could not learn."""

    cluster: str
    fits: tuple[Fit, ...]
    not_learnt: tuple[NotLearnt, ...] = ()

    def rows(self) -> tuple[Parameter, ...]:
        """Gives the rows for the table of parameters."""
        return tuple(fit.row() for fit in self.fits)

    def __getitem__(self, name: str) -> Fit:
        for fit in self.fits:
            if fit.name == name:
                return fit
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(fit.name == name for fit in self.fits)

    def to_dict(self) -> dict[str, Any]:
        """Gives the document that ``meshlab calibrate`` writes."""
        return {
            "format": FORMAT,
            "cluster": self.cluster,
            "fits": [fit.to_dict() for fit in self.fits],
            "not_learnt": [{"name": n.name, "reason": n.reason, "place": n.place} for n in self.not_learnt],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    @classmethod
    def parse(cls, text: str, file: str = "<calibration>") -> Calibration:
        """Gives the calibration written in a text.

        Raises
        ------
        InputError
            It is none; names what is missing.
        """
        hint = "make it again with `meshlab calibrate SPEC --from … -o FILE`"
        data = parse_json(text, file, hint)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InputError.single(
                file, f"this is not a calibration: its format must be {FORMAT!r}", hint, 1
            )
        try:
            fits = tuple(Fit.from_dict(item) for item in data["fits"])
            missing = tuple(NotLearnt(n["name"], n["reason"], n["place"]) for n in data["not_learnt"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError.single(file, f"a part of the calibration is damaged: {error!r}", hint) from None
        return cls(str(data.get("cluster", "")), fits, missing)


def ordered(fits: Iterable[Fit]) -> tuple[Fit, ...]:
    """Gives the fits sorted by name, each name once (the one with the most measurements behind it)."""
    best: dict[str, Fit] = {}
    for fit in fits:
        if fit.name not in best or best[fit.name].count < fit.count:
            best[fit.name] = fit
    return tuple(best[name] for name in sorted(best))


def _replaced(row: Parameter | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "value": write_distribution(row.value),
        "unit": row.unit,
        "low": row.low,
        "high": row.high,
        "source": row.source,
    }


def _row(name: str, data: Mapping[str, Any] | None) -> Parameter | None:
    if data is None:
        return None
    value = parse_distribution(data["value"], data["source"])
    return Parameter(name, value, data["unit"], data["low"], data["high"], data["source"])
