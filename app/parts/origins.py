"""首办溯源 and 代办四单: which unit, project or policy do first-time items come from, and how far does an item get?"""

from collections.abc import Sequence
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, fields, filters, marts, page, service_counts, topic_counts, wording
from app.charts.flows import shares, steps
from app.charts.ranks import ranking
from app.filters import Choice, Period
from app.parts import matters, topics
from app.parts.issue import safe_parts
from app.topic_counts import FEW, MIN_ITEMS

N_MATTERS, N_BARS, N_PAIRS = 50, 12, 400
FIRST = "初次：信访按“初次”标志，12345 按“未标为重复”；来源没有这两种标志的（如网格）不计。不按人推断。"
REPEAT = f"重复率 = 来源标为重复的 ÷ 有重复标志的；横条是 95% 区间（Wilson）；不足 {MIN_ITEMS} 件的写作“{FEW}”。"
RETURNED = "退回率 = 退回、重办过的 ÷ 有退回记录的；来源没有退回次数的不算。"
LABELS = {
    "n_events": "登记", "n_first": "初次", "n_first_known": "有初次标志", "n_repeat": "重复", "n_repeat_known": "有重复标志",
    "repeat_share": "重复率", "repeat_low": "重复率下限", "repeat_high": "重复率上限", "n_returned": "退回",
    "n_return_known": "有退回记录", "returned_share": "退回率", "returned_low": "退回率下限", "returned_high": "退回率上限",
}  # fmt: skip
STEP_LABELS = {
    "label": "步骤", "said": "来源里的说法", "value": "走到的件数", "known": "有此项记录", "share": "占比",
    "step_median": "距上一步中位（天）", "step_p90": "距上一步 P90（天）", "median": "登记起中位（天）", "p90": "登记起 P90（天）",
}  # fmt: skip


def scope_bar(edition: page.Edition) -> tuple[Choice, Period, str | None, str | None]:
    """Period, county, and of which topic and issue: (choice, span, topic, issue), None = all."""
    left, middle, right = st.columns([4, 1, 1.3])
    with left:
        choice, span = filters.bar(
            edition.data_from, edition.last_full_week, "weeks", "week", "county", default=13, say=False
        )
    with middle:
        names = dict(topics.known().select("topic_id", "topic_name").iter_rows())
        topic = filters.choose("专题", {filters.ALL: "全部事项", **names}, key="of_topic") or None
    with right:
        inside = marts.query("issues").filter(pl.col("issue_code").is_in(topics.codes_of(topic)))
        offered = dict(inside.select("issue_code", "issue_name").iter_rows())
        issue = filters.choose("事项", {filters.ALL: "其中全部事项", **offered}, key="issue") or None
    filters.chips()
    if span.shortfall():
        page.quiet(span.shortfall())
    return choice, span, topic, issue


def asked(choice: Choice, span: Period, topic: str | None, issue: str | None) -> dict[str, Any]:
    """As the queries topic_… name it."""
    return {"topic": topic, "issue": issue, "county": choice.county, "only_suggestions": False, **span.parameters()}


def threshold(topic: str | None, issue: str | None) -> int:
    return disclosure.threshold(*([issue] if issue else topics.codes_of(topic) if topic else []))


def said(choice: Choice, span: Period, topic: str | None, issue: str | None) -> str:
    names = filters.issue_names()
    return f"{names.get(issue or '', topics.name_of(topic))} {topics.where(choice)} {span.words()}"


def tab(edition: page.Edition) -> None:
    choice, span, topic, issue = scope_bar(edition)
    scope, name = asked(choice, span, topic, issue), said(choice, span, topic, issue)
    k = topics.office_k(choice, threshold(topic, issue))
    parts = marts.query("topic_parts", **scope)
    whole = parts.filter(pl.col("part_kind") == "all").row(0, named=True)
    if not whole["n_events"]:
        page.quiet("这个筛选下没有登记的事项。可放宽时段、区域或事项后再看。")
        return
    headline(whole)
    page.section("从哪个单位来", "初次件由谁承办，哪些单位的事又回来")
    if not whole["n_first_known"]:
        page.quiet("这些事项的来源没有初次或重复标志，本库没有这些数据，溯不到初次件。")
    left, right = st.columns(2, gap="large")
    with left:
        first_by(parts, "unit", "unit_name", "初次件的承办单位", k, name, edition)
    with right:
        repeated(parts, k, name, edition)
    pairs(parts, threshold(topic, issue), name, edition)
    page.section("从哪件事、哪条渠道来", "具体项目和政策，诉求目的，受理渠道")
    left, right = st.columns([6, 5], gap="large")
    with left:
        origin_matters(scope, name, edition)
    with right:
        first_by(parts, "purpose", "purpose", "初次件的诉求目的", k, name, edition)
        first_by(parts, "channel", "channel", "初次件的受理渠道", k, name, edition)
    words(topic, issue, choice, span, edition)


