"""Where is it? locator_map (vector figure, also for the exports), screen_map (to click and to play), hexagons flat and as
columns, warnings_map.

The first two take the same three things:
    places    frame: place_code, place_name, value (nullable), lon, lat; optional label (text on the map;
              default place_name), value_text (what the tooltip says; default value with separators), mark (up, down)
    geometry  place_code → GeoJSON geometry text (Polygon or MultiPolygon, RFC 7946 ring order)
    classes   app.charts.breaks.Classes: edges, colours, legend labels
A place with a value and no geometry raises MissingBoundary: the view shows the table instead. A place without
a value and without geometry is skipped.
"""

import html
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import orjson
import plotly.graph_objects as go
import polars as pl
import pydeck
import shapely

from app.charts import style
from app.charts.breaks import NO_DATA, Classes
from app.palette import ACCENT, CATEGORICAL, FAINT, INK, LEVELS, MUTED, NO_VALUE, PANEL, PAPER, RULE, WARNING, WHITE

METRES_PER_DEGREE = 111_320
LABEL_SIZE = 13
HEAD_EM = 10.5
RING_WIDTH = 2.5
MIN_RING_KM = 0.5
"""A single place has no extent; its ring must still be seen."""
SCREEN_BYTES, OUTLINE_BYTES = 120_000, 30_000
SCREEN_UNITS = 3000
DECK_FONT = "Yanpan Sans SC, Noto Sans SC, Source Han Sans SC, Microsoft YaHei, sans-serif"
DECK_WIDTH = 1200
"""Pixels the columns are fitted to; a wider window has room at the sides."""
PITCH = 45
HIGHEST = 0.16
"""The tallest column, as a share of how far the places reach."""
SHADING = {"ambient": 0.68, "diffuse": 0.4, "shininess": 1, "specularColor": [0, 0, 0]}
"""Tops and the side towards the light are near the colours of the legend, the side away from it is darker."""
MARKS = {"up": "明显偏高", "down": "明显偏低"}
SIGNS = {"up": "▲", "down": "▼"}
SCALE_ROOM = 36
"""Pixels below a map for its scale bar and the words beneath."""
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
class Circle:
    """A ring on the map with a word beside it."""

    lon: float
    lat: float
    radius_km: float
    label: str
    """On the map: 聚集1."""
    text: str
    """Under the pointer."""


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


def _outlines(geometry: Mapping[str, str], codes: Iterable[str], max_bytes: int) -> dict[str, str]:
    """place_code → its geometry, compact; see `_shapes`. The same places in another order are the same map."""
    ordered = sorted(codes)
    return dict(zip(ordered, _shapes(tuple(geometry[code] for code in ordered), max_bytes), strict=True))


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


@lru_cache(maxsize=32)
def _bounds(shapes: tuple[str, ...]) -> tuple[float, float, float, float]:
    """West, south, east, north."""
    west, south, east, north = map(float, shapely.total_bounds(shapely.from_geojson(list(shapes))))
    return west, south, east, north


def _rings(text: str) -> Iterator[list[list[float]]]:
    shape = orjson.loads(text)
    polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
    for polygon in polygons:
        yield from polygon


def _label(row: Mapping[str, Any]) -> str:
    return str(row["place_name"] if row.get("label") is None else row["label"])


