"""Do the last weeks of a series look like an outbreak rather than like its own past? One p-value a week.

For week t of one series:

1. baseline  by what is known of the series before t (`method`):
             own       3 years and more: level, trend, two yearly harmonics over up to 7 years that end 26 weeks before
                       t. From 1 year on the same with 8 weeks' guard where there is no parent to borrow from.
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
3. past      weeks that stand out, alone or with a neighbour (Anscombe residual above STANDS_OUT; about one week in
             a hundred by chance) are past outbreaks and left out, and what this takes from mean and variance
             of an undisturbed series is put back (`_trimming`). The usual weights s⁻² (Farrington 1996, Noufaily 2013)
             leave part of the outbreak in mean and dispersion: in the 42 scenarios past outbreaks then cost five
             points of detection, this way two.
4. spread    φ, at least 1, on the log scale. A series with a calmer past than its group is moved towards the group by
             empirical Bayes, never the other way: none is taken for calmer than it was.
5. week      predictive negative binomial, variance φμ(1 + μr), r the relative variance of the estimated μ, averaged over
             the uncertainty of φ (5 Gauss-Hermite nodes). Its mid-p (Lancaster 1961, JASA 56:223) as normal score z.
6. weeks     likelihood ratio Λ of an outbreak that goes on against none, or one that is over (OVER), on the scores of
             the last four weeks: begun this week, last week, two weeks ago, or level for four weeks (SHAPES × SIZES, in
             standard deviations, bent by the skewness of the counts). The scores' correlation through the common μ is part
             of it. P(Λ ≥ λ) without outbreak = E[1/L; Λ ≥ λ] over outbreaks, L their density against none: importance
             sampling, as good far out as near (`_null_tail`).
7. alarm     p ≤ alpha and more cases than expected. `upper_bound` is the largest count of week t that, after the weeks
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
from pipelines.detectors.negative_binomial import Detection
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

LAGS = 4
SHAPES = np.array([[0.5, 0, 0, 0], [0.42, 0.5, 0, 0], [0.07, 0.42, 0.5, 0], [0.4, 0.4, 0.4, 0.4]])  # this week first
SHAPE_PRIOR = np.array([7, 9, 1.5, 0.5]) / 18
SHAPE_WEEKS = np.array([1, 2, 3, 4])
OVER = np.array([[0, 0.5, 0, 0], [0, 0.42, 0.5, 0], [0, 0.07, 0.42, 0.5]])  # the same without a case this week
OVER_PRIOR = np.full(len(OVER), 0.005)  # against no outbreak; more of it: fewer alarms after an outbreak's end
SIZES = np.array([2.0, 4.5])  # cases of the whole outbreak, in standard deviations of a week
CORRELATIONS = np.array([0, 0.02, 0.06, 0.15, 0.3, 0.5])
SKEWNESS = np.array([0.05, 0.4, 0.8, 1.6, 3.2, 6.4])
RATIOS = np.linspace(-6, 60, 529)  # log Λ

NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


@dataclass(frozen=True)
class PredictiveDetection(Detection):
    """Verdicts, each (series × evaluated weeks)."""

    window: np.ndarray  # how many weeks carry the p-value: 1, 2, 3 or 4; 0 where not assessed
    method: np.ndarray  # own, borrowed, share, flat; '' where not assessed


def predictive_exceedance(
    observed: np.ndarray,
    *,
    parent: np.ndarray | None = None,
    parent_of: np.ndarray | None = None,
    activity: np.ndarray | None = None,
    covariates: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    known_from: np.ndarray | None = None,
    year_weeks: float = YEAR_WEEKS,
    alpha: float = 0.01,
    evaluate: int | None = None,
) -> PredictiveDetection:
    """Judge the last `evaluate` weeks of every series (all weeks if None).

    `observed`: (series × weeks) counts, weeks complete and in order. `parent`: (parents × weeks) the series to borrow
    season or total from, cases of `observed` included, e.g. the issue in the whole city; `parent_of`: (series,) row of
    each series' parent (default: all the first). `activity`: (weeks,) relative amount of registering a week allows.
    `covariates`: (weeks × any) further columns of the regression of long series and parents, e.g. weeks around a
    moving festival. `groups`: (series,) small whole numbers; series of one group share the prior of their dispersion
    (default: all one). `known_from`: (series,) week from which a series has been reported at all; earlier zeros are
    ignorance, not calm (default 0). `year_weeks`: the season's length. Appending weeks never changes an earlier
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
    record = _Record(
        y=y,
        activity=np.maximum(_of_shape("activity", activity, (n_weeks,), 1.0), 0.05),
        covariates=np.zeros((n_weeks, 0)) if covariates is None else np.asarray(covariates, float).reshape(n_weeks, -1),
        groups=_of_shape("groups", groups, (n_series,), 0).astype(int),
        since=_of_shape("known_from", known_from, (n_series,), 0).astype(int),
        parent=None if parent is None else checked(np.asarray(parent, dtype=float).T, None)[0],
        parent_of=_of_shape("parent_of", parent_of, (n_series,), 0).astype(int),
        year_weeks=year_weeks,
    )
    if record.parent is not None and len(record.parent) != n_weeks:
        raise ValueError(f"上级序列应有 {n_weeks} 周，与计数一一对应，收到 {len(record.parent)} 周")
    first = 0 if evaluate is None else max(n_weeks - evaluate, 0)
    rows = np.arange(first, n_weeks)
    found = _Scores(len(rows), n_series)
    for anchor in range(first // RENEWED * RENEWED, n_weeks, RENEWED):
        week = np.arange(max(anchor - LAGS + 1, 0), min(anchor + RENEWED, n_weeks))
        judged = week[(week >= max(anchor, first))]
        if len(judged):
            for method, columns in _methods(record, anchor).items():
                law = (_share if method == "share" else _regression)(record, anchor, week, columns, method)
                _keep(found, record, law, method, columns, week, judged, first, alpha)
    shape = (n_series, len(rows))
    too_short = np.broadcast_to((rows[:, None] - record.since).T, shape)
    known = found.method.T != ""
    reason = np.where(known, "", np.where(too_short < 0, "该区域还没有开始上报", f"历史不足 {MIN_WEEKS + 2} 周"))
    return PredictiveDetection(
        weeks=rows, observed=y[rows].T, expected=found.expected.T, upper_bound=found.bound.T, p_value=found.p.T,
        reason=reason.astype(object), window=found.window.T, method=found.method.T,
    )  # fmt: skip


# ---- which baseline ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Record:
    y: np.ndarray  # (weeks × series)
    activity: np.ndarray
    covariates: np.ndarray
    groups: np.ndarray
    since: np.ndarray
    parent: np.ndarray | None  # (weeks × parents)
    parent_of: np.ndarray
    year_weeks: float


class _Scores:
    """What has been found so far, (evaluated weeks × series)."""

    def __init__(self, n_rows: int, n_series: int):
        shape = (n_rows, n_series)
        self.expected, self.bound, self.p = (np.full(shape, np.nan) for _ in range(3))
        self.window = np.zeros(shape, dtype=np.int8)
        self.method = np.full(shape, "", dtype="<U8")


@dataclass(frozen=True)
class _Law:
    """The predictive law of some weeks, (weeks × series)."""

    mean: np.ndarray
    common: np.ndarray  # share of the variance that is the uncertainty of the mean, the same for all these weeks
    skewness: np.ndarray
    score: Callable[[np.ndarray, tuple], np.ndarray]  # normal score of a count at an index of these arrays


def _of_shape(name: str, values: np.ndarray | None, shape: tuple, default: float) -> np.ndarray:
    array = np.full(shape, default) if values is None else np.asarray(values)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"参数 {name}：应有 {shape[0]} 个数，与计数一一对应，收到 {array.size} 个")
    return array


