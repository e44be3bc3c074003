"""意见建议: what do people suggest, where, to whom, and were they answered? By purpose, as the source says it."""

from datetime import timedelta
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, fields, filters, marts, page, topic_counts, wording
from app.charts.ranks import ranking
from app.charts.series import trend
from app.parts import origins, topics
from app.parts.course import safe_course
from app.parts.issue import listed_items, safe_parts

N_WORDS, N_BARS, N_MONTHS = 20, 12, 25
WHAT = "意见建议：来源把诉求目的写作“意见建议”或“建议”的件；不含求决、投诉、咨询里顺带提的建议。"
ADOPTED = "是否采纳：来源文件没有这一栏，本库没有这些数据；三项建议的采纳情况见「台账」。"
KINDS = {"issue": "关于什么事项", "county": "来自哪些县区", "unit": "由谁办理", "source": "从哪里来"}
COLUMNS = {"issue": "issue_name", "county": "county_name", "unit": "unit_name", "source": "source"}


def tab(edition: page.Edition) -> None:
    choice, span = filters.bar(edition.data_from, edition.last_full_week, "weeks", "week", "county", default=52)
    if span.shortfall():
        page.quiet(span.shortfall())
    scope: dict[str, Any] = {
        "topic": None,
        "issue": None,
        "county": choice.county,
        "only_suggestions": True,
        **span.parameters(),
    }
    parts = marts.query("topic_parts", **scope)
    whole = parts.filter(pl.col("part_kind") == "all").row(0, named=True)
    name = f"意见建议 {topics.where(choice)} {span.words()}"
    st.html(f'<p class="note">{WHAT}{ADOPTED}</p>')
    if not whole["n_events"]:
        page.quiet("这个筛选下没有诉求目的为意见建议的事项，或来源没有写诉求目的。")
        return
    before = marts.query(
        "topic_parts", **scope | {"from_on": span.before_on, "to_on": span.from_on - timedelta(weeks=1)}
    )
    is_known = span.weeks_from(span.before_on) <= span.covered
    n_before = int(before.filter(pl.col("part_kind") == "all")["n_events"].sum()) if is_known else None
    headline(whole, n_before)
    k = disclosure.threshold()
    left, right = st.columns([7, 5], gap="large")
    with left:
        course(choice, span, k, edition)
    with right:
        words(choice, span, k, name, edition)
    columns = st.columns(2, gap="large")
    for at, (kind, title) in enumerate(KINDS.items()):
        with columns[at % 2]:
            by(parts, kind, title, k if kind == "county" else topics.office_k(choice, k), name, edition)
    listed_items("topic_items", scope, whole["n_listed"])


def headline(whole: dict[str, Any], n_before: int | None) -> None:
    columns = st.columns(4)
    plain: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    columns[0].metric(
        "意见建议",
        wording.items(whole["n_events"]),
        delta=f"较上期 {wording.change(whole['n_events'], n_before).words}",
        help=WHAT,
        **plain,
    )
    for column, label, rate in ((columns[1], "已答复或办结", "answered"), (columns[2], "满意率", "satisfied")):
        above, below = (whole[one] for one in topic_counts.RATES[rate])
        is_enough = below >= topic_counts.MIN_ITEMS
        shown = f"{above / below:.1%}" if is_enough else topic_counts.FEW if below else "—"
        column.metric(
            label,
            shown,
            help=fields.explained("", label),
            delta=f"{above:,} ÷ 有记录的 {below:,} 件"
            if is_enough
            else "有记录的不足 20 件"
            if below
            else topics.lacking(rate),
            **plain,
        )
    columns[3].metric("采纳率", "—", delta="本库没有这些数据", help=ADOPTED, **plain)


def course(choice: filters.Choice, span: filters.Period, k: int, edition: page.Edition) -> None:
    """Month by month, two years."""
    since = (span.to_on - timedelta(days=31 * N_MONTHS)).replace(day=1)
    months = marts.query(
        "suggestion_course", county=choice.county, since_on=max(since, edition.data_from), to_on=span.to_on
    )
    if months.is_empty():
        page.quiet("还没有过完的月份，画不出走势。")
        return
    series = months.upsample("period_start_on", every="1mo").with_columns(pl.col("n_events").fill_null(0))
    title = f"意见建议 {topics.where(choice)} 按月"
    safe = partial(safe_course, series, k) if choice.county else None
    page.chart(
        page.drawn(trend, series, title=title, height=340),
        series,
        export=safe,
        picture=(lambda: trend(disclosure.without_marks(safe()), title=title, height=340)) if safe else None,
        name=title,
        notes=edition.notes("按登记日期计，只列过完的月。", disclosure.note(k, exported=True) if choice.county else ""),
        key="suggestion_course",
        labels={"period_start_on": "月份"},
    )


def words(choice: filters.Choice, span: filters.Period, k: int, name: str, edition: page.Edition) -> None:
    """The words of the taxonomy that occur in k or more suggestions."""
    found = marts.query("suggestion_words", county=choice.county, **span.parameters())
    rows = found.filter(pl.col("n_events") >= max(k, 1)).head(N_WORDS).select(
        pl.col("word").alias("label"), pl.col("n_events").alias("value")
    )  # fmt: skip
    if rows.is_empty():
        page.quiet(f"没有一个事项用词出现在 {max(k, 1)} 件以上的意见建议里。")
        return
    page.chart(
        page.drawn(ranking, rows.head(N_BARS), title="主要用词"),
        rows,
        name=f"意见建议用词 {name}",
        notes=edition.notes(
            f"事项分类的用词在脱敏的标题和正文里出现的件数，一件可含几个词；不足 {max(k, 1)} 件的不列。"
        ),
        key="suggestion_words",
        labels={"label": "用词", "value": "件数"},
    )


def by(parts: pl.DataFrame, kind: str, title: str, k: int, name: str, edition: page.Edition) -> None:
    rows = parts.filter(pl.col("part_kind") == kind).select(
        pl.col(COLUMNS[kind]).fill_null("未写明").replace(wording.SOURCES).alias("label"),
        pl.col("n_events").alias("value"),
    )
    safe = safe_parts(rows, k)
    page.chart(
        page.drawn(origins.bars, rows, k, title),
        safe,
        name=f"{title} {name}",
        notes=edition.notes(disclosure.note(k) if k else ""),
        key=f"suggestion_{kind}",
        labels={"label": title, "value": "件数"},
    )
