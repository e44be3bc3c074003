"""Delimited text: which encoding, which delimiter, which rows?

Streamed in blocks (memory does not grow with the file). Encoding: BOM, then strict UTF-8 over the whole file, then
GB18030; a few torn bytes are tolerated and become U+FFFD. A file that ends inside a character or a quoted cell, or
whose rows are in different encodings, is refused: read on, it would put garbled rows over good ones.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import csv as arrow_csv

from pipelines.errors import SourceError
from pipelines.sources.reading.facts import (
    BLOCK_BYTES,
    EXPORT_AGAIN,
    MAX_COLUMNS,
    PREVIEW_ROWS,
    WRONG_FIELD_COUNT,
    FileFacts,
    Origin,
    Preview,
    Table,
    too_many_columns,
)

PREVIEW_BYTES = 1 << 18
MAX_LINE_BYTES = BLOCK_BYTES
DELIMITERS = ",\t;|"
TORN_SHARE = 0.05  # at most this share of the wide characters around the first torn byte may be undecodable
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (b"\x84\x31\x95\x33", "gb18030"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
RUNAWAY_LINES = 200  # a "row" of more lines than this is an unclosed quote that swallowed the rows below it
# A row is of one encoding when it reads as everyday Chinese in it: this share of its characters are level-1 hanzi of
# GB 2312. Rows read in the wrong encoding have 10 to 20 % of them.
EVERYDAY_SHARE = 0.7
# UTF-8 的, 区 and U+FFFD, which as GBK would be characters out of use: the sign of UTF-8 cells inside a GBK row.
FOREIGN_BYTES = ("的".encode(), "区".encode(), "\ufffd".encode())
FOREIGN_SHARE, FOREIGN_ROWS = 0.01, 3

EVERYDAY = frozenset(
    character
    for lead in range(0xB0, 0xD8)
    for trail in range(0xA1, 0xFF)
    for character in bytes((lead, trail)).decode("gbk", "ignore")
    if (lead, trail) < (0xD7, 0xFA)
)

csv.field_size_limit(BLOCK_BYTES)  # Python's own limit of 128 KiB is less than a long complaint with its attachments


def encoding_said(start: bytes) -> str | None:
    """The encoding a BOM says, or that of UTF-16 without one; None if the bytes themselves must tell.

    Without a BOM, UTF-16 is taken only where nothing else is possible: the zero bytes of ASCII characters (there are
    delimiters) all on one side, and everything readable in the order they say.
    """
    said = next((encoding for bom, encoding in BOMS if start.startswith(bom)), None)
    if said or b"\x00" not in start:
        return said
    sides = {at % 2 for at, byte in enumerate(start) if byte == 0}
    if len(sides) == 1:
        encoding = "utf-16-le" if sides == {1} else "utf-16-be"
        with suppress(UnicodeDecodeError):
            text = codecs.getincrementaldecoder(encoding)().decode(start)
            n_plain = sum(character.isascii() for character in text)
            if looks_like_text(text.encode()) and n_plain * 50 >= len(text) and "\ufffe" not in text:
                return encoding
    return None


def looks_like_text(start: bytes) -> bool:
    control = sum(byte < 9 or 13 < byte < 32 for byte in start)
    return control < len(start) / 200


def inspect(origin: Origin, said: str | None, *, kind: str = "text", otherwise: str | None = None) -> FileFacts:
    """One pass over the bytes. Unless `said`, every byte is looked at: the first Chinese character may come late.

    `kind` html: not delimited, so lines and quotes mean nothing. `otherwise`: the encoding it is in if not UTF-8.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, n_quotes, end, run = said in (None, "utf-8-sig"), 0, b"", 0
    encoding, is_torn, has_foreign, sample = said or "utf-8", False, False, b""
    with origin.open() as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            if kind == "text":
                run = _longest_run(origin, block, run)
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
    if sample and otherwise:
        encoding = otherwise
    elif sample:
        if kind == "text":
            _refuse_mixed(origin, has_foreign)
        encoding, is_torn = _least_torn(origin, sample, ("utf-8",) if said else ("gb18030", "utf-8"))
    is_open_ended = not end.rstrip(b"\x00").endswith((b"\n", b"\r"))
    if kind == "text":
        _refuse_cut_off(origin, encoding, end, n_quotes)
    elif not re.search(rb"<\x00?/\x00?t\x00?a\x00?b\x00?l\x00?e", end, re.IGNORECASE):
        raise _cut_off(origin, "", "表格没有结束标记")
    return FileFacts(origin, digest.hexdigest(), kind, encoding, is_torn, is_open_ended, notes=list(origin.notes))


