"""同一事项与新词: what many items have in common, whoever wrote them: one concrete matter, or words not heard before."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, wording
from app.charts.ranks import ranking
from app.charts.series import trend
from app.parts import warning
from app.parts.course import safe_course
from app.parts.issue import listed_items, parts_picture, safe_parts

TAB = "同一事项"
N_MATTERS, N_WORDS, N_WEEKS = 100, 12, 13
PARTS = {"place": "在哪些地方", "source": "从哪里来", "unit": "由谁承办"}
SAYS_THE_COUNT = {"chance_per_year": ["n_events"]}
MATTERS_RULE = (
    "同一事项：不同来源、不同说法的诉求，按地点、事项和文字的相似归到一起，累计满 5 件才列；只比较内容，不看是谁提的。"
    "标 ▲ 的，最近 4 周的件数是同类事项里少有的；纯属偶然：平常多久才有一个事项在 4 周里达到这么多件。"
)
WORDS_RULE = (
    "新词：最近 1 周或 4 周里忽然多起来的词和短语，与此前 52 周相比，去年同期就多的按去年同期比，已扣除同时查看大量词语带来的偶然"
    "（错误发现率 5%）；大半出现在同一批件里的词合成一个话题。不足 5 件的、地名、日期和像人名的词都不列。"
)


def tab(edition: page.Edition) -> None:
    """The whole tab: the week's matters and new words, or one matter (?matter=)."""
    columns = st.columns([1.6, 1, 1, 1.6])
    with columns[0]:
        monday = filters.week(edition.data_from, edition.last_full_week)
    with columns[1]:
        county = filters.county()
    with columns[2]:
        group = filters.group()
    week = filters.need_week(monday, edition.last_full_week)
    chosen = st.query_params.get("matter")
    if chosen:
        one(chosen, week, edition)
        return
    scope: dict[str, str | date | None] = {"week": week, "county": county, "group": group}
    matters(scope, edition)
    words(scope, edition)


def open_matter(matter_id: str) -> None:
    address.write("matter", matter_id)


def leave() -> None:
    """Back to the list."""
    address.write("matter", None)


def choose_row() -> None:
    rows = st.session_state["matters_table"]["selection"]["rows"]
    if rows:
        open_matter(st.session_state["_matters_shown"][rows[0]])


# ---------------------------------------------------------------- matters


def safe_matters(rows: pl.DataFrame) -> pl.DataFrame:
    """Matters for a wide view: those below k altogether left out, smaller counts of the week hidden."""
    rows = rows.filter(rows["n_so_far"] >= disclosure.thresholds(rows))
    k = disclosure.thresholds(rows)
    return disclosure.suppress(rows, measures=["n_events"], k=k, within=(), derived=SAYS_THE_COUNT)


def courses(rows: pl.DataFrame, week: date) -> pl.DataFrame:
    """matter_id, course: the items of the 13 weeks up to `week`; 0 where there were none or the count is hidden."""
    counts = marts.query("matter_courses", week=week).join(rows.select("matter_id", "issue_code"), on="matter_id")
    weeks = pl.DataFrame({"week_start_on": [week - timedelta(weeks=n) for n in range(N_WEEKS - 1, -1, -1)]})
    k = disclosure.thresholds(counts)
    safe = disclosure.without_marks(disclosure.suppress(counts, measures=["n_events"], k=k, within=(("matter_id",),)))
    full = rows.select("matter_id").join(weeks, how="cross").join(safe, on=["matter_id", "week_start_on"], how="left")
    by_matter = full.sort("matter_id", "week_start_on").group_by("matter_id", maintain_order=True)
    return by_matter.agg(pl.col("n_events").fill_null(0).alias("course"))


