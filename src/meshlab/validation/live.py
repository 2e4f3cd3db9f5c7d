"""A validation small enough to run while somebody waits, and what must hold of it on any machine."""

from __future__ import annotations

from typing import Any

from meshlab.validation.cell import real_side, simulated_side
from meshlab.validation.setting import Setting

KILLS = 3
SIMULATED = 300
LATE = 15.0
"""A new leader that takes longer than so many election time-outs counts as none."""


async def quick_run(kills: int = KILLS, *, progress: bool = False) -> dict[str, Any]:
    """Gives the real side of a few leader kills on three real etcd processes, with short timers: ten seconds."""
    setting = Setting(heartbeat=0.05, election=0.5, repeats=kills)
    return await real_side(setting, progress=progress)


def checks(document: dict[str, Any]) -> list[tuple[str, bool]]:
    """Gives what must hold of such a run, and whether it does.

    The bounds are those of the protocol, not of this machine: an election cannot begin before the shortest time-out,
    less one heartbeat that was already counted; a busy machine only makes it later.
    """
    setting, real = document["setting"], document["real"]
    times = real["leader_after_ms"]
    simulated = simulated_side(document, SIMULATED)["leader_after_ms"]
    election, heartbeat = 1000 * setting["election"], 1000 * setting["heartbeat"]
    earliest = election - 2 * heartbeat
    return [
        ("every kill was followed by a new leader", len(times) == real["n"]),
        ("none came before the protocol allows", all(t > earliest for t in times)),
        ("none took as long as a group that is lost", all(t < LATE * election for t in times)),
        ("the term rose with each", all(terms >= 1 for terms in real["terms"])),
        ("the simulator keeps to the same bounds", all(earliest < t < LATE * election for t in simulated)),
    ]
