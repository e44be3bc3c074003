"""A reader of a part sees that part alone: by brute force over every mart and every question, for each kind of scope."""

import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from app import reader
from app.access import scope
from app.access.scope import Scope

COUNTY, TOWN = "990101", "990101001"
WEEK = date(2026, 11, 9)
OPEN = {
    "place",
    "boundary",
    "calendar",
    "workday",
    "deadline_day",
    "issue",
    "concern_group",
    "dispute_type",
    "mediable_issue",
    "topic",
    "topic_issue",
    "ledger_kind",
    "kpi",
    "unit",
    "meta",
    "deadline_rule",
}
"""Hold no figure of anybody's items, but for what their rule takes out."""
GIVEN = {
    "week": WEEK, "since": date(2026, 8, 17), "from_on": date(2026, 8, 17), "to_on": WEEK, "before_on": date(2026, 5, 18),
    "before_from": date(2026, 5, 18), "before_to": date(2026, 8, 16), "year_ago_from": date(2025, 8, 18),
    "year_ago_to": date(2025, 11, 16), "data_from": date(2022, 11, 14), "last_full_week": WEEK, "last_on": date(2026, 11, 15),
    "today": date(2026, 11, 16), "day": date(2026, 11, 15), "as_of": date(2026, 11, 16), "n_rows": 40, "offset": 0, "most": 30,
    "n_weeks": 13, "n_steps": 4, "seed": "1", "city": "990100", "place": COUNTY, "level": "town", "place_level": "town",
    "only_suggestions": False, "window_days": 7, "cohort": "due", "period_kind": "month", "keys": "", "by": "unit",
    "min_observed": 5, "lon0": 123.0, "lat0": 29.0, "s": 2000, "size": 2000, "date_basis": "registered", "kpi": "K01",
}  # fmt: skip


@pytest.fixture(scope="module")
def published(demo_home) -> Path:
    return demo_home.marts / demo_home.current.read_text().strip()


@pytest.fixture(scope="module")
def unit(published) -> str:
    with duckdb.connect(published, read_only=True) as connection:
        asked = (
            "select unit_name from item_fact where county_code = $county group by 1 order by count(*) desc, 1 limit 1"
        )
        return connection.execute(asked, {"county": COUNTY}).fetchall()[0][0]


@pytest.fixture(scope="module")
def asking(published, unit) -> Iterator[duckdb.DuckDBPyConnection]:
    """One connection with the views of three readers: schemas county, town, unit."""
    with duckdb.connect() as connection:
        reader.attach(connection, published, "512MB")
        for one in (Scope("county", (COUNTY,)), Scope("town", (TOWN,)), Scope("unit", (unit,))):
            with connection.cursor() as cursor:
                scope.create(cursor, one, one.kind)
        yield connection


def columns(connection, table: str) -> set[str]:
    found = connection.execute(
        "select column_name from information_schema.columns "
        "where table_catalog = 'marts' and table_schema = 'main' and table_name = $table",
        {"table": table},
    )
    return {name for (name,) in found.fetchall()}


def test_every_mart_has_a_rule(asking):
    """Those of sql/marts and those the build writes; one without a rule has no view, so that asking it fails."""
    there = asking.execute(
        "select table_name from information_schema.tables where table_catalog = 'marts' and table_schema = 'main'"
    ).fetchall()
    assert {name for (name,) in there} == set(scope.rules())
    for kind in scope.KINDS:
        for table, row in scope.rules().items():
            assert (row[kind] == "open" or "marts." in row[kind]) <= (table in OPEN | {"cluster"}), f"{table} {kind}"


@pytest.mark.parametrize("kind", scope.KINDS)
def test_no_view_holds_a_row_of_others(asking, unit, kind):
    """Said again here, apart from the rules: by whatever column of a table tells whose a row is."""
    with asking.cursor() as cursor:
        cursor.execute(f"use memory.{kind}")
        for table in set(scope.rules()) - OPEN:
            has = columns(asking, table)
            n_all = cursor.execute(f"select count(*) from marts.{table}").fetchall()[0][0]
            n = cursor.execute(f"select count(*) from {table}").fetchall()[0][0]
            assert n < n_all or not n_all, f"{table}: all of it"
            if kind == "unit":
                wrong = (
                    ["unit_name is distinct from $one"]
                    if "unit_name" in has and table not in ("signal", "evidence")
                    else []
                )
                one = unit
            else:
                code, one = ("county_code", COUNTY) if kind == "county" else ("town_code", TOWN)
                wrong = [f"{code} is distinct from $one"] if code in has else []
                if "place_code" in has:
                    wrong.append(f"place_code not in (select place_code from marts.place where {code} = $one)")
                if kind == "town" and "county_code" in has and code not in has:
                    wrong.append("county_code is distinct from $one[1:6]")
            for condition in wrong:
                found = cursor.execute(f"select count(*) from {table} where {condition}", {"one": one}).fetchall()
                assert found[0][0] == 0, f"{table}: {condition}"


