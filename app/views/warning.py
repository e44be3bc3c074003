"""一条预警: what happened, on what evidence, who is to handle it and how far is it? One page a warning, /warning?id=…"""

import streamlit as st

from app import filters, marts, page, wording
from app.parts import casework, supervision, warning
from app.parts.aftermath import effect, similar_past

edition = page.start("一条预警", "这件事凭什么报、该谁办、办到哪一步？", lead=wording.LEVEL_NOTE)
st.page_link("views/early_warnings.py", label="回到预警清单", icon=":material/chevron_left:")
asked = st.query_params.get("id", "")
if not asked:
    page.quiet("网址里没有写明是哪一条预警，请到预警清单里点开一条。")
    st.stop()
known = casework.current()
story = marts.query("signal_story", signal=asked)
if story.is_empty():
    casework.from_snapshot(asked, known, edition)
    st.stop()

options = {wording.week_code(monday): wording.week_name(monday) for monday in story["week_start_on"]}
if st.query_params.get("week") not in {None, *options}:
    page.quiet(f"这条预警在网址里的那一周（{st.query_params['week'][:20]}）没有列出，下面是最近列出的一周。")
week = next(iter(options)) if len(options) == 1 else filters.choose("哪一周", options, key="week", kind="buttons", say_default=True)  # fmt: skip
at = list(options).index(week)
signal = casework.with_status(story[at : at + 1], known).row(0, named=True)

page.section(
    signal["title"], f"预警编号 {asked} · {wording.week_name(signal['week_start_on'])} · {warning.kinds_words(signal)}"
)
warning.headline(signal, edition)
casework.standing(signal)
warning.figures(signal)
left, right = st.columns([8, 5], gap="large")
with left:
    warning.links(signal, "items", "map", "unit", "matter")
    warning.course(signal, edition)
    warning.grounds(signal, edition)
with right:
    casework.block(signal, known, edition)
    supervision.button([signal], edition)
warning.parts(signal, edition)
warning.limits(signal)
similar_past(signal, edition)
effect(signal, casework.case_of(asked, known), edition)
