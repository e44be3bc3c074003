"""日历与节律 of 趋势分析: every day as a cell, and which weekdays of which months are busy."""

from datetime import date
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl

from app import disclosure, filters, marts, page, wording
from app.charts.seasons import WEEKDAYS, month_calendar, year_calendar
from app.parts.course import BASES, Look, days_of, nothing, safe_course

MAX_YEARS = 5
LABELS = {
    "is_off_day": "放假",
    "weekday": "星期",
    "month_of_year": "月份",
    "n_days": "天数",
    "per_day": "平均每天",
    "index": "与平常之比",
}


def block(look: Look) -> None:
    first = max(look.edition.data_from, date(look.through.year - MAX_YEARS + 1, 1, 1))
    counted = days_of(look.asked, first, look.through)
    page.require(counted, nothing(look))
    every = with_all_days(look, counted, first)
    name = f"{filters.words(look.choice)} 逐日件数"
    is_city = filters.is_whole_city(look.choice)
    hidden = "" if is_city else disclosure.note(look.k, exported=True)
    said = [f"按{BASES[look.basis]}计。", "周六、周日在每年最下面两行。", hidden]
    page.chart(
        page.drawn(year_calendar, every, title=name),
        every,
        name=f"{name} {wording.span(first, look.through)}",
        notes=look.edition.notes(*said),
        key="calendar",
        labels=LABELS,
        export=None if is_city else partial(safe_days, every, look.k),
        picture=None if is_city else partial(_safe_calendar, every, look.k, name),
    )
    cells = by_weekday(every)
    name = f"{filters.words(look.choice)} 星期与月份"
    how: dict[str, Any] = {"title": name, "per": "天", "than": "一年里的平均", "most": float(cells["index"].max() or 1)}  # type: ignore[arg-type]
    page.chart(
        page.drawn(month_calendar, drawn_cells(cells), **how),
        cells,
        name=f"{name} {wording.span(first, look.through)}",
        notes=look.edition.notes(said[0], "法定节假日和调休上班的日子不算在内。", hidden),
        key="rhythm",
        labels=LABELS,
        export=None if is_city else partial(safe_cells, cells, look.k),
        picture=None
        if is_city
        else lambda: month_calendar(drawn_cells(disclosure.without_marks(safe_cells(cells, look.k))), **how),
    )


def with_all_days(look: Look, days: pl.DataFrame, first: date) -> pl.DataFrame:
    """day_on, n_events, holiday_name, is_off_day; a silent day is 0, one of a week without data null."""
    every = pl.select(pl.date_range(first, look.through).alias("day_on"))
    covered = filters.covered_weeks(look.choice.source)["week_start_on"].to_list()
    named = marts.query("days", from_on=first, to_on=look.through).filter(pl.col("holiday_name").is_not_null())
    is_known = pl.col("day_on").dt.truncate("1w").is_in(covered)
    return (
        every.join(days.select("day_on", "n_events"), on="day_on", how="left")
        .with_columns(pl.when(is_known).then(pl.col("n_events").fill_null(0)).alias("n_events"))
        .join(
            named.select("day_on", "holiday_name", (~pl.col("is_workday")).alias("is_off_day")), on="day_on", how="left"
        )
        .sort("day_on")
    )


def by_weekday(every: pl.DataFrame) -> pl.DataFrame:
    """weekday (1–7), month_of_year, n_events, n_days, per_day, index (1 = the mean day); without holidays."""
    usual = every.filter(pl.col("holiday_name").is_null() & pl.col("n_events").is_not_null())
    cells = usual.group_by(
        pl.col("day_on").dt.weekday().cast(pl.Int64).alias("weekday"),
        pl.col("day_on").dt.month().cast(pl.Int64).alias("month_of_year"),
    ).agg(pl.col("n_events").sum(), pl.len().cast(pl.Int64).alias("n_days"))
    cells = cells.with_columns((pl.col("n_events") / pl.col("n_days")).alias("per_day")).sort(
        "weekday", "month_of_year"
    )
    return cells.with_columns((pl.col("per_day") / pl.col("per_day").mean()).alias("index"))


def drawn_cells(cells: pl.DataFrame) -> pl.DataFrame:
    """As month_calendar takes them."""
    return cells.select(
        wording.each(cells["weekday"], lambda n: f"周{WEEKDAYS[n - 1]}").alias("label"),
        "month_of_year",
        pl.col("per_day").alias("per_week"),
        "index",
        pl.when(pl.col("per_day").is_null()).then(pl.lit("隐")).alias("mark"),
    )


def safe_days(every: pl.DataFrame, k: int) -> pl.DataFrame:
    """The days to take away, small counts hidden; the total of each year is known elsewhere."""
    return safe_course(every.rename({"day_on": "period_start_on"}), k).rename({"period_start_on": "day_on"})


def safe_cells(cells: pl.DataFrame, k: int) -> pl.DataFrame:
    """Weekdays and months to take away, small counts hidden; their totals are known elsewhere."""
    derived = {"per_day": ["n_events"], "index": ["n_events"]}
    within = (("weekday",), ("month_of_year",))
    return disclosure.suppress(cells, measures=["n_events"], k=k, within=within, derived=derived)


def _safe_calendar(every: pl.DataFrame, k: int, title: str) -> go.Figure:
    return year_calendar(disclosure.without_marks(safe_days(every, k)), title=title, remark="空白的格隐去或没有数据")
