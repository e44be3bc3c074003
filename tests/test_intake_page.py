"""数据接入: what the page says while a job runs, after it failed, before anything was published; upload to undo; a past day."""

import io
import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

from app import asof, jobs, marts, page, versions
from app.parts import files, mapping, running, upload
from pipelines import build, inbox, publish
from tests.builders import load, weekly
from tests.test_jobs import ended, slow
from tests.test_views import MONDAY_AFTER, opened, said

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "data" / "sample"


@pytest.fixture
def full(demo_home, monkeypatch, tmp_path):
    """The demo city in a home of its own: what a test starts here must not reach the shared one."""
    home = tmp_path / "home"
    shutil.copytree(demo_home.path, home, ignore=shutil.ignore_patterns("demo"))
    monkeypatch.setenv("YANPAN_HOME", str(home))
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    return home


def intake(tab: str = "导入") -> AppTest:
    return opened("intake", tab=tab)


def settled(at: AppTest) -> AppTest:
    """The page once the job it started is over."""
    job = jobs.current()
    if job is not None:
        ended(job.id)
    return at.run()


def choose_files(at: AppTest, *paths: Path) -> AppTest:
    at.file_uploader[0].set_value([(path.name, path.read_bytes(), "application/octet-stream") for path in paths])
    next(button for button in at.button if button.label == "检查").click()
    return settled(at.run())


def press(at: AppTest, label: str) -> AppTest:
    (button,) = [button for button in at.button if button.label == label]
    return button.click().run()


def test_an_empty_home_offers_the_upload(empty_home):
    at = intake()
    assert not at.exception
    assert "从这里接入第一批数据" in said(at) and at.file_uploader
    assert [tab.label for tab in at.tabs] == ["导入", "批次"]


def test_other_pages_of_an_empty_home_lead_to_the_upload(empty_home):
    (link,) = [element.proto for element in opened("trends").get("page_link")]
    assert "数据接入" in link.label


def test_from_a_file_to_figures_and_back(empty_home):
    """Upload, check, import, publish, undo; every step by its button, every command for real."""
    at = choose_files(intake(), SAMPLES / "hotline" / "fangshan.csv", SAMPLES / "hotline" / "short.csv")
    assert not at.exception
    assert "识别为 12345热线" in said(at) and "确认后才入库" in said(at)
    assert jobs.ask("batches").get("batches", []) == []  # nothing before the word
    at = settled(press(at, "导入"))
    assert "上次导入" in said(at) and "2 个批次已导入，还没有发布" in said(at)
    assert "读入 5 行 = 入库 3 + 拒收 0 + 重复 1 + 范围外 1" in said(at)
    assert not list((empty_home.path / "uploads").iterdir())
    at = settled(press(at, "发布"))
    assert "已发布版本 1" in said(at) and publish.current(empty_home) == 1
    assert "还没有发布" not in said(at)
    at = intake("批次")
    assert at.dataframe[0].value["balanced"].all() and at.dataframe[0].value["is_published"].all()
    at = press(at, "撤回这个批次")
    assert at.get("dialog")
    at = settled(press(at, "撤回"))
    assert "已撤回" in said(at) and "1 个批次已撤回，还没有发布" in said(at)
    assert len(at.dataframe[0].value) == 1


