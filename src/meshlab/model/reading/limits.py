"""How much of a file is read: its size, how deep it nests, how many values it holds, how long it may take."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from meshlab.model.errors import InputError
from meshlab.model.units import UnitError, duration, parse, size

VARIABLE = "MESHLAB_LIMITS"
"""The environment variable that raises limits; ``meshlab --limits`` sets it, so that a runner has them too."""

DEEPEST = 1_000
_EXAMPLE = "for example size=200MB,depth=300,values=5000000,time=5min"


@dataclass(frozen=True)
class Limits:
    """What a reader takes before it refuses a file.

    Parameters
    ----------
    size
        Bytes of the file.
    depth
        Lists and maps (elements, in XML) within each other.
    values
        Values of the document; an alias counts as all that it stands for.
    time
        Seconds of processor time to take it apart; of waiting, where a pipe is read.
    """

    size: float = 64 * 2.0**20
    depth: int = 100
    values: int = 1_000_000
    time: float = 20.0

    def raised(self) -> Limits:
        """Gives the limits with those that the environment sets.

        Raises
        ------
        InputError
            The variable says nothing that is understood.
        """
        text = os.environ.get(VARIABLE, "")
        if not text:
            return self
        found = self.with_text(text)
        if found.depth > self.depth:  # readers go down a level with a few calls
            sys.setrecursionlimit(max(sys.getrecursionlimit(), 1_000 + 20 * found.depth))
        return found

    def with_text(self, text: str) -> Limits:
        """Gives the limits with those of a text: ``size=200MB,depth=300``."""
        given: dict[str, float | int] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (word.strip() for word in part.partition("="))
            if name not in _READ:
                known = ", ".join(field.name for field in fields(self))
                raise InputError.single("--limits", f"{part!r} sets none of {known}", _EXAMPLE)
            try:
                given[name] = _READ[name](value)
            except ValueError as error:
                raise InputError.single("--limits", f"{name}: {error}", _EXAMPLE) from None
        return replace(self, **given)  # type: ignore[arg-type]

    def clock(self, file: str) -> Clock:
        """Starts the time that a file may take."""
        return Clock(file, self.time)


class Clock:
    """Counts processor time from when it is made; `check` ends the reading when it is used up."""

    def __init__(self, file: str, seconds: float) -> None:
        self._file, self._seconds = file, seconds
        self._begun = time.thread_time()

    def check(self, line: int = 0) -> None:
        if time.thread_time() - self._begun > self._seconds:
            raise beyond(self._file, f"takes longer than {duration(self._seconds)} to read", "time", line)


def beyond(file: str, message: str, limit: str, line: int = 0) -> InputError:
    """Gives the error of a file that is beyond a limit: what, where, and how the limit is raised."""
    return InputError.single(file, message, f"if it is meant: meshlab --limits {_RAISED[limit]} …", line)


def told(count: float) -> str:
    """Gives a size as a message says it."""
    return size(count)


_RAISED = {"size": "size=200MB", "depth": "depth=300", "values": "values=5000000", "time": "time=5min"}


def _size(text: str) -> float:
    return _some(parse(text, "size"), text)


def _time(text: str) -> float:
    return _some(parse(text, "duration"), text)


def _some(value: float, text: str) -> float:
    if value <= 0:
        raise UnitError(f"{text} leaves nothing to read")
    return value


def _whole(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= most):
            raise UnitError(f"{text!r} is no whole number from 1 to {most}")
        return int(text[:20])

    return read


_READ: dict[str, Callable[[str], float | int]] = {
    "size": _size,
    "depth": _whole(DEEPEST),
    "values": _whole(10**12),
    "time": _time,
}

TEXT = Limits()
JSON = Limits(values=5_000_000)
XML = Limits()
YAML = Limits(size=8 * 2.0**20, values=250_000)
"""YAML is read more slowly, and remembers the line of every value."""
