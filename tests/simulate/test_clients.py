"""What clients see beside what the group does: the documented time-outs, one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from meshlab.model import State, Topology
from meshlab.model.spec import data_file, reference
from meshlab.parameters import Parameters
from meshlab.simulate import Fault, Prediction, Scenario, load_scenario, simulate
from meshlab.simulate.layers.clients import NoAnswer, _written, as_series, client_intervals


@cache
def cluster() -> Topology:
    return reference()


@cache
def lose_master() -> Prediction:
    scenario = load_scenario(data_file("scenarios/lose-master.yaml"), cluster())
    return simulate(cluster(), scenario, replicates=40, seed=7)


def lengths(prediction: Prediction, service: str, kind: str) -> list[float]:
    """The first outage of each replicate, in seconds; 0 where there is none."""
    found = (client_intervals(timeline, service, kind) for timeline in prediction.timelines)
    return [spans[0].length if spans else 0.0 for spans in found]


def test_a_write_under_way_to_a_dead_etcd_leader_waits_seven_seconds_although_the_election_took_one() -> None:
    """A.etcd server_request_timeout: 5 s + 2 x election time-out; the group is without a leader for 0.8-2.1 s."""
    for service in ("etcd", "kubernetes-api"):
        assert all(wait == pytest.approx(7.0) for wait in lengths(lose_master(), service, "write"))
    assert all(timeline.downtime("etcd") < 2.1 for timeline in lose_master().timelines)


def test_a_linearizable_read_waits_for_the_new_leader_only() -> None:
    """The change of the leader ends a waiting ReadIndex (etcd 3.5); measured by `meshlab validate api`."""
    for timeline in lose_master().timelines:
        ((start, end),) = ((i.start, i.end) for i in client_intervals(timeline, "etcd", "linearizable read"))
        gap = next(i for i in timeline.of("etcd") if i.state is State.NO_LEADER)
        assert (start, end) == (gap.start, pytest.approx(gap.end, abs=1e-6))


def test_a_serializable_read_needs_no_leader() -> None:
    assert lose_master().clients["etcd"]["serializable read"].p95 == 0.0
    two = simulate(
        cluster(),
        Scenario("x", 900.0, (Fault.fail("master-1", 100.0), Fault.fail("master-2", 100.0))),
        replicates=3,
    )
    assert two.clients["etcd"]["serializable read"].mean == 0.0
    assert two.clients["etcd"]["write"].p05 == pytest.approx(800.0)


def test_an_open_connection_to_a_silent_api_server_is_given_up_after_30_to_40_seconds() -> None:
    """T.kubeprism tcp_user_timeout 30 s after the first unacknowledged data; D: 45 s after the last frame."""
    waits = lengths(lose_master(), "kubernetes-api", "open connection")
    assert min(waits) >= 30.0 and max(waits) <= 40.0
    assert np.std(waits) > 1.0


def test_one_in_three_new_connections_fails_until_kubeprism_drops_the_silent_server() -> None:
    """T.kubeprism dead_endpoint_removal_time 15-35 s."""
    for timeline in lose_master().timelines:
        (found,) = client_intervals(timeline, "kubernetes-api", "new connection")
        assert found.start == 300.0 and 15.0 <= found.length <= 35.0


def test_a_request_under_way_to_a_silent_active_vault_waits_for_its_own_time_out() -> None:
    waits = lengths(lose_master(), "vault", "request under way")
    assert all(wait == pytest.approx(60.0) for wait in waits)
    gaps = [
        next(i.length for i in t.of("vault") if i.state is State.NO_LEADER) for t in lose_master().timelines
    ]
    assert lengths(lose_master(), "vault", "request") == pytest.approx(gaps)


def test_a_clean_handover_of_vaults_pod_leaves_nobody_waiting_for_a_time_out() -> None:
    """A pod that is stopped in order closes its connections: only a machine without power is silent."""
    found = simulate(cluster(), Scenario("x", 900.0, (Fault.fail("vault", 100.0, 60.0),)), replicates=3)
    assert found.clients["vault"]["request under way"].mean == 0.0
    assert found.clients["vault"]["request"].p05 >= 60.0


def test_a_lost_follower_costs_a_writer_nothing() -> None:
    scenario = Scenario(
        "x", 900.0, (Fault.fail("master-3", 100.0),), {"etcd": "master-1", "vault": "master-1"}
    )
    found = simulate(cluster(), scenario, replicates=5)
    assert found.clients["etcd"]["write"].mean == 0.0
    assert found.clients["kubernetes-api"]["write"].mean == 0.0
    assert found.clients["kubernetes-api"]["open connection"].p50 >= 30.0


def test_an_api_server_with_a_remote_etcd_endpoint_may_hold_on_to_it_for_40_seconds() -> None:
    """D.k8s apiserver_etcd_keepalive 30 s + 10 s: one in three has the dead member for its endpoint."""
    apart = cluster()
    api = next(s for s in apart.services if s.role == "api")
    apart = apart.with_component(replace(api, members=("worker-1", "worker-2")))
    scenario = Scenario("x", 900.0, (Fault.fail("master-1", 100.0),), {"etcd": "master-1"})
    waits = lengths(simulate(apart, scenario, replicates=60, seed=3), api.name, "write")
    late = [wait for wait in waits if wait > 7.5]
    assert late and all(30.0 <= wait <= 40.0 for wait in late)
    assert 6 <= len(late) <= 36  # a third of 60; false alarm 1 in 10^4
    assert all(wait == pytest.approx(7.0) for wait in waits if wait <= 7.5)


@pytest.mark.parametrize(
    ("lost", "back", "aware", "patience", "end"),
    [
        (100.0, 101.3, 101.2, 7.0, 107.0),  # under way when the leader died
        (100.0, 101.3, 101.0, 1.0, 101.3),  # fails at 101, asked again of a member that knows by then
        (100.0, 101.3, 101.2, 1.0, 102.0),  # asked again too early: lost once more
        (
            100.0,
            130.0,
            101.2,
            7.0,
            130.0,
        ),  # no quorum for half a minute: the attempt under way then gets through
        (100.0, 128.0, 101.2, 7.0, 128.0),
        (100.0, float("inf"), 101.2, 7.0, float("inf")),
    ],
)
def test_a_writer_gets_through_with_the_first_attempt_that_meets_a_member_that_knows(
    lost: float, back: float, aware: float, patience: float, end: float
) -> None:
    assert _written(lost, back, aware, patience) == end


def test_outages_that_touch_are_one_and_come_back_from_the_timeline() -> None:
    told = [
        NoAnswer("etcd", "write", *span, "x")
        for span in ((10.0, 17.0), (12.0, 20.0), (20.0, 21.0), (30.0, 31.0))
    ]
    (series,) = as_series(told)
    assert series.times == (0.0, 10.0, 21.0, 30.0, 31.0) and series.values == (0.0, 1.0, 0.0, 1.0, 0.0)
    timeline = replace(lose_master().timelines[0], series=(series,))
    assert [(i.start, i.end) for i in client_intervals(timeline, "etcd", "write")] == [
        (10.0, 21.0),
        (30.0, 31.0),
    ]
    assert client_intervals(timeline, "etcd", "linearizable read") == ()


def test_the_rows_of_what_clients_wait_for_name_their_source() -> None:
    table = Parameters.defaults()
    known = {
        "etcd.request-timeout": 7.0,
        "kubeprism.user-timeout": 30.0,
        "client-go.dead-connection": 45.0,
    }
    for name, value in known.items():
        assert table.value(name) == value and table[name].source.startswith("[S]")


def test_a_quiet_time_has_no_outages_and_the_same_bits_from_two_workers() -> None:
    quiet = simulate(cluster(), Scenario("quiet", 1e6), replicates=1)
    assert quiet.timelines[0].series == ()
    assert all(o.mean == 0.0 for kinds in quiet.clients.values() for o in kinds.values())
    scenario = load_scenario(data_file("scenarios/lose-master.yaml"), cluster())
    one, two = (simulate(cluster(), scenario, replicates=4, seed=7, workers=w) for w in (1, 2))
    assert one.clients == two.clients
    assert one.timelines == lose_master().timelines[:4]
