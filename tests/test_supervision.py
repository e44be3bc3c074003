"""督办单: reopened and read; one page a warning, text that stays text, nothing small, the same bytes again."""

import datetime as dt
import io
import zipfile

import docx
import duckdb
import polars as pl
import pytest
from docx.oxml.ns import qn
from docx.shared import Mm
from streamlit.testing.v1 import AppTest

from app import disclosure, page
from app.casework import cases
from app.exports.supervision import sheet
from app.parts import supervision

UNIT = "云溪区住房和城乡建设局城市供热与燃气管理服务中心（供热保障应急指挥部办公室）驻和平街道站"
NASTY = '=HYPERLINK("http://x")<w:p/>&amp;{PAGE}\x00\x0b\ud800𠮷'


def make_sheet(**said) -> dict:
    return {
        "signal_id": "0a1b2c3d4e", "signal_level": "red", "title": "云溪区和平街道 供暖", "place": "云溪区和平街道",
        "week": "2026年第46周\n11月9日—11月15日", "unit": UNIT, "co_unit": "", "given_on": None, "limits": "交办后 1 个工作日内签收",
        "sentence": "云溪区和平街道“供暖”本周 60 件", "grounds": [("证据", "件数"), ("数量超出", "60")], "parts": "主要在 锦绣社区 31 件",
        "caveat": "白鹭县本周未上报", "blind_spots": ["没有拨打热线的人，系统看不到。"], "demands": ["核实情况，按期反馈。"],
    } | said  # fmt: skip


def make_history(*rows: dict) -> pl.DataFrame:
    blank = {"action": "push", "role": "office", "actor_unit": None, "at": dt.datetime(2026, 11, 16, 9, 30), "note": ""}
    schema = {"action": pl.String, "role": pl.String, "actor_unit": pl.String, "at": pl.Datetime, "note": pl.String}
    return pl.DataFrame([blank | row for row in rows], schema=schema)


def reopened(made: bytes):
    return docx.Document(io.BytesIO(made))


def forms(made: bytes) -> list[dict[str, str]]:
    """The forms as label → text, that of tables inside included."""
    read = []
    for table in reopened(made).tables:
        said: dict[str, str] = {}
        for row in table.rows:
            cells = list(dict.fromkeys(row.cells))
            for label, value in zip(cells[::2], cells[1::2], strict=True):
                inner = [cell.text for within in value.tables for line in within.rows for cell in line.cells]
                said[label.text] = "\n".join([value.text.strip(), *inner]).strip()
        read.append(said)
    return read


def test_it_says_what_was_found_and_what_is_asked():
    [form] = forms(sheet([make_sheet()], {}, {}, ["数据截至 2026年11月15日，数据版本 12。"]))
    assert form["事项"] == "云溪区和平街道 供暖" and form["主办单位"] == UNIT and form["办理期限"].startswith("交办后")
    assert form["依据"] == "证据\n件数\n数量超出\n60" and form["系统盲区"] and form["数据提醒"]
    assert "盖章" in form["签收"] and "盖章" in form["办理反馈"] and "年" in form["交办日期"]
    text = "\n".join(
        paragraph.text for paragraph in reopened(sheet([make_sheet()], {}, {}, ["数据版本 12。"])).paragraphs
    )
    assert "编号：0a1b2c3d4e" in text and "● 红" in text and "待推送" in text and "数据版本 12" in text
    assert "密" not in text and "不是应急预警" in text


def test_what_was_recorded_is_on_it():
    history = make_history(
        {},
        {"action": "sign", "role": "unit", "actor_unit": "区住建局"},
        {"action": "remind"},
        *(
            {"action": "measure", "role": "unit", "actor_unit": "区住建局", "note": f"第{n}步\n{'修' * 200}"}
            for n in range(5)
        ),
    )
    [form] = forms(sheet([make_sheet()], {"0a1b2c3d4e": {"status": "handling"}}, {"0a1b2c3d4e": history}, []))
    assert "2026-11-16 09:30 研判中心 推送" in form["签收"] and "区住建局 签收" in form["签收"]
    assert "另有 2 次记录" in form["办理反馈"] and "第4步 修" in form["办理反馈"] and "第1步" not in form["办理反馈"]
    assert "催办" not in form["办理反馈"] and form["办理反馈"].count("修") < 3 * 70


def test_what_the_unit_did_is_not_pushed_off_by_what_was_decided():
    theirs = {"role": "unit", "actor_unit": "区住建局"}
    history = make_history(
        {"action": "measure", "note": "先抢修", **theirs}, {"action": "measure", "note": "换阀门", **theirs},
        {"action": "reply", "note": "已恢复", **theirs}, {"action": "close", "note": "属实"}, {"action": "reopen", "note": "又停了"},
        {"action": "comment", "role": "leader", "note": "抓紧"}, {"action": "dismiss", "note": "重复登记"},
    )  # fmt: skip
    [form] = forms(sheet([make_sheet()], {"0a1b2c3d4e": {"status": "false_alarm"}}, {"0a1b2c3d4e": history}, []))
    lines = form["办理反馈"].split("\n")
    assert lines[0] == "（另有 4 次记录，见系统）"
    assert [line.split("：")[-1] for line in lines[1:4]] == ["换阀门", "已恢复", "重复登记"]


