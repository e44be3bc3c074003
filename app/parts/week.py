"""The blocks of the weekly page: headline figures, warnings, map, rising issues, last week's outcome."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, filters, headlines, marts, page, place_counts, wording
from app.charts.maps import locator_map
from app.parts import area, casework, judged
from app.parts.listed import LABELS_TAKEN_AWAY
from app.parts.warning import links
from app.warned import outcomes, safe_evidence, safe_followup

N_WARNINGS = 5


def tiles(figures: pl.DataFrame) -> dict[str, tuple[str, str]]:
    """The figures this warehouse can give."""
    return headlines.given(marts.query("source_totals"), int(figures["n_due"].sum()))


def headline(figures: pl.DataFrame, week: date, data_from: date) -> None:
    """The figures, each against last week and the same week a year ago, with its last 13 weeks."""
    known = figures.filter(pl.col("week_start_on") >= data_from)
    by_week = {row["week_start_on"]: row for row in known.iter_rows(named=True)}
    now, before, year_ago = by_week[week], *(by_week.get(week - timedelta(weeks=n)) for n in (1, 52))
    shown = tiles(figures)
    columns = st.columns([1.25] + [1] * (len(headlines.FIGURES) - 1), gap="medium")
    for column, (name, (label, note)) in zip(columns, shown.items(), strict=False):
        if now[name] is None:
            column.metric(label, "无数据", help=f"{note} 这一周没有这个来源的数据。")
            continue
        last = wording.change(now[name], before[name] if before else None)
        year = wording.change(now[name], year_ago[name] if year_ago else None)
        column.metric(
            label,
            wording.number(now[name]),
            delta=f"环比 {last.words}",
            delta_color="off",
            delta_arrow="off" if not last.share else "up" if last.share > 0 else "down",
            delta_description=f"同比 {year.words}",
            chart_data=unbroken(known[name].tail(13).to_list()),
            help=f"{note} 上周 {wording.items(last.before)}，去年同期 {wording.items(year.before)}；"
            f"基数不足 {wording.SMALL_BASE} 件时不算百分比。细线为近13周。",
        )


def unbroken(values: list[int | None]) -> list[int]:
    """The newest values back to the last gap."""
    kept = list(takewhile(lambda value: value is not None, reversed(values)))
    return [value for value in reversed(kept) if value is not None]


def workday_sentence(figures: pl.DataFrame, week: date) -> str:
    """The comparison that holidays do not disturb: items registered on working days, per working day."""
    known = figures.with_columns(pl.when(pl.col("n_events").is_not_null()).then("n_on_workdays").alias("n_on_workdays"))
    by_week = {row["week_start_on"]: row for row in known.iter_rows(named=True)}
    sentence: str = headlines.workdays(by_week[week], by_week.get(week - timedelta(weeks=1)))["sentence"]
    return sentence


def warnings(signals: pl.DataFrame, week: date, edition: page.Edition) -> None:
    """The few sentences to read aloud, each with where it stands, what it consists of and where to look.

    signals: with their standing (casework.with_status).
    """
    n = len(signals)
    count = "" if not n else f"共 {n} 条。" if n <= N_WARNINGS else f"共 {n} 条，列前 {N_WARNINGS} 条。"
    page.section("本周预警", f"{count}{wording.LEVEL_NOTE}")
    if not judged.was_judged(week):
        page.quiet(judged.not_judged(week, edition.judged_from, has_warnings=not signals.is_empty()))
    elif signals.is_empty():
        page.quiet("本周没有超出往年和近期水平的事项。")
    for signal in signals.head(N_WARNINGS).iter_rows(named=True):
        with st.container(horizontal=True, wrap=False, gap="small", key=f"warning_{signal['rank']}"):
            st.html(
                f'<div class="warning">{wording.level_tag(signal["signal_level"], edition.level_rule)}<div>'
                f"<p>{wording.escape(wording.spoken(signal))}</p>"
                f'<p class="note">{casework.tag(signal)}　{wording.escape("　".join(about(signal)))}</p></div></div>',
                width="stretch",
            )
            links(signal, "warning", "map", upright=True)


def about(signal: Mapping[str, Any]) -> list[str]:
    """Under a warning's sentence: where, what it consists of, who handles it or should."""
    unit = (
        f"在 {signal['to_unit']}"
        if signal["to_unit"]
        else f"主办：{signal['responsible_unit'] or signal['role_name'] or '待定'}"
    )
    return [part for part in (wording.place(signal), wording.evidence_line(safe_evidence(signal)), unit) if part]


