"""Versions of the marts file and the pointer the dashboard follows.

A version is a file `marts-000007.duckdb`; CURRENT names the one that serves. A new version is complete, checked and
on disk before the pointer moves, in one rename: a reader sees the old one or the new one, never something between.
"""

import os
from pathlib import Path

import duckdb

from pipelines.config import Home
from pipelines.errors import UsageError

KEEP_VERSIONS = 5


def version_file(home: Home, version: int) -> Path:
    return home.marts / f"marts-{version:06d}.duckdb"


def existing(home: Home) -> list[int]:
    """Version numbers on disk, oldest first."""
    return sorted(int(path.stem.removeprefix("marts-")) for path in home.marts.glob("marts-[0-9]*.duckdb"))


def current(home: Home) -> int | None:
    """The version that serves, None before the first publish."""
    if not home.current.exists():
        return None
    return int(Path(home.current.read_text().strip()).stem.removeprefix("marts-"))


def publish(home: Home, built: Path, version: int) -> None:
    """Make the built file version `version` and let it serve; older versions beyond KEEP_VERSIONS go."""
    _sync(built)
    built.replace(version_file(home, version))
    _point_at(home, version)
    keep = {*existing(home)[-KEEP_VERSIONS:], version}
    for old in set(existing(home)) - keep:
        try:
            version_file(home, old).unlink()
        except PermissionError:  # Windows: the dashboard still reads it; the next publish takes it away
            continue


def rollback(home: Home, version: int) -> None:
    """Let an earlier version serve again. Nothing is deleted."""
    if version not in existing(home):
        known = "、".join(str(number) for number in existing(home)) or "无"
        raise UsageError(f"没有版本 {version}；现有版本：{known}。请用 yanpan versions 查看。")
    _point_at(home, version)


def versions(home: Home) -> list[dict]:
    """What is on disk: version, is_current, and what each file's `meta` says of itself."""
    serving, rows = current(home), []
    for number in existing(home):
        with duckdb.connect(version_file(home, number), read_only=True) as connection:
            meta = dict(connection.execute("select key, value from meta").fetchall())
        rows.append(
            {
                **meta,
                "version": number,
                "is_current": number == serving,
                "bytes": version_file(home, number).stat().st_size,
            }
        )
    return rows


def _point_at(home: Home, version: int) -> None:
    pending = home.current.with_suffix(".new")
    pending.write_text(version_file(home, version).name + "\n")
    _sync(pending)
    pending.replace(home.current)
    _sync(home.marts)


def _sync(path: Path) -> None:
    """Force a file or folder to disk; folders cannot be opened on Windows and need no sync there."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
