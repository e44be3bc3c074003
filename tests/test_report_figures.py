"""The findings of a period: equal to the page, to a dull count of the items, to themselves over days, months and quarters."""

import re
import uuid
from collections import Counter
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from statistics import median

import polars as pl
import pytest
from test_views import copied, opened, said

from app import disclosure, headlines, page, place_counts, reader, warned, wording
from app.casework import cases
from app.reports import counting, figures, periods, totalling
from app.reports.periods import Period

MONDAY = date(2026, 11, 9)
COUNTY, TOWN = "990101", "990101001"
MARK = disclosure.MARK
ONE = "select min(event_key) from event where registered_on = date '2026-11-10'"


@pytest.fixture(scope="module")
def ask(demo_home):
    with reader.asking(demo_home.marts / demo_home.current.read_text().strip()) as asked:
        yield asked


@pytest.fixture(scope="module")
def items(ask):
    """Every item of the demo city, as plain rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "text", lambda name: "select * from event" if name == "every_item" else "")
        return ask("every_item").to_dicts()


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path):
    """Nobody has acted on a warning."""
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / 'state.sqlite'}")


known: dict[tuple, figures.Findings] = {}


def found(ask, kind: str, code: str, area: str | None = None) -> figures.Findings:
    """The findings, worked out once a test process."""
    key = (kind, code, area)
    if key not in known:
        known[key] = figures.find(ask, periods.parse(kind, code), area)
    return known[key]


@contextmanager
def changed(demo_home, folder, *changes: str):
    """Ask a copy of the version that these statements have changed."""
    home = copied(demo_home, folder, *changes)
    with reader.asking(next((home / "marts").glob("*.duckdb"))) as asked:
        yield asked


def total(findings: figures.Findings, measure: str = "n_events", name: str = "n") -> int | None:
    return findings.totals.row(by_predicate=pl.col("measure") == measure, named=True)[name]


# ---------------------------------------------------------------- equal to the page


def test_the_week_is_the_week_of_the_page(demo_home, ask, monkeypatch):
    """本周研判: every tile, the comparison by working day, the warnings in their order, the rising issues."""
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    monkeypatch.setattr(page, "today", lambda: date(2026, 11, 16))
    at, week = opened("weekly", week="2026-W46"), found(ask, "weekly", "2026-W46")
    shown = [(tile.label, tile.value, tile.delta, tile.proto.delta_description) for tile in at.metric]
    rows = [row for row in week.totals.iter_rows(named=True) if row["measure"] != "n_closed"]
    assert shown == [
        (row["label"], wording.number(row["n"]), f"环比 {row['change_words']}", f"同比 {row['year_words']}")
        for row in rows
    ]
    assert len(rows) == len(headlines.FIGURES)
    text = said(at)
    top = [wording.escape(sentence) for sentence in week.warnings["sentence"].head(5)]
    assert top and [text.index(sentence) for sentence in top] == sorted(text.index(sentence) for sentence in top)
    rising = text.split("超出预期最多的事项")[1]
    assert all(name in rising for name in week.rising["issue_name"].head(6))
    assert Counter(week.followup["outcome"]) == {
        word: text.count(word) for word in warned.OUTCOMES.values() if text.count(word)
    }


@pytest.mark.parametrize("code", ["2026-W46", "2026-W41", "2022-W46", "2022-W47"])
def test_totals_are_those_the_page_asks_for(ask, code):
    """Also where the week before, or the one a year ago, is not known: null, and never 0."""
    week = found(ask, "weekly", code)
    monday = week.period.first_on
    asked = ask("week_figures").join(ask("week_overdue"), on="week_start_on", how="left")
    by_week = {row["week_start_on"]: row for row in asked.iter_rows(named=True)}
    for row in week.totals.filter(pl.col("measure") != "n_closed").iter_rows(named=True):
        for name, back in (("n", 0), ("n_before", 1), ("n_year_ago", 52)):
            day = monday - timedelta(weeks=back)
            is_known = day >= week.data_from and day in by_week
            assert row[name] == (by_week[day][row["measure"]] if is_known else None), (row["measure"], name)
    assert not week.followup.height or set(week.followup["signal_id"]) == set(warned.followed(ask, monday)["signal_id"])  # fmt: skip


def test_places_are_hidden_as_on_the_map(ask):
    """Towns of the page's map: its own queries, made safe as it makes them safe."""
    week = found(ask, "weekly", "2026-W46")
    span = {"from_on": MONDAY, "to_on": MONDAY, "before_on": MONDAY - timedelta(weeks=1)}
    scope = dict.fromkeys(("source", "issue", "group", "county", "town"))
    places = place_counts.asked(ask, **scope, **span)
    levels = [places.filter(pl.col("place_level") == level) for level in place_counts.LEVELS]
    city = {"place_code": week.city_code, **ask("located_counts", **scope, **span).row(0, named=True)}
    told = {name: [week.city_code] for name in ("n_events", "n_events_before")}
    every = place_counts.safe(place_counts.whole_city(levels, city), told, disclosure.threshold())
    whole = {"place_level": "city", "place_code": week.city_code}
    for level, mine in (("county", week.places), ("town", week.towns)):
        theirs = place_counts.inside_of(every, level, whole)
        assert mine.select(theirs.columns).equals(theirs)
    assert (week.towns["n_events" + MARK] == "<5").any()
    assert set(week.geometry) == set(week.towns.filter("has_boundary")["place_code"])


