"""The predictive detector: right where one can check by hand, calibrated on quiet series, sharp on planted outbreaks."""

from math import comb

import numpy as np
import pytest
from scipy import stats

from bench import scenarios
from pipelines.detectors import predictive
from pipelines.detectors.predictive import predictive_exceedance as detect
from pipelines.detectors.predictive import share_exceedance


def simulate(n_series: int, n_weeks: int, *, mean: float, dispersion: float, seasonal: float = 0.3, seed: int = 5):
    rng = np.random.default_rng(seed)
    wave = np.exp(seasonal * np.sin(2 * np.pi * np.arange(n_weeks) / predictive.YEAR_WEEKS))
    return rng.negative_binomial(mean * wave / (dispersion - 1), 1 / dispersion, (n_series, n_weeks)).astype(float)


def test_flat_series_expects_its_level_and_a_spike_alarms():
    counts = np.full((2, 300), 10.0)
    counts[1, -1] = 40
    found = detect(counts, evaluate=1)
    assert found.expected[0, 0] == pytest.approx(10, rel=0.02)
    assert list(found.status[:, 0]) == ["normal", "alarm"]
    assert found.p_value[1, 0] < 1e-6
    assert found.score[1, 0] > 1
    assert list(found.method[:, 0]) == ["own", "own"]


