"""Whatever comes in, and whenever the power goes: the last good version serves, and one clear sentence is said.

Each fault is put to the command line over a published home. The warehouse and the published figures must be the same
before and after, the exit code must be 3, and what is said must be one Chinese sentence with a next step.
"""

import gzip
import io
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from pipelines import publish, warehouse
from pipelines.config import Home
from pipelines.config import home as open_home
from pipelines.errors import YanpanError
from tests.test_cli import asked, yanpan

ROOT = Path(__file__).resolve().parents[1]
HEADER = "工单编号,受理时间,问题分类,被反映区,被反映街乡镇,工单状态,主要内容"
N_KILLS = int(os.environ.get("YANPAN_KILLS", "8"))


def export(n: int = 200, prefix: str = "N") -> bytes:
    rows = [
        f"{prefix}{number},2026-03-{number % 28 + 1:02} 09:00:00,城乡建设>供热管理,云溪区,和平街道,办理中,暖气不热第{number}次"
        for number in range(n)
    ]
    return ("\n".join([HEADER, *rows]) + "\n").encode()


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Home:
    home = open_home(tmp_path_factory.mktemp("故障 home"))
    good = home.path / "good.csv"
    good.write_bytes(export(prefix="G"))
    assert yanpan(home.path, "ingest", str(good))[0] == 0
    assert yanpan(home.path, "build")[0] == 0
    return home


