"""An incident as a folder: samples, logs, rows, timeline, topology, notes - all that a report rests on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from meshlab.incident.evidence.readers.table import read_logs
from meshlab.incident.evidence.rows import Row, events, ordered, read_rows, write_rows
from meshlab.incident.observe.observed import observed
from meshlab.incident.observe.samples import Samples, read_samples
from meshlab.model import InputError, Timeline, Topology
from meshlab.model.reading import read_json, read_text
from meshlab.model.spec import dump, load

FORMAT = "meshlab-incident-1"
CUT_SHORT = "logs and events: the watch was cut short before they were collected"
SAMPLES, TIMELINE, TOPOLOGY, NOTES, ROWS, ABOUT = (
    "samples.jsonl",
    "timeline.json",
    "topology.yaml",
    "notes.md",
    "rows.jsonl",
    "incident.json",
)


_AGAIN = "is this an incident's folder? `meshlab observe` writes one"


@dataclass(frozen=True)
class Incident:
    """Everything known of one incident.

    `rows` are what logs and events add to what the observer saw; `not_collected` what could not be had, and why.
    """

    name: str
    topology: Topology
    timeline: Timeline
    rows: tuple[Row, ...] = ()
    notes: str = ""
    folder: Path | None = None
    not_collected: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def save(self, folder: Path) -> Incident:
        """Writes the incident to a folder and gives it back with that folder; samples and logs stay as they are."""
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "format": FORMAT,
            "name": self.name,
            "not_collected": list(self.not_collected),
            "about": dict(self.about),
        }
        _write(folder / TIMELINE, self.timeline.to_json())
        _write(folder / TOPOLOGY, dump(self.topology))
        _write(folder / NOTES, self.notes)
        write_rows(self.rows, folder / ROWS)
        _write(folder / ABOUT, json.dumps(about, indent=2))
        return replace(self, folder=folder)

    @classmethod
    def load(cls, folder: Path) -> Incident:
        """Reads an incident's folder; of a watch that was cut short, it makes the incident from the samples.

        Raises
        ------
        InputError
            It is no such folder, or a part of it cannot be read; says which.
        """
        if not (folder / ABOUT).exists() and (folder / SAMPLES).exists():
            raise InputError.single(
                folder,
                "has samples, but not what was watched: the watch was cut short",
                "say the design: meshlab incident FOLDER --spec SPEC",
            )
        about = _json(folder / ABOUT)
        if about.get("unfinished"):
            return finished(folder, about)
        if about.get("format") != FORMAT:
            raise InputError.single(
                folder / ABOUT, "this is not an incident", f"its format must be {FORMAT!r}"
            )
        told, missing = about.get("about", {}), about.get("not_collected", [])
        if not isinstance(told, dict) or not isinstance(missing, list):
            raise InputError.single(folder / ABOUT, "`about` is a map and `not_collected` a list", _AGAIN)
        rows = folder / ROWS
        notes = folder / NOTES
        try:
            timeline = Timeline.from_dict(_json(folder / TIMELINE))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError.single(
                folder / TIMELINE, f"not a timeline: {error}", "make it again from the samples"
            ) from error
        return cls(
            str(about.get("name", folder.name)),
            load(folder / TOPOLOGY),
            timeline,
            read_rows(rows) if rows.exists() else (),
            read_text(notes) if notes.exists() else "",
            folder,
            tuple(str(part) for part in missing),
            told,
        )

    def with_rows(self, rows: Iterable[Row]) -> Incident:
        """Gives the incident with more rows, which become events of its timeline."""
        added = tuple(rows)
        epoch = self.timeline.epoch or 0.0
        timeline = replace(
            self.timeline,
            events=(*self.timeline.events, *events(added, epoch, self.timeline.horizon)),
        )
        return replace(self, rows=ordered((*self.rows, *added)), timeline=timeline)


def begin(folder: Path, topology: Topology, name: str, about: Mapping[str, Any]) -> None:
    """Writes down what is watched before the watch begins, so that its samples can be read whatever becomes of it."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / TOPOLOGY, dump(topology))
    head = {"format": FORMAT, "name": name, "unfinished": True, "about": dict(about)}
    _write(folder / ABOUT, json.dumps(head, indent=2))


def finished(folder: Path, about: Mapping[str, Any]) -> Incident:
    """Gives the incident of a watch that was cut short: its samples, and the logs that are there already."""
    incident = ingest(folder, load(folder / TOPOLOGY), str(about.get("name", folder.name)))
    return replace(incident, not_collected=(CUT_SHORT,), about=about.get("about", {}))


def from_samples(samples: Samples, topology: Topology, name: str, *, notes: str = "") -> Incident:
    """Gives the incident that a watch saw."""
    return Incident(name, topology, observed(samples, topology), (), notes)


def ingest(folder: Path, topology: Topology, name: str = "") -> Incident:
    """Makes an incident of a folder of raw files: ``samples.jsonl``, and ``logs/`` beside it.

    Logs are known by their names (`evidence.readers`); other files stay where they are, unread.
    """
    samples = folder / SAMPLES
    incident = from_samples(read_samples(samples), topology, name or folder.name)
    return replace(
        incident.with_rows(read_logs(folder / "logs", members(read_samples(samples)))), folder=folder
    )


def members(samples: Samples) -> dict[str, str]:
    """Gives the machine of each etcd member id that answered."""
    return {
        str(s.answer["member_id"]): s.component
        for s in samples.items
        if s.probe == "etcd" and s.answered and s.answer.get("member_id")
    }


def _json(path: Path) -> dict[str, Any]:
    data = read_json(path, _AGAIN)
    return data if isinstance(data, dict) else {"items": data}


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
