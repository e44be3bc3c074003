"""Indicators: hand-made samples, a dull oracle, the laws counts obey, and what an office's own kpi.csv may say."""

import csv
import random
import shutil
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from builders import add_reference, load, make_events
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from app import kpis, stated
from app.reader import asking
from pipelines import build, ingest, kpi, publish
from pipelines.config import Home
from pipelines.config import home as open_home
from pipelines.errors import SourceError

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "kpi"
AS_OF = date(2026, 11, 16)
COUNTS = ("numerator", "denominator", "n_excluded", "n_unknown")
OWN_KPI = """kpi_id,variant,name,variant_name,unit,cohort,source,filter,excluded,numerator,denominator,target,better,basis,min_denominator,is_default,is_active,valid_from
quick,letters,来信速办率,本县,share,closed,petition,来信 & !(不予受理 | is_repeat),只计数,is_satisfied & is_closed,is_rated | is_over_due,95%,up,本县考核办法,5,是,是,2026-01-01
"""


# --- rules -------------------------------------------------------------------------------------------------------

KNOWN = kpi.Facts(("a", "b", "c"), ("days",), ("due",), {"a": "甲", "b": "乙", "c": "丙", "days": "天数"})
RULES = st.recursive(
    st.sampled_from(["a", "b", "c", "all"]),
    lambda part: st.one_of(
        st.tuples(st.just("!"), part), st.tuples(st.sampled_from("&|"), part, part)
    ),
    max_leaves=8,
)  # fmt: skip


def written(rule) -> str:
    """A rule as an office might type it, with more brackets than it needs."""
    match rule:
        case ("!", part):
            return f"!({written(part)})"
        case (sign, left, right):
            return f"({written(left)}) {sign} ({written(right)})"
    return rule


def meant(rule, facts: dict):
    """Three-valued truth, spelt out: None is not known."""
    match rule:
        case ("!", part):
            inner = meant(part, facts)
            return None if inner is None else not inner
        case (sign, left, right):
            both = (meant(left, facts), meant(right, facts))
            decisive = sign == "|"
            return decisive if decisive in both else None if None in both else not decisive
    return True if rule == "all" else facts[rule]


@settings(max_examples=10, deadline=None)
@given(rules=st.lists(RULES, min_size=20, max_size=20))
def test_a_rule_means_the_same_in_text_and_in_sql(rules):
    parsed = [kpi.parse(written(rule), KNOWN) for rule in rules]
    with duckdb.connect() as connection:
        table = connection.execute(
            f"select a, b, c, {', '.join(map(kpi.to_sql, parsed))} from (values (true), (false), (null::boolean)) as x(a),"
            " (values (true), (false), (null::boolean)) as y(b), (values (true), (false), (null::boolean)) as z(c)"
        ).fetchall()
    assert len(table) == 27
    for a, b, c, *got in table:
        assert got == [meant(rule, {"a": a, "b": b, "c": c}) for rule in rules]


def test_and_binds_before_or_and_labels_are_names():
    assert kpi.parse("a | 乙 & !c", KNOWN) == ("|", "a", ("&", "b", ("!", "c")))
    assert kpi.to_text(kpi.parse("a & (b | !c)", KNOWN), KNOWN.labels) == "甲且（乙或非丙）"


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "（到此为止）"), ("a &", "（到此为止）"), ("(a | b", "(a | b"), ("a b", "b"), ("a; drop table x", "a;"), ("!", "（到此为止）"), ("days", "days"), (")", ")"), ("a )", ")")],
)  # fmt: skip
def test_a_bad_rule_is_refused_with_the_known_names(text, found):
    with pytest.raises(kpi.RuleError) as error:
        kpi.parse(text, KNOWN)
    assert error.value.found == found
    assert "（" in error.value.expected or "括号" in error.value.expected


# --- the office's own file ---------------------------------------------------------------------------------------

GOOD = {
    "kpi_id": "own", "variant": "v", "name": "自定", "variant_name": "本县", "unit": "share", "cohort": "due",
    "source": "petition", "numerator": "a", "denominator": "b", "better": "up", "basis": "考核办法",
}  # fmt: skip


def own_file(folder: Path, *rows: dict) -> Path:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / "kpi.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def vocabulary(home) -> kpi.Facts:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{publish.version_file(home, 1)}' as marts (read_only)")
        return kpi.facts(connection)


