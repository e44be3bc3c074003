"""Deadlines as data: the SQL against a dull day-by-day count, the rules against the law, the office's file against slips."""

import csv
import random
from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest
from builders import add_reference, load, make_events

from app.deadlines import explain
from pipelines import build, deadlines, publish
from pipelines.config import SEEDS
from pipelines.errors import SourceError

HEADER = "rule_id,title,source,item_type,path,region,start_event,end_event,n,unit,roll,extension_max,basis,valid_from,valid_to,is_active"
WORKED = {"status": "closed", "closed_at": datetime(2026, 11, 10, 12)}  # the layout tells when items are settled


def write_rules(home, *lines: str, header: str = HEADER) -> None:
    home.reference.mkdir(parents=True, exist_ok=True)
    (home.reference / "deadline_rule.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def rows(home, sql: str) -> list[tuple]:
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def built(home, *events: dict, as_of: date = date(2026, 11, 16), **same) -> dict[int, tuple]:
    """due_at, due_rule, rule_id, rule_due_at, is_overdue by the order of `events`."""
    load(home, make_events(*events, **same))
    build.build(home, today=date(2026, 12, 31), as_of=as_of)
    found = rows(home, "select event_key, due_at, due_rule, rule_id, rule_due_at, is_overdue from event")
    return {int(key, 16) - 1000: tuple(rest) for key, *rest in found}


def holidays() -> dict[date, bool]:
    with (SEEDS / "holiday.csv").open(encoding="utf-8") as lines:
        return {date.fromisoformat(row["day_on"]): row["is_off_day"] == "true" for row in csv.DictReader(lines)}


def dull_due(start: date, n: int, unit: str, roll: str, off: dict[date, bool]) -> date:
    """Count day after day; the first day does not count."""

    def works(day: date) -> bool:
        return not off[day] if day in off else day.weekday() < 5

    day, left = start, n
    while left:
        day += timedelta(days=1)
        if unit == "calendar" or works(day):
            left -= 1
    while roll == "next_workday" and not works(day):
        day += timedelta(days=1)
    return day


def test_every_day_of_every_rule_equals_a_dull_count(empty_home):
    write_rules(
        empty_home,
        "a,甲,hotline,,,,registered,closed,1,workday,none,,甲,,,是",
        "b,乙,hotline,,,,registered,closed,15,workday,none,,甲,,,是",
        "c,丙,hotline,,,,registered,closed,60,calendar,next_workday,,甲,,,是",
        "d,丁,hotline,,,,registered,closed,15,calendar,none,,甲,,,是",
        "e,戊,hotline,,,,registered,closed,3,workday,next_workday,,甲,,,是",
    )
    load(empty_home, make_events({"registered_at": datetime(2023, 11, 6, 9)}, {}))
    build.build(empty_home, today=date(2026, 11, 16))
    off = holidays()
    rules = {row[0]: row[1:] for row in rows(empty_home, "select rule_id, n_days, day_unit, roll from deadline_rule")}
    days = rows(
        empty_home, "select rule_id, start_on, rule_due_at from deadline_day where start_on <= date '2026-11-16'"
    )
    assert len({rule for rule, *_ in days}) > 5 and len(days) > 5000
    for rule, start, due in days:
        assert due == datetime.combine(dull_due(start, *rules[rule], off), datetime.max.time()).replace(microsecond=0)
    # the days around 国庆 2026: 10-01..07 off, 10-10 a working Saturday
    by_day = {(rule, start): due.date() for rule, start, due in days}
    assert by_day["a", date(2026, 9, 30)] == date(2026, 10, 8)
    assert by_day["a", date(2026, 10, 9)] == date(2026, 10, 10)
    assert by_day["d", date(2026, 9, 20)] == date(2026, 10, 5)


def test_years_without_published_holidays_say_so(empty_home):
    built(empty_home, {}, registered_at=datetime(2026, 12, 30, 9), as_of=date(2026, 12, 31))
    estimated = dict(rows(empty_home, "select start_on, is_estimated from deadline_day where rule_id = 'hotline-5'"))
    assert estimated[date(2026, 12, 30)] and not estimated[date(2026, 12, 1)]
    calendar = dict(
        rows(empty_home, "select start_on, is_estimated from deadline_day where rule_id = 'petition-close-60'")
    )
    assert not any(calendar.values())  # calendar days need no holidays


def test_both_calendars_agree(empty_home):
    built(empty_home, {"registered_at": datetime(2025, 1, 1)}, {})
    assert rows(empty_home, "select count(*) > 600 from calendar inner join workday using (day_on)") == [(True,)]
    assert not rows(
        empty_home,
        "select * from calendar as c inner join workday as w using (day_on) where c.is_workday <> w.is_workday"
        " or c.holiday_name is distinct from w.holiday_name",
    )


def test_sixty_days_are_for_petitions_on_their_own_path_only(empty_home):
    accepted = {"source": "petition", "accepted_at": datetime(2025, 3, 4, 15), "registered_at": datetime(2025, 3, 3)}
    due = built(
        empty_home,
        {**accepted, "purpose": "求决"},
        {**accepted, "purpose": "申诉"},
        {**accepted, "purpose": "检举控告"},
        {**accepted, "purpose": "意见建议"},
        {**accepted, "purpose": None},
        {**accepted, "purpose": "求决", "category_raw": "政法>涉法涉诉"},
        {**accepted, "purpose": "求决", "accepted_at": None},
        {**accepted, "purpose": "求决", "status": "declined"},
        {**accepted, "purpose": "求决", "registered_at": datetime(2022, 4, 30), "accepted_at": datetime(2022, 5, 5)},
        {**accepted, "purpose": "求决", "due_at": datetime(2025, 6, 2, 23, 59, 59)},
    )
    sixty = datetime(2025, 5, 3, 23, 59, 59)
    assert due[0][:4] == due[1][:4] == (sixty, "petition-close-60", "petition-close-60", sixty)
    for n in (2, 3, 4, 5):
        assert due[n] == (None, None, None, None, None)
    assert due[6] == (None, None, "petition-close-60", None, None)  # no day of acceptance, no deadline
    assert due[7][:2] == (None, None)
    assert due[8][2] == "petition-close-60-2005"
    assert due[9][:4] == (datetime(2025, 6, 2, 23, 59, 59), "source", "petition-close-60", sixty)


def test_overdue_follows_the_rule_where_the_source_gives_no_deadline(empty_home):
    due = built(
        empty_home,
        {"registered_at": datetime(2026, 11, 2, 9)},  # Monday; five workdays: 11-09
        {"registered_at": datetime(2026, 11, 2, 9), "status": "closed", "closed_at": datetime(2026, 11, 9, 23)},
        {"registered_at": datetime(2026, 11, 2, 9), "status": "closed", "closed_at": datetime(2026, 11, 10, 0, 1)},
        {"registered_at": datetime(2026, 11, 9, 9)},  # due on 11-16, the as-of day, which is over
        {"registered_at": datetime(2026, 11, 10, 9)},
        {"registered_at": datetime(2026, 11, 2, 9), "status": "closed"},  # settled nobody knows when
        {"registered_at": datetime(2026, 11, 2, 9), "due_at": datetime(2026, 12, 1)},
        {"registered_at": datetime(2026, 11, 2, 9), "source": "grid"},  # no rule in force
    )
    assert [due[n][4] for n in range(8)] == [True, False, True, True, False, None, False, None]


def test_a_layout_that_never_tells_an_end_has_no_overdue_items(empty_home):
    due = built(empty_home, {"status": "registered"}, registered_at=datetime(2026, 10, 12, 9))
    assert due[0][1] == "hotline-5" and due[0][4] is None


def test_the_offices_rules_come_first_and_by_county_and_day(empty_home):
    add_reference(empty_home)
    write_rules(
        empty_home,
        "hotline-5,本地一般件,hotline,,,,registered,closed,7,workday,none,,本地规定,,,是",
        "urgent,紧急件,hotline,紧急|特急,,,registered,closed,1,calendar,none,,本地规定,,,是",
        "linchuan,临川县件,hotline,,,临川县,registered,closed,2,calendar,none,,本地规定,2026-11-10,2026-11-11,是",
        "grid-own,网格件,grid,,,990101|990102,registered,closed,3,calendar,next_workday,,本地规定,,,是",
    )
    due = built(
        empty_home,
        {},
        {"severity": "特急"},
        {"county_name": "临川县", "town_name": None, "community_name": None},
        {"county_name": "临川县", "town_name": None, "community_name": None, "registered_at": datetime(2026, 11, 12)},
        {"source": "grid"},
        {"source": "grid", "county_name": None, "town_name": None, "community_name": None},
    )
    assert [due[n][2] for n in range(6)] == ["hotline-5", "urgent", "linchuan", "hotline-5", "grid-own", None]
    assert due[0][0].date() == date(2026, 11, 19) and due[2][0].date() == date(2026, 11, 12)
    counts = {rule: n for rule, n in rows(empty_home, "select rule_id, n_events from deadline_rule") if n}
    assert counts == {"hotline-5": 2, "urgent": 1, "linchuan": 1, "grid-own": 1}
    assert rows(empty_home, "select is_local, n_days from deadline_rule where rule_id = 'hotline-5'") == [(True, 7)]


def test_a_rule_can_be_switched_off(empty_home):
    write_rules(empty_home, "hotline-5,停用,hotline,,,,registered,closed,5,workday,none,,甲,,,否")
    assert built(empty_home, {})[0][:3] == (None, None, None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,甲,hotline,,,,registered,closed,0,calendar,none,,甲,,,是", "第 2 行 n 列，?.*“0”.*1 到 3650"),
        ("x,甲,hotline,,,,registered,closed,五,calendar,none,,甲,,,是", "n 列.*“五”"),
        ("x,甲,热线,,,,registered,closed,5,calendar,none,,甲,,,是", "source 列.*petition、hotline、grid"),
        ("x,甲,hotline,,,,opened,closed,5,calendar,none,,甲,,,是", "start_event 列"),
        ("x,甲,hotline,,,,registered,closed,5,日,none,,甲,,,是", "unit 列"),
        ("x,甲,hotline,,,,registered,closed,5,calendar,none,,,,,是", "basis 列.*空白.*必须填写"),
        ("x,甲,hotline,,,,registered,closed,5,calendar,none,,甲,2026/1/1,,是", "valid_from 列"),
        ("x,甲,hotline,,,,registered,closed,5,calendar,none,,甲,2026-02-01,2026-01-01,是", "valid_to 列.*不早于"),
        ("x,甲,hotline,,,,registered,closed,5,calendar,none,,甲,,,也许", "is_active 列.*是 或 否"),
        ("x,甲,hotline,,,远方区,registered,closed,5,calendar,none,,甲,,,是", "region 列.*远方区.*区划表"),
    ],
)
def test_a_slip_in_the_offices_file_is_said_with_row_and_column(empty_home, line, said):
    load(empty_home, make_events())
    write_rules(empty_home, line)
    with pytest.raises(SourceError, match=said):
        build.build(empty_home, today=date(2026, 11, 16))
    assert publish.current(empty_home) is None


