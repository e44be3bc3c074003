"""热点地图: where is it high, and where inside that? Click a place to go one level down."""

from dataclasses import replace

import polars as pl
import streamlit as st

from app import filters, marts, page, wording
from app.parts.area import (
    FINER,
    LABELS,
    MAP_HEIGHT,
    MEASURES,
    UNLOCATED,
    breadcrumb,
    draw,
    drill_by_row,
    measured,
)

edition = page.start("热点地图", "哪里最集中？点开一个区域，看它里面")
choice, span = filters.bar(edition.data_from, edition.last_full_week, "weeks", "week", "source", "group", "issue")
places = marts.query("places")
known = places.filter(pl.col("place_code") == st.query_params.get("place", edition.city_code))
place = (known if len(known) else places.filter(pl.col("place_level") == "city")).row(0, named=True)
left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
with left:
    breadcrumb(places, place, edition.city_name)
finer = FINER[place["place_level"]]
if not finer:
    page.quiet("已经到社区、村一级。点上面的路径返回，或到「高频事项」看这里的具体事项。")
    st.stop()
with middle:
    level = filters.choose("显示到", {name: wording.PLACE_LEVELS[name] for name in finer}, key="level", kind="buttons")
with right:
    measure = filters.choose("指标", MEASURES, key="measure", kind="buttons")

inside = {"county": place["county_code"], "town": place["town_code"]}
choice = replace(choice, **inside)
scope = {**choice.parameters(), **span.parameters()}
located = marts.query("located_counts", **scope).row(0, named=True)
unlocated = located[UNLOCATED[level]]
counts = marts.query("place_counts", **scope, place_level=level)
page.require(counts.filter(pl.col("n_events") > 0))
frame = measured(span.only_known(counts, edition.data_from), measure)
# A new map for each place and level: a click on the last one is not a click on this one.
st.session_state.update({name: f"{name}_{place['place_code']}_{level}" for name in ("_map", "_table")})
st.session_state["_places_shown"] = frame["place_code"].to_list()
title = f"{'全市' if place['place_level'] == 'city' else place['place_name']}各{wording.PLACE_LEVELS[level]}{MEASURES[measure]} {span.words()}"
notes = edition.notes(
    f"共 {located['n_events']:,} 件"
    + (f"，其中 {unlocated:,} 件没有写明{wording.PLACE_LEVELS[level]}，不在图上。" if unlocated else "，全部在图上。"),
    f"筛选：{filters.words(choice)}。按登记日期计；变化与之前等长的 {span.n_weeks} 周相比，基数不足 {wording.SMALL_BASE} 件不算。",
)
left, right = st.columns([8, 5], gap="large")
with left:
    draw(frame, level, measure, place, title, notes)
with right:
    named = pl.Series(
        "place_name", [wording.place({**row, "place_level": level}) for row in frame.iter_rows(named=True)]
    )
    columns = ["place_name", "n_events", "n_events_before", "change_share", "rate"]
    page.grid(
        (frame.with_columns(named) if place["place_level"] == "city" else frame).select(columns),
        key=st.session_state["_table"],
        labels=LABELS,
        height=MAP_HEIGHT,
        on_select=drill_by_row,
    )
