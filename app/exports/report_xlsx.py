"""A report as Excel: its figures with their types, one sheet a table, native charts beside the figures, 口径 last.

目录 says what each sheet holds, 概览 has the headline figures. Text is always text (see workbook.py).
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl
from xlsxwriter.chart import Chart as Drawn
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from app import disclosure, fields, wording
from app.charts import style
from app.charts.native import Native, Series
from app.exports import picture, workbook
from app.exports.workbook import form
from app.palette import ACCENT, ACCENT_SOFT, GRID, INK, MUTED, WARNING
from app.reports.model import AUDIENCES, Chart, Report, Table, Tile

CONTENTS, OVERVIEW, RECONCILED, NOTES = "目录", "概览", "勾稽", "口径"
RECONCILIATION = "reconciliation"
"""Key of the table that becomes the sheet 勾稽."""
FORMATS = {
    "number": "#,##0",
    "decimal": "#,##0.0",
    "share": "0.0%",
    "change": '+0.0%;−0.0%;"±"0.0%',
    "date": "yyyy-mm-dd",
}
"""Column.kind → number format, so that a cell reads as in Word (dates with their year, to sort by)."""
DRAWN_COLUMNS = {
    "period_start_on": "起始日期",
    "n_events_year_ago": "去年同期",
    "is_incomplete": "未满期",
    "label": "名称",
    "series_name": "类别",
    "value": "数值",
    "value_text": "说明",
    "note": "备注",
    "change": "变化",
}
"""Columns that only the frames of charts have; a chart's own labels come first."""
TOP = 2
"""Row of the head; title and note stand above it."""
WRAP = 46.0
"""Characters of the widest column."""
CHART_SIZE, CHART_COLUMNS, ROW_PIXELS = (704, 372), 11, 28
"""Pixels; a column is 64 wide. What only the drawing needs stands behind the chart and is not printed."""
SAID = re.compile(r"([+−-]?[\d,]+(?:\.\d+)?)(%?)\s*(.{0,6})")
"""A headline figure as it is read: 5,561 件, 95.3%, 2.5 天."""


def xlsx(report: Report) -> bytes:
    """The report as .xlsx. Same report → same bytes; no cell is a formula."""
    buffer = io.BytesIO()
    sheets = _sheets(report)
    charts = {chart.key: chart for chart in report.charts()}
    names = _names([_tab(table, charts) for table in sheets])
    with workbook.opened(buffer, report.title) as book:
        contents = _paper(book, CONTENTS, report)
        _overview(book, _paper(book, OVERVIEW, report), report)
        for name, table in zip(names, sheets, strict=True):
            _table(book, _paper(book, name, report), table, charts.get(table.key))
        _contents(book, contents, report, dict(zip(names, sheets, strict=True)))
        told = [f"{name}：{table.note}" for name, table in zip(names, sheets, strict=True) if table.note]
        workbook.write_notes(book, f"{report.title}　口径", [*report.notes, *told])
        _set_print(book.get_worksheet_by_name(NOTES), report)
    return buffer.getvalue()


# ---------------------------------------------------------------- which sheets, under which names


def _sheets(report: Report) -> list[Table]:
    """Every frame of the report once, 勾稽 last."""
    charts = [Table(one.key, one.title, one.frame, [], one.note, one.headline) for one in report.charts()]
    slides = [one.body for one in report.slides if isinstance(one.body, Table)]
    found: dict[str, Table] = {}
    for one in (*report.sheets, *report.tables(), *slides, *charts):
        known = found.setdefault(one.key, one)
        found[one.key] = replace(known, note=known.note or one.note, headline=known.headline or one.headline)
    return sorted(found.values(), key=lambda table: table.key == RECONCILIATION)


def _tab(table: Table, charts: Mapping[str, Chart]) -> str:
    if table.key == RECONCILIATION:
        return RECONCILED
    return f"图·{table.title}" if table.key in charts else table.title


