"""What each shipped scenario must show on the reference cluster, with the rule it follows from."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

from meshlab.model import SERVICES, State, Timeline, Topology
from meshlab.model.spec import data_file, reference
from meshlab.parameters import Parameters
from meshlab.simulate import Prediction, load_scenario, simulate

CHAINS = ("solana", "ethereum", "tron")


@cache
def cluster() -> Topology:
    return reference()


@cache
def predicted(name: str, replicates: int = 40) -> Prediction:
    scenario = load_scenario(data_file(f"scenarios/{name}.yaml"), cluster())
    return simulate(cluster(), scenario, replicates=replicates, seed=7)


def states(timeline: Timeline, component: str) -> list[str]:
    return [str(i.state) for i in timeline.of(component)]


def first(timeline: Timeline, component: str, state: State) -> float:
    """Seconds that the first stretch of a state lasts; 0 where there is none."""
    return next((i.length for i in timeline.of(component) if i.state is state), 0.0)


ALL = sorted(path.stem for path in data_file("scenarios").glob("*.yaml"))


@pytest.mark.parametrize("name", ALL)
def test_every_timeline_tells_of_every_part_without_a_gap_and_with_causes(name: str) -> None:
    prediction = predicted(name)
    for timeline in prediction.timelines[:10]:
        wanted = {*SERVICES, "discovery", "omni", *(m.name for m in cluster().machines)}
        assert wanted <= set(timeline.components)
        for component in timeline.components:
            intervals = timeline.of(component)
            assert intervals[0].start == 0.0 and intervals[-1].end == prediction.horizon
            for before, after in itertools.pairwise(intervals):
                assert before.end == after.start and before.state is not after.state
                assert after.cause, f"{component} at {after.start}"
        assert any(e.kind == "fault" for e in timeline.events)
        assert all(0 <= e.time < prediction.horizon for e in timeline.events)


def test_losing_the_leaders_machine_leaves_etcd_without_a_leader_for_about_a_second() -> None:
    """A: R-1 to R ticks of 100 ms after the last heartbeat, R least of two in 10..19, then votes and a commit."""
    outages = [first(t, "etcd", State.NO_LEADER) for t in predicted("lose-master").timelines]
    assert min(outages) > 0.8 and max(outages) < 2.1
    assert 1.05 < np.mean(outages) < 1.35
    assert states(predicted("lose-master").timelines[0], "etcd") == ["up", "no-leader", "degraded", "up"]


def test_losing_a_master_that_leads_nothing_stops_nothing() -> None:
    """lose-zone: 2 of 3 voters are a quorum; the API is degraded for KubePrism's 15-35 s (T.5 [D])."""
    for timeline in predicted("lose-zone").timelines:
        assert all(timeline.downtime(service) == 0 for service in SERVICES)
        assert states(timeline, "etcd") == ["up", "degraded", "up"]
        assert 15.0 <= first(timeline, "kubernetes-api", State.DEGRADED) <= 35.0
        assert states(timeline, "us-east-1a") == ["up", "down", "up"]
        assert states(timeline, "us-east-1") == []


def test_vault_is_slower_to_fail_over_than_its_time_outs_say() -> None:
    """C: 5 s plus the rest of running timers of both survivors, then mount and standby refresh."""
    outages = [first(t, "vault", State.NO_LEADER) for t in predicted("lose-master").timelines]
    assert min(outages) > 5.0 and max(outages) < 30.0
    assert 10.0 < np.mean(outages) < 14.0


def test_a_rebooted_vault_pod_stays_sealed_until_people_come() -> None:
    """C seal_behaviour_shamir: a sealed pod does not vote; the group serves on, degraded."""
    for timeline in predicted("lose-master").timelines:
        booted = next(i.start for i in timeline.of("master-1") if i.state is State.UP and i.start > 0)
        assert timeline.state_at("vault", booted + 60) is State.DEGRADED


