"""What has changed since the version that serves, and which rows of its marts does that touch?

A build starts from a copy of the version that serves wherever the rest of what it was made from is still the same: program,
reference data, settings, and what every name, category, cell and layout was taken to mean. Then only the items count that
a file taken in since has told of, those newly suggested an issue, and those of which the calendar alone says something new
(a deadline passed). A mart says in its header how it follows:

    -- refresh: items                              one row an item: the rows of the changed items are made anew
    -- refresh: day_on by registered_on, closed_at  rows of a day or week: of every week in which a changed item has, or had,
                                                    one of these dates, all rows are made anew from all items of that week
    -- refresh: spots                               rows of an issue in a community (without one: in a cell): of every such
                                                    spot of which an item says something else in a column the mart reads
    -- turns: known_event closed_at, event due_at   the moments at which what is said of an item changes by itself

A mart without such a line is made anew as a whole: those are small. So is all, in a new file, where anything else has
changed, and the reason is said. What the comparison needs is kept in the version itself, in the schema `basis`: a version that was rolled
back to, or that a killed build left, is as good a start as any other. The result is that of a full build, row by row; only
the order of rows within a table may differ.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from pipelines import publish, unclassified
from pipelines.config import ROOT, SQL, Home
from pipelines.operations import retention

FACTS = {
    "program": "程序已更新",
    "reference": "参考数据有变动",
    "settings": "设置有变动",
    "purged": "到期的文字已清除",
    "basis": "截至日的依据不同",
}
LOOKUPS = {
    "resolved_place": ("地名的含义", "county_name, town_name, community_name"),
    "resolved_position": ("定位点的含义", "source, layout, lon, lat"),
    "resolved_category": ("分类的含义", "source, category_raw"),
    "layout_fact": ("版式写明的内容", "source, layout"),
    "reference_deadline_rule": ("办理时限规则", "rule_id"),
}
"""Inputs of the marts that hold for all items: what they are, and by which columns a row of them is found."""
FEWEST_ITEMS = 50_000  # of less all is made in no time
NO_PART_OF_MARTS = (
    "cli.py",
    "dashboard.py",
    "demo",
    "dispatch",
    "inbox.py",
    "ingest.py",
    "layouts",
    "logs.py",
    "operations",
    "runs.py",
)
KEY_TO_ID = "select ('0x' || event_key)::ubigint from event"
IN_TOUCHED_SPOT = """(
    (issue_code, community_code) in (select (issue_code, community_code) from touched_spot where community_code is not null)
    or community_code is null
    and (issue_code, lon, lat) in (select (issue_code, lon, lat) from touched_spot where community_code is null)
)"""
MOST_ITEMS = 0.25  # beyond this share a full build is no slower
OF_INDICATORS = ("kpi_cell", "kpi_period", "kpi_days")  # see `kpi.write`


class AllChanged(Exception):
    """Why all is to be made anew: into a file of its own, since a copy would go on holding what is gone in its free pages."""


class Change(NamedTuple):
    """What a build makes anew: temp tables changed_item (event_id, event_key) and touched_item, see `_note_dates`."""

    n_items: int

    def starts(
        self, connection: duckdb.DuckDBPyConnection, dates: Sequence[str], unit: str = "week", of: str = "touched_item"
    ) -> list[date]:
        """The first days of the weeks (or months) in which a changed item has or had one of these dates."""
        every = " union ".join(f"select date_trunc('{unit}', {name})::date as day from {of}" for name in dates)
        return [
            day
            for (day,) in connection.execute(
                f"select distinct day from ({every}) where day is not null order by 1"
            ).fetchall()
        ]


def within(column: str, starts: Sequence[date], unit: str = "week") -> str:
    """The condition that `column` (date or time) lies in one of these weeks or months, which are in order; that it is not
    before the first, by itself, lets a scan pass over the older part of a table.

    >>> within("day_on", [date(2026, 11, 2), date(2026, 11, 9)])
    "(day_on >= date '2026-11-02' and date_trunc('week', day_on) in (date '2026-11-02', date '2026-11-09'))"
    """
    if not starts:
        return "false"
    days = ", ".join(f"date '{start}'" for start in starts)
    return f"({column} >= date '{starts[0]}' and date_trunc('{unit}', {column}) in ({days}))"


def facts(folder: Path, home: Home, basis: str) -> dict[str, str]:
    """What a version rests on besides the items. `folder`: the reference data of its day."""
    return {
        "program": _digest([*_program(), *SQL.rglob("*")], duckdb.__version__),
        "reference": _digest([*folder.rglob("*"), home.reference / "correction.csv"], ""),
        "settings": str(unclassified.is_wanted()),
        "purged": retention.texts_purged_at(home),
        "basis": basis,
    }


def _program() -> list[Path]:
    """The program's files, but for those that make exports, read them in or run commands."""
    folder = ROOT / "pipelines"
    return [
        path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0] not in NO_PART_OF_MARTS
    ]  # fmt: skip


