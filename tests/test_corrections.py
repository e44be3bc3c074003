"""Corrections: what takes effect, what is refused and why, and that the warehouse stays as the files said it."""

from datetime import date, datetime

import duckdb
import polars as pl
import pytest
from builders import add_reference, load, make_events

from pipelines import build, corrections, publish, warehouse
from pipelines.errors import SourceError

HEADER = "source,item_number,column_name,value_was,value_is,reason,decided_on,allow_bulk"
TODAY = date(2026, 11, 16)


def given(home, *events: dict, n: int = 1, **same) -> None:
    """Events in the warehouse, numbered N0, N1 … in the clerk's lookup."""
    add_reference(home)
    frame = make_events(*events, n=n, **same)
    load(home, frame)
    with warehouse.connect(home) as connection:
        for number in range(len(frame)):
            connection.execute(
                "insert into core.item_lookup (event_id, item_number) values (?, ?)", [1000 + number, f"N{number}"]
            )


def correct(home, *lines: str, header: str = HEADER, as_of: date = TODAY) -> dict[int, tuple]:
    """Build with these lines; row → (outcome, number of items)."""
    (home.reference / "correction.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    build.build(home, today=TODAY, as_of=as_of)
    found = rows(home, "select correction_row, correction_outcome, n_corrected from correction")
    return {row: (outcome, n) for row, outcome, n in found}


def rows(home, sql: str) -> list[tuple]:
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def values(home, column: str) -> list:
    return [value for (value,) in rows(home, f"select {column} from event order by event_key")]


def test_one_item_is_corrected_and_the_warehouse_stays(empty_home):
    given(empty_home, {}, {})
    before = _warehouse(empty_home)
    outcome = correct(
        empty_home,
        "hotline,N1,county_name,云溪区,临川县,派单错区,2026-11-11,",
        "hotline,N1,town_name,和平街道,石桥镇,派单错区,2026-11-11,",
        "hotline,N1,community_name,柳岸社区,石桥村,派单错区,2026-11-11,",
        "hotline,N0,closed_at,,2026-11-12 08:30:00,漏填,2026-11-12,",
        "hotline,N0,status,in_progress,closed,漏填,2026-11-12,",
    )
    assert outcome == dict.fromkeys(range(2, 7), ("applied", 1))
    assert values(empty_home, "community_code") == ["990101001001", "990102001001"]
    assert values(empty_home, "closed_at") == [datetime(2026, 11, 12, 8, 30), None]
    assert values(empty_home, "status") == ["closed", "in_progress"]
    assert rows(empty_home, "select sum(n_closed)::int from daily_counts") == [(1,)]
    assert _warehouse(empty_home) == before


def _warehouse(home) -> list[tuple]:
    with warehouse.connect(home, read_only=True) as connection:
        return connection.execute("from core.event order by event_id").fetchall()


def test_every_reason_for_no_effect_is_said(empty_home):
    given(empty_home, n=10)
    outcome = correct(
        empty_home,
        "hotline,N0,channel,微信,电话,原值不符,2026-11-11,",
        "hotline,N0,channel,微信,电话,库中已改,2026-11-11,",
        "hotline,N99,channel,电话,微信,没有这件,2026-11-11,",
        "petition,N0,channel,电话,微信,别的来源,2026-11-11,",
        "hotline,N0,text,家里暖气不热,无,改内容,2026-11-11,",
        "hotline,N0,persons,1,2,人次,2026-11-11,",
        "热线,N0,channel,电话,微信,来源,2026-11-11,",
        "hotline,N0,channel,电话,微信,日期,去年冬天,",
        "hotline,N0,channel,电话,微信,,2026-11-11,",
        "hotline,N0,channel,电话,微信,标志,2026-11-11,也许",
        "hotline,N0,status,in_progress,办完了,状态,2026-11-11,",
        "hotline,N0,closed_at,,某天,时间,2026-11-11,",
        "hotline,N0,registered_at,2026-11-10 09:00:00,,不能为空,2026-11-11,",
        "hotline,N0,channel,电话,电话,相同,2026-11-11,",
        "hotline,N0,purpose,投诉,求助,还没到,2026-11-17,",
        "hotline,,channel,电话,微信,全部改,2026-11-11,",
    )
    assert [outcome[row][0] for row in range(2, 18)] == [
        "already_right", "already_right", "unknown_item", "unknown_item", "column_not_allowed", "column_not_allowed",
        "wrong_source", "wrong_date", "no_reason", "wrong_flag", "wrong_value", "wrong_value", "wrong_value",
        "same_value", "not_yet", "too_many",
    ]  # fmt: skip
    assert outcome[17] == ("too_many", 10)
    assert set(values(empty_home, "channel")) == {"电话"} and set(values(empty_home, "purpose")) == {"投诉"}
    hints = rows(empty_home, "select distinct hint from correction")
    assert all(hint for (hint,) in hints)


def test_a_repaired_source_is_told_from_another_value(empty_home):
    given(empty_home, {"channel": "来访"}, {"channel": "微信"})
    outcome = correct(
        empty_home,
        "hotline,N0,channel,电话,微信,原值不符,2026-11-11,",
        "hotline,N1,channel,电话,微信,已改,2026-11-11,",
    )
    assert outcome == {2: ("value_differs", 0), 3: ("already_right", 0)}


def test_a_general_correction_needs_leave_beyond_a_fifth(empty_home):
    given(empty_home, *({"unit_name": "甲局" if n < 2 else "乙局"} for n in range(10)))
    assert correct(
        empty_home,
        "hotline,,unit_name,甲局,云溪区甲局,改名,2026-11-11,",
        "hotline,,unit_name,乙局,云溪区乙局,改名,2026-11-11,",
    ) == {2: ("applied", 2), 3: ("too_many", 8)}
    assert correct(empty_home, "hotline,,unit_name,乙局,云溪区乙局,改名,2026-11-11,是") == {2: ("applied", 8)}
    assert sorted(set(values(empty_home, "unit_name"))) == ["云溪区乙局", "甲局"]


def test_the_particular_and_the_later_correction_wins(empty_home):
    given(empty_home, n=6)
    outcome = correct(
        empty_home,
        "hotline,N0,channel,电话,微信,先,2026-11-11,",
        "hotline,N0,channel,电话,网站,后,2026-11-12,",
        "hotline,,channel,电话,来访,全部,2026-11-13,是",
    )
    assert outcome == {2: ("superseded", 0), 3: ("applied", 1), 4: ("applied", 5)}
    assert sorted(values(empty_home, "channel")) == ["来访"] * 5 + ["网站"]


def test_a_past_day_is_seen_with_the_corrections_of_that_day(empty_home):
    given(empty_home, {"registered_at": datetime(2026, 11, 2, 9)})
    line = "hotline,N0,channel,电话,微信,核对,2026-11-09,"
    assert correct(empty_home, line, as_of=date(2026, 11, 8)) == {2: ("not_yet", 0)}
    assert correct(empty_home, line, as_of=date(2026, 11, 9)) == {2: ("applied", 1)}


def test_a_day_before_a_later_batch_is_corrected_too(empty_home):
    given(empty_home, {})
    with warehouse.connect(empty_home) as connection:
        connection.execute(
            "insert into core.batch by name select * replace ('b2' as batch_id, date '2026-12-01' as known_on, 0 as n_read,"
            " 0 as n_loaded) from core.batch"
        )
    assert correct(empty_home, "hotline,N0,channel,电话,微信,核对,2026-11-09,") == {2: ("applied", 1)}
    assert values(empty_home, "channel") == ["微信"]
    ledger = rows(empty_home, "select is_ok, note from reconciliation where check_name = 'ledger_items'")
    assert ledger[0][0] and "只作参考" in ledger[0][1]


def test_a_corrected_day_moves_the_item_in_time(empty_home):
    given(empty_home, {}, {"registered_at": datetime(2026, 11, 3, 9)})
    correct(empty_home, "hotline,N0,registered_at,2026/11/10 9:00,2026-11-04 10:00,录入错,2026-11-11,")
    assert values(empty_home, "registered_on") == [date(2026, 11, 4), date(2026, 11, 3)]


def test_a_deadline_given_as_a_day_runs_to_its_end(empty_home):
    given(empty_home, {"due_at": datetime(2026, 11, 12, 23, 59, 59), "due_rule": "source"}, {})
    correct(
        empty_home,
        "hotline,N0,due_at,2026-11-12,2026-11-20,延期,2026-11-11,",
        "hotline,N1,due_at,,2026-11-30,交办期限,2026-11-11,",
    )
    assert values(empty_home, "due_at") == [datetime(2026, 11, 20, 23, 59, 59), datetime(2026, 11, 30, 23, 59, 59)]
    assert values(empty_home, "due_rule") == ["source", "source"]


def test_what_a_correction_makes_confidential_loses_its_text(empty_home):
    given(empty_home, {"source": "petition", "purpose": "求决"}, {"source": "petition", "purpose": "求决"})
    correct(empty_home, "petition,N0,purpose,求决,检举控告,类型填错,2026-11-11,")
    got = rows(empty_home, "select purpose, title, text, unit_name from event order by event_key")
    assert got[0] == ("检举控告", None, None, None)
    assert got[1] == ("求决", "暖气不热", "家里暖气不热", "云溪区住建局")


def test_no_unit_is_written_onto_a_confidential_item(empty_home):
    secret = {"source": "petition", "purpose": "检举控告", "title": None, "text": None, "unit_name": None}
    given(empty_home, secret, {"source": "petition"})
    correct(empty_home, "petition,N0,unit_name,,某局,补单位,2026-11-11,")
    assert values(empty_home, "unit_name") == [None, "云溪区住建局"]


def test_reasons_are_redacted_and_numbers_stay_home(empty_home):
    given(empty_home)
    correct(
        empty_home,
        "hotline,N0,channel,电话,微信,联系人张三来电19900001234更正,2026-11-11,",
        "hotline,N0,title,暖气不热,找李四 19900001234,改标题,2026-11-11,",
    )
    shown = rows(empty_home, "from correction order by correction_row")
    assert not any(
        "19900001234" in str(cell) or "张三" in str(cell) or "李四" in str(cell) for row in shown for cell in row
    )
    assert not any(cell == "N0" for row in shown for cell in row)
    assert shown[1][3:6] == (None, None, None)  # column and values of a refused column are not repeated


def test_the_file_itself_must_be_the_table_it_should_be(empty_home):
    given(empty_home)
    with pytest.raises(SourceError, match="缺少列 item_number"):
        correct(empty_home, "hotline", header="source")
    with pytest.raises(SourceError, match="不认识的列 备注"):
        correct(empty_home, header=HEADER + ",备注")
    assert correct(empty_home) == {}


def test_allow_bulk_may_be_left_out_and_excel_saves_gb18030(empty_home):
    given(empty_home)
    text = HEADER.removesuffix(",allow_bulk") + "\nhotline,N0,channel,电话,微信,核对,2026-11-11\n,,,,,,\n"
    (empty_home.reference / "correction.csv").write_bytes(text.encode("gb18030"))
    build.build(empty_home, today=TODAY)
    assert values(empty_home, "channel") == ["微信"]
    assert rows(empty_home, "select count(*) from correction") == [(1,)]


def test_allowed_columns_are_columns_of_an_event():
    assert not {"title", "text", "persons", "event_id", "lon", "lat"} & set(corrections.ALLOWED)
    assert set(corrections.ALLOWED) <= set(make_events().columns)
    assert set(corrections.HINTS) >= {"applied", "too_many"} and pl.DataFrame(schema=corrections.MART).width == 11
