"""Which version is published right now? HOME/marts/CURRENT holds the name of one marts file."""

import os
from pathlib import Path


class NoMarts(Exception):
    """Nothing has been published below this HOME yet."""


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
