"""Versions, pointer, rollback."""

from datetime import date

import pytest
from builders import add_reference, load, make_events

from pipelines import build, publish
from pipelines.errors import UsageError

TODAY = date(2026, 11, 16)


@pytest.fixture
def home(empty_home):
    add_reference(empty_home)
    load(empty_home, make_events(n=4))
    return empty_home


def test_each_build_is_a_new_version_and_the_last_ones_stay(home, monkeypatch):
    assert publish.KEEP_VERSIONS == 5
    monkeypatch.setattr(publish, "KEEP_VERSIONS", 2)
    for number in range(1, 5):
        assert build.build(home, today=TODAY)["version"] == number
    assert publish.existing(home) == [3, 4]
    assert publish.current(home) == 4
    assert [row["version"] for row in publish.versions(home) if row["is_current"]] == [4]


def test_rollback_moves_only_the_pointer(home):
    build.build(home, today=TODAY)
    build.build(home, today=TODAY)
    publish.rollback(home, 1)
    assert publish.current(home) == 1
    assert publish.existing(home) == [1, 2]
    assert build.build(home, today=TODAY)["version"] == 3


def test_rollback_to_nowhere_says_what_there_is(home):
    build.build(home, today=TODAY)
    with pytest.raises(UsageError, match="没有版本 9；现有版本：1"):
        publish.rollback(home, 9)


def test_a_leftover_of_a_killed_build_is_swept_away(home):
    home.marts.mkdir()
    (home.marts / "building.duckdb").write_bytes(b"torn")
    assert build.build(home, today=TODAY)["version"] == 1
    assert not (home.marts / "building.duckdb").exists()


def test_the_same_warehouse_gives_the_same_figures(home):
    build.build(home, today=TODAY)
    build.build(home, today=TODAY)
    first, second = (dump(home, version) for version in (1, 2))
    assert first == second


def dump(home, version: int) -> dict:
    import duckdb

    with duckdb.connect(publish.version_file(home, version), read_only=True) as connection:
        tables = [
            row[0]
            for row in connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'main' order by 1"
            ).fetchall()
        ]
        content = {table: connection.execute(f"from {table}").fetchall() for table in tables}
    content["meta"] = [row for row in content["meta"] if row[0] not in ("version", "built_at")]
    return content


def test_a_version_of_an_older_program_is_not_rolled_back_to(home):
    import duckdb

    build.build(home, today=TODAY)
    build.build(home, today=TODAY)
    with duckdb.connect(publish.version_file(home, 1)) as connection:
        connection.execute("delete from meta where key = 'schema'")
    with pytest.raises(UsageError, match="版本 1 由旧程序发布"):
        publish.rollback(home, 1)
    assert publish.current(home) == 2
