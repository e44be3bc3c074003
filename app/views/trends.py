"""趋势分析: is it rising, and more than the season explains?"""

from datetime import timedelta
from functools import partial

import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, wording
from app.parts import judged
from app.parts.course import (
    GRAINS,
    SPANS,
    SPLITS,
    by_period,
    figure,
    first_day,
    safe_course,
    summary,
    with_incomplete,
    with_unknown,
    with_year_ago,
)

LABELS = {
    "period_start_on": "起始日",
    "series_name": "系列",
    "n_events_year_ago": "去年同期",
    "is_alarm": "超出上限",
    "is_incomplete": "未满期",
}

edition = page.start("趋势分析", "在上升吗，比往年同期多吗？")
choice = filters.bar(edition.data_from, edition.last_full_week, "source", "county", "town", "group", "issue")[0]
left, middle, right, latest = st.columns([1, 1, 1, 1], vertical_alignment="bottom")
with left:
    n_weeks = int(filters.choose("跨度", SPANS, key="span", default="52", kind="buttons"))
with middle:
    grain = filters.choose("粒度", GRAINS, key="grain", default="week", kind="buttons")
with right:
    split = filters.choose("拆分", SPLITS, key="split", kind="buttons")
with latest:
    monday = filters.week(edition.data_from, edition.last_full_week, label="截至")
week = filters.need_week(monday, edition.last_full_week)

newest = week == edition.last_full_week
through = edition.data_through if newest else week + timedelta(days=6)
first = first_day(through, n_weeks, grain, edition.data_from)
chosen = choice.parameters()
days = marts.query("counts_by_day", **chosen, from_on=first, to_on=through, split=split)
page.require(days)
covered = filters.covered_weeks(choice.source)
series = with_unknown(by_period(days, grain, first, through), grain, covered)
complete = week + timedelta(days=6)
if newest and grain != "week":  # a day or month that the data go beyond is over
    complete = max(complete, edition.data_through - timedelta(days=1))
series = with_incomplete(series, grain, edition.data_from, complete)
title = f"{filters.words(choice)} {GRAINS[grain]}{SPLITS[split]}"
said = ["按登记日期计。"]
if split == "all" and edition.data_from <= first - timedelta(days=366):
    series = with_year_ago(series, chosen, grain, first, through, covered)
    said.append("去年同期：按日、按周前推 52 周，星期对齐；按月取同名月份。")
if split == "all" and choice.issue and not choice.source and grain == "week":
    place = choice.town or choice.county or edition.city_code
    series = judged.with_band(series, place, choice.issue, through)
    said.append("阴影带为按往年和近期水平的预期到上限，三角为超出上限的周。")
if series["is_incomplete"].any():
    said.append("首尾未满期的不与整期相比；开头未满期的不画，列在逐期数字里。")
if series["n_events"].has_nulls():
    said.append("没有数据的时段断开，不是 0。")

summary(series, grain)
if split == "source":
    series = series.with_columns(pl.col("series_name").replace(wording.SOURCES))
export = picture = None
if split == "county" or not filters.is_whole_city(choice):
    groups = dict(marts.query("issues").select("group_name", "group_code").iter_rows()) if split == "group" else {}
    own = [disclosure.threshold(choice.issue, choice.group, groups.get(name)) for name in series["series_name"]]
    export = partial(safe_course, series, pl.Series("k", own), is_city=filters.is_whole_city(choice))
    picture = lambda: figure(disclosure.without_marks(export()), title=title)  # noqa: E731
    said.append(disclosure.note(min(own), exported=True))
page.chart(
    page.drawn(figure, series, title=title),
    series,
    name=f"{title} {wording.span(max(first, edition.data_from), through)}",
    notes=edition.notes(*said),
    key="trend",
    labels=LABELS,
    export=export,
    picture=picture,
)
if not choice.issue:
    st.html('<p class="note">选定一个事项并按周看，可显示预期范围和超限的周。</p>')
with st.expander("逐期数字"):
    page.grid(series.sort("period_start_on", descending=True), key="periods", labels=LABELS)
