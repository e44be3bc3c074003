"""What is a mart column called in Chinese, and in which unit? sql/fields.csv, read once."""

import csv
from functools import lru_cache
from pathlib import Path

FIELDS = Path(__file__).resolve().parents[1] / "sql" / "fields.csv"


@lru_cache(maxsize=1)
def _rows() -> dict[str, dict[str, str]]:
    with FIELDS.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def labels() -> dict[str, str]:
    """Column name → Chinese label, all of them."""
    return {name: row["label"] for name, row in _rows().items()}


def label(name: str) -> str:
    """The Chinese label of a column; a name that is not in fields.csv raises KeyError."""
    return _rows()[name]["label"]


def unit(name: str) -> str:
    """The unit of a column (件, 天, 人次 …); empty when it has none."""
    return _rows()[name]["unit"]


def note(name: str) -> str:
    """What a column means, beyond its label; may be empty."""
    return _rows()[name]["note"]
