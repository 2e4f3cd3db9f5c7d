"""The simulated sides, where a closed form is known."""

from __future__ import annotations

import numpy as np
import pytest

from meshlab.simulate.groups.commit_latency import CommitPath, Costs, SharedMachine, put_latencies
from meshlab.validation.etcd.commit import simulated
from meshlab.validation.etcd.machine import Machine
from meshlab.validation.etcd.model import EtcdModel
from meshlab.validation.setting import Setting
from meshlab.validation.vault.model import VaultModel

CALM = Machine(fsync=[1e-3] * 200, ask=[2e-4] * 200, put=[1e-3] * 200)


def costs(hop: float = 5e-3, fsync: float = 2e-3, shared: SharedMachine | None = None) -> Costs:
    return Costs(overhead=lambda: 1e-3, fsync=lambda: fsync, hop=lambda: hop, shared=shared)


def machine(processors: int = 2, pace: float = 1.0, **work: float) -> SharedMachine:
    """Processors that members and clients share; work that is not named takes nothing."""
    rng = np.random.default_rng(1)
    takes = dict.fromkeys(("client", "serve", "store", "message", "relay"), 0.0) | work
    return SharedMachine(
        processors, turn=5e-5, choose=lambda n: int(rng.integers(n)), pace=lambda time: pace, **takes
    )


def test_one_client_waits_for_a_round_trip_and_the_followers_disk() -> None:
    assert put_latencies(3, 1, costs(), 50) == pytest.approx(1e-3 + 2 * 5e-3 + 2e-3)


def test_a_group_of_one_waits_for_its_own_disk_only() -> None:
    assert put_latencies(1, 1, costs(), 50) == pytest.approx(1e-3 + 2e-3)


def test_five_members_wait_for_the_second_fastest_follower() -> None:
    hops = iter(range(10**6))
    slow = Costs(lambda: 0.0, lambda: 0.0, lambda: 1e-3 * (1 + next(hops) % 4))
    path = CommitPath(5, 1, slow)
    first = path.run(1)[0]  # out: 1, 2, 3, 4 ms to the four followers; back in order of arrival: 1, 2, ... ms
    assert first == pytest.approx(2e-3 + 2e-3)


def test_clients_share_a_write_to_the_disk() -> None:
    """64 clients on a disk of 100 writes a second get more than 100 puts a second: group commit."""
    found = put_latencies(1, 64, costs(fsync=10e-3), 2000)
    assert 64 / np.mean(found) > 2000


def test_no_more_puts_than_the_clients_program_can_do() -> None:
    found = put_latencies(3, 64, costs(hop=0.0, fsync=1e-4, shared=machine(client=1e-3)), 3000)
    assert 64 / np.mean(found) == pytest.approx(1000, rel=0.02)


@pytest.mark.parametrize("processors", [1, 2, 4])
def test_members_on_one_machine_share_its_processors(processors: int) -> None:
    """Each put is stored three times: 64 clients get what so many processors can do in that time."""
    shared = machine(processors, serve=1e-4, store=4e-4)
    found = put_latencies(3, 64, costs(hop=0.0, fsync=1e-4, shared=shared), 3000)
    most = processors / (1e-4 + 3 * 4e-4)
    serial = 1 / (4e-4 / 2 + 1e-4 / 2)  # the leader applies and answers in one loop
    assert 64 / np.mean(found) == pytest.approx(min(most, serial), rel=0.06)


def test_half_the_pace_is_half_the_puts() -> None:
    found = [
        np.mean(put_latencies(3, 64, costs(0.0, 1e-5, machine(pace=pace, store=3e-4)), 2000))
        for pace in (1.0, 0.5)
    ]
    assert found[1] / found[0] == pytest.approx(2.0, rel=0.05)


def test_one_client_alone_waits_for_nobody() -> None:
    """What its own steps take is in their costs already: a shared machine adds only the waiting for others."""
    shared = machine(processors=16, client=2e-4, serve=1e-4, store=1e-4, message=5e-5, relay=5e-5)
    assert put_latencies(3, 1, costs(shared=shared), 50) == pytest.approx(1e-3 + 2 * 5e-3 + 2e-3)


def test_messages_that_wait_for_the_relays_go_together() -> None:
    """A relay of 1 ms a piece passes more than 1000 messages a second: what waits on a connection is one piece."""
    found = put_latencies(3, 64, costs(hop=0.0, fsync=1e-5, shared=machine(relay=1e-3)), 2000)
    assert 64 / np.mean(found) > 4000


@pytest.mark.parametrize(("etcd", "expected"), [("3.5.1", 1.0e-3), ("3.5.5", 0.0)])
def test_an_old_etcd_of_one_member_did_not_wait_for_its_disk(etcd: str, expected: float) -> None:
    """etcd#14370: so of a put measured there, nothing was the disk's."""
    inputs = Machine(CALM.fsync, CALM.ask, CALM.put, together=[1e-3] * 200)
    found = simulated(Setting(measure="commit"), inputs, 20, etcd)
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
