"""Watch a live cluster: ask, write down, collect, and keep all of it as an incident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshlab.incident.evidence.collect import collect
from meshlab.incident.observe.connections import Connections, connect
from meshlab.incident.observe.observed import observed
from meshlab.incident.observe.observer import Observer, Progress
from meshlab.incident.record import SAMPLES, Incident, begin, ingest
from meshlab.live.target import Target
from meshlab.model import State, Timeline, Topology
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.cluster.workspace import Workspace


def watch(
    topology: Topology,
    target: Target,
    folder: Path,
    *,
    seconds: float,
    interval_s: float = 0.5,
    name: str = "",
    notes: str = "",
    until: Callable[[Timeline], bool] | None = None,
    gather: bool = True,
    omni: Callable[[], object] | None = None,
    progress: Progress | None = None,
) -> Incident:
    """Watches the cluster on a target and keeps what was seen in a folder.

    Parameters
    ----------
    omni
        One cheap call to Omni where it manages the cluster; None: management is not looked at.
    progress
        Called about four times a second with (seconds watched, seconds to watch, what is silent now); the latter are
        infinite where nobody said how long.

    Raises
    ------
    CheckFailed
        The cluster was not brought up from here: there are no credentials of it.
    """
    workspace = Workspace.of(target, topology.name)
    strongbox = Strongbox(workspace.strongbox, workspace.strongbox_key)
    about = {"target": target.name, "profile": "live" if target.real else "embedded"}
    with connect(topology, target, strongbox, omni=omni) as connections:
        return watch_through(
            connections,
            folder,
            seconds,
            name=name,
            notes=notes,
            interval_s=interval_s,
            until=until,
            gather=gather,
            about=about,
            journal=workspace.journal,
            progress=progress,
        )


def watch_through(
    connections: Connections,
    folder: Path,
    seconds: float,
    *,
    name: str = "",
    notes: str = "",
    interval_s: float = 0.5,
    until: Callable[[Timeline], bool] | None = None,
    gather: bool = True,
    about: Mapping[str, Any] | None = None,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> Incident:
    """Watches a live cluster, collects the logs of what still answers, and keeps all of it in a folder.

    An interrupt (Ctrl-C) ends the watch; what was seen is written all the same. A watch that is killed leaves its
    samples, of which `Incident.load` still makes an incident.

    Parameters
    ----------
    seconds
        How long to watch at most; infinity: until it is interrupted.
    until
        Ends the watch sooner when it says so of what was observed so far (asked once a second).
    gather
        Whether to collect logs and events when the watch is over.
    about
        Kept with the incident as it is.
    journal
        Our own journal of the cluster, which is kept with the logs.
    """
    begin(folder, connections.topology, name or folder.name, dict(about or {}))
    observer = Observer(
        connections.probes(), folder / SAMPLES, interval_s=interval_s, topology=connections.topology.name
    )
    with observer, suppress(KeyboardInterrupt):
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
    missing = (*connections.notes, *missing)
    return replace(incident, notes=notes, not_collected=missing, about=dict(about or {})).save(folder)


def _asked_now_and_then(
    observer: Observer, connections: Connections, until: Callable[[Timeline], bool] | None
) -> Callable[[], bool] | None:
    if until is None:
        return None
    asked = [0.0]

    def enough() -> bool:
        if observer.now - asked[0] < 1.0:
            return False
        asked[0] = observer.now
        return until(observed(observer.samples(), connections.topology))

    return enough