def test_an_unknown_file_is_mapped_once(empty_home, tmp_path):
    rows = [f"DG{n:06d},2026-11-{1 + n % 15:02d} 08:10:00,王某某,1990000{n:04d},路灯不亮,和平路的路灯已经坏了三天,市政>路灯,和平街道,已办结" for n in range(40)]  # fmt: skip
    strange = tmp_path / "某地来电表_202611.csv"
    strange.write_text("\n".join(["来电编号,来电时间,来电人,联系电话,诉求标题,诉求内容,诉求分类,所属镇街,处理状态", *rows]), encoding="utf-8")  # fmt: skip
    at = choose_files(intake(), strange)
    assert not at.exception
    assert "没有见过的表头" in said(at) and "丢弃（涉及个人" in said(at)
    assert "来电人" in said(at) and "王某某" not in said(at) and "19900000" not in said(at)
    (name,) = [one for one in at.text_input if one.label == "版式名"]
    assert name.value == "某地来电表"
    (town,) = [one for one in at.selectbox if one.label == "所属镇街"]
    assert town.value == "town_name"
    at = settled(press(at, "保存版式，重新检查"))
    at = settled(at)
    assert (empty_home.path / "layouts" / "某地来电表.json").is_file()
    assert "识别为 12345热线" in said(at)
    at = settled(press(at, "导入"))
    assert "读入 40 行 = 入库 40" in said(at)


def test_a_changed_mapping_is_what_is_kept(empty_home, tmp_path):
    rows = [f"A{n:05d},2026-11-{1 + n % 15:02d},井盖丢失很危险请尽快处理,{['和平街道', '长宁街道'][n % 2]},市政>井盖" for n in range(40)]  # fmt: skip
    strange = tmp_path / "甲地.csv"
    strange.write_text("\n".join(["来电编号,来电时间,诉求内容,所属镇街,诉求分类", *rows]), encoding="utf-8")
    at = choose_files(intake(), strange)
    (town,) = [one for one in at.selectbox if one.label == "所属镇街"]
    town.set_value(mapping.DROP)
    settled(press(at, "保存版式，重新检查"))
    kept = json.loads((empty_home.path / "layouts" / "甲地.json").read_text(encoding="utf-8"))
    assert "town_name" not in kept["columns"].values() and "所属镇街" in kept["identifying"]


def test_a_refused_file_says_why_and_can_be_given_up(empty_home, tmp_path):
    empty = tmp_path / "空.csv"
    empty.touch()
    at = choose_files(intake(), empty)
    assert "不能导入" in said(at) and "空.csv：发现空文件" in said(at)
    (button,) = [button for button in at.button if button.key == "import"]
    assert button.disabled
    at = press(at, "放弃，删除上传的文件")
    assert at.file_uploader and not list((empty_home.path / "uploads").iterdir())


def test_a_running_job_shows_on_every_tab_and_can_be_cancelled(empty_home, tmp_path):
    upload_id, (path,) = jobs.save_upload([("许多.csv", slow(tmp_path).read_bytes())])
    jobs.start("ingest", "导入 1 个文件", [["ingest", str(path)]], upload=upload_id, about={"n_files": 1})
    for tab in ("批次", "导入"):
        at = intake(tab)
        assert not at.exception and "正在导入 1 个文件" in said(at)
    assert not at.file_uploader  # one at a time
    at = settled(press(at, "取消"))
    assert "已取消导入 1 个文件" in said(at) and at.file_uploader


def test_a_failed_job_is_told_in_the_words_of_the_command(full):
    job = jobs.start("build", "重算并发布新版本", [["build", "--as-of", "1999-01-01"]])
    assert ended(job.id).status == jobs.FAILED
    at = intake()
    assert "重算并发布新版本没有完成" in said(at) and "截至 1999-01-01 没有任何入库事项" in said(at)


def test_every_tab_of_a_full_home(full):
    for tab in ("导入", "批次", "数据质量", "名称与位置", "个人信息"):
        at = intake(tab)
        assert not at.exception, tab
        assert "还没有发布" not in said(at)


def test_rejected_rows_of_a_batch_as_a_workbook(full):
    batch = next(batch for batch in jobs.ask("batches")["batches"] if batch["n_rejected"])
    book = openpyxl.load_workbook(io.BytesIO(files.rejected_workbook([batch["batch_id"]], batch["file_name"])))
    sheet = book["数据"]
    assert sheet.max_row - batch["n_rejected"] in range(1, 8)
    text = " ".join(str(cell.value) for row in sheet.iter_rows() for cell in row)
    assert batch["file_name"] in text