def _digest(paths: Iterable[Path], more: str) -> str:
    digest = hashlib.sha256(more.encode())
    for path in sorted(path for path in paths if path.is_file()):
        digest.update(path.name.encode() + b"\x1f" + path.read_bytes() + b"\x1e")
    return digest.hexdigest()


def start(home: Home) -> Path | None:
    """The version that serves, if a build can start from a copy of it: one of some size, published by this program."""
    version = publish.current(home)
    file = None if version is None else publish.version_file(home, version)
    if file is None or not file.exists():
        return None
    with duckdb.connect(file, read_only=True) as connection:
        there = connection.execute("select 1 from duckdb_tables() where schema_name = 'basis' and table_name = 'fact'")
        if not there.fetchall() or connection.execute("select count(*) from event").fetchall()[0][0] < FEWEST_ITEMS:
            return None
    return file


def find(connection: duckdb.DuckDBPyConnection, given: dict[str, str], as_of_end: datetime) -> Change:
    """What has changed from catalog `before` to what the marts are about to be made of. AllChanged: everything is to be
    made anew.

    Needs the temp inputs of the marts and mart `correction`; `given`: `facts` of this build.
    """
    if why := _why_all(connection, given, as_of_end):
        raise AllChanged(why)
    n_items, n_all = connection.execute(
        "select (select count(*) from changed_item), (select count(*) from before.event)"
    ).fetchall()[0]
    if n_items > MOST_ITEMS * n_all:
        raise AllChanged(f"有变动的 {n_items:,} 件超过全部的 {MOST_ITEMS:.0%}")
    return Change(n_items)


def _why_all(connection: duckdb.DuckDBPyConnection, given: dict[str, str], as_of_end: datetime) -> str:
    """What has changed that concerns all items; else temp changed_item is there."""
    was = dict(connection.execute("from before.basis.fact").fetchall())
    if changed := [what for name, what in FACTS.items() if was.get(name) != given[name]]:
        return changed[0]
    before_end = datetime.fromisoformat(was["as_of_end"])
    if before_end > as_of_end:
        return "截至日早于正在使用的版本"
    # Taken in again, a batch taken back has another time: states are called after the batch that told of them first.
    gone = (
        "from (select batch_id, loaded_at from before.batch except select batch_id, loaded_at from known_batch) limit 1"
    )
    if connection.execute(gone).fetchall():
        return "有批次撤回"
    was_corrected, corrected = (
        f"(select correction_row, correction_outcome from {catalog}.main.correction)" for catalog in ("before", "marts")
    )
    if connection.execute(
        f"({was_corrected} except {corrected}) union all ({corrected} except {was_corrected})"
    ).fetchall():
        return "更正有变动"
    for name, (what, key) in LOOKUPS.items():
        twice = f"select count(*) - count(distinct row({key})) from (from before.basis.{name} union from {name})"
        if connection.execute(twice).fetchall()[0][0]:
            return f"{what}有变动"
    _find_items(connection, was["suggested_through"], before_end, as_of_end)
    return ""


def _find_items(
    connection: duckdb.DuckDBPyConnection, suggested_through: str, before_end: datetime, as_of_end: datetime
) -> None:
    """Temp changed_item: of which item may a row of the marts differ from the one the version before has?"""
    window = f">= timestamp '{before_end}'", f"< timestamp '{as_of_end}'"
    turned = {
        "known_event": "select event_id from known_event",
        "event": "select ('0x' || event_key)::ubigint from before.event",
    }
    turns = [
        f"{turned[table]} where {moment} {window[0]} and {moment} {window[1]}"
        for table, moment in dict.fromkeys(
            tuple(turn.split(" ", 1)) for path in sorted((SQL / "marts").glob("*.sql")) for turn in said(path, "turns")
        )
    ]
    # A report of a state known already can bring that state back into force where there are several.
    told = """
        select event_id from core.event where batch_id in (from new_batch)
        union all select event_id from core.event_history where batch_id in (from new_batch)
        union all select event_id from core.co_unit where batch_id in (from new_batch)
        union all select event_id from core.repeat where batch_id in (from new_batch)
            and event_id in (select event_id from core.event_history)
        union all select event_id from known_event where batch_id in (from turned_batch)
    """
    suggested = f"select event_id from core.suggested_issue where suggested_at > timestamp '{suggested_through}'"
    connection.execute(
        "create or replace temp table new_batch as"
        " select batch_id from known_batch where batch_id not in (select batch_id from before.batch)"
    )
    connection.execute(
        """
        create or replace temp table turned_batch as
        select batch_id from (
            (from before.basis.returning_batch except from returning_batch)
            union all (from returning_batch except from before.basis.returning_batch)
        ) where batch_id in (select batch_id from before.batch)
        """
    )
    connection.execute(
        "create or replace temp table changed_item as select event_id, lower(printf('%016x', event_id)) as event_key"
        f" from (select distinct event_id from ({' union all '.join([told, suggested, *turns])}))"
    )


