"""Forecasts against plain divisions, closed forms and a second way of sampling."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from meshlab.model import Disk, Distribution, Topology
from meshlab.model.spec import reference
from meshlab.parameters import Parameters
from meshlab.planning.capacity import Resource, fits, forecast, recoveries
from meshlab.planning.capacity.claims import DAY
from meshlab.planning.tables import Row, grows_as, growth, rests_on
from meshlab.planning.worlds import Worlds, triangle


def row(found: tuple[Resource, ...], subject: str, resource: str) -> Resource:
    [one] = [r for r in found if (r.subject, r.resource) == (subject, resource)]
    return one


def test_the_inverse_of_the_triangle_is_scipys() -> None:
    from scipy import stats

    p = np.linspace(0.001, 0.999, 99)
    assert triangle(p, 1.0, 2.0, 5.0) == pytest.approx(stats.triang.ppf(p, 0.25, 1.0, 4.0))
    assert triangle(p, 3.0, 3.0, 3.0) == pytest.approx(np.full(99, 3.0))


def test_trons_disk_lasts_as_long_as_the_plain_division_says() -> None:
    tron = row(forecast(reference()), "worker-3", "disk space")
    size, growth_a_day = (3.2 + 3.4 + 4.4) / 3 * 1e12, (1.61 + 1.79 + 3.2) / 3 * 1e9
    assert tron.days_left.mid == pytest.approx((7.68e12 - size) / growth_a_day, rel=0.05)


def test_the_median_is_that_of_numpys_own_triangles() -> None:
    """A second way of drawing; 40,000 worlds each, medians differ by less than 2 % (about 6 standard errors)."""
    rng = np.random.default_rng(5)
    used = rng.triangular(3.2, 3.4, 4.4, 40_000) * 1e12
    daily = rng.triangular(1.61, 1.79, 3.2, 40_000) * 1e9
    tron = row(forecast(reference(), samples=40_000), "worker-3", "disk space")
    assert tron.days_left.mid == pytest.approx(float(np.median((7.68e12 - used) / daily)), rel=0.02)


def test_a_disk_smaller_than_the_chain_does_not_fit_and_says_why() -> None:
    cluster = reference()
    disks = (Disk("sda", 4.8e11, "ssd", True), Disk("nvme0n1", 2e12))
    small = cluster.with_component(replace(cluster.machine("worker-3"), disks=disks))
    tron = row(forecast(small), "worker-3", "disk space")
    assert not tron.fits
    assert tron.days_left.high == 0
    assert tron.within_horizon == 1
    assert "tron need 3." in tron.reason
    assert "worker-3 has 1.819 TiB" in tron.reason


def test_two_chains_on_one_disk_fill_it_together() -> None:
    cluster = reference()
    moved = cluster.with_component(replace(cluster.workload("tron"), machines=("worker-2",)))
    both = row(forecast(moved), "worker-2", "disk space")
    alone = row(forecast(cluster), "worker-2", "disk space")
    tron = row(forecast(cluster), "worker-3", "disk space")
    assert both.users == ("ethereum", "tron")
    assert both.used.mid == pytest.approx(alone.used.mid + tron.used.mid, rel=0.01)
    assert both.days_left.mid < min(alone.days_left.mid, tron.days_left.mid)


def test_what_does_not_grow_is_never_used_up() -> None:
    tunnel = row(forecast(reference()), "master-1", "WireGuard, one core")
    assert math.isinf(tunnel.days_left.mid)
    assert tunnel.within_horizon == 0
    assert tunnel.to_dict()["days_left"]["mid"] is None


def test_the_probability_within_the_horizon_grows_with_it() -> None:
    shares = [
        row(forecast(reference(), horizon=y * 365 * DAY), "worker-3", "disk space").within_horizon
        for y in (2, 5, 9)
    ]
    assert shares[0] < shares[1] < shares[2]


def test_more_worlds_begin_with_the_same_bits() -> None:
    assert forecast(reference(), seed=3) == forecast(reference(), seed=3)
    assert forecast(reference(), seed=3) != forecast(reference(), seed=4)


def test_an_outage_is_caught_up_as_the_formula_says() -> None:
    """facts H: catch-up = lag / (replay rate - chain rate); Tron at 4 blocks/s: a day in 2.2 h."""
    cluster = reference()
    known = Parameters.for_topology(cluster).with_value(
        "tron.catch-up", Distribution.constant(4.0), "[S] H.tron"
    )
    [day] = [r for r in recoveries(cluster, known) if r.workload == "tron" and r.after == "an outage of 24 h"]
    assert day.seconds.mid == pytest.approx(28_800 / (4 - 1 / 3))
    assert day.way == "replay"


def test_a_node_that_replays_no_faster_than_its_chain_needs_a_snapshot() -> None:
    cluster = reference()
    known = Parameters.for_topology(cluster).with_value("solana.catch-up", Distribution.constant(2.5), "[E]")
    [hour] = [
        r for r in recoveries(cluster, known) if r.workload == "solana" and r.after == "an outage of 1 h"
    ]
    assert hour.never == 1
    assert hour.way == "snapshot"
    assert math.isfinite(hour.seconds.high)


def test_a_chain_is_the_sum_of_its_parts() -> None:
    table = growth()
    worlds = Worlds(table, 1_000, 0)
    whole = worlds("solana", "size")
    low, high = (
        sum(
            getattr(row, end)
            for (name, what), row in table.items()
            if name.startswith("solana/") and what == "size"
        )
        for end in ("low", "high")
    )
    assert low * 1e12 < float(whole.min())
    assert float(whole.max()) < high * 1e12
    assert "pruned" in worlds.source("solana", "size")


def test_a_new_row_does_not_change_the_others_draws() -> None:
    more = {("aaa", "size"): Row(1, 2, 3, "TB", "[E]"), **growth()}
    assert (Worlds(more, 100, 0)("tron", "size") == Worlds(growth(), 100, 0)("tron", "size")).all()


def test_memory_is_used_up_when_what_is_asked_for_has_grown_by_what_is_free() -> None:
    cluster = reference()
    memory = row(forecast(cluster), "worker-1", "memory")
    share = (512 - 384 - 0.375) / 384
    fast, slow = (getattr(growth()["solana", "memory-growth"], end) for end in ("high", "mid"))
    assert share / fast < memory.days_left.low / 365.25 < share / slow
    assert memory.users == ("solana",)


def test_a_second_node_of_a_chain_doubles_what_leaves_the_data_centre() -> None:
    cluster = reference()
    solana = replace(cluster.workload("solana"), machines=("worker-1", "worker-2"), replicas=2)
    once = row(forecast(cluster), "dc-1", "uplink").used.mid
    twice = row(forecast(cluster.with_component(solana)), "dc-1", "uplink").used.mid
    assert twice - once == pytest.approx(row(forecast(cluster), "worker-1", "network").used.mid, rel=0.05)


def test_the_tunnels_of_a_master_carry_its_groups_and_the_watches() -> None:
    """Two followers of etcd and of Vault, three workers' watches: some tens of kilobytes a second, of 3 Gbit/s."""
    tunnel = row(forecast(reference()), "master-1", "WireGuard, one core")
    assert 1e5 < tunnel.used.mid < 5e6
    assert tunnel.fits
    assert math.isinf(tunnel.days_left.mid)


