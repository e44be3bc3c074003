"""A weekly series with what was to be expected of it."""

from datetime import date

import polars as pl

from app import marts


def with_band(weeks: pl.DataFrame, place_code: str, issue_code: str, through: date) -> pl.DataFrame:
    """Adds expected, upper_bound and is_alarm to weeks (period_start_on, …); null where no verdict was given."""
    judged = marts.query("detection_series", place=place_code, issue=issue_code, week=through).select(
        pl.col("week_start_on").alias("period_start_on"),
        "expected",
        "upper_bound",
        (pl.col("status") == "alarm").alias("is_alarm"),
    )
    return weeks.join(judged, on="period_start_on", how="left").with_columns(pl.col("is_alarm").fill_null(False))


def weekly(place_code: str, issue_code: str, through: date) -> pl.DataFrame:
    """One judged series without gaps: period_start_on, n_events, expected, upper_bound, is_alarm."""
    judged = marts.query("detection_series", place=place_code, issue=issue_code, week=through)
    return (
        judged.select(
            pl.col("week_start_on").alias("period_start_on"),
            pl.col("observed").alias("n_events"),
            "expected",
            "upper_bound",
            (pl.col("status") == "alarm").alias("is_alarm"),
        )
        .upsample("period_start_on", every="1w")
        .with_columns(pl.col("n_events").fill_null(0), pl.col("is_alarm").fill_null(False))
    )