def _uncrowded(
    rows: Iterable[Mapping[str, Any]], per_lon: float, per_lat: float, size: float
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
    ground: Sequence[str] = (),
    marks: Mapping[str, str] = MARKS,
    height: int = 460,
) -> go.Figure:
    """Where is it high? A choropleth drawn as plain polygons: no tiles, vector in exports.

    measure_label: what the legend is headed with, unit included (「近四周件数（件）」). selected: a place_code with
    a heavier outline. Labels are given to the places with the largest values first and left out where they
    would overlap. Legend and north arrow stand at the left of the map, the scale bar in its south-west corner.
    Without a title no room is left above the map. circles: rings of true size, numbered. ground: outlines beneath, where the
    places do not fill the map.
    """
    rows = _drawable(places, geometry)
    if not rows:
        return style.empty(title, height=height)
    shapes = _outlines(geometry, [row["place_code"] for row in rows], LOCATOR_BYTES)
    entries = _legend_entries(classes, has_null=any(row["value"] is None for row in rows))
    signs = [f"{SIGNS[mark]} {word}" for mark, word in marks.items() if any(row.get("mark") == mark for row in rows)]
    texts = [*(text for _, text in entries), *signs]
    head = "<br>".join(style.plain(line) for line in style.folded(measure_label, HEAD_EM))
    left = max(style.text_width(head), style.text_width_of(texts, style.TEXT_SIZE) + 26) + 18
    top = 44 if title else 8
    beneath = _shapes(tuple(ground), LOCATOR_BYTES)
    figure, (west, south, east, north), squeeze = _plain_map(
        [*beneath, *shapes.values()], title, height=height, left=left, top=top, bottom=SCALE_ROOM
    )
    _add_polygons(figure, beneath, PANEL, [""] * len(beneath), outline=FAINT)
    for k, colour in enumerate(classes.colours):
        _add_places(figure, [row for row in rows if _class_of(row, classes) == k], shapes, colour, measure_label)
    _add_places(figure, [row for row in rows if row["value"] is None], shapes, NO_VALUE, measure_label)
    if selected in shapes:
        _add_polygons(figure, [shapes[selected]], "rgba(0,0,0,0)", ["选中区域"], outline=INK, width=2.4)
    _add_hover_points(figure, rows, measure_label)
    numbers = _add_circles(figure, circles, squeeze)
    per_degree = min((height - top - SCALE_ROOM) / (north - south), 560 / ((east - west) * squeeze))
    _add_map_labels(figure, rows, max_labels, per_degree * squeeze, per_degree)
    scale = _add_scale_bar(figure, west, south, east, squeeze)
    style.say_all(figure, [*numbers, *_legend(left, entries, head, signs), scale])
    figure.redraw = partial(
        _at_any_width,
        places,
        geometry,
        title=title,
        measure_label=measure_label,
        classes=classes,
        selected=selected,
        max_labels=max_labels,
        circles=circles,
        ground=ground,
        marks=marks,
    )
    return figure


def _at_any_width(*given: Any, width: float, **named: Any) -> go.Figure:
    """The map keeps its shape; only the height counts."""
    return locator_map(*given, **named)


def _plain_map(
    shapes: Collection[str], title: str, *, height: int, left: float, top: float, bottom: float = 22
) -> tuple[style.Drawing, tuple[float, float, float, float], float]:
    """An empty figure in degrees, its bounds (west, south, east, north), and how much a degree of longitude is shorter."""
    west, south, east, north = _bounds(tuple(shapes))
    squeeze = math.cos(math.radians((south + north) / 2))
    figure = style.paper_figure(title, height=height, left=left, right=12, bottom=bottom)
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
            x=np.array(x[:-1], dtype=object),  # plotly takes twice as long over lists
            y=np.array(y[:-1], dtype=object),
            mode="lines",
            fill="toself",
            fillcolor=colour,
            line={"color": outline, "width": width},
            hoverinfo="skip",
        )
        figure.part_names = {**figure.part_names, len(style.traces_of(figure)) - 1: of_rings}


