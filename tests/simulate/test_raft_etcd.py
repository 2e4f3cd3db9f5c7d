"""Elections of etcd's raft against closed forms and the rules of etcd-io/raft (parameters.md A)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from surroundings import calm, cut, kill

from meshlab.simulate.groups.etcd import EtcdGroup
from meshlab.simulate.raft.timed.world import Election, Reign, World

TICK = 0.1


def run(
    world: World, seed: int = 1, horizon: float = 60.0, **settings: object
) -> tuple[list[Reign], list[Election], EtcdGroup]:
    rng = np.random.default_rng(seed)
    group = EtcdGroup(world, heartbeat=TICK, election=1.0, rng=rng, leader="m0", **settings)  # type: ignore[arg-type]
    reigns, log = group.run(horizon)
    return reigns, log, group


def first_campaigns(members: int, kills: int, *, aligned: bool) -> np.ndarray:
    """Seconds from the dead leader's last heartbeat to the first campaign, over many kills."""
    found = []
    for seed in range(kills):
        at = 10.0 + np.random.default_rng(10_000 + seed).random()
        world = calm(members, delay=1e-6, fsync=1e-6)
        kill(world, "m0", at)
        phases = dict.fromkeys(world.members, 0.0) if aligned else None
        _, log, group = run(world, seed, at + 10, phases=phases)
        phase = group.members["m0"].phase
        heartbeat = phase + math.floor((at - phase) / TICK) * TICK
        found.append(next(e.time for e in log if e.kind == "pre-candidate") - heartbeat)
    return np.array(found)


@pytest.mark.parametrize(("members", "ticks"), [(3, 12.85), (5, 11.5333)])
def test_with_aligned_clocks_the_first_campaign_comes_after_the_least_of_the_drawn_ticks(
    members: int, ticks: float
) -> None:
    """Least of n-1 draws from 10..19 ticks: 1.285 s and 1.153 s (A no_leader_gap [D]); false alarm 1 in 10^5."""
    seconds = first_campaigns(members, 800, aligned=True)
    error = seconds.std() / math.sqrt(len(seconds))
    assert abs(seconds.mean() - ticks * TICK) < 4.4 * error


def test_with_clocks_of_their_own_the_time_out_is_uniform_between_nine_and_nineteen_ticks() -> None:
    """The R-th tick after a contact comes R-1 to R ticks later: the least of two U(9, 19) has mean 12.33 ticks."""
    seconds = first_campaigns(3, 800, aligned=False)
    error = seconds.std() / math.sqrt(len(seconds))
    assert abs(seconds.mean() - (9 + 10 / 3) * TICK) < 4.4 * error
    assert seconds.min() >= 0.9


def test_two_followers_with_aligned_clocks_split_the_vote_one_time_in_ten() -> None:
    """Same draw out of ten (A same_tick_probability [D]); 800 kills, false alarm 1 in 10^5."""
    split = 0
    for seed in range(800):
        world = calm(3)
        kill(world, "m0", 10.0)
        _, log, _ = run(world, seed, 14.0, phases=dict.fromkeys(world.members, 0.0))
        split += any(e.kind == "split-vote" for e in log)
    assert abs(split / 800 - 0.1) < 4.4 * math.sqrt(0.09 / 800)


def test_a_leader_that_dies_is_replaced_within_two_election_time_outs() -> None:
    world = calm()
    kill(world, "m0", 10.0)
    reigns, _, _ = run(world)
    assert reigns[0].leader == "m0"
    assert 0.8 < reigns[1].serving - 10.0 < 2.1
    assert reigns[1].term == 2


def test_a_group_of_three_that_lost_two_has_no_leader_until_one_returns() -> None:
    world = calm()
    kill(world, "m0", 10.0)
    kill(world, "m1", 10.0, back=1000.0)
    reigns, _, _ = run(world, horizon=1100.0)
    assert 1000.0 < reigns[1].elected < 1003.0


def test_a_quiet_year_takes_no_events() -> None:
    _, log, group = run(calm(), horizon=31_557_600.0)
    assert log == []
    assert group.agenda._count <= 1


def test_a_year_without_a_quorum_is_slept_through() -> None:
    world = calm()
    kill(world, "m0", 10.0)
    kill(world, "m1", 11.0)
    _, _, group = run(world, horizon=31_557_600.0)
    assert group.agenda._count < 60


def test_years_of_a_cut_or_a_pause_are_skipped_too() -> None:
    """Found: a paused leader looked for its quorum every second for a year."""
    world = calm()
    world.frozen["m0"].set(10.0, True, "paused")
    _, _, group = run(world, horizon=31_557_600.0)
    assert group.agenda._count < 60
    world = calm()
    cut(world, "m0", "m2", at=10.0)
    _, _, group = run(world, horizon=31_557_600.0)
    assert group.agenda._count < 60


