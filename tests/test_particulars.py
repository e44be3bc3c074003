"""A warning's particulars: short title, who is in charge and why, what cannot be seen, units as warnings of their own."""

import json
from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest
from builders import add_reference, load, make_events, weekly
from test_signals import signals_of

from pipelines import build, layouts, publish
from pipelines.errors import SourceError
from pipelines.ingest import ingest
from pipelines.layouts import files
from pipelines.layouts.proposal import Choices
from pipelines.sources import reading

WEEK = date(2026, 11, 9)
RAISED = [10] * 130 + [50]
DUTIES = """unit_code,unit_name,role_name,county_code
990101001,云溪区供热服务中心,供热公司,990101
990102001,临川县供热站,供热公司,990102
"""


def this_week(found: pl.DataFrame) -> dict:
    [signal] = found.filter(pl.col("week_start_on") == WEEK).to_dicts()
    return signal


def test_the_duty_list_names_who_is_in_charge(empty_home):
    add_reference(empty_home)
    (empty_home.reference / "unit.csv").write_text(DUTIES, encoding="utf-8")
    signal = this_week(signals_of(empty_home, weekly(RAISED, category_raw="公用事业>供热>供暖服务")))
    assert signal["title"] == "云溪区和平街道 供暖"
    assert signal["responsible_unit"] == "云溪区供热服务中心"
    assert signal["responsible_basis"].startswith("职责清单：供热公司")


def test_without_a_duty_list_whoever_did_it_last_year(empty_home):
    signal = this_week(signals_of(empty_home, weekly(RAISED)))
    assert (signal["responsible_unit"], signal["responsible_basis"]) == (
        "云溪区住建局",
        "近一年此地此类事项的 100% 由其主办",
    )


def test_nobody_is_named_where_nobody_does_most_of_it(empty_home):
    thirds = [weekly([4] * 130 + [18], unit_name=f"第{n}所") for n in "一二三"]
    signal = this_week(signals_of(empty_home, *thirds))
    assert (signal["responsible_unit"], signal["responsible_basis"]) == (None, None)


def test_a_duty_list_without_its_columns_is_refused_in_one_sentence(empty_home):
    add_reference(empty_home)
    load(empty_home, weekly(RAISED))
    (empty_home.reference / "unit.csv").write_text("unit_name\n供热站\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"unit\.csv.*role_name"):
        build.build(empty_home, today=date(2026, 11, 16))


def test_what_cannot_be_seen_is_said(empty_home):
    grid = weekly([3] * 130, end_week=WEEK - timedelta(weeks=1), source="grid")
    nameless = weekly(RAISED, community_name=None)
    without_text = make_events({"registered_at": datetime(2026, 11, 10)}, n=30, text=None, title=None)
    unseen = json.loads(this_week(signals_of(empty_home, nameless, grid, without_text))["blind_spots"])
    assert "网格本周没有这个区域的数据" in unseen
    assert "多数诉求没有写明社区村，更小范围的聚集看不全" in unseen
    assert "一部分诉求没有可读的内容（未填或按规定不读），是不是同一件事看不全" in unseen
    assert unseen[-1] == "没有来反映的人和没有接入的渠道，系统看不到"
    assert not any(character.isdigit() for sentence in unseen[:-1] for character in sentence)


def handled(unit: str, late_from: int, n_weeks: int = 80, per_week: int = 10) -> pl.DataFrame:
    """A unit's items: one in ten closed late, from week `late_from` on every second."""
    rows = []
    for week in range(n_weeks):
        for item in range(per_week):
            registered = datetime.combine(WEEK - timedelta(weeks=n_weeks - week), datetime.min.time())
            is_late = item < (per_week // 2 if week >= late_from else per_week // 10)
            due = registered + timedelta(days=7)
            rows.append(
                {"registered_at": registered, "due_at": due, "closed_at": due + timedelta(days=3 if is_late else -2)}
            )
    return make_events(*rows, unit_name=unit, status="closed")


def test_a_unit_out_of_its_limits_is_a_warning_of_its_own(empty_home):
    found = signals_of(
        empty_home, handled("云溪区住建局", 74), handled("云溪区城管局", 99), handled("云溪区水务局", 99)
    )
    units = found.filter(pl.col("unit_name").is_not_null())
    assert units["unit_name"].unique().to_list() == ["云溪区住建局"]
    assert units["signal_id"].n_unique() == 1 and set(units["kind"]) == {"overdue"}
    last = units.sort("week_start_on").to_dicts()[-1]
    assert last["title"] == "云溪区住建局 逾期偏多" and last["issue_code"] is None
    assert (last["observed"], last["base"]) == (20, 40)
    assert last["sentence"].startswith("云溪区住建局近 4 周到期 40 件，其中逾期 20 件，按该单位以往水平应在 4 件左右")
    assert last["responsible_unit"] == "云溪区住建局"
    parts = json.loads(last["evidence"])
    assert parts["issues"] == [{"name": "供暖", "n_events": 20}]


def test_two_matters_of_real_messages_are_listed_in_the_month_they_begin(shared_files, empty_home):
    """No place, no issue, one year of messages: the counts cannot be judged yet, matters can."""
    path = shared_files / "taidi" / "附件3.xlsx"
    proposal = layouts.propose(reading.inspect(path), source=None, choices=Choices())
    layouts.save(empty_home, "留言", proposal["source"], files.from_json(proposal["layout"]))
    ingest([path], empty_home, layout="留言", today=date(2026, 1, 1))
    build.build(empty_home, today=date(2020, 1, 28), as_of=date(2026, 1, 1))
    with duckdb.connect(publish.version_file(empty_home, 1), read_only=True) as connection:
        found = connection.sql(
            "select title, signal_id, kinds, min(week_start_on) as first from signal group by all"
        ).pl()
    for name, month in (("丽发新城", (2019, 11)), ("伊景园", (2019, 7))):
        told = found.filter(pl.col("title").str.contains(name))
        assert told["signal_id"].n_unique() == 1 and told["kinds"].str.starts_with("matter").any()
        monday_known = told["first"].min() + timedelta(weeks=1)
        assert (monday_known.year, monday_known.month) == month