def matters(scope: Mapping[str, str | date | None], edition: page.Edition) -> None:
    """The week's matters, the most surprising first; a row opens one."""
    week = scope["week"]
    assert isinstance(week, date)
    rows = marts.query("matters", **scope, n_rows=N_MATTERS)
    safe = safe_matters(rows)
    count = f"较多，列前 {len(safe)} 项" if len(rows) == N_MATTERS else f" {len(safe)} 项"
    page.section(
        "同一事项",
        f"{wording.week_name(week)}有新增的{count}。点一行看它的来龙去脉。" if len(safe) else "",
    )
    if safe.is_empty():
        page.quiet("这一周没有累计满 5 件、又有新增的同一事项。没有文字内容的来源归不了同一事项。")
        return
    shown = safe.with_columns(
        pl.Series("place_name", [wording.place(row) for row in safe.iter_rows(named=True)]),
        pl.concat_str(
            pl.when("is_alarm").then(pl.lit("▲ ")).otherwise(pl.lit("")),
            pl.lit(wording.each(safe["chance_per_year"], wording.chance)).fill_null("—"),
        ).alias("chance"),
    ).join(courses(safe, week), on="matter_id", how="left", maintain_order="left")
    st.session_state["_matters_shown"] = shown["matter_id"].to_list()
    labels = {
        "n_so_far": "累计",
        "n_sources": "来源数",
        "title": "事项",
        "issue_name": "类别",
        "first_on": "最早",
        "n_events": "本周",
        "course": "近13周",
        "chance": "纯属偶然",
    }
    order = ["title", "place_name", "issue_name", "first_on", "n_events", "n_so_far", "n_sources", "course", "chance"]
    page.grid(
        shown.select(
            *order, *(name for name in shown.columns if name.endswith(disclosure.MARK) and name.startswith("n_"))
        ),
        key="matters_table",
        labels=labels,
        helps={
            "course": f"每周件数；小于 {disclosure.min_cell()} 的周画作空",
            "chance": "平常多久才有一个事项在 4 周里达到这么多件",
        },
        on_select=choose_row,
    )
    page.foot(
        safe.drop("place_level", "place_code", "issue_code", "group_code", "matter_id"),
        name=f"同一事项 {wording.week_name(week)}",
        notes=edition.notes(MATTERS_RULE, disclosure.note()),
        key="matters_foot",
        labels={**labels, "is_alarm": "少有地多"},
    )


def one(matter_id: str, week: date, edition: page.Edition) -> None:
    """One matter: its course, where it comes from and who handles it, its warning, its items."""
    st.button("返回全部事项", icon=":material/arrow_back:", type="tertiary", on_click=leave)
    known = marts.query("matter", matter=matter_id, week=week)
    if known.is_empty() or known["n_so_far"][0] < disclosure.threshold(known["issue_code"][0]):
        page.quiet(
            f"截至{wording.week_name(week)}，没有编号为 {matter_id[:20]} 的同一事项，或者它还不满 5 件；数据重新发布后，它也可能已并入别的事项。"
        )
        return
    matter = known.row(0, named=True)
    page.section(matter["title"], f"{wording.place(matter)} · {matter['issue_name']}")
    st.html(f'<div class="warning large"><p>{wording.escape(sentence(matter, week))}</p></div>')
    links(matter, week)
    k = disclosure.threshold(matter["issue_code"])
    scope: dict[str, str | date] = {"matter": matter_id, "week": week, "first_on": matter["first_on"]}
    series = filters.with_silent_weeks(through(marts.query("matter_course", **scope), week))
    title, small = f"{matter['title']} 按周", disclosure.note(k, exported=True)
    page.chart(
        page.drawn(trend, series, title=title),
        series,
        export=partial(safe_course, series, k),
        picture=lambda: trend(disclosure.without_marks(safe_course(series, k)), title=title),
        name=f"{title} 至{wording.week_name(week)}",
        notes=edition.notes(MATTERS_RULE, small),
        key="course",
        labels={"period_start_on": "周起始日", "is_alarm": "少有地多"},
    )
    parts = marts.query("matter_parts", **scope)
    for column, (kind, heading) in zip(st.columns(len(PARTS), gap="large"), PARTS.items(), strict=True):
        frame = parts.filter(pl.col("part_kind") == kind).select(
            pl.col("part_name").replace(wording.SOURCES).alias("label"), pl.col("n_events").alias("value")
        )
        if len(frame):
            with column:
                page.chart(
                    page.drawn(ranking, frame, title=heading),
                    frame,
                    export=partial(safe_parts, frame, k),
                    picture=partial(parts_picture, frame, k, heading),
                    name=f"{heading} {matter['title']}",
                    notes=edition.notes(small),
                    key=f"part_{kind}",
                    labels={"label": heading, "value": "件数"},
                )
    first = marts.query("matter_items", **scope, n_rows=1, offset=0)
    listed_items("matter_items", scope, first["n_listed"][0] if len(first) else 0)


def through(series: pl.DataFrame, week: date) -> pl.DataFrame:
    """The course over the last N_WEEKS weeks or more: also those at its ends without items."""
    ends = [week - timedelta(weeks=N_WEEKS - 1), week]
    silent = pl.DataFrame(
        {"period_start_on": ends, "n_events": [0, 0], "is_alarm": [False, False]}, schema=series.schema
    )
    return pl.concat([series, silent]).unique("period_start_on", keep="first").sort("period_start_on")


