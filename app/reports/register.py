"""Which reports were issued, under which number, and what was taken away? Frozen issues and the export log.

    HOME/reports/<kind>/<period>[_<area>]/第46期_领导版_v1/…     the files of an issue, as they were issued

An issue is frozen once (定稿): its files are never written again, its row never changed (the tables are append-only). The
same report issued again is its next revision, 更正版. Each file is served only while its SHA-256 is the one registered. The
export log says what left the screen, when and in which role; neither knows persons.
"""

import hashlib
import logging
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app import versions
from app.casework import store
from app.casework.store import Unavailable, export_log, report_issue
from app.reports import settings
from app.reports.model import AUDIENCES, Audience
from app.reports.periods import Period

FOLDER = "reports"
ISSUER = "office"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\s]+')


class Refused(Exception):
    """The report cannot be issued; one Chinese sentence says why."""


class Changed(Exception):
    """A frozen file is not what was issued, or is gone; one Chinese sentence says which."""


@dataclass(frozen=True)
class File:
    """One file of an issue; path below HOME."""

    path: str
    format: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        return Path(self.path).name


@dataclass(frozen=True)
class Issue:
    """One issue as it was registered."""

    kind: str
    period_code: str
    area_code: str
    """Empty: the whole city."""
    area_name: str
    audience: Audience
    number: int | None
    revision: int
    title: str
    mark: str
    version: str
    as_of: date
    fingerprint: str
    issued_at: datetime
    role: str
    files: tuple[File, ...]

    @property
    def words(self) -> str:
        """第46期, 第46期更正版; 定稿 where it has no number."""
        return issue_words(self.number, self.revision) or "定稿"

    def command(self, folder: str = "材料") -> str:
        """What makes the same bytes again."""
        area = ["--area", self.area_code] if self.area_code else []
        number = ["--number", str(self.number)] if self.number is not None else []
        revision = ["--revision", str(self.revision)] if self.revision > 1 else []
        said = ["yanpan", "report", self.kind, "--period", self.period_code, *area, "--audience", self.audience]
        said += ["--as-of", str(self.as_of), "--at", self.issued_at.isoformat(), *number, *revision]
        said += ["--internal" if self.mark else "--no-internal", "--format", ",".join(one.format for one in self.files)]
        return " ".join([*said, "--out", folder])


def issue_words(number: int | None, revision: int) -> str:
    """第46期; 第46期更正版 from the second revision on; empty for neither.

    >>> issue_words(46, 1), issue_words(46, 2), issue_words(None, 1)
    ('第46期', '第46期更正版', '')
    """
    return (f"第{number}期" if number is not None else "") + ("更正版" if revision > 1 else "")


# ---------------------------------------------------------------- numbers and issues


def number(period: Period, area_code: str | None, audience: Audience) -> int | None:
    """第N期: the number it was issued under, else the next by HOME/reports.toml. Raises settings.BadSetting."""
    try:
        last = latest(period.kind, period.code, area_code, audience)
    except Unavailable:  # said where issues are listed
        last = None
    return last.number if last else settings.read(versions.home()).number(period)


def latest(kind: str, period_code: str, area_code: str | None, audience: Audience) -> Issue | None:
    """The newest revision of this report; None where it was not issued. Raises Unavailable."""
    wanted = {"kind": kind, "period_code": period_code, "area_code": area_code or "", "audience": audience}
    with store.reading() as connection:
        return _latest(connection, wanted)


def issues(limit: int = 200) -> list[Issue]:
    """What was issued, newest first. Raises Unavailable."""
    with store.reading() as connection:
        rows = connection.execute(sa.select(report_issue).order_by(report_issue.c.id.desc()).limit(limit))
        return [_issue(row) for row in rows]


def freeze(
    period: Period,
    contents: Mapping[str, tuple[str, bytes]],
    *,
    area_code: str | None,
    area_name: str,
    audience: Audience,
    number: int | None,
    revision: int,
    title: str,
    mark: str,
    version: str,
    as_of: date,
    fingerprint: str,
    at: datetime,
    role: str,
) -> Issue:
    """定稿: write these files for good and register them. contents: format → (file name, bytes).

    Raises Refused where another role asks, somebody issued this revision meanwhile or the folder cannot be written, and
    Unavailable where the register cannot: then nothing is registered.
    """
    if role != ISSUER:
        raise Refused("只有研判中心可以定稿。请先把身份选为研判中心。")
    if not contents:
        raise Refused("还没有选定稿的格式，至少选一种。")
    wanted = {"kind": period.kind, "period_code": period.code, "area_code": area_code or "", "audience": audience}
    base = versions.home() / FOLDER / period.kind / f"{period.code}{f'_{area_code}' if area_code else ''}"
    label = f"{f'第{number}期' if number is not None else '定稿'}_{AUDIENCES[audience]}_v{revision}"
    try:
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=base, prefix=".", ignore_cleanup_errors=True) as aside:
            folder = Path(aside) / label
            folder.mkdir()
            for name, content in contents.values():
                (folder / name).write_bytes(content)
            with store.writing() as connection:
                last = _latest(connection, wanted)
                if (last.revision if last else 0) + 1 != revision:
                    raise Refused("这一期刚刚有人定稿，您这次没有记入。请刷新后看最新一版，再决定是否更正。")
                target = _free(base / label)
                files = [
                    {
                        "path": (target / name).relative_to(versions.home()).as_posix(),
                        "format": form,
                        "bytes": len(content),
                        "sha256": hashlib.sha256(content).hexdigest(),
                    }
                    for form, (name, content) in contents.items()
                ]
                row = {
                    **wanted, "area_name": area_name, "number": number, "revision": revision, "title": title, "mark": mark,
                    "version": version, "as_of": as_of, "fingerprint": fingerprint, "issued_at": at, "role": role,
                    "formats": ",".join(contents), "files": files,
                }  # fmt: skip
                connection.execute(report_issue.insert().values(row))
                _put(folder, target)  # last: a row without its files would be worse than files without a row
    except sa.exc.IntegrityError as error:  # two at once, on a server
        raise Refused("这一期刚刚有人定稿，您这次没有记入。请刷新后看最新一版，再决定是否更正。") from error
    except OSError as error:
        raise _unwritten(base, error) from error
    return _issue_of(row)


