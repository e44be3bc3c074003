"""`yanpan state move`: every row of SQLite in PostgreSQL, or none."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import versions
from app.access import accounts, audit
from app.casework import moving, retention, store
from tests.test_cli import yanpan

VALUES: dict[type, Any] = {
    sa.Integer: 7, sa.BigInteger: 7_000_000_000, sa.Double: 0.1 + 0.2, sa.Boolean: True, sa.Date: date(2026, 11, 9),
    sa.DateTime: datetime(2026, 11, 9, 8, 30, 1), sa.JSON: {"名": ["甲", None, 1.5], "a": {"b": "“引号”\n"}},
}  # fmt: skip


def row(table: sa.Table, n: int, *, is_full: bool) -> dict[str, Any]:
    """A row of whatever the columns take; not `is_full`: what may be null is."""
    made = {column.name: VALUES.get(type(column.type), f"{column.name} 甲{n}"[: getattr(column.type, "length", None) or 99])
            for column in table.columns if is_full or not column.nullable}  # fmt: skip
    key = next(iter(table.primary_key.columns))
    numbers = {name: n for name in ("seq", "revision") if name in table.columns}
    texts = {"id": f"login{n}"} if isinstance(key.type, sa.String) else {"id": 10 * n}
    return made | numbers | texts


@pytest.fixture
def office(postgres_state) -> Iterator[str]:
    """A SQLite with rows in every table; the address of an empty PostgreSQL."""
    with store.writing() as connection:
        for table in set(store.metadata.sorted_tables) - {store.audit}:
            for n in (1, 2, 3):
                connection.execute(table.insert().values(row(table, n, is_full=n > 1)))
    for n in range(3):
        audit.note("export", f"周报{n}.xlsx", account="7", role="leader", version="12")
    yield postgres_state
    store.engine().dispose()
    store.engine(postgres_state).dispose()


def content(address: str) -> dict[str, list]:
    with store.engine(address).connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in store.metadata.sorted_tables
        }


def file() -> Path:
    return versions.home() / store.FILE


def test_all_of_it_arrives_and_work_goes_on(office, monkeypatch):
    before, bytes_before = content(""), file().read_bytes()
    assert all(len(rows) == 3 for rows in before.values())
    moved = moving.move(office)
    assert moved == dict.fromkeys(before, 3)
    assert content(office) == before == content("") and file().read_bytes() == bytes_before, "the SQLite stays"
    monkeypatch.setenv("YANPAN_STATE", office)
    assert audit.broken() == (3, None, audit.broken()[2])
    audit.note("login", "", account="1")
    assert audit.broken()[:2] == (4, None), "the chain goes on"
    assert accounts.known("https://id.example", "新来的", "新").id == 31, "and so do the numbers"
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), store.writing() as connection:
        connection.execute(store.case_action.delete())
    with pytest.raises(moving.Refused, match="已经是 PostgreSQL"):
        moving.move(office)


def test_an_empty_table_begins_at_one(postgres_state, monkeypatch):
    audit.note("login", "", account="1")
    retention.purge("audit", date(2100, 1, 1), really=True)
    assert moving.move(postgres_state)["account"] == 0
    monkeypatch.setenv("YANPAN_STATE", postgres_state)
    assert accounts.known("https://id.example", "a", "a").id == 1 and audit.broken()[:2] == (1, None), (
        "also after a purge"
    )


def test_nothing_is_moved_where_something_is_wrong(office):
    before = content("")
    with closing(sqlite3.connect(file())) as connection, connection:
        connection.execute(
            "update account set name = ? where id = 30", ["长" * 90]
        )  # SQLite takes it, PostgreSQL does not
    with pytest.raises(moving.Refused, match="什么也没有改变"):
        moving.move(office)
    assert not any(content(office).values())
    with closing(sqlite3.connect(file())) as connection, connection:
        connection.execute("update account set name = 'name 甲3' where id = 30")
        connection.execute("drop trigger audit_no_update")
        connection.execute("update audit set object = 'x' where id = 2")
    with pytest.raises(moving.Refused, match="第 2 号起与封印不符"):
        moving.move(office)
    assert not any(content(office).values())
    with store.engine(office).begin() as connection:
        connection.execute(store.login.insert().values(row(store.login, 9, is_full=True)))
    with pytest.raises(moving.Refused, match="已经有办理记录"):
        moving.move(office)
    assert content("")["case_action"] == before["case_action"]


def test_a_copy_that_differs_is_taken_back(office, monkeypatch):
    read = moving._read

    def lossy(connection, table):
        for rows in read(connection, table):
            yield rows[:-1] if connection.dialect.name == "postgresql" and table is store.review else rows

    monkeypatch.setattr(moving, "_read", lossy)
    with pytest.raises(moving.Refused, match="核对不符：review"):
        moving.move(office)
    assert not any(content(office).values())


def test_the_command_takes_the_address_from_a_file_and_repeats_no_password(office, tmp_path):
    (tmp_path / "state.url").write_text(office)
    home = Path(os.environ["YANPAN_HOME"])
    for said in (
        "mysql://u:geheim@h/d",
        f"sqlite:///{tmp_path}/other",
        f"file:{tmp_path}/none",
        "postgresql://u:geheim@127.0.0.1:1/d",
    ):
        code, answer, error = yanpan(home, "state", "move", "--to", said)
        assert code and "geheim" not in f"{answer}{error}", said
    code, answer, _ = yanpan(home, "state", "move", "--to", f"file:{tmp_path}/state.url")
    assert code == 0 and answer["n_rows"]["case_action"] == 3, json.dumps(answer)
