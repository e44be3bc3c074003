"""Where is it? locator_map (vector figure, also for the exports), hotspot_deck (the interactive map), warnings_map.

The first two take the same three things:
    places    frame: place_code, place_name, value (nullable), lon, lat; optional label (text on the map;
              default place_name), optional value_text (what the tooltip says; default value with separators)
    geometry  place_code → GeoJSON geometry text (Polygon or MultiPolygon, RFC 7946 ring order)
    classes   app.charts.breaks.Classes: edges, colours, legend labels
A place with a value and no geometry raises MissingBoundary: the view shows the table instead. A place without
a value and without geometry is skipped.
"""

import html
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import plotly.graph_objects as go
import polars as pl
import shapely

from app.charts import style
from app.charts.breaks import NO_DATA, Classes
from app.palette import FAINT, INK, LEVELS, MUTED, NO_VALUE, PANEL, PAPER, WARNING

METRES_PER_DEGREE = 111_320
DECK_FONT = "Yanpan Sans SC, Noto Sans SC, Source Han Sans SC, Microsoft YaHei, sans-serif"
LABEL_SIZE = 13
HEAD_EM = 10.5
RING_WIDTH = 2.5
MIN_RING_PIXELS = 7
MIN_RING_KM = 0.5
"""A single place has no extent; its ring must still be seen."""
DECK_BYTES = 140_000
LOCATOR_BYTES = 60_000
"""A drawn map is a few hundred pixels wide; finer borders only cost time."""
TOLERANCES = (0.0001, 0.0002, 0.0004, 0.0007, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.008)
"""Degrees; 0.001 is about 100 m."""


class MissingBoundary(ValueError):
    """Places with a value but no boundary; a map would show holes. `place_names` says which."""

    def __init__(self, place_names: Sequence[str]):
        self.place_names = tuple(place_names)
        shown = "、".join(self.place_names[:3]) + ("等" if len(self.place_names) > 3 else "")
        super().__init__(f"{len(self.place_names)} 个区域没有边界（{shown}），改用表格显示。")


@dataclass(frozen=True)
class View:
    """Where a web map first looks."""

    longitude: float
    latitude: float
    zoom: float


@dataclass(frozen=True)
class Circle:
    """A ring on the map with a word beside it."""

    lon: float
    lat: float
    radius_km: float
    label: str
    """On the map: 聚集1."""
    text: str
    """Under the pointer."""


class FastDeck:
    """What st.pydeck_chart really needs of a deck: ready-made compact JSON and a tooltip."""

    width = None
    height = None
    layers = None
    mapbox_key = None

    def __init__(self, json_text: str, tooltip: dict[str, Any]):
        self._json_text = json_text
        self._tooltip = tooltip

    def to_json(self) -> str:
        return self._json_text


# ---------------------------------------------------------------- shared


def _drawable(places: pl.DataFrame, geometry: Mapping[str, str]) -> list[dict[str, Any]]:
    """The places to draw, largest value first; complains about values that would be left out."""
    rows = (
        style.with_plain_numbers(places)
        .sort("value", "place_code", descending=[True, False], nulls_last=True)
        .to_dicts()
    )
    missing = [r["place_name"] for r in rows if r["value"] is not None and r["place_code"] not in geometry]
    if missing:
        raise MissingBoundary(missing)
    return [row for row in rows if row["place_code"] in geometry]


def fit_view(geometries: Sequence[str], width: int = 760, height: int = 560, *, padding: int = 24) -> View:
    """Which centre and zoom show all of these on a map of width × height pixels? Web Mercator, 512-pixel tiles."""
    west, south, east, north = shapely.total_bounds(shapely.from_geojson(list(geometries)))
    low, high = _mercator(south), _mercator(north)
    across = max((east - west) / 360, 1e-6)
    up = max((high - low) / (2 * math.pi), 1e-6)
    zoom = min(math.log2((width - 2 * padding) / 512 / across), math.log2((height - 2 * padding) / 512 / up))
    latitude = math.degrees(2 * math.atan(math.exp((low + high) / 2)) - math.pi / 2)
    return View(round((west + east) / 2, 5), round(latitude, 5), round(min(zoom, 16), 3))