def inside(home: Home) -> tuple:
    with warehouse.connect(home, read_only=True) as connection:
        core = [
            connection.execute(f"from core.{name} order by all").fetchall()
            for name in ("event", "event_history", "batch")
        ]
    with duckdb.connect(publish.version_file(home, publish.current(home) or 0), read_only=True) as connection:
        return core, publish.current(home), connection.execute("select count(*) from event").fetchall()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def workbook_of_formulas() -> bytes:
    """Every item number is a formula without a stored value."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER.split(","))
        for row in range(1, 30):
            sheet.write_formula(row, 0, '=HYPERLINK("http://x","1")&A1', None, "")
            sheet.write_row(row, 1, ["2026-03-01 09:00:00", "城乡建设", "云溪区", "", "办理中", "=1+1"])
    return buffer.getvalue()


def endless_line(path: Path) -> None:
    """A sparse file of 1 GiB without one line break."""
    with path.open("wb") as file:
        file.write(b"a" * 4096)
        file.truncate(1 << 30)
        file.seek((1 << 30) - 1)
        file.write(b"b")


def bomb() -> bytes:
    return zipped({"工单.csv": HEADER.encode() + b"\n" + b"0" * (600 << 20)})


FAULTS = {
    "torn.zip": lambda path: path.write_bytes(zipped({"工单.csv": export()})[:-200]),
    "bomb.zip": lambda path: path.write_bytes(bomb()),
    "nested.zip": lambda path: path.write_bytes(zipped({"a.zip": zipped({"工单.csv": export()})})),
    "torn.xlsx": lambda path: path.write_bytes(workbook_of_formulas()[:3000]),
    "formulas.xlsx": lambda path: path.write_bytes(workbook_of_formulas()),
    "wide.csv": lambda path: path.write_text(",".join(f"列{n}" for n in range(100_000)) + "\n" + "1," * 99_999 + "1\n"),
    "endless.csv": endless_line,
    "torn.csv.gz": lambda path: path.write_bytes(gzip.compress(export(5000))[:-4000]),
    "picture.xls": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)),
    "empty.csv": lambda path: path.write_bytes(b""),
    "header_only.csv": lambda path: path.write_text(HEADER + "\n", encoding="utf-8"),
    "unknown.csv": lambda path: path.write_text("甲,乙\n1,2\n", encoding="utf-8"),
    "quote.csv": lambda path: path.write_bytes(export() + b'X1,"2026-03-01 09:00:00,a,b,c,d\n' + export(300, "Q")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_file_changes_nothing_and_says_why(published, capsys, tmp_path, name):
    path = tmp_path / name
    FAULTS[name](path)
    before = inside(published)
    code, answer, said = asked(capsys, published.path, "ingest", str(path))
    assert code == 3, said
    sentence = answer["error"]
    assert name.split(".")[0] in sentence and "发现" in sentence and "应为" in sentence
    assert sentence.endswith("。") and len(sentence) < 400
    assert not re.search(r"Error|Exception|Traceback", sentence)
    assert inside(published) == before


@pytest.mark.parametrize("name", ["../../逃出去.csv", "/tmp/绝对路径.csv", "C:\\盘符.csv", "..\\反斜杠.csv"])
def test_a_path_in_an_archive_is_only_a_label(published, capsys, tmp_path, name):
    prefix = f"Z{abs(hash(name)) % 10_000}_"
    path = tmp_path / "包.zip"
    path.write_bytes(zipped({name: export(20, prefix)}))
    seen = {file for folder in (tmp_path, tmp_path.parent, Path("/tmp")) for file in folder.glob("*.csv")}
    code, answer, said = asked(capsys, published.path, "ingest", str(path))
    assert {file for folder in (tmp_path, tmp_path.parent, Path("/tmp")) for file in folder.glob("*.csv")} == seen
    assert code in (0, 3), said
    if code == 0:
        assert answer["total"]["loaded"] == 20
        assert ".." not in answer["batches"][0]["file_name"]
        assert asked(capsys, published.path, "undo", answer["batches"][0]["batch_id"])[0] == 0


def test_two_at_once_one_works_and_the_other_says_so(published, tmp_path):
    files = []
    for number in range(2):
        files.append(tmp_path / f"twice{number}.csv")
        files[-1].write_bytes(export(20_000, f"T{number}_"))
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", "ingest", str(file), "--home", str(published.path)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )
        for file in files
    ]  # fmt: skip
    said = [process.communicate(timeout=600)[1] for process in commands]
    codes = [process.returncode for process in commands]
    assert set(codes) <= {0, 3} and 0 in codes, said
    if 3 in codes:
        assert "正被另一个" in said[codes.index(3)] and "Traceback" not in said[codes.index(3)]
    for file in files:  # the same command again completes what is left
        code, answer, _ = yanpan(published.path, "ingest", str(file))
        assert code == 0
        assert yanpan(published.path, "undo", answer["batches"][0]["batch_id"])[0] == 0


def test_a_full_disk(published, tmp_path):
    """A small tmpfs where one may be mounted; else a limit on the size of files stands for it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    large = tmp_path / "large.csv"
    large.write_bytes(export(60_000, "L"))
    command = [sys.executable, "-m", "pipelines.cli", "ingest", str(large), "--home", str(disk)]
    limit = None if mounted.returncode == 0 else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, -1))
    try:
        small = tmp_path / "small.csv"
        small.write_bytes(export(50, "S"))
        assert yanpan(disk, "ingest", str(small))[0] == 0
        home = open_home(disk)
        with warehouse.connect(home, read_only=True) as connection:
            before = connection.execute("from core.event order by all").fetchall()
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False, preexec_fn=limit
        )
        assert done.returncode == 3, done.stderr
        assert "磁盘" in done.stderr and "Traceback" not in done.stderr
        with warehouse.connect(home, read_only=True) as connection:
            assert connection.execute("from core.event order by all").fetchall() == before
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_at_random_moments(tmp_path):
    """Ingest, undo, build and publish killed again and again: a version always serves, and in the end all is there."""
    rng = random.Random(20260101)
    home, whole = open_home(tmp_path / "killed"), open_home(tmp_path / "whole")
    files = []
    for number in range(4):
        path = tmp_path / f"f{number}.csv"
        path.write_bytes(export(4_000, f"F{number}_"))
        files.append(str(path))
    home.secret_key.write_bytes(b"k" * 32)
    for line in (["ingest", files[0]], ["build"]):
        assert yanpan(home.path, *line)[0] == 0
    shutil.copytree(home.path, whole.path, dirs_exist_ok=True)
    lines = [["ingest", *files], ["build"]]
    n_killed = 0
    for attempt in range(N_KILLS):
        command = [sys.executable, "-m", "pipelines.cli", *lines[attempt % 2], "--home", str(home.path)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 2.2))
        n_killed += process.poll() is None
        process.kill()
        process.wait()
        with duckdb.connect(publish.version_file(home, publish.current(home) or 0), read_only=True) as connection:
            assert connection.execute("select count(*) from event").fetchall()[0][0] in (4_000, 8_000, 12_000, 16_000)
    assert n_killed >= N_KILLS // 3
    for one, line in ((home, lines[0]), (home, lines[1]), (whole, lines[0])):
        assert yanpan(one.path, *line)[0] == 0
    with warehouse.connect(home, read_only=True) as a, warehouse.connect(whole, read_only=True) as b:
        for table in ("event", "event_history", "repeat", "item_lookup", "co_unit", "rejected_row"):
            assert (
                a.execute(f"from core.{table} order by all").fetchall()
                == b.execute(f"from core.{table} order by all").fetchall()
            ), table
    left = {path.name for path in home.marts.iterdir()} - {"CURRENT"}
    assert all(re.fullmatch(r"marts-\d+\.duckdb", name) for name in left), left


@pytest.mark.parametrize(("has_spill", "said"), [(False, "^内存不足"), (True, "^写入失败.*磁盘")])
def test_too_little_memory_and_a_full_disk_are_told_apart(has_spill, said, tmp_path):
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = '30MB'")
        connection.execute(f"set temp_directory = '{tmp_path if has_spill else ''}'")
        if has_spill:
            connection.execute("set max_temp_directory_size = '1MB'")
        with pytest.raises(YanpanError, match=said), warehouse.storage_errors("新版本没有发布"):
            connection.execute("select i, list(i) from range(5000000) as t(i) group by i order by i").fetchall()
