"""预警清单: what was warned of, on what evidence, who is on it and how far?"""

import polars as pl
import streamlit as st

from app import filters, marts, page, roles, warned, wording
from app.access import signin
from app.parts import backtest, casework, concerns, deliveries, judged, listed, matters, warning
from app.parts.indicators import unit_warnings

if "signal" in st.query_params:  # a link of an earlier version to one warning
    st.switch_page("views/warning.py", query_params={"id": st.query_params["signal"]})
edition = page.start("预警清单", "哪些超出了往年和近期水平，依据是什么，谁在办？", lead=wording.LEVEL_NOTE)


def warnings() -> None:
    """The week's warnings, beside them where they are and how the one chosen came about."""
    known = casework.current()
    when, urgent, who = st.columns([1.6, 1.6, 2.8], vertical_alignment="top")
    with when:
        monday = filters.week(edition.data_from, edition.last_full_week)
    with urgent:
        level = listed.level()
    with who:
        actor = roles.picker()
    week = filters.need_week(monday, edition.last_full_week)
    casework.overview(known, actor, edition)
    signals = casework.with_status(warned.given(marts.query, week), known)
    if not judged.was_judged(week):
        page.quiet(judged.not_judged(week, edition.judged_from, has_warnings=not signals.is_empty()))
        if signals.is_empty():
            return
    if level:
        signals = signals.filter(pl.col("signal_level") == level)
    signals = listed.chosen_by_filters(signals)
    if signals.is_empty():
        page.quiet("这个筛选下没有预警。没有超出往年和近期水平的事项，也是一种结果。")
        listed.rule(edition)
        return
    asked = signals.filter(pl.col("signal_id") == st.query_params.get("chosen", ""))
    chosen = (asked if len(asked) else signals).row(0, named=True)
    left, right = st.columns([11, 4], gap="large")
    with left:
        listed.listing(signals, week, edition, known)
        listed.preview(chosen, edition)
    with right:
        listed.where(signals, week, edition)
        warning.course(chosen, edition, height=280)


def units() -> None:
    with st.columns([1.6, 3.6])[0]:
        monday = filters.week(edition.data_from, edition.last_full_week)
    unit_warnings(filters.need_week(monday, edition.last_full_week), edition)


TABS = {
    "预警": warnings,
    "诉求群体": lambda: concerns.tab(edition),
    matters.TAB: lambda: matters.tab(edition),
    "单位办理": units,
    "回测": lambda: backtest.results(edition),
    "推送": lambda: deliveries.log(edition),
}
if mine := signin.scope():  # the last two are of the whole city; a unit has its own warnings and indicators
    shown = ("预警", "诉求群体", matters.TAB, "单位办理") if mine.is_area else ("预警", "单位办理")
    TABS = {name: TABS[name] for name in shown}
for tab, show in zip(st.tabs(list(TABS), key="part", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            show()
