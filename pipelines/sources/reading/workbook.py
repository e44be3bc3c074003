"""Workbooks (.xlsx, .xls): which sheets, which rows, and what Excel did to the cells.

Read by calamine (fastexcel), one sheet at a time. It holds a sheet as a full rectangle of 32-byte cells, so a single
cell far away from the table would fill the machine: an .xlsx is scanned first, which costs a quarter of the reading.
Cells come as text. A date cell is its date whatever the workbook counts from; a formula is its stored value; a formula
never computed and an error value (#REF!) are empty. A number of more than 15 digits was cut by Excel or by the reader's
floating point: it is shown as Excel shows it (1.23E+17), for which an item number is refused.
"""

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import fastexcel
import polars as pl

from pipelines.errors import SourceError
from pipelines.sources.reading.archive import PACKED_FAULTS, refuse_bomb
from pipelines.sources.reading.facts import (
    MAX_COLUMNS,
    OPEN_AND_SAVE,
    PREVIEW_ROWS,
    WRONG_FIELD_COUNT,
    FileFacts,
    Origin,
    Preview,
    Table,
    as_excel_shows,
)

logging.getLogger("calamine").addHandler(logging.NullHandler())  # its English remarks about chart sheets

MAX_CELLS = 100_000_000  # 3.2 GB; a full sheet (1,048,576 rows) of 95 columns
SCAN_BYTES = 1 << 20
OVERLAP = 128  # a match may lie across two scanned pieces
SERIALS_1904 = 1462  # days between 1899-12-30 and 1904-01-01
TIME_HEADER = re.compile(r"时间|日期|时限|期限|date|time|_at$|_dt$", re.IGNORECASE)
CHUNK_ROWS = 50_000
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the part of an OLE file that holds a workbook with a password

# All begin with literal bytes: only then is the scan fast.
FAR = re.compile(rb"""r=["'](?:[A-Z]{3}|[D-Z][A-Z])\d""")  # a cell right of column CZ
CELL = re.compile(rb"""r=["']([A-Z]{1,3})(\d{1,7})["']""")
LONG_NUMBER = re.compile(rb"v>-?\d(?:\d{15,}|[.\d]*[Ee]\+?(?:1[5-9]|[2-9]\d|\d{3}))")
ERROR = re.compile(rb"""t=["']e["']""")
UNCOMPUTED = re.compile(rb"f>(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v></)")
DATE_1904 = re.compile(rb"""date1904=["'](?:1|true)["']""")


class Scan(NamedTuple):
    n_long_numbers: int = 0
    n_errors: int = 0
    n_uncomputed: int = 0
    is_1904: bool = False


def inspect(origin: Origin, sha256: str, kind: str) -> FileFacts:
    """`kind` by the first bytes: xlsx (a ZIP file) or xls (an OLE file)."""
    scan = _scanned(origin) if kind == "xlsx" else Scan()
    if kind == "xls":
        with origin.open() as file:
            content = file.read()
        if ENCRYPTED in content:
            raise SourceError(
                origin.name,
                found="加了密码的工作簿",
                expected="未加密的 Excel 工作簿",
                next_step="请用 Excel 打开，去掉打开密码后另存，再重新导入。",
            )
    facts = FileFacts(
        origin,
        sha256,
        kind,
        kind,
        has_long_numbers=kind == "xls" or scan.n_long_numbers > 0,
        is_1904=scan.is_1904,
        notes=list(origin.notes),
    )
    if scan.n_uncomputed:
        facts.note(
            f"{scan.n_uncomputed:,} 个公式单元格没有保存计算结果，按空值处理；如需要，请用 Excel 打开并保存后重新导入。"
        )
    if scan.n_errors:
        facts.note(f"{scan.n_errors:,} 个单元格是公式错误值（如 #REF!、#N/A），按空值处理。")
    return facts


