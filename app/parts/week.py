"""The blocks of the weekly page: headline figures, warnings, map, rising issues, last week's outcome."""

from datetime import date, timedelta

import polars as pl
import streamlit as st

from app import filters, marts, page, wording
from app.charts.breaks import sequential_classes
from app.charts.maps import MissingBoundary, locator_map
from app.parts.warning import links

FIGURES = {
    "n_events": ("诉求总量", "本周登记的信访件、热线工单、网格事件之和，按登记日期计。"),
    "n_petition": ("信访", "本周登记的信访件。"),
    "n_hotline": ("12345热线", "本周登记的热线工单。"),
    "n_grid": ("网格", "本周登记的网格事件。"),
    "n_overdue": ("到期未办结", "限办时间落在本周、到时没有办结的事项，后来补办的也算；按限办时间计，不按登记日期。"),
    "n_repeat": ("重复", "来源系统标为重复的事项；本系统不按人推断。"),
    "n_group": ("群体性", "来源系统标为集体、联名的事项。"),
}
N_WARNINGS = 5
MIN_OBSERVED = 5  # one or two items more are no rise


def headline(figures: pl.DataFrame, week: date, data_from: date) -> None:
    """Seven figures, each against last week and the same week a year ago, with its last 13 weeks."""
    known = figures.filter(pl.col("week_start_on") >= data_from)
    by_week = {row["week_start_on"]: row for row in known.iter_rows(named=True)}
    now, before, year_ago = by_week[week], *(by_week.get(week - timedelta(weeks=n)) for n in (1, 52))
    for column, (name, (label, note)) in zip(
        st.columns([1.25, 1, 1, 1, 1, 1, 1], gap="medium"), FIGURES.items(), strict=True
    ):
        last = wording.change(now[name], before[name] if before else None)
        year = wording.change(now[name], year_ago[name] if year_ago else None)
        column.metric(
            label,
            wording.number(now[name]),
            delta=f"环比 {last.words}",
            delta_color="off",
            delta_arrow="off" if not last.share else "up" if last.share > 0 else "down",
            delta_description=f"同比 {year.words}",
            chart_data=known[name].tail(13).to_list(),
            help=f"{note} 上周 {wording.items(last.before)}，去年同期 {wording.items(year.before)}；"
            f"基数不足 {wording.SMALL_BASE} 件时不算百分比。细线为近13周。",
        )


def workday_sentence(figures: pl.DataFrame, week: date) -> str:
    """The comparison that holidays do not disturb."""
    by_week = {row["week_start_on"]: row for row in figures.iter_rows(named=True)}
    now, before = by_week[week], by_week.get(week - timedelta(weeks=1))
    if not before or not now["n_workdays"] or not before["n_workdays"] or not before["n_events"]:
        return ""
    per_day, per_day_before = (row["n_events"] / row["n_workdays"] for row in (now, before))
    return (
        f"按工作日均：本周 {now['n_workdays']} 个工作日，日均 {per_day:,.1f} 件；上周 {before['n_workdays']} 个，"
        f"日均 {per_day_before:,.1f} 件，环比 {wording.share(per_day / per_day_before - 1)}。"
    )


def warnings(signals: pl.DataFrame) -> None:
    """The few sentences to read aloud, each with what it consists of and where to look."""
    page.section("本周预警", f"共 {len(signals)} 条，列前 {min(len(signals), N_WARNINGS)} 条。{wording.LEVEL_NOTE}")
    if signals.is_empty():
        page.quiet("本周没有超出往年和近期水平的事项。")
    for signal in signals.head(N_WARNINGS).iter_rows(named=True):
        with st.container(horizontal=True, wrap=False, gap="small", key=f"warning_{signal['rank']}"):
            st.html(
                f'<div class="warning">{wording.level_tag(signal["signal_level"])}<div>'
                f"<p>{wording.escape(signal['sentence'])}</p>"
                f'<p class="note">{wording.escape(wording.place(signal))}　{wording.escape(wording.evidence_line(signal["evidence"]))}'
                f"　主办：{wording.escape(signal['role_name'] or '待定')}</p></div></div>",
                width="stretch",
            )
            links(signal, "warning", "map", upright=True)


def small_map(edition: page.Edition, week: date) -> None:
    """Where this week's items came from, by town."""
    page.section("各镇街本周件数")
    everything, span = filters.Choice().parameters(), filters.Period(1, week).parameters()
    places = marts.query("place_counts", **everything, **span, place_level="town")
    shown = places.with_columns(pl.col("n_events").alias("value"))
    classes = sequential_classes(shown["value"].to_list())
    geometry = dict(marts.query("boundaries", place_level="town", inside=None).iter_rows())
    notes = edition.notes("按登记日期计，能定位到镇街的事项。")
    name = f"各镇街诉求件数 {wording.week_name(week)}"
    try:
        figure = page.drawn(
            locator_map,
            shown,
            geometry,
            title="",
            measure_label="件数（件）",
            classes=classes,
            max_labels=12,
            height=400,
        )
    except MissingBoundary as missing:
        page.quiet(str(missing))
        page.table(places.head(10), [page.Column("place_name"), page.Column("n_events", "bar")])
        return
    page.chart(
        figure, places.select("place_code", "county_name", "place_name", "n_events"), name=name, notes=notes, key="map"
    )


def rising(edition: page.Edition, week: date) -> None:
    """Issues furthest above what was to be expected, city-wide."""
    page.section("上升最快的事项", "全市，与往年和近期水平相比")
    issues = marts.query("rising_issues", week=week, n_rows=6, min_observed=MIN_OBSERVED)
    if issues.is_empty():
        page.quiet(f"本周没有 {MIN_OBSERVED} 件以上又高于预期的事项，或历史还不够长、无从判定。")
        return
    page.table(
        issues,
        [
            page.Column("issue_name"),
            page.Column("observed", "bar", "本周"),
            page.Column("observed_before", "number", "上周"),
            page.Column("expected", "decimal", "预期"),
            page.Column("excess", "decimal", "超出"),
        ],
    )
    page.foot(
        issues,
        name=f"上升最快的事项 {wording.week_name(week)}",
        notes=edition.notes("单位：件。"),
        key="rising",
        labels={"observed_before": "上周件数"},
    )


def followup(edition: page.Edition, week: date) -> None:
    """Last week's warnings with this week's figures: still up or back down?"""
    page.section("上周预警后来怎样", "同一区域、同一事项的本周件数")
    signals = marts.query("signal_followup", week=week)
    if signals.is_empty():
        page.quiet("上周没有预警。")
        return
    words = {"alarm": "▲ 仍然偏高", "normal": "▽ 已回落", "not_assessed": "— 本周无法判定"}
    shown = signals.with_columns(
        pl.col("signal_level").map_elements(wording.level_tag, return_dtype=pl.String).alias("level"),
        pl.Series("matter", [f"{wording.place(row)}·{row['issue_name']}" for row in signals.iter_rows(named=True)]),
        pl.col("status").replace_strict(words).alias("outcome"),
    )
    page.table(
        shown.head(8),
        [
            page.Column("level", "html", "等级"),
            page.Column("matter", label="区域·事项"),
            page.Column("observed_before", "number", "上周"),
            page.Column("observed", "bar", "本周"),
            page.Column("upper_bound", "number", "上限"),
            page.Column("outcome", label="后来"),
        ],
    )
    page.foot(
        signals,
        name=f"上周预警跟踪 {wording.week_name(week)}",
        notes=edition.notes("单位：件。"),
        key="followup",
        labels={"observed_before": "上周件数", "upper_before": "上周上限", "status": "本周判定"},
    )
