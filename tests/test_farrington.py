"""farringtonFlexible: equal to R where asked, right where R is wrong, and checkable by hand without either."""

import re
import time

import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipelines.detectors import farrington
from pipelines.detectors.count_quantiles import exceedance, upper_quantile
from pipelines.detectors.farrington import Settings, farrington_flexible

NOUFAILY = {"noPeriods": 10, "pastWeeksNotIncluded": 26, "pThresholdTrend": 1, "thresholdMethod": "nbPlugin"}
# On series with one case a year in the same place the fitted slope is 0 up to rounding; R's rounding then decides
# `trendUsed` either way. Bound and alarm are the same.
UNDECIDABLE_TREND = {("ha_berlin", "mahe", "N_b3", 288)}


# ---- against R, on the files beside the project ----------------------------------------------------------------------


def read(path) -> pl.DataFrame:
    return pl.read_csv(path, null_values=["NA"], infer_schema_length=None)


def settings_of(row: dict) -> Settings:
    words = {"TRUE": True, "FALSE": False}
    known = {
        name: words.get(str(value).upper(), value) for name, value in row.items() if name in farrington.SETTING_NAMES
    }
    return Settings(**known, limit54=(row["limit54_cases"], row["limit54_weeks"]))


def controls(folder, name: str) -> dict[str, Settings]:
    return {row["control"]: settings_of(row) for row in read(folder / name).iter_rows(named=True)}


def dataset(series: pl.DataFrame, name: str):
    """Names, counts, population (weeks × series) and dates of one of R's data sets."""
    part = series.filter(pl.col("dataset") == name)
    names = part["series"].unique(maintain_order=True).to_list()
    wide = [part.filter(pl.col("series") == one).sort("k") for one in names]
    counts, population = (
        np.column_stack([one[column].to_numpy() for one in wide]) for column in ("observed", "population")
    )
    dates = None if wide[0]["date"].null_count() else wide[0]["date"].str.to_date().to_numpy()
    return names, counts, population, dates


def differences(found: dict, names: list[str], weeks: list[int], reference: pl.DataFrame) -> dict[str, float]:
    """Largest relative difference of each column over the reference rows; differing flags and gaps are counted."""
    at = [weeks.index(k) for k in reference["k"]], [names.index(name) for name in reference["series"]]
    result = {}
    for column in farrington.COLUMNS:
        if column not in reference.columns:
            continue
        ours = found[column][at].astype(float)
        theirs = reference[column].cast(pl.Float64).to_numpy()
        if column in ("observed", "alarm"):
            result[column] = int((ours != theirs).sum())
            continue
        if column == "trendUsed":
            keys = zip(reference["dataset"], reference["series"], reference["control"], reference["k"], strict=True)
            result[column] = sum(
                a != b and key not in UNDECIDABLE_TREND for a, b, key in zip(ours, theirs, keys, strict=True)
            )
            continue
        skipped = [
            key in UNDECIDABLE_TREND and column == "trendCoef"
            for key in zip(reference["dataset"], reference["series"], reference["control"], reference["k"], strict=True)
        ]
        ours, theirs = ours[~np.array(skipped)], theirs[~np.array(skipped)]
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), (column, "NA elsewhere than in R")
        here = np.isfinite(theirs)
        assert np.array_equal(ours[~here & ~np.isnan(ours)], theirs[~here & ~np.isnan(theirs)]), (
            column,
            "Inf elsewhere",
        )
        # A score or slope is a difference that can cancel to 0: it is compared on the scale it was computed on.
        least = {"score": 1.0, "trendCoef": 1e-3}.get(column, 0.0)
        apart = np.abs(ours[here] - theirs[here]) / np.maximum(np.maximum(np.abs(theirs[here]), least), 1e-300)
        result[column] = apart.max(initial=0.0)
    return result


def hold(result: dict[str, float]) -> None:
    assert result["alarm"] == result["observed"] == result["trendUsed"] == 0
    assert result["upperbound"] <= 1e-9
    assert max(result[name] for name in ("expected", "score", "pvalue", "phi")) <= 1e-8
    assert max(result.get("mu0", 0), result.get("trendCoef", 0)) <= 1e-8


@pytest.mark.parametrize(
    "control", ["N_nb", "N_muan", "N_delta", "N_b3", "N_b4", "F_orig", "F_none", "F_raw", "N_nb_pop"]
)
def test_equal_to_r_on_surveillance_data(shared_detect, control):
    series = read(shared_detect / "series.csv.gz")
    reference = read(shared_detect / "farrington_ref.csv.gz").filter(pl.col("control") == control)
    chosen = controls(shared_detect, "farrington_controls.csv")[control]
    assert len(reference)
    for (name,), part in reference.group_by("dataset"):
        names, counts, population, dates = dataset(series, name)
        weeks = sorted(part["k"].unique().to_list())
        found = farrington_flexible(
            counts, population=population, dates=dates, weeks=[k - 1 for k in weeks], settings=chosen, compat=True
        )
        hold(differences(found, names, weeks, part))


