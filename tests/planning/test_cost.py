"""The bill against plain sums; the traffic against counting messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshlab.model.spec import reference
from meshlab.planning.cost import CostItem, monthly_cost
from meshlab.planning.cost.draws import Draws
from meshlab.planning.cost.traffic import flows


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
