"""热点地图: where is it high, and where inside that? Click a place to go one level down."""

from dataclasses import replace

import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, place_counts, wording
from app.parts import area, clusters

edition = page.start("热点地图", "哪里最集中？点开一个区域，看它里面")
choice, span = filters.bar(edition.data_from, edition.last_full_week, "weeks", "week", "source", "group", "issue")
places = marts.query("places")
place = area.place_asked(places, edition)
choice = replace(choice, **area.inside(place))
left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
with left:
    area.breadcrumb(places, place, edition.city_name)
if span.shortfall():
    page.quiet(span.shortfall())
basis = (
    f"筛选：{filters.words(choice)}。按登记日期计；变化与之前等长的 {span.n_weeks} 周相比，"
    f"基数不足 {wording.SMALL_BASE} 件不算。{span.shortfall()}"
)
finer = area.FINER[place["place_level"]]
if not finer:
    area.smallest(place, choice, span, edition.notes(basis))
    st.stop()
with middle:
    names = {name: wording.PLACE_LEVELS[name] for name in finer}
    level = filters.choose("显示到", names, key="level", kind="buttons")
with right:
    measure = filters.choose("指标", area.MEASURES, key="measure", kind="buttons")

counts = area.counted(choice, span, edition.city_code)
frame = place_counts.valued(place_counts.inside_of(counts, level, place), measure)
total = counts.row(by_predicate=pl.col("place_code") == place["place_code"], named=True)
unlocated = place_counts.not_placed(counts, level, place)
page.require(frame.filter((pl.col("n_events") > 0).fill_null(True) & (pl.col("value_text") != "无数据")))
# A new map for each place and level: a click on the last one is not a click on this one.
st.session_state.update({name: f"{name}_{place['place_code']}_{level}" for name in ("_map", "_table")})
st.session_state["_places_shown"] = frame["place_code"].to_list()
geometry = area.boundaries(level, place)
missing = place_counts.without_boundary(frame, geometry)
is_map = place_counts.can_be_drawn(missing, geometry)
where = "图上" if is_map else "表里"
outside = f"，其中 {unlocated}，不在{where}。" if unlocated else "。"
if not unlocated and missing.is_empty():
    outside = f"，全部在{where}。"
lacking = area.not_on_the_map(missing, level, geometry)
whole = "全市" if place["place_level"] == "city" else place["place_name"]
title = f"{whole}各{wording.PLACE_LEVELS[level]}{area.MEASURES[measure]} {span.words()}"
small = disclosure.note(disclosure.threshold(choice.issue, choice.group))
notes = edition.notes(f"共 {place_counts.n_items(total)}{outside}", lacking, basis, small)
if lacking:
    page.quiet(lacking)
found = clusters.found(choice, span.to_on)
if is_map:
    left, right = st.columns([8, 5], gap="large")
    with left:
        area.draw(frame, geometry, level, measure, place, title, notes, clusters.circles(found))
    with right:
        area.table(frame, place, level)
else:
    area.table(frame, place, level)
    area.foot(frame, title, notes)
clusters.listing(found, choice, span.to_on, edition)