@pytest.mark.parametrize(("mean", "dispersion"), [(0.5, 1.5), (3, 2), (40, 4)])
def test_quiet_series_alarm_as_often_as_stated(mean, dispersion):
    counts = simulate(600, 416, mean=mean, dispersion=dispersion)
    p = detect(counts, evaluate=26, bounds_from=np.inf).p_value
    for alpha, least in ((0.05, 0.6), (0.01, 0.6), (0.001, 0.2)):
        # Weeks of one series share its estimates: allow half as much again, and the spread of a fifth of the weeks.
        assert (p <= alpha).sum() <= stats.binom.ppf(0.999, p.size // 5, 1.4 * alpha) * 5
        assert (p <= alpha).mean() >= least * alpha


def test_plugging_in_the_estimates_would_alarm_too_often():
    """The check above can fail: half a year of history taken for the truth is overconfident."""
    counts = simulate(3000, 34, mean=3, dispersion=2, seasonal=0)
    base, judged = counts[:, :22], counts[:, -4:]
    size, probability = _size_and_probability(base.mean(axis=1), base.var(axis=1, ddof=1))
    plugged = (stats.nbinom.sf(judged - 1, size[:, None], probability[:, None]) <= 1e-3).mean()
    assert plugged > 2.5e-3
    assert (detect(counts, evaluate=4, bounds_from=np.inf).p_value <= 1e-3).mean() < plugged / 1.5


def _size_and_probability(mean, variance):
    dispersion = np.maximum(variance / mean, 1.001)
    return mean / (dispersion - 1), 1 / dispersion


def test_planted_outbreaks_are_found():
    counts = simulate(400, 416, mean=8, dispersion=1.5)
    sigma = np.sqrt(1.5 * 8)
    counts[:, -2] += np.round(3.5 * sigma)
    counts[:, -1] += np.round(2.9 * sigma)
    found = detect(counts, evaluate=1)
    assert (found.status == "alarm").mean() > 0.9
    one_week = detect(np.delete(counts, -2, axis=1), evaluate=1)
    assert (found.status == "alarm").mean() > (one_week.status == "alarm").mean() + 0.1
    assert (found.window == 2).mean() > 0.5


def test_an_outbreak_of_the_past_hides_no_later_one():
    quiet = simulate(200, 416, mean=10, dispersion=1.5)
    past = quiet.copy()
    for start in (100, 180, 260, 320):
        past[:, start] += 35
        past[:, start + 1] += 30
    for counts in (quiet, past):
        counts[:, -1] += 17
    found = [(detect(counts, evaluate=1).status == "alarm").mean() for counts in (quiet, past)]
    assert found[0] > 0.6
    assert found[1] > found[0] - 0.08


def test_uncertainty_widens_as_history_shortens():
    counts = simulate(300, 416, mean=6, dispersion=2, seasonal=0)
    bounds = []
    for n_weeks in (416, 104, 70):
        found = detect(counts[:, -n_weeks:], evaluate=1)
        bounds.append((found.upper_bound - found.expected).mean())
    assert bounds[0] < bounds[1] < bounds[2]


def test_trend_counts_only_where_supported():
    rng = np.random.default_rng(3)
    week = np.arange(416)
    flat = rng.poisson(10, (200, 416)).astype(float)
    rising = rng.poisson(10 * np.exp(0.004 * (week - 415)), (200, 416)).astype(float)
    assert detect(flat, evaluate=1).expected.std() < 0.9
    assert detect(rising, evaluate=1).expected.mean() == pytest.approx(10, rel=0.05)


def test_season_borrowed_from_the_parent_keeps_a_yearly_peak_quiet():
    rng = np.random.default_rng(8)
    week = np.arange(312)
    wave = np.exp(1.2 * np.cos(2 * np.pi * week / predictive.YEAR_WEEKS))
    counts = rng.poisson(4 * wave, (60, 312)).astype(float)
    parent = counts.sum(axis=0, keepdims=True)
    since = np.full(60, 312 - 60)
    borrowed = detect(counts, parent=parent, known_from=since, evaluate=8)
    assert (borrowed.method == "borrowed").all()
    assert borrowed.expected[:, -1].mean() == pytest.approx(4 * wave[-1], rel=0.1)
    assert (borrowed.status == "alarm").mean() < 0.03


# ---- share of the parent -----------------------------------------------------------------------------------------


def test_share_of_the_parent_by_hand():
    """Uniform prior, one case of its own among three: Beta(2, 3); P(Y ≥ 2 of 3) by summing the beta-binomial."""

    def mass(k, n, a, b):
        beta = lambda x, y: 1 / (y * comb(x + y - 1, y))  # noqa: E731 - whole arguments
        return comb(n, k) * beta(a + k, b + n - k) / beta(a, b)

    by_hand = mass(2, 3, 2, 3) + mass(3, 3, 2, 3)
    assert share_exceedance(np.array([2.0]), np.array([3.0]), np.array([2.0]), np.array([3.0]))[0] == pytest.approx(
        by_hand
    )


def test_share_tail_equals_the_library_and_keeps_small_digits():
    rng = np.random.default_rng(2)
    n = rng.integers(1, 400, 300)
    a, b = rng.uniform(0.5, 50, 300), rng.uniform(1, 500, 300)
    k = rng.integers(0, n + 1)
    assert share_exceedance(k, n, a, b) == pytest.approx(stats.betabinom.sf(k - 1, n, a, b), abs=1e-9)
    tiny = share_exceedance(np.array(30.0), np.array(30.0), np.array(1e7), np.array(9e7))
    assert float(tiny) == pytest.approx(1e-30, rel=1e-3)
    assert share_exceedance(np.array([0.0, 5.0]), np.array([4.0, 4.0]), np.array(1.0), np.array(1.0)).tolist() == [1, 0]


def test_a_seldom_series_is_judged_by_its_share():
    rng = np.random.default_rng(4)
    city = rng.poisson(30, 130).astype(float)
    counts = np.vstack([rng.binomial(city.astype(int), 0.0015) for _ in range(400)]).astype(float)
    found = detect(counts, parent=city[None], evaluate=26)
    assert (found.method == "share").all()
    assert (found.status == "alarm").mean() < 0.013
    counts[:, -1] = 4
    assert (detect(counts, parent=city[None], evaluate=1).status == "alarm").all()


def test_a_rise_of_the_whole_city_is_no_rise_of_a_share():
    rng = np.random.default_rng(6)
    city = np.append(rng.poisson(200, 40), 600).astype(float)
    counts = np.vstack([rng.binomial(city.astype(int), 0.03) for _ in range(50)]).astype(float)
    with_parent = detect(counts, parent=city[None], evaluate=1)
    assert (with_parent.method == "share").all()
    assert (with_parent.status == "alarm").mean() < 0.1
    assert (detect(counts, evaluate=1).status == "alarm").mean() > 0.7


# ---- any input ---------------------------------------------------------------------------------------------------


def test_zeros_and_huge_counts_stay_finite():
    counts = np.zeros((4, 260))
    counts[1, -1], counts[2], counts[3, ::7] = 1e12, 1e12, 1
    found = detect(counts, evaluate=3)
    for values in (found.expected, found.upper_bound, found.p_value, found.score):
        assert np.isfinite(values).all()
    assert list(found.status[:, -1]) == ["normal", "alarm", "normal", "normal"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1])
