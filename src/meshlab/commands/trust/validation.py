"""The command that holds the simulator against real processes: validate."""

from __future__ import annotations

import asyncio
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.commands.output import Json, answer, ready, say, table, working, write

if TYPE_CHECKING:
    from meshlab.validation.setting import Setting


class System(StrEnum):
    """What can be asked for."""

    etcd = "etcd"
    vault = "vault"
    mesh = "mesh"
    api = "api"


def validate(
    system: Annotated[System, typer.Argument(help="etcd, vault, mesh or api")],
    members: Annotated[int | None, typer.Option(help="voters of the group (3)")] = None,
    link_delay: Annotated[str, typer.Option(help="one way, between any two members: 10ms")] = "0s",
    jitter: Annotated[str, typer.Option(help="the delay varies by so much to either side")] = "0s",
    heartbeat: Annotated[str, typer.Option(help="raft heartbeat interval")] = "",
    election: Annotated[str, typer.Option(help="raft election time-out")] = "",
    fault: Annotated[
        str,
        typer.Option(
            help="etcd: kill, kill-follower, pause, partition, partition-one-way, disk-stall; vault: kill, "
            "kill-before-promotion, full-restart, seal-after-restart; mesh: partition, partition-one-way, restart; "
            "api: kill, kill-machine"
        ),
    ] = "",
    measure: Annotated[str, typer.Option(help="etcd: leadership, outage (what writers see) or commit")] = "",
    clients: Annotated[int | None, typer.Option(help="closed-loop writers, for --measure commit (1)")] = None,
    client_timeout: Annotated[
        str, typer.Option(help="how long a client waits for one answer (1s; api: 10s)")
    ] = "",
    poll: Annotated[
        str, typer.Option(help="how often each survivor is asked whether it leads; mesh: between two packets")
    ] = "",
    server: Annotated[
        str, typer.Option(help="api: kube-apiserver or stand-in (the real one if it is installed)")
    ] = "",
    cut: Annotated[str, typer.Option(help="mesh: how long a pair is cut off (200s)")] = "",
    repeats: Annotated[int, typer.Option(help="faults; for commit, puts; for mesh, pairs of peers")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="of everything random on our side")] = 1,
    simulations: Annotated[
        int, typer.Option(min=100, help="faults in the simulator; for commit, puts")
    ] = 4000,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="folder to keep the document in")
    ] = None,
    as_json: Json = False,
) -> None:
    """Runs real processes and the simulator side by side. Example: `meshlab validate etcd --repeats 20`"""
    from meshlab.validation.cell import real_side, with_simulation
    from meshlab.validation.requests import setting_of
    from meshlab.validation.tables import COLUMNS, remarks, rows

    setting = setting_of(
        system.value,
        members=members,
        link_delay=link_delay,
        jitter=jitter,
        heartbeat=heartbeat,
        election=election,
        fault=fault,
        measure=measure,
        clients=clients,
        client_timeout=client_timeout,
        poll=poll,
        cut=cut,
        server=server,
        repeats=repeats,
        seed=seed,
    )
    ready(output, folder=True)
    say(f"{setting.slug}: measuring this machine, then {setting.repeats} times on real processes")
    document = asyncio.run(real_side(setting, progress=sys.stderr.isatty()))
    if output is not None:  # what was measured is kept whatever becomes of the rest
        _keep(document, setting, output)
    with working("the same in the simulator"):
        document = with_simulation(document, simulations)
    if output is not None:
        _keep(document, setting, output)
    text = "\n".join([table("", COLUMNS, rows(document)), *remarks(document)])
    answer(document, as_json, text)


def _keep(document: dict[str, Any], setting: Setting, folder: Path) -> None:
    write(folder / f"{setting.slug}.json", json.dumps(document) + "\n")
