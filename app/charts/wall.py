"""What hangs on the wall: the city with this week's warnings, and the course of the weeks. Frame → SVG text for 大屏.

Drawn here and not by plotly, because a wall has any size: an SVG grows with it, type and all, where a plotly figure keeps
its pixels. A hundred units of a drawing are as wide as ten lines of its smallest type.
"""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import polars as pl
import shapely

from app.charts.breaks import Classes
from app.charts.style import FONT_FAMILY, number, text_width
from app.palette import ACCENT, FAINT, INK, LEVELS, MUTED, NO_VALUE, PANEL, PAPER

TEXT, LARGE = 19, 24
MAP_SIZE = (660, 500)
COURSE_SIZE = (660, 190)
TOLERANCE = 0.001
"""Degrees, about 100 m: less than a pixel of a wall."""
MARK = 17
"""Half the width of a mark."""
SHAPES = {
    "circle": '<circle r="17" {paint}/>',
    "triangle-up": '<path d="M0-21 20 14H-20Z" {paint}/>',
    "square": '<path d="M-16-16H16V16H-16Z" {paint}/>',
    "diamond": '<path d="M0-21 21 0 0 21-21 0Z" {paint}/>',
}
"""LevelStyle.symbol → the same shape around 0, 0."""


def city(
    places: pl.DataFrame,
    geometry: Mapping[str, str],
    classes: Classes,
    counties: pl.DataFrame,
    outlines: Mapping[str, str],
    marks: pl.DataFrame,
) -> str:
    """Where are the warnings, and where do most items come from?

    places: place_code, value (nullable) of the towns, coloured by `classes`; geometry: their boundaries (GeoJSON).
    counties, outlines: place_code, place_name, lon, lat of the counties and their boundaries. marks: lon, lat, signal_level, label.
    """
    width, height = MAP_SIZE
    west, south, east, north = map(float, shapely.total_bounds(shapely.from_geojson(list(outlines.values()))))
    squeeze = math.cos(math.radians((south + north) / 2))
    key = 30 * (len(classes.labels) + bool(classes.null_label)) + 40
    scale = min((width - 190) / ((east - west) * squeeze), (height - 8) / (north - south))
    left = width - (east - west) * squeeze * scale - 4

    def at(lon: float, lat: float) -> tuple[float, float]:
        return left + (lon - west) * squeeze * scale, 4 + (north - lat) * scale

    def path(texts: Sequence[str], paint: str) -> str:
        shapes = shapely.coverage_simplify(shapely.from_geojson(list(texts)), TOLERANCE)
        return "".join(f'<path d="{_path(shape, at)}" {paint}/>' for shape in shapes)

    rows = [row for row in places.iter_rows(named=True) if row["place_code"] in geometry]
    shapes = shapely.coverage_simplify(shapely.from_geojson([geometry[row["place_code"]] for row in rows]), TOLERANCE)
    parts = [
        f'<path d="{_path(shape, at)}" fill="{classes.colour(row["value"])}" stroke="{PAPER}" stroke-width=".8"/>'
        for row, shape in zip(rows, shapes, strict=True)
    ] or [path(list(outlines.values()), f'fill="{PANEL}"')]
    parts.append(path(list(outlines.values()), f'fill="none" stroke="{INK}" stroke-width="1.6" stroke-opacity=".55"'))
    points = [at(row["lon"], row["lat"]) for row in marks.iter_rows(named=True)]
    for row in counties.drop_nulls(["lon", "lat"]).iter_rows(named=True):
        x, y = at(row["lon"], row["lat"])
        y = _free(x, y, text_width(row["place_name"], TEXT) / 2, points)
        parts.append(_words(row["place_name"], x, y, anchor="middle", halo=True))
    parts += [_mark(row, *point) for row, point in zip(marks.iter_rows(named=True), points, strict=True)]
    parts.append(_key(classes, height - key))
    return _svg(MAP_SIZE, parts)