def _mercator(latitude: float) -> float:
    return math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2))


@lru_cache(maxsize=32)
def _shapes(texts: tuple[str, ...], max_bytes: int) -> tuple[str, ...]:
    """The geometries as compact JSON of at most `max_bytes` together; neighbours keep one common border."""
    compact = tuple(text.replace(" ", "") for text in texts)
    if sum(map(len, compact)) <= max_bytes:
        return compact
    shapes = shapely.from_geojson(list(texts))
    whole = bool(shapely.coverage_is_valid(shapes))
    written = compact
    for tolerance in TOLERANCES:
        if whole:
            simpler = shapely.coverage_simplify(shapes, tolerance)
        else:
            simpler = shapely.simplify(shapes, tolerance, preserve_topology=True)
        written = tuple(_geojson(shape) for shape in simpler)
        if sum(map(len, written)) <= max_bytes:
            break
    return written


def _geojson(shape: Any) -> str:
    """Compact geometry, four decimals (about 10 m)."""
    polygons = [
        [np.round(shapely.get_coordinates(ring), 4).tolist() for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(shape)
        if part.geom_type == "Polygon"
    ]
    if len(polygons) == 1:
        return orjson.dumps({"type": "Polygon", "coordinates": polygons[0]}).decode()
    return orjson.dumps({"type": "MultiPolygon", "coordinates": polygons}).decode()


def _rings(text: str) -> Iterator[list[list[float]]]:
    shape = orjson.loads(text)
    polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
    for polygon in polygons:
        yield from polygon


def _label(row: Mapping[str, Any]) -> str:
    return str(row["place_name"] if row.get("label") is None else row["label"])


def _uncrowded(
    rows: Sequence[Mapping[str, Any]], per_lon: float, per_lat: float, size: float
) -> list[tuple[Mapping[str, Any], str]]:
    """Which places get their name on the map? In the order given, none over another; pixels per degree as given."""
    taken: list[tuple[float, float, float, float]] = []
    spoken = []
    for row in rows:
        text = _label(row)
        if not text or row["lon"] is None or row["lat"] is None:
            continue
        half_width = style.text_width(text, size) / 2 + 2
        half_height = (text.count("<br>") + 1) * (size + 3) / 2
        x, y = row["lon"] * per_lon, row["lat"] * per_lat
        if all(abs(x - u) >= half_width + w or abs(y - v) >= half_height + h for u, v, w, h in taken):
            taken.append((x, y, half_width, half_height))
            spoken.append((row, text))
    return spoken


def _value_text(row: Mapping[str, Any]) -> str:
    return str(row.get("value_text") or style.number(row["value"]))


# ---------------------------------------------------------------- locator map


def locator_map(
    places: pl.DataFrame,
    geometry: Mapping[str, str],
    *,
    title: str,
    measure_label: str,
    classes: Classes,
    selected: str | None = None,
    max_labels: int = 30,
    circles: Sequence[Circle] = (),
    height: int = 460,
) -> go.Figure:
    """Where is it high? A choropleth drawn as plain polygons: no tiles, vector in exports.

    measure_label: what the legend is headed with, unit included (「近四周件数（件）」). selected: a place_code with
    a heavier outline. Labels are given to the places with the largest values first and left out where they
    would overlap. Legend and north arrow stand at the left of the map, the scale bar in its south-west corner.
    Without a title no room is left above the map. circles: rings of true size, numbered.
    """
    rows = _drawable(places, geometry)
    if not rows:
        return style.empty(title, height=height)
    codes = [row["place_code"] for row in rows]
    shapes = dict(zip(codes, _shapes(tuple(geometry[code] for code in codes), LOCATOR_BYTES), strict=True))
    entries = _legend_entries(classes, has_null=any(row["value"] is None for row in rows))
    texts = [text for _, text in entries]
    head = "<br>".join(style.plain(line) for line in style.folded(measure_label, HEAD_EM))
    left = max(style.text_width(head), style.text_width_of(texts, style.TEXT_SIZE) + 26) + 18
    top = 44 if title else 8
    figure, (west, south, east, north), squeeze = _plain_map(shapes.values(), title, height=height, left=left, top=top)
    for k, colour in enumerate(classes.colours):
        _add_places(figure, [row for row in rows if _class_of(row, classes) == k], shapes, colour, measure_label)
    _add_places(figure, [row for row in rows if row["value"] is None], shapes, NO_VALUE, measure_label)
    if selected in shapes:
        _add_polygons(figure, [shapes[selected]], "rgba(0,0,0,0)", ["选中区域"], outline=INK, width=2.4)
    _add_hover_points(figure, rows, measure_label)
    _add_circles(figure, circles, squeeze)
    per_degree = min((height - top - 22) / (north - south), 560 / ((east - west) * squeeze))
    _add_map_labels(figure, rows, max_labels, per_degree * squeeze, per_degree)
    _add_legend(figure, entries, head)
    _add_scale_bar(figure, west, south, east, squeeze)
    figure.redraw = lambda _, high: locator_map(
        places,
        geometry,
        title=title,
        measure_label=measure_label,
        classes=classes,
        selected=selected,
        max_labels=max_labels,
        circles=circles,
        height=round(high),
    )
    return figure


def _plain_map(
    shapes: Collection[str], title: str, *, height: int, left: float, top: float
) -> tuple[style.Drawing, tuple[float, float, float, float], float]:
    """An empty figure in degrees, its bounds (west, south, east, north), and how much a degree of longitude is shorter."""
    west, south, east, north = map(float, shapely.total_bounds(shapely.from_geojson(list(shapes))))
    squeeze = math.cos(math.radians((south + north) / 2))
    figure = style.paper_figure(title, height=height, left=left, right=12, bottom=22)
    figure.update_layout(margin={"t": top})
    figure.update_xaxes(range=[west, east], constrain="domain", constraintoward="left")
    figure.update_yaxes(
        range=[south, north],
        scaleanchor="x",
        scaleratio=1 / squeeze,
        constrain="domain",
        constraintoward="top",
    )
    return figure, (west, south, east, north), squeeze


def warnings_map(
    places: pl.DataFrame, geometry: Mapping[str, str], marks: pl.DataFrame, *, title: str = "", height: int = 300
) -> go.Figure:
    """Where are the warnings listed? Outlines with their names; a mark a place, its order in the list beside it.

    places: place_code, place_name, lon, lat of the outlines. geometry: as everywhere here. marks: lon, lat,
    signal_level (the most urgent of the place: its colour and shape), label (「1、3」), text (under the pointer).
    """
    rows = [row for row in places.iter_rows(named=True) if row["place_code"] in geometry]
    if not rows:
        return style.empty(title, height=height)
    shapes = _shapes(tuple(geometry[row["place_code"]] for row in rows), LOCATOR_BYTES)
    top = 44 if title else 8
    figure, (west, south, east, north), squeeze = _plain_map(shapes, title, height=height, left=8, top=top)
    per_degree = min((height - top - 22) / (north - south), 400 / ((east - west) * squeeze))
    _add_polygons(figure, shapes, PANEL, [row["place_name"] for row in rows], outline=FAINT)
    known = [row for row in rows if row["lon"] is not None]
    figure.add_scatter(
        x=[row["lon"] for row in known],
        y=[_free_height(row, marks, per_degree * squeeze, per_degree) for row in known],
        mode="text",
        text=[style.plain(row["place_name"]) for row in known],
        textfont={"size": style.SMALL_SIZE, "color": MUTED},
        hoverinfo="skip",
        cliponaxis=False,
    )
    levels = [LEVELS[level] for level in marks["signal_level"]]
    figure.add_scatter(
        x=marks["lon"].to_list(),
        y=marks["lat"].to_list(),
        mode="markers+text",
        marker={
            "size": 13,
            "color": [level.colour for level in levels],
            "symbol": [level.symbol for level in levels],
            "line": {"color": PAPER, "width": 1.5},
        },
        text=[style.bold(style.plain(label)) for label in marks["label"]],
        textposition="top center",
        textfont={"size": style.TEXT_SIZE, "color": INK, "shadow": _halo()},
        hovertext=[style.plain(text) for text in marks["text"]],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return figure


def _free_height(place: Mapping[str, Any], marks: pl.DataFrame, per_lon: float, per_lat: float) -> float:
    """Which latitude for the name of a place, so that no mark (13 pixels, its label above) covers it? The nearest free one."""
    half = style.text_width(place["place_name"], style.SMALL_SIZE) / 2 + 12
    x, y = (marks["lon"] - place["lon"]) * per_lon, (marks["lat"] - place["lat"]) * per_lat
    above = y.filter(x.abs() < half).to_list()  # of the marks, in pixels
    shift = next((at for at in (0, -16, 16, -26, 26, -38, 38) if all(not -28 < one - at < 15 for one in above)), 0)
    return float(place["lat"] + shift / per_lat)


def _class_of(row: Mapping[str, Any], classes: Classes) -> int | None:
    return None if row["value"] is None else classes.index(row["value"])


def _add_places(
    figure: style.Drawing,
    rows: Sequence[Mapping[str, Any]],
    shapes: Mapping[str, str],
    colour: str,
    measure_label: str,
) -> None:
    """The places of one class; on a slide each is called by its name and value: 云溪区长宁街道 48件."""
    unit = measure_label.partition("（")[2].rstrip("）")
    names = [f"{row['place_name']} {_value_text(row)}{unit if _value_text(row)[-1:].isdigit() else ''}" for row in rows]
    _add_polygons(figure, [shapes[row["place_code"]] for row in rows], colour, names)


def _add_polygons(
    figure: style.Drawing,
    shapes: Sequence[str],
    colour: str,
    names: Sequence[str],
    *,
    outline: str = "#FFFFFF",
    width: float = 0.9,
) -> None:
    """All polygons of one colour as one trace; `names`: of each shape."""
    x: list[float | None] = []
    y: list[float | None] = []
    of_rings: list[str] = []
    for shape, name in zip(shapes, names, strict=True):
        for ring in _rings(shape):
            of_rings.append(name)
            x += [point[0] for point in ring] + [None]
            y += [point[1] for point in ring] + [None]
    if x:
        figure.add_scatter(
            x=x[:-1],
            y=y[:-1],
            mode="lines",
            fill="toself",
            fillcolor=colour,
            line={"color": outline, "width": width},
            hoverinfo="skip",
        )
        figure.part_names = {**figure.part_names, len(style.traces_of(figure)) - 1: of_rings}


def _add_circles(figure: go.Figure, circles: Sequence[Circle], squeeze: float) -> None:
    around = np.linspace(0, 2 * math.pi, 49)
    for circle in circles:
        radius = max(circle.radius_km, MIN_RING_KM) * 1000 / METRES_PER_DEGREE
        figure.add_scatter(
            x=circle.lon + radius / squeeze * np.cos(around),
            y=circle.lat + radius * np.sin(around),
            mode="lines",
            line={"color": WARNING, "width": RING_WIDTH},
            hoverinfo="skip",
        )
        style.say(figure, circle.label, x=circle.lon, y=circle.lat + radius, yshift=2, yanchor="bottom", colour=WARNING)


def _add_hover_points(figure: go.Figure, rows: Sequence[Mapping[str, Any]], measure_label: str) -> None:
    """Invisible points that carry what the pointer shows."""
    named = plain_measure(measure_label)
    figure.add_scatter(
        x=[row["lon"] for row in rows],
        y=[row["lat"] for row in rows],
        mode="markers",
        marker={"size": 18, "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        text=[f"<b>{style.plain(row['place_name'])}</b><br>{named}：{style.plain(_value_text(row))}" for row in rows],
        hovertemplate="%{text}<extra></extra>",
        customdata=[row["place_code"] for row in rows],
    )


def plain_measure(measure_label: str) -> str:
    """The measure without its unit in brackets."""
    return style.plain(measure_label.split("（")[0])


def _add_map_labels(
    figure: go.Figure, rows: Sequence[Mapping[str, Any]], max_labels: int, per_lon: float, per_lat: float
) -> None:
    """Names at the middle of places, largest value first, none over another."""
    size = LABEL_SIZE
    spoken = _uncrowded(rows, per_lon, per_lat, size)[:max_labels]
    figure.add_scatter(
        x=[row["lon"] for row, _ in spoken],
        y=[row["lat"] for row, _ in spoken],
        mode="text",
        text=[style.plain(text).replace("&lt;br&gt;", "<br>") for _, text in spoken],
        textposition="middle center",
        textfont={"size": size, "color": INK, "shadow": _halo()},
        hoverinfo="skip",
        cliponaxis=False,
    )


def _halo() -> str:
    return ",".join(f"{dx}px {dy}px 2px {PAPER}" for dx in (-1.5, 0, 1.5) for dy in (-1.5, 0, 1.5) if dx or dy)


def _legend_entries(classes: Classes, *, has_null: bool) -> list[tuple[str, str]]:
    """(colour, text), lowest class first; no value at the bottom, folded where it is long."""
    entries = list(zip(classes.colours, classes.labels, strict=True))
    if not has_null:
        return entries
    return [(NO_VALUE, (classes.null_label or NO_DATA).replace("，", "，<br>")), *entries]


def _add_legend(figure: go.Figure, entries: Sequence[tuple[str, str]], head: str) -> None:
    here: dict[str, Any] = {"x": 0, "xref": "paper", "y": 0, "yref": "paper"}
    left, up = -float(style.layout_of(figure).margin.l), 2.0
    words = []
    for colour, text in entries:
        up += 18 * text.count("<br>")
        words.append(style.said("■", **here, xshift=left, yshift=up + 12, colour=colour, size=22))
        words.append(
            style.said(
                text.replace("&", "&amp;"),
                **{**here, "yanchor": "top"},
                xshift=left + 26,
                yshift=up + 20,
                colour=INK,
                size=style.TEXT_SIZE,
            )
        )
        up += 24
    words.append(style.said(head, **{**here, "yanchor": "bottom"}, xshift=left, yshift=up + 4))
    north: dict[str, Any] = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "yanchor": "top"}
    words.append(style.said("北<br>▲", **north, xshift=left, align="center"))
    style.say_all(figure, words)


def _add_scale_bar(figure: go.Figure, west: float, south: float, east: float, squeeze: float) -> None:
    """A bar of a round length, about a quarter of the map, at its south-west corner."""
    across = (east - west) * squeeze * METRES_PER_DEGREE / 1000
    length = max((k for k in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if k <= across / 4), default=0.1)
    degrees = length * 1000 / METRES_PER_DEGREE / squeeze
    figure.add_scatter(
        x=[west, west + degrees],
        y=[south, south],
        mode="lines",
        line={"color": MUTED, "width": 2},
        hoverinfo="skip",
        cliponaxis=False,
    )
    style.say(figure, f"{length:g} 公里", x=west, y=south, yshift=-6, yanchor="top")


# ---------------------------------------------------------------- interactive map


def hotspot_deck(
    places: pl.DataFrame,
    geometry: Mapping[str, str],
    *,
    measure_label: str,
    classes: Classes,
    view: View | None = None,
    outline: Mapping[str, str] | None = None,
    selected: str | None = None,
    labels: bool = True,
    circles: Sequence[Circle] = (),
    max_bytes: int | None = None,
) -> FastDeck:
    """Where is it high, clickable? For st.pydeck_chart(deck, on_select="rerun", selection_mode="single-object").

    Layer "places" is pickable; a picked feature's properties are id (place_code), name, value (text). The
    selection carries the whole feature, so read `selection["objects"]["places"][0]["properties"]["id"]` and drop
    the rest. outline: boundaries of the parent level, drawn as heavier lines. view: default fit_view of the
    geometry for 760 × 560 pixels; pass fit_view(…, width, height) for another size. labels: names that do not
    overlap at that view, largest value first. circles: layer "circles", of true size, numbered. No base map and no request leaves the page. max_bytes: shapes are
    simplified (shared borders stay shared) until the JSON fits; default DECK_BYTES.
    """
    rows = _drawable(places, geometry)
    texts = tuple(geometry[row["place_code"]] for row in rows)
    budget = max_bytes or DECK_BYTES
    share = 0.2 if outline else 0.0
    room = max(20_000, budget - 2_000 - 260 * len(rows))
    shapes = _shapes(texts, int(room * (1 - share)))
    layers = [_places_layer(rows, shapes, classes)]
    if outline:
        layers.append(_outline_layer("outline", _shapes(tuple(outline.values()), int(room * share)), MUTED, 1.8))
    if selected is not None:
        chosen = [shape for row, shape in zip(rows, shapes, strict=True) if row["place_code"] == selected]
        layers += [_outline_layer("selected", chosen, INK, 3)] if chosen else []
    view = view or (fit_view(texts) if texts else View(105, 35, 3))
    if labels:
        layers.append(_label_layer(rows, view))
    if circles:
        layers += _circle_layers(circles)
    look = f'{{"longitude":{view.longitude},"latitude":{view.latitude},"zoom":{view.zoom},"pitch":0,"bearing":0}}'
    text = (
        f'{{"initialViewState":{look},"mapStyle":"__MAP_STYLE__",'
        f'"views":[{{"@@type":"MapView","controller":true}}],"layers":[{",".join(layers)}]}}'
    )
    return FastDeck(text, _tooltip(measure_label))


def _rgb(colour: str, alpha: int = 255) -> list[int]:
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)] + ([alpha] if alpha < 255 else [])


