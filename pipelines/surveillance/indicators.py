"""Other evidence than a count of one week: what climbs slowly, what comes back, which units fall behind.

rise          Does a series climb over the last 8 weeks beyond its expectation? For slow events no single week of which
              stands out (`sustained_rise`).
repeat        Are more of the items of the last 4 weeks repeats than used to be, of this issue in this place? Complaints
              that are not resolved come back (`share_excess`). The flag is the source's own; nobody is recognised here.
overdue, satisfaction, returns
              Is a unit's share of overdue, dissatisfied or returned items out of its control limits (`share_excess`
              again)? An attribute control chart whose limits allow for more spread than the binomial, as Laney's p′ chart
              does (2002, Quality Engineering 14:531), by a beta-binomial law instead of a normal one: months differ for
              other reasons than chance. Units are offices; nobody who works there is seen.

One week is too noisy for a share: WINDOW weeks are taken together, judged anew every week. p-values are one-sided. `rise`
rows are there where RISE_MIN_ITEMS items came, rows of shares where their minimum of items was met (units: always).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy import special

from pipelines.detectors.predictive import share_exceedance
from pipelines.surveillance.excess import ALPHA, PLACE_LEVELS, SILENT_BELOW
from pipelines.surveillance.kept import TAILS, Kept, looked_up
from pipelines.surveillance.record import EVIDENCE_COLUMNS

RISE_WEEKS, RISE_MIN_ITEMS = 8, 20
ALMOST_NORMAL = 0.005  # skewness from which on a gamma law can be told from the normal
LEVEL_VARIANCE = 0.01  # relative, of an expected level: since its baseline ended it may have drifted by ±10 %
WINDOW, GUARD, BASELINE, MIN_BASELINE = 4, 8, 52, 26  # weeks; the baseline is compared in blocks as long as the window
REPEAT_MIN_ITEMS, REPEAT_MIN_CASES = 5, 3
UNIT_WEEKS = 53  # judged
UNIT_MIN_ITEMS, UNIT_MIN_CASES = 10, 5
UNIT_FDR = 0.10
MAIN_COUNTY_SHARE = 0.9
UNIT_KINDS = {
    "overdue": ("n_overdue", "n_due"),
    "satisfaction": ("n_dissatisfied", "n_rated"),
    "returns": ("n_returned", "n_return_known"),
}
TOO_FEW = f"近 {WINDOW} 周不足 {UNIT_MIN_ITEMS} 件"
TOO_SHORT = f"历史不足 {MIN_BASELINE + GUARD + WINDOW} 周"
NOT_JUDGED = f"前 {RISE_WEEKS} 周里有未判定的周"
BORROWED_ITEMS = 10.0  # with which the share of everything enters that of a group
LITTLE_SPREAD = 0.01  # how far the spread over time of one series may lie from that of all


# ---- entry points ------------------------------------------------------------------------------------------------


def place_evidence(
    weekly: pl.DataFrame, detection: pl.DataFrame, weeks: list[date], *, city_code: str, kept: Kept | None = None
) -> pl.DataFrame:
    """Evidence of kinds `rise` and `repeat`, EVIDENCE_COLUMNS, for the weeks `detection` has.

    `weekly`: week_start_on, county_code, town_code, issue_code, n_repeat, and n_repeat_known: items whose source says
    whether they are repeats. Where that column is missing, it is n_events of the rows whose n_repeat is not null.
    `detection`: the verdicts of `excess.detect`. `weeks`: every complete week, in order. Status `alarm` is p ≤ ALPHA for
    this subject alone; what holds in the whole city is for `joining` to say.
    """
    judged = sorted(detection["week_start_on"].unique())
    found = [*_rises(detection, judged), *_repeats(weekly, weeks, city_code, judged[0], kept)] if judged else []
    return (pl.concat(found) if found else pl.DataFrame(schema=EVIDENCE_COLUMNS)).sort(
        "kind", "week_start_on", "place_level", "place_code", "issue_code"
    )


def unit_evidence(
    outcome: pl.DataFrame, weeks: list[date], *, city_code: str, evaluate: int = UNIT_WEEKS, kept: Kept | None = None
) -> pl.DataFrame:
    """Evidence of kinds `overdue`, `satisfaction`, `returns` for the last `evaluate` weeks, EVIDENCE_COLUMNS.

    `outcome`: mart weekly_outcome. `weeks`: every complete week, in order. The place is the county of MAIN_COUNTY_SHARE
    of a unit's items, else the city. Status `alarm`: above the upper bound, UNIT_MIN_CASES cases or more, and not refuted by
    Benjamini and Hochberg (1995) at UNIT_FDR among the units of that kind and week. A kind no file tells anything about
    has no rows.
    """
    by_unit = outcome.filter(pl.col("unit_name").is_not_null() & pl.col("week_start_on").is_in(weeks))
    places = _places_of_units(by_unit, city_code)
    found = []
    for kind, (cases, base) in UNIT_KINDS.items():
        counted = by_unit.filter(pl.col(base) > 0)
        if counted.is_empty():
            continue
        series, (y, n) = _matrices(counted, ["unit_name"], [cases, base], weeks)
        judged = share_excess(
            y,
            n,
            known_from=(n > 0).argmax(axis=1),
            first=max(len(weeks) - evaluate, 0),
            min_items=UNIT_MIN_ITEMS,
            kept=kept,
        )
        subjects = series.join(places, on="unit_name", how="left", maintain_order="left")
        listed = np.nonzero((judged.base > 0) | (judged.reason == ""))
        rows = _rows(kind, subjects, judged, listed, weeks, is_alarm=judged.observed >= UNIT_MIN_CASES)
        found.append(_controlled(rows))
    empty = pl.DataFrame(schema=EVIDENCE_COLUMNS)
    return (pl.concat(found) if found else empty).sort("kind", "week_start_on", "unit_name")


# ---- sustained rise ----------------------------------------------------------------------------------------------


def sustained_rise(
    observed: np.ndarray, expected: np.ndarray, phi: np.ndarray, *, level_variance: float = LEVEL_VARIANCE
) -> np.ndarray:
    """p-value of a rise through the weeks of a window beyond what was expected; (…, weeks) in, oldest first, (…) out.

    Score test for b = 0 in log μ(t) = log expected(t) + a + b·t, t = 1, 2, … from the window's start, with variance φμ
    (McCullagh & Nelder 1989, Generalized Linear Models, ch. 9 and 12.2) and a, the level, uncertain with variance
    `level_variance` rather than free: where few items are expected their number tells more than how they are spread over the
    weeks, where many are the level may have drifted and only the trend tells. With V = diag(φ·e) + r·ee′ the score is
    (t·e)′V⁻¹(y - e); its tail is that of the gamma law with the same mean, variance and skewness (Pearson type III),
    continuous, so that p is about a mid-p. A window with no more items than expected is no rise: p is at least .5.

    >>> even, late = np.full(8, 5.0), np.array([3.0, 4, 6, 8, 9, 10, 12, 13])
    >>> [round(float(p), 4) for p in sustained_rise(np.array([even, late]), even, np.ones(8))]
    [0.5, 0.0]
    """
    y, e, phi = np.broadcast_arrays(*(np.asarray(values, dtype=float) for values in (observed, expected, phi)))
    t = np.arange(1, y.shape[-1] + 1)
    known, climbing = (e / phi).sum(axis=-1), (e * t / phi).sum(axis=-1)
    weight = (t - (level_variance * climbing / (1 + level_variance * known))[..., None]) / phi
    sd, skewness = _moments(weight, e, phi, level_variance)
    p = _gamma_tail((weight * (y - e)).sum(axis=-1) / sd, skewness)
    return np.where(y.sum(axis=-1) > e.sum(axis=-1), p, np.maximum(p, 0.5))


def _moments(
    weight: np.ndarray, e: np.ndarray, phi: np.ndarray, level_variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation and skewness of Σ weight·y: counts with variance φ times their mean, e times a log-normal level."""
    level, noise = (weight * e).sum(axis=-1), (weight**2 * phi * e).sum(axis=-1)
    variance = noise + level_variance * level**2
    third = (weight**3 * phi * (2 * phi - 1) * e).sum(axis=-1)
    third = third + 3 * level_variance * level * (noise + level_variance * level**2)
    sd = np.sqrt(variance)
    return sd, third / sd**3


