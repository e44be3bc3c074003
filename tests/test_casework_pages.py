"""The closed loop on the pages: each role, somebody faster, a state that cannot be read, warnings of every kind."""

import shutil
import uuid
from datetime import datetime

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from app import wording
from app.casework import cases
from tests.test_views import copied, opened_at, said, sql


def newest(home) -> dict:
    """The most urgent warning of the last week for which somebody is responsible: its row."""
    with duckdb.connect(home.marts / home.current.read_text().strip(), read_only=True) as connection:
        rows = connection.sql(
            "from signal where responsible_unit is not null order by week_start_on desc, rank limit 1"
        )
        return rows.pl().row(0, named=True)


def act(signal: dict, action: str, at: datetime | None = None, **given: str) -> cases.Case:
    """A step taken elsewhere."""
    role = {
        "push": "office",
        "close": "office",
        "dismiss": "office",
        "sign": "unit",
        "measure": "unit",
        "reply": "unit",
    }
    unit = signal["responsible_unit"] if role[action] == "unit" else None
    seq = cases.case(signal["signal_id"]).seq
    return cases.act(signal, action, role=role[action], unit=unit, expected_seq=seq, request_id=uuid.uuid4().hex, at=at, **given)  # fmt: skip


def handled_to(signal: dict, last: str, at: datetime | None = None) -> None:
    """All steps up to `last`."""
    steps = {
        "push": {"to_unit": signal["responsible_unit"]}, "sign": {}, "measure": {"note": "已抢修"},
        "reply": {"note": "已恢复"}, "close": {"note": "属实", "finding": "confirmed"},
    }  # fmt: skip
    for action, given in steps.items():
        act(signal, action, at=at, **given)
        if action == last:
            return


def as_role(at: AppTest, role: str, unit: str | None = None) -> AppTest:
    at.segmented_control(key="role").set_value(role).run()
    if unit:
        at.selectbox(key="role_unit").set_value(unit).run()
    assert not at.exception
    return at


def offered(at: AppTest) -> list[str]:
    """The actions of the panel."""
    return [word for group in at.segmented_control if group.label == "要做什么" for word in group.options]


def confirm(at: AppTest) -> AppTest:
    (button,) = [button for button in at.button if button.label.startswith("确认")]
    button.click().run()
    assert not at.exception
    return at


def test_nobody_acts_before_saying_who_it_is(full):
    at = opened_at("warning", id=newest(full)["signal_id"])
    assert "先在上面选定身份" in said(at) and "未启用登录，身份由使用者自选" in said(at)
    assert not [button for button in at.button if button.label.startswith("确认")]


def test_the_office_pushes_to_the_unit_proposed(full):
    signal = newest(full)
    at = as_role(opened_at("warning", id=signal["signal_id"]), "office")
    assert offered(at) == ["推送", "判为误报"]
    key = f"_request_push_{signal['signal_id']}_0"
    request = at.session_state[key]
    assert at.run().session_state[key] == request  # a second click is the same step
    confirm(at)
    assert "已推送。" in said(at) and "待签收" in said(at)
    (row,) = cases.current([signal["signal_id"]]).to_dicts()
    assert (row["status"], row["to_unit"]) == ("pushed", signal["responsible_unit"])
    assert "role" not in at.query_params
    at.switch_page("views/early_warnings.py").run()
    assert at.segmented_control(key="role").value == "office"  # the reader need not say it again
    assert "还在办 1 条：待签收 1" in said(at)


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("leader", ["催办", "写批示"]),
        ("office", ["转办", "判为误报", "催办"]),
        ("unit", ["签收", "异议退回"]),
    ],
)
def test_each_role_is_offered_its_own_steps(full, role, words):
    signal = newest(full)
    handled_to(signal, "push")
    unit = signal["responsible_unit"] if role == "unit" else None
    assert offered(as_role(opened_at("warning", id=signal["signal_id"]), role, unit)) == words


def test_a_unit_acts_on_its_own_cases_alone(full):
    signal = newest(full)
    handled_to(signal, "push")
    (other,) = sql(full, f"select min(unit_name) from quality_unit where unit_name <> '{signal['responsible_unit']}'")[
        0
    ]
    at = as_role(opened_at("warning", id=signal["signal_id"]), "unit", other)
    assert not offered(at) and f"这一条不在{other}办理" in said(at)
    assert "待你处理：没有。" in said(as_role(opened_at("early_warnings"), "unit", other))
    mine = as_role(opened_at("weekly"), "unit", signal["responsible_unit"])
    assert "待你处理 1 条：待签收 1 条" in said(mine)


def test_a_note_that_is_wanted_and_one_that_names_a_phone(full):
    signal = newest(full)
    handled_to(signal, "sign")
    at = as_role(opened_at("warning", id=signal["signal_id"]), "unit", signal["responsible_unit"])
    assert offered(at)[0] == "登记处置"
    assert "须填写采取的措施" in said(confirm(at))
    at.text_area[0].set_value("已派人查看，电话13812345678")
    assert "13812345678" not in said(confirm(at)) and "已派人查看" in said(at)


def test_somebody_was_faster(full):
    signal = newest(full)
    handled_to(signal, "reply")
    at = as_role(opened_at("warning", id=signal["signal_id"]), "office")
    at.segmented_control[-1].set_value("close").run()
    at.selectbox[-1].set_value("confirmed")
    at.text_area[0].set_value("抽查属实")
    act(signal, "close", note="属实", finding="confirmed")  # in another window
    confirm(at)
    assert "研判中心销号" in said(at) and "没有记入" in said(at)
    assert offered(at) == ["重开"]  # the fresh state
    assert len(cases.history(signal["signal_id"])) == 5


