"""The comparison's arithmetic, held against scipy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from meshlab.validation.statistics import compare, quantiles, share


def test_quantiles_are_numpys_and_their_intervals_scipys_bootstrap() -> None:
    sample = np.random.default_rng(1).gamma(3.0, 100.0, 300)
    found = quantiles(list(sample))
    assert [q.value for q in found] == pytest.approx(np.quantile(sample, (0.5, 0.9, 0.99)))
    oracle = stats.bootstrap(
        (sample,), np.median, n_resamples=4000, method="percentile", random_state=np.random.default_rng(2)
    ).confidence_interval
    median = found[0]
    width = oracle.high - oracle.low
    assert median.low == pytest.approx(oracle.low, abs=0.25 * width)
    assert median.high == pytest.approx(oracle.high, abs=0.25 * width)


def test_a_share_has_the_clopper_pearson_interval() -> None:
    found = share(3, 210)
    assert found.share == pytest.approx(3 / 210)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 3, 208))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, 4, 207))
    assert found.holds(0.01) and not found.holds(0.001)


def test_no_failure_in_n_still_has_an_upper_bound() -> None:
    assert share(0, 60).low == 0.0
    assert share(0, 60).high == pytest.approx(1 - 0.025 ** (1 / 60))


def test_the_comparison_says_ks_p_value_and_errors_in_percent() -> None:
    rng = np.random.default_rng(3)
    real, simulated = list(rng.normal(1000, 100, 200)), list(rng.normal(1100, 100, 4000))
    found = compare(real, simulated)
    oracle = stats.ks_2samp(real, simulated)
    assert (found.ks, found.p_value) == pytest.approx((oracle.statistic, oracle.pvalue))
    assert found.ks > 0.3 and found.p_value < 1e-9
    assert found.error_percent["p50"] == pytest.approx(
        100 * (np.median(simulated) / np.median(real) - 1), abs=0.01
    )


def test_samples_of_one_distribution_are_not_told_apart() -> None:
    rng = np.random.default_rng(4)
    assert compare(list(rng.random(200)), list(rng.random(4000))).ks < 0.12


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="empty sample"):
        quantiles([])