def test_who_gave_it_and_a_line_to_sign():
    [form] = forms(sheet([make_sheet(given_on=dt.date(2026, 11, 2), given_again="11月9日退回重办")], {}, {}, []))
    assert form["交办单位"] == "研判中心" and form["签发"] == ""
    assert form["交办日期"] == "2026年11月2日\n（11月9日退回重办）"
    assert supervision.DEMANDS[1] == "不属本单位职责的，请在登记处置之前异议退回，并写明理由。"


def test_text_stays_text():
    made = sheet(
        [make_sheet(title=NASTY, sentence=NASTY, unit=NASTY, grounds=[("证据", "件数"), (NASTY, "60")])],
        {},
        {},
        [NASTY],
    )
    [form] = forms(made)
    clean = '=HYPERLINK("http://x")<w:p/>&amp;{PAGE}𠮷'
    assert form["事项"] == form["情况"] == form["主办单位"] == clean
    body = reopened(made).element.body
    assert (
        not body.findall(f".//{qn('w:fldSimple')}")
        + body.findall(f".//{qn('w:instrText')}")
        + body.findall(f".//{qn('w:hyperlink')}")
    )


def test_the_page_is_that_of_an_office_document():
    document = reopened(sheet([make_sheet()], {}, {}, []))
    section = document.sections[0]
    sizes = (section.page_width, section.page_height, section.top_margin, section.left_margin, section.right_margin)
    for size, wanted in zip(sizes, (210, 297, 37, 28, 26), strict=True):
        assert size == pytest.approx(Mm(wanted), abs=Mm(0.1))
    used = {fonts.get(qn("w:eastAsia")) for fonts in document.element.body.iter(qn("w:rFonts"))}
    assert used == {"方正小标宋简体", "黑体", "仿宋_GB2312"}
    assert sum(column.width for column in document.tables[0].columns) == pytest.approx(Mm(156), abs=Mm(0.1))
    with zipfile.ZipFile(io.BytesIO(sheet([make_sheet()], {}, {}, []))) as archive:
        assert not [name for name in archive.namelist() if "font" in name and not name.endswith("fontTable.xml")]


def test_several_stand_on_pages_of_their_own_and_the_bytes_are_the_same_again():
    signals = [make_sheet(), make_sheet(signal_id="b"), make_sheet(signal_id="c")]
    made = sheet(signals, {}, {}, ["数据版本 12。"])
    breaks = [paragraph.paragraph_format.page_break_before for paragraph in reopened(made).paragraphs]
    assert breaks.count(True) == 2 and not breaks[0] and len(forms(made)) == 3
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert {member.date_time for member in archive.infolist()} == {(2020, 1, 1, 0, 0, 0)}
    assert made == sheet(signals, {}, {}, ["数据版本 12。"])
    said = reopened(made).core_properties
    assert (said.author, said.last_modified_by, said.created) == ("", "", said.modified)


# ---------------------------------------------------------------- from the marts


@pytest.fixture
def city(demo_home, monkeypatch, tmp_path):
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'state.sqlite'}")
    monkeypatch.setattr(page, "today", lambda: dt.date(2026, 11, 16))
    with duckdb.connect(demo_home.marts / demo_home.current.read_text().strip(), read_only=True) as connection:
        yield connection


def signals_of(city: duckdb.DuckDBPyConnection) -> list[dict]:
    return city.sql(
        """select s.*, coalesce(i.group_code, s.issue_code) as group_code, c.place_name as county_name from signal as s
        left join issue as i on i.issue_code = s.issue_code left join place as c on c.place_code = s.county_code
        qualify row_number() over (partition by s.signal_id order by s.week_start_on desc) = 1 order by s.signal_id"""
    ).pl().to_dicts()  # fmt: skip


@pytest.fixture
def made(city, monkeypatch):
    """What the button of a page gives for these warnings, made when pressed: signals → docx bytes."""

    def press(signals: list[dict]) -> bytes:
        kept = []
        monkeypatch.setattr(supervision.st, "download_button", lambda label, make, *rest, **words: kept.append(make))
        at = AppTest.from_function(_page, default_timeout=60)
        at.session_state["signals"] = signals
        at.run()
        assert not at.exception
        return kept[0]()

    return press


def _page():
    import streamlit as st

    from app import page
    from app.parts import supervision

    supervision.button(st.session_state["signals"], page.start("试页", "试？"))