@pytest.mark.parametrize(
    ("change", "where", "found", "expected"),
    [
        ({"unit": "percent"}, "第 2 行 unit 列", "“percent”", "share、days、count、index 之一"),
        ({"cohort": "born"}, "第 2 行 cohort 列", "“born”", "registered、accept_due、notify_due、due、closed、rated"),
        ({"numerator": "is_quick"}, "第 2 行 numerator 列", "“is_quick”", "is_first（初次信访）"),
        ({"numerator": "closing_days"}, "第 2 行 numerator 列", "“closing_days”", "分母中的一部分件数"),
        ({"unit": "days"}, "第 2 行 numerator 列", "“is_closed”", "closing_days（办理天数（整日））"),
        ({"denominator": ""}, "第 2 行 denominator 列", "空白", "必须填写"),
        ({"unit": "count"}, "第 2 行 denominator 列", "“is_due”", "计数没有分母"),
        ({"target": "九成"}, "第 2 行 target 列", "“九成”", "0.95 或 95%"),
        ({"target": "95"}, "第 2 行 target 列", "“95”", "0 到 1 之间的数"),
        ({"band_green": "0.8", "band_red": "0.9"}, "第 2 行 band_red 列", "“0.9”", "不优于 band_green"),
        ({"band_green": "0.8"}, "第 2 行 band_red 列", "空白", "同时"),
        ({"min_denominator": "0"}, "第 2 行 min_denominator 列", "“0”", "1 以上的整数"),
        ({"valid_from": "去年"}, "第 2 行 valid_from 列", "“去年”", "2026-01-31"),
        ({"basis": ""}, "第 2 行 basis 列", "空白", "必须填写"),
        ({"is_default": "true"}, "第 2 行 is_default 列", "“true”", "是、否 之一"),
        ({"colour": "红"}, "第 1 行", "不认识的列 colour", "表头取自"),
    ],
)  # fmt: skip
def test_a_bad_row_gives_one_sentence(tmp_path, vocabulary, change, where, found, expected):
    row = GOOD | {"numerator": "is_closed", "denominator": "is_due"} | change
    with pytest.raises(SourceError) as error:
        kpi.read_registry(own_file(tmp_path, row), AS_OF, vocabulary)
    assert f"kpi.csv，{where}：" in str(error.value)
    assert found in str(error.value)
    assert expected in str(error.value)


def test_own_rows_replace_add_wait_and_switch_off(tmp_path, vocabulary):
    seed = kpi.read_registry(tmp_path, AS_OF, vocabulary)
    assert not seed["is_local"].any()
    assert seed.group_by("kpi_id").agg(pl.col("is_default").sum())["is_default"].unique().to_list() == [1]
    base = GOOD | {"numerator": "is_closed", "denominator": "is_due"}
    folder = own_file(
        tmp_path,
        base | {"kpi_id": "reply_timely", "variant": "past_due", "name": "按期答复率", "is_default": "是"},
        base | {"kpi_id": "reply_timely", "variant": "hotline", "is_active": "否"},
        base | {"kpi_id": "first_share", "variant": "petition", "valid_from": "2027-01-01"},
        base,
    )
    own = kpi.read_registry(folder, AS_OF, vocabulary)
    keys = own.select("kpi_id", "variant").rows()
    assert ("reply_timely", "hotline") not in keys
    assert keys[-1] == ("own", "v") and own["is_default"][-1]
    replaced = own.filter(kpi_id="reply_timely")
    assert replaced.select("variant", "is_default", "is_local").rows() == [
        ("bulletin", False, False),
        ("past_due", True, True),
    ]
    assert own.filter(kpi_id="first_share")["is_local"].to_list() == [False]
    assert len(own) == len(seed)  # one added, one switched off
    with pytest.raises(SourceError, match=r"第 3 行 variant 列.*第 2 行重复"):
        kpi.read_registry(own_file(tmp_path, base, base), AS_OF, vocabulary)
    with pytest.raises(SourceError, match=r"第 3 行 is_default 列.*第 2 行已是"):
        twice = base | {"is_default": "是"}
        kpi.read_registry(own_file(tmp_path, twice, twice | {"variant": "w"}), AS_OF, vocabulary)


# --- hand-made samples -------------------------------------------------------------------------------------------