@pytest.mark.parametrize("control", ["N_nb", "N_delta", "N_muan", "F_orig"])
def test_equal_to_r_on_simulated_series(shared_detect, control):
    wide = read(shared_detect / "synth_series.csv.gz")
    reference = read(shared_detect / "synth_farrington_ref.csv.gz").filter(pl.col("control") == control)
    chosen = controls(shared_detect, "synth_farrington_controls.csv")[control]
    weeks = sorted(reference["k"].unique().to_list())
    found = farrington_flexible(
        wide.drop("series").to_numpy().T, weeks=[k - 1 for k in weeks], settings=chosen, compat=True
    )
    hold(differences(found, wide["series"].to_list(), weeks, reference.with_columns(dataset=pl.lit("synth"))))


def test_every_reference_row_is_compared(shared_detect):
    """The two tests above name all settings of both tables."""
    for name, table in (
        ("farrington_ref", "farrington_controls"),
        ("synth_farrington_ref", "synth_farrington_controls"),
    ):
        settings = controls(shared_detect, f"{table}.csv")
        assert set(read(shared_detect / f"{name}.csv.gz")["control"]) <= set(settings)
        assert len(settings) == {"farrington_controls": 9, "synth_farrington_controls": 4}[table]


@pytest.mark.parametrize(("compat", "word"), [(True, "package"), (False, "clean")])
def test_both_standard_errors_of_the_traced_fit(shared_detect, compat, word):
    """muan reports exp(η + z·se): the package's error in compat, the right one otherwise."""
    text = (shared_detect / "trace_agona_k300.txt").read_text()
    _, counts, _, _ = dataset(read(shared_detect / "series.csv.gz"), "agona")
    chosen = Settings(**{**NOUFAILY, "thresholdMethod": "muan"})
    found = farrington_flexible(counts, weeks=[299], settings=chosen, compat=compat)
    eta = float(re.search(r"eta0 ([\d.]+)", text)[1])
    expected = float(re.search(rf"se .*?([\d.]+|)\({word}\) ([\d.]+)", text)[2])
    se = (np.log(found["mu0"][0, 0]) - eta) / stats.norm.isf(0.05)
    assert se == pytest.approx(expected, rel=1e-10)
    assert found["phi"][0, 0] == pytest.approx(float(re.search(r"\nphi ([\d.]+)", text)[1]), rel=1e-12)
    sizes = [int(size) for size in re.search(r"block sizes by level 1..10: ([\d ]+)", text)[1].split()]
    design = farrington._design(299, chosen, None)
    assert np.bincount(design.level).tolist() == [sizes[-1], *sizes[:-1]]


# ---- by hand ---------------------------------------------------------------------------------------------------------


def flat(level: float, n_weeks: int = 320, last: float | None = None) -> np.ndarray:
    counts = np.full((n_weeks, 1), level)
    counts[-1] = level if last is None else last
    return counts


def judge_last(counts: np.ndarray, compat: bool = False, **chosen) -> dict[str, float]:
    found = farrington_flexible(counts, weeks=[len(counts) - 1], settings=chosen, compat=compat)
    return {name: values[0, 0] for name, values in found.items() if name != "week"}


def test_delta_bound_of_a_flat_series():
    """35 baseline weeks of 10, φ = 1: se² of log μ is 1/350, so the variance is 10(1 + 10/350) and the bound
    10(1 + ⅔·1.6449·√.102857)^1.5. R loses the 10/350, its residuals being 0."""
    assert judge_last(flat(10.0))["upperbound"] == pytest.approx(15.71495, abs=1e-5)
    assert judge_last(flat(10.0), compat=True)["upperbound"] == pytest.approx(15.62925, abs=1e-5)


def test_plug_in_bound_and_the_two_scores():
    """Poisson with mean 2: P(Y ≤ 4) = .947, P(Y ≤ 5) = .983."""
    found = judge_last(flat(2.0, last=6), thresholdMethod="nbPlugin")
    assert (found["expected"], found["upperbound"], found["alarm"]) == (pytest.approx(2), 5, True)
    assert found["score"] == pytest.approx((6 - 2) / (5 - 2))
    assert found["pvalue"] == pytest.approx(0.016564, abs=1e-6)
    same = judge_last(flat(2.0, last=6), compat=True, thresholdMethod="nbPlugin")
    assert same["score"] == pytest.approx((6 - np.log(2)) / (5 - np.log(2)))
    assert same["alarm"]


