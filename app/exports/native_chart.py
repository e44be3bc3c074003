"""A chart that Office and WPS draw themselves: chart XML and the workbook behind it, from app.charts.native.Native.

python-pptx writes one kind of chart at a time, and its workbook takes a name that begins with = for a formula; ours
join areas, lines and columns on one pair of axes. `Data` is what python-pptx's add_chart wants of its chart data.

The band from 预期 to 上限 is two stacked areas, the lower one unseen. Its height is a column of its own in the workbook,
a formula over the other two: who changes 上限 moves the band.
"""

import io
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from html import escape
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from app.charts import style
from app.charts.native import Native, Series
from app.exports import archive
from app.exports.drawingml import fill, run, run_form, safe, stroke
from app.palette import ACCENT_SOFT, GRID, INK, MUTED, PAPER

SHEET = "数据"
FONT = "微软雅黑"
DATE_FORMAT = "yyyy-mm-dd"
SUBTITLE, TICKS, LABELS = 12.0, 12.0, 13.0
"""Type sizes, points."""
HEAD = 32.0
"""Points above the plot, for the line that says the unit."""
ROW, LOW_ROW = 56.0, 26.0
"""Highest row of horizontal bars; below the second the type is smaller."""
NAMES_SHARE = 0.36
EIGHTY = "80% 线"
BAND_FOOT, BAND = "带底（画图用）", "带高（上限−预期）"
TOTAL = "合计"
HALF_YEAR = 200


@dataclass(frozen=True)
class Box:
    """A rectangle in points, from the top left."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class _Column:
    """A column of the workbook. `formulas`: row (from 0) → formula whose result is the value."""

    head: str
    values: Sequence[Any]
    formulas: dict[int, str] = field(default_factory=dict)


class Data:
    """A chart of `size` points (width, height): `slide.shapes.add_chart(kind, x, y, cx, cy, Data(native, size))`."""

    def __init__(self, native: Native, size: tuple[float, float]):
        self._native, self._size = native, size

    def xml_bytes(self, _kind: object) -> bytes:
        return chart_xml(self._native, self._size).encode()

    @property
    def xlsx_blob(self) -> bytes:
        return workbook(self._native)


# ---------------------------------------------------------------- the workbook


def workbook(native: Native) -> bytes:
    """Its figures as .xlsx: categories, one column a series, then what only the drawing needs. Text stays text."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"created": archive.CREATED})
        sheet = book.add_worksheet(SHEET)
        head = book.add_format({"bold": True, "font_name": FONT, "bg_color": "#F2F0EA", "bottom": 1})
        plain = book.add_format({"font_name": FONT})
        number = book.add_format({"font_name": FONT, "num_format": _number_format(native)})
        share = book.add_format({"font_name": FONT, "num_format": "0.0%"})
        day = book.add_format({"font_name": FONT, "num_format": DATE_FORMAT})
        sheet.set_column(0, 0, 24)
        for at, column in enumerate(_columns(native)):
            is_share = _is_share(native, at - 1)
            sheet.set_column(at, at, 24 if at == 0 else 14)
            sheet.write_string(0, at, archive.plain(column.head), head)
            for row, value in enumerate(column.values):
                if row in column.formulas:
                    sheet.write_formula(row + 1, at, column.formulas[row], number, value)
                elif isinstance(value, str):
                    sheet.write_string(row + 1, at, archive.plain(value), plain)
                elif isinstance(value, date):
                    sheet.write_datetime(row + 1, at, datetime(value.year, value.month, value.day), day)
                elif value is not None:
                    sheet.write_number(row + 1, at, value, share if is_share else number)
        sheet.freeze_panes(1, 0)
    return buffer.getvalue()


def _columns(native: Native) -> list[_Column]:
    """Categories, series, helpers; the order in which the chart refers to them."""
    own = [_Column(native.category_label, native.categories)]
    own += [_Column(_head(one, native), one.values) for one in native.series]
    return own + _helpers(native)


def _head(one: Series, native: Native) -> str:
    """A single bar series is named after its unit; as a head it is the count."""
    return f"数量（{one.name}）" if one.role == "bar" and one.name == native.unit else one.name


