"""How a plan and its run are shown on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from meshlab.commands.output import table
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from meshlab.provision.plan.plan import Plan
    from meshlab.provision.run.standing import Standing

UNTOUCHED = "untouched"
SETTLED = ("done", "adopted")


def steps(made: Plan, rows: Sequence[dict[str, Any]], *, every: bool, why: bool) -> str:
    """Gives the table of a plan's steps; those with nothing left to do only where `every` one is asked for."""
    if not rows:
        return "nothing to do"
    changing = {step.id for step in made.changes}
    done = [row for row in rows if row.get("stands") in SETTLED]
    idle = [row for row in rows if row["step"] not in changing and row["action"] != "check"]
    hidden = [] if every else [row for row in rows if row in done or row in idle]
    if not changing and not every:
        return f"all {len(rows)} steps find everything as it should be: --all shows them"
    columns = ["what", "will", "takes", "USD a month", "mind", *(["why"] if why else []), "step"]
    left = [row for row in rows if row not in hidden]
    cells = [
        [
            row["title"],
            _will(made, row),
            _takes(row["duration_s"]) if row["step"] in changing else "",
            _dollars(row),
            _mind(row),
            *([row["why"]] if why else []),
            row["step"],
        ]
        for row in left
    ]
    lines = [table("plan", columns, cells)]
    if hidden:
        lines.append(f"{len(hidden)} more are done, or find everything as it should be: --all shows them")
    return "\n".join([*lines, *_explained(left)])


def standing(now: Standing | None, plan: Plan | None = None) -> list[str]:
    """Gives the line that says how an open run stands; none where there is none, or it is of another plan."""
    if now is None or not now.open or (plan is not None and now.plan.run != plan.run):
        return []
    line = now.sentence()
    return [line[0].upper() + line[1:]]


def command(purpose: str, spec: str, reboot: Sequence[str] | None) -> str:
    """Gives the command that runs a plan, or goes on with its run."""
    also = "".join(f" --reboot {name}" for name in reboot or ())
    return f"meshlab {'destroy' if purpose == 'destroy' else 'apply'} {spec}{also}"


def one_of(destroy: bool, reboot: Sequence[str] | None) -> None:
    """Refuses to plan two things at once."""
    if destroy and reboot:
        raise InputError.single("--destroy", "what is destroyed is not rebooted", "leave --reboot out")


def _will(made: Plan, row: dict[str, Any]) -> str:
    if row.get("stands") in SETTLED:
        return "done already"
    return "not looked at" if row["step"] in made.unlooked else str(row["action"])


def _takes(value: float) -> str:
    from meshlab.provision.plan.preview import seconds

    return seconds(value)


def _dollars(row: dict[str, Any]) -> str:
    sign = -1 if row["action"] == "delete" else 1
    return f"{sign * row['usd_per_month']:+,.2f}" if row["usd_per_month"] else ""


def _mind(row: dict[str, Any]) -> str:
    ruling = row.get("guard", {}).get("ruling", UNTOUCHED)
    return ", ".join(
        [
            *(["irreversible"] if row["irreversible"] else []),
            *([f"guard: {ruling}"] if ruling != UNTOUCHED else []),
        ]
    )


def _explained(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What the guard's words in the table mean."""
    from meshlab.provision.run.brief import GUARD_WORDS

    said = {row.get("guard", {}).get("ruling", UNTOUCHED) for row in rows}
    lines = [f"guard: {word} - it {GUARD_WORDS[word]}" for word in GUARD_WORDS if word in said]
    final = any(row["irreversible"] for row in rows)
    return [
        *(["irreversible - done once in this cluster's life, never retried blindly"] if final else []),
        *lines,
    ]