def stripped(published: Path, to: Path, code: str) -> Path:
    """A copy of the marts without anything of other places, by deleting; the oracle for a reader of one county or town."""
    shutil.copy(published, to)
    inside, column = f"(select place_code from place where {column_of(code)} = '{code}')", column_of(code)
    with duckdb.connect(to) as connection:
        told = {row[0]: row[1] for row in connection.execute(
            "select table_name, string_agg(column_name, ' ') from information_schema.columns where table_schema = 'main' group by 1").fetchall()}  # fmt: skip
        for table, names in told.items():
            has = set(names.split())
            if table in OPEN or table in ("cluster", "cluster_place"):
                continue
            if column in has:
                connection.execute(f"delete from {table} where {column} is distinct from '{code}'")
            elif "place_code" in has:
                connection.execute(f"delete from {table} where place_code is null or place_code not in {inside}")
        for table, key, of in (
            ("item_fact", "event_key", "event"), ("event_matter", "event_key", "event"), ("matter_week", "matter_id", "matter"),
            ("ledger_step", "entry_key", "ledger"), ("kpi_days", "cell_id", "kpi_cell"), ("kpi_period", "cell_id", "kpi_cell"),
        ):  # fmt: skip
            connection.execute(f"delete from {table} where {key} not in (select {key} from {of})")
    return to


def column_of(code: str) -> str:
    return "county_code" if code == COUNTY else "town_code"


def answers(
    connection: duckdb.DuckDBPyConnection, schema: str, places: tuple[str | None, ...] = (None,)
) -> dict[str, pl.DataFrame]:
    """Every question of app/queries, asked without filters and, where it takes one, about these places."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(f"use {schema}")
        for path in sorted(reader.QUERIES.glob("*.sql")):
            text = reader.text(path.stem)
            if not re.search(r"^(select|with|from)", text, flags=re.M) or path.stem in (
                "item_rows",
                "items_chosen",
                "topic_chosen",
            ):
                continue  # a part of others
            names = sorted(set(re.findall(r"\$(\w+)", text)))
            for place in places if "county" in names else (None,):
                given = {name: GIVEN.get(name) for name in names} | ({"county": place} if place else {})
                found[f"{path.stem} {place}"] = cursor.sql(text, params=given or None).pl()
    return found


@pytest.fixture(scope="module")
def to_the_county(asking) -> dict[str, pl.DataFrame]:
    return answers(asking, "memory.county", (None, "990102"))


@pytest.mark.parametrize("kind", ["town", "unit"])
def test_every_question_can_be_asked(asking, kind):
    found = answers(asking, f"memory.{kind}")
    assert sum(len(frame) > 0 for frame in found.values()) > 60


def test_a_county_is_told_the_same_as_if_there_were_no_others(to_the_county, published, tmp_path):
    """No answer to a reader of a county changes when all that lies outside is deleted: nothing of it comes through."""
    own = stripped(published, tmp_path / "own.duckdb", COUNTY)
    with duckdb.connect() as connection:
        reader.attach(connection, own, "512MB")
        with connection.cursor() as cursor:
            scope.create(cursor, Scope("county", (COUNTY,)), "county")
        alone = answers(connection, "memory.county", (None, "990102"))
    differ = [name for name, frame in to_the_county.items() if not frame.equals(alone[name])]
    assert not differ
    assert sum(len(frame) > 0 for frame in alone.values()) > 80


def test_two_scopes_have_two_keys():
    """What is kept for one reader is found under its scope: the key is that of `marts.version`."""
    one, other = Scope("county", ("990101",)), Scope("county", ("990101", "990102"))
    assert one.key() != other.key() != Scope("unit", ("甲",)).key() != Scope("unit", ("甲",), ("s1",)).key()
    assert scope.of_key(other.key()) == other
    assert one.root == "990101" and other.root is None and Scope("unit", ("甲",)).root is None
