"""热点地图: where is it high, and where inside that? Click a place to go one level down."""

from dataclasses import replace

import polars as pl
import streamlit as st

from app import address, disclosure, filters, marts, page, place_counts, wording
from app.access import signin
from app.parts import area, clusters, density, over_time, picked, two_periods

edition = page.start("热点地图", "哪里最集中？点开一个区域，看它里面")
mine = signin.scope()
if mine:  # to a reader of a part the map is still the city's, opened at that part
    edition = replace(edition, city_name=dict(marts.query("meta").iter_rows())["city_name"])
    if mine.root and st.query_params.get("place", edition.city_code) == edition.city_code:
        address.write("place", mine.root)
choice, span = filters.bar(edition.data_from, edition.last_full_week, "weeks", "week", "source", "group", "issue")
places = marts.query("places")
place = area.place_asked(places, edition)
choice = replace(choice, **area.inside(place))
finer = area.FINER[place["place_level"]]
left, middle, right, last = st.columns([3, 3, 2, 4], vertical_alignment="bottom")
with left:
    area.breadcrumb(places, place, edition.city_name)
if span.shortfall():
    page.quiet(span.shortfall())
basis = f"筛选：{filters.words(choice)}。按登记日期计。{span.shortfall()}"
against_before = f"变化与之前等长的 {span.n_weeks} 周相比，基数不足 {wording.SMALL_BASE} 件不算。"
if not finer:
    area.smallest(place, choice, span, edition.notes(f"{basis}{against_before}"))
    st.stop()
with middle:
    mode = filters.choose("怎样看", area.MODES, key="mode", kind="buttons")
if mode == "density":
    with right:
        form = density.form_wanted()
    with last:
        size = density.size_wanted(place)
    density.draw(size, form, place, choice, span, edition, basis)
    clusters.listing(clusters.found(choice, span.to_on), choice, span.to_on, edition)
    st.stop()
with right:
    level = filters.choose("显示到", {name: wording.PLACE_LEVELS[name] for name in finer}, key="level", kind="buttons")
with last:
    offered = {name: area.MEASURES[name] for name in area.IN_MODE[mode]}
    measure = filters.choose("指标", offered, key="measure", kind="buttons")
small = disclosure.note(disclosure.threshold(choice.issue, choice.group))
if mode == "play":
    over_time.draw(level, measure, place, choice, span, edition, f"{basis}{small}")
    st.stop()
other, expected = None, None
if mode == "compare":
    other = two_periods.other_period(span, edition)
elif measure == "excess":
    expected, instead = area.expectation(choice, span, level)
    if expected is None:
        page.quiet(instead)
        measure = "count"
counts = area.counted(choice, span, edition.city_code, against=other, expected=expected, with_rates=True)
frame = place_counts.inside_of(counts, level, place)
total = counts.row(by_predicate=pl.col("place_code") == place["place_code"], named=True)
page.require(frame.filter((pl.col("n_events") > 0).fill_null(True) & place_counts.is_told(frame)))
geometry = area.boundaries(level, place)
missing = place_counts.without_boundary(frame, geometry)
is_map = place_counts.can_be_drawn(missing, geometry)
if other and is_map:
    two_periods.draw(frame, level, measure, place, span, other, edition, f"{basis}{small}")
    st.stop()
basis = f"{basis}{against_before}"
frame = place_counts.highest_first(place_counts.valued(frame, measure), measure)
# A new table for each place and level: a click on the last one is not a click on this one.
st.session_state["_table"] = f"_table_{place['place_code']}_{level}"
st.session_state["_places_shown"] = frame["place_code"].to_list()
unlocated = place_counts.not_placed(counts, level, place)
where = "图上" if is_map else "表里"
outside = f"，其中 {unlocated}，不在{where}。" if unlocated else "。"
if not unlocated and missing.is_empty():
    outside = f"，全部在{where}。"
all_of_it = f"共 {place_counts.n_items(total)}{outside}"
if total["n_events"] is None:
    all_of_it = f"{place_counts.n_items(total)}；另有{unlocated}，不在{where}。" if unlocated else ""
lacking = area.not_on_the_map(missing, level, geometry)
whole = filters.place_name(None) if place["place_level"] == "city" else place["place_name"]
title = f"{whole}各{wording.PLACE_LEVELS[level]}{area.MEASURES[measure]} {span.words()}"
notes = edition.notes(all_of_it, lacking, basis, small)
if lacking:
    page.quiet(lacking)
found = clusters.found(choice, span.to_on)
chosen = picked.chosen(frame["place_code"].to_list())
if is_map:
    left, right = st.columns([8, 5], gap="large")
    with left:
        rings = clusters.circles(found)
        area.draw(frame, geometry, level, measure, place, title, notes, rings, chosen, picked.set_chosen)
    with right:
        area.table(frame, place, level, measure)
else:
    area.table(frame, place, level, measure)
    area.foot(frame, title, notes)
picked.choose(frame, level)
names = dict(frame.select("place_code", "place_name").iter_rows())
picked.block(chosen, names, level, place, choice, span, edition.notes(basis, small), counts)
clusters.listing(found, choice, span.to_on, edition)
