"""Commands that change live systems, or say what would change: plan, apply, destroy, drift."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.commands.output import Json, Spec, TargetName, answer, say, table, target_of, topology_of
from meshlab.model.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from meshlab.live.target import Target
    from meshlab.model import Topology
    from meshlab.provision.attach import Attached
    from meshlab.provision.plan import Plan

Approve = Annotated[
    str | None, typer.Option("--approve", help="the words that approve the plan, as `plan` prints them")
]
Yes = Annotated[bool, typer.Option("--yes", help="approve without typing; only on the embedded cluster")]


def plan(
    spec: Spec,
    target: TargetName = "embedded",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="file to save the plan to")] = None,
    as_json: Json = False,
) -> None:
    """Says what bring-up would do, step by step; changes nothing. Example: `meshlab plan data/reference.yaml`"""
    from meshlab.provision.bringup import plan_bringup
    from meshlab.provision.preview import rows, summary

    topology = topology_of(spec)
    made = plan_bringup(topology, target_of(target, topology))
    if output:
        made.save(output)
        say(f"wrote {output}")
    answer(_document(made), as_json, f"{_steps(rows(made))}\n{summary(made)}\n{_how_to_approve(made)}")


def apply(
    spec: Spec,
    target: TargetName = "embedded",
    approve: Approve = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Brings the cluster up, or goes on with an interrupted run. Example: `meshlab apply data/reference.yaml --yes`"""
    from meshlab.provision.bringup import plan_bringup

    topology = topology_of(spec)
    where = target_of(target, topology)
    run = _run(plan_bringup(topology, where), topology, where, approve, yes)
    answer(_outcome(run), as_json, f"done: {len(run.plan)} steps, verified")


def destroy(
    spec: Spec,
    target: TargetName = "embedded",
    approve: Approve = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Takes everything of the cluster away and proves it. Example: `meshlab destroy data/reference.yaml --yes`"""
    from meshlab.provision.bringup import destroy as plan_destroy

    topology = topology_of(spec)
    where = target_of(target, topology)
    run = _run(plan_destroy(topology, where), topology, where, approve, yes)
    answer(_outcome(run), as_json, "done: nothing is left")


def drift(spec: Spec, target: TargetName = "embedded", as_json: Json = False) -> None:
    """Says where live systems and spec differ; exit code 1 if so. Example: `meshlab drift data/reference.yaml`"""
    from meshlab.provision.bringup import drift as look

    topology = topology_of(spec)
    found = look(topology, target_of(target, topology))
    rows = [[d.step, d.title, d.text] for d in found]
    document = {"drift": [{"step": d.step, "title": d.title, "difference": d.text} for d in found]}
    answer(document, as_json, table("drift", ["step", "what", "difference"], rows) if rows else "no drift")
    if found:
        raise typer.Exit(CheckFailed.exit_code)


def bring_up(spec: Path, target: Target) -> Attached:
    """Plans, approves and applies on an embedded cluster; what `emulate up --cluster` and the demo do."""
    from meshlab.provision.bringup import plan_bringup

    topology = topology_of(spec)
    return _run(plan_bringup(topology, target), topology, target, None, yes=True)


def _document(made: Plan) -> dict[str, Any]:
    from meshlab.provision.approval import phrase
    from meshlab.provision.preview import rows

    return {**made.to_dict(), "hash": made.hash, "approve": phrase(made), "rows": rows(made)}


def _steps(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "nothing to do"
    columns = ["step", "title", "action", "duration_s", "irreversible"]
    shown = [c for c in columns if c in rows[0]]
    return table("plan", shown, [[str(row[column]) for column in shown] for row in rows])


def _how_to_approve(made: Plan) -> str:
    from meshlab.provision.approval import phrase

    return (
        f'to run it: meshlab apply SPEC --approve "{phrase(made)}"' if made.changes else "nothing to change"
    )


def _run(made: Plan, topology: Topology, target: Target, typed: str | None, yes: bool) -> Attached:
    """Runs a plan, approved as the caller said."""
    from meshlab.provision.drive import drive

    return drive(made, topology, target, lambda wanted: _typed(made, target, typed, yes, wanted), say)


def _typed(made: Plan, target: Target, typed: str | None, yes: bool, wanted: str) -> str:
    if typed is not None:
        return typed
    if yes:
        if target.real:
            raise InputError.single(
                "--yes", "a real target is not changed without the words", f'--approve "{wanted}"'
            )
        return wanted
    if not sys.stdin.isatty():
        raise InputError.single(
            "apply", f"this changes {len(made.changes)} things", f'approve with --approve "{wanted}"'
        )
    say(f"{len(made.changes)} changes on {target.name}; to approve, type: {wanted}")
    return input("> ")


def _outcome(run: Attached) -> dict[str, Any]:
    return {
        "run": run.plan.run,
        "outcome": run.outcome.value,
        "steps": run.steps(),
        "timeline": run.timeline().to_dict(),
    }