def test_gaps_and_negative_counts_are_refused(bad):
    counts = np.ones((2, 80))
    counts[0, 5] = bad
    with pytest.raises(ValueError, match="计数应是"):
        detect(counts)


def test_arguments_of_another_length_are_refused():
    counts = np.ones((2, 80))
    with pytest.raises(ValueError, match="known_from"):
        detect(counts, known_from=np.zeros(3))
    with pytest.raises(ValueError, match="上级序列应有 80 周"):
        detect(counts, parent=np.ones((1, 79)))
    with pytest.raises(ValueError, match="alpha"):
        detect(counts, alpha=0)


def test_too_little_history_is_not_assessed():
    counts = np.full((2, 30), 4.0)
    found = detect(counts, known_from=np.array([0, 20]))
    assert found.reason[1, 5] == "该区域还没有开始上报"
    assert found.reason[1, 22] == "历史不足 10 周"
    unknown = found.status == "not_assessed"
    assert unknown[:, :8].all() and not unknown[0, 15:].any() and unknown[1].all()
    for values in (found.expected, found.upper_bound, found.p_value, found.score):
        assert np.array_equal(np.isnan(values), unknown)
    assert np.array_equal(found.window == 0, unknown) and np.array_equal(found.method == "", unknown)


def mixed() -> dict:
    """Series of all methods at once."""
    rng = np.random.default_rng(9)
    counts = np.vstack([simulate(6, 300, mean=m, dispersion=1.6, seed=int(10 * m)) for m in (0.05, 1, 12)])
    counts[:, 280:284] += rng.poisson(1, (len(counts), 4))
    since = np.tile([0, 0, 180, 190, 265, 270], 3)
    counts[np.arange(300) < since[:, None]] = 0
    parents = np.vstack([counts[::2].sum(axis=0), counts[1::2].sum(axis=0)])
    return {
        "observed": counts, "parent": parents, "parent_of": np.arange(18) % 2, "known_from": since,
        "groups": np.arange(18), "activity": rng.uniform(0.7, 1, 300),
    }  # fmt: skip


def test_all_series_at_once_equal_one_by_one():
    whole = mixed()
    together = detect(**whole, evaluate=25)
    assert set(together.method.ravel()) == {"own", "borrowed", "share", ""}
    for row in range(18):
        part = {name: whole[name][row : row + 1] for name in ("observed", "parent_of", "known_from")}
        alone = detect(**part, parent=whole["parent"], activity=whole["activity"], evaluate=25)
        same = together.method[row] != "share"  # the prior share is one over the number of the parent's series
        assert np.array_equal(alone.method[0], together.method[row])
        assert alone.p_value[0, same] == pytest.approx(together.p_value[row, same], rel=1e-6, nan_ok=True)
        assert np.array_equal(alone.upper_bound[0, same], together.upper_bound[row, same], equal_nan=True)


def test_appending_weeks_changes_no_earlier_verdict():
    whole = mixed()
    cut = {name: v[..., :280] if v.ndim and v.shape[-1] == 300 else v for name, v in whole.items()}
    early, late = detect(**cut, evaluate=20), detect(**whole, evaluate=40)
    assert early.p_value == pytest.approx(late.p_value[:, :20], rel=1e-9, nan_ok=True)
    assert np.array_equal(early.upper_bound, late.upper_bound[:, :20], equal_nan=True)


