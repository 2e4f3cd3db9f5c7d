"""Reading a Timeline's JSON file as evidence: what cannot be is named with its line before anything is fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from meshlab.model.errors import InputError, Problem
from meshlab.model.reading import JSON, parse_json, parse_yaml, read_text
from meshlab.model.states import State
from meshlab.model.timeline import LAST_EPOCH, Timeline
from meshlab.parameters.calibration.histories import History

Where = tuple[str | int, ...]


def read_history(path: Path, name: str = "") -> History:
    """Reads a Timeline as the project writes it (``timeline.json`` of an incident, ``observe --json``).

    Raises
    ------
    InputError
        It is none, or tells of something impossible: a negative duration, overlapping states, a clock that went
        back; every such place with its line.
    """
    return parse_history(read_text(path, JSON), name or str(path))


def parse_history(text: str, file: str) -> History:
    """Gives the history written in a text; see `read_history`."""
    data = parse_json(text, file)
    if not isinstance(data, dict) or not {"origin", "horizon_s", "intervals"} <= data.keys():
        raise InputError.single(
            file, "this is not a timeline: it needs origin, horizon_s and intervals", "", 1
        )
    problems = list(_problems(data))
    if problems:
        from meshlab.model.spec.places import Places

        places = Places(file, parse_yaml(text, file))
        raise InputError(
            Problem(file, *places.of(where), message, "leave this evidence out, or mend the clock")
            for where, message in problems
        )
    try:
        return History(Timeline.from_dict(data), file)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError.single(file, f"not a timeline: {error}") from None


def _problems(data: dict[str, Any]) -> Iterator[tuple[Where, str]]:
    horizon = data["horizon_s"]
    if not _number(horizon) or horizon < 0:
        yield ("horizon_s",), f"the horizon is no length of time: {horizon!r}"
        return
    epoch = data.get("epoch")
    if epoch is not None and (not _number(epoch) or not 0 <= epoch <= LAST_EPOCH):
        yield ("epoch",), f"the epoch is no Unix time: {epoch!r}"
    last: dict[str, tuple[float, str]] = {}
    if not isinstance(data["intervals"], list):
        yield ("intervals",), "intervals is no list"
        return
    rows = [(i, row) for i, row in enumerate(data["intervals"]) if isinstance(row, dict)]
    for index, row in sorted(rows, key=lambda r: (str(r[1].get("component")), _start(r[1]))):
        where: Where = ("intervals", index)
        start, end, name = row.get("start_s"), row.get("end_s"), str(row.get("component"))
        if not (_number(start) and _number(end)):
            yield where, f"an interval of {name} has no start_s and end_s"
            continue
        if row.get("state") not in {str(state) for state in State}:
            yield (*where, "state"), f"{row.get('state')!r} is no state"
        if end < start:
            yield (
                (*where, "end_s"),
                f"{name} was {row.get('state')} for {end - start:.6g} s: it ended before it began",
            )
        elif start < -1e-9 or end > horizon + 1e-6:
            yield where, f"{name}: {start:g} to {end:g} s is not within the {horizon:g} s that were watched"
        before = last.get(name)
        if before is not None and start < before[0] - 1e-9 and end >= start:
            yield (
                where,
                f"{name} is {row.get('state')} from {start:g} s, but {before[1]} until {before[0]:g} s",
            )
        last[name] = (max(end, before[0] if before else end), str(row.get("state")))
    listed = data.get("series", ())
    for index, series in enumerate(listed if isinstance(listed, list) else ()):
        times = series.get("times_s", ()) if isinstance(series, dict) else ()
        if not (isinstance(times, list) and all(_number(time) for time in times)):
            continue  # said when the timeline is made
        back = next((i for i in range(1, len(times)) if times[i] < times[i - 1]), None)
        if back is not None:
            yield (
                ("series", index, "times_s", back),
                f"{series.get('component')}, {series.get('quantity')}: the clock went back from "
                f"{times[back - 1]:g} to {times[back]:g} s",
            )


def _start(row: dict[str, Any]) -> float:
    value = row.get("start_s")
    return float(value) if isinstance(value, (int, float)) else 0.0


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
