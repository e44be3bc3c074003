"""Where exactly do the points lie? Hexagons counted in the database; a point itself never goes to the browser.

What a reader could work out: only hexagons of k items and more (app.disclosure) are drawn, with their count; elsewhere there is none
or fewer than k, and which of the two is not told. How many items lie elsewhere is said for the whole place alone, and
not below k. Not protected: laying maps of two sizes over each other. A coarse hexagon of 12 items around a fine one of 11 tells
of one item somewhere in the ring between them; the ring is at least 500 metres wide, positions are already snapped to about
200 metres before they are stored, and the grid of a size lies the same in every filter, so that shifting it tells nothing.
"""

from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app import disclosure, filters, marts, page, theme
from app.charts.breaks import sequential_classes
from app.charts.maps import Deck, class_legend, hex_columns, hex_map, screen_hexes
from app.parts import area, screen_map

SIZES = {"city": (1000, 2000, 4000), "county": (500, 1000, 2000), "town": (500, 1000)}
"""Metres from the middle to a corner; the finest is not much smaller than what positions are snapped to."""
ENOUGH = 0.6
"""The finest size of which this share of the points is drawn is taken by itself."""
MOST = 2000
"""Not with more hexagons than this: a slow machine would stutter."""
BY_ITSELF = "auto"
FORMS = {"flat": "平面", "columns": "立体"}
HEIGHT = area.MAP_HEIGHT + 60


def size_wanted(place: dict) -> str:
    """Metres, or BY_ITSELF; in the URL as ?hex=."""
    sizes = {str(size): _said(size) for size in SIZES[place["place_level"]]}
    return filters.choose("格子大小（中心到角）", {BY_ITSELF: "自动", **sizes}, key="hex", kind="buttons")


def form_wanted() -> str:
    """flat or columns; in the URL as ?form=."""
    return filters.choose("画成", FORMS, key="form", kind="buttons")


def draw(
    wanted: str, form: str, place: dict, choice: filters.Choice, span: filters.Period, edition: page.Edition, basis: str
) -> None:
    level = area.FINER[place["place_level"]][0]
    ground = area.boundaries(level, place)
    if not ground:
        page.quiet("没有区域边界，画不出密度图。请先在「数据接入」补充边界文件，或看「区域」里的表格。")
        return
    sizes = SIZES[place["place_level"]]
    k = max(1, disclosure.threshold(choice.issue, choice.group))
    middle = marts.query("places").row(by_predicate=pl.col("place_code") == edition.city_code, named=True)
    scope = {
        **choice.parameters(),
        **span.parameters(),
        "least": k,
        "lon0": middle["lon"] or 0.0,
        "lat0": middle["lat"] or 30.0,
    }
    n_all = int(marts.query("located_counts", **choice.parameters(), **span.parameters())["n_events"][0])
    for size in sizes if wanted == BY_ITSELF else (int(wanted),):
        found = marts.query("hexes", **scope, size=size)
        cells, rest = found.drop_nulls("q"), int(found.filter(pl.col("q").is_null())["n_events"].sum())
        n_drawn = int(cells["n_events"].sum())
        if n_drawn >= ENOUGH * (n_drawn + rest) and len(cells) <= MOST:
            break
    located = f"{n_drawn + rest:,} 件" if n_drawn + rest >= k or not n_drawn + rest else f"不足 {k} 件"
    if cells.is_empty():
        page.quiet(
            f"这个筛选下带点位的有{located}，没有一个格子达到 {k} 件，不画。可放宽时段、区域或事项，或看「区域」。"
        )
        return
    white = (
        f"另有 {rest:,} 件散在不足 {k} 件的格子里，不画"
        if rest >= k
        else f"其余格子一共不足 {k} 件"
        if rest
        else "全部画出"
    )
    whole = filters.place_name(None) if place["place_level"] == "city" else place["place_name"]
    title = f"{whole}密度（{_said(size)}格） {span.words()}"
    classes = sequential_classes(cells["n_events"].to_list())
    cells = cells.with_columns(
        pl.col("place_name").fill_null("镇街不详"), pl.col("place_code").fill_null(place["place_code"])
    )
    names = marts.query("places").filter(pl.col("place_code").is_in(list(ground)))
    about: dict[str, Any] = {"size": size, "title": title, "measure_label": "件数（件）", "classes": classes}
    shown = (cells, ground, names.select("place_name", "lon", "lat"))
    key, meaning = f"hexes_{place['place_code']}", ""
    if form == "columns":
        meaning = (
            f"柱高与件数成正比，最高的一柱 {max(cells['n_events']):,} 件。拖动移动，按住 Ctrl 拖动转动，滚轮放大缩小。"
            "立体图要用显卡（浏览器的 WebGL）；画不出或卡顿时，请在上面换回「平面」。导出的图片是平面图。"
        )
        columns = page.drawn(hex_columns, *shown, **about, height=HEIGHT)
        _columns(columns, key=f"{key}_columns", title=title, leads_on=place["place_level"] != "town")
        st.html(theme.shown(class_legend(classes, about["measure_label"])))
    else:
        screen_map.show(page.drawn(screen_hexes, *shown, **about), key=key, height=HEIGHT, on_pick=area.go_to)
    page.foot(
        cells.select("lon", "lat", "place_name", "n_events"),
        name=title,
        notes=edition.notes(
            f"六边形格子，中心到角 {_said(size)}；共 {n_all:,} 件，带点位的 {located}，{white}。点位入库前已对齐到约 200 米的网格。",
            f"没有格子的地方是没有或不足 {k} 件。点一个格子进入它所在的镇街。",
            meaning,
            basis,
        ),
        key="hexes",
        figure=partial(hex_map, cells, ground, **about),
        labels={"lon": "格子中心经度", "lat": "格子中心纬度", "place_name": "所在镇街"},
    )


def _columns(drawn: Deck, *, key: str, title: str, leads_on: bool) -> None:
    """leads_on: a column picked goes to its town; where it is that town, picking would only fade the others."""

    def picked() -> None:
        for objects in st.session_state[key]["selection"]["objects"].values():
            area.go_to(objects[0]["id"])

    st.pydeck_chart(theme.deck(drawn), height=HEIGHT, key=key, on_select=picked if leads_on else "ignore", alt=title)


def _said(metres: int) -> str:
    return f"{metres} 米" if metres < 1000 else f"{metres // 1000} 公里"
