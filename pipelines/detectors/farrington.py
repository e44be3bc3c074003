"""Is this week's count above what the same season of earlier years allows? The improved Farrington algorithm.

Farrington et al. (1996), J. R. Statist. Soc. A 159:547; Noufaily et al. (2013), Statist. Med. 32:1206; described as
`farringtonFlexible` in Salmon, Schumacher & Höhle (2016), J. Statist. Softw. 70(10). For week k of one series:

1. baseline  `b` years back, ±`w` weeks round the same week of each year; with `noPeriods` > 1 also the weeks between
             those windows, in `noPeriods` - 1 blocks a year. Week k and the `pastWeeksNotIncluded` before it are left out.
2. model     quasi-Poisson log-linear regression on time and block (offset log population on request), stopped like
             R's glm (relative change of the deviance below 1e-8, at most 25 rounds, start y + 0.1).
3. reweight  weeks with scaled Anscombe residual s above `weightsThreshold` get weight ∝ s⁻²; fitted once more.
4. trend     kept if b ≥ 3, its p-value is below `pThresholdTrend` and the prediction is no higher than the largest
             baseline count; otherwise everything is fitted again without time.
5. bound     `delta`: normal bound on the 2/3-power scale, variance φμ + se². `nbPlugin`: 1-α quantile of the negative
             binomial with mean μ and variance φμ. `muan`: the same at the upper 1-α limit of μ.
6. alarm     y above the bound and at least `limit54` cases in the last weeks.

All series of a week share one design matrix of blocks and time, so X'WX is an arrow (a diagonal for the blocks, one
row for time): it is solved in closed form for all series at once, and one round of the fit is two matrix products.

`compat=True` gives the numbers of R's surveillance 1.20 to 1.26 with their faults. The default mends them:

- the standard error after re-weighting uses φ = max(1, Pearson χ²/df), as the papers do. R overwrites the working
  weights first and so uses Σω((y-μ)/μ)²/df, a relative variance; its errors are a few to some thirty times too small;
- `score` of nbPlugin and muan is (y - μ)/(bound - μ). R subtracts log μ from counts; such scores cannot be ranked;
- muan's upper limit of μ for a block in which nothing was ever counted is the exact Poisson one, φ·log(1/α)/weeks. The
  normal one on the log scale runs to 1e269;
- `expected` and `upperbound` are given also where `limit54` forbids an alarm, and `mu0` is the mean behind the bound
  (R's delta reports exp(μ + z·se) there).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import special

from pipelines.detectors.count_quantiles import exceedance, upper_quantile
from pipelines.detectors.windows import checked

POWERS = {"2/3": 2 / 3, "1/2": 1 / 2, "none": 1.0}
THRESHOLD_METHODS = ("delta", "nbPlugin", "muan")
FIT_FUNCTION = "algo.farrington.fitGLM.flexible"
YEAR_WEEKS = 52
YEARS_FOR_TREND = 3
MAX_ROUNDS = 25
DEVIANCE_TOLERANCE = 1e-8
EMPTY_CASES = 1e-9
SERIES_AT_ONCE = 192  # so that one round of the fit stays in the processor's cache
COLUMNS = (
    "observed", "alarm", "upperbound", "expected", "score", "pvalue", "mu0", "phi", "trendCoef", "trendUsed",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The field's own names and R's defaults; `noPeriods=10, pastWeeksNotIncluded=26, thresholdMethod="nbPlugin"` and
    `pThresholdTrend=1` give Noufaily et al. (2013)."""

    b: int = 5
    w: int = 3
    noPeriods: int = 1
    reweight: bool = True
    weightsThreshold: float = 2.58
    trend: bool = True
    pThresholdTrend: float = 0.05
    pastWeeksNotIncluded: int | None = None  # None: w
    thresholdMethod: str = "delta"
    alpha: float = 0.05
    limit54: tuple[int, int] = (5, 4)  # cases, weeks
    powertrans: str = "2/3"
    populationOffset: bool = False
    fitFun: str = FIT_FUNCTION

    def __post_init__(self) -> None:
        problems = [
            (name, value, expected)
            for name, value, good, expected in (
                ("b", self.b, self.b >= 1, "1 或更大的整数"),
                ("w", self.w, 0 <= self.w <= 25, "0 到 25 的整数"),
                ("noPeriods", self.noPeriods, 1 <= self.noPeriods <= YEAR_WEEKS, f"1 到 {YEAR_WEEKS} 的整数"),
                ("weightsThreshold", self.weightsThreshold, self.weightsThreshold > 0, "大于 0 的数"),
                ("pThresholdTrend", self.pThresholdTrend, 0 <= self.pThresholdTrend <= 1, "0 到 1 的数"),
                ("pastWeeksNotIncluded", self.pastWeeksNotIncluded, self.guard >= 0, "0 或更大的整数"),
                ("thresholdMethod", self.thresholdMethod, self.thresholdMethod in THRESHOLD_METHODS, "、".join(THRESHOLD_METHODS)),
                ("alpha", self.alpha, 0 < self.alpha < 1, "0 与 1 之间的数"),
                ("limit54", list(self.limit54), self.limit54[0] >= 0 and self.limit54[1] >= 1, "[件数, 周数]"),
                ("powertrans", self.powertrans, self.powertrans in POWERS, "、".join(POWERS)),
                ("fitFun", self.fitFun, self.fitFun == FIT_FUNCTION, FIT_FUNCTION),
            )
            if not good
        ]  # fmt: skip
        if problems:
            name, value, expected = problems[0]
            raise ValueError(f"设置 {name}：收到 {value}，应为{expected}")

    @property
    def guard(self) -> int:
        return self.w if self.pastWeeksNotIncluded is None else self.pastWeeksNotIncluded


