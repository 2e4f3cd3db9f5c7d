"""A change in a few numbers: the design that it gives, and answers that come at once."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from meshlab.availability import availability
from meshlab.model.review import review
from meshlab.model.spec import reference
from meshlab.planning import fits, forecast, monthly_cost
from meshlab.planning.latency import REQUESTS, latency
from meshlab.planning.tables import growth as growth_table
from meshlab.planning.whatif import Change, Quick, changed, crossing, farthest, grown

YEAR = 31_557_600.0
ALLOWED_S = 0.5
"""Processor seconds for one answer: five times the tenth of a second that is promised, for a busy machine."""


@pytest.fixture(scope="module")
def quick() -> Quick:
    """One that has been turned before, as a panel's is."""
    found = Quick(reference(), worlds=900, few=300)
    for change in (Change(workers=1), Change(load=60.0), Change(distance=2.0), Change(growth=2.0)):
        found(change, YEAR)
    return found


def test_no_change_is_the_same_design() -> None:
    assert changed(reference(), Change()) == reference()


def test_distance_lengthens_only_the_ways_between_sites() -> None:
    cluster = reference()
    far = changed(cluster, Change(distance=10.0))
    (link,) = crossing(cluster)
    assert farthest(far) == pytest.approx(10 * farthest(cluster)) == pytest.approx(0.04)
    assert [x for x in far.links if x not in cluster.links] == [far[link.name]]


def test_further_workers_are_twins_with_a_second_replica() -> None:
    more = changed(reference(), Change(workers=3))
    assert [m.name for m in more.workers][3:] == ["worker-4", "worker-5", "worker-6"]
    assert len({m.address for m in more.machines}) == 9
    assert {w.name: w.machines for w in more.workloads if not w.group} == {
        "solana": ("worker-1", "worker-6"),
        "ethereum": ("worker-2", "worker-5"),
        "tron": ("worker-3", "worker-4"),
    }
    assert not [f for f in review(more) if f.rule == "machine-overcommitted"]


def test_a_twin_halves_what_the_machine_itself_loses() -> None:
    """By hand: of tron's 123 minutes the worker's 63 go (both down: a thousandth), the data centre's 59 stay."""
    before, after = (
        availability(design, "tron")["tron"]
        for design in (reference(), changed(reference(), Change(workers=1)))
    )
    hall = reference()["dc-1"].reliability
    assert hall is not None
    assert after.unavailability == pytest.approx(hall.unavailability, rel=0.01)
    assert before.unavailability > 2 * after.unavailability * 0.99


def test_growth_is_the_forecast_of_a_table_that_grows_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ways: time stretched, against every growth and wear of the table multiplied."""
    quick = grown(reference(), horizon=5 * YEAR, growth=3.0, samples=2_000)
    table = {
        key: replace(row, low=3 * row.low, mid=3 * row.mid, high=3 * row.high)
        if key[1] == "writes" or key[1].endswith("growth")
        else row
        for key, row in growth_table().items()
    }
    monkeypatch.setitem(forecast.__globals__, "growth", lambda: table)
    for one, other in zip(quick, forecast(reference(), horizon=5 * YEAR, samples=2_000), strict=True):
        assert one.days_left.mid == pytest.approx(other.days_left.mid, rel=1e-9)
        assert one.within_horizon == pytest.approx(other.within_horizon, abs=1 / 2_000)


def test_without_growth_nothing_is_used_up() -> None:
    still = grown(reference(), horizon=5 * YEAR, growth=0.0, samples=500)
    assert all(one.days_left.mid == float("inf") and one.within_horizon == 0 for one in still)


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    asked = Change(growth=2.0, load=100.0, distance=3.0, workers=1)
    travelled = Quick(reference(), worlds=300)
    for change in (Change(), Change(load=100.0), Change(workers=2), Change(distance=3.0)):
        travelled(change, YEAR)
    assert travelled(asked, YEAR) == Quick(reference(), worlds=300)(asked, YEAR)


@pytest.mark.parametrize(
    "change",
    [
        Change(),
        Change(growth=0.5),
        Change(load=120.0),
        Change(load=900.0, distance=6.0),
        Change(growth=3.0, load=40.0, workers=2),
    ],
)
def test_a_quick_answer_is_every_model_asked_anew(quick: Quick, change: Change) -> None:
    """What is kept from other changes, against each model run on the changed design with nothing kept.

    To the bit; latencies are the plan's times what the change does to them in the few worlds.
    """
    design, named = changed(reference(), change), {"samples": quick.worlds, "seed": quick.seed}
    found = quick(change, YEAR)
    assert found.services == availability(design, top=1)
    assert found.total == monthly_cost(design, **named)[-1]
    assert found.fits == fits(design)
    ahead = grown(design, horizon=YEAR, growth=change.growth, **named)
    assert sorted(found.resources, key=repr) == sorted(ahead, key=repr)
    for one in found.requests:
        plan = latency(reference(), one.request, **named).p50.value
        before, now = (
            latency(topology, one.request, load=load, samples=quick.few).p50.value
            for topology, load in ((reference(), 0.0), (design, change.load))
        )
        if one.saturated:
            assert one.p50.value == now == float("inf")
        else:
            assert one.p50.value == pytest.approx(plan * now / before)


def test_the_design_as_it_is_has_the_plans_numbers_to_the_bit() -> None:
    quick = Quick(reference())(Change(), 2 * YEAR)
    assert quick.total == monthly_cost(reference())[-1]
    assert quick.requests == tuple(latency(reference(), kind) for kind in REQUESTS)
    assert sorted(quick.resources, key=repr) == sorted(forecast(reference(), horizon=2 * YEAR), key=repr)
    assert {name: one.interval for name, one in quick.services.items()} == {
        name: one.interval for name, one in availability(reference()).items()
    }


def test_what_a_change_does_not_touch_keeps_its_number() -> None:
    """Half of the API's clients are far away: in few worlds the median of all jumps over the gap between the halves."""
    quick = Quick(reference())
    before = {one.request: one for one in quick(Change(), YEAR).requests}
    after = {one.request: one for one in quick(Change(distance=1.01), YEAR).requests}
    assert after["kubectl-omni"] == before["kubectl-omni"]
    assert after["etcd-put"] == before["etcd-put"]
    assert after["api-read"].p50.value == pytest.approx(before["api-read"].p50.value, rel=0.02)


def test_a_turned_number_is_answered_at_once() -> None:
    quick = Quick(reference())
    quick(Change(workers=1), YEAR)
    turned = [
        (Change(growth=2.0), YEAR),
        (Change(), 3 * YEAR),
        (Change(load=150.0), YEAR),
        (Change(distance=8.0), YEAR),
        (Change(workers=2), YEAR),
    ]
    for change, horizon in turned:
        start = time.process_time()
        quick(change, horizon)
        assert time.process_time() - start < ALLOWED_S, change
