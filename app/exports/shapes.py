"""A figure that no office program has a chart for (map, treemap, calendar …) as shapes on a slide, in one group.

The figure is walked as app/exports/picture.py walks it: scatter, bar, heatmap, then shapes and annotations; what is not
known raises UnknownTrace. A place is one shape, its islands and holes with it, named after the place and its value
(「云溪区长宁街道 48件」); so is a tile. Each can be given another colour, moved, or animated by hand.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any, cast

import numpy as np
import plotly.graph_objects as go
from pptx.oxml import parse_xml
from pptx.slide import Slide

from app.charts.style import Drawing, em_width, is_dark, layout_of, traces_of
from app.exports.drawingml import EMU, fill, run, safe, stroke
from app.exports.native_chart import Box
from app.exports.picture import UnknownTrace
from app.palette import ACCENT, INK, MUTED, PAPER

OWN_HEAD, NO_HEAD = 26.0, 4.0
"""Pixels above the axes where a figure says something there, and where it does not."""
LAID_OUT_SCALE, LARGEST_SCALE = 0.95, 1.2
"""Points for a pixel of the figure."""
LINE_PITCH = 1.3
LABEL_PAPER = 0.66
"""How opaque the paper behind a word on a map is."""
SQUARE = "■"
_NAMES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)


@dataclass
class _Page:
    """Where a figure is being drawn: the rectangle of its axes in points, and points per plotly pixel."""

    figure: go.Figure
    area: Box
    scale: float
    first_id: int
    shapes: list[str] = field(default_factory=list)
    categories: dict[str, dict[str, int]] = field(default_factory=lambda: {"x": {}, "y": {}})

    @cached_property
    def layout(self) -> Any:
        return layout_of(self.figure)

    @cached_property
    def dates(self) -> set[str]:
        """Which axes are of dates?"""
        return {name for name in "xy" if self.layout[f"{name}axis"].type == "date"}

    @cached_property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """The range of each axis; asked of plotly once, it is slow to answer."""
        return {name: self._ends(name) for name in "xy"}

    def _ends(self, name: str) -> tuple[float, float]:
        """As the figure says, else the cells or names it has, each one unit wide."""
        axis = self.layout[f"{name}axis"]
        if axis.range is not None:
            return self.at(name, axis.range[0]), self.at(name, axis.range[1])
        values = [self.at(name, value) for trace in traces_of(self.figure) for value in _listed(trace[name], 0)]
        if not self.categories[name]:
            raise UnknownTrace("导出幻灯片的图需要给出坐标范围。")
        low, high = min(values) - 0.5, max(values) + 0.5
        return (high, low) if axis.autorange == "reversed" else (low, high)

    def at(self, axis: str, value: Any) -> float:
        """A plotly coordinate as a number; None → nan."""
        if value is None:
            return float("nan")
        if axis in self.dates and isinstance(value, str | date | datetime | np.datetime64):
            return float(cast(Any, np.datetime64(cast(Any, value), "ms")).astype(float))
        if isinstance(value, str):
            known = self.categories[axis]
            return float(known.setdefault(value, len(known)))
        return float(value)

    def place(self, axis: str, value: Any, ref: str | None = None) -> float:
        """A coordinate of axis x or y (ref paper: 0–1 of the axes) → points from the left or top of the slide."""
        if ref not in (None, axis, "paper"):
            raise UnknownTrace(f"导出幻灯片不认识坐标 {ref}。")
        if ref == "paper":
            share = float(value)
        else:
            low, high = self.bounds[axis]
            share = (self.at(axis, value) - low) / ((high - low) or 1)
        if axis == "x":
            return self.area.left + share * self.area.width
        return self.area.top + (1 - share) * self.area.height

    def add(self, name: str, box: Box, inner: str, *, words: str = "", is_words: bool = False) -> None:
        """A shape: `inner` is its outline, fill and line, `words` its text body."""
        number = self.first_id + len(self.shapes)
        kind = ' txBox="1"' if is_words else ""
        self.shapes.append(
            f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{safe(name)}"/><p:cNvSpPr{kind}/><p:nvPr/></p:nvSpPr>'
            f"<p:spPr>{_where(box)}{inner}</p:spPr>{words}</p:sp>"
        )


def draw(slide: Slide, figure: go.Figure, box: Box, *, name: str, description: str = "") -> None:
    """The figure as a group of shapes within `box`. Raises UnknownTrace."""
    figure, page = _page(figure, box, first_id=_next_id(slide) + 1)
    for shape in page.layout.shapes:
        if shape.layer == "below":
            _add_shape(page, shape)
    _ = page.bounds  # the names of an axis are known from here on
    _add_axes(page)
    traces = traces_of(figure)
    is_map = page.layout.yaxis.scaleanchor == "x"  # there, rings lie over the names that would hide them
    for number in sorted(range(len(traces)), key=lambda k: is_map and _is_open(traces[k])):
        trace = traces[number]
        add = _TRACES.get(trace.type)
        if add is None:
            raise UnknownTrace(f"导出幻灯片不认识 {trace.type} 类型的图。")
        add(page, trace, _names_of(figure, number))
    for shape in page.layout.shapes:
        if shape.layer != "below":
            _add_shape(page, shape)
    for annotation in page.layout.annotations:
        _add_annotation(page, annotation)
    own = _where(box).removeprefix("<a:xfrm>").removesuffix("</a:xfrm>")
    children = own.replace("<a:off", "<a:chOff").replace("<a:ext", "<a:chExt")  # same size: no scaling inside the group
    slide.shapes._spTree.append(
        parse_xml(
            f'<p:grpSp {_NAMES}><p:nvGrpSpPr><p:cNvPr id="{page.first_id - 1}" name="{safe(name)}" descr="{safe(description)}"/>'
            f"<p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr><a:xfrm>{own}{children}</a:xfrm></p:grpSpPr>{''.join(page.shapes)}</p:grpSp>"
        )
    )


def _is_open(trace: Any) -> bool:
    return trace.type == "scatter" and trace.mode == "lines" and trace.fill is None


def _next_id(slide: Slide) -> int:
    return max(int(number) for number in slide.shapes._spTree.xpath("//@id") if str(number).isdigit()) + 1


def _page(figure: go.Figure, box: Box, first_id: int) -> tuple[go.Figure, _Page]:
    """The figure, laid out anew where it can be, and where its axes stand in the box."""
    above = [one.yanchor == "bottom" and one.yref == "paper" and one.y == 1 for one in layout_of(figure).annotations]
    head = OWN_HEAD if any(above) else NO_HEAD
    if isinstance(figure, Drawing) and figure.redraw:
        more = float(layout_of(figure).margin.t) - head
        figure = figure.redraw(
            width=round(box.width / LAID_OUT_SCALE), height=round(box.height / LAID_OUT_SCALE + more)
        )
    layout = layout_of(figure)
    margin = {side: float(getattr(layout.margin, side) or 0) for side in "lrtb"}
    scale = min(
        LARGEST_SCALE,
        box.height / max(float(layout.height or 360) - margin["t"] + head, 1),
        box.width / max(margin["l"] + margin["r"] + 260, 1),
    )
    area = Box(
        box.left + margin["l"] * scale,
        box.top + head * scale,
        box.width - (margin["l"] + margin["r"]) * scale,
        box.height - (head + margin["b"]) * scale,
    )
    page = _Page(figure, area, scale, first_id)
    if layout.yaxis.scaleanchor == "x":
        page.area = _kept_ratio(page)
    return figure, page


def _kept_ratio(page: _Page) -> Box:
    """The part of the area that keeps the ratio of a map's axes, in the middle of it."""
    (west, east), (south, north) = page.bounds["x"], page.bounds["y"]
    wanted = (east - west) / (north - south) / float(page.layout.yaxis.scaleratio or 1)
    area = page.area
    width, height = min(area.width, area.height * wanted), min(area.height, area.width / wanted)
    return Box(area.left + (area.width - width) / 2, area.top + (area.height - height) / 2, width, height)