def test_without_trend_the_prediction_is_the_mean_of_the_same_season():
    rng = np.random.default_rng(5)
    counts = rng.poisson(6, (416, 7))
    found = farrington_flexible(counts, weeks=[400], settings={**NOUFAILY, "trend": False, "reweight": False})
    weeks = np.concatenate([400 - 52 * year + np.arange(-3, 4) for year in range(1, 6)])
    assert found["expected"][0] == pytest.approx(counts[weeks].mean(axis=0))
    assert not found["trendUsed"].any()


def test_empty_seasons_are_fitted_as_r_does_where_that_means_something():
    """Series with an empty block start elsewhere and end, where anything was counted, in the same place."""
    rng = np.random.default_rng(17)
    counts = rng.poisson(np.exp(rng.uniform(-4, 0, 300)), (416, 300))
    ours, theirs = (
        farrington_flexible(counts, weeks=[415], settings={**NOUFAILY, "limit54": (0, 4)}, compat=compat)
        for compat in (False, True)
    )
    telling = theirs["expected"][0] > 0.01
    assert 50 < telling.sum() < 300
    assert ours["expected"][0, telling] == pytest.approx(theirs["expected"][0, telling], rel=1e-4)
    assert np.array_equal(ours["alarm"], theirs["alarm"])
    assert (ours["expected"][0, ~telling] < 0.01).all()


def test_trend_is_followed():
    counts = np.round(20 * np.exp(0.002 * np.arange(416)))[:, None]
    found = judge_last(counts, noPeriods=10, pastWeeksNotIncluded=26, pThresholdTrend=0.05)
    assert found["trendUsed"] == 0  # the prediction would lie above everything seen
    falling = counts[::-1]
    found = judge_last(falling, noPeriods=10, pastWeeksNotIncluded=26, pThresholdTrend=0.05)
    assert found["trendUsed"] == 1
    assert found["trendCoef"] == pytest.approx(-0.002, abs=2e-5)
    assert found["expected"] == pytest.approx(20, rel=0.02)
    assert np.isnan(judge_last(falling, b=2)["trendCoef"])  # two years carry no trend


def test_blocks_share_the_weeks_between_two_windows():
    design = farrington._design(299, Settings(**NOUFAILY), None)
    assert design.rows[[0, -1]].tolist() == [299 - 260 - 3, 299 - 27]
    first_year = design.level[:52]
    assert first_year.tolist() == [0] * 7 + [level for level in range(1, 10) for _ in range(5)]
    design = farrington._design(299, Settings(**{**NOUFAILY, "w": 2}), None)  # 47 weeks between: two weeks left over
    assert np.bincount(design.level[:52]).tolist() == [5, 6, 6, 5, 5, 5, 5, 5, 5, 5]
    assert set(farrington._design(299, Settings(), None).level) == {0}


def test_the_same_week_by_the_calendar():
    days = np.datetime64("2017-01-02") + 7 * np.arange(220)
    row = int(np.flatnonzero(days == np.datetime64("2021-01-04"))[0])
    assert farrington._reference_weeks(row, 3, days) == [row - 52, row - 104, row - 157]  # 4 January 2018: a Thursday
    leap = int(np.flatnonzero(days == np.datetime64("2020-02-24"))[0])
    assert days[farrington._reference_weeks(leap, 1, days)[0]] == np.datetime64("2019-02-25")
    assert farrington._reference_weeks(row, 5, days) is None


def test_an_outbreak_in_the_baseline_does_not_blind_the_next():
    counts = flat(8.0, last=24) + np.random.default_rng(2).integers(-2, 3, (320, 1))
    counts[320 - 1 - 52] = 90
    assert not judge_last(counts, reweight=False)["alarm"]
    assert judge_last(counts)["alarm"]


def test_twice_the_population_expects_twice_the_count():
    population = np.full((320, 1), 1000.0)
    population[-1] = 2000
    found = farrington_flexible(flat(10.0), population=population, weeks=[319], settings={"populationOffset": True})
    assert found["expected"][0, 0] == pytest.approx(20)


def test_few_cases_never_alarm_but_keep_their_bound():
    counts = np.zeros((320, 1))
    counts[-1] = 4
    assert judge_last(counts, thresholdMethod="nbPlugin", limit54=(0, 4))["alarm"]
    found = judge_last(counts, thresholdMethod="nbPlugin")
    assert not found["alarm"] and found["upperbound"] == 0
    assert np.isnan(judge_last(counts, compat=True, thresholdMethod="nbPlugin")["upperbound"])


