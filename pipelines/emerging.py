"""Emerging words inside a build: what is read of the events just made, bounded whatever the size of the city. → mart `emerging`"""

from datetime import timedelta

import duckdb
import polars as pl

from pipelines.config import SQL
from pipelines.surveillance import emerging

PER_WEEK = 4_000  # items a week, on average, that are searched for candidates and that stand for the history
READ_ITEMS = 100_000  # of those that are only counted, at a time
_KEYS = 16**16  # event_key is a keyed hash of 16 hexadecimal digits: a share of them is a share of the items


def find(connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame) -> pl.DataFrame:
    """The words that emerged in the last weeks of `complete` (see `weeks.complete_weeks`).

    In a large city the same share of all weeks is searched, and every item of the recent weeks is counted.
    """
    weeks = complete["week_start_on"].sort().to_list()[-emerging.READ_WEEKS :]
    if not weeks:
        return pl.DataFrame(schema=emerging.SCHEMA)
    span = {"first": weeks[0], "last": weeks[-1] + timedelta(days=6)}
    [(n_items,)] = connection.execute(
        "select count(*) from event where registered_on between $first and $last and not is_counted_only", span
    ).fetchall()
    share = min(1.0, PER_WEEK * len(weeks) / max(1, n_items))
    until = f"{int(share * _KEYS):016x}" if share < 1 else "g"  # beyond every key
    recent = weeks[-min(len(weeks), emerging.RECENT_WEEKS)]
    text = (SQL / "views" / "emerging_items.sql").read_text(encoding="utf-8")
    given = {**span, "until": until, "recent": recent}
    items = connection.sql(text, params={**given, "is_sampled": True}).pl()
    places = connection.sql("from place").pl()
    others = connection.sql(text, params={**given, "is_sampled": False}).to_arrow_reader(READ_ITEMS)
    return emerging.find(items, places, weeks=weeks, others=(pl.DataFrame(pl.from_arrow(batch)) for batch in others))
