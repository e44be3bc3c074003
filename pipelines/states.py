"""Which state of an item is in force, and what did the office know on a past day?

Files report items again and again: re-exports, split exports, one row a handling unit. Every distinct state is kept
once, with every batch that reported it. The state in force is chosen by content, so that any split and any order of
files give the same table: a main handler's row before a co-handler's, then the later `known_on` of the batches that
reported it, then the later last event (accepted, replied, closed), then the further status, then the smaller
fingerprint of its content.

Tables: core.event (in force), core.event_history (the other states), core.repeat (further reports of a known state),
core.co_unit. A state is named by its item and the batch that first reported it.
"""

from datetime import date, datetime

import duckdb

from pipelines.errors import UsageError
from pipelines.registers import OF_ITEMS
from pipelines.sources.events import EVENT_COLUMNS

CONTENT = (*(name for name in EVENT_COLUMNS if name != "source_row"), "is_co_row")
STATE = ("event_id", "source", "batch_id", "source_row", *CONTENT)

_LAST_AT = "greatest({0}registered_at, {0}accepted_at, {0}replied_at, {0}closed_at)"
_FURTHER = (
    "list_position(['registered', 'transferred', 'accepted', 'in_progress', 'replied', 'closed', 'declined'], status)"
)
_FINGERPRINT = "md5(concat_ws(chr(31), " + ", ".join(f"coalesce({name}::varchar, chr(30))" for name in CONTENT) + "))"
_WITHIN_A_BATCH = f"is_co_row, {_LAST_AT.format('')} desc, {_FURTHER} desc, {_FINGERPRINT}"
_PRECEDENCE = f"is_co_row, known_on desc, {_LAST_AT.format('')} desc, {_FURTHER} desc, {_FINGERPRINT}"
_FOUND = ("n_updated", "n_older", "n_tied", "n_backward")
_DIFFERS = " or ".join(f"known.{name} is distinct from stage.{name}" for name in CONTENT)


def absorb(connection: duckdb.DuckDBPyConnection, batch_id: str, known_on: date) -> dict[str, int]:
    """The rows of temp table `stage` into core, inside the caller's transaction.

    `stage` has the columns of core.event and item_number; several rows may be of one item. Returns n_loaded (states new
    to the warehouse), n_updated (of these, of items already known), n_duplicate (rows that said nothing new), n_older
    (of the updated, those that an already known state outranks), n_tied (of the updated, those that only their content
    tells from the state known: neither is later) and n_backward (of the updated, those now in force
    whose last event is earlier than that of the state they replace).
    """
    n_rows, n_items = _row(connection, "select count(*), count(distinct event_id) from stage")
    _run(
        connection,
        "create or replace temp table known_item as select event_id, registered_at from core.event"
        " where event_id in (select event_id from stage)",
    )
    n_known, first, last = _row(connection, "select count(*), min(registered_at), max(registered_at) from known_item")
    if n_known or n_rows > n_items:
        _keep_secret(connection, ("stage", "core.event", "core.event_history") if n_known else ("stage",))
    _run(
        connection,
        "insert into core.co_unit select distinct event_id, $batch, unit_name from stage"
        " where is_co_row and unit_name is not null",
        batch=batch_id,
    )
    if n_rows > n_items:
        _keep_one_row_an_item(connection)
    found = dict.fromkeys(_FOUND, 0)
    if n_known:
        found = _set_known_aside(connection, batch_id, known_on, first, last)
    n_updated = found["n_updated"]
    _run(connection, f"insert into core.event ({', '.join(STATE)}) select {', '.join(STATE)} from stage")
    _run(connection, "insert into core.item_lookup by name select event_id, item_number from stage")
    return {
        "n_loaded": n_items - n_known + n_updated,
        "n_duplicate": n_rows - n_items + n_known - n_updated,
        **found,
    }