def _names(titles: Sequence[str]) -> list[str]:
    """Sheet names: at most 31 signs, none that Excel forbids, none twice (capitals do not count)."""
    names, taken = [], {CONTENTS, OVERVIEW, NOTES, "history"}
    for title in titles:
        whole = re.sub(r"[\[\]:*?/\\'\x00-\x1f]", " ", title).strip() or "表"
        name, n = whole[:31].strip(), 1
        while name.lower() in taken:
            n += 1
            name = f"{whole[:27].strip()}({n})"
        taken.add(name.lower())
        names.append(name)
    return names


def _paper(book: Workbook, name: str, report: Report) -> Worksheet:
    sheet = book.add_worksheet(name)
    sheet.hide_gridlines(2)
    sheet.set_default_row(ROW_PIXELS * 0.75)
    _set_print(sheet, report)
    return sheet


def _set_print(sheet: Worksheet, report: Report) -> None:
    """A4 across, as wide as the page, title above and page number below."""
    left, right = (text[:60].replace("&", "&&") for text in (f"{report.title} {report.number}", report.mark))
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.6, right=0.6, top=0.8, bottom=0.7)
    sheet.fit_to_pages(1, 0)
    sheet.set_header(f"&L&9 {left}&R&9 {right}")
    sheet.set_footer("&L&9 &A&R&9 第 &P 页，共 &N 页")


# ---------------------------------------------------------------- 目录, 概览


def _contents(book: Workbook, sheet: Worksheet, report: Report, tables: Mapping[str, Table]) -> None:
    """What is this, and what does each sheet hold?"""
    plain, muted, link = form(book), form(book, color=MUTED), form(book, color=ACCENT, underline=1)
    for column, width in enumerate((34, 70, 10)):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, report.title, form(book, bold=True, font_size=16))
    about = {
        "期号": report.number,
        "期间": report.period_name,
        "区域": report.area_name,
        "版本": AUDIENCES[report.audience],
        "编发单位": report.office,
        "编发日期": wording.full_day(report.issued_on),
        "数据指纹": report.fingerprint,
        "标记": report.mark,
    }
    known = [(label, text) for label, text in about.items() if text]
    for row, (label, text) in enumerate(known, start=2):
        sheet.write_string(row, 0, label, muted)
        sheet.write_string(row, 1, text, plain)
    top = len(known) + 3
    for column, text in enumerate(("工作表", "内容", "行数")):
        sheet.write_string(top, column, text, workbook.head_form(book, align="right" if text == "行数" else "left"))
    held = [(name, table.headline or table.title, table.frame.height) for name, table in tables.items()]
    for row, (name, text, n) in enumerate(
        [(OVERVIEW, "主要数字", None), *held, (NOTES, "口径说明", None)], start=top + 1
    ):
        sheet.write_url(row, 0, f"internal:'{name}'!A1", link, name)
        sheet.write_string(row, 1, text, plain)
        if n is not None:
            sheet.write_number(row, 2, n, plain)
    sheet.fit_to_pages(1, 1)
    sheet.activate()


def _overview(book: Workbook, sheet: Worksheet, report: Report) -> None:
    """Headline figures: the tiles of the slides, as numbers."""
    tiles = [tile for slide in report.slides if not isinstance(slide.body, Table | Chart) for tile in slide.body]
    rows = [_headline(tile) for tile in tiles if isinstance(tile, Tile)]
    units = ["单位"] if any(unit for _, _, unit, *_ in rows) else []
    heads = ["指标", "数值", *units, *["比较"] * max((len(row[-1]) for row in rows), default=0)]
    for column, width in enumerate((24, 14, *[10] * len(units), *[20] * len(heads[2:]))):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, f"{report.area_name}　{report.period_name}", form(book, bold=True, font_size=14))
    left: dict[str, Any] = {"align": "left", "indent": 1}
    right: dict[str, Any] = {"align": "right"}
    for column, text in enumerate(heads):
        sheet.write_string(TOP, column, text, workbook.head_form(book, **(right if text == "数值" else left)))
    plain = form(book, **left)
    for row, (label, value, unit, number_format, remarks) in enumerate(rows, start=TOP + 1):
        sheet.write_string(row, 0, label, plain)
        if isinstance(value, str):
            sheet.write_string(row, 1, value, form(book, **right))
        else:
            sheet.write_number(row, 1, value, form(book, number_format, bold=True))
        for column, text in enumerate([*[unit] * len(units), *remarks], start=2):
            sheet.write_string(row, column, text, plain)
    sheet.freeze_panes(TOP + 1, 0)