def _add_circles(figure: go.Figure, circles: Sequence[Circle], squeeze: float) -> list[dict[str, Any]]:
    """The rings; returns their numbers, to be written."""
    numbers = []
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
        above: dict[str, Any] = {"x": circle.lon, "y": circle.lat + radius, "yshift": 2, "yanchor": "bottom"}
        numbers.append(style.said(circle.label, **above, colour=WARNING))
    return numbers


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
    """Names at the middle of places, largest value first, none over another; ▲ or ▼ with the name, or in its place."""
    size = LABEL_SIZE
    signed = [{**row, "sign": SIGNS.get(row.get("mark") or "", "")} for row in rows]
    named = [
        row
        for row, _ in _uncrowded(
            [{**row, "label": _label(row) + row["sign"]} for row in signed if _label(row)], per_lon, per_lat, size
        )
    ]
    named = named[:max_labels]
    codes = {row["place_code"] for row in named}
    alone = [{**row, "label": row["sign"]} for row in signed if row["place_code"] not in codes]
    spoken = _uncrowded([*named, *alone], per_lon, per_lat, size)
    for is_alone, text_size, colour in ((False, size, INK), (True, size - 4, MUTED)):
        some = [(row, text) for row, text in spoken if (row["place_code"] not in codes) == is_alone]
        if is_alone and not some:
            continue
        figure.add_scatter(
            x=[row["lon"] for row, _ in some],
            y=[row["lat"] for row, _ in some],
            mode="text",
            text=[style.plain(text).replace("&lt;br&gt;", "<br>") for _, text in some],
            textposition="middle center",
            textfont={"size": text_size, "color": colour, "shadow": _halo()},
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


def _legend(
    room: float, entries: Sequence[tuple[str, str]], head: str, signs: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The words of the legend and the north arrow, at the left edge: so many pixels left of the map."""
    here: dict[str, Any] = {"x": 0, "xref": "paper", "y": 0, "yref": "paper"}
    left, up = -room, 2.0
    words = []
    for text in reversed(signs):
        words.append(style.said(text, **here, xshift=left, yshift=up + 12, colour=INK, size=style.TEXT_SIZE))
        up += 24
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
    return words


def _add_scale_bar(figure: go.Figure, west: float, south: float, east: float, squeeze: float) -> dict[str, Any]:
    """A bar of a round length, about a quarter of the map, at its south-west corner; returns its words, to be written."""
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
    return style.said(f"{length:g} 公里", x=west, y=south, yshift=-6, yanchor="top")


# ---------------------------------------------------------------- the map on the screen


@dataclass(frozen=True)
class Frame:
    """One step of time: what it is called, its total (null: not to be said), and each place's value and words."""

    label: str
    total: str
    """Beside the slider: 1,234 件."""
    n_events: int | None
    """Height of its bar."""
    values: Mapping[str, tuple[float | None, str]]


def screen_map(
    places: pl.DataFrame,
    geometry: Mapping[str, str],
    *,
    title: str,
    measure_label: str,
    classes: Classes,
    outline: Mapping[str, str] | None = None,
    circles: Sequence[Circle] = (),
    frames: Sequence[Frame] = (),
    marks: Mapping[str, str] = MARKS,
) -> str:
    """Where is it high, to click and to play? JSON for app/assets/map/map.js, which draws it as SVG: no request leaves the page.

    places may have `mark`: up or down where a value is clearly off (▲ ▼); marks: what these mean. outline: boundaries of the level above, heavier.
    circles: of true size, numbered. frames: the same places over time; colours and words then come from them.
    Colours are those of the palette, as #RRGGBB texts, for app.theme to change.
    """
    rows = _drawable(places, geometry)
    if not rows:
        raise ValueError("no place to draw")
    shapes = _outlines(geometry, [row["place_code"] for row in rows], SCREEN_BYTES)
    sheet = _Sheet.around([*shapes.values(), *(outline or {}).values()])
    drawn = [
        sheet.spot(row["lon"], row["lat"])
        | {
            "id": row["place_code"],
            "name": row["place_name"],
            "label": _label(row),
            "d": sheet.path(shapes[row["place_code"]]),
            "c": -1 if row["value"] is None else classes.index(row["value"]),
            "t": _value_text(row),
            "m": row.get("mark") or "",
        }
        for row in rows
    ]
    return _drawing(
        sheet,
        drawn,
        title=title,
        measure_label=measure_label,
        classes=classes,
        marks=marks,
        outlines=[sheet.path(shape) for shape in _shapes(tuple((outline or {}).values()), OUTLINE_BYTES)],
        rings=[
            sheet.spot(one.lon, one.lat) | {"r": round(one.radius_km / sheet.km, 1), "name": one.label, "t": one.text}
            for one in circles
        ],
        frames=[
            {
                "label": frame.label,
                "total": frame.total,
                "n": frame.n_events,
                "c": "".join(_sign(frame.values[row["place_code"]][0], classes) for row in rows),
                "t": [frame.values[row["place_code"]][1] for row in rows],
            }
            for frame in frames
        ],
    )


def screen_hexes(
    cells: pl.DataFrame,
    ground: Mapping[str, str],
    names: pl.DataFrame,
    *,
    size: int,
    title: str,
    measure_label: str,
    classes: Classes,
) -> str:
    """Where do the points lie? Hexagons over the plain outlines of places; JSON as of `screen_map`.

    cells: lon, lat (of the middle), n_events, place_code, place_name (of the place that a click goes to). size: metres from the
    middle to a corner. ground: place_code → outline drawn beneath. names: place_name, lon, lat, written where there is room.
    """
    shapes = _shapes(tuple(ground.values()), SCREEN_BYTES)
    sheet = _Sheet.around(shapes)
    rows = style.with_plain_numbers(cells).to_dicts()
    towns = list(dict.fromkeys((row["place_code"], row["place_name"]) for row in rows))
    number = {town: k for k, town in enumerate(towns)}
    spots = [sheet.spot(row["lon"], row["lat"]) for row in rows]
    return _drawing(
        sheet,
        [],
        title=title,
        measure_label=measure_label,
        classes=classes,
        base="".join(sheet.path(shape) for shape in shapes),
        words=[
            sheet.spot(row["lon"], row["lat"]) | {"label": row["place_name"]}
            for row in names.drop_nulls("lon").iter_rows(named=True)
        ],
        hexes={
            "reach": size / 1000 / sheet.km,
            "towns": towns,
            "cells": [
                [
                    at["x"],
                    at["y"],
                    classes.index(row["n_events"]),
                    row["n_events"],
                    number[row["place_code"], row["place_name"]],
                ]
                for at, row in zip(spots, rows, strict=True)
            ],
        },
    )


@dataclass(frozen=True)
class Deck:
    """What st.pydeck_chart really needs of a deck: compact JSON (pydeck's own is three times as long) and a tooltip."""

    text: str
    tooltip: str
    layers = None

    @property
    def _tooltip(self) -> Any:
        return orjson.loads(self.tooltip)

    def to_json(self) -> str:
        return self.text


def hex_columns(
    cells: pl.DataFrame,
    ground: Mapping[str, str],
    names: pl.DataFrame,
    *,
    size: int,
    title: str,
    measure_label: str,
    classes: Classes,
    height: int = 560,
) -> Deck:
    """The hexagons of `screen_hexes` as columns, their height in proportion to n_events; for st.pydeck_chart, drawn by WebGL.

    A column picked carries `id` (place_code) and `name`. height: pixels of the map. No base map: no request leaves the page.
    """
    shapes = _shapes(tuple(ground.values()), OUTLINE_BYTES)
    west, south, east, north = _bounds(shapes)
    squeeze = math.cos(math.radians((south + north) / 2))
    reach = max((east - west) * squeeze, north - south) * METRES_PER_DEGREE
    # Web Mercator, 512 pixels a tile. Leant back the places need less height; the columns stand up into the rest.
    zoom = math.log2(360 / 512 * min(DECK_WIDTH * 0.95 / (east - west), height * 1.2 / (north - south) * squeeze))
    look = pydeck.ViewState((west + east) / 2, south + 0.54 * (north - south), round(zoom, 2), pitch=PITCH, bearing=0)
    outlines = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": orjson.loads(shape), "properties": {}} for shape in shapes],
    }
    layers = [
        pydeck.Layer(
            "GeoJsonLayer",
            id="ground",
            data=outlines,
            get_fill_color=_rgb(PANEL),
            get_line_color=_rgb(FAINT),
            line_width_units=pydeck.types.String("pixels"),
            get_line_width=1,
            parameters={"depthCompare": "always"},  # lines and ground are at one height
        )
    ]
    rows = [
        {
            "id": _literal(row["place_code"]),
            "name": _literal(row["place_name"]),
            "n": row["n_events"],
            "p": [round(row["lon"], 4), round(row["lat"], 4)],
        }
        for row in style.with_plain_numbers(cells).iter_rows(named=True)
    ]
    for k, colour in enumerate(classes.colours):  # a layer a colour: no row carries one
        layers.append(
            pydeck.Layer(
                "ColumnLayer",
                id=f"class_{k}",
                data=[row for row in rows if classes.index(row["n"]) == k],
                get_position="p",
                get_elevation="n",
                elevation_scale=HIGHEST * reach / max(row["n"] for row in rows),
                disk_resolution=6,
                angle=30,
                radius=size,
                coverage=0.94,
                get_fill_color=_rgb(colour),
                wireframe=True,
                get_line_color=[*_rgb(WHITE), 90],
                material=SHADING,
                pickable=True,
                auto_highlight=True,
                highlight_color=_rgb(CATEGORICAL[1]),
            )
        )
    per_lon = 512 * 2**zoom / 360
    per_lat = per_lon / squeeze * math.cos(math.radians(PITCH))
    written = _uncrowded(names.iter_rows(named=True), per_lon, per_lat, LABEL_SIZE)
    layers.append(
        pydeck.Layer(
            "TextLayer",
            id="names",
            data=[{"p": [row["lon"], row["lat"]], "t": _literal(text)} for row, text in written],
            get_position="p",
            get_text="t",
            get_size=LABEL_SIZE,
            get_color=_rgb(INK),
            font_family=pydeck.types.String(DECK_FONT),
            character_set=pydeck.types.String("auto"),
            background=True,
            get_background_color=[*_rgb(PAPER), 200],
            background_padding=[3, 1],
            parameters={"depthCompare": "always"},  # in front of the columns
        )
    )
    # orthographic: equal counts are equally tall, near and far.
    # map_provider=None and no word of a style: anything else asks a map server. No zoom by double click: the first one picks.
    view = pydeck.View("MapView", controller={"doubleClickZoom": False}, orthographic=True)
    deck = pydeck.Deck(layers, views=[view], initial_view_state=look, map_provider=None)
    tooltip = {
        "html": f"<b>{{name}}</b><br>{html.escape(plain_measure(measure_label))}：{{n}} 件",
        "style": {
            "backgroundColor": PAPER,
            "color": INK,
            "border": f"1px solid {FAINT}",
            "fontFamily": DECK_FONT,
            "fontSize": "14px",
            "padding": "4px 10px",
        },
    }
    return Deck(orjson.dumps(orjson.loads(deck.to_json())).decode(), orjson.dumps(tooltip).decode())


def _rgb(colour: str) -> list[int]:
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def _literal(text: object) -> str:
    """Text from data; deck.gl's reader would take a leading @@= for an expression."""
    return str(text).replace("@@", "＠＠")


def class_legend(classes: Classes, measure_label: str) -> str:
    """The legend of a deck as one line of HTML: deck.gl has none."""
    swatch = f"border:1px solid {FAINT};display:inline-block;width:1.4em;height:.8em"
    entries = "".join(
        f"<span style='white-space:nowrap;margin-right:1rem'><i style='background:{colour};{swatch}'></i> {html.escape(label)}</span>"
        for colour, label in zip(classes.colours, classes.labels, strict=True)
    )
    head = f"<span style='color:{MUTED};margin-right:1rem'>{html.escape(measure_label)}</span>"
    return f"<div style='font-size:.86rem;line-height:1.9'>{head}{entries}</div>"


def hexagon(lon: float, lat: float, size: float) -> list[tuple[float, float]]:
    """The corners of a hexagon that stands on its point, as lon, lat. size: metres from the middle to a corner."""
    squeeze = math.cos(math.radians(lat))
    angles = [math.radians(60 * k + 30) for k in range(6)]
    reach = size / METRES_PER_DEGREE
    return [(lon + reach * math.cos(a) / squeeze, lat + reach * math.sin(a)) for a in angles]


def hex_map(
    cells: pl.DataFrame, ground: Mapping[str, str], *, size: int, title: str, measure_label: str, classes: Classes
) -> go.Figure:
    """The hexagons of `screen_hexes` as a figure to take away."""
    codes = [str(k) for k in range(len(cells))]
    rings = [
        [*hexagon(lon, lat, size), hexagon(lon, lat, size)[0]] for lon, lat in cells.select("lon", "lat").iter_rows()
    ]
    places = style.with_plain_numbers(cells).with_columns(
        pl.Series("place_code", codes), pl.col("n_events").alias("value"), pl.lit("").alias("label")
    )
    geometry = {
        code: orjson.dumps({"type": "Polygon", "coordinates": [ring]}).decode()
        for code, ring in zip(codes, rings, strict=True)
    }
    return locator_map(
        places,
        geometry,
        title=title,
        measure_label=measure_label,
        classes=classes,
        ground=list(ground.values()),
        max_labels=0,
    )


@dataclass(frozen=True)
class _Sheet:
    """The drawing's own units: whole numbers from the north-west corner, about 3000 across."""

    west: float
    north: float
    size: tuple[int, int]
    across: float
    """Units a degree of longitude."""
    up: float

    @classmethod
    def around(cls, shapes: Sequence[str]) -> "_Sheet":
        west, south, east, north = _bounds(tuple(shapes))
        squeeze = math.cos(math.radians((south + north) / 2))
        up = SCREEN_UNITS / max((east - west) * squeeze, north - south, 1e-6)
        size = (math.ceil((east - west) * squeeze * up), math.ceil((north - south) * up))
        return cls(west, north, size, squeeze * up, up)

    @property
    def km(self) -> float:
        """Kilometres a unit."""
        return METRES_PER_DEGREE / 1000 / self.up

    def spot(self, lon: float | None, lat: float | None) -> dict[str, int | None]:
        if lon is None or lat is None:
            return {"x": None, "y": None}
        return {"x": round((lon - self.west) * self.across), "y": round((self.north - lat) * self.up)}

    @lru_cache(maxsize=4096)  # noqa: B019 — a sheet is its five numbers
    def path(self, shape: str) -> str:
        """SVG path of a geometry: absolute start, then steps."""
        return "".join(self._ring(np.asarray(ring, dtype=float)[:, :2]) for ring in _rings(shape))

    def _ring(self, points: np.ndarray) -> str:
        at = np.round((points - [self.west, self.north]) * [self.across, -self.up]).astype(int)
        steps = np.diff(at, axis=0)
        steps = steps[steps.any(axis=1)]
        return f"M{at[0][0]},{at[0][1]}l" + " ".join(f"{x},{y}" for x, y in steps.tolist()) + "z" if len(steps) else ""


def _sign(value: float | None, classes: Classes) -> str:
    return "-" if value is None else np.base_repr(classes.index(value), 36).lower()


def _drawing(
    sheet: _Sheet,
    places: Sequence[Mapping[str, Any]],
    *,
    title: str,
    measure_label: str,
    classes: Classes,
    outlines: Sequence[str] = (),
    rings: Sequence[Mapping[str, Any]] = (),
    frames: Sequence[Mapping[str, Any]] = (),
    base: str = "",
    words: Sequence[Mapping[str, Any]] = (),
    marks: Mapping[str, str] = MARKS,
    hexes: Mapping[str, Any] | None = None,
) -> str:
    return orjson.dumps(
        {
            "size": sheet.size,
            "km": sheet.km,
            "title": title,
            "label": measure_label,
            "measure": measure_label.split("（")[0],
            "classes": list(zip(classes.colours, classes.labels, strict=True)),
            "none": NO_VALUE,
            "none_label": classes.null_label,
            "marks": marks,
            "places": places,
            "outlines": outlines,
            "rings": rings,
            "frames": frames,
            "base": base,
            "words": words,
            "hexes": hexes,
            "colours": {
                "paper": PAPER, "panel": PANEL, "ink": INK, "muted": MUTED, "rule": RULE, "faint": FAINT, "white": WHITE,
                "accent": ACCENT, "warning": WARNING,
            },
        }
    ).decode()  # fmt: skip
