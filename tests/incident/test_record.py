"""An incident as a folder: what is saved is what is loaded."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from watching import master_1_dies

from meshlab.incident.observe.connections import Connections
from meshlab.incident.observe.samples import SampleLog
from meshlab.incident.record import Incident, begin, from_samples, ingest
from meshlab.incident.watch import watch_through
from meshlab.model import InputError


def raw_folder(folder: Path) -> Path:
    samples = master_1_dies()
    with SampleLog(folder / "samples.jsonl", epoch=samples.epoch, interval=samples.interval) as log:
        for sample in samples.items:
            log.append(sample)
        log.close(samples.ended)
    logs = folder / "logs"
    logs.mkdir()
    (logs / "etcd-master-2.log").write_text(
        json.dumps({"ts": "2026-09-21T14:13:32.000Z", "msg": "ab became leader at term 3"}) + "\n"
    )
    (logs / "notes-of-somebody.txt").write_text("unread")
    return folder


def test_an_incident_comes_back_as_it_was_saved(tmp_path, cluster):
    incident = replace(from_samples(master_1_dies(), cluster, "night"), notes="paged at 03:12")
    incident.save(tmp_path / "night")
    again = Incident.load(tmp_path / "night")
    assert again.timeline == incident.timeline
    assert again.topology.components == incident.topology.components
    assert (again.name, again.notes, again.folder) == ("night", "paged at 03:12", tmp_path / "night")


def test_raw_files_become_an_incident_with_the_logs_in_its_timeline(tmp_path, cluster):
    incident = ingest(raw_folder(tmp_path), cluster, "raw")
    assert incident.timeline.downtime("vault") > 5
    assert [row.evidence for row in incident.rows] == ["logs/etcd-master-2.log:1"]
    assert incident.timeline.of("master-1")[1].evidence[0].startswith("samples.jsonl:")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_ends_a_watch_and_what_was_seen_is_kept(tmp_path, cluster):
    found = watch_through(Connections(cluster), tmp_path / "w", math.inf, gather=False, progress=interrupted)
    again = Incident.load(tmp_path / "w")
    assert again.timeline == found.timeline
    assert again.timeline.horizon < 60


def test_a_watch_that_was_killed_is_read_from_its_samples(tmp_path, cluster):
    folder = raw_folder(tmp_path)
    with pytest.raises(InputError, match=r"cut short.*--spec SPEC"):
        Incident.load(folder)
    begin(folder, cluster, "night", {"profile": "embedded"})
    incident = Incident.load(folder)
    assert incident.timeline == ingest(folder, cluster).timeline
    assert (incident.name, incident.about) == ("night", {"profile": "embedded"})
    assert "cut short" in incident.not_collected[0]


def test_a_folder_that_is_no_incident_is_named(tmp_path):
    with pytest.raises(InputError, match=r"incident\.json.*no such file"):
        Incident.load(tmp_path)
    (tmp_path / "incident.json").write_text("{}")
    with pytest.raises(InputError, match="not an incident"):
        Incident.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.jsonl", b'{"t_lo": 1.0, "t_hi"', r"rows\.jsonl:1: not JSON"),
        ("rows.jsonl", b'{"foo": 1}\n', r"rows\.jsonl:1: not a row: it has no t_lo"),
        ("rows.jsonl", b"\x00\x01\xfe", r"rows\.jsonl:1: not JSON"),
        ("rows.jsonl", b"[" * 9_000, r"rows\.jsonl:1: nests deeper|rows\.jsonl:1: not JSON"),
        ("notes.md", b"first\nf\xfcr", r"notes\.md:2: not UTF-8 text"),
        ("timeline.json", b'{"origin": "observed", "horizon_s": NaN}', r"timeline\.json:1: not JSON: NaN"),
        (
            "timeline.json",
            b'{"origin": "observed", "horizon_s": 1.0, "epoch": 1e300, "intervals": []}',
            "epoch is no Unix time",
        ),
        ("timeline.json", b'{"origin": "observed", "horizon_s": 1.0, "intervals": 7}', "not a timeline"),
        (
            "timeline.json",
            b'{"origin": "dreamt", "horizon_s": 1.0, "intervals": []}',
            "its origin is none of",
        ),
        ("incident.json", b"[" * 5_000, r"incident\.json:1"),
        ("incident.json", b'{"format": "meshlab-incident-1", "about": 7}', "`about` is a map"),
    ],
)
def test_a_damaged_file_of_an_incident_is_named(name, content, words, tmp_path, cluster):
    from_samples(master_1_dies(), cluster, "night").save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        Incident.load(tmp_path)