def test_a_warehouse_in_use_leaves_the_published_ledger(full, monkeypatch):
    monkeypatch.setattr(jobs, "ask", lambda *words: {"error": "数据仓库正被另一个进程使用。", "exit_code": 3})
    at = intake("批次")
    assert not at.exception
    assert "正被另一个进程使用" in said(at) and len(at.dataframe[0].value)


def test_the_inbox_is_reported(full):
    folder = full / "inbox"
    folder.mkdir()
    inbox._tell(folder, looked_at="2026-11-16T08:00:00", doing="等待文件", waiting=0)
    inbox._remember(folder, "工单.csv", "refused", "工单.csv：发现空文件。")
    at = intake()
    assert "没有在看守" in said(at) and "工单.csv：发现空文件。" in said(at)
    with inbox._alone(folder):
        assert "等待文件" in said(intake())


@pytest.mark.parametrize(
    ("job", "lines", "share"),
    [
        ({"commands": [["a"], ["b"]], "exit_codes": [0]}, [], 0.5),
        ({"about": {"n_files": 2}}, ["正在识别 a…", "正在识别 b…", "a：读入 5，入库 5"], 1.2 / 2.2),
        ({"about": {"n_files": 0}}, ["正在识别 a…"], None),
        ({"about": {"seconds": {"统计表": 3.0, "预警": 1.0}}}, ["正在计算：统计表", "正在计算：预警"], 0.75),
        ({}, ["正在计算：统计表"], None),
    ],
)
def test_the_bar_knows_what_it_can_know(job, lines, share):
    full = {
        "id": "x",
        "kind": "build",
        "title": "",
        "commands": [["build"]],
        "started_at": "2026-11-16T08:00:00",
        **job,
    }
    assert running.done_share(jobs.Job(**full), lines) == (pytest.approx(share) if share is not None else None)


def replayed(home: Path, day: str, basis: str) -> Path:
    """Stands in for a replay: the serving version under that day's name."""
    source = home / "marts" / (home / "marts" / "CURRENT").read_text().strip()
    target, fresh = home / "marts" / f"asof-{day}.duckdb", home / "marts" / f"{basis}.duckdb"
    shutil.copy(source, fresh)
    with duckdb.connect(fresh) as connection:
        connection.execute("update meta set value = ? where key = 'replay_basis'", [basis])
    return fresh.replace(target)


@pytest.mark.parametrize(
    ("basis", "words"),
    [("known", "按当天已知的数据"), ("reconstructed", "当天尚未接入，按登记与办结时间重建")],
)
def test_a_past_day_is_shown_and_said(full, basis, words):
    replayed(full, "2026-06-01", basis)
    at = opened("trends", asof="2026-06-01")
    assert not at.exception
    assert f"正在回看 2026-06-01（{words}）" in said(at)
    notes = [element.proto.body for element in at.get("html") if "数据版本" in element.proto.body]
    assert notes and all("正在回看 2026-06-01" in note for note in notes if "note" in note and "kicker" not in note)
    assert at.selectbox(key=asof.PICKER).value == "2026-06-01"


def test_the_day_goes_along_and_ends_by_the_picker_alone(full):
    replayed(full, "2026-06-01", "known")
    at = opened("trends", asof="2026-06-01", source="grid")
    for name in ("asof", "source", "week"):  # the menu and links lead to an address without it
        at.query_params.pop(name, None)
    at.switch_page("views/issues.py").run()
    assert at.query_params["asof"] in ("2026-06-01", ["2026-06-01"]) and "正在回看" in said(at)
    assert at.selectbox(key="source").value == "grid"
    at.selectbox(key=asof.PICKER).set_value(asof.NEWEST).run()
    assert "asof" not in at.query_params and "正在回看" not in said(at)
    at.switch_page("views/trends.py").run()
    assert "asof" not in at.query_params


