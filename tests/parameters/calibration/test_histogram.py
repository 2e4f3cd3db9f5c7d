"""A distribution from a histogram: the truth is found again, and the stated interval holds it as often as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meshlab.model import Distribution
from meshlab.parameters.calibration.histogram import Histogram, TooLittle, fit_histogram

ETCD = tuple(0.001 * 2**k for k in range(14))
"""A.etcd wal_fsync_histogram_buckets: ExponentialBuckets(0.001, 2, 14)."""


def drawn(truth: Distribution, count: int, seed: int, upper: tuple[float, ...] = ETCD) -> Histogram:
    return Histogram.of(np.asarray(truth.sample(np.random.default_rng(seed), count)), upper)


@pytest.mark.parametrize(
    "truth",
    [
        Distribution.lognormal(0.003, 0.8),
        Distribution.gamma(0.004, 2.0),
        Distribution.lognormal(0.0007, 0.33),  # most of it in the first bucket: the sum has to tell
    ],
    ids=lambda d: f"{d.kind}-{d.a}",
)
def test_the_stated_interval_holds_the_true_median_as_often_as_it_says(truth: Distribution) -> None:
    """90 % over 30 seeds: 21 or fewer of the expected 27 happen by chance with probability 0.2 % each."""
    held = 0
    for seed in range(30):
        median = fit_histogram(drawn(truth, 2000, seed)).median
        assert median.confidence == 0.9
        held += median.low <= truth.quantile(0.5) <= median.high
    assert held > 21


@pytest.mark.parametrize("truth", [Distribution.lognormal(0.003, 0.8), Distribution.gamma(0.004, 2.0)])
def test_the_right_form_has_the_least_aic_and_its_numbers_come_back(truth: Distribution) -> None:
    found = fit_histogram(drawn(truth, 20_000, 1))
    assert found.value.kind == truth.kind
    assert found.value.a == pytest.approx(truth.a, rel=0.05)  # 7 standard errors
    assert found.value.b == pytest.approx(truth.b, rel=0.05)
    assert found.goodness.distance < 0.02
    assert found.goodness.p_value > 1e-4
    other = max(found.goodness.aic, key=lambda form: found.goodness.aic[form])
    assert other != truth.kind


def test_measurements_beyond_the_last_bucket_count_as_beyond_it() -> None:
    """A tenth of the truth lies above the last bound; cut off there, the median would come out a third too low."""
    truth = Distribution.lognormal(0.004, 1.0)
    upper = (0.001, 0.002, 0.004, 0.008, 0.0144)
    found = drawn(truth, 20_000, 3, upper)
    assert found.counts[-1] > 1500
    fitted = fit_histogram(Histogram(found.edges, found.counts))  # without the sum: the buckets alone
    assert fitted.value.kind == "lognormal"
    assert fitted.value.a == pytest.approx(0.004, rel=0.05)
    assert fitted.value.b == pytest.approx(1.0, rel=0.05)


def test_a_shape_that_is_neither_form_is_said_to_be_off() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(5000) < 0.5, 0.0005, 0.05) * np.exp(0.1 * rng.standard_normal(5000))
    assert fit_histogram(Histogram.of(values, ETCD)).goodness.distance > 0.1


def test_too_few_measurements_are_refused_with_their_number() -> None:
    with pytest.raises(TooLittle, match=r"49 measurements, at least 50"):
        fit_histogram(drawn(Distribution.lognormal(0.003, 0.8), 49, 0))


def test_measurements_all_in_one_bucket_do_not_tell_how_they_vary() -> None:
    values = np.full(1000, 0.0004)
    with pytest.raises(
        TooLittle, match=r"lie in 1 bucket \(between 0 and 0.001 s, with a mean of 0.0004 s\)"
    ):
        fit_histogram(Histogram.of(values, ETCD))


def test_two_buckets_need_the_sum() -> None:
    found = drawn(Distribution.lognormal(0.0009, 0.2), 5000, 0)
    assert sum(1 for count in found.counts if count) == 2
    fit_histogram(found)
    with pytest.raises(TooLittle, match="2 buckets"):
        fit_histogram(Histogram(found.edges, found.counts, math.nan))


def test_a_histogram_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="rising edges"):
        Histogram((0.0, 2.0, 1.0), (1, 2))
    with pytest.raises(ValueError, match="negative"):
        Histogram((0.0, 1.0, 2.0), (1, -2))
