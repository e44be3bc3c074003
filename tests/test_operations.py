"""The administrator's commands on a real home: upgraded from the previous release, backed up, wiped, restored, purged.

previous_release.tar.xz is a home as the program before warehouse table suggested_issue, marts schema 6 and state revision 0005
left it: 564 items of the fictional city (seven files of 2026, grid events of two months), one published version, eleven
cases. Made with that program's own commands; nothing in it was edited.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlalchemy as sa

from app import condition, reader, versions
from app.access import audit
from app.casework import cases, copies, store
from app.casework import retention as state_retention
from pipelines import build, publish, warehouse
from pipelines.config import Home
from pipelines.config import home as open_home
from pipelines.errors import SourceError, UsageError, YanpanError
from pipelines.operations import backup, doctor, retention
from tests.test_cli import asked

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 23, 9)
TODAY = NOW.date()
CONTENT = "batch_id, source, registered_at, closed_at, status, category_raw, county_name, unit_name, title, text"


def quiet(_sentence: str) -> None:
    pass


def unpacked(folder: Path) -> Home:
    folder.mkdir()
    with tarfile.open(ROOT / "tests" / "previous_release.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return open_home(folder)


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Home:
    """As the previous release left it. Read only, please."""
    return unpacked(tmp_path_factory.mktemp("旧版") / "home")


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory) -> Home:
    """The same home after this program's first build. Read only, please."""
    home = unpacked(tmp_path_factory.mktemp("升级") / "home")
    build.build(home, today=TODAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YANPAN_HOME", str(home.path))
        patch.delenv("YANPAN_STATE", raising=False)
        assert store.problem() is None
        store.engine().dispose()
    return home


@pytest.fixture
def own(upgraded, tmp_path) -> Home:
    """A copy of the upgraded home to write to."""
    shutil.copytree(upgraded.path, tmp_path / "own")
    return open_home(tmp_path / "own")


def tables(file: Path) -> dict[str, str]:
    """Name → digest of all its rows, whatever their order."""
    with duckdb.connect(str(file), read_only=True) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where not temporary order by 1"
        ).fetchall()
        return {
            name: str(connection.execute(f"select count(*), sum(hash(t)::hugeint) from {name} as t").fetchall())
            for (name,) in names
        }


def state_rows(url: str) -> dict[str, list]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {
            name: sorted(map(repr, connection.execute(sa.text(f'select * from "{name}"')).all()))
            for name in sa.inspect(engine).get_table_names()
        }
    engine.dispose()
    return found


def sqlite_rows(home: Path) -> dict[str, list]:
    return state_rows(f"sqlite:///{home / 'state.sqlite'}")


# ---------------------------------------------------------------- upgrade


def test_an_upgrade_keeps_what_was_there(old, upgraded):
    """Items, batches, cases: the same rows after the tables have got what they lacked."""

    def items(home):
        with duckdb.connect(str(home.warehouse), read_only=True) as connection:
            return connection.execute(f"select {CONTENT} from core.event order by all").fetchall()

    assert items(old) == items(upgraded) and len(items(old)) == 564
    before, after = sqlite_rows(old.path), sqlite_rows(upgraded.path)
    assert before["case_action"] == after["case_action"] and len(before["case_action"]) == 43
    assert before["alembic_version"] == ["('0004',)"] and after["alembic_version"] == [f"('{store.REVISION}',)"]


def test_after_an_upgrade_the_pages_have_their_figures(upgraded, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(upgraded.path))
    with reader.asking(versions.current_version()) as ask:
        about = dict(ask("meta").iter_rows())
    assert about["schema"] == versions.SCHEMA and about["n_events"] == "564"
    assert len(cases.current()) == 11


def test_the_version_of_the_old_program_is_not_served_and_the_way_is_said(old, own):
    found = {one.part: one for one in doctor._versions(old, NOW)}["统计版本"]
    assert (found.level, found.next) == ("fault", "yanpan build")
    assert "由旧程序建立" in next(doctor._warehouse(old)).said
    with pytest.raises(UsageError, match=r"由旧程序发布.*yanpan build"):
        publish.rollback(own, 1)
    assert publish.current(own) == 2


