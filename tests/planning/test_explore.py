"""Exploring designs: facts that must hold whatever the numbers are, and the front against a naive twin."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlab.availability import availability
from meshlab.model import Distribution, InputError, MachineGroup, Reliability, Topology, UnknownComponent
from meshlab.model.spec import reference
from meshlab.planning.capacity import forecast
from meshlab.planning.cost import monthly_cost
from meshlab.planning.explore import DIMENSIONS, Exploration, Limits, explore, limits
from meshlab.planning.explore.data_centre import chain_replicas, erlang_loss, spare_workers
from meshlab.planning.explore.designs import designs
from meshlab.planning.explore.dimensions import dimensions
from meshlab.planning.explore.front import dominators, objectives
from meshlab.planning.explore.measures import Measurer
from meshlab.planning.latency import latency

YEAR = 31_557_600.0
SMALL = ["masters=3,5", "zones=3,regions", "chain-replicas=1,2", "spare-workers=0,1", "tor=shared,own"]

YEAR_AHEAD = Limits(horizon=12.0)
"""The reference design lasts that long; within two years worker-1's memory may be used up."""
FREE = Limits(horizon=0.0)
"""Nothing is asked: a second replica of every chain would else be out, by the data centre's uplink."""


@pytest.fixture(scope="module")
def found() -> Exploration:
    return explore(reference(), SMALL, asked=FREE, samples=400)


def only_machines_fail(topology: Topology, rate: float, repair: float) -> Topology:
    """The same cluster in which machines are the only things that fail, all alike."""
    for component in topology:
        known = Reliability(rate, Distribution.constant(repair)) if component.kind == "machine" else None
        topology = topology.with_component(replace(component, reliability=known))
    return topology


def down(topology: Topology, service: str) -> float:
    return Measurer(200, 0)(topology).downtime[service].point


def test_the_same_seed_gives_the_same_document(found: Exploration) -> None:
    assert explore(reference(), SMALL, asked=FREE, samples=400).to_dict() == found.to_dict()


def test_the_order_of_the_words_does_not_change_a_design(found: Exploration) -> None:
    turned = explore(reference(), list(reversed(SMALL)), asked=FREE, samples=400)
    assert turned.to_dict() == found.to_dict()


def test_exploring_leaves_the_topology_as_it_was() -> None:
    cluster = reference()
    explore(cluster, ["masters=5", "vault=workers"], samples=200)
    assert cluster == reference()


def test_the_front_is_what_a_naive_comparison_leaves(found: Exploration) -> None:
    kept = [one for one in found.designs[1:] if one.rejected is None]
    assert found.today.front == found.base.front  # today's is compared as it is said in full
    points = objectives([one.measures for one in kept], found.services)

    def beaten(i: int) -> bool:
        for j, other in enumerate(points):
            no_worse = all(b <= a for a, b in zip(points[i], other, strict=True))
            better = any(b < a for a, b in zip(points[i], other, strict=True))
            if j != i and no_worse and better:
                return True
        return False

    assert [not one.front for one in kept] == [beaten(i) for i in range(len(points))]
    assert not any(one.front for one in found.designs if one.rejected)


def test_who_dominates_is_on_the_front_and_no_worse_in_anything(found: Exploration) -> None:
    points = dict(
        zip(
            (one.design.name for one in found.designs),
            objectives([one.measures for one in found.designs], found.services),
            strict=True,
        )
    )
    beaten = [one for one in found.designs if one.dominated_by]
    assert beaten
    for one in beaten:
        assert found[str(one.dominated_by)].front
        assert all(
            a <= b for a, b in zip(points[str(one.dominated_by)], points[one.design.name], strict=True)
        )


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_the_front_of_any_points_is_not_dominated(points: list[tuple[int, ...]]) -> None:
    table = [tuple(float(x) for x in point) for point in points]
    above = dominators(table)
    for i, by in enumerate(above):
        better = [
            j
            for j, other in enumerate(table)
            if other != table[i] and all(a <= b for a, b in zip(other, table[i], strict=True))
        ]
        assert (by is None) == (not better)
        if by is not None:
            assert by in better
            assert above[by] is None


@given(st.floats(0.01, 50), st.floats(60, 86_400))
@settings(max_examples=15, deadline=None)
def test_five_masters_are_no_less_available_than_three_and_both_are_k_of_n(
    per_year: float, repair: float
) -> None:
    three = only_machines_fail(reference(), per_year / YEAR, repair)
    five = DIMENSIONS["masters"].change(three, "5")
    p = per_year / YEAR * repair / (1 + per_year / YEAR * repair)
    lost = {
        n: sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n - n // 2, n + 1)) for n in (3, 5)
    }
    # The inclusion of 1 - p in floating point leaves an absolute error of some 1e-16.
    assert down(three, "etcd") == pytest.approx(lost[3], rel=1e-9, abs=1e-15)
    assert down(five, "etcd") == pytest.approx(lost[5], rel=1e-9, abs=1e-15)
    assert down(five, "etcd") <= down(three, "etcd") + 1e-15


