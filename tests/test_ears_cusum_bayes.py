"""EARS, CUSUM, Bayes and RKI rules: equal to R's surveillance, and by hand."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipelines.detectors.bayes import CROW_GARDNER, SYSTEMS, bayes, rki
from pipelines.detectors.cusum import TRANSFORMS, cusum
from pipelines.detectors.ears import METHODS, ears


def read(path) -> pl.DataFrame:
    return pl.read_csv(path, null_values=["NA"], infer_schema_length=None)


def counts_of(series: pl.DataFrame, dataset: str, name: str | None = None) -> np.ndarray:
    part = series.filter(pl.col("dataset") == dataset)
    return (part if name is None else part.filter(pl.col("series") == name))["observed"].to_numpy()[:, None]


def apart(ours: np.ndarray, theirs: pl.Series, scale=0.0) -> float:
    """Largest difference relative to the reference, or to `scale` where that is larger; NA must match."""
    reference = theirs.cast(pl.Float64).to_numpy()
    assert np.array_equal(np.isnan(ours), np.isnan(reference))
    size = np.maximum(np.maximum(np.abs(reference), scale), 1.0)
    return float(np.nanmax(np.abs(ours - reference) / size, initial=0))


# ---- against R -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_ears_equal_to_r(shared_detect, method):
    series = read(shared_detect / "series.csv.gz")
    reference = read(shared_detect / "ears_ref.csv.gz").filter(pl.col("method") == method)
    assert len(reference) > 9000
    for (dataset, name, _), part in reference.group_by("dataset", "series", "variant"):
        found = ears(
            counts_of(series, dataset, name), method=method, baseline=part["baseline"][0],
            minSigma=part["minSigma"][0], alpha=part["alpha"][0], weeks=part["k"].to_numpy() - 1, compat=True,
        )  # fmt: skip
        assert apart(found["upperbound"][:, 0], part["upperbound"]) <= 1e-12
        assert np.array_equal(found["alarm"][:, 0], part["alarm"].fill_null(0).to_numpy() == 1)


@pytest.mark.parametrize("trans", TRANSFORMS)
@pytest.mark.parametrize("m", ["mean_before_range", "glm"])
def test_cusum_equal_to_r(shared_detect, trans, m):
    """Path and bound are differences of numbers the size of the in-control mean, which R knows to 1.4e-14."""
    series = read(shared_detect / "series.csv.gz")
    reference = read(shared_detect / "cusum_ref.csv.gz").filter((pl.col("trans") == trans) & (pl.col("m") == m))
    assert len(reference) == 739
    for (dataset,), part in reference.group_by("dataset"):
        found = cusum(
            counts_of(series, dataset), start=208, trans=trans, m="glm" if m == "glm" else "mean", compat=True
        )
        assert (found["week"] + 1 == part["k"].to_numpy()).all()
        mean = part["mExp"].to_numpy()
        assert apart(found["expected"][:, 0], part["mExp"]) <= 1e-12
        assert apart(found["cusum"][:, 0], part["cusum"], scale=mean) <= 1e-12
        assert apart(found["upperbound"][:, 0], part["upperbound"], scale=mean) <= 1e-12
        assert np.array_equal(found["alarm"][:, 0], part["alarm"].to_numpy() == 1)


@pytest.mark.parametrize("method", SYSTEMS)
def test_bayes_and_rki_equal_to_r(shared_detect, method):
    series = read(shared_detect / "series.csv.gz")
    reference = read(shared_detect / "bayes_rki_ref.csv.gz").filter(pl.col("method") == method)
    assert len(reference) == 739
    assert reference.select("b", "w", "actY").row(0) == SYSTEMS[method]
    for (dataset,), part in reference.group_by("dataset"):
        rule = bayes if method.startswith("bayes") else rki
        found = rule(counts_of(series, dataset), method=method, weeks=part["k"].to_numpy() - 1)
        assert apart(found["upperbound"][:, 0], part["upperbound"]) <= 1e-12
        assert np.array_equal(found["alarm"][:, 0], part["alarm"].to_numpy() == 1)


# ---- EARS by hand ----------------------------------------------------------------------------------------------------


def column(*counts: float) -> np.ndarray:
    return np.array(counts, dtype=float)[:, None]


def test_c1_looks_at_the_seven_weeks_before():
    """2 4 2 4 2 4 3: mean 3, standard deviation 1; bound 3 + 3.0902."""
    found = ears(column(2, 4, 2, 4, 2, 4, 3, 7, 6), weeks=[7])
    assert found["upperbound"][0, 0] == pytest.approx(6.090232, abs=1e-6)
    assert found["alarm"][0, 0] and found["expected"][0, 0] == 3
    assert found["pvalue"][0, 0] == pytest.approx(stats.norm.sf(4))


def test_c2_leaves_out_the_two_weeks_before():
    counts = column(2, 4, 2, 4, 2, 4, 3, 50, 50, 7)
    assert ears(counts, method="C2", weeks=[9])["alarm"][0, 0]
    assert not ears(counts, method="C1", weeks=[9])["alarm"][0, 0]


def test_c3_adds_up_three_weeks():
    """C2 = 1.9 in each of three weeks makes 3·0.9 = 2.7 > 1.96, though no week alone is above 1.96."""
    base = [2, 4, 2, 4, 2, 4, 3]
    counts = column(*base * 3)
    found = ears(counts, method="C3", weeks=[20])
    assert not found["alarm"][0, 0]
    raised = counts.copy()
    for row in (18, 19, 20):
        before = raised[row - 9 : row - 2]
        raised[row] = before.mean() + 1.9 * before.std(ddof=1)
    found = ears(raised, method="C3", weeks=[18, 19, 20])
    assert found["alarm"][:, 0].tolist() == [False, False, True]
    assert found["score"][2, 0] == pytest.approx(2.7 / stats.norm.isf(0.025))
    before = raised[11:18]
    assert found["upperbound"][2, 0] == pytest.approx(
        before.mean() + before.std(ddof=1) * (1 + stats.norm.isf(0.025) - 1.8)
    )


def test_c3_of_r_ignores_the_week_it_judges():
    """A hundredfold count in a quiet series: R's bound moves up with it."""
    counts = column(*[2, 4, 2, 4, 2, 4, 3] * 3)
    counts[20] = 300
    assert ears(counts, method="C3", weeks=[20])["alarm"][0, 0]
    assert not ears(counts, method="C3", weeks=[20], compat=True)["alarm"][0, 0]


