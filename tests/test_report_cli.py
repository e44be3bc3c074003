"""`yanpan report`: files or one sentence, never half of it; the same command, the same bytes."""

import hashlib
import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from app import versions
from app.reports import __main__ as report
from app.reports import make, register
from pipelines import build, cli, publish
from pipelines.config import Home
from pipelines.config import home as open_home
from pipelines.ingest import ingest
from tests import builders

HEADER = "工单编号,受理时间,问题分类,被反映区,被反映街乡镇,工单状态,承办单位,工单性质,派单时间,办结时间,标题"
ISSUES = ("城乡建设>供热管理", "市容环卫>无照经营", "劳动保障>拖欠工资")
TOWNS = (("云溪区", "和平街道"), ("云溪区", "东门街道"), ("临川县", "石桥镇"))
FIRST, MONDAY = date(2024, 4, 29), date(2025, 6, 16)
"""A Monday before the first day of the data; the Monday on which week 24 was known."""


def export(folder: Path, name: str, weeks: range, *, more: int = 0) -> Path:
    """An export of the hotline: from week `weeks.start` on, some items a day, one day without any."""
    lines = []
    for week in weeks:
        for n in range(24 + week % 5 + (30 if week == 58 else 0) + more):
            at = datetime.combine(FIRST + timedelta(weeks=week, days=n % 7), datetime.min.time()) + timedelta(
                hours=8 + n % 9
            )
            county, town = TOWNS[n % 3]
            closed = at + timedelta(days=n % 9) if n % 4 else None
            lines.append(
                f"G{week}-{n},{at},{ISSUES[n % 5 % 3]},{county},{town},{'已办结' if closed else '办理中'},{county}住建局,主办,,{closed or ''},第{n}件"
            )
    path = folder / f"{name}.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Home:
    """A year of one source, published on the Monday after its last week."""
    home = open_home(tmp_path_factory.mktemp("材料 home"))
    builders.add_reference(home)
    ingest([export(home.path, "一", range(59))], home, today=MONDAY)
    build.build(home, today=MONDAY)
    return home


@pytest.fixture
def home(built, monkeypatch) -> Home:
    monkeypatch.setenv("YANPAN_HOME", str(built.path))
    return built


@pytest.fixture
def own(built, monkeypatch, tmp_path) -> Home:
    """A copy to change."""
    shutil.copytree(built.path, tmp_path / "own")
    monkeypatch.setenv("YANPAN_HOME", str(tmp_path / "own"))
    return open_home(tmp_path / "own")