def counted(home: Home) -> pl.DataFrame:
    with duckdb.connect(publish.version_file(home, publish.current(home) or 0), read_only=True) as connection:
        return connection.sql(
            "select period_kind, period_start_on, kpi_id, variant, county_code, unit_name, issue_group,"
            f" {', '.join(COUNTS)} from kpi_period inner join kpi_cell using (cell_id)"
        ).pl()


def test_the_samples_come_to_what_a_hand_counts(empty_home):
    batches = ingest.ingest([SAMPLE / "petition.csv", SAMPLE / "hotline.csv"], empty_home, today=date(2024, 6, 30))
    assert [batch["n_rejected"] for batch in batches] == [0, 0]
    build.build(empty_home, today=date(2024, 6, 30))
    expected = pl.read_csv(SAMPLE / "expected_kpi.csv", try_parse_dates=True).drop("why")
    families = expected.select("unit_name", "kpi_id", "variant").unique()
    got = (
        counted(empty_home)
        .filter(period_kind="month")
        .rename({"period_start_on": "month"})
        .join(families, on=families.columns, how="semi")
        .select(expected.columns)
    )
    assert sorted(got.rows(), key=str) == sorted(expected.rows(), key=str)
    with asking(publish.version_file(empty_home, 1)) as ask:
        everything = {"county": None, "unit": None, "group": None}
        days = ask("kpi_days", kpi="handling_days", variant="petition", first_day=date(2024, 6, 1),
                   last_day=date(2024, 6, 30), county=None, group=None, unit="办理天数局")  # fmt: skip
        assert days.rows() == [(10, 5.5, pytest.approx(np.arange(1, 11).std()), 5, 9)]
        registry = {(row["kpi_id"], row["variant"]): row for row in ask("kpi_registry").iter_rows(named=True)}
        values = ask(
            "kpi_values",
            kind="month",
            from_on=date(2024, 5, 1),
            to_on=date(2024, 5, 1),
            **everything | {"unit": "热线承办局"},
        )
        shown = {row["kpi_id"]: kpis.told(kpis.figure(registry["solved_once", row["variant"]], row), {"kpi_unit": "share"})
                 for row in values.iter_rows(named=True) if (row["kpi_id"], row["variant"]) == ("solved_once", "hotline")}  # fmt: skip
        assert shown == {"solved_once": "80.0%"}


@pytest.mark.parametrize(
    "row", pl.read_csv(SAMPLE / "expected_founding_identities.csv").to_dicts(), ids=lambda row: row["identity"]
)
def test_printed_figures_that_do_not_add_up_are_caught(row):
    printed = pl.read_csv(SAMPLE / "expected_founding.csv").filter(document=row["document"])
    figures = dict(printed.select("name", "printed").iter_rows())
    found = stated.check(figures, [row["identity"]])[0]
    assert (found.is_ok, found.computed) == (row["is_ok"] == "是", row["computed"])
    assert found.sentence.endswith("相符。" if found.is_ok else "不符。")


@pytest.mark.parametrize(
    ("figures", "identity", "sentence"),
    [
        ({"甲": "1", "乙": "2"}, "甲 = 丙", "没有「丙」这个数"),
        ({"甲": "1", "乙": "0"}, "甲 = 甲 / 乙", "分母是 0"),
        ({"甲": "一百", "乙": "2"}, "甲 = 乙", "数读不懂"),
        ({"甲": "1", "乙": "2"}, "甲 = 甲 / 乙 / 乙", "除法只写一个"),
    ],
)
def test_what_cannot_be_checked_is_said(figures, identity, sentence):
    with pytest.raises(ValueError, match=sentence):
        stated.check(figures, [identity])


def test_rounding_explains_a_rate_but_never_a_total():
    figures = {"率": "33.3%", "粗": "33%", "比": "0.33", "差": "34%", "甲": "1", "乙": "3", "和": "5件", "余": "2"}
    told = ["率 = 甲 / 乙", "粗 = 甲 / 乙", "比 = 甲 / 乙", "差 = 甲 / 乙", "和 = 甲 + 乙", "余 = 乙 - 甲"]
    assert [one.is_ok for one in stated.check(figures, told)] == [True, True, True, False, False, True]


# --- the dull oracle ---------------------------------------------------------------------------------------------


