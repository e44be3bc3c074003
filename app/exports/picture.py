"""What the screen shows, as a picture for a slide or a document: the same plotly figure drawn by matplotlib.

No browser is needed. The figure is walked trace by trace: scatter (lines, markers, text, fill toself / tozeroy /
tonexty), bar, heatmap, then shapes and annotations. Anything else raises UnknownTrace: a picture that
silently lacks a part of the figure would mislead. Only figures with one pair of axes.

Figure and canvas objects are used directly, without pyplot's global state, so that threads do not meet.
"""

import html
import io
import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from matplotlib import font_manager, patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.transforms import ScaledTranslation, Transform, blended_transform_factory

from app.charts.style import Drawing, em_width, layout_of, traces_of
from app.palette import ACCENT, INK, MUTED, PAPER, RULE

SLIDE = (1600, 900)
DPI = 100
LARGEST_SCALE, LARGEST_ROW_SCALE, LAID_OUT_SCALE = 1.75, 2.3, 1.5
"""How much larger than on the screen type may become on a slide; more where a few rows should fill it."""
DOCUMENT = (1560, 858)
"""A picture in a document: 10 pixels a millimetre of the text's width."""
DOCUMENT_SCALE = 2.25
"""The screen's 14 pixels are 9 points where the picture is 156 mm wide."""
TALLEST = 1.2
"""A picture of rows in a document, relative to its width: at most this, so that text still stands on its page."""

FONTS = Path(__file__).resolve().parents[1] / "assets" / "fonts"
FAMILY = "Yanpan Sans SC"
FALLBACKS = (
    "Yanpan Serif SC",
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "SimHei",
)
"""For rare characters; first what comes with the program, so that the picture is the same on every machine."""
UNKNOWN = "〓"

mpl.rcParams["svg.hashsalt"] = "yanpan"
mpl.rcParams["svg.fonttype"] = "path"


class UnknownTrace(TypeError):
    """The figure has something this exporter cannot draw; a picture that lacks it would mislead."""


def png(
    figure: go.Figure,
    *,
    title: str | None = None,
    note: str = "",
    size: tuple[int, int] | None = None,
    bare: bool = False,
) -> bytes:
    """The figure as PNG, `size` pixels.

    title: what and when; default the figure's own title, which otherwise stands below it where it says more.
    note: 口径, filters, as-of time and data version; stands below the figure, whole, on as many lines as it takes.
    size: default SLIDE, DOCUMENT where bare.
    bare: for a document that says title and note itself: only the figure, on white, its type 9 points where it stands
    156 mm wide. A figure of rows (horizontal bars) is then as high as its rows, whatever the height in `size`.
    Same figure and words → same bytes. Safe to call from several threads.
    """
    drawn, buffer = _draw(figure, title, note, size, bare), io.BytesIO()
    FigureCanvasAgg(drawn).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def svg(
    figure: go.Figure,
    *,
    title: str | None = None,
    note: str = "",
    size: tuple[int, int] | None = None,
    bare: bool = False,
) -> bytes:
    """The figure as SVG; text is drawn as paths, so it looks the same without the font."""
    drawn, buffer = _draw(figure, title, note, size, bare), io.BytesIO()
    FigureCanvasSVG(drawn).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


# ---------------------------------------------------------------- type

_fonts_lock = threading.Lock()
_families: list[str] = []


def _font_families() -> list[str]:
    """Our font first, then for rare characters our other one, then whatever of the usual Chinese fonts this machine has."""
    with _fonts_lock:
        if not _families:
            for file in sorted(FONTS.glob("*.ttf")):
                font_manager.fontManager.addfont(str(file))
            present = {entry.name for entry in font_manager.fontManager.ttflist}
            _families.extend(name for name in (FAMILY, *FALLBACKS) if name in present)
            logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    return _families


def _font(size_px: float, *, bold: bool = False) -> font_manager.FontProperties:
    return font_manager.FontProperties(
        family=_font_families(), weight="bold" if bold else "normal", size=size_px * 72 / DPI
    )


@lru_cache(maxsize=1)
def _signs() -> frozenset[str]:
    """Every character that one of the fonts can draw."""
    files = [font_manager.findfont(font_manager.FontProperties(family=name)) for name in _font_families()]
    return frozenset(chr(point) for file in files for point in FT2Font(file).get_charmap())


