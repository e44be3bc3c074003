"""Which exports are in this zip or gzip file? They are read where they lie: nothing is unpacked to a disk.

A member's name is only a label: no path of the archive is ever followed. What would fill the machine when unpacked
(by its size, or by its ratio), what is encrypted, torn, or packed twice is refused; links and files that are no exports
are left out, and the user is told.
"""

import gzip
import io
import lzma
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO

from pipelines.errors import SourceError
from pipelines.sources.reading.facts import EXPORT_AGAIN, Origin

GZIP = b"\x1f\x8b"
PACKED_TWICE = (".zip", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".tar")
MAX_UNPACKED_BYTES = 16 << 30
MAX_RATIO, RATIO_FROM_BYTES = 250, 256 << 20  # text exports pack 5 to 40 times, at most; deflate can do 1,032
MAX_MEMBERS = 10_000
UNPACK = "请先解压，再导入里面的 .csv 或 .xlsx 文件。"
PACK_AGAIN = "请先解压并检查文件，或重新打包（普通 zip，不设密码）后再导入。"
# What reading a damaged or unusual archive raises: beside a zip's own errors, those of its methods of compression.
PACKED_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, lzma.LZMAError, NotImplementedError, ValueError, OSError)
SYSTEM_PARTS = re.compile(r"(?:^|/)(?:__MACOSX/|\.|Thumbs\.db$|desktop\.ini$|~\$)")


class _Unpacked(io.RawIOBase):
    """A packed stream, unpacked while it is read; torn or swollen beyond reason is a SourceError."""

    def __init__(self, name: str, stream: BinaryIO, n_packed: int):
        self._name, self._stream, self._n_packed, self._n_read = name, stream, n_packed, 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()

    def readinto(self, buffer) -> int:
        try:
            piece = self._stream.read(len(buffer))
        except PACKED_FAULTS as error:
            raise _torn(self._name) from error
        self._n_read += len(piece)
        _refuse_swollen(self._name, self._n_read, self._n_packed)
        buffer[: len(piece)] = piece
        return len(piece)


def origin_of(path: Path) -> Origin:
    """The one export a path leads to, a gzip file being what is in it."""
    if not _begins(path, GZIP):
        return Origin(path.name, path.stat().st_size, lambda: path.open("rb"), path)
    n_packed = path.stat().st_size
    origin = Origin(path.name, n_packed, lambda: _buffered(path.name, gzip.open(path), n_packed))  # noqa: SIM115
    with origin.open() as file:
        if file.read(512)[257:262] == b"ustar":
            raise SourceError(
                path.name,
                found="压缩文件（tar.gz）",
                expected="zip、单个文件的 .gz，或解压后的文件",
                next_step=UNPACK,
            )
    return origin


