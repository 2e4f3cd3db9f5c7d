"""The road from a running cluster to a report, in three calls: watch, find the cause, judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.incident.collect import collect
from meshlab.incident.connections import Connections
from meshlab.incident.explain import Explanation, explain
from meshlab.incident.explain import Progress as Simulated
from meshlab.incident.observer import Observer
from meshlab.incident.observer import Progress as Watched
from meshlab.incident.record import SAMPLES, Incident, ingest
from meshlab.incident.replay import Replay, replay
from meshlab.incident.report import Report, build_report
from meshlab.model import State, Timeline

if TYPE_CHECKING:
    from meshlab.parameters import Parameters


@dataclass(frozen=True)
class Judged:
    """An incident with its causes, the best of them replayed, and the report."""

    incident: Incident
    explanation: Explanation
    replay: Replay
    report: Report


def watch(
    connections: Connections,
    folder: Path,
    seconds: float,
    *,
    name: str = "",
    notes: str = "",
    interval_s: float = 0.5,
    until: Callable[[Timeline], bool] | None = None,
    gather: bool = True,
    journal: Path | None = None,
    progress: Watched | None = None,
) -> Incident:
    """Watches a live cluster, collects the logs of what still answers, and keeps all of it in a folder.

    Parameters
    ----------
    seconds
        How long to watch at most.
    until
        Ends the watch sooner when it says so of what was observed so far (asked once a second).
    gather
        Whether to collect logs and events when the watch is over.
    journal
        Our own journal of the cluster, which is kept with the logs.
    """
    observer = Observer(
        connections.probes(), folder / SAMPLES, interval_s=interval_s, topology=connections.topology.name
    )
    with observer:
        observer.watch(seconds, progress, _asked_now_and_then(observer, connections, until))
    incident = ingest(folder, connections.topology, name or folder.name)
    missing: tuple[str, ...] = ()
    if gather:
        end = incident.timeline.horizon - 1e-6
        quiet = frozenset(
            m.name
            for m in connections.topology.machines
            if incident.timeline.state_at(m.name, end) is State.UNREACHABLE
        )
        missing = collect(connections, folder / "logs", quiet=quiet, journal=journal).missing
        incident = ingest(folder, connections.topology, name or folder.name)
    return replace(incident, notes=notes, not_collected=(*connections.notes, *missing)).save(folder)


def _asked_now_and_then(
    observer: Observer, connections: Connections, until: Callable[[Timeline], bool] | None
) -> Callable[[], bool] | None:
    if until is None:
        return None
    from meshlab.incident.observed import observed

    asked = [0.0]

    def enough() -> bool:
        if observer.now - asked[0] < 1.0:
            return False
        asked[0] = observer.now
        return until(observed(observer.samples(), connections.topology))

    return enough


def judge(
    incident: Incident,
    *,
    parameters: Parameters | None = None,
    replicates: int = 200,
    seed: int = 0,
    author: str = "",
    progress: Simulated | None = None,
) -> Judged:
    """Finds the most likely cause, replays it, and builds the report; an incident in a folder keeps the explanation.

    Parameters
    ----------
    parameters
        How parts behave there: `Parameters.embedded()` for the embedded cluster.
    """
    explanation = explain(
        incident.topology, incident.timeline, parameters=parameters, seed=seed, progress=progress
    )
    again = replay(
        incident.topology,
        incident.timeline,
        explanation.best,
        replicates=replicates,
        seed=seed,
        parameters=parameters,
    )
    report = build_report(incident, again, explanation, parameters=parameters, author=author)
    if incident.folder is not None:
        path = incident.folder / "explanation.json"
        path.write_text(json.dumps(explanation.to_dict(), indent=2), encoding="utf-8")
    return Judged(incident, explanation, again, report)