def random_events(n: int, seed: int) -> list[dict]:
    """Items of all kinds around the as-of day, every column sometimes empty, times in the order of life."""
    chance = random.Random(seed)
    start = datetime(2026, 8, 1)
    rows = []
    for _ in range(n):
        registered = start + timedelta(days=chance.randrange(112), hours=chance.randrange(24))

        def later(least: int, most: int, share: float, since: datetime = registered) -> datetime | None:
            return since + timedelta(days=chance.randint(least, most), hours=1) if chance.random() < share else None

        closed = later(0, 80, 0.8)
        source = chance.choice(["petition", "petition", "hotline", "grid"])
        told = source != "grid"  # of grid events nothing but the closing is known
        rows.append(
            {
                "source": source,
                "registered_at": registered,
                "transferred_at": later(0, 25, 0.8) if source == "petition" else None,
                "accepted_at": later(0, 45, 0.8) if told else None,
                "due_at": registered.replace(hour=23) + timedelta(days=60) if told else None,
                "replied_at": later(0, 75, 0.5) if told else None,
                "closed_at": closed,
                "rated_at": later(0, 20, 0.5, closed) if closed and told else None,
                "channel": chance.choice(["来信", "来访", "来访", "电话信访", "网上信访", "手机信访", None]),
                "purpose": chance.choice(["求决", "求决", "求决", "申诉", "意见建议", "检举控告", "咨询", None]),
                "unit_name": chance.choice(["云溪区住建局", "临川县人社局", "和平街道办事处", None]),
                "county_name": chance.choice(["云溪区", "临川县", None]),
                "town_name": None,
                "community_name": None,
                "persons": chance.choice([1, 1, 3, 12, None]),
                "is_first": chance.choice([True, True, False, None]),
                "is_repeat": chance.choice([True, False, False, None]),
                "status": chance.choice(["closed", "closed", "declined"] if closed else ["accepted", "replied", "closed", "declined"]),
                "is_solved": chance.choice([True, False, None]) if told else None,
                "is_contacted": chance.choice([True, False, None]) if source == "hotline" else None,
                "satisfaction": chance.choice(["satisfied", "fairly_satisfied", "dissatisfied", None]) if told else None,
                "bureau_satisfaction": chance.choice(["satisfied", "dissatisfied", None]) if source == "petition" else None,
                "n_returns": chance.choice([0, 1, 2, None]) if source == "hotline" else None,
            }
        )  # fmt: skip
    return rows


def dull_facts(event: dict) -> dict:
    """What is so of one item on the evening of AS_OF, by reading it from top to bottom."""
    end = datetime.combine(AS_OF + timedelta(days=1), datetime.min.time())
    today = AS_OF

    def by_now(at: datetime | None) -> datetime | None:
        return at if at is not None and at < end else None

    def any_of(text: str | None, *words: str) -> bool | None:
        return None if text is None else any(word in text for word in words)

    source, registered = event["source"], event["registered_at"].date()
    closed, due = by_now(event["closed_at"]), event["due_at"]
    is_over = closed is not None or (event["status"] in ("closed", "declined") and event["closed_at"] is None)
    answered = by_now(event["replied_at"]) or closed
    asked = by_now(event["rated_at"] or event["closed_at"] or event["registered_at"]) is not None
    satisfaction = event["satisfaction"] if asked else None
    bureau = event["bureau_satisfaction"] if asked else None
    solved, contacted = (event[name] if asked else None for name in ("is_solved", "is_contacted"))
    is_answer = satisfaction or bureau or contacted is not None or (solved is not None and source != "petition")
    transferred, accepted = by_now(event["transferred_at"]), by_now(event["accepted_at"])
    tells = {
        "transfer": source == "petition",
        "acceptance": source != "grid",
        "rating": source != "grid",
        "bureau": source == "petition",
        "returns": source == "hotline",
    }
    if is_answer:
        rated_on = (event["rated_at"] or closed or event["registered_at"]).date()
    else:
        rated_on = closed.date() + timedelta(days=30) if closed and tells["rating"] else None
    if due is None:
        overdue = None
    elif closed:
        overdue = closed > due
    else:
        overdue = None if event["status"] in ("closed", "declined") and event["closed_at"] is None else due < end
    in_time = None
    if due is not None:
        if answered:
            in_time = answered <= due
        elif not is_over and event["status"] != "replied":
            in_time = False
    return {
        "source": source,
        "registered": registered,
        "accept_due": registered + timedelta(days=15),
        "notify_due": registered + timedelta(days=30),
        "due": due.date() if due else None,
        "closed": closed.date() if closed else None,
        "rated": rated_on,
        "is_counted_only": event["purpose"] == "检举控告",
        "is_declined": is_over and event["status"] == "declined",
        "is_claim": any_of(event["purpose"], "求决"),
        "is_letter": any_of(event["channel"], "来信"),
        "is_visit": any_of(event["channel"], "来访"),
        "is_online": any_of(event["channel"], "网上", "手机"),
        "is_first": event["is_first"],
        "is_repeat": event["is_repeat"],
        "is_accept_due": registered + timedelta(days=15) <= today,
        "is_forwarded_in_time": (transferred is not None and (transferred.date() - registered).days <= 15) if tells["transfer"] else None,
        "is_notify_due": registered + timedelta(days=30) <= today,
        "is_accepted_in_time": (accepted is not None and (accepted.date() - registered).days <= 30) if tells["acceptance"] else None,
        "is_due": None if due is None else due < end,
        "is_answered_in_time": in_time,
        "is_overdue": overdue,
        "is_closed": is_over,
        "is_returned": bool(event["n_returns"]) if tells["returns"] else None,
        "is_solved": solved,
        "is_contacted": contacted,
        "is_rated": satisfaction is not None if tells["rating"] else None,
        "is_satisfied": None if satisfaction is None else satisfaction != "dissatisfied",
        "is_bureau_rated": bureau is not None if tells["bureau"] else None,
        "is_bureau_satisfied": None if bureau is None else bureau != "dissatisfied",
        "is_rating_over": None if closed is None else closed.date() + timedelta(days=30) <= today,
        "persons": event["persons"],
        "closing_days": (closed.date() - registered).days if closed else None,
    }  # fmt: skip