@given(st.floats(0.01, 50), st.floats(0.01, 50), st.sampled_from(["shared", "own"]))
@settings(max_examples=10, deadline=None)
def test_a_second_replica_never_takes_availability(machine: float, site: float, tor: str) -> None:
    cluster = reference()
    for component in cluster:
        if component.kind in ("machine", "site"):
            rate = (machine if component.kind == "machine" else site) / YEAR
            cluster = cluster.with_component(
                replace(component, reliability=Reliability(rate, Distribution.constant(7_200)))
            )
    once, twice = (DIMENSIONS["tor"].change(chain_replicas(cluster, n), tor) for n in "12")
    for chain in ("solana", "ethereum", "tron"):
        assert down(twice, chain) <= down(once, chain)


def test_a_shared_switch_costs_two_replicas_more_than_switches_of_their_own(found: Exploration) -> None:
    own, shared = found["chain-replicas=2, tor=own"], found["chain-replicas=2, tor=shared"]
    for chain in ("solana", "ethereum", "tron"):
        assert own.measures.downtime[chain].point < shared.measures.downtime[chain].point


def test_every_design_costs_something_and_more_machines_cost_more(found: Exploration) -> None:
    for one in found.designs:
        assert float(one.measures.cost.min()) > 0
    for name in ("masters=5, tor=shared", "chain-replicas=2, tor=shared"):
        assert (found[name].measures.cost > found.base.measures.cost).all()


def test_today_is_what_the_other_commands_say() -> None:
    today = explore(reference(), ["masters=3"], samples=4_000).today
    exact = availability(reference())
    for service, one in today.measures.downtime.items():
        assert one.point == pytest.approx(exact[service].unavailability, rel=1e-9)
    *_, total = monthly_cost(reference())
    shown = [today.measures.cost_quantile(p) for p in (0.05, 0.5, 0.95)]
    assert shown == pytest.approx([total.monthly.low, total.monthly.mid, total.monthly.high])


def test_three_regions_are_30_to_90_ms_apart_and_etcd_gets_timers_for_it() -> None:
    far = DIMENSIONS["zones"].change(reference(), "regions")
    sites = {machine.site for machine in far.control_plane}
    assert len(sites) == 3
    for a in sites:
        for b in sites - {a}:
            link = far.link_between(a, b)
            assert link is not None
            assert 0.030 <= 2 * link.latency.quantile(0.5) <= 0.090
            assert link.source
    assert far.raft_group("etcd").heartbeat >= 0.1
    assert far.raft_group("etcd").election >= 10 * 0.0714


def test_new_machines_have_names_and_addresses_of_their_own() -> None:
    for design in designs(reference(), dimensions(reference(), [*SMALL, "spare-workers=2"])):
        addresses = [machine.address for machine in design.topology.machines]
        assert len(set(addresses)) == len(addresses), design.name


@pytest.mark.parametrize(("servers", "offered"), [(1, 0.01), (2, 0.5), (5, 3.0)])
def test_erlangs_loss_is_the_truncated_poisson(servers: int, offered: float) -> None:
    terms = [offered**k / math.factorial(k) for k in range(servers + 1)]
    assert erlang_loss(servers, offered) == pytest.approx(terms[-1] / sum(terms))


def test_a_spare_shortens_the_repair_as_a_simulation_of_the_machines_says() -> None:
    """One spare, three workers that break often: the mean time until a chain serves again, told event by event.

    80,000 failures; the mean has a standard error of about 0.5 %, the spare is lost to another in some 15 % of them;
    4 % is beyond six standard errors. Machines go on failing while they are repaired, as Erlang's formula has it.
    """
    rate, repair = 1 / 100_000, Distribution.lognormal(15_000.0, 0.8)
    cluster = reference()
    for worker in cluster.workers:
        cluster = cluster.with_component(replace(worker, reliability=Reliability(rate, repair)))
    resync = Distribution.constant(2_000.0)
    from unittest.mock import patch

    from meshlab.parameters import Parameters

    with patch.object(Parameters, "distribution", lambda self, name: resync):
        helped = spare_workers(cluster, "1")
    found = [helped.machine(f"worker-{i}").reliability.repair.mean for i in (1, 2, 3)]  # type: ignore[union-attr]

    rng = np.random.default_rng(8)
    count = 80_000
    arrivals = np.cumsum(rng.exponential(1 / (3 * rate), count))
    mended = np.asarray(repair.sample(rng, count))
    takeover = rng.triangular(900, 1800, 5400, count)
    free_at, times = 0.0, np.empty(count)
    for i in range(count):
        if arrivals[i] >= free_at:
            free_at = arrivals[i] + mended[i]
            times[i] = min(mended[i], takeover[i] + 2_000.0)
        else:
            times[i] = mended[i]
    assert float(np.mean(found)) == pytest.approx(float(times.mean()), rel=0.04)


