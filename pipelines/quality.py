"""What the marts on data quality and 勾稽 read besides the events: the view of faults, the files' own totals."""

import json

import duckdb
import polars as pl

from pipelines.config import SQL

STATED_TOTAL = {
    "batch_id": pl.String,
    "total_row": pl.Int64,
    "column_name": pl.String,
    "n_stated": pl.Int64,
    "n_counted": pl.Int64,
}


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Temp tables event_fault, layout_fact, returning_batch (all sql/views) and stated_total; needs known_event,
    known_batch, resolved names."""
    for name in ("event_fault", "layout_fact", "returning_batch"):
        query = (SQL / "views" / f"{name}.sql").read_text(encoding="utf-8")
        connection.execute(f"create temp table {name} as {query}")
    ledger = connection.execute("select batch_id, control_totals from known_batch order by batch_id").fetchall()
    connection.register("incoming_frame", stated_totals(ledger).to_arrow())
    connection.execute("create temp table stated_total as select * from incoming_frame")
    connection.unregister("incoming_frame")


def stated_totals(ledger: list[tuple[str, str | None]]) -> pl.DataFrame:
    """core.batch.control_totals, JSON [{"row", "column", "stated", "counted"}] a batch, as one row a stated total.

    >>> stated_totals([("b1", '[{"row": 9, "column": "编号", "stated": 7, "counted": 6}]'), ("b2", None)]).row(0)
    ('b1', 9, '编号', 7, 6)
    """
    rows = [
        (batch_id, total["row"], total["column"], round(total["stated"]), round(total["counted"]))
        for batch_id, text in ledger
        for total in json.loads(text or "[]")
    ]
    return pl.DataFrame(rows, schema=STATED_TOTAL, orient="row").unique(
        ["batch_id", "total_row", "column_name"], keep="first", maintain_order=True
    )
