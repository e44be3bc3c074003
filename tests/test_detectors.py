"""The detector: right on series one can check by eye, calibrated on many, and blind to the future."""

import numpy as np
import pytest
from scipy import stats

from pipelines.detectors import negative_binomial_exceedance as detect


def simulate(n_series: int, n_weeks: int, *, mean: float, dispersion: float, seasonal: float = 0.0, seed: int = 7):
    rng = np.random.default_rng(seed)
    wave = 1 + seasonal * np.sin(2 * np.pi * np.arange(n_weeks) / 52)
    means = rng.gamma(2, mean / 2, (n_series, 1)) * wave
    return rng.negative_binomial(means / (dispersion - 1), 1 / dispersion).astype(float)


def test_flat_series_expects_its_level():
    found = detect(np.full((1, 60), 10.0), evaluate=1)
    assert found.expected[0, 0] == pytest.approx(10)
    assert found.status[0, 0] == "normal"


def test_spike_alarms_and_says_how_unlikely():
    counts = np.full((1, 60), 10.0)
    counts[0, -1] = 40
    found = detect(counts, evaluate=1)
    assert found.status[0, 0] == "alarm"
    assert found.p_value[0, 0] < 1e-6
    assert found.score[0, 0] > 1


def test_p_value_and_bound_agree():
    counts = simulate(200, 120, mean=6, dispersion=1.6)
    found = detect(counts, evaluate=30, alpha=0.01)
    assert np.array_equal(found.status == "alarm", found.p_value < 0.01)


def test_short_history_is_not_assessed():
    found = detect(np.full((1, 12), 3.0))
    assert list(found.status[0, :10]) == ["not_assessed"] * 10
    assert found.reason[0, 0] == "历史不足 10 周"
    assert np.isnan(found.p_value[0, 0])
    assert found.status[0, 10] == "normal"


def test_silent_series_alarms_on_a_burst_but_not_on_one():
    counts = np.zeros((2, 60))
    counts[0, -1], counts[1, -1] = 1, 6
    found = detect(counts, evaluate=1)
    assert list(found.status[:, 0]) == ["normal", "alarm"]


def test_all_zero_is_quiet_and_finite():
    found = detect(np.zeros((3, 60)), evaluate=5)
    assert (found.status == "normal").all()
    assert np.isfinite(found.upper_bound).all()


def test_appending_weeks_never_changes_an_earlier_verdict():
    counts = simulate(20, 150, mean=5, dispersion=1.5, seasonal=0.4)
    early, late = detect(counts[:, :140]), detect(counts)
    assert np.array_equal(early.p_value, late.p_value[:, :140], equal_nan=True)


def test_absurd_counts_do_not_hang():
    counts = np.full((1, 60), 1e12)
    assert np.isfinite(detect(counts, evaluate=1).upper_bound).all()


def test_an_outbreak_in_the_baseline_does_not_blind_the_next():
    counts = simulate(1, 80, mean=10, dispersion=1.2)
    counts[0, :] = 10
    counts[0, 60:63] = 60
    counts[0, -1] = 35
    assert detect(counts, evaluate=1).status[0, 0] == "alarm"


def test_a_holiday_week_expects_less():
    counts = np.full((1, 60), 10.0)
    activity = np.ones(60)
    activity[-1] = 0.4
    found = detect(counts, activity=activity, evaluate=1)
    assert found.expected[0, 0] == pytest.approx(4)


@pytest.mark.parametrize(("mean", "dispersion", "seasonal"), [(1, 1.3, 0), (6, 1.5, 0.5), (30, 2.0, 0.5)])
def test_false_alarms_stay_below_the_stated_rate(mean, dispersion, seasonal):
    """With nothing going on, p < α happens in no more than about α of the weeks (counts are discrete: less)."""
    counts = simulate(1500, 208, mean=mean, dispersion=dispersion, seasonal=seasonal)
    season = np.repeat(counts.sum(axis=0, keepdims=True), len(counts), axis=0)
    found = detect(counts, season=season, evaluate=26)
    for alpha in (0.05, 0.01, 0.001):
        n = found.p_value.size
        assert (found.p_value < alpha).sum() <= stats.binom.ppf(0.999, n, alpha * 1.3)
    assert (found.p_value < 0.05).mean() > 0.01  # and it is not simply deaf


def test_borrowed_season_keeps_the_yearly_peak_quiet():
    """Heating starts every November: the peak alone is no alarm with season, and one without."""
    weeks = np.arange(208)
    wave = np.where((weeks % 52) >= 44, 40.0, 10.0)
    rng = np.random.default_rng(3)
    counts = rng.poisson(np.repeat(wave[None, :], 50, axis=0)).astype(float)
    season = np.repeat(counts.sum(axis=0, keepdims=True), 50, axis=0)
    onset = 44 + 52 * 3
    with_season = detect(counts[:, : onset + 1], season=season[:, : onset + 1], evaluate=1)
    without = detect(counts[:, : onset + 1], season=np.ones_like(counts)[:, : onset + 1], evaluate=1)
    assert (with_season.status == "alarm").mean() < 0.1
    assert (without.status == "alarm").mean() > 0.9


def test_planted_outbreaks_are_found():
    counts = simulate(400, 156, mean=8, dispersion=1.5)
    planted = counts.copy()
    planted[:, -1] += 5 * np.sqrt(1.5 * counts.mean(axis=1))
    assert (detect(planted, evaluate=1).status == "alarm").mean() > 0.75