def test_the_old_program_says_so_when_it_meets_a_newer_state(own, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(own.path))
    with closing(sqlite3.connect(own.path / "state.sqlite")) as state:
        state.execute("update alembic_version set version_num = '0999'")
        state.commit()
    store._engine.cache_clear()
    assert "由更新的程序建立" in (store.problem() or "")
    store._engine.cache_clear()


# ---------------------------------------------------------------- backup, wipe, restore


def test_backup_wipe_restore_is_the_same(own, tmp_path, capsys, monkeypatch):
    (own.path / "reports" / "weekly").mkdir(parents=True)
    (own.path / "reports" / "weekly" / "周报.docx").write_bytes(b"PK")
    (own.path / "inbox" / "已导入").mkdir(parents=True)
    (own.path / "inbox" / "已导入" / "原文件.csv").write_text("张三")
    (own.path / "casework.toml").write_text("")
    was = {name: tables(path) for name, path in (("w", own.warehouse), ("m", publish.version_file(own, 2)))}
    state, key = sqlite_rows(own.path), own.secret_key.read_bytes()
    code, made, _ = asked(capsys, own.path, "backup", "--to", str(tmp_path), "--keep", "1")
    assert code == 0 and made["version"] == 2
    file = Path(made["file"])
    assert file.stat().st_mode & 0o077 == 0 and [file] == sorted(tmp_path.glob("*.tar"))
    with tarfile.open(file) as archive:
        assert not [name for name in archive.getnames() if "inbox" in name or "marts-000001" in name]
    shutil.rmtree(own.path)
    code, back, _ = asked(capsys, own.path, "restore", str(file))
    assert code == 0 and back["moved_to"] is None
    assert {name: tables(path) for name, path in (("w", own.warehouse), ("m", publish.version_file(own, 2)))} == was
    assert sqlite_rows(own.path) == state and own.secret_key.read_bytes() == key
    assert (own.path / "reports" / "weekly" / "周报.docx").exists() and publish.current(own) == 2
    assert not (own.path / "inbox").exists() and not list(own.path.parent.glob(f"*{backup.RESTORING}"))
    monkeypatch.setenv("YANPAN_HOME", str(own.path))
    with reader.asking(versions.current_version()) as ask:
        assert dict(ask("meta").iter_rows())["n_events"] == "564"