def test_a_constant_baseline_alarms_at_once_unless_told_otherwise():
    counts = column(*[1] * 12, 2)
    for method in METHODS:
        assert ears(counts, method=method, weeks=[12])["alarm"][0, 0]
        assert not ears(counts, method=method, minSigma=0.5, weeks=[12])["alarm"][0, 0]


def test_ears_need_their_history():
    counts = column(*range(20))
    first = {method: int(np.flatnonzero(~np.isnan(ears(counts, method=method)["upperbound"]))[0]) for method in METHODS}
    assert first == {"C1": 7, "C2": 9, "C3": 11}


# ---- CUSUM by hand ---------------------------------------------------------------------------------------------------


def test_cusum_path():
    """m = 4: z = (y - 4)/2 = 2, 1, -2, 4, so C = 0.96, 0.92, 0, 2.96."""
    found = cusum(column(4, 4, 4, 4, 8, 6, 0, 12), start=4)
    assert found["cusum"][:, 0] == pytest.approx([0.96, 0.92, 0, 2.96])
    assert found["alarm"][:, 0].tolist() == [False, False, False, True]
    # The sum reaches 2.26 from y = ⌈4 + 2(2.26 + 1.04 - C before)⌉ on.
    assert found["upperbound"][:, 0].tolist() == [11, 9, 9, 11]


@pytest.mark.parametrize("trans", TRANSFORMS)
def test_the_bound_is_where_the_sum_reaches_h(trans):
    base = np.random.default_rng(1).poisson(7, (60, 1)).astype(float)
    found = cusum(base, start=50, trans=trans)
    for row in range(10):
        changed = base.copy()
        changed[50 + row] = found["upperbound"][row, 0]
        reached = cusum(changed, start=50, trans=trans)["cusum"][row, 0]
        assert reached == pytest.approx(2.26, abs=1e-9) if trans != "standard" else 2.26 <= reached < 2.26 + 7**-0.5


