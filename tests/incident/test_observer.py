"""The observer itself: threads, files, and things that do not answer."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from meshlab.incident.observe.observer import Observer
from meshlab.incident.observe.probes import NoPath, Refused, Silent
from meshlab.incident.observe.samples import Sample, SampleLog, read_samples
from meshlab.model import InputError
from own_time import PATIENCE_S, until


@dataclass
class Thing:
    """A probe whose answer the test decides."""

    kind: str
    component: str
    says: Mapping[str, Any] | Exception = field(default_factory=dict)
    gate: threading.Event | None = None

    def ask(self) -> Mapping[str, Any]:
        if self.gate is not None:
            self.gate.wait(PATIENCE_S)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def test_a_machine_that_wakes_late_is_written_down_as_busy(tmp_path: Path):
    ticks = itertools.count()

    class Late(Observer):
        @property
        def now(self) -> float:
            return float(next(ticks))

    observer = Late([], tmp_path / "s.jsonl")
    observer.start()
    until(lambda: observer.samples().items, "the observer writes down that it is late")
    observer.stop()
    first = observer.samples().items[0]
    assert (first.probe, first.component) == ("observer", "observer")
    assert first.answer["late_s"] > 0.5 and first.answer["load"] >= 0


def test_a_thing_that_hangs_costs_its_own_poller_only(tmp_path: Path):
    gate = threading.Event()
    probes = [
        Thing("machine", "master-1", gate=gate),
        *(Thing("machine", f"worker-{n}", {"stage": "running"}) for n in range(5)),
    ]
    observer = Observer(probes, tmp_path / "s.jsonl", interval_s=0.05)
    observer.start()

    def asked_often() -> bool:
        asked = observer.samples().of("machine")
        return all(len(asked.get(f"worker-{n}", ())) >= 4 for n in range(5))

    observer.watch(PATIENCE_S, until=asked_often)
    observer.stop(patience_s=0.2)
    assert [thread.name for thread in observer._threads if thread.is_alive()] == ["observe-machine-master-1"]
    gate.set()
    assert asked_often()
    assert "master-1" not in observer.samples().of("machine")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Silent("time-out"), "silent"),
        (Refused("no leader", {"code": 500}), "refused"),
        (NoPath("API away"), "no-path"),
        (RuntimeError("odd"), "refused"),
    ],
)
def test_each_way_of_not_answering_is_written_down(tmp_path: Path, error: Exception, outcome: str):
    with Observer([Thing("vault", "master-1", error)], tmp_path / "s.jsonl", interval_s=0.05) as observer:
        observer.watch(PATIENCE_S, until=lambda: bool(observer.samples().items))
    sample = observer.samples().items[0]
    assert sample.outcome == outcome
    assert str(error) in sample.error


def test_line_numbers_of_samples_are_those_of_the_file(tmp_path: Path):
    with Observer(
        [Thing("machine", f"m{n}") for n in range(4)], tmp_path / "s.jsonl", interval_s=0.02
    ) as observer:
        observer.watch(PATIENCE_S, until=lambda: len(observer.samples().items) > 20)
    lines = (tmp_path / "s.jsonl").read_text().splitlines()
    for sample in observer.samples().items:
        assert json.loads(lines[sample.line - 1])["component"] == sample.component


def test_a_line_torn_by_a_crash_is_left_out(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    with SampleLog(path, epoch=1.0, interval=0.5) as log:
        log.append(Sample("machine", "a", 0.0, 0.1, "answered"))
    path.write_text(path.read_text() + '{"probe":"machine","comp')
    assert len(read_samples(path).items) == 1


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path):
    path = tmp_path / "s.jsonl"
    path.write_text('{"format":"meshlab-samples-1","epoch":1,"interval_s":1}\nnonsense\n{"ended_s":3}\n')
    with pytest.raises(InputError, match=r"s\.jsonl:2"):
        read_samples(path)


def test_another_file_is_refused_with_what_was_expected(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    path.write_text("{}\n")
    with pytest.raises(InputError, match="not a file of samples"):
        read_samples(path)


def test_progress_is_told_what_is_silent(tmp_path: Path):
    told: list[str] = []
    with Observer(
        [Thing("machine", "master-1", Silent("x"))], tmp_path / "s.jsonl", interval_s=0.05
    ) as observer:
        observer.watch(
            PATIENCE_S,
            lambda done, total, silent: told.append(silent),
            until=lambda: "machine of master-1" in told,
        )
    assert "machine of master-1" in told
