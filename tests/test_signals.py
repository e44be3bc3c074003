"""From verdicts to signals: one event, one signal; stories keep their name; sentences can be read aloud."""

from datetime import date

import duckdb
import polars as pl
import pytest
from builders import add_reference, load, weekly

from pipelines import build, publish, signals

TODAY = date(2026, 11, 16)


def signals_of(home, *frames) -> pl.DataFrame:
    add_reference(home)
    load(home, *frames)
    build.build(home, today=TODAY)
    with duckdb.connect(publish.version_file(home, publish.current(home)), read_only=True) as connection:
        return connection.sql("from signal order by week_start_on, rank").pl()


def test_a_town_event_is_one_signal_not_three(empty_home):
    found = signals_of(
        empty_home,
        weekly([10] * 60 + [50]),
        weekly([10] * 61, county_name="临川县", town_name="石桥镇", community_name=None),
    ).filter(pl.col("week_start_on") == date(2026, 11, 9))
    assert found.select("place_name", "observed", "rank").rows() == [("和平街道", 50, 1)]
    assert found["signal_level"][0] == "red"


def test_two_towns_far_apart_are_two_signals(empty_home):
    found = signals_of(
        empty_home,
        weekly([10] * 60 + [50]),
        weekly([10] * 60 + [45], county_name="临川县", town_name="石桥镇", community_name=None),
    ).filter(pl.col("week_start_on") == date(2026, 11, 9))
    assert set(found["place_name"]) == {"和平街道", "石桥镇"}


def test_a_story_keeps_its_name_while_it_lasts(empty_home):
    found = signals_of(empty_home, weekly([10] * 58 + [35, 45, 50])).filter(pl.col("since_on") == date(2026, 10, 26))
    assert found["n_weeks"].to_list() == [1, 2, 3]
    assert found["signal_id"].n_unique() == 1


def test_quiet_weeks_are_quiet(empty_home):
    assert signals_of(empty_home, weekly([9, 11, 10, 8, 12] * 7)).is_empty()


def test_too_short_a_history_gives_no_signal_and_no_error(empty_home):
    assert signals_of(empty_home, weekly([3, 40])).is_empty()


def test_the_sentence_carries_the_figures(empty_home):
    signal = signals_of(empty_home, weekly([10] * 60 + [50])).to_dicts()[-1]
    assert signal["sentence"].startswith(
        f"云溪区和平街道“{signal['issue_name']}”本周 50 件，按往年和近期水平应在 10 件左右"
    )
    assert "偶然" in signal["sentence"]


def test_bulk_recording_is_pointed_out():
    rows = {"days": [{"name": "2026-11-10", "n_events": 9}, {"name": "2026-11-11", "n_events": 1}], "unlocated": 4}
    assert signals.caveat(rows, 10) == "90% 集中在 11月10日一天登记，可能是集中补录；40% 没有写明社区村"


@pytest.mark.parametrize(
    ("chance", "words"),
    [(3.2, "一年约 3 次"), (0.5, "约 2 年一次"), (0.02, "约 50 年一次"), (1e-9, "百年不足一次"), (0, "百年不足一次")],
)
def test_chance_in_words(chance, words):
    assert signals.chance_words(chance) == words


def test_red_needs_size_as_well_as_rarity():
    rare_small, rare_large = {"chance_per_year": 1e-6, "excess": 8}, {"chance_per_year": 1e-6, "excess": 30}
    assert [signals._level(signal) for signal in (rare_small, rare_large)] == ["orange", "red"]


def test_activity_counts_days_off_by_what_they_bring():
    days = pl.date_range(date(2026, 11, 2), date(2026, 11, 15), eager=True).alias("day_on").to_frame()
    calendar = days.with_columns(
        pl.col("day_on").dt.truncate("1w").alias("week_start_on"),
        (pl.col("day_on").dt.weekday() <= 5).alias("is_workday"),
    ).with_columns(pl.col("is_workday") & (pl.col("day_on") != date(2026, 11, 11)))
    daily = calendar.select(
        pl.col("day_on").alias("registered_on"), pl.when("is_workday").then(100).otherwise(20).alias("n_events")
    )
    assert signals.activity(calendar, daily)["activity"].to_list() == pytest.approx([1.0, 4.6 / 5.4])
