"""日提醒: what is due in the next days and what is overdue, by which rule; who sends back, and who left people dissatisfied?"""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import address, deadlines, disclosure, filters, kpis, marts, page, service_counts, wording
from app.casework import workflow
from app.parts.service_scope import Scope

AHEAD = 3
"""Working days."""
PAGE_ROWS = 20
STANDINGS = {"due": f"{AHEAD} 个工作日内到期", "overdue": "已超期未办结"}
LABELS = {
    "unit_name": "单位", "n_overdue": "已超期未办结", "n_long_overdue": "其中超 30 天", "n_due_soon": f"{AHEAD} 个工作日内到期",
    "earliest_due_on": "最早限期", "due_on": "限期", "left": "还剩", "why": "限期是怎么来的", "category_raw": "事项", "n_items": "已评价", "n_returned": "退回过", "n_returns": "退回次数", "issue_name": "事项",
    "value": "比例（%）", "low": "95%下限", "high": "95%上限", "n_dissatisfied": "不满意", "numerator": "件数", "denominator": "分母",
}  # fmt: skip
UNKNOWN = "（未写明单位）"


def day(edition: page.Edition) -> date:
    """The first day that is not in the data: what is due from then on is still to come."""
    return edition.data_through + timedelta(days=1)


def horizon(edition: page.Edition) -> dict[str, date]:
    first = day(edition)
    return {"day": first, "through": workflow.add_workdays(first - timedelta(days=1), AHEAD)}


def tab(scope: Scope, edition: page.Edition) -> None:
    due(scope, edition)
    returns(scope, edition)
    dissatisfied(scope, edition)


def due(scope: Scope, edition: page.Edition) -> None:
    """By unit: overdue and due soon; then item by item with the rule behind the date."""
    when = horizon(edition)
    counts = marts.query("service_due", **when, county=scope.county)
    span = f"{wording.day(when['day'])}—{wording.day(when['through'])}"
    page.section(
        "即将到期和超期",
        f"{scope.place}；以数据截至日的次日 {wording.day(when['day'])} 为今天，{AHEAD} 个工作日到 {wording.day(when['through'])}",
    )
    if counts.is_empty():
        page.quiet("没有即将到期或超期未办结的件，或来源文件没有限期。")
        return
    sums = counts.select(pl.col("n_due_soon", "n_overdue", "n_long_overdue").sum()).row(0, named=True)
    st.html(
        f'<p class="doing">{span} 到期 {sums["n_due_soon"]:,} 件；已超期未办结 {sums["n_overdue"]:,} 件，'
        f"其中超期 30 天以上 {sums['n_long_overdue']:,} 件，涉及 {len(counts.filter(pl.col('n_overdue') > 0))} 个单位。</p>"
    )
    left, right = st.columns([6, 7], gap="medium")
    with left:
        shown = counts.with_columns(pl.col("unit_name").fill_null(UNKNOWN))
        st.session_state["_due_shown"] = counts["unit_name"].to_list()
        widths = {"unit_name": 168, "n_overdue": 96, "n_long_overdue": 92, "n_due_soon": 116, "earliest_due_on": 92}
        page.grid(shown, key="due_units", labels=LABELS, height=420, widths=widths, on_select=_choose)
        page.foot(
            partial(safe_due, shown, scope.k()),
            name=f"到期提醒 {scope.place} {wording.full_day(when['day'])}",
            notes=edition.notes(
                f"{AHEAD} 个工作日内：{span}。未办结的件才提醒；检举控告、涉法涉诉、保密件只计数，不写单位。",
                disclosure.note(exported=True) if scope.county else "",
            ),
            key="due_units_foot",
            labels=LABELS,
        )
    with right:
        unit = st.query_params.get("due_unit")
        unit = unit if unit in counts["unit_name"] else None
        standing = filters.choose("看哪些", STANDINGS, key="due", kind="buttons")
        items(unit, standing, scope, edition, key="due_items")


