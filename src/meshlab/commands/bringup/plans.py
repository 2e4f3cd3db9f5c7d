"""Commands that change live systems, or say what would change: plan, apply, destroy, drift."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.commands.output import Json, Spec, TargetName, answer, say, table, target_of, topology_of
from meshlab.model.errors import CheckFailed, InputError, LiveError

if TYPE_CHECKING:
    from meshlab.live.target import Target
    from meshlab.model import Topology
    from meshlab.provision.guard.rule import Verdict
    from meshlab.provision.plan.plan import Plan
    from meshlab.provision.run.attach import Attached

Approve = Annotated[
    str | None, typer.Option("--approve", help="the words that approve the plan, as `plan` prints them")
]
Yes = Annotated[bool, typer.Option("--yes", help="approve without typing; only on the embedded cluster")]
Override = Annotated[
    str | None,
    typer.Option(
        "--override", help="the words that overrule the guard's refusal of this plan, as it prints them"
    ),
]
Reboot = Annotated[
    list[str] | None,
    typer.Option(
        "--reboot", help="instead of bring-up: reboot this machine; again for more, one after the other"
    ),
]
ENVIRONMENT = (
    "MESHLAB_APPROVE=embedded in the environment approves notebooks run headless, on the embedded cluster only; this"
    " command does not read it: scripts say --yes or --approve."
)


def plan(
    spec: Spec,
    target: TargetName = "embedded",
    reboot: Reboot = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="file to save the plan to")] = None,
    as_json: Json = False,
) -> None:
    """Says what bring-up (or `--reboot`) would do, step by step, and what the guard says of it; changes nothing.

    Example: `meshlab plan data/reference.yaml`, `meshlab plan data/reference.yaml --reboot master-2`
    """
    from meshlab.provision.guard.observed import verdicts
    from meshlab.provision.plan.preview import rows, summary

    topology = topology_of(spec)
    where = target_of(target, topology)
    made = _planned(topology, where, reboot)
    judged = verdicts(made, topology, where)
    if output:
        made.save(output)
        say(f"wrote {output}")
    shown = rows(made, {name: verdict.to_dict() for name, verdict in judged.items()})
    text = "\n".join([_steps(shown), summary(made), *_refused(made, judged), _how_to_approve(made, reboot)])
    answer(_document(made, shown), as_json, text)


def apply(
    spec: Spec,
    target: TargetName = "embedded",
    reboot: Reboot = None,
    approve: Approve = None,
    override: Override = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    topology = topology_of(spec)
    where = target_of(target, topology)
    run = _run(_planned(topology, where, reboot), topology, where, approve, yes, override)
    answer(_outcome(run), as_json, f"done: {len(run.plan)} steps" + ("" if reboot else ", verified"))


apply.__doc__ = f"""Brings the cluster up (or reboots machines), or goes on with an interrupted run.

Example: `meshlab apply data/reference.yaml --yes`

{ENVIRONMENT}
"""


def destroy(
    spec: Spec,
    target: TargetName = "embedded",
    approve: Approve = None,
    override: Override = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    from meshlab.provision.bringup import destroy as plan_destroy

    topology = topology_of(spec)
    where = target_of(target, topology)
    run = _run(plan_destroy(topology, where), topology, where, approve, yes, override)
    answer(_outcome(run), as_json, "done: nothing is left")


destroy.__doc__ = f"""Takes everything of the cluster away and proves it.

Example: `meshlab destroy data/reference.yaml --yes`

{ENVIRONMENT}
"""


def drift(spec: Spec, target: TargetName = "embedded", as_json: Json = False) -> None:
    """Says where live systems and spec differ. Example: `meshlab drift data/reference.yaml`

    Exit code 1 where something differs; 3 where nothing was seen to differ but something could not be looked at.
    """
    from meshlab.provision.bringup import drift as look

    topology = topology_of(spec)
    found = look(topology, target_of(target, topology))
    rows = [[d.step, d.title, d.text] for d in (*found.differences, *found.unseen)]
    document = {
        "drift": [{"step": d.step, "title": d.title, "difference": d.text} for d in found.differences],
        "unseen": [{"step": d.step, "title": d.title, "reason": d.text} for d in found.unseen],
    }
    answer(document, as_json, table("drift", ["step", "what", "difference"], rows) if rows else "no drift")
    if found:
        raise typer.Exit(CheckFailed.exit_code if found.differences else LiveError.exit_code)


def _planned(topology: Topology, target: Target, reboot: list[str] | None) -> Plan:
    from meshlab.provision.bringup import plan_bringup
    from meshlab.provision.maintenance import plan_reboot

    return plan_reboot(topology, target, reboot) if reboot else plan_bringup(topology, target)


def bring_up(spec: Path, target: Target) -> Attached:
    """Plans, approves and applies on an embedded cluster; what `emulate up --cluster` and the demo do."""
    from meshlab.provision.bringup import plan_bringup

    topology = topology_of(spec)
    return _run(plan_bringup(topology, target), topology, target, None, yes=True)


def _document(made: Plan, rows: list[dict[str, Any]]) -> dict[str, Any]:
    from meshlab.provision.cluster.approval import phrase

    return {**made.to_dict(), "hash": made.hash, "approve": phrase(made), "rows": rows}


def _refused(made: Plan, judged: dict[str, Verdict]) -> list[str]:
    from meshlab.provision.cluster.approval import phrase

    refused = [f"{name}: {verdict.text}" for name, verdict in judged.items() if verdict.ruling == "refused"]
    return [*refused, f'to overrule that as well: --override "{phrase(made, "override")}"'] if refused else []


def _steps(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "nothing to do"
    columns = ["step", "title", "action", "duration_s", "irreversible"]
    cells = [[*(str(row[column]) for column in columns), row["guard"]["ruling"]] for row in rows]
    return table("plan", [*columns, "guard"], cells)


def _how_to_approve(made: Plan, reboot: list[str] | None) -> str:
    from meshlab.provision.cluster.approval import phrase

    also = "".join(f" --reboot {name}" for name in reboot or ())
    return (
        f'to run it: meshlab apply SPEC{also} --approve "{phrase(made)}"'
        if made.changes
        else "nothing to change"
    )


def _run(
    made: Plan, topology: Topology, target: Target, typed: str | None, yes: bool, override: str | None = None
) -> Attached:
    """Runs a plan, approved as the caller said."""
    from meshlab.provision.run.drive import drive

    return drive(
        made,
        topology,
        target,
        lambda wanted: _typed(made, target, typed, yes, wanted),
        say,
        override=override,
    )


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
