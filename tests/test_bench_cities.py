"""The benchmark's own honesty: cities are what they say, events are really in them, and the matching rule is as written."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from bench import cities, fusion

SMALL = {"weeks": 120, "n_counties": 3, "n_towns": 12, "n_communities": 60, "n_issues": 12, "items_per_week": 400}
MONDAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def city() -> cities.City:
    return cities.make(5, **SMALL)


def test_the_same_seed_is_the_same_city(city: cities.City) -> None:
    again, other = cities.make(5, **SMALL), cities.make(6, **SMALL)
    for name in ("items", "places", "issues", "daily", "truth", "nuisance"):
        assert getattr(city, name).equals(getattr(again, name)), name
    assert not city.items.equals(other.items)


def test_it_adds_up(city: cities.City) -> None:
    total = city.weekly["n_events"].sum()
    assert city.daily["n_events"].sum() == total
    by_week = city.daily.join(city.calendar, left_on="registered_on", right_on="day_on").group_by("week_start_on")
    assert (
        by_week.agg(pl.col("n_events").sum())
        .sort("week_start_on")
        .equals(city.weekly.group_by("week_start_on").agg(pl.col("n_events").sum()).sort("week_start_on"))
    )
    assert total / SMALL["weeks"] == pytest.approx(SMALL["items_per_week"], rel=0.15)
    assert city.weekly.select(cities.ITEM_KEYS).is_unique().all()
    flagged = city.weekly.drop_nulls("n_repeat")
    assert flagged["source"].unique().sort().to_list() == ["hotline", "petition"]
    assert (flagged["n_repeat"] <= flagged["n_events"]).all() and flagged["n_repeat"].sum() > 0


def test_places_and_issues_nest(city: cities.City) -> None:
    parent = dict(city.places.select("place_code", "parent_code").iter_rows())
    named = city.weekly.drop_nulls(["town_code", "community_code"])
    for lower, upper in named.select("community_code", "town_code").unique().iter_rows():
        assert parent[lower] == upper
    for lower, upper in named.select("town_code", "county_code").unique().iter_rows():
        assert parent[lower] == upper and parent[upper] == city.city_code
    assert set(city.weekly["issue_code"]) <= set(city.issues["issue_code"])


def test_events_are_really_in_it(city: cities.City) -> None:
    """What the city has beyond the same one without events is the truth, week by week."""
    quiet = cities.make(5, **SMALL, null=True)
    keys = ["week_start_on", "issue_code"]
    summed = [c.weekly.group_by(keys).agg(pl.col("n_events").sum()) for c in (city, quiet)]
    more = (
        summed[0]
        .join(summed[1], on=keys, how="left", suffix="_quiet")
        .with_columns(extra=pl.col("n_events") - pl.col("n_events_quiet").fill_null(0))
        .filter(pl.col("extra") != 0)
        .select(*keys, "extra")
        .sort(keys)
    )
    planted: dict[tuple[date, str], int] = {}
    for event in city.truth.iter_rows(named=True):
        for week, n in enumerate(event["extra"]):
            key = (event["first_week_on"] + timedelta(weeks=week), event["issue_code"])
            planted[key] = planted.get(key, 0) + n
    assert {(w, i): n for w, i, n in more.iter_rows()} == {key: n for key, n in planted.items() if n}
    assert quiet.truth.is_empty() and quiet.nuisance.equals(city.nuisance)
    assert {"community", "town", "county", "city"} == set(city.truth["place_level"])


def test_an_event_stays_in_its_place(city: cities.City) -> None:
    """In a town event's weeks the town, or items of which no town is known, hold all of the extra items."""
    quiet = cities.make(5, **SMALL, null=True)
    event = city.truth.filter(pl.col("place_level") == "town").sort("n_extra", descending=True).row(0, named=True)
    is_now = pl.col("week_start_on").is_between(event["first_week_on"], event["last_week_on"])

    def of(where: cities.City, town: pl.Expr) -> int:
        return where.weekly.filter(is_now & town & (pl.col("issue_code") == event["issue_code"]))["n_events"].sum()

    others = city.truth.filter(
        (pl.col("issue_code") == event["issue_code"])
        & (pl.col("first_week_on") <= event["last_week_on"])
        & (pl.col("last_week_on") >= event["first_week_on"])
    )
    here = (pl.col("town_code") == event["place_code"]) | pl.col("town_code").is_null()
    if len(others) == 1:
        assert of(city, here) - of(quiet, here) == event["n_extra"]
    assert of(city, here) - of(quiet, here) >= event["n_extra"] * 0.9


