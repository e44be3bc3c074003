"""The same figures as CSV, for those who cannot open .xlsx."""

from collections.abc import Mapping

import polars as pl

from app import disclosure, fields

STARTS_FORMULA = r"^[=+\-@\t\r]"


def csv_bytes(frame: pl.DataFrame, *, labels: Mapping[str, str] | None = None) -> bytes:
    """UTF-8 with BOM (Excel then reads Chinese), Chinese headers and words for codes.

    Text beginning with = + - @ gets a leading '. What app.disclosure has hidden reads <5 or 隐去.

    >>> csv_bytes(pl.DataFrame({"place_name": ["=1+1"]})).decode("utf-8-sig").splitlines()[1]
    "'=1+1"
    """
    text = pl.col(pl.String)
    safe = fields.in_words(disclosure.in_text(frame)).with_columns(
        pl.when(text.str.contains(STARTS_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()
    )
    chinese = safe.rename(fields.headers(safe, labels))
    return b"\xef\xbb\xbf" + chinese.write_csv().encode()