def test_picking_a_day_reads_that_days_marts(full):
    replayed(full, "2026-11-09", "known")
    at = opened("weekly")
    at.selectbox(key=asof.PICKER).set_value("2026-11-09").run()
    assert at.query_params["asof"] in ("2026-11-09", ["2026-11-09"]) and "正在回看 2026-11-09" in said(at)


def test_a_day_not_worked_out_is_worked_out_on_request(empty_home, monkeypatch):
    load(empty_home, weekly([5] * 30))
    build.build(empty_home, today=MONDAY_AFTER)
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    at = opened("weekly", asof="2026-10-19")
    assert not at.exception and not at.metric
    assert "2026年10月19日看到的情况还没有算过" in said(at)
    at = settled(press(at, "重算这一天看到的情况"))
    assert not at.exception
    assert "正在回看 2026-10-19" in said(at)
    through = date.fromisoformat(marts_meta(empty_home.path, "2026-10-19")["data_through"])
    assert date(2026, 10, 12) <= through <= date(2026, 10, 19)


def marts_meta(home: Path, day: str) -> dict[str, str]:
    with duckdb.connect(home / "marts" / f"asof-{day}.duckdb", read_only=True) as connection:
        return dict(connection.execute("select key, value from meta").fetchall())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("昨天", "无法识别"),
        ("20260601", "无法识别"),
        ("../../etc/passwd", "无法识别"),
        ("2027-06-07", "还没有到"),
    ],
)
def test_a_day_that_is_none_is_never_shown_as_another(full, asked, words):
    at = opened("trends", asof=asked)
    assert not at.exception
    assert words in said(at) and not at.dataframe and not at.metric
    at = press(at, "回到最新")
    assert "asof" not in at.query_params and at.dataframe


def test_a_replay_made_anew_is_read_anew(full):
    replayed(full, "2026-06-01", "known")
    assert "按当天已知的数据" in said(opened("trends", asof="2026-06-01"))
    replayed(full, "2026-06-01", "reconstructed")
    assert "按登记与办结时间重建" in said(opened("trends", asof="2026-06-01"))


def test_without_a_past_day_no_further_question_is_asked(full, monkeypatch):
    asked = []
    real = marts._answer
    monkeypatch.setattr(marts, "_answer", lambda name, *rest: asked.append((name, rest[-1])) or real(name, *rest))
    opened("issues")
    assert {version for _, version in asked} == {str(versions.current_version())}
    assert "newest" not in str(asked)


def test_the_mondays_offered():
    days = asof.mondays(date(2026, 10, 20), date(2026, 11, 15), date(2026, 11, 21))
    assert days == [date(2026, 11, 16), date(2026, 11, 9), date(2026, 11, 2), date(2026, 10, 26)]
    assert asof.mondays(date(2026, 11, 16), date(2026, 11, 16), date(2026, 11, 16)) == []


def test_nothing_of_a_file_is_in_what_a_job_leaves(empty_home):
    """The sample holds made-up names, numbers and addresses; no job file holds one of them."""
    path = SAMPLES / "grid" / "grid_event.csv"
    secrets = ("钱一", "钱某", "19900000021", "和平路18号")
    assert all(secret in path.read_text(encoding="utf-8-sig") for secret in secrets)
    at = choose_files(intake(), path)
    settled(press(at, "导入"))
    left = [file.read_text(encoding="utf-8") for file in (empty_home.path / "jobs").rglob("*") if file.is_file()]
    assert left and not [secret for secret in secrets for text in left if secret in text]
    assert upload.ended(jobs.recent(1)[0]).startswith("导入 1 个文件完成")


def test_every_batch_of_the_demo_city_can_be_told(full):
    """Whatever its ledger row holds: coordinate systems, totals, notes."""
    ledger = jobs.ask("batches")["batches"]
    told = [files.about(batch) for batch in ledger]
    assert all(line.endswith("。") for lines in told for line in lines)
    positioned = [lines for lines, batch in zip(told, ledger, strict=True) if batch["crs"]]
    assert positioned and all(any("坐标系 CGCS2000（" in line for line in lines) for lines in positioned[:3])