def test_bound_is_the_largest_count_without_alarm():
    whole = {**mixed(), "parent": None, "parent_of": None}  # with a parent the bound would move its total
    bound = detect(**whole, evaluate=1).upper_bound[:, 0]
    reachable = bound >= 0  # -1: after the weeks before, any case at all would alarm
    assert reachable.sum() > 12
    for extra, wanted in ((0, "normal"), (1, "alarm")):
        now = whole["observed"].copy()
        now[:, -1] = np.maximum(bound, 0) + extra
        found = detect(**{**whole, "observed": now}, evaluate=1)
        assert set(found.status[reachable, 0]) == {wanted}


def test_bounds_where_wanted_are_the_same_bounds():
    whole = {**mixed(), "evaluate": 30}
    every, some = detect(**whole), detect(**whole, bounds_from=0.5)
    assert np.array_equal(every.p_value, some.p_value, equal_nan=True)
    assert np.array_equal(every.status, some.status)
    left_out = np.isnan(some.upper_bound) & (every.status != "not_assessed")
    assert left_out.any() and (every.observed[left_out] == 0).all() and (every.expected[left_out] < 0.5).all()
    assert not left_out[(every.status == "alarm").any(axis=1)].any()
    assert np.array_equal(some.upper_bound[~left_out], every.upper_bound[~left_out], equal_nan=True)


def test_mid_p_of_no_case_equals_the_sum():
    mean, spread = np.array([0.01, 0.3, 4.0, 50.0]), np.array([1.0, 1.4, 3.0, 2.0])
    size = mean / np.maximum(spread - 1, 1e-12)
    no_case = np.where(spread == 1, np.exp(-mean), stats.nbinom.pmf(0, size, 1 / spread))
    score = predictive._score(np.zeros(4), mean, spread, np.zeros(4))
    assert stats.norm.sf(score) == pytest.approx(1 - no_case / 2, rel=1e-9)
    mid = predictive._share_mid_p(
        np.array([0.0, 3.0]), np.array([9.0, 9.0]), np.array([2.0, 2.0]), np.array([7.0, 7.0])
    )
    law = stats.betabinom(9, 2, 7)
    assert mid == pytest.approx([1 - law.pmf(0) / 2, law.sf(3) + law.pmf(3) / 2], rel=1e-9)


def test_alarm_means_p_at_most_alpha():
    whole = mixed()
    for alpha in (0.05, 0.01, 0.001):
        found = detect(**whole, evaluate=30, alpha=alpha)
        known = found.status != "not_assessed"
        assert np.array_equal(found.status[known] == "alarm", found.p_value[known] <= alpha)


