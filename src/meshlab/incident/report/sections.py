"""The sections of an incident's report, one function each."""

from __future__ import annotations

from collections.abc import Sequence

from meshlab.incident.evidence.rows import Row
from meshlab.incident.explain.explain import Cause, Explanation
from meshlab.incident.explain.replay import Outage
from meshlab.incident.observe.margin import margins
from meshlab.incident.record import Incident
from meshlab.incident.report.actions import Action
from meshlab.incident.report.blocks import Block, Figure, Section, Statement, Table
from meshlab.incident.report.logs import bursts
from meshlab.incident.report.words import away, blur, expected, lasted, moment, outage_lines, percent
from meshlab.model import Interval
from meshlab.model.units import duration

AUTOMATIC = frozenset({"election", "restart", "eviction", "unseal", "leader-transfer", "membership"})
"""Kinds of events that the cluster does by itself."""
MOST_ROWS = 200


def summary(incident: Incident, explanation: Explanation, table: Sequence[Outage]) -> Section:
    """What it was, what it did, and how it began."""
    observed = incident.timeline
    blocks: list[Block] = []
    first = explanation.first_sign
    if first is None:
        blocks.append(Statement(f"Nothing deviated in {duration(observed.horizon)} of watching."))
        return Section("Summary", tuple(blocks))
    blocks.append(Statement(_cause_sentence(explanation.best, explanation)))
    blocks += [Statement(f"{line}.") for line in outage_lines(table)]
    blocks.append(
        Statement(
            f"The first sign was seen at {moment(observed, first.start)}: {first.component} became {first.state}"
            f" ({first.cause or 'no cause recorded'}).",
            first.evidence,
        )
    )
    blocks += _before(explanation.unexplained)
    blocks += [Statement(_sentence(note)) for note in observed.notes if "machine was busy" in note]
    if incident.notes.strip():
        blocks.append(Statement(f"Notes of those who were there: {incident.notes.strip()}", ("notes.md",)))
    return Section("Summary", tuple(blocks))


def _before(odd: Sequence[Interval]) -> list[Statement]:
    if not odd:
        return []
    one = odd[0]
    text = (
        f"Before it {len(odd)} stretch{'' if len(odd) == 1 else 'es'} looked odd that this cause does not explain,"
        f" such as {one.component} {one.state} for {duration(one.length)} ({one.cause})."
    )
    return [Statement(text, one.evidence)]


def _cause_sentence(best: Cause, explanation: Explanation) -> str:
    share = percent(best.probability)
    if best.fault is None:
        return f"No single fault explains what was seen: that nothing failed has {share} of the probability."
    text = (
        f"The most likely cause of {explanation.candidates - 1} candidate faults is: {best.name} ({share} of the"
        " ranking, which takes components as independent and is rather too sure)."
    )
    if best.alike:
        text += (
            f" From here it cannot be told apart from: {', '.join(best.alike)}; it is named first because it happens"
            f" more often ({best.rate_per_year:.3g} a year, {best.source or 'source not stated'})."
        )
    return text


def to_do(title: str, found: Sequence[Action], otherwise: str) -> Section:
    """Proposals, most urgent first."""
    if not found:
        return Section(title, (Statement(otherwise),))
    rows = tuple((action.kind, action.text, action.why) for action in found)
    return Section(
        title, (Table(("kind", "action", "because"), rows, "Proposals, for people to decide on."),)
    )


