"""Ingest: the ledger adds up, nothing is counted twice, and a failure at any point leaves nothing half-done."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines import ingest as ingest_module
from pipelines import layouts, redact, warehouse
from pipelines.config import ROOT, Home
from pipelines.config import home as open_home
from pipelines.errors import SourceError, UsageError, YanpanError
from pipelines.ingest import event_ids, find_files, ingest, secret_key
from pipelines.sources import reading

TODAY = date(2024, 2, 1)
SAMPLE = ROOT / "data" / "sample"
SAMPLES = [SAMPLE / source for source in ("grid", "hotline", "petition")]
HEADER = "工单编号,工单标题,工单内容,推送时间,承办单位,问题分类,问题点位,工单状态,办结时间"
LEDGER = ("n_read", "n_loaded", "n_rejected", "n_duplicate", "n_out_of_scope")


def order(number: str, **cells: str) -> str:
    """One line of hotline/short."""
    row = {
        "title": "标题",
        "text": "内容",
        "at": "2024-01-05 08:00:00",
        "unit": "某局",
        "category": "城乡建设>供热",
        "place": "安澜市云溪区和平街道",
        "status": "处理中",
        "closed": "",
    } | cells
    return ",".join([number, *row.values()])


def export(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def query(home: Home, text: str) -> list[tuple]:
    with warehouse.connect(home, read_only=True) as connection:
        return connection.execute(text).fetchall()


def contents(home: Home) -> dict[str, list[tuple]]:
    """All rows of all core tables, without the moment of loading."""
    tables = {
        "event": "from core.event order by event_id",
        "history": "from core.event_history order by event_id, batch_id",
        "repeat": "from core.repeat order by all",
        "co_unit": "from core.co_unit order by all",
        "lookup": "from core.item_lookup order by event_id",
        "rejected": "from core.rejected_row order by batch_id, source_row",
        "batch": "select * exclude (loaded_at) from core.batch order by batch_id",
    }
    return {name: query(home, text) for name, text in tables.items()}


def test_ledger_adds_up_for_every_sample(empty_home):
    batches = ingest(SAMPLES, empty_home, today=TODAY)
    assert [batch["layout"] for batch in batches] == ["grid_event", "pingshan", "fangshan", "short", "national_list"]
    for batch in batches:
        n_read, *parts = (batch[name] for name in LEDGER)
        assert n_read == sum(parts) > 0
        rejected = query(empty_home, f"select count(*) from core.rejected_row where batch_id = '{batch['batch_id']}'")
        assert rejected == [(batch["n_rejected"],)]
    assert query(empty_home, "select count(*) from core.event") == [(sum(batch["n_loaded"] for batch in batches),)]
    assert query(empty_home, "select count(*), count(distinct event_id) from core.item_lookup") == query(
        empty_home, "select count(*), count(distinct event_id) from core.event"
    )


def test_the_same_bytes_again_change_nothing(empty_home, tmp_path):
    ingest(SAMPLES, empty_home, today=TODAY)
    before = contents(empty_home)
    copy = tmp_path / "另一个名字.csv"
    copy.write_bytes((SAMPLE / "hotline" / "short.csv").read_bytes())
    batches = ingest([*SAMPLES, copy], empty_home, today=TODAY)
    assert {batch["status"] for batch in batches} == {"already_loaded"}
    assert contents(empty_home) == before


def test_the_state_furthest_along_counts_within_a_file(empty_home, tmp_path):
    done = order("A1", status="已办结", closed="2024-01-06 09:00:00")
    path = export(tmp_path / "a.csv", done, order("A2"), order("A1"))
    batch = ingest([path], empty_home)[0]
    assert (batch["n_read"], batch["n_loaded"], batch["n_duplicate"]) == (3, 2, 1)
    assert query(empty_home, "select status, source_row from core.event order by source_row") == [
        ("closed", 2),
        ("in_progress", 3),
    ]


def test_a_changed_item_is_updated_and_its_past_kept(empty_home, tmp_path):
    first = export(tmp_path / "a.csv", order("A1"), order("A2"), order("A3"))
    second = export(
        tmp_path / "b.csv", order("A1"), order("A2", status="已办结", closed="2024-01-06 09:00:00"), order("A4")
    )
    one, two = ingest([first], empty_home)[0], ingest([second], empty_home)[0]
    assert two["notes"] == []
    assert [two[name] for name in ("n_read", "n_loaded", "n_updated", "n_duplicate")] == [3, 2, 1, 1]
    assert query(empty_home, "select status, batch_id from core.event_history") == [("in_progress", one["batch_id"])]
    assert query(empty_home, "select status, count(*) from core.event group by all order by all") == [
        ("closed", 1),
        ("in_progress", 3),
    ]
    assert query(empty_home, "select count(*), count(distinct event_id) from core.item_lookup") == [(4, 4)]


def test_same_number_in_two_sources_is_two_items():
    numbers = pl.Series(["A1"])
    assert event_ids(b"k" * 32, "grid", numbers).to_list() != event_ids(b"k" * 32, "hotline", numbers).to_list()


def test_event_id_is_hmac_sha256():
    import hashlib
    import hmac

    key = bytes(range(32))
    digest = hmac.new(key, "grid\x1f编号1".encode(), hashlib.sha256).digest()
    assert event_ids(key, "grid", pl.Series(["编号1"])).to_list() == [int.from_bytes(digest[:8], "big")]


def test_secret_key_is_made_once_and_private(empty_home):
    key = secret_key(empty_home)
    assert len(key) == 32
    assert secret_key(empty_home) == key
    assert stat.S_IMODE(empty_home.secret_key.stat().st_mode) == 0o600
    assert [file.name for file in empty_home.path.iterdir()] == ["secret.key"]


def test_main_handler_counts_and_co_handlers_are_named(empty_home):
    ingest([SAMPLE / "hotline" / "fangshan.csv"], empty_home, today=TODAY)
    assert query(
        empty_home, "select e.unit_name, c.unit_name from core.event as e join core.co_unit as c using (event_id)"
    ) == [("云溪区综合行政执法局", "安澜市生态环境局云溪分局")]


def test_no_personal_data_anywhere_in_the_warehouse(empty_home):
    ingest(SAMPLES, empty_home, today=TODAY)
    with warehouse.connect(empty_home, read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'core'").fetchall()
        for (table,) in tables:
            if table == "item_lookup":
                continue
            frame = connection.sql(f"from core.{table}").pl()
            for column in frame.select(pl.col(pl.String)).iter_columns():
                if column.name in ("batch_id", "superseded_by"):
                    continue
                assert redact.residual(column).is_empty(), (table, column.name)
    stored = empty_home.warehouse.read_bytes()
    for secret in ("19900000001", "19900000011", "990102199001011234", "anlan_9900", "浙A99001", "王女士", "钱一"):
        assert secret.encode() not in stored


def test_personal_data_in_columns_of_words_is_redacted_too(empty_home, tmp_path):
    path = export(tmp_path / "a.csv", order("A1", unit="某局（19900001234）", category="城乡建设>供热19900001234"))
    ingest([path], empty_home)
    assert query(empty_home, "select unit_name, category_raw from core.event") == [("某局", "城乡建设>供热〔手机号〕")]


def test_unknown_columns_are_listed_and_not_stored(empty_home, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER},重点人员标志,备注\n{order('A1')},甲,乙丙丁\n", encoding="utf-8")
    batch = ingest([path], empty_home)[0]
    assert json.loads(batch["dropped_columns"]) == ["重点人员标志", "备注"]
    assert "乙丙丁".encode() not in empty_home.warehouse.read_bytes()


def test_unknown_status_words_are_noted(empty_home, tmp_path):
    batch = ingest([export(tmp_path / "a.csv", order("A1", status="从未见过"))], empty_home)[0]
    assert "从未见过" in batch["notes"][0]


def test_an_unknown_status_that_may_name_somebody_is_told_by_its_shape(empty_home, tmp_path):
    path = export(tmp_path / "a.csv", order("A1", status="欧阳震华撤回"))
    notes = ingest([path], empty_home)[0]["notes"]
    assert "不认识的状态“6 个汉字”1 行" in notes[0] and "欧阳".encode() not in empty_home.warehouse.read_bytes()
    found = layouts.check(reading.inspect(path), layouts.load_all(None), today=None)
    assert found["unknown_status"] == [{"word": "6 个汉字", "n": 1}]


def test_a_file_without_one_usable_row_is_refused_with_its_commonest_reason(empty_home, tmp_path):
    rows = [order(f"A{n}", at="昨天") for n in range(5)]
    with pytest.raises(SourceError) as caught:
        ingest([export(tmp_path / "a.csv", order(""), *rows)], empty_home)
    message = str(caught.value)
    assert message.startswith("a.csv，第 3 行「推送时间」列：发现全部 6 行数据都不能入库")
    assert "5 行" in message and "“昨天”" in message and "2024-01-05" in message
    assert not any(contents(empty_home).values())
    assert ingest([export(tmp_path / "b.csv", *rows, order("A9"))], empty_home)[0]["n_loaded"] == 1


def test_a_file_with_a_total_alone_has_no_rows(empty_home, tmp_path):
    with pytest.raises(SourceError, match="没有数据行"):
        ingest([export(tmp_path / "a.csv", "合计,,,0,,,,,")], empty_home)
    assert contents(empty_home)["batch"] == []


def test_a_file_all_out_of_scope_is_taken_note_of(empty_home, tmp_path):
    batch = ingest([export(tmp_path / "a.csv", order("A1", status="已作废"))], empty_home)[0]
    assert (batch["n_loaded"], batch["n_out_of_scope"]) == (0, 1)


@pytest.mark.parametrize(("end", "is_noted"), [("", True), ("\n", False)])
def test_a_short_last_line_without_a_line_break_is_noted(empty_home, tmp_path, end, is_noted):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, order("A1"), "A2,标题,内"]) + end, encoding="utf-8")
    batch = ingest([path], empty_home)[0]
    assert (batch["n_loaded"], batch["n_rejected"]) == (1, 1)
    assert any("可能被截断" in note and "第 3 行" in note for note in batch["notes"]) == is_noted


# --- files and folders -------------------------------------------------------------------------------------------


def test_folders_are_walked_in_order_without_what_is_no_export(tmp_path):
    for name in (
        "b.csv",
        "a.xlsx",
        "~$a.xlsx",
        ".hidden.csv",
        "truth.csv",
        "note.txt",
        "reference/place.csv",
        "sub/c.tsv",
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x", encoding="utf-8")
    found = [str(file.relative_to(tmp_path)) for file in find_files([tmp_path, tmp_path / "b.csv"])]
    assert found == ["a.xlsx", "b.csv", "sub/c.tsv"]


def test_a_bad_file_among_good_ones_changes_nothing(empty_home, tmp_path):
    ingest([SAMPLE / "grid"], empty_home, today=TODAY)
    before = contents(empty_home)
    good = export(tmp_path / "a.csv", order("A1"))
    bad = tmp_path / "b.csv"
    bad.write_text(HEADER.replace("推送时间,", "") + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match="推送时间"):
        ingest([good, bad], empty_home)
    assert contents(empty_home) == before


@pytest.mark.parametrize(
    ("name", "says"), [("没有.csv", "路径不存在"), ("空文件夹", "没有可导入的文件"), ("压缩包", "请先解压")]
)
def test_paths_with_nothing_in_them(empty_home, tmp_path, name, says):
    (tmp_path / "空文件夹").mkdir()
    (tmp_path / "压缩包").mkdir()
    (tmp_path / "压缩包" / "a.7z").write_bytes(b"x")
    with pytest.raises(SourceError, match=f"{name}.*{says}"):
        ingest([tmp_path / name], empty_home)
    assert not empty_home.warehouse.exists()


def test_source_and_layout_by_name(empty_home, tmp_path):
    path = export(tmp_path / "a.csv", order("A1"))
    with pytest.raises(SourceError):
        ingest([path], empty_home, source="petition")
    with pytest.raises(UsageError, match="国家"):
        ingest([path], empty_home, layout="国家")
    assert ingest([path], empty_home, source="hotline", layout="short")[0]["n_loaded"] == 1


def test_a_layout_kept_as_a_file(empty_home, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "诉求编号,诉求标题,镇街,受理时间,类别,电话\nA1,停水,和平街道,2024-01-05,供水,19900001234\n", encoding="utf-8"
    )
    layout = tmp_path / "某市热线.json"
    columns = {
        "诉求编号": "item_number",
        "诉求标题": "title",
        "镇街": "town_name",
        "受理时间": "registered_at",
        "类别": "category",
    }
    layout.write_text(
        json.dumps({"source": "hotline", "columns": columns, "required": ["诉求编号", "受理时间"]}), encoding="utf-8"
    )
    with pytest.raises(SourceError, match="诉求编号"):
        ingest([path], empty_home)
    batch = ingest([path], empty_home, layout=str(layout))[0]
    assert (batch["layout"], batch["n_loaded"], json.loads(batch["dropped_columns"])) == ("某市热线", 1, ["电话"])


# --- failures ----------------------------------------------------------------------------------------------------


def test_an_error_while_writing_rolls_the_file_back(empty_home, tmp_path, monkeypatch):
    ingest([SAMPLE / "grid"], empty_home, today=TODAY)
    before = contents(empty_home)

    def full(*_):
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr(ingest_module, "_write_batch", full)
    with pytest.raises(YanpanError, match="磁盘"):
        ingest([export(tmp_path / "a.csv", order("A1"))], empty_home)
    monkeypatch.undo()
    assert contents(empty_home) == before


@pytest.mark.parametrize(
    "error",
    [
        duckdb.TransactionException("Failed to commit: Could not write file: No space left on device"),
        duckdb.FatalException("database has been invalidated"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_way_of_saying_that_the_disk_is_full_is_one_sentence(empty_home, tmp_path, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(ingest_module, "_write_batch", full)
    with pytest.raises(YanpanError, match=r"a\.csv 未导入（磁盘空间.*重新运行同一条命令。$"):
        ingest([export(tmp_path / "a.csv", order("A1"))], empty_home)
    monkeypatch.undo()
    assert ingest([tmp_path / "a.csv"], empty_home)[0]["status"] == "loaded"


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on the size of files is set here as Linux does")
def test_a_full_disk_leaves_a_warehouse_that_opens(empty_home, tmp_path):
    """A limit on file sizes stands for the full disk: the log cannot grow beyond it."""
    small = export(tmp_path / "a.csv", order("A1"))
    large = export(tmp_path / "b.csv", *[order(f"B{n}", text=f"内容{n * 7919}" * 20) for n in range(9000)])
    ingest([small], empty_home)
    before = contents(empty_home)
    code = """
