"""The blocks of the weekly page: headline figures, warnings, map, rising issues, last week's outcome."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, filters, headlines, marts, page, palette, place_counts, warned, wording
from app.access import signin
from app.casework import workflow
from app.charts.maps import locator_map
from app.parts import area, casework, judged
from app.parts.listed import LABELS_TAKEN_AWAY
from app.parts.warning import links
from app.warned import outcomes, safe_evidence, safe_followup

N_WARNINGS = 5
MAP_HEIGHT = 300


def figures_of(week: date) -> pl.DataFrame:
    """The 54 weeks up to this one, oldest first: week_figures, and week_overdue where anything was due."""
    return _weeks(marts.version()).filter(pl.col("week_start_on").is_between(week - timedelta(weeks=53), week))


@lru_cache(maxsize=8)
def _weeks(_version: str) -> pl.DataFrame:
    weeks = marts.query("week_figures").join(marts.query("week_overdue"), on="week_start_on", how="left")
    return weeks.sort("week_start_on")


def not_reported(week: date) -> list[str]:
    """The counties that had sent nothing yet for this week."""
    missing = marts.query("not_reported")
    return missing.filter(pl.col("week_start_on") == week)["place_name"].to_list()


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


def workdays(figures: pl.DataFrame, week: date) -> dict[str, Any]:
    """The comparison that holidays do not disturb: items registered on working days, per working day (headlines.workdays)."""
    known = figures.with_columns(pl.when(pl.col("n_events").is_not_null()).then("n_on_workdays").alias("n_on_workdays"))
    by_week = {row["week_start_on"]: row for row in known.iter_rows(named=True)}
    return headlines.workdays(by_week[week], by_week.get(week - timedelta(weeks=1)))


def workday_sentence(figures: pl.DataFrame, week: date) -> str:
    """`workdays` in a sentence."""
    return str(workdays(figures, week)["sentence"])


def in_brief(signals: pl.DataFrame, before: pl.DataFrame, known: pl.DataFrame | None, change: str) -> str:
    """The week in one sentence: volume per working day, warnings by level, what became of last week's, what is late.

    signals: this week's; before: `last_week`; change: 环比 by working day, or why there is none.
    """
    said = [f"登记量按工作日比上周 {change}" if change[:1] in "+−±" else ""]
    levels = dict(signals.group_by("signal_level").len().iter_rows())
    shown = "、".join(f"{style.word} {levels[level]} 条" for level, style in palette.LEVELS.items() if level in levels)
    said.append(f"预警 {len(signals)} 条（{shown}）" if shown else "")
    n_down = len(before.filter(pl.col("status") == "normal"))
    n_unknown = len(before.filter(pl.col("status") == "not_assessed"))
    n_up = len(before) - n_down - n_unknown
    outcome = [(n_up, "没有回落"), (n_down, "回落"), (n_unknown, "无法判定")]
    if len(before):
        said.append(f"上周的 {len(before)} 条中 " + "、".join(f"{n} 条{word}" for n, word in outcome if n))
    if known is not None:
        n_late = len(known.filter(pl.col("status").is_in(workflow.OPEN), pl.col("is_overdue")))
        said.append(f"目前 {n_late} 条办理已超期" if n_late else "")
    return "；".join(part for part in said if part) + "。" if any(said) else ""


def warnings(signals: pl.DataFrame, week: date, edition: page.Edition) -> None:
    """What should be decided: what and where, how much, why, who — two lines each; opened, the sentence to read aloud.

    signals: with their standing (casework.with_status).
    """
    n = len(signals)
    count = "" if not n else f"共 {n} 条。" if n <= N_WARNINGS else f"共 {n} 条，列最要紧的 {N_WARNINGS} 条。"
    page.section("本周预警", f"{count}点开一条，有可以念的一句话。{wording.LEVEL_NOTE}" if n else wording.LEVEL_NOTE)
    if not judged.was_judged(week):
        page.quiet(judged.not_judged(week, edition.judged_from, has_warnings=not signals.is_empty()))
    elif signals.is_empty():
        page.quiet("本周没有超出往年和近期水平的事项。")
    with st.container(gap=None, key="stories"):
        for signal in signals.head(N_WARNINGS).iter_rows(named=True):
            with st.container(horizontal=True, wrap=False, gap="small", key=f"warning_{signal['rank']}"):
                st.html(_story(signal, edition), width="stretch")
                links(signal, "warning", "map", upright=True)
        if n > N_WARNINGS:
            st.page_link(
                "views/early_warnings.py",
                label=f"另外 {n - N_WARNINGS} 条",
                icon=":material/chevron_right:",
                query_params={"week": wording.week_code(week)},
            )


def _story(signal: Mapping[str, Any], edition: page.Edition) -> str:
    """A warning as HTML that opens: level | what and where, why | how much | who and how far; then the sentence."""
    is_told = signal["observed"] >= disclosure.threshold(signal["issue_code"])
    said = wording.escape
    unit = signal["to_unit"] or signal["responsible_unit"] or signal["role_name"] or "主办待定"
    cells = {
        "what": f"<b>{said(signal['title'])}</b>",
        "count": f"<b>{signal['observed']:,}</b> 件" if is_told else "—",
        "who": said(unit),
        "why": said(why(signal)) if is_told else "",
        "usual": said(_usual(signal)) if is_told else "",
        "stands": casework.tag(signal, short=True),
    }
    body = "".join(f'<span class="{name}">{cell}</span>' for name, cell in cells.items())
    return (
        f'<details class="story"><summary>{wording.level_tag(signal["signal_level"], edition.level_rule)}{body}</summary>'
        f"<p>{said(wording.spoken(signal))}</p>"
        f'<p class="note">{casework.tag(signal)}　{said("　".join(about(signal)))}</p></details>'
    )


def why(signal: Mapping[str, Any]) -> str:
    """The matter many of them speak of, and where most of them are; of parts that may be told."""
    matter = (
        marts.query("matter", matter=signal["matter_id"], week=signal["week_start_on"]) if signal["matter_id"] else None
    )
    said = [] if matter is None or matter.is_empty() else [matter["title"][0]]
    where = wording.evidence_line(safe_evidence(signal), limit=1).split("；")[0]
    return "；".join([*said, *([where] if where.startswith("主要在") else [])])


def _usual(signal: Mapping[str, Any]) -> str:
    """近 4 周；平常 8 件；第 2 周"""
    expected = signal["expected"]
    usual = "" if expected is None else f"平常 {expected:,.0f} 件" if expected >= 1 else "平常不到 1 件"
    span = "近 4 周" if signal["kind"] in wording.FOUR_WEEKS else ""
    lasting = f"第 {signal['n_weeks']} 周" if signal["n_weeks"] > 1 else "首次"
    return " · ".join(part for part in (span, usual, lasting) if part)


def about(signal: Mapping[str, Any]) -> list[str]:
    """Under a warning's sentence: where, what it consists of, who handles it or should."""
    unit = (
        f"在 {signal['to_unit']}"
        if signal["to_unit"]
        else f"主办：{signal['responsible_unit'] or signal['role_name'] or '待定'}"
    )
    return [part for part in (wording.place(signal), wording.evidence_line(safe_evidence(signal)), unit) if part]