def headline(whole: dict[str, Any]) -> None:
    """Registered, first, repeated, returned: each with what it is counted from."""
    columns = st.columns(4)
    plain: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    columns[0].metric("登记", wording.items(whole["n_events"]), help=fields.explained("", "登记"), **plain)
    for column, label, rate, help in (
        (columns[1], "初次占比", "first", FIRST),
        (columns[2], "重复率", "repeat", REPEAT),
        (columns[3], "退回率", "returned", RETURNED),
    ):
        above, below = (whole[one] for one in topic_counts.RATES[rate])
        if not below:
            column.metric(label, "—", delta=topics.lacking(rate), help=help, **plain)
        elif below < MIN_ITEMS:
            column.metric(label, FEW, delta=f"有记录的不足 {MIN_ITEMS} 件", help=help, **plain)
        else:
            column.metric(label, f"{above / below:.1%}", delta=f"{above:,} ÷ 有记录的 {below:,} 件", help=help, **plain)


def first_by(parts: pl.DataFrame, kind: str, column: str, title: str, k: int, name: str, edition: page.Edition) -> None:
    """First-time items by one part, most first; hidden small counts as one bar."""
    rows = parts.filter((pl.col("part_kind") == kind) & (pl.col("n_first") > 0)).select(
        pl.col(column).fill_null("未写明").alias("label"), pl.col("n_first").alias("value")
    ).sort("value", "label", descending=[True, False])  # fmt: skip
    if rows.is_empty():
        return
    told: list[str] = []
    if kind == "unit" and k:  # beside the repeats of the same units, see safe_rates
        told = safe_units(parts, k).filter(pl.col("n_first" + disclosure.MARK).is_not_null())["unit_name"].to_list()
    safe = safe_first(rows, k, told)
    page.chart(
        page.drawn(bars, rows, k, title, told),
        safe,
        name=f"{title} {name}",
        notes=edition.notes(FIRST, disclosure.note(k) if k else ""),
        key=f"first_{kind}",
        labels={"label": title, "value": "初次件"},
    )


def safe_units(parts: pl.DataFrame, k: int) -> pl.DataFrame:
    """The units with their shares, small counts hidden."""
    rows = parts.filter((pl.col("part_kind") == "unit") & pl.col("unit_name").is_not_null())
    return topic_counts.safe_rates(rows, "first", "repeat", "returned", k=k, by="unit_name")


def safe_first(rows: pl.DataFrame, k: int, told: Sequence[str] = ()) -> pl.DataFrame:
    """Parts (label, value) to take away; those in `told` would say what another table hides."""
    linked = service_counts.also_hidden(safe_parts(rows, k), ["value"], pl.col("label").is_in(list(told)))
    return disclosure.without_order(linked, "value", "label")


def bars(rows: pl.DataFrame, k: int, title: str, told: Sequence[str] = ()) -> Any:
    """Parts (label, value) as bars: all with the hidden ones as one, or the first N_BARS."""
    safe = safe_first(rows, k, told)
    if len(rows) <= N_BARS:
        return ranking(disclosure.rolled_up(safe, rows, label="label", measure="value"), title=title)
    shown = disclosure.without_marks(safe).drop_nulls("value").head(N_BARS)
    return ranking(shown, title=f"{title}（前 {len(shown)}）")