def _scanned(origin: Origin) -> Scan:
    """One pass over the unpacked parts; refuses what would fill the machine and what is not whole."""
    found = Scan()
    try:
        with _seekable(origin) as file, zipfile.ZipFile(file) as parts:
            members = parts.infolist()
            names = {member.filename for member in members}
            if not any(name.startswith("xl/") for name in names):
                raise SourceError(
                    origin.name,
                    found="不是 Excel 工作簿的办公文件（如 Word 文档、演示文稿、ODF 表格）",
                    expected="Excel 工作簿",
                    next_step=OPEN_AND_SAVE,
                )
            refuse_bomb(origin.name, members)
            for member in members:
                if member.filename.startswith("xl/") and not member.is_dir():
                    found = _scan_part(origin, parts, member, found)
    except PACKED_FAULTS as error:
        raise bad_workbook(origin.name) from error
    return found


def _seekable(origin: Origin) -> BinaryIO:
    """A workbook inside an archive has to be in memory for its parts to be found."""
    file = origin.open()
    if origin.path is not None:
        return file
    with file:
        return io.BytesIO(file.read())


def _scan_part(origin: Origin, parts: zipfile.ZipFile, member: zipfile.ZipInfo, found: Scan) -> Scan:
    is_sheet = member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml")
    is_book = member.filename == "xl/workbook.xml"
    is_far, before = False, b""
    with parts.open(member) as part:
        while piece := part.read(SCAN_BYTES):
            if is_book:
                found = found._replace(is_1904=found.is_1904 or DATE_1904.search(piece) is not None)
            if is_sheet:
                text, n_old = before + piece, len(before)
                is_far = is_far or FAR.search(text) is not None
                new = [
                    sum(match.end() > n_old for match in pattern.finditer(text))
                    for pattern in (LONG_NUMBER, ERROR, UNCOMPUTED)
                ]
                found = Scan(found[0] + new[0], found[1] + new[1], found[2] + new[2], found.is_1904)
                before = piece[-OVERLAP:]
    if is_far:
        _refuse_far(origin, parts, member)
    return found


