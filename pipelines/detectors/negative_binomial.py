"""Are there more items this week than chance and season explain? One-sided negative-binomial exceedance.

For week t of one series, with a(t) the activity of the week (see `activity`):

1. season    S(u) for the baseline weeks and for t: how the borrowed series (the issue in the whole city) ran at the
             same point of the season in earlier years, shrunk towards 1 unless it is known to be seasonal.
2. level     L = Σ y / Σ a·S over the `baseline_weeks` before the guard band, one re-weighting round against past
             outbreaks (weeks with Anscombe residual above 2.58 count as expected, after Farrington et al. 1996).
3. expected  μ = L · S(t) · a(t).
4. spread    predictive variance V = φ·μ + μ²·(φ/Σy_baseline + var(S)/S²); φ the Pearson dispersion of the baseline,
             shrunk towards that of its group (the issue), at least 1. V/μ is the dispersion of the predictive negative
             binomial, so the uncertainty of level and season is in the p-value.
5. p = P(Y ≥ y). Upper bound = its 1-α quantile. Alarm when y is above it.

Noufaily et al. 2013 (Statist. Med. 32:1206) use the same quasi-Poisson idea with a fitted seasonal factor; we borrow
the season from the parent series instead, which works from one year of history on. A week is `not_assessed` when
fewer than `min_baseline_weeks` precede its guard band or when the level is zero and nothing was ever seen.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

MEAN_CAP = 1e6  # scipy's negative-binomial quantile hangs for absurd means
SEASON_DISPERSION = 2.0  # of the borrowed series, for the uncertainty of its season
DISPERSION_PRIOR_DF = 25.0
SILENT_ITEMS = 0.5
GROUP_PRIOR_ITEMS = 50.0
CLUMP_SQUARE = 50.0  # a sparse series' squared deviation counts up to this, so that an outbreak is no dispersion
TRIM_CORRECTION = 1.1  # setting extreme weeks to their mean hides about a tenth of the variance
YEAR_WEEKS = 52


@dataclass(frozen=True)
class Detection:
    """Verdicts, each an array (series × evaluated weeks); NaN where not assessed."""

    weeks: np.ndarray  # column numbers of the evaluated weeks
    observed: np.ndarray
    expected: np.ndarray
    upper_bound: np.ndarray
    p_value: np.ndarray
    reason: np.ndarray  # '' where assessed

    @property
    def score(self) -> np.ndarray:
        """Excess in units of the allowed excess: 1 = at the bound."""
        room = np.maximum(self.upper_bound - self.expected, 0.5)
        return (self.observed - self.expected) / room

    @property
    def status(self) -> np.ndarray:
        verdict = np.where(self.observed > self.upper_bound, "alarm", "normal")
        return np.where(self.reason == "", verdict, "not_assessed")


def negative_binomial_exceedance(
    observed: np.ndarray,
    *,
    season: np.ndarray | None = None,
    activity: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    known_from: np.ndarray | None = None,
    same_season: list[list[int]] | None = None,
    baseline_weeks: int = 26,
    guard_weeks: int = 2,
    min_baseline_weeks: int = 8,
    alpha: float = 0.01,
    evaluate: int | None = None,
) -> Detection:
    """Judge the last `evaluate` weeks of every series (all weeks if None).

    `observed`: (series × weeks) counts, weeks complete and in order. `season`: same shape, the series whose season is
    borrowed (default: the series itself). `activity`: (weeks,) relative amount of registering a week allows, e.g. 0.4
    for a holiday week (default 1). `groups`: (series,) small whole numbers; series of one group (one issue) share the
    prior of their dispersion (default: all one group). `known_from`: (series,) column from which a series' place has
    reported at all; earlier zeros are ignorance, not calm (default 0). `same_season[t]`: columns of the weeks of earlier years that are at the same point of
    the season as week t, latest first (default: 52, 104, … weeks earlier). Appending weeks never changes an earlier verdict.

    >>> y = np.full((1, 40), 10.0); y[0, -1] = 30
    >>> d = negative_binomial_exceedance(y, evaluate=1)
    >>> round(float(d.expected[0, 0]), 1), str(d.status[0, 0])
    (10.0, 'alarm')
    """
    y = np.asarray(observed, dtype=float)
    borrowed = y if season is None else np.asarray(season, dtype=float)
    n_series, n_weeks = y.shape
    a = np.ones(n_weeks) if activity is None else np.maximum(np.asarray(activity, dtype=float), 0.05)
    weeks = np.arange(n_weeks) if evaluate is None else np.arange(max(n_weeks - evaluate, 0), n_weeks)
    rate = borrowed / a
    groups = np.zeros(n_series, dtype=int) if groups is None else groups
    since = np.zeros(n_series, dtype=int) if known_from is None else known_from
    seasons = same_season or [list(range(t - YEAR_WEEKS, -1, -YEAR_WEEKS)) for t in range(n_weeks)]
    shape = (n_series, len(weeks))
    expected, bound, p_value = (np.full(shape, np.nan) for _ in range(3))
    reason = np.full(shape, "", dtype=object)

    for column, t in enumerate(weeks):
        stop = t - guard_weeks
        start = max(stop - baseline_weeks, 0)
        if stop - start < min_baseline_weeks:
            reason[:, column] = f"历史不足 {min_baseline_weeks + guard_weeks} 周"
            continue
        index_before, index_now, season_variance = _season(rate, a, seasons[t], t, start, stop)
        known = np.arange(start, stop) >= since[:, None]
        exposure = np.maximum(a[start:stop] * index_before * known, 1e-12)
        level, dispersion, evidence = _level(y[:, start:stop], exposure, groups)
        # Nothing in the baseline: the level is at most about half an item in the whole window.
        level = np.where(evidence == 0, SILENT_ITEMS / exposure.sum(axis=1), level)
        mean = np.minimum(level * index_now * a[t], MEAN_CAP)
        relative_variance = dispersion / np.maximum(evidence, 1.0) + season_variance
        spread = np.maximum(dispersion + mean * relative_variance, 1 + 1e-6)
        size, success = mean / (spread - 1), 1 / spread
        p = special.betainc(np.maximum(y[:, t], 1), size, 1 - success)
        expected[:, column] = mean
        p_value[:, column] = np.where(y[:, t] <= 0, 1.0, p)
        bound[:, column] = stats.nbinom.ppf(1 - alpha, size, success)
        young = known.sum(axis=1) < min_baseline_weeks
        reason[young, column] = f"该区域数据不足 {min_baseline_weeks + guard_weeks} 周"
        expected[young, column] = p_value[young, column] = bound[young, column] = np.nan
    return Detection(weeks, y[:, weeks], expected, bound, p_value, reason)


def _level(base: np.ndarray, exposure: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Level per unit exposure, shrunken dispersion, and the number of items behind the level; one value a series.

    `exposure` (series × weeks): activity times seasonal index, what each baseline week would bring at level 1. The
    dispersion of a series with few items is mostly that of its group: how large the clumps are in which items come.
    """
    n = base.shape[1]
    level = base.sum(axis=1) / exposure.sum(axis=1)
    calm = base
    for _ in range(2):
        mean = np.maximum(level[:, None] * exposure, 1e-9)
        residual = 1.5 * (base ** (2 / 3) - mean ** (2 / 3)) / mean ** (1 / 6)
        raw = ((base - mean) ** 2 / mean).sum(axis=1) / (n - 1)
        scale = np.sqrt(np.clip(raw, 1, 3))[:, None]
        calm = np.where(residual > 2.58 * scale, mean, base)
        level = calm.sum(axis=1) / exposure.sum(axis=1)
    mean = np.maximum(level[:, None] * exposure, 1e-9)
    busy = mean.mean(axis=1) >= 0.5
    square = np.where(busy[:, None], TRIM_CORRECTION * (calm - mean) ** 2, np.minimum((base - mean) ** 2, CLUMP_SQUARE))
    square, total = square.sum(axis=1), mean.sum(axis=1)
    whole = max(square.sum() / max(total.sum(), 1e-9), 1.0)
    group_square = np.bincount(groups, square) + GROUP_PRIOR_ITEMS * whole
    pooled = (group_square / (np.bincount(groups, total) + GROUP_PRIOR_ITEMS))[groups]
    own_df = np.where(busy, n - 1, 0)
    own = square / np.maximum(total, 1e-9) * n / (n - 1)
    dispersion = (own_df * own + DISPERSION_PRIOR_DF * pooled) / (own_df + DISPERSION_PRIOR_DF)
    return level, np.maximum(dispersion, 1.0), calm.sum(axis=1)