@pytest.fixture(scope="module")
def one_backup(upgraded, tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("YANPAN_STATE", raising=False)
        made = backup.backup(upgraded, tmp_path_factory.mktemp("备份") / "a.tar", now=NOW, say=quiet)
    return Path(made["file"])


def test_a_home_that_is_not_empty_stays_or_moves_aside(one_backup, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="不是空的"):
        backup.restore(there, one_backup, now=NOW, say=quiet)
    assert [path.name for path in there.iterdir()] == ["mine.txt"]
    moved = backup.restore(there, one_backup, now=NOW, replace=True, say=quiet)["moved_to"]
    assert (Path(moved) / "mine.txt").exists() and (there / "warehouse.duckdb").exists()


@pytest.mark.parametrize("harm", ["byte", "cut", "added", "not_ours"])
def test_a_damaged_backup_changes_nothing(one_backup, tmp_path, harm):
    file = tmp_path / "b.tar"
    content = bytearray(one_backup.read_bytes())
    if harm == "byte":  # in the middle of the warehouse
        content[len(content) // 2] ^= 1
    elif harm == "cut":
        del content[len(content) * 2 // 3 :]
    elif harm == "not_ours":
        content = bytearray(b"PK\3\4 something else")
    file.write_bytes(content)
    if harm == "added":
        (tmp_path / "evil").write_text("x")
        with tarfile.open(file, "a") as archive:
            archive.add(tmp_path / "evil", "../outside")
    with pytest.raises(SourceError, match=r"换一份备份"):
        backup.restore(tmp_path / "new", file, now=NOW, say=quiet)
    assert not (tmp_path / "new").exists() and not (tmp_path / "outside").exists()
    assert not list(tmp_path.glob(f".*{backup.RESTORING}"))


def test_a_backup_waits_for_an_import(own):
    """While another process writes to the warehouse it is not copied; while it is copied nobody writes to it."""
    hold = (
        f"import duckdb, sys; c = duckdb.connect({str(own.warehouse)!r}); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None and writer.stdout is not None and writer.stdout.readline()
        with pytest.raises(warehouse.WarehouseBusy, match="导入还没有结束"), backup._still(own, 0.1):
            pass
        threading.Timer(0.3, writer.stdin.close).start()
        with backup._still(own, 60):
            done = subprocess.run(
                [sys.executable, "-c", hold], stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
            assert done.returncode != 0 and b"lock" in done.stderr


def test_a_state_in_postgresql_goes_with_it(own, tmp_path, postgres_state, monkeypatch):
    monkeypatch.setenv("YANPAN_STATE", postgres_state)
    url = store.address()
    with store.writing() as connection:
        connection.execute(
            store.export_log.insert().values(
                at=NOW, role="office", page="weekly", what="表.xlsx", format="xlsx", version="2", n_bytes=9
            )
        )
    was = state_rows(url)
    assert len(was["export_log"]) == 1
    made = backup.backup(own, tmp_path / "a.tar", now=NOW, say=quiet)
    assert made["state"]["kind"] == "postgresql"
    with tarfile.open(tmp_path / "a.tar") as archive:
        archive.extract("state.dump", tmp_path, filter="data")
    with pytest.raises(copies.Refused, match="已经有数据"):
        copies.load(tmp_path / "state.dump")
    with store.writing() as connection:
        connection.execute(sa.text("truncate saved_view"))
    copies.load(tmp_path / "state.dump", replace=True)
    assert state_rows(url) == was
    store.engine().dispose()
    with psycopg.connect(postgres_state, autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
    backup.restore(tmp_path / "new", tmp_path / "a.tar", now=NOW, say=quiet)
    assert state_rows(url) == was and not (tmp_path / "new" / "state.dump").exists()
    monkeypatch.delenv("YANPAN_STATE")
    with pytest.raises(UsageError, match="YANPAN_STATE"):
        backup.restore(tmp_path / "again", tmp_path / "a.tar", now=NOW, say=quiet)


# ---------------------------------------------------------------- doctor


def test_doctor_finds_nothing_wrong_with_a_good_home(upgraded, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(upgraded.path))
    found = [doctor._packages(), doctor._disk(upgraded), doctor._model(upgraded, NOW), *doctor._commands(upgraded, NOW)]
    levels = {one.part: one.level for one in found} | {one["part"]: one["level"] for one in condition.findings()}
    assert not faults(upgraded) and "fault" not in levels.values()
    assert {"软件包", "磁盘", "办理状态库", "设置", "推送", "字体", "备份"} <= set(levels)


def faults(home: Home) -> dict[str, doctor.Finding]:
    found = [*doctor._folder(home), *doctor._warehouse(home), *doctor._versions(home, NOW), *doctor._leftovers(home)]
    return {one.part: one for one in found if one.level != "ok"}


def test_doctor_names_the_fault_and_the_way_out(own):
    assert not faults(own)
    own.current.write_text("marts-000009.duckdb\n")
    assert faults(own)["统计版本"].next == "yanpan rollback 2"
    own.current.write_text("x\n")
    assert "CURRENT 的内容不对" in faults(own)["统计版本"].said
    own.current.write_text("marts-000002.duckdb\n")
    with publish.version_file(own, 2).open("r+b") as file:
        file.truncate(5000)
    assert faults(own)["统计版本"].level == "fault"
    own.secret_key.unlink()
    assert "secret.key" in faults(own)["数据目录"].said
    (own.marts / "building.duckdb").write_bytes(b"torn")
    assert "中断" in faults(own)["构建"].said
    own.warehouse.write_bytes(b"not a database" * 1000)
    assert "restore" in faults(own)["数据仓库"].next


def test_doctor_ends_with_4_where_something_is_broken(own, capsys):
    own.current.write_text("marts-000009.duckdb\n")
    (own.path / "push.toml").write_text("[[recipient]]\nname = 1\n")
    code, found, _ = asked(capsys, own.path, "doctor", "--port", "1")
    wrong = {one["part"] for one in found["findings"] if one["level"] == "fault"}
    assert code == 4 and wrong == {"统计版本", "推送"} and found["n_faults"] == 2


# ---------------------------------------------------------------- retention


def test_nothing_goes_unless_the_office_says_so(own, capsys):
    before = tables(own.warehouse)
    code, found, _ = asked(capsys, own.path, "purge", "--yes")
    assert code == 0 and found["found"] == [] and tables(own.warehouse) == before


@pytest.mark.parametrize("text", ["item_text = 5", "exports = 30", "replays = true", "inbox = -1", "x ="])
def test_a_wrong_rule_is_said(own, capsys, text):
    (own.path / retention.FILE).write_text(text)
    assert asked(capsys, own.path, "purge")[0] == 2


def test_the_example_names_every_rule():
    text = (ROOT / "docs" / "retention.example.toml").read_text(encoding="utf-8")
    assert [line.split(" = ")[0] for line in text.splitlines() if " = " in line and line[0] != "#"] == list(
        retention.RULES
    )


def counts(home: Home) -> list:
    """What the marts count by, and the issue suggested where the source gave none."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        return connection.execute(
            "select e.* exclude (title, text), s.issue_code, s.probability from core.event as e left join core.suggested_issue as s"
            " on s.event_id = e.event_id and s.text_mark = core.text_mark(e.title, e.text) order by all"
        ).fetchall()


def test_texts_of_old_items_go_for_good_and_counts_stay(own):
    with warehouse.connect(own) as connection:
        connection.execute(
            "insert into core.suggested_issue select event_id, core.text_mark(title, text), '1304', 0.9, 1, now()::timestamp"
            " from core.event"
        ).fetchall()
        connection.execute("insert into core.event_history by name select * from core.event limit 50").fetchall()
        (secret,) = connection.execute(
            "select text from core.event where registered_at < '2026-06-01' and length(text) > 20 order by text limit 1"
        ).fetchall()[0]
    shutil.copy(publish.version_file(own, 2), own.marts / "building.duckdb")
    publish.keep_replay(own, own.marts / "building.duckdb", date(2026, 7, 1))
    (own.path / retention.FILE).write_text("marts_versions = 3650\nitem_texts = 365\nmodels = 3650\n")
    now = datetime(2027, 6, 1)
    was = counts(own)
    found = retention.purge(own, now=now, really=False, say=quiet)
    n = {one.rule: one.n for one in found}
    assert n["item_texts"] > 100 and counts(own) == was and not retention.written_down(own)
    retention.purge(own, now=now, really=True, say=quiet)
    assert counts(own) == was
    with warehouse.connect(own, read_only=True) as connection:
        left = connection.execute(
            "select min(registered_at) from (from core.event union all by name from core.event_history) where text is not null or title is not null"
        ).fetchall()[0][0]
        assert left >= datetime(2026, 6, 1)
        assert connection.execute(
            "select constraint_type from duckdb_constraints() where table_name = 'batch'"
        ).fetchall()
    assert secret.encode() not in own.warehouse.read_bytes()
    assert not list(own.marts.glob("asof-*")) and not (own.path / "cache").exists()
    assert "还有已经清除的正文" in {one.part: one.said for one in doctor._versions(own, now)}["清除记录"]
    entry = retention.written_down(own)[-1]
    assert (entry["rule"], entry["n"], entry["before"]) == ("item_texts", n["item_texts"], "2026-06-01")
    assert secret[:6] not in (own.path / retention.LOG).read_text(encoding="utf-8")
    again = retention.purge(own, now=now, really=False, say=quiet)
    assert {one.rule: one.n for one in again} == {
        "marts_versions": 1,
        "item_texts": 0,
        "models": 0,
    }  # version 1 holds them


def test_a_model_taught_from_purged_texts_goes(own):
    folder = own.path / "models" / "dispatch"
    for version, first_on in ((1, "2025-01-01"), (2, "2026-09-01")):
        (folder / f"{version:06d}").mkdir(parents=True)
        about = {"version": version, "trained_at": "2026-11-01T00:00:00", "first_on": first_on}
        (folder / f"{version:06d}" / "model.json").write_text(json.dumps(about))
    (folder / "CURRENT").write_text("000001")
    (own.path / retention.FILE).write_text("item_texts = 365\nmodels = 3650\n")
    retention.purge(own, now=datetime(2027, 6, 1), really=True, say=quiet)
    assert [path.name for path in folder.iterdir()] == ["000002"]


def test_files_go_by_age(own, capsys):
    old = (NOW - timedelta(days=40)).timestamp()
    kept, gone = own.path / "inbox" / "新.csv", own.path / "inbox" / "已导入" / "旧.csv"
    gone.parent.mkdir(parents=True)
    for path in (kept, gone, own.marts / "asof-2026-01-05.duckdb"):
        path.write_text("x")
        os.utime(path, (old, old))
    (own.path / retention.FILE).write_text(
        "inbox = 7\nreplays = 30\nmarts_versions = 1\nreference_history = 30\nlogs = 183\njobs = 30\n"
    )
    found = {one.rule: one.n for one in retention.purge(own, now=NOW, really=True, say=quiet)}
    assert found["inbox"] == found["replays"] == 1
    assert kept.exists() and not gone.exists() and publish.version_file(own, 2).exists()


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_old_rows_of_use_go_and_the_tables_still_refuse(own, where, monkeypatch, request):
    monkeypatch.setenv("YANPAN_HOME", str(own.path))
    if where == "postgresql":
        monkeypatch.setenv("YANPAN_STATE", request.getfixturevalue("postgres_state"))
    row = {"role": None, "page": "weekly", "what": "表.xlsx", "format": "xlsx", "version": "2", "n_bytes": 1}
    with store.writing() as connection:
        connection.execute(store.export_log.insert(), [{**row, "at": NOW - timedelta(days=n)} for n in (1, 400, 500)])
    before = TODAY - timedelta(days=365)
    assert state_retention.purge("exports", before, really=False) == 2
    assert state_retention.purge("exports", before, really=True) == 2
    with store.reading() as connection:
        assert len(connection.execute(sa.select(store.export_log)).all()) == 1
    for statement in ("delete from export_log", "update export_log set page = 'x'"):
        with (
            pytest.raises((sa.exc.IntegrityError, sa.exc.DatabaseError, store.Unavailable)),
            store.writing() as connection,
        ):
            connection.execute(sa.text(statement))
    with store.reading() as connection:
        assert len(connection.execute(sa.select(store.export_log)).all()) == 1


def test_the_audit_log_still_fits_after_its_oldest_rows_went(own, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(own.path))
    with monkeypatch.context() as patch:
        for year in (2025, 2026, 2026):
            patch.setattr(audit, "now", lambda year=year: datetime(year, 6, 1))
            audit.note("login", "", account="1")
    assert state_retention.purge("audit", date(2026, 1, 1), really=True) == 1
    assert audit.broken()[:2] == (3, None), "two of them, and the line about the purge"
    with closing(sqlite3.connect(own.path / "state.sqlite")) as state:
        state.executescript("drop trigger audit_no_update; update audit set account = '2' where id = 3;")
    assert audit.broken()[1] == 3


def test_a_line_taken_out_of_the_log_is_missed(own):
    for n in (1, 2, 3):
        retention._write_down(own, retention.Gone("replays", TODAY, n), NOW)
    path = own.path / retention.LOG
    lines = path.read_text().splitlines(keepends=True)
    assert [one["n"] for one in retention.written_down(own)] == [1, 2, 3]
    assert json.loads(lines[1])["after"] == hashlib.sha256(lines[0].rstrip("\n").encode()).hexdigest()
    path.write_text(lines[0] + lines[2])
    with pytest.raises(YanpanError, match="第 2 行"):
        retention.written_down(own)