def test_prevote_keeps_a_follower_that_was_cut_off_from_deposing_the_leader() -> None:
    """PreVote: no term is raised without a chance to win (A prevote, raft paper section 9.6)."""
    world = calm()
    for other in ("m0", "m1"):
        cut(world, "m2", other, at=10.0, heal=30.0)
    reigns, log, group = run(world)
    assert len(reigns) == 1 and reigns[0].term == 1
    assert group.members["m2"].term == 1
    assert not [e for e in log if e.kind == "candidate"]


def test_without_prevote_a_follower_that_comes_back_forces_an_election() -> None:
    world = calm()
    for other in ("m0", "m1"):
        cut(world, "m2", other, at=10.0, heal=30.0)
        cut(world, "m0", "m1", at=20.0, heal=20.05)
    reigns, _, _ = run(world, prevote=False)
    assert reigns[-1].term > 1


def test_an_isolated_leader_steps_down_after_one_to_two_election_time_outs() -> None:
    """CheckQuorum looks every E ticks whether a quorum has answered since (A leader_isolated_stepdown [D])."""
    took = []
    for seed in range(60):
        world = calm()
        at = 10.0 + 0.0167 * seed
        for other in ("m1", "m2"):
            cut(world, "m0", other, at=at)
        reigns, _, _ = run(world, seed)
        took.append(next(r.end for r in reigns if r.leader == "m0") - at)
    assert min(took) > 0.9 and max(took) < 2.1


def test_a_leader_whose_replies_are_lost_steps_down_and_another_is_elected() -> None:
    """One way only: followers hear the leader, it does not hear them; so it must give up by itself."""
    world = calm()
    for other in ("m1", "m2"):
        cut(world, other, "m0", at=10.0, both=False)
    reigns, _, _ = run(world)
    assert reigns[0].end < 12.2
    assert reigns[1].leader in ("m1", "m2")


def test_an_asymmetric_cut_as_at_cloudflare_leaves_the_leader_in_place_with_prevote() -> None:
    """B cloudflare_2020_11_02: 1-2 and 2-3 well, 1-3 cut: with PreVote and CheckQuorum the leader stays."""
    for seed in range(20):
        world = calm()
        cut(world, "m0", "m2", at=10.0, heal=370.0)
        reigns, _, _ = run(world, seed, horizon=400.0)
        assert [r.leader for r in reigns] == ["m0"]


def test_the_same_cut_without_prevote_and_lease_brings_repeated_elections() -> None:
    """Raft as in the paper: the ends depose each other until the one in the middle happens to win."""
    counts = []
    for seed in range(40):
        world = calm()
        cut(world, "m0", "m2", at=10.0, heal=370.0)
        reigns, _, _ = run(world, seed, horizon=400.0, prevote=False, check_quorum=False)
        assert reigns[1].leader != "m0"
        counts.append(len(reigns))
    assert sum(counts) / len(counts) > 2.5 and max(counts) >= 5


def test_a_leader_that_stops_cleanly_hands_over_in_milliseconds() -> None:
    """A graceful_stop_transfers_leadership [S]."""
    world = calm()
    world.leaving = {"m0": {10.0}}
    kill(world, "m0", 10.0, back=20.0)
    reigns, _, _ = run(world)
    assert reigns[1].serving - 10.0 < 0.05


def test_a_member_with_an_old_log_is_not_elected() -> None:
    """Election restriction (raft paper 5.4.1): who missed the last entries cannot win."""
    for seed in range(40):
        world = calm()
        for other in ("m0", "m1"):
            cut(world, "m2", other, at=10.0, heal=12.0)
        kill(world, "m0", 11.0)
        reigns, _, _ = run(world, seed)
        assert reigns[1].leader == "m1"


def test_a_paused_leader_is_replaced_and_steps_down_when_it_goes_on() -> None:
    world = calm()
    world.frozen["m0"].set(10.0, True, "paused")
    world.frozen["m0"].set(20.0, False, "resumed")
    reigns, _, group = run(world)
    assert 10.8 < reigns[1].elected < 12.1 or reigns[0].leader == "m0"
    assert group.members["m0"].role == "follower"
    assert group.members["m0"].term == max(r.term for r in reigns)


def test_a_single_voter_elects_itself() -> None:
    world = calm(1)
    kill(world, "m0", 10.0, back=20.0)
    reigns, _, _ = run(world)
    assert [r.leader for r in reigns] == ["m0", "m0"]
    assert reigns[1].elected > 20.0
