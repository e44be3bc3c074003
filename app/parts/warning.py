"""Warnings listed, and one of them with its evidence."""

import json
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, marts, page, wording
from app.charts.ranks import ranking
from app.charts.series import trend
from app.parts import judged
from app.parts.course import safe_course
from app.parts.issue import parts_picture, safe_parts

PARTS = {"places": "在哪里", "sources": "从哪里来", "channels": "什么渠道", "days": "哪几天"}


SAYS_THE_COUNT = ["excess", "upper_bound", "p_value", "chance_per_year"]
"""Of a warning whose count is hidden: what would tell or bound it. An alarm is above its upper bound."""


def safe_signals(signals: pl.DataFrame) -> pl.DataFrame:
    """Warnings for a wide view: a count below its k is hidden, and so is what would tell it.

    With the default k only issues with a higher one are concerned: a warning has MIN_OBSERVED = 5 items or more.
    """
    derived = {name: ["observed"] for name in SAYS_THE_COUNT}
    safe = disclosure.suppress(
        signals, measures=["observed"], k=disclosure.thresholds(signals), within=(), derived=derived
    )
    said = [spoken(row) for row in signals.iter_rows(named=True)]
    is_hidden = pl.col("observed" + disclosure.MARK).is_not_null()
    kinds = pl.col("kinds").str.split(",").list.eval(pl.element().replace(wording.KINDS)).list.join("、")
    return safe.with_columns(
        kinds, pl.Series("sentence", said, dtype=pl.String), pl.when(~is_hidden).then("caveat").alias("caveat")
    )


def spoken(signal: Mapping[str, Any]) -> str:
    """The sentence of a warning for a wide view: without figures where its count is below k."""
    k = disclosure.threshold(signal["issue_code"])
    if signal["observed"] >= k:
        return signal["sentence"]
    lasting = "本周首次出现" if signal["n_weeks"] == 1 else f"本周是第 {signal['n_weeks']} 周"
    where = f"{wording.place(signal)}“{signal['issue_name']}”"
    return f"{where}本周超出往年和近期水平，{lasting}；件数不足 {k} 件，按最小格子规则不列。"


def safe_evidence(signal: Mapping[str, Any]) -> str:
    """Evidence (JSON) for a wide view: the parts of k or more, without their counts where these would tell a small rest."""
    k, parts = disclosure.threshold(signal["issue_code"]), wording.evidence(signal["evidence"])
    safe = {}
    for kind, rows in parts.items():
        large = [row for row in rows if row["n_events"] >= k][:2]
        rest = signal["observed"] - sum(row["n_events"] for row in large)
        is_told = 0 < rest < k or signal["observed"] < k
        safe[kind] = [{**row, "n_events": None} for row in large] if is_told else large
    return json.dumps(safe, ensure_ascii=False)