def moving_festival(n_weeks: int) -> np.ndarray:
    """One week a year, a few weeks earlier or later every time."""
    at = 52 * np.arange(1, n_weeks // 52 + 1) + np.array([-1, -4, 2, -6, 0, -3, 3, -1])[: n_weeks // 52]
    return np.isin(np.arange(n_weeks), at).astype(float)


def test_a_moving_festival_in_the_regression_explains_its_weeks():
    rng = np.random.default_rng(12)
    festival = moving_festival(416)
    counts = rng.poisson(10 * np.exp(1.0 * festival), (40, 416)).astype(float)
    assert festival[-1] == 1
    without = detect(counts, evaluate=1, year_weeks=52)
    with_it = detect(counts, covariates=festival[:, None], evaluate=1, year_weeks=52)
    assert (without.status == "alarm").mean() > 0.5 > 0.1 > (with_it.status == "alarm").mean()


def test_children_follow_a_festival_they_are_too_small_to_know():
    rng = np.random.default_rng(13)
    festival = moving_festival(416)
    counts = rng.poisson(0.5 * np.exp(1.6 * festival), (80, 416)).astype(float)
    found = detect(counts, parent=counts.sum(axis=0)[None], covariates=festival[:, None], evaluate=1)
    assert (found.method == "own").all()
    assert found.expected.mean() == pytest.approx(0.5 * np.exp(1.6), rel=0.25)
    assert detect(counts, covariates=festival[:, None], evaluate=1).expected.mean() < found.expected.mean()


def heating(n_weeks: int, seed: int) -> np.ndarray:
    """Counts of 60 areas: next to nothing, then, from one week to the next and every year on the same date, forty times that."""
    rng = np.random.default_rng(seed)
    mean = np.where(np.mod(np.arange(n_weeks), predictive.YEAR_WEEKS) >= 44, 8.0, 0.2)
    return rng.poisson(mean, (60, n_weeks)).astype(float)


@pytest.mark.parametrize("years", [2, 3, 4])
def test_a_season_that_starts_within_a_week_keeps_quiet(years):
    onset = int(np.ceil(44 + years * predictive.YEAR_WEEKS))
    counts = heating(onset + 3, seed=years)
    city = counts.sum(axis=0)[None]
    found = detect(counts, parent=city, evaluate=3)
    assert found.expected.mean() == pytest.approx(8, rel=0.3)
    assert (found.status == "alarm").mean() < 0.04
    whole = detect(city, evaluate=3)
    assert whole.expected.mean() == pytest.approx(480, rel=0.2) and (whole.status == "normal").all()
    counts[:30, -1] += 20  # and what is more than the season is seen
    assert (detect(counts, parent=city, evaluate=1).status[:30] == "alarm").mean() > 0.9


def test_what_does_not_recur_is_no_season():
    """Series with a smooth season keep its curve, and so do those with one outbreak a year at another time each year."""
    counts = simulate(300, 364, mean=6, dispersion=3)
    weeks = np.arange(364)
    for start in (20, 100, 140, 200, 250, 330):
        counts[150:, start] += 25
    x, blocks = _smooth_design(weeks)
    _, profile = predictive._fit_sharp(counts.T, x, np.ones((364, 1)), blocks, weeks, predictive.YEAR_WEEKS)
    assert (profile.height != 0).any(axis=0).mean() < 0.01
    counts[:, np.mod(weeks, predictive.YEAR_WEEKS).astype(int) == 10] += 25
    _, profile = predictive._fit_sharp(counts.T, x, np.ones((364, 1)), blocks, weeks, predictive.YEAR_WEEKS)
    assert (profile.height[10] > 1).mean() > 0.95 and np.abs(
        np.delete(profile.height, [8, 9, 10, 11, 12], 0)
    ).mean() < 0.05


def _smooth_design(weeks):
    angle = 2 * np.pi * weeks / predictive.YEAR_WEEKS
    return np.array([np.ones(len(weeks)), np.cos(angle), np.sin(angle)]), [[1, 2]]


# ---- how much of a week is there ---------------------------------------------------------------------------------


def test_activity_by_series_equals_activity_by_week_when_it_is_the_same():
    whole = mixed()
    variance = np.linspace(0, 0.01, 300)
    by_week = detect(**whole, activity_variance=variance, evaluate=20)
    whole["activity"] = np.tile(whole["activity"], (18, 1))
    by_series = detect(**whole, activity_variance=np.tile(variance, (18, 1)), evaluate=20)
    assert by_series.p_value == pytest.approx(by_week.p_value, rel=1e-9, nan_ok=True)
    assert np.array_equal(by_series.upper_bound, by_week.upper_bound, equal_nan=True)


def test_a_week_of_which_little_is_there_expects_less():
    counts = np.full((2, 300), 50.0)
    counts[:, -1] = 40
    activity = np.ones((2, 300))
    activity[1, -1] = 0.5
    found = detect(counts, activity=activity, evaluate=1)
    assert found.expected[:, 0] == pytest.approx([50, 25], rel=0.01)
    assert found.p_value[0, 0] > 0.5 and found.p_value[1, 0] < 0.05
    with_parent = detect(counts[:, -40:], parent=np.full((1, 40), 500.0), activity=activity[:, -40:], evaluate=1)
    assert list(with_parent.method[:, 0]) == ["share", "share"]
    assert with_parent.expected[1, 0] < 0.7 * with_parent.expected[0, 0]  # the parent lacks a quarter, this series half


@pytest.mark.parametrize("history", [40, 120, 300])
def test_an_uncertain_activity_raises_p(history):
    counts = simulate(40, 300, mean=60, dispersion=1.5)
    city = counts.sum(axis=0)[None]
    counts[:, -1] = 100
    known = {"parent": city, "known_from": np.full(40, 300 - history), "evaluate": 1}
    sure = detect(counts, **known)
    unsure = detect(counts, **known, activity_variance=np.where(np.arange(300) == 299, 0.03, 0))
    assert (unsure.p_value > sure.p_value).all() and (unsure.upper_bound > sure.upper_bound).all()
    assert np.array_equal(unsure.expected, sure.expected) and np.array_equal(unsure.phi, sure.phi)


def test_phi_is_the_dispersion_of_the_series():
    found = detect(simulate(100, 416, mean=20, dispersion=3), groups=np.arange(100), evaluate=1)
    assert np.median(found.phi) == pytest.approx(3, rel=0.1)


def test_activity_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="activity：应有 80 个"):
        detect(np.ones((2, 80)), activity=np.ones((3, 80)))
    with pytest.raises(ValueError, match="parent_activity"):
        detect(np.ones((2, 80)), parent=np.ones((1, 80)), parent_activity=np.ones((2, 80)))


