"""专题、首办溯源、代办四单、意见建议: which items belong, counted one by one; bad rows; small counts; the page."""

import io
import json
import re
from collections import Counter
from datetime import date, datetime, time, timedelta

import openpyxl
import polars as pl
import pytest

from app import disclosure, downloads, page, topic_counts
from app.charts.seasons import month_calendar
from app.exports import picture
from app.reader import asking
from pipelines import build, topics
from pipelines.errors import SourceError
from tests.builders import add_reference, load, make_events
from tests.test_views import MONDAY_AFTER, opened_at, said, sql

LAST = date(2026, 11, 9)
SPAN = {
    "from_on": LAST - timedelta(weeks=51),
    "to_on": LAST,
    "before_on": LAST - timedelta(weeks=103),
    "county": None,
    "issue": None,
}
ISSUES = pl.DataFrame({"issue_code": ["0101", "0102", "0201"], "group_code": ["01", "01", "02"]})


@pytest.fixture(scope="module")
def own_topic(tmp_path_factory):
    """A small office with a topic of its own, narrowed by words and purpose, and the seed's 供暖 taken away."""
    from pipelines.config import home as open_home

    home = open_home(tmp_path_factory.mktemp("专题") / "home")
    add_reference(home)
    (home.reference / "topic.csv").write_text(
        "topic_id,topic_name,issues,words,purpose,is_active\n"
        "station,换热站,13,换热站 热力,求,是\nheating,供暖,1304,,,否\n",
        encoding="utf-8",
    )
    days = [{"registered_at": datetime.combine(date(2026, 10, 19) + timedelta(days=n), time(9))} for n in range(28)]
    heating = {"category_raw": "公用事业>供热>供暖服务"}
    said_of = heating | {"title": None, "text": "换热站停了", "purpose": "求助"}
    load(
        home,
        make_events(*days, **heating),  # no word of it
        make_events(*days[:9], n=2, **said_of),
        make_events(*days[:5], **said_of | {"purpose": "投诉"}),  # another purpose
        make_events(*days[:3], **said_of | {"title": "热力公司", "text": None, "closed_at": datetime(2026, 11, 10)}),
        make_events({"registered_at": datetime(2026, 11, 4, 9)}, n=7, purpose="建议", text="建议多装路灯"),
    )
    build.build(home, today=date(2026, 11, 16))
    return home


def asked(home, name: str, **parameters) -> pl.DataFrame:
    with asking(home.marts / home.current.read_text().strip()) as ask:
        return ask(name, **{"only_suggestions": False, "n_rows": 50, "offset": 0, **SPAN, **parameters})


# ---------------------------------------------------------------- what belongs


def test_the_seed_names_what_the_founding_documents_name(demo_home):
    known = asked(demo_home, "topics")
    named = known["topic_name"].to_list()
    wanted = ["问题楼盘", "双拖欠", "劳动社保", "征地拆迁", "物业", "供暖", "教育", "预付卡", "退役政策"]
    assert named == wanted
    assert not {"1207", "1407"} & {code for codes in known["issue_codes"] for code in codes.split(",")}


def test_the_mart_is_the_sum_of_the_items(demo_home):
    """Every topic, week, county and issue, counted item by item."""
    members: dict[str, list[str]] = {}
    for topic, issue in sql(demo_home, "select topic_id, issue_code from topic_issue"):
        members.setdefault(issue, []).append(topic)
    counted: Counter = Counter()
    for day, county, issue in sql(demo_home, "select registered_on, county_code, issue_code from event"):
        for topic in members.get(issue, []):
            counted[topic, day - timedelta(days=day.weekday()), county, issue] += 1
    found = sql(
        demo_home,
        "select topic_id, week_start_on, county_code, issue_code, sum(n_events) from topic_week group by all",
    )
    assert {key: n for *key_, n in found for key in [tuple(key_)]} == counted


def test_the_judged_sum_is_the_count_of_the_city(demo_home):
    found = dict(
        sql(
            demo_home,
            f"select topic_id, observed from weekly_topic where place_level = 'city' and week_start_on = '{LAST}'",
        )
    )
    counts = asked(demo_home, "topic_counts", from_on=LAST, before_on=LAST - timedelta(weeks=1))
    whole = dict(counts.filter(pl.col("issue_code").is_null()).select("topic_id", "n_events").iter_rows())
    assert found and all(whole[topic] == n for topic, n in found.items())
    parts = counts.filter(pl.col("issue_code").is_not_null()).group_by("topic_id").agg(pl.col("n_events").sum())
    assert all(whole[topic] == n for topic, n in parts.iter_rows())