def test_two_masters_lost_of_three_stop_etcd_vault_and_the_api_but_no_chain() -> None:
    for timeline in predicted("lose-two-masters").timelines:
        assert timeline.state_at("etcd", 301.0) is State.NO_QUORUM
        assert timeline.state_at("etcd", 2099.0) is State.NO_QUORUM
        assert timeline.state_at("kubernetes-api", 1000.0) is State.DOWN
        assert timeline.state_at("vault", 1000.0) is State.NO_QUORUM
        assert timeline.downtime("etcd") > 1800.0
        assert timeline.downtime("vault") > timeline.downtime("etcd")
        assert "sealed" in states(timeline, "vault")
        assert all(states(timeline, chain) == ["up"] for chain in CHAINS)


def test_a_cut_off_data_centre_keeps_its_chains_while_it_is_cut_off_and_loses_its_mesh() -> None:
    """D control_plane_down_effect: pods of a node that is cut off run on; T.3: back within 5.3 s or a rotation.

    Kubernetes' node life-cycle controller: a zone with no node left is no partial disruption, it is evicted at
    the normal rate of one node in 10 s. The nodes hear of it when the cut is over, and start their pods anew.
    """
    for timeline in predicted("cut-datacentre").timelines:
        for service in ("etcd", "vault", "kubernetes-api"):
            assert states(timeline, service) == ["up"]
        for chain in CHAINS:
            assert states(timeline, chain)[:3] == ["up", "down", "syncing"]
            assert 900.0 <= timeline.of(chain)[0].end < 946.0
            assert "told to go" in timeline.of(chain)[1].cause
        assert timeline.state_at("mesh", 400.0) is State.DOWN
        assert 600.0 <= timeline.downtime("mesh") < 646.0
        assert states(timeline, "worker-1") == ["up", "unreachable", "up"]
        assert states(timeline, "us-east-1--dc-1") == ["up", "down", "up"]
        told = sorted(e.time - 300.0 for e in timeline.events if "are told to go" in e.text)
        assert len(told) == 3 and 340.0 <= told[0] <= 355.0 and told[1] >= told[0] + 10.0
        assert told[2] >= told[1] + 10.0 and told[2] <= 376.0
        unknown = [e.time - 300.0 for e in timeline.events if "is Unknown" in e.text]
        assert len(unknown) == 3 and all(40.0 <= t <= 55.0 for t in unknown)
        down = [e.time - 300.0 for e in timeline.events if e.kind == "peer-down"]
        assert len(down) == 9 and all(155.0 <= t <= 305.0 for t in down)


def test_a_one_way_cut_looks_like_a_cut_but_the_link_is_only_degraded() -> None:
    timeline = predicted("cut-datacentre-one-way").timelines[0]
    assert states(timeline, "us-east-1--dc-1") == ["up", "degraded", "up"]
    assert timeline.state_at("mesh", 700.0) is State.DOWN
    assert states(timeline, "etcd") == ["up"]


def test_omni_down_takes_the_management_and_nothing_else() -> None:
    """6.2: running clusters keep running."""
    for timeline in predicted("omni-down").timelines:
        assert timeline.downtime("management") == 7200.0
        assert all(timeline.downtime(s) == 0 for s in SERVICES if s != "management")


def test_a_node_rebooted_while_discovery_is_down_stays_out_of_the_mesh_until_it_is_back() -> None:
    """3.5 / T.1: peers' keys are learnt anew after a boot. Its chain waits too: a kubelet needs the API."""
    for timeline in predicted("discovery-down-reboot").timelines:
        booted = next(i.end for i in timeline.of("worker-2") if i.state is State.BOOTING)
        if booted < 1400.0:
            assert timeline.state_at("mesh", 1450.0) is State.DEGRADED
            assert timeline.state_at("worker-2", 1450.0) is State.UNREACHABLE
            assert timeline.state_at("ethereum", 1450.0) is State.DOWN
        back = timeline.of("mesh")[-1]
        assert back.state is State.UP and 1500.0 < back.start < 1700.0
        assert all(timeline.downtime(s) == 0 for s in ("etcd", "vault", "solana", "tron", "mesh"))


