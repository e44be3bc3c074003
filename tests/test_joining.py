"""p-values joined and controlled on the tree of places: against hand-made cases and against chance."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipelines.surveillance import joining
from pipelines.surveillance.record import EVIDENCE_COLUMNS

WEEK = date(2026, 11, 9)
N_COUNTIES, N_TOWNS = 4, 6  # towns in each county
COUNTIES = [f"9901{n:02d}" for n in range(1, N_COUNTIES + 1)]
TOWNS = [f"{county}{n:03d}" for county in COUNTIES for n in range(1, N_TOWNS + 1)]
PLACES = pl.DataFrame(
    [("9901", None), *((c, "9901") for c in COUNTIES), *((t, t[:6]) for t in TOWNS)],
    schema={"place_code": pl.String, "parent_code": pl.String}, orient="row",
)  # fmt: skip


def verdicts(p: dict[str, float], *, issue: str = "0101", kind: str = "excess", week: date = WEEK) -> pl.DataFrame:
    """Evidence of one issue and week: place_code → p."""
    levels = {4: "city", 6: "county", 9: "town"}
    rows = [
        {"week_start_on": week, "kind": kind, "place_level": levels[len(code)], "place_code": code, "unit_name": None,
         "issue_code": issue, "observed": 9, "base": None, "expected": 2.0, "upper_bound": 6.0, "score": 1.5,
         "p_value": value, "status": "alarm" if value < 0.01 else "normal", "reason": ""}
        for code, value in p.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=EVIDENCE_COLUMNS).with_columns(pl.lit(1, pl.Int64).alias("n_weeks_window"))


def families(issues: list[str], weeks: list[date]) -> pl.DataFrame:
    rows = []
    for week in weeks:
        for issue in issues:
            rows.append((week, "city", None, issue, 1))
            rows.append((week, "county", "9901", issue, N_COUNTIES))
            rows += [(week, "town", county, issue, N_TOWNS) for county in COUNTIES]
    names = ["week_start_on", "place_level", "parent_code", "issue_code", "n_series"]
    return pl.DataFrame(rows, schema=names, orient="row", schema_overrides={"n_series": pl.Int64})


def none() -> pl.DataFrame:
    return pl.DataFrame(schema=EVIDENCE_COLUMNS)


def test_one_kind_alone_pays_its_weight():
    joined = joining.join(verdicts({TOWNS[0]: 1e-4}), none())
    assert joined["p_joined"][0] == pytest.approx(1e-4 / joining.WEIGHTS["excess"], rel=1e-3)
    assert joined["kinds"].to_list() == [["excess"]]


def test_other_evidence_makes_it_rarer_and_is_named_first_when_it_tells_more():
    alone = joining.join(verdicts({TOWNS[0]: 0.02}), none())["p_joined"][0]
    both = joining.join(verdicts({TOWNS[0]: 0.02}), verdicts({TOWNS[0]: 1e-5}, kind="rise"))
    assert both["p_joined"][0] < alone / 50
    assert both["kinds"].to_list() == [["rise"]]  # an excess of 0.02 is within its limit


@pytest.mark.parametrize("p", [1e-300, 1e-200, 1e-30, 1e-12, 1e-4, 0.3, 0.5, 0.9, 1.0])
def test_the_combination_is_finite_and_ordered(p):
    weights = np.array([0.6, 0.4])
    one = joining.cauchy(np.array([[p, 0.5]]), weights)[0]
    assert 0 < one <= 0.5
    assert one >= joining.cauchy(np.array([[p / 2, 0.5]]), weights)[0]


def test_the_combination_is_calibrated_for_dependent_kinds():
    rng = np.random.default_rng(3)
    z = np.sqrt(0.5) * rng.standard_normal((200_000, 1)) + np.sqrt(0.5) * rng.standard_normal((200_000, 5))
    p = joining.cauchy(stats.norm.sf(z), np.array(list(joining.WEIGHTS.values())))
    for wanted in (0.01, 0.001):
        assert (p <= wanted).mean() == pytest.approx(wanted, rel=0.35)


def test_a_lone_town_is_found_and_named():
    p = {"9901": 0.3, **dict.fromkeys(COUNTIES, 0.4), **dict.fromkeys(TOWNS, 0.5), TOWNS[3]: 1e-6}
    controlled = joining.control(joining.join(verdicts(p), none()), families(["0101", "0102"], [WEEK]), PLACES)
    assert controlled.filter("survives")["place_code"].to_list() == [TOWNS[3]]
    assert controlled["n_series"].unique().to_list() == [2 * (1 + N_COUNTIES + N_COUNTIES * N_TOWNS)]


def test_where_the_city_is_not_assessed_its_towns_still_are():
    p = {**dict.fromkeys(COUNTIES, 0.4), **dict.fromkeys(TOWNS, 0.5), TOWNS[3]: 1e-6}
    without_city = families(["0101"], [WEEK]).filter(pl.col("place_level") != "city")
    controlled = joining.control(joining.join(verdicts(p), none()), without_city, PLACES)
    assert controlled.filter("survives")["place_code"].to_list() == [TOWNS[3]]


def test_one_issue_in_every_town_names_the_city_too():
    p = {"9901": 1e-8, **dict.fromkeys(COUNTIES, 1e-4), **dict.fromkeys(TOWNS, 0.01)}
    controlled = joining.control(joining.join(verdicts(p), none()), families(["0101"], [WEEK]), PLACES)
    survivors = controlled.filter("survives")["place_code"].to_list()
    assert "9901" in survivors and set(COUNTIES) <= set(survivors)


def test_false_discovery_rate_holds_among_the_issues_named():
    """Many weeks in which two of forty issues have an event in one town: the share of false issues named is at most q."""
    rng = np.random.default_rng(11)
    issues = [f"{n:04d}" for n in range(40)]
    weeks = [WEEK - timedelta(weeks=n) for n in range(40)]
    frames, true = [], set()
    for week in weeks:
        for issue in issues:
            p = {code: float(value) for code, value in zip(["9901", *COUNTIES, *TOWNS], rng.random(29), strict=True)}
            if issue in issues[:2]:
                p[TOWNS[int(rng.integers(len(TOWNS)))]] = 10 ** -rng.uniform(3, 7)
                true.add((week, issue))
            frames.append(verdicts(p, issue=issue, week=week))
    controlled = joining.control(joining.join(pl.concat(frames), none()), families(issues, weeks), PLACES)
    by_week = controlled.filter("survives").select("week_start_on", "issue_code").unique()
    false = [row not in true for row in by_week.iter_rows()]
    assert len(false) > 40
    assert np.mean(false) <= joining.FDR + 2 * np.sqrt(joining.FDR / len(false))
