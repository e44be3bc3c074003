"""What is a mart column called in Chinese, in which unit, and what do its coded values mean?

Columns: sql/fields.csv. Values: app/assets/words.csv, one row a column and value. Both are read once.
"""

import csv
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

FIELDS = Path(__file__).resolve().parents[1] / "sql" / "fields.csv"
WORDS = Path(__file__).resolve().parent / "assets" / "words.csv"
VERDICTS = ("alarm", "normal", "not_assessed")
"""A week's `status`; an item's `status` has other words, so the values tell which of the two a column holds."""
VERDICT_LABEL = "判定"


@lru_cache(maxsize=1)
def _rows() -> dict[str, dict[str, str]]:
    with FIELDS.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    with WORDS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known.setdefault(row["name"], {})[row["value"]] = row["label"]
    return known


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


def words(name: str) -> dict[str, str]:
    """Value → Chinese word of a coded column; empty for a column that is not coded.

    >>> words("satisfaction")["fairly_satisfied"]
    '基本满意'
    """
    return dict(_words().get(name, {}))


def in_words(frame: pl.DataFrame) -> pl.DataFrame:
    """Coded values as Chinese words, column by column; a value without a word (or already Chinese) stays."""
    coded = [name for name in frame.columns if name in _words() and frame.schema[name] == pl.String]
    return frame.with_columns(pl.col(name).replace(_words()[name]) for name in coded)


def headers(frame: pl.DataFrame, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Column name → header for a table of this frame, codes not yet in words; what the caller gave comes first."""
    known = {name: row["label"] for name, row in _rows().items()}
    if "status" in frame.columns and frame["status"].is_in(VERDICTS).any():
        known["status"] = VERDICT_LABEL
    return {name: (given or {}).get(name, known.get(name, name)) for name in frame.columns}
