"""The same figures as CSV, for those who cannot open .xlsx."""

from collections.abc import Mapping

import polars as pl

from app.fields import labels as field_labels

STARTS_FORMULA = r"^[=+\-@\t\r]"


def csv_bytes(frame: pl.DataFrame, *, labels: Mapping[str, str] | None = None) -> bytes:
    """UTF-8 with BOM (Excel then reads Chinese), Chinese headers; text beginning with = + - @ gets a leading '.

    >>> csv_bytes(pl.DataFrame({"place_name": ["=1+1"]})).decode("utf-8-sig").splitlines()[1]
    "'=1+1"
    """
    headers = {**field_labels(), **(labels or {})}
    text = pl.col(pl.String)
    safe = frame.with_columns(
        pl.when(text.str.contains(STARTS_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()
    )
    chinese = safe.rename({name: headers.get(name, name) for name in frame.columns})
    return b"\xef\xbb\xbf" + chinese.write_csv().encode()
