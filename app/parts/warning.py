"""Warnings in words, and one of them with its evidence."""

import json
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, marts, page, wording
from app.charts.ranks import ranking
from app.charts.series import trend
from app.parts import judged
from app.parts.course import safe_course
from app.parts.indicators import control_chart
from app.parts.issue import parts_picture, safe_parts

PARTS = {
    "issues": "哪些事项",
    "places": "在哪里",
    "units": "谁在办",
    "sources": "从哪里来",
    "channels": "什么渠道",
    "days": "哪几天",
}


def links(signal: Mapping[str, Any], *wanted: str, upright: bool = False) -> None:
    """From a warning to its own page (warning), its place on the map (map), the items behind it (items), its unit (unit), its
    matter (matter); of these the ones it has."""
    week = {"week": wording.week_code(signal["week_start_on"])}
    targets = {"warning": ("views/warning.py", "详情", {**week, "id": signal["signal_id"]})}
    if signal["unit_name"]:
        unit = {**week, "part": "单位办理", "unit": f"{signal['kind']}:{signal['unit_name']}"}
        targets["unit"] = ("views/early_warnings.py", "单位办理", unit)
    else:
        is_group = signal["issue_code"] == signal["group_code"]
        here = {
            **week,
            "weeks": "4" if signal["kind"] in wording.FOUR_WEEKS else "1",
            "group" if is_group else "issue": signal["issue_code"],
        }
        targets["map"] = ("views/hotspots.py", "地图", {**here, **_place(signal)})
        targets["items"] = ("views/issues.py", "看这些事项", {**here, **_within(signal)})
    if signal["matter_id"]:
        matter = {**week, "part": "同一事项", "matter": signal["matter_id"]}
        targets["matter"] = ("views/early_warnings.py", "同一事项", matter)
    with st.container(width="content", gap=None if upright else "small", horizontal=not upright):
        for name in wanted:
            if name in targets:
                view, label, parameters = targets[name]
                st.page_link(view, label=label, icon=":material/chevron_right:", query_params=parameters)


def _place(signal: Mapping[str, Any]) -> dict[str, str]:
    return {} if signal["place_level"] == "city" else {"place": signal["place_code"]}


def _within(signal: Mapping[str, Any]) -> dict[str, str]:
    """The warning's place as the filters county, town, community."""
    level, code = signal["place_level"], signal["place_code"]
    above = {"city": (), "county": (), "town": ("county",), "community": ("county", "town")}[level]
    within = _above(code, marts.version()) if above else {}
    return {name: found for name in above if (found := within.get(name))} | ({} if level == "city" else {level: code})


@lru_cache(maxsize=256)
def _above(place_code: str, version: str) -> dict[str, str | None]:
    """The county and the town a place lies in; empty for one this version does not know."""
    known = (
        marts.query("places").filter(pl.col("place_code") == place_code).select(county="county_code", town="town_code")
    )
    return known.row(0, named=True) if len(known) else {}


def headline(signal: Mapping[str, Any], edition: page.Edition) -> None:
    """The level and the sentence to read aloud."""
    st.html(
        f'<div class="warning large">{wording.level_tag(signal["signal_level"], edition.level_rule)}'
        f"<p>{wording.escape(signal['sentence'])}</p></div>"
    )


def kinds_words(signal: Mapping[str, Any]) -> str:
    """数量超出、多渠道同时: the kinds of evidence that speak, the strongest first."""
    return "、".join(wording.KINDS.get(kind, kind) for kind in (signal["kinds"] or signal["kind"]).split(","))


def figures(signal: Mapping[str, Any]) -> None:
    """What was counted, against what was to be expected."""
    counted, basis = "上面那句话所说的时段里的件数。", "此前的平常水平"
    if signal["unit_name"]:
        counted, basis = "截至本周的 4 周里的件数。", "该单位自己此前一年的占比"
    elif {"excess", "rise"} & set((signal["kinds"] or "").split(",")):
        counted, basis = "本周登记的件数。", "往年同期和近期水平、扣除节假日影响后的预期"
    said = {
        "实际": (wording.items(signal["observed"]), counted),
        "预期": (_amount(signal["expected"]), f"按{basis}。"),
        "上限": (_amount(signal["upper_bound"]), "没有异常时几乎不会超过的件数。"),
        "持续": (f"{signal['n_weeks']} 周", f"自 {wording.full_day(signal['since_on'])} 那一周起。"),
        "纯属偶然": (
            wording.chance(signal["chance_per_year"]),
            "全市同类序列都没有异常时，这样的波动多久碰巧出现一次。",
        ),
    }
    for column, (label, (value, note)) in zip(st.columns([1, 1, 1, 1, 1.6]), said.items(), strict=True):
        column.metric(label, value, help=note)


def _amount(value: float | None) -> str:
    return "—" if value is None else f"{value:,.1f} 件"


