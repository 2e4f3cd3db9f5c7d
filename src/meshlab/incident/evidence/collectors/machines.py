"""What Talos machines hold: etcd's log and the machine's events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from meshlab.incident.evidence.collectors.interface import Piece, Sources

if TYPE_CHECKING:
    from meshlab.live.talos.client import TalosClient

TAIL = 20_000
"""Lines of each log that are asked for."""


def machines(sources: Sources) -> Iterable[Piece]:
    """Gives etcd's log of every master and the events of every machine that is not silent."""
    make = sources.connections.talos
    if make is None:
        return
    for machine in sources.connections.topology.machines:
        if machine.name not in sources.quiet:
            yield from _of(make, machine.name, voter=machine.role == "control-plane")


def _of(make: Callable[[str], TalosClient], machine: str, *, voter: bool) -> Iterable[Piece]:
    def asked(use: Callable[[TalosClient], str]) -> str:
        with make(machine) as client:
            return use(client)

    if voter:
        yield Piece(
            f"etcd's log on {machine}",
            f"etcd-{machine}.log",
            lambda: asked(lambda client: client.logs("etcd", tail=TAIL)),
        )
    yield Piece(f"events of {machine}", f"talos-events-{machine}.json", lambda: asked(_talos_events))


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
