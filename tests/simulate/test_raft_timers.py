"""hashicorp/raft's clockwork around the conforming member, held to the claims of the engine that is in use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import test_raft_hashicorp as claims
from surroundings import calm, kill

from meshlab.model.distribution import Distribution
from meshlab.simulate.groups.hashicorp import HashicorpGroup
from meshlab.simulate.raft.timed.timers import TimerGroup

CLAIMS: list[Callable[[], None]] = [
    value for name, value in sorted(vars(claims).items()) if name.startswith("test_")
]
KILLS = 250


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.__name__.removeprefix("test_") for claim in CLAIMS])
def test_the_timers_hold_the_same_claim(claim: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HashicorpGroup", TimerGroup)
    claim()


def failovers(engine: type[HashicorpGroup] | type[TimerGroup], members: int, prevote: bool) -> np.ndarray:
    found = []
    for seed in range(KILLS):
        world = calm(members)
        kill(world, "m0", 100.0)
        group = engine(
            world, heartbeat=5.0, election=5.0, lease=2.5, rng=np.random.default_rng(seed), leader="m0",
            prevote=prevote, commit_interval=Distribution.uniform(0.05, 0.1),
        )  # fmt: skip
        reigns, _ = group.run(250.0)
        found.append(reigns[1].elected - 100.0)
    return np.array(found)


@pytest.mark.parametrize(("members", "prevote"), [(3, True), (5, True), (3, False)])
def test_both_engines_take_equally_long_after_a_kill(members: int, prevote: bool) -> None:
    """Two independent ways to one distribution: KS of 250 against 250; false alarm 1 in 10^4 each."""
    from scipy.stats import ks_2samp

    old, new = (failovers(engine, members, prevote) for engine in (HashicorpGroup, TimerGroup))
    assert ks_2samp(old, new).pvalue > 1e-4


def test_a_paused_leader_gives_up_when_it_goes_on() -> None:
    """Its lease has run out meanwhile; what the new leader sent it is there, too."""
    world = calm()
    world.frozen["m0"].set(50.0, True, "paused")
    world.frozen["m0"].set(100.0, False, "resumed")
    group = TimerGroup(
        world, heartbeat=5.0, election=5.0, lease=2.5, rng=np.random.default_rng(1), leader="m0"
    )
    reigns, _ = group.run(150.0)
    assert next(reign.end for reign in reigns if reign.leader == "m0") == pytest.approx(100.0, abs=0.01)
    assert group.members["m0"].lead in ("m1", "m2")


def test_a_voter_that_knows_a_leader_refuses_aloud() -> None:
    """hashicorp/raft answers "we have a leader", whatever the term; etcd would stay silent."""
    from meshlab.simulate.raft.messages import Kind, Message

    world = calm()
    group = TimerGroup(
        world, heartbeat=5.0, election=5.0, lease=2.5, rng=np.random.default_rng(1), leader="m0"
    )
    voter = group.members["m1"].member
    voter.step(Message(Kind.VOTE, to=2, sender=3, term=7, log_term=1, index=9))
    assert voter.term == 1
    assert [(m.kind, m.reject) for m in voter.outbox_after_write] == [(Kind.VOTE_RESP, True)]