def _where(box: Box) -> str:
    left, top, width, height = (round(points * EMU) for points in (box.left, box.top, box.width, box.height))
    return f'<a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{max(width, 0)}" cy="{max(height, 0)}"/></a:xfrm>'


# ---------------------------------------------------------------- text


def _lines(marked: str) -> list[tuple[str, bool]]:
    """The lines of a plotly text, and which are bold."""
    found, is_bold = [], False
    for line in marked.split("<br>"):
        is_bold = is_bold or "<b>" in line
        found.append((bare(line), is_bold))
        is_bold = is_bold and "</b>" not in line
    return found


def bare(marked: str) -> str:
    """Plotly text without its marks, on one line."""
    return html.unescape(re.sub(r"</?[a-zA-Z][^>]*>", "", marked.replace("<br>", " ")))


def _write(
    page: _Page,
    marked: str,
    x: float,
    y: float,
    *,
    across: str,
    up: str,
    size: float,
    colour: str,
    on_paper: bool = False,
) -> None:
    """Words at a point of the slide, `size` plotly pixels; across, up: which side of them stands there."""
    lines, points = _lines(marked), size * page.scale
    if not any(text for text, _ in lines):
        return
    if marked == SQUARE:
        side, middle = points * 0.72, y - {"top": -0.65, "middle": 0.0, "bottom": 0.55}[up] * points
        page.add("图例", Box(x, middle - side / 2, side, side), _RECTANGLE + fill(colour) + stroke(None))
        return
    width = max(em_width(text) * (1.05 if is_bold else 1.0) for text, is_bold in lines) * points + (
        6 if on_paper else 2
    )
    height = len(lines) * points * LINE_PITCH
    left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[across] * width
    top = y - {"top": 0.0, "middle": 0.5, "bottom": 1.0}[up] * height
    paper = fill(PAPER, LABEL_PAPER) if on_paper else "<a:noFill/>"
    page.add(
        " ".join(text for text, _ in lines),
        Box(left, top, width, height),
        f"{_RECTANGLE}{paper}{stroke(None)}",
        words=_text_body(lines, points, colour, {"left": "l", "center": "ctr", "right": "r"}[across]),
        is_words=True,
    )