def impact(table: Sequence[Outage], how: str) -> Section:
    """Each service's outage, predicted and observed."""
    rows = tuple(
        (
            o.service,
            expected(o),
            duration(o.predicted.mid),
            away(o),
            "" if o.inside is None else "yes" if o.inside else "no",
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


def pictures() -> Section:
    """Predicted above observed."""
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


def changes(incident: Incident) -> Section:
    """Every change of state and every election that the observer saw."""
    observed = incident.timeline
    entries: list[tuple[float, int, tuple[str, ...], tuple[str, ...]]] = []
    for interval in observed.intervals:
        if interval.start > 0:
            cells = (
                moment(observed, interval.start),
                blur(interval.uncertainty) if interval.uncertainty else "",
                interval.component,
                str(interval.state),
                interval.cause,
            )
            entries.append((interval.start, 0, cells, interval.evidence))
    written = {row.evidence for row in incident.rows}
    for event in observed.events:
        if written.isdisjoint(event.evidence):
            cells = (moment(observed, event.time), "", event.component, event.kind, event.text)
            entries.append((event.time, 1, cells, event.evidence))
    entries.sort(key=lambda entry: (entry[0], entry[1], entry[2]))
    shown = entries[:MOST_ROWS]
    caption = "Every observed change of state, and every election."
    if len(entries) > len(shown):
        caption += f" The first {len(shown)} of {len(entries)}; the rest is in timeline.json."
    return Section(
        "Timeline",
        (
            Table(
                ("when", "known to", "component", "state or event", "what"),
                tuple(e[2] for e in shown),
                caption,
                tuple(e[3] for e in shown),
            ),
            Statement(
                "Rows whose times overlap within what they are known to have no order: which came first cannot be told."
            ),
        ),
    )


def logs(incident: Incident) -> Section:
    """What logs and events say, a burst of like lines folded into one row."""
    start, end = incident.timeline.epoch or 0.0, incident.timeline.horizon
    told = _told(incident)
    found = bursts(told)
    shown = found[:MOST_ROWS]
    caption = f"{len(told)} lines in {len(found)} bursts; lines that say the same within seconds are one row."
    if len(found) > len(shown):
        caption += f" The first {len(shown)}; the rest is in rows.jsonl."
    rows = tuple(
        (
            moment(incident.timeline, min(max(one.first.time - start, 0.0), end)),
            blur(one.first.uncertainty) if one.first.uncertainty else "",
            one.first.component,
            one.first.kind,
            one.text,
        )
        for one in shown
    )
    headings = ("when", "known to", "component", "kind", "what")
    table = Table(headings, rows, caption, tuple(one.evidence for one in shown))
    return Section(
        "What the logs say", (table,) if rows else (Statement("No log was collected."),), folded=True
    )


def _told(incident: Incident) -> list[Row]:
    """The rows of logs, events and our journal that are of the time that was watched."""
    start, end = incident.timeline.epoch or 0.0, incident.timeline.horizon
    return [row for row in incident.rows if -row.uncertainty <= row.time - start <= end + row.uncertainty]


def causes(explanation: Explanation) -> Section:
    """The likeliest causes, with what speaks for and against the first three."""
    blocks: list[Block] = [
        Table(
            ("rank", "cause", "probability", "began", "lasted", "a year", "log likelihood"),
            tuple(
                (
                    str(n),
                    c.name + (f" (cannot be told from: {', '.join(c.alike)})" if c.alike else ""),
                    percent(c.probability),
                    f"+{c.fault.at:.1f} s" if c.fault else "",
                    lasted(c),
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


def automation(incident: Incident) -> Section:
    """Elections, restarts and steps of ours."""
    observed = incident.timeline
    blocks = [
        Statement(f"{moment(observed, event.time)}: {event.text}.", event.evidence)
        for event in observed.events
        if event.kind in AUTOMATIC
    ]
    steps = [row for row in _told(incident) if row.kind == "step"]
    blocks += [
        Statement(f"{moment(observed, row.time - (observed.epoch or 0.0))}: {row.text}.", (row.evidence,))
        for row in steps
    ]
    if not blocks:
        blocks = [Statement("No election, restart or step of ours was seen.")]
    return Section("What the automation did", tuple(blocks[:40]))


def margin(incident: Incident) -> Section:
    """How long each raft group was how far from losing its quorum."""
    rows = []
    for one in margins(incident.topology, incident.timeline):
        if one.spare > 0:
            meaning = f"{one.spare} more may fail"
        elif one.spare == 0:
            meaning = "one failure from losing its quorum"
        else:
            meaning = "without a quorum"
        rows.append((one.group, meaning, duration(one.seconds)))
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


def limits(incident: Incident, explanation: Explanation) -> Section:
    """What the answer rests on, and what was not to be had."""
    blocks = [Statement(_sentence(note)) for note in explanation.notes]
    blocks += [Statement(f"Not collected: {what}.") for what in incident.not_collected]
    blocks += [Statement(_sentence(note)) for note in incident.timeline.notes]
    return Section("What this rests on, and what it does not know", tuple(blocks))


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."