# ---------------------------------------------------------------- a dull count


@pytest.mark.parametrize(
    ("kind", "code"), [("weekly", "2026-W41"), ("monthly", "2026-10"), ("quarterly", "2026-Q3"), ("annual", "2025")]
)
def test_every_figure_is_a_count_of_the_items(ask, items, kind, code):
    findings = found(ask, kind, code)
    period = findings.period
    spans = {"n_events": period, "n_events_before": period.before(), "n_events_year_ago": period.year_ago()}

    def inside(day: date | datetime | None, span: Period) -> bool:
        day = day.date() if isinstance(day, datetime) else day
        return day is not None and span.first_on <= day <= span.last_on

    registered = {name: [row for row in items if inside(row["registered_on"], span)] for name, span in spans.items()}
    group = dict(ask("issues").select("issue_code", "group_code").iter_rows())
    cuts = {
        "sources": ("source", lambda row: row["source"]),
        "channels": ("channel", lambda row: row["channel"]),
        "purposes": ("purpose", lambda row: row["purpose"]),
        "issues": ("issue_code", lambda row: row["issue_code"]),
        "groups": ("group_code", lambda row: group[row["issue_code"]]),
    }
    for frame, (column, key) in cuts.items():
        rows = getattr(findings, frame)
        for name, counted in registered.items():
            expected = Counter(key(row) for row in counted)
            mine = dict(rows.select(column, name).iter_rows())
            assert {code: n for code, n in mine.items() if n} == {
                code: expected[code] for code in mine if expected[code]
            }
            if name == "n_events":
                assert sum(mine.values()) == len(counted) == total(findings)
    now, n_known = registered["n_events"], [row for row in registered["n_events"] if row["is_repeat"] is not None]
    assert total(findings, "n_repeat") == sum(bool(row["is_repeat"]) for row in now)
    due = [row for row in items if inside(row["due_at"], period) and row["is_overdue"] is not None]
    closed = [row for row in items if inside(row["closed_at"], period)]
    on_time = sum(not row["is_overdue"] and row["closed_at"] is not None for row in due)
    overdue = sum(row["is_overdue"] for row in due)
    rated = [row for row in items if row["satisfaction"] and inside(row["closed_at"] or row["registered_at"], period)]
    satisfied = sum(row["satisfaction"] != "dissatisfied" for row in rated)
    service = {row["measure"]: row for row in findings.service.iter_rows(named=True)}
    parts = {name: (row["numerator"], row["denominator"]) for name, row in service.items()}
    assert total(findings, "n_overdue") == overdue and total(findings, "n_closed") == len(closed)
    assert parts["on_time_reported"] == (on_time, len(due)) and parts["on_time_elapsed"] == (on_time, on_time + overdue)
    assert parts["satisfied"] == (satisfied, len(rated)) and parts["repeat"][1] == len(n_known)
    days = sorted(row["handling_days"] for row in closed)
    assert service["days_median"]["value"] == pytest.approx(median(days), abs=1e-3)
    assert service["days_mean"]["value"] == pytest.approx(sum(days) / len(days), abs=1e-3)
    assert sum(value <= service["days_p90"]["value"] for value in days) / len(days) == pytest.approx(0.9, abs=0.01)
    units = Counter(row["unit_name"] for row in due if row["unit_name"])
    for row in findings.units.iter_rows(named=True):
        assert row["n_due"] in (units[row["unit_name"]], None) and (row["n_due"] or 0) not in range(1, 5)
        assert (row["on_time_share"] is not None) == (units[row["unit_name"]] >= 20 and row["n_on_time"] is not None)


