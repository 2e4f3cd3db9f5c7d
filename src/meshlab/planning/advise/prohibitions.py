"""What must not be done now: actions that would take a quorum, or the data of one."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.model import Topology
from meshlab.planning.advise.situation import Situation
from meshlab.planning.advise.words import either, joined
from meshlab.simulate import standing


@dataclass(frozen=True)
class Prohibition:
    """Something not to do now, and what would happen."""

    what: str
    why: str


def prohibitions(topology: Topology, now: Situation) -> tuple[Prohibition, ...]:
    """Gives what must not be done to a group as it stands; each is derived from the model, not from a list."""
    return (
        *_restarts(topology, now),
        *_additions(now),
        *_removals(now),
        *_wipes(now),
        *_second_bootstrap(now),
    )


def _restarts(topology: Topology, now: Situation) -> tuple[Prohibition, ...]:
    if not now.serving:
        return ()
    alone = [v for v in now.up if not standing(topology, now.down | {v})[now.group.name].serving]
    if alone:
        names = ", ".join(alone)
        left = len(now.up) - 1
        return (
            Prohibition(
                f"reboot, upgrade, drain or reset {names}",
                f"{now.group.name} would have {left} of {len(now.group.voters)} voters and needs {now.group.quorum}; "
                "talosctl upgrade does not check this",
            ),
        )
    if now.margin < len(now.up):
        more = now.margin + 1
        return (
            Prohibition(
                f"take {more} of {', '.join(now.up)} down at once",
                f"{now.group.name} may lose {now.margin} more; talosctl upgrade with several nodes runs side by side",
            ),
        )
    return ()


def _additions(now: Situation) -> tuple[Prohibition, ...]:
    """A new voter raises the quorum before it can answer: n + 1 voters need (n + 1) // 2 + 1 of those up now."""
    if not now.lost:
        return ()
    total = len(now.group.voters) + 1
    need = total // 2 + 1
    if now.serving and len(now.up) < need:
        why = (
            f"{total} voters need {need}; {len(now.up)} are up, so {now.group.name} stops until the new one has caught "
            "up, and for good if it never does"
        )
    elif now.serving:
        why = f"the quorum would rise to {need} of {total} while {len(now.lost)} voters are dead: remove them first"
    else:
        why = "a membership change needs a quorum: it would hang"
    return (Prohibition("add a voter before the dead one is removed", why),)


def _removals(now: Situation) -> tuple[Prohibition, ...]:
    if now.serving and now.lost:
        total = len(now.group.voters) - 1
        return (
            Prohibition(
                f"remove {either(now.up)} from {now.group.name}",
                f"it is up: without it {len(now.up) - 1} of {total} voters would be left and {total // 2 + 1} needed",
            ),
        )
    return ()


def _wipes(now: Situation) -> tuple[Prohibition, ...]:
    if now.serving or not now.up:
        return ()
    return (
        Prohibition(
            f"reset or wipe {either(now.up)}",
            f"what is left of {now.group.name}'s data is there; copy it away before anything else",
        ),
    )


def _second_bootstrap(now: Situation) -> tuple[Prohibition, ...]:
    if not now.lost:
        return ()
    if now.group.engine == "etcd":
        what, why = (
            "run talosctl bootstrap, or recover from a snapshot",
            "nothing in the API prevents a second cluster with the same id beside the first",
        )
    else:
        what, why = (
            "initialise a new Vault, or write peers.json",
            "the pods that are there hold the only data; a second group with new keys would stand beside them",
        )
    if now.serving:
        return (Prohibition(what, why),)
    return (Prohibition(f"{what}, before it is certain that {joined(now.lost)} never come back", why),)
