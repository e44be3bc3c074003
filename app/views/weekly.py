"""本周研判: what should be decided this week, where, and what became of last week's warnings?"""

import polars as pl
import streamlit as st

from app import disclosure, filters, headlines, marts, page, roles, warned, wording, year_ago
from app.access import signin
from app.parts import casework
from app.parts.week import (
    figures_of,
    followup,
    headline,
    in_brief,
    last_week,
    not_reported,
    rising,
    small_map,
    tiles,
    warnings,
    workdays,
)

with st.container(key="masthead"):
    head, chooser = st.columns([11, 7], vertical_alignment="bottom")
with head:
    edition = page.start("本周研判", "这一周，哪些事该先定？")
row = chooser.container(horizontal=True, vertical_alignment="bottom", wrap=False)
with row:
    monday = filters.week(edition.data_from, edition.last_full_week)
week = filters.need_week(monday, edition.last_full_week)
row.container(key="to_wall", width="content").page_link("views/screen.py", label="大屏", icon=":material/cast:")
row.page_link(
    "views/reports.py",
    label="生成本期材料",
    icon=":material/description:",
    query_params={"kind": "weekly", "period": wording.week_code(week)},
)

figures = figures_of(week).with_columns(
    # nothing was due this week: 0; nothing was due in an earlier one: no base
    pl.when(pl.col("week_start_on") == week).then(pl.col(name).fill_null(0)).otherwise(pl.col(name)).alias(name)
    for name in ("n_due", "n_overdue")
)
if missing := not_reported(week):
    page.quiet(f"{'、'.join(missing)}本周还没有上报，下面的数字不含它；它的序列没有判定。")
known = casework.current()
signals = casework.with_status(warned.given(marts.query, week), known)
before = last_week(week)
by_workday = workdays(figures, week)
st.html(f'<p class="brief">{wording.escape(in_brief(signals, before, known, by_workday["change_words"] or ""))}</p>')
with st.container(key="figures_strip"):
    headline(figures, week, edition.data_from)
taken = figures.tail(13)
if signin.scope():  # of a part of the city: no small count leaves the screen
    counts = [name for name in taken.columns if name.startswith("n_") and name != "n_workdays"]
    taken = disclosure.suppress(taken, measures=counts, k=disclosure.min_cell(), within=())
page.foot(
    taken,
    name=f"本周研判数字 {wording.week_name(week)}",
    notes=edition.notes(
        by_workday["sentence"],
        "春节前后，同比受春节早晚影响，按春节对齐见「趋势分析」。" if year_ago.near_festival(week) else "",
        headlines.left_out(tiles(figures)),
    ),
    key="figures",
    labels={
        "n_workdays": "工作日",
        "n_on_workdays": "工作日登记",
        "n_due": "到期件数",
        "n_overdue": "到期未办结",
        "n_petition": "信访",
        "n_hotline": "12345热线",
        "n_grid": "网格",
    },
)
left, right = st.columns([9, 5], gap="large")
with left:
    warnings(signals, week, edition)
    followup(before, edition, week, known)
    if known is not None:
        page.section("待办")
        casework.overview(known, roles.picker(), edition)
with right:
    small_map(edition, week)
    rising(edition, week)
