"""A home with many times the items of another, for measuring pages: `python -m bench enlarge --home H --to BIG --times 33`.

Only the published version is made, not the warehouse. Tables of items hold every item `times` times (the copies under keys
of their own), counts are multiplied, recurrences found anew; the other tables are as they were: a city with so many
items has hardly more towns, issues and units. Its figures mean nothing.
"""

import shutil
import time
from pathlib import Path

import duckdb

from pipelines import publish
from pipelines.config import SQL, Home

ITEM_KEY = "event_key"
OF_ITEMS = ("event", "item_fact", "event_matter")
FOUND_ANEW = ("recurrence",)
COUNTS = ("numerator", "denominator", "observed", "expected", "upper_bound")
NO_COUNTS = ("n_days", "n_sources", "n_places")


def run(home: Path, to: Path, times: int) -> None:
    to.mkdir(parents=True)
    for kept in (*home.glob("reference*"), *home.glob("state.sqlite*")):
        (shutil.copytree if kept.is_dir() else shutil.copy)(kept, to / kept.name)
    (to / "marts").mkdir()
    source = publish.version_file(Home(home), publish.current(Home(home)))
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '4GB'")
        connection.execute(f"set temp_directory = '{to / 'spill'}'")
        connection.execute(f"attach '{source}' as small (read_only)")
        connection.execute(f"attach '{to / 'marts' / source.name}' as big")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'small' and schema_name = 'main'"
        ).fetchall()  # without `basis`: what a next build would start from
        for (table,) in sorted(tables):
            started = time.perf_counter()
            connection.execute(f"create table big.{table} as {_enlarged(connection, table, times)}")
            if table in OF_ITEMS:
                print(table, round(time.perf_counter() - started, 1), "s", flush=True)
    (to / "marts" / "CURRENT").write_text(source.name, encoding="utf-8")


def _enlarged(connection: duckdb.DuckDBPyConnection, table: str, times: int) -> str:
    """The query that makes a table of the big home."""
    if table in FOUND_ANEW:
        connection.execute("use big")
        return (SQL / "marts" / f"{table}.sql").read_text(encoding="utf-8")
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() where database_name = 'small' and table_name = $1", [table]
    ).fetchall()
    if table in OF_ITEMS:
        own_key = f"case when copy = 0 then {ITEM_KEY} else substr(md5({ITEM_KEY} || copy), 1, 16) end as {ITEM_KEY}"
        order = " order by registered_on, copy" if "registered_on" in dict(columns) else ""
        return f"select * exclude (copy) replace ({own_key}) from small.{table}, range({times}) as copies (copy){order}"
    more = ", ".join(
        f"{name} * {times} as {name}"
        for name, kind in columns
        if (name.startswith("n_") or name in COUNTS) and name not in NO_COUNTS and kind in ("BIGINT", "DOUBLE")
    )
    return f"select *{f' replace ({more})' if more else ''} from small.{table}"