def _literal(text: object) -> str:
    """Text from data; deck.gl's reader would take a leading @@= for an expression."""
    return str(text).replace("@@", "＠＠")


def _places_layer(rows: Sequence[Mapping[str, Any]], shapes: Sequence[str], classes: Classes) -> str:
    features = []
    for row, shape in zip(rows, shapes, strict=True):
        properties = {
            "id": _literal(row["place_code"]),
            "name": _literal(row["place_name"]),
            "value": _literal(_value_text(row)),
            "c": _rgb(classes.colour(row["value"])),
        }
        features.append(f'{{"type":"Feature","geometry":{shape},"properties":{orjson.dumps(properties).decode()}}}')
    return (
        '{"@@type":"GeoJsonLayer","id":"places","pickable":true,"autoHighlight":true,'
        '"highlightColor":[30,42,51,60],"stroked":true,"filled":true,"getFillColor":"@@=properties.c",'
        '"getLineColor":[255,255,255],"lineWidthUnits":"pixels","getLineWidth":1,"lineWidthMinPixels":1,'
        f'"data":{{"type":"FeatureCollection","features":[{",".join(features)}]}}}}'
    )


def _outline_layer(name: str, shapes: Sequence[str], colour: str, width: float) -> str:
    features = ",".join(f'{{"type":"Feature","geometry":{shape},"properties":{{}}}}' for shape in shapes)
    return (
        f'{{"@@type":"GeoJsonLayer","id":"{name}","pickable":false,"stroked":true,"filled":false,'
        f'"getLineColor":{_rgb(colour)},"lineWidthUnits":"pixels","getLineWidth":{width},'
        f'"lineWidthMinPixels":{width},"data":{{"type":"FeatureCollection","features":[{features}]}}}}'
    )