def _keep_secret(connection: duckdb.DuckDBPyConnection, tables: tuple[str, ...]) -> None:
    """What any file says is confidential is so in all its states, whichever came first: no title, text or unit."""
    _run(
        connection,
        """
        create or replace temp table secret as
        select event_id from stage where is_confidential
        union
        select event_id from core.event where is_confidential and event_id in (select event_id from known_item)
        union
        select event_id from core.event_history where is_confidential and event_id in (select event_id from known_item)
        """,
    )
    if not _row(connection, "select count(*) from secret")[0]:
        return
    told = ("title", "text", "unit_name", "unit_co_name")
    for table in tables:
        _run(
            connection,
            f"update {table} set {', '.join(f'{name} = null' for name in told)}"
            f" where event_id in (select event_id from secret) and coalesce({', '.join(told)}) is not null",
        )
    _run(connection, "delete from core.co_unit where event_id in (select event_id from secret)")


def _keep_one_row_an_item(connection: duckdb.DuckDBPyConnection) -> None:
    """Of rows of one item in one file, the row in force; the others are counted as duplicates."""
    _run(
        connection,
        f"""
        create or replace temp table loser as
        select position
        from (select *, row_number() over (partition by event_id order by {_WITHIN_A_BATCH}, position desc) as place from stage
              where event_id in (select event_id from stage group by event_id having count(*) > 1))
        where place > 1
        """,
    )
    _run(connection, "delete from stage where position in (select position from loser)")


def _set_known_aside(
    connection: duckdb.DuckDBPyConnection, batch_id: str, known_on: date, first: datetime, last: datetime
) -> dict[str, int]:
    """Items already known leave `stage`: reports of a known state to core.repeat, new states to the history, from where
    they may come into force. `first`, `last`: their registration, to read no more of core.event than that. Returns
    _FOUND of `absorb`."""
    _run(
        connection,
        f"create or replace temp table touched as select known.event_id from core.event as known"
        f" join stage using (event_id) where known.registered_at between $first and $last and ({_DIFFERS})",
        first=first,
        last=last,
    )
    _run(
        connection,
        "insert into core.repeat select event_id, $batch, stage.source_row, known.batch_id from stage"
        " join core.event as known using (event_id)"
        " where known.registered_at between $first and $last and event_id not in (select event_id from touched)",
        batch=batch_id,
        first=first,
        last=last,
    )
    found = dict.fromkeys(_FOUND, 0)
    if n_touched := _row(connection, "select count(*) from touched")[0]:
        _run(
            connection,
            f"create or replace temp table seen_before as select event_id, stage.source_row, min(known.batch_id) as batch_id"
            f" from core.event_history as known join stage using (event_id)"
            f" where event_id in (select event_id from touched) and not ({_DIFFERS}) group by all",
        )
        _run(
            connection,
            "insert into core.repeat select event_id, $batch, source_row, batch_id from seen_before",
            batch=batch_id,
        )
        found["n_updated"] = n_touched - _row(connection, "select count(*) from seen_before")[0]
        _run(
            connection,
            f"insert into core.event_history ({', '.join(STATE)}) select {', '.join(STATE)} from stage"
            " where event_id in (select event_id from touched) and event_id not in (select event_id from seen_before)",
        )
        _judge(connection, known_on)
        found["n_older"], found["n_tied"], found["n_backward"] = _row(
            connection,
            f"""
            with compared as (
                select new.is_in_force, {_LAST_AT.format("stage.")} as new_at, {_LAST_AT.format("known.")} as old_at,
                    new.known_on = old.known_on and new_at = old_at
                    and (stage.status, stage.is_co_row) = (known.status, known.is_co_row) as is_tied
                from verdict as new join verdict as old using (event_id) join stage using (event_id)
                join core.event as known using (event_id)
                where new.batch_id = $batch and old.is_current
            )
            select count(*) filter (not is_in_force and not is_tied), count(*) filter (is_tied),
                count(*) filter (is_in_force and new_at < old_at)
            from compared
            """,
            batch=batch_id,
        )
        _put_in_force(connection)
    _run(connection, "delete from stage where event_id in (select event_id from known_item)")
    return found