def test_wilson_is_that_of_scipy(ask):
    from scipy.stats import binomtest

    rows = found(ask, "annual", "2025").units.filter(pl.col("on_time_low").is_not_null())
    for row in rows.head(5).iter_rows(named=True):
        interval = binomtest(row["n_on_time"], row["n_due"]).proportion_ci(method="wilson")
        assert (row["on_time_low"], row["on_time_high"]) == pytest.approx((interval.low, interval.high), abs=1e-5)
    assert len(rows)


# ---------------------------------------------------------------- days, months, quarters, years


def test_days_add_to_months_months_to_quarters_quarters_to_the_year(ask, items):
    months = [found(ask, "monthly", f"2026-0{n}") for n in (7, 8, 9)]
    quarter, year = found(ask, "quarterly", "2026-Q3"), found(ask, "annual", "2025")
    by_day = Counter(row["registered_on"] for row in items)
    assert total(months[0]) == sum(by_day[date(2026, 7, n)] for n in range(1, 32))
    for measure in quarter.totals["measure"]:
        assert sum(total(one, measure) for one in months) == total(quarter, measure)
    course, quarters, years = (
        dict(one.course.select("period_start_on", "n_events").iter_rows()) for one in (months[2], quarter, year)
    )
    assert [course[date(2026, n, 1)] for n in (7, 8, 9)] == [total(one) for one in months]
    assert sum(quarters[date(2025, n, 1)] for n in (1, 4, 7, 10)) == total(year) == years[date(2025, 1, 1)]
    assert years[date(2024, 1, 1)] == total(year, name="n_before")


def test_an_unfinished_month_is_compared_with_as_many_days(ask, items):
    month = found(ask, "monthly", "2026-11")
    assert not month.is_complete and found(ask, "monthly", "2026-10").is_complete
    assert (month.counted.last_on, month.counted_before.last_on) == (date(2026, 11, 15), date(2026, 10, 15))
    assert month.counted_year_ago.last_on == date(2025, 11, 15)
    before = [row for row in items if date(2026, 10, 1) <= row["registered_on"] <= date(2026, 10, 15)]
    assert total(month, name="n_before") == len(before)
    assert month.course["is_incomplete"].to_list() == [False] * 12 + [True]
    assert month.reconciliation["is_ok"].all()


def test_where_the_data_do_not_reach(ask):
    first = found(ask, "annual", "2022")
    assert not first.is_complete and total(first) and total(first, name="n_before") is None
    assert first.issues["n_events_before"].null_count() == len(first.issues)
    for code in ("2019", "2031"):
        with pytest.raises(figures.NoData, match=r"2022年11月14日 到 2026年11月15日"):
            figures.find(ask, periods.parse("annual", code), None)
    with pytest.raises(figures.NoSuchArea, match="没有代码为“123456”"):
        figures.find(ask, periods.parse("annual", "2025"), "123456")


# ---------------------------------------------------------------- counties and towns


@pytest.mark.parametrize(("kind", "code", "area"), [("weekly", "2026-W46", COUNTY), ("monthly", "2026-10", TOWN)])
def test_an_area_says_no_small_count(ask, items, kind, code, area):
    findings = found(ask, kind, code, area)
    column = f"{findings.area.level}_code"
    here = [row for row in items if row[column] == area]
    first, last = findings.period.first_on, findings.period.last_on
    n = sum(first <= row["registered_on"] <= last for row in here)
    assert total(findings) == n and findings.area.code == area
    counts = re.compile(r"n(_before|_year_ago)?|n_(events|due|on_time|closed|rated|expected|found).*|numerator.*|denominator.*|observed.*")  # fmt: skip
    n_hidden = 0
    for name, frame in findings.frames().items():
        for one in frame.columns:
            if counts.fullmatch(one) and frame.schema[one] == pl.Int64:
                values = frame[one].drop_nulls()
                assert not values.is_between(1, 4).any(), (name, one)
                n_hidden += len(frame.filter(pl.col(one + MARK).is_not_null())) if one + MARK in frame.columns else 0
    assert n_hidden > 10
    service = findings.service.drop_nulls(["numerator", "denominator"])
    assert not (service["denominator"] - service["numerator"]).is_between(1, 4).any()
    units = findings.units.drop_nulls(["n_due", "n_on_time"])
    assert not (units["n_due"] - units["n_on_time"]).is_between(1, 4).any()
    below = counting.BELOW[findings.area.level]
    assert set(findings.places["place_level"]) == {below} and set(findings.places[column]) == {area}
    assert findings.reconciliation["is_ok"].all()


