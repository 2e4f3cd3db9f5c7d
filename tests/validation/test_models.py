"""The simulated sides, where a closed form is known."""

from __future__ import annotations

import numpy as np
import pytest

from meshlab.simulate.commit_latency import CommitPath, Costs, put_latencies
from meshlab.validation.commit import simulated
from meshlab.validation.etcd_model import EtcdModel
from meshlab.validation.machine import Machine
from meshlab.validation.setting import Setting
from meshlab.validation.vault_model import VaultModel

CALM = Machine(fsync=[1e-3] * 200, ask=[2e-4] * 200, put=[1e-3] * 200)


def costs(hop: float = 5e-3, fsync: float = 2e-3, work: float = 0.0) -> Costs:
    return Costs(overhead=lambda: 1e-3, work=lambda: work, fsync=lambda: fsync, hop=lambda: hop)


def test_one_client_waits_for_a_round_trip_and_the_followers_disk() -> None:
    assert put_latencies(3, 1, costs(), 50) == pytest.approx(1e-3 + 2 * 5e-3 + 2e-3)


def test_a_group_of_one_waits_for_its_own_disk_only() -> None:
    assert put_latencies(1, 1, costs(), 50) == pytest.approx(1e-3 + 2e-3)


def test_five_members_wait_for_the_second_fastest_follower() -> None:
    hops = iter(range(10**6))
    slow = Costs(lambda: 0.0, lambda: 0.0, lambda: 0.0, lambda: 1e-3 * (1 + next(hops) % 4))
    path = CommitPath(5, 1, slow)
    first = path.run(1)[0]  # out: 1, 2, 3, 4 ms to the four followers; back in order of arrival: 1, 2, ... ms
    assert first == pytest.approx(2e-3 + 2e-3)


def test_clients_share_a_write_to_the_disk() -> None:
    """64 clients on a disk of 100 writes a second get more than 100 puts a second: group commit."""
    found = put_latencies(1, 64, costs(fsync=10e-3), 2000)
    assert 64 / np.mean(found) > 2000


def test_no_more_puts_than_the_processor_can_do() -> None:
    found = put_latencies(3, 64, costs(hop=0.0, fsync=1e-4, work=1e-3), 3000)
    assert 64 / np.mean(found) == pytest.approx(1000, rel=0.02)


@pytest.mark.parametrize(("etcd", "expected"), [("3.5.1", 1.0e-3), ("3.5.5", 0.0)])
def test_an_old_etcd_of_one_member_did_not_wait_for_its_disk(etcd: str, expected: float) -> None:
    """etcd#14370: so of a put measured there, nothing was the disk's."""
    machine = Machine(CALM.fsync, CALM.ask, CALM.put, together=[1e-3] * 200)
    found = simulated(Setting(measure="commit"), machine, 20, etcd)
    assert found.latencies == pytest.approx([expected + 1e-3 + 2e-4] * 20)


def test_a_new_leader_comes_after_the_smaller_of_two_draws() -> None:
    """10 to 19 ticks each from the last heartbeat, of which half a tick, on average, was before the kill."""
    found = [d.leader_after for d in EtcdModel(Setting(), CALM).draws(300)]
    times = np.array([t for t in found if t is not None])
    assert len(times) == 300
    assert times.min() > 0.79 and np.median(times) == pytest.approx(1.2, abs=0.06)
    assert times.mean() == pytest.approx(
        1.285 - 0.05 + 0.05 * 0.33, abs=0.06
    )  # 300 draws: standard error 0.014


def test_a_cut_off_leader_steps_down_within_two_election_time_outs() -> None:
    found = [d.stepped_down_after for d in EtcdModel(Setting(fault="partition"), CALM).draws(100)]
    assert all(t is not None and t < 2.05 for t in found)


def test_a_lost_put_waits_for_its_time_out_whatever_the_election_does() -> None:
    setting = Setting(measure="outage", client_timeout=10.0)
    found = [v for d in EtcdModel(setting, CALM).draws(200) for v in d.outages]
    in_flight = [v for v in found if v > 6.9]
    assert in_flight and max(in_flight) < 7.1  # etcd's own 5 s + 2 election time-outs, not the client's 10 s


def test_a_follower_killed_changes_no_leader() -> None:
    assert {d.terms for d in EtcdModel(Setting(fault="kill-follower"), CALM).draws(100)} == {0}


def vault(fault: str) -> Setting:
    return Setting(system="vault", heartbeat=5.0, election=5.0, poll=0.05, fault=fault)


def test_an_active_pod_lost_before_the_others_vote_is_not_replaced() -> None:
    """Measured on three real OpenBao processes: no leader for as long as one looks."""
    found = list(VaultModel(vault("kill-before-promotion"), CALM).draws(30))
    assert all(d.serving_after is None for d in found)


def test_an_active_pod_lost_later_is_replaced_after_the_second_has_noticed() -> None:
    found = [d.leader_after for d in VaultModel(vault("kill"), CALM).draws(200)]
    times = [t for t in found if t is not None]
    assert len(times) == 200 and min(times) > 5.0 and np.median(times) == pytest.approx(10.2, abs=1.0)