def sentence(matter: Mapping[str, Any], week: date) -> str:
    """自 2026年10月26日起累计 47 件，2026年第46周新增 8 件；近 4 周 47 件，同类事项里少有，纯属偶然：约 50 年一次。"""
    is_now = matter["week_start_on"] == week
    new = f"{wording.week_name(week)}新增 {matter['n_events'] if is_now else 0} 件"
    said = f"自 {wording.full_day(matter['first_on'])}起累计 {wording.items(matter['n_so_far'])}，{new}"
    if is_now and matter["chance_per_year"] is not None and matter["is_alarm"]:
        said += f"；近 4 周 {wording.items(matter['n_recent'])}，同类事项里少有，纯属偶然：{wording.chance(matter['chance_per_year'])}"
    return said + "。"


def links(matter: Mapping[str, Any], week: date) -> None:
    """To the warning the matter is behind, and to the issue it belongs to."""
    level, code = matter["place_level"], matter["place_code"]
    at = {} if level == "city" else {"county": matter["county_code"]} | ({level: code} if level != "county" else {})
    query = {"week": wording.week_code(week), "weeks": "4", "issue": matter["issue_code"], **at}
    signal = marts.query("matter_signals", matter=matter["matter_id"], week=week)
    with st.container(horizontal=True):
        for row in signal.iter_rows(named=True):
            warning.links(row, "warning")
        st.page_link("views/issues.py", label="高频事项", icon=":material/chevron_right:", query_params=query)


# ---------------------------------------------------------------- new words


def safe_words(rows: pl.DataFrame) -> pl.DataFrame:
    """New words for a wide view: those carried by fewer than k items left out."""
    return rows.filter(rows["n_events"] >= disclosure.thresholds(rows))


def words(scope: Mapping[str, str | date | None], edition: page.Edition) -> None:
    """The week's new words and topics, each a sentence, with redacted examples to unfold."""
    week = scope["week"]
    assert isinstance(week, date)
    rows = safe_words(marts.query("emerging", **scope))
    more = f"，列前 {N_WORDS} 个；其余在导出的表里" if len(rows) > N_WORDS else ""
    page.section("新词和新话题", f"{len(rows)} 个{more}" if len(rows) else "")
    if rows.is_empty():
        page.quiet("这一周没有新出现或忽然增多的词。只查看最近 13 周；此前历史不满 13 周的来源不看。")
        return
    examples = marts.query("emerging_items", week=week, keys=",".join(rows["examples"].head(N_WORDS)))
    for row in rows.head(N_WORDS).iter_rows(named=True):
        others = f"（同一话题：{row['words']}）" if row["words"] else ""
        st.html(
            f'<div class="warning"><p><b>{wording.escape(row["word"])}</b>{wording.escape(others)}：{wording.escape(spoken(row, week))}</p></div>'
        )
        shown = examples.filter(pl.col("event_key").is_in(row["examples"].split(",")))
        with st.expander(f"例件 {len(shown)} 件（已脱敏）", key=f"examples_{row['word_id']}"):
            st.html("".join(wording.item(item) for item in shown.iter_rows(named=True)) or "没有可以逐件列出的。")
    page.foot(
        rows.drop("word_id", "place_level", "place_code", "issue_code", "examples"),
        name=f"新词 {wording.week_name(week)}",
        notes=edition.notes(WORDS_RULE, disclosure.note()),
        key="words_foot",
        labels={"issue_name": "主要事项", "place_name": "主要地方"},
    )


def spoken(row: Mapping[str, Any], week: date) -> str:
    """近 1 周 130 件提到，此前平均每周 0.2 件；主要是 云溪区和平街道 供暖；最早见于 2026年11月2日。纯属偶然：百年不足一次。"""
    is_new = row["first_seen_on"] > week - timedelta(weeks=row["window_weeks"])
    span = "本周" if row["window_weeks"] == 1 else f"近 {row['window_weeks']} 周"
    mean = f"{row['n_before']:.1f}"
    before = "近一年里此前没有" if is_new else f"此前平均每周 {mean} 件" if mean != "0.0" else "此前几乎没有"
    first = f"；最早见于 {wording.full_day(row['first_seen_on'])}" if is_new else ""
    about = f"{wording.place(row)} {row['issue_name']}"
    return f"{span} {row['n_events']:,} 件提到，{before}{first}；主要是 {about}。纯属偶然：{wording.chance(row['chance_per_year'])}。"