def _longest_run(origin: Origin, block: bytes, run: int) -> int:
    """Bytes since the last line break at the end of this block; refuses a line too long to be one."""
    first = min((at for at in (block.find(b"\n"), block.find(b"\r")) if at >= 0), default=-1)
    longest = run + (first if first >= 0 else len(block))
    if longest <= MAX_LINE_BYTES:
        return longest if first < 0 else len(block) - 1 - max(block.rfind(b"\n"), block.rfind(b"\r"))
    number = 1
    with origin.open() as file:
        while 0 < len(file.readline(MAX_LINE_BYTES + 1)) <= MAX_LINE_BYTES:
            number += 1
    raise SourceError(
        origin.name,
        where=f"第 {number} 行",
        found=f"没有换行的内容超过 {MAX_LINE_BYTES >> 20} MB（可能不是表格文本，或导出时丢了换行）",
        expected="一条记录一行的 CSV 文本",
        next_step=EXPORT_AGAIN,
    )


def _has_foreign(block: bytes) -> bool:
    return any(map(block.__contains__, FOREIGN_BYTES))


def _least_torn(origin: Origin, sample: bytes, encodings: tuple[str, ...]) -> tuple[str, bool]:
    """Which encoding loses fewer characters of the sample; it may lose at most TORN_SHARE of them."""
    torn = {}
    for encoding in encodings:
        text = sample.decode(encoding, "replace")
        torn[encoding] = text.count("\ufffd") / max(1, len(text) - len(text.encode("ascii", "ignore")))
    encoding = min(torn, key=lambda name: torn[name])
    if torn[encoding] > TORN_SHARE:
        raise SourceError(
            origin.name,
            found="既不是 UTF-8 也不是 GB18030 的字节",
            expected="UTF-8、GB18030（GBK）或 UTF-16 文本",
            next_step=EXPORT_AGAIN,
        )
    return encoding, encoding == "utf-8"


def _refuse_mixed(origin: Origin, has_foreign: bool) -> None:
    """A file that is not all UTF-8: are some rows everyday Chinese in UTF-8 and others in GB18030?

    Torn rows are neither. `has_foreign`: UTF-8 cells inside GB18030 rows may be there too.
    """
    first: dict[str, int] = {}  # encoding → the first line that is surely in it
    n_wide, foreign = 0, []
    with origin.open() as file:
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
        origin.name,
        where=f"第 {_row_at_line(origin, at)} 行",
        found=f"编码混杂（此前的行是 {before}，这一行是 {here}）",
        expected="全文件同一种编码",
        next_step="常见原因是把两个文件首尾拼接；请从业务系统重新导出，或分成两个文件分别导入。",
    )


def _is_everyday(text: str, lowest: int) -> bool:
    """At least `lowest` hanzi, most of them among the 3,755 of GB 2312 level 1."""
    hanzi = [character for character in text if "\u3400" <= character <= "\u9fff" or character == "\ufffd"]
    return len(hanzi) >= lowest and sum(map(EVERYDAY.__contains__, hanzi)) >= EVERYDAY_SHARE * len(hanzi)


def _refuse_cut_off(origin: Origin, encoding: str, end: bytes, n_quotes: int) -> None:
    """A file that ends inside a character or inside a quoted cell was not transferred whole."""
    if encoding.startswith("utf-16"):
        return
    # Begin behind an ASCII byte that is never the second half of a character.
    begin = max(end.rfind(byte) for byte in (b"\n", b",", b"\t", b'"', b" "))
    decoder = codecs.getincrementaldecoder("gb18030" if encoding == "gb18030" else "utf-8")("replace")
    decoder.decode(end[begin + 1 :])
    if decoder.getstate()[0]:
        raise _cut_off(origin, f"第 {_row_at_line(origin, None)} 行", "文件到这里中断，最后一个字不完整")
    if n_quotes % 2 and (row := _row_left_open(origin)) is not None:
        raise _cut_off(origin, f"第 {row} 行", "这一行的双引号到文件末尾没有关闭")


