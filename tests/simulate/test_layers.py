"""The layers one by one: faults, underlay, overlay, control plane, workloads, at the rules they follow."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from meshlab.model import Machine, Reliability, State, Topology
from meshlab.model.components import Link, Overlay, Service, Site
from meshlab.model.distribution import Distribution
from meshlab.model.spec import reference as read_reference
from meshlab.parameters import Parameters
from meshlab.simulate import Fault, Scenario, simulate, standing
from meshlab.simulate.layers.chains import HEALTH, caught_up, made
from meshlab.simulate.layers.faults import apply_faults
from meshlab.simulate.layers.nodes import give_up_nodes
from meshlab.simulate.layers.overlay import Overlay as Mesh
from meshlab.simulate.layers.overlay import build_overlay
from meshlab.simulate.layers.peers import peer_state, stated
from meshlab.simulate.layers.underlay import build_underlay
from meshlab.simulate.layers.workloads import next_attempt
from meshlab.simulate.streams import Streams
from meshlab.simulate.tracks import Track


@cache
def reference() -> Topology:
    return read_reference()


def mesh(*faults: Fault, horizon: float = 7200.0, seed: int = 1, topology: Topology | None = None) -> Mesh:
    cluster = topology or reference()
    table = Parameters.for_topology(cluster)
    scenario = Scenario("x", horizon, faults)
    streams = Streams(seed, 0)
    found = apply_faults(cluster, scenario, table, streams)
    return build_overlay(cluster, table, build_underlay(cluster, scenario), found, streams)


def closed(track: Track[bool], horizon: float = 7200.0) -> list[tuple[float, float]]:
    return [(start, end) for start, end, value, _ in track.spans(horizon) if not value]


def test_a_cut_that_heals_within_the_keys_life_costs_only_the_cut() -> None:
    """E.wireguard reject_after_time 180 s, renewed every 120 s: keys live 60 s at least."""
    for seed in range(30):
        found = mesh(Fault.partition(("us-east-1",), ("dc-1",), at=300, lasts=59), seed=seed)
        assert closed(found.flow("master-1", "worker-1")) == [(300.0, 359.0)]


def test_a_cut_that_outlives_the_keys_costs_up_to_another_retry() -> None:
    """rekey_timeout 5-5.334 s; not yet marked down (155 s at the earliest... 275 s after the handshake)."""
    extra = []
    for seed in range(60):
        found = mesh(Fault.partition(("us-east-1",), ("dc-1",), at=300, lasts=185), seed=seed)
        ((start, end),) = closed(found.flow("master-1", "worker-1"))
        extra.append(end - 485.0)
        assert start == 300.0
    assert min(extra) > 0 and max(extra) < 5.334 + 15 + 30


def test_in_a_one_way_cut_the_open_way_works_until_the_keys_die() -> None:
    ends = []
    for seed in range(60):
        found = mesh(
            Fault.partition(("us-east-1",), ("dc-1",), at=300, lasts=600, direction="forward"), seed=seed
        )
        assert closed(found.flow("master-1", "worker-1"))[0][0] == 300.0
        ends.append(closed(found.flow("worker-1", "master-1"))[0][0] - 300.0)
    assert 60 <= min(ends) < 80 and 160 < max(ends) <= 180


def test_a_peer_that_vanished_is_marked_down_after_155_to_305_seconds() -> None:
    """3.4: 275 s after the last handshake, renewed about every 120 s, looked at every 30 s."""
    times = []
    for seed in range(100):
        found = mesh(Fault.fail("worker-1", at=300), seed=seed)
        found.flow("worker-1", "master-1")
        times += [e.time - 300 for e in found.events if e.kind == "peer-down"]
    assert len(times) == 100
    assert min(times) >= 155 and max(times) <= 305 and 200 < np.mean(times) < 260


def test_two_peers_behind_nat_at_different_sites_never_meet() -> None:
    """3.7 and issues 12897, 9038: no hole punching."""
    cluster = reference()
    hidden = [replace(m, nat=True) if m.site == "us-east-1" else m for m in cluster.machines]
    for machine in hidden:
        cluster = cluster.with_component(machine)
    found = mesh(topology=cluster)
    assert closed(found.flow("master-1", "worker-1")) == [(0.0, 7200.0)]
    assert closed(found.flow("worker-1", "worker-2")) == []


def test_a_rebooted_node_meets_its_peers_only_through_discovery() -> None:
    found = mesh(Fault.fail("discovery", at=10, lasts=1700), Fault.restart("master-3", at=100))
    ((start, end),) = closed(found.flow("master-3", "master-1"))
    assert start == 100.0 and 1710.0 < end < 1725.0


def test_a_rebooted_node_behind_nat_tries_a_private_address_in_vain_first() -> None:
    """3.3-3.4: endpoints are sorted, 10.x comes before the public one; 15 s and a 30 s tick."""
    later = []
    for seed in range(60):
        found = mesh(Fault.restart("worker-1", at=100), seed=seed)
        ready = found.joined["worker-1"].next_at(101.0, True)
        later.append(closed(found.flow("worker-1", "master-1"))[0][1] - ready)
        assert closed(found.flow("worker-1", "worker-2"))[0][1] - ready <= 5.334
    assert min(later) >= 15 and max(later) <= 45


def test_a_discovery_outage_longer_than_its_records_drops_the_mesh_for_a_moment() -> None:
    """T.2: TTL 30 min; the service may come back empty."""
    short = mesh(Fault.fail("discovery", at=10, lasts=1790))
    assert closed(short.flow("master-1", "worker-1")) == []
    long = mesh(Fault.fail("discovery", at=10, lasts=1810))
    ((start, end),) = closed(long.flow("master-1", "worker-1"))
    assert start == 1820.0 and 10 < end - start < 100


def test_with_down_peer_bypass_the_plain_path_of_a_site_carries_on() -> None:
    """3.4: down peers leave the routed set; traffic goes unencrypted where the address is reachable."""
    cluster = reference()
    assert cluster.overlay
    open_to = cluster.with_component(replace(cluster.overlay, allow_down_peer_bypass=True))
    found = mesh(Fault.fail("kubespan", at=1000), topology=open_to)
    ((start, end),) = closed(found.flow("master-1", "master-2"))
    assert start == 1000.0 and 155 <= end - start <= 305
    assert closed(found.flow("master-1", "worker-1"))[-1][1] == 7200.0
    late = simulate(
        open_to, Scenario("x", 2500.0, (Fault.fail("kubespan", at=10.0),)), replicates=1
    ).timelines[0]
    stands = standing(open_to, {"kubespan"})
    assert {name: late.state_at(name, 2499.0) for name in stands} == stands
    assert stands["etcd"] is State.UP and standing(cluster, {"kubespan"})["etcd"] is State.NO_QUORUM


def test_without_an_overlay_the_path_alone_decides() -> None:
    plain = Topology("plain", tuple(c for c in reference() if not isinstance(c, Overlay)))
    found = mesh(Fault.partition(("us-east-1",), ("dc-1",), at=300, lasts=600), topology=plain)
    assert closed(found.flow("master-1", "worker-1")) == [(300.0, 900.0)]


def test_a_failed_link_cuts_what_crosses_it_and_no_more() -> None:
    found = mesh(Fault.fail("us-east-1a--us-east-1b", at=300))
    assert closed(found.flow("master-1", "master-2"))
    assert closed(found.flow("master-1", "master-3")) == []


def test_power_back_means_booting_first() -> None:
    cluster = reference()
    table = Parameters.for_topology(cluster).with_value("machine.master-1.boot", 50.0, "[E] test")
    scenario = Scenario("x", 900.0, (Fault.fail("us-east-1a", 100.0, 200.0),))
    found = apply_faults(cluster, scenario, table, Streams(0, 0))
    track = found.power_of("master-1")
    assert track.times == [0.0, 100.0, 300.0, 350.0]
    assert track.values == [State.UP, State.DOWN, State.BOOTING, State.UP]


def test_overlapping_failures_of_a_zone_and_its_machine_are_one_outage() -> None:
    cluster = reference()
    faults = (Fault.fail("us-east-1a", 100.0, 200.0), Fault.fail("master-1", 200.0, 300.0))
    table = Parameters.for_topology(cluster).with_value("machine.master-1.boot", 50.0, "[E] test")
    found = apply_faults(cluster, Scenario("x", 900.0, faults), table, Streams(0, 0))
    assert found.power_of("master-1").times == [0.0, 100.0, 500.0, 550.0]


def test_disks_that_omni_unlocks_wait_for_omni() -> None:
    """6.1: with KMS disk encryption a reboot while Omni is unreachable cannot unlock."""
    cluster = reference()
    assert cluster.orchestrator
    cluster = cluster.with_component(replace(cluster.orchestrator, disk_encryption=True))
    faults = (Fault.fail("omni", 10.0, 3000.0), Fault.restart("master-1", 100.0))
    found = apply_faults(
        cluster, Scenario("x", 4000.0, faults), Parameters.for_topology(cluster), Streams(0, 0)
    )
    assert found.power_of("master-1").next_at(101.0, State.UP) == 3010.0


def test_a_single_lost_worker_is_told_to_go_but_its_pod_waits_for_it() -> None:
    """D statefulset_on_node_loss, local_pv_node_affinity: Terminating, and no second pod."""
    found = simulate(
        reference(), Scenario("x", 3600.0, (Fault.fail("worker-3", 100.0, 1200.0),)), replicates=5
    )
    for timeline in found.timelines:
        told = [e.time - 100 for e in timeline.events if "are told to go" in e.text]
        assert len(told) == 1 and 340 <= told[0] <= 356
        assert timeline.state_at("tron", 1299.0) is State.DOWN
        assert timeline.of("tron")[2].state is State.SYNCING


def given_up(lost: dict[str, tuple[float, float]], workers: int) -> tuple[list[float], list[str]]:
    """When pods are told to go (seconds), and every event, in a site of so many workers beside the three masters."""
    cluster = Topology(
        "few", tuple(c for c in reference() if c.name not in ("worker-1", "worker-2", "worker-3"))
    )
    worker = reference().machine("worker-1")
    for number in range(workers):
        cluster = cluster.with_component(replace(worker, name=f"w{number}", address=f"10.40.1.{number}"))
    table = Parameters.for_topology(cluster)
    contact = {}
    for name, (start, end) in lost.items():
        contact[name] = Track(True)
        contact[name].set(start, False)
        contact[name].set(end, True)
    always = Track(True)
    found = give_up_nodes(cluster, table, contact, always, always, Streams(1, 0), 3600.0)
    return sorted(t for spans in found.evictions.values() for t, _ in spans), [e.text for e in found.events]


def test_a_zone_with_no_node_left_is_evicted_one_node_in_ten_seconds() -> None:
    """Kubernetes, computeZoneState: full disruption of one zone keeps the normal rate, 0.1 nodes/s (D)."""
    told, _ = given_up({f"w{n}": (100.0, 3000.0) for n in range(5)}, 5)
    assert len(told) == 5 and 440.0 <= told[0] <= 456.0
    assert all(later - before >= 10.0 - 1e-9 for before, later in itertools.pairwise(told))


def test_a_zone_in_partial_disruption_is_not_evicted_from_the_third_lost_node_on() -> None:
    """More than two nodes and at least 55 % but not all: 3 of 5. The first two were tainted before."""
    told, texts = given_up({f"w{n}": (100.0 + 60.0 * n, 3000.0) for n in range(3)}, 5)
    assert len(told) == 2
    assert any("no eviction from w2: 3 of 5 nodes of its zone are lost" in text for text in texts)
    told, _ = given_up({f"w{n}": (100.0 + 60.0 * n, 3000.0) for n in range(2)}, 3)
    assert len(told) == 2  # two of three are 67 %, but no more than two


def test_a_large_zone_in_partial_disruption_is_evicted_slowly() -> None:
    """D secondary_node_eviction_rate 0.01/s above large_cluster_size_threshold 50; 31 of 52 from the start."""
    told, _ = given_up({f"w{n}": (100.0, 3500.0) for n in range(31)}, 52)
    slow = [b - a for a, b in itertools.pairwise(told) if b - a >= 99.0]
    assert len(slow) >= 20


def test_when_no_zone_has_a_node_left_nobody_is_evicted() -> None:
    """D all_zones_unhealthy; taints that were there are taken away again."""
    everyone = {m.name: (200.0, 3000.0) for m in reference().control_plane}
    told, _ = given_up(
        {"w0": (100.0, 3000.0)} | {f"w{n}": (200.0, 3000.0) for n in range(1, 3)} | everyone, 3
    )
    assert told == []


def test_a_worker_cut_off_alone_long_enough_restarts_its_pod_when_it_hears_of_it() -> None:
    scenario = Scenario("x", 3600.0, (Fault.partition(("worker-1",), ("us-east-1",), at=100, lasts=900),))
    for timeline in simulate(reference(), scenario, replicates=5).timelines:
        assert timeline.state_at("solana", 999.0) is State.UP
        assert "down" in [str(i.state) for i in timeline.of("solana")]


def test_a_lost_controller_is_replaced_when_its_lease_is_over_and_a_short_election_disturbs_none() -> None:
    """D controller_failover_after_crash 15-20 s; etcd_leader_gap_vs_lease: 1.3 s is far below 10 s."""
    found = simulate(
        reference(), Scenario("x", 900.0, (Fault.fail("master-1", 100.0),), {"etcd": "master-1"})
    )
    events = [e for t in found.timelines for e in t.events if e.kind == "controller"]
    assert all(15.0 <= e.time - 100.0 <= 22.5 for e in events)
    assert 15 <= len(events) <= 55  # one of three led; 100 replicates, false alarm 1 in 10^4


def test_solana_catches_up_an_hour_in_about_an_hour_at_five_slots_a_second() -> None:
    """H: lag 9000 slots, net 2.5 slots/s; less the 128 slots of the health limit."""
    from meshlab.simulate.layers.workloads import _catch_up

    assert _catch_up("solana", 3600.0, Parameters.defaults(), 5.0) == pytest.approx((9000 - 128) / 2.5)
    assert _catch_up("solana", 3600.0, Parameters.defaults(), 3.0) == pytest.approx((9000 - 128) / 0.5)
    assert _catch_up("tron", 30.0, Parameters.defaults(), 4.0) == 0.0


def test_a_paused_worker_is_unreachable_and_its_chain_resumes_without_a_restart() -> None:
    scenario = Scenario("x", 900.0, (Fault.pause("worker-3", 100.0, 120.0),))
    timeline = simulate(reference(), scenario, replicates=1).timelines[0]
    assert [str(i.state) for i in timeline.of("worker-3")] == ["up", "unreachable", "up"]
    assert [str(i.state) for i in timeline.of("tron")][:2] == ["up", "down"]
    assert timeline.downtime("tron") < 140.0


def test_a_silently_lost_link_between_masters_leaves_the_third_as_the_way_out() -> None:
    """A cut between two of three voters: a leader that both reach serves all; else one voter is missing."""
    scenario = Scenario("x", 900.0, (Fault.fail("us-east-1a--us-east-1b", 100.0),), {"etcd": "master-3"})
    timeline = simulate(reference(), scenario, replicates=1).timelines[0]
    assert [str(i.state) for i in timeline.of("etcd")] == ["up"]
    scenario = replace(scenario, initial={"etcd": "master-1"})
    timeline = simulate(reference(), scenario, replicates=1).timelines[0]
    assert [str(i.state) for i in timeline.of("etcd")] == ["up", "degraded"]


def two_thousand() -> Topology:
    """Twenty sites of a hundred machines, three of which are masters."""
    parts: list[object] = [Overlay(name="kubespan"), Service(name="mesh", role="mesh", members=("kubespan",))]
    for s in range(20):
        parts.append(Site(name=f"s{s}", reliability=Reliability(1e-9, Distribution.constant(60.0))))
        parts += [
            Machine(name=f"n{s}-{i}", role="control-plane" if i == 0 and s < 3 else "worker", site=f"s{s}")
            for i in range(100)
        ]
        parts += [
            Link(name=f"s{s}--s{o}", a=f"s{s}", b=f"s{o}", latency=Distribution.constant(0.01))
            for o in range(s)
        ]
    return Topology("large", tuple(parts))  # type: ignore[arg-type]


def test_two_thousand_machines_are_arrays_of_classes_not_pairs_of_machines() -> None:
    cluster = two_thousand()
    scenario = Scenario("cut", 900.0, (Fault.partition(("s3",), ("s4", "s5"), at=100.0, lasts=300.0),))
    assert len(build_underlay(cluster, scenario).members) <= 20
    timeline = simulate(cluster, scenario, replicates=1).timelines[0]
    assert [str(i.state) for i in timeline.of("mesh")] == ["up", "degraded", "up"]


def test_no_blocks_are_made_in_a_halt_and_a_node_catches_up_with_a_tip_that_waits() -> None:
    """H: Solana 2.5 slots/s; halted from 1000 to 2000 s. 5 slots/s gain 2.5 while it runs and 5 while it stands."""
    table = Parameters.defaults()
    halted = Track(False)
    halted.set(1000.0, True, "halt")
    halted.set(2000.0, False, "over")
    assert made(0.0, 3000.0, "solana", table, halted) == pytest.approx(2000 * 2.5)
    assert made(1200.0, 1300.0, "solana", table, halted) == 0.0
    assert caught_up(128.0 + 500.0, 1000.0, "solana", table, 5.0, halted) == pytest.approx(100.0)
    assert caught_up(128.0 + 500.0, 0.0, "solana", table, 5.0, halted) == pytest.approx(200.0)
    assert caught_up(128.0 + 3000.0, 0.0, "solana", table, 5.0, halted) == pytest.approx(1000.0 + 500.0 / 5)
    assert caught_up(128.0 + 100.0, 2500.0, "solana", table, 2.0, halted) == float("inf")
    assert caught_up(100.0, 0.0, "tron", table, 4.0) == pytest.approx(80 / (4 - 1 / 3))
    assert set(HEALTH) == {"solana", "ethereum", "tron"} and not any(h.restart_safe for h in HEALTH.values())


def test_only_the_network_of_a_chain_can_halt() -> None:
    from meshlab.model import InputError
    from meshlab.simulate.scenario.checks import check_scenario

    check_scenario(Scenario("x", 100.0, (Fault.halt("tron", 10.0, 20.0),)), reference())
    for name in ("vault", "worker-1"):
        with pytest.raises(
            InputError, match=r"only the network of a chain can halt.*the chains here: solana"
        ):
            check_scenario(Scenario("x", 100.0, (Fault.halt(name, 10.0),)), reference())


def test_a_link_too_narrow_for_the_tunnel_lets_handshakes_through_and_nothing_else() -> None:
    """E.wireguard overhead_ipv4 60 B: 1420 + 60 fits into 1480, not into the 1460 of some clouds (mtu_over_gcp)."""
    cluster = reference()
    link = next(x for x in cluster.links if x.name == "us-east-1--dc-1")
    narrow = cluster.with_component(replace(link, mtu=1460))
    found = mesh(topology=narrow)
    assert closed(found.flow("master-1", "worker-1")) == [(0.0, 7200.0)]
    assert "set the mesh's mtu to 1400" in found.flow("worker-1", "master-1").cause_at(10.0)
    assert closed(found.flow("master-1", "master-2")) == [] == closed(found.flow("worker-1", "worker-2"))
    assert (
        closed(mesh(topology=cluster.with_component(replace(link, mtu=1480))).flow("master-1", "worker-1"))
        == []
    )
    assert narrow.overlay
    mended = narrow.with_component(replace(narrow.overlay, mtu=1400))
    assert closed(mesh(topology=mended).flow("master-1", "worker-1")) == []
    timeline = simulate(narrow, Scenario("x", 900.0), replicates=1).timelines[0]
    assert [str(i.state) for i in timeline.of("worker-1")] == ["unreachable"]
    assert [str(i.state) for i in timeline.of("mesh")] == ["down"]
    assert [str(i.state) for i in timeline.of("etcd")] == ["up"]


def test_a_container_that_keeps_ending_waits_for_the_kubelets_next_attempt() -> None:
    """D crashloop_backoff_initial: at once, then 10, 20, 40, 80, 160, 300, 300 s apart."""
    table = Parameters.defaults()
    attempts = [next_attempt(0.0, t, table) for t in (0.0, 5.0, 10.0, 11.0, 31.0, 100.0, 200.0, 311.0, 611.0)]
    assert attempts == [0.0, 10.0, 10.0, 30.0, 70.0, 150.0, 310.0, 610.0, 910.0]
    assert next_attempt(0.0, float("inf"), table) == float("inf")
    found = simulate(reference(), Scenario("x", 3600.0, (Fault.fail("tron", 100.0, 60.0),)), replicates=3)
    for timeline in found.timelines:
        assert timeline.of("tron")[1].state is State.DOWN
        assert timeline.of("tron")[1].end == 170.0


def test_talos_calls_a_peer_up_for_minutes_after_it_has_vanished() -> None:
    """3.4: down 155-305 s after the loss, although its traffic is lost at once; up again with the handshake."""
    for seed in range(20):
        found = mesh(Fault.partition(("us-east-1",), ("dc-1",), at=300, lasts=600), seed=seed)
        track = peer_state(found, "worker-1", "master-1")
        assert [str(v) for v in track.values] == ["up", "down", "up"]
        assert 155.0 <= track.times[1] - 300.0 <= 305.0 and 900.0 <= track.times[2] <= 946.0
        assert peer_state(found, "master-1", "master-2").constant


def test_a_peer_is_unknown_until_its_first_handshake_and_down_after_15_seconds_without_one() -> None:
    """3.4 E and H, 3.2 EndpointConnectionTimeout 15 s."""
    states = []
    for seed in range(30):
        found = mesh(Fault.restart("worker-1", at=100), seed=seed)
        ready = found.joined["worker-1"].next_at(101.0, True)
        track = peer_state(found, "worker-1", "master-1")  # the private endpoint first: in vain
        assert track.at(ready + 1.0) == "unknown"
        assert track.at(ready + 15.1) in ("down", "up") and track.values[-1] == "up"
        states.append(track.at(ready + 15.1))
    assert "down" in states
    assert [stated(e, h) for e, h in ((276.0, 274.0), (276.0, 276.0), (14.0, 15.0), (15.0, 16.0), (15.0, 3.0))] == [
        "up", "down", "unknown", "down", "up",
    ]  # fmt: skip


def test_a_pair_may_stay_down_after_its_endpoint_was_changed_as_often_as_the_table_says() -> None:
    """Talos issue 13160; nothing of the sort as it ships."""
    cluster = reference()
    faults = (Fault.partition(("us-east-1",), ("dc-1",), at=300, lasts=600),)
    assert Parameters.defaults().value("kubespan.stuck-pair") == 0.0
    table = Parameters.for_topology(cluster).with_value("kubespan.stuck-pair", 0.5, "[E] test")
    stuck = 0
    for seed in range(10):
        streams, scenario = Streams(seed, 0), Scenario("x", 3600.0, faults)
        done = apply_faults(cluster, scenario, table, streams)
        found = build_overlay(cluster, table, build_underlay(cluster, scenario), done, streams)
        for a, b in ((f"master-{i}", f"worker-{j}") for i in (1, 2, 3) for j in (1, 2, 3)):
            stuck += not found.flow(a, b).at(3599.0)
        assert found.flow("master-1", "master-2").at(3599.0)
    assert 27 <= stuck <= 63  # half of 90; false alarm 2 in 10^4
