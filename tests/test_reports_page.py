"""报告中心: a report reads as its document does, is sound, is taken away, and is frozen once."""

import hashlib
import re
import shutil
from concurrent.futures import Future
from datetime import date
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from app import aside, page, wording
from app.reports import make, register
from tests.test_views import MONDAY_AFTER, copied, opened_at, said, sql


@pytest.fixture
def office(demo_home, monkeypatch, tmp_path) -> Path:
    """A copy of the demo city with a state of its own, on the Monday after its last week."""
    home = copied(demo_home, tmp_path)
    monkeypatch.setenv("YANPAN_HOME", str(home))
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    return home


def buttons(at: AppTest) -> list[str]:
    return [button.proto.label for button in at.get("download_button")]


def test_the_last_week_reads_as_a_document(full):
    at = opened_at("reports")
    assert not at.exception
    (n,) = sql(full, "select count(*) from event where registered_on between '2026-11-09' and '2026-11-15'")[0]
    text = said(at)
    for words in (
        "诉求风险研判周报",
        "2026年第46期",
        "安澜市诉求研判中心",
        "2026年11月16日",
        f"登记诉求{wording.number(n)}件",
        "一、基本情况",
        "口径说明",
    ):
        assert words in text, words
    assert re.search(r"勾稽 \d+ 项全部相符", text) and "内部资料" not in text
    assert sorted(buttons(at)) == ["Excel", "PDF", "PPT", "Word"]
    assert len(at.get("image")) >= 2  # the same pictures as in Word
    assert at.selectbox(key="period").value == "2026-W46" and at.query_params["period"] == "2026-W46"
    weekly = opened_at("weekly")
    (link,) = [link.proto for link in weekly.get("page_link") if link.proto.label == "生成本期材料"]
    assert link.query_string == "kind=weekly&period=2026-W46"
    assert weekly.metric[0].value == wording.number(n)


def test_a_report_that_is_being_made_shows_when_it_is_ready(office, monkeypatch):
    """The page is there at once, the rest comes; a process that was killed is said, and the next look tries again."""
    begun: list[Future] = []

    def begin(work, *arguments, **named) -> Future:
        begun.append(Future())
        return begun[-1]

    monkeypatch.setattr(aside, "begin", begin)
    at = opened_at("reports")
    assert not at.exception and "正在汇总本期数字" in said(at) and not buttons(at)
    assert not opened_at("reports").exception and len(begun) == 1, "made once for all who look"
    begun[0].set_exception(aside.Gone("看板旁边的进程意外中止。请重试。"))
    at.run()
    assert not at.exception and "意外中止" in said(at) and not buttons(at)
    monkeypatch.undo()
    monkeypatch.setenv("YANPAN_HOME", str(office))
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    at.run()
    assert not at.exception and "一、基本情况" in said(at) and len(buttons(at)) == 4


def test_each_check_is_shown_on_demand(full):
    at = opened_at("reports")
    assert not at.dataframe
    at.button(key="checks").click().run()
    shown = at.dataframe[0].value
    assert f"勾稽 {len(shown)} 项全部相符" in said(at) and set(shown["is_ok"]) == {"✓ 相符"}


def test_what_is_chosen_stands_in_the_address(full):
    at = opened_at("reports", kind="monthly", period="2026-10", area="990101", audience="units")
    assert not at.exception
    text = said(at)
    assert "云溪区诉求办理月度通报" in text and "2026年第10期" in text and "2026年10月" in text
    at.checkbox(key="internal").check().run()
    assert "内部资料" in said(at)
    at.segmented_control(key="kind").set_value("annual").run()
    assert not at.exception
    assert at.query_params["period"] == "2025" and "信访工作年度报告" in said(at)


@pytest.mark.parametrize(
    ("period", "words"),
    [("2026-W60", "2026-W46 这样"), ("2019-W01", "2019年第1周没有入库的事项"), ("<b>x", "2026-W46 这样")],
)
def test_a_period_that_is_not_there_is_said(full, period, words):
    at = opened_at("reports", period=period)
    assert not at.exception
    assert words in said(at) and "另选一期" in said(at) and not buttons(at)
    at.button(key="newest_period").click().run()
    assert at.query_params["period"] == "2026-W46" and "一、基本情况" in said(at)


