"""Looking at a place and into it: breadcrumb, measures, map, table."""

from functools import partial

import polars as pl
import streamlit as st

from app import filters, marts, page, wording
from app.charts.breaks import Classes, change_classes, sequential_classes
from app.charts.maps import MissingBoundary, class_legend, fit_view, hotspot_deck, locator_map

MEASURES = {"count": "件数", "rate": "每万人", "change": "变化"}
MEASURE_LABELS = {"count": "件数（件）", "rate": "每万常住人口件数（件）", "change": "较上一等长时段的变化"}
FINER = {
    "city": ("county", "town"),  # a thousand communities at once are too small to read and 400 kB a run
    "county": ("town", "community"),
    "town": ("community",),
    "community": (),
}
UNLOCATED = {"county": "n_without_county", "town": "n_without_town", "community": "n_without_community"}
MAP_WIDTH, MAP_HEIGHT = 760, 500
MAX_LABELLED = 150
LABELS = {"n_events_before": "上期", "change_share": "变化", "rate": "每万人"}


def go_to(place_code: str | None) -> None:
    """Look at this place, at the level just below it."""
    filters.forget("level")
    if place_code:
        st.query_params["place"] = place_code
    else:
        st.query_params.pop("place", None)


def drill_by_click() -> None:
    """The place picked on the map becomes the place looked at."""
    picked = st.session_state[st.session_state["_map"]]["selection"]["objects"].get("places")
    if picked:
        go_to(picked[0]["properties"]["id"])


def drill_by_row() -> None:
    rows = st.session_state[st.session_state["_table"]]["selection"]["rows"]
    if rows:
        go_to(st.session_state["_places_shown"][rows[0]])


def breadcrumb(places: pl.DataFrame, place: dict, city_name: str) -> None:
    """全市 › 云溪区 › 和平街道; each a button."""
    trail = [(None, f"全市（{city_name}）")]
    for code in (place["county_code"], place["town_code"], place["place_code"]):
        if code and code not in [step for step, _ in trail] and place["place_level"] != "city":
            name = places.row(by_predicate=pl.col("place_code") == code, named=True)["place_name"]
            trail.append((code, name))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="breadcrumb"):
        for code, name in trail[:-1]:
            st.button(name, type="tertiary", on_click=go_to, args=(code,), key=f"crumb_{code}")
            st.html('<span class="crumb">›</span>', width="content")
        st.html(f'<strong class="crumb">{wording.escape(trail[-1][1])}</strong>', width="content")


def measured(counts: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Adds rate, change and the measure drawn (value, value_text); no percentage on a small base."""
    now, before = pl.col("n_events"), pl.col("n_events_before")
    frame = counts.with_columns(
        (now / pl.col("population") * 10_000).alias("rate"),
        pl.when(before >= wording.SMALL_BASE).then(now / before - 1).alias("change_share"),
    )
    value = {"count": now, "rate": pl.col("rate"), "change": pl.col("change_share")}[measure]
    text = [_in_words(row) for row in frame.iter_rows(named=True)]
    return frame.with_columns(value.alias("value"), pl.Series("value_text", text, dtype=pl.String))


def _in_words(row: dict) -> str:
    words = f"{wording.items(row['n_events'])}，每万人 {wording.number(row['rate'], 1)} 件"
    change = wording.change(row["n_events"], row["n_events_before"]).words
    return f"{words}，上期 {wording.items(row['n_events_before'])}（{change}）"


def classes_of(frame: pl.DataFrame, measure: str) -> Classes:
    values = frame["value"].to_list()
    return change_classes(values) if measure == "change" else sequential_classes(values, whole=measure == "count")


def boundaries(level: str, place: dict) -> dict[str, str]:
    """place_code → geometry of one level inside the place looked at."""
    parent = None if place["place_level"] == "city" else place["place_code"]
    return dict(marts.query("boundaries", place_level=level, inside=parent).iter_rows())


def draw(frame: pl.DataFrame, level: str, measure: str, place: dict, title: str, notes: list[str]) -> None:
    """The map; where a place has no boundary, one sentence, and the table beside it does the work."""
    geometry, classes, label = boundaries(level, place), classes_of(frame, measure), MEASURE_LABELS[measure]
    outline = boundaries("county", place) if place["place_level"] == "city" and level != "county" else None
    view = fit_view(list(geometry.values()), MAP_WIDTH, MAP_HEIGHT) if geometry else None
    try:
        deck = page.drawn(
            hotspot_deck,
            frame,
            geometry,
            measure_label=label,
            classes=classes,
            view=view,
            outline=outline,
            labels=len(frame) <= MAX_LABELLED,
        )
        figure = partial(locator_map, frame, geometry, title=title, measure_label=label, classes=classes)
    except MissingBoundary as missing:
        page.quiet(str(missing))
        figure = None
    else:
        st.pydeck_chart(
            deck,  # a deck, as far as this needs one: to_json and a tooltip
            height=MAP_HEIGHT,
            key=st.session_state["_map"],
            on_select=drill_by_click,
            selection_mode="single-object",
        )
        st.html(class_legend(classes, measure_label=label))
    figures = frame.drop("parent_code", "lon", "lat", "has_boundary", "value", "value_text")
    page.foot(figures, name=title, notes=notes, key="hotspots", figure=figure, labels=LABELS)
