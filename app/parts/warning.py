"""Warnings listed, and one of them with its evidence."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app import page, wording
from app.charts.ranks import ranking
from app.charts.series import trend
from app.parts import judged

PARTS = {"places": "在哪里", "sources": "从哪里来", "channels": "什么渠道", "days": "哪几天"}


def links(signal: Mapping[str, Any], *wanted: str, upright: bool = False) -> None:
    """From a warning to its own page (warning), its place on the map (map), the items behind it (items)."""
    week = {"week": wording.week_code(signal["week_start_on"])}
    here = {**week, "weeks": "1", "issue": signal["issue_code"]}
    level, code = signal["place_level"], signal["place_code"]
    at = {} if level == "city" else {"county": signal["county_code"]} | ({"town": code} if level == "town" else {})
    targets = {
        "warning": ("views/early_warnings.py", "详情", {**week, "signal": signal["signal_id"]}),
        "map": ("views/hotspots.py", "地图", here if level == "city" else {**here, "place": code}),
        "items": ("views/issues.py", "看这些事项", {**here, **at}),
    }
    with st.container(width="content", gap=None if upright else "small", horizontal=not upright):
        for name in wanted:
            view, label, parameters = targets[name]
            st.page_link(view, label=label, icon=":material/chevron_right:", query_params=parameters)


def choose_row() -> None:
    rows = st.session_state["signals"]["selection"]["rows"]
    if rows:
        st.query_params["signal"] = st.session_state["_signals_shown"][rows[0]]


def listing(signals: pl.DataFrame, week: date, edition: page.Edition) -> None:
    """The week's warnings, most urgent first, and by which rule; click one to open it."""
    st.html(f'<p class="note">排序 1 最要紧，自上而下排列。{wording.escape(edition.level_rule)}</p>')
    st.session_state["_signals_shown"] = signals["signal_id"].to_list()
    shown = signals.select(
        "rank",
        pl.col("signal_level").map_elements(wording.level_text, return_dtype=pl.String),
        pl.Series("place_name", [wording.place(row) for row in signals.iter_rows(named=True)], dtype=pl.String),
        "issue_name",
        "observed",
        "expected",
        "upper_bound",
        "excess",
        "n_weeks",
        pl.col("chance_per_year").map_elements(wording.chance, return_dtype=pl.String).alias("chance"),
        "role_name",
    )
    labels = {"chance": "纯属偶然"}
    page.grid(shown, key="signals", labels=labels, helps={"signal_level": edition.level_rule}, on_select=choose_row)
    name = f"预警清单 {wording.week_name(week)}"
    page.foot(
        signals.drop("evidence"),
        name=name,
        notes=edition.notes(wording.LEVEL_NOTE, edition.level_rule),
        key="signals_foot",
    )


def detail(signal: dict, edition: page.Edition) -> None:
    """One warning: the sentence, the figures behind it, what it consists of, its course."""
    page.section(
        "这一条",
        f"预警编号 {signal['signal_id']} · {wording.week_name(signal['week_start_on'])} · 主办：{signal['role_name'] or '待定'}",
    )
    st.html(
        f'<div class="warning large">{wording.level_tag(signal["signal_level"], edition.level_rule)}'
        f"<p>{wording.escape(signal['sentence'])}</p></div>"
    )
    links(signal, "items", "map")
    if signal["caveat"]:
        page.quiet(f"数据提醒：{signal['caveat']}。")
    figures = {
        "实际": (wording.items(signal["observed"]), "本周登记的件数。"),
        "预期": (f"{signal['expected']:,.1f} 件", "按往年同期和近期水平、扣除节假日影响后的预期。"),
        "上限": (f"{signal['upper_bound']:,.1f} 件", "没有异常时几乎不会超过的件数。"),
        "持续": (f"{signal['n_weeks']} 周", f"自 {wording.full_day(signal['since_on'])} 那一周起。"),
        "纯属偶然": (
            wording.chance(signal["chance_per_year"]),
            "全市同类序列都没有异常时，这样的波动多久碰巧出现一次。",
        ),
    }
    for column, (label, (value, note)) in zip(st.columns([1, 1, 1, 1, 1.6]), figures.items(), strict=True):
        column.metric(label, value, help=note)
    course(signal, edition)
    columns = st.columns(2, gap="large")
    for n, (kind, rows) in enumerate(wording.evidence(signal["evidence"]).items()):
        if not rows or kind not in PARTS:
            continue
        names = wording.SOURCES if kind == "sources" else {}
        frame = pl.DataFrame(
            {"label": [names.get(r["name"], r["name"]) for r in rows], "value": [r["n_events"] for r in rows]}
        )
        with columns[n % 2]:
            if kind == "days":
                by_day(frame, signal, edition)
                continue
            page.chart(
                page.drawn(ranking, frame, title=PARTS[kind]),
                frame,
                name=f"{PARTS[kind]} {wording.place(signal)} {signal['issue_name']}",
                notes=edition.notes(),
                key=f"part_{kind}",
                labels={"label": PARTS[kind], "value": "件数"},
            )


def by_day(frame: pl.DataFrame, signal: dict, edition: page.Edition) -> None:
    """On which days, in the order of the calendar."""
    days = frame.select(pl.col("label").str.to_date().alias("registered_on"), pl.col("value").alias("n_events"))
    days = days.sort("registered_on")
    said = [f"{wording.day(day)}（周{wording.WEEKDAYS[day.weekday()]}）" for day in days["registered_on"]]
    page.section(PARTS["days"])
    page.table(
        days.with_columns(pl.Series("day", said)),
        [page.Column("day", label="登记日期"), page.Column("n_events", "bar")],
    )
    name = f"{PARTS['days']} {wording.place(signal)} {signal['issue_name']}"
    page.foot(days, name=name, notes=edition.notes(), key="part_days")


def course(signal: dict, edition: page.Edition) -> None:
    """The weeks before, with what was expected."""
    series = judged.weekly(signal["place_code"], signal["issue_code"], signal["week_start_on"])
    title = f"{wording.place(signal)} {signal['issue_name']} 按周"
    page.chart(
        page.drawn(trend, series, title=title),
        series,
        name=f"{title} 至{wording.week_name(signal['week_start_on'])}",
        notes=edition.notes("阴影带为预期到上限，三角为超出上限的周。"),
        key="course",
        labels={"period_start_on": "周起始日", "is_alarm": "超出上限"},
    )
