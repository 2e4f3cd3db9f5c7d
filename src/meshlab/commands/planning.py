"""Commands that answer planning questions: advise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from meshlab.commands.output import Json, Spec, answer, topology_of

if TYPE_CHECKING:
    from meshlab.planning.advise import Action, Advice


def advise(
    spec: Spec,
    down: Annotated[
        str,
        typer.Option("--down", help="what is down now, by name, separated by commas: master-2,us-east-1a"),
    ] = "",
    as_json: Json = False,
) -> None:
    """Says what not to do now, and the safest way out. Example: `meshlab advise data/reference.yaml --down master-2`"""
    from meshlab.planning.advise import advise as of_groups

    topology = topology_of(spec)
    names = [name.strip() for name in down.split(",") if name.strip()]
    advice = of_groups(topology, names)
    document = {"down": names, "groups": [a.to_dict() for a in advice]}
    answer(document, as_json, "\n\n".join(_told(a) for a in advice))


def _told(advice: Advice) -> str:
    lines = [advice.verdict]
    if advice.now.breakers and advice.now.margin == 0:
        lines.append("  ended by the loss of: " + ", ".join(b.component for b in advice.now.breakers))
    lines += [f"  do not {p.what}\n      {p.why}" for p in advice.prohibitions]
    for number, action in enumerate(advice.actions, 1):
        lines.append(f"  {number}. {action.what}: {action.why}" + _risk(action, advice.now.serving))
        lines += [f"      - {step}" for step in action.steps]
        lines.append(f"      source: {action.source}")
    return "\n".join(lines)


def _risk(action: Action, serving: bool) -> str:
    from meshlab.model.units import duration

    time = action.exposure.seconds
    text = f"\n      takes {duration(time.mid)} ({duration(time.low)} to {duration(time.high)})"
    if serving:
        risk = action.exposure.risk
        text += f"; the quorum is lost meanwhile with probability {risk.mid:.2g} ({risk.low:.1g} to {risk.high:.1g})"
    text += f"; then {_margin(action.after)}"
    return text if action.keeps_data else text + "; committed data may be lost"


def _margin(margin: int) -> str:
    if margin < 0:
        return "still no quorum"
    return f"{margin} more may be lost" if margin else "the next loss takes the quorum"
