"""The report of an incident: what happened, how sure that is, how near it was, what to do - with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from meshlab.incident.explain.explain import Cause, Explanation
from meshlab.incident.explain.replay import Outage, Replay, outages
from meshlab.incident.observe.margin import margins
from meshlab.incident.record import Incident
from meshlab.incident.report.actions import actions
from meshlab.model import Estimate, Timeline, Topology
from meshlab.model.units import duration
from meshlab.simulate import Prediction

if TYPE_CHECKING:
    from meshlab.parameters import Parameters

AUTOMATIC = frozenset({"election", "restart", "eviction", "unseal", "leader-transfer", "membership"})
"""Kinds of events that the cluster does by itself."""


@dataclass(frozen=True)
class Statement:
    """One sentence of the report and the lines it rests on (``file:line``)."""

    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table: headings, and rows of cells; the last column of `rows` may be evidence."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    evidence: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Figure:
    """A place for a picture: its name, what it shows, for those who cannot see it too."""

    name: str
    caption: str
    description: str


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it, in order."""

    title: str
    blocks: tuple[Statement | Table | Figure, ...]


@dataclass(frozen=True)
class Report:
    """A report as data; `html` and `markdown` (beside this file) write it, with the pictures they are given."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    observed: Timeline
    predicted: Timeline
    outages: tuple[Outage, ...]
    topology: Topology
    quotes: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "subtitle": self.subtitle,
            "outages": [outage.to_dict() for outage in self.outages],
            "sections": [section.title for section in self.sections],
        }

    @property
    def predicted_estimates(self) -> dict[str, Estimate]:
        return {outage.service: outage.predicted for outage in self.outages}

    @property
    def observed_seconds(self) -> dict[str, float]:
        return {outage.service: outage.observed for outage in self.outages if outage.observed is not None}

    @property
    def uncertainties(self) -> dict[str, float]:
        return {outage.service: outage.uncertainty for outage in self.outages if outage.observed is not None}


def build_report(
    incident: Incident,
    prediction: Prediction | Replay,
    explanation: Explanation,
    *,
    parameters: Parameters | None = None,
    author: str = "",
) -> Report:
    """Gives the report of an incident.

    Parameters
    ----------
    prediction
        What the simulator says of the best hypothesis: `replay(...)`, or its prediction.
    parameters
        Those of the replay, for the "what would have been" section; without them that uses the defaults.
    """
    if isinstance(prediction, Replay):
        table, predicted = prediction.outages, prediction.predicted
        how = f"{prediction.prediction.replicates} replicates, seed {prediction.prediction.seed}"
    else:
        table, predicted = outages(prediction, incident.timeline), prediction.typical()
        how = f"{prediction.replicates} replicates, seed {prediction.seed}"
    observed = incident.timeline
    sections = (
        _summary(incident, explanation, table),
        _impact(table, how),
        _figures(observed),
        _timeline(incident),
        _causes(explanation),
        _automation(incident),
        _margin(incident),
        _todo(incident, explanation, table, parameters),
        _limits(incident, explanation),
    )
    subtitle = " · ".join(part for part in (_when(observed), incident.topology.name, author) if part)
    report = Report(
        f"Post-mortem: {incident.name}", subtitle, sections, observed, predicted, table, incident.topology
    )
    return replace(report, quotes=_quotes(incident, report))


def _when(observed: Timeline) -> str:
    if observed.epoch is None:
        return f"{duration(observed.horizon)} watched"
    start = datetime.fromtimestamp(observed.epoch, UTC)
    return f"{start:%Y-%m-%d %H:%M:%S} UTC, {duration(observed.horizon)} watched"


def _at(observed: Timeline, time: float) -> str:
    """A moment as people read it: UTC where the timeline has an epoch, and seconds from its zero."""
    if observed.epoch is None:
        return f"+{time:.1f} s"
    moment = datetime.fromtimestamp(observed.epoch + time, UTC)
    return f"{moment:%H:%M:%S}.{int(moment.microsecond / 1e5)} (+{time:.1f} s)"


def _summary(incident: Incident, explanation: Explanation, table: Sequence[Outage]) -> Section:
    observed = incident.timeline
    blocks: list[Statement | Table | Figure] = []
    if explanation.first_deviation is None:
        blocks.append(Statement(f"Nothing deviated in {duration(observed.horizon)} of watching."))
        return Section("Summary", tuple(blocks))
    first = explanation.deviations[0]
    blocks.append(
        Statement(
            f"The first sign was seen at {_at(observed, first.start)}: {first.component} became {first.state}"
            f" ({first.cause or 'no cause recorded'}).",
            first.evidence,
        )
    )
    best = explanation.best
    blocks.append(Statement(_cause_sentence(best, explanation)))
    away = [o for o in table if o.observed]
    if away:
        worst = max(away, key=lambda o: o.observed or 0.0)
        blocks.append(
            Statement(
                f"{len(away)} of {sum(o.observed is not None for o in table)} services that were looked at"
                f" were away for a time; longest: {worst.service}, {_seconds(worst.observed, worst.uncertainty)}."
            )
        )
    else:
        blocks.append(Statement("No service that was looked at was away."))
    if incident.notes.strip():
        blocks.append(Statement(f"Notes of those who were there: {incident.notes.strip()}", ("notes.md",)))
    return Section("Summary", tuple(blocks))


def _cause_sentence(best: Cause, explanation: Explanation) -> str:
    share = _percent(best.probability)
    if best.fault is None:
        return f"No single fault explains what was seen: that nothing failed has {share} of the probability."
    text = (
        f"The most likely cause of {explanation.candidates - 1} candidate faults is: {best.name} ({share})."
    )
    if best.alike:
        text += (
            f" From here it cannot be told apart from: {', '.join(best.alike)}; it is named first because it happens"
            f" more often ({best.rate_per_year:.3g} a year, {best.source or 'source not stated'})."
        )
    return text


def _impact(table: Sequence[Outage], how: str) -> Section:
    rows = tuple(
        (
            o.service,
            f"{duration(o.predicted.low)} to {duration(o.predicted.high)}",
            duration(o.predicted.mid),
            _seconds(o.observed, o.uncertainty) if o.observed is not None else "not looked at",
            "-" if o.inside is None else "yes" if o.inside else "no",
            o.note,
        )
        for o in table
    )
    judged = [o for o in table if o.inside is not None]
    inside = sum(bool(o.inside) for o in judged)
    headings = ("service", "predicted outage (90 %)", "median", "observed outage", "inside", "remark")
    return Section(
        "Impact",
        (
            Table(
                headings,
                rows,
                f"Outage per service: predicted for the most likely cause ({how}), and observed.",
            ),
            Statement(
                f"{inside} of {len(judged)} observed outages lie in their predicted 90 % interval, each taken with the"
                " uncertainty of its observation (±). Where they do not, that is a finding about the model or about a"
                " second fault."
            ),
            Figure(
                "outages",
                "Predicted and observed outage per service",
                "For each service a bar for the predicted 90 % interval and a diamond for what was observed; the table"
                " above has the same numbers.",
            ),
        ),
    )


def _figures(observed: Timeline) -> Section:
    return Section(
        "What was predicted, what was observed",
        (
            Figure(
                "timeline",
                "States over time, predicted above observed",
                "Swim lanes per component: the upper row is the most typical replicate of the most likely cause, the"
                " lower row what was observed. The next section lists every observed change.",
            ),
        ),
    )


def _timeline(incident: Incident) -> Section:
    observed = incident.timeline
    entries: list[tuple[float, float, tuple[str, ...], tuple[str, ...]]] = []
    for interval in observed.intervals:
        if interval.start > 0:
            known = f"±{interval.uncertainty:.2g} s" if interval.uncertainty else "exact"
            cells = (
                _at(observed, interval.start),
                known,
                interval.component,
                str(interval.state),
                interval.cause,
            )
            entries.append((interval.start, 0, cells, interval.evidence))
    for event in observed.events:
        cells = (_at(observed, event.time), "", event.component, event.kind, event.text)
        entries.append((event.time, 1, cells, event.evidence))
    entries.sort(key=lambda entry: (entry[0], entry[1], entry[2]))
    shown = entries[:200]
    caption = "Every observed change of state, and every event."
    if len(entries) > len(shown):
        caption += f" The first {len(shown)} of {len(entries)}; the rest is in timeline.json."
    headings = ("when", "known to", "component", "state or event", "what")
    return Section(
        "Timeline",
        (
            Table(headings, tuple(e[2] for e in shown), caption, tuple(e[3] for e in shown)),
            Statement(
                "Rows whose times overlap within what they are known to have no order: which came first cannot be told."
            ),
        ),
    )


def _causes(explanation: Explanation) -> Section:
    blocks: list[Statement | Table | Figure] = [
        Table(
            ("rank", "cause", "probability", "began", "lasted", "a year", "log likelihood"),
            tuple(
                (
                    str(n),
                    c.name + (f" (cannot be told from: {', '.join(c.alike)})" if c.alike else ""),
                    _percent(c.probability),
                    f"+{c.fault.at:.1f} s" if c.fault else "-",
                    _lasted(c),
                    f"{c.rate_per_year:.3g}",
                    f"{c.score:.1f}",
                )
                for n, c in enumerate(explanation.causes[:8], 1)
            ),
            f"The first of {explanation.candidates} candidates, by {explanation.simulations} simulations"
            f" in {duration(explanation.seconds)}.",
        )
    ]
    for number, cause in enumerate(explanation.causes[:3], 1):
        why = cause.why
        if why.explains:
            blocks.append(Statement(f"{number}. {cause.name} - speaks for it: {'; '.join(why.explains)}."))
        if why.misses:
            blocks.append(Statement(f"{number}. {cause.name} - does not explain: {'; '.join(why.misses)}."))
        if why.would_show:
            blocks.append(
                Statement(
                    f"{number}. {cause.name} - would have shown, which was not seen: {'; '.join(why.would_show)}."
                )
            )
    return Section("Causes, ranked by simulation", tuple(blocks))


def _automation(incident: Incident) -> Section:
    observed = incident.timeline
    blocks = [
        Statement(f"{_at(observed, event.time)}: {event.text}.", event.evidence)
        for event in observed.events
        if event.kind in AUTOMATIC
    ]
    steps = [row for row in incident.rows if row.kind == "step"]
    blocks += [
        Statement(f"{_at(observed, row.time - (observed.epoch or 0.0))}: {row.text}.", (row.evidence,))
        for row in steps
    ]
    if not blocks:
        blocks = [Statement("No election, restart or step of ours was seen.")]
    return Section("What the automation did", tuple(blocks[:40]))


def _margin(incident: Incident) -> Section:
    rows = []
    for margin in margins(incident.topology, incident.timeline):
        if margin.spare > 0:
            meaning = f"{margin.spare} more may fail"
        elif margin.spare == 0:
            meaning = "one failure from losing its quorum"
        else:
            meaning = "without a quorum"
        rows.append((margin.group, meaning, duration(margin.seconds)))
    return Section(
        "How near it was",
        (
            Table(
                ("raft group", "margin", "for"),
                tuple(rows),
                "How long each raft group was how far from losing its quorum, by the machines that answered.",
            ),
        ),
    )


def _todo(
    incident: Incident, explanation: Explanation, table: Sequence[Outage], parameters: Parameters | None
) -> Section:
    found = actions(incident, explanation, table, parameters)
    rows = tuple((action.kind, action.text, action.why) for action in found)
    return Section(
        "What to do", (Table(("kind", "action", "because"), rows, "Proposals, for people to decide on."),)
    )


def _limits(incident: Incident, explanation: Explanation) -> Section:
    blocks = [Statement(note.capitalize() + ".") for note in explanation.notes]
    blocks += [Statement(f"Not collected: {what}.") for what in incident.not_collected]
    blocks += [Statement(note[0].upper() + note[1:] + ".") for note in incident.timeline.notes]
    return Section("What this rests on, and what it does not know", tuple(blocks))


def _quotes(incident: Incident, report: Report) -> dict[str, str]:
    """The text of every line that the report cites, where the incident's folder still has it."""
    cited: dict[str, set[int]] = {}
    for section in report.sections:
        for block in section.blocks:
            places = block.evidence if isinstance(block, Statement) else ()
            if isinstance(block, Table):
                places = tuple(place for row in block.evidence for place in row)
            for place in places:
                name, _, line = place.rpartition(":")
                if line.isdigit():
                    cited.setdefault(name, set()).add(int(line))
    quotes: dict[str, str] = {}
    for name, lines in sorted(cited.items()):
        path = incident.folder / name if incident.folder else None
        if path is None or not path.is_file() or incident.folder not in path.resolve().parents:
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, text in enumerate(file, 1):
                if number in lines:
                    quotes[f"{name}:{number}"] = text.strip()[:400]
    return quotes


def _lasted(cause: Cause) -> str:
    if cause.fault is None or cause.fault.lasts == 0:
        return "-"
    return "to the end" if cause.fault.lasts == float("inf") else duration(cause.fault.lasts)


def _seconds(value: float | None, blur: float) -> str:
    if value is None:
        return "-"
    return duration(value) + (f" ±{duration(blur)}" if blur > 0 and value > 0 else "")


def _percent(share: float) -> str:
    if share > 0.995:
        return "more than 99 %"
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "less than 1 %"
