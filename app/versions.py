"""Which version is published right now, and is there one of a past day? Names in HOME/marts.

CURRENT holds the name of the marts file that serves; asof-YYYY-MM-DD.duckdb is what was known on that day.
"""

import os
from datetime import date
from pathlib import Path

SCHEMA = "6"  # of the marts these pages read; what pipelines/publish.py writes


class NoMarts(Exception):
    """Nothing these pages can read has been published below this HOME yet."""


class NotReplayed(Exception):
    """The day asked for has not been worked out yet, or was written in a way that is no day (`day` None)."""

    def __init__(self, asked: str, day: date | None):
        self.asked, self.day = asked, day
        super().__init__(asked)


def home() -> Path:
    """The folder everything lives in: YANPAN_HOME, else ./var."""
    return Path(os.environ.get("YANPAN_HOME") or "var").expanduser().resolve()


def current_version() -> Path:
    """The marts file CURRENT points to right now."""
    folder = home() / "marts"
    try:
        name = (folder / "CURRENT").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NoMarts(str(folder)) from None
    if not name or not (folder / name).is_file():
        raise NoMarts(str(folder))
    return folder / name


def replay(asked: str) -> Path:
    """The marts file of a past day, given as YYYY-MM-DD. Raises NotReplayed."""
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        raise NotReplayed(asked, None) from None
    if asked != day.isoformat():  # 20260601 is a date too, but then one day has two addresses
        raise NotReplayed(asked, None)
    path = home() / "marts" / f"asof-{day}.duckdb"
    if not path.is_file():
        raise NotReplayed(asked, day)
    return path
