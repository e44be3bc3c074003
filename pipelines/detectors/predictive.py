"""Do the last weeks of a series look like an outbreak rather than like its own past? One p-value a week.

For week t of one series:

1. baseline  by what is known of the series before t (`method`):
             own       3 years and more: level, trend, two yearly harmonics over up to 7 years that end 26 weeks before
                       t, times what two harmonics cannot follow (step 3) of the parent. From 1 year on the same with
                       8 weeks' guard where there is no parent to borrow from; what is sharp is then its own.
             borrowed  1 to 3 years and a parent (the issue in the whole city): own level over the last 3 years, guard
                       8 weeks, times the parent's fitted curve.
             share     less than a year, or less than 3 and below SPARSE cases a week, and a parent: the series' share of
                       the parent's cases of the very week. Conditional test, at dispersion 1 the exact binomial
                       one with the share's uncertainty (beta-binomial); cases in clumps widen it.
             flat      less than a year, no parent: own level; the season is not known and p no better than its guess.
             The guard of a young series is a quarter of its weeks, at most 8.
2. fit       quasi-Poisson log-linear regression. Trend, harmonics and covariates count by evidence: coefficients b with
             sampling variance v get a normal prior of variance max(b² - v, v/10) (empirical Bayes), so that those which
             chance explains are pulled to nothing. Renewed every RENEWED weeks, as counted from week 0.
3. sharp     heating starts within two weeks, Spring Festival moves: covariates, and a profile of the time of the year
             for series that depart from the fitted curve in the same weeks year after year (`_fit_sharp`). From a year
             and a half of history on. A series too small to know it has it from its parent.
4. past      weeks that stand out, alone or with a neighbour (Anscombe residual above STANDS_OUT; about one week in
             a hundred by chance) are past outbreaks and left out, and what this takes from mean and variance
             of an undisturbed series is put back (`_trimming`). The usual weights s⁻² (Farrington 1996, Noufaily 2013)
             leave part of the outbreak in mean and dispersion: in the 42 scenarios past outbreaks then cost five
             points of detection, this way two.
5. spread    φ, at least 1, on the log scale. A series with a calmer past than its group is moved towards the group by
             empirical Bayes, never the other way: none is taken for calmer than it was.
6. week      predictive negative binomial, variance φμ(1 + μr), r the relative variance of the estimated μ and of the
             week's activity, averaged over the uncertainty of φ (5 Gauss-Hermite nodes). Its mid-p (Lancaster 1961,
             JASA 56:223) as normal score z.
7. weeks     likelihood ratio Λ of an outbreak that goes on against none, or one that is over (OVER), on the scores of
             the last four weeks: begun this week, last week, two weeks ago, or level for four weeks (SHAPES × SIZES, in
             standard deviations, bent by the skewness of the counts). What the scores share through the common μ and φ
             is part of it. P(Λ ≥ λ) without outbreak = E[1/L; Λ ≥ λ] over outbreaks, L their density against none: importance
             sampling, as good far out as near (`_null_tail`). A week below its middle is judged by itself.
8. alarm     p ≤ alpha and more cases than expected. `upper_bound` is the largest count of week t that, after the weeks
             before it, would be none.

Outbreak shape: Noufaily et al. (2013), Statist. Med. 32:1206, cases fall at floor(log-normal(0, 0.5)) weeks, half of them
in the first week and 42 % in the second. A week is `not_assessed` when fewer than MIN_WEEKS weeks precede its guard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special
from scipy.ndimage import map_coordinates

from pipelines.detectors.count_quantiles import MEAN_CAP, POISSON_UP_TO, exceedance
from pipelines.detectors.windows import checked

YEAR_WEEKS = 365.2425 / 7
BASELINE_YEARS = {"own": 7, "borrowed": 3, "share": 3, "flat": 1}  # baseline at most
LONG_WEEKS, YEAR, MIN_WEEKS = 156, 52, 8
LONG_GUARD, GUARD = 26, 8
SPARSE = 0.2  # cases a week
UNKNOWN_SEASON = 0.05  # relative variance of a mean taken from less than a year: ±20 %
PARENT_GUARD, PARENT_TREND_WEEKS = 2, 75
RENEWED = 4
SERIES_AT_ONCE = 192  # one round of the fit stays in the processor's cache

ROUNDS, FREE_ROUNDS = 6, 2  # of the fit; the first ones with every week
RIDGE = 0.1  # keeps a series without cases from running to -∞ along a harmonic
STANDS_OUT, FADE, NEIGHBOUR = 2.5, 0.5, 0.3
MIN_MEAN, LOG_MEAN = 1e-4, (-12.0, 30.0)
LARGEST_COUNT = 1e15  # whole numbers above it are no longer told apart

CLUMP = 4.0
ROUGH = 1.0  # variance of log φ among series rougher than their group
TIMING = 0.8  # weeks by which a steep season is early or late (standard deviation)

LAGS = 4
SHAPES = np.array([[0.5, 0, 0, 0], [0.42, 0.5, 0, 0], [0.07, 0.42, 0.5, 0], [0.4, 0.4, 0.4, 0.4]])  # this week first
SHAPE_PRIOR = np.array([7, 9, 1.5, 0.5]) / 18
SHAPE_WEEKS = np.array([1, 2, 3, 4])
OVER = np.array([[0, 0.5, 0, 0], [0, 0.42, 0.5, 0], [0, 0.07, 0.42, 0.5]])  # the same without a case this week
OVER_PRIOR = np.full(len(OVER), 0.005)  # against no outbreak; more of it: fewer alarms after an outbreak's end
SIZES = np.array([2.0, 4.5])  # cases of the whole outbreak, in standard deviations of a week
CORRELATIONS = np.array([0, 0.02, 0.06, 0.15, 0.3, 0.5])
SKEWNESS = np.array([0.05, 0.4, 0.8, 1.6, 3.2, 6.4])
SPREAD_SDS = np.array([0, 0.1, 0.2, 0.3, 0.5])  # of log φ
RATIOS = np.linspace(-6, 60, 529)  # log Λ

SMOOTH, RECURS, PROFILE_ROUNDS = 5, 3.0, 2  # of the profile of the year: weeks, standard errors, fits

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


@dataclass(frozen=True)
class Detection:
    """Verdicts, each an array (series × evaluated weeks); NaN where not assessed."""

    weeks: np.ndarray  # (evaluated weeks,) their column numbers
    observed: np.ndarray
    expected: np.ndarray
    phi: np.ndarray  # variance over mean of the counts about their true mean; how well that is known is not in it
    upper_bound: np.ndarray
    p_value: np.ndarray
    reason: np.ndarray  # '' where assessed
    window: np.ndarray  # how many weeks carry the p-value: 1, 2, 3 or 4; 0 where not assessed
    method: np.ndarray  # own, borrowed, share, flat; '' where not assessed

    @property
    def score(self) -> np.ndarray:
        """Excess in units of the allowed excess: 1 = at the bound."""
        return (self.observed - self.expected) / np.maximum(self.upper_bound - self.expected, 0.5)

    @property
    def status(self) -> np.ndarray:
        verdict = np.where(self.observed > self.upper_bound, "alarm", "normal")
        return np.where(self.reason == "", verdict, "not_assessed")


def predictive_exceedance(
    observed: np.ndarray,
    *,
    parent: np.ndarray | None = None,
    parent_of: np.ndarray | None = None,
    activity: np.ndarray | None = None,
    activity_variance: np.ndarray | None = None,
    parent_activity: np.ndarray | None = None,
    covariates: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    known_from: np.ndarray | None = None,
    year_weeks: float = YEAR_WEEKS,
    season_known: int = YEAR,
    alpha: float = 0.01,
    bounds_from: float = 0.0,
    evaluate: int | None = None,
) -> Detection:
    """Judge the last `evaluate` weeks of every series (all weeks if None).

    `observed`: (series × weeks) counts, weeks complete and in order. `parent`: (parents × weeks) the series to borrow
    season or total from, cases of `observed` included, e.g. the issue in the whole city; `parent_of`: (series,) row of
    each series' parent (default: all the first). `activity`: (weeks,) or (series × weeks) relative amount of registering a
    week allows, e.g. 0.4 for a holiday week or 0.93 where 7 % are still to be reported; `activity_variance`: the same
    shapes, the relative variance of that amount (default 0), which widens the law of the week. `parent_activity`: (weeks,)
    or (parents × weeks) (default: that of the series, for each parent the plain mean over its series).
    `covariates`: (weeks × any) further columns of the regression, of the parents where there are any, e.g. weeks around
    a moving festival. `groups`: (series,) small whole numbers; series of one group share the prior of their dispersion
    (default: all one). `known_from`: (series,) week from which a series has been reported at all; earlier zeros are
    ignorance, not calm (default 0). `year_weeks`: the season's length; `season_known`: from so many weeks of history on the
    season counts as known, before it methods `share` and `flat`. `bounds_from`: weeks without a case and with fewer expected get no
    `upper_bound` (NaN) unless their series alarms in one of the weeks; this saves time, no verdict depends on it. Appending weeks never changes an earlier
    verdict of a given set of series. Raises ValueError (a Chinese sentence) for gaps, negative counts, odd shapes.

    >>> y = np.full((1, 260), 10.0); y[0, -1] = 30
    >>> d = predictive_exceedance(y, evaluate=1)
    >>> round(float(d.expected[0, 0])), str(d.status[0, 0]), int(d.window[0, 0])
    (10, 'alarm', 1)
    """
    y, _ = checked(np.asarray(observed, dtype=float).T, None)
    n_weeks, n_series = y.shape
    if not 0 < alpha < 0.5:
        raise ValueError(f"设置 alpha：收到 {alpha}，应为 0 与 0.5 之间的数")
    family = _of_shape("parent_of", parent_of, (n_series,), 0).astype(int)
    amount = parent_amount = np.maximum(_by_week("activity", activity, n_weeks, n_series, 1.0), 0.05)
    if parent is not None and parent_activity is not None:
        parent_amount = np.maximum(_by_week("parent_activity", parent_activity, n_weeks, len(parent), 1.0), 0.05)
    elif parent is not None and amount.shape[1] > 1:
        parent_amount = np.ones((n_weeks, len(parent)))
        for row in np.unique(family):
            parent_amount[:, row] = amount[:, family == row].mean(axis=1)
    record = _Record(
        y=y,
        activity=amount,
        activity_variance=_by_week("activity_variance", activity_variance, n_weeks, n_series, 0.0),
        parent_activity=parent_amount,
        covariates=np.zeros((n_weeks, 0)) if covariates is None else np.asarray(covariates, float).reshape(n_weeks, -1),
        groups=_of_shape("groups", groups, (n_series,), 0).astype(int),
        since=_of_shape("known_from", known_from, (n_series,), 0).astype(int),
        parent=None if parent is None else checked(np.asarray(parent, dtype=float).T, None)[0],
        parent_of=family,
        year_weeks=year_weeks,
        season_known=season_known,
    )
    if record.parent is not None and len(record.parent) != n_weeks:
        raise ValueError(f"上级序列应有 {n_weeks} 周，与计数一一对应，收到 {len(record.parent)} 周")
    first = 0 if evaluate is None else max(n_weeks - evaluate, 0)
    rows = np.arange(first, n_weeks)
    found, spans = _Scores(first, n_weeks, n_series), []
    for anchor in range(first // RENEWED * RENEWED, n_weeks, RENEWED):
        week = np.arange(max(anchor - LAGS + 1, 0), min(anchor + RENEWED, n_weeks))
        judged = week[(week >= max(anchor, first))]
        if len(judged):
            for method, columns in _methods(record, anchor).items():
                law = (_share if method == "share" else _regression)(record, anchor, week, columns, method)
                spans.append(_judge(found, record, law, method, columns, week, judged))
    wanted = (y[rows] > 0) | (found.expected >= bounds_from) | (found.p <= alpha).any(axis=0)
    for span in spans:
        _enter_bounds(found, span, y[rows], wanted, alpha)
    shape = (n_series, len(rows))
    too_short = np.broadcast_to((rows[:, None] - record.since).T, shape)
    known = found.method.T != ""
    reason = np.where(known, "", np.where(too_short < 0, "该区域还没有开始上报", f"历史不足 {MIN_WEEKS + 2} 周"))
    return Detection(
        weeks=rows, observed=y[rows].T, expected=found.expected.T, phi=found.phi.T, upper_bound=found.bound.T, p_value=found.p.T,
        reason=reason.astype(object), window=found.window.T, method=found.method.T,
    )  # fmt: skip


# ---- which baseline ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Record:
    y: np.ndarray  # (weeks × series)
    activity: np.ndarray  # (weeks × series), or (weeks × 1): the same for all
    activity_variance: np.ndarray  # the same
    parent_activity: np.ndarray  # (weeks × parents) or (weeks × 1)
    covariates: np.ndarray
    groups: np.ndarray
    since: np.ndarray
    parent: np.ndarray | None  # (weeks × parents)
    parent_of: np.ndarray
    year_weeks: float
    season_known: int


class _Scores:
    """What has been found so far, (evaluated weeks × series)."""

    def __init__(self, first: int, n_weeks: int, n_series: int):
        self.first, shape = first, (n_weeks - first, n_series)
        self.expected, self.phi, self.bound, self.p = (np.full(shape, np.nan) for _ in range(4))
        self.window = np.zeros(shape, dtype=np.int8)
        self.method = np.full(shape, "", dtype="<U8")


@dataclass(frozen=True)
class _Law:
    """The predictive law of some weeks, (weeks × series)."""

    mean: np.ndarray
    phi: np.ndarray  # (series,)
    log_sd: np.ndarray  # (series,) of log φ
    common: np.ndarray  # share of the variance that these weeks have in common: doubt about the mean, memory
    skewness: np.ndarray
    score: Callable[[np.ndarray, tuple], np.ndarray]  # normal score of a count at an index of these arrays


def _of_shape(name: str, values: np.ndarray | None, shape: tuple, default: float) -> np.ndarray:
    array = np.full(shape, default) if values is None else np.asarray(values)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"参数 {name}：应有 {shape[0]} 个数，与计数一一对应，收到 {array.size} 个")
    return array


def _by_week(name: str, values: np.ndarray | None, n_weeks: int, n: int, default: float) -> np.ndarray:
    """(weeks × n), or (weeks × 1) for a value that is the same for all."""
    array = np.asarray(np.full(n_weeks, default) if values is None else values, dtype=float)
    if array.shape not in ((n_weeks,), (n, n_weeks)) or not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(
            f"参数 {name}：应有 {n_weeks} 个不小于 0 的数，或 {n} 行、每行 {n_weeks} 个，收到 {array.size} 个"
        )
    return array[:, None] if array.ndim == 1 else array.T


def _at(by_week: np.ndarray, week: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """`by_week` (weeks × series) or (weeks × 1) at some weeks and series."""
    return by_week[week] if by_week.shape[1] == 1 else by_week[np.ix_(week, columns)]


def _methods(record: _Record, anchor: int) -> dict[str, np.ndarray]:
    """Columns by method; a series that is in none is not assessed."""
    have = anchor - record.since
    is_long = have >= LONG_WEEKS + LONG_GUARD
    has_year, is_known = have >= record.season_known, have - _short_guard(have) >= MIN_WEEKS
    if record.parent is None:
        chosen = {"own": has_year, "flat": ~has_year & is_known}
    else:
        start = np.maximum(record.since, anchor - LONG_WEEKS)
        total = np.vstack([np.zeros(record.y.shape[1]), np.cumsum(record.y[:anchor], axis=0)])
        cases = total[-1] - total[np.minimum(start, anchor), np.arange(record.y.shape[1])]
        is_sparse = cases < SPARSE * (anchor - start)
        share = (~has_year | (is_sparse & ~is_long)) & is_known
        chosen = {"own": is_long, "borrowed": has_year & ~is_long & ~share, "share": share}
    return {method: np.flatnonzero(which) for method, which in chosen.items() if which.any()}


def _short_guard(have: np.ndarray) -> np.ndarray:
    """Weeks left out before a short baseline: 8, and no more than a quarter of what there is."""
    return np.minimum(GUARD, np.maximum(have, 0) // 4)


def _design(
    record: _Record, week: np.ndarray, centre: float, *, trend: bool, covariates: bool = True
) -> tuple[np.ndarray, list[list[int]]]:
    """Columns (p × weeks) of the regression, level first, covariates last, and which of them belong together."""
    angle = 2 * np.pi * week / record.year_weeks
    columns, blocks = [np.ones(len(week))], []
    if trend:
        blocks.append([1])
        columns.append((week - centre) / 104)
    for harmonic in (1, 2):
        blocks.append([len(columns), len(columns) + 1])
        columns += [np.cos(harmonic * angle), np.sin(harmonic * angle)]
    for covariate in record.covariates[week].T if covariates else ():
        blocks.append([len(columns)])
        columns.append(covariate)
    return np.array(columns), blocks


def _baselines(record: _Record, anchor: int, columns: np.ndarray, method: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Baseline weeks and the positions in `columns` that have them. A series' baseline does not depend on the others."""
    have = anchor - record.since[columns]
    is_long = (method == "own") & (have >= LONG_WEEKS + LONG_GUARD)
    stop = anchor - np.where(is_long, LONG_GUARD, _short_guard(have))
    start = np.maximum(record.since[columns], stop - BASELINE_YEARS[method] * YEAR)
    limits, row = np.unique(np.column_stack([start, stop]), axis=0, return_inverse=True)
    order = np.argsort(row.ravel(), kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(row.ravel()))[:-1])
    return [
        (np.arange(*limit), part[first : first + SERIES_AT_ONCE])
        for limit, part in zip(limits, parts, strict=True)
        for first in range(0, len(part), SERIES_AT_ONCE)
    ]