def is_zip(path: Path) -> bool:
    """A ZIP file that is no office document: these are known by their parts."""
    if not _begins(path, b"PK\x03\x04", b"PK\x05\x06"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return not {"[Content_Types].xml", "mimetype"} & set(archive.namelist())
    except PACKED_FAULTS:
        return path.suffix.lower() == ".zip"


def members(path: Path, is_export: Callable[[PurePath], bool]) -> list[Origin]:
    """One origin an export in the archive, in the order of their names; the first also says what was left out."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
    except PACKED_FAULTS as error:
        raise _torn(path.name) from error
    if len(listed) > MAX_MEMBERS:
        raise _bomb(path.name, f"{len(listed):,} 个文件")
    refuse_bomb(path.name, listed)
    found: list[tuple[str, int, zipfile.ZipInfo]] = []
    left_out: Counter[str] = Counter()  # by kind: the name of a scanned letter may be that of its writer
    n_relabelled = 0
    for at, member in enumerate(listed):
        said = _name(member)
        label, is_changed = _label(said)
        if member.is_dir() or said.endswith(("/", "\\")) or SYSTEM_PARTS.search(label):
            continue
        if stat.S_ISLNK(member.external_attr >> 16):
            left_out["链接"] += 1
        elif label.lower().endswith(PACKED_TWICE):
            raise SourceError(
                f"{path.name} › {label}",
                found="压缩包里的压缩包",
                expected="只压缩一层的 zip",
                next_step="请先解压里层的压缩包，再导入。",
            )
        elif not is_export(PurePosixPath(label)):
            suffix = PurePosixPath(label).suffix.lower()
            left_out[suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else "其他文件"] += 1
        else:
            if member.flag_bits & 0x1:
                raise SourceError(
                    f"{path.name} › {label}", found="加了密码的压缩包", expected="不设密码的 zip", next_step=PACK_AGAIN
                )
            n_relabelled += is_changed
            found.append((label, at, member))
    kinds = "、".join(f"{kind} {n:,} 个" for kind, n in left_out.most_common(5))
    if not found:
        raise SourceError(
            path.name,
            found="压缩包里没有可导入的文件" + (f"（有 {kinds}）" if left_out else ""),
            expected="至少一个 .csv、.tsv、.xlsx 或 .xls 导出文件",
            next_step="请核对压缩包的内容。",
        )
    notes = []
    if left_out:
        notes.append(f"压缩包 {path.name} 里有 {left_out.total():,} 个文件不是导出文件，没有读取：{kinds}。")
    if n_relabelled:
        notes.append(
            f"压缩包 {path.name} 里有 {n_relabelled} 个文件名带有越出文件夹的路径（如 ../ 或盘符），只当作名称，没有写入任何位置。"
        )
    return [
        Origin(
            f"{path.name} › {label}",
            member.file_size,
            _opener(path, at, f"{path.name} › {label}"),
            notes=tuple(notes) if number == 0 else (),
        )
        for number, (label, at, member) in enumerate(sorted(found, key=lambda one: one[:2]))
    ]


def refuse_bomb(name: str, listed: list[zipfile.ZipInfo]) -> None:
    """What the archive says it unpacks to; reading stops at what it says, so that a lie is a damaged file."""
    for member in listed:
        _refuse_swollen(name, member.file_size, member.compress_size)
    _refuse_swollen(name, sum(member.file_size for member in listed), sum(member.compress_size for member in listed))


def _refuse_swollen(name: str, n_unpacked: int, n_packed: int) -> None:
    if n_unpacked > MAX_UNPACKED_BYTES or (n_unpacked > RATIO_FROM_BYTES and n_unpacked > MAX_RATIO * max(1, n_packed)):
        raise _bomb(name, f"{n_unpacked / (1 << 30):.1f} GB 以上的内容")


def _bomb(name: str, what: str) -> SourceError:
    return SourceError(
        name,
        found=f"解压后会有{what}，压缩包只有很小一部分（疑似压缩炸弹）" if "GB" in what else f"压缩包里有 {what}",
        expected=f"解压后不超过 {MAX_UNPACKED_BYTES >> 30} GB、不超过 {MAX_MEMBERS:,} 个文件的压缩包",
        next_step="请确认文件来源；确属正常导出的，请分批导出后再导入。",
    )


def _torn(name: str) -> SourceError:
    return SourceError(
        name,
        found="打不开的压缩文件（不完整、已损坏，或用了少见的压缩方法）",
        expected="完整的 zip 或 gz 文件",
        next_step=EXPORT_AGAIN,
    )


def _opener(path: Path, at: int, name: str) -> Callable[[], BinaryIO]:
    def open_member() -> BinaryIO:
        try:
            with zipfile.ZipFile(path) as archive:
                member = archive.infolist()[at]
                return _buffered(name, archive.open(member), member.compress_size)  # keeps the file open for itself
        except (*PACKED_FAULTS, RuntimeError, IndexError) as error:
            raise _torn(name) from error

    return open_member


def _buffered(name: str, stream, n_packed: int) -> BinaryIO:
    return io.BufferedReader(_Unpacked(name, stream, n_packed), 1 << 20)


def _begins(path: Path, *starts: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(8).startswith(starts)


def _name(member: zipfile.ZipInfo) -> str:
    """The name as it was meant: without the UTF-8 flag it is, in China, GBK; Python has read it as code page 437."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        said = member.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return said.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


def _label(said: str) -> tuple[str, bool]:
    """A name to show: relative, without ways out, drive letters and control characters; and whether it had any.

    >>> _label("..\\\\..\\\\C:/导出/工单.csv")
    ('导出/工单.csv', True)
    """
    plain = "".join(character for character in said if character.isprintable()).replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".", "..") and not re.fullmatch(r"[A-Za-z]:", part)]
    is_changed = plain.startswith("/") or any(
        part == ".." or re.fullmatch(r"[A-Za-z]:", part) for part in plain.split("/")
    )
    return "/".join(re.sub(r"^[A-Za-z]:", "", part) for part in parts) or "未命名", is_changed
