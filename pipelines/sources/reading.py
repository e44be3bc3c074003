"""What does a file say, verbatim? Bytes → text frames, before any meaning is given to them.

The content decides, not the name: an `.xls` that is OOXML inside, or tab-separated text, is read as what it is.
Text files are streamed in blocks (memory does not grow with the file); a workbook is held one sheet at a time.
Encoding: BOM, then strict UTF-8 over the whole file, then GB18030; a few torn bytes are tolerated and become U+FFFD.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from pipelines.errors import SourceError

BLOCK_BYTES = 16 << 20
PREVIEW_ROWS = 30
PREVIEW_BYTES = 1 << 18
TORN_SHARE = 0.05  # at most this share of the wide characters around the first torn byte may be undecodable

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (b"\x84\x31\x95\x33", "gb18030"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
RUNAWAY_LINES = 200  # a "row" of more lines than this is an unclosed quote that swallowed the rows below it
OPEN_AND_SAVE = "请用 Excel 或 WPS 打开原文件，另存为 .xlsx 或 CSV 后重新导入。"
EXPORT_AGAIN = "请从业务系统重新导出，确认传输完整后再导入。"

WRONG_FIELD_COUNT = {
    "source_row": pl.Int32,
    "rule": pl.String,
    "column_name": pl.String,
    "found": pl.String,
    "hint": pl.String,
}


@dataclass(frozen=True)
class FileFacts:
    """One pass over the bytes: what they are."""

    path: Path
    n_bytes: int
    sha256: str
    kind: str  # text | xlsx | xls
    encoding: str  # utf-8, utf-8-sig, gb18030, utf-16-le, utf-16-be, xlsx, xls
    is_torn: bool = False  # called UTF-8 although some bytes are not


@dataclass(frozen=True)
class Preview:
    """The first rows of one sheet, or of a text file under one delimiter."""

    rows: list[list[str]]
    lines: list[int]  # physical line on which each row ends (text files)
    sheet: int | None = None
    sheet_name: str = ""
    delimiter: str = ","


@dataclass(frozen=True)
class Table:
    """Where in a file the table starts and what its headers are."""

    facts: FileFacts
    preview: Preview
    header_index: int  # index into preview.rows
    headers: list[str]  # unique, in file order, as the file writes them


def inspect(path: Path) -> FileFacts:
    """Kind, encoding and SHA-256 of a file, from one pass over its bytes."""
    name = path.name
    try:
        n_bytes = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise SourceError(
            name, found="无法读取的文件", expected="可读的文件", next_step="请检查路径和读取权限。"
        ) from error
    if not start.strip():
        raise SourceError(name, found="空文件", expected="带表头的导出文件", next_step=EXPORT_AGAIN)
    if start.startswith(b"PK\x03\x04"):
        return FileFacts(path, n_bytes, _sha256(path), "xlsx", "xlsx")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return FileFacts(path, n_bytes, _sha256(path), "xls", "xls")
    if re.match(rb"\s*(?:<!doctype html|<html|<table|<\?xml|<meta|<head|<style)", start.lower()):
        raise SourceError(
            name, found="网页格式的内容", expected="真正的 Excel 工作簿或 CSV 文本", next_step=OPEN_AND_SAVE
        )
    encoding = next((encoding for bom, encoding in BOMS if start.startswith(bom)), None)
    if encoding is None and b"\x00" in start:
        suffix = path.suffix.lower() or "无扩展名"
        raise SourceError(
            name,
            found=f"二进制内容（图片或其他格式，只是文件名为 {suffix}）",
            expected="Excel 工作簿或 CSV 文本",
            next_step=OPEN_AND_SAVE,
        )
    if path.suffix.lower() in (".xlsx", ".xls") and not _looks_like_text(start):
        raise SourceError(
            name,
            found="不是工作簿的内容（图片、压缩包或其他格式）",
            expected="Excel 工作簿",
            next_step=OPEN_AND_SAVE,
        )
    sha256, encoding, is_torn = _text_facts(path, encoding)
    return FileFacts(path, n_bytes, sha256, "text", encoding, is_torn)


def _looks_like_text(start: bytes) -> bool:
    control = sum(byte < 9 or 13 < byte < 32 for byte in start)
    return control < len(start) / 200


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text_facts(path: Path, encoding: str | None) -> tuple[str, str, bool]:
    """SHA-256, encoding, is_torn. Without a BOM every byte is looked at: the first Chinese character may come late."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_torn, is_open = False, encoding in (None, "utf-8-sig")
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            if not is_open:
                continue
            try:
                decoder.decode(block, final=len(block) < BLOCK_BYTES)
            except UnicodeDecodeError as error:
                is_open = False
                begin = max(0, min(error.start, len(block)) - 65_536)
                sample = block[begin : begin + (1 << 20)]
                encoding, is_torn = _least_torn(path, sample, ("utf-8",) if encoding else ("gb18030", "utf-8"))
    return digest.hexdigest(), encoding or "utf-8", is_torn