def test_headers_and_repeated_ids_are_checked(tmp_path):
    (tmp_path / "deadline_rule.csv").write_text("rule_id,title\nx,甲\n", encoding="utf-8")
    with pytest.raises(SourceError, match="缺少列 source"):
        deadlines.read_rules(tmp_path)
    (tmp_path / "deadline_rule.csv").write_text(HEADER + ",时限\n", encoding="utf-8")
    with pytest.raises(SourceError, match="不认识的列 时限"):
        deadlines.read_rules(tmp_path)
    line = "x,甲,hotline,,,,registered,closed,5,calendar,none,,甲,,,是"
    (tmp_path / "deadline_rule.csv").write_text(f"{HEADER}\n{line}\n{line}\n", encoding="utf-8")
    with pytest.raises(SourceError, match="第 3 行 rule_id 列"):
        deadlines.read_rules(tmp_path)


def test_periods_never_overlap_and_the_first_valid_rule_holds():
    generator = random.Random(7)
    day = date(2026, 1, 1)
    for _ in range(200):
        some = [
            {
                "rule_id": str(n),
                "start_event": "registered",
                "valid_from": generator.choice([None, day + timedelta(days=generator.randrange(40))]),
                "valid_to": generator.choice([None, day + timedelta(days=40 + generator.randrange(40))]),
            }
            for n in range(generator.randrange(4))
        ]
        periods = deadlines._periods(some)
        for offset in range(-2, 90):
            at = day + timedelta(days=offset)
            valid = [rule["rule_id"] for rule in some if (rule["valid_from"] or at) <= at <= (rule["valid_to"] or at)]
            assert [rule for first, last, rule, _ in periods if first <= at <= last] == valid[:1]


