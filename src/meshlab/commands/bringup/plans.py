"""Commands that change live systems, or say what would change: plan, apply, destroy, drift."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.commands.bringup import shown
from meshlab.commands.output import (
    Json,
    Spec,
    TargetName,
    answer,
    ready,
    say,
    table,
    target_of,
    topology_of,
    working,
    writing,
)
from meshlab.model.errors import CheckFailed, InputError, LiveError

if TYPE_CHECKING:
    from meshlab.live.target import Target
    from meshlab.model import Topology
    from meshlab.provision.bringup import Drift
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


def plan(
    spec: Spec,
    target: TargetName = "embedded",
    reboot: Reboot = None,
    destroy: Annotated[
        bool, typer.Option("--destroy", help="instead of bring-up: what `meshlab destroy` would do")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="also the steps that find all as it should be")
    ] = False,
    why: Annotated[bool, typer.Option("--why", help="also why each step is there")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="file to save the plan to")] = None,
    as_json: Json = False,
) -> None:
    """Says what bring-up (`--reboot`, `--destroy`) would do, step by step, and what the guard says; changes nothing.

    Example: `meshlab plan data/reference.yaml`, `meshlab plan data/reference.yaml --reboot master-2`
    """
    from meshlab.provision.guard.observed import verdicts
    from meshlab.provision.plan.preview import rows, summary
    from meshlab.provision.run.standing import standing

    shown.one_of(destroy, reboot)
    ready(output)
    topology = topology_of(spec)
    where = target_of(target, topology)
    with working(f"looking at {where.name}"):
        made = _planned(topology, where, reboot, destroy)
        judged = verdicts(made, topology, where)
    now = standing(where, topology.name)
    begun = now if now is not None and now.open and now.plan.run == made.run else None
    if output:
        with writing(output):
            made.save(output)
        say(f"wrote {output}")
    listed = rows(made, {name: one.to_dict() for name, one in judged.items()}, begun.steps if begun else None)
    text = "\n".join(
        [
            *shown.standing(now),
            shown.steps(made, listed, every=every, why=why),
            summary(made),
            *_refused(made, judged),
            _how_to_approve(made, spec, reboot, begun is not None),
        ]
    )
    answer(_document(made, listed), as_json, text)


def apply(
    spec: Spec,
    target: TargetName = "embedded",
    reboot: Reboot = None,
    approve: Approve = None,
    override: Override = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Brings the cluster up (or reboots machines), or goes on with an interrupted run.

    Shows the plan in short and asks; a script says --yes or --approve. Ctrl-C holds the run, the same command goes on.

    Example: `meshlab apply data/reference.yaml --yes`
    """
    topology = topology_of(spec)
    where = target_of(target, topology)
    with working(f"looking at {where.name}"):
        made = _planned(topology, where, reboot)
    run = _run(made, topology, where, approve, yes, override)
    answer(_outcome(run), as_json, f"done: {len(run.plan)} steps" + ("" if reboot else ", verified"))


def destroy(
    spec: Spec,
    target: TargetName = "embedded",
    approve: Approve = None,
    override: Override = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Takes everything of the cluster away and proves it. Shows what goes, and asks.

    Example: `meshlab destroy data/reference.yaml --yes`
    """
    topology = topology_of(spec)
    where = target_of(target, topology)
    with working(f"looking at {where.name}"):
        made = _planned(topology, where, None, destroy=True)
    run = _run(made, topology, where, approve, yes, override)
    answer(_outcome(run), as_json, "done: nothing is left")


def drift(spec: Spec, target: TargetName = "embedded", as_json: Json = False) -> None:
    """Says where live systems and spec differ. Example: `meshlab drift data/reference.yaml`

    Exit code 1 where something differs; 3 where nothing was seen to differ but something could not be looked at.
    """
    from meshlab.provision.bringup import drift as look

    topology = topology_of(spec)
    where = target_of(target, topology)
    with working(f"comparing {where.name} with {spec.name}"):
        found = look(topology, where)
    document = {
        "drift": [{"step": d.step, "title": d.title, "difference": d.text} for d in found.differences],
        "unseen": [{"step": d.step, "title": d.title, "reason": d.text} for d in found.unseen],
        "below": [{"step": d.step, "title": d.title, "reason": d.text} for d in found.below],
    }
    answer(document, as_json, _drift_told(found))
    if found:
        raise typer.Exit(CheckFailed.exit_code if found.differences else LiveError.exit_code)


def _drift_told(found: Drift) -> str:
    """The differences one by one; what could not be looked at in one line each kind."""
    if not found:
        return "no drift"
    rows = [[d.step, d.title, d.text] for d in found.differences]
    count = len(rows)
    lines = [f"{count} difference{'' if count == 1 else 's'}" if rows else "no difference was seen"]
    if rows:
        lines = [table(lines[0], ["step", "what", "difference"], rows)]
    if found.below:
        names = ", ".join(d.step for d in found.below[:4]) + (" …" if len(found.below) > 4 else "")
        lines.append(f"{len(found.below)} steps below that could not be looked at before: {names}")
    if found.unseen:
        rows = [[d.step, d.title, d.text] for d in found.unseen]
        lines.append(table("nobody answered for", ["step", "what", "why"], rows))
    return "\n".join(lines)


def _planned(topology: Topology, target: Target, reboot: list[str] | None, destroy: bool = False) -> Plan:
    from meshlab.provision.bringup import destroy as plan_destroy
    from meshlab.provision.bringup import plan_bringup
    from meshlab.provision.maintenance import plan_reboot

    if destroy:
        return plan_destroy(topology, target)
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


def _how_to_approve(made: Plan, spec: Path, reboot: list[str] | None, begun: bool) -> str:
    from meshlab.provision.cluster.approval import phrase

    run = shown.command(made.purpose, str(spec), reboot)
    if begun:
        return f"to go on with it: {run}"
    return f'to run it: {run} --approve "{phrase(made)}"' if made.changes else "nothing to change"


def _run(
    made: Plan, topology: Topology, target: Target, typed: str | None, yes: bool, override: str | None = None
) -> Attached:
    """Runs a plan, approved as the caller said."""
    from meshlab.provision.run.brief import brief
    from meshlab.provision.run.drive import drive

    return drive(
        made,
        topology,
        target,
        lambda wanted: _typed(made, target, typed, yes, wanted),
        say,
        override=override,
        show=lambda verdicts: say(brief(made, verdicts)),
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
    say(f"every step: `meshlab plan`; to approve, type: {wanted}")
    return input("> ")


def _outcome(run: Attached) -> dict[str, Any]:
    return {
        "run": run.plan.run,
        "outcome": run.outcome.value,
        "steps": run.steps(),
        "timeline": run.timeline().to_dict(),
    }