def test_every_warning_of_the_demo_city_has_its_sheet(city, made):
    signals = signals_of(city)
    if not signals:
        pytest.skip("演示数据里没有预警")
    read = forms(made(signals))
    assert [form["事项"] for form in read] == [signal["title"] for signal in signals]
    for form, signal in zip(read, signals, strict=True):
        if signal["observed"] >= disclosure.threshold(signal["issue_code"]):
            assert form["情况"] == signal["sentence"]
        assert form["主办单位"].strip() and "个工作日内销号" in form["办理期限"]
        assert form["依据"].startswith("证据\n件数") or form["依据"] == "见情况。"
        small = [
            cell for cell in form["依据"].split("\n")[7::6] + form["依据"].split("\n")[8::6] if cell in list("1234")
        ]
        assert not small


def test_the_limits_count_from_the_day_it_was_handed_over(city, made):
    signals = signals_of(city)
    if not signals:
        pytest.skip("演示数据里没有预警")
    cases.act(
        signals[0],
        "push",
        role="office",
        to_unit="区住建局",
        expected_seq=0,
        request_id="r",
        at=dt.datetime(2026, 9, 30, 10),
    )
    [form] = forms(made(signals[:1]))
    assert form["主办单位"] == "区住建局" and form["交办日期"] == "2026年9月30日" and "研判中心 推送" in form["签收"]
    assert form["办理期限"].startswith("10月8日前签收；10月10日前处置；")  # after the holiday; a Saturday made up for


UNITS = {"role": "unit", "unit": "区住建局"}
HANDLED = [
    (2, "push", {"to_unit": "区住建局"}), (3, "sign", UNITS), (4, "measure", {"note": "抢修", **UNITS}),
    (5, "measure", {"note": "换阀门", **UNITS}), (6, "reply", {"note": "已恢复", **UNITS}),
]  # fmt: skip
"""Day of November, action, words."""
CLOSED = (9, "close", {"note": "属实", "finding": "confirmed"})


@pytest.mark.parametrize(
    ("steps", "given", "limits"),
    [
        ([*HANDLED[:2]], "2026年11月2日", "已于 11月3日签收；11月5日前处置；11月11日前反馈；11月16日前销号"),
        ([*HANDLED], "2026年11月2日", "已于 11月3日签收；已于 11月4日处置；已于 11月6日反馈；11月16日前销号"),
        (
            [*HANDLED, (9, "return", {"note": "还有两户"})],
            "2026年11月2日\n（11月9日退回重办）",
            "已于 11月3日签收；已于 11月4日处置；11月18日前反馈；11月23日前销号",
        ),
        (
            [*HANDLED, CLOSED],
            "2026年11月2日",
            "已于 11月3日签收；已于 11月4日处置；已于 11月6日反馈；已于 11月9日销号",
        ),
        (
            [*HANDLED, CLOSED, (10, "reopen", {})],
            "2026年11月2日\n（11月10日重开）",
            "11月11日前签收；11月13日前处置；11月19日前反馈；11月24日前销号",
        ),
        (
            [*HANDLED[:2], (4, "transfer", {"to_unit": "区城管局", "note": "职责"})],
            "2026年11月4日",
            "11月5日前签收；11月9日前处置；11月13日前反馈；11月18日前销号",
        ),
        (
            [*HANDLED[:2], (4, "dismiss", {"reason": "chance"})],
            "2026年11月2日",
            "已于 11月3日签收；已于 11月4日判为误报",
        ),
        ([(4, "dismiss", {"reason": "chance"})], "年　　月　　日", "已于 11月4日判为误报"),
        (
            [HANDLED[0], (3, "object", {"note": "职责", **UNITS})],
            "年　　月　　日",
            "交办后 1 个工作日内签收；3 个工作日内处置；7 个工作日内反馈；10 个工作日内销号",
        ),
    ],
)
def test_what_is_done_says_when_and_what_is_not_says_by_when(city, made, steps, given, limits):
    signal = signals_of(city)[0]
    for seq, (day, action, words) in enumerate(steps):
        at = dt.datetime(2026, 11, day, 9)
        cases.act(signal, action, **{"role": "office", **words}, expected_seq=seq, request_id=f"{seq}", at=at)
    [form] = forms(made([signal]))
    assert form["交办日期"] == given and form["办理期限"] == limits


def test_a_sensitive_small_count_is_not_on_it(city):
    signals = signals_of(city)
    if not signals:
        pytest.skip("演示数据里没有预警")
    signal = signals[0] | {
        "issue_code": "1002", "observed": 7, "sentence": "本周 7 件", "caveat": "86% 集中在一天",
        "evidence": '{"places":[{"name":"柳岸社区","code":"1","n_events":7}]}',
    }  # fmt: skip

    def look():
        import streamlit as st

        from app import marts
        from app.parts import supervision

        marts.begin_run()
        st.session_state["said"] = supervision.prepared(st.session_state["signal"])

    at = AppTest.from_function(look, default_timeout=60)
    at.session_state["signal"] = signal
    at.run()
    assert not at.exception
    said = at.session_state["said"]
    assert "7" not in said["sentence"] and "不足 10 件" in said["sentence"]
    assert not said["parts"] and not said["caveat"]
