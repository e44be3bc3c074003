"""The figures behind a chart or table as an Excel file: sheet 数据 with typed cells, sheet 口径 with their meaning."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from app import disclosure, fields
from app.charts.style import em_width
from app.palette import PANEL

MAX_ROWS = 100_000
MAX_TEXT = 32_000
"""Excel takes 32,767 characters in a cell."""
MAX_WIDTH = 60.0
"""Characters in a column."""
LINE = 15.0
"""Points of a line of text; a row must be told its height where text is wrapped."""
CREATED = datetime(2020, 1, 1)
FONT = "微软雅黑"
TINY = ("p_value", "chance_per_year")
"""Never negative, often far below what three decimals show."""


def xlsx(
    frame: pl.DataFrame,
    *,
    title: str,
    notes: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    more: Mapping[str, pl.DataFrame] | None = None,
) -> bytes:
    """A frame as .xlsx bytes.

    title: first line of 口径. notes: one sentence a row (as-of time, data version, filters, definitions).
    labels: column name → Chinese header, over those of sql/fields.csv; a column in neither keeps its name.
    more: further sheets between 数据 and 口径, by name.
    Coded values (closed, orange, county …) are written as the words of app/assets/words.csv.
    Text is always written as text: a value that begins with = + - @ is never a formula. Dates are dates.
    Where app.disclosure has hidden a count, its mark (<5, 隐去) stands as text among the numbers.
    Columns ending in _share are shown as per cent. At most MAX_ROWS rows; 口径 says when rows were left out.
    Same frame and words → same bytes.
    """
    buffer = io.BytesIO()
    with opened(buffer, title) as book:
        shown = frame.head(MAX_ROWS)
        _write_data(book, fields.in_words(shown), fields.headers(shown, labels))
        for sheet_name, other in (more or {}).items():
            _write_data(book, fields.in_words(other.head(MAX_ROWS)), fields.headers(other, labels), sheet_name)
        left_out = frame.height - shown.height
        said = [f"只导出前 {MAX_ROWS:,} 行，另有 {left_out:,} 行未导出，请缩小筛选范围。"] if left_out else []
        write_notes(book, title, [*said, *notes])
    return buffer.getvalue()


def opened(buffer: io.BytesIO, title: str) -> Workbook:
    """A new workbook that writes text as text and touches no temporary folder; a context manager, as xlsxwriter's own."""
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties({"title": title, "created": CREATED})
    book.set_calc_mode("auto")
    return book


def _write_data(book: Workbook, frame: pl.DataFrame, headers: Mapping[str, str], sheet_name: str = "数据") -> None:
    write_table(book, book.add_worksheet(sheet_name), frame, headers)


def write_table(
    book: Workbook,
    sheet: Worksheet,
    frame: pl.DataFrame,
    headers: Mapping[str, str],
    *,
    top: int = 0,
    formats: Mapping[str, str] | None = None,
    wrap: float | None = None,
) -> None:
    """Head and rows from row `top` on, cells typed by the frame, head frozen, with a filter.

    formats: column → number format, over that of its type and name. wrap: text longer than so many characters goes on
    in the next line; without it a column is MAX_WIDTH at most and its text is cut by the next cell.
    """
    lines = [1] * frame.height
    marks = frame.select(name for name in frame.columns if name.endswith(disclosure.MARK))
    frame = disclosure.without_marks(frame)
    for column, name in enumerate(frame.columns):
        header, is_figure = headers[name], frame.schema[name].is_numeric()
        side = {"align": "right"} if is_figure else {"align": "left", "indent": 1}
        sheet.write_string(top, column, header, head_form(book, **side))
        width = _width(header, frame[name]) + 2 * (not is_figure)
        write, number_format = _writer(sheet, name, frame.schema[name])
        is_long = wrap is not None and width > wrap and frame.schema[name] == pl.String
        look = form(book, (formats or {}).get(name, number_format), text_wrap=is_long, **side)
        if wrap is not None and is_long:
            width = wrap
            taken = [math.ceil((em_width(text or "") * 1.9 + 1) / (wrap - 3)) for text in frame[name]]
            lines = [max(pair) for pair in zip(lines, taken, strict=True)]
        sheet.set_column(column, column, min(width, MAX_WIDTH), look)
        for row, value in enumerate(frame[name].to_list(), start=top + 1):
            if value is not None:
                write(row, column, value, look)
        if name + disclosure.MARK in marks.columns:
            mark = form(book, align="right")
            for row, said in enumerate(marks[name + disclosure.MARK].to_list(), start=top + 1):
                if said is not None:
                    sheet.write_string(row, column, said, mark)
    for row, n in enumerate(lines, start=top + 1):
        if n > 1:
            sheet.set_row(row, min(LINE * n + 6, 400))
    sheet.set_row(top, 22)
    sheet.freeze_panes(top + 1, 0)
    if frame.width:
        sheet.autofilter(top, 0, top + max(frame.height, 1), frame.width - 1)


