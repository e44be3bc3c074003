"""趋势分析: is it rising, and more than the season explains?"""

from dataclasses import replace

import streamlit as st

from app import filters, page, wording, year_ago
from app.parts import inside, outlook, rhythm, trend
from app.parts.course import BASES, Look, headline

PARTS = {"course": "走势", "calendar": "日历与节律", "outlook": "预测与构成", "inside": "各区域"}

edition = page.start("趋势分析", "在上升吗，比往年同期多吗？")
lead = st.container()  # the answer, above the filters it depends on
choice = filters.bar(edition.data_from, edition.last_full_week, "source", "county", "town", "group", "issue")[0]
which, dates, matched, latest = st.columns([2.4, 1, 1, 1.6], vertical_alignment="bottom")
with which:
    part = filters.choose("看", PARTS, key="part", kind="buttons")
with dates:
    basis = filters.choose("日期", BASES, key="dates")
with matched:
    way = filters.choose("去年同期", year_ago.WAYS, key="ago", help=year_ago.NOTES["festival"])
with latest:
    monday = filters.week(edition.data_from, edition.last_full_week, label="截至")
week = filters.need_week(monday, edition.last_full_week)
look = Look(edition, choice, basis, way, week)
said = headline(look if part in ("course", "calendar") else replace(look, basis="registered"))  # as the part counts
if said:
    lead.html(f'<p class="answer">{wording.escape(said)}</p>')
{"course": trend.block, "calendar": rhythm.block, "outlook": outlook.block, "inside": inside.block}[part](look)
