"""What `meshlab calibrate` reads: incidents, timelines, runs, and scrapes of etcd, each known by what is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from meshlab.model.topology import Topology
    from meshlab.parameters.calibration.histories import History
    from meshlab.parameters.calibration.scrape import Scrape
    from meshlab.parameters.calibration.steps import StepRun
    from meshlab.provision.cluster.records import Record
    from meshlab.provision.plan.plan import Plan

SCRAPES = (".prom", ".metrics", ".txt")


@dataclass
class Evidence:
    """All that was given: histories, scrapes (one by one, then differences), executed steps, the names of the files.

    ``embedded`` are those that say that they were measured on an embedded cluster, ``live`` on a real one.
    """

    histories: list[History] = field(default_factory=list)
    scrapes: list[Scrape] = field(default_factory=list)
    steps: list[StepRun] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    live: list[str] = field(default_factory=list)


def gather(given: Iterable[str], topology: Topology) -> Evidence:
    """Reads every file or folder given.

    A folder is an incident (``incident.json`` in it), a run (``plan.json``), or holds timelines (``*.json``) and
    scrapes (``*.prom``, ``*.metrics``, ``*.txt``). A scrape belongs to the machine that its name begins with
    (``master-1.prom``, ``master-1-later.prom``), or that is said: ``master-1=metrics.txt``. Two scrapes of one
    machine are taken for before and after.

    Raises
    ------
    InputError
        Something cannot be read, or is none of these.
    """
    found = Evidence()
    for text in given:
        machine, _, rest = text.partition("=")
        if rest and machine in topology and not Path(text).exists():
            found.files.append(rest)
            _scrape(Path(rest), topology, found, machine)
            continue
        path = Path(text)
        found.files.append(text)
        if path.is_dir():
            _folder(path, topology, found)
        elif path.exists():
            _file(path, topology, found)
        else:
            raise InputError.single(path, "there is no such file or folder", "check the path after --from")
    found.scrapes = list(_differences(found.scrapes))
    if found.embedded and found.live:
        raise InputError.single(
            found.embedded[0],
            f"measured on an embedded cluster, and {found.live[0]} on a real one: their times have nothing in common",
            "calibrate one with the evidence of one",
        )
    return found


def _folder(folder: Path, topology: Topology, found: Evidence) -> None:
    from meshlab.parameters.calibration.timeline_file import read_history

    if (folder / "incident.json").exists():
        found.histories.append(read_history(folder / "timeline.json"))
        _measured_on(_profile(folder / "incident.json"), str(folder), found)
        return
    if (folder / "plan.json").exists():
        _run(folder, topology, found)
        return
    inside = sorted(path for path in folder.iterdir() if path.suffix in (".json", *SCRAPES))
    if not inside:
        raise InputError.single(
            folder,
            "nothing in this folder is evidence",
            "it needs an incident (incident.json), a run (plan.json), timelines (*.json) or scrapes (*.prom)",
        )
    for path in inside:
        _file(path, topology, found)


def _profile(path: Path) -> str:
    """Gives where an incident was watched, as its record says: embedded, live, or nothing."""
    from meshlab.model.reading import read_json

    data = read_json(path)
    about = data.get("about", {}) if isinstance(data, dict) else None
    if not isinstance(about, dict):
        raise InputError.single(
            path, "not an incident's record: `about` is a map", "watch again: meshlab observe"
        )
    return str(about.get("profile", ""))


def _measured_on(profile: str, name: str, found: Evidence) -> None:
    if profile in ("embedded", "live"):
        (found.embedded if profile == "embedded" else found.live).append(name)


def _file(path: Path, topology: Topology, found: Evidence) -> None:
    from meshlab.parameters.calibration.timeline_file import read_history

    if path.suffix == ".json":
        found.histories.append(read_history(path))
    else:
        _scrape(path, topology, found, "")


def _scrape(path: Path, topology: Topology, found: Evidence, machine: str) -> None:
    from meshlab.parameters.calibration.scrape import read_scrape

    if not machine:
        names = sorted((m.name for m in topology.machines), key=len, reverse=True)
        machine = next((name for name in names if path.name.startswith(name)), "")
    if not machine:
        raise InputError.single(
            path,
            "which machine's metrics are these? its name begins with none of the topology's machines",
            f"name it, for example --from {topology.machines[0].name}={path}",
        )
    found.scrapes.append(read_scrape(path, machine))


def _differences(scrapes: Iterable[Scrape]) -> Iterator[Scrape]:
    """Gives for each machine its only scrape, or what was counted between its first and its last."""
    by_machine: dict[str, list[Scrape]] = {}
    for scrape in scrapes:
        by_machine.setdefault(scrape.machine, []).append(scrape)
    for of_one in by_machine.values():
        for before, after in pairwise(of_one):
            after.minus(before)  # each pair has to be of one run of the server
        yield of_one[0] if len(of_one) == 1 else of_one[-1].minus(of_one[0])


def _run(folder: Path, topology: Topology, found: Evidence) -> None:
    """Reads a run's journal: the executed timeline, and each step that was done in one attempt."""
    from meshlab.parameters.calibration.histories import History
    from meshlab.provision.cluster.journal import Journal
    from meshlab.provision.cluster.workspace import RunDirectory
    from meshlab.provision.plan.plan import Plan
    from meshlab.provision.run.histories import executed

    directory = RunDirectory(folder)
    plan = Plan.load(directory.plan)
    path = directory.workspace.journal
    if not path.exists():
        raise InputError.single(
            path, "the journal of this run is gone", "give the folder of a run in its workspace"
        )
    with Journal(path, read_only=True) as journal:
        records = journal.records(plan.run)
    _measured_on("embedded" if plan.target == "embedded" else "live", str(folder), found)
    found.steps += list(step_runs(plan, records, str(path)))
    found.histories.append(History(executed(plan, topology, records), str(path)))


def step_runs(plan: Plan, records: Iterable[Record], file: str) -> Iterator[StepRun]:
    """Gives the steps of a run that were done in one go: one intent, and the result of the same life after it.

    A step that was adopted was made by somebody else, and one that failed in between, or was resolved after a
    crash, took longer than it takes.
    """
    from meshlab.parameters.calibration.steps import StepRun
    from meshlab.provision.cluster.records import Kind

    kinds = {step.id: step for step in plan}
    rows: dict[str, list[Record]] = {}
    for record in records:
        if record.step in kinds and record.kind not in (Kind.PROGRESS, Kind.RUN):
            rows.setdefault(record.step, []).append(record)
    for name, found in sorted(rows.items()):
        if [record.kind for record in found] != [Kind.INTENT, Kind.RESULT] or found[0].life != found[1].life:
            continue
        step = kinds[name]
        start, end = found
        yield StepRun(step.operation, start.time, end.time, file, end.seq, step.duration)
