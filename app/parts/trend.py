"""走势 of 趋势分析: one course with last year and what was to be expected, or a few side by side; a closer look at one week."""

from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, wording, year_ago
from app.parts import judged
from app.parts.course import (
    BASES,
    FILLED,
    GRAINS,
    SPANS,
    SPLITS,
    VERBS,
    Look,
    by_period,
    days_of,
    figure,
    filled_through,
    first_day,
    nothing,
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
    "year_ago_on": "去年同期起始日",
    "is_alarm": "超出上限",
    "is_incomplete": "未满期",
}
AT = "at"
"""Query parameter: the week looked at closer."""


def block(look: Look) -> None:
    left, middle, right = st.columns([1, 1, 1], vertical_alignment="bottom")
    with left:
        n_weeks = int(filters.choose("跨度", SPANS, key="span", default="52", kind="buttons"))
    with middle:
        grain = filters.choose("粒度", GRAINS, key="grain", default="week", kind="buttons")
    splits = {code: name for code, name in SPLITS.items() if code != "county" or not look.choice.county}
    with right:
        split = filters.choose("拆分", splits, key="split", kind="buttons")
    choice, edition = look.choice, look.edition
    first, through = first_day(look.through, n_weeks, grain, edition.data_from), look.through
    counted = (
        days_of(look.asked, first, through)
        if split == "all"
        else marts.query("counts_by_day", **look.asked, from_on=first, to_on=through, split=split)
    )
    page.require(counted, nothing(look))
    covered = filters.covered_weeks(choice.source)
    series = with_unknown(by_period(counted, grain, first, through), grain, covered)
    series = with_incomplete(series, grain, edition.data_from, look.complete_through(grain))
    if split == "all":
        series = series.drop("series_name")
    said = [f"按{BASES[look.basis]}计。", *_on_dates(look, first)]
    if split == "all" and edition.data_from <= first - timedelta(days=366):
        series = with_year_ago(series, look.asked, grain, look.way, covered)
        said.append(year_ago.NOTES[look.way])
    if split == "all" and grain == "week":
        series = look.with_expected(series)
        said += _on_expected(look, series)
    if series["is_incomplete"].any():
        said.append("首尾未满期的不与整期相比；开头未满期的不画，列在逐期数字里。")
    if series["n_events"].has_nulls():
        said.append("没有数据的时段断开，不是 0。")
    summary(series, grain, VERBS[look.basis])
    title = f"{filters.words(choice)} {GRAINS[grain]}{SPLITS[split]}"
    _draw(look, series, grain, split, title, f"{title} {wording.span(max(first, edition.data_from), through)}", said)
    _closer(look, grain, split)
    with st.expander("逐期数字"):
        page.grid(series.sort("period_start_on", descending=True), key="periods", labels=LABELS)


def _on_dates(look: Look, first: date) -> list[str]:
    """What another day than that of registration leaves out or still waits for."""
    if look.basis == "registered":
        return []
    given = marts.query("dates_given", **look.choice.parameters(), from_on=first, to_on=look.through).row(0, named=True)
    known = given["n_occurred_known" if look.basis == "occurred" else "n_closed"]
    missing = given["n_events"] - known
    why = "来源没有填发生日期" if look.basis == "occurred" else "还没有办结或没有填办结日期"
    said = [f"这段时间登记的 {given['n_events']:,} 件中，{missing:,} 件{why}，不在图上。"] if missing else []
    if look.basis == "closed":
        return [*said, "办结日期以最近一次导入为准；最早几周偏低，因为在那以前登记的没有入库。"]
    filled = filled_through(look.choice.source, look.edition.data_through)
    late = f"按近一年的登记滞后，{FILLED:.0%} 的事项在发生后 {(look.edition.data_through - filled).days} 天内登记；"
    return [*said, f"{late}{wording.full_day(filled)}以后发生的还在补登，阴影里的数还会涨。"]


def _on_expected(look: Look, series: pl.DataFrame) -> list[str]:
    """What the line or band of expected values is, where one is drawn."""
    if "expected" not in series.columns or series["expected"].is_null().all():
        return []
    if "upper_bound" in series.columns:
        return [f"阴影带为按往年和近期水平的预期到上限，{judged.ALARM_NOTE}"]
    return ["预期是各大类预期之和；总量不作超限判定，没有上限。"]


