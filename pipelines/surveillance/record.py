"""What early warning is given, and the columns in which every kind of evidence answers."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.surveillance.kept import Kept

EVIDENCE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "week_start_on": pl.Date,
    "kind": pl.String,  # excess | channel | rise | repeat | cluster | overdue | satisfaction | returns
    "place_level": pl.String,  # city | county | town
    "place_code": pl.String,
    "unit_name": pl.String,  # null unless the subject is a unit
    "issue_code": pl.String,  # of the issue or, with two digits, of its group; null for units
    "observed": pl.Int64,  # items the kind counts
    "base": pl.Int64,  # among these; null for counts over time
    "expected": pl.Float64,
    "upper_bound": pl.Float64,
    "score": pl.Float64,  # 1 = at the bound
    "p_value": pl.Float64,
    "status": pl.String,  # alarm | normal | not_assessed
    "reason": pl.String,
}


@dataclass(frozen=True)
class Record:
    """One city's registered items, week by week, as they are known on one day."""

    weekly: (
        pl.DataFrame
    )  # week_start_on, source, county_code, town_code, (community_code,) issue_code, n_events, n_repeat,
    # n_repeat_known (of items whose source says whether they are repeats)
    weeks: pl.DataFrame  # week_start_on, activity: every complete week, in order
    places: pl.DataFrame  # place_code, place_level, parent_code
    issues: pl.DataFrame  # issue_code, group_code
    city_code: str
    festivals: list[date] | None = None  # that move through the year; default: Spring Festival
    arrived: pl.DataFrame | None = None  # week_start_on, county_code, share, variance: see `weeks.completeness`
    kept: Kept | None = None  # verdicts of an earlier run; None: all are made anew
