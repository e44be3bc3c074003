"""各区域 of 趋势分析: the counties of the city or the towns of a county side by side, and some of them on one sheet."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, filters, headlines, marts, page, wording, year_ago
from app.charts.multiples import multiples
from app.charts.series import lines
from app.parts import judged
from app.parts.course import ANSWER_WEEKS, SPANS, Look, safe_course

SCALES = {"own": "各自刻度", "common": "同一刻度"}
MEASURES = {"index": "指数", "rate": "每万人", "n": "件数"}
UNITS = {"index": "各自这段时间的平均 = 100", "rate": "件/万人·周", "n": "件/周"}
MAX_AREAS = 24
MAX_LINES = 6
SMOOTH_WEEKS = 4
LABELS = {
    "period_start_on": "周起始日",
    "series_name": "区域",
    "expected": "预期",
    "upper_bound": "上限",
    "is_alarm": "超出上限",
    "change_share": f"近 {ANSWER_WEEKS} 周较去年同期",
    "value": "数值",
}


def block(look: Look) -> None:
    if look.choice.town:
        page.quiet("镇街以下不分区域看走势：社区村每周件数太少。在上面去掉镇街，可看全县区各镇街。")
        return
    if look.basis != "registered":
        page.quiet("各区域只按登记日期比：发生、办结日期最近几周还没有收齐。下面是登记件数。")
        look = replace(look, basis="registered")
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        n_weeks = int(filters.choose("跨度", SPANS, key="span", default="52", kind="buttons"))
    with right:
        scale = filters.choose("刻度", SCALES, key="scale", kind="buttons")
    weeks = by_area(look, n_weeks)
    page.require(weeks.filter(pl.col("n_events") > 0))
    _multiples(look, weeks, is_common=scale == "common")
    _together(look, weeks)


def by_area(look: Look, n_weeks: int) -> pl.DataFrame:
    """place_code, label, population, period_start_on, n_events, expected, upper_bound, is_alarm, change_share.

    The weeks of the span, those without data null; the largest change over the last weeks against last year first.
    """
    first = max(look.week - timedelta(weeks=n_weeks - 1), look.edition.data_from)
    first -= timedelta(days=first.weekday())
    since = min(first, look.week - timedelta(weeks=60))
    choice, one = look.choice, look.choice.issue or look.choice.group
    asked = {**choice.parameters(), "series": one if look.is_judged else None}
    found = marts.query("inside_by_week", **asked, from_on=since, to_on=look.week)
    areas = _areas(look, found)
    covered = filters.covered_weeks(choice.source)["week_start_on"].to_list()
    weeks = pl.select(pl.date_range(since, look.week, "1w").alias("period_start_on"))
    full = areas.join(weeks, how="cross").join(
        found.drop("place_name", "population"), on=["place_code", "period_start_on"], how="left"
    )
    full = full.with_columns(
        pl.when(pl.col("period_start_on").is_in(covered)).then(pl.col("n_events").fill_null(0)).alias("n_events"),
        (pl.col("is_alarm") & (pl.col("n_events") >= headlines.MIN_OBSERVED)).fill_null(False).alias("is_alarm"),
    )
    full = full.join(_changes(full, look), on="place_code", how="left")
    full = full.filter(pl.col("period_start_on") >= first).with_columns(
        pl.col("n_events").sum().over("place_code").alias("total")
    )
    order = ["change_share", "total", "place_code", "period_start_on"]
    full = full.sort(order, descending=[True, True, False, False], nulls_last=True).drop("total")
    return full.rename({"place_name": "label"})


def _areas(look: Look, found: pl.DataFrame) -> pl.DataFrame:
    """The places side by side: all of them, of very many those with the most items."""
    places = marts.query("places")
    level, above = ("town", look.choice.county) if look.choice.county else ("county", None)
    places = places.filter(pl.col("place_level") == level)
    if above:
        places = places.filter(pl.col("county_code") == above)
    totals = found.group_by("place_code").agg(pl.col("n_events").sum().alias("total"), pl.col("population").first())
    areas = places.select("place_code", "place_name").join(totals, on="place_code", how="left")
    return areas.sort("total", "place_code", descending=[True, False], nulls_last=True).head(MAX_AREAS).drop("total")


def _changes(full: pl.DataFrame, look: Look) -> pl.DataFrame:
    """place_code, change_share: the last weeks against the same of last year; null where that was too little to say."""
    now = [look.week - timedelta(weeks=n) for n in range(ANSWER_WEEKS)]
    ago = [year_ago.year_before(monday, look.way) for monday in now]

    def total(mondays: list[date]) -> pl.Expr:
        chosen = pl.col("n_events").filter(pl.col("period_start_on").is_in(mondays))
        return pl.when(chosen.count() == len(mondays)).then(chosen.sum())

    sums = full.group_by("place_code").agg(total(now).alias("now"), total(ago).alias("ago"))
    shares = [
        None if row["now"] is None else wording.change(row["now"], row["ago"]).share
        for row in sums.iter_rows(named=True)
    ]
    return sums.select("place_code", pl.Series("change_share", shares, dtype=pl.Float64))


def _name(look: Look) -> str:
    return f"{filters.words(look.choice)} 各{'镇街' if look.choice.county else '县区'}"


def _multiples(look: Look, weeks: pl.DataFrame, *, is_common: bool) -> None:
    is_banded = weeks["upper_bound"].is_not_null().any()
    title = f"{_name(look)}按周件数"
    said = [
        f"按登记日期计。右上角是近 {ANSWER_WEEKS} 周较去年同期（{year_ago.WAYS[look.way]}）的变化，"
        f"从升得最多的排起；去年不足 {wording.SMALL_BASE} 件的不算，按件数排在后面。",
        f"阴影带为按往年和近期水平的预期到上限，{judged.ALARM_NOTE}" if is_banded else "",
        disclosure.note(look.k, exported=True),
    ]
    how: dict[str, Any] = {"title": title, "is_common": is_common}
    page.chart(
        page.drawn(multiples, weeks.drop("population"), **how),
        weeks,
        name=f"{title} {wording.span(weeks['period_start_on'].min(), look.through)}",  # type: ignore[arg-type]
        notes=look.edition.notes(*said),
        key="multiples",
        labels=LABELS,
        on_select=go_in,
        export=partial(safe_areas, weeks, look.k),
        picture=lambda: multiples(disclosure.without_marks(safe_areas(weeks, look.k, codes=True)), **how),
    )
    st.html('<p class="note">点一个小图，看它自己的走势。</p>')


def safe_areas(weeks: pl.DataFrame, k: int, *, codes: bool = False) -> pl.DataFrame:
    """The areas to take away: small counts hidden, and with a hidden count whether it was over its bound.

    codes: as `multiples` draws them, with place_code and is_hidden.
    """
    series = weeks.rename({"label": "series_name"}).drop("population")
    safe = safe_course(series, k)
    if not codes:
        return safe.drop("place_code")
    hidden = pl.col("n_events" + disclosure.MARK).is_not_null().alias("is_hidden")
    return safe.rename({"series_name": "label"}).with_columns(hidden)


def go_in() -> None:
    """Into the place of the small chart clicked on."""
    points = st.session_state["multiples"]["selection"]["points"]
    code = next((point["customdata"] for point in points if point.get("customdata")), None)
    code = code[0] if isinstance(code, list) else code
    if code:
        places = marts.query("places")
        level = places.row(by_predicate=pl.col("place_code") == str(code), named=True)["place_level"]
        filters.pick(**{level: str(code), "part": "course"})


def _together(look: Look, weeks: pl.DataFrame) -> None:
    """A few of them on one sheet, made comparable."""
    page.section("放在一张图上比", f"{SMOOTH_WEEKS} 周移动平均，免得被单周的起伏带走")
    names = dict(weeks.select("place_code", "label").unique(maintain_order=True).iter_rows())
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    with left:
        chosen = st.multiselect(
            "区域", list(names), default=list(names)[:4], format_func=lambda code: names.get(code, code),
            max_selections=MAX_LINES, placeholder="请选择", key=f"areas_{look.choice.county or 'city'}", bind="query-params",
        )  # fmt: skip
    with right:
        measure = filters.choose("口径", MEASURES, key="measure", kind="buttons")
    values = compared(weeks.filter(pl.col("place_code").is_in(chosen)), measure)
    if values.is_empty():
        page.quiet("没有可比的数字：请选一个以上的区域；按每万人比，要有人口数。")
        return
    title = f"{_name(look)}{MEASURES[measure]}"
    page.chart(
        page.drawn(_sheet, values, measure, title),
        values,
        name=f"{title} {wording.week_name(look.week)}",
        notes=look.edition.notes(
            f"按登记日期计，{SMOOTH_WEEKS} 周移动平均。指数：各区域自己这段时间的平均 = 100，只比起伏，不比多少。",
            disclosure.note(look.k, exported=True),
        ),
        key="together",
        labels=LABELS | {"value": MEASURES[measure]},
        export=partial(safe_values, values, look.k),
        picture=lambda: _sheet(disclosure.without_marks(safe_values(values, look.k)), measure, title),
    )


def compared(weeks: pl.DataFrame, measure: str) -> pl.DataFrame:
    """series_name, period_start_on, n_events (of SMOOTH_WEEKS weeks), value: their mean a week as index, rate or count."""
    over = pl.col("n_events").rolling_sum(SMOOTH_WEEKS).over("place_code", order_by="period_start_on")
    summed = weeks.with_columns(over.alias("n_events")).drop_nulls("n_events")
    mean = pl.col("n_events") / SMOOTH_WEEKS
    value = {
        "index": 100 * pl.col("n_events") / pl.col("n_events").mean().over("place_code"),
        "rate": 10_000 * mean / pl.col("population"),
        "n": mean,
    }[measure]
    shown = summed.select(pl.col("label").alias("series_name"), "period_start_on", "n_events", value.alias("value"))
    return shown.filter(pl.col("value").is_not_null() & pl.col("value").is_finite())


def safe_values(values: pl.DataFrame, k: int) -> pl.DataFrame:
    """To take away. Sums of four weeks overlap: a small one and its neighbours would tell each other, all from there are hidden."""
    small = (pl.col("n_events") > 0) & (pl.col("n_events") < k * SMOOTH_WEEKS)
    hidden = values.select(small.any().over("series_name")).to_series()
    mark = pl.when(hidden).then(pl.lit(disclosure.HIDDEN))
    return values.with_columns(
        [mark.alias(name + disclosure.MARK) for name in ("n_events", "value")]
        + [pl.when(~hidden).then(name).alias(name) for name in ("n_events", "value")]
    )


def _sheet(values: pl.DataFrame, measure: str, title: str) -> go.Figure:
    shown = values.select(
        "series_name", "period_start_on", pl.col("value").round(1 if measure != "rate" else 2).alias("n_events")
    )
    lowest = float(shown["n_events"].min() or 0)  # type: ignore[arg-type]
    low = 25 * (lowest // 25) if measure == "index" else 0  # an index is read by its changes
    return lines(shown, title=title, unit=UNITS[measure], height=380, low=low)
