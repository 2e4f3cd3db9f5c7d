"""Commit latency and fits against closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshlab.model import Disk, Distribution
from meshlab.model.spec import reference
from meshlab.planning import commit_latency, fits
from meshlab.planning.latency.network import WIREGUARD_DELAY


def with_constant_delays(latency: float, fsync: float):  # type: ignore[no-untyped-def]
    cluster = reference()
    for link in cluster.links:
        cluster = cluster.with_component(replace(link, latency=Distribution.constant(latency)))
    for machine in cluster.control_plane:
        disks = (Disk("xvda", 1e11, "gp3", True, fsync=Distribution.constant(fsync)),)
        cluster = cluster.with_component(replace(machine, disks=disks))
    return cluster


def test_commit_takes_a_round_trip_and_a_followers_disk() -> None:
    """etcd docs: the floor is RTT to the nearest quorum follower + its fdatasync, the leader's disk in parallel."""
    [first, *_] = commit_latency(with_constant_delays(0.001, 0.0007))
    low, high = 2 * WIREGUARD_DELAY.a, 2 * WIREGUARD_DELAY.c
    assert 0.0027 + low < first.p50 < 0.0027 + high


def test_a_slow_leader_disk_hides_the_network() -> None:
    cluster = with_constant_delays(0.0001, 0.0001)
    slow = replace(
        cluster.machine("master-1"), disks=(Disk("x", 1e11, system=True, fsync=Distribution.constant(0.05)),)
    )
    latencies = commit_latency(cluster.with_component(slow))
    assert latencies[0].p50 == pytest.approx(0.05)
    assert latencies[1].p50 < 0.001


def test_the_same_seed_gives_the_same_bits() -> None:
    assert commit_latency(reference(), seed=3) == commit_latency(reference(), seed=3)


def test_everything_fits_in_the_reference() -> None:
    assert [f.reason for f in fits(reference()) if not f.fits] == []


def test_too_little_memory_is_said_with_both_numbers() -> None:
    cluster = reference()
    small = replace(cluster.machine("worker-1"), memory=64 * 2.0**30)
    [bad] = [f for f in fits(cluster.with_component(small)) if not f.fits]
    assert bad.resource == "memory"
    assert "384.4 GiB" in bad.reason
    assert "64 GiB" in bad.reason
