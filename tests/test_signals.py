"""From verdicts to signals: one event, one signal; stories keep their name; sentences can be read aloud."""

from datetime import date

import duckdb
import polars as pl
import pytest
from builders import add_reference, load, weekly

from pipelines import build, publish, warehouse
from pipelines.config import home as open_home
from pipelines.errors import UsageError
from pipelines.surveillance import stories, wording

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
        weekly([10] * 130 + [50]),
        weekly([10] * 131, county_name="临川县", town_name="石桥镇", community_name=None),
    ).filter(pl.col("week_start_on") == date(2026, 11, 9))
    assert found.select("place_name", "observed", "rank").rows() == [("和平街道", 50, 1)]
    assert found["signal_level"][0] == "red"


def test_two_towns_far_apart_are_two_signals(empty_home):
    found = signals_of(
        empty_home,
        weekly([10] * 130 + [50]),
        weekly([10] * 130 + [45], county_name="临川县", town_name="石桥镇", community_name=None),
    ).filter(pl.col("week_start_on") == date(2026, 11, 9))
    assert set(found["place_name"]) == {"和平街道", "石桥镇"}


def test_a_story_keeps_its_name_while_it_lasts(empty_home):
    found = signals_of(empty_home, weekly([10] * 128 + [35, 45, 50])).filter(pl.col("since_on") == date(2026, 10, 26))
    assert found["n_weeks"].to_list() == [1, 2, 3]
    assert found["signal_id"].n_unique() == 1


def test_quiet_weeks_are_quiet(empty_home):
    assert signals_of(empty_home, weekly([9, 11, 10, 8, 12] * 26)).is_empty()


def test_too_short_a_history_gives_no_signal_and_no_error(empty_home):
    assert signals_of(empty_home, weekly([3, 40])).is_empty()


def test_the_sentence_carries_the_figures(empty_home):
    signal = signals_of(empty_home, weekly([10] * 130 + [50])).to_dicts()[-1]
    assert signal["sentence"].startswith(
        f"云溪区和平街道“{signal['issue_name']}”本周 50 件，按往年和近期水平应在 10 件左右"
    )
    assert "偶然" in signal["sentence"]


def test_bulk_recording_is_pointed_out():
    rows = {"days": [{"name": "2026-11-10", "n_events": 9}, {"name": "2026-11-11", "n_events": 1}], "unlocated": 4}
    assert wording.caveat(rows, 10) == "90% 集中在 11月10日一天登记，可能是集中补录；40% 没有写明社区村"


@pytest.mark.parametrize(
    ("chance", "words"),
    [(3.2, "一年约 3 次"), (0.5, "约 2 年一次"), (0.02, "约 50 年一次"), (1e-9, "百年不足一次"), (0, "百年不足一次")],
)
def test_chance_in_words(chance, words):
    assert wording.chance_words(chance) == words


def test_red_needs_size_as_well_as_rarity():
    rare_small, rare_large = (
        {"chance_per_year": 1e-6, "weekly_excess": 8},
        {"chance_per_year": 1e-6, "weekly_excess": 30},
    )
    assert [stories.level(signal) for signal in (rare_small, rare_large)] == ["orange", "red"]


def test_old_data_of_another_place_leave_this_week_alone(empty_home, tmp_path):
    """Loading a district's file from years ago changes no warning of today."""
    other = open_home(tmp_path / "other")
    today = [
        weekly([10] * 130 + [50]),
        weekly([10] * 131, county_name="临川县", town_name="石桥镇", community_name=None),
    ]
    long_ago = weekly([40] * 30, end_week=date(2018, 11, 26), county_name="远方区", town_name="甲街道")
    columns = ["week_start_on", "place_code", "issue_code", "observed", "expected", "p_value", "signal_level"]
    assert signals_of(empty_home, *today).select(columns).equals(signals_of(other, *today, long_ago).select(columns))


def test_a_place_that_starts_to_report_is_not_an_event(empty_home):
    found = signals_of(
        empty_home,
        weekly([10] * 131),
        weekly([20] * 6, county_name="临川县", town_name="石桥镇", community_name=None),
    )
    assert "临川县" not in found["place_name"].to_list() and "石桥镇" not in found["place_name"].to_list()


def test_without_reference_data_the_whole_city_still_warns(empty_home):
    raised = [4, 5, 4, 6, 5, 5] * 22 + [30]
    frames = [weekly(raised, county_name=f"第{n}区", town_name=None, community_name=None) for n in "一二三四五"]
    load(empty_home, *frames)
    build.build(empty_home, today=TODAY)
    with duckdb.connect(publish.version_file(empty_home, publish.current(empty_home)), read_only=True) as connection:
        found = connection.sql("from signal order by week_start_on, rank").pl()
    for week in found.partition_by("week_start_on"):
        assert week["rank"].to_list() == list(range(1, len(week) + 1))
    assert not found.filter(pl.col("week_start_on") == date(2026, 11, 9)).is_empty()


def test_the_office_sets_its_budget(empty_home, monkeypatch):
    frames = [
        weekly([10] * 130 + [50]),
        weekly([10] * 130 + [45], county_name="临川县", town_name="石桥镇", community_name=None),
    ]
    monkeypatch.setenv("YANPAN_BUDGET", "1")
    found = signals_of(empty_home, *frames)
    assert found.group_by("week_start_on").len()["len"].max() == 1
    monkeypatch.setenv("YANPAN_BUDGET", "多")
    with pytest.raises(UsageError, match="YANPAN_BUDGET"):
        build.build(empty_home, today=TODAY)


def arrive_weekly(home, *, late_every: int = 5) -> None:
    """Turn the one batch of `load` into a file every Monday, in which of the week before one item in five is missing."""
    with warehouse.connect(home) as connection:
        connection.execute(
            "create temp table arrival as select event_id, date_trunc('week', registered_at)::date"
            " + case when event_id % ? = 0 then 14 else 7 end as known_on from core.event",
            [late_every],
        )
        connection.execute(
            "insert into core.batch by name select b.* replace (strftime(a.known_on, 'b%Y%m%d') as batch_id,"
            " a.known_on as known_on) from core.batch as b, (select distinct known_on from arrival) as a"
        )
        connection.execute(
            "update core.event set batch_id = strftime(a.known_on, 'b%Y%m%d')"
            " from arrival as a where a.event_id = core.event.event_id"
        )


def test_a_week_that_is_still_coming_in_is_held_against_what_such_weeks_show(empty_home):
    add_reference(empty_home)
    load(empty_home, weekly([40] * 130 + [90]))
    arrive_weekly(empty_home)
    build.build(empty_home, today=TODAY)
    with duckdb.connect(publish.version_file(empty_home, publish.current(empty_home)), read_only=True) as connection:
        [(observed, expected)] = connection.execute(
            "select observed, expected from weekly_detection"
            " where week_start_on = '2026-11-09' and place_level = 'city'"
        ).fetchall()
        [(caveat,)] = connection.execute("select caveat from signal where week_start_on = '2026-11-09'").fetchall()
    assert observed == 72 and expected == pytest.approx(32, rel=0.05)
    assert "估计只到了 80%" in caveat
