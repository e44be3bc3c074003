"""Weekly series on three place levels and two issue levels, with late and missing reports."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipelines.surveillance import Record, channels, excess

N_WEEKS = 120
WEEKS = [date(2024, 8, 5) + timedelta(weeks=n) for n in range(N_WEEKS)]
COUNTIES = ["990101", "990102"]
TOWNS = [f"{county}00{n}" for county in COUNTIES for n in (1, 2)]
PLACES = pl.DataFrame(
    [("9901", None), *((c, "9901") for c in COUNTIES), *((t, t[:6]) for t in TOWNS)],
    schema={"place_code": pl.String, "parent_code": pl.String}, orient="row",
)  # fmt: skip
ISSUES = pl.DataFrame({"issue_code": ["1301", "1304", "0501"], "group_code": ["13", "13", "05"]})


def city(mean: float = 8.0, *, seed: int = 1, extra: dict | None = None, drop: dict | None = None, **more) -> Record:
    """Poisson items of every town and issue; `extra` (town, issue, source) → items more in the last week; `drop`
    county → share of the last week's items that is not known yet."""
    rng = np.random.default_rng(seed)
    rows = []
    for town in TOWNS:
        for issue in ISSUES["issue_code"]:
            for source, share in (("hotline", 0.75), ("petition", 0.25)):
                counts = rng.poisson(mean * share, N_WEEKS)
                counts[-1] += (extra or {}).get((town, issue, source), 0)
                counts[-1] = round(counts[-1] * (1 - (drop or {}).get(town[:6], 0)))
                rows += [(w, source, town[:6], town, issue, int(n)) for w, n in zip(WEEKS, counts, strict=True) if n]
    names = ["week_start_on", "source", "county_code", "town_code", "issue_code", "n_events"]
    weekly = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.lit(None, pl.String).alias("community_code"), pl.lit(0, pl.Int64).alias("n_repeat")
    )
    weeks = pl.DataFrame({"week_start_on": WEEKS, "activity": np.ones(N_WEEKS)})
    return Record(weekly, weeks, PLACES, ISSUES, "9901", **more)


def of(detection: pl.DataFrame, place: str, issue: str) -> dict:
    return detection.filter(
        pl.col("week_start_on") == WEEKS[-1], pl.col("place_code") == place, pl.col("issue_code") == issue
    ).row(0, named=True)


def test_every_level_of_place_and_issue_is_a_series():
    detection, families = excess.detect(city(), evaluate=2)
    last = families.filter(pl.col("week_start_on") == WEEKS[-1])
    codes = {"1301", "1304", "0501", "13"}  # a group of one issue is that issue
    assert set(detection["issue_code"]) == codes
    assert last["n_series"].sum() == len(codes) * (1 + len(COUNTIES) + len(TOWNS))
    assert of(detection, "9901", "13")["observed"] == (
        of(detection, "9901", "1301")["observed"] + of(detection, "9901", "1304")["observed"]
    )


def test_a_planted_town_event_shows_at_its_town_above_all():
    detection, _ = excess.detect(city(extra={(TOWNS[0], "1304", "hotline"): 25}), evaluate=1)
    p = {place: of(detection, place, "1304")["p_value"] for place in (TOWNS[0], TOWNS[3], "990101", "9901")}
    assert p[TOWNS[0]] < 1e-5 and p[TOWNS[0]] < p["990101"] < p["9901"]
    assert p[TOWNS[3]] > 0.05


def test_what_is_late_is_not_expected_yet():
    drop = {"990101": 0.5, "990102": 0.5}
    arrived = pl.DataFrame({
        "week_start_on": [WEEKS[-1]] * 3, "county_code": ["990101", "990102", None],
        "share": [0.5] * 3, "variance": [0.01] * 3,
    })  # fmt: skip
    late, _ = excess.detect(city(30.0, drop=drop), evaluate=1)
    corrected, _ = excess.detect(city(30.0, drop=drop, arrived=arrived), evaluate=1)
    full, _ = excess.detect(city(30.0), evaluate=1)
    for place in ("9901", "990101", TOWNS[0]):
        row, whole = of(corrected, place, "0501"), of(full, place, "0501")
        assert row["expected"] == pytest.approx(0.5 * whole["expected"], rel=0.1)
        assert 0.005 < row["p_value"] < 0.995
    assert of(late, "9901", "0501")["p_value"] > 0.999  # uncorrected it would look as if it had gone quiet


def test_doubt_about_lateness_is_in_the_p_value():
    extra = {(town, "0501", "hotline"): 12 for town in TOWNS}
    frames = []
    for variance in (0.0, 0.05):
        arrived = pl.DataFrame({
            "week_start_on": [WEEKS[-1]] * 3, "county_code": ["990101", "990102", None],
            "share": [0.8] * 3, "variance": [variance] * 3,
        })  # fmt: skip
        frames.append(excess.detect(city(30.0, extra=extra, arrived=arrived), evaluate=1)[0])
    assert of(frames[0], "9901", "0501")["p_value"] < of(frames[1], "9901", "0501")["p_value"] / 10


def test_a_county_that_has_not_reported_is_not_assessed():
    arrived = pl.DataFrame({
        "week_start_on": [WEEKS[-1]], "county_code": ["990102"], "share": [0.0], "variance": [0.0],
    })  # fmt: skip
    detection, families = excess.detect(city(drop={"990102": 1.0}, arrived=arrived), evaluate=1)
    silent = detection.filter(pl.col("place_code").str.starts_with("990102"))
    assert set(silent["status"]) == {"not_assessed"} and set(silent["reason"]) == {excess.NOT_REPORTED}
    assert silent["p_value"].null_count() == len(silent)
    assert of(detection, "990101", "0501")["status"] != "not_assessed"
    counted = families.filter(pl.col("parent_code") == "990102")
    assert counted.is_empty()


def test_two_sources_raised_are_channel_evidence_and_one_is_not():
    both = city(extra={(TOWNS[0], "1304", "hotline"): 20, (TOWNS[0], "1304", "petition"): 10})
    one = city(extra={(TOWNS[0], "1304", "hotline"): 30})
    p = [
        of(channels.evidence(record, excess.detect(record, evaluate=1)[0]), TOWNS[0], "1304")["p_value"]
        for record in (both, one)
    ]
    assert p[0] < 0.001 and p[1] > 0.05


def test_nothing_registered_gives_nothing():
    empty = city()
    record = Record(empty.weekly.clear(), empty.weeks, PLACES, ISSUES, "9901")
    detection, families = excess.detect(record)
    assert detection.is_empty() and families.is_empty()
    assert channels.evidence(record, detection).is_empty()


def test_a_sum_of_issues_is_judged_as_the_group_of_the_same_issues():
    record = city(extra={(TOWNS[0], "1304", "hotline"): 25})
    sums = pl.DataFrame({"issue_code": ["1301", "1304"], "sum_name": "用户"})
    levels = ("city", "county")
    of_sum = excess.detect_sums(record, sums, levels=levels, evaluate=3)
    of_group = excess.detect(record, evaluate=3)[0].filter(
        pl.col("issue_code") == "13", pl.col("place_level").is_in(levels)
    )
    assert of_sum.drop("issue_code").equals(of_group.drop("issue_code"))
    assert set(of_sum["issue_code"]) == {"用户"} and "alarm" in of_sum["status"]


def test_a_sum_of_issues_nobody_raised_is_no_series():
    sums = pl.DataFrame({"issue_code": ["0801"], "sum_name": ["消费者"]})
    assert excess.detect_sums(city(), sums).is_empty()