def test_a_shown_group_does_not_tell_its_only_hidden_issue(ask):
    findings = found(ask, "quarterly", "2026-Q3", COUNTY)
    hidden = findings.issues.filter(pl.col("n_events" + MARK).is_not_null())
    shown = findings.groups.filter(pl.col("n_events").is_not_null(), pl.col("n_events") > 0)
    told = [hidden.filter(pl.col("group_code") == code) for code in shown["group_code"]]
    assert any(len(rows) for rows in told) and not any(len(rows) == 1 for rows in told)


def test_warnings_of_a_county_are_those_in_it(ask):
    city, county = found(ask, "weekly", "2026-W46"), found(ask, "weekly", "2026-W46", COUNTY)
    assert set(county.warnings["county_code"]) <= {COUNTY}
    own = city.warnings.filter(pl.col("county_code") == COUNTY)["signal_id"].to_list()
    assert county.warnings["signal_id"].to_list() == own
    assert set(found(ask, "monthly", "2026-10", TOWN).warnings["county_code"]) <= {COUNTY}


# ---------------------------------------------------------------- warnings and casework


def test_a_warning_of_several_weeks_has_one_row(ask):
    quarter = found(ask, "quarterly", "2026-Q3")
    assert quarter.warnings["signal_id"].is_unique().all()
    weeks = pl.concat([warned.given(ask, monday) for monday in quarter.period.mondays()])
    listed = dict(weeks.group_by("signal_id").len().iter_rows())
    assert dict(quarter.warnings.select("signal_id", "n_weeks_listed").iter_rows()) == listed
    assert set(quarter.warnings.filter("is_new")["signal_id"]) == set(listed) - set(
        ask("report_signals", since=date(2000, 1, 1), week=quarter.period.mondays()[0] - timedelta(days=7))["signal_id"]
    )
    order = quarter.warnings["signal_level"].replace({"red": "0", "orange": "1", "yellow": "2", "blue": "3"})
    assert order.to_list() == sorted(order)


def test_what_was_done_after_until_is_not_known(ask, demo_home, monkeypatch):
    monkeypatch.setenv("YANPAN_HOME", str(demo_home.path))
    week = periods.parse("weekly", "2026-W46")
    signal = warned.given(ask, MONDAY).row(0, named=True)
    act = {"role": "office", "request_id": uuid.uuid4().hex, "expected_seq": 0, "to_unit": "云溪区住建局"}
    cases.act(signal, "push", at=datetime(2026, 11, 16, 10), **act)
    early, late = (
        figures.find(ask, week, None, until=at) for at in (datetime(2026, 11, 16, 9), datetime(2026, 11, 23))
    )
    first = [one.warnings.row(0, named=True) for one in (early, late)]
    assert [(row["case_status"], row["is_overdue"]) for row in first] == [("new", False), ("pushed", True)]
    assert early.loop and late.loop
    assert [(one["n_pushed"], one["n_overdue"]) for one in (early.loop, late.loop)] == [(0, 0), (1, 1)]
    assert early.loop["n_new"] == early.loop["n_listed"] == len(early.warnings)
    assert early.fingerprint != late.fingerprint
    assert (
        cases.current(until=datetime(2026, 11, 16, 9)).is_empty()
        and len(cases.current(until=datetime(2026, 11, 16, 10))) == 1
    )
    taken = cases.steps_between(date(2026, 11, 16), date(2026, 11, 16), until=datetime(2026, 11, 16, 9))
    assert taken["n_actions"].sum() == 0
    assert cases.steps_between(MONDAY, date(2026, 11, 16)).filter(pl.col("action") == "push")["n_signals"][0] == 1


def test_without_the_state_the_figures_stand(ask, monkeypatch, tmp_path):
    (tmp_path / "文件").write_text("no folder")
    monkeypatch.setenv("YANPAN_STATE", f"sqlite:///{tmp_path / '文件' / 'state.sqlite'}")
    week = figures.find(ask, periods.parse("weekly", "2026-W46"), None)
    assert week.loop is None and week.warnings["case_status"].null_count() == len(week.warnings) > 0