def test_no_event_and_no_nuisance() -> None:
    clean = cities.make(5, **SMALL, null_clean=True)
    assert clean.truth.is_empty() and clean.nuisance.is_empty()
    assert clean.weekly["week_start_on"].n_unique() == SMALL["weeks"]


def test_nuisances_happen(city: cities.City) -> None:
    kinds = {row["kind"]: row for row in reversed(city.nuisance.to_dicts())}  # the first of each
    assert set(kinds) == {"step", "reclassified", "missed", "late start", "late", "campaign"}
    missed, late_start, campaign = kinds["missed"], kinds["late start"], kinds["campaign"]
    quiet = cities.make(5, **SMALL, null=True).weekly
    ordinary = quiet.filter(pl.col("county_code") == missed["place_code"])
    assert missed["first_week_on"] not in set(ordinary["week_start_on"])
    assert ordinary["week_start_on"].n_unique() == SMALL["weeks"] - len(
        city.nuisance.filter(pl.col("kind") == "missed", pl.col("place_code") == missed["place_code"])
    )
    of_town = quiet.filter(pl.col("town_code") == late_start["place_code"])
    assert of_town["week_start_on"].min() >= late_start["first_week_on"]
    bulk = city.weekly.filter(
        (pl.col("week_start_on") == campaign["first_week_on"])
        & (pl.col("county_code") == campaign["place_code"])
        & (pl.col("issue_code") == campaign["issue_codes"][0])
        & (pl.col("source") == campaign["source"])
    )
    assert bulk["n_events"].sum() >= 30


def test_what_comes_late_is_not_known_yet(city: cities.City) -> None:
    last = cities.LAST_WEEK
    now, later = city.known(last + timedelta(days=6)), city.known(last + timedelta(days=90))
    assert later.equals(city.weekly)
    week = pl.col("week_start_on") == last
    late = city.nuisance.filter(pl.col("kind") == "late")["place_code"].unique()
    in_time = week & ~pl.col("town_code").is_in(late.implode())
    assert 0.85 < now.filter(in_time)["n_events"].sum() / later.filter(in_time)["n_events"].sum() < 0.99
    delayed = week & pl.col("town_code").is_in(late.implode())
    assert now.filter(delayed)["n_events"].sum() / later.filter(delayed)["n_events"].sum() < 0.6
    old = pl.col("week_start_on") <= last - timedelta(weeks=4)
    assert now.filter(old).equals(later.filter(old))


def test_counts_vary_as_they_should() -> None:
    """Clumps: the variance of a town × issue over its mean is φ, between 1 and 4, on average 1.75 (in a flat city)."""
    land = cities._land(np.random.default_rng(0), 1, 3, 9)
    time = cities._time(400)
    habit = cities._habits(np.random.default_rng(1), land, time, 6, 60)
    mean = np.broadcast_to(habit.level, (400, 3, 6))
    by_source = np.full((400, 1, 6, 3), 1 / 3)
    week, issue, community, *_ = cities._drawn(np.random.default_rng(2), land, habit, mean, by_source)
    counts = np.zeros((400, 3, 6))
    np.add.at(counts, (week, land.community_town[community], issue), 1)
    assert counts.mean(axis=0) == pytest.approx(habit.level, rel=0.2, abs=0.1)
    ratio = counts.var(axis=0) / counts.mean(axis=0) / habit.phi
    assert ratio.mean() == pytest.approx(1, abs=0.08)


# ---- the matching rule -------------------------------------------------------------------------------------------

PLACES = pl.DataFrame(
    {
        "place_code": ["1", "11", "12", "111", "112", "1111"],
        "parent_code": [None, "1", "1", "11", "11", "111"],
    }
)
ISSUES = pl.DataFrame({"issue_code": ["0101", "0102", "0201"], "group_code": ["01", "01", "02"]})


def happening(place: str = "111", issues: tuple[str, ...] = ("0101",), weeks: int = 2) -> pl.DataFrame:
    row = ("E1", place, list(issues), MONDAY, MONDAY + timedelta(weeks=weeks - 1))
    schema = {
        "event_id": pl.String, "place_code": pl.String, "issue_codes": pl.List(pl.String),
        "first_week_on": pl.Date, "last_week_on": pl.Date,
    }  # fmt: skip
    return pl.DataFrame([row], schema=schema, orient="row")