def _is_share(native: Native, k: int) -> bool:
    """Is the k-th column of figures one of shares?"""
    return native.series[k].role == "share" if 0 <= k < len(native.series) else k >= 0 and native.kind == "pareto"


def _helpers(native: Native) -> list[_Column]:
    at = {one.role: k for k, one in enumerate(native.series, start=1)}
    if native.kind == "stacked":
        last = xl_col_to_name(len(native.series))
        totals = [sum(one.values[k] or 0 for one in native.series) for k in range(len(native.categories))]
        return [_Column(TOTAL, totals, {k: f"=SUM(B{k + 2}:{last}{k + 2})" for k in range(len(totals))})]
    if native.kind == "pareto":
        reached = any((value or 0) >= 0.8 for one in native.series if one.role == "share" for value in one.values)
        return [_Column(EIGHTY, [0.8] * len(native.categories))] if reached else []
    if "expected" not in at or "upper" not in at:
        return []
    low, high = native.series[at["expected"] - 1].values, native.series[at["upper"] - 1].values
    names = xl_col_to_name(at["expected"]), xl_col_to_name(at["upper"])
    known = [k for k, (a, b) in enumerate(zip(low, high, strict=True)) if a is not None and b is not None]
    # an area knows no gaps: where nothing was expected the band has no height, at the level of its nearest end
    nearest = [min(known, key=lambda other: abs(other - k)) for k in range(len(low))]
    foot = [low[k] for k in nearest]
    tall = [(high[k] or 0) - (low[k] or 0) if k in known else 0 for k in range(len(low))]
    return [
        _Column(BAND_FOOT, foot, {k: f"={names[0]}{near + 2}" for k, near in enumerate(nearest)}),
        _Column(BAND, tall, {k: f"={names[1]}{k + 2}-{names[0]}{k + 2}" for k in known}),
    ]


def _number_format(native: Native) -> str:
    return _format_of([value for one in native.series if one.role != "share" for value in one.values])


def _format_of(values: Sequence[float | None]) -> str:
    """Whole numbers without a decimal, others with one."""
    return "#,##0" if all(value is None or value == round(value) for value in values) else "#,##0.0"


# ---------------------------------------------------------------- the plot


def plot(native: Native, size: tuple[float, float]) -> Box:
    """Where do the axes stand within a chart of this size? The rest is room for names and labels."""
    width, height = size
    if native.kind == "bar":
        row = min(ROW, (height - HEAD) / len(native.categories))
        left = min(_widest(map(str, native.categories), _row_type(row)) + 12, width * NAMES_SHARE)
        right = 16 + max(style.em_width(_bar_words(native, k)) for k in range(len(native.categories))) * LABELS
        return Box(left, HEAD, width - left - right, row * len(native.categories))
    if native.kind == "pareto":
        column = (width - 100) / len(native.categories)
        lines = max(_n_lines(str(name), column - 4, _column_type(native)) for name in native.categories)
        return Box(50, HEAD + 6, width - 100, height - HEAD - 6 - 10 - lines * _column_type(native) * 1.3)
    if native.kind == "stacked":
        right = _widest((one.name for one in native.series), LABELS) + 40
        return Box(50, HEAD + 6, width - 50 - right, height - HEAD - 6 - 34)
    named = [one.name for one in native.series if one.role not in ("context", "alarm")]
    return Box(50, HEAD + 6, width - 50 - _widest(named, LABELS) - 22, height - HEAD - 6 - 30)


def spans(native: Native, size: tuple[float, float]) -> list[tuple[Box, str]]:
    """The shaded stretches of the date axis, within the chart."""
    area, starts = plot(native, size), [day for day in native.categories if isinstance(day, date)]
    if len(starts) < 2:
        return []
    whole = (starts[-1] - starts[0]).days

    def across(day: date) -> float:
        return area.left + area.width * min(max((day - starts[0]).days / whole, 0), 1)

    wanted = list(native.spans)
    if native.n_incomplete:
        wanted.append((starts[max(0, len(starts) - native.n_incomplete - 1)], starts[-1], "未满期"))
    return [(Box(across(a), area.top, max(across(b) - across(a), 8), area.height), words) for a, b, words in wanted]


def _widest(texts: Any, size: float) -> float:
    return max((style.em_width(text) * size for text in texts), default=0)