def _methods(record: _Record, anchor: int) -> dict[str, np.ndarray]:
    """Columns by method; a series that is in none is not assessed."""
    have = anchor - record.since
    is_long = have >= LONG_WEEKS + LONG_GUARD
    has_year, is_known = have >= YEAR, have - _short_guard(have) >= MIN_WEEKS
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


def _design(record: _Record, week: np.ndarray, centre: float, *, trend: bool) -> tuple[np.ndarray, list[list[int]]]:
    """Columns (p × weeks) of the regression, level first, and which of them belong together."""
    angle = 2 * np.pi * week / record.year_weeks
    columns, blocks = [np.ones(len(week))], []
    if trend:
        blocks.append([1])
        columns.append((week - centre) / 104)
    for harmonic in (1, 2):
        blocks.append([len(columns), len(columns) + 1])
        columns += [np.cos(harmonic * angle), np.sin(harmonic * angle)]
    for covariate in record.covariates[week].T:
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
    mean, relative = np.empty((2, len(week), len(columns)))
    raw, log_variance = np.empty((2, len(columns)))
    borrowed_variance = np.zeros_like(mean)
    curves = _Curves(record, anchor, columns) if method == "borrowed" else None
    for base, part in _baselines(record, anchor, columns, method):
        if method == "own":
            centre = (base[0] + anchor) / 2
            (x, blocks), (x_now, _) = (_design(record, weeks, centre, trend=True) for weeks in (base, week))
        else:
            x, x_now, blocks = np.ones((1, len(base))), np.ones((1, len(week))), []
        exposure, exposure_now = record.activity[base][:, None], record.activity[week][:, None]
        if curves:
            curve, curve_now, borrowed_variance[:, part] = curves.over(base, week, part)
            exposure, exposure_now = exposure * curve, exposure_now * curve_now
        fit = _fit(record.y[np.ix_(base, columns[part])], x, exposure, blocks)
        mean[:, part] = exposure_now * np.exp(np.clip(x_now.T @ fit.beta, *LOG_MEAN))
        relative[:, part] = np.einsum("pk,mpq,qk->km", x_now, fit.covariance, x_now, optimize=True)
        raw[part], log_variance[part] = fit.phi, fit.log_variance
    phi, log_sd = _pooled(raw, log_variance, record.groups[columns])
    mean = np.maximum(mean, MIN_MEAN)
    relative = relative + (borrowed_variance + (UNKNOWN_SEASON if method == "flat" else 0)) / phi
    inflation = 1 + mean * relative
    spread = phi * inflation
    return _Law(
        mean=mean,
        common=1 - 1 / inflation,
        skewness=(2 * phi - 1) / np.sqrt(phi * mean),
        score=lambda count, at: _score(count, mean[at], spread[at], log_sd[at[1]]),
    )


