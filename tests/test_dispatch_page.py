"""智能分派: a text, the queue, a table, the model; what a clerk chooses is kept, what is pasted is not."""

import io
import json
import shutil
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest
from test_views import copied, opened, said

from app import alike, handling, suggesting, wording
from app.casework import choices, store
from app.casework.cases import Refused
from app.charts.reliability import reliability
from app.exports import csv_text
from app.parts import dispatch, dispatch_batch, dispatch_model
from app.parts.dispatch import Text
from pipelines.config import Home
from pipelines.dispatch import batch, model, suggest
from pipelines.errors import SourceError, YanpanError

NAME, PHONE = "诸葛大力", "13912345678"
LIFT = f"反映云溪区电梯故障\n我叫{NAME}，电话{PHONE}。小区电梯坏了三天，电梯困人，300多户业主交了12.5万元"
OFFICE = {"role": "office", "actor_unit": None}


@pytest.fixture(scope="module")
def taught(demo_home, tmp_path_factory) -> Home:
    """A copy of the demo city's marts with a model taught on a few of its items."""
    home = Home(tmp_path_factory.mktemp("taught"))
    for name in ("marts", "reference"):
        shutil.copytree(demo_home.path / name, home.path / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "MAX_TEXTS", 500)
        model.train(home, now=datetime(2026, 11, 16, 6))
    return home


@pytest.fixture
def learned(full, taught, monkeypatch, tmp_path) -> Home:
    monkeypatch.setenv("YANPAN_HOME", str(taught.path))
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'state.sqlite'}")
    return taught


def asked(text: str, **query_params: str) -> AppTest:
    at = opened("dispatch", **query_params)
    at.text_area(key="dispatch_words").set_value(text)
    at.button(key="dispatch_ask").click().run()
    assert not at.exception
    return at


# ---- one text


def test_a_model_that_cannot_be_read_is_said_and_done_without(full, taught, monkeypatch, tmp_path):
    home = Home(tmp_path / "torn")
    shutil.copytree(taught.path, home.path)
    kept = next((home.path / "models").rglob("model.npz"))
    kept.write_bytes(kept.read_bytes()[:1000])
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    shown = said(asked(LIFT))
    assert "文件不完整" in shown and "只按词库和职责清单建议" in shown and "电梯故障" in shown
    with pytest.raises(YanpanError, match="文件不完整"):
        suggest.tools(home)


def test_a_pasted_text_is_judged_redacted_and_kept_nowhere(learned, tmp_path, caplog):
    at = asked(LIFT)
    shown = said(at)
    assert "电梯故障 → 云溪区市场监督管理局" in shown and "把握" in shown
    assert {"300多户", "12.5万元"} <= set(at_facts(at))
    assert "办结" in shown and "近一年云溪区" in shown and "用时" in shown
    everything = f"{shown}{at.text_area(key='dispatch_words').value}{dict(at.query_params)}{caplog.text}"
    everything += "".join(str(at.session_state[key]) for key in ("_dispatch_text", "dispatch_words"))
    assert NAME not in everything and PHONE not in everything and "〔姓名〕" in everything
    for path in [*tmp_path.rglob("*"), *(learned.path / "models").rglob("*")]:
        assert not path.is_file() or PHONE.encode() not in path.read_bytes()
    at.button(key="dispatch_clear").click().run()
    assert "给出建议" in said(at) and "电梯" not in said(at)


def at_facts(at: AppTest) -> list[str]:
    bodies = "".join(element.proto.body for element in at.get("html"))
    return [part.split("</span>")[0] for part in bodies.split("</i>")[1:]]


def test_without_a_model_the_words_speak_and_the_page_says_so(full):
    at = asked(LIFT)
    assert "词库" in said(at) and "只按词库和职责清单建议" in said(at) and "电梯故障 →" in said(at)


def test_what_is_not_understood_looks_different(learned):
    at = asked("Lorem ipsum dolor sit amet")
    assert "没有把握，请人工判断" in said(at)
    assert any('class="suggested abstains"' in element.proto.body for element in at.get("html"))


def test_strange_wording_leaves_it_to_the_words(learned):
    [found] = suggest.suggest(suggest.tools(learned), ["Lorem ipsum dolor sit amet, consectetur：小区电梯困人"])
    assert found.issue_code == "0206" and found.probability is None and "只按词库" in found.reason
    assert [suggest.percent(one) for one in (0.997, 0.923, None)] == [">99%", "92%", ""]