def _regression(record: _Record, anchor: int, week: np.ndarray, columns: np.ndarray, method: str) -> _Law:
    """Predictive negative binomial of `week` for the series `columns`, from the weeks before `anchor`."""
    mean, relative, foreign = np.zeros((3, len(week), len(columns)))
    raw, log_variance, memory = np.empty((3, len(columns)))
    clumps = np.empty((2, len(columns)))
    curves = None if record.parent is None else _Curves(record, anchor, columns, sharp_only=method == "own")
    for base, part in _baselines(record, anchor, columns, method):
        if method == "own":
            centre = (base[0] + anchor) / 2
            (x, blocks), (x_now, _) = (
                _design(record, weeks, centre, trend=True, covariates=curves is None) for weeks in (base, week)
            )
        else:
            x, x_now, blocks = np.ones((1, len(base))), np.ones((1, len(week))), []
        exposure, exposure_now = (_at(record.activity, weeks, columns[part]) for weeks in (base, week))
        y = record.y[np.ix_(base, columns[part])]
        if curves:
            curve, curve_now, foreign[:, part] = curves.over(base, week, part)
            exposure, exposure_now = exposure * curve, exposure_now * curve_now
            fit = _fit(y, x, exposure, blocks)
        else:
            fit, profile = _fit_sharp(y, x, exposure, blocks, base, record.year_weeks)
            phase = _phase(week, record.year_weeks)
            exposure_now, foreign[:, part] = exposure_now * np.exp(profile.height[phase]), profile.variance[phase]
        mean[:, part] = exposure_now * np.exp(np.clip(x_now.T @ fit.beta, *LOG_MEAN))
        relative[:, part] = np.einsum("pk,mpq,qk->km", x_now, fit.covariance, x_now, optimize=True)
        raw[part], log_variance[part], clumps[:, part], memory[part] = (
            fit.phi, fit.log_variance, fit.clumps, fit.memory,
        )  # fmt: skip
    phi, log_sd = _pooled(raw, log_variance, clumps, record.groups[columns])
    mean = np.maximum(mean, MIN_MEAN)
    relative = relative + (foreign + (UNKNOWN_SEASON if method == "flat" else 0)) / phi
    inflation = 1 + mean * (relative + _at(record.activity_variance, week, columns) / phi)
    spread = phi * inflation
    return _Law(
        mean=mean,
        phi=phi,
        log_sd=log_sd,
        common=1 - (1 - mean * relative / inflation) * (1 - memory),
        skewness=(2 * phi - 1) / np.sqrt(phi * mean),
        score=lambda count, at: _score(count, mean[at], spread[at], log_sd[at[1]]),
    )


