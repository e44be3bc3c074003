"""Which places have more items of an issue than their past, the season and the calendar explain?

Series on three place levels (city, county, town) × two issue levels (issue, group of issues), all judged by
`detectors.predictive`: from three years of history on by the series' own level, trend and season; with two to three by
the season of the issue in the whole city; younger or sparser ones by their share of the city's items of that week, so that
a season not yet known is none of theirs. The city itself is judged from SEASON_WEEKS weeks of history on.
The last weeks are expected to show as much as had usually arrived by then (`weeks.completeness`).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipelines.detectors.predictive import Detection, predictive_exceedance
from pipelines.surveillance import kept
from pipelines.surveillance.record import EVIDENCE_COLUMNS, Record
from pipelines.surveillance.weeks import around_festival

HISTORY_WEEKS = 53  # weeks judged, enough for a year of band on the trend chart
PLACE_LEVELS = ("city", "county", "town")
SILENT_BELOW = 0.5  # expected items; weeks without an item and less than this are not listed
ALPHA = 0.01
SEASON_WEEKS = 112  # two years and the guard: before, a season that comes up sharply looks like an event
NOT_REPORTED = "本周还没有上报"
SEASON_UNKNOWN = "历史不足两年，季节还说不准"

DETECTION_COLUMNS = [*EVIDENCE_COLUMNS, "phi", "n_weeks_window", "method"]


def detect(record: Record, *, evaluate: int = HISTORY_WEEKS) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Judge the last `evaluate` weeks of every series: (verdicts, families).

    Verdicts: EVIDENCE_COLUMNS with kind `excess`, and phi (dispersion), n_weeks_window (1–4: how many weeks carry the
    p-value), method. Silent weeks (no item, less than SILENT_BELOW expected) of series that never alarmed are left out.
    Families: week_start_on, place_level, parent_code (of the place), issue_code, n_series: how many series were
    assessed, the silent ones included.
    """
    counts = _numbered(record)
    if counts.is_empty():
        return _nothing(), pl.DataFrame(schema=_FAMILY)
    groups = dict(record.issues.select("issue_code", "group_code").iter_rows())
    judged = [
        *_judge_levels(record, counts, PLACE_LEVELS, evaluate, is_group=False),
        *_judge_levels(record, _by_group(counts, groups), PLACE_LEVELS, evaluate, is_group=True),
    ]
    verdicts, families = zip(*judged, strict=True)
    return (
        pl.concat(verdicts).sort("week_start_on", "place_level", "place_code", "issue_code"),
        pl.concat(families).sort("week_start_on", "place_level", "parent_code", "issue_code"),
    )


def detect_sums(
    record: Record,
    sums: pl.DataFrame,
    *,
    levels: Sequence[str] = PLACE_LEVELS,
    evaluate: int = HISTORY_WEEKS,
    name: str = "",
) -> pl.DataFrame:
    """Judge sums of issues as `detect` judges a group of issues: its verdicts, the sum's name as issue_code.

    `sums`: issue_code, sum_name; an issue is part of one sum or none. `name`: of what the sums are, in `record.kept`.
    """
    counts = _numbered(record).join(sums, on="issue_code").drop("issue_code").rename({"sum_name": "issue_code"})
    judged = _judge_levels(record, counts, levels, evaluate, is_group=True, name=name)
    verdicts = pl.concat([_nothing(), *(verdicts for verdicts, _ in judged)])
    return verdicts.sort("week_start_on", "place_level", "place_code", "issue_code")


def _numbered(record: Record) -> pl.DataFrame:
    """The counts of the record's weeks from all sources, with the number of the week."""
    weeks = record.weeks["week_start_on"]
    number = pl.DataFrame(
        {"week_start_on": weeks.cast(pl.Date), "week": pl.int_range(len(weeks), dtype=pl.Int32, eager=True)}
    )
    counts = record.weekly.group_by("week_start_on", "county_code", "town_code", "issue_code").agg(
        pl.col("n_events").sum()
    )
    return counts.join(number, on="week_start_on")


