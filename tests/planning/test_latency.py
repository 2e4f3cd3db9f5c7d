"""Latency of requests against closed forms, queueing theory, and the simulator's own commit path."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshlab.model import Disk, Distribution, Topology
from meshlab.model.spec import reference
from meshlab.planning.latency import (
    REQUESTS,
    NoSuchRequest,
    advised,
    choices,
    latency,
    stretched,
    timers,
    tunnel_cost,
)
from meshlab.planning.latency.commit import commit_at_rest, commit_under_load
from meshlab.planning.latency.queueing import Queue
from meshlab.simulate.groups.commit_latency import CommitPath, Costs


def with_links(way: Distribution, loss: float = 0.0) -> Topology:
    cluster = reference()
    for link in cluster.links:
        cluster = cluster.with_component(replace(link, latency=way, loss=loss))
    return cluster


def test_at_rest_a_commit_is_the_quorums_slowest_disk_and_way() -> None:
    own, there = np.array([0.010]), np.array([[0.001], [0.040]])
    disks, back = np.array([[0.004], [0.004]]), np.array([[0.002], [0.040]])
    assert commit_at_rest(own, there, disks, back, 2) == pytest.approx([0.010])
    assert commit_at_rest(np.array([0.001]), there, disks, back, 2) == pytest.approx([0.007])
    assert commit_at_rest(own, there, disks, back, 3) == pytest.approx([0.084])


def test_far_apart_entries_under_load_commit_as_at_rest() -> None:
    rng = np.random.default_rng(0)
    own, there, disks, back = rng.random(50), rng.random((2, 50)), rng.random((2, 50)), rng.random((2, 50))
    wait, commit = commit_under_load(np.arange(50) * 100.0, own, there, disks, back, 2)
    assert wait == pytest.approx(np.zeros(50))
    assert commit == pytest.approx(commit_at_rest(own, there, disks, back, 2))


def test_entries_that_come_while_the_leader_writes_share_the_next_write() -> None:
    arrivals = np.array([0.0, 0.1, 0.2, 0.3])
    nothing = np.empty((0, 4))
    wait, commit = commit_under_load(arrivals, np.full(4, 1.0), nothing, nothing, nothing, 1)
    assert wait == pytest.approx([0.0, 0.9, 0.8, 0.7])
    assert commit == pytest.approx([1.0, 1.0, 1.0, 1.0])


@given(
    st.integers(0, 5),
    st.integers(0, 60),
    st.sampled_from([0.3, 3.0, 30.0]),
    st.booleans(),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_commits_under_load_are_those_of_the_readable_twin_to_the_bit(
    followers: int, entries: int, rate: float, cut: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    arrivals, own = np.cumsum(rng.exponential(1 / rate, entries)), rng.random(entries)
    there, disks, back = rng.random((3, followers, entries))
    if cut and followers:
        there[0] = np.inf
    quorum = (followers + 1) // 2 + 1
    quick = commit_under_load(arrivals, own, there, disks, back, quorum)
    plain = batch_by_batch(arrivals, own, there, disks, back, quorum)
    assert [x.tolist() for x in quick] == [x.tolist() for x in plain]


def batch_by_batch(
    arrivals: NDArray[np.float64],
    own: NDArray[np.float64],
    there: NDArray[np.float64],
    disks: NDArray[np.float64],
    back: NDArray[np.float64],
    quorum: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`commit_under_load` as one would say it: entry by entry, the largest of what has to be waited for."""
    followers, wait, commit = range(len(there)), np.empty(len(arrivals)), np.empty(len(arrivals))
    free, idle = 0.0, [0.0] * len(there)
    first, batch = 0, 0
    while first < len(arrivals):
        start = max(free, arrivals[first])
        taken = [entry for entry in range(first, len(arrivals)) if arrivals[entry] <= start]
        free = start + own[batch]
        for i in followers:
            idle[i] = max(start + there[i][batch], idle[i]) + disks[i][batch]
        answers = sorted(idle[i] + back[i][batch] for i in followers)
        committed = max(free, answers[quorum - 2]) if quorum > 1 else free
        for entry in taken:
            wait[entry], commit[entry] = start - arrivals[entry], committed - start
        first, batch = first + len(taken), batch + 1
    return wait, commit


def test_one_client_alone_sees_what_the_simulators_commit_path_gives() -> None:
    """Two models, written apart: no overhead, one closed-loop client; medians within 2 %."""
    rng = np.random.default_rng(4)
    fsync, hop = Distribution.lognormal(0.001, 0.3), Distribution.lognormal(0.0005, 0.3)
    costs = Costs(
        overhead=lambda: 0.0,
        fsync=lambda: float(fsync.sample(rng)),
        hop=lambda: float(hop.sample(rng)),
    )
    theirs = CommitPath(3, 1, costs).run(8_000)
    size = (2, 8_000)
    draw = lambda spread, shape: np.asarray(spread.sample(rng, shape))  # noqa: E731
    ours = commit_at_rest(draw(fsync, 8_000), draw(hop, size), draw(fsync, size), draw(hop, size), 2)
    assert float(np.median(theirs)) == pytest.approx(float(np.median(ours)), rel=0.02)