class _Curves:
    """The parents' fitted courses: all of season and trend, or what two harmonics cannot follow (`sharp_only`)."""

    def __init__(self, record: _Record, anchor: int, columns: np.ndarray, *, sharp_only: bool):
        assert record.parent is not None
        self.record, self.sharp_only = record, sharp_only
        used, self.row = np.unique(record.parent_of[columns], return_inverse=True)
        # The parents' record begins with their first case; that of all, whichever series are judged.
        first = int(np.argmax(record.parent.sum(axis=1) > 0))
        guard = PARENT_GUARD if anchor - first < LONG_WEEKS else GUARD
        stop = max(anchor - guard, 1)
        start = max(first, stop - BASELINE_YEARS["own"] * YEAR)
        weeks = np.arange(start if stop - start >= MIN_WEEKS else 0, stop)
        self.trend, self.centre = len(weeks) >= PARENT_TREND_WEEKS, (weeks[0] + anchor) / 2
        x, blocks = _design(record, weeks, self.centre, trend=self.trend)
        y, exposure = record.parent[np.ix_(weeks, used)], _at(record.parent_activity, weeks, used)
        self.fit, self.profile = _fit_sharp(y, x, exposure, blocks, weeks, record.year_weeks)

    def over(self, base: np.ndarray, week: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Course over `base` and `week`, and the log variance of the latter where the level is that of the former."""
        row = self.row[part]
        x_base, x_now = (_design(self.record, w, self.centre, trend=self.trend)[0] for w in (base, week))
        own = len(x_base) - self.record.covariates.shape[1] if self.sharp_only else 0
        x_base, x_now = x_base[own:], x_now[own:]
        phase, phase_now = (_phase(w, self.record.year_weeks) for w in (base, week))
        log_base, log_now = (
            x.T @ self.fit.beta[own:, row] + self.profile.height[np.ix_(at, row)]
            for x, at in ((x_base, phase), (x_now, phase_now))
        )
        middle = log_base.mean(axis=0)
        step = x_now - x_base.mean(axis=1)[:, None]
        covariance = self.fit.covariance[row, own:, own:] * self.fit.phi[row][:, None, None]
        variance = np.einsum("pk,mpq,qk->km", step, covariance, step, optimize=True)
        variance += self.profile.variance[np.ix_(phase_now, row)]
        return np.exp(np.clip(log_base - middle, -12, 12)), np.exp(np.clip(log_now - middle, -12, 12)), variance


# ---- what two harmonics cannot follow ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Profile:
    """Departure of the log mean from the fitted curve at a time of the year, (phases × series)."""

    height: np.ndarray
    variance: np.ndarray


def _phase(week: np.ndarray, year_weeks: float) -> np.ndarray:
    return np.minimum(np.mod(week, year_weeks).astype(int), int(year_weeks) - 1)


def _fit_sharp(
    y: np.ndarray, x: np.ndarray, exposure: np.ndarray, blocks: list[list[int]], weeks: np.ndarray, year_weeks: float
) -> tuple["_Fit", _Profile]:
    """`_fit`, and for series that depart from it in the same weeks year after year, again with the profile of these weeks.

    What recurs is the product of two years' residuals at the same time of the year. Its mean over the year, in standard
    errors (RECURS), decides whether there is a profile; its share in the residuals' variance over SMOOTH weeks shrinks
    it (empirical Bayes). What differed from year to year is its variance, and so is what another TIMING weeks would make of
    it: a first cold spell comes early or late, and few years show how much.
    One outbreak recurs in no other year: it makes no profile.
    """
    fit = _fit(y, x, exposure, blocks)
    phase, year = _phase(weeks, year_weeks), (weeks // year_weeks).astype(int)
    n_phases, n_years = int(year_weeks), year[-1] - year[0] + 1
    profile = _Profile(*np.zeros((2, n_phases, y.shape[1])))
    if len(weeks) < 1.5 * n_phases or len(x) == 1:
        return fit, profile
    cell = (year - year[0]) * n_phases + phase
    n_seen = np.maximum(np.bincount(cell, minlength=n_years * n_phases), 1).reshape(n_years, n_phases, 1)
    k = np.bincount(np.unique(cell) % n_phases, minlength=n_phases)[:, None]  # years that have this time of the year
    pairs, k = k * (k - 1), np.maximum(k, 1)
    exposure = np.broadcast_to(exposure, y.shape)

    def by_year(values: np.ndarray) -> np.ndarray:
        cells = np.zeros((n_years * n_phases, values.shape[1]))
        np.add.at(cells, cell, values)
        return cells.reshape(n_years, n_phases, -1) / n_seen

    def recurring(residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the residuals (years × phases × series): sum over pairs of years of their product, sum of squares."""
        square = (residual**2).sum(axis=0)
        return residual.sum(axis=0) ** 2 - square, square

    at = np.arange(y.shape[1])
    for number in range(PROFILE_ROUNDS):
        x_beta = np.clip(x.T @ fit.beta[:, at], *LOG_MEAN)
        mean = np.maximum(exposure[:, at] * np.exp(x_beta + profile.height[np.ix_(phase, at)]), MIN_MEAN)
        products, square = recurring(by_year((y[:, at] - mean) / np.sqrt(mean)))
        if number == 0:
            evidence = products.sum(axis=0) / np.maximum(square.sum(axis=0), 1e-9)
            sharp = evidence * k.sum() / pairs.sum() > RECURS * np.sqrt(2 / pairs.sum())
            if not sharp.any():
                break
            at, mean, products, square = at[sharp], mean[:, sharp], products[:, sharp], square[:, sharp]
        common = np.maximum(_near(products) / np.maximum(_near(pairs), 1), 0)
        differs = np.maximum(_near(square) / _near(k) - common, 1e-6)
        trust = common / (common + differs / k)
        ratio = (by_year(y[:, at]).sum(axis=0) + 0.5) / (by_year(mean).sum(axis=0) + 0.5)
        profile.height[:, at] += trust * np.log(ratio)
        again = _fit(y[:, at], x, exposure[:, at] * np.exp(profile.height[np.ix_(phase, at)]), blocks)
        fit.beta[:, at], fit.covariance[at] = again.beta, again.covariance
        fit.phi[at], fit.log_variance[at], fit.clumps[:, at] = again.phi, again.log_variance, again.clumps
        fit.memory[at] = again.memory
        x_beta = np.clip(x.T @ fit.beta[:, at], *LOG_MEAN)
        mean = np.maximum(exposure[:, at] * np.exp(x_beta + profile.height[np.ix_(phase, at)]), MIN_MEAN)
        square = _near((by_year((y[:, at] - mean) / (mean + 1)) ** 2).sum(axis=0)) / _near(k)
        chance = _near(by_year(again.phi * mean / (mean + 1) ** 2).sum(axis=0)) / _near(k)
        course = by_year(x_beta).sum(axis=0) / k + profile.height[:, at]
        slope = np.maximum(*(np.abs(course - np.roll(course, shift, axis=0)) for shift in (1, -1)))
        profile.variance[:, at] = (
            np.minimum(square, chance) / k + np.maximum(square - chance, 0) + (TIMING * slope) ** 2
        )
    return fit, profile


def _near(values: np.ndarray) -> np.ndarray:
    """Sum over the SMOOTH weeks around each time of the year."""
    return np.sum([np.roll(values, shift, axis=0) for shift in range(-(SMOOTH // 2), SMOOTH // 2 + 1)], axis=0)


# ---- the fit -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fit:
    beta: np.ndarray  # (p × m)
    covariance: np.ndarray  # (m × p × p), of beta, for dispersion 1
    phi: np.ndarray  # (m,)
    log_variance: np.ndarray  # (m,) sampling variance of log φ
    clumps: np.ndarray  # (2 × m) what `_clumps` says of each series
    memory: np.ndarray  # (m,) correlation of a week's deviation with those of the weeks before, see `_memory`


def _fit(y: np.ndarray, x: np.ndarray, exposure: np.ndarray, blocks: list[list[int]]) -> _Fit:
    """Fit all series at once by Newton's rounds, after FREE_ROUNDS without past outbreaks.

    `y`: (n × m); `exposure`: the same or (n × 1); `x`: (p × n).
    """
    (p, n), m = x.shape, y.shape[1]
    upper, diagonal = np.triu_indices(p), np.arange(p)
    products = x[upper[0]] * x[upper[1]]
    y_power = np.cbrt(y) ** 2
    log_exposure = np.log(exposure)
    beta = np.linalg.pinv(x.T) @ (np.log(y + 0.5) - log_exposure)
    free = max(n - p, 4)
    phi = np.ones(m)
    information = np.empty((m, p, p))
    for number in range(ROUNDS):
        sixth = np.exp(np.maximum(log_exposure + np.clip(x.T @ beta, *LOG_MEAN), np.log(MIN_MEAN)) / 6)
        third = sixth * sixth  # powers of the mean; one exponential is dearer than all else here
        mean = third * third * third
        if number < FREE_ROUNDS:
            weight, residual = mean, y - mean
        else:
            raised = 1.5 * (y_power - third * third) / sixth
            deviation = y - mean
            pearson = deviation * deviation / mean
            if number == FREE_ROUNDS:
                phi = np.maximum(pearson.sum(axis=0) / free, 1)
                for _ in range(2):
                    phi = np.maximum((pearson * (raised < 4 * np.sqrt(phi))).sum(axis=0) / free, 1)
            skewness = (2 * phi - 1) / np.sqrt(phi) * (1 / (third * sixth)).mean(axis=0)
            kept = _calm(raised / np.sqrt(phi), _limit(skewness))
            mean_lost, variance_kept = _trimming(skewness)
            residual = kept * deviation + mean_lost * np.sqrt(phi) * (third * sixth)
            phi = np.maximum((kept * pearson).sum(axis=0) / (variance_kept * free), 1)
            weight = kept * mean
        information[:, upper[0], upper[1]] = information[:, upper[1], upper[0]] = (products @ weight).T
        information[:, diagonal[1:], diagonal[1:]] += RIDGE
        information[:, 0, 0] += 0.5
        gradient = x @ residual
        gradient[0] += 0.5  # half a case: Jeffreys' prior of a Poisson mean
        gradient[1:] -= RIDGE * beta[1:]
        beta = beta + np.clip(np.linalg.solve(information, gradient.T[..., None])[..., 0].T, -3, 3)
    if blocks:
        right = np.einsum("mpq,qm->mp", information, beta)
        variance = np.linalg.inv(information)[:, diagonal, diagonal].T * phi
        for block in blocks:
            chance = variance[block].mean(axis=0)
            prior = np.maximum((beta[block] ** 2).mean(axis=0) - chance, chance / 10)
            information[:, block, block] += (phi / prior)[:, None]
        beta = np.linalg.solve(information, right[..., None])[..., 0].T
    level = np.maximum(mean.mean(axis=0), 0.02)
    memory = _memory(kept * deviation / np.sqrt(mean), p)
    covariance = np.linalg.inv(information) * (1 + 2 * (LAGS - 1) * memory)[:, None, None]
    clumps = _clumps(y, mean, mean, n / free)
    return _Fit(beta, covariance, phi, _log_variance(phi, level, free), clumps, memory)


def _memory(deviation: np.ndarray, n_fitted: int) -> np.ndarray:
    """Mean autocorrelation of (n × m) deviations over the lags of the window, as far as it is not chance.

    What moves a whole city for a few weeks (weather, talk, an office's backlog) is in φ, but its weeks are not
    independent of each other. Fitting takes n_fitted / n from it, chance is one standard error.
    """
    n = len(deviation)
    products = sum((deviation[lag:] * deviation[:-lag]).sum(axis=0) for lag in range(1, LAGS))
    correlation = products / (LAGS - 1) / np.maximum((deviation**2).sum(axis=0), 1e-9) + n_fitted / n
    return np.clip(correlation - 1 / np.sqrt((LAGS - 1) * n), 0, CORRELATIONS[-1])


def _clumps(y: np.ndarray, mean: np.ndarray, variance: np.ndarray, correction: np.ndarray | float = 1.0) -> np.ndarray:
    """(2 × m): squared deviations, and the variance that single cases would have; their ratio over a group is its φ.

    A deviation counts up to CLUMP cases or CLUMP standard deviations: more is an outbreak.
    """
    most = np.maximum(CLUMP, CLUMP * np.sqrt(2 * variance))
    square = np.minimum(np.abs(y - mean), most) ** 2
    return np.array([square.sum(axis=0) * correction, variance.sum(axis=0)])


def _log_variance(phi: np.ndarray, level: np.ndarray, free: np.ndarray | float) -> np.ndarray:
    """Sampling variance of log φ: that of a mean of `free` squares whose kurtosis is the negative binomial's."""
    return (2 + 6 * (phi - 1) / level + 1 / (phi * level)) / free


def _calm(raised: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """1 for ordinary weeks, 0 for those that stand out, alone or together with a raised neighbour."""
    most = raised.copy()
    pair = (raised[1:] + raised[:-1]) * np.sqrt(0.5)
    pair[np.minimum(raised[1:], raised[:-1]) <= NEIGHBOUR] = -np.inf
    np.maximum(most[1:], pair, out=most[1:])
    np.maximum(most[:-1], pair, out=most[:-1])
    return np.clip(1 - (most - limit) / FADE, 0, 1)


def _limit(skewness: np.ndarray) -> np.ndarray:
    """Where few cases make a tail long anyway, only ever longer ones stand out."""
    return STANDS_OUT + np.maximum(skewness - 3, 0)


def _trimming(skewness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `_calm` does to an undisturbed series: mean lost, in standard deviations of a week, and share of variance kept."""
    grid, mean_lost, variance_kept = _trimming_table()
    return np.interp(skewness, grid, mean_lost), np.interp(skewness, grid, variance_kept)


@lru_cache
def _trimming_table(n: int = 60_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By simulation with φ = 2: at one skewness, other φ from 1 to 5 agree to a few hundredths."""
    rng = np.random.default_rng(1)
    grid, phi = np.array([0.05, 0.5, 1, 1.5, 2, 3, 4.5, 6, 9, 13, 20]), 2.0
    lost, kept = np.empty(len(grid)), np.empty(len(grid))
    for i, skewness in enumerate(grid):
        mean = (2 * phi - 1) ** 2 / (phi * skewness**2)
        y = rng.negative_binomial(mean / (phi - 1), 1 / phi, (n, 1)).astype(float)
        raised = 1.5 * (np.cbrt(y) ** 2 - np.cbrt(mean) ** 2) / mean ** (1 / 6) / np.sqrt(phi)
        out = 1 - _calm(raised, _limit(skewness))
        lost[i] = (out * (y - mean)).mean() / np.sqrt(phi * mean)
        kept[i] = 1 - (out * (y - mean) ** 2).mean() / (phi * mean)
    return grid, lost, kept


def _pooled(
    phi: np.ndarray, log_variance: np.ndarray, clumps: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Dispersion after borrowing from the group, and the standard deviation of its logarithm, (m,) each.

    The middle of a group is not below what its cases say all together: of a single sparse series weeks with two cases are
    taken for outbreaks, and what is left of it is calmer than it is.
    """
    log_phi, weight = np.log(phi), 1 / (log_variance + 0.1)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(groups, values)[groups]

    together = np.log((total(clumps[0]) + 1) / (total(clumps[1]) + 1))
    middle = np.maximum(total(weight * log_phi) / total(weight), together)
    between = (total(weight * ((log_phi - middle) ** 2 - log_variance)) + 0.3) / (total(weight) + 3)
    # A rough series is drawn towards its group only as far as it is not known: of a few cases it may be chance.
    between = np.where(log_phi > middle - 1e-9, ROUGH, np.maximum(between, 0.01))
    variance = 1 / (1 / log_variance + 1 / between)
    return np.exp(variance * (log_phi / log_variance + middle / between)), np.sqrt(variance)


# ---- one week ----------------------------------------------------------------------------------------------------


def _score(count: np.ndarray, mean: np.ndarray, spread: np.ndarray, log_sd: np.ndarray) -> np.ndarray:
    """Normal score of a count's mid-p, averaged over the uncertainty of the spread (variance over mean)."""
    p = np.zeros(len(count))
    some = np.flatnonzero(count > 0)
    p_some = np.zeros(len(some))
    for node, weight in zip(NODES, NODE_WEIGHTS, strict=True):
        at = np.maximum(spread * np.exp(log_sd**2 / 2 + node * log_sd), 1.0)
        excess = np.maximum(at - 1, 1e-9)
        p += weight * (
            1 - np.exp(-np.minimum(mean, MEAN_CAP) * np.log1p(excess) / excess) / 2
        )  # of no case, as most are
        above = exceedance(count[some], mean[some], at[some])
        p_some += weight * (above - np.minimum(_mass(count[some], mean[some], at[some]), above) / 2)
    p[some] = p_some
    return -special.ndtri(np.clip(p, 1e-300, 1 - 1e-12))


def _mass(count: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """P(Y = count) of the negative binomial with variance spread·mean (Poisson at spread 1)."""
    poisson = spread <= POISSON_UP_TO
    safe = np.where(poisson, 2.0, spread)
    size = np.maximum(np.minimum(mean, MEAN_CAP) / (safe - 1), 1e-300)
    log_factorial = special.gammaln(count + 1)
    negative_binomial = (
        special.gammaln(count + size) - special.gammaln(size) - log_factorial
        - size * np.log(safe) + special.xlogy(count, 1 - 1 / safe)
    )  # fmt: skip
    return np.exp(
        np.minimum(np.where(poisson, special.xlogy(count, mean) - mean - log_factorial, negative_binomial), 0)
    )


def _share(record: _Record, anchor: int, week: np.ndarray, columns: np.ndarray, method: str) -> _Law:
    """Beta-binomial law of `week` given the parent's count of the same week.

    The share's prior is worth half a case, spread evenly over the series of the parent (Gamma-Poisson: the areas' counts
    are Poisson, their shares Dirichlet). Clumps of cases widen the law by the series' dispersion.
    """
    assert record.parent is not None
    parent, of = record.parent, record.parent_of[columns]
    siblings = np.maximum(np.bincount(record.parent_of)[of], 2)
    a, b, level, raw, n_weeks = np.empty((5, len(columns)))
    clumps = np.empty((2, len(columns)))

    def totals(weeks: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cases of series and parent, the latter as many as if it had been registered as the series was."""
        y = record.y[np.ix_(weeks, columns[part])]
        relative = _at(record.activity, weeks, columns[part]) / _at(record.parent_activity, weeks, of[part])
        return y, np.maximum(np.round(parent[np.ix_(weeks, of[part])] * relative), y)  # never less than its part

    for base, part in _baselines(record, anchor, columns, method):
        y, total = totals(base, part)
        a[part] = 0.5 + y.sum(axis=0)
        b[part] = 0.5 * (siblings[part] - 1) + (total - y).sum(axis=0)
        fitted = a[part] / (a[part] + b[part])
        chance = fitted * (1 - fitted) * total
        square = np.where(chance > 0, (y - fitted * total) ** 2 / np.maximum(chance, 1e-9), 0)
        rough = np.maximum(square.mean(axis=0), 1)
        raw[part] = np.maximum((square * (square < 16 * rough)).sum(axis=0) / (len(base) - 1), 1)  # 4 σ: past outbreaks
        clumps[:, part] = _clumps(y, fitted * total, chance)
        level[part], n_weeks[part] = np.maximum(y.mean(axis=0), 0.02), len(base)
    share = a / (a + b)
    phi, log_sd = _pooled(raw, _log_variance(raw, level, n_weeks - 1), clumps, record.groups[columns])
    now = totals(week, np.arange(len(columns)))[1]
    doubt = np.maximum(now - 1, 0) / (a + b + 1)
    widened = doubt + now * share / (1 - share) * _at(record.activity_variance, week, columns)
    spread = np.maximum(phi * (1 - share), 0.1)
    mean = share * now

    def score(count: np.ndarray, at: tuple) -> np.ndarray:
        total_now, share_now, sd = now[at], share[at[1]], log_sd[at[1]]
        p = np.zeros(count.shape)
        for node, weight in zip(NODES, NODE_WEIGHTS, strict=True):
            dispersion = np.maximum(phi[at[1]] * np.exp(sd**2 / 2 + node * sd), 1)
            # At dispersion 1 this is the posterior Beta(a, b); more of it makes the beta as much wider.
            widening = np.clip(dispersion * (1 + widened[at]), 1 + 1e-9, np.maximum(0.95 * total_now, 1 + 1e-9))
            strength = np.maximum(np.maximum(total_now - 1, 0) / (widening - 1) - 1, 1e-3)
            beta = (share_now * strength, (1 - share_now) * strength)
            p += weight * _share_mid_p(count, total_now, *beta)
        return -special.ndtri(np.clip(p, 1e-300, 1 - 1e-12))

    return _Law(
        mean=mean,
        phi=phi,
        log_sd=log_sd,
        common=doubt / (1 + widened),
        skewness=np.abs(2 * spread - 1) / np.sqrt(spread * np.maximum(mean, MIN_MEAN)),
        score=score,
    )


def share_exceedance(count: np.ndarray, total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """P(Y ≥ count) of `total` cases when the share is Beta(a, b); elementwise.

    Summed from the count outwards, on the side away from the mean, so that small tails keep their digits.

    >>> both = share_exceedance(np.array(2.0), np.array(2.0), np.array(1.0), np.array(2.0))
    >>> round(float(both), 6)  # E[share²] = 1·2/(3·4)
    0.166667
    """
    k, n, a, b = (np.array(v, dtype=float) for v in np.broadcast_arrays(count, total, a, b))
    shape = k.shape
    k, n, a, b = (v.ravel() for v in (k, n, a, b))
    upward = k > n * a / (a + b)
    at = np.where(upward, k, k - 1)
    valid = (at >= 0) & (at <= n)
    at = np.where(valid, at, 0)
    term = np.where(valid, _share_mass(at, n, a, b), 0.0)
    tail, active = term.copy(), np.flatnonzero(term > 0)
    while active.size:
        j, m, p, q = at[active], n[active], a[active], b[active]
        with np.errstate(divide="ignore", invalid="ignore"):
            up = (m - j) / (j + 1) * (p + j) / (q + m - j - 1)
            down = j / (m - j + 1) * (q + m - j) / (p + j - 1)
        step = np.where(upward[active], np.where(j < m, up, 0), np.where(j > 0, down, 0))
        term[active] *= step
        tail[active] += term[active]
        at[active] += np.where(upward[active], 1, -1)
        active = active[term[active] > 1e-15 * tail[active]]
    return np.clip(np.where(upward, tail, 1 - tail), 0, 1).reshape(shape)


def _share_mass(count: np.ndarray, total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    choices = special.gammaln(total + 1) - special.gammaln(count + 1) - special.gammaln(total - count + 1)
    return np.exp(choices + special.betaln(count + a, total - count + b) - special.betaln(a, b))


def _share_mid_p(count: np.ndarray, total: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    p = 1 - np.exp(special.betaln(a, total + b) - special.betaln(a, b)) / 2  # of no case, as most are
    some = np.flatnonzero(count > 0)
    k, n, a, b = count[some], total[some], a[some], b[some]
    possible = k <= n
    mass = np.where(possible, _share_mass(np.minimum(k, n), n, a, b), 0)
    p[some] = share_exceedance(k + 1, n, a, b) + mass / 2
    return p


# ---- four weeks --------------------------------------------------------------------------------------------------


def _bend(size: np.ndarray | float, skewness: np.ndarray | float) -> np.ndarray:
    """Normal score of a week `size` standard deviations above its mean, for gamma-like counts (Wilson-Hilferty 1931)."""
    return 6 / skewness * (np.cbrt(1 + skewness * size / 2) - 1)


def _terms(z: np.ndarray, common: np.ndarray | float, skewness: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the parts of Λ, SHAPES then OVER (shape, size, …), and how each grows with the judged week's score.

    `z`: (LAGS, …), judged week first; correlated by `common`. For a shift s of correlated normal scores with
    Σ = (1-ρ)I + ρ11', log Λ = s'Σ⁻¹z - s'Σ⁻¹s/2 and Σ⁻¹ = (I - c11')/(1-ρ), c = ρ/(1 + 3ρ).
    """
    c, total = common / (1 + (LAGS - 1) * common), z.sum(axis=0)
    shapes, priors = np.vstack([SHAPES, OVER]), np.concatenate([SHAPE_PRIOR, OVER_PRIOR])
    parts = np.empty((len(shapes), len(SIZES), *total.shape))
    growth = np.empty_like(parts)
    bent: dict[float, np.ndarray] = {}
    for i, shape in enumerate(shapes):
        for j, size in enumerate(SIZES):
            product, whole, square = np.zeros((3, *total.shape))
            for lag in np.flatnonzero(shape):
                x = shape[lag] * size
                shift = bent.setdefault(x, _bend(x, skewness))
                product, whole, square = product + shift * z[lag], whole + shift, square + shift**2
            prior = np.log(priors[i] / len(SIZES))
            parts[i, j] = prior + (product - c * whole * total - (square - c * whole**2) / 2) / (1 - common)
            growth[i, j] = ((bent[shape[0] * size] if shape[0] else 0) - c * whole) / (1 - common)
    return parts, growth


def _log_mean(parts: np.ndarray) -> np.ndarray:
    top = parts.max(axis=(0, 1))
    return top + np.log(np.exp(parts - top).sum(axis=(0, 1)))


def _log_ratio(parts: np.ndarray) -> np.ndarray:
    """log Λ: an outbreak that goes on against none, or one that is over."""
    return _log_mean(parts[: len(SHAPES)]) - np.logaddexp(0, _log_mean(parts[len(SHAPES) :]))


@lru_cache
def _null_tail(n: int = 30_000) -> np.ndarray:
    """log P(log Λ ≥ r) without an outbreak, (SKEWNESS × CORRELATIONS × SPREAD_SDS × RATIOS).

    From scores drawn with outbreaks. φ is as wrong in one week as in the next: far scores come together more often than
    single ones say, by the factor `_together`.
    """
    rng = np.random.default_rng(1)
    shape, size = rng.choice(len(SHAPES), n, p=SHAPE_PRIOR), rng.choice(SIZES, n)
    size_by_lag = (SHAPES[shape] * size[:, None]).T
    noise, shared = rng.standard_normal((LAGS, n)), rng.standard_normal(n)
    table = np.empty((len(SKEWNESS), len(CORRELATIONS), len(SPREAD_SDS), len(RATIOS)))
    for i, skewness in enumerate(SKEWNESS):
        for j, common in enumerate(CORRELATIONS):
            z = np.sqrt(1 - common) * noise + np.sqrt(common) * shared + _bend(size_by_lag, skewness)
            parts = _terms(z, common, skewness)[0]
            ratio = _log_ratio(parts)
            order = np.argsort(ratio)[::-1]
            weight = np.exp(-_log_mean(parts[: len(SHAPES)]))
            far = np.flatnonzero(ratio.max() - 1 < RATIOS)
            for k, spread_sd in enumerate(SPREAD_SDS):
                log_p = np.log(np.cumsum((weight * _together(z, spread_sd))[order]) / n)
                line = np.minimum(np.interp(RATIOS, ratio[order][::-1], log_p[::-1]), 0)
                line[far] = line[far[0] - 1] - (RATIOS[far] - RATIOS[far[0] - 1])
                table[i, j, k] = line
    return table


def _together(z: np.ndarray, spread_sd: float) -> np.ndarray:
    """Density of LAGS scores of one unknown scale, over the product of their own densities; `z` (LAGS × n)."""
    scale = spread_sd / 2 * NODES[:, None]  # of a standard deviation, which goes with √φ

    def density(square: np.ndarray, n_weeks: int) -> np.ndarray:
        # Even steps: the place on the grid is a division, no search.
        step = (square.max() + 1) / 3999
        grid = np.arange(4001) * step
        value = NODE_WEIGHTS @ np.exp(-grid / 2 * np.expm1(-2 * scale) - n_weeks * scale)
        place = square / step
        below = place.astype(int)
        return value[below] + (place - below) * np.diff(value)[below]

    return density((z**2).sum(axis=0), LAGS) / density(z**2, 1).prod(axis=0)


def _p_value(ratio: np.ndarray, common: np.ndarray, skewness: np.ndarray, spread_sd: np.ndarray) -> np.ndarray:
    at = [
        np.interp(np.log(skewness), np.log(SKEWNESS), np.arange(len(SKEWNESS))).ravel(),
        np.interp(common, CORRELATIONS, np.arange(len(CORRELATIONS))).ravel(),
        np.interp(spread_sd, SPREAD_SDS, np.arange(len(SPREAD_SDS))).ravel(),
        ((ratio - RATIOS[0]) / (RATIOS[1] - RATIOS[0])).ravel(),
    ]
    log_p = map_coordinates(_null_tail(), at, order=1, mode="nearest").reshape(ratio.shape)
    return np.exp(np.maximum(log_p - np.maximum(ratio - RATIOS[-1], 0), -690))


def _ratio_wanted(alpha: float, common: np.ndarray, skewness: np.ndarray, spread_sd: np.ndarray) -> np.ndarray:
    """The log Λ at which p falls to alpha."""
    low, high = np.full(common.shape, RATIOS[0]), np.full(common.shape, RATIOS[-1])
    for _ in range(24):
        middle = (low + high) / 2
        over = _p_value(middle, common, skewness, spread_sd) <= alpha
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return high


@dataclass(frozen=True)
class _Span:
    """The weeks that one fit judges, for the series of one method."""

    law: _Law
    scores: np.ndarray  # (weeks of the law × series)
    here: np.ndarray  # rows of the judged weeks in it
    to: tuple  # their place among the verdicts

    def terms(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, ...]:
        """Parts of Λ, their growth, and what they hang on, for some judged weeks."""
        at = self.here[row]
        z = np.array([np.where(at >= lag, self.scores[at - lag, column], 0) for lag in range(LAGS)])
        common = np.clip(self.law.common[at, column], 0, CORRELATIONS[-1])
        skewness = np.clip(self.law.skewness[at, column], SKEWNESS[0], SKEWNESS[-1])
        return (*_terms(z, common, skewness), z[0], common, skewness, self.law.log_sd[column])


def _judge(
    found: _Scores, record: _Record, law: _Law, method: str, columns: np.ndarray, week: np.ndarray, judged: np.ndarray
) -> _Span:
    """Enter the weeks' p-values. A week below its middle is judged by itself, the others together with those before."""
    everywhere = np.ones(law.mean.shape, dtype=bool)
    scores = law.score(record.y[week][:, columns].ravel(), np.nonzero(everywhere)).reshape(law.mean.shape)
    scores = np.where(week[:, None] >= record.since[columns], scores, 0.0)  # nothing is known of earlier weeks
    here = np.searchsorted(week, judged)
    span = _Span(law, scores, here, np.ix_(judged - found.first, columns))
    p, window = special.ndtr(-scores[here]), np.ones((len(here), len(columns)))
    at = np.nonzero(scores[here] > 0)
    parts, _, _, *state = span.terms(*at)
    p[at] = _p_value(_log_ratio(parts), *state)
    window[at] = SHAPE_WEEKS[np.exp(parts - parts.max(axis=(0, 1))).sum(axis=1)[: len(SHAPES)].argmax(axis=0)]
    found.expected[span.to], found.phi[span.to], found.p[span.to] = law.mean[here], law.phi, p
    found.window[span.to], found.method[span.to] = window, method
    return span


def _enter_bounds(found: _Scores, span: _Span, y: np.ndarray, wanted: np.ndarray, alpha: float) -> None:
    """Bounds of the judged weeks that are `wanted`; `y` and `wanted`: (evaluated weeks × series)."""
    at = row, column = np.nonzero(wanted[span.to])
    parts, growth, z, *state = span.terms(row, column)
    where = (span.here[row], column)
    limit = _bound(span.law, where, z, parts, growth, _ratio_wanted(alpha, *state))
    to = tuple(np.broadcast_to(index, wanted[span.to].shape)[at] for index in span.to)
    # The verdict is p's; rounding has no say in it.
    found.bound[to] = np.where(found.p[to] <= alpha, np.minimum(limit, y[to] - 1), np.maximum(limit, y[to]))


def _bound(
    law: _Law, where: tuple, z: np.ndarray, parts: np.ndarray, growth: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """The largest count whose score stays below what `wanted` asks of the judged week, the weeks before being given."""
    need = z + 0.0
    at_need = parts
    for _ in range(8):  # log Λ is convex and rising in the score: Newton from the right
        going = at_need[: len(SHAPES)]
        share = np.exp(going - going.max(axis=(0, 1)))
        slope = np.maximum((share * growth[: len(SHAPES)]).sum(axis=(0, 1)) / share.sum(axis=(0, 1)), 0.05)
        need = np.clip(need + np.clip((wanted - _log_ratio(at_need)) / slope, -4, 4), -2, 40)
        at_need = parts + growth * (need - z)
    need = np.maximum(need, 1e-9)
    row, column = where
    mean = law.mean[where]
    spread = np.maximum(law.skewness[where] ** 2 * mean / 4, 1)  # φ, as skewness is 2√(φ/μ) at most
    guess = np.floor(np.maximum(mean + need * np.sqrt(spread * mean) + need**2 / 6, 0))
    return _largest_below(lambda count, at: law.score(count, (row[at], column[at])) < need[at], guess)


def _largest_below(is_below: Callable[[np.ndarray, np.ndarray], np.ndarray], guess: np.ndarray) -> np.ndarray:
    """The largest whole number, from -1 on, that is below, by doubling strides from the guess and halving.

    `is_below(count, at)`: whether these counts are, for the elements `at`; it holds up to some count and never after.
    """
    low, high = np.full(len(guess), -1.0), np.full(len(guess), np.inf)
    probe, stride, active = guess.copy(), 1.0, np.arange(len(guess))
    while active.size:
        below = is_below(probe[active], active)
        low[active] = np.where(below, probe[active], low[active])
        high[active] = np.where(below, high[active], probe[active])
        active = active[(high[active] - low[active] > 1) & (low[active] < LARGEST_COUNT)]
        down, up = high[active] - stride, low[active] + stride
        middle = np.floor((low[active] + high[active]) / 2)
        step = np.where(np.isinf(high[active]), up, np.maximum(down, low[active] + 1))
        probe[active] = np.where((down > low[active]) | np.isinf(high[active]), step, middle)
        stride *= 2
    return low
