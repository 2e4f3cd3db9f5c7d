"""Collect what the live systems still hold of an incident: logs and events, each kept as it came."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.incident.observe.connections import Connections
from meshlab.incident.observe.probes import Silent
from meshlab.model import MeshlabError

if TYPE_CHECKING:
    from meshlab.live.talos.client import TalosClient

TAIL = 20_000
"""Lines of each log that are asked for."""


@dataclass(frozen=True)
class Collected:
    """The files that were written, and what could not be had, with the reason."""

    files: tuple[Path, ...]
    missing: tuple[str, ...]


def collect(
    connections: Connections,
    folder: Path,
    *,
    quiet: frozenset[str] = frozenset(),
    journal: Path | None = None,
) -> Collected:
    """Writes etcd's logs, Talos' and Kubernetes' events and our journal to a folder, named as `ingest` knows them.

    What cannot be had is noted and stops nothing: a collection must work best when the cluster does worst.

    Parameters
    ----------
    quiet
        Machines known to be silent, which are not asked.
    journal
        Our own journal of this cluster (`Workspace.journal`), where there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[str, Path, Callable[[], str]]] = []
    missing = [f"logs of {name}: the machine is silent" for name in sorted(quiet)]
    if connections.talos is not None:
        for machine in connections.topology.machines:
            if machine.name not in quiet:
                jobs += _of_machine(connections, machine.name, machine.role == "control-plane", folder)
    if connections.door is not None:
        jobs.append(("events of Kubernetes", folder / "kubernetes-events.json", lambda: _events(connections)))
    if journal is not None and journal.exists():
        jobs.append(("our journal", folder / "journal.json", lambda: _journal(journal)))
    files: list[Path] = []
    with ThreadPoolExecutor(min(8, len(jobs)) or 1) as pool:
        for what, path, error in pool.map(_kept, jobs):
            if error:
                missing.append(f"{what}: {error}")
            else:
                files.append(path)
    return Collected(tuple(sorted(files)), tuple(sorted(missing)))


def _kept(job: tuple[str, Path, Callable[[], str]]) -> tuple[str, Path, str]:
    what, path, fetch = job
    try:
        path.write_text(fetch(), encoding="utf-8")
    except (MeshlabError, Silent, OSError) as error:
        return what, path, str(error)[:300]
    return what, path, ""


def _of_machine(
    connections: Connections, machine: str, voter: bool, folder: Path
) -> Iterable[tuple[str, Path, Callable[[], str]]]:
    make = connections.talos
    assert make is not None

    def with_client(use: Callable[[TalosClient], str]) -> str:
        with make(machine) as client:
            return use(client)

    if voter:
        yield (
            f"etcd's log on {machine}",
            folder / f"etcd-{machine}.log",
            lambda: with_client(lambda client: client.logs("etcd", tail=TAIL)),
        )
    yield f"events of {machine}", folder / f"talos-events-{machine}.json", lambda: with_client(_talos_events)


def _talos_events(client: TalosClient) -> str:
    """The events that the machine still keeps; its stream never ends by itself, so a deadline ends it."""
    from google.protobuf.json_format import MessageToDict

    from meshlab.live.talos.errors import TalosError

    found: list[dict[str, Any]] = []
    try:
        for event in client.events(tail=-1, timeout_s=1.5):
            if event.payload is not None:
                data = MessageToDict(event.payload, preserving_proto_field_name=True)
                found.append({"id": event.id, "actor_id": event.actor_id, "type": event.kind, "data": data})
    except TalosError as error:
        if error.code != "DEADLINE_EXCEEDED":
            raise
    return json.dumps({"items": found}, indent=1)


def _journal(path: Path) -> str:
    from meshlab.provision.cluster.journal import Journal

    with Journal(path, read_only=True) as journal:
        rows = [
            {
                "run": record.run,
                "step": record.step,
                "kind": str(record.kind),
                "time": record.time,
                "text": record.text,
                "request_id": record.request_id,
            }
            for record in journal.records()
        ]
    return json.dumps(rows, indent=0)


def _events(connections: Connections) -> str:
    assert connections.door is not None
    reply = connections.door.ask("GET", "/api/v1/events?limit=5000")
    if reply.status != 200:
        raise Silent(reply.message)
    return reply.body.decode(errors="replace")