def _headline(tile: Tile) -> tuple[str, float | str, str, str, Sequence[str]]:
    """label, value, unit, number format, remarks. A value that is no number stays text."""
    said = SAID.fullmatch(tile.value.strip())
    if said is None:
        return tile.label, tile.value, "", "General", tile.remarks
    digits, per_cent, unit = said.groups()
    value = float(digits.replace(",", "").replace("−", "-"))
    decimals = len(digits.partition(".")[2])
    fraction = f".{'0' * decimals}" if decimals else ""
    if per_cent:
        return tile.label, value / 100, unit, f"0{fraction}%", tile.remarks
    return tile.label, value, unit, f"#,##0{fraction}", tile.remarks


# ---------------------------------------------------------------- one table


def _table(book: Workbook, sheet: Worksheet, table: Table, chart: Chart | None) -> None:
    """Title, note, typed cells; the chart of the same key to the right."""
    told = [] if chart else [column.name for column in table.columns]  # of a chart every figure it draws
    names = told or disclosure.without_marks(table.frame).columns
    marks = [name + disclosure.MARK for name in names if name + disclosure.MARK in table.frame.columns]
    frame = fields.in_words(style.with_plain_numbers(table.frame.select(*names, *marks).head(workbook.MAX_ROWS)))
    if table.key == RECONCILIATION:
        frame = frame.with_columns(
            pl.when(pl.col(name)).then(pl.lit("✓")).otherwise(pl.lit("✕")).alias(name)
            for name, kind in frame.schema.items()
            if kind == pl.Boolean
        )
    headers = fields.headers(frame, {**DRAWN_COLUMNS, **(chart.labels if chart else {})})
    headers |= {column.name: column.head() for column in table.columns}
    formats = {"change": FORMATS["change"]}
    formats |= {column.name: FORMATS[column.kind] for column in table.columns if column.kind in FORMATS}
    workbook.write_table(book, sheet, frame, headers, top=TOP, formats=formats, wrap=WRAP)
    sheet.write_string(0, 0, table.title, form(book, bold=True, font_size=14))
    note = " ".join(said for said in ("" if frame.height else "本期没有。", table.note) if said)
    sheet.write_string(1, 0, note, form(book, color=MUTED, font_size=9))
    sheet.repeat_rows(TOP)
    if table.key == RECONCILIATION:
        _mark_verdicts(book, sheet, frame.height, len(names))
    if chart is not None:
        _beside(book, sheet, chart, frame, len(names) + 1)


def _mark_verdicts(book: Workbook, sheet: Worksheet, n_rows: int, n_columns: int) -> None:
    """✓ green, ✕ red; the sign says it without colour, too."""
    where = (TOP + 1, 0, TOP + max(n_rows, 1), n_columns - 1)
    for sign, look in (
        ("✓", {"font_color": "#2E6B3A"}),
        ("✕", {"font_color": WARNING, "bg_color": "#F7E3E0", "bold": True}),
    ):
        rule = {"type": "text", "criteria": "begins with", "value": sign, "format": book.add_format(look)}
        sheet.conditional_format(*where, rule)


# ---------------------------------------------------------------- charts