def test_words_of_a_rule_are_words_not_patterns():
    kinds = pl.DataFrame(
        {"source": ["grid"] * 2, "category_raw": [None] * 2, "purpose": ["a.c", "abc"], "severity": [None] * 2},
        schema=dict.fromkeys(("source", "category_raw", "purpose", "severity"), pl.String),
    )
    rule = dict.fromkeys(deadlines.RULE_COLUMNS) | {
        "rule_id": "x", "source": "grid", "item_type": "a.c", "start_event": "registered", "end_event": "closed",
        "n": 1, "unit": "calendar", "is_active": True,
    }  # fmt: skip
    kind, periods = deadlines.match(kinds, pl.DataFrame([rule], schema=deadlines.RULE_COLUMNS), [None])
    matched = kind.join(periods, on="kind_id", how="left", maintain_order="left")["rule_id"].to_list()
    assert matched == ["x", None]


RULE = {
    "start_event": "accepted", "n_days": 60, "day_unit": "calendar", "basis": "《信访工作条例》第34条",
    "extension_days": 30, "roll": "none", "path": "信访程序", "is_verified": True,
}  # fmt: skip
ROW = {"due_on": date(2025, 5, 3), "due_rule": "r", "due_start_on": date(2025, 3, 4), "rule_due_on": date(2025, 5, 3)}