@pytest.mark.parametrize(
    ("place", "issue", "week", "is_match"),
    [
        ("111", "0101", 0, True),
        ("111", "0101", 3, True),  # two weeks after its last
        ("111", "0101", 4, False),
        ("111", "0101", -1, False),  # before it
        ("11", "0101", 0, True),  # the county of the town
        ("1", "0101", 0, True),
        ("1111", "0101", 0, True),  # a community of the town
        ("112", "0101", 0, False),  # the town next to it
        ("12", "0101", 0, False),
        ("111", "01", 0, True),  # the group
        ("111", "0102", 0, False),  # another issue of the group
        ("111", "02", 0, False),
    ],
)
def test_matching(place: str, issue: str, week: int, is_match: bool) -> None:
    signal = pl.DataFrame(
        {
            "signal_id": ["S"], "week_start_on": [MONDAY + timedelta(weeks=week)], "place_code": [place],
            "issue_code": [issue],
        }
    )  # fmt: skip
    found = fusion.matches(signal, happening(), PLACES, ISSUES)
    assert found["event_id"].to_list() == (["E1"] if is_match else [])


def test_a_nuisance_of_every_issue_matches_every_issue_and_group() -> None:
    signals = pl.DataFrame({"issue_code": ["0101", "0201", "02"]}).select(
        pl.format("S{}", "issue_code").alias("signal_id"), pl.lit(MONDAY).alias("week_start_on"),
        pl.lit("11").alias("place_code"), "issue_code",
    )  # fmt: skip
    assert len(fusion.matches(signals, happening("11", ()), PLACES, ISSUES)) == 3
    assert len(fusion.matches(signals, happening("1", ()), PLACES, ISSUES)) == 3  # of the city: in each of its places
    assert fusion.matches(signals, happening("111", ()), PLACES, ISSUES).is_empty()  # of a town: not in its county


def test_alarms_of_neighbouring_weeks_are_one_signal() -> None:
    weeks = [0, 1, 3, 6]  # one silent week is a gap, two are an end
    alarms = pl.DataFrame(
        {
            "week_start_on": [MONDAY + timedelta(weeks=n) for n in [*weeks, 0]],
            "place_code": ["11"] * 4 + ["12"],
            "issue_code": ["0101"] * 5,
        }
    )
    told = fusion.as_signals(alarms)
    assert told["signal_id"].n_unique() == 3
    assert told.filter(pl.col("place_code") == "11").sort("week_start_on")["signal_id"].rle_id().to_list() == [
        0,
        0,
        0,
        1,
    ]


def test_scoring_counts_what_was_planted(city: cities.City) -> None:
    """A perfect oracle finds all without a false word; one that speaks a year late finds none, and all of it is false."""
    first = fusion.judged_weeks(city)[0]
    truth = city.truth.filter(pl.col("first_week_on") >= first)
    oracle = truth.select(
        pl.col("event_id").alias("signal_id"),
        week_start_on="first_week_on",
        place_code="place_code",
        issue_code="issue_code",
    )
    perfect = fusion.score(oracle, city)
    assert perfect.events["is_found"].all() and (perfect.events["delay_weeks"] == 0).all()
    assert set(perfect.signals["about"]) == {"event"}
    late = fusion.score(oracle.with_columns(pl.col("week_start_on") + timedelta(weeks=200)), city)
    assert not late.events["is_found"].any() and set(late.signals["about"]) == {"chance"}
    told = fusion.figures([perfect, late])
    assert told["found"] == 0.5 and told["false_a_week"] == pytest.approx(len(truth) / (2 * fusion.JUDGED))


def test_equal_recall_reads_the_cheapest_point() -> None:
    curve = [(0.2, 1.0), (0.4, 3.0), (0.4, 2.0), (0.6, 4.0), (0.5, 9.0)]
    assert fusion.at_recall(curve, 0.3) == pytest.approx(1.5)
    assert fusion.at_recall(curve, 0.5) == pytest.approx(4.0)  # finding more is no dearer
    assert fusion.at_recall(curve, 0.1) == 1.0  # the strictest point finds more
    assert np.isnan(fusion.at_recall(curve, 0.7))


@pytest.mark.parametrize("rule", ["±20 %", "EARS C2"])
def test_a_rule_in_use_speaks_of_a_large_event(city: cities.City, rule: str) -> None:
    rows = fusion.RULES[rule](city)
    assert rows["week_start_on"].min() >= fusion.judged_weeks(city)[0]
    assert fusion.figures([fusion.score(fusion.as_signals(rows.filter("is_alarm")), city)])["found"] > 0.3