@pytest.mark.parametrize("view", ["weekly", "early_warnings", "warning"])
def test_pages_open_without_the_state(full, monkeypatch, tmp_path, view):
    (tmp_path / "文件").write_text("no folder")
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / '文件' / 'state.sqlite'}")
    at = opened_at(view, **({"id": newest(full)["signal_id"]} if view == "warning" else {}))
    assert not at.exception
    where = newest(full)["title"].split()[0]
    assert "办理状态库" in said(at) and where in said(at)
    assert not offered(at)


def test_a_warning_that_is_gone_is_shown_from_what_its_case_kept(full, monkeypatch, tmp_path):
    signal = newest(full)
    handled_to(signal, "push")
    gone = copied(full, tmp_path, f"delete from signal where signal_id = '{signal['signal_id']}'")
    monkeypatch.setenv("YANPAN_HOME", str(gone))
    at = as_role(opened_at("warning", id=signal["signal_id"]), "unit", signal["responsible_unit"])
    assert "已不再列出" in said(at) and wording.escape(signal["sentence"]) in said(at)
    assert "已签收。" in said(confirm(at))


UNIT_WARNING = (
    "insert into signal by name select 'aaaaaaaaaa' as signal_id, max(week_start_on) over () as week_start_on, 'yellow' as signal_level, "
    "e.kind, e.kind as kinds, 'county' as place_level, p.place_code, p.place_name, p.place_code as county_code, "
    "12 as observed, 30 as base, 3.0 as expected, 8.0 as upper_bound, 9.0 as excess, 1e-6 as p_value, 0.1 as chance_per_year, "
    "e.week_start_on as since_on, 1 as n_weeks, 99 as rank, '逾期偏多' as sentence, '{}' as evidence, '' as caveat, "
    "e.unit_name || ' 逾期偏多' as title, e.unit_name from evidence as e inner join place as p on p.place_level = 'county' "
    "where e.unit_name is not null and e.kind = 'overdue' order by e.week_start_on desc, e.unit_name limit 1"
)


def test_a_warning_about_a_unit_and_one_about_the_city(full, monkeypatch, tmp_path):
    (city,) = sql(full, "select place_code from place where place_level = 'city'")[0]
    of_city = (
        "update signal set place_level = 'city', place_code = '" + city + "', county_code = null, matter_id = 'gone', "
        f"blind_spots = '[\"夜间不巡查\"]' where signal_id = '{newest(full)['signal_id']}'"
    )
    monkeypatch.setenv("YANPAN_HOME", str(copied(full, tmp_path, UNIT_WARNING, of_city)))
    at = opened_at("warning", id="aaaaaaaaaa")
    assert not at.exception
    assert "逾期偏多" in said(at) and "占到期的比例" in at.get("plotly_chart")[0].proto.spec
    at = opened_at("warning", id=newest(full)["signal_id"])
    assert not at.exception
    assert "夜间不巡查。" in said(at)
    at = opened_at("early_warnings")
    assert not at.exception


def test_what_comes_back_after_it_was_closed(full):
    signal = newest(full)
    handled_to(signal, "close", at=datetime(2026, 10, 1, 9))
    at = as_role(opened_at("warning", id=signal["signal_id"]), "office")
    assert "销号后又出现" in said(at) and offered(at) == ["重开"]
    frame = opened_at("early_warnings", standing=cases.AGAIN).dataframe[0].value
    assert frame["title"].to_list() == [signal["title"]] and frame["standing"].to_list() == ["销号后又出现"]


def test_the_list_says_what_was_found_of_those_that_ended(full):
    handled_to(newest(full), "close", at=datetime(2026, 11, 16, 9))
    assert "已办结 1 条中属实 1 条（100%，95% 区间" in said(opened_at("early_warnings"))


def test_a_past_day_is_looked_at_and_not_acted_on(full, monkeypatch, tmp_path):
    home = copied(full, tmp_path)
    (name,) = (home / "marts").glob("marts-*.duckdb")
    shutil.copy(name, home / "marts" / "asof-2026-11-16.duckdb")
    monkeypatch.setenv("YANPAN_HOME", str(home))
    at = as_role(opened_at("warning", id=newest(full)["signal_id"], asof="2026-11-16"), "office")
    assert "正在回看过去的一天，不能办理" in said(at) and not offered(at)


def test_another_week_of_a_story_is_said(full):
    at = opened_at("warning", id=newest(full)["signal_id"], week="2025-W01")
    assert not at.exception
    assert "（2025-W01）没有列出" in said(at)


def test_what_is_handled_elsewhere_is_not_new(full, monkeypatch, tmp_path):
    signal = newest(full)
    handled_to(signal, "push")
    twin = (
        "insert into signal select * replace ('bbbbbbbbbb' as signal_id, 98 as rank) from signal "
        f"where signal_id = '{signal['signal_id']}' and week_start_on = '{signal['week_start_on']}'"
    )
    monkeypatch.setenv("YANPAN_HOME", str(copied(full, tmp_path, twin)))
    frame = opened_at("early_warnings", standing=cases.COVERED).dataframe[0].value
    assert frame["rank"].to_list() == [98] and frame["standing"].to_list() == ["办理中的同一件事"]
    at = opened_at("warning", id="bbbbbbbbbb")
    (link,) = [link for link in at.get("page_link") if link.proto.label == "办理中的那一条"]
    assert f"id={signal['signal_id']}" in link.proto.query_string