def _season(
    rate: np.ndarray, activity: np.ndarray, earlier: list[int], t: int, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seasonal index of the baseline weeks (series × weeks) and of week t, and the relative variance of the latter.

    `rate`: the borrowed series per unit activity. Each week is looked up in earlier years together with its
    neighbours (weights 1-2-1), because a season starts a week earlier or later from year to year; where the three
    differ by more than chance, the season is on its flank and known less well. The log index is shrunk towards 0
    unless the borrowed series has been seasonal over the past year (empirical Bayes).
    """
    n_series, n_base = len(rate), stop - start
    near, before, n_years = np.zeros((n_series, 3)), np.zeros((n_series, n_base)), 0
    for week in earlier:
        first = start - (t - week)
        if first < 1:
            break
        near += rate[:, week - 1 : week + 2]
        before += _smooth(rate[:, first - 1 : first + n_base + 1])
        n_years += 1
    if n_years == 0:
        return np.ones((n_series, n_base)), np.ones(n_series), np.full(n_series, 0.02)
    peak = _smooth(near)[:, 0] + 0.5
    base = before.mean(axis=1) + 0.5
    chance = SEASON_DISPERSION * (1 / (2.7 * peak) + 1 / (base * n_base))  # 2.7: 1-2-1 averages that many weeks
    swing = _yearly_swing(rate[:, max(stop - YEAR_WEEKS, 0) : stop])
    trust = swing / (swing + chance)
    index_before = np.exp(trust[:, None] * np.log((before + 0.5) / base[:, None]))
    index_now = np.exp(trust * np.log(peak / base))
    uneven = np.maximum(near.var(axis=1, ddof=1) - SEASON_DISPERSION * peak, 0)
    return index_before, index_now, trust * chance + uneven / 2.7 / peak**2


def _smooth(rate: np.ndarray) -> np.ndarray:
    """1-2-1 mean along the weeks; one week shorter at either end."""
    return (rate[:, :-2] + 2 * rate[:, 1:-1] + rate[:, 2:]) / 4


def _yearly_swing(rate: np.ndarray) -> np.ndarray:
    """Squared coefficient of variation over the year, in 4-week blocks, beyond what chance gives; one value a series."""
    n_blocks = rate.shape[1] // 4
    blocks = rate[:, -4 * n_blocks :].reshape(len(rate), n_blocks, 4).sum(axis=2)
    mean = blocks.mean(axis=1) + 0.5
    return np.maximum(blocks.var(axis=1, ddof=1) / mean**2 - SEASON_DISPERSION / mean, 1e-3)