@pytest.mark.parametrize("servers", [1, 3])
def test_the_wait_for_a_processor_is_erlangs(servers: int) -> None:
    """M/M/c simulated by Kiefer and Wolfowitz' recursion; mean wait within 6 % (4 standard errors at this size)."""
    rng = np.random.default_rng(servers)
    queue, rate, count = Queue(servers, 1.0), 0.7 * servers, 200_000
    gaps, works = rng.exponential(1 / rate, count).tolist(), rng.exponential(1.0, count).tolist()
    busy, waits = [0.0] * servers, 0.0
    for gap, work in zip(gaps, works, strict=True):
        busy = sorted(max(0.0, left - gap) for left in busy)
        waits += busy[0]
        busy[0] += work
    assert waits / count == pytest.approx(queue.mean_wait(rate), rel=0.06)
    assert float(queue.sample(rate, count, rng).mean()) == pytest.approx(queue.mean_wait(rate), rel=0.03)


def test_every_kind_of_request_is_answered_on_the_reference() -> None:
    for kind in REQUESTS:
        found = latency(reference(), kind, samples=2_000)
        assert 0 < found.p50.low <= found.p50.value <= found.p95.value <= found.p99.value, kind
        assert sum(share.of_mean for share in found.shares) == pytest.approx(1.0)
        assert found.dominant in {share.name for share in found.shares}


def test_a_control_plane_90_ms_away_is_dominated_by_the_way_there() -> None:
    far = with_links(Distribution.constant(0.045))
    found = latency(far, "kubelet-api", samples=2_000)
    assert (
        0.27 < found.p50.value < 0.31
    )  # to the API, to the leader two times of three, and the quorum: 90 ms each
    assert {share.kind for share in found.shares if share.of_mean > 0.25} <= {"network", "quorum"}


def test_without_a_zone_a_put_still_commits_and_without_two_it_does_not() -> None:
    assert latency(reference(), "etcd-put", without=["us-east-1a"], samples=2_000).failing == 0
    gone = latency(reference(), "etcd-put", without=["us-east-1a", "us-east-1b"], samples=2_000)
    assert gone.failing == 1
    assert gone.to_dict()["p50"]["value"] is None


def test_a_load_that_a_station_cannot_keep_up_with_names_it() -> None:
    most = latency(reference(), "etcd-put", samples=500).most
    assert latency(reference(), "etcd-put", load=most / 4, samples=2_000).saturated == ""
    over = latency(reference(), "etcd-put", load=most * 1.1, samples=500)
    assert over.saturated == "etcd leader"


def test_latency_grows_with_the_load() -> None:
    medians = [
        latency(reference(), "etcd-put", load=rate, samples=10_000).p99.value for rate in (0, 2_000, 6_000)
    ]
    assert medians[0] < medians[1] < medians[2]


def test_a_slow_disk_under_one_leader_shows_in_the_tail() -> None:
    cluster = reference()
    slow = replace(
        cluster.machine("master-1"), disks=(Disk("x", 1e11, system=True, fsync=Distribution.constant(0.05)),)
    )
    found = latency(cluster.with_component(slow), "etcd-put", samples=6_000)
    assert found.p50.value < 0.01
    assert found.p99.value > 0.05


def test_an_unknown_kind_is_an_error_with_the_known_ones() -> None:
    with pytest.raises(NoSuchRequest, match="known: api-read"):
        latency(reference(), "teleport")


def test_near_members_keep_etcds_defaults_and_far_ones_get_longer_timers() -> None:
    cluster = reference()
    assert advised(cluster, cluster.raft_group("etcd")) == (0.1, 1.0)
    far = with_links(Distribution.constant(0.045))
    heartbeat, election = advised(far, far.raft_group("etcd"))
    assert heartbeat == pytest.approx(0.15)  # 1.5 round trips of 90 ms, rounded up to 50 ms
    assert election == pytest.approx(1.5)


def test_failover_and_false_elections_are_the_published_arithmetic() -> None:
    """parameters.md A: the least of two draws from 10..19 ticks is 12.85 ticks; less half a heartbeat."""
    lossy = with_links(Distribution.constant(0.001), loss=0.01)
    found = timers(lossy, lossy.raft_group("etcd"), 0.1, 1.0)
    assert found.failover == pytest.approx(1.285 - 0.05)
    # Retransmitted after 0.2 s and the round trip, doubled: three losses in a row hold a stream back 1.414 s.
    gaps = [tick / 10 - 0.1 - phase / 10 for tick in range(10, 20) for phase in (0.125, 0.375, 0.625, 0.875)]
    assert min(gaps) > 0.606
    three = sum(gap <= 1.414 for gap in gaps)
    expected = 2 * 864_000 * (three * 0.01**3 + (40 - three) * 0.01**4) / 40
    assert found.false_elections == pytest.approx(expected)