def test_an_accusation_is_led_on_and_not_looked_into(learned):
    at = asked("举报某局局长收钱，幸福路的电梯坏了", purpose="检举控告")
    assert "只计数" in said(at) and "纪检监察" in said(at)
    assert "过去类似的件" not in said(at) and not at_facts(at)


def test_matched_words_are_marked_and_nothing_of_the_text_is_markup(learned):
    at = asked("<b>电梯故障</b>电梯困人")
    bodies = "".join(element.proto.body for element in at.get("html"))
    assert "<mark" in bodies and "<b>电梯" not in bodies and "&lt;b&gt;" in bodies


# ---- the queue


def queue(**query_params: str) -> AppTest:
    at = opened("dispatch", part="待分派的件", **query_params)
    assert not at.exception
    return at


def test_a_choice_is_kept_and_the_newest_holds(learned):
    before = {path: path.stat().st_mtime_ns for path in (learned.path / "marts").iterdir()}
    at = queue()
    assert "未派单位" in at.dataframe[0].value["why"].to_list()
    key = at.session_state["_dispatch_shown"][0]
    assert "先选定身份" in said(at)
    at.button_group(key="role").set_value("office").run()
    at.button(key=f"accept_{key}").click().run()
    assert not at.exception and "已记下：采纳" in said(at)
    [first] = choices.current().to_dicts()
    assert (
        first["event_key"] == key and first["chosen_issue"] == first["suggested_issue"] and first["model_version"] == 1
    )
    at.button(key=f"refuse_{key}_{first['id']}").click().run()
    [last] = choices.current().to_dicts()
    assert (last["verdict"], last["chosen_issue"], last["chosen_unit"]) == ("refused", None, None)
    assert "已选：不采纳" in said(at)
    at.selectbox(key=f"issue_{key}_{last['id']}").set_value("0301")
    at.button(key=f"changed_{key}_{last['id']}").click().run()
    assert choices.current()["verdict"].to_list() == ["changed"] and choices.current()["chosen_issue"].to_list() == [
        "0301"
    ]
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(store.dispatch_choice)).scalar() == 3
    assert before == {path: path.stat().st_mtime_ns for path in (learned.path / "marts").iterdir()}
    at = opened("dispatch", part="模型与词库")
    assert "1 件有选择：采纳 0 件（0%），改选 1 件" in said(at)


def test_the_week_is_compared_with_what_was_done(learned):
    at = queue(queue="week", source="hotline")
    table = at.dataframe[0].value
    assert "与实际分派相比" in said(at) and set(table["agrees"].dropna()) <= {"一致", "单位不同", "事项不同"}
    assert len(table) <= 200 and at.session_state["_dispatch_shown"][0]


def test_an_empty_queue_is_said(learned, monkeypatch, tmp_path):
    home = copied(
        learned,
        tmp_path,
        "update event set unit_name = '云溪区公安分局', category_raw = '别的' where unit_name is null",
    )
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = queue()
    assert "没有等着分派的件" in said(at) and not at.dataframe


def test_what_is_counted_only_is_never_in_the_queue(learned, monkeypatch, tmp_path):
    home = copied(learned, tmp_path, "update event set is_counted_only = true")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    assert not queue(queue="week").dataframe


# ---- the state


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request, monkeypatch):
    if request.param == "postgresql":
        monkeypatch.setenv("YANPAN_STATE", request.getfixturevalue("postgres_state"))
    yield
    store.engine().dispose()
    store._engine.cache_clear()


def take(verdict: str, request_id: str, issue: str | None = None, unit: str | None = None, **who) -> str:
    suggested = {
        "event_key": "a" * 16, "suggested_issue": "0206", "suggested_unit": "市场监管局", "probability": 0.9,
        "is_abstained": False, "model_version": 3,
    }  # fmt: skip
    more = {**OFFICE, "version": "7", **who}
    return choices.record(suggested, verdict=verdict, issue=issue, unit=unit, request_id=request_id, **more)


def test_choices_are_appended_and_one_click_is_one_row(state):
    assert take("accepted", "a") == "accepted" == take("refused", "a")  # the same click
    assert take("changed", "b", "0206", "市场监管局") == "accepted"  # it changes nothing
    assert take("changed", "c", "0301", "人社局") == "changed"
    [row] = choices.current().to_dicts()
    assert (row["chosen_issue"], row["chosen_unit"], row["probability"]) == ("0301", "人社局", 0.9)
    for statement in ("update dispatch_choice set verdict = 'refused'", "delete from dispatch_choice"):
        with store.engine().connect() as connection, pytest.raises(sa.exc.IntegrityError, match="append-only"):
            connection.exec_driver_sql(statement)
    for wrong in ({"role": None}, {"role": "unit"}, {"role": "nobody"}):
        with pytest.raises(Refused, match="身份"):
            take("accepted", "d", **wrong)
    for verdict in ("changed", "maybe"):
        with pytest.raises(Refused):
            take(verdict, "d")