def open_place(event: Any, week: date) -> None:
    """A town clicked on the map: on to 热点地图, where its items are."""
    points = event["selection"]["points"] if event else []
    code = points[0].get("customdata") if points else None
    if isinstance(code, list):
        code = code[0] if code else None
    if code:
        st.switch_page("views/hotspots.py", query_params={"weeks": "1", "week": wording.week_code(week), "place": code})


def small_map(edition: page.Edition, week: date) -> None:
    """Where this week's items came from, by town."""
    page.section("各镇街本周件数", "点一个镇街看它里面")
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
        max_labels=10,
        height=MAP_HEIGHT,
    )
    event = page.chart(figure, figures, name=name, notes=edition.notes(*basis, lacking), key="map", on_select=_clicked)
    open_place(event, week)


def _clicked() -> None:
    """What a click does stands after the chart: only there can a page be left."""


def rising(edition: page.Edition, week: date) -> None:
    """Issues above their upper bound, city-wide, the largest excess first."""
    mine = signin.scope()
    where = filters.place_name(mine.root if mine else None)
    page.section("超出预期最多的事项", f"{where}，超出预期上限的事项，按超出件数排列")
    if mine and mine.root is None:
        page.quiet("预期按全市、县区、镇街分别算，几个县区合在一起没有预期；各县区的见「趋势分析」。")
        return
    if not judged.was_judged(week):
        page.quiet(judged.not_judged(week, edition.judged_from))
        return
    issues = marts.query(
        "rising_issues",
        since=week,
        week=week,
        place=(mine.root if mine else None) or edition.city_code,
        n_rows=6,
        min_observed=headlines.MIN_OBSERVED,
    ).drop("n_weeks")
    if issues.is_empty():
        page.quiet(f"本周各事项的{where}件数均在正常范围内。")
        return
    most = int(issues["observed"].max() or 1)  # type: ignore[arg-type]
    st.html(
        '<p class="rise head"><span>事项</span><span>本周</span><span>上周</span><span>预期</span><span>超出</span></p>'
    )
    with st.container(gap=None, key="rises"):
        for row in issues.iter_rows(named=True):
            cells = (
                wording.number(row["observed_before"]),
                wording.number(row["expected"], 1),
                f"+{row['excess']:,.1f}",
            )
            with st.container(
                horizontal=True, wrap=False, gap="small", vertical_alignment="center", key=f"rise_{row['issue_code']}"
            ):
                st.html(
                    f'<p class="rise"><span title="{wording.escape(row["issue_name"])}">{wording.escape(row["issue_name"])}</span>'
                    f'<span class="bar" style="--share:{row["observed"] / most:.3f}">{row["observed"]:,}</span>'
                    + "".join(f"<span>{cell}</span>" for cell in cells)
                    + "</p>",
                    width="stretch",
                )
                target = {"weeks": "1", "week": wording.week_code(week), "issue": row["issue_code"]}
                st.page_link("views/issues.py", label="事项", icon=":material/chevron_right:", query_params=target)
    page.foot(
        issues.with_columns(pl.col("status").replace(wording.VERDICTS)),
        name=f"超出预期最多的事项 {wording.week_name(week)}",
        notes=edition.notes("单位：件。超出 = 本周 − 预期。"),
        key="rising",
        labels={"observed_before": "上周件数", "status": "判定"},
    )


