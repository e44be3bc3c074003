"""What does a file say, verbatim? Bytes → text frames, before any meaning is given to them.

The content decides, not the name: an `.xls` may be BIFF, OOXML, a web page, XML or tab-separated text. One module a
kind: `text`, `workbook`, `webtable`, `database`; `archive` finds the exports in a zip or gzip file; `headers` makes one
line of a header of two. Everything is read where it lies, in blocks; nothing raw is written to a disk.
"""

import hashlib
import re
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePath
from types import ModuleType

import polars as pl

from pipelines.errors import SourceError
from pipelines.sources.reading import archive, headers, text, webtable, workbook
from pipelines.sources.reading.archive import UNPACK
from pipelines.sources.reading.facts import (
    BLOCK_BYTES,
    EXPORT_AGAIN,
    OPEN_AND_SAVE,
    PREVIEW_ROWS,
    WRONG_FIELD_COUNT,
    FileFacts,
    Origin,
    Preview,
    Table,
)

__all__ = [
    "ARCHIVE_SUFFIXES",
    "BLOCK_BYTES",
    "EXPORT_AGAIN",
    "EXPORT_SUFFIXES",
    "OPEN_AND_SAVE",
    "PREVIEW_ROWS",
    "UNPACK",
    "WRONG_FIELD_COUNT",
    "FileFacts",
    "Origin",
    "Preview",
    "Table",
    "fingerprinted",
    "inspect",
    "is_address",
    "origins",
    "previews",
    "read",
]

EXPORT_SUFFIXES = (".csv", ".tsv", ".xlsx", ".xls", ".et", ".csv.gz", ".tsv.gz")
ARCHIVE_SUFFIXES = archive.PACKED_TWICE
ARCHIVES = (
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
READERS = {"text": text, "xlsx": workbook, "xls": workbook, "html": webtable, "xml": webtable}
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # two letters at least: C:/ is a drive


def is_address(path: Path | str) -> bool:
    """Is this no path but a database's address, postgresql://…?"""
    return ADDRESS.match(_posix(path)) is not None


def _posix(path: Path | str) -> str:
    return path.as_posix() if isinstance(path, Path) else path


def origins(path: Path | str, is_export: Callable[[PurePath], bool] | None = None) -> list[Origin]:
    """The exports a path leads to: one, or those in a zip archive (by their suffix, unless `is_export` decides)."""
    if is_address(path):
        return [_database().origin(_posix(path))]
    path = Path(path)
    try:
        if archive.is_zip(path):
            return archive.members(path, is_export or (lambda label: label.name.lower().endswith(EXPORT_SUFFIXES)))
        return [archive.origin_of(path)]
    except OSError as error:
        raise _unreadable(path.name) from error


def inspect(source: Origin | Path | str) -> FileFacts:
    """Kind, encoding and SHA-256 of a file, from one pass over its bytes; of a database view its columns."""
    name = source.name if isinstance(source, Origin) else PurePath(source).name
    try:
        origin = source if isinstance(source, Origin) else _only(source)
        if origin.connect is not None:
            return _database().inspect(origin)
        with origin.open() as file:
            start = file.read(4096)
    except OSError as error:
        raise _unreadable(name) from error
    if not start.strip():
        raise SourceError(name, found="空文件", expected="带表头的导出文件", next_step=EXPORT_AGAIN)
    if start.startswith(b"PK\x03\x04"):
        return workbook.inspect(origin, _sha256(origin), "xlsx")
    if (packed := next((kind for begin, kind in ARCHIVES if start.startswith(begin)), None)) is not None:
        raise SourceError(
            name, found=f"压缩文件（{packed}）", expected="解压后的 Excel 工作簿或 CSV 文本", next_step=UNPACK
        )
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return workbook.inspect(origin, _sha256(origin), "xls")
    encoding = text.encoding_said(start)
    said = start.decode(encoding or "utf-8", "ignore").removeprefix("\ufeff")
    if (kind := webtable.kind_of(said)) is not None:
        return webtable.inspect(origin, start, kind, _sha256(origin) if kind == "xml" else "", encoding)
    if re.match(r"\s*(?:<\?xml|mime-version:)", said, re.IGNORECASE):
        raise SourceError(
            name, found="不是表格的 XML 或单个网页文件", expected="Excel 工作簿或 CSV 文本", next_step=OPEN_AND_SAVE
        )
    suffix = PurePath(name).suffix.lower()
    if encoding is None and b"\x00" in start:
        raise SourceError(
            name,
            found=f"二进制内容（图片或其他格式，只是文件名为 {suffix or '无扩展名'}）",
            expected="Excel 工作簿或 CSV 文本",
            next_step=OPEN_AND_SAVE,
        )
    if suffix in (".xlsx", ".xls", ".et") and encoding is None and not text.looks_like_text(start):
        raise SourceError(
            name,
            found="不是工作簿的内容（图片、压缩包或其他格式）",
            expected="Excel 工作簿",
            next_step=OPEN_AND_SAVE,
        )
    return text.inspect(origin, encoding)


def _unreadable(name: str) -> SourceError:
    return SourceError(name, found="无法读取的文件", expected="可读的文件", next_step="请检查路径和读取权限。")


def _only(path: Path | str) -> Origin:
    found = origins(path)
    if len(found) > 1:
        raise SourceError(
            PurePath(path).name,
            found=f"含 {len(found)} 个导出文件的压缩包",
            expected="一个文件",
            next_step="请先解压，再选择其中一个文件。",
        )
    return found[0]


def _sha256(origin: Origin) -> str:
    with origin.open() as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def previews(facts: FileFacts) -> list[Preview]:
    """The first rows under each possible delimiter, or of each visible sheet, table or view; two-line headers joined."""
    return [replace(one, rows=headers.combined(one.rows)) for one in _reader(facts).previews(facts)]


def read(table: Table, wanted: list[str]) -> Generator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The rows below the header, as text, in blocks: (rows, rows that cannot be cut into fields).

    `wanted`: the headers to keep; all other columns, the identifying ones among them, are not even parsed out.
    Rows carry `source_row`, the row number a spreadsheet shows. Entirely blank rows are left out.
    """
    for rows, wrong in _ahead(_reader(table.facts).read(table, wanted)):
        is_blank = pl.all_horizontal(pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "") for name in wanted)
        yield rows.filter(~is_blank), wrong


def fingerprinted(tables: list[Table], wanted: list[str]) -> list[Table]:
    """The same tables, a database view now with the SHA-256 of its wanted cells: unchanged content, the same batch."""
    if tables[0].facts.kind != "database":
        return tables
    sha256, n_bytes = _database().fingerprint(tables[0], wanted)
    facts = replace(tables[0].facts, sha256=sha256, origin=tables[0].facts.origin._replace(n_bytes=n_bytes))
    return [replace(tables[0], facts=facts)]


def _reader(facts: FileFacts) -> ModuleType:
    return _database() if facts.kind == "database" else READERS[facts.kind]


def _database() -> ModuleType:
    """Imported when there is an address: the drivers take half a second that no file needs."""
    from pipelines.sources.reading import database

    return database


def _ahead(blocks: Iterator) -> Iterator:
    """The same blocks, the next one being made in another thread while this one is used."""
    done = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, blocks, done)
        while (block := coming.result()) is not done:
            coming = pool.submit(next, blocks, done)
            yield block
