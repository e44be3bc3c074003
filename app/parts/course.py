"""From days to a series with last year and the expected band beside it."""

from datetime import date, timedelta

import polars as pl
import streamlit as st

from app import marts, wording

SPANS = {"13": "13周", "26": "26周", "52": "52周", "104": "104周"}
GRAINS = {"day": "按日", "week": "按周", "month": "按月"}
EVERY = {"day": "1d", "week": "1w", "month": "1mo"}
SPLITS = {"all": "合计", "source": "分来源", "county": "分县区", "group": "分大类"}


def first_day(through: date, n_weeks: int, grain: str) -> date:
    """The first day of the span, at the start of its week or month."""
    first = through - timedelta(weeks=n_weeks) + timedelta(days=1)
    return first.replace(day=1) if grain == "month" else first - timedelta(days=first.weekday())


def by_period(days: pl.DataFrame, grain: str, first: date, through: date) -> pl.DataFrame:
    """Days → periods × series, silent periods as 0, periods the data does not cover to their end marked."""
    starts = pl.select(pl.date_range(first, through, EVERY[grain]).alias("period_start_on"))
    counted = days.with_columns(pl.col("registered_on").dt.truncate(EVERY[grain]).alias("period_start_on"))
    counted = counted.group_by("period_start_on", "series_name").agg(pl.col("n_events").sum())
    full = starts.join(counted.select("series_name").unique(), how="cross")
    return (
        full.join(counted, on=["period_start_on", "series_name"], how="left")
        .with_columns(pl.col("n_events").fill_null(0))
        .with_columns(
            (pl.col("period_start_on").dt.offset_by(EVERY[grain]) > through + timedelta(days=1)).alias("is_incomplete")
        )
        .sort("period_start_on", "series_name")
    )


def with_year_ago(series: pl.DataFrame, chosen: dict, grain: str, first: date, through: date) -> pl.DataFrame:
    """Adds the same period a year ago: 52 weeks back, so that weekdays match; months by name."""
    back, forth = ("-12mo", "12mo") if grain == "month" else ("-364d", "364d")
    first, through = (pl.select(pl.lit(day).dt.offset_by(back)).item() for day in (first, through))
    days = marts.query("counts_by_day", **chosen, from_on=first, to_on=through, split="all")
    earlier = by_period(days, grain, first, through).select(
        pl.col("period_start_on").dt.offset_by(forth), pl.col("n_events").alias("n_events_year_ago")
    )
    return series.join(earlier, on="period_start_on", how="left")


def summary(series: pl.DataFrame, grain: str) -> None:
    """Total of the whole periods, the last whole one against the one before and a year ago."""
    whole = series.filter(~pl.col("is_incomplete")).group_by("period_start_on").agg(pl.col("^n_events.*$").sum())
    whole = whole.sort("period_start_on")
    if whole.is_empty():
        return
    unit = {"day": "日", "week": "周", "month": "月"}[grain]
    last = whole.row(-1, named=True)
    before = whole["n_events"][-2] if len(whole) > 1 else None
    total, latest, year = st.columns(3)
    total.metric("合计", wording.items(sum(whole["n_events"])), help=f"{len(whole)} 个整{unit}之和，按登记日期计。")
    now = wording.change(last["n_events"], before)
    latest.metric(
        f"最近一个整{unit}（{wording.day(last['period_start_on'])}起）",
        wording.items(last["n_events"]),
        delta=f"环比 {now.words}",
        delta_color="off",
        delta_arrow="off",
        help=f"上一{unit} {wording.items(before)}。",
    )
    if "n_events_year_ago" in whole.columns:
        ago = wording.change(sum(whole["n_events"]), sum(whole["n_events_year_ago"].drop_nulls()))
        year.metric(
            "较去年同期", ago.words, help=f"合计 {wording.items(ago.now)}，去年同期 {wording.items(ago.before)}。"
        )