def test_more_machines_than_pod_networks_do_not_fit() -> None:
    cluster = reference()
    small = replace(cluster, networks=replace(cluster.networks, pods="10.244.0.0/22"))
    [nodes] = [fit for fit in fits(small) if fit.resource == "nodes"]
    assert nodes.reason == "6 machines are to be nodes, 10.244.0.0/22 has pod networks for 4"
    assert all(fit.fits for fit in fits(cluster))


def test_a_forecast_of_a_quarter_million_worlds_takes_less_than_five_seconds_of_a_core() -> None:
    """The aim is 200,000 worlds a second (benchmarks/capacity.py); the limit is four times wider than that."""
    import time

    start = time.process_time()
    forecast(reference(), samples=250_000)
    assert time.process_time() - start < 5


def test_a_voter_without_its_disk_boots_and_copies_the_database() -> None:
    """etcd: at most 1 GB at 1.562 Gbit/s, 5 s; what takes long is the boot."""
    cluster = reference()
    known = Parameters.for_topology(cluster)
    known = known.with_value("machine.master-3.boot", Distribution.constant(90.0), "[E]")
    found = {r.workload: r for r in recoveries(cluster, known) if r.after == "a lost disk of one voter"}
    assert set(found) == {"etcd", "vault"}
    assert found["etcd"].seconds.low > 90 + 8 * 0.05e9 / 1.562e9
    assert found["etcd"].seconds.high < 90 + 8 * 1e9 / 1.562e9
    assert found["vault"].seconds.mid < found["etcd"].seconds.mid