def _label_layer(rows: Sequence[Mapping[str, Any]], view: View) -> str:
    """Names that do not overlap at the first look; the others are in the tooltip."""
    per_lon = 512 * 2**view.zoom / 360
    spoken = _uncrowded(rows, per_lon, per_lon / math.cos(math.radians(view.latitude)), LABEL_SIZE)
    data = [{"p": [row["lon"], row["lat"]], "t": _literal(text).replace("<br>", "\n")} for row, text in spoken]
    layer = {
        "@@type": "TextLayer",
        "id": "labels",
        "pickable": False,
        "data": data,
        "getPosition": "@@=p",
        "getText": "@@=t",
        "getSize": LABEL_SIZE,
        "getColor": _rgb(INK),
        "fontFamily": DECK_FONT,
        "characterSet": "auto",
        "background": True,
        "getBackgroundColor": _rgb(PAPER, 200),
        "backgroundPadding": [3, 1],
    }
    return orjson.dumps(layer).decode()


def _circle_layers(circles: Sequence[Circle]) -> list[str]:
    """Rings that can be pointed at while the place inside can still be clicked, and their labels."""
    data = [
        {
            "p": [circle.lon, circle.lat],
            "r": circle.radius_km * 1000,
            "t": _literal(circle.label),
            "name": _literal(circle.label),
            "value": _literal(circle.text),
        }
        for circle in circles
    ]
    rings = {
        "@@type": "ScatterplotLayer",
        "id": "circles",
        "pickable": True,
        "filled": False,
        "stroked": True,
        "data": data,
        "getPosition": "@@=p",
        "getRadius": "@@=r",
        "radiusMinPixels": MIN_RING_PIXELS,
        "getLineColor": _rgb(WARNING),
        "lineWidthUnits": "pixels",
        "getLineWidth": RING_WIDTH,
    }
    words = {
        "@@type": "TextLayer",
        "id": "circle_labels",
        "pickable": False,
        "data": data,
        "getPosition": "@@=p",
        "getText": "@@=t",
        "getSize": LABEL_SIZE,
        "getColor": _rgb(PAPER),
        "getPixelOffset": [0, -MIN_RING_PIXELS - LABEL_SIZE],
        "fontFamily": DECK_FONT,
        "characterSet": "auto",
        "background": True,
        "getBackgroundColor": _rgb(WARNING),
        "backgroundPadding": [4, 1],
    }
    return [orjson.dumps(rings).decode(), orjson.dumps(words).decode()]


