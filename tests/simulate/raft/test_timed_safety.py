"""Groups in time under faults drawn by hypothesis: what raft promises, and that nothing goes round for ever."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.timed.timed import TimedGroup
from meshlab.simulate.raft.timed.timers import TimerGroup
from meshlab.simulate.raft.timed.world import World
from meshlab.simulate.tracks import Track

TROUBLE, HORIZON = 120.0, 400.0


def troubled(members: int, seed: int) -> World:
    """Gives members that die, freeze, are cut off one way or both, demoted and promoted, until all is well again."""
    rng = random.Random(seed)
    names = tuple(f"m{i}" for i in range(members))
    world = World(
        members=names,
        running={m: Track(True) for m in names},
        frozen={m: Track(False) for m in names},
        flows={(a, b): Track(True) for a in names for b in names if a != b},
        delay=lambda a, b, time: 1e-4 + rng.random() * 0.02,
        fsync=lambda member: 1e-3 + rng.random() * 0.01,
        voting={m: Track(True) for m in names},
        leaving={names[0]: {50.0}},
    )
    tracks: list[tuple[Track[bool], bool]] = [(track, False) for track in world.running.values()]
    tracks += [(track, True) for track in world.frozen.values()]
    tracks += [(track, False) for track in world.flows.values()]
    tracks += [(world.voting[names[-1]], False)]
    for track, bad in tracks:
        times = sorted(rng.uniform(1, TROUBLE) for _ in range(2 * rng.randrange(3)))
        for place, time in enumerate(times):
            track.set(time, bad if place % 2 == 0 else not bad, "trouble")
    return World(**{name: getattr(world, name) for name in World.__dataclass_fields__})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 5), st.integers(0, 2**32), st.booleans())
@pytest.mark.parametrize("clockwork", ["ticks", "timers"])
def test_one_leader_a_term_one_log_and_a_leader_once_all_is_well(
    clockwork: str, members: int, seed: int, prevote: bool
) -> None:
    world, rng = troubled(members, seed), np.random.default_rng(seed)
    group: TimedGroup
    if clockwork == "ticks":
        rules = Settings(prevote=prevote, check_quorum=True, max_inflight=512, step_down_on_removal=True)
        group = TimedGroup(world, rules, 0.1, rng, fast_forward=8, kept=30.0, transfer=0.5)
    else:
        group = TimerGroup(world, heartbeat=5.0, election=5.0, lease=2.5, rng=rng, prevote=prevote)
    reigns, _ = group.run(HORIZON)
    leaders: dict[int, str] = {}
    for reign in reigns:
        assert leaders.setdefault(reign.term, reign.leader) == reign.leader
        assert reign.elected <= reign.serving <= reign.end
    hosts = list(group.hosts.values())
    for host in hosts:
        for other in hosts:
            low = max(host.storage.first_index, other.storage.first_index)
            for index in range(low, min(host.applied, other.applied) + 1):
                assert host.storage.term(index) == other.storage.term(index)
    last = [reign for reign in reigns if math.isinf(reign.end)]
    assert len(last) == 1 and last[0].serving < HORIZON
    assert group.agenda._count < 60_000
