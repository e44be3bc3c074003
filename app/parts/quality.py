"""How good is what was taken in: by field, by unit, do the parts add up, what did the office correct, which clocks run."""

from functools import partial

import polars as pl
import streamlit as st

from app import fields, marts, page, wording
from app.downloads import XLSX, noted
from app.exports import workbook

NO_UNIT = "（未写明单位）"
FIELD_WORDS = fields.words("field_name")
UNIT_COLUMNS = (
    *("unit_name", "source", "n_events", "n_place_missing", "n_category_missing", "n_category_other"),
    *("n_time_inverted", "n_status_contradicted", "n_late_1d", "n_late_3d", "n_late_7d", "lag_days_median"),
)
TREND = {
    "place_missing_share": "区域缺失",
    "category_missing_share": "分类缺失",
    "category_other_share": "分类为其他",
    "time_inverted_share": "时间倒置",
    "status_contradicted_share": "状态矛盾",
    "late_3d_share": "补录超3天",
}
TREND_LABELS = {name: f"{word}占比" for name, word in TREND.items()}
PER_CENT = {"missing_percent": "缺失 %", "recent_missing_percent": "近4周缺失 %"}
FEEDBACK_NOTES = (
    "各项问题按本单位登记的事项计，一件可以有几项问题。",
    "“行号清单”只列近 13 周、每项最多 100 行，按文件名和行号在原文件中核对；不含标题和内容。",
)


def by_field(source: str | None, edition: page.Edition) -> None:
    """Which fields are empty, 其他, unknown to the reference or contradictory, source by source."""
    page.section("字段质量", "一列全空多半是来源文件没有这一列")
    counts = marts.query("quality_fields", source=source)
    if counts.is_empty():
        page.quiet("没有可评的字段。")
        return
    shown = counts.with_columns(
        _source_words(),
        pl.col("field_name").replace_strict(FIELD_WORDS, default=pl.col("field_name")),
    )
    percent = [(100 * pl.col(name.replace("percent", "share"))).alias(name) for name in PER_CENT]
    page.grid(
        shown.select(
            "source", "field_name", "n_events", "n_missing", *percent, "n_other", "n_unmatched", "n_invalid"
        ).sort("source", pl.col("missing_percent") == 100, -pl.col("missing_percent"), "field_name"),
        key="quality_fields",
        labels=PER_CENT,
        helps={name: fields.note(name) for name in ("n_unmatched", "n_invalid")},
    )
    suggested = suggested_words()
    if suggested:
        page.quiet(suggested)
    exported = [suggested] if suggested else []  # said above on the screen
    page.foot(shown, name="字段质量", notes=edition.notes("缺失按件计。"), key="quality_fields_foot", exported=exported)
    _trend(source, edition)


def suggested_words() -> str:
    """How many items of all sources came without a category, and how many of these got a suggested one; empty where none."""
    about = marts.meta()
    n_without, n_suggested = (int(about.get(name, 0)) for name in ("n_unclassified", "n_suggested"))
    if not n_suggested:
        return ""
    return (
        f"全部来源有 {n_without:,} 件没有填分类（上表仍计为缺失）：{n_suggested:,} 件按本单位历史给出了建议分类"
        f"（模型版本 {about['suggested_by']}），其余 {n_without - n_suggested:,} 件列为“未分类”。"
    )


def _trend(source: str | None, edition: page.Edition) -> None:
    """The last weeks as a table to read: is it getting better?"""
    weeks = marts.query("quality_weeks", source=source)
    if len(weeks) < 2:
        return
    page.section("逐周变化", "近 53 周，每周登记的事项中有此问题的占比（%）")
    percent = [(100 * pl.col(name)).alias(f"percent_{n}") for n, name in enumerate(TREND)]
    labels = {f"percent_{n}": f"{word} %" for n, word in enumerate(TREND.values())}
    page.grid(
        weeks.sort("week_start_on", descending=True).select("week_start_on", "n_events", *percent),
        key="quality_weeks",
        labels=labels,
        height=300,
    )
    page.foot(
        weeks,
        name="数据质量逐周",
        notes=edition.notes("“补录”以填有发生时间的事项为分母。"),
        key="quality_weeks_foot",
        labels=TREND_LABELS,
    )


def by_unit(source: str | None, edition: page.Edition) -> None:
    """What each unit should fill in better, with a sheet to send to it."""
    page.section("单位质量", "一件可以有几项问题；选一行，可下载给该单位的反馈表")
    units = marts.query("quality_units", source=source)
    if units.is_empty():
        page.quiet("没有可评的单位。")
        return
    shown = units.with_columns(_source_words(), pl.col("unit_name").fill_null(NO_UNIT)).select(UNIT_COLUMNS)
    at = page.grid(
        shown,
        key="quality_units",
        helps={name: fields.note(name) for name in UNIT_COLUMNS if fields.note(name)},
        on_select=_choose,
    )
    page.foot(
        shown,
        name="单位质量",
        notes=edition.notes("登记滞后以填有发生时间的事项计。"),
        key="quality_units_foot",
    )
    chosen = at["selection"]["rows"] if at else []
    if chosen and chosen[0] < len(units):
        feedback(units["source"][chosen[0]], units["unit_name"][chosen[0]], edition)


def _choose() -> None:
    """The table keeps the choice; the run that follows shows it."""


