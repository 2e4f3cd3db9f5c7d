"""Failures and repairs in time against closed forms: the machine repairman, the long run, a mission's first outage."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest

from meshlab.availability.diagrams.compiled import compiled
from meshlab.availability.exact.evaluate import probabilities
from meshlab.availability.exact.mission import mission
from meshlab.availability.sampling import HalfWidth, sample_mission
from meshlab.availability.trees.circuit import Circuit
from meshlab.availability.trees.formula import Works, all_of, any_of, at_least, failure
from meshlab.availability.trees.rates import Rates
from meshlab.model import Distribution, InputError, Reliability

NAMES = [f"x{i}" for i in range(6)]
FAILS, REPAIRS = 0.05, 1.0
PARTS = {name: Reliability(FAILS, Distribution.exponential(1 / REPAIRS)) for name in NAMES}


def lost(k: int) -> Circuit:
    """At least k of the six are down."""
    return failure(at_least(len(NAMES) - k + 1, map(Works, NAMES)))


def repairman(crews: int) -> np.ndarray:
    """M/M/c//N: the probability of n machines down, from the balance of births and deaths."""
    weights = [1.0]
    for n in range(len(NAMES)):
        weights.append(weights[-1] * (len(NAMES) - n) * FAILS / (min(n + 1, crews) * REPAIRS))
    return np.array(weights) / sum(weights)


@pytest.mark.parametrize("crews", [1, 2, 6])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_few_crews_are_the_machine_repairman(crews: int, k: int) -> None:
    """The long run from 200 repair times on; five standard errors: a false alarm has probability 6e-7 for each.

    Takacs, Introduction to the theory of queues, 1962, chapter 5.
    """
    found = sample_mission(lost(k), PARTS, begin=200, end=1200, crews=crews, samples=4096, seed=3, workers=2)
    half = (found.interval[1] - found.interval[0]) / 2
    assert abs(found.unavailability - repairman(crews)[k:].sum()) < 5 / 1.96 * half
    assert half < 0.05 * found.unavailability


@pytest.mark.parametrize(
    "repair",
    [
        Distribution.constant(20.0),
        Distribution.uniform(5.0, 35.0),
        Distribution.lognormal(20.0 * exp(-0.32), 0.8),
        Distribution.exponential(20.0),
    ],
    ids=lambda repair: repair.kind,
)
def test_as_many_crews_as_needed_are_the_exact_steady_state_whatever_repairs_take(
    repair: Distribution,
) -> None:
    """Of alternating renewals only the mean repair counts; five standard errors, 6e-7 for each kind."""
    circuit = failure(any_of([all_of([Works("a"), Works("b")]), all_of([Works("c"), Works("d")])]))
    parts = {
        name: Reliability(rate, repair) for name, rate in zip("abcd", (1e-3, 2e-3, 3e-3, 5e-4), strict=True)
    }
    diagrams = compiled(circuit)
    q = np.array([[parts[name].unavailability] for name in diagrams.events])
    u = float(probabilities(diagrams, q)[0])
    found = sample_mission(circuit, parts, begin=5_000, end=105_000, samples=2048, seed=5, workers=2)
    half = (found.interval[1] - found.interval[0]) / 2
    assert abs(found.unavailability - u) < 5 / 1.96 * half
    assert half < 0.03 * u


def test_the_first_outage_of_one_part_is_exponential() -> None:
    """Five standard errors of 16,384 histories: 6e-7."""
    parts = {"a": Reliability(1e-3, Distribution.exponential(50.0))}
    found = sample_mission(failure(Works("a")), parts, end=500, samples=1 << 14)
    p = 1 - exp(-0.5)
    assert abs(found.unreliability - p) < 5 * (p * (1 - p) / found.samples) ** 0.5


def test_a_mission_lies_within_its_exact_bounds() -> None:
    """Of three voters, from all well: outages are those expected, and the chance of one is between the bounds."""
    names = "abc"
    circuit = failure(at_least(2, map(Works, names)))
    parts = {name: Reliability(1e-3, Distribution.exponential(20.0)) for name in names}
    bounds = mission(compiled(circuit), dict.fromkeys(names, Rates(1e-3, 1 / 20)), 1000.0)
    found = sample_mission(circuit, parts, end=1000.0, samples=1 << 15, seed=2)
    # outages are nearly Poisson: five standard errors, 6e-7
    assert abs(found.outages - bounds.expected_outages) < 5 * (bounds.expected_outages / found.samples) ** 0.5
    low, high = bounds.unreliability
    assert low < found.unreliability < high


def test_a_component_without_a_rate_never_fails() -> None:
    found = sample_mission(
        failure(any_of([Works("a"), Works("b")])), {"a": PARTS["x0"]}, end=100, samples=256
    )
    assert found.unavailability == found.unreliability == found.outages == 0


def test_the_number_of_workers_changes_no_bit_of_a_mission() -> None:
    answers = [
        sample_mission(lost(2), PARTS, end=50, crews=1, half_width=HalfWidth(0.05, True), workers=workers)
        for workers in (1, 3)
    ]
    assert answers[0] == answers[1]
    assert answers[0].samples >= 512


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"end": 0.0, "samples": 1}, "no mission"),
        ({"end": 5.0, "begin": 9.0, "samples": 1}, "no mission"),
        ({"end": 5.0, "crews": -1, "samples": 1}, "no mission"),
        ({"end": 5.0}, "when to stop"),
    ],
)
def test_a_mission_that_cannot_be_is_bad_input(how: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        sample_mission(lost(2), PARTS, **how)  # type: ignore[arg-type]


def test_a_repair_time_of_a_kind_that_is_not_drawn_is_bad_input() -> None:
    parts = {"x0": Reliability(0.1, Distribution.gamma(1.0, 2.0))}
    with pytest.raises(InputError, match="a gamma repair time is not drawn here"):
        sample_mission(lost(1), parts, end=1.0, samples=1)