def _n_lines(text: str, width: float, size: float) -> int:
    """How many lines does it take, broken anywhere?"""
    per_line = max(1, int(width / size))
    return max(1, -(-int(style.em_width(text) + 0.999) // per_line))


def _row_type(row: float) -> float:
    return 16.0 if row >= 50 else 14.0 if row >= 36 else 12.0 if row >= LOW_ROW else 10.5


def _column_type(native: Native) -> float:
    return 12.0 if len(native.categories) <= 10 else 10.5


def _bar_words(native: Native, k: int) -> str:
    """What stands behind the k-th bar."""
    return "".join(
        style.number(one.values[k]) + "".join(f"　{text}" for text, _ in one.remarks.get(k, ()))
        for one in native.series
        if one.values[k] is not None
    )


# ---------------------------------------------------------------- the chart


def chart_xml(native: Native, size: tuple[float, float]) -> str:
    """The chart part, whole. Fonts are the theme's; colours those of the screen."""
    draw: dict[str, Callable[[Native, tuple[float, float]], str]] = {
        "line": _line_plot, "bar": _bar_plot, "pareto": _pareto_plot, "stacked": _stacked_plot,
    }  # fmt: skip
    area = plot(native, size)
    legend = (
        f'<c:legend><c:legendPos val="r"/><c:legendEntry><c:idx val="{len(native.series)}"/><c:delete val="1"/></c:legendEntry><c:overlay val="0"/>{_text_form(LABELS, INK)}</c:legend>'
        if native.kind == "stacked"
        else ""
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<c:date1904 val="0"/><c:lang val="zh-CN"/><c:roundedCorners val="0"/><c:chart>'
        f'{_subtitle(native)}<c:autoTitleDeleted val="0"/><c:plotArea>{_layout(area, size)}'
        f"{draw[native.kind](native, size)}<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr></c:plotArea>"
        f'{legend}<c:plotVisOnly val="1"/><c:dispBlanksAs val="gap"/></c:chart>'
        f"<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr>{_text_form(TICKS, INK)}</c:chartSpace>"
    )


def _line_plot(native: Native, size: tuple[float, float]) -> str:
    """Band, lines, marked points over one date axis."""
    ends = _end_shifts(native, size)
    order = sorted(range(len(native.series)), key=lambda k: _DEPTH.get(native.series[k].role, 1))
    lines = "".join(_line_series(native, k, ends.get(k)) for k in order)
    n, band = len(native.series), ""
    if _helpers(native):
        foot, tall = f"<a:noFill/>{stroke(None)}", fill(ACCENT_SOFT) + stroke(None)
        band = (
            '<c:areaChart><c:grouping val="stacked"/><c:varyColors val="0"/>'
            f"{_series_xml(native, n, f'<c:spPr>{foot}</c:spPr>')}"
            f"{_series_xml(native, n + 1, f'<c:spPr>{tall}</c:spPr>')}"
            '<c:axId val="1"/><c:axId val="2"/></c:areaChart>'
        )
    return (
        f'{band}<c:lineChart><c:grouping val="standard"/><c:varyColors val="0"/>{lines}'
        '<c:marker val="1"/><c:axId val="1"/><c:axId val="2"/></c:lineChart>'
        f"{_date_axis(native)}{_value_axis(2, 1, native, crossing='midCat')}"
    )


def _bar_plot(native: Native, size: tuple[float, float]) -> str:
    row = plot(native, size).height / len(native.categories)
    bars = "".join(
        _series_xml(
            native,
            k,
            f'<c:spPr>{fill(one.colour)}</c:spPr><c:invertIfNegative val="0"/>{_points(one)}{_bar_labels(native, one)}',
        )
        for k, one in enumerate(native.series)
    )
    return (
        f'<c:barChart><c:barDir val="bar"/><c:grouping val="clustered"/><c:varyColors val="0"/>{bars}'
        '<c:gapWidth val="60"/><c:axId val="1"/><c:axId val="2"/></c:barChart>'
        f"{_name_axis(1, 2, 'l', size=_row_type(row), colour=INK, is_reversed=True)}"
        f"{_value_axis(2, 1, native, is_hidden=True)}"
    )


def _pareto_plot(native: Native, size: tuple[float, float]) -> str:
    """Columns against the left axis, the cumulative share against the right one."""
    bars, lines = [], []
    kind = _column_type(native)
    for k, one in enumerate(native.series):
        if one.role == "bar":
            form = f'<c:spPr>{fill(one.colour)}</c:spPr><c:invertIfNegative val="0"/>{_points(one)}'
            bars.append(_series_xml(native, k, form + _labels_at_base(native, one, plot(native, size).height)))
        else:
            marker = f'<c:marker><c:symbol val="circle"/><c:size val="6"/><c:spPr>{fill(PAPER)}{stroke(one.colour, 1.5)}</c:spPr></c:marker>'
            said = _said_shares(one)
            labels = "".join(_deleted_label(j) for j in range(len(one.values)) if j not in said)
            labels = _labels(kind, one.colour, "t", inside=labels, number_format="0%")
            lines.append(_series_xml(native, k, f"<c:spPr>{stroke(one.colour, 2)}</c:spPr>{marker}{labels}", "line"))
    if _helpers(native):
        level = f'<c:spPr>{stroke(MUTED, 1, "dash")}</c:spPr><c:marker><c:symbol val="none"/></c:marker>'
        lines.append(_series_xml(native, len(native.series), level, "line"))
    return (
        f'<c:barChart><c:barDir val="col"/><c:grouping val="clustered"/><c:varyColors val="0"/>{"".join(bars)}'
        '<c:gapWidth val="45"/><c:axId val="1"/><c:axId val="2"/></c:barChart>'
        f'<c:lineChart><c:grouping val="standard"/><c:varyColors val="0"/>{"".join(lines)}<c:marker val="1"/>'
        '<c:axId val="3"/><c:axId val="4"/></c:lineChart>'
        f"{_name_axis(1, 2, 'b', size=kind, colour=INK)}{_value_axis(2, 1, native)}"
        f"{_name_axis(3, 4, 'b', size=kind, colour=INK, is_hidden=True)}{_share_axis(4, 3)}"
    )


def _stacked_plot(native: Native, size: tuple[float, float]) -> str:
    bars = []
    for k, one in enumerate(native.series):
        light = "#FFFFFF" if style.is_dark(one.colour) else INK
        form = f'<c:spPr>{fill(one.colour)}{stroke(PAPER, 0.75)}</c:spPr><c:invertIfNegative val="0"/>'
        bars.append(_series_xml(native, k, form + _small_deleted(native, one, light, plot(native, size).height)))
    total = f'<c:spPr>{stroke(None)}</c:spPr><c:marker><c:symbol val="none"/></c:marker>{_labels(LABELS, INK, "t")}'
    n = len(native.series)
    return (
        f'<c:barChart><c:barDir val="col"/><c:grouping val="stacked"/><c:varyColors val="0"/>{"".join(bars)}'
        '<c:gapWidth val="60"/><c:overlap val="100"/><c:axId val="1"/><c:axId val="2"/></c:barChart>'
        '<c:lineChart><c:grouping val="standard"/><c:varyColors val="0"/>'
        f'{_series_xml(native, n, total, "line")}<c:marker val="1"/><c:axId val="1"/><c:axId val="2"/></c:lineChart>'
        f"{_name_axis(1, 2, 'b', size=TICKS, colour=INK)}{_value_axis(2, 1, native)}"
    )


# ---------------------------------------------------------------- series


def _series_xml(native: Native, k: int, form: str, kind: str = "") -> str:
    """The k-th column of figures, in the form given; references and, for readers without the workbook, the figures."""
    columns = _columns(native)
    letter, n = xl_col_to_name(k + 1), len(native.categories)
    is_share = _is_share(native, k)
    head = f"'{SHEET}'!${letter}$1"
    smooth = '<c:smooth val="0"/>' if kind == "line" else ""
    return (
        f'<c:ser><c:idx val="{k}"/><c:order val="{k}"/><c:tx><c:strRef><c:f>{head}</c:f><c:strCache>'
        f'<c:ptCount val="1"/><c:pt idx="0"><c:v>{safe(columns[k + 1].head)}</c:v></c:pt></c:strCache></c:strRef></c:tx>'
        f"{form}<c:cat>{_categories(native)}</c:cat><c:val><c:numRef><c:f>'{SHEET}'!${letter}$2:${letter}${n + 1}</c:f>"
        f'<c:numCache><c:formatCode>{"0.0%" if is_share else _number_format(native)}</c:formatCode><c:ptCount val="{n}"/>'
        f"{''.join(_cached(columns[k + 1].values))}</c:numCache></c:numRef></c:val>{smooth}</c:ser>"
    )


def _categories(native: Native) -> str:
    where = f"'{SHEET}'!$A$2:$A${len(native.categories) + 1}"
    head = f'<c:ptCount val="{len(native.categories)}"/>'
    if native.kind == "line":
        days = [day for day in native.categories if isinstance(day, date)]
        cached = "".join(_cached([_serial(day) for day in days]))
        return f"<c:numRef><c:f>{where}</c:f><c:numCache><c:formatCode>{DATE_FORMAT}</c:formatCode>{head}{cached}</c:numCache></c:numRef>"
    cached = "".join(_cached([safe(str(name)) for name in native.categories]))
    return f"<c:strRef><c:f>{where}</c:f><c:strCache>{head}{cached}</c:strCache></c:strRef>"


def _cached(values: Sequence[Any]) -> Iterator[str]:
    return (f'<c:pt idx="{k}"><c:v>{value}</c:v></c:pt>' for k, value in enumerate(values) if value is not None)


def _serial(day: date) -> int:
    """Excel's number of a day."""
    return (day - date(1899, 12, 30)).days


_LINES = {"subject": (2.75, ""), "line": (2.25, ""), "context": (1, ""), "dashed": (1.5, "dash")}
_DEPTH = {"context": 0, "expected": 0, "upper": 0, "dashed": 0, "alarm": 2}
"""What lies below, what above the lines."""
_BORDER = {"expected": (1.25, ""), "upper": (0.75, "")}


def _line_series(native: Native, k: int, end: tuple[int, float, float] | None) -> str:
    """One line; `end`: the point at which its name stands, and how far the name is moved: shares of width and height."""
    one = native.series[k]
    if one.role == "alarm":
        marker = f'<c:marker><c:symbol val="triangle"/><c:size val="10"/><c:spPr>{fill(one.colour)}{stroke("#FFFFFF", 0.75)}</c:spPr></c:marker>'
        mute = [j for j in range(len(one.values)) if one.spoken is not None and j not in one.spoken]
        deleted = "".join(_deleted_label(j) for j in mute if one.values[j] is not None)
        labels = _labels(LABELS, one.colour, "t", inside=deleted, is_bold=True, number_format=_format_of(one.values))
        return _series_xml(native, k, f"<c:spPr>{stroke(None)}</c:spPr>{marker}{labels}", "line")
    width, dash = {**_LINES, **_BORDER}[one.role]
    form = f'<c:spPr>{stroke(one.colour, width, dash)}</c:spPr><c:marker><c:symbol val="none"/></c:marker>'
    if one.role == "subject":
        form += "".join(_still_filling(one, j) for j in range(len(one.values) - native.n_incomplete, len(one.values)))
    if end is not None:
        at, aside, down = end
        colour = MUTED if one.role == "dashed" else "#4E7F91" if one.role in _BORDER else one.colour
        words = _text_form(LABELS, colour, is_bold=one.role == "subject")
        form += (
            f'<c:dLbls><c:dLbl><c:idx val="{at}"/><c:layout><c:manualLayout><c:x val="{aside:.4f}"/><c:y val="{down:.4f}"/>'
            f"</c:manualLayout></c:layout><c:spPr><a:noFill/></c:spPr>{words}"
            f'<c:dLblPos val="r"/>{_shows(name=True)}</c:dLbl>{_shows()}{_more(_NO_LEADER)}</c:dLbls>'
        )
    return _series_xml(native, k, form, "line")


def _still_filling(one: Series, k: int) -> str:
    """A hollow point at the end of a dotted piece of the line."""
    return (
        f'<c:dPt><c:idx val="{k}"/><c:marker><c:symbol val="circle"/><c:size val="7"/><c:spPr>{fill("#FFFFFF")}'
        f'{stroke(one.colour, 1.5)}</c:spPr></c:marker><c:bubble3D val="0"/><c:spPr>{stroke(one.colour, 1.75, "dot")}'
        "</c:spPr></c:dPt>"
    )


def _end_shifts(native: Native, size: tuple[float, float]) -> dict[int, tuple[int, float, float]]:
    """Series → its last point, and how far its name moves (shares of width and height) so that none overlap."""
    values = [value for one in native.series for value in one.values if value is not None]
    ends = {}
    for k, one in enumerate(native.series):
        last = max((j for j, value in enumerate(one.values) if value is not None), default=None)
        is_named = one.role not in ("context", "alarm")
        if is_named and last is not None and last + 1 >= len(one.values) * 0.8:
            ends[k] = last
    if not ends:
        return {}
    area, high = plot(native, size), style.round_ticks(max(values) * 1.05)[-1]
    wanted = [area.height * (1 - float(native.series[k].values[at] or 0) / high) for k, at in ends.items()]
    placed = style.spread(wanted, LABELS * 1.35, 0, area.height)
    is_alarm = any(one.role == "alarm" and one.values[-1] is not None for one in native.series)
    aside = (8 if is_alarm else 0) / size[0]  # past the mark of an alarm
    return {
        k: (at, aside, (there - here) / size[1])
        for (k, at), here, there in zip(ends.items(), wanted, placed, strict=True)
    }


def _points(one: Series) -> str:
    return "".join(
        f'<c:dPt><c:idx val="{k}"/><c:invertIfNegative val="0"/><c:bubble3D val="0"/><c:spPr>{fill(colour)}</c:spPr></c:dPt>'
        for k, colour in sorted(one.point_colours.items())
    )


def _bar_labels(native: Native, one: Series) -> str:
    """The figure at the end of the bar, followed by its remarks; the figure goes along when the workbook is changed."""
    rich = []
    for k, remarks in sorted(one.remarks.items()):
        value = one.values[k]
        if value is None or not remarks:
            continue
        field_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{one.name}/{k}")).upper()
        runs = "".join(run(f"　{text}", LABELS, colour) for text, colour in remarks)
        rich.append(
            f'<c:dLbl><c:idx val="{k}"/><c:tx><c:rich><a:bodyPr wrap="none"/><a:lstStyle/><a:p>'
            f'<a:fld id="{{{field_id}}}" type="VALUE">{run_form(LABELS, INK)}<a:t>{style.number(value)}</a:t></a:fld>{runs}</a:p>'
            f'</c:rich></c:tx><c:dLblPos val="outEnd"/>{_shows(value=True)}{_more(_FIELDS)}</c:dLbl>'
        )
    return _labels(LABELS, INK, "outEnd", inside="".join(rich), number_format=_number_format(native))


def _said_shares(one: Series) -> set[int]:
    """Which points of a cumulative line say their share: the last and the one that reaches 80 %."""
    known = [value or 0 for value in one.values]
    return {len(known) - 1, *(k for k in range(1, len(known)) if known[k - 1] < 0.8 <= known[k])}


def _small_deleted(native: Native, one: Series, colour: str, height: float) -> str:
    """Figures inside the columns, where a part is high enough to hold one."""
    totals = [sum(other.values[k] or 0 for other in native.series) for k in range(len(one.values))]
    least = max(totals, default=0) * LABELS * 1.5 / max(height, 1)
    low = "".join(_deleted_label(k) for k, value in enumerate(one.values) if value is not None and value < least)
    return _labels(TICKS, colour, "ctr", inside=low)


def _labels(
    size: float,
    colour: str,
    where: str,
    *,
    inside: str = "",
    number_format: str = "",
    is_bold: bool = False,
) -> str:
    own = f'<c:numFmt formatCode="{escape(number_format)}" sourceLinked="0"/>' if number_format else ""
    form = f"{own}<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr>{_text_form(size, colour, is_bold=is_bold)}"
    return f'<c:dLbls>{inside}{form}<c:dLblPos val="{where}"/>{_shows(value=True)}</c:dLbls>'


def _labels_at_base(native: Native, one: Series, height: float) -> str:
    """Figures at the foot of the columns, out of the way of the line; above those too low to hold one."""
    size = _column_type(native)
    highest = max((value for value in one.values if value is not None), default=0)
    form = "<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr>"
    inside = []
    for k, value in enumerate(one.values):
        if value is not None and value * height * 0.8 >= highest * size * 1.7:
            light = "#FFFFFF" if style.is_dark(one.point_colours.get(k, one.colour)) else INK
            inside.append(
                f'<c:dLbl><c:idx val="{k}"/>{form}{_text_form(size, light)}<c:dLblPos val="inBase"/>{_shows(value=True)}</c:dLbl>'
            )
    return _labels(size, INK, "outEnd", inside="".join(inside))


_FIELDS = '<c15:dlblFieldTable/><c15:showDataLabelsRange val="0"/>'
_NO_LEADER = '<c15:showLeaderLines val="0"/>'


def _more(inner: str) -> str:
    """What Office 2013 added to labels."""
    return (
        '<c:extLst><c:ext uri="{CE6537A1-D6FC-4f65-9D91-7224C49458BB}" '
        f'xmlns:c15="http://schemas.microsoft.com/office/drawing/2012/chart">{inner}</c:ext></c:extLst>'
    )


def _deleted_label(k: int) -> str:
    return f'<c:dLbl><c:idx val="{k}"/><c:delete val="1"/></c:dLbl>'


def _shows(*, value: bool = False, name: bool = False) -> str:
    return (
        f'<c:showLegendKey val="0"/><c:showVal val="{int(value)}"/><c:showCatName val="0"/><c:showSerName val="{int(name)}"/>'
        '<c:showPercent val="0"/><c:showBubbleSize val="0"/>'
    )


# ---------------------------------------------------------------- axes


def _date_axis(native: Native) -> str:
    days = [day for day in native.categories if isinstance(day, date)]
    every, unit, pattern = _steps(days)
    base = "months" if style.period_days(days) >= 28 else "days"
    return (
        f'<c:dateAx><c:axId val="1"/><c:scaling><c:orientation val="minMax"/></c:scaling><c:delete val="0"/><c:axPos val="b"/>'
        f'<c:numFmt formatCode="{escape(pattern)}" sourceLinked="0"/><c:majorTickMark val="out"/><c:minorTickMark val="none"/>'
        f'<c:tickLblPos val="low"/><c:spPr>{stroke(MUTED, 0.75)}</c:spPr>{_text_form(TICKS, MUTED)}<c:crossAx val="2"/>'
        f'<c:crosses val="autoZero"/><c:auto val="0"/><c:lblOffset val="100"/><c:baseTimeUnit val="{base}"/>'
        f'<c:majorUnit val="{every}"/><c:majorTimeUnit val="{unit}"/></c:dateAx>'
    )


def _steps(days: Sequence[date]) -> tuple[int, str, str]:
    """How far apart are the ticks and how do they read? The first of short courses says its year, too."""
    if len(days) < 2:
        return 1, "days", 'yyyy"年"m"月"d"日"'
    step, length = style.period_days(days), (days[-1] - days[0]).days
    if step >= 28 or length > HALF_YEAR:
        n_months = max(1, round(length / 30.4))
        every = next((k for k in (1, 2, 3, 6, 12, 24) if n_months / k <= 9), 60)
        return every, "months", 'yyyy"年"m"月"'
    n = length // step
    every = next((k for k in (*(k for k in range(1, n) if n % k == 0), n) if n / k <= 9), n)
    return every * step, "days", f'[<{_serial(days[0]) + 1}]yyyy"年"m"月"d"日";m"月"d"日"'


def _name_axis(
    own: int, other: int, where: str, *, size: float, colour: str, is_reversed: bool = False, is_hidden: bool = False
) -> str:
    return (
        f'<c:catAx><c:axId val="{own}"/><c:scaling><c:orientation val="{"maxMin" if is_reversed else "minMax"}"/></c:scaling>'
        f'<c:delete val="{int(is_hidden)}"/><c:axPos val="{where}"/><c:numFmt formatCode="General" sourceLinked="0"/>'
        '<c:majorTickMark val="none"/><c:minorTickMark val="none"/><c:tickLblPos val="low"/>'
        f'<c:spPr>{stroke(MUTED, 0.75)}</c:spPr>{_text_form(size, colour, rotation="0")}<c:crossAx val="{other}"/>'
        '<c:crosses val="autoZero"/><c:auto val="0"/><c:lblAlgn val="ctr"/><c:lblOffset val="60"/>'
        '<c:tickLblSkip val="1"/><c:noMultiLvlLbl val="1"/></c:catAx>'
    )


def _value_axis(own: int, other: int, native: Native, *, crossing: str = "between", is_hidden: bool = False) -> str:
    highest = max((value for one in native.series for value in one.values if value is not None), default=0)
    pattern, side = ("#,##0" if highest >= 10 else "General"), ("b" if is_hidden else "l")
    grid = "" if is_hidden else f"<c:majorGridlines><c:spPr>{stroke(GRID, 0.75)}</c:spPr></c:majorGridlines>"
    return (
        f'<c:valAx><c:axId val="{own}"/><c:scaling><c:orientation val="minMax"/><c:min val="0"/></c:scaling>'
        f'<c:delete val="{int(is_hidden)}"/><c:axPos val="{side}"/>{grid}<c:numFmt formatCode="{pattern}" sourceLinked="0"/>'
        '<c:majorTickMark val="none"/><c:minorTickMark val="none"/><c:tickLblPos val="nextTo"/>'
        f'<c:spPr><a:ln><a:noFill/></a:ln></c:spPr>{_text_form(TICKS, MUTED)}<c:crossAx val="{other}"/>'
        f'<c:crosses val="autoZero"/><c:crossBetween val="{crossing}"/></c:valAx>'
    )


def _share_axis(own: int, other: int) -> str:
    """0 to 100 %, at the right, a tick every fifth: 80 % is one of them."""
    return (
        f'<c:valAx><c:axId val="{own}"/><c:scaling><c:orientation val="minMax"/><c:max val="1"/><c:min val="0"/></c:scaling>'
        '<c:delete val="0"/><c:axPos val="r"/><c:numFmt formatCode="0%" sourceLinked="0"/>'
        '<c:majorTickMark val="none"/><c:minorTickMark val="none"/><c:tickLblPos val="nextTo"/>'
        f'<c:spPr><a:ln><a:noFill/></a:ln></c:spPr>{_text_form(TICKS, MUTED)}<c:crossAx val="{other}"/>'
        '<c:crosses val="max"/><c:crossBetween val="between"/><c:majorUnit val="0.2"/></c:valAx>'
    )


# ---------------------------------------------------------------- words, lines, fills


def _subtitle(native: Native) -> str:
    """Unit and what the signs mean, small, at the top left of the chart; it goes along when the chart is copied."""
    runs = [(f"单位：{native.unit}", MUTED)]
    if native.remark:
        runs.append((f"　{native.remark}", MUTED))
    alarms = [one for one in native.series if one.role == "alarm"]
    if alarms:
        runs += [("　▲", alarms[0].colour), (f" {native.sign_means}", MUTED)]
    for one in native.series:
        if one.role == "share":
            runs += [("　●", one.colour), (f" {one.name}（右轴）", MUTED)]
    said = "".join(run(text, SUBTITLE, colour) for text, colour in runs)
    return (
        '<c:title><c:tx><c:rich><a:bodyPr/><a:lstStyle/><a:p><a:pPr algn="l"><a:defRPr/></a:pPr>'
        f'{said}</a:p></c:rich></c:tx><c:layout><c:manualLayout><c:xMode val="edge"/><c:yMode val="edge"/><c:x val="0"/>'
        '<c:y val="0"/></c:manualLayout></c:layout><c:overlay val="1"/></c:title>'
    )


def _layout(area: Box, size: tuple[float, float]) -> str:
    width, height = size
    return (
        '<c:layout><c:manualLayout><c:layoutTarget val="inner"/><c:xMode val="edge"/><c:yMode val="edge"/>'
        f'<c:x val="{area.left / width:.5f}"/><c:y val="{area.top / height:.5f}"/><c:w val="{area.width / width:.5f}"/>'
        f'<c:h val="{area.height / height:.5f}"/></c:manualLayout></c:layout>'
    )


def _text_form(size: float, colour: str, *, is_bold: bool = False, rotation: str = "") -> str:
    turned = f' rot="{rotation}" vert="horz"' if rotation else ""
    return (
        f"<c:txPr><a:bodyPr{turned}/><a:lstStyle/><a:p><a:pPr>{run_form(size, colour, is_bold=is_bold, tag='defRPr')}"
        '</a:pPr><a:endParaRPr lang="zh-CN"/></a:p></c:txPr>'
    )
