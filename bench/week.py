"""The last week of a demo home taken out again, and put back as the files an office would export on the Monday after.

Of hotline and grid items: those registered in that week leave the warehouse, those closed in it are open again; both come
back from the week's files. So `ingest` and `build` of one week can be measured on any home of the demo city.
"""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from pipelines import warehouse
from pipelines.config import Home

EXPORTS = {"hotline": ("受理时间", "办结时间"), "grid": ("CREATE_TIME", "archive_time")}
"""Folder of the demo, which is the source → columns of registration and of closing."""
CLOSING = ("replied_at", "closed_at", "is_solved", "satisfaction", "n_returns", "rated_at", "is_contacted")


def hold_out(home: Home, monday: date) -> None:
    """The warehouse as it was known on the Sunday before `monday`; its batches known that day."""
    with warehouse.connect(home) as connection:
        connection.execute("set memory_limit = '4GB'; begin transaction").fetchall()
        week = {"monday": monday}
        of_exports = f"source in ({', '.join(repr(name) for name in EXPORTS)})"
        late = f"select event_id, batch_id from core.event where {of_exports} and registered_at >= $monday"
        connection.execute(
            "update core.batch as b set n_read = n_read - gone.n, n_loaded = n_loaded - gone.n, control_totals = '[]'"
            f" from (select batch_id, count(*) as n from ({late}) group by all) as gone where gone.batch_id = b.batch_id",
            week,
        ).fetchall()
        for table in ("co_unit", "item_lookup", "suggested_issue"):
            connection.execute(
                f"delete from core.{table} where event_id in (select event_id from ({late}))", week
            ).fetchall()
        connection.execute(f"delete from core.event where {of_exports} and registered_at >= $monday", week).fetchall()
        connection.execute(
            f"update core.event set status = 'in_progress', {', '.join(f'{name} = null' for name in CLOSING)}"
            f" where {of_exports} and closed_at >= $monday",
            week,
        ).fetchall()
        connection.execute("update core.batch set known_on = $day", {"day": monday - timedelta(days=1)}).fetchall()
        connection.execute("commit").fetchall()


def write_files(home: Home, monday: date, to: Path) -> int:
    """The exports of the week that starts on `monday`, of the rows in HOME/demo; how many rows."""
    to.mkdir(parents=True)
    since, until, n_rows = str(monday), str(monday + timedelta(days=7)), 0
    earliest = f"{monday - timedelta(days=200):%Y%m}"
    for folder, (registered, closed) in EXPORTS.items():
        for path in sorted((home.demo / folder).glob("*.csv")):
            if path.stem[-6:] < earliest:
                continue
            rows = _read(path)
            if registered not in rows.columns or closed not in rows.columns:
                continue
            told = rows.filter(
                pl.any_horizontal(
                    pl.col(name).str.replace_all("/", "-").is_between(pl.lit(since), pl.lit(until))
                    for name in (registered, closed)
                )
            )
            if len(told):
                told.write_csv(to / f"{path.stem}_{monday}.csv", include_bom=True)
            n_rows += len(told)
    return n_rows


def _read(path: Path) -> pl.DataFrame:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    return pl.read_csv(text.encode(), infer_schema=False, truncate_ragged_lines=True)