def repeated(parts: pl.DataFrame, k: int, name: str, edition: page.Edition) -> None:
    """Of which units do the items come back? Those with enough items, the highest first."""
    safe = safe_units(parts, k)
    judged = safe.filter(pl.col("repeat_share").is_not_null()).sort("repeat_low", "unit_name", descending=[True, False])
    if judged.is_empty():
        page.quiet(f"没有一个单位有重复标志的事项达到 {MIN_ITEMS} 件，{FEW}，不列重复率。")
        return
    top = judged.head(N_BARS)
    drawn = top.select(
        pl.col("unit_name").alias("label"), pl.col("repeat_share").alias("share"),
        pl.col("repeat_low").alias("low"), pl.col("repeat_high").alias("high"),
        pl.Series("note", [f"{row['n_repeat']:,} ÷ {row['n_repeat_known']:,}" for row in top.to_dicts()], dtype=pl.String),
    )  # fmt: skip
    columns = ["unit_name", *(one for one in LABELS if one in safe.columns)]
    page.chart(
        page.drawn(
            shares,
            drawn,
            title="哪些单位的事又回来：重复率",
            remark=f"按区间下限排，前 {len(top)}；只列够 {MIN_ITEMS} 件的",
        ),
        topics.with_marks(safe, columns),
        name=f"各单位重复率 {name}",
        notes=edition.notes(REPEAT, disclosure.note(k) if k else ""),
        key="repeat_units",
        labels=LABELS,
    )


def pairs(parts: pl.DataFrame, k: int, name: str, edition: page.Edition) -> None:
    """Unit and issue: which of them together send the same thing back? The issues of a county's unit are those of a place: small
    counts are hidden in the whole city, too."""
    rows = parts.filter((pl.col("part_kind") == "unit_issue") & pl.col("unit_name").is_not_null()).head(N_PAIRS)
    if rows.is_empty():
        page.quiet("这些事项没有写明承办单位。")
        return
    rows = rows.with_columns((pl.col("unit_name") + " " + pl.col("issue_code")).alias("_pair"))
    ks = pl.Series("k", [max(k, one) for one in disclosure.thresholds(rows)], dtype=pl.Int64)
    safe = page.drawn(  # worked out once for the same counts
        topic_counts.safe_rates,
        rows,
        "first",
        "repeat",
        "returned",
        k=ks,
        by="_pair",
        within=(("unit_name",), ("issue_code",)),
    )
    safe = safe.filter(pl.col("n_events").is_not_null() & (pl.col("n_events") >= MIN_ITEMS))
    has_returns = bool(rows["n_return_known"].sum())
    if safe.is_empty():
        page.quiet(f"没有一个单位的一个事项达到 {MIN_ITEMS} 件，{FEW}，不分开列。")
        return
    low, high = (
        (pl.col(f"repeat_{end}") * 100).round(0).cast(pl.Int64).cast(pl.String) + "%" for end in ("low", "high")
    )
    shares = ["repeat_share", *(["returned_share"] if has_returns else [])]
    shown = topics.in_percent(safe.with_columns((low + "—" + high).alias("repeat_range")), *shares)
    columns = ["unit_name", "issue_name", "n_events", "n_first", "n_repeat", *shares, "repeat_range"]
    labels = {**LABELS, "repeat_range": "95% 区间"}
    page.grid(topics.with_marks(shown, columns), key="pairs", labels=labels, height=360)
    full = ["unit_name", "issue_name", *(one for one in LABELS if one in safe.columns)]
    page.foot(
        topics.with_marks(safe, full),
        name=f"单位和事项 {name}",
        notes=edition.notes(
            f"一行是一个单位的一个事项，只列够 {MIN_ITEMS} 件的。",
            FIRST,
            "" if has_returns else "本库没有退回次数，不列退回率。",
            disclosure.note(k) if k else "",
        ),
        key="pairs_foot",
        labels=labels,
    )


def origin_matters(scope: dict[str, Any], name: str, edition: page.Edition) -> None:
    """The concrete matters (a project, an estate, a policy) that first-time items belong to."""
    rows = marts.query("topic_matters", **scope, n_rows=N_MATTERS)
    rows = rows.filter(rows["n_events"] >= disclosure.thresholds(rows))
    k = disclosure.thresholds(rows)
    safe = disclosure.suppress(rows, measures=["n_first", "n_events"], k=k, within=(), sort_hidden_by="matter_id")
    if safe.is_empty():
        page.quiet("这些事项里没有件数够列出的同一事项（项目、楼盘、政策）。")
        return
    where = [wording.place(row) for row in safe.iter_rows(named=True)]
    shown = safe.with_columns(pl.Series("place_name", where, dtype=pl.String)).select(
        "title", "place_name", "issue_name", "n_first", "n_events", "first_on",
        *(one + disclosure.MARK for one in ("n_first", "n_events")),
    )  # fmt: skip
    labels = {**LABELS, "title": "同一事项（项目、政策）", "first_on": "最早"}
    page.grid(shown, key="origin_matters", labels=labels, height=520, widths={"title": 210})
    page.foot(
        shown,
        name=f"初次件的同一事项 {name}",
        notes=edition.notes(matters.MATTERS_RULE.split("标 ▲")[0], FIRST, disclosure.note()),
        key="origin_matters_foot",
        labels=labels,
    )