def test_words_and_purpose_narrow_a_topic_and_a_row_of_the_office_takes_one_away(own_topic):
    known = asked(own_topic, "topics").rows_by_key("topic_id", named=True, unique=True)
    assert "heating" not in known and known["station"]["is_local"] and known["station"]["topic_order"] == 99
    n = 9 * 2 + 3
    assert sql(own_topic, "select sum(n_events) from topic_week where topic_id = 'station'") == [(n,)]
    parts = asked(own_topic, "topic_parts", topic="station").filter(pl.col("part_kind") == "all").row(0, named=True)
    assert (parts["n_events"], parts["n_listed"], parts["n_first"], parts["n_first_known"]) == (n, n, n, n)
    items = asked(own_topic, "topic_items", topic="station")
    assert len(items) == n and set(items["text"].drop_nulls()) == {"换热站停了"}


@pytest.mark.parametrize(
    ("line", "said_of_it"),
    [
        ("a,甲,9999,,,1,是,", "第 2 行 issues 列：发现“9999”"),
        ("a,,0101,,,1,是,", "第 2 行 topic_name 列：发现空白"),
        ("a,甲,0101,,,一,是,", "第 2 行 topic_order 列：发现“一”"),
        ("a,甲,0101,,,1,或许,", "第 2 行 is_active 列：发现“或许”"),
        ("a,甲,0101,,,1,是,\na,乙,0102,,,1,是,", "topic_id 列：发现“a”不止一行"),
    ],
)
def test_a_bad_row_is_one_sentence(line, said_of_it, tmp_path, monkeypatch):
    (tmp_path / "topic.csv").write_text(
        "topic_id,topic_name,issues,words,purpose,topic_order,is_active,note\n" + line + "\n", encoding="utf-8"
    )
    monkeypatch.setattr(topics, "SEEDS", tmp_path)
    with pytest.raises(SourceError) as wrong:
        topics.read(tmp_path / "none", ISSUES)
    assert f"topic.csv，{said_of_it}" in str(wrong.value) and "yanpan build" in str(wrong.value)
    (tmp_path / "topic.csv").write_text("topic_id,topic_name\na,甲\n", encoding="utf-8")
    with pytest.raises(SourceError, match="缺少列 issues"):
        topics.read(tmp_path / "none", ISSUES)


def test_a_group_stands_for_its_issues(tmp_path, monkeypatch):
    (tmp_path / "topic.csv").write_text("topic_id,topic_name,issues\na,甲,01 0201 0102\n", encoding="utf-8")
    monkeypatch.setattr(topics, "SEEDS", tmp_path)
    assert topics.read(tmp_path / "none", ISSUES)["codes"].to_list() == [["0101", "0102", "0201"]]


# ---------------------------------------------------------------- where from, how far


def test_parts_and_steps_are_counted_item_by_item(demo_home):
    """First-time items, repeats and steps of one year against a dull loop over the items."""
    columns = "source, unit_name, issue_code, is_first, is_repeat, is_answered, is_rated, answering_days, purpose"
    rows = sql(
        demo_home,
        f"select {columns} from item_fact where registered_on between '{SPAN['from_on']}' and '{LAST + timedelta(days=6)}'",
    )
    first, known, repeat, answered, suggested, days = Counter(), Counter(), Counter(), Counter(), 0, []
    for source, unit, _issue, is_first, is_repeat, is_answered, _rated, n_days, purpose in rows:
        mark = is_first if is_first is not None else None if is_repeat is None else not is_repeat
        known[unit] += mark is not None
        first[unit] += bool(mark)
        repeat[unit] += bool(is_repeat)
        answered[source] += bool(is_answered)
        suggested += "建议" in (purpose or "")
        if source == "petition" and is_answered and n_days is not None:
            days.append(n_days)
    parts = asked(demo_home, "topic_parts", topic=None)
    units = parts.filter(pl.col("part_kind") == "unit").select("unit_name", "n_first", "n_first_known", "n_repeat")
    assert {row[0]: row[1:] for row in units.iter_rows()} == {u: (first[u], known[u], repeat[u]) for u in known}
    steps = asked(demo_home, "topic_steps", topic=None)
    reached = dict(steps.filter(pl.col("step") == "answered").select("source", "n_reached").iter_rows())
    assert reached == dict(answered)
    row = steps.row(by_predicate=(pl.col("source") == "petition") & (pl.col("step") == "answered"), named=True)
    assert (row["n_timed"], row["median"]) == (len(days), pl.Series(days).median())
    some = asked(demo_home, "topic_parts", topic=None, only_suggestions=True).filter(pl.col("part_kind") == "all")
    assert some["n_events"].to_list() == [suggested]