def unbreakable(outcome: str) -> str:
    """As HTML: broken after a comma alone."""
    return "".join(f'<span class="sure">{part}</span>' for part in outcome.replace("，", "，\n").splitlines())


def last_week(week: date) -> pl.DataFrame:
    """Last week's warnings with this week's figures; empty where there were none."""
    signals = warned.followed(marts.query, week)
    if not judged.was_judged(week):
        signals = signals.with_columns(pl.lit("not_assessed").alias("status"))
    return signals


def followup(signals: pl.DataFrame, edition: page.Edition, week: date, known: pl.DataFrame | None) -> None:
    """Last week's warnings with this week's figures, still up or back down, and what was done.

    signals: `last_week`; known: casework.current.
    """
    page.section("上周预警后来怎样", "同一区域、同一事项（单位）的本周件数，和办到哪一步")
    if signals.is_empty() and not judged.was_judged(week - timedelta(weeks=1)):
        page.quiet("上周没有判定，无从跟踪。")
        return
    if signals.is_empty():
        page.quiet("上周没有预警。")
        return
    signals = safe_followup(casework.with_status(outcomes(signals), known))
    levels = wording.each(signals["signal_level"], lambda level: wording.level_tag(level, edition.level_rule))
    shown = signals.with_columns(
        levels.alias("level"),
        pl.Series(
            "standing", [casework.tag(row, short=True) for row in signals.iter_rows(named=True)], dtype=pl.String
        ),
        wording.each(signals["outcome"], unbreakable),
    )
    columns = [
        page.Column("level", "html", "等级"),
        page.Column("title", label="预警"),
        page.Column("observed_before", "number", "上周"),
        page.Column("observed", "bar", "本周"),
        page.Column("upper_bound", "number", "上限"),
        page.Column("outcome", "html", "件数"),
        page.Column("standing", "html", "办理"),
    ]
    page.table(shown.head(N_WARNINGS), columns)
    if len(shown) > N_WARNINGS:
        with st.expander(f"另外 {len(shown) - N_WARNINGS} 条"):
            page.table(shown[N_WARNINGS:], columns)
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
