"""What the pages about issues share: change against the period before, small counts hidden, the items behind a figure."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, wording
from app.charts import style
from app.charts.ranks import ranking

PAGE_ROWS = 100
LISTED = "{total:,} 件，新的在前。已脱敏；检举控告、涉法涉诉和保密件只计数，不逐件列出。只供查看，不导出正文。"
BASIS = {"ours": "本系统事项分类", "sources": "来源自己的分类"}
LABELS = {"n_events_before": "上期", "n_events_year_ago": "去年同期", "change_share": "较上期"}
AFTER = "after"
"""Query parameter: the item that stands before the first one of the page, as 2026-11-12T09:30:00~event_key."""
NARROWED = ("unit", "category", "word")
"""Filters of the list of items alone, named as the queries name them."""
ALL_HIDDEN = "各项件数太少，不分列"


def open_issue(code: str) -> None:
    """The page of one issue, or with "" of all; from its beginning."""
    for key in (*NARROWED, "section", "run"):
        filters.forget(key)
    address.write(AFTER, None)
    filters.pick(issue=code)


def clicked(key: str) -> str | None:
    """The code (customdata) of the bar, tile or point clicked in the figure `key`."""
    points = st.session_state[key]["selection"]["points"]
    code = points[0].get("customdata") if points else None
    if isinstance(code, list | tuple):
        code = code[0] if code else None
    return str(code) if code else None


def noted(
    edition: page.Edition,
    choice: filters.Choice,
    span: filters.Period,
    *said: str,
    before: bool = False,
    hides: bool = True,
    range_said: str = "",
    ours: bool = True,
) -> list[str]:
    """What a figure rests on. before: it also tells the period before; hides: of a place the export
    alone hides small counts; range_said: the days of a frame not of `span`; ours: by our issues, some of them suggested."""
    against = f"，上期为之前等长的 {span.n_weeks} 周" if before else ""
    shortfall = "" if range_said else span.shortfall()
    hidden = hiding(choice) if hides and not filters.is_whole_city(choice) else ""
    days = f"按登记日期计，{range_said or span.words()}{against}。{shortfall}"
    suggested = suggested_words(choice, span) if ours and not range_said else ""
    return edition.notes(*said, days, f"筛选：{filters.words(choice)}。", suggested, hidden)


def suggested_words(choice: filters.Choice, span: filters.Period) -> str:
    """How many of the items have an issue that was only suggested; empty where none has."""
    if marts.meta().get("n_suggested", "0") == "0":
        return ""
    n = int(marts.query("suggested_count", **choice.parameters(), **span.parameters())["n_suggested"][0])
    k = 0 if filters.is_whole_city(choice) else disclosure.threshold(choice.issue, choice.group)
    said = f"{n:,} 件" if n >= k else f"不足 {k} 件"
    return f"其中 {said}来源没有分类，按本单位历史建议。" if n else ""


def hiding(choice: filters.Choice) -> str:
    """The sentence on small counts, for what shows them on the screen and hides them in the export."""
    return disclosure.note(disclosure.threshold(choice.issue, choice.group), exported=True)


def with_change(counts: pl.DataFrame) -> pl.DataFrame:
    now, before = pl.col("n_events"), pl.col("n_events_before")
    return counts.sort("n_events", pl.col("^(issue|category).*_(name|raw)$"), descending=[True, False]).with_columns(
        pl.when(before >= wording.SMALL_BASE).then(now / before - 1).alias("change_share")
    )


def safe_issues(
    counts: pl.DataFrame, choice: filters.Choice, derived: Iterable[str] = ("change_share",)
) -> pl.DataFrame:
    """Issues or categories to take away, for one place with small counts hidden. derived: columns that would tell them."""
    if filters.is_whole_city(choice):
        return counts
    measures = [name for name in ("n_events", "n_events_before", "n_events_year_ago") if name in counts.columns]
    return disclosure.suppress(
        counts,
        measures=measures,
        k=disclosure.thresholds(counts, choice.group),
        derived=dict.fromkeys(derived, measures[:2]),
        sort_hidden_by="issue_code" if "issue_code" in counts.columns else "category_raw",
    )


def safe_picture(counts: pl.DataFrame, choice: filters.Choice, others: dict) -> pl.DataFrame:
    """The same for a picture: what is hidden as one row. `counts`: issue_name, n_events and columns of `others`."""
    safe = safe_issues(counts, choice)
    if safe is counts:
        return counts
    return _rolled_up(safe, counts, "issue_name", "n_events", others)


def _rolled_up(safe: pl.DataFrame, frame: pl.DataFrame, label: str, measure: str, others: dict) -> pl.DataFrame:
    """What is hidden as one row; no row where all is hidden, for one bar of 100 % tells nothing."""
    if safe[measure + disclosure.MARK].null_count() == 0:
        return frame.clear()
    return disclosure.rolled_up(safe, frame, label=label, measure=measure, others=others)


def safe_drawing(draw: Callable[..., go.Figure], shown: pl.DataFrame, *, title: str, **words: Any) -> go.Figure:
    """The picture of `shown`; where nothing of it may be told one by one, a sentence."""
    return draw(shown, title=title, **words) if len(shown) else style.empty(title, said=ALL_HIDDEN)


def columns_of(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """These columns with their marks."""
    return frame.select(name for name in frame.columns if name.removesuffix(disclosure.MARK) in names)


def by_source_category(counts: pl.DataFrame, choice: filters.Choice, name: str, notes: list[str]) -> None:
    """The sources' own words, without our taxonomy in between."""
    counts = counts.with_columns(pl.col("source").replace_strict(wording.SOURCES, default=pl.col("source")))
    page.section("按来源自己的分类", f"列件数最多的 {len(counts)} 类")
    page.grid(counts, key="categories", labels=LABELS, height=560)
    take_away = partial(safe_issues, counts, choice)
    page.foot(take_away, name=f"来源原分类 {name}", notes=notes, key="categories_foot", labels=LABELS)


