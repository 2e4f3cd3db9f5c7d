"""Samples: what a probe asked and what it was answered, append-only, one JSON line each."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, get_args

from meshlab.model import InputError
from meshlab.model.reading import json_lines

Outcome = Literal["answered", "refused", "silent", "no-path"]
"""How a question ended.

``answered``: there is an answer; ``refused``: it answered that it cannot (an error reply); ``silent``: nothing
came back in time, or the connection was refused; ``no-path``: the way to it was away (a pod asked through an
API that is away), so nothing is known of the thing itself.
"""

FORMAT = "meshlab-samples-1"


@dataclass(frozen=True)
class Sample:
    """One question to one thing. `sent` and `got` are seconds since the observer's zero.

    `line` is the line of the samples file that holds it (from 1; 0 where it was never written).
    """

    probe: str
    component: str
    sent: float
    got: float
    outcome: Outcome
    answer: Mapping[str, Any] = field(default_factory=dict, hash=False)
    error: str = ""
    line: int = 0

    @property
    def latency(self) -> float:
        """Seconds from question to answer (or to giving up)."""
        return self.got - self.sent

    @property
    def answered(self) -> bool:
        return self.outcome == "answered"


@dataclass(frozen=True)
class Samples:
    """All samples of one watch, with where they are kept.

    Parameters
    ----------
    epoch
        Unix time of the zero that the samples' times count from.
    interval
        Seconds between two questions of one probe, when it is answered at once.
    source
        Name of the file that holds them, as evidence names it.
    """

    epoch: float
    interval: float
    items: tuple[Sample, ...]
    source: str = "samples.jsonl"
    ended: float | None = None

    @property
    def horizon(self) -> float:
        """Seconds that were watched."""
        if self.ended is not None:
            return self.ended
        return max((sample.got for sample in self.items), default=0.0)

    def of(self, probe: str) -> dict[str, list[Sample]]:
        """Gives one probe's samples by component, each in the order they were asked."""
        found: dict[str, list[Sample]] = {}
        for sample in self.items:
            if sample.probe == probe:
                found.setdefault(sample.component, []).append(sample)
        return {name: sorted(found[name], key=lambda s: (s.sent, s.got)) for name in sorted(found)}

    def evidence(self, sample: Sample) -> str:
        """Where a sample can be read: file and line."""
        return f"{self.source}:{sample.line}"


class SampleLog:
    """Writes samples to a JSONL file as they come; a line is on its way to disk when `append` returns.

    The first line says when the watch began; every other line is a sample. Threads may append at once.
    """

    def __init__(self, path: Path, *, epoch: float, interval: float, topology: str = "") -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._lines = 0
        self._write({"format": FORMAT, "epoch": epoch, "interval_s": interval, "topology": topology})

    def append(self, sample: Sample) -> Sample:
        """Writes a sample and gives it back with its line number."""
        row = {
            "probe": sample.probe,
            "component": sample.component,
            "sent_s": round(sample.sent, 6),
            "got_s": round(sample.got, 6),
            "outcome": sample.outcome,
            "answer": dict(sample.answer),
            "error": sample.error,
        }
        line = self._write(row)
        return Sample(
            sample.probe,
            sample.component,
            sample.sent,
            sample.got,
            sample.outcome,
            sample.answer,
            sample.error,
            line,
        )

    def close(self, ended: float | None = None) -> None:
        """Closes the file; `ended` (seconds since zero) is written as its last line."""
        with self._lock:
            if self._file.closed:
                return
        if ended is not None:
            self._write({"ended_s": round(ended, 6)})
        with self._lock:
            self._file.close()

    def _write(self, row: Mapping[str, Any]) -> int:
        text = json.dumps(row, separators=(",", ":"), default=str) + "\n"
        with self._lock:
            self._file.write(text)
            self._file.flush()
            self._lines += 1
            return self._lines

    def __enter__(self) -> SampleLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_samples(path: Path, source: str = "") -> Samples:
    """Reads a samples file; a last line torn by a crash is left out.

    Raises
    ------
    InputError
        The file is not one of samples, or a line before the last is damaged; names the line.
    """
    rows = list(json_lines(path, "remove the line", torn=True))
    if not rows or rows[0][1].get("format") != FORMAT:
        raise InputError.single(
            path, "this is not a file of samples", f"its first line must carry format {FORMAT!r}", 1
        )
    head = rows[0][1]
    try:
        epoch, interval = _finite(head["epoch"]), _finite(head["interval_s"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError.single(path, f"no epoch or interval: {error!r}", "watch again", rows[0][0]) from None
    ended: float | None = None
    items: list[Sample] = []
    for line, row in rows[1:]:
        try:
            if "ended_s" in row:
                ended = _finite(row["ended_s"])
            else:
                items.append(_sample(row, line))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError.single(path, f"not a sample: {error!r}", "remove the line", line) from error
    return Samples(epoch, interval, tuple(items), source or path.name, ended)


def _sample(row: dict[str, Any], line: int) -> Sample:
    if row["outcome"] not in get_args(Outcome):
        raise ValueError(f"{row['outcome']!r} is no outcome")
    answer = row.get("answer", {})
    if not isinstance(answer, dict):
        raise ValueError("its answer is no map")
    probe, component, error = str(row["probe"]), str(row["component"]), str(row.get("error", ""))
    sent, got = _finite(row["sent_s"]), _finite(row["got_s"])
    return Sample(probe, component, sent, got, row["outcome"], answer, error, line)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no finite number")
    return number
