"""Which part of the published data may a reader see? The same tables, with the rows of its counties, town or unit alone.

A scope is a schema of views with the names of the marts, so that every question of app/queries is answered within it and
none has to know of it. What each view holds is data: sql/scope.csv has a row a table and a column a kind of scope.

    open         all rows (no figures of anybody: names, calendars, classifications)
    closed       no row
    recount      the mart's own SQL (sql/marts), over the views
    county_code  rows whose column is in `mine`: a plain column name
    event.event_key     rows whose column is among those of a view above it
    anything else       a condition over the mart, or a whole select

`mine` holds the codes of the places inside (counties, their towns and communities), or the unit's name; `above` the places a
reader is inside of; `handled` the warnings that have been with the unit. A table without a row has no view: asking it fails.
"""

import csv
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb

SQL = Path(__file__).resolve().parents[2] / "sql"
RULES = SQL / "scope.csv"
KINDS = {"county": "县区", "town": "镇街", "unit": "承办单位"}


class Scope(NamedTuple):
    """kind: county (one or more), town or unit (one). codes: of places, or the unit's name. handled: signal_ids of the
    warnings that have been with the unit."""

    kind: str
    codes: tuple[str, ...]
    handled: tuple[str, ...] = ()

    @property
    def is_area(self) -> bool:
        return self.kind != "unit"

    @property
    def root(self) -> str | None:
        """The one place all of it is in; None of several counties and of a unit."""
        return self.codes[0] if self.is_area and len(self.codes) == 1 else None

    def key(self) -> str:
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))


def of_key(key: str) -> Scope:
    """The scope that `Scope.key` wrote."""
    kind, codes, handled = json.loads(key)
    return Scope(kind, tuple(codes), tuple(handled))


@cache
def rules() -> Mapping[str, Mapping[str, str]]:
    """table → its row of scope.csv, in the order of the file: a rule may name tables above it."""
    with RULES.open(encoding="utf-8", newline="") as file:
        return {row["table"]: row for row in csv.DictReader(file)}


def create(connection: duckdb.DuckDBPyConnection, scope: Scope, schema: str) -> None:
    """Make the views of a scope in `schema` of the in-memory database, beside `marts` attached read-only."""
    there = {
        name
        for (name,) in connection.execute(
            "select table_name from information_schema.tables where table_catalog = 'marts' and table_schema = 'main'"
        ).fetchall()
    }
    connection.execute("begin")  # all of its views or none
    connection.execute(f"create schema memory.{schema}")
    connection.execute(f"use memory.{schema}")
    for table in ("mine", "above", "handled"):
        connection.execute(f"create table {table} (code varchar)")
    codes = list(scope.codes)
    if scope.is_area:
        inside = "county_code" if scope.kind == "county" else "town_code"
        connection.execute(
            f"insert into mine select place_code from marts.place where list_contains($codes, {inside})",
            {"codes": codes},
        )
        connection.execute(
            "insert into above select place_code from marts.place where place_level = 'city' union "
            "select county_code from marts.place where list_contains($codes, town_code) and county_code is not null",
            {"codes": codes},
        )
    else:
        connection.execute("insert into mine select unnest($codes)", {"codes": codes})
        connection.execute("insert into handled select unnest($ids::varchar[])", {"ids": list(scope.handled)})
    for table, row in rules().items():
        if table in there:
            connection.execute(f"create view {table} as {select(table, row[scope.kind])}")
    connection.execute("commit")


def select(table: str, rule: str) -> str:
    """The text of a view.

    >>> select("ledger_step", "ledger.entry_key")
    'select * from marts.ledger_step where entry_key in (select entry_key from ledger)'
    """
    if rule.startswith("select "):
        return rule
    if rule == "recount":
        return (SQL / "marts" / f"{table}.sql").read_text(encoding="utf-8")
    if rule == "open":
        return f"select * from marts.{table}"
    if rule == "closed":
        condition = "false"
    elif via := re.fullmatch(r"(\w+)\.(\w+)", rule):
        condition = f"{via[2]} in (select {via[2]} from {via[1]})"
    elif re.fullmatch(r"\w+", rule):
        condition = f"{rule} in (from mine)"
    else:
        condition = rule
    columns = "*, rowid" if table == "event" else "*"  # a view has none of its own; lists of items are found by it
    return f"select {columns} from marts.{table} where {condition}"