def _refuse_far(origin: Origin, parts: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Cells far to the right: harmless in a short sheet, 500 GB in a long one."""
    n_rows, n_columns, farthest, before = 0, 0, "", b""
    with parts.open(member) as part:
        while piece := part.read(SCAN_BYTES):
            for match in CELL.finditer(before + piece):
                letters, row = match[1].decode(), int(match[2])
                n_rows = max(n_rows, row)
                if (column := _column_number(letters)) > n_columns:
                    n_columns, farthest = column, f"{letters}{row}"
            before = piece[-OVERLAP:]
    if n_rows * n_columns > MAX_CELLS or n_columns > MAX_COLUMNS:
        raise SourceError(
            origin.name,
            where=f"单元格 {farthest}",
            found=f"离表格很远的单元格（工作表因此有 {n_rows:,} 行 × {n_columns:,} 列）",
            expected=f"行数乘列数不超过 {MAX_CELLS // 10_000:,} 万的工作表",
            next_step="请把表格以外的行和列删除（不是清除内容），或把表格复制到新工作簿，保存后重新导入。",
        )


def _column_number(letters: str) -> int:
    """
    >>> _column_number("A"), _column_number("XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def previews(facts: FileFacts) -> list[Preview]:
    """The first rows of each visible sheet that has any."""
    workbook = _workbook(facts)
    found, hidden = [], []
    for index, name in enumerate(workbook.sheet_names):
        try:
            # skip_rows=0, said aloud, counts rows from the top of the sheet; left out, from the first used row.
            sheet = workbook.load_sheet(index, header_row=None, skip_rows=0, n_rows=PREVIEW_ROWS, dtypes="string")
            if sheet.width == 0:
                continue
            if sheet.visible != "visible":
                hidden.append(f"“{name}”（{sheet.total_height:,} 行）")
                continue
            frame = sheet.to_polars()
        except fastexcel.FastExcelError as error:
            raise bad_workbook(facts.name) from error
        rows = [[cell or "" for cell in row] for row in frame.iter_rows()]
        found.append(Preview(rows, [], sheet=index, sheet_name=name))
    if hidden:
        facts.note(f"隐藏的工作表{'、'.join(hidden)}没有读取；如需要，请取消隐藏后重新导入。")
    return found


def read(table: Table, wanted: list[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """See `reading.read`; no row of a sheet is of another width than its header."""
    workbook = _workbook(table.facts)
    frame = _columns(workbook, table, wanted, "string")
    if table.facts.has_long_numbers:
        frame = _numbers_as_excel_shows(workbook, table, frame)
    if table.facts.is_1904:
        frame = frame.with_columns(_from_1900(name) for name in wanted if TIME_HEADER.search(name))
    first = table.header_index + 2
    frame = frame.with_columns(pl.int_range(first, first + pl.len(), dtype=pl.Int32).alias("source_row"))
    for part in frame.iter_slices(CHUNK_ROWS):
        yield part, pl.DataFrame(schema=WRONG_FIELD_COUNT)


def _columns(workbook: fastexcel.ExcelReader, table: Table, wanted: list[str], dtype: fastexcel.DType) -> pl.DataFrame:
    order = sorted(table.headers.index(name) for name in wanted)
    try:
        sheet = workbook.load_sheet(
            table.preview.sheet or 0,
            header_row=None,
            use_columns=order,
            skip_rows=table.header_index + 1,
            dtypes=dtype,
        )
        frame = sheet.to_polars()
    except fastexcel.FastExcelError as error:
        raise bad_workbook(table.facts.name) from error
    frame.columns = [table.headers[position] for position in order]
    return frame.select(pl.col(wanted).cast(pl.String if dtype == "string" else pl.Boolean))


def _numbers_as_excel_shows(workbook: fastexcel.ExcelReader, table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Long runs of digits that are numbers, not text, in Excel's notation.

    Asked for as booleans, number cells are true or false and text cells are null: that tells the two apart.
    """
    is_long = pl.all().str.contains(r"^-?\d{16,}(?:\.0)?$").any()
    suspects = [name for name, said in frame.select(is_long).row(0, named=True).items() if said] if len(frame) else []
    if not suspects:
        return frame
    is_number = _columns(workbook, table, suspects, "boolean")
    changed = []
    for name in suspects:
        at = (
            (frame[name].str.contains(r"^-?\d{16,}(?:\.0)?$") & is_number[name].is_not_null())
            .fill_null(False)
            .arg_true()
        )
        shown = [as_excel_shows(cell) for cell in frame[name].gather(at).to_list()]
        changed.append(frame[name].clone().scatter(at, shown) if len(at) else frame[name])
    return frame.with_columns(changed)


def _from_1900(name: str) -> pl.Expr:
    """Days as plain numbers, not formatted as dates, of a workbook that counts from 1904."""
    cell = pl.col(name)
    serial = (cell.cast(pl.Float64, strict=False) + SERIALS_1904).cast(pl.String)
    return pl.when(cell.str.contains(r"^\d{5}(?:\.\d+)?$")).then(serial).otherwise(cell).alias(name)


def _workbook(facts: FileFacts) -> fastexcel.ExcelReader:
    """Opened from bytes, because by path the suffix would choose the parser and a mis-named file would fail."""
    try:
        with facts.open() as file:
            return fastexcel.read_excel(file.read())
    except fastexcel.FastExcelError as error:
        raise bad_workbook(facts.name) from error


def bad_workbook(name: str) -> SourceError:
    return SourceError(
        name,
        found="打不开的工作簿（不完整、已加密或已损坏）",
        expected="完整且未加密的 Excel 工作簿",
        next_step="请重新下载或重新导出；如设有密码，请先去掉密码。",
    )
