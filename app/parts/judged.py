"""Was a week judged; a weekly series with what was to be expected of it."""

from datetime import date

import polars as pl

from app import filters, headlines, marts, wording

KNOWN = 0.98
"""The groups too small to be judged may hold so little of a place's items that their expectation does not matter."""

IS_ALARM = ((pl.col("status") == "alarm") & (pl.col("observed") >= headlines.MIN_OBSERVED)).alias("is_alarm")
"""What is marked as above its bound; fewer items are no warning either."""
ALARM_NOTE = f"三角为超出上限、且不少于 {headlines.MIN_OBSERVED} 件的周。"


def was_judged(week: date) -> bool:
    """Was any verdict given for this week?"""
    return week in marts.query("judged_weeks")["week_start_on"].to_list()


def not_judged(week: date, judged_from: date | None, *, has_warnings: bool = False) -> str:
    """The sentence for a week without verdicts on counts; never to be read as "nothing happened"."""
    also = "下面的预警来自同一事项、新词等其他依据，件数多不多没有判定。" if has_warnings else ""
    if judged_from is None:
        return f"{wording.week_name(week)}没有判定：历史还不够长，目前各周都没有判定。{also}"
    if week < judged_from:
        return f"这一周没有判定（从 {wording.full_day(judged_from)} 那一周起才有判定）。{also}"
    return f"这一周没有判定：此前的数据不够长或有空缺，无从比较。{also}"


def with_band(weeks: pl.DataFrame, place_code: str, issue_code: str, through: date) -> pl.DataFrame:
    """Adds expected, upper_bound and is_alarm to weeks (period_start_on, …); null where no verdict was given."""
    judged = marts.query("detection_series", place=place_code, issue=issue_code, week=through).select(
        pl.col("week_start_on").alias("period_start_on"),
        "expected",
        "upper_bound",
        IS_ALARM,
    )
    return weeks.join(judged, on="period_start_on", how="left").with_columns(pl.col("is_alarm").fill_null(False))


def with_expected_total(weeks: pl.DataFrame, place_code: str, through: date) -> pl.DataFrame:
    """Adds expected of all issues of the city or a county together, the sum over the groups that were judged; no bound, for sums have none of ours.

    Not for a town: there few groups are judged, other ones each week. Null where a group was not assessed, or where the groups judged leave out more than KNOWN of the items.
    """
    judged = marts.query("expected_totals", place=place_code, week=through).rename({"week_start_on": "period_start_on"})
    joined = weeks.join(judged, on="period_start_on", how="left")
    whole = pl.col("observed") >= KNOWN * pl.col("n_events")
    return joined.with_columns(pl.when(whole).then("expected").alias("expected")).drop("observed")


def weekly(place_code: str, issue_code: str, through: date) -> pl.DataFrame:
    """One judged series without gaps: period_start_on, n_events, expected, upper_bound, is_alarm."""
    return without_gaps(marts.query("detection_series", place=place_code, issue=issue_code, week=through), through)


def without_gaps(judged: pl.DataFrame, through: date | None = None) -> pl.DataFrame:
    """Verdicts (week_start_on, observed, …), the silent weeks left out, as the series that `weekly` answers with."""
    weeks = judged.select(
        pl.col("week_start_on").alias("period_start_on"),
        pl.col("observed").alias("n_events"),
        "expected",
        "upper_bound",
        IS_ALARM,
    )
    return filters.with_silent_weeks(weeks, through=through).with_columns(pl.col("is_alarm").fill_null(False))