def test_only_the_office_freezes_and_what_is_frozen_stays(office, monkeypatch):
    at = opened_at("reports")
    assert "由研判中心定稿" in said(at) and not [one for one in at.button if one.label.startswith("定稿")]
    at.segmented_control(key="role").set_value("office").run()
    at.number_input[0].set_value(45).run()
    at.pills(key="frozen_formats").set_value(["xlsx", "pdf"]).run()
    (button,) = [one for one in at.button if one.label == "定稿第45期"]
    button.click().run()
    assert not at.exception
    assert "第45期已定稿，2 个文件存档" in said(at) and "2026年第45期" in said(at)
    (issue,) = register.issues()
    assert (issue.number, issue.revision, issue.role, issue.area_code) == (45, 1, "office", "")
    assert [one.label for one in at.button if "更正版" in one.label] == ["定稿第45期更正版"]
    at.query_params["tab"] = "已定稿"
    at.run()
    assert "诉求风险研判周报 2026年第46周 第45期" in said(at) and buttons(at) == ["Excel", "PDF"]
    assert at.code[0].value == issue.command()
    Path(office / issue.files[0].path).write_bytes(b"changed")
    at.run()
    assert "与定稿时不一致" in said(at) and buttons(at) == ["PDF"]


def test_a_download_is_the_file_of_the_command_and_is_noted(office, monkeypatch, tmp_path):
    pressed = {}
    monkeypatch.setattr(
        "streamlit.delta_generator.DeltaGenerator.download_button",
        lambda _self, label, make, name, *rest, **words: pressed.update({label: (make, name)}),
    )
    at = opened_at("reports", asof="2026-11-16")
    assert "还没有算过" in said(at)
    (marts,) = (office / "marts").glob("marts-*.duckdb")
    shutil.copy(marts, office / "marts" / "asof-2026-11-16.duckdb")
    at = opened_at("reports", asof="2026-11-16")
    assert not at.exception and "不能定稿" in said(at)
    take, name = pressed["Excel"]
    content = take()
    (row,) = make.write([make.compose("weekly", as_of=date(2026, 11, 16))], ["xlsx"], tmp_path / "out")
    assert (Path(row["path"]).name, row["sha256"]) == (name, hashlib.sha256(content).hexdigest())
    assert [(one["page"], one["what"], one["n_bytes"]) for one in register.exports()] == [
        ("yanpan report", name, len(content)), ("reports", name, len(content)),
    ]  # fmt: skip
    at = opened_at("reports", asof="2026-11-16", tab="导出记录")
    assert at.dataframe[0].value["page"].to_list() == ["命令行", "报告中心"]


def test_what_does_not_add_up_is_not_offered(office):
    with duckdb.connect(next((office / "marts").glob("marts-*.duckdb"))) as connection:
        connection.execute("delete from daily_counts where registered_on = date '2026-11-11'")
    at = opened_at("reports")
    assert not at.exception
    assert "勾稽校验未通过" in said(at) and not buttons(at)


def test_settings_and_templates_that_cannot_be_used(office):
    (office / "templates").mkdir()
    (office / "templates" / "report.docx").write_text("这不是 Word 文件")
    at = opened_at("reports")
    assert not at.exception and "report.docx" in said(at)
    assert [button.proto.disabled for button in at.get("download_button")] == [True, False, False, False]
    (office / "reports.toml").write_text("office = 1", encoding="utf-8")
    at = opened_at("reports")
    assert not at.exception and "office" in said(at) and not buttons(at)


def test_without_a_state_it_can_still_be_read(full, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'file' / 'state.sqlite'}")
    at = opened_at("reports")
    assert not at.exception and "办理状态库" in said(at) and len(buttons(at)) == 4
    for tab in ("已定稿", "导出记录"):
        at = opened_at("reports", tab=tab)
        assert not at.exception and "办理状态库" in said(at)


def test_how_to_run_it_by_the_clock_can_be_copied(full):
    at = opened_at("reports", tab="定时生成")
    assert not at.exception and "yanpan report weekly" in at.code[0].value


def test_empty_and_stale(empty_home, monkeypatch):
    at = opened_at("reports")
    assert not at.exception and "尚无数据" in said(at) and not buttons(at)


def test_stale_is_said_calmly(full, monkeypatch):
    monkeypatch.setattr(page, "today", lambda: date(2027, 1, 4))
    at = opened_at("reports", tab="已定稿")
    assert not at.exception and "最近一次登记是 2026年11月15日" in said(at) and "还没有定稿过" in said(at)