def _text_body(lines: Sequence[tuple[str, bool]], size: float, colour: str, across: str) -> str:
    said = "".join(
        f'<a:p><a:pPr algn="{across}"><a:lnSpc><a:spcPct val="100000"/></a:lnSpc><a:spcBef><a:spcPts val="0"/></a:spcBef></a:pPr>'
        f"{run(text, size, colour, is_bold=is_bold)}</a:p>"
        for text, is_bold in lines
    )
    return (
        '<p:txBody><a:bodyPr wrap="none" lIns="0" tIns="0" rIns="0" bIns="0" anchor="ctr"><a:noAutofit/></a:bodyPr>'
        f"<a:lstStyle/>{said}</p:txBody>"
    )


_RECTANGLE = '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'


# ---------------------------------------------------------------- shapes, words, axes


def _add_shape(page: _Page, shape: Any) -> None:
    x = sorted(page.place("x", value, shape.xref) for value in (shape.x0, shape.x1))
    y = sorted(page.place("y", value, shape.yref) for value in (shape.y0, shape.y1))
    box = Box(x[0], y[0], x[1] - x[0], y[1] - y[0])
    width = (2 if shape.line.width is None else shape.line.width) * page.scale
    line = stroke(shape.line.color or INK, width, shape.line.dash or "")
    if shape.type == "rect":
        page.add("底色", box, _RECTANGLE + fill(shape.fillcolor or "rgba(0,0,0,0)") + line)
    elif shape.type == "line":
        page.add("线", box, f'<a:prstGeom prst="line"><a:avLst/></a:prstGeom>{line}')
    else:
        raise UnknownTrace(f"导出幻灯片不认识形状 {shape.type}。")


def _add_annotation(page: _Page, annotation: Any) -> None:
    if annotation.showarrow is not False:
        raise UnknownTrace("导出幻灯片不支持带箭头的标注。")
    _write(
        page,
        annotation.text,
        page.place("x", annotation.x, annotation.xref) + float(annotation.xshift or 0) * page.scale,
        page.place("y", annotation.y, annotation.yref) - float(annotation.yshift or 0) * page.scale,
        across={"left": "left", "right": "right"}.get(annotation.xanchor, "center"),
        up={"top": "top", "bottom": "bottom"}.get(annotation.yanchor, "middle"),
        size=float(annotation.font.size or page.layout.font.size or 13),
        colour=annotation.font.color or INK,
        on_paper=page.layout.yaxis.scaleanchor == "x" and (annotation.xref, annotation.yref) == ("x", "y"),
    )