@pytest.mark.parametrize(("ticks", "loss"), [(10, 0.04), (10, 0.08), (5, 0.02)])
def test_false_alarms_are_those_of_the_simulators_member_behind_a_lossy_stream(
    ticks: int, loss: float
) -> None:
    """A member of `simulate.raft` hears heartbeats of a stream that delivers in order and retransmits what is lost.

    4 million heartbeats; where the stream is silent for long the member is ticked through it, at a phase of its own.
    The bound must hold (no more than 5 standard errors above it, false alarm below 1 in 10^6) and not be idle: at
    least half of it is met. That it is not met whole is that one silence may hide two losses.
    """
    from meshlab.simulate.raft.member import Member
    from meshlab.simulate.raft.messages import Kind, Membership, Message, Snapshot
    from meshlab.simulate.raft.settings import Settings
    from meshlab.simulate.raft.state import Role
    from meshlab.simulate.raft.storage import Storage

    rng = np.random.default_rng(11)
    count, beat, first = 4_000_000, 0.1, 0.2 + 0.002
    lost = rng.geometric(1 - loss, count) - 1
    arrives = np.maximum.accumulate(np.arange(count) * beat + first * (2.0**lost - 1))
    silent = np.flatnonzero(np.diff(arrives) > (ticks - 1) * beat)
    alarms = 0
    for at in silent:
        storage = Storage()
        storage.apply_snapshot(Snapshot(1, 1, Membership(voters=(1, 2, 3))))
        member = Member(2, Settings(election=ticks, prevote=True, check_quorum=True), storage, lambda: ticks)
        member.step(Message(Kind.HEARTBEAT, to=2, sender=1, term=1))
        ticked = int((arrives[at + 1] - arrives[at] - rng.random() * beat) / beat) + 1
        for _ in range(ticked):
            member.tick()
        alarms += member.role is Role.PRE_CANDIDATE
    cluster = with_links(Distribution.constant(0.001), loss=loss)
    bound = timers(cluster, replace(cluster.raft_group("etcd")), beat, ticks * beat)
    # Here one follower and one time-out; `timers` has two followers and the mean over ticks..2 ticks - 1.
    expected = sum(
        loss ** _tries_of(ticks * beat - (1 + phase) * beat, first) for phase in (0.125, 0.375, 0.625, 0.875)
    ) * (count / 4)
    assert alarms <= expected + 5 * expected**0.5
    assert alarms >= 0.5 * expected
    assert bound.false_elections <= 2 * 864_000 / count * expected


def _tries_of(gap: float, first: float) -> int:
    held, tries = 0.0, 0
    while held <= gap:
        held += first * 2**tries
        tries += 1
    return tries


def test_the_simulated_failover_is_the_arithmetic_and_two_rounds_of_votes() -> None:
    """Pre-vote and vote each take a round trip of 90 ms and a synchronous write; split votes are apart.

    The median of 1,000 kills has a standard error of about 1 %; 6 % is beyond five of them.
    """
    far = stretched(reference(), masters=0.09)
    group = far.raft_group("etcd")
    found = {(c.heartbeat, c.election): c for c in choices(far, group, samples=1_000)}
    default = found[0.1, 1.0]
    start = timers(far, group, 0.1, 1.0).failover
    assert default.elected.mid == pytest.approx(start + 2 * 0.09 + 2 * 0.0007, rel=0.06)
    assert default.serving.mid > default.elected.mid + 0.08


def test_the_chosen_timers_keep_to_etcds_guide_and_are_among_the_quickest() -> None:
    far = stretched(reference(), masters=0.09)
    tried = choices(far, far.raft_group("etcd"), samples=300)
    [best] = [one for one in tried if one.chosen]
    assert 0.045 <= best.heartbeat <= 0.135
    assert best.election >= 0.9
    assert best.false_elections < 1 / 30
    assert all(best.slowest <= 1.1 * one.slowest for one in tried if not one.against)
    assert any("ten round trips" in one.against for one in tried)


def test_stretching_changes_the_ways_that_were_asked_for_and_no_other() -> None:
    cluster = reference()
    far = stretched(cluster, masters=0.09, workers=0.02)
    between, out = far.link_between("master-1", "master-2"), far.link_between("worker-1", "master-3")
    assert between is not None and out is not None
    assert 2 * between.latency.quantile(0.5) == pytest.approx(0.09)
    assert 2 * out.latency.quantile(0.5) == pytest.approx(0.02)
    assert out.loss == 0.0005  # what the spec's way loses already, more than the backbone
    assert far.link_between("worker-1", "worker-2") == cluster.link_between("worker-1", "worker-2")
    assert cluster == reference()


def test_a_tunnel_costs_what_its_delay_is_times_the_ways() -> None:
    """A constant tunnel of no other cost: api-read crosses it there and back, unless client and server are one."""
    cost = tunnel_cost(reference(), "api-read", samples=4_000)
    mean = (20e-6 + 50e-6 + 150e-6) / 3
    apart = 15 / 18  # of six machines and three servers, three pairs are one machine
    assert cost.seconds == pytest.approx(2 * mean * apart, rel=0.1)
    assert (cost.mtu, cost.overhead) == (1420, 80)
    bare = reference().without("kubespan")
    assert tunnel_cost(bare, "api-read", samples=500).seconds == 0.0
