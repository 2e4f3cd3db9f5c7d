"""The bill against plain sums; the traffic against counting messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshlab.model.spec import reference
from meshlab.planning.cost import CostItem, monthly_cost
from meshlab.planning.cost.draws import Draws
from meshlab.planning.cost.traffic import flows
from meshlab.planning.explore import DIMENSIONS


def item(bill: tuple[CostItem, ...], name: str) -> CostItem:
    [one] = [line for line in bill if line.item == name]
    return one


def test_the_instances_are_their_list_price_times_the_hours_of_a_month() -> None:
    assert item(monthly_cost(reference()), "EC2 m6i.xlarge").monthly.mid == pytest.approx(3 * 0.192 * 730.5)


def test_the_total_is_narrower_than_the_sum_of_the_bounds_and_about_the_sum_of_the_middles() -> None:
    *items, total = monthly_cost(reference())
    assert total.monthly.low > sum(i.monthly.low for i in items)
    assert total.monthly.high < sum(i.monthly.high for i in items)
    assert total.monthly.mid == pytest.approx(sum(i.monthly.mid for i in items), rel=0.05)


def test_an_instance_type_without_a_price_says_what_is_missing() -> None:
    cluster = reference()
    odd = cluster.with_component(replace(cluster.machine("master-1"), instance_type="m99.mega"))
    assert item(monthly_cost(odd), "EC2 m99.mega").source == "add m99.mega to data/prices.csv"


def test_masters_without_public_addresses_need_nat_gateways() -> None:
    cluster = reference()
    for machine in cluster.control_plane:
        cluster = cluster.with_component(replace(machine, public_address=False))
    bill = monthly_cost(cluster)
    assert item(bill, "NAT gateways, one for each zone").count == 3
    assert not [line for line in bill if line.item == "public IPv4 addresses"]


def test_consensus_within_one_zone_crosses_nothing() -> None:
    cluster = reference()
    for machine in cluster.control_plane:
        cluster = cluster.with_component(replace(machine, zone="us-east-1a"))
    assert not [line for line in monthly_cost(cluster) if "consensus" in line.item]


def test_etcds_traffic_is_its_messages_counted() -> None:
    """Two followers in other zones; ten heartbeats a second each with its answer; each write with its answer."""
    draws = Draws(1_000, 0)
    [etcd] = [f for f in flows(reference(), draws) if f.name == "etcd consensus"]
    message = draws.traffic("etcd-heartbeat") + draws.traffic("packet-overhead")
    writes = 6 * 0.1 + 2 * 0.5 + draws.traffic("other-write")
    entry = draws.traffic("etcd-entry") + draws.traffic("packet-overhead")
    month = 365.25 / 12 * 86_400
    assert etcd.bytes == pytest.approx(2 * month * (10 * 2 * message + writes * (entry + message)))


def test_a_second_bill_of_the_same_seed_has_the_same_bits() -> None:
    assert monthly_cost(reference(), seed=2) == monthly_cost(reference(), seed=2)


def test_an_endpoint_behind_a_load_balancer_pays_for_it() -> None:
    cluster = reference()
    name = "https://api-1234.elb.us-east-1.amazonaws.com:6443"
    behind = replace(cluster, networks=replace(cluster.networks, endpoint=name))
    assert item(monthly_cost(behind), "network load balancer").monthly.mid == pytest.approx(0.0225 * 730.5)
    assert not [line for line in monthly_cost(cluster) if "load balancer" in line.item]


def test_a_chain_on_an_instance_pays_for_what_it_sends_and_not_for_transit() -> None:
    """Solana sends 93 to 560 Mbps: 31 to 184 TB a month, at 5 to 9 cents a GB thousands of dollars."""
    cluster = reference()
    moved = cluster.with_component(replace(cluster.machine("worker-1"), instance_type="m6i.4xlarge"))
    bill, before = monthly_cost(moved), monthly_cost(cluster)
    sent = item(bill, "solana to its peers, out of the region")
    assert 31_000 < sent.count < 184_000
    assert sent.monthly.mid > 1_500
    assert (
        item(bill, "IP transit of the chains").monthly.mid
        < 0.2 * item(before, "IP transit of the chains").monthly.mid
    )


def test_what_hidden_masters_send_is_paid_at_the_nat_gateway_too() -> None:
    cluster = reference()
    for machine in cluster.control_plane:
        cluster = cluster.with_component(replace(machine, public_address=False))
    bill = monthly_cost(cluster)
    out = sum(line.count for line in bill if line.item.endswith("out of the region"))
    passed = item(bill, "NAT gateways, bytes")
    assert passed.count == pytest.approx(out, rel=0.02)
    assert passed.monthly.mid == pytest.approx(passed.count * 0.045, rel=0.02)


def test_a_mesh_at_rest_sends_by_pairs() -> None:
    """Three masters in three zones: six directions between zones; nine from masters to workers, out of the region."""
    draws = Draws(500, 0)
    found = {f.crosses: f.bytes for f in flows(reference(), draws) if f.name == "KubeSpan at rest"}
    each = draws.traffic("tunnel-idle") * 365.25 / 12 * 86_400
    assert found["zones"] == pytest.approx(6 * each)
    assert found["internet"] == pytest.approx(9 * each)


def test_a_voter_made_anew_gets_the_whole_database_across_zones() -> None:
    draws = Draws(500, 0)
    [sync] = [f for f in flows(reference(), draws) if f.name == "etcd members made anew"]
    assert sync.crosses == "zones"
    # Each of three leaders has two followers elsewhere: two voters' worth, 0.05 to 1 GB each, up to 6 times a year.
    assert 0 < float(sync.bytes.min()) < float(sync.bytes.max()) < 2 * 1e9 * 6 / 12


def test_consensus_over_regions_is_priced_as_such() -> None:
    far = DIMENSIONS["zones"].change(reference(), "regions")
    names = [line.item for line in monthly_cost(far)]
    assert "etcd consensus, between regions" in names
    assert "etcd consensus, between zones" not in names
