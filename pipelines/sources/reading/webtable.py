"""Tables of web pages (HTML, often under the name .xls) and of XML spreadsheets (Excel 2003), read as a stream.

A page's tables are counted like sheets. Cells merged by rowspan and colspan are given to every row and column they
cover, as a person reads them; HTML Standard §4.9.11 (at most 1,000 columns and 65,534 rows a cell).
Excel's XML: "XML Spreadsheet Reference" (Microsoft, 2001), namespace urn:schemas-microsoft-com:office:spreadsheet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import polars as pl
from lxml import etree

from pipelines.errors import SourceError
from pipelines.sources.reading import text
from pipelines.sources.reading.facts import (
    BLOCK_ROWS,
    EXPORT_AGAIN,
    MAX_COLUMNS,
    OPEN_AND_SAVE,
    PREVIEW_ROWS,
    WRONG_FIELD_COUNT,
    FileFacts,
    Origin,
    Preview,
    Table,
    as_excel_shows,
    too_many_columns,
)

PAGE = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|meta|style|title|table|(?=[a-z][^>]*>.*<table))\b",
    re.IGNORECASE | re.DOTALL,
)
CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
MAX_COLSPAN, MAX_ROWSPAN = 1000, 65_534
MAX_TABLES = 1000
BREAK = "\ue003"  # stands for a line break of the page; a line break of its source is a space
SPREADSHEET = "urn:schemas-microsoft-com:office:spreadsheet"
SS, EXCEL = f"{{{SPREADSHEET}}}", "{urn:schemas-microsoft-com:office:excel}"


class Row(NamedTuple):
    table: int
    number: int  # as a spreadsheet counts, from 1
    cells: list[str]


@dataclass
class _Open:
    """A table of the page that is still open: tables may lie in the cells of tables."""

    number: int
    n_rows: int = 0
    row: list[tuple[str, int, int]] = field(default_factory=list)  # (text, columns, rows)
    below: dict[int, tuple[int, str]] = field(default_factory=dict)  # column → (rows still covered, text)


def kind_of(start: str) -> str | None:
    """html, xml (an Excel spreadsheet), or None for the decoded first characters of a file."""
    if PAGE.match(start):
        return "html"
    return "xml" if start.lstrip().startswith("<?xml") and SPREADSHEET in start else None


def charset_said(start: bytes) -> str | None:
    """What a page's <meta> says its bytes are, if that is a known encoding other than UTF-8."""
    said = CHARSET.search(start)
    name = said[1].decode().lower() if said else ""
    known = {"gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "big5": "big5", "big5-hkscs": "big5hkscs"}
    return known.get(name)


def inspect(origin: Origin, start: bytes, kind: str, sha256: str, said: str | None) -> FileFacts:
    """`said`: the encoding of its BOM, if it has one. Bytes that are all UTF-8 are UTF-8, whatever the page says."""
    if kind == "xml":
        return FileFacts(origin, sha256, "xml", "xml", notes=list(origin.notes))
    return text.inspect(origin, said, kind="html", otherwise=charset_said(start))


def previews(facts: FileFacts) -> list[Preview]:
    """The first rows of each visible table or sheet that has any. The whole file is passed over once."""
    first: dict[int, list[list[str]]] = {}
    names: dict[int, str] = {}
    hidden: dict[int, str] = {}
    for row in _rows(facts, names, hidden):
        rows = first.setdefault(row.table, [])
        if len(rows) < PREVIEW_ROWS:
            rows += [[] for _ in range(min(PREVIEW_ROWS, row.number) - len(rows) - 1)]
            if row.number <= PREVIEW_ROWS:
                rows.append(row.cells)
        if len(row.cells) > MAX_COLUMNS:
            raise too_many_columns(facts.name, len(row.cells))
        if row.table >= MAX_TABLES:
            break
    if not first:
        raise SourceError(
            facts.name,
            found="网页里没有表格" if facts.kind == "html" else "没有内容的表格文件",
            expected="带表头的表格",
            next_step=OPEN_AND_SAVE,
        )
    if hidden := {at: name for at, name in hidden.items() if at in first}:
        facts.note(f"隐藏的工作表“{'”、“'.join(hidden.values())}”没有读取；如需要，请取消隐藏后重新导入。")
    return [
        Preview(rows, [], sheet=at, sheet_name=names.get(at, f"第 {at + 1} 个表格"))
        for at, rows in first.items()
        if at not in hidden
    ]


def read(table: Table, wanted: list[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """See `reading.read`; short rows are filled up with blanks."""
    positions = [table.headers.index(name) for name in wanted]
    rows = (
        row
        for row in _rows(table.facts, {}, {})
        if row.table == table.preview.sheet and row.number > table.header_index + 1
    )
    schema = dict.fromkeys(wanted, pl.String) | {"source_row": pl.Int32}
    while block := list(islice(rows, BLOCK_ROWS)):
        lines = [[*(row.cells[at] if at < len(row.cells) else None for at in positions), row.number] for row in block]
        yield pl.DataFrame(lines, schema=schema, orient="row"), pl.DataFrame(schema=WRONG_FIELD_COUNT)


def _rows(facts: FileFacts, names: dict[int, str], hidden: dict[int, str]) -> Iterator[Row]:
    """All rows of all tables in order; fills in the names of sheets, and of those that are hidden, as they come."""
    try:
        if facts.kind == "html":
            yield from _html_rows(facts)
        else:
            yield from _xml_rows(facts, names, hidden)
    except etree.XMLSyntaxError as error:
        raise SourceError(
            facts.name,
            where=f"文件第 {error.lineno} 行" if error.lineno else "",
            found="不完整或格式有误的 XML 表格",
            expected="完整的 XML 表格（Excel 2003）",
            next_step=EXPORT_AGAIN,
        ) from error


def _html_rows(facts: FileFacts) -> Iterator[Row]:
    tags = ("table", "tr", "td", "th")
    with text.as_utf8(facts) as stream:
        opened: list[_Open] = []
        n_tables = 0
        for event, element in etree.iterparse(
            stream, events=("start", "end"), tag=tags, html=True, encoding="utf-8", huge_tree=True, no_network=True
        ):
            if element.tag == "table":
                if event == "start":
                    opened.append(_Open(n_tables))
                    n_tables += 1
                elif opened:
                    if opened[-1].row:  # cells without a <tr> around them
                        yield _closed_row(opened[-1])
                    opened.pop()
                    _forget(element)
            elif not opened or event == "start":
                continue
            elif element.tag == "tr":
                yield _closed_row(opened[-1])
                _forget(element)
            else:
                opened[-1].row.append(_html_cell(element))


def _html_cell(element) -> tuple[str, int, int]:
    """Its text, lines broken where the page breaks them, and how many columns and rows it covers."""
    if len(element):
        for line_break in element.iter("br"):
            line_break.tail = BREAK + (line_break.tail or "")
        for paragraph in element.iter("p", "div", "li"):
            paragraph.text = BREAK + (paragraph.text or "")
        lines = [" ".join(line.split()) for line in "".join(element.itertext()).split(BREAK)]
        said = "\n".join(line for line in lines if line)
    else:
        said = " ".join((element.text or "").split())
    if not element.attrib:
        return said, 1, 1
    return said, _span(element.get("colspan"), MAX_COLSPAN), _span(element.get("rowspan"), MAX_ROWSPAN)


def _span(said: str | None, most: int) -> int:
    digits = re.match(r"\s*(\d+)", said or "1")
    return min(max(1, int(digits[1][:6])), most) if digits else 1


def _closed_row(table: _Open) -> Row:
    """The row's cells with those merged into it from above and from the left."""
    cells: list[str] = []

    def take_from_above() -> None:
        while (above := table.below.get(len(cells))) is not None:
            n_left, said = above
            if n_left > 1:
                table.below[len(cells)] = (n_left - 1, said)
            else:
                del table.below[len(cells)]
            cells.append(said)

    for said, n_columns, n_rows in table.row:
        take_from_above()
        for _ in range(n_columns):
            if n_rows > 1:
                table.below[len(cells)] = (n_rows - 1, said)
            cells.append(said)
            if len(cells) > MAX_COLUMNS:
                break
    take_from_above()
    table.row, table.n_rows = [], table.n_rows + 1
    return Row(table.number, table.n_rows, cells)


def _forget(element) -> None:
    """What has been read goes: memory does not grow with the file."""
    element.clear(keep_tail=False)
    while element.getprevious() is not None:
        del element.getparent()[0]


def _xml_rows(facts: FileFacts, names: dict[int, str], hidden: dict[int, str]) -> Iterator[Row]:
    with facts.open() as stream:
        sheet, number = -1, 0
        below: dict[int, tuple[int, str]] = {}
        for event, element in etree.iterparse(
            stream,
            events=("start", "end"),
            tag=(f"{SS}Worksheet", f"{SS}Row", f"{EXCEL}Visible"),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=True,
        ):
            if element.tag == f"{SS}Worksheet":
                if event == "start":
                    sheet, number, below = sheet + 1, 0, {}
                    names[sheet] = element.get(f"{SS}Name") or f"第 {sheet + 1} 个工作表"
                else:
                    _forget(element)
            elif event == "start":
                continue
            elif element.tag == f"{EXCEL}Visible":
                if (element.text or "").strip() in ("SheetHidden", "SheetVeryHidden"):
                    hidden[sheet] = names.get(sheet, "")
            else:
                number = _whole(element.get(f"{SS}Index"), number + 1)
                yield Row(sheet, number, _xml_cells(element, below))
                _forget(element)


def _xml_cells(row, below: dict[int, tuple[int, str]]) -> list[str]:
    """A row's cells; `below` holds, by column, what is merged downwards, and is brought up to date."""
    cells: list[str] = []
    covered = {column: said for column, (_, said) in below.items()}
    for column, (n_left, said) in list(below.items()):
        if n_left > 1:
            below[column] = (n_left - 1, said)
        else:
            del below[column]

    def put(column: int, said: str) -> None:
        cells.extend("" for _ in range(column + 1 - len(cells)))
        cells[column] = said

    column = 0
    for cell in row.iterchildren(f"{SS}Cell"):
        while cell.get(f"{SS}Index") is None and column in covered:
            column += 1
        column = min(_whole(cell.get(f"{SS}Index"), column + 1), MAX_COLUMNS + 1) - 1
        said = _xml_said(cell)
        n_down = min(_whole(cell.get(f"{SS}MergeDown"), 0), MAX_ROWSPAN)
        for _ in range(1 + min(_whole(cell.get(f"{SS}MergeAcross"), 0), MAX_COLSPAN)):
            put(column, said)
            if n_down:
                below[column] = (n_down, said)
            column += 1
    for at, said in covered.items():
        if at >= len(cells) or not cells[at]:
            put(at, said)
    return cells


def _xml_said(cell) -> str:
    """A cell's value as text: an error is empty, a date is written as one, a long number as Excel shows it."""
    data = cell.find(f"{SS}Data")
    if data is None:
        return ""
    said, kind = "".join(data.itertext()), data.get(f"{SS}Type")
    if kind == "Error":
        return ""
    if kind == "DateTime":
        return re.sub(r"\.0+$", "", said.replace("T", " "))
    if kind == "Number" and re.fullmatch(r"-?\d{16,}(?:\.0*)?", said.strip()):
        return as_excel_shows(said)
    return said


def _whole(said: str | None, otherwise: int) -> int:
    return int(said) if said and re.fullmatch(r"\d{1,7}", said) else otherwise