def _writer(sheet: Worksheet, name: str, kind: pl.DataType) -> tuple[Callable[[int, int, Any, Format], Any], str]:
    """How is a column of this type written, and in which number format?"""
    if kind == pl.Boolean:
        return lambda row, column, value, form: sheet.write_string(
            row, column, "是" if value else "否", form
        ), "General"
    if kind.is_integer():
        return sheet.write_number, "#,##0"
    if kind.is_numeric():
        return _finite(sheet), _number_format(name)
    if kind == pl.Date:
        return sheet.write_datetime, "yyyy-mm-dd"
    if isinstance(kind, pl.Datetime):
        return _without_zone(sheet), "yyyy-mm-dd hh:mm"
    return lambda row, column, value, form: sheet.write_string(row, column, str(value)[:MAX_TEXT], form), "General"


def _number_format(name: str) -> str:
    if name.endswith("_share"):
        return "0.0%"
    return "[=0]0;[<0.001]0.0E+00;#,##0.0##" if name in TINY else "#,##0.0##"


def head_form(book: Workbook, **more: Any) -> Format:
    """How the head of a table looks."""
    return form(book, bold=True, bg_color=PANEL, bottom=1, **more)


def form(book: Workbook, number_format: str = "General", **more: Any) -> Format:
    return book.add_format({"font_name": FONT, "num_format": number_format, "valign": "vcenter", **more})


def _finite(sheet: Worksheet) -> Callable[[int, int, Any, Format], Any]:
    def write(row: int, column: int, value: Any, form: Format) -> None:
        if math.isfinite(value):
            sheet.write_number(row, column, float(value), form)

    return write


def _without_zone(sheet: Worksheet) -> Callable[[int, int, Any, Format], Any]:
    """Excel knows no time zones; the clock time is kept."""

    def write(row: int, column: int, value: datetime, form: Format) -> None:
        sheet.write_datetime(row, column, value.replace(tzinfo=None), form)

    return write


def _width(header: str, values: pl.Series) -> float:
    """Wide enough for the header and the first rows, at most MAX_WIDTH characters."""
    longest = max((em_width(_as_seen(value)) for value in values.head(200) if value is not None), default=0)
    return min(MAX_WIDTH, max(em_width(header) * 2 + 4, longest * 1.9 + 2))


def _as_seen(value: Any) -> str:
    if isinstance(value, datetime):
        return "2026-11-16 08:30"
    if isinstance(value, date):
        return "2026-11-16"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def write_notes(book: Workbook, title: str, notes: Sequence[str]) -> None:
    """The last sheet: what the figures mean, one sentence a row."""
    sheet = book.add_worksheet("口径")
    sheet.set_column(0, 0, 100)
    sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_name": FONT, "font_size": 14}))
    wrapped = book.add_format({"font_name": FONT, "text_wrap": True, "valign": "top"})
    for row, sentence in enumerate(notes, start=2):
        sheet.write_string(row, 0, sentence, wrapped)