def _gamma_tail(z: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """P(Z ≥ z) of a standardised gamma law; negative skewness: of its mirror image."""
    skew = np.where(skewness < 0, -1, 1) * np.maximum(np.abs(skewness), ALMOST_NORMAL)
    shape = 4 / skew**2
    at = np.maximum(shape + z * 2 / skew, 0)
    return np.where(skew > 0, special.gammaincc(shape, at), special.gammainc(shape, at))


def _rises(detection: pl.DataFrame, judged_weeks: list[date]) -> list[pl.DataFrame]:
    keys = ["place_level", "place_code", "issue_code"]
    weeks = [judged_weeks[0] + timedelta(weeks=at) for at in range((judged_weeks[-1] - judged_weeks[0]).days // 7 + 1)]
    if len(weeks) < RISE_WEEKS:
        return []
    # A week left out was silent: no item, less than SILENT_BELOW expected.
    figures = detection.select(
        *keys, "week_start_on", "observed", pl.col("expected").fill_null(np.nan) - SILENT_BELOW, pl.col("phi") - 1
    )
    series, (y, e, phi) = _matrices(figures, keys, ["observed", "expected", "phi"], weeks)
    e, phi = e + SILENT_BELOW, np.nan_to_num(phi) + 1
    total, expected = (_last_weeks(values, RISE_WEEKS) for values in (y, e))
    at = np.nonzero(total[:, RISE_WEEKS - 1 :] >= RISE_MIN_ITEMS)
    row, column = at[0], at[1] + RISE_WEEKS - 1
    span = column[:, None] + np.arange(1 - RISE_WEEKS, 1)
    window = tuple(values[row[:, None], span] for values in (y, e, phi))
    shape = total.shape
    p, bound = np.full(shape, np.nan), np.full(shape, np.nan)
    p[row, column] = sustained_rise(*window)
    bound[row, column] = _bound_of_sum(*window[1:])
    alarm = p <= ALPHA
    bound = np.where(alarm, np.minimum(bound, total - 1), np.maximum(bound, total))  # the score decides, not the sum
    judged = Judged(
        total, np.full(shape, np.nan), expected, bound, p, np.where(np.isnan(p), NOT_JUDGED, "").astype(object), 0
    )
    return [_rows("rise", series, judged, (row, column), weeks, is_alarm=alarm)]


def _bound_of_sum(expected: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """1-ALPHA quantile of the window's sum."""
    sd, skewness = _moments(np.ones_like(expected), expected, phi, LEVEL_VARIANCE)
    skew = np.maximum(skewness, ALMOST_NORMAL)
    shape = 4 / skew**2
    return np.floor(expected.sum(axis=-1) + sd * (special.gammainccinv(shape, ALPHA) - shape) * skew / 2)


# ---- shares ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """Verdicts, each (series × weeks from `first` on); NaN where not assessed."""

    observed: np.ndarray  # cases of the window
    base: np.ndarray  # among these items
    expected: np.ndarray
    upper_bound: np.ndarray
    p_value: np.ndarray
    reason: np.ndarray  # '' where assessed
    first: int


def share_excess(
    cases: np.ndarray,
    items: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    known_from: np.ndarray | None = None,
    first: int = 0,
    min_items: int = REPEAT_MIN_ITEMS,
    kept: Kept | None = None,
) -> Judged:
    """Are more of the items of the last WINDOW weeks cases than a series' own last year lets expect?

    `cases`, `items`: (series × weeks), cases among items. `groups`: (series,) small whole numbers; the other series of a group
    are the prior of a series' share (default: all one group). `known_from`: (series,) first week of the series' record.
    Weeks before `first` are not judged. `kept`: tails of an earlier run. Windows with fewer than `min_items` items are not assessed, nor series of whose record
    fewer than MIN_BASELINE weeks precede the guard. Appending weeks changes no earlier verdict.

    The number of cases is beta-binomial (Skellam 1948, JRSS B 10:257): mean and its doubt from BASELINE weeks that end GUARD
    weeks before the window and from a beta prior around the group's share (empirical Bayes; the series itself left out),
    spread from how the blocks of the baseline differ (`_law`). p is the mid-p (Lancaster 1961, JASA 56:223): uniform on
    average, where a plain P(Y ≥ y) of few items is far too large; at a given level it can fall short of its size by a part of
    one count's probability. `upper_bound`: the largest number of cases with p above ALPHA.

    >>> items = np.full((1, 80), 10.0); cases = np.ones((1, 80)); cases[0, -4:] = 4
    >>> judged = share_excess(cases, items, first=79)
    >>> int(judged.observed[0, 0]), round(float(judged.expected[0, 0]), 1), bool(judged.p_value[0, 0] < 1e-4)
    (16, 4.0, True)
    """
    n_series, n_weeks = items.shape
    group = np.zeros(n_series, dtype=int) if groups is None else groups
    since = np.zeros(n_series, dtype=int) if known_from is None else known_from
    y_now, n_now = (_last_weeks(values, WINDOW)[:, first:] for values in (cases, items))
    y_past, n_past = (np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0))) for values in (cases, items))
    expected, bound, p, a_now, b_now = np.full((5, *y_now.shape), np.nan)
    reason = np.full(y_now.shape, "", dtype=object)
    reason[n_now < min_items] = TOO_FEW
    for column, week in enumerate(range(first, n_weeks)):
        stop = week + 1 - WINDOW - GUARD
        reason[stop - since < MIN_BASELINE, column] = TOO_SHORT
        at = np.flatnonzero(reason[:, column] == "")
        if not at.size:
            continue
        edges = np.maximum(stop - WINDOW * np.arange(BASELINE // WINDOW + 1), 0)
        a, b = _law(-np.diff(y_past[:, edges], axis=1), -np.diff(n_past[:, edges], axis=1), group)
        a_now[at, column], b_now[at, column] = a[at], b[at]
    known = np.nonzero(reason == "")
    law = (n_now[known], a_now[known], b_now[known])
    expected[known] = law[0] * law[1] / (law[1] + law[2])
    tails = looked_up(kept, pl.DataFrame(dict(zip(TAILS, (y_now[known], *law), strict=False))), _tails)
    p[known], bound[known] = tails["p_value"].to_numpy(), tails["upper_bound"].to_numpy()
    return Judged(y_now, n_now, expected, bound, p, reason, first)


def _law(y: np.ndarray, n: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The beta law of each series' share in a window to come, from (series × blocks) cases and items: a, b, (series,).

    Variance components by pairs of items: how often both are cases, if they come from one block, from two blocks of one series,
    from two series of one group? Differences of these are the spread between blocks and between series, without bias
    however few items there are. The spread between series is one for all; that between blocks that of all,
    or more where a series' own is more, as far as its sampling variance, 2(ρ + 1/n)² / blocks, lets it be believed: none is
    taken for calmer than the others.
    """

    def in_group(values: np.ndarray) -> np.ndarray:
        return np.bincount(group, values)[group]

    y_all, n_all = y.sum(axis=1), n.sum(axis=1)
    one_y, one_n = (y * (y - 1)).sum(axis=1), (n * (n - 1)).sum(axis=1)
    two_y, two_n = y_all**2 - (y**2).sum(axis=1), n_all**2 - (n**2).sum(axis=1)
    far_y, far_n = in_group(y_all) ** 2 - in_group(y_all**2), in_group(n_all) ** 2 - in_group(n_all**2)
    whole = (y_all.sum() + 0.5) / (n_all.sum() + 1)
    prior = (in_group(y_all) - y_all + BORROWED_ITEMS * whole) / (in_group(n_all) - n_all + BORROWED_ITEMS)
    has_others = far_n > 0
    between = _ratio(
        (two_y - two_n * np.divide(far_y, far_n, out=np.zeros_like(far_y), where=has_others))[has_others].sum(),
        (two_n * prior * (1 - prior))[has_others].sum(),
        0.05,
    )
    strength = 1 / np.clip(between, 0.001, 0.5) - 1
    share = (strength * prior + y_all) / (strength + n_all)
    apart = one_y - one_n * np.divide(two_y, two_n, out=np.zeros_like(two_y), where=two_n > 0)
    pairs = np.where(two_n > 0, one_n, 0) * share * (1 - share)
    usual = np.clip(_ratio(apart[pairs > 0].sum(), pairs.sum(), 0.0), 0, 0.5)
    own = np.divide(apart, pairs, out=np.full_like(apart, usual), where=pairs > 0)
    size = np.maximum(one_n / np.maximum(n_all, 1), 1e-9)  # of a block, as its items see it
    doubt = 2 * (usual + 1 / size) ** 2 * (n**2).sum(axis=1) / np.maximum(n_all, 1) ** 2
    trust = (usual + LITTLE_SPREAD) ** 2 / ((usual + LITTLE_SPREAD) ** 2 + doubt)
    spread = np.clip(usual + trust * np.maximum(own - usual, 0), 0, 0.5)
    # Items of one block tell less than as many independent ones.
    worth = 1 / (1 + np.maximum((n**2).sum(axis=1) / np.maximum(n_all, 1) - 1, 0) * spread)
    a, b = strength * prior + worth * y_all, strength * (1 - prior) + worth * (n_all - y_all)
    total = 1 - (1 - 1 / (a + b + 1)) * (1 - spread)
    return a / (a + b) * (1 / total - 1), b / (a + b) * (1 / total - 1)


def _ratio(part: float, whole: float, otherwise: float) -> float:
    return part / whole if whole > 0 else otherwise


def _tails(asked: pl.DataFrame) -> pl.DataFrame:
    cases, *law = (asked[name].to_numpy() for name in asked.columns)
    return asked.with_columns(
        pl.Series("p_value", _mid_p(cases, *law)), pl.Series("upper_bound", _upper_bound(ALPHA, *law))
    )


def _mid_p(cases: np.ndarray, items: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (share_exceedance(cases, items, a, b) + share_exceedance(cases + 1, items, a, b)) / 2


def _upper_bound(alpha: float, items: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The largest number of cases whose mid-p is above alpha, by steps from the quantile of a beta law as wide."""
    share, wide = a / (a + b), 1 / (a + b + 1)
    strength = 1 / (wide + (1 - wide) / np.maximum(items, 2)) - 1
    count = np.floor(items * special.betaincinv(share * strength, (1 - share) * strength, 1 - alpha))
    for step in (-1, 1):  # down to where p is above alpha, then up to the last such count
        active = np.arange(len(count))
        while active.size:
            at = count[active] + max(step, 0)
            above = (at < 0) | (_mid_p(at, items[active], a[active], b[active]) > alpha)
            active = active[above if step > 0 else ~above]
            count[active] += step
    return count


def _repeats(
    weekly: pl.DataFrame, weeks: list[date], city_code: str, since: date, kept: Kept | None
) -> list[pl.DataFrame]:
    known = "n_repeat_known" in weekly.columns
    flagged = weekly.filter(pl.col("n_repeat").is_not_null() & pl.col("week_start_on").is_in(weeks)).with_columns(
        pl.col("n_repeat_known" if known else "n_events").alias("n_repeat_known"), pl.lit(city_code).alias("city_code")
    )
    number = {week: at for at, week in enumerate(weeks)}
    found = []
    for level in PLACE_LEVELS:
        placed = flagged.with_columns(
            pl.lit(level).alias("place_level"), pl.col(f"{level}_code").alias("place_code")
        ).filter(pl.col("place_code").is_not_null() & (pl.col("n_repeat_known") > 0))
        if placed.is_empty():
            continue
        series, (y, n) = _matrices(
            placed, ["place_level", "place_code", "issue_code"], ["n_repeat", "n_repeat_known"], weeks
        )
        begins = dict(placed.group_by("place_code").agg(pl.col("week_start_on").min()).iter_rows())
        judged = share_excess(
            y,
            n,
            # In the whole city an issue has no other series of its own to borrow from: there all issues are one group.
            groups=None if level == "city" else series["issue_code"].rank("dense").to_numpy().astype(int) - 1,
            known_from=np.array([number[begins[code]] for code in series["place_code"]]),
            first=number[since],
            kept=kept,
        )
        listed = np.nonzero(judged.base >= REPEAT_MIN_ITEMS)
        alarm = (judged.p_value <= ALPHA) & (judged.observed >= REPEAT_MIN_CASES)
        found.append(_rows("repeat", series, judged, listed, weeks, is_alarm=alarm))
    return found


# ---- rows --------------------------------------------------------------------------------------------------------


def _last_weeks(values: np.ndarray, n: int) -> np.ndarray:
    """Sums over each week and the n - 1 before it, as far as there are any; the same shape."""
    total = values.copy()
    for lag in range(1, n):
        total[:, lag:] += values[:, :-lag]
    return total


def _matrices(
    frame: pl.DataFrame, keys: list[str], columns: list[str], weeks: list[date]
) -> tuple[pl.DataFrame, list[np.ndarray]]:
    """The series, one row each in the order of their keys, and a dense (series × weeks) matrix of each column."""
    totals = frame.group_by([*keys, "week_start_on"]).agg(pl.col(columns).sum())
    series = totals.select(keys).unique().sort(keys)
    number = pl.DataFrame(
        {"week_start_on": weeks, "week": range(len(weeks))}, schema_overrides={"week_start_on": pl.Date}
    )
    located = totals.join(series.with_row_index("series"), on=keys).join(number, on="week_start_on")
    at = (located["series"].to_numpy(), located["week"].to_numpy())
    matrices = []
    for column in columns:
        matrix = np.zeros((len(series), len(weeks)))
        matrix[at] = located[column].to_numpy()
        matrices.append(matrix)
    return series, matrices


def _rows(
    kind: str, subjects: pl.DataFrame, judged: Judged, at: tuple, weeks: list[date], *, is_alarm: np.ndarray
) -> pl.DataFrame:
    """The verdicts `at` (series, week) as rows of evidence; an alarm is above its upper bound as well as `is_alarm`."""
    observed, expected, bound = judged.observed[at], judged.expected[at], judged.upper_bound[at]
    with np.errstate(invalid="ignore"):
        alarm = is_alarm[at] & (observed > bound)
    is_known = judged.reason[at] == ""
    figures = {
        "expected": expected,
        "upper_bound": bound,
        "score": (observed - expected) / np.maximum(bound - expected, 0.5),
        "p_value": judged.p_value[at],
    }
    mondays = np.array(weeks, dtype="datetime64[D]")[judged.first :]
    missing = [
        name for name in EVIDENCE_COLUMNS if name in ("unit_name", "issue_code") and name not in subjects.columns
    ]
    return (
        subjects[at[0]]
        .with_columns(
            pl.Series("week_start_on", mondays[at[1]]).cast(pl.Date),
            pl.lit(kind).alias("kind"),
            *(pl.lit(None, pl.String).alias(name) for name in missing),
            pl.Series("observed", observed).cast(pl.Int64),
            pl.Series("base", judged.base[at]).fill_nan(None).cast(pl.Int64),
            *(pl.Series(name, np.where(is_known, values, np.nan)).fill_nan(None) for name, values in figures.items()),
            pl.Series("status", np.where(is_known, np.where(alarm, "alarm", "normal"), "not_assessed")),
            pl.Series("reason", judged.reason[at].astype(str)),
        )
        .select(list(EVIDENCE_COLUMNS))
    )


def _controlled(rows: pl.DataFrame) -> pl.DataFrame:
    """Alarms of one kind that do not survive Benjamini-Hochberg among the units of their week are none."""
    tested = rows.with_columns(
        pl.col("p_value").rank("max").over("week_start_on").alias("order"),
        pl.col("p_value").count().over("week_start_on").alias("n"),
    )
    below = pl.col("p_value") <= UNIT_FDR * pl.col("order") / pl.col("n")
    limit = pl.col("p_value").filter(below).max().over("week_start_on")
    refuted = (pl.col("status") == "alarm") & ~(pl.col("p_value") <= limit).fill_null(False)
    return tested.with_columns(
        pl.when(refuted).then(pl.lit("normal")).otherwise(pl.col("status")).alias("status")
    ).select(rows.columns)


def _places_of_units(outcome: pl.DataFrame, city_code: str) -> pl.DataFrame:
    """unit_name, place_level, place_code: the county nearly all of its items come from, else the city."""
    items = pl.sum_horizontal("n_events", "n_due", "n_rated")
    counted = outcome.group_by("unit_name", "county_code").agg(items.sum().alias("n"))
    main = (
        counted.sort("n", "county_code", descending=[True, False])
        .group_by("unit_name", maintain_order=True)
        .agg(pl.col("county_code").first(), (pl.col("n").first() / pl.col("n").sum()).alias("share"))
    )
    is_local = (pl.col("share") >= MAIN_COUNTY_SHARE) & pl.col("county_code").is_not_null()
    return main.select(
        "unit_name",
        pl.when(is_local).then(pl.lit("county")).otherwise(pl.lit("city")).alias("place_level"),
        pl.when(is_local).then("county_code").otherwise(pl.lit(city_code)).alias("place_code"),
    )
