"""Exact availability of a design against closed forms, and the settled state of the simulator's rules."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import comb, exp

import numpy as np
import pytest

from meshlab.availability import availability, structure
from meshlab.availability.diagrams.compiled import compiled
from meshlab.availability.exact.evaluate import probabilities
from meshlab.availability.exact.mission import mission, outages_per_second
from meshlab.availability.trees.formula import Formula, Works, at_least, events, failure, holds
from meshlab.availability.trees.rates import Rates, rates, sampled, steady
from meshlab.model import SERVICES, Distribution, Reliability, State, Topology, UnknownComponent
from meshlab.model.spec import reference
from meshlab.simulate.run.standing import standing


def unavailability(formula: Formula, down: dict[str, float]) -> float:
    diagrams = compiled(failure(formula))
    return float(probabilities(diagrams, np.array([[down[name]] for name in diagrams.events]))[0])


@pytest.mark.parametrize(("k", "n"), [(1, 1), (2, 3), (3, 5), (4, 7), (13, 25)])
def test_k_of_n_is_the_binomial_tail(k: int, n: int) -> None:
    """Facts I.kofn: sum over i >= k of C(n,i) a^i (1-a)^(n-i)."""
    u = 0.001
    formula = at_least(k, tuple(Works(str(i)) for i in range(n)))
    expected = sum(comb(n, i) * u**i * (1 - u) ** (n - i) for i in range(n - k + 1, n + 1))
    assert unavailability(formula, {str(i): u for i in range(n)}) == pytest.approx(expected, rel=1e-12)


def test_two_of_three_voters_at_three_nines() -> None:
    formula = at_least(2, (Works("a"), Works("b"), Works("c")))
    assert 1 - unavailability(formula, dict.fromkeys("abc", 0.001)) == pytest.approx(0.999997002, abs=1e-12)


def test_every_service_of_the_reference_has_an_answer_inside_its_interval() -> None:
    answers = availability(reference())
    assert tuple(answers) == SERVICES
    for answer in answers.values():
        low, high = answer.interval
        assert 0 < low < answer.unavailability < high < 1
        assert len(answer.cut_sets) == min(10, answer.cut_set_count)
        assert sum(one.shapley for one in answer.importance) == pytest.approx(1.0)


def test_the_region_is_the_most_probable_way_to_lose_etcd() -> None:
    answer = availability(reference(), "etcd")["etcd"]
    assert answer.cut_sets[0].events == ("us-east-1",)
    assert answer.importance[0].component == "us-east-1"
    assert answer.nines == pytest.approx(4.9, abs=0.01)


def test_taking_a_voter_away_makes_etcd_less_available() -> None:
    whole = availability(reference(), "etcd")["etcd"].unavailability
    assert availability(reference().without("master-3"), "etcd")["etcd"].unavailability > 10 * whole


def test_a_chain_node_does_not_need_the_control_plane() -> None:
    assert events(structure(reference())["solana"]) == ("worker-1", "dc-1")


def test_an_unknown_service_is_named_with_what_is_near() -> None:
    with pytest.raises(UnknownComponent, match="did you mean 'vault'"):
        availability(reference(), "valt")


def broken(cluster: Topology, name: str, per_year: float = 1.0) -> Topology:
    rate = Reliability(per_year / 31_557_600, Distribution.constant(3600.0))
    return cluster.with_component(replace(cluster[name], reliability=rate))


@pytest.mark.parametrize(
    ("shared", "service"),
    [
        ("etcd", "etcd"),
        ("etcd", "kubernetes-api"),
        ("control-plane", "vault"),
        ("workers", "tron"),
        ("kubespan", "etcd"),
        ("kubernetes-api", "kubernetes-api"),
    ],
)
def test_what_all_members_share_is_a_cut_set_by_itself(shared: str, service: str) -> None:
    """Common software, one operator's change to a whole group, the overlay: a cause of its own once it can fail."""
    before = availability(reference(), service)[service]
    after = availability(broken(reference(), shared), service)[service]
    assert after.cut_set_count == before.cut_set_count + 1
    assert (shared,) in {cut.events for cut in after.cut_sets}


def test_the_formula_and_the_simulators_settled_state_agree_on_every_loss_of_three() -> None:
    cluster = reference()
    for name in ("etcd", "control-plane", "kubernetes-api", "vault-server"):
        cluster = broken(cluster, name)
    formulas = structure(cluster)
    parts = [*events(formulas["kubernetes-api"]), "vault-server", "dc-1", "worker-1"]
    for lost in combinations(dict.fromkeys(parts), 3):
        settled = standing(cluster, lost)
        for service in ("etcd", "vault", "kubernetes-api", "solana"):
            up = settled[service] in (State.UP, State.DEGRADED)
            assert holds(formulas[service], dict.fromkeys(lost, False)) == up, (lost, service)


def test_the_interval_has_the_ends_of_the_one_uncertain_rate() -> None:
    """Management is Omni alone: its 5 % and 95 % points are those of its rate."""
    cluster = reference()
    answer = availability(cluster, "management")["management"]
    r = cluster["omni"].reliability
    assert r is not None
    for bound, rate in zip(answer.interval, (r.low, r.high), strict=True):
        load = rate * r.repair.mean
        assert bound == pytest.approx(load / (1 + load), rel=0.01)


def test_what_is_not_known_of_like_parts_is_one_draw_and_the_same_every_time() -> None:
    first, again = sampled(reference(), 200), sampled(reference(), 200)
    assert np.array_equal(first["us-east-1a"], first["us-east-1b"])
    assert not np.array_equal(first["us-east-1a"], first["dc-1"])
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["omni"], sampled(reference(), 200, seed=1)["omni"])


def test_a_mission_of_one_part_is_the_two_state_markov_chain() -> None:
    one = Rates(fails=1e-4, repairs=1e-2)
    diagrams = compiled(failure(Works("a")))
    found = mission(diagrams, {"a": one}, 500.0)
    assert found.unavailability == pytest.approx(one.fails / 0.0101 * (1 - exp(-0.0101 * 500)))
    low, high = found.unreliability
    assert low < 1 - exp(-1e-4 * 500) < high
    assert high == pytest.approx(0.05, rel=0.01)


def test_a_long_mission_ends_in_the_steady_state() -> None:
    answer = availability(reference(), "etcd", mission_seconds=3e8)["etcd"]
    assert answer.mission is not None
    assert answer.mission.unavailability == pytest.approx(answer.unavailability, rel=1e-9)


def test_outages_of_two_of_three_come_at_the_textbook_rate() -> None:
    """System failure frequency of 2-of-3: 6 q (1-q) x rate x (1-q) / 1, Birnbaum 2 q (1-q) for each of three."""
    one = Rates(fails=1e-5, repairs=1e-3)
    q = one.steady
    formula = at_least(2, tuple(map(Works, "abc")))
    found = outages_per_second(compiled(failure(formula)), dict.fromkeys("abc", one))
    assert found == pytest.approx(3 * 2 * q * (1 - q) * one.fails * (1 - q), rel=1e-12)


def test_a_part_is_down_the_share_of_time_that_its_repair_takes() -> None:
    cluster = broken(reference(), "etcd", per_year=8766)
    assert steady(rates(cluster))["etcd"] == pytest.approx(0.5)