def _drawable(text: str) -> str:
    """What no font has is shown as 〓, not as an empty box."""
    return "".join(sign if sign in _signs() or sign == "\n" else UNKNOWN for sign in text)


_TAG = re.compile(r"</?[a-zA-Z][^>]*>")


@dataclass(frozen=True)
class _Words:
    """One line of plotly text, read."""

    text: str
    is_bold: bool


def _words(marked: str) -> list[_Words]:
    """The lines of a plotly text. Bold counts for a whole line; other marks raise."""
    lines, is_bold = [], False
    for line in marked.split("<br>"):
        is_bold = is_bold or "<b>" in line
        bare = line.replace("<b>", "").replace("</b>", "")
        if _TAG.search(bare):
            raise UnknownTrace(f"图中文字含有不能导出的标记：{bare}")
        lines.append(_Words(_drawable(html.unescape(bare)), is_bold))
        is_bold = is_bold and "</b>" not in line
    return lines


# ---------------------------------------------------------------- the page


@dataclass
class _Page:
    """Where one figure is being drawn: the plotting area, and pixels per plotly pixel."""

    axes: Axes
    figure: go.Figure
    scale: float
    is_date: dict[str, bool] = field(default_factory=dict)
    categories: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def layout(self) -> Any:
        return layout_of(self.figure)

    def points(self, pixels: float) -> float:
        """Plotly pixels → matplotlib points."""
        return pixels * self.scale * 72 / DPI

    def along(self, axis: str, values: Sequence[Any] | None) -> np.ndarray:
        """Plotly coordinates of axis x or y → numbers; None → nan."""
        return np.array([self.at(axis, value) for value in (() if values is None else values)], dtype=float)

    def at(self, axis: str, value: Any) -> float:
        if value is None:
            return float("nan")
        if self.is_date[axis] and isinstance(value, str | date | datetime | np.datetime64):
            return float(date2num(np.datetime64(value)))
        if isinstance(value, str):
            return float(self.categories[axis].setdefault(value, len(self.categories[axis])))
        return float(value)


def _draw(figure: go.Figure, title: str | None, note: str, size: tuple[int, int] | None, bare: bool) -> Figure:
    own_head = 26.0
    if bare:
        width, height = size = _bare_size(figure, size or DOCUMENT, own_head)
        drawn = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        unit = width / DOCUMENT[0]
        side = top = bottom = 8 * unit
    else:
        width, height = size = size or SLIDE
        drawn = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
        unit = min(width / 1600, height / 900)
        side = 56 * unit
        top, bottom = _head(drawn, figure, title, size, unit), _foot(drawn, note, size, unit)
    room = height - top - bottom
    if isinstance(figure, Drawing) and figure.redraw:
        scale = (DOCUMENT_SCALE if bare else LAID_OUT_SCALE) * unit
        head = float(layout_of(figure).margin.t) - own_head
        figure = figure.redraw(width=round((width - 2 * side) / scale), height=round(room / scale + head))
    layout = layout_of(figure)
    margin = {name: float(getattr(layout.margin, name) or 0) for name in "lrtb"}
    own_height = float(layout.height or 360)
    largest = DOCUMENT_SCALE if bare else LARGEST_ROW_SCALE if _has_rows(figure) else LARGEST_SCALE
    scale = min(
        largest * unit,
        room / max(own_height - margin["t"] + own_head, 1),
        (width - 2 * side) / max(margin["l"] + margin["r"] + 260, 1),
    )
    inside = room - (own_head + margin["b"]) * scale
    if _has_rows(figure):
        inside = min(inside, (own_height - margin["t"] - margin["b"]) * scale * 1.15)
    left, right = side + margin["l"] * scale, side + margin["r"] * scale
    low = height - top - own_head * scale - inside
    box = (left / width, low / height, (width - left - right) / width, inside / height)
    page = _Page(drawn.add_axes(_kept_ratio(figure, box, size)), figure, scale)
    _prepare_axes(page)
    for shape in layout.shapes:
        _draw_shape(page, shape)
    for trace in traces_of(figure):
        draw = _TRACES.get(trace.type)
        if draw is None:
            raise UnknownTrace(f"导出图片不认识 {trace.type} 类型的图。")
        draw(page, trace)
    for annotation in layout.annotations:
        _draw_annotation(page, annotation)
    _finish_axes(page)
    return drawn