def _draw(look: Look, series: pl.DataFrame, grain: str, split: str, title: str, name: str, said: list[str]) -> None:
    choice, is_city = look.choice, filters.is_whole_city(look.choice)
    if split == "source":
        series = series.with_columns(pl.col("series_name").replace(wording.SOURCES))
    how: dict[str, Any] = {"title": title, "unfinished": "还在补登" if look.basis == "occurred" else "未满期"}
    export = picture = None
    if split == "county" or not is_city:
        groups = dict(marts.query("issues").select("group_name", "group_code").iter_rows()) if split == "group" else {}
        names = series["series_name"] if split != "all" else [None] * len(series)
        own = [disclosure.threshold(choice.issue, choice.group, groups.get(one)) for one in names]
        export = partial(safe_course, series, pl.Series("k", own), is_city=is_city)
        picture = lambda: figure(disclosure.without_marks(export()), **how)  # noqa: E731
        said.append(disclosure.note(min(own), exported=True))
    is_clickable = split == "all" and grain in ("day", "week")
    page.chart(
        page.drawn(figure, series, **how, is_clickable=is_clickable),
        series,
        name=name,
        notes=look.edition.notes(*said),
        key="trend",
        labels=LABELS,
        on_select=choose_week if is_clickable else None,
        export=export,
        picture=picture,
    )
    if is_clickable:
        hint = (
            ""
            if choice.issue or choice.group or not look.is_judged
            else "选定一个事项或大类并按周看，可显示预期范围和超限的周。"
        )
        st.html(f'<p class="note">点图上的一个点，看那一周。{hint}</p>')


def choose_week() -> None:
    """The week of the point clicked on; a click beside it changes nothing."""
    points = st.session_state["trend"]["selection"]["points"]
    day = next((point["customdata"] for point in points if point.get("customdata")), None)
    if day:
        day = day[0] if isinstance(day, list) else day
        address.write(AT, wording.week_code(date.fromisoformat(str(day)[:10])))


def _closer(look: Look, grain: str, split: str) -> None:
    """One week: its figures, and the ways to what it consists of."""
    try:
        monday = date.fromisocalendar(int(st.query_params[AT][:4]), int(st.query_params[AT][6:]), 1)
    except (KeyError, ValueError):
        return
    if split != "all" or grain not in ("day", "week") or not look.edition.data_from <= monday <= look.week:
        return
    at = Look(look.edition, look.choice, look.basis, look.way, monday)
    covered = filters.covered_weeks(look.choice.source)
    counted = by_period(days_of(at.asked, monday, monday + timedelta(days=6)), "week", monday, monday)
    one = with_unknown(counted, "week", covered)
    if one.is_empty() or one["n_events"].has_nulls():
        return
    row = at.with_expected(with_year_ago(one, at.asked, "week", at.way, covered)).row(0, named=True)
    said = [f"{VERBS[look.basis]} {row['n_events']:,} 件"]
    if row.get("expected") is not None:
        bound = f"，上限 {row['upper_bound']:,.0f} 件" if row.get("upper_bound") is not None else ""
        said.append(f"预期 {row['expected']:,.0f} 件{bound}{'，超出上限' if row.get('is_alarm') else ''}")
    if row["n_events_year_ago"] is not None:
        said.append(f"去年同期（{wording.week_name(row['year_ago_on'])}）{row['n_events_year_ago']:,} 件")
    chosen = {key: code for key, code in look.choice.parameters().items() if code}
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="closer"):
        st.html(
            f'<p class="said"><b>{wording.week_name(monday)}（{wording.week_span(monday)}）</b>　'
            f"{wording.escape('；'.join(said))}。</p>",
            width="stretch",
        )
        to = {**chosen, "week": wording.week_code(monday), "weeks": "1"}
        st.page_link(
            "views/issues.py", label="这一周的高频事项", icon=":material/format_list_numbered:", query_params=to
        )
        st.button("关闭", key="closer_off", icon=":material/close:", type="tertiary", on_click=_forget)


def _forget() -> None:
    address.write(AT, None)