def test_a_step_no_file_tells_is_no_zero():
    steps = pl.DataFrame(
        {
            "source": ["petition"] * 4,
            "step": ["registered", "accepted", "answered", "rated"],
            "n_known": [40, 0, 40, 40],
            "n_reached": [40, 0, 38, 3],
            "n_timed": [0, 0, 38, 3],
            **{name: [None, None, 5.0, 9.0] for name in topic_counts.DAYS},
        }
    )
    rows = topic_counts.stages(steps, "petition", 5).rows_by_key("step", named=True, unique=True)
    assert (rows["registered"]["value"], rows["forwarded"]["value"], rows["accepted"]["value"]) == (40, None, None)
    assert not rows["accepted"]["has_data"] and rows["accepted"]["mark"] is None
    assert (rows["answered"]["mark"], rows["answered"]["share"]) == (disclosure.HIDDEN, None)  # 38 of 40 says 2
    assert (rows["rated"]["mark"], rows["rated"]["median"]) == ("<5", None)
    assert topic_counts.stages(steps, "petition", 0)["value"].to_list() == [40, None, None, 38, 3]


def test_both_sides_of_a_share_are_protected():
    parts = pl.DataFrame(
        {
            "unit_name": ["甲", "乙", "丙"],
            "n_events": [60, 50, 30],
            "n_repeat": [58, 20, 10],
            "n_repeat_known": [60, 50, 12],
        }
    )
    safe = topic_counts.safe_rates(parts, "repeat", k=5, by="unit_name").rows_by_key(
        "unit_name", named=True, unique=True
    )
    assert safe["甲"]["n_repeat"] is None and safe["甲"]["repeat_share"] is None  # two of sixty are not
    assert safe["丙"]["repeat_share" + disclosure.MARK] in (topic_counts.FEW, disclosure.HIDDEN)
    bare = topic_counts.safe_rates(parts, "repeat", k=0, by="unit_name")
    assert bare["n_repeat"].to_list() == [58, 20, 10]
    assert bare["repeat_share"].to_list() == [pytest.approx(58 / 60), 0.4, None]


def test_first_and_repeat_are_hidden_together():
    parts = pl.DataFrame(
        {
            "unit_name": ["甲", "乙", "丙", "丁"],
            "n_events": [62, 50, 43, 80],
            "n_first": [60, 30, 23, 60],
            "n_first_known": [62, 50, 40, 80],
            "n_repeat": [2, 20, 17, 20],
            "n_repeat_known": [62, 50, 40, 80],
        }
    )
    marked = topic_counts.safe_rates(parts, "first", "repeat", k=5, by="unit_name")
    safe = marked.rows_by_key("unit_name", named=True, unique=True)
    counts = ["n_first", "n_first_known", "n_repeat", "n_repeat_known"]
    for unit in ("甲", "丙"):  # 60 first of 62 says two repeats; 40 of 43 says three without a mark
        assert [safe[unit][name] for name in (*counts, "repeat_share", "repeat_low")] == [None] * 6
        assert all(safe[unit][name + disclosure.MARK] for name in counts)
    assert safe["丁"]["n_first"] == 60
    assert not [name for name in marked.columns if name.startswith("_")]
    assert topic_counts.safe_rates(parts, "first", "repeat", k=0, by="unit_name")["n_first"].to_list() == [
        60,
        30,
        23,
        60,
    ]


