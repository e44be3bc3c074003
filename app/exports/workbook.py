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

MAX_ROWS = 100_000
MAX_TEXT = 32_000
"""Excel takes 32,767 characters in a cell."""
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
    # in_memory: nothing of the data touches a temporary folder
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        book.set_properties({"title": title, "created": CREATED})
        book.set_calc_mode("auto")
        shown = frame.head(MAX_ROWS)
        _write_data(book, fields.in_words(shown), fields.headers(shown, labels))
        for sheet_name, other in (more or {}).items():
            _write_data(book, fields.in_words(other.head(MAX_ROWS)), fields.headers(other, labels), sheet_name)
        left_out = frame.height - shown.height
        said = [f"只导出前 {MAX_ROWS:,} 行，另有 {left_out:,} 行未导出，请缩小筛选范围。"] if left_out else []
        _write_notes(book, title, [*said, *notes])
    return buffer.getvalue()


def _write_data(book: Workbook, frame: pl.DataFrame, headers: Mapping[str, str], sheet_name: str = "数据") -> None:
    sheet = book.add_worksheet(sheet_name)
    head = book.add_format({"bold": True, "font_name": FONT, "bg_color": "#F2F0EA", "bottom": 1, "valign": "vcenter"})
    mark = book.add_format({"font_name": FONT, "align": "right"})
    marks = frame.select(name for name in frame.columns if name.endswith(disclosure.MARK))
    frame = disclosure.without_marks(frame)
    for column, name in enumerate(frame.columns):
        header = headers[name]
        sheet.write_string(0, column, header, head)
        write, form = _writer(book, sheet, name, frame.schema[name])
        sheet.set_column(column, column, _width(header, frame[name]), form)
        for row, value in enumerate(frame[name].to_list(), start=1):
            if value is not None:
                write(row, column, value, form)
        if name + disclosure.MARK in marks.columns:
            for row, said in enumerate(marks[name + disclosure.MARK].to_list(), start=1):
                if said is not None:
                    sheet.write_string(row, column, said, mark)
    sheet.set_row(0, 22)
    sheet.freeze_panes(1, 0)
    if frame.width:
        sheet.autofilter(0, 0, max(frame.height, 1), frame.width - 1)


def _writer(
    book: Workbook, sheet: Worksheet, name: str, kind: pl.DataType
) -> tuple[Callable[[int, int, Any, Format], Any], Format]:
    """How is a column of this type written, and in which number format?"""
    if kind == pl.Boolean:
        return lambda row, column, value, form: sheet.write_string(row, column, "是" if value else "否", form), _form(
            book
        )
    if kind.is_integer():
        return sheet.write_number, _form(book, "#,##0")
    if kind.is_numeric():
        return _finite(sheet), _form(book, _number_format(name))
    if kind == pl.Date:
        return sheet.write_datetime, _form(book, "yyyy-mm-dd")
    if isinstance(kind, pl.Datetime):
        return _without_zone(sheet), _form(book, "yyyy-mm-dd hh:mm")
    return lambda row, column, value, form: sheet.write_string(row, column, str(value)[:MAX_TEXT], form), _form(book)


def _number_format(name: str) -> str:
    if name.endswith("_share"):
        return "0.0%"
    return "[=0]0;[<0.001]0.0E+00;#,##0.0##" if name in TINY else "#,##0.0##"


def _form(book: Workbook, number_format: str = "General") -> Format:
    return book.add_format({"font_name": FONT, "num_format": number_format})


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
    """Wide enough for the header and the first rows, at most 60 characters."""
    longest = max((em_width(_as_seen(value)) for value in values.head(200) if value is not None), default=0)
    return min(60.0, max(em_width(header) * 2 + 4, longest * 1.9 + 2))


def _as_seen(value: Any) -> str:
    if isinstance(value, datetime):
        return "2026-11-16 08:30"
    if isinstance(value, date):
        return "2026-11-16"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def _write_notes(book: Workbook, title: str, notes: Sequence[str]) -> None:
    sheet = book.add_worksheet("口径")
    sheet.set_column(0, 0, 100)
    sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_name": FONT, "font_size": 14}))
    wrapped = book.add_format({"font_name": FONT, "text_wrap": True, "valign": "top"})
    for row, sentence in enumerate(notes, start=2):
        sheet.write_string(row, 0, sentence, wrapped)