def feedback(source: str, unit_name: str | None, edition: page.Edition) -> None:
    """One unit's faults and the workbook to send to it."""
    title = f"{unit_name or NO_UNIT}（{wording.SOURCES[source]}）"
    faults = marts.query("quality_unit_faults", of_source=source, unit=unit_name)
    page.section(f"反馈：{title}", "全部时段的件数，近 13 周的行数")
    if faults.is_empty():
        page.quiet("没有发现问题，不需要反馈。")
        return
    page.table(
        fields.in_words(faults),
        [page.Column("fault"), page.Column("n_faulty", "bar"), page.Column("n_rows", "number")],
    )
    rows = marts.query("quality_unit_rows", of_source=source, unit=unit_name)
    make = partial(feedback_workbook, faults, rows, title=f"数据质量反馈 {title}", notes=edition.notes(*FEEDBACK_NOTES))
    file_name = f"数据质量反馈_{title.replace('/', '／')}.xlsx"
    st.download_button(
        "下载反馈表",
        noted(make, file_name),
        file_name,
        XLSX,
        icon=":material/download:",
        key="quality_feedback",
        on_click="ignore",
    )


def feedback_workbook(faults: pl.DataFrame, rows: pl.DataFrame, *, title: str, notes: list[str]) -> bytes:
    """Sheets 数据 (faults and counts), 行号清单 (fault, file, row number, day; no text) and 口径."""
    listed = rows.select("fault", "file_name", "source_row", "registered_on", "n_rows")
    return workbook.xlsx(faults, title=title, notes=notes, more={"行号清单": listed})


def reconciliation(edition: page.Edition) -> None:
    """勾稽: parts against totals, what does not agree first."""
    page.section("勾稽", "分项之和等于合计；内部不相符的不会发布，文件自报合计不相符的列在最前")
    checks = marts.query("reconciliation")
    if checks.is_empty():
        page.quiet("还没有可核对的数字。")
        return
    wrong = checks.filter(~pl.col("is_ok"))
    if wrong.is_empty():
        page.quiet(f"{len(checks):,} 项全部相符。")
    else:
        page.quiet(f"{len(checks):,} 项中 {len(wrong):,} 项不相符，请与来源单位核对。")
    labels = {"scope_name": "范围"}
    shown = fields.in_words(checks)
    page.grid(
        shown.select("check_name", "source", "scope_name", "n_expected", "n_found", "n_difference", "is_ok", "note"),
        key="reconciliation",
        labels=labels,
    )
    page.foot(shown, name="勾稽", notes=edition.notes(), key="reconciliation_foot", labels=labels)


def corrections(edition: page.Edition) -> None:
    """What the office corrected in HOME/reference/correction.csv and whether it took effect."""
    page.section("更正", "写在 reference/correction.csv；发布时套用，仓库里的原值不变")
    rows = marts.query("corrections")
    if rows.is_empty():
        page.quiet("没有更正。需要时在 reference/correction.csv 中逐行写明来源、编号、列、原值、新值、理由和决定日期。")
        return
    shown = fields.in_words(rows).with_columns(
        pl.col("column_name").replace(FIELD_WORDS).fill_null("（不能更正的列）"),
        pl.col("source").fill_null("（来源有误）"),
        pl.when("is_bulk").then(pl.lit("全部该值")).otherwise(pl.lit("单件")).alias("is_bulk"),
    )
    labels = {"is_bulk": "对象"}
    page.table(
        shown.with_columns(
            pl.concat_str("source", "is_bulk", "column_name", separator=" · ").alias("what"),
            pl.concat_str(
                pl.col("value_was").fill_null("（空）"), pl.col("value_is").fill_null("（空）"), separator=" → "
            ).alias("change"),
        ),
        [
            page.Column("decided_on"),
            page.Column("what", label="更正什么"),
            page.Column("change", label="原值 → 改为"),
            page.Column("reason_text"),
            page.Column("correction_outcome"),
            page.Column("n_corrected", "number"),
            page.Column("hint"),
            page.Column("correction_row", "number"),
        ],
    )
    page.foot(shown, name="更正", notes=edition.notes(), key="corrections_foot", labels=labels)


def deadline_rules(edition: page.Edition) -> None:
    """Which clocks run, on what basis, and for how many items."""
    page.section("办理时限规则", "来源自带限办时间的以来源为准；本地规则写在 reference/deadline_rule.csv")
    rules = marts.query("deadline_rules")
    if rules.is_empty():
        page.quiet("没有时限规则。")
        return
    shown = fields.in_words(rules).with_columns(
        pl.concat_str(pl.col("start_event"), pl.lit("起 "), "n_days", "day_unit", pl.lit("内"), "end_event").alias(
            "clock"
        ),
        *(
            pl.when(name).then(pl.lit("是")).otherwise(pl.lit("否")).alias(name)
            for name in ("is_active", "is_verified")
        ),
    )
    page.table(
        shown,
        [
            page.Column("source"),
            page.Column("rule_title", label="规则"),
            page.Column("clock", label="时限"),
            page.Column("basis"),
            page.Column("is_active"),
            page.Column("is_verified"),
            page.Column("n_events", "number", "适用件数"),
            page.Column("n_source_due", "number"),
            page.Column("n_overdue", "number", "按规则超期"),
            page.Column("note"),
        ],
    )
    page.foot(rules, name="办理时限规则", notes=edition.notes(), key="deadline_rules_foot")


def _source_words() -> pl.Expr:
    return pl.col("source").replace_strict(wording.SOURCES, default=pl.col("source"))
