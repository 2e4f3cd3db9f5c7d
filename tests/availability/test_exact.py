"""Exact availability against closed forms, against every world listed, and its own cut sets."""

from __future__ import annotations

from itertools import product
from math import comb, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlab.availability import availability, structure
from meshlab.availability.cutsets import minimal_cut_sets
from meshlab.availability.exact import Diagram
from meshlab.availability.formula import AllOf, AnyOf, Formula, Works, at_least, events, holds
from meshlab.model import SERVICES, UnknownComponent
from meshlab.model.spec import reference

SHARES = st.floats(min_value=0.0, max_value=1.0)
NAMES = "abcde"
FORMULAS: st.SearchStrategy[Formula] = st.recursive(
    st.sampled_from(NAMES).map(Works),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)


def by_listing_every_world(formula: Formula, down: dict[str, float]) -> float:
    names = events(formula)
    return sum(
        prod(1 - down[n] if up else down[n] for n, up in zip(names, world, strict=True))
        for world in product((True, False), repeat=len(names))
        if not holds(formula, dict(zip(names, world, strict=True)))
    )


@given(FORMULAS, st.fixed_dictionaries(dict.fromkeys(NAMES, SHARES)))
def test_the_diagram_gives_what_listing_every_world_gives(formula: Formula, down: dict[str, float]) -> None:
    assert Diagram(formula).unavailability(down) == pytest.approx(
        by_listing_every_world(formula, down), abs=1e-12
    )


@given(FORMULAS)
def test_a_cut_set_takes_the_service_down_and_none_of_its_subsets_does(formula: Formula) -> None:
    for cut in minimal_cut_sets(formula):
        assert not holds(formula, dict.fromkeys(cut, False))
        for spared in cut:
            assert holds(formula, dict.fromkeys(cut - {spared}, False))


@given(FORMULAS)
def test_every_world_in_which_the_service_is_down_contains_a_cut_set(formula: Formula) -> None:
    names, cuts = events(formula), minimal_cut_sets(formula)
    for world in product((True, False), repeat=len(names)):
        lost = {n for n, up in zip(names, world, strict=True) if not up}
        assert any(cut <= lost for cut in cuts) == (not holds(formula, dict.fromkeys(lost, False)))


@pytest.mark.parametrize(("k", "n"), [(1, 1), (2, 3), (3, 5), (4, 7)])
def test_k_of_n_is_the_binomial_tail(k: int, n: int) -> None:
    """Facts I.kofn: sum over i >= k of C(n,i) a^i (1-a)^(n-i); 2-of-3 at 0.999 is 0.999997002."""
    a = 0.999
    formula = at_least(k, tuple(Works(str(i)) for i in range(n)))
    expected = sum(comb(n, i) * a**i * (1 - a) ** (n - i) for i in range(k, n + 1))
    assert 1 - Diagram(formula).unavailability({str(i): 1 - a for i in range(n)}) == pytest.approx(
        expected, rel=1e-12
    )


def test_two_of_three_voters_at_three_nines() -> None:
    formula = at_least(2, (Works("a"), Works("b"), Works("c")))
    assert 1 - Diagram(formula).unavailability(dict.fromkeys("abc", 0.001)) == pytest.approx(
        0.999997002, abs=1e-12
    )


def test_every_service_of_the_reference_has_an_answer_inside_its_interval() -> None:
    answers = availability(reference())
    assert tuple(answers) == SERVICES
    for answer in answers.values():
        low, high = answer.interval
        assert 0 < low < answer.unavailability < high < 1


def test_the_region_is_the_most_probable_way_to_lose_etcd() -> None:
    answer = availability(reference(), "etcd")["etcd"]
    assert answer.cut_sets[0].events == ("us-east-1",)
    assert answer.importance[0].component == "us-east-1"


def test_taking_a_voter_away_makes_etcd_less_available() -> None:
    whole = availability(reference(), "etcd")["etcd"].unavailability
    assert availability(reference().without("master-3"), "etcd")["etcd"].unavailability > 10 * whole


def test_a_chain_node_does_not_need_the_control_plane() -> None:
    assert events(structure(reference())["solana"]) == ("worker-1", "dc-1")


def test_an_unknown_service_is_named_with_what_is_near() -> None:
    with pytest.raises(UnknownComponent, match="did you mean 'vault'"):
        availability(reference(), "valt")