def _judge_levels(
    record: Record, counted: pl.DataFrame, levels: Sequence[str], evaluate: int, *, is_group: bool, name: str = ""
) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Verdicts and families of each level of places that has a count. `counted`: with the number of the week."""
    if counted.is_empty():
        return []
    weeks = record.weeks["week_start_on"].to_list()
    whole, codes = _matrix(counted.with_columns(pl.lit(record.city_code).alias("place_code")), len(weeks))
    row_of = {code: row for row, code in enumerate(codes["issue_code"])}
    named = f"{name}{'group' if is_group else 'issue'}"
    judged = [
        _judge(record, counted, level, whole, row_of, weeks, evaluate, is_group, f"{named} {level}") for level in levels
    ]
    return [one for one in judged if one]


_FAMILY = {
    "week_start_on": pl.Date, "place_level": pl.String, "parent_code": pl.String,
    "issue_code": pl.String, "n_series": pl.Int64,
}  # fmt: skip


def _nothing() -> pl.DataFrame:
    more = {"phi": pl.Float64, "n_weeks_window": pl.Int64, "method": pl.String}
    return pl.DataFrame(schema={**EVIDENCE_COLUMNS, **more})


def _by_group(counts: pl.DataFrame, groups: dict[str, str]) -> pl.DataFrame:
    """The same counts under the code of the issue's group, for groups of more than one issue."""
    present = pl.DataFrame({"issue_code": counts["issue_code"].unique()}).with_columns(
        pl.col("issue_code").replace_strict(groups, default=None, return_dtype=pl.String).alias("group_code")
    )
    several = present.filter((pl.len().over("group_code") > 1) & pl.col("group_code").is_not_null())
    return counts.join(several, on="issue_code").drop("issue_code").rename({"group_code": "issue_code"})


