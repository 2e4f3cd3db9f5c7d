"""Designs compared under load: the p99 of each is the latency model's own, and what cannot carry it is out."""

from __future__ import annotations

import json
import math

import pytest

from meshlab.model import InputError, Topology
from meshlab.model.spec import reference
from meshlab.planning.explore import DIMENSIONS, Exploration, Limits, explore, limits
from meshlab.planning.explore.bounds import bounds
from meshlab.planning.explore.words import columns, rejections, row
from meshlab.planning.latency import latency
from meshlab.planning.worlds import WORLDS

BEYOND = 1_550.0
"""More than Vault carries on three masters of two usable cores each, less than it carries on the workers."""
FREE = Limits(horizon=0.0)


@pytest.fixture(scope="module")
def busy() -> Exploration:
    return explore(reference(), ["vault=masters,workers"], asked=FREE, load=BEYOND, samples=600)


def by_hand(topology: Topology, kind: str) -> float:
    """What the first station of a kind carries at most, from the latency model at rest."""
    return latency(topology, kind, samples=200).most


def test_at_rest_is_what_is_asked_when_no_load_is_named() -> None:
    named = explore(reference(), ["masters=3,5"], load=0.0, samples=600).to_dict()
    assert named == explore(reference(), ["masters=3,5"], samples=600).to_dict()
    assert named["load_per_s"] == 0.0
    at_rest = latency(reference(), "api-write").p99
    assert named["designs"][0]["latency_p99_s"]["api-write"] == pytest.approx(
        {"value": at_rest.value, "low": at_rest.low, "high": at_rest.high}
    )


def test_todays_p99_is_the_latency_commands_at_that_load_and_others_differ_by_the_same_worlds() -> None:
    far = DIMENSIONS["zones"].change(reference(), "regions")
    found = explore(reference(), ["zones=3,regions"], load=400.0, samples=600)
    for kind, waiting in found.today.measures.latency.items():
        own, few, farther = (
            latency(topology, kind, load=400.0, samples=worlds).p99
            for topology, worlds in ((reference(), WORLDS), (reference(), 600), (far, 600))
        )
        assert (waiting.p99, waiting.low, waiting.high) == pytest.approx((own.value, own.low, own.high))
        shown = found["zones=regions"].measures.latency[kind].p99
        assert shown == pytest.approx(own.value + farther.value - few.value)
    at_rest = explore(reference(), ["zones=3,regions"], samples=600)
    assert found.today.measures.latency["etcd-put"].p99 > at_rest.today.measures.latency["etcd-put"].p99


def test_what_cannot_carry_the_load_is_rejected_by_it(busy: Exploration) -> None:
    most = by_hand(reference(), "vault-write")
    assert most < BEYOND < by_hand(DIMENSIONS["vault"].change(reference(), "workers"), "vault-write")
    out = busy.today.rejected
    assert out is not None
    assert (out.constraint, out.value, out.limit) == ("load vault-write", pytest.approx(most), BEYOND)
    assert out.reason == (
        f"cannot carry the load: Vault cannot keep up with 1,550 vault-write requests a second, "
        f"the way carries at most {most:,.0f}"
    )
    assert busy["vault=workers"].rejected is None
    assert busy.recommendation.design == "vault=workers"
    assert busy.recommendation.why.startswith("today's design is out: cannot carry the load")


def test_the_load_comes_before_limits_that_are_missed_by_more(busy: Exploration) -> None:
    asked = limits(12, 1.0, [], ["vault-write=1us"], [])
    found = explore(reference(), ["vault=masters"], asked=asked, load=BEYOND, samples=600)
    assert [miss.constraint for miss in found.today.missed] == ["load vault-write", "budget"]
    kept = explore(reference(), ["vault=masters"], asked=asked, load=100.0, samples=600).today
    assert [miss.constraint for miss in kept.missed] == ["max-latency vault-write", "budget"]


def test_a_saturated_design_is_told_without_an_infinity(busy: Exploration) -> None:
    document = json.loads(json.dumps(busy.to_dict(), allow_nan=False))
    waiting = document["designs"][0]["latency_p99_s"]["vault-write"]
    assert waiting["value"] is None and waiting["saturated"] == "Vault"
    assert waiting["at_most_per_s"] == pytest.approx(by_hand(reference(), "vault-write"))
    shown = dict(zip(columns(busy), row(busy.today, busy), strict=True))
    assert shown["vault-write p99 under load"] == "carries at most 1,463 a second"
    assert shown["verdict"] == "rejected: load vault-write"
    assert rejections(busy)[0].startswith("1 rejected by load vault-write; today: cannot carry the load")


def test_no_difference_to_a_p99_that_there_is_not(busy: Exploration) -> None:
    buys = busy.recommendation.buys
    assert buys is not None
    assert set(buys.quicker) == {"api-write", "etcd-put"}
    assert all(math.isfinite(one.low) and math.isfinite(one.high) for one in buys.quicker.values())


def test_where_no_design_carries_the_load_none_is_recommended() -> None:
    found = explore(reference(), ["masters=3,5"], asked=FREE, load=1e6, samples=200)
    assert found.recommendation.design is None
    assert {one.rejected.constraint for one in found.designs if one.rejected} == {"load vault-write"}
    assert {one.constraint: one.verdict for one in bounds(found)} == {
        "fits": "keeps nothing out",
        "load api-write": "missed, but something else rejects first",
        "load vault-write": "binds",
        "load etcd-put": "missed, but something else rejects first",
    }


@pytest.mark.parametrize("load", [-1.0, math.inf, math.nan])
def test_a_load_that_is_none_is_refused(load: float) -> None:
    with pytest.raises(InputError, match="--load"):
        explore(reference(), ["masters=3"], load=load, samples=200)


def test_a_limit_on_requests_that_nothing_answers_is_refused() -> None:
    asked = limits(24, None, [], ["vault-write=50ms"], [])
    with pytest.raises(InputError, match="nothing in the design answers it"):
        explore(reference().without("vault"), ["masters=3"], asked=asked, samples=200)