SETTING_NAMES = tuple(field.name for field in fields(Settings))


def farrington_flexible(
    counts: np.ndarray,
    *,
    population: np.ndarray | None = None,
    dates: np.ndarray | None = None,
    weeks: Sequence[int] | None = None,
    settings: Settings | Mapping | None = None,
    compat: bool = False,
) -> dict[str, np.ndarray]:
    """Judge `weeks` of every series.

    `counts`: (n_weeks × n_series), every week present, none negative. `population`: same shape, above 0, used when
    `populationOffset`. `dates`: (n_weeks,) datetime64, one weekday, rising; given, "the same week" of a year is the
    one nearest the same calendar day, without it 52 weeks back. `weeks`: row numbers from 0 (default: every row).
    `settings`: `Settings` or a mapping of its fields.

    Returns `week` (n_evaluated,) and, each (n_evaluated × n_series), COLUMNS: `alarm` and `trendUsed` are bool, the
    rest float. Weeks with too little history for `b` years have NaN everywhere but `observed`. `compat`: R's numbers.
    Appending weeks never changes an earlier verdict. Raises ValueError (a Chinese sentence) for unusable input.

    >>> y = np.full((320, 1), 10.0); y[-1] = 40
    >>> found = farrington_flexible(y, weeks=[319])
    >>> round(float(found["expected"][0, 0]), 6), bool(found["alarm"][0, 0])
    (10.0, True)
    """
    chosen = settings if isinstance(settings, Settings) else Settings(**(settings or {}))
    y, rows = checked(counts, weeks)
    n_weeks, n_series = y.shape
    offset = None
    if chosen.populationOffset:
        if population is None or np.shape(population) != y.shape or not (np.asarray(population) > 0).all():
            raise ValueError("设置了 populationOffset：需要与计数同样大小、全部大于 0 的人口数")
        offset = np.log(np.asarray(population, dtype=float))
    days = None if dates is None else _checked_days(dates, n_weeks)

    found = {name: np.full((len(rows), n_series), np.nan) for name in COLUMNS}
    found["observed"] = y[rows]
    found["alarm"], found["trendUsed"] = (np.zeros((len(rows), n_series), dtype=bool) for _ in range(2))
    recent = _recent_cases(y, rows, chosen.limit54[1])
    designs = [_design(int(row), chosen, days) for row in rows]
    for first in range(0, n_series, SERIES_AT_ONCE):
        part = slice(first, first + SERIES_AT_ONCE)
        prepared = _Prepared(y[:, part], None if offset is None else offset[:, part])
        for i, design in enumerate(designs):
            if design is not None:
                # A fit can run off on a hopeless extrapolation; the trend is then dropped, as NaN passes no comparison.
                with np.errstate(all="ignore"):
                    verdict = _judge(prepared, design, chosen, compat, recent[i, part])
                for name, values in verdict.items():
                    found[name][i, part] = values
    return {"week": rows, **found}