class _Curves:
    """The parents' fitted courses of season and trend."""

    def __init__(self, record: _Record, anchor: int, columns: np.ndarray):
        assert record.parent is not None
        self.record = record
        used, self.row = np.unique(record.parent_of[columns], return_inverse=True)
        # The parents' record begins with their first case.
        first = int(np.argmax(record.parent[:, used].sum(axis=1) > 0))
        guard = PARENT_GUARD if anchor - first < LONG_WEEKS else GUARD
        stop = max(anchor - guard, 1)
        start = max(first, stop - BASELINE_YEARS["own"] * YEAR)
        weeks = np.arange(start if stop - start >= MIN_WEEKS else 0, stop)
        self.trend, self.centre = len(weeks) >= PARENT_TREND_WEEKS, (weeks[0] + anchor) / 2
        x, blocks = _design(record, weeks, self.centre, trend=self.trend)
        self.fit = _fit(record.parent[np.ix_(weeks, used)], x, record.activity[weeks][:, None], blocks)

    def over(self, base: np.ndarray, week: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Course over `base` and `week`, and the log variance of the latter where the level is that of the former."""
        row = self.row[part]
        x_base, x_now = (_design(self.record, w, self.centre, trend=self.trend)[0] for w in (base, week))
        log_base, log_now = (x.T @ self.fit.beta[:, row] for x in (x_base, x_now))
        middle = log_base.mean(axis=0)
        step = x_now - x_base.mean(axis=1)[:, None]
        covariance = self.fit.covariance[row] * self.fit.phi[row][:, None, None]
        variance = np.einsum("pk,mpq,qk->km", step, covariance, step, optimize=True)
        return np.exp(np.clip(log_base - middle, -12, 12)), np.exp(np.clip(log_now - middle, -12, 12)), variance


# ---- the fit -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fit:
    beta: np.ndarray  # (p × m)
    covariance: np.ndarray  # (m × p × p), of beta, for dispersion 1
    phi: np.ndarray  # (m,)
    log_variance: np.ndarray  # (m,) sampling variance of log φ


def _fit(y: np.ndarray, x: np.ndarray, exposure: np.ndarray, blocks: list[list[int]]) -> _Fit:
    """Fit all series at once by Newton's rounds, after FREE_ROUNDS without past outbreaks.

    `y`: (n × m); `exposure`: the same or (n × 1); `x`: (p × n).
    """
    (p, n), m = x.shape, y.shape[1]
    upper, diagonal = np.triu_indices(p), np.arange(p)
    products = x[upper[0]] * x[upper[1]]
    y_power = np.cbrt(y) ** 2
    beta = np.linalg.lstsq(x.T, np.log(y + 0.5) - np.log(exposure), rcond=None)[0]
    free = max(n - p, 4)
    phi = np.ones(m)
    information = np.empty((m, p, p))
    for number in range(ROUNDS):
        mean = np.maximum(exposure * np.exp(np.clip(x.T @ beta, *LOG_MEAN)), MIN_MEAN)
        if number < FREE_ROUNDS:
            weight, residual = mean, y - mean
        else:
            raised = 1.5 * (y_power - np.cbrt(mean) ** 2) / mean ** (1 / 6)
            pearson = (y - mean) ** 2 / mean
            if number == FREE_ROUNDS:
                phi = np.maximum(pearson.sum(axis=0) / free, 1)
                for _ in range(2):
                    phi = np.maximum((pearson * (raised < 4 * np.sqrt(phi))).sum(axis=0) / free, 1)
            skewness = (2 * phi - 1) / np.sqrt(phi) * (mean**-0.5).mean(axis=0)
            kept = _calm(raised / np.sqrt(phi), _limit(skewness))
            mean_lost, variance_kept = _trimming(skewness)
            residual = kept * (y - mean) + mean_lost * np.sqrt(phi) * np.sqrt(mean)
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
    return _Fit(beta, np.linalg.inv(information), phi, _log_variance(phi, level, free))


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


def _pooled(phi: np.ndarray, log_variance: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dispersion after borrowing from the group, and the standard deviation of its logarithm, (m,) each."""
    log_phi, weight = np.log(phi), 1 / (log_variance + 0.1)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(groups, values)[groups]

    middle = total(weight * log_phi) / total(weight)
    between = (total(weight * ((log_phi - middle) ** 2 - log_variance)) + 0.3) / (total(weight) + 3)
    between = np.where(log_phi > middle, 1e3, np.maximum(between, 0.01))
    variance = 1 / (1 / log_variance + 1 / between)
    return np.exp(variance * (log_phi / log_variance + middle / between)), np.sqrt(variance)


# ---- one week ----------------------------------------------------------------------------------------------------


def _score(count: np.ndarray, mean: np.ndarray, spread: np.ndarray, log_sd: np.ndarray) -> np.ndarray:
    """Normal score of a count's mid-p, averaged over the uncertainty of the spread (variance over mean)."""
    p = np.zeros(np.broadcast_shapes(np.shape(count), np.shape(mean)))
    for node, weight in zip(NODES, NODE_WEIGHTS, strict=True):
        at = np.maximum(spread * np.exp(log_sd**2 / 2 + node * log_sd), 1.0)
        above = exceedance(count, mean, at)
        p += weight * (above - np.minimum(_mass(count, mean, at), above) / 2)
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
    of = record.parent_of[columns]
    siblings = np.maximum(np.bincount(record.parent_of)[of], 2)
    a, b, level, raw, n_weeks = np.empty((5, len(columns)))
    for base, part in _baselines(record, anchor, columns, method):
        y = record.y[np.ix_(base, columns[part])]
        total = np.maximum(record.parent[np.ix_(base, of[part])], y)  # never less than its part
        a[part] = 0.5 + y.sum(axis=0)
        b[part] = 0.5 * (siblings[part] - 1) + (total - y).sum(axis=0)
        fitted = a[part] / (a[part] + b[part])
        chance = fitted * (1 - fitted) * total
        square = np.where(chance > 0, (y - fitted * total) ** 2 / np.maximum(chance, 1e-9), 0)
        rough = np.maximum(square.mean(axis=0), 1)
        raw[part] = np.maximum((square * (square < 16 * rough)).sum(axis=0) / (len(base) - 1), 1)  # 4 σ: past outbreaks
        level[part], n_weeks[part] = np.maximum(y.mean(axis=0), 0.02), len(base)
    share = a / (a + b)
    phi, log_sd = _pooled(raw, _log_variance(raw, level, n_weeks - 1), record.groups[columns])
    now = np.maximum(record.parent[week][:, of], record.y[week][:, columns])
    doubt = np.maximum(now - 1, 0) / (a + b + 1)
    spread = np.maximum(phi * (1 - share), 0.1)
    mean = share * now

    def score(count: np.ndarray, at: tuple) -> np.ndarray:
        total_now, share_now, sd = now[at], share[at[1]], log_sd[at[1]]
        p = np.zeros(count.shape)
        for node, weight in zip(NODES, NODE_WEIGHTS, strict=True):
            dispersion = np.maximum(phi[at[1]] * np.exp(sd**2 / 2 + node * sd), 1)
            # At dispersion 1 this is the posterior Beta(a, b); more of it makes the beta as much wider.
            widening = np.clip(dispersion * (1 + doubt[at]), 1 + 1e-9, np.maximum(0.95 * total_now, 1 + 1e-9))
            strength = np.maximum(np.maximum(total_now - 1, 0) / (widening - 1) - 1, 1e-3)
            beta = (share_now * strength, (1 - share_now) * strength)
            above = share_exceedance(count, total_now, *beta)
            p += weight * (above + share_exceedance(count + 1, total_now, *beta)) / 2
        return -special.ndtri(np.clip(p, 1e-300, 1 - 1e-12))

    return _Law(
        mean=mean,
        common=doubt / (1 + doubt),
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
    term = np.exp(
        special.gammaln(n + 1) - special.gammaln(at + 1) - special.gammaln(n - at + 1)
        + special.betaln(at + a, n - at + b) - special.betaln(a, b)
    )  # fmt: skip
    term = np.where(valid, term, 0.0)
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


# ---- four weeks --------------------------------------------------------------------------------------------------


def _bend(size: np.ndarray | float, skewness: np.ndarray | float) -> np.ndarray:
    """Normal score of a week `size` standard deviations above its mean, for gamma-like counts (Wilson-Hilferty 1931)."""
    return 6 / skewness * (np.cbrt(1 + skewness * size / 2) - 1)


def _terms(z: np.ndarray, common: np.ndarray, skewness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
def _null_tail(n: int = 60_000) -> np.ndarray:
    """log P(log Λ ≥ r) without an outbreak, (SKEWNESS × CORRELATIONS × RATIOS), from scores drawn with outbreaks."""
    rng = np.random.default_rng(1)
    shape, size = rng.choice(len(SHAPES), n, p=SHAPE_PRIOR), rng.choice(SIZES, n)
    size_by_lag = (SHAPES[shape] * size[:, None]).T
    noise, shared = rng.standard_normal((LAGS, n)), rng.standard_normal(n)
    table = np.empty((len(SKEWNESS), len(CORRELATIONS), len(RATIOS)))
    for i, skewness in enumerate(SKEWNESS):
        for j, common in enumerate(CORRELATIONS):
            z = np.sqrt(1 - common) * noise + np.sqrt(common) * shared + _bend(size_by_lag, skewness)
            parts = _terms(z, np.full(n, common), np.full(n, skewness))[0]
            ratio = _log_ratio(parts)
            order = np.argsort(ratio)[::-1]
            log_p = np.log(np.cumsum(np.exp(-_log_mean(parts[: len(SHAPES)])[order])) / n)
            ratio = ratio[order]
            table[i, j] = np.minimum(np.interp(RATIOS, ratio[::-1], log_p[::-1]), 0)
            far = np.flatnonzero(ratio[0] - 1 < RATIOS)
            table[i, j, far] = table[i, j, far[0] - 1] - (RATIOS[far] - RATIOS[far[0] - 1])
    return table


def _p_value(ratio: np.ndarray, common: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    at = [
        np.interp(np.log(skewness), np.log(SKEWNESS), np.arange(len(SKEWNESS))).ravel(),
        np.interp(common, CORRELATIONS, np.arange(len(CORRELATIONS))).ravel(),
        ((ratio - RATIOS[0]) / (RATIOS[1] - RATIOS[0])).ravel(),
    ]
    log_p = map_coordinates(_null_tail(), at, order=1, mode="nearest").reshape(ratio.shape)
    return np.exp(np.maximum(log_p - np.maximum(ratio - RATIOS[-1], 0), -690))


def _ratio_wanted(alpha: float, common: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """The log Λ at which p falls to alpha."""
    low, high = np.full(common.shape, RATIOS[0]), np.full(common.shape, RATIOS[-1])
    for _ in range(24):
        middle = (low + high) / 2
        over = _p_value(middle, common, skewness) <= alpha
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return high


def _keep(
    found: _Scores, record: _Record, law: _Law, method: str, columns: np.ndarray, week: np.ndarray,
    judged: np.ndarray, first: int, alpha: float,
) -> None:  # fmt: skip
    """Join the weeks' scores and enter the verdicts on `judged`, weeks among those of the law."""
    everywhere = np.ones(law.mean.shape, dtype=bool)
    scores = law.score(record.y[week][:, columns].ravel(), np.nonzero(everywhere)).reshape(law.mean.shape)
    scores = np.where(week[:, None] >= record.since[columns], scores, 0.0)  # nothing is known of earlier weeks
    here = np.searchsorted(week, judged)
    z = np.zeros((LAGS, len(judged), len(columns)))
    for lag in range(LAGS):
        reach = here >= lag
        z[lag, reach] = scores[here[reach] - lag]
    common = np.clip(law.common[here], 0, CORRELATIONS[-1])
    skewness = np.clip(law.skewness[here], SKEWNESS[0], SKEWNESS[-1])
    parts, growth = _terms(z, common, skewness)
    p = _p_value(_log_ratio(parts), common, skewness)
    p = np.where(z[0] > 0, p, np.maximum(p, special.ndtr(-z[0])))  # no alarm over a week that is below its mean
    y = record.y[judged][:, columns]
    bound = _bound(law, here, z[0], parts, growth, _ratio_wanted(alpha, common, skewness))
    to = np.ix_(judged - first, columns)
    found.p[to] = p
    found.expected[to] = law.mean[here]
    found.bound[to] = np.where(p <= alpha, np.minimum(bound, y - 1), np.maximum(bound, y))  # rounding decides nothing
    found.window[to] = SHAPE_WEEKS[np.exp(parts - parts.max(axis=(0, 1))).sum(axis=1)[: len(SHAPES)].argmax(axis=0)]
    found.method[to] = method


def _bound(
    law: _Law, here: np.ndarray, z: np.ndarray, parts: np.ndarray, growth: np.ndarray, wanted: np.ndarray
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
    need = np.maximum(need, 1e-9).ravel()
    row, column = (index.ravel() for index in np.indices(z.shape))
    row_of = here[row]
    mean = law.mean[row_of, column]
    spread = np.maximum(law.skewness[row_of, column] ** 2 * mean / 4, 1)  # φ, as skewness is 2√(φ/μ) at most
    guess = np.floor(np.maximum(mean + need * np.sqrt(spread * mean) + need**2 / 6, 0))
    return _largest_below(lambda count, at: law.score(count, (row_of[at], column[at])) < need[at], guess).reshape(
        z.shape
    )


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