def test_each_limit_that_is_missed_is_named_with_its_number() -> None:
    def why(**asked: Any) -> dict[str, str]:
        words = limits(
            asked.get("horizon", 12.0),
            asked.get("budget"),
            asked.get("least", []),
            asked.get("most", []),
            ("etcd", "kubernetes-api"),
        )
        answer = explore(reference(), ["zones=1,3,regions"], asked=words, samples=400)
        return {one.design.name: one.rejected.reason for one in answer.designs if one.rejected}

    assert "46 minutes down a year" in why(least=["etcd=0.99995"])["zones=1"]
    assert set(why(most=["etcd-put=20ms"])) == {"zones=regions"}
    assert "the budget is 100" in why(budget=100.0)["today"]
    assert "the horizon is 120 months" in why(horizon=120.0)["today"]


def test_what_does_not_fit_is_rejected_with_both_numbers() -> None:
    cluster = reference()
    small = cluster.with_component(replace(cluster.machine("worker-1"), memory=2.0**34))
    answer = explore(small, ["masters=3"], samples=200)
    rejected = answer.today.rejected
    assert rejected is not None
    assert (rejected.constraint, rejected.limit) == ("fits", 2.0**34)
    assert answer.recommendation.design is None


def test_a_limit_that_only_one_design_keeps_decides_the_recommendation() -> None:
    asked = limits(12, None, ["etcd=0.999999"], [], ("etcd",))
    advice = explore(reference(), ["zones=3,regions", "masters=3,5"], asked=asked, samples=400).recommendation
    assert advice.design == "zones=regions"
    assert "today's design is out" in advice.why
    assert advice.buys is not None
    assert advice.buys.saved["etcd"].low > 0
    assert advice.buys.quicker["etcd-put"].low > 0.1  # it is slower, and that is said


def test_nothing_is_recommended_that_makes_something_worse_without_being_asked() -> None:
    advice = explore(reference(), ["zones=3,regions"], asked=YEAR_AHEAD, samples=400).recommendation
    assert advice.design == "today"
    [far] = advice.alternatives
    assert "--max-latency" in far.why


def test_a_difference_is_narrower_than_the_two_intervals_apart() -> None:
    """Common random numbers: what one spare saves is surer than either design's downtime."""
    answer = explore(reference(), ["spare-workers=0,1"], asked=YEAR_AHEAD, samples=400)
    buys = answer.recommendation.buys
    assert buys is not None
    costs = answer["spare-workers=1"].measures.cost
    apart = np.quantile(costs, 0.95) - np.quantile(answer.today.measures.cost, 0.05)
    assert buys.costs.high < apart
    assert buys.sure == 1.0


def test_bad_words_say_what_was_meant() -> None:
    with pytest.raises(InputError, match="did you mean 'masters'"):
        dimensions(reference(), ["mastres=3"])
    with pytest.raises(InputError, match="did you mean 'workers'"):
        dimensions(reference(), ["vault=worker"])
    with pytest.raises(InputError, match="write disk=gp3,io2"):
        dimensions(reference(), ["disk"])
    with pytest.raises(InputError, match="did you mean 'etcd'"):
        limits(24, None, ["etdc=0.9"], [], ["etcd", "vault"])
    with pytest.raises(InputError, match="between 0 and 1"):
        limits(24, None, ["etcd=1.5"], [], ["etcd"])
    with pytest.raises(UnknownComponent, match="did you mean 'solana'"):
        explore(reference(), ["masters=3"], service="solanna", samples=200)


def test_a_spec_with_switches_of_its_own_is_not_given_others() -> None:
    cluster = reference()
    rack = MachineGroup(name="rack", technology="switch", machines=("worker-1", "worker-2"))
    with pytest.raises(InputError, match="nothing that it changes"):
        dimensions(cluster.with_component(rack), ["tor=own"])
    assert "tor" not in dimensions(cluster.with_component(rack))