def safe_due(units: pl.DataFrame, k: int) -> pl.DataFrame:
    """Units to take away, small counts hidden: 24 overdue, 23 of them long, says that one is not."""
    measures = ["n_overdue", "n_long_overdue", "n_due_soon", "_rest"]
    safe = disclosure.suppress(
        units.with_columns((pl.col("n_overdue") - pl.col("n_long_overdue")).alias("_rest")),
        measures=measures,
        k=k,
        derived={"earliest_due_on": measures},
    )
    told = (pl.col(name + disclosure.MARK).is_not_null() for name in ("_rest", "n_overdue"))
    gone = pl.any_horizontal(told) & (pl.col("n_long_overdue") != 0)
    return service_counts.also_hidden(safe, ["n_long_overdue"], gone).drop("_rest", "_rest" + disclosure.MARK)


def _choose() -> None:
    rows = st.session_state["due_units"]["selection"]["rows"]
    unit = st.session_state["_due_shown"][rows[0]] if rows else None
    if unit:
        address.write("due_unit", unit)
    else:
        address.write("due_unit", None)


def of_unit(unit: str, scope: Scope, edition: page.Edition) -> None:
    """A unit's own: what is due soon beside what is overdue."""
    for column, standing in zip(st.columns(2, gap="large"), STANDINGS, strict=True):
        with column:
            items(unit, standing, scope, edition, key=f"unit_{standing}")


def items(unit: str | None, standing: str, scope: Scope, edition: page.Edition, *, key: str) -> None:
    """Items with their date and the rule behind it, a page at a time; the redacted text of one on a click."""
    when = horizon(edition)
    asked = {**when, "county": scope.county, "unit": unit, "standing": standing}
    first = marts.query("service_due_items", **asked, n_rows=PAGE_ROWS, offset=0)
    total = int(first["n_listed"][0]) if len(first) else 0
    st.html(
        f'<p class="said">{wording.escape(unit or "全部单位")}：{STANDINGS[standing]} {total:,} 件。只供查看，不导出。</p>'
    )
    if not total:
        return
    number = (
        st.pagination(math.ceil(total / PAGE_ROWS), key=f"{key}_page", bind="query-params") if total > PAGE_ROWS else 1
    )
    rows = marts.query("service_due_items", **asked, n_rows=PAGE_ROWS, offset=(number - 1) * PAGE_ROWS)
    rows = rows.sort("due_on", "event_key")
    rules = _rules()
    shown = rows.select(
        "due_on",
        pl.Series("left", [_left(due, when["day"]) for due in rows["due_on"]], dtype=pl.String),
        pl.col("unit_name").fill_null(UNKNOWN),
        "category_raw",
        pl.Series(
            "why",
            [deadlines.explain(row, rules.get(row["rule_id"])) for row in rows.iter_rows(named=True)],
            dtype=pl.String,
        ),
    )
    shown = shown.drop("unit_name") if unit else shown
    widths = {"due_on": 92, "left": 112, "category_raw": 150, **({} if unit else {"unit_name": 140})}
    picked = page.grid(shown, key=key, labels=LABELS, height=300, widths=widths, on_select=_look)["selection"]["rows"]
    if picked and picked[0] < len(rows):
        row = rows.row(picked[0], named=True)
        why = deadlines.explain(row, rules.get(row["rule_id"]))
        st.html(wording.item(row) + f'<p class="said">{wording.escape(why)}</p>')


def _look() -> None:
    """A row was clicked: the page runs again and shows it."""


def _rules() -> dict[str, Mapping[str, Any]]:
    return {rule["rule_id"]: rule for rule in marts.query("deadline_rules").iter_rows(named=True)}


def _left(due: date, today: date) -> str:
    """今天到期, 还有 2 个工作日, 已超 14 天"""
    if due < today:
        return f"已超 {(today - due).days} 天"
    return "今天到期" if due == today else f"还有 {workflow.workdays_between(today, due)} 个工作日"


# ---------------------------------------------------------------- returns, dissatisfaction


def returns(scope: Scope, edition: page.Edition) -> None:
    """退回: who sends back what, unit by issue."""
    page.section("退回和异议", f"{scope.title}办结的件；谁退、退什么")
    found = marts.query("service_returns", **scope.parameters())
    if found.is_empty():
        page.quiet("本库没有这些数据；要来源文件有「退回次数」列。")
        return
    pairs(found, "n_returned", "退回", scope, edition, note="退回过一次及以上的件 ÷ 写明退回次数的办结件。")


