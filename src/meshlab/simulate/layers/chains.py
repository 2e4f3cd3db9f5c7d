"""How far a chain node is behind its network, and how long it takes to be well again.

``HEALTH`` says what "well" means for each chain, what is compared with what, and what the same probe says while the
whole network stands still. A network that halts makes no blocks: nobody falls behind, a node that was behind
catches up with a tip that waits, and no restart of a pod makes the network go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.simulate.scenario.scenario import FOREVER
from meshlab.simulate.tracks import Track

if TYPE_CHECKING:
    from meshlab.parameters import Parameters


@dataclass(frozen=True)
class Health:
    """What a chain's health says: the call, what it compares, and what it answers while the network halts."""

    call: str
    compares: str
    in_a_halt: str
    restart_safe: bool = False


HEALTH = {
    "solana": Health(
        "getHealth",
        "own slot with the highest slot that the cluster has been heard to reach; unhealthy 128 slots behind",
        "healthy: nobody is ahead of it",
    ),
    "ethereum": Health(
        "eth_syncing and the head's number beside that of peers",
        "own head with the peers' heads; unhealthy three slots behind",
        "not syncing; a probe on the age of the head alone would call it dead",
    ),
    "tron": Health(
        "wallet/getnodeinfo, head beside the solidified block and peers' heads",
        "own head with the peers' heads; unhealthy 20 blocks behind (the distance of solidification)",
        "in step; a probe on the age of the head alone would call it dead",
    ),
}
"""By chain; sources: parameters.md H and B ("the pod is healthy; nothing may restart it")."""

_RUNNING: Track[bool] = Track(False)


def made(
    start: float, end: float, role: str, parameters: Parameters, halted: Track[bool] = _RUNNING
) -> float:
    """Gives how many blocks a chain's network makes between two instants: none while it is halted."""
    if end <= start:
        return 0.0
    still = sum(
        max(0.0, min(until, end) - max(since, start))
        for since, until, stands, _ in halted.spans(end)
        if stands
    )
    return (end - start - still) / parameters.value(f"{role}.block-time")


def caught_up(
    behind: float,
    now: float,
    role: str,
    parameters: Parameters,
    rate: float,
    halted: Track[bool] = _RUNNING,
) -> float:
    """Gives the seconds from `now` until a node `behind` blocks behind is within its health limit.

    Notes
    -----
    Blocks come at 1/t per second, none during a halt, and are processed at `rate`: the lag falls by the
    difference (parameters.md H). Infinite where the node is no faster than its chain.
    """
    grows = 1 / parameters.value(f"{role}.block-time")
    left = behind - parameters.value(f"{role}.health-limit")
    if left <= 0:
        return 0.0
    for since, until, stands, _ in halted.spans(FOREVER):
        if until <= now:
            continue
        start = max(since, now)
        gains = rate if stands else rate - grows
        if gains > 0 and left <= gains * (until - start):
            return start - now + left / gains
        if until < FOREVER:
            left -= gains * (until - start)
    return FOREVER
