"""What a file is and where its tables start: the plain data all readers share, and the limits they keep to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import polars as pl

from pipelines.errors import SourceError

if TYPE_CHECKING:
    from pipelines.sources.reading.database import View

BLOCK_BYTES = 16 << 20  # text is parsed in blocks of this size: no row, so no cell, may be larger
BLOCK_ROWS = 20_000
PREVIEW_ROWS = 30
MAX_COLUMNS = 16_384  # what a worksheet can hold (A to XFD)

OPEN_AND_SAVE = "请用 Excel 或 WPS 打开原文件，另存为 .xlsx 或 CSV 后重新导入。"
EXPORT_AGAIN = "请从业务系统重新导出，确认传输完整后再导入。"

WRONG_FIELD_COUNT = {
    "source_row": pl.Int32,
    "rule": pl.String,
    "column_name": pl.String,
    "found": pl.String,
    "hint": pl.String,
}


class Origin(NamedTuple):
    """One export wherever it lies: a file of its own, packed with gzip, inside a zip archive, or a database's view.

    `open()` gives its bytes, unpacked, from the start, as often as it is called; nothing is unpacked to a disk.
    """

    name: str  # what a user calls it: 工单.csv, or 包.zip › 工单.csv
    n_bytes: int
    open: Callable[[], BinaryIO]
    path: Path | None = None  # where the bytes are a plain file
    notes: tuple[str, ...] = ()
    connect: "Callable[[], View] | None" = None  # a database view has no bytes, but rows to ask for


@dataclass(frozen=True)
class FileFacts:
    """One pass over the bytes: what they are. Of a database view: its columns, and no value yet."""

    origin: Origin
    sha256: str
    kind: str  # text | xlsx | xls | html | xml | database
    encoding: str  # utf-8, utf-8-sig, gb18030, utf-16-le, utf-16-be, big5, xml, xlsx, xls, postgresql, mysql
    is_torn: bool = False  # called UTF-8 although some bytes are not
    is_open_ended: bool = False  # the last line has no line break: complete, or cut off
    has_long_numbers: bool = False  # a workbook with numbers, not text, of more than 15 digits
    is_1904: bool = False  # a workbook that counts its days from 1904
    view: "View | None" = None
    notes: list[str] = field(default_factory=list, compare=False)  # what the reader left out; grows while it reads

    @property
    def name(self) -> str:
        return self.origin.name

    @property
    def n_bytes(self) -> int:
        return self.origin.n_bytes

    @property
    def open(self) -> Callable[[], BinaryIO]:
        return self.origin.open

    def note(self, sentence: str) -> None:
        """Kept once, however often the same part of the file is looked at."""
        if sentence not in self.notes:
            self.notes.append(sentence)


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


def too_many_columns(name: str, n_columns: int) -> SourceError:
    return SourceError(
        name,
        where="表头",
        found=f"{n_columns:,} 列以上" if n_columns > MAX_COLUMNS else f"{n_columns:,} 列",
        expected=f"不超过 {MAX_COLUMNS:,} 列的表格",
        next_step="请核对分隔符和导出设置，只导出需要的列后重新导入。",
    )


def as_excel_shows(number: str) -> str:
    """A number of more than 15 digits as Excel shows it: what follows them was never stored.

    Written so, an item number is known for a cut one by the rules of `events`.

    >>> as_excel_shows("990101202401234567")
    '9.90101202401235E+17'
    """
    return f"{float(number):.14E}"