def dull_rule(text: str | None, facts: dict):
    """A rule read by Python's own grammar: `!` is its `~`, which binds as tightly; sets of what may be so."""

    class Truth:
        def __init__(self, may: frozenset):
            self.may = may

        def __and__(self, other):
            return Truth(frozenset(a and b for a in self.may for b in other.may))

        def __or__(self, other):
            return Truth(frozenset(a or b for a in self.may for b in other.may))

        def __invert__(self):
            return Truth(frozenset(not a for a in self.may))

    names = {
        name: Truth(frozenset([True, False] if so is None else [so]))
        for name, so in facts.items()
        if so in (True, False, None)
    }
    may = eval((text or "all").replace("!", "~"), {"all": Truth(frozenset([True]))}, names).may
    return None if len(may) > 1 else next(iter(may))


def dull_counts(events: list[dict], row: dict) -> Counter:
    """Of one indicator: (period kind, start, unit) → the four counts, one item after the other."""
    counts: Counter = Counter()
    for event in events:
        if event["registered_at"].date() > AS_OF:
            continue
        facts = dull_facts(event)
        on = facts[row["cohort"]]
        if on is None or row["kpi_source"] not in ("all", facts["source"]):
            continue
        parts = [dull_rule(row[name], facts) for name in ("kpi_filter", "denominator_rule")]
        numbers = {name: facts[name] for name in ("persons", "closing_days")}
        is_sum = row["numerator_rule"] in numbers
        numerator = numbers[row["numerator_rule"]] if is_sum else dull_rule(row["numerator_rule"], facts)
        if False in parts:
            continue
        is_out = dull_rule(row["excluded"], facts) if row["excluded"] else False
        if is_out:
            change = {"n_excluded": 1}
        elif None in parts or numerator is None:
            change = {"n_unknown": 1}
        else:
            change = {"denominator": 1, "numerator": int(numerator)}
        unit = None if facts["is_counted_only"] else event["unit_name"]
        for kind, start in (("week", on - timedelta(days=on.weekday())), ("month", on.replace(day=1))):
            for name, n in change.items():
                counts[kind, start, unit, name] += n
    return +counts


@pytest.fixture(scope="module")
def events() -> list[dict]:
    return random_events(600, seed=8)


@pytest.fixture(scope="module")
def home(tmp_path_factory, events) -> Home:
    """The random items, built by the production steps, with an indicator of the office's own. Read only, please."""
    built = open_home(tmp_path_factory.mktemp("kpi") / "home")
    add_reference(built, boundaries=False)
    (built.reference / "kpi.csv").write_text(OWN_KPI.replace("is_over_due", "评价期已过"), encoding="utf-8")
    load(built, make_events(*events, category_raw="城乡建设>物业"))
    build.build(built, today=AS_OF)
    return built


