"""The command that holds a run: a durable flag which its runner reads between effects."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from meshlab.commands.output import Json, Spec, TargetName, answer, target_of, topology_of
from meshlab.model.errors import InputError


def hold(
    spec: Spec,
    target: TargetName = "embedded",
    release: Annotated[bool, typer.Option("--release", help="take the hold away again")] = False,
    as_json: Json = False,
) -> None:
    """Holds the open run: what is in flight finishes, nothing more starts. Example: `meshlab hold data/reference.yaml`

    The flag is in the run's journal and outlives every process. `--release` lets a runner that waits go on; where none
    is at work, `meshlab apply` (or `destroy`) goes on with the run.
    """
    from meshlab.provision.cluster.journal import Journal
    from meshlab.provision.cluster.lease import runner_alive
    from meshlab.provision.cluster.workspace import Workspace
    from meshlab.provision.run.attach import open_runs

    topology = topology_of(spec)
    where = target_of(target, topology)
    runs = open_runs(where, topology.name)
    if not runs:
        raise InputError.single(
            "hold", f"no run of {topology.name} is open on {where.name}", "see `meshlab apply`"
        )
    workspace = Workspace.of(where, topology.name)
    with Journal(workspace.journal) as journal:
        journal.hold(not release, by=getpass.getuser())
    alive = runner_alive(workspace)
    said = f"{runs[-1]}: " + (
        "released" if release else "held: nothing more is started, what is in flight finishes"
    )
    if not alive:
        said += "; no runner is at work: the command that started the run goes on with it"
    answer({"run": runs[-1], "held": not release, "runner_alive": alive}, as_json, said)