def _least_torn(path: Path, sample: bytes, encodings: tuple[str, ...]) -> tuple[str, bool]:
    """Which encoding loses fewer characters of the sample; it may lose at most TORN_SHARE of them."""
    torn = {}
    for encoding in encodings:
        text = sample.decode(encoding, "replace")
        torn[encoding] = text.count("\ufffd") / max(1, sum(map(len, re.findall(r"[^\x00-\x7f]+", text))))
    encoding = min(torn, key=lambda name: torn[name])
    if torn[encoding] > TORN_SHARE:
        raise SourceError(
            path.name,
            found="既不是 UTF-8 也不是 GB18030 的字节",
            expected="UTF-8、GB18030（GBK）或带 BOM 的 UTF-16 文本",
            next_step=EXPORT_AGAIN,
        )
    return encoding, encoding == "utf-8"


class _Transcoded(io.RawIOBase):
    """Any encoding as a stream of UTF-8 bytes, for the CSV parser; undecodable bytes become U+FFFD."""

    def __init__(self, path: Path, encoding: str):
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""
        self._is_first = True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer) -> int:
        while not self._ready:
            block = self._file.read(1 << 20)
            text = self._decoder.decode(block, final=not block)
            if self._is_first and text:
                text, self._is_first = text.removeprefix("\ufeff"), False
            self._ready = text.replace("\x00", "").encode("utf-8", "replace")
            if not block and not self._ready:
                return 0
        n = min(len(buffer), len(self._ready))
        buffer[:n] = self._ready[:n]
        self._ready = self._ready[n:]
        return n


def previews(facts: FileFacts) -> list[Preview]:
    """The first rows under each possible delimiter, or of each visible sheet."""
    return _text_previews(facts) if facts.kind == "text" else _sheet_previews(facts)


def _text_previews(facts: FileFacts) -> list[Preview]:
    with io.BufferedReader(_Transcoded(facts.path, facts.encoding)) as stream:
        start = stream.read(PREVIEW_BYTES)
    whole_lines = start if len(start) < PREVIEW_BYTES else start[: start.rfind(b"\n") + 1]
    text = whole_lines.decode("utf-8", "replace")
    found = []
    for delimiter in ",\t;|":
        rows, lines = [], []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            for row in reader:
                rows.append(row)
                lines.append(reader.line_num)
                if len(rows) == PREVIEW_ROWS:
                    break
        except csv.Error:
            continue
        found.append(Preview(rows, lines, delimiter=delimiter))
    return found


def _workbook(facts: FileFacts) -> fastexcel.ExcelReader:
    """Opened from bytes, because by path the suffix would choose the parser and a mis-named file would fail."""
    try:
        return fastexcel.read_excel(facts.path.read_bytes())
    except fastexcel.FastExcelError as error:
        raise _bad_workbook(facts) from error


def _bad_workbook(facts: FileFacts) -> SourceError:
    return SourceError(
        facts.path.name,
        found="打不开的工作簿（不完整、已加密或已损坏）",
        expected="完整且未加密的 Excel 工作簿",
        next_step="请重新下载或重新导出；如设有密码，请先去掉密码。",
    )


def _sheet_previews(facts: FileFacts) -> list[Preview]:
    workbook = _workbook(facts)
    found = []
    for index, name in enumerate(workbook.sheet_names):
        try:
            # skip_rows=0, said aloud, counts rows from the top of the sheet; left out, from the first used row.
            sheet = workbook.load_sheet(index, header_row=None, skip_rows=0, n_rows=PREVIEW_ROWS, dtypes="string")
            if sheet.visible != "visible" or sheet.width == 0:
                continue
            frame = sheet.to_polars()
        except fastexcel.FastExcelError as error:
            raise _bad_workbook(facts) from error
        rows = [[cell or "" for cell in row] for row in frame.iter_rows()]
        found.append(Preview(rows, [], sheet=index, sheet_name=name))
    return found


