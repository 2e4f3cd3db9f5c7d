"""The rule: no step may take a group's quorum, or bring it one loss away from that where it can be avoided."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from meshlab.model import MeshlabError, RaftGroup
from meshlab.provision.guard.membership import Membership, disturbed
from meshlab.provision.plan.step import Step

Ruling = Literal["untouched", "not-founded", "safe", "declared", "refused"]


class Refused(MeshlabError):
    """The guard refuses a plan; the text says which step, why, and what to type to override it."""


@dataclass(frozen=True)
class Refusal:
    """Why one step must not run now: the group it endangers, who is down already, what would be left."""

    step: str
    group: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the guard says of one step of a plan.

    ``untouched``: it takes no voter down; ``not-founded``: the group of the voter that it takes down does not exist
    yet; ``safe``: a quorum is left; ``declared``: a destroy takes this quorum, which is what was approved;
    ``refused``: it must not run, unless overridden.
    """

    step: str
    ruling: Ruling
    text: str
    group: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"ruling": self.ruling, "text": self.text, "group": self.group}


def refusal(
    membership: Membership, group: RaftGroup, step: Step, down: Collection[str], idle: Collection[str]
) -> Refusal | None:
    """Judges what a step does to one group.

    Parameters
    ----------
    down
        The components that are down meanwhile (machines, zones, sites), those that other steps take included.
    idle
        The voters whose machines are up but that have no part in the group.
    """
    taken = disturbed(step)
    before = membership.voters_up(group, down) - set(idle)
    left = membership.voters_up(group, {*down, *taken}) - set(idle)
    if len(before) < group.quorum or left == before:
        return None
    reason = _danger(membership, group, before, left, down)
    return Refusal(step.id, group.name, reason) if reason else None


def _danger(
    membership: Membership,
    group: RaftGroup,
    before: frozenset[str],
    left: frozenset[str],
    down: Collection[str],
) -> str:
    total, margin = len(group.voters), len(left) - group.quorum
    lost, already = sorted(before - left), sorted(set(group.voters) - before)
    dark = [name for name in already if name not in membership.voters_up(group, down)]
    waits = [name for name in already if name not in dark]
    while_ = [f"{joined(dark)} {_is(dark)} down already"] if dark else []
    while_ += [f"{joined(waits)} {_is(waits)} up but without a part in {group.name}"] if waits else []
    said = f"it takes {joined(lost)} down" + (f" while {' and '.join(while_)}" if while_ else "")
    if margin < 0:
        cost = f"{group.name} would have {len(left)} of {total} voters and needs {group.quorum}: no quorum"
        return f"{said}: {cost}{_consequences(membership, {*down, *lost})}"
    gentlest = total - 1 - group.quorum
    if margin == 0 and gentlest > 0:
        way = f"bring back {joined(already)} first" if already else "take them down one after the other"
        return (
            f"{said}: {group.name} would be one loss away from losing its quorum, which can be avoided: {way}"
        )
    return ""


def _consequences(membership: Membership, down: set[str]) -> str:
    from meshlab.simulate import standing

    topology = membership.topology
    states = standing(topology, {name for name in down if name in topology})
    out = sorted(name for name, state in states.items() if not state.serving and name not in down)
    return f"; then out of service: {', '.join(out)}" if out else ""


def _is(names: Collection[str]) -> str:
    return "is" if len(names) == 1 else "are"


def joined(names: Iterable[str]) -> str:
    """Gives names as a person would list them."""
    listed = list(names)
    return " and ".join(listed) if len(listed) < 3 else ", ".join(listed[:-1]) + " and " + listed[-1]