def test_what_is_taken_away_of_choices_leads_to_no_item(state):
    take("accepted", "a")
    names = {"0206": "电梯故障"}
    frame = dispatch_model.evaluation(choices.current(), names)
    text = csv_text.csv_bytes(frame, labels=dispatch_model.EVALUATION).decode("utf-8-sig")
    assert "电梯故障" in text and "采纳" in text and "照建议" in text
    assert "aaaa" not in text and "市场监管局" not in text
    assert dispatch_model.by_issue(choices.current(), names).to_dicts() == [
        {"issue_name": "电梯故障", "n_chosen": 1, "n_accepted": 1, "n_changed": 0, "n_refused": 0}
    ]


# ---- a table


def workbook(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_excel(buffer)
    return buffer.getvalue()


TABLE = pl.DataFrame({"编号": ["1", "2"], "姓名": [NAME, "李四"], "诉求内容": [LIFT, "啊"], "信访目的": ["投诉", None]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("表.csv", TABLE.write_csv().encode("utf-8-sig")),
        ("表.csv", TABLE.write_csv().encode("gb18030")),
        ("表.xlsx", workbook(TABLE)),
    ],
)
def test_a_table_is_read_and_only_the_suggestion_leaves(learned, name, content):
    frame = batch.read(name, content)
    assert frame.columns == TABLE.columns and batch.text_column(frame.columns) == "诉求内容"

    def page(name, content):
        from app import marts
        from app.parts import dispatch_batch
        from pipelines.dispatch import batch

        marts.begin_run()
        import streamlit as st

        st.session_state["_found"] = dispatch_batch._judged(batch.read(name, content), "诉求内容", "信访目的")

    at = AppTest.from_function(page, args=(name, content), default_timeout=60).run()
    assert not at.exception
    found = at.session_state["_found"]
    assert found.columns == [*batch.COLUMNS, dispatch_batch.TEXT]
    assert found["行"].to_list() == ["2", "3"] and found["事项"].to_list()[0] == "电梯故障"
    assert found["建议"].to_list()[1] == "人工判断"
    assert not any(secret in found.write_csv() for secret in (NAME, PHONE, "李四"))


def test_what_is_no_table_is_one_sentence():
    with pytest.raises(SourceError, match="不是完整的表格"):
        batch.read("坏.xlsx", b"PK nothing")
    assert batch.text_column(["甲", "乙"]) is None and batch.text_column(["工单正文"]) == "工单正文"


# ---- model and words


def test_the_model_is_told_with_what_it_lacks(learned):
    at = opened("dispatch", part="模型与词库")
    assert not at.exception
    assert (
        "版本 1，2026年11月16日" in said(at)
        and "1（现用）" in said(at)
        and "各事项建议得怎样" in said(at)
        and "还没有人选过" in said(at)
    )
    at.button(key="dispatch_drift").click().run()
    assert "稳定性指数" in said(at)


def test_an_older_version_and_one_with_everything_are_shown(learned, monkeypatch, tmp_path):
    home = tmp_path / "copy"
    shutil.copytree(learned.path, home)
    path = next((home / "models" / "dispatch").glob("[0-9]*/model.json"))
    about = json.loads(path.read_text(encoding="utf-8"))
    pair = {"issue_code": "0206", "unit_name": "甲局", "suggested_unit": "乙局", "n_known": 50, "n_returned": 10}
    about |= {
        "units": {"n": 90, "top1": 0.875, "top3": 0.96, "abstained_share": 0.1, "top1_given_issue": 0.9, "top3_given_issue": 0.98},
        "returns": {key: {"n": 50, "n_known": 40, "n_returned": n} for key, n in (("agrees", 2), ("differs", 8))},
        "differs": [pair | {"n": 60}, pair | {"n": 4, "unit_name": "丙局"}],
        "relabelled": [{"issue_code": "0206", "suggested_code": "0301", "n": 9}],
    }  # fmt: skip
    path.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = opened("dispatch", part="模型与词库")
    assert not at.exception
    assert "87.5%" in said(at) and "相同的件退回 5.0%，不同的退回 20.0%" in said(at)
    units = [table.value for table in at.dataframe if "suggested_unit" in table.value]
    assert [frame["unit_name"].to_list() for frame in units] == [["甲局"]]  # 4 items are too few to be told
    for key in ("units", "returns", "differs", "relabelled", "reliability"):
        about.pop(key, None)
    path.write_text(json.dumps(about), encoding="utf-8")
    assert not opened("dispatch", part="模型与词库").exception


def test_no_model_says_the_command_and_words_can_be_taken(full):
    at = opened("dispatch", part="模型与词库")
    assert not at.exception and at.code[0].value == "yanpan dispatch train"
    assert [one.proto.label for one in at.get("download_button")] == list(dispatch_model.FILES)


def test_a_fault_in_the_offices_own_words_is_said(full, monkeypatch, tmp_path):
    home = copied(full, tmp_path)
    (home / "reference").mkdir()
    (home / "reference" / "keyword.csv").write_text("issue_code,word\n0000,滑冰场\n", encoding="utf-8")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = asked("滑冰场不开门")
    assert "第 2 行 issue_code 列" in said(at)


def test_reliability_draws_what_was_said_and_what_was_right():
    frame = pl.DataFrame({"said": [0.95, 0.5], "right_share": [0.9, 0.6], "n_texts": [100, 4]})
    line = reliability(frame, title="题").data[1]
    assert list(line.x) == [0.5, 0.95] and list(line.y) == [0.6, 0.9]
    assert "没有可画的数据" in reliability(frame.clear(), title="题").to_json()


# ---- what is alike, which path


def test_what_says_the_same_comes_first():
    others = ["路灯不亮，请维修", "电梯又坏了，没人修", "〔姓名〕反映小区电梯坏了三天", ""]
    found = alike.scores("小区的电梯坏了三天没人修\n〔姓名〕", others)
    assert found.argmax() == 2 and found[2] > found[1] > found[0] and found[3] == 0
    assert alike.scores("", others).tolist() == [0] * 4 and alike.scores("电梯", []).tolist() == []


def test_past_items_are_settled_of_the_issue_and_near_first(learned):
    def page():
        from datetime import date

        import streamlit as st

        from app import marts, page
        from app.parts import dispatch

        marts.begin_run()
        edition = page.edition_of(marts.meta())
        text = dispatch.Text("小区电梯坏了三天，电梯困人", county="990101", registered_on=date(2026, 11, 15))
        [found] = dispatch.judge(dispatch.tools(), [text])
        st.session_state["_near"] = dispatch.nearest(text, found, edition)

    near = AppTest.from_function(page, default_timeout=60).run().session_state["_near"]
    assert 0 < len(near) <= dispatch.LISTED and set(near["issue_code"]) == {"0206"}
    here = (near["county_code"] == "990101").to_list()
    assert here == sorted(here, reverse=True) and any(here)


def test_paths_by_purpose_issue_and_words(tmp_path):
    def names(issue=None, purpose=None, text=""):
        return [one.name for one in handling.hints(tmp_path, issue, purpose, text)]

    assert names("0206", "检举控告") == ["检举控告"]
    assert names("0301", "求决") == ["劳动保障监察"]  # a lawful path of its own before the petition path
    assert names("0206", "求决") == ["信访程序"] and names("0206") == []
    assert names("1401", None, "我要申请信息公开") == ["政府信息公开"]
    (tmp_path / "handling_path.csv").write_text(
        "path_code,path_name,issues,hint,is_active\npetition,,,,\nlift,电梯,0206,找维保,是\n", encoding="utf-8"
    )
    with pytest.raises(SourceError, match="第 2 行 path_name 列"):
        names("0206")
    (tmp_path / "handling_path.csv").write_text(
        "path_code,path_name,issues,hint\nlift,电梯,0206,找维保\n", encoding="utf-8"
    )
    assert names("0206") == ["电梯"]


def test_an_item_card_tells_its_facts_quietly():
    line = wording.fact_chips("幸福小区300余户业主被拖欠12.5万元<b>")
    assert line.count('class="fact"') == 3 and "<i>金额</i>12.5万元" in line
    assert wording.fact_chips(None) == wording.fact_chips("没有什么") == ""


def test_the_place_of_a_text_is_its_county_and_town():
    assert Text("话", county="990101").place == ("990101", "")
    assert Text("话", town="990101001").place == ("990101", "990101001")
    assert suggesting.redacted(LIFT) != LIFT and Path(handling.SEED).exists()
