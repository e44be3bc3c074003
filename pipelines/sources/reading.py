"""What does a file say, verbatim? Bytes → text frames, before any meaning is given to them.

The content decides, not the name: an `.xls` that is OOXML inside, or tab-separated text, is read as what it is.
Text files are streamed in blocks (memory does not grow with the file); a workbook is held one sheet at a time.
Encoding: BOM, then strict UTF-8 over the whole file, then GB18030; a few torn bytes are tolerated and become U+FFFD. A
file that ends inside a character or a quoted cell, or whose rows are in different encodings, is refused: read on, it
would put garbled rows over good ones.
"""

import codecs
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
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
ARCHIVES = (
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
ARCHIVE_SUFFIXES = (".zip", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".tar")
UNPACK = "请先解压，再导入里面的 .csv 或 .xlsx 文件。"
# A row is of one encoding when it reads as everyday Chinese in it: this share of its characters are level-1 hanzi of
# GB 2312. Rows read in the wrong encoding have 10 to 20 % of them.
EVERYDAY_SHARE = 0.7
# UTF-8 的, 区 and U+FFFD, which as GBK would be characters out of use: the sign of UTF-8 cells inside a GBK row.
FOREIGN_BYTES = ("的".encode(), "区".encode(), "\ufffd".encode())
FOREIGN_SHARE, FOREIGN_ROWS = 0.01, 3
OPEN_AND_SAVE = "请用 Excel 或 WPS 打开原文件，另存为 .xlsx 或 CSV 后重新导入。"
EXPORT_AGAIN = "请从业务系统重新导出，确认传输完整后再导入。"

EVERYDAY = frozenset(
    character
    for lead in range(0xB0, 0xD8)
    for trail in range(0xA1, 0xFF)
    for character in bytes((lead, trail)).decode("gbk", "ignore")
    if (lead, trail) < (0xD7, 0xFA)
)

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
    is_open_ended: bool = False  # the last line has no line break: complete, or cut off


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
    if (archive := _archive(path, start)) is not None:
        raise SourceError(
            name, found=f"压缩文件（{archive}）", expected="解压后的 Excel 工作簿或 CSV 文本", next_step=UNPACK
        )
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
    return _text_facts(path, n_bytes, encoding)


def _archive(path: Path, start: bytes) -> str | None:
    """What kind of archive this is, or None. A workbook is a ZIP file too: it is known by its parts."""
    if start.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as parts:
                return None if "[Content_Types].xml" in parts.namelist() else "zip"
        except (zipfile.BadZipFile, OSError):
            return "zip" if path.suffix.lower() == ".zip" else None
    return next((name for begin, name in ARCHIVES if start.startswith(begin)), None)


def _looks_like_text(start: bytes) -> bool:
    control = sum(byte < 9 or 13 < byte < 32 for byte in start)
    return control < len(start) / 200


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text_facts(path: Path, n_bytes: int, bom: str | None) -> FileFacts:
    """One pass over the bytes. Without a BOM every byte is looked at: the first Chinese character may come late."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, n_quotes, end = bom in (None, "utf-8-sig"), 0, b""
    encoding, is_torn, has_foreign, sample = bom or "utf-8", False, False, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            n_quotes += block.count(b'"')
            end = (end + block)[-65_536:] if len(block) < 65_536 else block[-65_536:]
            if not is_utf8:
                has_foreign = has_foreign or _has_foreign(block)
                continue
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                is_utf8 = False
                begin = max(0, min(error.start, len(block)) - 65_536)
                sample = block[begin : begin + (1 << 20)]
                has_foreign = _has_foreign(block)
    if sample:
        _refuse_mixed(path, has_foreign)
        encoding, is_torn = _least_torn(path, sample, ("utf-8",) if bom else ("gb18030", "utf-8"))
    _refuse_cut_off(path, encoding, end, n_quotes)
    return FileFacts(
        path, n_bytes, digest.hexdigest(), "text", encoding, is_torn, not end.rstrip(b"\x00").endswith((b"\n", b"\r"))
    )


def _has_foreign(block: bytes) -> bool:
    return any(map(block.__contains__, FOREIGN_BYTES))


def _least_torn(path: Path, sample: bytes, encodings: tuple[str, ...]) -> tuple[str, bool]:
    """Which encoding loses fewer characters of the sample; it may lose at most TORN_SHARE of them."""
    torn = {}
    for encoding in encodings:
        text = sample.decode(encoding, "replace")
        torn[encoding] = text.count("\ufffd") / max(1, len(text) - len(text.encode("ascii", "ignore")))
    encoding = min(torn, key=lambda name: torn[name])
    if torn[encoding] > TORN_SHARE:
        raise SourceError(
            path.name,
            found="既不是 UTF-8 也不是 GB18030 的字节",
            expected="UTF-8、GB18030（GBK）或带 BOM 的 UTF-16 文本",
            next_step=EXPORT_AGAIN,
        )
    return encoding, encoding == "utf-8"


def _refuse_mixed(path: Path, has_foreign: bool) -> None:
    """A file that is not all UTF-8: are some rows everyday Chinese in UTF-8 and others in GB18030?

    Torn rows are neither. `has_foreign`: UTF-8 cells inside GB18030 rows may be there too.
    """
    first: dict[str, int] = {}  # encoding → the first line that is surely in it
    n_wide, foreign = 0, []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                text = line.decode()
            except UnicodeDecodeError:
                if has_foreign:
                    n_wide += 1
                    if any(map(line.__contains__, FOREIGN_BYTES)):
                        foreign.append(number)
                if "gb18030" not in first and _is_everyday(line.decode("gb18030", "replace"), 3):
                    first["gb18030"] = number
                    if "utf-8" in first:
                        break
                continue
            if (
                not line.isascii()
                and "utf-8" not in first
                and _is_everyday(text, 2)
                and not _is_everyday(line.decode("gb18030", "replace"), 2)
            ):
                first["utf-8"] = number
                if "gb18030" in first:
                    break
    if len(first) == 2:
        other, at = list(first.items())[1]
    elif "gb18030" in first and len(foreign) >= max(FOREIGN_ROWS, FOREIGN_SHARE * n_wide):
        other, at = "utf-8", foreign[0]
    else:
        return
    before, here = ("UTF-8", "GB18030（GBK）") if other == "gb18030" else ("GB18030（GBK）", "UTF-8")
    raise SourceError(
        path.name,
        where=f"第 {_row_at_line(path, at)} 行",
        found=f"编码混杂（此前的行是 {before}，这一行是 {here}）",
        expected="全文件同一种编码",
        next_step="常见原因是把两个文件首尾拼接；请从业务系统重新导出，或分成两个文件分别导入。",
    )


def _is_everyday(text: str, lowest: int) -> bool:
    """At least `lowest` hanzi, most of them among the 3,755 of GB 2312 level 1."""
    hanzi = [character for character in text if "\u3400" <= character <= "\u9fff" or character == "\ufffd"]
    return len(hanzi) >= lowest and sum(map(EVERYDAY.__contains__, hanzi)) >= EVERYDAY_SHARE * len(hanzi)


def _refuse_cut_off(path: Path, encoding: str, end: bytes, n_quotes: int) -> None:
    """A file that ends inside a character or inside a quoted cell was not transferred whole."""
    if encoding.startswith("utf-16"):
        return
    # Begin behind an ASCII byte that is never the second half of a character.
    begin = max(end.rfind(byte) for byte in (b"\n", b",", b"\t", b'"', b" "))
    decoder = codecs.getincrementaldecoder("gb18030" if encoding == "gb18030" else "utf-8")("replace")
    decoder.decode(end[begin + 1 :])
    if decoder.getstate()[0]:
        row, what = _row_at_line(path, None), "文件到这里中断，最后一个字不完整"
    elif n_quotes % 2 and (open_row := _row_left_open(path)) is not None:
        row, what = open_row, "这一行的双引号到文件末尾没有关闭"
    else:
        return
    raise SourceError(
        path.name,
        where=f"第 {row} 行",
        found=f"文件不完整（{what}）",
        expected="以完整的一行结束的文件",
        next_step=EXPORT_AGAIN,
    )


def _row_at_line(path: Path, line: int | None) -> int:
    """The row, as a spreadsheet counts, that holds this line of the file; without a line, the last row."""
    row = 0
    with suppress(csv.Error), path.open(encoding="latin-1", newline="") as file:
        # Delimiters, quotes and line breaks are the same bytes in all encodings read here.
        reader = csv.reader(file, delimiter=_likely_delimiter(path))
        for row, _ in enumerate(reader, 1):  # noqa: B007
            if line is not None and reader.line_num >= line:
                break
    return row


def _row_left_open(path: Path) -> int | None:
    """The last row if the file ends inside its quotes; None if not, or if it runs over very many lines (see `_read_text`)."""
    mark = "\ue003"
    row, begin, end = 0, 0, 0
    cells: list[str] = []
    with suppress(csv.Error), path.open(encoding="latin-1", newline="") as file:
        reader = csv.reader(chain(file, [mark]), delimiter=_likely_delimiter(path))
        for row, cells in enumerate(reader, 1):  # noqa: B007
            begin, end = end, reader.line_num
    is_open = bool(cells) and cells != [mark] and cells[-1].endswith(mark)
    return row if is_open and end - begin <= RUNAWAY_LINES else None


def _likely_delimiter(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096).decode("latin-1")
    return max(",\t;|", key=start.count)


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
                f"本文件表头有 {n_expected} 列，该行切出的字段数与此不同；请检查单元格内是否有未加引号的分隔符或换行。"
            ]
            * len(real),
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