def said(path: Path, key: str) -> list[str]:
    """The comma-separated values of an optional `-- key:` line at the top of a SQL file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        if line.startswith(f"-- {key}:"):
            return [value.strip() for value in line.split(":", 1)[1].split(",")]
    return []


def made_anew(connection: duckdb.DuckDBPyConnection) -> None:
    """Of the copy of the version before, only the tables that can be brought up to date stay."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'marts'"
    ).fetchall()
    for schema, table in tables:
        if schema == "basis" or table not in followed():
            connection.execute(f"drop table marts.{schema}.{table}")


def followed() -> list[str]:
    """The tables a build may bring up to date instead of making them anew."""
    return [*(path.stem for path in sorted((SQL / "marts").glob("*.sql")) if said(path, "refresh")), *OF_INDICATORS]


def mart(connection: duckdb.DuckDBPyConnection, name: str, path: Path, change: Change) -> None:
    """Bring one mart up to date; it holds what it said in the version before."""
    select = path.read_text(encoding="utf-8")
    column, *dates = " ".join(said(path, "refresh")).replace(" by ", " ").split()
    if column == "items":
        changed = "event_key in (select event_key from changed_item)"
        with _only(connection, changed, "event_id in (select event_id from changed_item)"):
            connection.execute(f"delete from marts.{name} where {changed}")
            connection.execute(f"insert into marts.{name} {select}")
        if name == "event":
            _note_dates(connection)
        return
    if column == "spots":
        _find_spots(connection, select)
        with _only(connection, IN_TOUCHED_SPOT, "false"):
            connection.execute(f"delete from marts.{name} where {IN_TOUCHED_SPOT}")
            connection.execute(f"insert into marts.{name} {select}")
        return
    weeks = change.starts(connection, dates)
    events = " or ".join(within(moment, weeks) for moment in dates)
    is_by_registration = dates == ["registered_on"]
    known = within("registered_at", weeks) if is_by_registration else f"event_id in ({KEY_TO_ID})"
    with _only(connection, events, known, within("registered_on", weeks) if is_by_registration else "false"):
        connection.execute(f"delete from marts.{name} where {within(column, weeks)}")
        connection.execute(f"insert into marts.{name} from ({select}) where {within(column, weeks)}")


@contextmanager
def _only(connection: duckdb.DuckDBPyConnection, events: str, known: str, faulty: str = "false") -> Iterator[None]:
    """For a while `event`, `known_event` and `event_fault` are those rows alone that meet these conditions."""
    kinds = dict(
        connection.execute(
            "select table_name, case table_type when 'VIEW' then 'view' else 'table' end from information_schema.tables"
            " where table_name in ('known_event', 'event_fault') and table_catalog = 'temp'"
        ).fetchall()
    )
    for name, condition in (("known_event", known), ("event_fault", faulty)):
        connection.execute(f"alter {kinds[name]} {name} rename to every_{name}")
        connection.execute(f"create temp view {name} as from every_{name} where {condition}")
    connection.execute(f"create temp view event as from marts.main.event where {events}")
    yield
    connection.execute("drop view temp.event")
    for name, kind in kinds.items():
        connection.execute(f"drop view {name}")
        connection.execute(f"alter {kind} every_{name} rename to {name}")


def _note_dates(connection: duckdb.DuckDBPyConnection) -> None:
    """Temp touched_item: the changed items without their words, as the version before has them and as they are now."""
    rows = "select * exclude (title, text) from {}.main.event where event_key in (select event_key from changed_item)"
    connection.execute(
        f"create or replace temp table touched_item as {rows.format('before')} union all by name {rows.format('marts')}"
    )


def _find_spots(connection: duckdb.DuckDBPyConnection, select: str) -> None:
    """Temp touched_spot: where an item came, left, or says something else in a column of `event` that `select` names."""
    columns = [name for (name,) in connection.execute("select column_name from (describe touched_item)").fetchall()]
    read = sorted({name for name in columns if re.search(rf"\b{name}\b", select)} | {"event_key"})
    connection.execute(
        "create or replace temp table touched_spot as select distinct issue_code, community_code,"
        " case when community_code is null then lon end as lon, case when community_code is null then lat end as lat"
        f" from (select {', '.join(read)} from touched_item group by all having count(*) = 1)"
    )


def keep(connection: duckdb.DuckDBPyConnection, given: dict[str, str], as_of_end: datetime) -> None:
    """Schema `basis` of the version being built: what the next build compares with."""
    [(through,)] = connection.execute(
        "select coalesce(max(suggested_at), timestamp '1970-01-01') from core.suggested_issue where suggested_at < $end",
        {"end": as_of_end},
    ).fetchall()
    for name in (*LOOKUPS, "returning_batch"):
        connection.execute(f"create table marts.basis.{name} as from {name}")
    connection.execute("create table marts.basis.fact (key varchar, value varchar)")
    rows = {**given, "as_of_end": as_of_end.isoformat(sep=" "), "suggested_through": str(through)}
    connection.executemany("insert into marts.basis.fact values (?, ?)", list(rows.items()))