def _add_axes(page: _Page) -> None:
    """Ticks with their words, grid lines and base line of the axes that are shown."""
    area = page.area
    for name in "xy":
        axis = page.layout[f"{name}axis"]
        if axis.visible is False:
            continue
        size = float(axis.tickfont.size or page.layout.font.size or 13)
        values = list(page.categories[name] if axis.tickvals is None else axis.tickvals)
        for value, text in zip(values, values if axis.ticktext is None else axis.ticktext, strict=True):
            at = page.place(name, value)
            x, y = (at, area.top + area.height + 5) if name == "x" else (area.left - 6, at)
            if axis.showgrid:
                line = Box(at, area.top, 0, area.height) if name == "x" else Box(area.left, at, area.width, 0)
                page.add(
                    "网格线",
                    line,
                    f'<a:prstGeom prst="line"><a:avLst/></a:prstGeom>{stroke(axis.gridcolor or MUTED, 0.75)}',
                )
            across, up = ("center", "top") if name == "x" else ("right", "middle")
            _write(page, str(text), x, y, across=across, up=up, size=size, colour=axis.tickfont.color or MUTED)
        if axis.showline:
            base = (
                Box(area.left, area.top + area.height, area.width, 0)
                if name == "x"
                else Box(area.left, area.top, 0, area.height)
            )
            page.add(
                "坐标轴", base, f'<a:prstGeom prst="line"><a:avLst/></a:prstGeom>{stroke(axis.linecolor or INK, 0.75)}'
            )


# ---------------------------------------------------------------- scatter


def _names_of(figure: go.Figure, number: int) -> Sequence[str]:
    return figure.part_names.get(number, ()) if isinstance(figure, Drawing) else ()


def _listed(value: Any, n: int, default: Any = None) -> list[Any]:
    """A plotly property that may be one value or one a point."""
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return [default if value is None else value] * n


def _add_scatter(page: _Page, trace: Any, names: Sequence[str]) -> None:
    points = [
        None if a is None or b is None else (page.place("x", a), page.place("y", b))
        for a, b in zip(_listed(trace.x, 0), _listed(trace.y, 0), strict=True)
    ]
    parts = (trace.mode or "lines").split("+")
    width = (2 if trace.line.width is None else float(trace.line.width)) * page.scale
    if trace.fill not in (None, "none", "toself"):
        raise UnknownTrace(f"导出幻灯片不认识填充方式 {trace.fill}。")
    if trace.fill == "toself" or ("lines" in parts and width):
        is_filled = trace.fill == "toself"
        rings = list(_runs(points))
        named = names or [trace.name or "线"] * len(rings)
        line = stroke(trace.line.color or (None if is_filled else ACCENT), width, trace.line.dash or "")
        form = (fill(trace.fillcolor or trace.line.color or ACCENT) if is_filled else "<a:noFill/>") + line
        for name, group in groupby(zip(named, rings, strict=True), key=lambda entry: entry[0]):
            _add_freeform(page, name, [ring for _, ring in group], form, is_closed=is_filled)
    if "markers" in parts:
        _add_markers(page, trace, points)
    if "text" in parts:
        _add_texts(page, trace, points)


