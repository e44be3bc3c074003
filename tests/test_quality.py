"""Data quality and 勾稽 against a dull re-reading, the page's sections, and the sheet a unit gets."""

import io
import random
from collections import Counter
from datetime import date, datetime, timedelta
from statistics import median

import duckdb
import openpyxl
import polars as pl
import pytest
from builders import add_reference, load, make_events
from streamlit.testing.v1 import AppTest

from app import fields, marts
from app.parts.quality import feedback_workbook
from pipelines import build, publish, quality, warehouse
from pipelines.config import home as open_home
from pipelines.corrections import ALLOWED, HINTS
from pipelines.errors import CheckFailed

TODAY = date(2026, 11, 16)
PAGE = """
from app import page
from app.parts import quality
edition = page.start("数据质量", "填得怎么样？")
quality.by_field(None, edition)
quality.by_unit(None, edition)
quality.reconciliation(edition)
quality.corrections(edition)
quality.deadline_rules(edition)
"""


def rows(home, sql: str) -> list[dict]:
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        result = connection.execute(sql)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def answer(home, name: str, parameters: dict) -> pl.DataFrame:
    """What the dashboard's named question gets from the published version."""
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        return connection.sql(marts.text(name), params=parameters).pl()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A home of 400 items with every kind of fault, and the items."""
    home = open_home(tmp_path_factory.mktemp("质量"))
    add_reference(home)
    choose = random.Random(20261116)
    events = []
    for n in range(400):
        registered = datetime(2026, 6, 1) + timedelta(hours=choose.randrange(24 * 165))

        def near(registered=registered):
            if choose.random() < 0.4:
                return None
            at = registered + timedelta(hours=choose.randrange(-240, 240))
            return at.replace(hour=0, minute=0) if choose.random() < 0.5 else at

        closed = near()
        county = choose.choice(["云溪区", "云溪", "错字县", None])
        events.append(
            {
                "source": choose.choice(["hotline", "petition"]),
                "source_row": n + 2,
                "registered_at": registered,
                "occurred_at": near(),
                "accepted_at": near(),
                "replied_at": near(),
                "closed_at": closed,
                "due_at": near(),
                "status": choose.choice(["closed", "in_progress", "declined"]),
                "county_name": county,
                "town_name": None if county == "错字县" else choose.choice(["和平街道", None]),
                "community_name": None,
                "category_raw": choose.choice([None, "公用服务>供暖", "其他>其它事项"]),
                "unit_name": choose.choice(["甲局", "乙局", None]),
                "channel": choose.choice(["电话", "其他", None]),
            }
        )
    frame = make_events(*events)
    load(home, frame)
    build.build(home, today=TODAY)
    return home, frame.to_dicts()


def before(first: datetime | None, second: datetime | None) -> bool:
    """Dull: is `first` before `second`? A midnight is a day without a time of day."""
    if first is None or second is None:
        return False
    if first.date() != second.date():
        return first.date() < second.date()
    return first.time() != datetime.min.time() and first < second


def dull_faults(event: dict) -> set[str]:
    registered, accepted, replied = event["registered_at"], event["accepted_at"], event["replied_at"]
    found = set()
    # The county is known by its name or alias, or by that of the town, which is unique here.
    known = event["county_name"] in ("云溪区", "云溪") or (event["county_name"] is None and event["town_name"])
    tests = {
        "place_missing": not known,
        "category_missing": event["category_raw"] is None,
        "category_other": "其他" in (event["category_raw"] or ""),
        "accepted_early": before(accepted, registered),
        "replied_early": before(replied, accepted or registered),
        "closed_early": before(event["closed_at"], replied or accepted or registered),
        "due_early": event["due_at"] is not None and event["due_at"].date() < registered.date(),
        "closing_time_missing": event["status"] == "closed" and event["closed_at"] is None,
        "open_but_closed": event["status"] == "in_progress" and event["closed_at"] is not None,
    }
    occurred = event["occurred_at"]
    tests["occurred_late"] = occurred is not None and (
        occurred.date() > registered.date() or (occurred > registered and registered.time() != datetime.min.time())
    )
    found |= {name for name, is_so in tests.items() if is_so}
    return found


def dull_lag(event: dict) -> float | None:
    occurred, registered = event["occurred_at"], event["registered_at"]
    if occurred is None or occurred.date() > registered.date():
        return None
    return max(0.0, (registered - occurred).total_seconds() / 86400)


def dull_measures(events: list[dict]) -> dict:
    counts = Counter(fault for event in events for fault in dull_faults(event))
    lags = [lag for event in events if (lag := dull_lag(event)) is not None]
    return {
        **{f"n_{name}": counts[name] for name in ALL_FAULTS},
        "n_events": len(events),
        "n_lag_known": len(lags),
        **{f"n_late_{days}d": sum(lag > days for lag in lags) for days in (1, 3, 7)},
        "lag_days_median": pytest.approx(median(lags)) if lags else None,
    }


ALL_FAULTS = (
    *("place_missing", "category_missing", "category_other", "occurred_late", "accepted_early", "replied_early"),
    *("closed_early", "due_early", "closing_time_missing", "open_but_closed"),
)


def test_units_and_weeks_equal_a_dull_count(faulty):
    home, events = faulty
    for mart, key in (
        ("quality_unit", lambda event: (event["source"], event["unit_name"])),
        (
            "quality_week",
            lambda event: (
                event["source"],
                event["registered_at"].date() - timedelta(days=event["registered_at"].weekday()),
            ),
        ),
    ):
        groups: dict[tuple, list] = {}
        for event in events:
            groups.setdefault(key(event), []).append(event)
        second = "unit_name" if mart == "quality_unit" else "week_start_on"
        got = {(row.pop("source"), row.pop(second)): row for row in rows(home, f"from {mart}")}
        assert got == {group: dull_measures(members) for group, members in groups.items()}
    assert all(any(fault in dull_faults(event) for event in events) for fault in ALL_FAULTS)


def test_fields_equal_a_dull_count(faulty):
    home, events = faulty
    got = rows(
        home,
        "select source, field_name, sum(n_events)::int as n, sum(n_missing)::int as missing, sum(n_other)::int as other,"
        " sum(n_unmatched)::int as unmatched, sum(n_invalid)::int as invalid from quality_field group by all",
    )
    assert {row["field_name"] for row in got} >= {"occurred_at", "category_raw", "county_name", "status", "text"}
    invalid = {
        "occurred_at": ("occurred_late",), "accepted_at": ("accepted_early",), "replied_at": ("replied_early",),
        "closed_at": ("closed_early",), "due_at": ("due_early",),
        "status": ("closing_time_missing", "open_but_closed"),
    }  # fmt: skip
    for row in got:
        field, mine = row["field_name"], [event for event in events if event["source"] == row["source"]]
        assert row["n"] == len(mine)
        assert row["missing"] == sum(event[field] is None for event in mine), field
        is_word = field in ("channel", "purpose", "unit_name", "category_raw")
        assert row["other"] == sum(is_word and "其他" in (event[field] or "") for event in mine), field
        assert row["invalid"] == sum(len(dull_faults(event) & set(invalid.get(field, ()))) for event in mine), field
        if field == "county_name":
            assert row["unmatched"] == sum(event["county_name"] == "错字县" for event in mine)


def test_rows_to_look_at_are_recent_capped_and_without_words(faulty):
    home, events = faulty
    got = rows(home, "from quality_row")
    since = TODAY + timedelta(days=1 - 91)
    expected = {
        (event["source"], event["unit_name"], fault, event["source_row"])
        for event in events
        if event["registered_at"].date() >= since
        for fault in (*dull_faults(event), *(["late_7d"] if (dull_lag(event) or 0) > 7 else []))
    }
    assert {(row["source"], row["unit_name"], row["fault"], row["source_row"]) for row in got} == expected
    assert set(got[0]) == {
        "source", "unit_name", "fault", "fault_rank", "n_rows", "batch_id", "source_row", "registered_on"
    }  # fmt: skip


def test_at_most_a_hundred_rows_of_a_fault(empty_home):
    add_reference(empty_home)
    load(empty_home, make_events(n=130, category_raw=None))
    build.build(empty_home, today=TODAY)
    got = rows(empty_home, "select max(fault_rank) as most, count(*) as n, min(n_rows) as total from quality_row")
    assert got == [{"most": 100, "n": 100, "total": 130}]


def test_parts_add_up_at_every_level(faulty):
    home, events = faulty
    checks = rows(home, "from reconciliation")
    assert {row["check_name"] for row in checks} == {
        "batch_rows", "county_sum", "town_sum", "issue_sum", "week_sum", "ledger_items", "reported_items",
        "published_items",
    }  # fmt: skip
    assert all(row["is_ok"] and row["n_difference"] == 0 for row in checks)
    unlocated = Counter(event["source"] for event in events if "place_missing" in dull_faults(event))
    for row in checks:
        if row["check_name"] == "county_sum":
            assert f"未定位 {unlocated[row['scope']]} 件" in row["note"]
            assert row["n_expected"] == sum(event["source"] == row["scope"] for event in events)


def test_the_files_own_totals_are_remarks(empty_home):
    load(empty_home, make_events(n=6))
    stated = '[{"row": 9, "column": "信访件编号", "stated": 7, "counted": 6}, {"row": 9, "column": "信访人数", "stated": 12, "counted": 12}]'
    with warehouse.connect(empty_home) as connection:
        connection.execute("update core.batch set control_totals = ?", [stated])
    build.build(empty_home, today=TODAY)  # published all the same
    got = rows(empty_home, "from reconciliation where check_name = 'file_total' order by n_expected")
    assert [(row["n_expected"], row["n_found"], row["n_difference"], row["is_ok"]) for row in got] == [
        (7, 6, -1, False),
        (12, 12, 0, True),
    ]
    assert "第 9 行合计「信访件编号」" in got[0]["note"]


@pytest.mark.parametrize(
    ("mart", "was", "now", "check"),
    [
        ("weekly_counts", "count(*) as n_events", "count(*) + 1 as n_events", "town_sum|week_sum|issue_sum"),
        ("issue", "from provisional_issue", "from provisional_issue where issue_code = '9999'", "issue_sum"),
        ("daily_counts", "    county_code,", "    'x' || county_code as county_code,", "county_sum"),
    ],
)
def test_an_inner_inequality_stops_the_publish(empty_home, monkeypatch, tmp_path, mart, was, now, check):
    add_reference(empty_home)
    load(empty_home, make_events(n=3))
    broken = tmp_path / "sql"
    for folder in ("marts", "checks"):
        (broken / folder).mkdir(parents=True)
        for path in (build.SQL / folder).glob("*.sql"):
            if folder == "marts" or path.stem == "reconciled":  # this check alone must see it
                (broken / folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (broken / "fields.csv").write_text((build.SQL / "fields.csv").read_text(encoding="utf-8"), encoding="utf-8")
    target = broken / "marts" / f"{mart}.sql"
    text = target.read_text(encoding="utf-8")
    assert was in text
    target.write_text(text.replace(was, now, 1), encoding="utf-8")
    monkeypatch.setattr(build, "SQL", broken)
    with pytest.raises(CheckFailed, match=check):
        build.build(empty_home, today=TODAY)
    assert publish.current(empty_home) is None


def test_a_ledger_that_lost_items_stops_the_publish(empty_home):
    load(empty_home, make_events(n=3))
    with warehouse.connect(empty_home) as connection:
        connection.execute("delete from core.event where event_id = 1000")
    with pytest.raises(CheckFailed, match="ledger_items"):
        build.build(empty_home, today=TODAY)


def test_where_files_came_in_another_order_than_they_were_known_the_ledger_is_a_remark(empty_home):
    """An archive loaded late counts as updates what was new on its day: seen from that day the sum does not hold."""
    load(empty_home, make_events(n=3))
    with warehouse.connect(empty_home) as connection:
        connection.execute(
            "insert into core.batch by name select * replace ('later' as batch_id, date '2026-12-01' as known_on,"
            " timestamp '2026-11-01 08:00:00' as loaded_at) from core.batch"
        )
        connection.execute("update core.batch set n_read = 1, n_loaded = 1 where batch_id <> 'later'")
    build.build(empty_home, today=TODAY)
    got = rows(empty_home, "select is_ok, note from reconciliation where check_name = 'ledger_items'")
    assert got[0]["is_ok"] and "只作参考" in got[0]["note"]


def test_stated_totals_of_one_row_and_column_count_once():
    text = (
        '[{"row": 9, "column": "a", "stated": 7.0, "counted": 6}, {"row": 9, "column": "a", "stated": 8, "counted": 6}]'
    )
    assert quality.stated_totals([("b", text)]).rows() == [("b", 9, "a", 7, 6)]
    assert quality.stated_totals([("b", None), ("c", "[]")]).is_empty()


def test_the_sections_show_words_and_no_codes(faulty, monkeypatch):
    home, _ = faulty
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    at = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not at.exception
    fields_table, weeks, units, checks = (element.value for element in at.dataframe)
    assert "来源原分类" in set(fields_table["field_name"]) and fields_table["missing_percent"].max() <= 100
    assert len(weeks) > 10
    assert set(units["unit_name"]) == {"甲局", "乙局", "（未写明单位）"}
    assert set(units["source"]) == {"12345热线", "信访"}
    assert checks["is_ok"].all() and "县区合计" in set(checks["check_name"])
    said = " ".join(element.proto.body for element in at.get("html"))
    assert "项全部相符" in said and "没有更正" in said and "《信访工作条例》第34条" in said
    assert not any(code in said for code in ("petition", "hotline", "calendar", "workday", "registered"))


def test_a_units_section_offers_its_sheet(faulty, monkeypatch):
    home, _ = faulty
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    script = PAGE.split("quality.by_field")[0] + 'quality.feedback("hotline", "甲局", edition)\n'
    at = AppTest.from_string(script, default_timeout=60).run()
    assert not at.exception
    assert [element.proto.label for element in at.get("download_button")] == ["下载反馈表"]
    said = " ".join(element.proto.body for element in at.get("html"))
    assert "反馈：甲局（12345热线）" in said and "没有填分类" in said


def test_a_units_sheet_names_files_and_rows_and_no_text(faulty):
    home, _ = faulty
    unit = {"of_source": "hotline", "unit": "甲局"}
    content = feedback_workbook(
        answer(home, "quality_unit_faults", unit), answer(home, "quality_unit_rows", unit), title="甲局", notes=["说明"]
    )
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["数据", "行号清单", "口径"]
    head, *lines = [[cell.value for cell in row] for row in book["行号清单"].iter_rows()]
    assert head == ["问题", "文件", "行号", "登记日期", "近13周行数"]
    assert lines and {line[1] for line in lines} == {"test.csv"}
    everything = {str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row}
    assert not any("暖气" in text for text in everything)
    assert {"没有填分类", "受理时间早于登记时间"} <= everything
    expected = rows(
        home, "select n_category_missing as n from quality_unit where source = 'hotline' and unit_name = '甲局'"
    )
    by_fault = {row[1].value: row[3].value for row in book["数据"].iter_rows(min_row=2)}
    assert by_fault["没有填分类"] == expected[0]["n"]


def test_every_code_of_a_section_has_a_word():
    assert {*ALL_FAULTS, "late_1d", "late_3d", "late_7d"} == set(fields.words("fault"))
    assert set(HINTS) == set(fields.words("correction_outcome"))
    assert set(ALLOWED) <= set(fields.words("field_name"))
    text = (build.SQL / "marts" / "quality_field.sql").read_text(encoding="utf-8")
    assert all(f"'{name}' as field_name" in text or name in ALLOWED for name in fields.words("field_name"))