def test_every_indicator_equals_a_dull_count(home, events):
    got_rows = counted(home)
    with asking(publish.version_file(home, 1)) as ask:
        registry = ask("kpi_registry").to_dicts()
    assert registry[-1]["kpi_id"] == "quick"
    own = {"来信": "is_letter", "不予受理": "is_declined", "只计数": "is_counted_only", "评价期已过": "is_rating_over"}
    unknown = []
    for row in registry:
        for name in ("kpi_filter", "excluded", "numerator_rule", "denominator_rule"):
            for label, fact in own.items():
                row[name] = row[name] and row[name].replace(label, fact)
        expected = dull_counts(events, row)
        counts: Counter = Counter()
        for one in got_rows.filter(kpi_id=row["kpi_id"], variant=row["variant"]).iter_rows(named=True):
            for name in COUNTS:
                counts[one["period_kind"], one["period_start_on"], one["unit_name"], name] += one[name] or 0
        if row["kpi_unit"] == "count":
            expected = Counter({key: n for key, n in expected.items() if key[3] != "denominator"})
        known = any(key[3] in ("numerator", "denominator") for key in expected)
        assert bool(row["known_sources"]) == known, row["kpi_id"]
        assert +counts == (expected if known else Counter()), (row["kpi_id"], row["variant"])
        if not known:
            unknown.append((row["kpi_id"], row["variant"]))
    assert unknown == [("return_share", "petition")]  # petitions without 退回次数


def test_nothing_known_is_said_and_never_zero(home):
    with asking(publish.version_file(home, 1)) as ask:
        registry = {(row["kpi_id"], row["variant"]): row for row in ask("kpi_registry").iter_rows(named=True)}
        values = ask("kpi_values", kind="month", from_on=date(2026, 1, 1), to_on=date(2026, 12, 1), county=None, unit=None, group=None)  # fmt: skip
    row = next(
        one for one in values.iter_rows(named=True) if (one["kpi_id"], one["variant"]) == ("return_share", "petition")
    )
    indicator = registry["return_share", "petition"]
    assert indicator["known_sources"] is None
    assert kpis.figure(indicator, row) is None
    assert kpis.missing(indicator, row) == "本库没有这些数据；要来源文件有「退回次数」列。"
    assert registry["return_share", "hotline"]["known_sources"] == "hotline"
    assert len(values) == len(registry)


def test_parts_add_up_to_the_city(home):
    """Sums over units, over issues, and of both period kinds are the city's; a share's numerator is part of it."""
    frame = counted(home).with_columns(pl.col("denominator").fill_null(0))
    by_kind = frame.group_by("kpi_id", "variant", "period_kind").agg(pl.col(COUNTS).sum())
    weeks, months = (
        by_kind.filter(period_kind=kind).drop("period_kind").sort("kpi_id", "variant") for kind in ("week", "month")
    )
    assert weeks.equals(months) and len(weeks) > 30
    span = {"kind": "month", "from_on": date(2026, 8, 1), "to_on": date(2026, 10, 1), "county": None, "group": None}
    with asking(publish.version_file(home, 1)) as ask:
        for row in ask("kpi_values", unit=None, **span).iter_rows(named=True):
            for query in ("kpi_units", "kpi_parts", "kpi_course"):
                one = {"kpi": row["kpi_id"], "variant": row["variant"], "unit": None}
                parts = ask(query, **one, **span)
                assert [parts[name].fill_null(0).sum() for name in COUNTS] == [row[name] or 0 for name in COUNTS], query
        shares = ask("kpi_registry").filter(kpi_unit="share").select("kpi_id", "variant")
    assert frame.join(shares, on=shares.columns).filter(pl.col("numerator") > pl.col("denominator")).is_empty()


