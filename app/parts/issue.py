"""Issues ranked, one issue on its own, and the items behind it."""

import math
from datetime import timedelta

import polars as pl
import streamlit as st

from app import filters, marts, page, wording
from app.charts.ranks import pareto, ranking, treemap
from app.charts.series import trend
from app.parts import judged

PAGE_ROWS = 100
N_BARS = 20
BASIS = {"ours": "本系统事项分类", "sources": "来源自己的分类"}
PARTS = {"place": "在哪些地方", "channel": "从什么渠道来", "unit": "由谁承办", "category": "来源怎样分类"}
LABELS = {"n_events_before": "上期", "n_events_year_ago": "去年同期", "change_share": "较上期"}


def open_issue(code: str) -> None:
    st.session_state["issue"] = code


def choose_bar() -> None:
    """A bar clicked in the Pareto chart opens that issue; the last bar is the remainder."""
    points = st.session_state["pareto"]["selection"]["points"]
    codes = st.session_state["_issues_shown"][:N_BARS]
    if points and points[0]["point_index"] < len(codes):
        open_issue(codes[points[0]["point_index"]])


def choose_row() -> None:
    rows = st.session_state["issues_table"]["selection"]["rows"]
    if rows:
        open_issue(st.session_state["_issues_shown"][rows[0]])


def with_change(counts: pl.DataFrame) -> pl.DataFrame:
    now, before = pl.col("n_events"), pl.col("n_events_before")
    return counts.sort("n_events", pl.col("^(issue|category).*_(name|raw)$"), descending=[True, False]).with_columns(
        pl.when(before >= wording.SMALL_BASE).then(now / before - 1).alias("change_share")
    )


def overview(counts: pl.DataFrame, name: str, notes: list[str]) -> None:
    """Pareto, treemap and the whole table."""
    total, few = counts["n_events"].sum(), counts.filter(pl.col("n_events").cum_sum() <= 0.8 * pl.col("n_events").sum())
    page.section("先看大头", f"共 {total:,} 件、{len(counts)} 项；前 {len(few) + 1} 项占到八成。点一个事项看它的详情。")
    left, right = st.columns(2, gap="large")
    figures = counts.select(pl.col("issue_name").alias("label"), "n_events")
    with left:
        page.chart(
            page.drawn(pareto, figures, title="各事项件数与累计占比", n_shown=N_BARS),
            counts,
            name=f"高频事项 {name}",
            notes=notes,
            key="pareto",
            labels=LABELS,
            on_select=choose_bar,
        )
    with right:
        tiles = counts.select("group_name", "issue_name", "n_events", "change_share")
        page.chart(
            page.drawn(treemap, tiles, title="构成（面积）与较上期变化（颜色）"),
            tiles,
            name=f"事项构成 {name}",
            notes=notes,
            key="treemap",
            labels=LABELS,
        )
    st.session_state["_issues_shown"] = counts["issue_code"].to_list()
    columns = [
        "issue_name",
        "group_name",
        "n_events",
        "n_events_before",
        "change_share",
        "n_events_year_ago",
        "role_name",
    ]
    page.grid(counts.select(columns), key="issues_table", labels=LABELS, height=320, on_select=choose_row)


def by_source_category(counts: pl.DataFrame, name: str, notes: list[str]) -> None:
    """The sources' own words, without our taxonomy in between."""
    counts = counts.with_columns(pl.col("source").replace_strict(wording.SOURCES, default=pl.col("source")))
    page.section("按来源自己的分类", f"列件数最多的 {len(counts)} 类")
    page.grid(counts, key="categories", labels=LABELS, height=560)
    page.foot(counts, name=f"来源原分类 {name}", notes=notes, key="categories_foot", labels=LABELS)


def one_issue(issue: dict, city_code: str, scope: dict, span: filters.Period, name: str, notes: list[str]) -> None:
    """One issue on one page: its course, its places, channels, units and categories."""
    st.button("返回全部事项", icon=":material/arrow_back:", type="tertiary", on_click=open_issue, args=("",))
    page.section(issue["issue_name"], f"{issue['group_name']} · 主办：{issue['role_name'] or '待定'}")
    since = span.to_on - timedelta(weeks=max(span.n_weeks, 52) - 1)
    weeks = marts.query("chosen_weeks", **scope, since_on=since)
    page.require(weeks)
    weeks = filters.with_silent_weeks(weeks, scope["source"])
    if not scope["source"] and not scope["community"]:
        place = scope["town"] or scope["county"] or city_code
        weeks = judged.with_band(weeks, place, issue["issue_code"], span.to_on)
    page.chart(
        page.drawn(trend, weeks, title=f"{issue['issue_name']} 按周件数", height=300),
        weeks,
        name=f"{name} 按周",
        notes=notes,
        key="course",
        labels={"period_start_on": "周起始日", "is_alarm": "超出上限"},
    )
    parts = marts.query("issue_parts", **scope)
    columns = st.columns(2, gap="large")
    for n, (kind, heading) in enumerate(PARTS.items()):
        frame = parts.filter(pl.col("part_kind") == kind).select(
            pl.col("part_name").str.replace_many(list(wording.SOURCES), list(wording.SOURCES.values())).alias("label"),
            pl.col("n_events").alias("value"),
        )
        if frame.is_empty():
            continue
        with columns[n % 2]:
            page.chart(
                page.drawn(ranking, frame, title=f"{heading}（前 {len(frame)}）"),
                frame,
                name=f"{name} {heading}",
                notes=notes,
                key=f"part_{kind}",
                labels={"label": heading, "value": "件数"},
            )


def items(scope: dict) -> None:
    """The redacted items, newest first, a page at a time; to read, not to take away. `scope`: issue None = all."""
    total = marts.query("item_count", **scope).item()
    page.section("具体事项", f"{total:,} 件，新的在前。已脱敏；检举控告、涉法涉诉不存内容。只供查看，不导出正文。")
    if st.session_state.get("_items_scope", scope) != scope:
        st.session_state["page"] = 1
    st.session_state["_items_scope"] = scope
    number = st.pagination(max(1, math.ceil(total / PAGE_ROWS)), key="page", bind="query-params")
    rows = marts.query("items", **scope, n_rows=PAGE_ROWS, offset=(number - 1) * PAGE_ROWS)
    st.html("".join(wording.item(row) for row in rows.iter_rows(named=True)))