def small_map(edition: page.Edition, week: date) -> None:
    """Where this week's items came from, by town."""
    page.section("各镇街本周件数")
    everywhere = area.counted(filters.Choice(), filters.Period(1, week), edition.city_code)
    places = place_counts.valued(place_counts.inside_of(everywhere, "town", {"place_level": "city"}), "count")
    geometry = dict(marts.query("boundaries", place_level="town", inside=None).iter_rows())
    missing = place_counts.without_boundary(places, geometry)
    name = f"各镇街诉求件数 {wording.week_name(week)}"
    figures = places.select("place_code", "county_name", "place_name", "n_events", "n_events" + disclosure.MARK)
    basis = ("按登记日期计，能定位到镇街的事项。", disclosure.note())
    if not geometry or not missing["is_provisional"].all():
        top = figures.filter(pl.col("n_events") > 0).head(10)
        page.quiet(f"{len(missing)} 个镇街没有边界，用表格代替地图。" if geometry else "没有镇街边界，用表格代替地图。")
        page.table(top, [page.Column("place_name"), page.Column("n_events", "bar")])
        page.foot(figures, name=name, notes=edition.notes(*basis), key="map")
        return
    shown = places.filter(pl.col("place_code").is_in(list(geometry)))
    lacking = f"另有 {len(missing)} 个镇街没有边界{place_counts.n_in(missing)}，不在图上。" if len(missing) else ""
    figure = page.drawn(
        locator_map,
        shown,
        geometry,
        title="",
        measure_label="件数（件）",
        classes=place_counts.classes_of(shown, "count"),
        max_labels=12,
        height=400,
    )
    page.chart(figure, figures, name=name, notes=edition.notes(*basis, lacking), key="map")


def rising(edition: page.Edition, week: date) -> None:
    """Issues above their upper bound, city-wide, the largest excess first."""
    page.section("上升最快的事项", "全市，超出预期上限的事项，按超出件数排列")
    if not judged.was_judged(week):
        page.quiet(judged.not_judged(week, edition.judged_from))
        return
    issues = marts.query(
        "rising_issues",
        since=week,
        week=week,
        place=edition.city_code,
        n_rows=6,
        min_observed=headlines.MIN_OBSERVED,
    ).drop("n_weeks")
    if issues.is_empty():
        page.quiet("本周各事项的全市件数均在正常范围内。")
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
        issues.with_columns(pl.col("status").replace(wording.VERDICTS)),
        name=f"上升最快的事项 {wording.week_name(week)}",
        notes=edition.notes("单位：件。超出 = 本周 − 预期。"),
        key="rising",
        labels={"observed_before": "上周件数", "status": "判定"},
    )


def unbreakable(outcome: str) -> str:
    """As HTML: broken after a comma alone."""
    return "".join(f'<span class="sure">{part}</span>' for part in outcome.replace("，", "，\n").splitlines())


def followup(edition: page.Edition, week: date, known: pl.DataFrame | None) -> None:
    """Last week's warnings with this week's figures, still up or back down, and what was done. known: casework.current."""
    page.section("上周预警后来怎样", "同一区域、同一事项（单位）的本周件数，和办到哪一步")
    signals = marts.query("signal_followup", week=week)
    if signals.is_empty() and not judged.was_judged(week - timedelta(weeks=1)):
        page.quiet("上周没有判定，无从跟踪。")
        return
    if signals.is_empty():
        page.quiet("上周没有预警。")
        return
    if not judged.was_judged(week):
        signals = signals.with_columns(pl.lit("not_assessed").alias("status"))
    signals = safe_followup(casework.with_status(outcomes(signals), known))
    shown = signals.with_columns(
        pl.col("signal_level")
        .map_elements(lambda level: wording.level_tag(level, edition.level_rule), return_dtype=pl.String)
        .alias("level"),
        pl.Series(
            "standing", [casework.tag(row, short=True) for row in signals.iter_rows(named=True)], dtype=pl.String
        ),
        pl.col("outcome").map_elements(unbreakable, return_dtype=pl.String),
    )
    page.table(
        shown.head(8),
        [
            page.Column("level", "html", "等级"),
            page.Column("title", label="预警"),
            page.Column("observed_before", "number", "上周"),
            page.Column("observed", "bar", "本周"),
            page.Column("upper_bound", "number", "上限"),
            page.Column("outcome", "html", "件数"),
            page.Column("standing", "html", "办理"),
        ],
    )
    page.foot(
        casework.in_words(signals.drop("status")),
        name=f"上周预警跟踪 {wording.week_name(week)}",
        notes=edition.notes("单位：件。", disclosure.note()),
        key="followup",
        labels={
            "observed_before": "上周件数",
            "upper_before": "上周上限",
            "outcome": "本周判定",
            **LABELS_TAKEN_AWAY,
        },
    )