def test_days_are_exact(home, events):
    """Median and P90 of the query against the sorted list itself."""
    first, last = date(2026, 9, 1), date(2026, 10, 31)
    facts = [dull_facts(event) for event in events if event["registered_at"].date() <= AS_OF]
    days = sorted(
        one["closing_days"]
        for one in facts
        if one["source"] == "hotline" and one["closed"] and first <= one["closed"] <= last
        and not one["is_counted_only"] and not one["is_declined"]
    )  # fmt: skip
    span = {
        "kpi": "handling_days",
        "variant": "hotline",
        "first_day": first,
        "last_day": last,
        "county": None,
        "group": None,
    }
    with asking(publish.version_file(home, 1)) as ask:
        got = ask("kpi_days", unit=None, **span).row(0)
        by_unit = ask("kpi_unit_days", **span)
    assert got[:2] == (len(days), pytest.approx(np.mean(days)))
    assert got[2] == pytest.approx(np.std(days))
    assert got[3:] == (days[-(-len(days) // 2) - 1], days[-(-9 * len(days) // 10) - 1])
    assert by_unit["denominator"].sum() == len(days) and by_unit["numerator"].sum() == sum(days)


def test_figures_that_do_not_add_up_are_found_by_the_check(home):
    assert "kpi_adds_up" in build.check_current(home)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{publish.version_file(home, 1)}' as published (read_only)")
        connection.execute("create schema marts; set search_path = 'marts,published.main'")
        for table in ("kpi", "kpi_period", "kpi_days", "item_fact"):
            connection.execute(f"create table marts.{table} as from published.{table}")
        check = (build.SQL / "checks" / "kpi_adds_up.sql").read_text(encoding="utf-8")
        assert connection.execute(check).fetchall() == []
        connection.execute(
            "update marts.kpi_period set numerator = denominator + 1 where rowid = (select min(rowid)"
            " from marts.kpi_period where kpi_id = 'reply_timely' and period_kind = 'month' and denominator > 0)"
        )
        assert {row[2] for row in connection.execute(check).fetchall()} == {"numerator", "weeks"}
        connection.execute("delete from marts.kpi_days where rowid = 0")
        connection.execute("delete from marts.item_fact where rowid = 0")
        assert {row[2] for row in connection.execute(check).fetchall()} == {"numerator", "weeks", "days", "items"}


def test_a_bad_own_indicator_leaves_the_old_version(home, tmp_path):
    copy = open_home(tmp_path / "copy")
    shutil.copytree(home.path, copy.path, dirs_exist_ok=True)
    (copy.reference / "kpi.csv").write_text(OWN_KPI, encoding="utf-8")  # is_over_due is no fact
    with pytest.raises(SourceError, match=r"kpi\.csv，第 2 行 denominator 列：发现“is_over_due”"):
        build.build(copy, today=AS_OF)
    assert publish.current(copy) == 1


# --- reading indicators ------------------------------------------------------------------------------------------

SHARE = {"kpi_unit": "share", "better": "up", "min_denominator": 20, "band_green": 0.9, "band_red": 0.85}


def units(*rows: tuple[str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["unit_name", "numerator", "denominator"], orient="row")


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombe(x, n, low, high):
    """Newcombe 1998, Stat Med 17:857–872, table I, method 3 (score)."""
    assert kpis.interval(x, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_one_of_one_is_not_first():
    """A small unit with everything right has no rank; with enough items it still goes behind a large one as good."""
    got = kpis.ranked(units(("小", 1, 1), ("中", 20, 20), ("大", 297, 300), ("差", 150, 200), ("无", 0, 0)), SHARE)
    assert got["unit_name"].to_list() == ["大", "中", "差", "小", "无"]
    assert got["rank"].to_list() == [1, 2, 3, None, None]
    assert got["standing"].to_list() == ["ranked"] * 3 + ["too_few", "no_data"]
    assert got["value"].to_list() == [0.99, 1.0, 0.75, 1.0, None]
    assert got["band"].to_list() == ["green", "green", "red", None, None]  # chance has no colour


def test_units_that_chance_alone_tells_apart_share_a_rank():
    got = kpis.ranked(units(("甲", 18, 20), ("乙", 19, 20), ("丙", 37, 40)), SHARE)
    assert got["rank"].to_list() == [1, 1, 1]
    assert kpis.shrink([18, 19, 37], [20, 20, 40])[1].weight == float("inf")


PAIRS = st.lists(
    st.integers(0, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=30
)


@settings(max_examples=50, deadline=None)
@given(pairs=PAIRS, is_up=st.booleans())
def test_what_holds_for_every_ranking(pairs, is_up):
    frame = units(*((f"单位{at}", x, n) for at, (x, n) in enumerate(pairs)))
    rule = SHARE | {"better": "up" if is_up else "down", "band_green": None}
    got = kpis.ranked(frame, rule)
    again = kpis.ranked(frame.reverse(), rule)
    assert got.select("unit_name", "rank", "standing").equals(again.select("unit_name", "rank", "standing"))
    overall = frame["numerator"].sum() / max(frame["denominator"].sum(), 1)
    for row in got.iter_rows(named=True):
        assert (row["rank"] is not None) == (row["denominator"] >= 20)
        if row["denominator"]:
            assert row["low"] <= row["value"] <= row["high"]
            least, most = sorted((row["value"], overall))
            assert least - 1e-9 <= row["shrunk"] <= most + 1e-9  # between the unit's own and the peers' mean
    told = got.filter(pl.col("rank").is_not_null())
    assert told["shrunk"].to_list() == pytest.approx(sorted(told["shrunk"], reverse=is_up))
    if len(told):
        assert told["rank"][0] == 1


def test_shrinkage_recovers_a_known_prior():
    """2,000 units from Beta(36, 4): the moments find its mean 0.9 and weight 40, and the shrunk shares are nearer the truth."""
    chance = np.random.default_rng(8)
    n, truth = chance.integers(1, 80, 2000), chance.beta(36, 4, 2000)
    x = chance.binomial(n, truth)
    shrunk, prior = kpis.shrink(list(x), list(n))
    assert prior.mean == pytest.approx(0.9, abs=0.01)
    assert prior.weight == pytest.approx(40, rel=0.25)
    assert np.abs(shrunk - truth).mean() < 0.6 * np.abs(x / n - truth).mean()


def test_days_are_ranked_by_shrunk_means_and_fewer_is_better():
    frame = pl.DataFrame(
        [("快", 300, 100, 3.0, 2.0), ("慢", 900, 100, 9.0, 4.0), ("偶", 2, 2, 1.0, 0.0)],
        schema=["unit_name", "numerator", "denominator", "mean", "sd"], orient="row",
    )  # fmt: skip
    got = kpis.ranked(frame, {"kpi_unit": "days", "better": "down", "min_denominator": 20, "band_green": None})
    assert got["unit_name"].to_list() == ["快", "慢", "偶"]
    assert got["rank"].to_list() == [1, 2, None]
    assert 1.0 < got["shrunk"][2] < 6.0
    assert got["low"][0] == pytest.approx(3 - 1.959964 * 0.2)


@pytest.mark.parametrize("centre", [0.05, 0.5, 0.88, 1.0])
def test_the_funnel_and_the_word_outside_agree(centre):
    sizes = [1, 5, 20, 73]
    limits = {row["denominator"]: row for row in kpis.funnel(centre, sizes).iter_rows(named=True)}
    for n in sizes:
        for x in range(n + 1):
            low, high = limits[n]["lower_998"], limits[n]["upper_998"]
            said = kpis.outside(x, n, centre)
            assert said == ("below" if x / n < low - 1e-12 else "above" if x / n > high + 1e-12 else None)
        assert limits[n]["lower_998"] <= limits[n]["lower_95"] <= limits[n]["upper_95"] <= limits[n]["upper_998"]
    assert kpis.outside(1, 1, 0.5) is None
    inside = stats.binom.cdf(limits[73]["upper_95"] * 73, 73, centre) - stats.binom.cdf(limits[73]["lower_95"] * 73 - 1, 73, centre)  # fmt: skip
    assert inside >= 0.95 - 1e-12


def test_the_reading_names_every_part_of_a_figure(home):
    with asking(publish.version_file(home, 1)) as ask:
        registry = {(row["kpi_id"], row["variant"]): row for row in ask("kpi_registry").iter_rows(named=True)}
    row = {"numerator": 2, "denominator": 4, "n_excluded": 1, "n_unknown": 3}
    assert kpis.reading(registry["reply_timely", "bulletin"], row)[:6] == [
        "按期答复率（通报口径）",
        "分子 2：按期答复",
        "分母 4 件：归入本期的全部件",
        "剔除 1 件：只计数或不予受理",
        "未写明 3 件，分子分母都不计",
        "归期：限办截止日落在期内",
    ]
    own = registry["quick", "letters"]
    assert own["filter_text"] == "来信且非（不予受理或重复）"
    assert (own["target"], own["min_denominator"], own["is_local"]) == (0.95, 5, True)
    assert kpis.reading(own, row)[-1] == "依据：本县考核办法；口径第 1 版（本单位自定）"
