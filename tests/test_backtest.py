"""The backtest: a quiet twin is quiet, planted events are found by their size, Mondays see what was known on them."""

import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from builders import add_reference, load, weekly
from streamlit.testing.v1 import AppTest

import app
from app import page
from pipelines import backtests, build, cli, publish
from pipelines.config import Home
from pipelines.config import home as open_home
from pipelines.errors import UsageError
from pipelines.surveillance import Record, backtest, stories

MONDAY_AFTER = date(2026, 11, 16)
FIRST = date(2023, 11, 13)  # a Monday
N_WEEKS, JUDGED = 84, 16
WEEKS = [FIRST + timedelta(weeks=n) for n in range(N_WEEKS)]
CITY, COUNTIES, ISSUES = "9901", ("990101", "990102"), ("0101", "0102", "0201")
TOWNS = [f"{county}{n:03d}" for county in COUNTIES for n in range(1, 3)]
COLUMNS = [
    "week_start_on", "source", "county_code", "town_code", "community_code", "issue_code", "n_events", "n_repeat",
    "n_repeat_known",
]  # fmt: skip


def a_record(mean: float = 6.0, seed: int = 1) -> Record:
    """Two counties with two towns each and three issues, Poisson counts; every fifth item names no town."""
    rng = np.random.default_rng(seed)
    rows = []
    for issue in ISSUES:
        for town in TOWNS:
            for week, count in zip(WEEKS, rng.poisson(mean, N_WEEKS), strict=True):
                for source, n in (("hotline", count - count // 3), ("grid", count // 3)):
                    if n:
                        rows.append((week, source, town[:6], town, f"{town}{1 + count % 3:03d}", issue, n, n // 2, n))
        for county in COUNTIES:
            rows += [(week, "hotline", county, None, None, issue, 2, 1, 2) for week in WEEKS]
    communities = [(f"{town}{n:03d}", "community", town) for town in TOWNS for n in range(1, 4)]
    places = [(CITY, "city", None), *((c, "county", CITY) for c in COUNTIES), *((t, "town", t[:6]) for t in TOWNS)]
    schema = dict.fromkeys(("place_code", "place_level", "parent_code"), pl.String)
    return Record(
        weekly=pl.DataFrame(rows, schema=COLUMNS, orient="row").sort(COLUMNS),
        weeks=pl.DataFrame({"week_start_on": WEEKS, "activity": [1.0] * N_WEEKS}),
        places=pl.DataFrame([*places, *communities], schema=schema, orient="row"),
        issues=pl.DataFrame({"issue_code": ISSUES, "group_code": [issue[:2] for issue in ISSUES]}),
        city_code=CITY,
        festivals=[],
    )


@pytest.fixture(scope="module")
def record() -> Record:
    return a_record()


@pytest.fixture(scope="module")
def law(record):
    return backtest.law(record, JUDGED)


def nothing_late(record: Record) -> pl.DataFrame:
    return record.weekly.with_columns((pl.col("week_start_on") + pl.duration(days=7)).alias("known_on"))


def n_items(weekly: pl.DataFrame) -> int:
    return weekly["n_events"].sum()


# ---- the surrogate -----------------------------------------------------------------------------------------------


def test_the_law_is_the_level_of_each_cell_and_adds_up_to_the_city(record, law):
    with_town = law.cells["town_code"].is_not_null().to_numpy()
    assert law.mean[with_town].mean() == pytest.approx(6, rel=0.05)
    assert law.mean[~with_town].mean() == pytest.approx(2, rel=0.1)
    assert law.mean.sum() == pytest.approx(len(ISSUES) * JUDGED * (4 * 6 + 2 * 2), rel=0.08)
    assert (law.phi >= 1).all() and law.phi.mean() < 1.2


def test_draws_have_the_mean_and_the_dispersion_of_the_law(law):
    phi, common = 2.5, 0.02
    wide = backtest.Law(**{
        **vars(law), "phi": np.full_like(law.phi, phi), "city_noise": np.full(len(ISSUES), common / 2),
        "county_noise": np.full(len(ISSUES), common / 2),
    })  # fmt: skip
    rng = np.random.default_rng(3)
    draws = np.array([backtest.drawn(wide, rng) for _ in range(400)])
    assert draws.mean(axis=0).mean() == pytest.approx(law.mean.mean(), rel=0.01)
    ratio = draws.var(axis=0) / law.mean
    assert ratio.mean() == pytest.approx(phi, rel=0.05)
    whole = np.array([backtest._sums(draw, law.in_city) for draw in draws[:, :, :1]])  # one week, by issue
    mean, parts = backtest._sums(law.mean, law.in_city)[:, 0], phi * backtest._sums(law.mean, law.in_city)[:, 0]
    assert whole[:, :, 0].var(axis=0).mean() > (parts + common / 2 * mean**2 * 0.5).mean()


def test_the_surrogate_keeps_the_past_and_the_habits_and_draws_the_judged_weeks_anew(record, law):
    rng = np.random.default_rng(5)
    counts = backtest.drawn(law, rng)
    twin = backtest.surrogate(record, law, counts, rng)
    past = pl.col("week_start_on") < law.weeks[0]
    assert twin.weekly.filter(past).equals(record.weekly.filter(past))
    new, old = twin.weekly.filter(~past), record.weekly.filter(~past)
    assert n_items(new) == counts.sum() and not new.equals(old)
    for share in (pl.col("source") == "grid", pl.col("community_code").is_null()):
        assert n_items(new.filter(share)) / n_items(new) == pytest.approx(
            n_items(old.filter(share)) / n_items(old), abs=0.03
        )
    assert new["n_repeat"].sum() / n_items(new) == pytest.approx(old["n_repeat"].sum() / n_items(old), abs=0.03)
    assert new["n_repeat_known"].sum() == n_items(new)
    by_town = new.group_by("county_code", "town_code", "issue_code").agg(pl.col("n_events").sum())
    drawn = law.cells.with_columns(pl.Series("n", counts.sum(axis=1)))
    both = by_town.join(drawn, on=["county_code", "town_code", "issue_code"], nulls_equal=True)
    assert both["n_events"].to_list() == both["n"].to_list() and len(both) == len(drawn)


def test_events_of_the_past_do_not_enter_the_quiet_city(record):
    """A hundred items in one town for two judged weeks leave no trace of their size in the law."""
    burst = pl.DataFrame(
        [(WEEKS[-n], "hotline", COUNTIES[0], TOWNS[0], None, "0101", 100, 0, 100) for n in (10, 11)],
        schema=record.weekly.schema, orient="row",
    )  # fmt: skip
    disturbed = backtest.law(backtest.with_items(record, burst), JUDGED)
    at = np.flatnonzero((disturbed.cells["town_code"] == TOWNS[0]) & (disturbed.cells["issue_code"] == "0101"))
    assert disturbed.mean[at].max() < 9


# ---- planted events ----------------------------------------------------------------------------------------------


def test_planted_events_are_what_they_say(record, law):
    events, items = backtest.planted(law, record.places, np.random.default_rng(7))
    assert n_items(items) == events["size"].sum()
    assert events.select("county_code", "issue_code").is_unique().all()
    assert set(items["week_start_on"]) <= set(law.weeks)
    slow = (pl.col("last_week_on") - pl.col("first_week_on")).dt.total_days() < 7 * backtest.SLOW_WEEKS
    assert events.select(slow.all()).item()
    town = events.filter(pl.col("spread") == "community").row(0, named=True)
    own = items.filter(pl.col("town_code") == town["place_code"], pl.col("issue_code") == town["issue_code"])
    assert n_items(own) == town["size"] and 1 <= own["community_code"].n_unique() <= 3
    span = [law.weeks.index(town[name]) for name in ("first_week_on", "last_week_on")]
    cell = law.cells.with_row_index("cell").filter(
        pl.col("town_code") == town["place_code"], pl.col("issue_code") == town["issue_code"]
    )["cell"][0]  # fmt: skip
    variance = (law.phi[cell] * law.mean[cell, span[0] : span[1] + 1]).sum()
    assert town["sigmas"] == pytest.approx(town["size"] / variance**0.5)


def test_a_report_is_of_an_event_by_place_issue_and_week(record):
    event = pl.DataFrame(
        [(0, "sudden", "community", 40, 9.0, COUNTIES[0], TOWNS[0], "0101", WEEKS[70], WEEKS[71])],
        schema=backtest._EVENT, orient="row",
    )  # fmt: skip
    reports = {
        "town": (WEEKS[70], TOWNS[0], "0101"), "county": (WEEKS[71], COUNTIES[0], "0101"),
        "group": (WEEKS[71], TOWNS[0], "01"), "city": (WEEKS[73], CITY, "0101"), "too late": (WEEKS[74], CITY, "0101"),
        "too early": (WEEKS[69], TOWNS[0], "0101"), "other town": (WEEKS[70], TOWNS[1], "0101"),
        "other county": (WEEKS[70], COUNTIES[1], "0101"), "other issue": (WEEKS[70], TOWNS[0], "0102"),
    }  # fmt: skip
    frame = pl.DataFrame(
        [(*row, name) for name, row in reports.items()], schema=[*backtest.SIGNAL, "signal_id"], orient="row"
    )
    assert set(backtest.told_of(event, frame, record)["signal_id"]) == {"town", "county", "group", "city"}
    wide = event.with_columns(pl.lit("county").alias("spread"), pl.lit(COUNTIES[0]).alias("place_code"))
    assert set(backtest.told_of(wide, frame, record)["signal_id"]) == {"town", "county", "group", "city", "other town"}


# ---- the old rule ------------------------------------------------------------------------------------------------


def test_the_old_rule_by_hand():
    counts = {0: 10, 1: 12, 2: 13, 3: 16, 5: 4, 6: 5}  # +20 % is not above; 4 items are too few; from none to five is
    rows = [(WEEKS[n], "990101", "0101", count) for n, count in counts.items()]
    frame = pl.DataFrame(rows, schema=["week_start_on", "county_code", "issue_code", "n_events"], orient="row")
    assert backtest.old_rule(frame, WEEKS)["week_start_on"].to_list() == [WEEKS[0], WEEKS[3], WEEKS[6]]
    assert backtest.old_rule(frame, WEEKS[4:]).height == 1


# ---- as known then -----------------------------------------------------------------------------------------------


def test_a_monday_sees_what_was_known_on_it(record):
    """Half of a burst of the last week arrived ten days late: that Monday saw the other half."""
    burst = pl.DataFrame(
        [(WEEKS[-1], source, COUNTIES[0], TOWNS[0], None, "0101", 20, 0, 20) for source in ("hotline", "grid")],
        schema=record.weekly.schema, orient="row",
    )  # fmt: skip
    whole = backtest.with_items(record, burst)
    is_late = (
        (pl.col("week_start_on") == WEEKS[-1]) & (pl.col("community_code").is_null()) & (pl.col("source") == "grid")
    )
    reports = nothing_late(whole).with_columns(
        pl.when(is_late).then(pl.lit(WEEKS[-1] + timedelta(days=17))).otherwise("known_on").alias("known_on")
    )
    controlled, _, _, n_alone = backtest.judged_as_known(whole, reports, JUDGED, stories.Rule(), lambda said: None)
    seen = controlled.filter(
        pl.col("week_start_on") == WEEKS[-1], pl.col("place_code") == TOWNS[0], pl.col("issue_code") == "0101"
    )["observed"].item()  # fmt: skip
    known = reports.filter(
        pl.col("week_start_on") == WEEKS[-1], pl.col("town_code") == TOWNS[0], pl.col("issue_code") == "0101",
        pl.col("known_on") <= WEEKS[-1] + timedelta(days=7),
    )  # fmt: skip
    assert n_alone == 1 and seen == n_items(known) == n_items(
        whole.weekly.filter(pl.col("week_start_on") == WEEKS[-1], pl.col("town_code") == TOWNS[0], pl.col("issue_code") == "0101")
    ) - 20  # fmt: skip
    assert controlled["week_start_on"].n_unique() == JUDGED


def test_a_history_loaded_in_one_piece_is_judged_in_one_pass(record):
    at_once = nothing_late(record).with_columns(pl.lit(date(2026, 6, 1)).alias("known_on"))
    assert backtest.judged_as_known(record, at_once, 8, stories.Rule(), lambda said: None)[3] == 0


# ---- all of it ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trials(record, law) -> list[backtest.Trial]:
    return [backtest.trial(record, law, stories.Rule(), (4, number)) for number in range(2)]


@pytest.fixture(scope="module")
def figures(record, trials):
    run = {(4, number): one for number, one in enumerate(trials)}
    return backtest.backtest(
        record, nothing_late(record), JUDGED, rule=stories.Rule(), seed=4, cities=2,
        run=lambda trial, seeds: [run[seed] for seed in seeds],
    )  # fmt: skip


def test_the_figures_agree_with_each_other(figures):
    weeks = figures["weeks"]
    assert len(weeks) == figures["n_weeks"] == JUDGED
    assert sum(week["n_events"] for week in weeks) == figures["record"]["n_events"]
    assert sum(week["n_signals"] for week in weeks) / JUDGED == pytest.approx(figures["record"]["signals_per_week"])
    assert sum(week["n_false"] for week in weeks) / JUDGED == pytest.approx(figures["false"]["per_week"])
    assert sum(week["n_old"] for week in weeks) / JUDGED == pytest.approx(figures["old_rule"]["alarms_per_week"])
    by_size = figures["planted"]["by_size"]
    assert sum(row["n"] for row in by_size) == figures["planted"]["n_events"] == 2 * len(COUNTIES) * len(ISSUES)
    assert json.loads(json.dumps(figures)) == figures


def test_a_quiet_city_is_quiet_and_the_old_rule_is_not(figures):
    assert figures["false"]["per_week"] < 0.5 < 1 < figures["old_rule"]["false_per_week"]
    by_mean = {row["name"]: row["ratio"] for row in figures["false"]["strata"] if row["stratum"] == "mean"}
    assert 0 < by_mean["2.0"] < 1.6


def test_large_events_are_found_and_small_ones_are_not(trials):
    events = pl.concat([one.events for one in trials])
    found = {size: events.filter(pl.col("size") == size)["delay_weeks"].is_not_null() for size in backtest.SIZES}
    assert min(len(each) for each in found.values()) >= 2
    assert found[80].all() and found[5].mean() < 0.5


def test_the_same_seed_gives_the_same_city(record, law, trials):
    again = backtest.trial(record, law, stories.Rule(), (4, 0))
    assert again.events.equals(trials[0].events) and again.strata.equals(trials[0].strata)
    assert not np.array_equal(*(backtest.drawn(law, np.random.default_rng(seed)) for seed in ((2, 1), (2, 2))))


# ---- from the published version to the file ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def tested(tmp_path_factory) -> tuple[Home, dict]:
    """A small city, published and backtested over its last ten weeks."""
    home = open_home(tmp_path_factory.mktemp("回测 home"))
    add_reference(home)
    load(
        home,
        weekly([8, 10, 9, 12, 7] * 14),
        weekly([9, 7, 10, 8, 11] * 14, county_name="临川县", town_name="石桥镇", community_name=None),
    )
    build.build(home, today=MONDAY_AFTER)
    return home, backtests.run(home, cities=1)


def test_from_a_published_version_to_the_file(tested):
    home, result = tested
    assert result == json.loads((home.marts / "backtest.json").read_text(encoding="utf-8"))
    assert (result["version"], result["n_weeks"]) == (publish.current(home), 70 - backtest.BASELINE_WEEKS)
    assert result["last_week"] == "2026-11-09"
    assert not (home.marts / "backtest.json.new").exists()


def test_too_little_history_is_refused_in_one_sentence(tested):
    with pytest.raises(UsageError, match="不早于"):
        backtests.run(tested[0], first=date(2025, 8, 1))
    with pytest.raises(UsageError, match="历史不够回测"):
        backtests.run(tested[0], last=date(2026, 10, 18))


def test_the_command_says_it_too(tested, capsys):
    assert cli.main(["backtest", "--home", str(tested[0].path), "--to", "2026-10-18", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"].startswith("历史不够回测")


def test_without_a_version_there_is_nothing_to_test(empty_home):
    with pytest.raises(UsageError, match="yanpan build"):
        backtests.run(empty_home)


# ---- the page ----------------------------------------------------------------------------------------------------


def opened(home: Home, monkeypatch, **query_params: str) -> AppTest:
    monkeypatch.setenv("YANPAN_HOME", str(home.path))
    monkeypatch.setattr(page, "today", lambda: MONDAY_AFTER)
    at = AppTest.from_file(str(Path(app.__file__).parent / "main.py"), default_timeout=60).run()
    for name, value in query_params.items():
        at.query_params[name] = value
    return at.switch_page("views/early_warnings.py").run()


def said(at: AppTest) -> str:
    return re.sub(r"<style>.*?</style>|<[^>]+>", "", "\n".join(e.proto.body for e in at.get("html")), flags=re.S)


def test_the_page_says_what_the_file_says(tested, monkeypatch):
    home, result = tested
    at = opened(home, monkeypatch, part="回测")
    assert not at.exception
    words = said(at)
    assert f"过去 {result['n_weeks']} 周平均每周报 {result['record']['events_per_week']:.2f} 条新预警" in words
    assert f"每周报 {result['old_rule']['alarms_per_week']:.0f} 条" in words
    assert f"用数据版本 {result['version']}" in words and "回测不能说明的" in words
    assert len(at.get("plotly_chart")) == 2
    assert "纯属偶然" in words and "这一条" not in words  # the list of warnings is on the other tab


def test_the_list_of_warnings_stays_the_first_tab(tested, monkeypatch):
    at = opened(tested[0], monkeypatch)
    assert not at.exception
    assert [tab.label for tab in at.tabs] == ["预警", "诉求群体", "同一事项", "单位办理", "回测", "推送"]
    assert "回测于" not in said(at) and at.selectbox(key="week").value == "2026-W46"


def test_without_a_backtest_the_page_says_how_to_run_one(tested, tmp_path, monkeypatch):
    copy = Home(tmp_path / "copy")
    shutil.copytree(tested[0].marts, copy.marts)
    (copy.marts / "backtest.json").write_text('{"format": 0}')  # of another program
    at = opened(copy, monkeypatch, part="回测")
    assert not at.exception
    assert "还没有做过回测" in said(at) and "yanpan backtest" in at.code[0].value


def test_another_version_is_said(tested, tmp_path, monkeypatch):
    copy = Home(tmp_path / "copy")
    shutil.copytree(tested[0].marts, copy.marts)
    result = tested[1] | {"version": 7}
    (copy.marts / "backtest.json").write_text(json.dumps(result))
    assert "用数据版本 7，现在看的是版本 1" in said(opened(copy, monkeypatch, part="回测"))