def test_a_deadline_is_explained_in_one_sentence():
    assert explain(ROW, RULE).startswith("应办结日 = 受理日 2025-03-04 + 60日（《信访工作条例》第34条），未延期")
    assert "来源未载办理路径，按信访程序推算" in explain(ROW, RULE)
    extended = explain(ROW | {"due_on": date(2025, 6, 2), "due_rule": "source"}, RULE)
    assert "延期 30 日（最长 30 日），来源所填为 2025-06-02" in extended
    other = explain(ROW | {"due_on": date(2025, 4, 1), "due_rule": "source"}, RULE)
    assert other.startswith("应办结日 2025-04-01（来源系统所填），按规则推算为 2025-05-03")
    assert explain({"due_on": date(2025, 4, 1), "due_rule": "source"}, None) == "应办结日 2025-04-01（来源系统所填）"
    assert explain({"due_on": None}, None) == ""
    assert "受理日也未填" in explain({"due_on": None}, RULE)
    workdays = RULE | {
        "start_event": "registered",
        "n_days": 5,
        "day_unit": "workday",
        "path": None,
        "is_verified": False,
    }
    said = explain(ROW | {"is_estimated": True}, workdays)
    assert "登记日 2025-03-04 + 5个工作日" in said and "周一至周五估算" in said and said.endswith("规则依据待核实")
