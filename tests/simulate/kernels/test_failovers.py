"""Failovers by the thousand: closed forms, the layer that tells histories, same bits, budgets, manners."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from meshlab.model.distribution import Distribution
from meshlab.model.errors import InputError
from meshlab.simulate.groups.etcd import EtcdGroup
from meshlab.simulate.groups.failovers import (
    FAULTS,
    Failovers,
    GroupFault,
    GroupSettings,
    commit_latencies,
    failovers,
)
from meshlab.simulate.kernels.compiling import cache_folder
from meshlab.simulate.raft.timed.world import World
from meshlab.simulate.tracks import Track

DELAY, FSYNC = 0.0005, 0.002
STILL = {"delay": Distribution.constant(DELAY), "fsync": Distribution.constant(FSYNC)}


def layered(members: int, kills: int, **settings: bool) -> np.ndarray:
    """Seconds to a new leader by the layer, for a leader killed at a random phase of its heartbeat."""
    found = []
    for seed in range(kills):
        names = tuple(f"m{i}" for i in range(members))
        world = World(
            members=names,
            running={m: Track(True) for m in names},
            frozen={m: Track(False) for m in names},
            flows={(a, b): Track(True) for a in names for b in names if a != b},
            delay=lambda a, b, time: DELAY,
            fsync=lambda member: FSYNC,
        )
        world.running["m0"].set(5.0, False, "killed")
        rng = np.random.default_rng(seed)
        group = EtcdGroup(world, heartbeat=0.1, election=1.0, rng=rng, leader="m0", **settings)
        reigns, _ = group.run(40.0)
        found.append(min(reign.elected for reign in reigns if reign.elected > 5.0) - 5.0)
    return np.array(found)


@pytest.mark.parametrize(("members", "prevote"), [(3, True), (5, True), (3, False)])
def test_the_kernel_and_the_layer_give_the_same_distribution(members: int, prevote: bool) -> None:
    """Two-sample Kolmogorov-Smirnov, 300 against 20,000; false alarm 1 in 10^5 each."""
    ours = failovers(GroupSettings(members, prevote=prevote, **STILL), n=20_000, seed=7).elected
    assert stats.ks_2samp(ours, layered(members, 300, prevote=prevote)).pvalue > 1e-5


def test_the_first_campaign_comes_after_the_least_of_the_followers_time_outs() -> None:
    """Clocks of their own: each follower waits U(E-1, 2E-1) ticks from its last heartbeat, E = 10; the least of
    two has mean 9 + 10/3 ticks, less the half tick by which the kill comes after the heartbeat on average. Then
    the candidate's write, a round trip, the voter's write. No PreVote and no leases, which would make a
    candidate wait for slower clocks. 20,000 kills, those without a split vote (which take longer, one in a
    hundred): within 5 standard errors, a false alarm of 1 in 10^6, and 0.5 % for that."""
    bare = GroupSettings(3, prevote=False, check_quorum=False, **STILL)
    found = failovers(bare, n=20_000, seed=3)
    once = found.elected[found.split_votes == 0]
    expected = (9 + 10 / 3 - 0.5) * 0.1 + DELAY + 2 * DELAY + 2 * FSYNC
    error = once.std() / math.sqrt(len(once))
    assert once.mean() == pytest.approx(expected, abs=0.005 * expected + 5 * error)
    assert found.elected.min() > 0.8


def same(a: Failovers, b: Failovers) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a))


def test_the_same_seed_gives_the_same_bits_for_any_number_of_workers() -> None:
    group = GroupSettings(5)
    one = failovers(group, n=2300, seed=11)
    assert same(one, failovers(group, n=2300, seed=11, workers=3))
    assert not same(one, failovers(group, n=2300, seed=12))
    assert np.array_equal(one.elected[:1000], failovers(group, n=1000, seed=11).elected)


def test_machine_code_is_kept_on_disk_under_a_name_that_changes_with_the_sources() -> None:
    failovers(GroupSettings(), n=1)
    assert any(Path(cache_folder()).rglob("*.nbc"))


def test_progress_comes_for_every_block_and_an_interrupt_ends_it() -> None:
    seen: list[tuple[int, int]] = []
    failovers(GroupSettings(), n=1200, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(500, 1200), (1000, 1200), (1200, 1200)]

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    start = time.process_time()
    with pytest.raises(KeyboardInterrupt):
        failovers(GroupSettings(), n=10_000_000, workers=2, progress=interrupt)
    assert time.process_time() - start < 60  # the whole would take some half an hour


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_of_a_leader_ends_in_a_new_leader_but_for_deaf_ones_without_checks(kind: str) -> None:
    found = failovers(GroupSettings(3), GroupFault(kind), n=300)  # type: ignore[arg-type]
    assert np.isfinite(found.elected).all()
    assert (found.serving > found.elected).all()
    assert (found.terms >= 1).all()
    assert found.elected.max() < 15


def test_a_leader_that_hears_nobody_stays_without_check_quorum() -> None:
    """One way only, towards it: its heartbeats still arrive; CheckQuorum is what ends its reign."""
    deaf = GroupFault("nothing-arrives")
    assert np.isinf(failovers(GroupSettings(3, check_quorum=False), deaf, n=50, within=20).elected).all()
    assert np.isfinite(failovers(GroupSettings(3), deaf, n=50).elected).all()


@pytest.mark.parametrize("kind", ["kill", "pause", "isolate", "nothing-leaves"])
def test_a_follower_that_comes_back_deposes_no_leader_with_prevote(kind: str) -> None:
    found = failovers(GroupSettings(3), GroupFault(kind, "follower", lasts=10.0), n=200, within=30)  # type: ignore[arg-type]
    assert np.isinf(found.elected).all()
    assert (found.leader == -1).all()


def test_a_deaf_follower_without_prevote_and_check_quorum_deposes_its_leader_again_and_again() -> None:
    """Cloudflare 2020-11-02: a member that hears no heartbeats but is heard forces elections; PreVote ends that."""
    deaf = GroupFault("nothing-arrives", "follower")
    bare = failovers(GroupSettings(3, prevote=False, check_quorum=False), deaf, n=50, within=30)
    assert np.isfinite(bare.elected).all()
    assert np.isinf(failovers(GroupSettings(3), deaf, n=50, within=30).elected).all()


def test_a_group_that_lost_its_majority_has_no_leader() -> None:
    found = failovers(GroupSettings(2), n=20, within=20)
    assert np.isinf(found.elected).all()


def test_a_lone_writer_waits_for_one_round_trip_and_one_write() -> None:
    """Its way twice, the follower's way twice and its write; the leader's own write is done by then."""
    group = GroupSettings(3, **STILL)
    found = commit_latencies(group, 1, seconds=20.0, way=Distribution.constant(0.0001))
    assert np.median(found) == pytest.approx(2 * 0.0001 + 2 * DELAY + FSYNC, rel=0.01)


def test_writers_together_are_served_in_batches() -> None:
    """Sixteen clients get far more than one write's rate, at a latency of two to three writes."""
    group = GroupSettings(3, **STILL)
    alone, many = (commit_latencies(group, clients, seconds=10.0) for clients in (1, 16))
    assert len(many) > 6 * len(alone)
    assert np.median(alone) < np.median(many) < 3 * np.median(alone)