def test_cusum_glm_learns_the_season():
    weeks = np.arange(312)
    counts = np.round(50 * np.exp(0.8 * np.cos(2 * np.pi * (weeks - 10) / 52)))[:, None]
    assert cusum(counts, start=208)["alarm"].any()
    learned = cusum(counts, start=208, m="glm")
    assert not learned["alarm"].any()
    assert learned["expected"][:, 0] == pytest.approx(counts[208:, 0], abs=1)


def test_reset_starts_again_after_an_alarm():
    counts = column(4, 4, 4, 4, *[8] * 6)
    assert cusum(counts, start=4)["alarm"][:, 0].tolist() == [False, False, True, True, True, True]
    assert cusum(counts, start=4, reset=True)["alarm"][:, 0].tolist() == [False, False, True, False, False, True]


def test_cusum_of_an_empty_past_is_not_judged():
    found = cusum(np.array([[0, 1], [0, 1], [3, 1]], dtype=float), start=2)
    assert np.isnan(found["cusum"][0, 0]) and not found["alarm"][0, 0]
    assert found["cusum"][0, 1] == 0


# ---- Bayes and RKI by hand -------------------------------------------------------------------------------------------


def test_bayes_predicts_from_six_weeks():
    """12 cases in 6 weeks: negative binomial with size 12.5, success 6/7, mean 12.5/6."""
    found = bayes(column(2, 2, 2, 2, 2, 2, 6), weeks=[6])
    assert found["expected"][0, 0] == pytest.approx(12.5 / 6)
    assert found["upperbound"][0, 0] == stats.nbinom.ppf(0.95, 12.5, 6 / 7)
    assert found["pvalue"][0, 0] == pytest.approx(stats.nbinom.sf(5, 12.5, 6 / 7))
    assert found["alarm"][0, 0]


@pytest.mark.parametrize(("method", "first"), [("bayes1", 6), ("bayes2", 58), ("bayes3", 108), ("rki3", 108)])
def test_reference_weeks_reach_back(method, first):
    rule = bayes if method.startswith("bayes") else rki
    found = rule(np.ones((120, 2)), method=method)
    assert np.isnan(found["upperbound"][:first, 0]).all() and not np.isnan(found["upperbound"][first:]).any()


def test_bayes3_reads_last_years_only():
    counts = np.ones((120, 1))
    counts[100:119] = 50
    assert bayes(counts, method="bayes3", weeks=[119])["expected"][0, 0] == pytest.approx((18 + 0.5) / 18)


def test_rki_changes_rule_at_a_mean_of_20():
    low = rki(column(20, 20, 20, 20, 20, 20, 31), weeks=[6])
    assert low["upperbound"][0, 0] == 30.017 and low["alarm"][0, 0]
    high = rki(column(22, 26, 22, 26, 22, 26, 30), weeks=[6])
    assert high["upperbound"][0, 0] == pytest.approx(24 + 2 * np.sqrt(24 / 5))


def test_crow_gardner_limits_are_what_they_say():
    """A run of counts that begins at x or x + 1 holds exactly 95 % there, and the limit is no wider than Garwood's."""
    for x, limit in enumerate(CROW_GARDNER):
        held = [
            stats.poisson.cdf(start + n, limit) - stats.poisson.cdf(start - 1, limit)
            for start in (x, x + 1)
            for n in range(50)
        ]
        assert min(abs(share - 0.95) for share in held) < 5e-5, x
        assert stats.chi2.ppf(0.95, 2 * x + 2) / 2 < limit < stats.chi2.ppf(0.975, 2 * x + 2) / 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda y: ears(y, method="C4"), "C1、C2、C3"),
        (lambda y: ears(y, alpha=0), "设置 alpha"),
        (lambda y: ears(y, baseline=2), "设置 baseline"),
        (lambda y: cusum(y, start=0), "设置 start"),
        (lambda y: cusum(y, start=5, trans="none"), "设置 trans"),
        (lambda y: cusum(y, start=5, m="median"), "设置 m"),
        (lambda y: bayes(y, method="rki1"), "bayes1、bayes2、bayes3"),
        (lambda y: rki(-y), "不小于 0"),
    ],
)
def test_unusable_settings_are_said(call, said):
    with pytest.raises(ValueError, match=said):
        call(np.ones((30, 1)))
