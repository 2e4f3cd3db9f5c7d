"""The posterior of a duration, and of a rate: right for one measurement as for a thousand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meshlab.parameters import Parameters
from meshlab.parameters.calibration.durations import Measured, Prior, fit_durations
from meshlab.parameters.calibration.rates import RatePrior

PRIOR = Prior(90.0, 0.5, 0.35)
YEAR = 31_557_600.0


def test_the_interval_holds_truths_drawn_from_the_prior_as_often_as_it_says() -> None:
    """Exact, interval-censored and cut-off measurements together. 90 % over 60 seeds: 45 or fewer of the expected
    54 happen by chance with probability 0.07 %."""
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        mu = math.log(PRIOR.median) + PRIOR.doubt * rng.standard_normal()
        sigma = PRIOR.sigma * math.exp(0.5 * rng.standard_normal())
        a, b, c, d = np.exp(mu + sigma * rng.standard_normal(4))
        grid = 20.0 * math.floor(b / 20.0)  # looked at every 20 s
        measured = [
            Measured.exactly(a),
            Measured(grid, grid + 20.0),
            Measured.exactly(c) if c < 80 else Measured(80.0, math.inf),  # the watch ended after 80 s
            Measured.exactly(d),
        ]
        median = fit_durations(measured, PRIOR).median
        held += median.low <= math.exp(mu) <= median.high
    assert held > 45


def test_nothing_measured_gives_the_prior_back() -> None:
    found = fit_durations([], PRIOR)
    assert found.value.a == pytest.approx(90.0, rel=1e-3) and found.value.b == pytest.approx(0.35, rel=1e-3)
    assert found.median.low == pytest.approx(90 * math.exp(-1.645 * 0.5), rel=0.01)


def test_many_measurements_outweigh_a_wrong_prior() -> None:
    rng = np.random.default_rng(0)
    found = fit_durations([Measured.exactly(x) for x in 7.0 * np.exp(0.2 * rng.standard_normal(400))], PRIOR)
    assert found.value.a == pytest.approx(7.0, rel=0.04)  # 4 standard errors
    assert found.value.b == pytest.approx(0.2, rel=0.15)
    assert found.median.high / found.median.low < 1.05


def test_the_posterior_of_the_median_is_the_textbooks_where_sigma_is_known() -> None:
    """Normal prior, normal likelihood: precision 1/0.25 + n/0.35^2, with sigma held by many exact replicates."""
    rng = np.random.default_rng(5)
    logs = math.log(60.0) + 0.35 * rng.standard_normal(300)
    found = fit_durations([Measured.exactly(math.exp(x)) for x in logs], PRIOR)
    sigma = logs.std(ddof=0)
    precision = 1 / PRIOR.doubt**2 + len(logs) / sigma**2
    mean = (math.log(PRIOR.median) / PRIOR.doubt**2 + logs.sum() / sigma**2) / precision
    assert math.log(found.median.mid) == pytest.approx(mean, abs=0.002)
    width = math.log(found.median.high / found.median.low)
    assert width == pytest.approx(2 * 1.645 / math.sqrt(precision), rel=0.03)


def test_a_duration_that_only_began_pushes_the_median_up() -> None:
    with_it = fit_durations([Measured.exactly(80.0), Measured(300.0, math.inf)], PRIOR).median.mid
    assert with_it > fit_durations([Measured.exactly(80.0)], PRIOR).median.mid


@pytest.mark.parametrize("bad", [Measured(-1.0, 2.0), Measured(3.0, 2.0), Measured(0.0, 0.0)])
def test_an_impossible_duration_is_refused(bad: Measured) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        fit_durations([bad], PRIOR)


def test_a_row_of_the_table_is_a_prior_with_its_bounds_around_the_median() -> None:
    row = Parameters.defaults()["vault.unseal-by-people"]  # lognormal 1800 0.8, 300 to 14400
    prior = Prior.of(row)
    assert prior.median == 1800.0 and prior.sigma == pytest.approx(0.8)
    assert prior.doubt == pytest.approx(math.log(14400 / 300) / 3.29, rel=0.01)


def test_the_rate_prior_has_the_specs_mean_and_the_ratio_of_its_bounds() -> None:
    from scipy.special import gammaincinv

    prior = RatePrior.of(0.5 / YEAR, 0.1 / YEAR, 1.5 / YEAR)
    shape = prior.failures
    assert shape / prior.exposure * YEAR == pytest.approx(0.5)
    assert gammaincinv(shape, 0.95) / gammaincinv(shape, 0.05) == pytest.approx(15.0, rel=1e-6)
    after, exposure = prior.after(3, 2 * YEAR), prior.exposure + 2 * YEAR
    known = [float(gammaincinv(shape + 3, q)) / exposure for q in (0.05, 0.95)]
    assert (after.low, after.mid, after.high) == pytest.approx((known[0], (shape + 3) / exposure, known[1]))


def test_the_rates_interval_holds_rates_drawn_from_the_prior_as_often_as_it_says() -> None:
    """90 % over 400 seeds: 339 or fewer of the expected 360 happen by chance with probability 0.06 %."""
    prior = RatePrior(2.0, 4 * YEAR)
    held = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        rate = rng.gamma(prior.failures, 1 / prior.exposure)
        found = prior.after(int(rng.poisson(rate * 3 * YEAR)), 3 * YEAR)
        held += found.low <= rate <= found.high
    assert held > 339


def test_a_short_exposure_is_not_worth_learning_from() -> None:
    prior = RatePrior.of(0.5 / YEAR)
    assert not prior.worth(90.0)
    assert prior.worth(0.2 * YEAR)
    with pytest.raises(ValueError, match="positive"):
        RatePrior.of(0.0)
    with pytest.raises(ValueError, match="cannot be"):
        prior.after(-1, 5.0)