def test_muan_on_an_empty_season_is_the_exact_limit():
    """No case in 35 weeks: the mean is below ln 20 / 35 = .0856 with 95 %; P(0) = .918, P(≤ 1) = .997."""
    found = judge_last(np.zeros((320, 1)), thresholdMethod="muan", limit54=(0, 4))
    assert found["mu0"] == pytest.approx(np.log(20) / 35)
    assert found["upperbound"] == 1
    assert judge_last(np.zeros((320, 1)), compat=True, thresholdMethod="muan", limit54=(0, 4))["mu0"] > 1e6


@pytest.mark.parametrize("method", farrington.THRESHOLD_METHODS)
def test_the_score_passes_1_exactly_with_an_alarm(method):
    rng = np.random.default_rng(11)
    means = np.exp(rng.uniform(-4, 4, 600))
    counts = rng.negative_binomial(means / 2, 1 / 3, (300, 600)).astype(float)
    counts[-1] += rng.poisson(2 * np.sqrt(means))
    found = farrington_flexible(
        counts, weeks=[299], settings={**NOUFAILY, "thresholdMethod": method, "limit54": (0, 4)}
    )
    assert np.isfinite(found["score"]).all()
    assert np.array_equal(found["score"] > 1, found["alarm"])
    assert 10 < found["alarm"].sum() < 500


def test_short_history_is_not_judged():
    found = farrington_flexible(flat(10.0))
    judged = ~np.isnan(found["expected"][:, 0])
    assert found["week"][judged][0] == 5 * 52 + 3
    assert judged[263:].all() and not found["alarm"][~judged].any()


def test_appending_weeks_and_series_changes_no_earlier_verdict():
    rng = np.random.default_rng(3)
    counts = rng.poisson(np.exp(rng.uniform(-2, 3, 450)), (330, 450))
    whole = farrington_flexible(counts, weeks=[300, 310], settings=NOUFAILY)
    part = farrington_flexible(counts[:311, 200:203], weeks=[310], settings=NOUFAILY)
    for name in ("expected", "upperbound", "pvalue", "phi"):
        assert part[name][0] == pytest.approx(whole[name][1, 200:203], rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "more", "said"),
    [
        ([[1.0], [np.nan]], {}, "不能有空缺"),
        ([[1.0], [-1]], {}, "不小于 0"),
        ([[1.0], [2]], {"weeks": [2]}, "0 到 1 之间"),
        ([[1.0], [2]], {"settings": {"alpha": 2}}, "设置 alpha"),
        ([[1.0], [2]], {"settings": {"thresholdMethod": "nbplugin"}}, "delta、nbPlugin、muan"),
        ([[1.0], [2]], {"settings": {"populationOffset": True}}, "人口数"),
        ([[1.0], [2]], {"dates": ["2026-01-05", "2026-01-13"]}, "相隔 7 天"),
    ],
)
def test_unusable_input_is_said(counts, more, said):
    with pytest.raises(ValueError, match=said):
        farrington_flexible(np.array(counts), **more)


# ---- quantiles -------------------------------------------------------------------------------------------------------


def test_quantiles_equal_scipy_where_scipy_can():
    mean = np.repeat(np.geomspace(1e-3, 1e5, 60), 4)
    phi = np.tile([1.0, 1.2, 3.0, 40.0], 60)
    for alpha in (0.05, 0.005, 1e-4):
        spread = np.where(phi == 1, 2.0, phi)
        expected = np.where(
            phi == 1, stats.poisson.ppf(1 - alpha, mean), stats.nbinom.ppf(1 - alpha, mean / (spread - 1), 1 / spread)
        )
        found = upper_quantile(alpha, mean, phi)
        assert np.array_equal(found, expected)
        assert (exceedance(found + 1, mean, phi) <= alpha).all()
        assert (exceedance(found, mean, phi)[found > 0] > alpha).all()


def test_absurd_means_neither_hang_nor_abort():
    """scipy.stats.nbinom.ppf aborts the process or never returns here."""
    started = time.process_time()
    mean = np.array([1e9, 1e12, 1e133, 1e269, 1e308, np.inf, np.nan])
    for phi in (1.0, 1.5, 1e6):
        found = upper_quantile(0.005, mean, np.full(7, phi))
        assert np.array_equal(np.isnan(found), [False] * 5 + [True] * 2)
        assert (found[:5] >= mean[:5]).all()
        assert (exceedance(np.ones(6), mean[:6], np.full(6, phi)) == 1).all()
    assert time.process_time() - started < 1
