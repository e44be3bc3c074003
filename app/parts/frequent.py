"""高频事项, all issues side by side: which are the largest, which rise or fall, and where do they come again?"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from app import filters, growth, issue_counts, marts, page, wording
from app.charts import style
from app.charts.quadrant import volume_growth
from app.charts.ranks import pareto, treemap
from app.parts import recurring
from app.parts.issue import clicked, columns_of, noted, open_issue, safe_drawing, safe_issues, safe_picture

N_BARS, N_NAMED = 20, 5
PARETO, TREEMAP, QUADRANT = "各事项件数与累计占比", "构成（面积）与较上期变化（颜色）", "量与升降"
TABS = ("先看大头", "谁在升、谁在降", "复发点")
BASES = {"before": "较上期", "year_ago": "较去年同期"}
COLUMNS = {"before": "n_events_before", "year_ago": "n_events_year_ago"}
LABELS = {
    "n_events_before": "上期", "n_events_year_ago": "去年同期", "change_share": "较上期", "year_share": "较去年同期",
    "growth_share": "收缩后的变化", "growth_low_share": "95% 下限", "growth_high_share": "95% 上限", "standing": "判断",
}  # fmt: skip
NOTHING_BEFORE = f"没有可比的数据，或不足 {wording.SMALL_BASE} 件，不判断升降。"
GROWTH_RULE = (
    "升降按件数的对数比判断，误差按该事项此前一年逐周的波动放大；要同时超出“不变”和全部事项的变化，节假日后一齐回升的不算。"
    f"“明显”控制了一次看许多项带来的偶然（错误发现率 {growth.FDR:.0%}）；“可能”只看这一项成立，同时看一百项，约有 5 项会碰巧如此。"
    f"两期合计不足 {growth.MIN_ITEMS} 件的不判断。"
)


def overview(
    counts: pl.DataFrame, scope: dict, choice: filters.Choice, span: filters.Period, edition: page.Edition
) -> None:
    """What to know first in sentences, then the figures. counts: issue_counts.asked with change_share."""
    name, notes = f"{filters.words(choice)} {span.words()}", noted(edition, choice, span, before=True)
    steps = issue_counts.steps(marts.query, **scope)
    known = {base: growth.with_growth(counts, steps, column) for base, column in COLUMNS.items()}
    in_brief(counts, known, span)
    st.session_state["_issues_shown"] = counts["issue_code"].to_list()
    shows = (
        lambda: largest(counts, choice, name, notes),
        lambda: moving(counts, known, choice, name, notes),
        lambda: recurring.tab(choice, span, name, noted(edition, choice, span)),
    )
    for tab, show in zip(st.tabs(list(TABS), key="part", bind="query-params", on_change="rerun"), shows, strict=True):
        if tab.open:
            with tab:
                show()


# ---------------------------------------------------------------- in sentences


def in_brief(counts: pl.DataFrame, known: dict[str, pl.DataFrame], span: filters.Period) -> None:
    """The largest and their part; what rises and falls, against the period before and the year before: side by side."""
    total, top = int(counts["n_events"].sum()), counts.head(N_NAMED)
    largest_said = "、".join(f"{_name(row)} {row['n_events']:,}" for row in top.iter_rows(named=True))
    told = [
        (
            f"前 {len(top)} 项占 {top['n_events'].sum() / total:.0%}",
            [f"共 {total:,} 件、{len(counts)} 项；最多的是 {largest_said} 件。"],
        ),
        _moved(known["before"], COLUMNS["before"], f"较上期（之前 {span.n_weeks} 周）"),
        _moved(known["year_ago"], COLUMNS["year_ago"], "较去年同期"),
    ]
    for column, (head, lines) in zip(st.columns(len(told), gap="large"), told, strict=True):
        with column:
            page.section(head)
            st.html('<ul class="facts">' + "".join(f"<li>{line}</li>" for line in lines) + "</ul>")


def _moved(rows: pl.DataFrame, column: str, word: str) -> tuple[str, list[str]]:
    """What moved against `column`: a heading, and a line (HTML) for each standing; what may be chance is not listed."""
    common = growth.overall(rows, column)
    if common is None:
        return word, [NOTHING_BEFORE]
    lines = []
    for standing, said in growth.STANDINGS.items():
        found = rows.filter(pl.col("standing") == standing)
        if standing != "open" and len(found):
            more = f"等 {len(found)} 项" if len(found) > N_NAMED else ""
            listed = "、".join(
                f"{_name(row)} {row[column]:,} → {row['n_events']:,} 件"
                for row in found.head(N_NAMED).iter_rows(named=True)
            )
            lines.append(f"{said}：{listed}{more}。")
    rest = "其余各项看不出升降，不列。" if lines else "没有哪一项的升降能和偶然分开。"
    return f"{word} {wording.share(common)}", [*lines, rest]


def _name(row: dict[str, Any]) -> str:
    return f"<b>{wording.escape(row['issue_name'])}</b>"


# ---------------------------------------------------------------- the largest


def choose_bar() -> None:
    """A bar clicked in the Pareto chart opens that issue; the last bar is the remainder."""
    points = st.session_state["pareto"]["selection"]["points"]
    codes = st.session_state["_issues_shown"][:N_BARS]
    if points and points[0]["point_index"] < len(codes):
        open_issue(codes[points[0]["point_index"]])


def choose_point(key: str) -> None:
    """A tile or point clicked opens its issue."""
    code = clicked(key)
    if code:
        open_issue(code)


def choose_row(key: str, shown: Sequence[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows:
        open_issue(shown[rows[0]])


def largest(counts: pl.DataFrame, choice: filters.Choice, name: str, notes: list[str]) -> None:
    """Pareto, treemap and the whole table."""
    few = counts.filter(pl.col("n_events").cum_sum() < 0.8 * pl.col("n_events").sum())
    page.section("先看大头", f"前 {len(few) + 1} 项占到八成。点一条、一块或一行，看这个事项的详情。")
    left, right = st.columns(2, gap="large")
    figures = counts.select(pl.col("issue_name").alias("label"), "n_events")
    with left:
        page.chart(
            page.drawn(pareto, figures, title=PARETO, n_shown=N_BARS),
            counts,
            export=partial(safe_issues, counts, choice),
            picture=lambda: safe_drawing(
                pareto,
                safe_picture(counts, choice, {}).select(pl.col("issue_name").alias("label"), "n_events"),
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
            page.drawn(treemap, counts.select("issue_code", *tiles), title=TREEMAP, height=640),
            counts,
            export=lambda: columns_of(safe_issues(counts, choice), tiles),
            picture=lambda: safe_drawing(
                treemap, safe_picture(counts, choice, {"group_name": "其余"}).select(tiles), title=TREEMAP
            ),
            name=f"事项构成 {name}",
            notes=notes,
            key="treemap",
            labels=LABELS,
            on_select=partial(choose_point, "treemap"),
        )
    columns = [
        "issue_name",
        "group_name",
        "n_events",
        "n_events_before",
        "change_share",
        "n_events_year_ago",
        "role_name",
    ]
    shown = counts["issue_code"].to_list()
    page.grid(
        counts.select(columns),
        key="issues_table",
        labels=LABELS,
        height=320,
        on_select=partial(choose_row, "issues_table", shown),
    )


# ---------------------------------------------------------------- what moves


def large_from(counts: pl.DataFrame) -> tuple[int, int]:
    """The fewest issues that make up half of all items: the smallest count among them, and how many they are."""
    n = len(counts.filter(pl.col("n_events").cum_sum() < pl.col("n_events").sum() / 2)) + 1
    return int(counts["n_events"][n - 1]), n


def moving(
    counts: pl.DataFrame, known: dict[str, pl.DataFrame], choice: filters.Choice, name: str, notes: list[str]
) -> None:
    """Volume × growth as a picture, beside it the issues that move with their intervals."""
    base = filters.choose("比什么", BASES, key="against", kind="buttons")
    column, label = COLUMNS[base], BASES[base]
    rows, common = known[base], growth.overall(known[base], column)
    if common is None:
        page.quiet(f"{label}：{NOTHING_BEFORE}可换一种比较，或改选较晚的周。")
        return
    half, n_large = large_from(counts)
    rows = rows.with_columns(
        pl.col(column).alias("n_before"),
        pl.when(pl.col(column) >= wording.SMALL_BASE)
        .then(pl.col("n_events") / pl.col(column) - 1)
        .alias("change_share"),
    )
    title = f"{QUADRANT}（{label}）"
    draw = partial(_quadrant, title=title, large_from=half, common=common, change_label=label)
    left, right = st.columns([4, 3], gap="medium")
    drawn = ["issue_code", "issue_name", "n_events", "n_before", "change_share", *growth.SHARES, "standing"]
    with left:
        page.chart(
            page.drawn(
                volume_growth, rows.select(drawn), title=title, large_from=half, common=common, change_label=label
            ),
            rows,
            export=partial(safe_moving, rows, column, choice),
            picture=lambda: draw(safe_moving(rows, column, choice).filter(pl.col("n_events").is_not_null()), rows),
            name=f"{title} {name}",
            notes=[f"“量大”是合占一半的前 {n_large} 项（{half:,} 件及以上）。{GROWTH_RULE}", *notes],
            key="quadrant",
            labels=LABELS,
            on_select=partial(choose_point, "quadrant"),
        )
    with right:
        found = rows.filter(pl.col("standing").is_not_null() & (pl.col("standing") != "open"))
        order = {standing: at for at, standing in enumerate(growth.STANDINGS)}
        found = found.sort(pl.col("standing").replace_strict(order, return_dtype=pl.Int64), -pl.col("n_events"))
        page.section("升降看得出的", f"{len(found)} 项，点一行看详情" if len(found) else "")
        if found.is_empty():
            page.quiet("这段时间没有哪一项的升降能和偶然分开。可看更长的时段。")
            return
        interval = [
            f"{style.signed_per_cent(low)} 至 {style.signed_per_cent(high)}"
            for low, high in found.select(growth.SHARES[1:]).iter_rows()
        ]
        shown = found.select(
            "issue_name", pl.col("standing").replace(growth.STANDINGS), "n_events", column,
            pl.Series("interval", interval, dtype=pl.String),
        )  # fmt: skip
        page.grid(
            shown,
            key="moving_table",
            labels={**LABELS, "interval": "95% 区间"},
            helps={"interval": "变化的 95% 区间，按件数和该事项平常的波动算"},
            height=520,
            widths={"issue_name": 190, "standing": 74, "n_events": 56, column: 58},
            on_select=partial(choose_row, "moving_table", found["issue_code"].to_list()),
        )


def safe_moving(rows: pl.DataFrame, column: str, choice: filters.Choice) -> pl.DataFrame:
    """What of it may be taken away: in one place small counts hidden, and every figure that would tell them."""
    names = ["issue_name", "group_name", "n_events", column, "change_share", *growth.SHARES, "standing"]
    told = rows.with_columns(pl.col("standing").replace(growth.STANDINGS)).select("issue_code", *names)
    if filters.is_whole_city(choice):
        return told
    return safe_issues(told, choice, ["change_share", *growth.SHARES, "standing"])


def _quadrant(safe: pl.DataFrame, rows: pl.DataFrame, **words: Any) -> go.Figure:
    """The picture of what may be taken away."""
    return volume_growth(rows.join(safe.select("issue_code"), on="issue_code", how="semi"), **words)
