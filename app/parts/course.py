"""From days to a series with last year and the expected band beside it."""

from datetime import date, timedelta

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, marts, wording
from app.charts.series import lines, trend
from app.charts.style import period_days

SPANS = {"13": "13周", "26": "26周", "52": "52周", "104": "104周"}
GRAINS = {"day": "按日", "week": "按周", "month": "按月"}
EVERY = {"day": "1d", "week": "1w", "month": "1mo"}
SPLITS = {"all": "合计", "source": "分来源", "county": "分县区", "group": "分大类"}


def first_day(through: date, n_weeks: int, grain: str, data_from: date) -> date:
    """The first day of the span, at the start of its week or month, even where the data begin in the middle of it."""
    first = max(through - timedelta(weeks=n_weeks) + timedelta(days=1), data_from)
    if grain == "day":
        return first
    return first.replace(day=1) if grain == "month" else first - timedelta(days=first.weekday())


def by_period(days: pl.DataFrame, grain: str, first: date, through: date) -> pl.DataFrame:
    """Days → periods × series, silent periods as 0. `first` is the start of a period."""
    starts = pl.select(pl.date_range(first, through, EVERY[grain]).alias("period_start_on"))
    counted = days.with_columns(pl.col("registered_on").dt.truncate(EVERY[grain]).alias("period_start_on"))
    counted = counted.group_by("period_start_on", "series_name").agg(pl.col("n_events").sum())
    full = starts.join(counted.select("series_name").unique(), how="cross")
    return (
        full.join(counted, on=["period_start_on", "series_name"], how="left")
        .with_columns(pl.col("n_events").fill_null(0))
        .sort("period_start_on", "series_name")
    )


def with_unknown(series: pl.DataFrame, grain: str, covered: pl.DataFrame) -> pl.DataFrame:
    """No figure (null, not 0) for periods none of whose weeks is in `covered` (week_start_on): a gap of the data."""
    ends = pl.col("period_start_on").dt.offset_by(EVERY[grain]).dt.offset_by("-1d")
    periods = series.select("period_start_on", ends.alias("last_on")).unique()
    known = periods.join_where(
        covered,
        pl.col("week_start_on") <= pl.col("last_on"),
        pl.col("week_start_on").dt.offset_by("6d") >= pl.col("period_start_on"),
    )["period_start_on"].unique()
    return series.with_columns(
        pl.when(pl.col("period_start_on").is_in(known.to_list())).then("n_events").alias("n_events")
    )


def with_incomplete(series: pl.DataFrame, grain: str, data_from: date, complete_through: date) -> pl.DataFrame:
    """Marks (is_incomplete) the periods that begin before the data or end after the last complete day."""
    last_on = pl.col("period_start_on").dt.offset_by(EVERY[grain]).dt.offset_by("-1d")
    return series.with_columns(
        ((pl.col("period_start_on") < data_from) | (last_on > complete_through)).alias("is_incomplete")
    )


def without_leading(series: pl.DataFrame) -> pl.DataFrame:
    """What is drawn: an incomplete first period would look like a rise after it."""
    whole = series.filter(~pl.col("is_incomplete"))
    return series if whole.is_empty() else series.filter(pl.col("period_start_on") >= whole["period_start_on"].min())


def with_year_ago(
    series: pl.DataFrame, chosen: dict, grain: str, first: date, through: date, covered: pl.DataFrame
) -> pl.DataFrame:
    """Adds the same period a year ago: 52 weeks back, so that weekdays match; months by name."""
    back, forth = ("-12mo", "12mo") if grain == "month" else ("-364d", "364d")
    first, through = (pl.select(pl.lit(day).dt.offset_by(back)).item() for day in (first, through))
    days = marts.query("counts_by_day", **chosen, from_on=first, to_on=through, split="all")
    earlier = with_unknown(by_period(days, grain, first, through), grain, covered).select(
        pl.col("period_start_on").dt.offset_by(forth), pl.col("n_events").alias("n_events_year_ago")
    )
    return series.join(earlier, on="period_start_on", how="left")


def figure(series: pl.DataFrame, *, title: str) -> go.Figure:
    """One series with last year and band, or several side by side; what is drawn of the first and last period."""
    if _is_one(series):
        return trend(without_leading(series).drop("series_name"), title=title, height=420)
    return lines(series.filter(~pl.col("is_incomplete")), title=title, height=420)