# ---- the tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread_sd", [0.0, 0.2])
def test_null_tail_is_that_of_plain_simulation(spread_sd):
    """Scores that are normal one by one, of four weeks that share mean and scale, which nobody knows."""
    rng = np.random.default_rng(21)
    n, common, skewness = 200_000, 0.15 if spread_sd == 0 else 0.0, 0.8
    z = np.sqrt(1 - common) * rng.standard_normal((4, n)) + np.sqrt(common) * rng.standard_normal(n)
    z = z * np.exp(spread_sd / 2 * rng.standard_normal(n))
    grid, scale = np.linspace(-9, 9, 2000), np.exp(spread_sd / 2 * predictive.NODES[:, None])
    z = np.interp(z, grid, -stats.norm.ppf(predictive.NODE_WEIGHTS @ stats.norm.sf(grid / scale)))
    state = [np.full(n, value) for value in (common, skewness)]
    p = predictive._p_value(predictive._log_ratio(predictive._terms(z, *state)[0]), *state, np.full(n, spread_sd))
    for alpha in (0.05, 0.01, 0.001):
        assert (p <= alpha).mean() == pytest.approx(alpha, rel=0.05 if alpha > 0.005 else 0.25)


def test_scenarios_are_those_published():
    series = scenarios.simulate(reps=6, seed=3)
    assert len(series.scenario) == 42 * 6 and series.counts.shape[1] == 624
    assert scenarios.weekly_mean(scenarios.LEVELS[0], 1, 1)[51] == pytest.approx(np.exp(0.1 + 0.0025 * 52 + 0.6))
    assert series.outbreak[:, :575].sum() == 0 and (series.outbreak.sum(axis=1) > 0).mean() > 0.95
    assert (series.counts >= series.clean).all()
    assert 0.04 < series.is_outbreak.mean() < 0.08
    ratio = (series.clean - series.mean) ** 2 / series.mean
    assert ratio[series.scenario == 4 * 6].mean() == pytest.approx(3, rel=0.15)


def test_benchmark_runs_and_the_predictive_detector_leads():
    lines = {line["what"]: line for line in scenarios.measure(reps=2, seed=1, quick=True)}
    ours, reference = lines["predictive"], lines["farrington flexible, nbPlugin .01"]
    assert ours["pod_at_1%"] > reference["pod_at_1%"] > lines["±20 %"]["pod_at_1%"]
    assert lines["predictive, null tail"]["wanted_0.01"] < 0.016
    assert lines["predictive, season borrowed, 1 years"]["pod_at_1%"] > 0.35
