"""Timeline: when. Per component, intervals of state with their cause; measured series beside them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from meshlab.model.states import State

if TYPE_CHECKING:
    import pandas as pd

Origin = Literal["predicted", "planned", "executed", "observed"]
LAST_EPOCH = 253402300799.0
"""The last second of the year 9999, the last that a date can be made of."""


NOT_THERE_YET = "not there yet"
"""The cause of a component's first state where it was not made yet: it is not up, and nothing is wrong with it."""


@dataclass(frozen=True)
class Interval:
    """A stretch of one state: from `start` (included) to `end` (not), in seconds from the timeline's zero.

    `cause` is why the state began, in words a person reads; `evidence` points at what proves it (a log line,
    a journal row); `uncertainty` is the half-width in seconds within which start and end are known.
    """

    component: str
    state: State
    start: float
    end: float
    cause: str = ""
    evidence: tuple[str, ...] = ()
    uncertainty: float = 0.0

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"an interval cannot end before it starts: {self}")

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Event:
    """Something that happened at one instant: a fault, an election, a step's start."""

    time: float
    component: str
    text: str
    kind: str = "event"
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """A measured or simulated quantity over time: `times` in seconds, one value for each."""

    component: str
    quantity: str
    unit: str
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Timeline:
    """One history of a cluster: predicted, planned, executed or observed - the same type for all four.

    Intervals of one component do not overlap; they are kept sorted by component and start. A component that
    a timeline says nothing about was not looked at; one that was well all along has one ``up`` interval.

    Parameters
    ----------
    origin
        What kind of history this is.
    horizon
        How many seconds it covers, from 0.
    epoch
        Unix time of its zero, where it has one (observed and executed histories).
    """

    origin: Origin
    horizon: float
    intervals: tuple[Interval, ...] = ()
    events: tuple[Event, ...] = ()
    series: tuple[Series, ...] = ()
    epoch: float | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.intervals, key=lambda i: (i.component, i.start, i.end)))
        object.__setattr__(self, "intervals", ordered)
        object.__setattr__(
            self, "events", tuple(sorted(self.events, key=lambda e: (e.time, e.component, e.text)))
        )
        for before, after in itertools.pairwise(ordered):
            if before.component == after.component and before.end > after.start + 1e-9:
                raise ValueError(f"intervals of {before.component} overlap: {before} and {after}")

    @cached_property
    def _by_component(self) -> dict[str, tuple[Interval, ...]]:
        found: dict[str, list[Interval]] = {}
        for interval in self.intervals:
            found.setdefault(interval.component, []).append(interval)
        return {name: tuple(intervals) for name, intervals in found.items()}

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(self._by_component)

    def of(self, component: str) -> tuple[Interval, ...]:
        """Gives a component's intervals, in time order; none where the timeline does not know it."""
        return self._by_component.get(component, ())

    def state_at(self, component: str, time: float) -> State | None:
        """Gives the state of a component at an instant; None where the timeline does not say."""
        for interval in self.of(component):
            if interval.start <= time < interval.end:
                return interval.state
        return None

    def downtime(self, component: str, start: float = 0.0, end: float | None = None) -> float:
        """Gives the seconds in which a component did not serve its clients, within [start, end)."""
        stop = self.horizon if end is None else end
        return sum(
            max(0.0, min(i.end, stop) - max(i.start, start))
            for i in self.of(component)
            if not i.state.serving
        )

    def availability(self, component: str) -> float:
        """Gives the share of the horizon in which a component served its clients."""
        return 1.0 - self.downtime(component) / self.horizon if self.horizon > 0 else 1.0

    def only(self, components: Iterable[str]) -> Timeline:
        wanted = set(components)
        return replace(
            self,
            intervals=tuple(i for i in self.intervals if i.component in wanted),
            events=tuple(e for e in self.events if e.component in wanted),
            series=tuple(s for s in self.series if s.component in wanted),
        )

    def shifted(self, seconds: float) -> Timeline:
        """Gives the timeline with its zero moved: what was at t is at t + seconds; what is before 0 is cut."""
        moved = [
            replace(i, start=max(0.0, i.start + seconds), end=i.end + seconds)
            for i in self.intervals
            if i.end + seconds > 0
        ]
        return replace(
            self,
            horizon=max(0.0, self.horizon + seconds),
            intervals=tuple(moved),
            events=tuple(replace(e, time=e.time + seconds) for e in self.events if e.time + seconds >= 0),
            series=tuple(replace(s, times=tuple(t + seconds for t in s.times)) for s in self.series),
            epoch=None if self.epoch is None else self.epoch - seconds,
        )

    def clipped(self, end: float) -> Timeline:
        """Gives the timeline up to an instant."""
        return replace(
            self,
            horizon=min(self.horizon, end),
            intervals=tuple(replace(i, end=min(i.end, end)) for i in self.intervals if i.start < end),
            events=tuple(e for e in self.events if e.time <= end),
        )

    def merged(self, other: Timeline) -> Timeline:
        """Gives one timeline of both, which must know different components."""
        return replace(
            self,
            horizon=max(self.horizon, other.horizon),
            intervals=self.intervals + other.intervals,
            events=self.events + other.events,
            series=self.series + other.series,
            notes=self.notes + other.notes,
        )

    def __sub__(self, other: Timeline) -> tuple[Difference, ...]:
        """Gives where two histories differ: the stretches in which both know a component and disagree."""
        return tuple(_differences(self, other))

    def to_frame(self) -> pd.DataFrame:
        """Gives the intervals as a table: component, state, start_s, end_s, length_s, cause."""
        import pandas as pd

        rows = [(i.component, str(i.state), i.start, i.end, i.length, i.cause) for i in self.intervals]
        return pd.DataFrame(rows, columns=["component", "state", "start_s", "end_s", "length_s", "cause"])

    def to_dict(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "horizon_s": self.horizon,
            "epoch": self.epoch,
            "intervals": [_interval_dict(i) for i in self.intervals],
            "events": [
                {
                    "time_s": e.time,
                    "component": e.component,
                    "text": e.text,
                    "kind": e.kind,
                    "evidence": list(e.evidence),
                }
                for e in self.events
            ],
            "series": [
                {
                    "component": s.component,
                    "quantity": s.quantity,
                    "unit": s.unit,
                    "times_s": list(s.times),
                    "values": list(s.values),
                }
                for s in self.series
            ],
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Timeline:
        """Gives the timeline that `to_dict` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            Something is missing, of another type, or no finite number; the message says what.
        """
        if data["origin"] not in get_args(Origin):
            raise ValueError(f"its origin is none of {', '.join(get_args(Origin))}: {data['origin']!r}")
        horizon, epoch = _number(data["horizon_s"], "horizon_s"), data.get("epoch")
        if horizon < 0:
            raise ValueError(f"its horizon is no length of time: {horizon:g}")
        if epoch is not None and not 0 <= _number(epoch, "epoch") <= LAST_EPOCH:
            raise ValueError(f"its epoch is no Unix time: {epoch:g}")
        return cls(
            origin=data["origin"],
            horizon=horizon,
            epoch=epoch,
            intervals=tuple(
                Interval(
                    _word(i["component"], "component"),
                    State(i["state"]),
                    _number(i["start_s"], "start_s"),
                    _number(i["end_s"], "end_s"),
                    _word(i.get("cause", ""), "cause"),
                    _words(i.get("evidence", ()), "evidence"),
                    _number(i.get("uncertainty_s", 0.0), "uncertainty_s"),
                )
                for i in data["intervals"]
            ),
            events=tuple(
                Event(
                    _number(e["time_s"], "time_s"),
                    _word(e["component"], "component"),
                    _word(e["text"], "text"),
                    _word(e.get("kind", "event"), "kind"),
                    _words(e.get("evidence", ()), "evidence"),
                )
                for e in data.get("events", ())
            ),
            series=tuple(
                Series(
                    _word(s["component"], "component"),
                    _word(s["quantity"], "quantity"),
                    _word(s["unit"], "unit"),
                    tuple(_number(t, "times_s") for t in s["times_s"]),
                    tuple(_number(v, "values") for v in s["values"]),
                )
                for s in data.get("series", ())
            ),
            notes=_words(data.get("notes", ()), "notes"),
        )


def _number(value: object, what: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise ValueError(f"{what} is no finite number: {str(value)[:40]!r}")


def _word(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{what} is no text: {str(value)[:40]!r}")


def _words(value: object, what: str) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        return tuple(_word(item, what) for item in value)
    raise ValueError(f"{what} is no list of texts: {str(value)[:40]!r}")


@dataclass(frozen=True)
class Difference:
    """A stretch in which two histories say different things of one component."""

    component: str
    start: float
    end: float
    ours: State
    theirs: State


def _differences(a: Timeline, b: Timeline) -> Iterator[Difference]:
    for component in sorted(set(a.components) & set(b.components)):
        end = min(a.horizon, b.horizon)
        cuts = sorted({t for i in (*a.of(component), *b.of(component)) for t in (i.start, i.end) if t <= end})
        last: Difference | None = None
        for start, stop in itertools.pairwise(cuts):
            ours, theirs = a.state_at(component, start), b.state_at(component, start)
            if ours is None or theirs is None or ours == theirs:
                continue
            if last and last.end == start and (last.ours, last.theirs) == (ours, theirs):
                last = replace(last, end=stop)
                continue
            if last:
                yield last
            last = Difference(component, start, stop, ours, theirs)
        if last:
            yield last


def _interval_dict(interval: Interval) -> dict[str, Any]:
    row: dict[str, Any] = {
        "component": interval.component,
        "state": str(interval.state),
        "start_s": interval.start,
        "end_s": interval.end,
        "cause": interval.cause,
    }
    if interval.evidence:
        row["evidence"] = list(interval.evidence)
    if interval.uncertainty:
        row["uncertainty_s"] = interval.uncertainty
    return row


class Lane:
    """Builds one component's intervals by saying when its state changes; equal neighbours are one interval.

    Examples
    --------
    >>> lane = Lane("etcd")
    >>> lane.at(60.0, State.NO_LEADER, "master-1 lost power")
    >>> lane.at(61.3, State.UP, "master-2 leads")
    >>> [(str(i.state), i.start, i.end) for i in lane.until(100.0)]
    [('up', 0.0, 60.0), ('no-leader', 60.0, 61.3), ('up', 61.3, 100.0)]
    """

    def __init__(self, component: str, state: State = State.UP, cause: str = "", start: float = 0.0) -> None:
        self.component = component
        self._changes: list[tuple[float, State, str]] = [(start, state, cause)]

    @property
    def state(self) -> State:
        return self._changes[-1][1]

    def at(self, time: float, state: State, cause: str = "") -> None:
        """Says that from `time` on the state is `state`; times must not go back."""
        last_time, last_state, _ = self._changes[-1]
        if time < last_time - 1e-9:
            raise ValueError(f"{self.component}: state at {time} s said after that at {last_time} s")
        if state == last_state:
            return
        if time <= last_time:
            self._changes[-1] = (last_time, state, cause)
            if len(self._changes) > 1 and self._changes[-2][1] == state:
                self._changes.pop()
            return
        self._changes.append((time, state, cause))

    def until(self, end: float) -> list[Interval]:
        ends = [time for time, _, _ in self._changes[1:]] + [end]
        return [
            Interval(self.component, state, start, min(stop, end), cause)
            for (start, state, cause), stop in zip(self._changes, ends, strict=True)
            if start < end and stop > start
        ]