def _judge(connection: duckdb.DuckDBPyConnection, known_on: date | None = None) -> None:
    """Temp `verdict`: which state of each item in temp table `touched` comes first. `known_on` is that of a batch that
    is not in the ledger yet."""
    columns = ", ".join(STATE)
    _run(
        connection,
        f"""
        create or replace temp table verdict as
        with contender as (
            select {columns}, true as is_current from core.event where event_id in (select event_id from touched)
            union all
            select {columns}, false from core.event_history where event_id in (select event_id from touched)
        ),
        report as (
            select event_id, batch_id as state_batch_id, batch_id from contender
            union all
            select event_id, state_batch_id, batch_id from core.repeat where event_id in (select event_id from touched)
        ),
        last_report as (
            select event_id, state_batch_id, max(coalesce(b.known_on, $known_on)) as known_on
            from report left join core.batch as b using (batch_id) group by all
        )
        select event_id, c.batch_id, is_current, known_on,
            row_number() over (partition by event_id order by {_PRECEDENCE}, c.batch_id) = 1 as is_in_force
        from contender as c join last_report using (event_id)
        where last_report.state_batch_id = c.batch_id
        """,
        known_on=known_on,
    )


def _put_in_force(connection: duckdb.DuckDBPyConnection) -> None:
    """Move states between core.event and core.event_history as temp table `verdict` says."""
    columns = ", ".join(STATE)
    for source, target, which in (
        ("core.event", "core.event_history", "is_current and not is_in_force"),
        ("core.event_history", "core.event", "is_in_force and not is_current"),
    ):
        moving = f"(event_id, batch_id) in (select (event_id, batch_id) from verdict where {which})"
        if _row(connection, f"select count(*) from verdict where {which}")[0]:
            _run(connection, f"insert into {target} ({columns}) select {columns} from {source} where {moving}")
            _run(connection, f"delete from {source} where {moving}")


def undo(connection: duckdb.DuckDBPyConnection, batch_id: str) -> dict[str, int]:
    """Take one batch back, inside the caller's transaction: core becomes what it would be had it never come in.

    A state that other batches reported too stays, in the name of the first of these. Returns n_removed items that are
    gone and n_restored items whose state in force changed.
    """
    if not _row(connection, "select count(*) from core.batch where batch_id = $id", id=batch_id)[0]:
        known = connection.execute("select batch_id from core.batch order by loaded_at desc limit 5").fetchall()
        raise UsageError(
            f"没有批次“{batch_id}”。"
            + (f"最近的批次：{'、'.join(row[0] for row in known)}。" if known else "还没有导入过文件。")
        )
    _run(
        connection,
        "create or replace temp table touched as select event_id from core.event where batch_id = $id"
        " union select event_id from core.event_history where batch_id = $id"
        " union select event_id from core.repeat where batch_id = $id",
        id=batch_id,
    )
    _run(
        connection,
        "create or replace temp table before as select event_id, batch_id from core.event"
        " where event_id in (select event_id from touched)",
    )
    _run(
        connection,
        """
        create or replace temp table heir as
        select event_id, arg_min(r.batch_id, (b.loaded_at, r.batch_id)) as batch_id,
            arg_min(r.source_row, (b.loaded_at, r.batch_id)) as source_row
        from core.repeat as r join core.batch as b using (batch_id) where r.state_batch_id = $id group by event_id
        """,
        id=batch_id,
    )
    for table in ("core.event", "core.event_history"):
        _run(
            connection,
            f"update {table} as s set batch_id = heir.batch_id, source_row = heir.source_row from heir"
            f" where s.event_id = heir.event_id and s.batch_id = $id",
            id=batch_id,
        )
        _run(connection, f"delete from {table} where batch_id = $id", id=batch_id)
    _run(
        connection,
        "delete from core.repeat using heir where core.repeat.event_id = heir.event_id"
        " and core.repeat.batch_id = heir.batch_id and core.repeat.state_batch_id = $id",
        id=batch_id,
    )
    _run(
        connection,
        "update core.repeat as r set state_batch_id = heir.batch_id from heir"
        " where r.event_id = heir.event_id and r.state_batch_id = $id",
        id=batch_id,
    )
    for table in ("repeat", "co_unit", "rejected_row"):
        _run(connection, f"delete from core.{table} where batch_id = $id", id=batch_id)
    _run(
        connection,
        "insert into core.undone_batch by name select *, localtimestamp as undone_at from core.batch where batch_id = $id",
        id=batch_id,
    )
    _run(connection, "delete from core.batch where batch_id = $id", id=batch_id)
    _judge(connection)
    _put_in_force(connection)
    _recount(connection)
    for table in ("item_lookup", "suggested_issue"):
        _run(
            connection,
            f"delete from core.{table} where event_id in (select event_id from touched)"
            " and event_id not in (select event_id from core.event)",
        )
    n_removed, n_restored = _row(
        connection,
        """
        select count(*) filter (now.event_id is null),
            count(*) filter (now.batch_id <> before.batch_id and not exists (
                from heir where heir.event_id = before.event_id and heir.batch_id = now.batch_id))
        from before left join core.event as now using (event_id)
        """,
    )
    return {"n_removed": n_removed, "n_restored": n_restored}