def _checked_days(dates: np.ndarray, n_weeks: int) -> np.ndarray:
    days = np.asarray(dates, dtype="datetime64[D]")
    if days.shape != (n_weeks,) or np.isnat(days).any():
        raise ValueError(f"日期应有 {n_weeks} 个，与周一一对应，收到 {days.size} 个")
    if n_weeks > 1 and (np.diff(days) != np.timedelta64(7, "D")).any():
        raise ValueError("日期应每周一个、相隔 7 天")
    return days


def _recent_cases(y: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """Cases in the last `n` weeks, the judged one included (n_evaluated × n_series)."""
    total = np.vstack([np.zeros((1, y.shape[1])), np.cumsum(y, axis=0)])
    return total[rows + 1] - total[np.maximum(rows + 1 - n, 0)]


# ---- which weeks, in which blocks --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Design:
    """The baseline of one judged week, the same for all series. Time is centred on the mean of its block."""

    row: int  # the judged week
    rows: np.ndarray  # (n,) baseline weeks, in order
    level: np.ndarray  # (n,) block of each, 0 = the block of the judged week
    time: np.ndarray  # (n,) weeks, centred within the block
    time_now: float  # the judged week on the time scale of its block
    blocks: np.ndarray  # (p × n) indicator
    sums: np.ndarray  # (2p+1 × n): block sums of w, of w·time, and the sum of w·time²


def _design(row: int, chosen: Settings, days: np.ndarray | None) -> _Design | None:
    """Baseline and blocks of one week, or None if the series does not reach back far enough."""
    reference = _reference_weeks(row, chosen.b, days)
    if reference is None or reference[-1] - chosen.w < 0:
        return None
    last = row - chosen.guard - 1
    years = np.asarray(reference[::-1])
    if chosen.noPeriods == 1:
        rows = np.unique((years[:, None] + np.arange(-chosen.w, chosen.w + 1)).ravel())
        level = np.zeros(len(rows), dtype=int)
    else:
        rows = np.arange(years[0] - chosen.w, row)
        level = np.zeros(len(rows), dtype=int)
        for year, following in zip(years, [*years[1:], row], strict=True):
            gap = np.arange(year + chosen.w + 1, following - chosen.w)
            size, rest = divmod(len(gap), chosen.noPeriods - 1)
            lengths = size + (np.arange(chosen.noPeriods - 1) < rest)
            level[gap - rows[0]] = np.repeat(np.arange(1, chosen.noPeriods), lengths)
    level, rows = level[rows <= last], rows[rows <= last]
    if not (level == 0).any():
        return None
    level = np.unique(level, return_inverse=True)[1]  # a block without any week is no parameter
    if len(rows) <= level.max() + 2:  # as many parameters as weeks
        return None
    blocks = (level == np.arange(level.max() + 1)[:, None]).astype(float)
    centre = blocks @ rows / blocks.sum(axis=1)
    time = rows - centre[level]
    return _Design(
        row=row, rows=rows, level=level, time=time, time_now=row - centre[0], blocks=blocks,
        sums=np.vstack([blocks, blocks * time, time**2]),
    )  # fmt: skip


def _reference_weeks(row: int, b: int, days: np.ndarray | None) -> list[int] | None:
    """The same week 1..b years back, latest first."""
    if days is None:
        return [row - YEAR_WEEKS * year for year in range(1, b + 1)]
    month = days[row].astype("datetime64[M]")
    day = days[row] - month.astype("datetime64[D]")
    found = []
    for year in range(1, b + 1):
        wanted = (month - np.timedelta64(12 * year, "M")).astype("datetime64[D]") + day  # 29 February → 1 March
        distance = np.abs(days - wanted)
        nearest = int(distance.argmin())
        if distance[nearest] > np.timedelta64(6, "D"):
            return None
        found.append(nearest)
    return found


# ---- the fit -----------------------------------------------------------------------------------------------------


class _Prepared:
    """Functions of the counts that every fit of a chunk of series needs, computed once."""

    def __init__(self, y: np.ndarray, offset: np.ndarray | None):
        self.y, self.offset = np.ascontiguousarray(y), offset
        start = np.log(self.y + 0.1)
        self.start_response = (self.y + 0.1) * (start if offset is None else start - offset) - 0.1
        self.start_deviance = special.xlogy(self.y, self.y) - self.y * start + 0.1
        self.saturated = special.xlogy(self.y, self.y) - self.y
        self.power = np.cbrt(self.y) ** 2


@dataclass
class _Fit:
    """One weighted fit of all series of a chunk; (n × m) over baseline weeks, (p × m) over blocks, (m,) else."""

    mean: np.ndarray  # (n × m)
    weight: np.ndarray  # (n × m) working weights of the last round, as R keeps them
    eta_now: np.ndarray  # (m,) linear predictor of the judged week, offset included
    slope: np.ndarray  # per week; NaN without trend
    inverse: np.ndarray  # (2p+1 × m) h = weight · (sums' @ inverse): the quadratic form of (X'WX)⁻¹
    variance_now: np.ndarray  # (m,) x₀'(X'WX)⁻¹x₀
    variance_slope: np.ndarray
    converged: np.ndarray


def _baseline(design: _Design, columns: np.ndarray | slice) -> Any:
    """Index of the baseline weeks of the given series."""
    return design.rows if isinstance(columns, slice) else np.ix_(design.rows, columns)


def _fit(
    prepared: _Prepared,
    columns: np.ndarray | slice,
    omega: np.ndarray | None,
    design: _Design,
    trend: bool,
    slope: np.ndarray | None = None,
) -> _Fit:
    """Quasi-Poisson regression on block and, if `trend`, time, of the given columns, by Newton's rounds.

    `omega`: (n × m) prior weights or None for 1. The start is R's, y + 0.1. From there an empty block takes twenty
    rounds to its arbitrary end near -∞; where `slope` (m,) is given, series with such a block start from it instead,
    every block at its best level. A series that has converged is set aside and the others go on; one that does not
    is fitted again from R's start.
    """
    p, n = design.blocks.shape
    x = np.column_stack([design.blocks.T, design.time]) if trend else np.ascontiguousarray(design.blocks.T)
    sums = design.sums if trend else design.blocks
    part = _baseline(design, columns)
    y = prepared.y[part]
    offset = None if prepared.offset is None else prepared.offset[part]
    weighted = y if omega is None else omega * y
    target = x.T @ weighted
    constant = prepared.saturated[part]
    constant = (constant if omega is None else omega * constant).sum(axis=0)
    if offset is not None:
        constant = constant - (weighted * offset).sum(axis=0)
    whole = omega
    weight, right, terms = y + 0.1, prepared.start_response[part], prepared.start_deviance[part]
    if omega is not None:
        weight, right, terms = omega * weight, omega * right, omega * terms
    moment = sums @ weight
    beta, right, deviance = np.zeros((x.shape[1], y.shape[1])), x.T @ right, 2 * terms.sum(axis=0)
    empty = np.flatnonzero((target[:p] == 0).any(axis=0)) if slope is not None else np.zeros(0, dtype=int)
    if slope is not None and empty.size:
        prior = None if omega is None else omega[:, empty]
        shift = None if offset is None else offset[:, empty]
        beta[:, empty] = _levels(design, target[:p, empty], prior, shift, slope[empty])[: x.shape[1]]
        mean = _mean(x @ beta[:, empty], shift)
        weight[:, empty] = mean if prior is None else prior * mean
        moment[:, empty] = sums @ weight[:, empty]
        right[:, empty] = target[:, empty] - _first_moments(moment[:, empty], p, trend)
        deviance[empty] = 2 * (constant[empty] - (beta * target)[:, empty].sum(axis=0) + moment[:p, empty].sum(axis=0))

    m = y.shape[1]
    out_mean, out_weight = np.empty((n, m)), np.empty((n, m))
    out_beta, out_moment = np.empty((x.shape[1], m)), np.empty((len(sums), m))
    converged = np.zeros(m, dtype=bool)
    active = np.arange(m)
    for attempt in range(MAX_ROUNDS):
        beta = beta + _solve(moment, right, p)
        mean = _mean(x @ beta, offset)
        new_weight = mean if omega is None else omega * mean
        new_moment = sums @ new_weight
        new_deviance = 2 * (constant - (beta * target).sum(axis=0) + new_moment[:p].sum(axis=0))
        done = np.abs(new_deviance - deviance) < DEVIANCE_TOLERANCE * (np.abs(new_deviance) + 0.1)
        ends = done if attempt < MAX_ROUNDS - 1 else np.ones_like(done)
        if ends.any():
            here = active[ends]
            out_mean[:, here], out_weight[:, here] = mean[:, ends], weight[:, ends]
            out_beta[:, here], out_moment[:, here] = beta[:, ends], moment[:, ends]
            converged[active[done]] = True
            if ends.all():
                break
            on = ~ends
            active, beta, target, constant = active[on], beta[:, on], target[:, on], constant[on]
            new_weight, new_moment, new_deviance = new_weight[:, on], new_moment[:, on], new_deviance[on]
            omega = None if omega is None else omega[:, on]
            offset = None if offset is None else offset[:, on]
        weight, moment, deviance = new_weight, new_moment, new_deviance
        right = target - _first_moments(moment, p, trend)
    fit = _read_off(design, prepared, columns, out_mean, out_weight, out_beta, out_moment, converged)
    if slope is not None and not converged.all():
        again = np.flatnonzero(~converged)
        there = again if isinstance(columns, slice) else columns[again]
        afresh = _fit(prepared, there, None if whole is None else whole[:, again], design, trend)
        for field in fields(_Fit):
            getattr(fit, field.name)[..., again] = getattr(afresh, field.name)
    return fit


def _levels(
    design: _Design, cases: np.ndarray, omega: np.ndarray | None, offset: np.ndarray | None, slope: np.ndarray
) -> np.ndarray:
    """The level of each block that fits its `cases` best for a given slope, and the slope: (p+1 × m).

    An empty block, whose level has no finite best value, gets that of 1e-9 cases.
    """
    shape = _mean(np.multiply.outer(design.time, slope), offset)
    exposure = design.blocks @ (shape if omega is None else omega * shape)
    return np.vstack([np.log(np.maximum(cases, EMPTY_CASES) / exposure), slope])


def _mean(eta: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
    """exp(η), like R's never below the machine's precision; overwrites η."""
    if offset is not None:
        eta += offset
    return np.maximum(np.exp(eta, out=eta), np.finfo(float).eps, out=eta)


def _first_moments(moment: np.ndarray, p: int, trend: bool) -> np.ndarray:
    """X'W1 from the sums that X'WX is made of."""
    return np.vstack([moment[:p], moment[p : 2 * p].sum(axis=0)]) if trend else moment


def _solve(moment: np.ndarray, right: np.ndarray, p: int) -> np.ndarray:
    """(X'WX)⁻¹ r for every series: blocks are orthogonal, so time is eliminated first."""
    if len(moment) == p:
        return right / moment
    centre = moment[p : 2 * p] / moment[:p]
    spread = moment[2 * p] - (moment[p : 2 * p] * centre).sum(axis=0)
    slope = (right[p] - (centre * right[:p]).sum(axis=0)) / spread
    return np.vstack([right[:p] / moment[:p] - centre * slope, slope])


def _read_off(
    design: _Design,
    prepared: _Prepared,
    columns: np.ndarray | slice,
    mean: np.ndarray,
    weight: np.ndarray,
    beta: np.ndarray,
    moment: np.ndarray,
    converged: np.ndarray,
) -> _Fit:
    """Prediction for the judged week and the variances (X'WX)⁻¹ gives, from finished coefficients."""
    p = len(design.blocks)
    eta_now = beta[0].copy()
    if prepared.offset is not None:
        eta_now += prepared.offset[design.row, columns]
    if len(beta) == p:
        none = np.full(len(eta_now), np.nan)
        return _Fit(mean, weight, eta_now, none, 1 / moment, 1 / moment[0], none, converged)
    centre = moment[p : 2 * p] / moment[:p]
    spread = moment[2 * p] - (moment[p : 2 * p] * centre).sum(axis=0)
    inverse = np.vstack([1 / moment[:p] + centre**2 / spread, -2 * centre / spread, 1 / spread])
    variance_now = 1 / moment[0] + (design.time_now - centre[0]) ** 2 / spread
    eta_now += beta[p] * design.time_now
    return _Fit(mean, weight, eta_now, beta[p], inverse, variance_now, 1 / spread, converged)


@dataclass
class _Model:
    """A finished fit and what is read off it, (m,) each."""

    mean: np.ndarray
    eta: np.ndarray
    se: np.ndarray  # of eta
    phi: np.ndarray
    slope: np.ndarray
    p_slope: np.ndarray
    block_cases: np.ndarray  # weighted cases in the block of the judged week
    block_exposure: np.ndarray  # weighted weeks of that block, in units of the judged week's population
    usable: np.ndarray


def _model(
    prepared: _Prepared,
    columns: np.ndarray | slice,
    design: _Design,
    chosen: Settings,
    compat: bool,
    trend: bool,
) -> _Model:
    """Steps 2 and 3 for the given columns, with or without time.

    Without `compat` series with an empty block are not started as R does, whose digits mean nothing there.
    """
    part = _baseline(design, columns)
    y = prepared.y[part]
    n = len(design.rows)
    df = n - len(design.blocks) - trend
    flat = None if compat else np.zeros(y.shape[1])
    fit, omega = _fit(prepared, columns, None, design, trend, flat), None
    residual = (y - fit.mean) / fit.mean
    phi = np.maximum((fit.weight * residual**2).sum(axis=0) / df, 1.0)
    if chosen.reweight:
        sums = design.sums if trend else design.blocks
        leverage = fit.weight * (sums.T @ fit.inverse)
        root = np.sqrt(fit.mean)
        anscombe = 1.5 * (prepared.power[part] / np.cbrt(root) - root) / np.sqrt(phi * (1 - leverage))
        outlying = anscombe > chosen.weightsThreshold
        omega = np.ones_like(y)
        omega[outlying] = anscombe[outlying] ** -2
        omega *= n / omega.sum(axis=0)
        fit = _fit(prepared, columns, omega, design, trend, fit.slope if trend and not compat else flat)
        residual = (y - fit.mean) / fit.mean
        phi = np.maximum((fit.weight * residual**2).sum(axis=0) / df, 1.0)
    if compat:
        dispersion = ((fit.weight if omega is None else omega) * residual**2).sum(axis=0) / df
    else:
        dispersion = phi
    p_slope = 2 * special.stdtr(df, -np.abs(fit.slope) / np.sqrt(dispersion * fit.variance_slope))
    here = design.level == 0
    share = np.ones_like(y[here]) if prepared.offset is None else np.exp(
        prepared.offset[part][here] - prepared.offset[design.row, columns]
    )  # fmt: skip
    omega_here = 1.0 if omega is None else omega[here]
    return _Model(
        mean=np.exp(fit.eta_now), eta=fit.eta_now, se=np.sqrt(dispersion * fit.variance_now), phi=phi,
        slope=fit.slope, p_slope=p_slope, block_cases=y[here].sum(axis=0), block_exposure=(omega_here * share).sum(axis=0),
        usable=fit.converged,
    )  # fmt: skip


def _judge(
    prepared: _Prepared, design: _Design, chosen: Settings, compat: bool, recent: np.ndarray
) -> dict[str, np.ndarray]:
    """Steps 2 to 6 for one week of a chunk of series."""
    everything = slice(None)
    trend = chosen.trend and chosen.b >= YEARS_FOR_TREND
    model = _model(prepared, everything, design, chosen, compat, trend)
    kept = np.zeros(prepared.y.shape[1], dtype=bool)
    if trend:
        largest = prepared.y[design.rows].max(axis=0)
        kept = (model.p_slope < chosen.pThresholdTrend) & (model.mean <= largest) & model.usable
        if not kept.all():
            columns = np.flatnonzero(~kept)
            flat = _model(prepared, columns, design, chosen, compat, trend=False)
            for field in fields(_Model):
                getattr(model, field.name)[columns] = getattr(flat, field.name)
    y = prepared.y[design.row]
    bound, score, p, mu0 = _threshold(y, model, chosen, compat)
    enough = recent >= chosen.limit54[0]
    over = (score > 1) if compat else (y > bound)
    expected = model.mean
    if compat:
        lost = ~enough | np.isnan(bound)
        expected, bound = np.where(lost, np.nan, expected), np.where(lost, np.nan, bound)
    score = np.where(np.isnan(p), np.nan, score)
    return {
        "alarm": over & (y != 0) & enough, "upperbound": bound, "expected": expected, "score": score, "pvalue": p,
        "mu0": mu0, "phi": model.phi, "trendCoef": np.where(kept, model.slope, np.nan), "trendUsed": kept,
    }  # fmt: skip


def _threshold(
    y: np.ndarray, model: _Model, chosen: Settings, compat: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bound, score, p-value and the mean behind the bound, (m,) each."""
    z = special.ndtri(1 - chosen.alpha)
    mean, phi = model.mean, model.phi
    if chosen.thresholdMethod == "delta":
        power = POWERS[chosen.powertrans]
        error = model.se * mean
        width = power * np.sqrt((phi + error**2 / mean) / mean)  # standard error of (y/μ)^power
        bound = mean * (1 + z * width) ** (1 / power)
        p = special.ndtr((1 - (y / mean) ** power) / width)
        mu0 = np.exp(mean + z * error) if compat else mean
        return bound, (y - mean) / (bound - mean), p, mu0
    mu0 = mean
    if chosen.thresholdMethod == "muan":
        mu0 = np.exp(model.eta + z * model.se)
        if not compat:
            exact = phi * -np.log(chosen.alpha) / model.block_exposure
            mu0 = np.where(model.block_cases == 0, exact, mu0)
    known = np.where(np.isfinite(mu0), mu0, np.nan)
    bound = upper_quantile(chosen.alpha, known, phi)
    p = exceedance(y, known, phi)
    if compat:
        return bound, (y - model.eta) / (bound - model.eta), p, mu0
    centre = np.minimum(mean, bound)  # a nearly silent series: the bound can lie at 0, below the mean
    return bound, (y - centre) / np.maximum(bound - centre, 0.5), p, mu0