def test_a_lost_disk_costs_its_replacement_and_a_whole_sync() -> None:
    """H.ethereum sync_time_geth 4-8 h after G.mttr nvme_swap (median 4 h); the pod does not move."""
    outlook = predicted("lose-worker-disk").services["ethereum"]
    assert 6 * 3600 < outlook.p50 < 14 * 3600
    for timeline in predicted("lose-worker-disk").timelines:
        assert states(timeline, "ethereum")[:3] == ["up", "down", "syncing"]
        assert all(timeline.downtime(s) == 0 for s in SERVICES if s != "ethereum")


def test_a_rolling_reboot_seals_vault_until_people_come_but_hardly_touches_etcd() -> None:
    """A graceful_stop_transfers_leadership: planned restarts cost tens of ms."""
    for timeline in predicted("rolling-reboot-masters").timelines:
        assert timeline.downtime("etcd") < 5.0
        assert {"sealed", "no-quorum"} & set(states(timeline, "vault"))
        unsealed = [e.time for e in timeline.events if e.kind == "unseal"]
        assert unsealed and timeline.downtime("vault") > 0
    assert predicted("rolling-reboot-masters").services["etcd"].p50 < 0.1
    assert predicted("rolling-reboot-masters").services["vault"].p50 > 600


def test_with_a_kms_the_same_reboots_cost_vault_only_seconds() -> None:
    from dataclasses import replace

    topology = cluster()
    sealed = replace(topology.workload("vault-server"), seal="awskms")
    scenario = load_scenario(data_file("scenarios/rolling-reboot-masters.yaml"), topology)
    found = simulate(topology.with_component(sealed), scenario, replicates=20, seed=7)
    assert found.services["vault"].p95 < 60


def test_a_slow_link_degrades_itself_only() -> None:
    for timeline in predicted("slow-link").timelines:
        assert all(timeline.downtime(service) == 0 for service in SERVICES)
        assert states(timeline, "us-east-1--dc-1") == ["up", "degraded", "up"]


def test_a_leader_named_in_the_scenario_is_the_one_that_is_lost() -> None:
    cause = predicted("lose-master").timelines[0].of("etcd")[1].cause
    assert "master-1 failed at 5 min" in cause


def test_the_embedded_cluster_is_faster_in_everything_but_elections() -> None:
    scenario = load_scenario(data_file("scenarios/lose-master.yaml"), cluster())
    found = simulate(cluster(), scenario, replicates=20, seed=7, parameters=Parameters.embedded())
    booting = first(found.timelines[0], "master-1", State.BOOTING)
    assert booting < 5 and 0.8 < found.services["etcd"].p50 < 2.1


def test_a_halt_of_solanas_network_is_no_downtime_of_ours_and_restarts_nothing() -> None:
    """B: 4-19 h, the pod is healthy; nothing may restart it. A reboot meanwhile leaves nothing to catch up with."""
    for timeline in predicted("solana-halt").timelines:
        assert timeline.state_at("solana", 3700.0) is State.DEGRADED
        assert "the pod is healthy" in next(i for i in timeline.of("solana") if i.start == 3600.0).cause
        assert states(timeline, "solana")[-2:] == ["degraded", "up"]
        assert timeline.of("solana")[-1].start == 8 * 3600.0
        down = [i for i in timeline.of("solana") if not i.state.serving]
        assert down[0].start == 7200.0 and "worker-1 was restarted" in down[0].cause
        assert all(i.cause == down[0].cause or "starts again" in i.cause for i in down)
        syncing = next(i for i in down if i.state is State.SYNCING)
        assert "from a snapshot" not in syncing.cause and syncing.length < 6000.0  # the warm start alone
        for service in ("etcd", "vault", "kubernetes-api", "ethereum", "tron"):
            assert timeline.downtime(service) == 0
