"""Matters, clusters, new words and units on the one list: further evidence where something is said already, else by themselves."""

from datetime import date, timedelta

import polars as pl
from test_stories import ISSUES, PLACES, WEEK, node

from pipelines.surveillance import claims, stories


def claim(
    kind: str, subject: str, observed: int, *, place="990101001", issue="1304", week: date = WEEK, **more
) -> dict:
    level = {4: "city", 6: "county", 9: "town"}[len(place)]
    return {
        "week_start_on": week, "place_level": level, "place_code": place, "issue_code": issue, "kind": kind,
        "subject": subject, "matter_id": subject if kind == "matter" else None, "observed": observed, "base": None, "expected": 1.0, "upper_bound": None, "p_value": 1e-6,
        "span": 1, "chance_per_year": 0.05, "since_on": week, "n_weeks": 1, "is_rarest": True, **more,
    }  # fmt: skip


def told(nodes: list[dict], asked: list[dict], **words) -> pl.DataFrame:
    schema = {"week_start_on": pl.Date, "kinds": pl.List(pl.String), "observed": pl.Int64}
    # a node that speaks of nothing keeps the frame's columns and its week judged
    frame = pl.DataFrame([node("9901", 1), *nodes], schema_overrides=schema)
    weeks = {row["week_start_on"] for row in asked} - {row["week_start_on"] for row in nodes} - {WEEK}
    frame = pl.concat([frame, *(frame.head(1).with_columns(pl.lit(week).alias("week_start_on")) for week in weeks)])
    return stories.tell(
        frame, PLACES, ISSUES, stories.Rule(), pl.DataFrame(asked, schema=claims.CLAIM_COLUMNS), **words
    )[0]


def test_a_matter_where_something_is_said_already_is_evidence_of_it():
    [signal] = told([node("990101001", 30)], [claim("matter", "m1", 12)]).to_dicts()
    assert signal["kinds"] == ["excess", "matter"] and signal["matter_id"] == "m1" and signal["subject"] is None


def test_several_matters_of_what_is_said_already_are_evidence_of_it_and_the_rarest_is_named():
    asked = [claim("matter", "m1", 12, chance_per_year=0.5), claim("matter", "m2", 9, chance_per_year=0.01)]
    [signal] = told([node("990101001", 60)], asked).to_dicts()
    assert signal["kinds"] == ["excess", "matter"] and signal["matter_id"] == "m2"


def test_a_matter_in_a_town_is_evidence_of_what_its_county_says():
    [signal] = told([node("990101", 60)], [claim("matter", "m1", 12)]).to_dicts()
    assert signal["place_code"] == "990101" and "matter" in signal["kinds"]


def test_a_matter_elsewhere_speaks_by_itself():
    found = told([node("990102001", 30)], [claim("matter", "m1", 12)])
    assert sorted(found["kind"]) == ["excess", "matter"]
    assert found.filter(pl.col("kind") == "matter").select("observed", "excess", "matter_id").rows() == [
        (12, 11.0, "m1")
    ]


def test_matter_cluster_and_word_of_one_event_are_one_signal_and_the_matter_speaks():
    found = told([], [claim("emerging", "w", 9), claim("cluster", "c", 14), claim("matter", "m", 10)])
    assert [row["kinds"] for row in found.to_dicts()] == [["matter", "cluster", "emerging"]]


def test_a_word_goes_with_its_own_matter_not_with_any_of_the_place():
    asked = [claim("matter", "a", 9), claim("emerging", "w", 8, matter_id="b"), claim("matter", "b", 7)]
    found = told([], asked)
    assert {row["matter_id"]: row["kinds"] for row in found.to_dicts()} == {
        "a": ["matter"],
        "b": ["matter", "emerging"],
    }
    alone = told([], [claim("matter", "a", 9), claim("emerging", "w", 8, matter_id="c")])
    assert sorted(alone["kind"]) == ["emerging", "matter"]


def test_two_matters_of_one_place_and_issue_are_two_signals_each_week_and_keep_their_names():
    later = WEEK + timedelta(weeks=1)
    found = told([], [claim("matter", m, n, week=week) for m, n in (("a", 8), ("b", 9)) for week in (WEEK, later)])
    assert found["signal_id"].n_unique() == 2
    assert found.group_by("signal_id").agg(pl.col("matter_id").n_unique()).select(
        "matter_id"
    ).to_series().to_list() == [1, 1]


def test_a_story_keeps_its_name_when_the_count_takes_over_from_the_matter():
    later = WEEK + timedelta(weeks=1)
    found = told([node("990101001", 40, week=later)], [claim("matter", "m", 9), claim("matter", "m", 30, week=later)])
    assert found["signal_id"].n_unique() == 1
    assert found["kind"].to_list() == ["matter", "excess"]
    assert found["n_weeks"].to_list() == [1, 2]