def _judge(
    record: Record,
    counted: pl.DataFrame,
    level: str,
    whole: np.ndarray,
    row_of: dict[str, int],
    weeks: list,
    evaluate: int,
    is_group: bool,
    name: str,
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    column = pl.lit(record.city_code) if level == "city" else pl.col(f"{level}_code")
    county = pl.lit(None, pl.String) if level == "city" else pl.col("county_code")
    placed = counted.with_columns(column.alias("place_code"), county.alias("in_county")).filter(
        pl.col("place_code").is_not_null()
    )
    if placed.is_empty():
        return None
    observed, series = _matrix(placed, len(weeks))
    since = placed.group_by("place_code").agg(pl.col("week").min().alias("since"), pl.col("in_county").first())
    series = series.join(since, on="place_code", how="left", maintain_order="left")
    row = np.array([row_of[code] for code in series["issue_code"]])
    activity, variance = _activity(record, weeks, series["in_county"])
    whole_city = _activity(record, weeks, pl.Series([None], dtype=pl.String))[0]
    festival = around_festival(weeks, record.festivals)
    since_week = np.zeros(len(row)) if level == "city" else series["since"].to_numpy()

    def judge(rows: np.ndarray, n_weeks: int) -> Detection:
        return predictive_exceedance(
            observed[rows],
            parent=None if level == "city" else whole,
            parent_of=None if level == "city" else row[rows],
            activity=activity[rows],
            activity_variance=variance[rows],
            parent_activity=None if level == "city" else whole_city[0],
            covariates=festival,
            groups=row[rows],
            known_from=since_week[rows],
            alpha=ALPHA,
            # Kept verdicts need a bound in every week: in which ones it will be shown, later weeks decide.
            bounds_from=SILENT_BELOW if record.kept is None else 0.0,
            season_known=SEASON_WEEKS,
            evaluate=n_weeks,
        )

    if record.kept is None:
        judged = judge(np.arange(len(row)), evaluate)
    else:
        same = [np.broadcast_to(values, observed.shape) for values in (whole_city[0], *festival.T)]
        judged = kept.judged(
            record.kept,
            name,
            places=series["place_code"].to_list(),
            issues=series["issue_code"].to_list(),
            mondays=weeks,
            by_week=[
                observed,
                activity,
                variance,
                whole[row],
                np.broadcast_to(since_week[:, None], observed.shape),
                *same,
            ],
            evaluate=evaluate,
            judge=judge,
        )
    # Of a group the share in the city has a season too: the mix of its issues differs from place to place.
    is_young = (judged.method == "flat") | (is_group & (judged.method == "share") & (judged.weeks < SEASON_WEEKS))
    reason = np.where(is_young, SEASON_UNKNOWN, judged.reason)
    reason = np.where(activity[:, judged.weeks] > 0, reason, NOT_REPORTED)
    is_known = reason == ""
    parents = dict(record.places.select("place_code", "parent_code").iter_rows())
    series = series.with_columns(
        pl.col("place_code").replace_strict(parents, default=None, return_dtype=pl.String).alias("parent_code")
    )
    mondays = np.array(weeks, dtype="datetime64[D]")[judged.weeks]
    at, column_number = np.nonzero(is_known)
    families = (
        series[at]
        .select(pl.lit(level).alias("place_level"), "parent_code", "issue_code")
        .with_columns(pl.Series("week_start_on", mondays[column_number]).cast(pl.Date))
        .group_by("week_start_on", "place_level", "parent_code", "issue_code")
        .agg(pl.len().cast(pl.Int64).alias("n_series"))
        .select(list(_FAMILY))
    )
    heard = (judged.observed > 0) | (judged.expected >= SILENT_BELOW)
    spoke = (judged.status == "alarm").any(axis=1, keepdims=True)  # its band is drawn without gaps
    at, column_number = np.nonzero(heard | spoke)
    pick = (at, column_number)
    known = is_known[pick]

    # While earlier weeks are raised the bound falls to nothing; for the reader it ends where the expectation is.
    above = np.where(judged.status == "alarm", judged.observed - 1, np.inf)
    bound = np.maximum(judged.upper_bound, np.minimum(np.ceil(judged.expected), above))

    def figure(values: np.ndarray) -> pl.Series:
        return pl.Series(np.where(known, values[pick], np.nan)).fill_nan(None)

    verdicts = (
        series[at]
        .select("place_code", "issue_code")
        .with_columns(
            pl.Series("week_start_on", mondays[column_number]).cast(pl.Date),
            pl.lit("excess").alias("kind"),
            pl.lit(level).alias("place_level"),
            pl.lit(None, pl.String).alias("unit_name"),
            pl.Series("observed", judged.observed[pick]).cast(pl.Int64),
            pl.lit(None, pl.Int64).alias("base"),
            figure(judged.expected).alias("expected"),
            figure(bound).alias("upper_bound"),
            figure(judged.score).alias("score"),
            figure(judged.p_value).alias("p_value"),
            pl.Series("status", np.where(known, judged.status[pick], "not_assessed").astype(str)),
            pl.Series("reason", reason[pick].astype(str)),
            figure(judged.phi).alias("phi"),
            pl.Series("n_weeks_window", judged.window[pick]).cast(pl.Int64),
            pl.Series("method", judged.method[pick].astype(str)),
        )
        .select(DETECTION_COLUMNS)
    )
    return verdicts, families


def _activity(record: Record, weeks: list, counties: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """(series × weeks): how much registering a week allows and how much of it has arrived; its relative variance."""
    activity = np.tile(record.weeks["activity"].to_numpy(), (len(counties), 1))
    variance = np.zeros_like(activity)
    if record.arrived is None or record.arrived.is_empty():
        return activity, variance
    column = {week: number for number, week in enumerate(weeks)}
    is_in = {code: counties.eq_missing(code).to_numpy() for code in record.arrived["county_code"].unique()}
    for week, county, share, spread in record.arrived.iter_rows():
        activity[is_in[county], column[week]] *= share
        variance[is_in[county], column[week]] = spread
    return activity, variance


def _matrix(counts: pl.DataFrame, n_weeks: int) -> tuple[np.ndarray, pl.DataFrame]:
    """Dense (series × weeks) counts and the series' place_code and issue_code, in row order."""
    keys = ["place_code", "issue_code"]
    totals = counts.group_by([*keys, "week"]).agg(pl.col("n_events").sum())
    series = totals.select(keys).unique().sort(keys)
    located = totals.join(series.with_row_index("series"), on=keys)
    matrix = np.zeros((len(series), n_weeks))
    matrix[located["series"].to_numpy(), located["week"].to_numpy()] = located["n_events"].to_numpy()
    return matrix, series
