"""预警清单: what was warned of, on what evidence, and how long has it been standing?"""

import polars as pl
import streamlit as st

from app import filters, marts, page, wording
from app.palette import LEVELS
from app.parts import backtest, judged
from app.parts.indicators import unit_warnings
from app.parts.warning import detail, listing

edition = page.start("预警清单", "哪些超出了往年和近期水平，依据是什么？", lead=wording.LEVEL_NOTE)
listed, units, measured = st.tabs(["预警", "单位办理", "回测"], key="part", bind="query-params")
if units.open:
    with units:
        with st.columns([1.6, 3.6])[0]:
            chosen = filters.week(edition.data_from, edition.last_full_week)
        unit_warnings(filters.need_week(chosen, edition.last_full_week), edition)
    st.stop()
if measured.open:
    with measured:
        backtest.results(edition)
    st.stop()
with listed:
    chosen_id = st.query_params.get("signal")
    story = marts.query("signal_story", signal=chosen_id or "")
    if "week" not in st.query_params and len(story):  # a link to a warning leads to its newest week
        st.query_params["week"] = wording.week_code(story["week_start_on"][0])
    columns = st.columns([1.6, 1.6, 1, 1], vertical_alignment="top")
    with columns[0]:
        monday = filters.week(edition.data_from, edition.last_full_week)
    with columns[1]:
        words = {code: f"{style.shape} {style.word}" for code, style in LEVELS.items()}
        level = filters.choose("等级", {"": "全部", **words}, key="level", kind="buttons")
    with columns[2]:
        county = filters.county()
    with columns[3]:
        group = filters.group()
    week = filters.need_week(monday, edition.last_full_week)

    signals = marts.query("signals", week=week)
    for column, wanted in (("signal_level", level), ("county_code", county), ("group_code", group)):
        if wanted:
            signals = signals.filter(pl.col(column) == wanted)
    if not judged.was_judged(week):
        page.quiet(judged.not_judged(week, edition.judged_from))
    elif signals.is_empty():
        page.quiet("这个筛选下没有预警。没有超出往年和近期水平的事项，也是一种结果。")
    else:
        listing(signals, week, edition)
    in_week = story.filter(pl.col("week_start_on") == week)
    shown = in_week if len(in_week) else signals
    if chosen_id and story.is_empty():
        page.quiet(f"没有编号为 {chosen_id} 的预警；数据重新发布后，它可能已并入别的预警。")
    if len(shown):
        detail(shown.row(0, named=True), edition)