def words(topic: str | None, issue: str | None, choice: Choice, span: Period, edition: page.Edition) -> None:
    """New words of the last week in these issues: a new project or policy is often heard first as a word."""
    codes = [issue] if issue else topics.codes_of(topic)
    rows = matters.safe_words(marts.query("emerging", week=span.to_on, county=choice.county, group=None))
    rows = rows.filter(pl.col("issue_code").is_in(codes)).head(matters.N_WORDS)
    page.section(
        "新词", f"{wording.week_name(span.to_on)}在这些事项里新出现或忽然增多的 {len(rows)} 个" if len(rows) else ""
    )
    if rows.is_empty():
        page.quiet("最近一周这些事项里没有新出现或忽然增多的词。")
        return
    for row in rows.iter_rows(named=True):
        st.html(
            f'<div class="warning"><p><b>{wording.escape(row["word"])}</b>：{wording.escape(matters.spoken(row, span.to_on))}</p></div>'
        )


# ---------------------------------------------------------------- 代办四单


def steps_tab(edition: page.Edition) -> None:
    """居民点单、信访派单、代办接单、群众评单: how many got how far, and in how many days?"""
    choice, span, topic, issue = scope_bar(edition)
    found = marts.query("topic_steps", **asked(choice, span, topic, issue))
    page.require(found)
    there = [source for source in wording.SOURCES if source in found["source"].to_list()]
    source = filters.choose("来源", {one: wording.SOURCES[one] for one in there}, key="of_source", kind="buttons")
    k = topics.office_k(choice, threshold(topic, issue))
    name = f"{wording.SOURCES[source]} {said(choice, span, topic, issue)}"
    rows = topic_counts.stages(found, source, k)
    lacking = [f"{row['label']}（{row['said']}）" for row in rows.to_dicts() if not row["has_data"]]
    if lacking:
        page.quiet(f"{wording.SOURCES[source]}的文件里没有{'、'.join(lacking)}的记录：本库没有这些数据，不画成 0。")
    drawn = rows.with_columns(
        pl.Series("note", [_note(row) for row in rows.to_dicts()], dtype=pl.String),
        pl.when("has_data").then("mark").otherwise(pl.lit("没有记录")).alias("mark"),
        pl.lit(None, pl.String).alias("colour"),
    ).select("label", "value", "mark", "note", "colour")
    left, right = st.columns([6, 5], gap="large")
    notes = edition.notes(
        f"{span.words()}登记的件，到现在走到了哪一步；最近登记的还来不及走完。天数为整日数。",
        "12345 和网格的“接单”是派单、派遣时间。代办四单之间加了办结答复一步。",
        disclosure.note(k) if k else "",
    )
    with left:
        page.chart(
            page.drawn(steps, drawn, title=f"代办四单 {wording.SOURCES[source]}"),
            rows.drop("step", "has_data", "mark").with_columns(rows["mark"].alias("value" + disclosure.MARK)),
            name=f"代办四单 {name}",
            notes=notes,
            key="four_steps",
            labels=STEP_LABELS,
        )
    with right:
        page.table(
            rows.with_columns(rows["mark"].alias("value" + disclosure.MARK)),
            [
                page.Column("label", label="步骤"),
                page.Column("said", label="来源里的说法"),
                page.Column("value", "number", "件数"),
                page.Column("step_median", "decimal", "距上一步：中位"),
                page.Column("step_p90", "decimal", "P90"),
                page.Column("median", "decimal", "登记起：中位"),
                page.Column("p90", "decimal", "P90"),
            ],
        )
        st.html(f'<p class="note">单位：天。上一步指有日期的上一步；写明时间的不足 {MIN_ITEMS} 件的不列。</p>')


def _note(row: dict[str, Any]) -> str:
    """占有记录的 92.1%，登记起中位 3 天"""
    if row["step"] == "registered":
        return ""
    told = [
        f"占有记录的 {row['share']:.1%}" if row["share"] is not None else "",
        f"登记起中位 {row['median']:g} 天" if row["median"] is not None else "",
    ]
    return "，".join(part for part in told if part)
