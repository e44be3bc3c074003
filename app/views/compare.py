"""对比: is this place more than that one, or this period more than that one — of what, and could it be chance?"""

import streamlit as st

from app import filters, page
from app.parts import compare

edition = page.start("对比", "两边比，差在哪里，是不是偶然？")
what, length, until, against, other = st.columns([1.1, 1.2, 1.5, 1.1, 1.5])
with what:
    kind = filters.choose("比什么", compare.KINDS, key="what", kind="buttons")
with length:
    n_weeks = filters.n_weeks((1, 4, 13, 52), 4)
with until:
    monday = filters.week(edition.data_from, edition.last_full_week, label="截至")
week = filters.need_week(monday, edition.last_full_week)
if kind == "areas":
    sides = compare.areas(edition, n_weeks, week)
else:
    sides = compare.periods(edition, n_weeks, week, against, other)
found = compare.counted(sides, edition.city_code)
compare.sentence(found)
compare.headline(found, edition)
left, right = st.columns([6, 5], gap="large")
with left:
    compare.mix(found, edition)
with right:
    compare.course(found, edition)
    compare.channels(found, edition)
