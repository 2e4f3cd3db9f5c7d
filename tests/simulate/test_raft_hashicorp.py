"""Elections of hashicorp/raft (Vault, OpenBao) against closed forms and its rules (parameters.md C)."""

from __future__ import annotations

import math

import numpy as np
from surroundings import calm, cut, kill

from meshlab.model.distribution import Distribution
from meshlab.simulate.groups.hashicorp import HashicorpGroup
from meshlab.simulate.raft.timed.world import Election, Reign, World
from meshlab.simulate.tracks import Track


def run(
    world: World, seed: int = 1, horizon: float = 200.0, **settings: object
) -> tuple[list[Reign], list[Election], HashicorpGroup]:
    group = HashicorpGroup(
        world, heartbeat=5.0, election=5.0, lease=2.5, rng=np.random.default_rng(seed), leader="m0",
        reconnect=Distribution.uniform(0.0, 2.5), **settings,  # type: ignore[arg-type]
    )  # fmt: skip
    reigns, log = group.run(horizon)
    return reigns, log, group


def failovers(kills: int) -> tuple[np.ndarray, np.ndarray]:
    noticed, elected = [], []
    for seed in range(kills):
        world = calm()
        kill(world, "m0", 100.0)
        reigns, log, _ = run(world, seed, 200.0)
        noticed.append(next(e.time for e in log if e.kind == "heartbeat-timeout") - 100.0)
        elected.append(reigns[1].elected - 100.0)
    return np.array(noticed), np.array(elected)


def rest(p: np.ndarray) -> np.ndarray:
    """Survival of what is left of a running timer U(5, 10): 1 - p/7.5 up to 5, then quadratic to 0 at 10."""
    late = (10 - p) ** 2 / 75
    return np.where(p < 5, 1 - p / 7.5, late)


def test_a_lost_leader_is_noticed_after_the_time_out_and_the_rest_of_a_running_timer() -> None:
    """The timer is not put back by contacts: first of two survivors at 5 s + least of two rests."""
    noticed, _ = failovers(800)
    grid = np.linspace(0, 10, 20001)
    expected = 5 + float(np.trapezoid(rest(grid) ** 2, grid))
    assert abs(noticed.mean() - expected) < 4.4 * noticed.std() / math.sqrt(800)
    assert noticed.min() >= 5.0


def test_both_survivors_have_to_notice_before_one_can_win() -> None:
    """A voter that believes in a leader refuses: elected at 5 s + greatest of two rests, about 10.3 s."""
    _, elected = failovers(800)
    grid = np.linspace(0, 10, 20001)
    expected = 5 + float(np.trapezoid(1 - (1 - rest(grid)) ** 2, grid))
    assert abs(expected - 10.26) < 0.01
    assert abs(elected.mean() - expected) < 4.4 * elected.std() / math.sqrt(800) + 0.02


def test_a_leader_without_its_quorum_steps_down_when_its_lease_ends() -> None:
    world = calm()
    for other in ("m1", "m2"):
        cut(world, "m0", other, at=50.0)
    reigns, _, _ = run(world)
    assert abs(reigns[0].end - 52.5) < 0.1
    assert reigns[1].elected > 55.0


def test_after_a_full_restart_the_first_election_takes_the_tripled_time_outs() -> None:
    """C startup_timeout_multiplier: three started members, the first of three U(15, 30)."""
    for seed in range(30):
        world = calm()
        for member in world.members:
            kill(world, member, 50.0, back=60.0)
        reigns, _, _ = run(world, seed)
        assert 15.0 < reigns[1].elected - 60.0 < 30.2


def test_killing_the_leader_while_the_others_do_not_vote_yet_loses_the_quorum_for_good() -> None:
    """Autopilot: members are non-voters for their first 10 s; then the only voter is the one that is lost."""
    world = calm()
    for member in ("m1", "m2"):
        world.voting[member] = Track(False, "just joined")
    world = World(
        world.members, world.running, world.frozen, world.flows, world.delay, world.fsync, world.voting
    )
    kill(world, "m0", 5.0)
    reigns, _, _ = run(world)
    assert len(reigns) == 1


def test_a_clean_stop_transfers_the_leadership_at_once() -> None:
    world = calm()
    world.leaving = {"m0": {50.0}}
    kill(world, "m0", 50.0, back=80.0)
    reigns, _, _ = run(world)
    assert reigns[1].elected - 50.0 < 0.1


def test_a_follower_that_was_cut_off_does_not_depose_the_leader() -> None:
    world = calm()
    for other in ("m0", "m1"):
        cut(world, "m2", other, at=50.0, heal=100.0)
    reigns, _, group = run(world)
    assert len(reigns) == 1
    assert group.members["m2"].lead == "m0"


def test_a_leader_lost_soon_after_a_restart_is_noticed_later() -> None:
    """The timer of a member's start, U(15, 30), is not stopped when it finds a leader."""
    settled, fresh = [], []
    for seed in range(60):
        for gap, found in ((90.0, settled), (8.0, fresh)):
            world = calm()
            kill(world, "m1", 50.0, back=60.0)
            kill(world, "m0", 60.0 + gap)
            reigns, _, _ = run(world, seed)
            found.append(reigns[1].elected - 60.0 - gap)
    assert np.mean(settled) < 11.5
    assert np.mean(fresh) > 13.0 and max(fresh) > 20.0


def test_years_of_a_cut_or_a_pause_are_skipped() -> None:
    world = calm()
    world.frozen["m0"].set(50.0, True, "paused")
    _, _, group = run(world, horizon=31_557_600.0)
    assert group.agenda._count < 100
    world = calm()
    cut(world, "m0", "m2", at=50.0)
    _, _, group = run(world, horizon=31_557_600.0)
    assert group.agenda._count < 100
