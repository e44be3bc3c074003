"""复发点: where does the same issue come up again and again, and was it closed in between?"""

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, wording
from app.parts.issue import listed_items

WINDOWS = {"7": "7天", "14": "14天", "30": "30天", "90": "90天"}
RUN = "run"
"""Query parameter: one run, as issue~community (or lon,lat)~first day~days of the window."""
N_ROWS = 500
LABELS = {
    "where": "地方", "issue_name": "事项", "n_events": "件数", "n_after_closing": "办结后又来", "first_on": "最早一件",
    "last_on": "最近一件", "unit_names": "承办单位",
}  # fmt: skip
RULE = (
    "复发点：同一社区村（没有写明的，同一约 200 米的格子）同一事项，任意 {days} 天内有 3 件以上；断开 {days} 天就另算一段。"
    "件数是整段的，可早于所选时段。“办结后又来”：前一件已办结，之后又有一件。只看地方和事项，不看是谁提的；不分来源。"
    "没有写明社区村、也没有坐标的件不算。"
)


def known(scope: dict[str, Any], window: str, n_rows: int = N_ROWS) -> pl.DataFrame:
    return marts.query("recurrences", **scope, window=int(window), n_rows=n_rows)


def tab(choice: filters.Choice, span: filters.Period, name: str, notes: list[str]) -> None:
    """The runs of this choice; a row opens its items.

    Over the whole city this is a wide view: counts below k are hidden. In one county it is the analyst's drill, with exact
    counts, the items a click away; what is exported has only what reaches k.
    """
    window = filters.choose("多少天内有 3 件以上", WINDOWS, key="within", default="30", kind="buttons")
    said = RULE.format(days=window)
    rows = known({**choice.parameters(), **span.parameters()}, window)
    asked = st.query_params.get(RUN)
    found = [row for row in rows.iter_rows(named=True) if _code(row, window) == asked] if asked else []
    if found:
        one(found[0])
        return
    again = len(rows.filter(pl.col("n_after_closing") > 0))
    more = f"，列件数最多的 {N_ROWS} 处" if len(rows) == N_ROWS else ""
    about = f"{len(rows)} 处{more}，其中 {again} 处办结后又来过。点一行看这些件。" if len(rows) else ""
    page.section("反复发生的地方", about)
    if choice.source:
        page.quiet("复发点不分来源，下面是全部来源的。")
    if rows.is_empty():
        page.quiet(f"这个筛选下，没有哪个地方在 {window} 天内有 3 件以上的同一事项。可放宽天数、时段或区域后再看。")
        return
    k = disclosure.thresholds(rows)
    enough = rows["n_events"] >= k
    few = len(rows) - enough.sum()
    is_wide = filters.is_whole_city(choice)
    rows = _with_hidden(rows, k) if is_wide else rows
    shown = rows.with_columns(
        pl.concat_str("county_name", "town_name", "place_name", ignore_nulls=True).alias("where")
    ).select(*LABELS, "^.*__mark$")
    page.grid(
        shown, key="recurrences", labels=LABELS, height=460, on_select=lambda: _choose(rows, window),
        widths={"where": 260, "issue_name": 170, "unit_names": 300},
        helps={"n_after_closing": "前一件已办结，之后同一地方又有一件的次数"},
    )  # fmt: skip
    page.foot(
        shown.filter(pl.col("n_events__mark").is_null()).select(*LABELS) if is_wide else shown.filter(enough),
        name=f"复发点 {name}",
        notes=[
            said,
            f"全市的表里小于 {disclosure.min_cell()} 的件数不列，选一个县区可看。" if is_wide and few else "",
            *notes,
        ],
        exported=[f"另有 {few} 处件数太少，按最小格子规则不列。"] if few else [],
        key="recurrences_foot",
        labels=LABELS,
    )


def _with_hidden(rows: pl.DataFrame, k: pl.Series) -> pl.DataFrame:
    """The runs with counts below k as marks, last and in the order of their last day; what came again would tell them."""
    few = pl.col("n_events") < k
    marked = rows.with_columns(
        pl.when(few).then(pl.format("<{}", k)).alias("n_events__mark"),
        pl.when(few).then(pl.lit(disclosure.HIDDEN)).alias("n_after_closing__mark"),
    ).with_columns(
        pl.when(pl.col(f"{name}__mark").is_null()).then(pl.col(name)).alias(name)
        for name in ("n_events", "n_after_closing")
    )
    return disclosure.without_order(marked, "n_events", "last_on")


def _code(row: dict[str, Any], window: str) -> str:
    spot = row["community_code"] or f"{row['lon']},{row['lat']}"
    return f"{row['issue_code']}~{spot}~{row['first_on']}~{window}"


def _choose(rows: pl.DataFrame, window: str) -> None:
    chosen = st.session_state["recurrences"]["selection"]["rows"]
    if chosen:
        address.write(RUN, _code(rows.row(chosen[0], named=True), window))


def _leave() -> None:
    address.write(RUN, None)


def sentence(row: dict[str, Any]) -> str:
    """自 2026年10月26日到 11月15日 39 件；其中 4 次是前一件办结后又来的。"""
    first, last = row["first_on"], row["last_on"]
    again = (
        f"其中 {row['n_after_closing']} 次是前一件办结后又来的"
        if row["n_after_closing"]
        else "没有一次是前一件办结后又来的"
    )
    return f"{_days(first, last)}，{row['n_events']} 件；{again}。承办：{row['unit_names'] or '未填'}。"


def _days(first: date, last: date) -> str:
    return wording.full_day(first) if first == last else wording.span(first, last)


def one(row: dict[str, Any]) -> None:
    """One run with its items."""
    st.button("返回全部复发点", icon=":material/arrow_back:", type="tertiary", on_click=_leave)
    where = "".join(row[name] or "" for name in ("county_name", "town_name", "place_name"))
    page.section(f"{where} · {row['issue_name']}", sentence(row))
    asked = {"issue": row["issue_code"], "community": row["community_code"], "lon": row["lon"], "lat": row["lat"]}
    listed_items("recurrence_items", {**asked, "first_on": row["first_on"], "last_on": row["last_on"]}, row["n_events"])
