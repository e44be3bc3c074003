"""Issues ranked, one issue on its own, and the items behind it."""

import math
from datetime import timedelta
from functools import partial

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, wording
from app.charts.ranks import pareto, ranking, treemap
from app.charts.series import trend
from app.parts import judged
from app.parts.course import safe_course

PAGE_ROWS = 100
N_BARS = 20
BASIS = {"ours": "本系统事项分类", "sources": "来源自己的分类"}
PARTS = {"place": "在哪些地方", "channel": "从什么渠道来", "unit": "由谁承办", "category": "来源怎样分类"}
PARETO, TREEMAP = "各事项件数与累计占比", "构成（面积）与较上期变化（颜色）"
LABELS = {"n_events_before": "上期", "n_events_year_ago": "去年同期", "change_share": "较上期"}


def open_issue(code: str) -> None:
    filters.pick(issue=code)


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


def safe_issues(counts: pl.DataFrame, choice: filters.Choice) -> pl.DataFrame:
    """Issues or categories to take away, for one place with small counts hidden."""
    if filters.is_whole_city(choice):
        return counts
    measures = [name for name in ("n_events", "n_events_before", "n_events_year_ago") if name in counts.columns]
    return disclosure.suppress(
        counts,
        measures=measures,
        k=disclosure.thresholds(counts, choice.group),
        derived={"change_share": measures[:2]},
        sort_hidden_by="issue_code" if "issue_code" in counts.columns else "category_raw",
    )


def _shown(counts: pl.DataFrame, choice: filters.Choice, others: dict) -> pl.DataFrame:
    """The same for a picture: what is hidden as one row. `counts`: issue_name, n_events and columns of `others`."""
    safe = safe_issues(counts, choice)
    if safe is counts:
        return counts
    return disclosure.rolled_up(safe, counts, label="issue_name", measure="n_events", others=others)


def overview(counts: pl.DataFrame, choice: filters.Choice, name: str, notes: list[str]) -> None:
    """Pareto, treemap and the whole table."""
    total, few = counts["n_events"].sum(), counts.filter(pl.col("n_events").cum_sum() <= 0.8 * pl.col("n_events").sum())
    page.section("先看大头", f"共 {total:,} 件、{len(counts)} 项；前 {len(few) + 1} 项占到八成。点一个事项看它的详情。")
    left, right = st.columns(2, gap="large")
    figures = counts.select(pl.col("issue_name").alias("label"), "n_events")
    with left:
        page.chart(
            page.drawn(pareto, figures, title=PARETO, n_shown=N_BARS),
            counts,
            export=partial(safe_issues, counts, choice),
            picture=lambda: pareto(
                _shown(counts, choice, {}).select(pl.col("issue_name").alias("label"), "n_events"),
                title=PARETO,
                n_shown=N_BARS,
            ),
            name=f"高频事项 {name}",
            notes=notes,
            key="pareto",
            labels=LABELS,
            on_select=choose_bar,
        )
    with right:
        tiles = ["group_name", "issue_name", "n_events", "change_share"]
        page.chart(
            page.drawn(treemap, counts.select(tiles), title=TREEMAP),
            counts,
            export=lambda: _columns(safe_issues(counts, choice), tiles),
            picture=lambda: treemap(_shown(counts, choice, {"group_name": "其余"}).select(tiles), title=TREEMAP),
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


def _columns(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """These columns with their marks."""
    return frame.select(name for name in frame.columns if name.removesuffix(disclosure.MARK) in names)


def by_source_category(counts: pl.DataFrame, choice: filters.Choice, name: str, notes: list[str]) -> None:
    """The sources' own words, without our taxonomy in between."""
    counts = counts.with_columns(pl.col("source").replace_strict(wording.SOURCES, default=pl.col("source")))
    page.section("按来源自己的分类", f"列件数最多的 {len(counts)} 类")
    page.grid(counts, key="categories", labels=LABELS, height=560)
    take_away = partial(safe_issues, counts, choice)
    page.foot(take_away, name=f"来源原分类 {name}", notes=notes, key="categories_foot", labels=LABELS)


def one_issue(issue: dict, city_code: str, scope: dict, span: filters.Period, name: str, notes: list[str]) -> None:
    """One issue on one page: its course, its places, channels, units and categories."""
    st.button("返回全部事项", icon=":material/arrow_back:", type="tertiary", on_click=open_issue, args=("",))
    page.section(issue["issue_name"], f"{issue['group_name']} · 主办：{issue['role_name'] or '待定'}")
    since = span.to_on - timedelta(weeks=max(span.n_weeks, 52) - 1)
    weeks = marts.query("chosen_weeks", **scope, since_on=since)
    page.require(weeks)
    weeks = filters.with_silent_weeks(weeks, scope["source"], through=span.to_on)
    if not scope["source"] and not scope["community"]:
        place = scope["town"] or scope["county"] or city_code
        weeks = judged.with_band(weeks, place, issue["issue_code"], span.to_on)
    k = disclosure.threshold(issue["issue_code"])
    is_place = any(scope[level] for level in ("county", "town", "community"))
    title = f"{issue['issue_name']} 按周件数"
    page.chart(
        page.drawn(trend, weeks, title=title, height=300),
        weeks,
        export=partial(safe_course, weeks, k) if is_place else None,
        picture=(lambda: trend(disclosure.without_marks(safe_course(weeks, k)), title=title, height=300))
        if is_place
        else None,
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
        title, is_small = f"{heading}（前 {len(frame)}）", is_place or kind == "place"
        safe = partial(safe_parts, frame, k) if is_small else None
        with columns[n % 2]:
            page.chart(
                page.drawn(ranking, frame, title=title),
                frame,
                export=safe,
                picture=partial(parts_picture, frame, k, title) if is_small else None,
                name=f"{name} {heading}",
                notes=notes,
                key=f"part_{kind}",
                labels={"label": heading, "value": "件数"},
            )


def safe_parts(frame: pl.DataFrame, k: int) -> pl.DataFrame:
    """What something consists of (label, value) to take away: small counts hidden."""
    return disclosure.suppress(frame, measures=["value"], k=k, sort_hidden_by="label")


def parts_picture(frame: pl.DataFrame, k: int, title: str) -> go.Figure:
    """The same as bars, what is hidden as one."""
    shown = disclosure.rolled_up(safe_parts(frame, k), frame, label="label", measure="value")
    return ranking(shown, title=title)


def items(scope: dict) -> None:
    """The redacted items, newest first, a page at a time; to read, not to take away. `scope`: issue None = all."""
    listed_items("items", scope, marts.query("item_count", **scope).item())


def listed_items(query: str, scope: dict, total: int) -> None:
    """The `total` items that the named question answers with, as `items`."""
    page.section(
        "具体事项",
        f"{total:,} 件，新的在前。已脱敏；检举控告、涉法涉诉和保密件只计数，不逐件列出。只供查看，不导出正文。",
    )
    if total == 0:
        page.quiet("这里没有可以逐件列出的事项。")
        return
    if st.session_state.get("_items_scope", scope) != scope:
        st.session_state["page"] = 1
    st.session_state["_items_scope"] = scope
    number = st.pagination(max(1, math.ceil(total / PAGE_ROWS)), key="page", bind="query-params")
    rows = marts.query(query, **scope, n_rows=PAGE_ROWS, offset=(number - 1) * PAGE_ROWS)
    rules = {rule["rule_id"]: rule for rule in marts.query("deadline_rules").iter_rows(named=True)}
    st.html("".join(wording.item(row, rules.get(row["rule_id"])) for row in rows.iter_rows(named=True)))