def _tooltip(measure_label: str) -> dict[str, Any]:
    said = html.escape(measure_label.split("（")[0]).replace("{", "｛").replace("}", "｝")
    return {
        "html": f"<b>{{name}}</b><br>{said}：{{value}}",
        "style": {
            "backgroundColor": PAPER,
            "color": INK,
            "border": "1px solid #B3B7B9",
            "fontFamily": DECK_FONT,
            "fontSize": "14px",
            "padding": "6px 10px",
        },
    }


def class_legend(classes: Classes, *, measure_label: str, n_by_class: Sequence[int] | None = None) -> str:
    """The legend of a deck map as one line of HTML (deck.gl has none): swatch, label and, if given, how many."""
    entries = []
    counted = [*(n_by_class or ()), None]
    known = [*zip(classes.colours, classes.labels, strict=True)]
    for k, (colour, text) in enumerate([*known, (NO_VALUE, classes.null_label)] if classes.null_label else known):
        many = (
            f"<span style='color:{MUTED}'>（{counted[k]} 个）</span>" if n_by_class and counted[k] is not None else ""
        )
        swatch = (
            f"<span style='background:{colour};border:1px solid #B3B7B9;"
            "display:inline-block;width:1.4em;height:.8em'></span>"
        )
        entries.append(f"<span style='white-space:nowrap;margin-right:1.1em'>{swatch} {html.escape(text)}{many}</span>")
    head = f"<span style='color:{MUTED};margin-right:1.1em'>{html.escape(measure_label)}</span>"
    return f"<div style='font-size:.9rem;line-height:1.9'>{head}{''.join(entries)}</div>"