def _beside(book: Workbook, sheet: Worksheet, chart: Chart, frame: pl.DataFrame, column: int) -> None:
    """The chart as Excel draws it, to the right of the figures; a map as a picture."""
    native = chart.figure.native if isinstance(chart.figure, style.Drawing) else None
    if native is None:
        size = picture.DOCUMENT[0], round(picture.DOCUMENT[0] * chart.height)
        image = io.BytesIO(picture.png(chart.figure, size=size, bare=True))
        scale = CHART_SIZE[0] / size[0] * picture.DPI / 96
        options = {"image_data": image, "x_scale": scale, "y_scale": scale, "description": chart.title}
        sheet.insert_image(TOP + 1, column, f"{chart.key}.png", options)
        return
    cells = _cells(book, sheet, native, frame, column + CHART_COLUMNS + 1)
    drawn = _DRAWN[native.kind](book, native, cells)
    drawn.set_title({"name": _literal(chart.title), "overlay": False, "name_font": _type(12, INK, bold=True)})
    drawn.set_chartarea({"border": {"none": True}})
    drawn.show_blanks_as("gap")
    high = max(CHART_SIZE[1], {"bar": len(native.categories) * 26 + 60, "pareto": 480}.get(native.kind, 0))
    drawn.set_size({"width": CHART_SIZE[0], "height": high})
    sheet.insert_chart(TOP + 1, column, drawn, {"description": chart.headline or chart.title})
    sheet.print_area(0, 0, TOP + 1 + max(frame.height, -(-high // ROW_PIXELS)), column + CHART_COLUMNS - 1)


Cells = Mapping[str, Sequence[Any]]
"""Name of a column of figures → [sheet, first row, column, last row, column], as xlsxwriter wants it."""
CATEGORIES, FOOT, BAND = "", "带底（作图用）", "预期至上限"


def _cells(book: Workbook, sheet: Worksheet, native: Native, frame: pl.DataFrame, column: int) -> Cells:
    """Where do the figures of the chart stand? In the table itself where it has them, else in columns beside it."""
    wanted = {CATEGORIES: native.categories, **{one.name: one.values for one in native.series}, **_band(native)}
    hidden = disclosure.marked(frame)  # their marks are text, which a chart takes for zero
    there = [(k, one.to_list()) for k, one in enumerate(disclosure.without_marks(frame)) if one.name not in hidden]
    own = {name: k for k, found in there for name, values in wanted.items() if found == list(values)}
    if CATEGORIES not in own:
        own = {}
    head = form(book, color=MUTED, bottom=1)
    plain, day = form(book, color=MUTED), form(book, color=MUTED, number_format="yyyy-mm-dd")
    shares = {one.name for one in native.series if one.role == "share"}
    for name, values in wanted.items():
        if name in own:
            continue
        number = form(book, color=MUTED, number_format="0.0%" if name in shares else "#,##0.##")
        own[name] = column
        sheet.write_string(TOP, column, name or native.category_label, head)
        sheet.set_column(column, column, 14)
        for row, value in enumerate(values, start=TOP + 1):
            if isinstance(value, str):
                sheet.write_string(row, column, value, plain)
            elif isinstance(value, date):
                sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), day)
            elif value is not None:
                sheet.write_number(row, column, value, number)
        column += 1
    last = TOP + len(native.categories)
    return {name: [sheet.get_name(), TOP + 1, k, last, k] for name, k in own.items()}


def _band(native: Native) -> dict[str, list[float]]:
    """From 预期 to 上限, as two stacked areas, the lower one unseen. An area knows no gaps: where nothing was expected
    the band has no height, at the level of its nearest end."""
    by_role = {one.role: one.values for one in native.series}
    pairs = enumerate(zip(by_role.get("expected", ()), by_role.get("upper", ()), strict=False))
    known = {k: (low, high) for k, (low, high) in pairs if low is not None and high is not None}
    if not known:
        return {}

    def nearest(k: int) -> int:
        return min(known, key=lambda other: abs(other - k))

    places = range(len(native.categories))
    return {
        FOOT: [known[nearest(k)][0] for k in places],
        BAND: [known[k][1] - known[k][0] if k in known else 0.0 for k in places],
    }


def _line(book: Workbook, native: Native, cells: Cells) -> Drawn:
    """Lines over dates, on the band where there is one."""
    lines = book.add_chart({"type": "line"})
    for one in native.series:
        lines.add_series({**_series(one, cells), **_LOOKS[one.role](one, native)})
    first, hidden = lines, [k for k, one in enumerate(native.series) if one.role == "context"]
    if FOOT in cells:  # the borders of the band need no entry of their own, its foot none at all
        hidden = [k for k, one in enumerate(native.series) if one.role in ("context", "upper", "expected")]
        first = book.add_chart({"type": "area", "subtype": "stacked"})
        first.add_series({**_range(FOOT, cells), "fill": {"none": True}, "border": {"none": True}})
        first.add_series({**_range(BAND, cells), "fill": {"color": ACCENT_SOFT}, "border": {"none": True}})
        first.combine(lines)
        hidden = [0, *(k + 2 for k in hidden)]
    first.set_x_axis(
        {
            "date_axis": True,
            "position_axis": "on_tick",
            "num_font": _type(9, MUTED),
            "line": {"color": MUTED},
            **_ticks(native),
        }
    )
    _set_values(first, native)
    first.set_legend({"position": "bottom", "font": _type(9, INK), "delete_series": hidden})
    return first


def _ticks(native: Native) -> dict[str, Any]:
    """At most ten dates along the axis: days of a short course, months or years of a longer one."""
    days = [day for day in native.categories if isinstance(day, date)]
    step, length = style.period_days(days), (days[-1] - days[0]).days
    if step < 28 and length <= 200:
        every = max(1, -(-length // step // 9)) * step
        return {"num_format": 'm"月"d"日"', "major_unit": every, "major_unit_type": "days"}
    n, least = length / 30.4, round(step / 30.4)
    every = next((k for k in (1, 2, 3, 6, 12, 24, 60) if k >= least and n / k <= 9), 120)
    if every < 12:
        return {"num_format": 'yyyy"年"m"月"', "major_unit": every, "major_unit_type": "months"}
    return {"num_format": 'yyyy"年"', "major_unit": every // 12, "major_unit_type": "years"}


def _bar(book: Workbook, native: Native, cells: Cells) -> Drawn:
    """Horizontal, the first on top, each with its figure."""
    drawn = book.add_chart({"type": "bar"})
    for one in native.series:
        label = {"value": True, "font": _type(10, INK), "num_format": "#,##0.##"}
        drawn.add_series({**_series(one, cells), **_filled(one), "gap": 60, "data_labels": label})
    names = {"reverse": True, "num_font": _type(10, INK), "line": {"color": MUTED}, "major_tick_mark": "none"}
    drawn.set_y_axis({**names, "major_gridlines": {"visible": False}})
    drawn.set_x_axis({"visible": False, "major_gridlines": {"visible": False}, "min": 0})
    drawn.set_legend({"none": True})
    return drawn


def _stacked(book: Workbook, native: Native, cells: Cells) -> Drawn:
    drawn = book.add_chart({"type": "column", "subtype": "stacked"})
    for one in native.series:
        drawn.add_series({**_series(one, cells), **_filled(one), "gap": 60})
    drawn.set_x_axis({"num_font": _type(9, INK), "line": {"color": MUTED}, "major_tick_mark": "none"})
    _set_values(drawn, native)
    drawn.set_legend({"position": "bottom", "font": _type(9, INK)})
    return drawn


def _pareto(book: Workbook, native: Native, cells: Cells) -> Drawn:
    """Columns against the left axis, the cumulative share against the right one."""
    drawn, line = book.add_chart({"type": "column"}), book.add_chart({"type": "line"})
    for one in native.series:
        if one.role == "share":
            marker = {"type": "circle", "size": 5, "fill": {"color": "#FFFFFF"}, "border": {"color": one.colour}}
            look = {"line": {"color": one.colour, "width": 1.75}, "marker": marker, "y2_axis": True}
            line.add_series({**_series(one, cells), **look})
        else:
            drawn.add_series({**_series(one, cells), **_filled(one), "gap": 45})
    drawn.combine(line)
    drawn.set_x_axis({"num_font": _type(9, INK), "line": {"color": MUTED}, "major_tick_mark": "none"})
    _set_values(drawn, native)
    none = {"none": True}
    line.set_y2_axis(
        {"min": 0, "max": 1, "major_unit": 0.2, "num_format": "0%", "num_font": _type(9, MUTED), "line": none}
    )
    drawn.set_legend({"position": "bottom", "font": _type(9, INK)})
    return drawn


_DRAWN = {"line": _line, "bar": _bar, "stacked": _stacked, "pareto": _pareto}


def _set_values(drawn: Drawn, native: Native) -> None:
    """The left axis: from zero, hairlines, no line of its own, its unit above."""
    drawn.set_y_axis(
        {
            "name": f"单位：{native.unit}",
            "name_font": {**_type(9, MUTED), "rotation": 0},
            "name_layout": {"x": 0.01, "y": 0.04},
            "min": 0,
            "num_format": "#,##0.##",
            "num_font": _type(9, MUTED),
            "line": {"none": True},
            "major_tick_mark": "none",
            "major_gridlines": {"visible": True, "line": {"color": GRID, "width": 0.75}},
        }
    )


def _series(one: Series, cells: Cells) -> dict[str, Any]:
    return _range(one.name, cells)


def _range(name: str, cells: Cells) -> dict[str, Any]:
    return {"name": _literal(name), "categories": cells[CATEGORIES], "values": cells[name]}


def _filled(one: Series) -> dict[str, Any]:
    """A bar in its colour, single ones in another."""
    points = [
        {"fill": {"color": one.point_colours[k]}} if k in one.point_colours else None for k in range(len(one.values))
    ]
    return {
        "fill": {"color": one.colour},
        "border": {"none": True},
        **({"points": points} if one.point_colours else {}),
    }


def _plain_line(width: float, dash: str = "solid") -> Any:
    return lambda one, _native: {"line": {"color": one.colour, "width": width, "dash_type": dash}}


def _subject(one: Series, native: Native) -> dict[str, Any]:
    """Periods still filling up are dotted."""
    n_whole = len(one.values) - native.n_incomplete
    dotted = {"line": {"color": one.colour, "width": 1.75, "dash_type": "round_dot"}}
    points = {"points": [None] * n_whole + [dotted] * native.n_incomplete} if native.n_incomplete else {}
    return {"line": {"color": one.colour, "width": 2.5}, **points}


def _alarm(one: Series, _native: Native) -> dict[str, Any]:
    """Red triangles with their figure; where they crowd, only the ones the screen says, too."""
    muted = [
        {"delete": True} if one.spoken is not None and k not in one.spoken else None for k in range(len(one.values))
    ]
    return {
        "line": {"none": True},
        "marker": {"type": "triangle", "size": 9, "fill": {"color": one.colour}, "border": {"color": "#FFFFFF"}},
        "data_labels": {"value": True, "position": "above", "font": _type(10, one.colour, bold=True), "custom": muted},
    }


_LOOKS: Mapping[str, Any] = {
    "subject": _subject,
    "alarm": _alarm,
    "line": _plain_line(2),
    "context": _plain_line(0.75),
    "dashed": _plain_line(1.5, "dash"),
    "expected": _plain_line(1),
    "upper": _plain_line(0.75),
}


def _type(size: float, colour: str, *, bold: bool = False) -> dict[str, Any]:
    return {"name": workbook.FONT, "size": size, "color": colour, "bold": bold}


def _literal(text: str) -> str:
    """xlsxwriter takes a name that begins with = for a reference."""
    return f" {text}" if text.startswith("=") else text