def _free(x: float, y: float, half: float, points: Sequence[tuple[float, float]]) -> float:
    """How high does the name of a place stand, so that no mark covers it? The nearest free height."""
    above = [v for u, v in points if abs(u - x) < half + MARK + 4]
    return next((y + at for at in (0, -20, 20, -34, 34, -46, 46) if all(abs(y + at - v) > MARK + 13 for v in above)), y)


def _path(shape: shapely.Geometry, at: Callable[[float, float], tuple[float, float]]) -> str:
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return "".join(
        "M" + " ".join(f"{x:.1f} {y:.1f}" for x, y in (at(*point) for point in ring.coords)) + "Z" for ring in rings
    )


def _mark(row: Mapping[str, object], x: float, y: float) -> str:
    """Shape and colour of the level, the numbers of the list on it, or beside it where there are several."""
    level = LEVELS[str(row["signal_level"])]
    label, inside = str(row["label"]), len(str(row["label"])) < 3
    shape = SHAPES[level.symbol].format(paint=f'fill="{level.colour}" stroke="{PAPER}" stroke-width="3"')
    words = (
        _words(label, 0, 1, size=LARGE, colour=level.on_colour, anchor="middle", bold=True)
        if inside
        else _words(label, MARK + 6, 0, size=LARGE, colour=INK, bold=True, halo=True)
    )
    return f'<g transform="translate({x:.1f} {y:.1f})">{shape}{words}</g>'


def _key(classes: Classes, top: float) -> str:
    """The legend, most at the top."""
    entries = [*zip(classes.colours, classes.labels, strict=True)][::-1]
    entries += [(NO_VALUE, classes.null_label)] if classes.null_label else []
    parts = [_words("各镇街本周件数", 0, top, colour=MUTED)]
    for k, (colour, label) in enumerate(entries):
        y = top + 34 + 30 * k
        parts.append(f'<rect y="{y - 9:.0f}" width="26" height="18" fill="{colour}"/>' + _words(label, 36, y))
    return "".join(parts)


def course(weeks: Sequence[date], values: Sequence[int | None]) -> str:
    """How many items a week? A column a week, the last one the subject; the first, the last, the most and the least say their count.

    weeks: Mondays, ascending. A week without data has None and no column.
    """
    width, height = COURSE_SIZE
    known = [value for value in values if value is not None]
    if not known:
        return _svg(COURSE_SIZE, [_words("没有可画的数据", width / 2, height / 2, anchor="middle")])
    step, base, most = width / len(weeks), height - 34, max(known) or 1
    last = len(weeks) - 1
    said = {0, last, values.index(max(known)), values.index(min(known))}
    parts = []
    for k, (monday, value) in enumerate(zip(weeks, values, strict=True)):
        middle = step * (k + 0.5)
        if value is not None:
            high = (base - 34) * value / most
            colour = ACCENT if k == last else FAINT
            box = f'x="{step * k + 3:.1f}" y="{base - high:.1f}" width="{step - 6:.1f}" height="{high:.1f}"'
            parts.append(f'<rect {box} fill="{colour}"/>')
            if k in said:
                parts.append(_words(number(value), middle, base - high - 14, anchor="middle", bold=k == last))
        if k in (0, last // 2, last):
            x, anchor = {0: (3.0, "start"), last: (width - 3.0, "end")}.get(k, (middle, "middle"))
            parts.append(_words(f"{monday.month}月{monday.day}日", x, height - 13, colour=MUTED, anchor=anchor))
    parts.append(f'<path d="M0 {base}H{width}" stroke="{MUTED}" stroke-width="1.5"/>')
    return _svg(COURSE_SIZE, parts)


def _words(
    text: str,
    x: float,
    y: float,
    *,
    size: float = TEXT,
    colour: str = INK,
    anchor: str = "start",
    bold: bool = False,
    halo: bool = False,
) -> str:
    around = f' stroke="{PAPER}" stroke-width="4" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" dy=".36em" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
        f"{weight}{around}>{html.escape(text)}</text>"
    )


def _svg(size: tuple[int, int], parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" font-family="Noto Sans CJK SC, {FONT_FAMILY}">'
        f"{''.join(parts)}</svg>"
    )