def _runs(points: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    """Stretches without a gap."""
    for is_gap, group in groupby(points, key=lambda point: point is None):
        if not is_gap:
            yield [point for point in group if point is not None]


def _add_freeform(
    page: _Page, name: str, rings: Sequence[Sequence[tuple[float, float]]], form: str, *, is_closed: bool
) -> None:
    """One shape of several rings; those inside others are holes."""
    xs, ys = [x for ring in rings for x, _ in ring], [y for ring in rings for _, y in ring]
    box = Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    steps = []
    for ring in rings:
        at = [f'<a:pt x="{round((x - box.left) * EMU)}" y="{round((y - box.top) * EMU)}"/>' for x, y in ring]
        if is_closed and at[0] == at[-1]:
            at.pop()
        steps.append(f"<a:moveTo>{at[0]}</a:moveTo>" + "".join(f"<a:lnTo>{point}</a:lnTo>" for point in at[1:]))
    closed = "<a:close/>" if is_closed else ""
    size = f'w="{round(box.width * EMU)}" h="{round(box.height * EMU)}"'
    outline = (
        '<a:custGeom><a:avLst/><a:gdLst/><a:ahLst/><a:cxnLst/><a:rect l="0" t="0" r="r" b="b"/><a:pathLst>'
        f"<a:path {size}{'' if is_closed else ' fill=' + chr(34) + 'none' + chr(34)}>{''.join(step + closed for step in steps)}</a:path>"
        "</a:pathLst></a:custGeom>"
    )
    page.add(name, box, outline + form)


_SYMBOLS = {
    "circle": "ellipse",
    "circle-open": "ellipse",
    "triangle-up": "triangle",
    "triangle-down": "flowChartMerge",
    "square": "rect",
    "diamond": "diamond",
    "cross": "mathPlus",
    "x": "mathMultiply",
}


def _add_markers(page: _Page, trace: Any, points: Sequence[tuple[float, float] | None]) -> None:
    marker, n = trace.marker, len(points)
    colours, symbols = _listed(marker.color, n, ACCENT), _listed(marker.symbol, n, "circle")
    sizes, hovers = _listed(marker.size, n, 6), _listed(trace.hovertext, n, trace.name or "点")
    edge = float(marker.line.width or 0) * page.scale
    for k, point in enumerate(points):
        if symbols[k] not in _SYMBOLS:
            raise UnknownTrace(f"导出幻灯片不认识点的形状 {symbols[k]}。")
        is_open = symbols[k].endswith("-open")
        inside = fill("rgba(0,0,0,0)" if is_open else colours[k])
        if point is None or (inside == "<a:noFill/>" and not edge and not is_open):
            continue
        side = float(sizes[k]) * page.scale
        line = stroke(colours[k], 1.5 * page.scale) if is_open else stroke(marker.line.color if edge else None, edge)
        outline = f'<a:prstGeom prst="{_SYMBOLS[symbols[k]]}"><a:avLst/></a:prstGeom>'
        page.add(
            bare(str(hovers[k])), Box(point[0] - side / 2, point[1] - side / 2, side, side), outline + inside + line
        )


def _add_texts(page: _Page, trace: Any, points: Sequence[tuple[float, float] | None]) -> None:
    n = len(points)
    sizes = _listed(trace.textfont.size, n, float(page.layout.font.size or 13))
    colours, positions = _listed(trace.textfont.color, n, INK), _listed(trace.textposition, n, "middle center")
    marks = _listed(trace.marker.size, n, 6)
    for k, text in enumerate(_listed(trace.text, n, "")):
        point = points[k]
        if not text or point is None:
            continue
        reach = ((float(marks[k]) / 2 + 3) if "markers" in trace.mode else 2.0) * page.scale
        up, across = positions[k].split()
        _write(
            page,
            text,
            point[0] + {"left": -reach, "right": reach}.get(across, 0),
            point[1] + {"top": -reach, "bottom": reach}.get(up, 0),
            across={"left": "right", "right": "left"}.get(across, "center"),
            up={"top": "bottom", "bottom": "top"}.get(up, "middle"),
            size=float(sizes[k]),
            colour=colours[k],
            on_paper=bool(trace.textfont.shadow),
        )


# ---------------------------------------------------------------- bars, cells


def _add_bar(page: _Page, trace: Any, _names: Sequence[str]) -> None:
    flat = trace.orientation == "h"
    along, across = ("y", "x") if flat else ("x", "y")
    places = [page.at(along, value) for value in _listed(getattr(trace, along), 0)]
    lengths = [value or 0.0 for value in _listed(getattr(trace, across), 0)]
    n = len(places)
    steps = np.diff(np.unique(places))
    widths = _listed(trace.width, n, 0.8 * (float(steps.min()) if len(steps) else 1.0))
    base, colours = _listed(trace.base, n, 0.0), _listed(trace.marker.color, n, ACCENT)
    hovers, texts = _listed(trace.hovertext, n, trace.name or "条"), _listed(trace.text, n, "")
    line = stroke(trace.marker.line.color or PAPER, float(trace.marker.line.width or 0) * page.scale)
    for k in range(n):
        a = sorted(page.place(along, places[k] + half) for half in (-widths[k] / 2, widths[k] / 2))
        b = sorted(page.place(across, value) for value in (base[k], base[k] + lengths[k]))
        x, y = (b, a) if flat else (a, b)
        page.add(bare(str(hovers[k])), Box(x[0], y[0], x[1] - x[0], y[1] - y[0]), _RECTANGLE + fill(colours[k]) + line)
        if texts[k] not in (None, ""):
            _write_beside_bar(page, trace, str(texts[k]), x, y, flat=flat)


def _write_beside_bar(page: _Page, trace: Any, text: str, x: list[float], y: list[float], *, flat: bool) -> None:
    is_inside = trace.textposition in ("inside", "auto")
    middle = (x[0] + x[1]) / 2, (y[0] + y[1]) / 2
    at = middle if is_inside else (x[1] + 5 * page.scale, middle[1]) if flat else (middle[0], y[0] - 4 * page.scale)
    _write(
        page,
        text,
        *at,
        across="center" if is_inside or not flat else "left",
        up="middle" if is_inside or flat else "bottom",
        size=float(trace.textfont.size or 13),
        colour=trace.textfont.color or INK,
    )


def _add_heatmap(page: _Page, trace: Any, _names: Sequence[str]) -> None:
    """Cells; null stays paper. The text of a cell is in the cell."""
    z = np.array([[np.nan if value is None else value for value in row] for row in trace.z], dtype=float)
    x = _borders([page.at("x", value) for value in (trace.x if trace.x is not None else range(z.shape[1]))])
    y = _borders([page.at("y", value) for value in (trace.y if trace.y is not None else range(z.shape[0]))])
    low = float(trace.zmin) if trace.zmin is not None else float(np.nanmin(z))
    high = float(trace.zmax) if trace.zmax is not None else float(np.nanmax(z))
    scale = [(float(at), colour) for at, colour in trace.colorscale or ((0, PAPER), (1, ACCENT))]
    for i, j in np.argwhere(~np.isnan(z)):
        colour = _between(scale, (z[i, j] - low) / ((high - low) or 1))
        left, right = sorted(page.place("x", x[j + k]) for k in (0, 1))
        top, bottom = sorted(page.place("y", y[i + k]) for k in (0, 1))
        text = str(trace.text[i][j]) if trace.text is not None and trace.text[i][j] else ""
        ink = "#FFFFFF" if is_dark(colour) else INK
        words = _text_body(_lines(text), float(trace.textfont.size or 12) * page.scale, ink, "ctr") if text else ""
        form = _RECTANGLE + fill(colour) + stroke(PAPER, 1.2 * page.scale)
        page.add(bare(text) or f"{z[i, j]:g}", Box(left, top, right - left, bottom - top), form, words=words)


def _borders(centres: Sequence[float]) -> list[float]:
    """Cell borders half way between centres."""
    if len(centres) == 1:
        return [centres[0] - 0.5, centres[0] + 0.5]
    middle = [(a + b) / 2 for a, b in pairwise(centres)]
    return [2 * centres[0] - middle[0], *middle, 2 * centres[-1] - middle[-1]]


def _between(scale: Sequence[tuple[float, str]], share: float) -> str:
    """The colour at a share of a plotly colour scale of #rrggbb."""
    stops = [at for at, _ in scale]
    parts = [np.interp(share, stops, [int(colour[k : k + 2], 16) for _, colour in scale]) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(float(part)):02X}" for part in parts)


_TRACES: dict[str, Callable[[_Page, Any, Sequence[str]], None]] = {
    "scatter": _add_scatter,
    "bar": _add_bar,
    "heatmap": _add_heatmap,
}
