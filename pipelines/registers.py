"""What did each file say of a case or an entry, and which of it is in force? For files whose rows are no items.

Such tables (sources.REGISTERS) are small, so nothing is moved or overwritten: a table has one row an entry and batch, in
the batch's own words. In force is the report of the latest `known_on`; of equals the one with the later last date, then
the smaller fingerprint, so that the order in which files come makes no difference. Taking a batch back deletes its rows;
a past day sees the rows of the batches known by then.
"""

import duckdb
import polars as pl

from pipelines.sources import REGISTERS, SOURCES

OWN = ("entry_id", "source", "batch_id", "source_row")
OF_ITEMS = f"source in ({', '.join(repr(name) for name in SOURCES)})"
"""Which batches hold items: others say nothing about how far back the items are known."""


def tables() -> list[str]:
    """core.referral …"""
    return list(dict.fromkeys(register.table for register in REGISTERS.values()))


def absorb(connection: duckdb.DuckDBPyConnection, rows: pl.DataFrame, source: str, batch_id: str) -> dict[str, int]:
    """The rows of one file into its table, inside the caller's transaction.

    Several rows of one entry: the one that would be in force. Returns n_loaded (reports that say something new of an
    entry), n_updated (of these, of entries already known), n_duplicate (rows that say nothing new).
    """
    table = REGISTERS[source].table
    connection.register("incoming", rows.to_arrow())
    connection.execute(
        f"insert into {table} by name select *, '{source}' as source, $batch as batch_id from incoming"
        f" qualify row_number() over (partition by entry_id order by {_precedence(connection, table)}, source_row) = 1",
        {"batch": batch_id},
    ).fetchall()
    connection.unregister("incoming")
    n_loaded, n_updated = connection.execute(
        f"""
        with report as (select *, {_fingerprint(connection, table)} as said from {table} where source = $source),
        own as (select entry_id, said from report where batch_id = $batch),
        earlier as (select entry_id, said from report where batch_id <> $batch and entry_id in (select entry_id from own))
        select
            count(*) filter ((entry_id, said) not in (select (entry_id, said) from earlier)),
            count(*) filter (
                (entry_id, said) not in (select (entry_id, said) from earlier)
                and entry_id in (select entry_id from earlier)
            )
        from own
        """,
        {"source": source, "batch": batch_id},
    ).fetchall()[0]
    return {"n_loaded": n_loaded, "n_updated": n_updated, "n_duplicate": len(rows) - n_loaded}


def undo(connection: duckdb.DuckDBPyConnection, batch_id: str) -> dict[str, int]:
    """Take the rows of one batch back, inside the caller's transaction; before core.batch forgets it.

    Returns n_removed entries that are gone and n_restored entries of which another report is in force now.
    """
    found = {"n_removed": 0, "n_restored": 0}
    for table in tables():
        in_force = f"select entry_id, batch_id from ({_in_force(connection, table, 'core.batch')})"
        connection.execute(f"create or replace temp table before as {in_force}").fetchall()
        connection.execute(f"delete from {table} where batch_id = $id", {"id": batch_id}).fetchall()
        n_removed, n_restored = connection.execute(
            f"""
            select count(*) filter (n.entry_id is null), count(*) filter (n.batch_id <> b.batch_id)
            from (from before where batch_id = $id) as b left join ({in_force}) as n using (entry_id)
            """,
            {"id": batch_id},
        ).fetchall()[0]
        found["n_removed"] += n_removed
        found["n_restored"] += n_restored
        _recount(connection, table)
    return found


def view_as_known(connection: duckdb.DuckDBPyConnection, warehouse: str) -> None:
    """Temp `known_<table>` for each: the report in force of each entry among the batches of temp view `known_batch`."""
    for table in tables():
        chosen = _in_force(connection, f"{warehouse}.{table}", "known_batch")
        connection.execute(f"create or replace temp table known_{table.split('.')[1]} as {chosen}").fetchall()


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Content columns and their types, in order."""
    described = connection.execute(f"describe {table}").fetchall()
    return {name: kind for name, kind, *_ in described if name not in OWN}


def _fingerprint(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    cells = ", ".join(f"coalesce({name}::varchar, chr(30))" for name in _columns(connection, table))
    return f"md5(concat_ws(chr(31), {cells}))"


def _precedence(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    happened = [name for name, kind in _columns(connection, table).items() if kind == "DATE" and name != "due_on"]
    last = f"greatest({', '.join(happened)}) desc nulls last, " if happened else ""
    return last + _fingerprint(connection, table)


def _in_force(connection: duckdb.DuckDBPyConnection, table: str, batches: str) -> str:
    """The query: of each entry the report that comes first, of the batches in `batches`."""
    return (
        f"select r.* from {table} as r join {batches} as b using (batch_id)"
        f" qualify row_number() over (partition by r.source, r.entry_id order by b.known_on desc,"
        f" {_precedence(connection, table)}, r.batch_id) = 1"
    )


def _recount(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """The ledger as if the batch just deleted had never come in: what repeated it may be new now."""
    connection.execute(
        f"""
        update core.batch as b
        set n_loaded = c.n_loaded, n_updated = c.n_updated,
            n_duplicate = n_read - n_rejected - n_out_of_scope - c.n_loaded
        from (
            with report as (
                select r.batch_id,
                    row_number() over (partition by r.source, entry_id, {_fingerprint(connection, table)} order by loaded_at, batch_id) = 1
                        as is_new,
                    row_number() over (partition by r.source, entry_id order by loaded_at, batch_id) = 1 as is_first
                from {table} as r join core.batch using (batch_id)
            )
            select batch_id, count(*) filter (is_new) as n_loaded, count(*) filter (is_new and not is_first) as n_updated
            from report group by batch_id
        ) as c
        where c.batch_id = b.batch_id and (b.n_loaded, b.n_updated) <> (c.n_loaded, c.n_updated)
        """
    ).fetchall()