def test_a_wider_way_out_carries_what_a_second_replica_of_every_chain_brings() -> None:
    year = Limits(horizon=12)
    found = explore(reference(), ["chain-replicas=2", "uplink=1Gbps,10Gbps"], asked=year, samples=1_000)
    narrow, wide = found["chain-replicas=2"], found["chain-replicas=2, uplink=10Gbps"]
    assert narrow.rejected is not None
    assert "--vary uplink=" in narrow.rejected.reason
    assert wide.rejected is None
    assert wide.measures.cost_mid > narrow.measures.cost_mid


def test_more_memory_lasts_longer_and_is_paid_for() -> None:
    """As drawn, worker-1's memory may be used up within two years; the rejection says what to try."""
    found = explore(reference(), ["worker-memory=1x,1.5x"], samples=2_000)
    today, more = found.today, found["worker-memory=1.5x"]
    assert today.rejected is not None and today.rejected.constraint == "horizon"
    assert "worker-1's memory" in today.rejected.reason and "--vary worker-memory=" in today.rejected.reason
    assert more.rejected is None
    paid = (
        more.measures.cost_mid - today.measures.cost_mid
    )  # 256 GiB, and 64 beyond what worker-2's kind comes with
    assert 320 * 4 / 60 < paid < 320 * 20 / 36
    assert found.recommendation.design == "worker-memory=1.5x"


def test_the_default_set_has_what_todays_design_runs_out_of() -> None:
    lasting = explore(reference(), (), asked=Limits(horizon=12), samples=300)
    assert not any("worker-memory" in one.design.choices for one in lasting.designs)
    found = explore(reference(), (), asked=Limits(horizon=26), samples=1_000)
    assert any(one.design.choices.get("worker-memory") == "1.5x" for one in found.designs)
    assert (
        found.recommendation.design == "worker-memory=1.5x, tor=shared"
    )  # one zone for all is cheaper, and goes down more


def test_a_switch_each_is_no_advice_where_every_chain_has_one_machine() -> None:
    """It saves a hundred-thousandth of a minute of mesh a year, surely, for two hundred dollars a month."""
    advice = explore(reference(), ["tor=shared,own"], asked=YEAR_AHEAD, samples=400).recommendation
    assert advice.design == "today"


def test_todays_p99_is_the_latency_commands() -> None:
    today = explore(reference(), ["masters=3"], samples=2_000).today
    for kind, one in today.measures.latency.items():
        found = latency(reference(), kind).p99
        assert (one.p99, one.low, one.high) == pytest.approx((found.value, found.low, found.high))


def test_the_first_exhaustion_is_no_later_than_any_and_as_early_as_the_draws_say() -> None:
    """A second way: the five resources that come first, drawn with numpy's own triangles; 20,000 worlds each.

    The medians have standard errors below 1 %; they may differ by 4 %, and by what the other resources take away.
    """
    measures = Measurer(20_000, 0)(reference())
    rows = forecast(reference())
    assert measures.exhaustion_quantile(0.5) <= min(one.days_left.mid for one in rows) / 30.4375
    rng = np.random.default_rng(6)
    draw = lambda low, mid, high: rng.triangular(low, mid, high, 20_000)  # noqa: E731
    memory = (512 - 384 - 0.375) / 384 / draw(0, 0.1, 0.22) * 12
    disk = (7.68 - draw(3.2, 3.4, 4.4)) / (draw(1.61, 1.79, 3.2) / 1000) / 30.4375
    cores = (16 - 12.5) / 12 / draw(0, 0, 0.15) * 12
    quota = (2.147 - draw(0.05, 0.2, 1)) / draw(0, 0.0002, 0.0025) / 30.4375
    chains = (
        (draw(268, 456, 669), draw(0, 0.14, 0.31)),
        (draw(5, 15, 50), draw(0, 0.12, 0.5)),
        (draw(1, 5, 20), draw(0, 0.24, 0.38)),
    )
    way_out = (1000 - sum(now for now, _ in chains)) / sum(now * share for now, share in chains) * 12
    first = float(np.median(np.minimum.reduce([memory, disk, cores, quota, way_out])))
    assert measures.exhaustion_quantile(0.5) < first * 1.01
    assert measures.exhaustion_quantile(0.5) == pytest.approx(first, rel=0.06)


@pytest.mark.parametrize("missing", ["dc-1", "us-east-1", "vault", "us-east-1b"])
def test_a_design_without_a_part_is_explored_by_what_is_left(missing: str) -> None:
    cluster = reference().without(missing)
    known = dimensions(cluster)
    name = next(iter(known))
    found = explore(cluster, [f"{name}={known[name][-1]}"], samples=200)
    assert found.to_dict()["designs"]
    assert found.today.design.choices[name] == DIMENSIONS[name].today(cluster)
