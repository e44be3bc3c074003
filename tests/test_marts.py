"""Mart SQL against a dull Python re-reading of the same events."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest
from builders import PLACES, add_reference, load, make_events

from pipelines import build, classify, places, publish, reference
from pipelines.build import header, mart_files
from pipelines.config import home as open_home
from pipelines.errors import CheckFailed, SourceError

TODAY = date(2026, 11, 16)


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """A home with one event of many kinds, and its events. Read only, please."""
    home = open_home(tmp_path_factory.mktemp("各种事项"))
    morning = datetime(2026, 11, 10, 9)
    events = make_events(
        {},
        {"source": "petition", "county_name": "云溪", "is_repeat": True, "persons": 12, "is_group": True},
        {"county_name": None, "town_name": "东门街道", "community_name": None},
        {"county_name": "临川县", "town_name": "和平街道", "community_name": None},  # a town of another county
        {"county_name": "临川县", "town_name": None, "community_name": "石桥村"},
        {"county_name": "错字县", "town_name": "石桥镇", "community_name": None},
        {"category_raw": None},
        {"category_raw": "从没见过>小类>细类"},
        {"registered_at": datetime(2026, 11, 15, 23, 59, 59), "closed_at": datetime(2026, 11, 16, 8)},
        {"closed_at": morning + timedelta(days=2), "due_at": morning + timedelta(days=1), "status": "closed"},
        {"closed_at": morning + timedelta(days=2), "due_at": morning + timedelta(days=3), "status": "closed"},
        {"due_at": morning + timedelta(days=3)},
        {"due_at": datetime(2027, 1, 1), "satisfaction": "satisfied"},
        {"satisfaction": "dissatisfied", "status": "closed", "closed_at": datetime(2026, 11, 16, 12)},
        {"registered_at": datetime(2026, 11, 17, 9)},  # after the as-of day
        n=3,
    )
    add_reference(home)
    load(home, events)
    build.build(home, today=date(2026, 11, 18), as_of=date(2026, 11, 16))
    return home, events.to_dicts()


def rows(home, sql: str) -> list[tuple]:
    version = publish.current(home)
    assert version
    with duckdb.connect(publish.version_file(home, version), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def dull_place(event: dict) -> tuple:
    """County, town, community code by reading PLACES from top to bottom."""
    names = {(level, parent, name): code for code, name, level, parent, *_ in PLACES}
    parent_of = {code: parent for code, _, _, parent, *_ in PLACES}
    county_name = {"云溪": "云溪区"}.get(event["county_name"], event["county_name"])
    county = names.get(("county", "990100", county_name))
    towns = [
        c for (level, p, n), c in names.items() if level == "town" and n == event["town_name"] and county in (None, p)
    ]
    town = towns[0] if len(towns) == 1 else None
    communities = [
        c
        for (level, p, n), c in names.items()
        if level == "community" and n == event["community_name"] and town in (None, p)
        and county in (None, parent_of[p])
    ]  # fmt: skip
    community = communities[0] if len(communities) == 1 else None
    town = town or (parent_of[community] if community else None)
    return county or (parent_of[town] if town else None), town, community


def dull_issue(event: dict) -> str:
    path = event["category_raw"]
    if path is None:
        return "9999"
    for source, known, code, _ in reference.read_crosswalk(reference.Path("nowhere")).iter_rows():
        if source == event["source"] and known == path:
            return code
    return f"{path.split('>')[0]}>{path.split('>')[-1]}"


def test_daily_counts_equal_a_dull_count(varied):
    home, events = varied
    end = datetime(2026, 11, 17)
    expected: dict[tuple, Counter] = defaultdict(Counter)
    for event in events:
        if event["registered_at"] >= end:
            continue
        key = (event["registered_at"].date(), event["source"], dull_place(event)[0], dull_issue(event))
        closed = event["closed_at"] is not None and event["closed_at"] < end
        counts = expected[key]
        counts["n_events"] += 1
        counts["n_closed"] += closed
        if event["due_at"]:
            counts["n_overdue"] += event["closed_at"] > event["due_at"] if closed else event["due_at"] < end
        counts["n_repeat"] += bool(event["is_repeat"])
        counts["n_group"] += bool(event["is_group"])
        counts["n_persons"] += event["persons"] or 0
        counts["n_rated"] += event["satisfaction"] is not None
        counts["n_satisfied"] += event["satisfaction"] == "satisfied"
    columns = ["n_events", "n_closed", "n_overdue", "n_repeat", "n_group", "n_persons", "n_rated", "n_satisfied"]
    got = {
        tuple(row[:4]): dict(zip(columns, (value or 0 for value in row[4:]), strict=True))
        for row in rows(
            home, f"select registered_on, source, county_code, issue_code, {','.join(columns)} from daily_counts"
        )
    }
    assert got == {key: {name: counts[name] for name in columns} for key, counts in expected.items()}


def test_weekly_counts_equal_a_dull_count(varied):
    home, events = varied
    expected = Counter(
        (
            event["registered_at"].date() - timedelta(days=event["registered_at"].weekday()),
            event["source"],
            *dull_place(event),
            dull_issue(event),
        )
        for event in events
        if event["registered_at"] < datetime(2026, 11, 17)
    )
    got = rows(
        home,
        "select week_start_on, source, county_code, town_code, community_code, issue_code, n_events from weekly_counts",
    )
    assert {row[:-1]: row[-1] for row in got} == expected
    # Nobody was asked what is without a category is about: see test_unclassified.
    assert rows(home, "select distinct issue_basis, issue_confidence from event") == [("source", None)]
    assert rows(home, "select sum(n_suggested) from weekly_counts") == [(0,)]


def dull_due(event: dict) -> datetime | None:
    """Hotline items are due within five workdays; none of these weeks has a holiday."""
    if event["source"] != "hotline":
        return None
    day, left = event["registered_at"].date(), 5
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return datetime(day.year, day.month, day.day, 23, 59, 59)


def test_weekly_outcome_equals_a_dull_count(varied):
    """Each item in the week of its registration, of its deadline, of its closing; none after the as-of day."""
    home, events = varied
    end = datetime(2026, 11, 17)
    expected: dict[tuple, Counter] = defaultdict(Counter)

    def in_week(event: dict, at: datetime) -> Counter:
        week = at.date() - timedelta(days=at.weekday())
        return expected[(week, *dull_place(event)[:2], event["unit_name"], dull_issue(event))]

    for event in events:
        if event["registered_at"] >= end:
            continue
        registered = in_week(event, event["registered_at"])
        registered["n_events"] += 1
        registered["n_repeat"] += bool(event["is_repeat"])
        registered["n_repeat_known"] += event["is_repeat"] is not None
        closed = event["closed_at"] is not None and event["closed_at"] < end
        if due_at := event["due_at"] or dull_due(event):
            due = in_week(event, due_at)
            due["n_due"] += 1
            due["n_overdue"] += event["closed_at"] > due_at if closed else due_at < end
        if event["satisfaction"]:
            rated = in_week(event, event["closed_at"] if closed else event["registered_at"])
            rated["n_rated"] += 1
            rated["n_dissatisfied"] += event["satisfaction"] == "dissatisfied"
        if closed:
            in_week(event, event["closed_at"])
    columns = ["n_events", "n_repeat", "n_repeat_known", "n_due", "n_overdue", "n_rated", "n_dissatisfied"]
    grain = "week_start_on, county_code, town_code, unit_name, issue_code"
    got = {
        tuple(row[:5]): dict(zip(columns, row[5:], strict=True))
        for row in rows(home, f"select {grain}, {','.join(columns)} from weekly_outcome")
    }
    assert got == {key: {name: counts[name] for name in columns} for key, counts in expected.items()}
    known = rows(home, "select count(n_return_known), count(n_returned) from weekly_outcome")
    assert known == [(0, 0)]  # no file tells: unknown, not 0


def test_a_slip_stays_unlocated_and_is_listed(varied):
    home, _ = varied
    listed = rows(home, "select name_reported, outcome, n_events from unresolved_name where name_kind = 'place'")
    assert ("临川县 › 和平街道", "county_only", 3) in listed
    assert not rows(home, "select * from place where is_provisional")


def test_the_citys_own_name_is_no_county(empty_home):
    add_reference(empty_home)
    load(empty_home, make_events(n=places.PROVISIONAL_MIN_EVENTS, county_name="安澜市", community_name=None))
    build.build(empty_home, today=TODAY)
    assert rows(empty_home, "select distinct county_code, town_code from event") == [("990101", "990101001")]
    assert not rows(empty_home, "select * from place where is_provisional")


def test_a_whole_unknown_district_becomes_provisional(empty_home):
    add_reference(empty_home)
    foreign = make_events(
        n=places.PROVISIONAL_MIN_EVENTS, county_name="远方区", town_name="甲街道", community_name=None
    )
    load(empty_home, make_events(n=5), foreign)
    build.build(empty_home, today=TODAY)
    got = rows(empty_home, "select place_name, place_level, has_boundary from place where is_provisional")
    assert set(got) == {("甲街道", "town", False), ("远方区", "county", False)}


def test_without_reference_data_places_are_named_as_reported(empty_home):
    load(empty_home, make_events(n=places.PROVISIONAL_MIN_EVENTS))
    build.build(empty_home, today=TODAY)
    names = {row[0] for row in rows(empty_home, "select place_name from place")}
    assert names == {"全部区域", "云溪区", "和平街道", "柳岸社区"}
    parents = dict(rows(empty_home, "select place_code, parent_code from place"))
    assert parents["云溪区"] == "city" and parents["city"] is None


def test_longest_leading_category_wins():
    known = {"甲": "0101", "甲>乙": "0102"}
    crosswalk = pl.DataFrame([("hotline", path, code, "") for path, code in known.items()], orient="row")
    reported = pl.DataFrame([("hotline", path) for path in ("甲", "甲>乙>丙", "甲>丁", "甲乙", "戊>己")], orient="row")
    resolved, provisional = classify.resolve(reported, crosswalk)
    assert resolved["issue_code"].to_list() == ["0101", "0102", "0101", "甲乙>甲乙", "戊>己"]
    assert ("戊>己", "己", "戊", "戊") in provisional.rows()


def test_every_mart_says_its_grain_and_keeps_it(varied):
    home, _ = varied
    for name, path in mart_files().items():
        grain = ", ".join(header(path, "grain"))
        doubled = rows(home, f"select {grain}, count(*) from {name} group by all having count(*) > 1")
        assert not doubled, (name, doubled)


def test_a_failed_check_keeps_the_old_version(varied, monkeypatch, tmp_path):
    home, _ = varied
    before = publish.current(home)
    broken = tmp_path / "sql"
    for folder in ("checks", "marts"):
        (broken / folder).mkdir(parents=True)
        for path in (build.SQL / folder).glob("*.sql"):
            (broken / folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (broken / "fields.csv").write_text((build.SQL / "fields.csv").read_text(encoding="utf-8"), encoding="utf-8")
    counts = broken / "marts" / "weekly_counts.sql"
    counts.write_text(
        counts.read_text(encoding="utf-8").replace("count(*) as n_events", "count(*) + 1 as n_events"), encoding="utf-8"
    )
    monkeypatch.setattr(build, "SQL", broken)
    with pytest.raises(CheckFailed, match="events_kept"):
        build.build(home, today=TODAY)
    assert publish.current(home) == before
    assert build.check_current(home)


def test_nothing_to_build_is_said_plainly(empty_home):
    with pytest.raises(SourceError, match="还没有入库的数据"):
        build.build(empty_home, today=TODAY)
    assert publish.current(empty_home) is None


def test_personal_data_in_text_stops_the_publish(empty_home):
    load(empty_home, make_events(text="请回电 19900001234"))
    with pytest.raises(CheckFailed, match="no_personal_data"):
        build.build(empty_home, today=TODAY)
    assert publish.current(empty_home) is None