def test_each_date_says_whether_its_growth_is_sourced_or_an_estimate() -> None:
    found = {(one.subject, one.resource): one.rests_on for one in forecast(reference(), samples=100)}
    assert found["worker-1", "memory"] == "sourced"  # requirements of five years, with their dates
    assert found["worker-3", "disk space"] == "sourced"
    assert found["worker-2", "disk space"] == "partly estimated"  # execution is sourced, consensus is not
    assert found["worker-3", "network"] == "partly estimated"  # a sourced share of an estimated traffic
    assert found["etcd", "database quota"] == "estimate"
    assert found["master-1", "WireGuard, one core"] == "no growth"


def test_the_growths_provenance_is_told_beside_that_of_what_is_used() -> None:
    """The disk of Ethereum is used by what is read [S] and grows by what is derived [D] and estimated [E]."""
    disk = row(forecast(reference(), samples=100), "worker-2", "disk space")
    assert "disk_growth_year" in disk.growth_source
    assert "disk_growth_year" not in disk.source
    assert disk.to_dict()["rests_on"] == "partly estimated"
    assert disk.to_dict()["growth_source"] == disk.growth_source


@pytest.mark.parametrize(
    ("provenances", "says"),
    [
        ((), "no growth"),
        (("read [S]", "[D] derived"), "sourced"),
        (("measured here [M]", "no figure [E]"), "partly estimated"),
        (("H.x y [S]; spread [E]",), "partly estimated"),
        (("recalled [R]",), "estimate"),
        (("without a mark",), "estimate"),
    ],
)
def test_a_date_is_sourced_only_where_every_row_is(provenances: tuple[str, ...], says: str) -> None:
    assert rests_on(provenances) == says


def test_no_growth_of_a_chain_node_is_a_bare_estimate() -> None:
    """Memory, cores and traffic decide the first date: each row names dated sources, or it is marked."""
    rows = {key: one for key, one in growth().items() if key[1].endswith("-growth")}
    assert {name for name, _ in rows} == {"solana", "ethereum", "tron"}
    for key, one in rows.items():
        assert rests_on([one.source]) == "sourced", key
        assert len(re.findall(r"20\d\d", one.source)) >= 2, key
        assert one.low <= one.mid < one.high, key


def own_names() -> Topology:
    """The reference cluster with a chain twice, under two names of their own, and a Vault of another name."""
    cluster = reference()
    spare = replace(cluster.machine("worker-1"), name="worker-4", address="10.40.0.14")
    solana, vault = cluster.workload("solana"), cluster.workload("vault-server")
    kept = cluster.without("solana").without("vault-server").with_component(spare)
    for one in (
        replace(solana, name="solana-a"),
        replace(solana, name="solana-b", machines=("worker-4",)),
        replace(vault, name="secrets"),
    ):
        kept = kept.with_component(one)
    return kept


def test_a_chain_under_a_name_of_its_own_grows_as_its_role() -> None:
    named, plain = forecast(own_names()), forecast(reference())
    for what in ("disk space", "memory", "cores", "network", "endurance of nvme0n1"):
        again = replace(row(plain, "worker-1", what), users=("solana-a",))
        assert row(named, "worker-1", what) == again
    assert row(named, "worker-4", "disk space").users == ("solana-b",)
    assert row(named, "secrets", "volume").used == row(plain, "vault-server", "volume").used
    assert row(named, "dc-1", "uplink").used.mid > 1.7 * row(plain, "dc-1", "uplink").used.mid


def test_a_row_of_its_own_name_goes_before_that_of_the_role() -> None:
    table = {("solana-b", "size"): Row(1, 1, 1, "TB", "[T] measured here"), **growth()}
    solana = own_names().workload("solana-b")
    assert grows_as(solana, table) == "solana-b"
    assert grows_as(solana, growth()) == "solana"


def test_who_shares_the_way_out_is_named_once() -> None:
    solana = replace(reference().workload("solana"), machines=("worker-1", "worker-2"), replicas=2)
    out = row(forecast(reference().with_component(solana), samples=100), "dc-1", "uplink")
    assert out.users == ("solana", "ethereum", "tron")
