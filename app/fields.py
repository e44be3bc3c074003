"""What is a mart column called in Chinese, in which unit, and what do its coded values mean?

Columns: sql/fields.csv. Values: app/assets/words.csv, one row a column and value. Terms over a column: app/assets/terms.csv, one
row a label. All are read once.
"""

import csv
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

FIELDS = Path(__file__).resolve().parents[1] / "sql" / "fields.csv"
WORDS = Path(__file__).resolve().parent / "assets" / "words.csv"
TERMS = Path(__file__).resolve().parent / "assets" / "terms.csv"
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


@lru_cache(maxsize=1)
def _terms() -> dict[str, str]:
    with TERMS.open(encoding="utf-8", newline="") as file:
        return {row["label"]: row["meaning"] for row in csv.DictReader(file)}


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


def explained(name: str, label: str) -> str | None:
    """What the head of a column explains: the term shown (app/assets/terms.csv), else the column's note unless it lists codes.

    >>> explained("n_events_before", "上期")
    '之前等长的一段时间。'
    """
    said = _terms().get(label) or (_rows()[name]["note"] if name in _rows() else "")
    return None if not said or re.search(r"[a-z_]{3,}", said) else said


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