def _cut_off(origin: Origin, where: str, what: str) -> SourceError:
    return SourceError(
        origin.name,
        where=where,
        found=f"文件不完整（{what}）",
        expected="以完整的一行结束的文件" if where else "完整的网页表格",
        next_step=EXPORT_AGAIN,
    )


def _as_latin(origin: Origin) -> io.TextIOWrapper:
    """Delimiters, quotes and line breaks are the same bytes in all encodings looked at in this way."""
    return io.TextIOWrapper(origin.open(), encoding="latin-1", newline="")


def _row_at_line(origin: Origin, line: int | None) -> int:
    """The row, as a spreadsheet counts, that holds this line of the file; without a line, the last row."""
    row = 0
    with suppress(csv.Error), _as_latin(origin) as file:
        reader = csv.reader(file, delimiter=_likely_delimiter(origin))
        for row, _ in enumerate(reader, 1):  # noqa: B007
            if line is not None and reader.line_num >= line:
                break
    return row


def _row_left_open(origin: Origin) -> int | None:
    """The last row if the file ends inside its quotes; None if not, or if it runs over very many lines (see `read`)."""
    mark = "\ue003"
    row, begin, end = 0, 0, 0
    cells: list[str] = []
    with suppress(csv.Error), _as_latin(origin) as file:
        reader = csv.reader(chain(file, [mark]), delimiter=_likely_delimiter(origin))
        for row, cells in enumerate(reader, 1):  # noqa: B007
            begin, end = end, reader.line_num
    is_open = bool(cells) and cells != [mark] and cells[-1].endswith(mark)
    return row if is_open and end - begin <= RUNAWAY_LINES else None


def _likely_delimiter(origin: Origin) -> str:
    with origin.open() as file:
        start = file.read(4096).decode("latin-1")
    return max(DELIMITERS, key=start.count)


class _Transcoded(io.RawIOBase):
    """Any encoding as a stream of UTF-8 bytes, for the parsers; undecodable bytes become U+FFFD."""

    def __init__(self, open_bytes: Callable[[], BinaryIO], encoding: str):
        self._file = open_bytes()
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


def as_utf8(facts: FileFacts) -> io.BufferedReader:
    return io.BufferedReader(_Transcoded(facts.open, facts.encoding), 1 << 20)


def previews(facts: FileFacts) -> list[Preview]:
    """The first rows under each possible delimiter."""
    start, is_whole = b"", False
    with as_utf8(facts) as stream:
        while not is_whole and len(start) < 2 * BLOCK_BYTES and start.count(b"\n") <= PREVIEW_ROWS:
            piece = stream.read(PREVIEW_BYTES)
            start, is_whole = start + piece, len(piece) < PREVIEW_BYTES
    whole_lines = start if is_whole else start[: max(start.rfind(b"\n"), start.rfind(b"\r")) + 1]
    if not whole_lines and (n_columns := 1 + max(start.count(one.encode()) for one in DELIMITERS)) > MAX_COLUMNS:
        raise too_many_columns(facts.name, n_columns)
    text = whole_lines.decode("utf-8", "replace")
    found = []
    for delimiter in DELIMITERS:
        rows, lines = [], []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            for row in islice(reader, PREVIEW_ROWS):
                rows.append(row)
                lines.append(reader.line_num)
        except csv.Error:
            continue
        if (n_columns := max(map(len, rows), default=0)) > MAX_COLUMNS:
            raise too_many_columns(facts.name, n_columns)
        found.append(Preview(rows, lines, delimiter=delimiter))
    return found


def read(table: Table, wanted: list[str]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """See `reading.read`. Rows that cannot be cut into the header's number of fields come second."""
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
        pa.OSFile(str(facts.origin.path))
        if facts.origin.path and facts.encoding in ("utf-8", "utf-8-sig") and not facts.is_torn
        else pa.PythonFile(as_utf8(facts), mode="r")
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
        facts.name,
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
