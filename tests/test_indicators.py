"""Rise, repeats and units: calibrated where nothing happens, found where something is planted, silent where little is known."""

import shutil
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from builders import add_reference, load, make_events
from streamlit.testing.v1 import AppTest

from app import page
from app.parts import indicators as block
from pipelines import build, publish
from pipelines.surveillance import indicators
from pipelines.surveillance.kept import Kept
from pipelines.surveillance.record import EVIDENCE_COLUMNS

LAST = date(2026, 11, 9)
CITY = "990100"


def mondays(n: int) -> list[date]:
    return [LAST - timedelta(weeks=n - 1 - at) for at in range(n)]


def counts(rng, mean, phi):
    """Negative binomial with variance phi·mean."""
    return rng.negative_binomial(np.maximum(mean, 1e-9) / (phi - 1), 1 / phi)


def shares(rng, n_series: int, items: float, *, spread: float = 0.01, n_weeks: int = 70, mean: float = 0.13):
    """Cases and items of series whose share differs between series and, by `spread`, from four weeks to four weeks."""
    own = rng.beta(20 * mean, 20 * (1 - mean), (n_series, 1))
    strength = 1 / spread - 1
    now = np.repeat(rng.beta(own * strength, (1 - own) * strength, (n_series, -(-n_weeks // 4))), 4, axis=1)
    n = rng.poisson(items * rng.uniform(0.5, 1.5, (n_series, 1)), (n_series, n_weeks)).astype(float)
    return rng.binomial(n.astype(int), now[:, -n_weeks:]).astype(float), n


# ---- rise --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "phi"), [(1.0, 1.3), (4.0, 2.0), (40.0, 1.5)])
def test_a_rise_is_as_rare_as_its_p_where_nothing_rises(level, phi):
    rng, n = np.random.default_rng(5), 40_000
    expected = level * np.exp(0.3 * np.sin(np.arange(8) / 3 + rng.uniform(0, 6, (n, 1))))
    r = indicators.LEVEL_VARIANCE
    drift = np.exp(np.sqrt(r) * rng.standard_normal((n, 1)) - r / 2)
    p = indicators.sustained_rise(counts(rng, expected * drift, phi), expected, np.full(8, phi))
    for wanted in (0.1, 0.01, 0.001):
        assert 0.75 * wanted - 3 * np.sqrt(wanted / n) < (p <= wanted).mean() < 1.2 * wanted + 3 * np.sqrt(wanted / n)
    assert p.min() >= 0 and p.max() <= 1


def test_a_slow_event_that_no_week_shows_is_found():
    rng, expected = np.random.default_rng(6), np.full((2_000, 8), 3.0)
    ramp = 30 * np.arange(1, 9) / 36
    p = indicators.sustained_rise(
        counts(rng, expected, 1.5) + rng.poisson(ramp, expected.shape), expected, np.full(8, 1.5)
    )
    assert (p <= 1e-3).mean() > 0.8
    assert (
        indicators.sustained_rise(np.arange(8, 0, -1.0), np.full(8, 5.0), np.ones(8)) >= 0.5
    )  # below what was expected


def test_where_the_level_is_doubtful_only_a_trend_counts():
    expected, phi = np.full(8, 200.0), np.ones(8)
    assert indicators.sustained_rise(expected * 1.15, expected, phi) > 0.05  # 240 items more, but the level may drift
    assert indicators.sustained_rise(expected * np.linspace(1, 1.3, 8), expected, phi) < 1e-3


def verdicts(observed: list[int], expected: float | None = 3.0, **same) -> pl.DataFrame:
    """Excess verdicts of one series; silent weeks are left out, as `excess.detect` does."""
    rows = [
        {
            "week_start_on": week, "kind": "excess", "place_level": "town", "place_code": "990101001", "issue_code": "0501",
            "observed": count, "expected": expected, "phi": 1.5 if expected else None, **same,
        }
        for week, count in zip(mondays(len(observed)), observed, strict=True)
        if count or (expected or 1) >= 0.5
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"expected": pl.Float64, "phi": pl.Float64})


NO_REPEATS = pl.DataFrame(
    schema={
        "week_start_on": pl.Date, "county_code": pl.String, "town_code": pl.String, "issue_code": pl.String,
        "n_events": pl.Int64, "n_repeat": pl.Int64,
    }
)  # fmt: skip


def rises(detection: pl.DataFrame) -> pl.DataFrame:
    return indicators.place_evidence(NO_REPEATS, detection, mondays(80), city_code=CITY)


def test_a_rise_is_told_in_the_common_columns():
    found = rises(verdicts([3] * 12 + [3, 4, 4, 6, 7, 8, 9, 11]))
    assert dict(found.schema) == EVIDENCE_COLUMNS
    last = found.filter(pl.col("week_start_on") == LAST).row(0, named=True)
    assert (last["kind"], last["status"], last["observed"], last["expected"]) == ("rise", "alarm", 52, 24)
    assert last["observed"] > last["upper_bound"] > last["expected"] and last["score"] > 1 and last["base"] is None
    assert set(found.filter(pl.col("week_start_on") < LAST - timedelta(weeks=7))["status"]) == {"normal"}


def test_weeks_left_out_were_silent_and_unjudged_weeks_are_no_evidence():
    sparse = rises(verdicts([1, 0, 0, 1, 0, 0, 9, 11], expected=0.2)).row(0, named=True)
    assert sparse["observed"] == 22 and 0.6 < sparse["expected"] <= 8 * 0.5 and sparse["status"] == "alarm"
    assert rises(verdicts([1, 0, 0, 1, 0, 0, 8, 9], expected=0.2)).is_empty()  # fewer than 20 items
    unknown = rises(pl.concat([verdicts([4] * 8).head(2), verdicts([4] * 8, expected=None).tail(6)])).row(0, named=True)
    assert (unknown["status"], unknown["p_value"], unknown["reason"]) == ("not_assessed", None, indicators.NOT_JUDGED)
    assert rises(verdicts([9] * 7)).is_empty()  # no eight weeks


# ---- shares ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("items", "spread"), [(1.5, 0.01), (5, 0.02), (40, 0.005)])
def test_shares_are_as_rare_as_their_p_where_nothing_changes(items, spread):
    rng = np.random.default_rng(7)
    found = []
    for _ in range(20):
        cases, base = shares(rng, 400, items, spread=spread)
        found.append(indicators.share_excess(cases, base, first=69).p_value.ravel())
    p = np.concatenate(found)
    p = p[~np.isnan(p)]
    assert len(p) > 3_000 and abs(p.mean() - 0.5) < 0.03
    for wanted in (0.1, 0.01, 0.001):
        assert (p <= wanted).mean() < wanted + 3 * np.sqrt(wanted / len(p))
    assert (p <= 0.1).mean() > 0.06


def test_a_worse_share_is_found_against_its_own_past():
    rng = np.random.default_rng(8)
    cases, base = shares(rng, 300, 12)
    cases[:30, -4:] = rng.binomial(base[:30, -4:].astype(int), 0.5)
    judged = indicators.share_excess(cases, base, first=69)
    assert (judged.p_value[:30] <= 0.01).mean() > 0.8 > 0.05 > (judged.p_value[30:] <= 0.01).mean()
    assert ((judged.observed > judged.upper_bound) == (judged.p_value <= indicators.ALPHA)).all()


def test_a_bad_unit_that_stays_as_it_is_is_no_news():
    rng = np.random.default_rng(9)
    cases, base = shares(rng, 60, 20)
    cases[0] = rng.binomial(base[0].astype(int), 0.45)
    assert indicators.share_excess(cases, base, first=69).p_value[0, 0] > 0.01


def test_later_weeks_change_no_earlier_verdict_of_a_share():
    cases, base = shares(np.random.default_rng(10), 40, 8, n_weeks=75)
    long, short = (indicators.share_excess(cases[:, :n], base[:, :n], first=60) for n in (75, 70))
    for name in ("p_value", "upper_bound", "expected"):
        np.testing.assert_array_equal(getattr(long, name)[:, :10], getattr(short, name))


def test_tails_known_from_an_earlier_run_are_not_computed_again(monkeypatch):
    cases, base = shares(np.random.default_rng(11), 40, 8, n_weeks=75)
    first, asked, tails = Kept(), [], indicators._tails
    indicators.share_excess(cases[:, :74], base[:, :74], first=60, kept=first)
    whole = indicators.share_excess(cases, base, first=60)
    monkeypatch.setattr(indicators, "_tails", lambda rows: asked.append(len(rows)) or tails(rows))
    later = Kept(tails_before=pl.concat(first.tails_now))
    again = indicators.share_excess(cases, base, first=60, kept=later)
    for name in ("p_value", "upper_bound", "expected"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    assert 0 < asked[0] <= 40 < len(later.tails_now[0])


def test_little_is_not_assessed_and_the_reason_is_said():
    items, cases = np.full((3, 60), 5.0), np.ones((3, 60))
    items[1, -4:] = 1
    judged = indicators.share_excess(cases, items, known_from=np.array([0, 0, 23]), first=59, min_items=10)
    assert judged.reason.ravel().tolist() == ["", indicators.TOO_FEW, indicators.TOO_SHORT]
    assert np.isnan(judged.p_value.ravel()).tolist() == [False, True, True]


def test_the_bound_is_the_last_count_that_is_none():
    items = np.array([5.0, 12, 60, 600, 6_000])
    a, b = np.array([0.4, 3, 8, 60, 2.0]), np.array([4.0, 20, 50, 500, 90])
    bound = indicators._upper_bound(0.01, items, a, b)
    assert (indicators._mid_p(bound, items, a, b) > 0.01).all() and (
        indicators._mid_p(bound + 1, items, a, b) <= 0.01
    ).all()


def test_repeats_are_judged_where_the_source_says_them():
    rng, weeks = np.random.default_rng(11), mondays(80)
    rows = []
    for town in range(12):
        for at, week in enumerate(weeks):
            worse = town == 3 and at >= 77
            where = {"county_code": "990101", "town_code": f"990101{town:03}", "issue_code": "0501"}
            n = int(rng.poisson(6)) + 1
            rows.append(
                {"week_start_on": week, **where, "n_events": n, "n_repeat": rng.binomial(n, 0.6 if worse else 0.1)}
            )
            rows.append({"week_start_on": week, **where, "n_events": 20, "n_repeat": None})  # a source without the flag
    weekly = pl.DataFrame(rows, infer_schema_length=None)
    found = indicators.place_evidence(weekly, verdicts([1] * 5), weeks, city_code=CITY)
    assert set(found["kind"]) == {"repeat"} and set(found["place_level"]) == {"city", "county", "town"}
    assert found["week_start_on"].min() == weeks[-5]
    towns = found.filter(pl.col("place_level") == "town", pl.col("week_start_on") == LAST)
    alarms = towns.filter(pl.col("status") == "alarm")
    assert alarms["place_code"].to_list() == ["990101003"] and alarms["p_value"][0] < 1e-3
    worse = weekly.filter(pl.col("town_code") == "990101003", pl.col("week_start_on") > LAST - timedelta(weeks=4))
    told = worse.filter(pl.col("n_repeat").is_not_null())
    assert (alarms["observed"][0], alarms["base"][0]) == (told["n_repeat"].sum(), told["n_events"].sum())
    named = weekly.with_columns(
        pl.when(pl.col("n_repeat").is_null()).then(0).otherwise("n_events").alias("n_repeat_known"),
        pl.col("n_repeat").fill_null(0),
    )
    assert indicators.place_evidence(named, verdicts([1] * 5), weeks, city_code=CITY).equals(found)


# ---- units -------------------------------------------------------------------------------------------------------


def outcomes(
    rng, n_units: int = 60, *, worse: tuple[int, ...] = (), items: float = 8, n_weeks: int = 76
) -> pl.DataFrame:
    """weekly_outcome of units that keep their share of overdue items, but for `worse` in the last four weeks."""
    cases, base = shares(rng, n_units, items, n_weeks=n_weeks)
    for unit in worse:
        cases[unit, -4:] = rng.binomial(base[unit, -4:].astype(int), 0.7)
    unit, week = np.nonzero(base)
    known = {"n_due": base[unit, week], "n_overdue": cases[unit, week]}
    return pl.DataFrame(
        {
            "week_start_on": np.array(mondays(n_weeks), dtype="datetime64[D]")[week],
            "county_code": np.where(unit % 2, "990101", "990102"),
            "unit_name": [f"第{at}单位" for at in unit],
            **{name: values.astype(int) for name, values in known.items()},
        }
    ).with_columns(
        pl.lit(1).alias("n_events"),
        *(pl.lit(0).alias(name) for name in ("n_rated", "n_dissatisfied")),
        *(pl.lit(None, pl.Int64).alias(name) for name in ("n_return_known", "n_returned")),
    )


def units(outcome: pl.DataFrame, **more) -> pl.DataFrame:
    return indicators.unit_evidence(outcome, mondays(76), city_code=CITY, **more)


def test_the_unit_that_falls_behind_is_named_and_no_other():
    found = units(outcomes(np.random.default_rng(12), worse=(5,)))
    assert dict(found.schema) == EVIDENCE_COLUMNS
    assert set(found["kind"]) == {"overdue"}  # nothing is known of ratings and returns: no rows, not zeros
    assert found["week_start_on"].n_unique() == indicators.UNIT_WEEKS
    alarms = found.filter(pl.col("status") == "alarm", pl.col("week_start_on") == LAST)
    assert alarms["unit_name"].to_list() == ["第5单位"]
    row = alarms.row(0, named=True)
    assert row["observed"] > row["upper_bound"] > row["expected"] and (row["place_code"], row["issue_code"]) == (
        "990101",
        None,
    )


def test_units_in_order_are_hardly_ever_named():
    rng = np.random.default_rng(13)
    weeks_with_alarm = [
        (units(outcomes(rng, 80, items=items), evaluate=1)["status"] == "alarm").any()
        for items in (4, 8, 25)
        for _ in range(20)
    ]
    assert sum(weeks_with_alarm) <= 60 * indicators.UNIT_FDR + 3 * np.sqrt(60 * 0.1 * 0.9)


def test_without_a_complete_week_there_is_no_evidence():
    outcome = outcomes(np.random.default_rng(15), 3)
    assert indicators.unit_evidence(outcome, [], city_code=CITY).is_empty()
    assert indicators.place_evidence(NO_REPEATS, verdicts([3]).clear(), [], city_code=CITY).is_empty()


def test_few_cases_are_no_alarm_and_few_items_not_assessed():
    rng = np.random.default_rng(14)
    calm = outcomes(rng, 40).with_columns(pl.lit(0).alias("n_overdue"))
    is_now = (pl.col("unit_name") == "第3单位") & (pl.col("week_start_on") == LAST)
    four = calm.with_columns(pl.when(is_now).then(4).otherwise("n_overdue").alias("n_overdue"))
    row = units(four, evaluate=1).filter(pl.col("unit_name") == "第3单位").row(0, named=True)
    assert row["p_value"] < 0.01 and row["status"] == "normal"  # fewer than five
    few = calm.filter(
        (pl.col("unit_name") != "第3单位") | (pl.col("week_start_on") < LAST - timedelta(weeks=3)) | is_now
    )
    few = few.with_columns(pl.when(is_now).then(2).otherwise("n_due").alias("n_due"))
    row = units(few, evaluate=1).filter(pl.col("unit_name") == "第3单位").row(0, named=True)
    assert (row["status"], row["reason"], row["p_value"]) == ("not_assessed", indicators.TOO_FEW, None)


def test_returns_and_ratings_count_in_the_week_of_closing(empty_home):
    add_reference(empty_home)
    closed = {"registered_at": datetime(2026, 11, 2, 9), "closed_at": datetime(2026, 11, 10, 9), "status": "closed"}
    load(
        empty_home,
        make_events(n=2, registered_at=datetime(2026, 11, 13, 9)),
        make_events(
            {**closed, "n_returns": 2, "satisfaction": "dissatisfied"},
            {**closed, "satisfaction": "satisfied"},  # an empty field of a file that has the column: never returned
            {**closed, "closed_at": None, "status": "in_progress", "n_returns": 1},
        ),
    )
    build.build(empty_home, today=date(2026, 11, 16))
    columns = "week_start_on, n_events, n_rated, n_dissatisfied, n_return_known, n_returned"
    assert read(empty_home, f"select {columns} from weekly_outcome where n_events + n_rated > 0 order by 1") == [
        (date(2026, 11, 2), 3, 0, 0, None, None),
        (date(2026, 11, 9), 2, 2, 1, 2, 1),
    ]


def read(home, text: str) -> list[tuple]:
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        return connection.execute(text).fetchall()


# ---- the block on the page ---------------------------------------------------------------------------------------


@pytest.fixture
def shown(demo_home, tmp_path, monkeypatch):
    """The block for the last week, over a copy of the demo city's marts with this evidence."""

    def run(evidence: pl.DataFrame) -> AppTest:
        name = demo_home.current.read_text().strip()
        (tmp_path / "marts").mkdir()
        shutil.copy(demo_home.marts / name, tmp_path / "marts" / name)
        (tmp_path / "marts" / "CURRENT").write_text(name)
        with duckdb.connect(tmp_path / "marts" / name) as connection:
            connection.register("incoming_frame", evidence.to_arrow())
            connection.execute("create or replace table evidence as select * from incoming_frame")
        monkeypatch.setenv("YANPAN_HOME", str(tmp_path))
        monkeypatch.setattr(page, "today", lambda: date(2026, 11, 16))
        return AppTest.from_function(_page, default_timeout=60).run()

    return run


def _page():
    from datetime import date

    from app import page
    from app.parts.indicators import unit_warnings

    unit_warnings(date(2026, 11, 9), page.start("预警清单", "哪些单位？"))


def words(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


def test_the_page_lists_the_unit_and_draws_its_control_chart(shown):
    at = shown(units(outcomes(np.random.default_rng(12), worse=(5,), items=12)))
    assert not at.exception
    row = at.dataframe[0].value.iloc[0].to_dict()
    assert row["unit_name"] == "第5单位" and row["kind"] == "到期未办结"
    assert row["since_on"] <= LAST
    assert row["observed"] > row["upper_bound"] > row["expected"]
    assert "第5单位 到期未办结占到期的比例" in at.get("plotly_chart")[0].proto.spec
    assert "判定了 60 个单位的到期未办结（评价不满意、退回没有数据或件数太少，未判定）" in words(at)


def test_the_page_is_calm_where_no_unit_stands_out(shown):
    at = shown(units(outcomes(np.random.default_rng(12))).with_columns(pl.lit("normal").alias("status")))
    assert not at.exception and not at.dataframe and "本期没有单位越限" in words(at)


def test_points_outside_the_band_are_said_beside_the_chart():
    points = pl.DataFrame(
        {"n_events": [9.0, 30.0, None, 12.0], "upper_bound": [10.0] * 4, "is_alarm": [False, True, None, False]}
    )
    assert block.standing(points) == "本期高出阴影带，但没有越限；此前 3 期有 1 期高出阴影带，其中 1 期越限。"
    assert block.standing(points[:1]) == "本期在正常范围内。"
    assert block.standing(points[:2]) == "本期越限；此前 1 期都没有高出阴影带。"
    assert block.standing(points[:3]).startswith("本期件数太少，不列；此前 2 期有 1 期")


def test_the_page_says_when_no_unit_could_be_judged(shown):
    at = shown(pl.DataFrame(schema=EVIDENCE_COLUMNS))
    assert not at.exception and not at.dataframe and "这一周没有单位可以判定" in words(at)


def test_small_counts_of_a_unit_stay_hidden(monkeypatch):
    rows = units(outcomes(np.random.default_rng(12), worse=(5,))).filter(pl.col("unit_name") == "第5单位")
    series = block.course(rows.drop("kind"), LAST)
    small = pl.col("observed__mark").is_not_null()
    assert series.filter(small)["n_events"].null_count() == series.select(small.sum()).item() > 0
    assert series.drop_nulls("observed")["observed"].is_between(1, 4).sum() == 0
    monkeypatch.setenv("YANPAN_MIN_CELL", "100")
    warning = rows.filter(pl.col("status") == "alarm").with_columns(pl.lit(0.1).alias("chance_per_year"))
    safe = block.safe_warnings(warning)
    assert (
        safe["observed"].null_count()
        == safe["upper_bound"].null_count()
        == safe["p_value"].null_count()
        == len(safe)
        > 0
    )