def test_units_are_their_own_and_their_kinds_join():
    unit = {"issue": None, "place": "990101"}
    found = told(
        [node("990101", 60)],
        [
            claim("overdue", "城管局", 20, **unit),
            claim("returns", "城管局", 9, **unit),
            claim("overdue", "水务局", 7, **unit),
        ],
    )
    units = found.filter(pl.col("unit_name").is_not_null()).sort("unit_name")
    assert units.select("unit_name", "kinds").rows() == [("城管局", ["overdue", "returns"]), ("水务局", ["overdue"])]
    assert units["signal_id"].n_unique() == 2 and units["issue_code"].to_list() == [None, None]


def test_each_kind_has_its_own_threshold():
    rule = stories.Rule()
    kinds = {"matter": "m", "cluster": "c", "emerging": "w", "overdue": "城管局"}
    for kind, subject in kinds.items():
        unit = {"issue": None} if kind == "overdue" else {}
        just = {"chance_per_year": 0.99 * rule.max_claim_chance_per_year(kind)}
        assert len(told([], [claim(kind, subject, 12, **unit, **just)])) == 1, kind
        assert told(
            [], [claim(kind, subject, 12, **unit, chance_per_year=1.02 * just["chance_per_year"])]
        ).is_empty(), kind
    assert rule.max_claim_chance_per_year("cluster") < rule.max_claim_chance_per_year("returns")


def test_what_is_not_rare_small_or_below_expectation_does_not_speak_by_itself_but_supports():
    rule = stories.Rule()
    common = {"chance_per_year": rule.max_claim_chance_per_year("matter") * 1.01}
    assert told([], [claim("matter", "m", 12, **common)]).is_empty()
    assert told([], [claim("matter", "m", 4)]).is_empty()
    assert told([], [claim("cluster", "c", 12, expected=13.0)]).is_empty()
    [signal] = told([node("990101001", 30)], [claim("matter", "m", 12, **common)]).to_dicts()
    assert "matter" in signal["kinds"]


def test_a_cluster_without_new_items_says_nothing_new():
    weeks = [WEEK + timedelta(weeks=n) for n in range(3)]
    found = pl.DataFrame(
        [
            {
                "week_start_on": week, "place_level": "town", "place_code": "990101001", "issue_code": "1304", "cluster_id": "c",
                "observed": n, "expected": 1.0, "p_value": 1e-5, "chance_per_year": 0.05, "first_week_on": weeks[0],
            }
            for week, n in zip(weeks, (7, 7, 9), strict=True)
        ]
    )  # fmt: skip
    asked = claims.of_clusters(found)
    assert asked.select("week_start_on", "n_weeks").rows() == [(weeks[0], 1), (weeks[2], 3)]


def test_units_that_stay_out_of_their_limits_are_one_story():
    weeks = [WEEK + timedelta(weeks=n) for n in (0, 1, 2, 6)]
    evidence = pl.DataFrame(
        [
            {
                "week_start_on": week, "kind": "overdue", "place_level": "county", "place_code": "990101", "unit_name": unit,
                "issue_code": None, "observed": 12, "base": 40, "expected": 4.0, "upper_bound": 9.0, "score": 1.3,
                "p_value": p, "status": status, "reason": "",
            }
            for week, p in zip(weeks, (1e-4, 1e-6, 1e-5, 1e-4), strict=True)
            for unit, status in (("城管局", "alarm"), ("水务局", "normal"))
        ],
        schema_overrides={"issue_code": pl.String},
    )  # fmt: skip
    asked = claims.of_units(evidence)
    assert asked["subject"].unique().to_list() == ["城管局"]
    assert asked["chance_per_year"].to_list() == [1e-4 * 104, 1e-6 * 104, 1e-6 * 104, 1e-4 * 104]
    assert asked["since_on"].to_list() == [weeks[0]] * 3 + [weeks[3]]
    assert asked["n_weeks"].to_list() == [1, 2, 3, 1]
    assert asked["is_rarest"].to_list() == [True, True, False, True]


def test_severity_weighs_in_the_order_only():
    issues = ISSUES.with_columns(pl.Series("severity", [1.0, 1.0, 2.0]))
    frame = pl.DataFrame(
        [node("990101001", 30), node("990102001", 20, issue="0501")], schema_overrides={"kinds": pl.List(pl.String)}
    )
    plain, weighed = (stories.tell(frame, PLACES, known, stories.Rule())[0] for known in (ISSUES, issues))
    assert plain["issue_code"].to_list() == ["1304", "0501"]
    assert weighed["issue_code"].to_list() == ["0501", "1304"]
    assert plain.sort("place_code")["signal_level"].to_list() == weighed.sort("place_code")["signal_level"].to_list()