def test_an_empty_week_and_a_week_without_warnings(demo_home, tmp_path):
    gone = [
        f"delete from {table} where {day} between date '2026-11-09' and date '2026-11-15'"
        for table, day in (
            ("event", "registered_on"), ("daily_counts", "registered_on"), ("dated_counts", "day_on"),
            ("weekly_counts", "week_start_on"),
        )
    ]  # fmt: skip
    with changed(
        demo_home, tmp_path, *gone, "delete from signal", "delete from boundary", "delete from concern_group"
    ) as ask:
        week = figures.find(ask, periods.parse("weekly", "2026-W46"), None)
    assert total(week) is None and total(week, name="n_before") and week.course["n_events"][-1] is None
    assert week.warnings.is_empty() and week.followup.is_empty() and week.hot.is_empty() and week.matters.is_empty()
    assert "is_new" in week.warnings.columns and "outcome" in week.followup.columns
    assert week.loop and week.loop["n_listed"] == 0 and week.gaps == [MONDAY]
    of_total = week.reconciliation.filter(pl.col("check_name").str.contains("诉求总量"))
    assert len(of_total) > 5 and of_total["is_ok"].all()
    assert not week.geometry and week.concerns.is_empty() and len(week.towns)
    assert week.values()["warnings"]["n_listed"] == 0


# ---------------------------------------------------------------- 勾稽, and the same again


@pytest.mark.parametrize(
    ("kind", "change", "names"),
    [
        ("weekly", "update daily_counts set n_events = n_events + 1 where rowid = (select max(rowid) from daily_counts)", "逐日"),
        ("weekly", "update daily_counts set source = 'post' where registered_on = date '2026-11-10'", "各来源之和"),
        ("weekly", "update daily_counts set county_code = '9' where registered_on = date '2026-11-10'", "各县区之和 + 未定位"),
        ("weekly", "delete from issue where issue_code = (select issue_code from event order by registered_at desc limit 1)", "各大类之和"),
        ("weekly", "delete from weekly_counts where week_start_on = date '2026-11-09' and source = 'grid'", "该周各日之和"),
        ("weekly", "delete from weekly_outcome where week_start_on = date '2026-11-09' and n_overdue > 0", "办理统计的超期件数"),
        ("monthly", "delete from weekly_counts where week_start_on = date '2026-10-12' and source = 'grid'", "各整周之和"),
        ("annual", "delete from daily_counts where registered_on = date '2026-02-10'", "该月各日之和"),
    ],
)  # fmt: skip
def test_a_broken_mart_is_caught(demo_home, tmp_path, kind, change, names):
    code = {"weekly": "2026-W46", "monthly": "2026-10", "annual": "2026"}[kind]
    with changed(demo_home, tmp_path, change) as ask:
        checked = totalling.check(ask, periods.parse(kind, code), None)
    wrong = checked.filter(~pl.col("is_ok"))
    assert any(name.startswith(names) for name in wrong["check_name"])
    assert (wrong["n_found"] - wrong["n_expected"] == wrong["n_difference"]).all() and (
        wrong["n_difference"] != 0
    ).all()


@pytest.mark.parametrize(("kind", "code", "area"), [("weekly", "2026-W46", None), ("annual", "2026", COUNTY), ("quarterly", "2026-Q3", TOWN)])  # fmt: skip
def test_a_sound_mart_adds_up(ask, kind, code, area):
    checked = totalling.check(ask, periods.parse(kind, code), area)
    assert checked["is_ok"].all() and len(checked) >= 8


def test_equal_figures_have_equal_fingerprints(demo_home, ask, tmp_path):
    week = periods.parse("weekly", "2026-W46")
    same = found(ask, "weekly", "2026-W46").fingerprint
    assert re.fullmatch("[0-9a-f]{8}", same)
    with changed(demo_home, tmp_path / "甲", "update meta set value = '99' where key = 'version'") as other:
        later = figures.find(other, week, None)
    with changed(demo_home, tmp_path / "乙", f"delete from event where event_key = ({ONE})") as other:
        fewer = figures.find(other, week, None)
    assert later.version == "99" and later.fingerprint == same != fewer.fingerprint


def test_the_year_has_the_three_tables(ask):
    year = found(ask, "annual", "2025")
    assert set(year.annual) == {"groups", "sources", "channels", "purposes", "units", "steps", "proposals"}
    assert set(year.annual_notes) == {"units", "steps", "proposals"}
    advice = ask("ledger_annual", county=None).filter(ledger_kind="advice", year=2025)
    assert year.annual["proposals"]["n_proposed"].sum() == advice["n_opened"].sum() > 0
    assert year.annual["proposals"]["n_adopted"].sum() == advice["n_achieved"].sum()
    steps = year.annual["steps"]
    assert {"督办台账", "交办台账"} <= set(steps["part"])
    assert steps.filter(pl.col("part") == "来源事项的办理状态")["n"].sum() == total(year)
    assert "annual_steps" in year.frames() and not found(ask, "weekly", "2026-W46").annual
