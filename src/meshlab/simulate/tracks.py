"""A track: something that holds one value until the next, over time; what layers hand to each other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")
W = TypeVar("W")


class Track(Generic[V]):
    """A piecewise-constant history from time 0: `values[i]` holds from `times[i]`, because of `causes[i]`.

    Examples
    --------
    >>> track = Track(True)
    >>> track.set(5.0, False, "cut")
    >>> track.at(4.9), track.at(5.0), track.cause_at(6.0)
    (True, False, 'cut')
    """

    __slots__ = ("causes", "times", "values")

    def __init__(self, value: V, cause: str = "") -> None:
        self.times: list[float] = [0.0]
        self.values: list[V] = [value]
        self.causes: list[str] = [cause]

    def set(self, time: float, value: V, cause: str = "") -> None:
        """Says that `value` holds from `time` on; what was said from then on is forgotten."""
        while len(self.times) > 1 and self.times[-1] >= time:
            self.times.pop()
            self.values.pop()
            self.causes.pop()
        if time <= self.times[-1]:
            self.values[-1] = value
            self.causes[-1] = cause
        elif self.values[-1] != value:
            self.times.append(time)
            self.values.append(value)
            self.causes.append(cause)

    def at(self, time: float) -> V:
        if len(self.times) == 1:
            return self.values[0]
        return self.values[bisect_right(self.times, time) - 1]

    def cause_at(self, time: float) -> str:
        return self.causes[bisect_right(self.times, time) - 1]

    def changes(self) -> Iterator[tuple[float, V, str]]:
        """Gives the changes after time 0."""
        return iter(list(zip(self.times, self.values, self.causes, strict=True))[1:])

    def spans(self, end: float) -> Iterator[tuple[float, float, V, str]]:
        """Gives (start, end, value, cause) up to `end`."""
        stops = [*self.times[1:], end]
        for start, stop, value, cause in zip(self.times, stops, self.values, self.causes, strict=True):
            if start < end:
                yield start, min(stop, end), value, cause

    def next_at(self, time: float, value: V) -> float:
        """Gives the first instant from `time` on at which `value` holds; infinite if there is none."""
        index = bisect_right(self.times, time) - 1
        if self.values[index] == value:
            return time
        for start, held in zip(self.times[index + 1 :], self.values[index + 1 :], strict=True):
            if held == value:
                return start
        return float("inf")

    @property
    def constant(self) -> bool:
        return len(self.times) == 1


def moments(*groups: Iterable[Track[V]]) -> list[float]:
    """Gives every instant at which one of the tracks changes, in order, 0 included."""
    return sorted({time for tracks in groups for track in tracks for time in track.times})
