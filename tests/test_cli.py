"""The command line as cron jobs and acceptance scripts use it: JSON on stdout, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines import cli, publish
from pipelines.config import home as open_home
from pipelines.sources import SOURCES

ROOT = Path(__file__).resolve().parents[1]
IN_TURN = pytest.mark.xdist_group("cli")  # one home, in the order of this file
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def yanpan(home: Path, *arguments: str) -> tuple[int, dict, str]:
    """Exit code, the JSON object, what was said on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments, "--home", str(home), "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def asked(capsys, home: Path, *arguments: str) -> tuple[int, dict, str]:
    """The same without starting a process."""
    code = cli.main([*arguments, "--home", str(home), "--json"])
    out, told = capsys.readouterr()
    return code, json.loads(out), told


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Path:
    """A home with a space and Chinese characters in its path, with a year of demo files but nothing taken in."""
    home = tmp_path_factory.mktemp("研判 home")
    code, summary, _ = yanpan(home, "demo", "--items", "3000")
    assert code == 0 and summary
    for earlier in (home / "demo").rglob("*_202[2-5]*"):
        earlier.unlink()
    return home


def loaded(city: Path, *, built: bool = False) -> None:
    """The city taken in, and published, unless an earlier test has done it."""
    home = open_home(city)
    if not home.warehouse.exists():
        assert yanpan(city, "ingest", str(city / "demo"))[0] == 0
    if built and publish.current(home) is None:
        assert yanpan(city, "build")[0] == 0


@IN_TURN
def test_a_week_in_the_life(city):
    code, first, _ = yanpan(city, "ingest", str(city / "demo"))
    assert code == 0
    total = first["total"]
    assert total["read"] == total["loaded"] + total["rejected"] + total["duplicate"] + total["out_of_scope"]
    assert total["loaded"] > 1000 and first["reference"][0]["places"] > 1000
    code, again, _ = yanpan(city, "ingest", str(city / "demo"))
    assert code == 0 and again["total"]["read"] == 0
    assert {batch["status"] for batch in again["batches"]} == {"already_loaded"}
    for version in (1, 2):
        code, built, _ = yanpan(city, "build")
        assert (code, built["version"]) == (0, version)
    items = [batch for batch in first["batches"] if batch["source"] in SOURCES]
    assert int(built["n_events"]) == sum(batch["n_loaded"] - batch["n_updated"] for batch in items)
    code, listed, _ = yanpan(city, "rollback", "1")
    code, listed, _ = yanpan(city, "versions")
    assert [row["is_current"] for row in listed["versions"]] == [True, False]
    code, checked, _ = yanpan(city, "check")
    assert code == 0 and "fields_described" in checked["checks"]


@IN_TURN
def test_as_of_sees_no_later_day(city):
    loaded(city)
    code, built, _ = yanpan(city, "build", "--as-of", "2026-06-30")
    assert code == 0
    assert "2026-06" <= built["data_through"] <= "2026-06-30"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("图片.xlsx", PNG, "图片.xlsx"),
        ("空.csv", b"", "空.csv"),
        ("截断.xlsx", b"PK\x03\x04" + bytes(200), "截断.xlsx"),
        ("陌生.csv", "甲,乙\n1,2\n".encode(), "陌生.csv"),
        ("无头.csv", "欧阳震华,朝阳小区12栋3单元501,退款\n李逵,a,b\n".encode(), "发现第一行像是数据，不是表头，应为"),
        ("人名.csv", "工单号码,发生时间,欧阳震华\n1,2,3\n".encode(), "（工单号码、发生时间，另 1 列）"),
        ("缺列.csv", "工单编号,标题,主要内容,问题分类\n1,甲,乙,丙\n".encode("gb18030"), "受理时间"),
    ],
)
def test_a_wrong_file_changes_nothing_and_says_what_to_do(tmp_path, capsys, name, content, said):
    home = tmp_path / "home"
    path = tmp_path / name
    path.write_bytes(content)
    code, answer, _ = asked(capsys, home, "ingest", str(path))
    assert code == 3
    assert said in answer["error"] and answer["error"].endswith("。")
    assert "发现" in answer["error"] and "应为" in answer["error"]
    assert "\n" not in answer["error"] and "欧阳" not in answer["error"] and "朝阳" not in answer["error"]
    warehouse = home / "warehouse.duckdb"
    if warehouse.exists():
        with duckdb.connect(warehouse, read_only=True) as connection:
            for table in ("event", "batch", "rejected_row"):
                row = connection.execute(f"select count(*) from core.{table}").fetchone()
                assert row == (0,)


@pytest.mark.parametrize(
    "arguments", ["--json --home {} versions", "--home {} versions --json", "versions --home {} --json"]
)
def test_home_and_json_stand_before_the_command_or_after_it(arguments, tmp_path, capsys):
    code = cli.main(arguments.format(tmp_path).split())
    assert code == cli.main(["versions", "--json", "--home", str(tmp_path)])
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == json.loads(second)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "没有 'nonsense'"),
        (("build", "--as-of", "昨天"), "日期应写成 2026-06-30"),
        (("serve", "--port", "99999"), "端口应是 1 到 65535"),
        (("check", "--home", "没有这个目录"), "不存在"),
        (("redact", "README.md", "--column", "x", "--out", "README.md"), "会覆盖原文件"),
        (("redact", "README.md", "--column", "x", "--out", "没有/x.csv"), "不存在"),
    ],
)
def test_misuse_is_said_in_chinese(arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 2 and said in done.stderr
    assert not (ROOT / "没有这个目录").exists()


@IN_TURN
def test_a_full_disk_is_said_and_leaves_the_old_version(city):
    """A file-size limit stands in for the full disk: the same write fails in the same place."""
    import resource

    loaded(city, built=True)
    home = open_home(city)
    before = publish.current(home)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "build", "--home", str(city)],
        cwd=ROOT, capture_output=True, text=True, check=False, encoding="utf-8",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )  # fmt: skip
    assert done.returncode == 3 and "原版本继续使用" in done.stderr and "Traceback" not in done.stderr
    assert publish.current(home) == before
    code, built, _ = yanpan(city, "build")
    assert code == 0 and built["version"] > (before or 0)