def test_the_calendar_draws_and_hides():
    months = pl.DataFrame(
        {
            "issue_code": ["1304"] * 12 + ["1307"] * 12,
            "issue_name": ["供暖"] * 12 + ["煤改气"] * 12,
            "month_of_year": [*range(1, 13)] * 2,
            "n_weeks": [4] * 24,
            "n_events": [40, 20, 8, 0, 0, 0, 0, 0, 0, 0, 12, 40] + [3] + [0] * 11,
        }
    )
    city = topic_counts.safe_months(months, 5, is_city=True)
    assert city["index"][0] == pytest.approx(40 / 10) and city["index"][12] is None  # fewer than 20 in all
    county = topic_counts.safe_months(months, 5, is_city=False)
    assert county["n_events" + disclosure.MARK][12] == "<5" and county["per_week"][12] is None
    drawn = county.select(
        pl.col("issue_name").alias("label"),
        "month_of_year",
        "per_week",
        "index",
        pl.col("n_events__mark").alias("mark"),
    )
    figure = month_calendar(drawn, title="民情月历")
    words = [annotation.text for annotation in figure.layout.annotations]
    assert "&lt;5" in words and "12月" in words
    assert picture.png(figure, title="民情月历")[:4] == b"\x89PNG"


# ---------------------------------------------------------------- the page


def exported(monkeypatch) -> list[tuple]:
    made: list[tuple] = []
    button = downloads._button

    def seen(label, make, file_name, mime, key):
        made.append((label, make, file_name))
        button(label, make, file_name, mime, key)

    monkeypatch.setattr(downloads, "_button", seen)
    return made


def test_a_topic_on_one_page_and_in_a_county_nothing_small_leaves_it(full, monkeypatch):
    at = opened_at("topics", topic="property")
    assert not at.exception
    assert [metric.label for metric in at.metric] == ["登记", "去年同期", "按期率", "满意率", "预警"]
    for words in ("各专题", "民情月历", "同一事项", "具体事项", "房产物业大类的全部事项"):
        assert words in said(at)
    county = sql(full, "select county_code from topic_week where county_code is not null group by 1 order by 1")[0][0]
    made = exported(monkeypatch)
    at = opened_at("topics", topic="unpaid_wages", county=county)
    assert not at.exception
    books = [(name, openpyxl.load_workbook(io.BytesIO(make()))) for label, make, name in made if label == "数据 Excel"]
    assert len(books) >= 5
    for name, book in books:
        head, *rows = book.worksheets[0].iter_rows(values_only=True)
        for at_column, label in enumerate(head):
            if re.match("件数|上期|去年同期|按期$|满意$|已到期|已评价|登记", str(label)):
                small = [row[at_column] for row in rows if isinstance(row[at_column], int) and 0 < row[at_column] < 5]
                assert not small, (name, label, small)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("首办溯源", "从哪个单位来"),
        ("代办四单", "本库没有这些数据，不画成 0"),
        ("意见建议", "来源把诉求目的写作“意见建议”"),
    ],
)
def test_the_other_tabs(full, part, words):
    at = opened_at("topics", part=part)
    assert not at.exception
    assert words in said(at)
    assert not re.search(r"信访人|姓名|电话：", said(at))


def test_a_small_office_is_told_what_is_missing(own_topic, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(own_topic.path))
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    at = opened_at("topics", topic="station", weeks="4")
    assert not at.exception
    assert "只计标题或正文含“换热站”或“热力”，且诉求目的含“求”的。" in said(at)
    assert "不满一年" in said(at)
    at = opened_at("topics", part="意见建议", weeks="4")
    charts = {element.key: json.loads(element.proto.spec) for element in at.get("plotly_chart")}
    assert at.metric[0].value == "7 件" and "路灯" in str(charts["suggestion_words"])


def test_another_topic_begins_at_its_first_page(full, monkeypatch):
    monkeypatch.setattr("app.parts.issue.PAGE_ROWS", 5)

    def of_list(at) -> str:
        (found,) = at.get("pagination")
        return found.proto.query_param_key

    first = of_list(opened_at("topics", topic="property", weeks="52"))
    at = opened_at("topics", topic="property", weeks="52", **{first: "2"})
    assert at.session_state[first] == 2
    at.query_params["topic"] = "heating"
    at.run()
    assert not at.exception and of_list(at) != first and at.session_state[of_list(at)] == 1


def test_empty_and_stale_are_said(empty_home, demo_home, monkeypatch):
    assert "尚无数据" in said(opened_at("topics"))
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setattr(page, "today", lambda: date(2027, 1, 4))
    at = opened_at("topics", part="代办四单")
    assert not at.exception and "最近一次登记是 2026年11月15日" in said(at)