def yanpan(capsys, *arguments: object) -> tuple[int, dict]:
    """`yanpan report …` as it is typed: exit code and the JSON object."""
    code = cli.main(["report", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def asked(capsys, *arguments: object) -> tuple[int, dict]:
    """The same without starting a process: what `yanpan report` hears from the dashboard's half."""
    code = report.main([*map(str, arguments)])
    return code, json.loads(capsys.readouterr().out)


def sums(rows: list[dict]) -> list[tuple[str, str]]:
    return [(Path(row["path"]).name, row["sha256"]) for row in rows]


def test_the_same_bytes_after_newer_data_were_loaded(own, capsys, tmp_path):
    words = ["weekly", "--period", "2025-W24", "--as-of", MONDAY, "--number", 7, "--internal", "--format", "docx,xlsx"]
    code, first = asked(capsys, *words, "--out", tmp_path / "a")
    assert code == 0
    first = first["result"]
    for row in first["files"]:
        content = Path(row["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["bytes"], row["sha256"])
    newer = export(tmp_path, "二", range(52, 60), more=4)  # late items of known weeks, and one week more
    ingest([newer], own, today=MONDAY + timedelta(days=7))
    build.build(own, today=MONDAY + timedelta(days=7))
    code, later = yanpan(capsys, *words, "--out", tmp_path / "b")  # works the day out first, in a process of its own
    assert code == 0 and publish.replay_file(own, MONDAY).exists()
    assert sums(later["files"]) == sums(first["files"]) and len(first["files"]) == 2
    assert (later["fingerprint"], later["as_of"]) == (first["fingerprint"], str(MONDAY))
    code, now = asked(capsys, "weekly", "--format", "xlsx", "--out", tmp_path / "c")
    assert (now["result"]["period"], now["result"]["number"]) == ("2025-W25", 25)
    code, again = asked(capsys, "weekly", "--period", "2025-W24", "--format", "xlsx", "--out", tmp_path / "c")
    assert again["result"]["fingerprint"] != first["fingerprint"]


def test_what_was_frozen_is_made_again_by_its_command(own, capsys, tmp_path):
    one = make.compose(
        "weekly", "2025-W24", "990101", "units", as_of=MONDAY, at=datetime(2025, 6, 16, 9, 5), internal=True
    )
    for revision in (1, 2):
        said = make.told(one.findings, "units", number=12, revision=revision, internal=True)
        issue = make.freeze(said, {form: make.made(said.report, form) for form in ("xlsx", "pdf")}, role="office")
    out = tmp_path / "材料"
    code, answer = asked(capsys, *issue.command(str(out)).split()[2:])
    assert code == 0 and issue.words == "第12期更正版"
    made = {row["format"]: row["sha256"] for row in answer["result"]["files"]}
    assert made == {file.format: file.sha256 for file in issue.files}
    code, answer = asked(capsys, "weekly", "--period", "2025-W24", "--area", "990101", "--audience", "units", "--as-of", MONDAY,
                         "--format", "xlsx", "--out", out)  # fmt: skip
    assert answer["result"]["number"] == 12  # as it was registered


def test_both_versions_every_kind_and_what_json_says(home, capsys, tmp_path):
    expected = {
        "weekly": ("2025-W24", "诉求风险研判周报_2025-W24_安澜市_领导版.xlsx"), "monthly": ("2025-05", "诉求办理月度通报_2025-05_安澜市_领导版.xlsx"),
        "quarterly": ("2025-Q1", "诉求形势季度讲评_2025-Q1_安澜市_领导版.xlsx"), "annual": ("2025", "信访工作年度报告_2025_安澜市_领导版.xlsx"),
    }  # fmt: skip
    with duckdb.connect(home.marts / home.current.read_text().strip(), read_only=True) as connection:
        for kind, (period, name) in expected.items():
            code, answer = asked(capsys, kind, "--audience", "both", "--format", "xlsx", "--out", tmp_path)
            assert code == 0, answer
            result = answer["result"]
            assert (result["period"], result["audience"], result["area"]) == (period, "both", "990100")
            assert [Path(row["path"]).name for row in result["files"]] == [name, name.replace("领导版", "单位版")]
            assert all(Path(row["path"]).stat().st_size == row["bytes"] for row in result["files"])
            assert result["reconciliation"]["n_failed"] == 0 < result["reconciliation"]["n_checks"]
            first, last = (getattr(make.periods.parse(kind, period), name) for name in ("first_on", "last_on"))
            (expected_n,) = connection.execute(
                "select count(*) from event where registered_on between ? and ?", [first, last]
            ).fetchall()[0]
            assert result["values"]["totals"]["n_events"]["n"] == expected_n > 0
            assert result["is_complete"] == (kind != "annual")
            assert "勾稽" in answer["text"] and ("尚未收满" in answer["text"]) == (kind == "annual")
    noted = register.exports()
    assert {row["page"] for row in noted} == {"yanpan report"} and len(noted) == 8


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["weekly", "--period", "2025-24"], 2, "2026-W46 这样"),
        (["monthly", "--period", "2025-13"], 2, "2026-11 这样"),
        (["weekly", "--area", "123"], 2, "123"),
        (["weekly", "--format", "docx,odt"], 2, "没有格式“odt”"),
        (["weekly", "--as-of", "2999-01-04"], 2, "还没有到"),
        (["weekly", "--period", "2019-W01"], 3, "2024-04-29|2024年4月29日"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(home, capsys, tmp_path, words, code, said):
    out = tmp_path / "out"
    found, answer = asked(capsys, *words, "--out", out)
    assert (found, answer["exit_code"]) == (code, code)
    assert (
        any(one in answer["error"] for one in said.split("|"))
        and answer["error"].endswith("。")
        and "\n" not in answer["error"]
    )
    assert not out.exists()


def test_a_bad_setting_a_bad_folder_and_nothing_published(own, capsys, tmp_path, monkeypatch):
    words = ["weekly", "--format", "xlsx", "--out"]
    (tmp_path / "file").write_text("no folder")
    assert "写不进去" in asked(capsys, *words, tmp_path / "file")[1]["error"]
    (tmp_path / "out" / "诉求风险研判周报_2025-W24_安澜市_领导版.xlsx").mkdir(parents=True)
    code, answer = asked(capsys, "weekly", "--format", "pdf,xlsx", "--out", tmp_path / "out")
    assert code == 3 and "写不进去" in answer["error"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [
        "诉求风险研判周报_2025-W24_安澜市_领导版.xlsx"
    ]  # not the PDF alone
    (own.path / "reports.toml").write_text("office = 1", encoding="utf-8")
    code, answer = asked(capsys, *words, tmp_path / "b")
    assert code == 2 and "office" in answer["error"]
    monkeypatch.setenv("YANPAN_HOME", str(tmp_path / "none"))
    code, answer = asked(capsys, *words, tmp_path / "b")
    assert code == 3 and "yanpan build" in answer["error"]


def test_figures_that_do_not_add_up_are_not_written(own, capsys, tmp_path):
    with duckdb.connect(own.marts / own.current.read_text().strip()) as connection:
        connection.execute("delete from daily_counts where registered_on = date '2025-06-10'")
    code, answer = asked(capsys, "weekly", "--out", tmp_path / "out")
    assert code == 4 == answer["exit_code"] and "勾稽校验未通过" in answer["error"]
    assert not (tmp_path / "out").exists()


def test_misuse_is_said_before_anything_starts(capsys, tmp_path):
    for words, said in (
        (["weekly", "--at", "2026-11-16T09:00+08:00", "--out", "x"], "本地时间"),
        (["daily", "--out", "x"], "没有 'daily'"),
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["report", *words])
        assert stopped.value.code == 2 and said in capsys.readouterr().err


def test_a_template_that_cannot_be_used_is_said(own, capsys, tmp_path):
    (own.path / "templates").mkdir()
    (own.path / "templates" / "weekly.docx").write_text("这不是 Word 文件")
    code, answer = asked(capsys, "weekly", "--format", "xlsx,docx", "--out", tmp_path / "out")
    assert code == 3 and "weekly.docx" in answer["error"]
    assert not (tmp_path / "out").exists()
    assert versions.home() == own.path