def _recount(connection: duckdb.DuckDBPyConnection) -> None:
    """The ledger as if the undone batch had never come in: what was a repeat or an update of its rows may be new now."""
    _run(
        connection,
        """
        update core.batch as b
        set n_loaded = counted.n_loaded, n_updated = counted.n_updated,
            n_duplicate = n_read - n_rejected - n_out_of_scope - counted.n_loaded
        from (
            with state as (
                select event_id, batch_id from core.event union all select event_id, batch_id from core.event_history
            ),
            first_state as (
                select event_id, arg_min(batch_id, (loaded_at, batch_id)) as batch_id
                from state join core.batch using (batch_id) group by event_id
            )
            select state.batch_id, count(*) as n_loaded,
                count(*) filter (first_state.batch_id <> state.batch_id) as n_updated
            from state join first_state using (event_id) group by state.batch_id
        ) as counted
        where counted.batch_id = b.batch_id and (b.n_loaded, b.n_updated) <> (counted.n_loaded, counted.n_updated)
        """,
    )


def view_as_known(connection: duckdb.DuckDBPyConnection, as_of: date, *, warehouse: str) -> str:
    """Temp `known_event`, `known_batch` and `known_co_unit`: what the office knew on the evening of `as_of`.

    Returns the basis: `known` where at least one batch was known by then, else `reconstructed`: nothing had been loaded
    yet, so the present states stand in and the caller cuts them by their times. `warehouse`: the attached catalog.
    """
    core = f"{warehouse}.core"
    n_known, n_all = _row(
        connection,
        f"select count(*) filter (known_on <= $day), count(*) from {core}.batch where {OF_ITEMS}",
        day=as_of,
    )
    is_known = n_known > 0
    visible = f"where known_on <= date '{as_of}'" if is_known else ""
    _run(connection, f"create or replace temp view known_batch as select * from {core}.batch {visible}")
    if n_known in (0, n_all):
        _run(connection, f"create or replace temp view known_event as select * from {core}.event")
        _run(connection, f"create or replace temp view known_co_unit as select * from {core}.co_unit")
        return "known" if is_known else "reconstructed"
    columns = ", ".join(STATE)
    _run(
        connection,
        f"create or replace temp view known_co_unit as select c.* from {core}.co_unit as c semi join known_batch using (batch_id)",
    )
    _run(
        connection,
        f"""
        create or replace temp table known_event as
        with state as (
            select {columns} from {core}.event union all select {columns} from {core}.event_history
        ),
        report as (
            select event_id, batch_id as state_batch_id, known_on from state join known_batch using (batch_id)
            union all
            select event_id, state_batch_id, known_on from {core}.repeat join known_batch using (batch_id)
        ),
        last_report as (select event_id, state_batch_id, max(known_on) as known_on from report group by all),
        known as (
            select s.*, known_on from state as s join last_report as l
            on l.event_id = s.event_id and l.state_batch_id = s.batch_id
        ),
        contested as (select event_id from known group by event_id having count(*) > 1)
        select {columns} from known anti join contested using (event_id)
        union all
        select {columns} from (
            select known.*, row_number() over (partition by event_id order by {_PRECEDENCE}, batch_id) as place
            from known semi join contested using (event_id)
        ) where place = 1
        """,
    )
    return "known"


def _run(connection: duckdb.DuckDBPyConnection, statement: str, **parameters: object) -> None:
    connection.execute(statement, parameters or None).fetchall()


def _row(connection: duckdb.DuckDBPyConnection, statement: str, **parameters: object) -> tuple:
    return connection.execute(statement, parameters or None).fetchall()[0]