def _bare_size(figure: go.Figure, size: tuple[int, int], own_head: float) -> tuple[int, int]:
    """The size asked for; of a figure of rows as high as its rows."""
    if not _has_rows(figure):
        return size
    layout, width = layout_of(figure), size[0]
    high = (float(layout.height or 360) - float(layout.margin.t or 0) + own_head) * DOCUMENT_SCALE + 2 * 8
    return width, round(min(high * width / DOCUMENT[0], TALLEST * width))


def _kept_ratio(
    figure: go.Figure, box: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """The part of the box that keeps the ratio of a map's axes, in the middle of it."""
    x, y = layout_of(figure).xaxis, layout_of(figure).yaxis
    if y.scaleanchor != "x":
        return box
    if x.range is None or y.range is None:
        raise UnknownTrace("固定比例的图需要给出坐标范围。")
    wanted = (x.range[1] - x.range[0]) / (y.range[1] - y.range[0]) / float(y.scaleratio or 1)
    left, low, width, height = box
    is_wide = width * size[0] / (height * size[1]) > wanted
    new_width = height * size[1] * wanted / size[0] if is_wide else width
    new_height = height if is_wide else width * size[0] / wanted / size[1]
    return (left + (width - new_width) / 2, low + (height - new_height) / 2, new_width, new_height)


def _title_of(figure: go.Figure) -> str:
    return " ".join(words.text for words in _words(layout_of(figure).title.text or ""))


def _has_rows(figure: go.Figure) -> bool:
    """Horizontal bars keep their row height; other figures fill the page."""
    return any(trace.type == "bar" and trace.orientation == "h" for trace in traces_of(figure))


def _head(drawn: Figure, figure: go.Figure, title: str | None, size: tuple[int, int], unit: float) -> float:
    """A short accent bar, the title on one or two lines, the figure's own title below where it adds something.

    Returns the pixels taken from the top.
    """
    width, height = size
    side, own = 56 * unit, _title_of(figure)
    title = title or own
    adds = "".join(own.split()) not in "".join(title.split())
    drawn.add_artist(_bar_of(ACCENT, side, height - 40 * unit, 64 * unit, 7 * unit, size))
    em, room = max(em_width(title), 1), (width - 2 * side) * 0.96
    text_size = min(38 * unit, room / em)
    lines = [title]
    if text_size < 29 * unit:
        text_size, lines = 30 * unit, _folded(title, room / (30 * unit))
    taken = 56 * unit
    for line in lines:
        _say_line(drawn, line, taken, size, unit, _font(text_size, bold=True), INK)
        taken += text_size * 1.3
    if adds:
        _say_line(drawn, own, taken + 2 * unit, size, unit, _font(22 * unit), MUTED)
        taken += 32 * unit
    return max(taken, 104 * unit)


def _say_line(
    drawn: Figure, text: str, from_top: float, size: tuple[int, int], unit: float, font: Any, colour: str
) -> None:
    width, height = size
    x, y = 56 * unit / width, (height - from_top) / height
    drawn.text(x, y, _drawable(text), font=font, color=colour, va="top", parse_math=False)


def _foot(drawn: Figure, note: str, size: tuple[int, int], unit: float) -> float:
    """A rule and the note below the figure. Returns the pixels taken from the bottom."""
    if not note:
        return 30 * unit
    width, height = size
    side = 56 * unit
    text_size = min(19 * unit, (width - 2 * side) / max(em_width(note), 1) * 0.98)
    lines = [note]
    if text_size < 16 * unit:
        text_size = 16 * unit
        lines = _folded(note, (width - 2 * side) / text_size * 0.98)
    step = 23 * unit
    taken = (22 + 16) * unit + step * max(len(lines), 1.2)
    drawn.add_artist(_bar_of(RULE, side, taken, width - 2 * side, 1.5 * unit, size))
    for k, line in enumerate(lines):
        _say_line(drawn, line, height - taken + 12 * unit + k * step, size, unit, _font(text_size), MUTED)
    return taken + 20 * unit


def _folded(text: str, em: float) -> list[str]:
    """Break a line where it is `em` long; Chinese may break anywhere."""
    lines = [""]
    for sign in text:
        if em_width(lines[-1] + sign) > em:
            lines.append("")
        lines[-1] += sign
    return lines


def _bar_of(colour: str, x: float, y: float, width: float, height: float, size: tuple[int, int]) -> Rectangle:
    return Rectangle((x / size[0], y / size[1]), width / size[0], height / size[1], facecolor=colour, linewidth=0)


# ---------------------------------------------------------------- axes


def _prepare_axes(page: _Page) -> None:
    """Scales and ranges as in the figure."""
    axes, layout = page.axes, page.layout
    axes.set_facecolor("none")
    for name in ("xaxis2", "yaxis2"):
        if name in layout and layout[name].to_plotly_json():
            raise UnknownTrace("导出图片只支持一对坐标轴。")
    for name in "xy":
        axis = layout[f"{name}axis"]
        page.is_date[name] = axis.type == "date"
        page.categories[name] = {}
        if axis.range is not None:
            low, high = (page.at(name, bound) for bound in axis.range)
            (axes.set_xlim if name == "x" else axes.set_ylim)(low, high)


def _finish_axes(page: _Page) -> None:
    axes, layout = page.axes, page.layout
    for spine in axes.spines.values():
        spine.set_visible(False)
    for name in "xy":
        _draw_ticks(page, name, layout[f"{name}axis"])


def _draw_ticks(page: _Page, name: str, axis: Any) -> None:
    axes = page.axes
    own = axes.xaxis if name == "x" else axes.yaxis
    if axis.visible is False:
        own.set_visible(False)
        return
    if axis.autorange == "reversed":
        own.set_inverted(True)
    if axis.tickvals is not None:
        texts = axis.ticktext if axis.ticktext is not None else axis.tickvals
        own.set_ticks(page.along(name, axis.tickvals), [_one_text(str(text)) for text in texts])
    elif page.categories[name]:
        own.set_ticks(list(page.categories[name].values()), [_drawable(name) for name in page.categories[name]])
    size = float(axis.tickfont.size or page.layout.font.size or 13)
    for label in own.get_ticklabels():
        label.set_fontproperties(_font(size * page.scale))
        label.set_color(axis.tickfont.color or MUTED)
        label.set_parse_math(False)
        label.set_linespacing(1.25)
    length = float(axis.ticklen or 5) if axis.ticks == "outside" else 0
    axes.tick_params(cast(Any, name), length=page.points(length), color=axis.tickcolor or MUTED, pad=page.points(4))
    axes.set_axisbelow(True)
    if axis.showgrid:
        axes.grid(axis=cast(Any, name), color=axis.gridcolor or RULE, linewidth=page.points(axis.gridwidth or 1))
    if axis.showline:
        side = axes.spines["bottom" if name == "x" else "left"]
        side.set_visible(True)
        side.set_color(axis.linecolor or INK)
        side.set_linewidth(page.points(axis.linewidth or 1))
        side.set_zorder(6)


def _one_text(marked: str) -> str:
    return "\n".join(words.text for words in _words(marked))


def _transform(page: _Page, xref: str | None, yref: str | None) -> Transform:
    """Where a shape's or annotation's coordinates are counted from."""
    for ref, name in ((xref, "x"), (yref, "y")):
        if ref not in (None, name, "paper"):
            raise UnknownTrace(f"导出图片不认识坐标 {ref}。")
    across = page.axes.transAxes if xref == "paper" else page.axes.transData
    up = page.axes.transAxes if yref == "paper" else page.axes.transData
    return blended_transform_factory(across, up)


def _place(page: _Page, name: str, ref: str | None, value: Any) -> float:
    return float(value) if ref == "paper" else page.at(name, value)


# ---------------------------------------------------------------- shapes and words


_DASHES: dict[str, Any] = {
    "solid": "solid",
    "dash": (0, (4.5, 2.6)),
    "dot": (0, (1.2, 1.8)),
    "dashdot": (0, (4.5, 2.2, 1.2, 2.2)),
    "longdash": (0, (8, 3)),
}


def _draw_shape(page: _Page, shape: Any) -> None:
    transform = _transform(page, shape.xref, shape.yref)
    x0, x1 = (_place(page, "x", shape.xref, value) for value in (shape.x0, shape.x1))
    y0, y1 = (_place(page, "y", shape.yref, value) for value in (shape.y0, shape.y1))
    zorder = 0.5 if shape.layer == "below" else 7
    width = page.points(2 if shape.line.width is None else shape.line.width)
    if shape.type == "rect":
        page.axes.add_patch(
            Rectangle(
                (min(x0, x1), min(y0, y1)),
                abs(x1 - x0),
                abs(y1 - y0),
                transform=transform,
                facecolor=_rgba(shape.fillcolor or "rgba(0,0,0,0)"),
                edgecolor=_rgba(shape.line.color or INK) if width else "none",
                linewidth=width,
                zorder=zorder,
            )
        )
    elif shape.type == "line":
        page.axes.plot(
            [x0, x1],
            [y0, y1],
            transform=transform,
            color=_rgba(shape.line.color or INK),
            linewidth=width,
            linestyle=_DASHES[shape.line.dash or "solid"],
            zorder=zorder,
            clip_on=False,
            scalex=False,
            scaley=False,
        )
    else:
        raise UnknownTrace(f"导出图片不认识形状 {shape.type}。")


def _draw_annotation(page: _Page, annotation: Any) -> None:
    if annotation.showarrow is not False:
        raise UnknownTrace("导出图片不支持带箭头的标注。")
    transform = _transform(page, annotation.xref, annotation.yref)
    x = _place(page, "x", annotation.xref, annotation.x)
    y = _place(page, "y", annotation.yref, annotation.y)
    _write(
        page,
        annotation.text,
        x,
        y,
        transform,
        shift=(float(annotation.xshift or 0), float(annotation.yshift or 0)),
        across={"left": "left", "right": "right"}.get(annotation.xanchor, "center"),
        up={"top": "top", "bottom": "bottom"}.get(annotation.yanchor, "center"),
        size=float(annotation.font.size or page.layout.font.size or 13),
        colour=annotation.font.color or INK,
    )


def _write(
    page: _Page,
    marked: str,
    x: float,
    y: float,
    transform: Transform,
    *,
    shift: tuple[float, float] = (0, 0),
    across: str = "center",
    up: str = "center",
    size: float,
    colour: Any,
    halo: bool = False,
    zorder: float = 10,
) -> None:
    """Lines of text at a point, `shift` plotly pixels right and up of it. Bold lines are bold, one by one."""
    lines = _words(marked)
    step = size * 1.28
    first = {"top": 0.0, "center": step * (len(lines) - 1) / 2, "bottom": step * (len(lines) - 1)}[up]
    for k, line in enumerate(lines):
        if not line.text:
            continue
        moved = ScaledTranslation(
            shift[0] * page.scale / DPI,
            (shift[1] + first - k * step) * page.scale / DPI,
            cast(Figure, page.axes.figure).dpi_scale_trans,
        )
        text = page.axes.text(
            x,
            y,
            line.text,
            transform=transform + moved,
            ha=cast(Any, across),
            va=cast(Any, {"center": "center_baseline"}.get(up, up)),
            font=_font(size * page.scale, bold=line.is_bold),
            color=_rgba(colour),
            zorder=zorder,
            parse_math=False,
        )
        if halo:
            text.set_path_effects([patheffects.withStroke(linewidth=page.points(2.4), foreground=PAPER)])


def _rgba(colour: Any) -> Any:
    """Any plotly colour → what matplotlib takes; rgba(…) is the one that differs."""
    if isinstance(colour, str) and colour.startswith("rgb"):
        parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")]
        alpha = parts[3] if len(parts) == 4 else 1.0
        return (parts[0] / 255, parts[1] / 255, parts[2] / 255, alpha)
    return to_rgba(colour)


def _list_of(value: Any, n: int, default: Any = None) -> list[Any]:
    """A plotly property that may be one value or one a point."""
    if value is None:
        return [default] * n
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return [value] * n


# ---------------------------------------------------------------- scatter


def _draw_scatter(page: _Page, trace: Any) -> None:
    x, y = page.along("x", trace.x), page.along("y", trace.y)
    parts = (trace.mode or "lines").split("+")
    width = page.points(2 if trace.line.width is None else trace.line.width)
    order = 2 + 0.01 * traces_of(page.figure).index(trace)
    if trace.fill == "toself":
        _fill_rings(page, trace, x, y, width, order)
    elif trace.fill in ("tozeroy", "tonexty"):
        _fill_between(page, trace, x, y, order)
    elif trace.fill not in (None, "none"):
        raise UnknownTrace(f"导出图片不认识填充方式 {trace.fill}。")
    clip = trace.cliponaxis is not False
    if "lines" in parts and width and trace.fill != "toself":
        page.axes.plot(
            x,
            y,
            color=_rgba(trace.line.color or ACCENT),
            linewidth=width,
            linestyle=_DASHES[trace.line.dash or "solid"],
            solid_capstyle="butt",
            solid_joinstyle="round",
            zorder=order,
            clip_on=clip,
            scalex=page.layout.xaxis.range is None,
            scaley=page.layout.yaxis.range is None,
        )
    if "markers" in parts:
        _draw_markers(page, trace, x, y, order)
    if "text" in parts:
        _draw_texts(page, trace, x, y)


def _fill_rings(page: _Page, trace: Any, x: np.ndarray, y: np.ndarray, width: float, order: float) -> None:
    """All rings as one outline; holes run the other way round and stay open."""
    vertices: list[tuple[float, float]] = []
    codes: list[Any] = []
    breaks = [-1, *np.flatnonzero(np.isnan(x) | np.isnan(y)).tolist(), len(x)]
    for start, end in pairwise(breaks):
        n = end - start - 1
        if n < 3:
            continue
        vertices += list(zip(x[start + 1 : end].tolist(), y[start + 1 : end].tolist(), strict=True))
        vertices.append((float(x[start + 1]), float(y[start + 1])))
        codes += [Outline.MOVETO, *[Outline.LINETO] * (n - 1), Outline.CLOSEPOLY]
    if not vertices:
        return
    page.axes.add_patch(
        PathPatch(
            Outline(vertices, codes),
            facecolor=_rgba(trace.fillcolor or trace.line.color or ACCENT),
            edgecolor=_rgba(trace.line.color) if width and trace.line.color else "none",
            linewidth=width,
            joinstyle="round",
            zorder=order,
        )
    )


def _fill_between(page: _Page, trace: Any, x: np.ndarray, y: np.ndarray, order: float) -> None:
    base: Any = 0.0
    if trace.fill == "tonexty":
        earlier = [other for other in traces_of(page.figure) if other.type == "scatter"]
        earlier = earlier[: earlier.index(trace)]
        if not earlier or len(earlier[-1].x) != len(x):
            raise UnknownTrace("tonexty 需要前一条同样长度的线。")
        base = page.along("y", earlier[-1].y)
    page.axes.fill_between(
        x, y, base, facecolor=_rgba(trace.fillcolor or trace.line.color or ACCENT), linewidth=0, zorder=order - 0.005
    )


_MARKERS = {
    "circle": "o",
    "triangle-up": "^",
    "triangle-down": "v",
    "square": "s",
    "diamond": "D",
    "cross": "P",
    "x": "X",
    "circle-open": "o",
}


def _draw_markers(page: _Page, trace: Any, x: np.ndarray, y: np.ndarray, order: float) -> None:
    marker, n = trace.marker, len(x)
    colours = [_rgba(colour) for colour in _list_of(marker.color, n, ACCENT)]
    symbols = _list_of(marker.symbol, n, "circle")
    sizes = _list_of(marker.size, n, 6)
    edge = 0.0 if marker.line.width is None else float(marker.line.width)
    for k in range(n):
        is_open = symbols[k].endswith("-open")
        if symbols[k] not in _MARKERS:
            raise UnknownTrace(f"导出图片不认识点的形状 {symbols[k]}。")
        if np.isnan(y[k]) or (colours[k][3] == 0 and not edge):
            continue
        shrink = 0.78 if symbols[k] == "diamond" else 1.0
        page.axes.plot(
            x[k],
            y[k],
            marker=_MARKERS[symbols[k]],
            markersize=page.points(float(sizes[k])) * shrink,
            markerfacecolor="none" if is_open else colours[k],
            markeredgecolor=colours[k] if is_open else (_rgba(marker.line.color) if edge else "none"),
            markeredgewidth=page.points(edge or (1.5 if is_open else 0)),
            linestyle="none",
            zorder=order + 0.005,
            clip_on=trace.cliponaxis is not False,
            scalex=page.layout.xaxis.range is None,
            scaley=page.layout.yaxis.range is None,
        )


def _draw_texts(page: _Page, trace: Any, x: np.ndarray, y: np.ndarray) -> None:
    n = len(x)
    sizes = _list_of(trace.textfont.size, n, float(page.layout.font.size or 13))
    colours = _list_of(trace.textfont.color, n, INK)
    reach = float(np.max(_list_of(trace.marker.size, 1, 6))) / 2 + 3 if "markers" in trace.mode else 2.0
    for k, (text, position) in enumerate(
        zip(_list_of(trace.text, n, ""), _list_of(trace.textposition, n, "middle center"), strict=True)
    ):
        if not text or np.isnan(y[k]) or np.isnan(x[k]):
            continue
        up, across = position.split()
        _write(
            page,
            text,
            x[k],
            y[k],
            page.axes.transData,
            shift=({"left": -reach, "right": reach}.get(across, 0), {"top": reach, "bottom": -reach}.get(up, 0)),
            across={"left": "right", "right": "left"}.get(across, "center"),
            up={"top": "bottom", "bottom": "top"}.get(up, "center"),
            size=float(sizes[k]),
            colour=colours[k],
            halo=bool(trace.textfont.shadow),
        )


# ---------------------------------------------------------------- bars, cells


def _draw_bar(page: _Page, trace: Any) -> None:
    flat = trace.orientation == "h"
    along, length = (trace.y, trace.x) if flat else (trace.x, trace.y)
    places = page.along("y" if flat else "x", along)
    lengths = np.nan_to_num(page.along("x" if flat else "y", length))
    n = len(places)
    colours = [_rgba(colour) for colour in _list_of(trace.marker.color, n, ACCENT)]
    default = 0.8 * (float(np.min(np.diff(np.unique(places)))) if n > 1 else 1.0)
    widths = [float(width) for width in _list_of(trace.width, n, default)]
    base = [float(value) for value in _list_of(trace.base, n, 0.0)]
    limits = page.axes.get_xlim(), page.axes.get_ylim()
    line: dict[str, Any] = {"linewidth": page.points(float(trace.marker.line.width or 0)), "zorder": 2}
    if trace.marker.line.width:
        line["edgecolor"] = _rgba(trace.marker.line.color or PAPER)
    if flat:
        page.axes.barh(places, lengths, widths, base, color=colours, **line)
    else:
        page.axes.bar(places, lengths, widths, base, color=colours, **line)
    if page.layout.xaxis.range is not None:
        page.axes.set_xlim(limits[0])
    if page.layout.yaxis.range is not None:
        page.axes.set_ylim(limits[1])
    for k, text in enumerate(_list_of(trace.text, n, "")):
        if text is None or text == "":
            continue
        inside = trace.textposition in ("inside", "auto")
        end = base[k] + lengths[k] * (0.5 if inside else 1)
        _write(
            page,
            str(text),
            end if flat else places[k],
            places[k] if flat else end,
            page.axes.transData,
            shift=(0, 0) if inside else ((5, 0) if flat else (0, 4)),
            across="center" if inside or not flat else "left",
            up="center" if inside or flat else "bottom",
            size=float(trace.textfont.size or 13),
            colour=trace.textfont.color or INK,
        )


def _draw_heatmap(page: _Page, trace: Any) -> None:
    """Cells; null stays paper."""
    z = np.ma.masked_invalid(np.array([[np.nan if v is None else v for v in row] for row in trace.z], dtype=float))
    x = page.along("x", trace.x if trace.x is not None else range(z.shape[1]))
    y = page.along("y", trace.y if trace.y is not None else range(z.shape[0]))
    scale = trace.colorscale or ((0, PAPER), (1, ACCENT))
    colours = LinearSegmentedColormap.from_list("figure", [(float(at), _rgba(colour)) for at, colour in scale])
    low = float(trace.zmin) if trace.zmin is not None else float(z.min())
    high = float(trace.zmax) if trace.zmax is not None else float(z.max())
    page.axes.pcolormesh(
        _borders(x), _borders(y), z, cmap=colours, vmin=low, vmax=high, edgecolors=PAPER, linewidth=page.points(1.2)
    )
    if trace.text is None:
        return
    for i, row in enumerate(trace.text):
        for j, text in enumerate(row):
            if text and not z.mask.all() and not np.ma.getmaskarray(z)[i, j]:
                share = (z[i, j] - low) / ((high - low) or 1)
                size = float(trace.textfont.size or 12)
                colour = "#FFFFFF" if sum(colours(share)[:3]) < 1.5 else INK
                _write(page, str(text), x[j], y[i], page.axes.transData, size=size, colour=colour)


def _borders(centres: np.ndarray) -> np.ndarray:
    """Cell borders half way between centres."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate(([2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]))


_TRACES: dict[str, Callable[[_Page, Any], None]] = {
    "scatter": _draw_scatter,
    "bar": _draw_bar,
    "heatmap": _draw_heatmap,
}