def parts(signal: Mapping[str, Any], edition: page.Edition) -> None:
    """What it consists of: places, sources, channels, days."""
    known = {kind: rows for kind, rows in wording.evidence(signal["evidence"]).items() if rows and kind in PARTS}
    k = disclosure.threshold(signal["issue_code"])
    columns = st.columns(2, gap="large") if known else []
    for n, (kind, rows) in enumerate(known.items()):
        names = wording.SOURCES if kind == "sources" else {}
        frame = pl.DataFrame(
            {"label": [names.get(r["name"], r["name"]) for r in rows], "value": [r["n_events"] for r in rows]}
        )
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
                name=f"{PARTS[kind]} {signal['title']}",
                notes=edition.notes(disclosure.note(k, exported=True) if is_small else ""),
                key=f"part_{kind}",
                labels={"label": PARTS[kind], "value": "件数"},
            )


def limits(signal: Mapping[str, Any]) -> None:
    """What to keep in mind about the data, and what the system cannot see here."""
    unseen = json.loads(signal["blind_spots"] or "[]")
    said = [f"数据提醒：{signal['caveat']}", *unseen] if signal["caveat"] else unseen
    if said:
        page.section("数据提醒和系统看不到什么")
        lines = "".join(f"<li>{wording.escape(one.removesuffix('。'))}。</li>" for one in said)
        st.html(f'<ul class="facts">{lines}</ul>')


def responsible(signal: Mapping[str, Any]) -> str:
    """云溪区住房和城乡建设局（职责清单）; what to say where nobody is known."""
    unit, basis = signal["responsible_unit"], signal["responsible_basis"]
    if not unit:
        return f"待定（这类事项一般由{signal['role_name']}主办）" if signal["role_name"] else "待定"
    return f"{unit}（{basis}）" if basis else unit


GROUNDS = {
    "excess": "本周件数与往年、近期水平相比",
    "rise": "近 8 周合起来是否偏高，越近越高",
    "cluster": "近几周是否集中在一小片地方",
    "repeat": "近 4 周里来源标明重复的占比",
    "channel": "是否至少两个来源同时偏高",
    "overdue": "近 4 周到期未办结的占比，与本单位此前一年相比",
    "satisfaction": "近 4 周评价不满意的占比，与本单位此前一年相比",
    "returns": "近 4 周退回的占比，与本单位此前一年相比",
    "matter": "是否许多件说的是同一件事",
    "emerging": "近几周是否冒出以前少见的词",
}
"""What each kind of evidence asks, for the reader."""


def grounds(signal: Mapping[str, Any], edition: page.Edition) -> None:
    """Which kinds of evidence were looked at, and which of them speak?"""
    rows = marts.query(
        "signal_evidence",
        week=signal["week_start_on"],
        place=signal["place_code"],
        issue=signal["issue_code"],
        unit=signal["unit_name"],
    )
    if rows.is_empty():
        return
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
        wording.each(safe["p_value"], wording.p_value).alias("p"),
    )
    marks = [name for name in said.columns if name.endswith(disclosure.MARK)]
    order = ["kind", "asked", "observed", "base", "expected", "upper_bound", "p", *marks]
    page.grid(said.select(order), key="grounds", labels={"asked": "看什么", "observed": "件数", "p": "偶然概率"})
    name = f"预警依据 {signal['title']} {wording.week_name(signal['week_start_on'])}"
    page.foot(safe, name=name, notes=edition.notes(disclosure.note()), key="grounds_foot")


def by_day(frame: pl.DataFrame, signal: Mapping[str, Any], edition: page.Edition) -> None:
    """On which days, in the order of the calendar."""
    days = frame.select(pl.col("label").str.to_date().alias("registered_on"), pl.col("value").alias("n_events"))
    days = days.sort("registered_on")
    said = [f"{wording.day(day)}（周{wording.WEEKDAYS[day.weekday()]}）" for day in days["registered_on"]]
    page.section(PARTS["days"])
    page.table(
        days.with_columns(pl.Series("day", said)),
        [page.Column("day", label="登记日期"), page.Column("n_events", "bar")],
    )
    name = f"{PARTS['days']} {signal['title']}"
    if signal["place_level"] == "city":
        page.foot(days, name=name, notes=edition.notes(), key="part_days")
        return
    k = disclosure.threshold(signal["issue_code"])
    safe = partial(disclosure.suppress, days, measures=["n_events"], k=k)
    page.foot(safe, name=name, notes=edition.notes(disclosure.note(k, exported=True)), key="part_days")


def course(signal: Mapping[str, Any], edition: page.Edition, *, height: int = 340) -> None:
    """The weeks before, with what was expected."""
    week = signal["week_start_on"]
    if signal["unit_name"]:
        control_chart(signal["unit_name"], signal["kind"], week, edition)
        return
    series = judged.weekly(signal["place_code"], signal["issue_code"], week)
    title = f"{wording.place(signal)} {signal['issue_name']} 按周"
    k, is_small = disclosure.threshold(signal["issue_code"]), signal["place_level"] != "city"
    page.chart(
        page.drawn(trend, series, title=title, height=height),
        series,
        export=partial(safe_course, series, k) if is_small else None,
        picture=(lambda: trend(disclosure.without_marks(safe_course(series, k)), title=title)) if is_small else None,
        name=f"{title} 至{wording.week_name(week)}",
        notes=edition.notes(
            "阴影带为预期到上限，三角为超出上限的周。", disclosure.note(k, exported=True) if is_small else ""
        ),
        key="course",
        labels={"period_start_on": "周起始日", "is_alarm": "超出上限"},
    )