import resource, sys
from pathlib import Path
from pipelines.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
sys.exit(main(["ingest", sys.argv[2], "--home", sys.argv[1]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(empty_home.path), str(large)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "b.csv 未导入" in done.stderr.splitlines()[-1]
    assert contents(empty_home) == before
    assert ingest([large], empty_home)[0]["n_loaded"] == 9000


def test_another_process_holding_the_warehouse_is_said_plainly(empty_home, tmp_path):
    path = export(tmp_path / "a.csv", order("A1"))
    code = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(empty_home.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout and holder.stdout.readline()
        with pytest.raises(YanpanError, match="另一个进程"):
            ingest([path], empty_home)
    finally:
        holder.communicate()
    assert ingest([path], empty_home)[0]["n_loaded"] == 1


def test_reading_before_anything_was_taken_in(empty_home):
    with pytest.raises(YanpanError, match="yanpan ingest"):
        warehouse.connect(empty_home, read_only=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("moment", ["states.absorb", "_write_batch"])
def test_killed_in_the_middle_then_run_again(tmp_path, moment):
    files = [
        export(
            tmp_path / f"{name}.csv", *[order(f"{name}{n}", at=f"2024-01-0{n % 9 + 1} 08:00:00") for n in range(500)]
        )
        for name in ("a", "b")
    ]
    whole, home = open_home(tmp_path / "whole"), open_home(tmp_path / "killed")
    for one in (whole, home):
        one.secret_key.write_bytes(b"k" * 32)
    ingest(files, whole)
    # The second file's `moment` is when the process is killed by itself: after its writes, before the commit.
    code = f"""
import os, signal, sys
from pathlib import Path
from pipelines import ingest as module
from pipelines.config import home
real, calls = module.{moment}, []
def killed(*arguments):
    result = real(*arguments)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
module.{moment} = killed
module.ingest([Path(p) for p in sys.argv[2:]], home(sys.argv[1]))
"""
    command = [sys.executable, "-c", code, str(home.path), *map(str, files)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert query(home, "select file_name from core.batch") == [("a.csv",)]
    assert query(home, "select count(*) from core.event") == [(500,)]
    statuses = [batch["status"] for batch in ingest(files, home)]
    assert statuses == ["already_loaded", "loaded"]
    assert contents(home) == contents(whole)


def test_a_person_in_the_place_of_a_unit_is_not_kept(empty_home, tmp_path):
    """Units are analysed and compared; nobody shall be by way of that column."""
    units = ["网格员潘金莲", "张无忌", "云溪区水务局（联系人李逵）", "经办人孙悟净13812345678", "住建局"]
    path = export(tmp_path / "a.csv", *[order(f"A{n}", unit=unit) for n, unit in enumerate(units)])
    ingest([path], empty_home)
    found = [unit for (unit,) in query(empty_home, "select unit_name from core.event order by source_row")]
    assert found == [None, None, "云溪区水务局", None, "住建局"]


def test_a_correction_of_the_same_day_is_said_to_be_undecidable(empty_home, tmp_path):
    lines = [order(f"A{n}", unit="住建局") for n in range(20)]
    ingest([export(tmp_path / "a.csv", *lines)], empty_home)
    corrected = [line.replace("住建局", "城管局") for line in lines]
    batch = ingest([export(tmp_path / "b.csv", *corrected)], empty_home)[0]
    assert batch["n_updated"] == 20
    assert any("20 件与当天已导入的内容不同" in note and "撤回" in note for note in batch["notes"])
    assert not any("早于" in note for note in batch["notes"])