def test_a_slow_link_slows_the_group_that_needs_it_only() -> None:
    far = Distribution.constant(0.05)
    one = {(0, 2): far, (2, 0): far, (1, 2): far, (2, 1): far}
    found = commit_latencies(GroupSettings(3, delays=one, **STILL), 1, seconds=60.0, seed=5)
    assert np.median(found) in (pytest.approx(0.0032, rel=0.1), pytest.approx(0.1022, rel=0.1))


def test_observed_durations_stand_for_a_distribution() -> None:
    seen = np.random.default_rng(1).lognormal(math.log(0.004), 0.5, 5000)
    observed = commit_latencies(GroupSettings(3, fsync=seen), 1, seconds=30.0)
    stated = commit_latencies(GroupSettings(3, fsync=Distribution.lognormal(0.004, 0.5)), 1, seconds=30.0)
    assert np.quantile(observed, [0.5, 0.9]) == pytest.approx(np.quantile(stated, [0.5, 0.9]), rel=0.06)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: GroupSettings(0),
        lambda: GroupSettings(12),
        lambda: GroupSettings(heartbeat=0.0),
        lambda: GroupSettings(heartbeat=1.0, election=1.0),
        lambda: GroupSettings(delays={(0, 3): Distribution.constant(0.1)}),
        lambda: GroupFault("flood"),  # type: ignore[arg-type]
        lambda: GroupFault(target="everybody"),  # type: ignore[arg-type]
        lambda: GroupFault(lasts=0.0),
        lambda: failovers(GroupSettings(), n=0),
        lambda: failovers(GroupSettings(delay=np.array([-1.0])), n=1),
        lambda: commit_latencies(GroupSettings(), 0),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_number(wrong: object) -> None:
    with pytest.raises(InputError, match=r"\w+ .+"):
        wrong()  # type: ignore[operator]


def test_ten_thousand_failovers_stay_within_ten_times_their_budget() -> None:
    """Budget: 2 s (benchmarks/raft.py measures); CPU time, so that a busy machine does not fail it."""
    failovers(GroupSettings(), n=10)
    start = time.process_time()
    failovers(GroupSettings(), n=10_000)
    assert time.process_time() - start < 20
