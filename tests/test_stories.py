"""One event, one signal; one story, one name; the budget becomes a threshold."""

from datetime import date, timedelta

import polars as pl
import pytest

from pipelines.surveillance import stories

WEEK = date(2026, 11, 9)
PLACES = pl.DataFrame({
    "place_code": ["9901", "990101", "990102", "990101001", "990101002", "990102001"],
    "parent_code": [None, "9901", "9901", "990101", "990101", "990102"],
})  # fmt: skip
ISSUES = pl.DataFrame({"issue_code": ["1301", "1304", "0501"], "group_code": ["13", "13", "05"]})
LEVELS = {4: "city", 6: "county", 9: "town"}


def node(place: str, observed: int, *, issue: str = "1304", week: date = WEEK, expected: float = 2.0, **more) -> dict:
    """A place × issue × week that holds by itself, unless told otherwise."""
    return {
        "week_start_on": week, "place_level": LEVELS[len(place)], "place_code": place, "issue_code": issue,
        "observed": observed, "expected": expected, "upper_bound": 6.0, "p_joined": 1e-6, "chance_per_year": 0.05,
        "survives": True, "kinds": ["excess"], **more,
    }  # fmt: skip


def told(*nodes: dict, rule: stories.Rule | None = None) -> pl.DataFrame:
    schema = {"week_start_on": pl.Date, "kinds": pl.List(pl.String), "observed": pl.Int64}
    frame = pl.DataFrame(list(nodes), schema_overrides=schema)
    return stories.tell(frame, PLACES, ISSUES, rule or stories.Rule())[0]


def speakers(signals: pl.DataFrame) -> list[tuple[str, str]]:
    return sorted(signals.select("place_code", "issue_code").rows())


def test_a_town_speaks_for_county_and_city_when_it_carries_the_excess():
    signals = told(node("9901", 60, expected=10), node("990101", 50), node("990101001", 45))
    assert speakers(signals) == [("990101001", "1304")]


def test_the_county_speaks_when_no_town_carries_it():
    signals = told(node("990101", 50), node("990101001", 8), node("990101002", 9))
    assert speakers(signals) == [("990101", "1304")]


def test_two_towns_of_different_counties_are_two_events():
    assert len(told(node("990101001", 20), node("990102001", 20))) == 2


def test_the_issue_speaks_for_its_group_and_the_group_where_no_issue_does():
    assert speakers(told(node("990101", 30, issue="13"), node("990101", 25, issue="1304"))) == [("990101", "1304")]
    assert speakers(told(node("990101", 30, issue="13"), node("990101", 7, issue="1304"))) == [("990101", "13")]


def test_a_town_issue_speaks_for_the_county_group():
    signals = told(node("990101", 30, issue="13"), node("990101001", 25, issue="1304"))
    assert speakers(signals) == [("990101001", "1304")]


def test_a_story_keeps_its_name_when_the_county_takes_over():
    later = WEEK + timedelta(weeks=1)
    signals = told(node("990101001", 20), node("990101", 60, week=later), node("990101001", 9, week=later))
    assert signals["signal_id"].n_unique() == 1
    assert signals["place_code"].to_list() == ["990101001", "990101"]
    assert signals["since_on"].unique().to_list() == [WEEK]
    assert signals["n_weeks"].to_list() == [1, 2]


def test_after_four_quiet_weeks_it_is_another_story():
    back = [node("990101001", 20), node("990101001", 20, week=WEEK + timedelta(weeks=5))]
    assert told(*back)["signal_id"].n_unique() == 2
    pause = [node("990101001", 20), node("990101001", 20, week=WEEK + timedelta(weeks=4))]
    assert told(*pause)["signal_id"].n_unique() == 1


def test_two_towns_of_one_story_do_not_share_a_name_in_one_week():
    later = WEEK + timedelta(weeks=1)
    towns = [node("990101001", 25, week=later), node("990101002", 25, week=later)]
    signals = told(node("990101", 50), *towns)
    assert signals.filter(pl.col("week_start_on") == later)["signal_id"].n_unique() == 2


def test_a_county_goes_on_telling_its_story_until_one_town_is_all_of_it():
    later = WEEK + timedelta(weeks=1)
    towns = [node("990101001", 25, week=later), node("990101002", 25, week=later)]
    signals = told(node("990101", 50), node("990101", 52, week=later), *towns)
    assert signals["place_code"].to_list() == ["990101", "990101"] and signals["signal_id"].n_unique() == 1
    one = told(node("990101", 50), node("990101", 52, week=later), node("990101001", 45, week=later))
    assert one["place_code"].to_list() == ["990101", "990101001"] and one["signal_id"].n_unique() == 1


def test_it_goes_on_while_weeks_are_raised_and_is_rare_only_once():
    weak = {"survives": False, "p_joined": 0.005, "chance_per_year": 900.0}
    signals = told(node("990101001", 20), node("990101001", 9, week=WEEK + timedelta(weeks=1), **weak))
    assert signals["chance_per_year"].to_list() == [0.05, 0.05]


@pytest.mark.parametrize(
    "change", [{"survives": False}, {"chance_per_year": 900.0}, {"observed": 4}, {"expected": 30.0}]
)
def test_what_does_not_hold_says_nothing(change):
    assert told({**node("990101001", 20), **change}).is_empty()


def test_further_weeks_change_no_earlier_signal():
    weeks = [node("990101001", 20 + n, week=WEEK + timedelta(weeks=n)) for n in range(4)]
    assert told(*weeks[:2]).equals(told(*weeks).filter(pl.col("week_start_on") <= weeks[1]["week_start_on"]))


def test_a_small_budget_makes_the_threshold_stricter():
    nodes = [
        node("990101001", 20 + n, issue=issue, week=WEEK + timedelta(weeks=7 * n), chance_per_year=chance)
        for n in range(4)
        for issue, chance in (("1304", 0.01), ("0501", 8.0))
    ]
    assert len(told(*nodes)) == 8
    frame = pl.DataFrame(nodes, schema_overrides={"kinds": pl.List(pl.String)})
    signals, rule = stories.tell(frame, PLACES, ISSUES, stories.Rule(budget=1))
    assert speakers(signals) == [("990101001", "1304")] * 4
    assert rule.max_chance_per_year < 8 and rule.stated_false_per_week < 0.1


def test_rank_is_by_excess_persistence_and_further_evidence():
    signals = told(
        node("990101001", 12),
        node("990102001", 11, kinds=["excess", "rise"]),
        node("990101002", 40, issue="0501"),
    )
    assert signals.sort("rank")["place_code"].to_list() == ["990101002", "990102001", "990101001"]


def test_levels_follow_rarity_and_red_wants_size():
    signals = told(node("990101001", 40, chance_per_year=0.001), node("990102001", 12, chance_per_year=0.001))
    assert dict(signals.select("place_code", "signal_level").iter_rows()) == {
        "990101001": "red", "990102001": "orange",
    }  # fmt: skip