def _put(folder: Path, target: Path) -> None:
    try:
        folder.rename(target)
    except OSError as error:  # not the database's
        raise _unwritten(target.parent, error) from error


def _unwritten(folder: Path, error: OSError) -> Refused:
    return Refused(f"定稿文件夹 {folder} 写不进去（{error.strerror}），没有定稿。请检查磁盘空间和权限。")


def content(file: File) -> bytes:
    """The file as it was issued. Raises Changed."""
    path = versions.home() / file.path
    try:
        found = path.read_bytes()
    except OSError as error:
        raise Changed(f"定稿文件 {file.name} 找不到或读不出来，不提供下载。请从备份恢复 {path}。") from error
    if hashlib.sha256(found).hexdigest() != file.sha256:
        raise Changed(f"定稿文件 {file.name} 与定稿时不一致（校验值不符），不提供下载。请从备份恢复 {path}。")
    return found


def problem(file: File) -> str:
    """Why the file cannot be served, in one sentence; empty where it can. Read again only after it was touched."""
    path = versions.home() / file.path
    try:
        touched = path.stat().st_mtime_ns
    except OSError:
        touched = 0
    return _problem(file, str(path), touched)


@lru_cache(maxsize=1024)
def _problem(file: File, _path: str, _touched: int) -> str:
    try:
        content(file)
    except Changed as changed:
        return str(changed)
    return ""


def file_name(*parts: str) -> str:
    """Parts of a file name, joined and made safe: 诉求风险研判周报_2026-W46_安澜市_领导版"""
    return "_".join(_UNSAFE.sub("_", part) for part in parts if part)


def _free(path: Path) -> Path:
    """The folder itself, or with a number behind it where one that nobody registered is in the way."""
    free, n = path, 1
    while free.exists():
        n += 1
        free = path.with_name(f"{path.name}_{n}")
    return free


def _latest(connection: sa.Connection, wanted: Mapping[str, Any]) -> Issue | None:
    question = sa.select(report_issue).filter_by(**wanted).order_by(report_issue.c.revision.desc()).limit(1)
    row = connection.execute(question).first()
    return _issue(row) if row else None


def _issue(row: sa.Row) -> Issue:
    return _issue_of(dict(row._mapping))


def _issue_of(row: Mapping[str, Any]) -> Issue:
    known = {name: row[name] for name in Issue.__dataclass_fields__ if name != "files"}
    return Issue(**known, files=tuple(File(**one) for one in row["files"]))


# ---------------------------------------------------------------- the export log


def note_export(
    page: str,
    what: str,
    format: str,
    content: bytes,
    *,
    version: str,
    role: str | None = None,
    at: datetime | None = None,
) -> None:
    """Write down that something left the screen; never fails: what cannot be noted goes to the server's log.

    page: url path of the page, or the command. what: file name. version: of the marts, and a report's fingerprint.
    role: as the reader said it, or None.
    """
    row = {
        "at": (at or datetime.now()).replace(microsecond=0), "role": role, "page": page[:80], "what": what[:300],
        "format": format[:20], "version": version[:80], "n_bytes": len(content),
    }  # fmt: skip
    try:
        with store.writing() as connection:
            connection.execute(export_log.insert().values(row))
    except (Unavailable, sa.exc.IntegrityError) as error:
        logging.getLogger(__name__).warning("导出没有记入记录：%s（%s）", row, error)


def exports(limit: int = 300) -> Sequence[Mapping[str, Any]]:
    """What was taken away, newest first: at, role, page, what, format, version, n_bytes. Raises Unavailable."""
    names = ("at", "role", "page", "what", "format", "version", "n_bytes")
    question = sa.select(*(export_log.c[name] for name in names)).order_by(export_log.c.id.desc()).limit(limit)
    with store.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(question)]