def links(signal: Mapping[str, Any], *wanted: str, upright: bool = False) -> None:
    """From a warning to its own page (warning), its place on the map (map), the items behind it (items)."""
    week = {"week": wording.week_code(signal["week_start_on"])}
    is_group = signal["issue_code"] == signal["group_code"]
    here = {**week, "weeks": "1", "group" if is_group else "issue": signal["issue_code"]}
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
    safe = safe_signals(signals)
    shown = safe.select(
        "rank",
        pl.col("signal_level").map_elements(wording.level_text, return_dtype=pl.String),
        pl.Series("place_name", [wording.place(row) for row in signals.iter_rows(named=True)], dtype=pl.String),
        "issue_name",
        "observed",
        "expected",
        "upper_bound",
        "excess",
        "n_weeks",
        "observed" + disclosure.MARK,
        signals["chance_per_year"].map_elements(wording.chance, return_dtype=pl.String).alias("chance"),
        "role_name",
    )
    labels = {"chance": "纯属偶然"}
    page.grid(shown, key="signals", labels=labels, helps={"signal_level": edition.level_rule}, on_select=choose_row)
    name = f"预警清单 {wording.week_name(week)}"
    page.foot(
        safe.drop("evidence"),
        name=name,
        notes=edition.notes(wording.LEVEL_NOTE, edition.level_rule, disclosure.note()),
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
    grounds(signal, edition)
    columns = st.columns(2, gap="large")
    for n, (kind, rows) in enumerate(wording.evidence(signal["evidence"]).items()):
        if not rows or kind not in PARTS:
            continue
        names = wording.SOURCES if kind == "sources" else {}
        frame = pl.DataFrame(
            {"label": [names.get(r["name"], r["name"]) for r in rows], "value": [r["n_events"] for r in rows]}
        )
        k = disclosure.threshold(signal["issue_code"])
        is_small = signal["place_level"] != "city" or kind == "places"
        with columns[n % 2]:
            if kind == "days":
                by_day(frame, signal, edition)
                continue
            page.chart(
                page.drawn(ranking, frame, title=PARTS[kind]),
                frame,
                export=partial(safe_parts, frame, k) if is_small else None,
                picture=partial(parts_picture, frame, k, PARTS[kind]) if is_small else None,
                name=f"{PARTS[kind]} {wording.place(signal)} {signal['issue_name']}",
                notes=edition.notes(disclosure.note(k, exported=True) if is_small else ""),
                key=f"part_{kind}",
                labels={"label": PARTS[kind], "value": "件数"},
            )


GROUNDS = {
    "excess": "本周件数与往年、近期水平相比",
    "rise": "近 8 周合起来是否偏高，越近越高",
    "cluster": "近几周是否集中在一小片地方",
    "repeat": "近 4 周里来源标明重复的占比",
    "channel": "是否至少两个来源同时偏高",
}
"""What each kind of evidence asks, for the reader."""


def grounds(signal: dict, edition: page.Edition) -> None:
    """Which kinds of evidence were looked at, and which of them speak?"""
    rows = marts.query(
        "signal_evidence", week=signal["week_start_on"], place=signal["place_code"], issue=signal["issue_code"]
    )
    page.section("依据", "同一区域、同一事项的几种证据，合成一个判断；偶然概率越小越说明问题")
    k = disclosure.threshold(signal["issue_code"])
    derived = {name: ["observed"] for name in ("expected", "upper_bound", "p_value")}
    is_own = rows["kind"] == "excess"  # the warning's own count, said in its sentence
    safe = disclosure.suppress(
        rows, measures=["observed", "base"], k=k, within=(), derived=derived,
        shown={"observed": is_own & (rows["observed"] >= k)},
    )  # fmt: skip
    said = safe.with_columns(
        pl.col("kind").replace(GROUNDS).alias("asked"),
        pl.col("kind").replace(wording.KINDS),
        pl.col("status").replace(wording.VERDICTS),
        pl.col("p_value").map_elements(wording.p_value, return_dtype=pl.String).alias("p"),
    )
    marks = [name for name in said.columns if name.endswith(disclosure.MARK)]
    order = ["kind", "asked", "observed", "base", "expected", "upper_bound", "p", *marks]
    page.grid(said.select(order), key="grounds", labels={"asked": "看什么", "observed": "件数", "p": "偶然概率"})
    name = f"预警依据 {wording.place(signal)} {signal['issue_name']} {wording.week_name(signal['week_start_on'])}"
    page.foot(safe, name=name, notes=edition.notes(disclosure.note()), key="grounds_foot")


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
    if signal["place_level"] == "city":
        page.foot(days, name=name, notes=edition.notes(), key="part_days")
        return
    k = disclosure.threshold(signal["issue_code"])
    safe = partial(disclosure.suppress, days, measures=["n_events"], k=k)
    page.foot(safe, name=name, notes=edition.notes(disclosure.note(k, exported=True)), key="part_days")


def course(signal: dict, edition: page.Edition) -> None:
    """The weeks before, with what was expected."""
    series = judged.weekly(signal["place_code"], signal["issue_code"], signal["week_start_on"])
    title = f"{wording.place(signal)} {signal['issue_name']} 按周"
    k, is_small = disclosure.threshold(signal["issue_code"]), signal["place_level"] != "city"
    page.chart(
        page.drawn(trend, series, title=title),
        series,
        export=partial(safe_course, series, k) if is_small else None,
        picture=(lambda: trend(disclosure.without_marks(safe_course(series, k)), title=title)) if is_small else None,
        name=f"{title} 至{wording.week_name(signal['week_start_on'])}",
        notes=edition.notes(
            "阴影带为预期到上限，三角为超出上限的周。", disclosure.note(k, exported=True) if is_small else ""
        ),
        key="course",
        labels={"period_start_on": "周起始日", "is_alarm": "超出上限"},
    )