def dissatisfied(scope: Scope, edition: page.Edition) -> None:
    """不满意: which units and issues, and the items behind them."""
    page.section("不满意件", f"{scope.title}评价为不满意的件")
    found = marts.query("service_dissatisfied", **scope.parameters())
    if found.is_empty():
        page.quiet("所选范围没有评价数据。")
        return
    left, right = st.columns([5, 7], gap="large")
    with left:
        unit = pairs(found, "n_dissatisfied", "不满意", scope, edition, note="不满意件 ÷ 已评价件，按评价日归期。")
    with right:
        _dissatisfied_items(unit, scope)


def pairs(
    found: pl.DataFrame, measure: str, word: str, scope: Scope, edition: page.Edition, *, note: str
) -> str | None:
    """Unit by issue with count, share and interval, most first. Returns the unit of the row clicked."""
    rows = found.filter(pl.col(measure) > 0)
    if rows.is_empty():
        page.quiet(f"所选范围没有{word}的件。")
        return None
    bounds = [kpis.interval(x, n) for x, n in rows.select(measure, "n_items").iter_rows()]
    rows = rows.with_columns(
        (100 * pl.col(measure) / pl.col("n_items")).alias("value"),
        *(pl.Series(name, [b[at] for b in bounds], dtype=pl.Float64) * 100 for at, name in enumerate(("low", "high"))),
    )
    columns = ["unit_name", "issue_name", measure, "n_items", "value", "low", "high"]
    labels = LABELS | {"n_items": "分母"}
    shown = rows.select(columns).with_columns(pl.col("unit_name").fill_null(UNKNOWN))
    picked = page.grid(
        shown, key=f"{measure}_pairs", labels=labels, height=330, widths={"unit_name": 150, "issue_name": 130},
        on_select=_look,
    )["selection"]["rows"]  # fmt: skip
    page.foot(
        partial(safe_pairs, shown, measure, disclosure.thresholds(rows)),
        name=f"{word} 单位和事项 {scope.title}",
        notes=edition.notes(*scope.within(), note, disclosure.note(exported=True)),
        key=f"{measure}_foot",
        labels=labels,
    )  # fmt: skip
    return rows["unit_name"][picked[0]] if picked and picked[0] < len(rows) else None


def safe_pairs(shown: pl.DataFrame, measure: str, k: pl.Series) -> pl.DataFrame:
    """Unit by issue to take away, small counts hidden, of both sides of the share."""
    measures = [measure, "n_items", "_rest"]
    safe = disclosure.suppress(
        shown.with_columns((pl.col("n_items") - pl.col(measure)).alias("_rest")),
        measures=measures, k=k, within=(("unit_name",), ("issue_name",)),
        derived=dict.fromkeys(("value", "low", "high"), measures), sort_hidden_by="unit_name",
    )  # fmt: skip
    gone = pl.col("_rest" + disclosure.MARK).is_not_null()
    return service_counts.also_hidden(safe, [measure], gone).drop("_rest", "_rest" + disclosure.MARK)


def _dissatisfied_items(unit: str | None, scope: Scope) -> None:
    asked = scope.parameters() | {"unit": unit}
    rows = marts.query("service_dissatisfied_items", **asked, n_rows=PAGE_ROWS, offset=0)
    total = int(rows["n_listed"][0]) if len(rows) else 0
    st.html(
        f'<p class="said">{wording.escape(unit or "全部单位")}：{total:,} 件，新的在前。'
        "已脱敏，只供查看；左表点一行只看该单位。</p>"
    )
    if not total:
        return
    number = (
        st.pagination(math.ceil(total / PAGE_ROWS), key="dissatisfied_page", bind="query-params")
        if total > PAGE_ROWS
        else 1
    )
    if number > 1:
        rows = marts.query("service_dissatisfied_items", **asked, n_rows=PAGE_ROWS, offset=(number - 1) * PAGE_ROWS)
    rules = _rules()
    with st.container(height=420, border=False, key="dissatisfied_items"):
        st.html("".join(wording.item(row, rules.get(row["rule_id"])) for row in rows.iter_rows(named=True)))
