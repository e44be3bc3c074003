"""Versions of the marts file and the pointer the dashboard follows.

A version is a file `marts-000007.duckdb`; CURRENT names the one that serves. A new version is complete, checked and
on disk before the pointer moves, in one rename: a reader sees the old one or the new one, never something between.
"""

import os
from contextlib import suppress
from datetime import date
from pathlib import Path

import duckdb

from pipelines.config import Home
from pipelines.errors import UsageError

KEEP_VERSIONS = 5
SCHEMA = "6"  # of the marts; app/versions.py names the one its pages can read
KEEP_REPLAYS = 12


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
    _discard([version_file(home, old) for old in set(existing(home)) - keep])


def replay_file(home: Home, day: date) -> Path:
    return home.marts / f"asof-{day}.duckdb"


def keep_replay(home: Home, built: Path, day: date) -> None:
    """Put a replayed day beside the versions; of these files only the KEEP_REPLAYS last made stay."""
    _sync(built)
    built.replace(replay_file(home, day))
    _sync(home.marts)
    by_age = sorted(home.marts.glob("asof-*.duckdb"), key=lambda path: path.stat().st_mtime)
    _discard(by_age[:-KEEP_REPLAYS])


def forget_replays(home: Home, *, from_day: date | None = None, before_day: date | None = None) -> None:
    """What was known on these days has changed: their replays are no longer true. Without a day, none goes."""
    _discard(
        [
            path
            for path in home.marts.glob("asof-*.duckdb")
            if (from_day and path.stem >= f"asof-{from_day}") or (before_day and path.stem < f"asof-{before_day}")
        ]
    )


def _discard(paths: list[Path]) -> None:
    for path in paths:
        with suppress(PermissionError):  # Windows: the dashboard still reads it; the next time takes it away
            path.unlink(missing_ok=True)


def rollback(home: Home, version: int) -> None:
    """Let an earlier version serve again. Nothing is deleted."""
    if version not in existing(home):
        known = "、".join(str(number) for number in existing(home)) or "无"
        raise UsageError(f"没有版本 {version}；现有版本：{known}。请用 yanpan versions 查看。")
    with duckdb.connect(version_file(home, version), read_only=True) as connection:
        schema = dict(connection.execute("select key, value from meta").fetchall()).get("schema")
    if schema != SCHEMA:
        raise UsageError(f"版本 {version} 由旧程序发布，现在的看板读不了。请用 yanpan build 重新发布。")
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