def safe_parts(frame: pl.DataFrame, k: int) -> pl.DataFrame:
    """What something consists of (label, value) to take away: small counts hidden."""
    return disclosure.suppress(frame, measures=["value"], k=k, sort_hidden_by="label")


def parts_picture(frame: pl.DataFrame, k: int, title: str) -> go.Figure:
    """The same as bars, what is hidden as one."""
    return safe_drawing(ranking, _rolled_up(safe_parts(frame, k), frame, "label", "value", {}), title=title)


# ---------------------------------------------------------------- the items


def items(scope: Mapping[str, Any], narrowing: Callable[[], Mapping[str, Any]] = dict) -> None:
    """The redacted items, newest first, a page at a time; to read, not to take away. `scope`: issue None = all.

    narrowing: shows filters of the list alone and answers with those of NARROWED chosen.
    Pages follow each other by the last item of the one before (keyset paging): the hundredth thousand is as fast as the
    first, and a page shared by link begins where it began, whatever was loaded since.
    """
    head = st.container()
    asked = {**dict.fromkeys(NARROWED), **scope, **narrowing()}
    if st.session_state.get("_items_scope", asked) != asked:
        address.write(AFTER, None)
    st.session_state["_items_scope"] = asked
    after = _cursor(st.query_params.get(AFTER, ""))
    counted = marts.query("item_count", **asked, **after).row(0, named=True)
    total, before = counted["n_events"], counted["n_before"]
    if before >= total:  # nothing is behind this cursor
        after, before = _cursor(""), 0
    with head:
        page.section("具体事项", LISTED.format(total=total))
    if total == 0:
        page.quiet("这里没有可以逐件列出的事项。")
        return
    rows = marts.query("items", **asked, **after, n_rows=PAGE_ROWS)
    done = math.ceil(before / PAGE_ROWS)
    n_pages = done + math.ceil((total - before) / PAGE_ROWS)
    if n_pages > 1:
        last = rows.row(-1, named=True)
        _pager(asked, after, _said(last["registered_at"], last["event_key"]), total, done + 1, n_pages)
    show_items(rows)


def _cursor(said: str) -> dict[str, str | None]:
    """after_at, after_key of ?after=; both null for the first page or what is no cursor."""
    at, _, key = said.partition("~")
    is_one = len(key) == 16 and key.isalnum() and _is_instant(at)
    return {"after_at": at if is_one else None, "after_key": key if is_one else None}


def _is_instant(said: str) -> bool:
    try:
        datetime.fromisoformat(said)
    except ValueError:
        return False
    return True


def _said(at: datetime, key: str) -> str:
    return f"{at.isoformat()}~{key}"


def _go(cursor: str | None) -> None:
    """To the page that begins after this item; None: to the first."""
    if cursor:
        address.write(AFTER, cursor)
    else:
        address.write(AFTER, None)


def _go_back(asked: Mapping[str, Any], after: Mapping[str, str | None], n_skipped: int) -> None:
    """To the page that begins after the item this far before the cursor (null: before the end); else to the first."""
    found = marts.query("item_back", **asked, **after, n_skipped=n_skipped)
    _go(_said(*found.row(0)) if len(found) else None)


def _pager(
    asked: Mapping[str, Any], after: Mapping[str, str | None], last: str, total: int, number: int, n_pages: int
) -> None:
    """首页, 上一页, 第 n / N 页, 下一页, 末页."""

    def button(label: str, is_off: bool, go: Callable[..., None], *arguments: Any) -> None:
        st.button(label, key=f"pager_{label}", type="tertiary", disabled=is_off, on_click=go, args=arguments)

    is_first, is_last = number == 1, number == n_pages
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="pager"):
        button("首页", is_first, _go, None)
        button("上一页", is_first, _go_back, asked, after, PAGE_ROWS - 1)
        st.html(f'<span class="crumb">第 {number:,} / {n_pages:,} 页</span>', width="content")
        button("下一页", is_last, _go, last)
        button("末页", is_last, _go_back, asked, _cursor(""), (total - 1) % PAGE_ROWS + 1)


def show_items(rows: pl.DataFrame) -> None:
    if rows.is_empty():  # gone in a newer version, or not for this reader
        return
    rules = {rule["rule_id"]: rule for rule in marts.query("deadline_rules").iter_rows(named=True)}
    st.html("".join(wording.item(row, rules.get(row["rule_id"])) for row in rows.iter_rows(named=True)))


def listed_items(query: str, scope: dict, total: int) -> None:
    """The `total` items that the named question answers with, as `items`."""
    page.section("具体事项", LISTED.format(total=total))
    if total == 0:
        page.quiet("这里没有可以逐件列出的事项。")
        return
    number = st.pagination(max(1, math.ceil(total / PAGE_ROWS)), key=_page_of(query, scope), bind="query-params")
    rows = marts.query(query, **scope, n_rows=PAGE_ROWS, offset=(number - 1) * PAGE_ROWS)
    show_items(rows)


def _page_of(query: str, scope: Mapping[str, Any]) -> str:
    """What the address calls the page number of this list: another list has another, and so begins at its first page."""
    asked = repr((query, sorted(scope.items())))
    return f"page_{hashlib.blake2b(asked.encode(), digest_size=3).hexdigest()}"
