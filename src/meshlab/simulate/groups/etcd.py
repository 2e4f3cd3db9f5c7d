"""An etcd group in time: the raft of `raft/` with etcd's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.timed.timed import TimedGroup
from meshlab.simulate.raft.timed.world import World

if TYPE_CHECKING:
    import numpy as np


class EtcdGroup(TimedGroup):
    """One group in one replicate; `run` gives the reigns of its leaders and its log of elections.

    Parameters
    ----------
    world
        Members, their reachability, delays in seconds.
    heartbeat, election
        etcd's settings in seconds; a tick is one heartbeat interval.
    rng
        Everything random in this group comes from it.
    leader
        Who leads at time 0; drawn among those who can when empty.
    fast_forward
        Ticks that a restarted member skips once it has an active peer.
    """

    def __init__(
        self,
        world: World,
        *,
        heartbeat: float,
        election: float,
        rng: np.random.Generator,
        leader: str = "",
        prevote: bool = True,
        check_quorum: bool = True,
        fast_forward: int = 8,
        phases: dict[str, float] | None = None,
    ) -> None:
        settings = Settings(
            election=max(2, round(election / heartbeat)),
            prevote=prevote,
            check_quorum=check_quorum,
            answers_stale=True,
            max_inflight=512,
            step_down_on_removal=True,
        )
        super().__init__(
            world, settings, heartbeat, rng, leader=leader, fast_forward=fast_forward, phases=phases
        )