def _is_one(series: pl.DataFrame) -> bool:
    return "series_name" not in series.columns or bool((series["series_name"] == "all").all())


def safe_course(series: pl.DataFrame, k: int | pl.Series, *, is_city: bool = False) -> pl.DataFrame:
    """A series to take away: period_start_on, n_events, optional series_name, n_events_year_ago, is_alarm; small counts hidden.

    Published elsewhere are the total of each year and, of several series, the total of each period and series. A
    period of both years is hidden in both columns or in none. That a hidden week was an alarm would bound its count.
    """
    derived = {"is_alarm": ["n_events"]} if "is_alarm" in series.columns else {}
    if not _is_one(series):
        both = (("period_start_on",), ("series_name",))
        return disclosure.suppress(
            series, measures=["n_events"], k=k, within=both, derived=derived, small_totals=is_city
        )
    if "n_events_year_ago" not in series.columns:
        return disclosure.suppress(series, measures=["n_events"], k=k, within=((),), derived=derived)
    rows = series.sort("period_start_on").with_row_index("at")
    n_a_year = _a_year_later(rows["period_start_on"])
    earlier = rows.select(
        (pl.col("at").cast(pl.Int64) - n_a_year).alias("at"), pl.col("n_events_year_ago").alias("n_events")
    )
    now = rows.select(pl.col("at").cast(pl.Int64), "n_events")
    long = pl.concat([now, earlier.join(now, on="at", how="anti")])
    last = len(rows) - 1
    highest = k if isinstance(k, int) else int(k.max())  # type: ignore[arg-type]
    long = long.with_columns(((last - pl.col("at")) // n_a_year).alias("year"))
    known = disclosure.suppress(long, measures=["n_events"], k=highest, within=(("year",),)).select(
        "at", "n_events" + disclosure.MARK
    )
    marks = [
        rows.select((pl.col("at").cast(pl.Int64) - back).alias("at")).join(
            known, on="at", how="left", maintain_order="left"
        )
        for back in (0, n_a_year)
    ]
    hidden = [frame["n_events" + disclosure.MARK] for frame in marks]
    names = ["n_events", "n_events_year_ago", *derived]
    safe = rows.drop("at").with_columns(
        mark.alias(name + disclosure.MARK) for name, mark in zip(names, [*hidden, hidden[0]][: len(names)], strict=True)
    )
    return safe.with_columns(pl.when(pl.col(name + disclosure.MARK).is_null()).then(name).alias(name) for name in names)


def _a_year_later(starts: pl.Series) -> int:
    """How many periods are a year: 12 months, 52 weeks, 364 days?"""
    step = period_days(starts.to_list())
    return 12 if step > 20 else 52 if step > 3 else 364


def summary(series: pl.DataFrame, grain: str) -> None:
    """Total of the whole periods, the last whole one against the one before and a year ago."""
    whole = (
        series.filter(~pl.col("is_incomplete"))
        .group_by("period_start_on")
        .agg(  # the sum of nothing known is unknown
            pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)
            for name in series.columns
            if name.startswith("n_events")
        )
        .sort("period_start_on")
    )
    known = whole.drop_nulls("n_events")
    if known.is_empty():
        return
    unit = {"day": "日", "week": "周", "month": "月"}[grain]
    last = known.row(-1, named=True)
    at = whole["period_start_on"].to_list().index(last["period_start_on"])
    before = whole["n_events"][at - 1] if at else None
    total, latest, year = st.columns(3)
    span = f"{len(known)} 个整{unit}"
    total.metric(f"合计（{span}）", wording.items(sum(known["n_events"])), help=f"{span}之和，按登记日期计。")
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
        both = whole.drop_nulls(["n_events", "n_events_year_ago"])
        ago = wording.change(sum(both["n_events"]), sum(both["n_events_year_ago"]) if len(both) else None)
        year.metric(
            f"合计较去年同期（整段 {len(both)} 个整{unit}）",
            ago.words,
            help=f"整段合计 {wording.items(ago.now)}，去年同一段 {wording.items(ago.before)}；"
            f"不是最近一{unit}的同比，那一项见「本周研判」。",
        )