def read(table: Table, wanted: list[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The rows below the header, as text, in blocks: (rows, rows that cannot be cut into fields).

    `wanted`: the headers to keep; all other columns, the identifying ones among them, are not even parsed out.
    Rows carry `source_row`, the row number a spreadsheet shows. Entirely blank rows are left out.
    """
    blocks = _read_text(table, wanted) if table.facts.kind == "text" else _read_sheet(table, wanted)
    for rows, wrong in _ahead(blocks):
        is_blank = pl.all_horizontal(pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "") for name in wanted)
        yield rows.filter(~is_blank), wrong


def _ahead(blocks: Iterator) -> Iterator:
    """The same blocks, the next one being made in another thread while this one is used."""
    done = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, blocks, done)
        while (block := coming.result()) is not done:
            coming = pool.submit(next, blocks, done)
            yield block


def _read_text(table: Table, wanted: list[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    facts, preview = table.facts, table.preview
    bad: list[tuple[int, int]] = []  # (row number, number of fields)

    runaway: list[int] = []

    def keep(row: arrow_csv.InvalidRow) -> str:
        if row.text.count("\n") > RUNAWAY_LINES:
            runaway.append(row.number)
        if row.actual_columns > 1 or row.text.strip():
            bad.append((row.number, row.actual_columns))
        else:
            bad.append((row.number, 0))  # a blank line
        return "skip"

    n_before = table.header_index + 1
    # Arrow counts physical lines before the table; a spreadsheet counts rows.
    shift = n_before - preview.lines[table.header_index]
    next_row, n_used = n_before + 1, 0
    source = (
        pa.OSFile(str(facts.path))
        if facts.encoding in ("utf-8", "utf-8-sig") and not facts.is_torn
        else pa.PythonFile(io.BufferedReader(_Transcoded(facts.path, facts.encoding), 1 << 20), mode="r")
    )
    with source:
        try:
            reader = arrow_csv.open_csv(
                source,
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,  # only then is an invalid row's number known
                    block_size=BLOCK_BYTES,
                    skip_rows=preview.lines[table.header_index],
                    column_names=table.headers,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=preview.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=keep,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(table.headers, pa.string()),
                    check_utf8=False,
                ),
            )
            for batch in reader:
                numbers, n_used_now = _row_numbers(next_row, batch.num_rows, bad[n_used:], shift)
                wrong = _wrong_field_count(bad[n_used : n_used + n_used_now], len(table.headers), shift)
                n_used += n_used_now
                if batch.num_rows:
                    next_row = int(numbers[-1]) + 1
                frame = pl.DataFrame(pl.from_arrow(batch))
                yield frame.with_columns(pl.Series("source_row", numbers, dtype=pl.Int32)), wrong
        except pa.ArrowInvalid as error:
            raise _unclosed_quote(facts, bad[-1][0] + shift if bad else None) from error
    if runaway:
        raise _unclosed_quote(facts, runaway[0] + shift - 1)
    if n_used < len(bad):
        wrong = _wrong_field_count(bad[n_used:], len(table.headers), shift)
        empty = pl.DataFrame(schema=dict.fromkeys(wanted, pl.String) | {"source_row": pl.Int32})
        yield empty, wrong


def _unclosed_quote(facts: FileFacts, after_row: int | None) -> SourceError:
    return SourceError(
        facts.path.name,
        where="" if after_row is None else f"第 {after_row} 行之后",
        found="无法切分的内容（英文双引号没有成对，或一个单元格超过 16 MB）",
        expected="引号成对的 CSV",
        next_step="请在该处查找多余的双引号并改正，或从业务系统导出为 .xlsx 后再导入。",
    )


def _row_numbers(first: int, n_rows: int, bad: list[tuple[int, int]], shift: int) -> tuple[np.ndarray, int]:
    """Numbers of the next `n_rows` good rows when the rows in `bad` were skipped among them.

    >>> _row_numbers(2, 3, [(3, 1), (9, 1)], 0)
    (array([2, 4, 5]), 1)
    """
    taken = np.array([number + shift for number, _ in bad], dtype=np.int64)
    n_inside = 0
    while n_inside < len(taken) and taken[n_inside] < first + n_rows + n_inside:
        n_inside += 1
    numbers = np.arange(first, first + n_rows + n_inside)
    return np.setdiff1d(numbers, taken[:n_inside], assume_unique=True), n_inside


def _wrong_field_count(bad: list[tuple[int, int]], n_expected: int, shift: int) -> pl.DataFrame:
    """Rejected rows. Nothing of their content is kept: which field is which cannot be told."""
    real = [(number + shift, n_fields) for number, n_fields in bad if n_fields]
    return pl.DataFrame(
        {
            "source_row": [number for number, _ in real],
            "rule": ["wrong_field_count"] * len(real),
            "column_name": [None] * len(real),
            "found": [f"{n_fields} 个字段" for _, n_fields in real],
            "hint": [
                f"表头有 {n_expected} 列，这一行切出 {n_fields} 个字段；请检查单元格内是否有未加引号的分隔符或换行。"
                for _, n_fields in real
            ],
        },
        schema=WRONG_FIELD_COUNT,
    )


def _read_sheet(table: Table, wanted: list[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    facts, preview = table.facts, table.preview
    workbook = _workbook(facts)
    positions = [table.headers.index(name) for name in wanted]
    order = sorted(positions)
    try:
        sheet = workbook.load_sheet(
            preview.sheet or 0,
            header_row=None,
            use_columns=order,
            skip_rows=table.header_index + 1,
            dtypes="string",
        )
        frame = sheet.to_polars()
    except fastexcel.FastExcelError as error:
        raise _bad_workbook(facts) from error
    frame.columns = [table.headers[position] for position in order]
    first = table.header_index + 2
    frame = frame.select(
        pl.col(wanted).cast(pl.String),
        pl.int_range(first, first + pl.len(), dtype=pl.Int32).alias("source_row"),
    )
    yield frame, pl.DataFrame(schema=WRONG_FIELD_COUNT)
