"""Timelines of plans and runs: the planned one by the steps' durations, the executed one by the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from meshlab.model import Event, Interval, Lane, State, Timeline, Topology
from meshlab.model.timeline import NOT_THERE_YET
from meshlab.provision.cluster.records import SETTLED, Kind, Record
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Step


def schedule(plan: Plan, quantile: float = 0.5) -> dict[str, tuple[float, float]]:
    """Gives when each step starts and ends, in seconds, if every one starts as soon as it may.

    Parameters
    ----------
    quantile
        Of each step's duration: 0.5 gives the planned timeline.
    """
    times: dict[str, tuple[float, float]] = {}
    for step in plan:
        start = max((times[need][1] for need in step.needs), default=0.0)
        idle = step not in plan.changes and step.intent != "check"
        times[step.id] = (start, start + (0.0 if idle else step.duration.quantile(quantile)))
    return times


def left(plan: Plan, settled: Collection[str]) -> float:
    """Gives the seconds that the rest of a run takes, if every step starts as soon as it may (medians)."""
    ends: dict[str, float] = {}
    for step in plan:
        idle = step.id in settled or (step not in plan.changes and step.intent != "check")
        start = max((ends[need] for need in step.needs), default=0.0)
        ends[step.id] = start + (0.0 if idle else step.duration.quantile(0.5))
    return max(ends.values(), default=0.0)


def planned(plan: Plan, topology: Topology) -> Timeline:
    """Gives the history that a plan intends: every component it touches, from its first second to its last."""
    times = schedule(plan)
    horizon = max((end for _, end in times.values()), default=0.0)
    spans = [(step, *times[step.id]) for step in plan]
    events = tuple(Event(start, step.id, step.title, "step") for step, start, _ in spans)
    return Timeline("planned", horizon, tuple(_lanes(plan, topology, spans, horizon)), events)


def executed(plan: Plan, topology: Topology, records: Iterable[Record]) -> Timeline:
    """Gives the history that a run's journal tells; its zero is the first row, its epoch that row's Unix time."""
    rows = [record for record in records if record.run == plan.run]
    if not rows:
        return Timeline("executed", 0.0)
    epoch, horizon = rows[0].time, rows[-1].time - rows[0].time
    starts: dict[str, float] = {}
    spans: list[tuple[Step, float, float]] = []
    events = []
    known = {step.id for step in plan}
    for row in rows:
        time = row.time - epoch
        if row.step in known:
            if row.kind is Kind.INTENT:
                starts.setdefault(row.step, time)
            if row.kind in SETTLED:
                spans.append((plan[row.step], starts.get(row.step, time), time))
        events.append(
            Event(time, row.step, row.text or str(row.kind), str(row.kind), (f"journal:{row.seq}",))
        )
    return Timeline(
        "executed", horizon, tuple(_lanes(plan, topology, spans, horizon)), tuple(events), epoch=epoch
    )


def _lanes(
    plan: Plan, topology: Topology, spans: list[tuple[Step, float, float]], horizon: float
) -> list[Interval]:
    first = State.DOWN if plan.purpose == "bring-up" else State.UP
    cause = NOT_THERE_YET if plan.purpose == "bring-up" else ""
    changes: dict[str, list[tuple[float, State | None, str]]] = {}
    for step, start, end in spans:
        for effect in step.effects:
            if effect.component not in topology:
                continue
            told = changes.setdefault(effect.component, [])
            if effect.during is not None:
                told.append((start, effect.during, step.title))
                if effect.after is None:
                    told.append((end, None, f"done: {step.title}"))
            if effect.after is not None:
                told.append((end, effect.after, step.title))
    intervals: list[Interval] = []
    for component in sorted(changes):
        lane = Lane(component, first, cause)
        before = first
        for time, state, text in sorted(changes[component], key=lambda change: change[0]):
            now = lane.state
            lane.at(time, before if state is None else state, text)
            before = now
        intervals += lane.until(horizon)
    return intervals
