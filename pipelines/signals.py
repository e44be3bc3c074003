"""Early warning inside a build: from the marts just made to those it adds.

Adds weekly_detection (every verdict on a count), evidence (the other kinds), cluster and cluster_place, signal.
What is judged and how is in `surveillance`; here is what it reads and how its answers are named.
"""

from datetime import date, timedelta

import duckdb
import polars as pl

from pipelines import surveillance
from pipelines.config import SQL, warning_budget
from pipelines.surveillance import clusters, indicators, stories, weeks, wording

EVIDENCE_KEPT_P = 0.2  # evidence less telling than this is not kept

Tables = dict[str, pl.DataFrame]


DETECTION_COLUMNS = [
    "week_start_on", "place_level", "place_code", "issue_code", "observed",
    "expected", "upper_bound", "score", "p_value", "status", "reason",
]  # fmt: skip
_SIGNAL_SCHEMA = {
    "signal_id": pl.String, "week_start_on": pl.Date, "signal_level": pl.String, "kind": pl.String, "kinds": pl.String,
    "place_level": pl.String, "place_code": pl.String, "place_name": pl.String, "county_code": pl.String,
    "issue_code": pl.String, "issue_name": pl.String, "group_name": pl.String, "role_name": pl.String,
    "observed": pl.Int64, "expected": pl.Float64, "upper_bound": pl.Float64, "excess": pl.Float64,
    "p_value": pl.Float64, "chance_per_year": pl.Float64, "since_on": pl.Date, "n_weeks": pl.Int64, "rank": pl.Int64,
    "sentence": pl.String, "evidence": pl.String, "caveat": pl.String,
}  # fmt: skip


def record(connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame, as_of: date) -> surveillance.Record:
    """What early warning looks at, from the marts just built. `complete`: see `weeks.complete_weeks`."""
    [(n_days,)] = connection.execute("select count(distinct known_on) from known_batch").fetchall()
    since = as_of - timedelta(weeks=weeks.DELAY_WEEKS[1] + 2)
    # fewer days say nothing about delays
    triangle = first_reports(connection, since) if n_days >= weeks.MIN_DELAY_WEEKS else pl.DataFrame()
    return surveillance.Record(
        weekly=connection.sql("from weekly_counts").pl(),
        weeks=complete,
        places=connection.sql("from place").pl(),
        issues=connection.sql("select issue_code, group_code from issue").pl(),
        city_code=city(connection)[0],
        arrived=weeks.completeness(triangle, complete["week_start_on"].to_list(), as_of),
    )


def first_reports(connection: duckdb.DuckDBPyConnection, since: date) -> pl.DataFrame:
    """When the office first had the items of each week since `since`: the reporting triangle."""
    text = (SQL / "views" / "first_reports.sql").read_text(encoding="utf-8")
    return connection.sql(text, params={"since": since}).pl()


def judge(
    connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame, as_of: date, others: list[pl.DataFrame]
) -> tuple[Tables, stories.Rule]:
    """Weekly verdicts, the evidence besides them and the signals made of both, up to the last complete week."""
    given = record(connection, complete, as_of)
    judged = surveillance.judge(given, others=pl.concat(others), rule=stories.Rule(**warning_budget()))
    worth_keeping = (pl.col("p_value") < EVIDENCE_KEPT_P) | pl.col("unit_name").is_not_null()
    tables = {
        "weekly_detection": judged.detection.select(DETECTION_COLUMNS),
        "evidence": judged.evidence.filter(worth_keeping),
        "signal": _described(connection, judged, given),
    }
    return tables, judged.rule


def judge_units(connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame) -> pl.DataFrame:
    """Which units fell out of their control limits: evidence of the units."""
    outcome = connection.sql("from weekly_outcome").pl()
    return indicators.unit_evidence(outcome, complete["week_start_on"].to_list(), city_code=city(connection)[0])


def find_clusters(connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame) -> Tables:
    """Where items of one issue crowd together: the marts `cluster` and `cluster_place`."""
    mondays = complete["week_start_on"].to_list()
    studied = mondays[-clusters.CLUSTER_WEEKS - clusters.STUDY_WEEKS :]
    items = connection.sql(
        "select date_trunc('week', registered_on)::date as week_start_on, issue_code, county_code, town_code, "
        "community_code, lon, lat, count(*) as n_events from event where registered_on >= $first group by all",
        params={"first": studied[0] if studied else date.max},
    ).pl()
    found, members = clusters.find(items, connection.sql("from place").pl(), weeks=studied)
    return {"cluster": found, "cluster_place": members}


def _described(
    connection: duckdb.DuckDBPyConnection, judged: surveillance.Judged, given: surveillance.Record
) -> pl.DataFrame:
    """The signals with names, sentence, evidence and caveat: the `signal` mart."""
    signals = judged.signals
    if signals.is_empty():
        return pl.DataFrame(schema=_SIGNAL_SCHEMA)
    place = connection.sql("from place").pl()
    town = pl.when(pl.col("place_level") == "town").then("county_name").otherwise(pl.lit(""))
    full_name = pl.concat_str(town, "place_name").alias("place_full_name")
    issues = connection.sql(
        "select issue_code, issue_name, group_name, role_name from issue union all "
        "select distinct group_code, group_name || '（大类）', group_name, null from issue "
        "where group_code not in (select issue_code from issue)"
    ).pl()
    named = signals.join(
        place.select("place_code", "place_name", "county_code", full_name), on="place_code", maintain_order="left"
    ).join(issues, on="issue_code", maintain_order="left")
    connection.register("chosen_week", named.select("week_start_on", "issue_code").unique().to_arrow())
    items = connection.sql(
        "select w.week_start_on, e.registered_on, e.county_code, e.town_code, e.community_code, w.issue_code, "
        "e.source, e.channel from event as e inner join issue as i on i.issue_code = e.issue_code "
        "inner join chosen_week as w on w.issue_code in (i.issue_code, i.group_code) "
        "and e.registered_on between w.week_start_on and w.week_start_on + 6"
    ).pl()
    connection.unregister("chosen_week")
    names = dict(place.select("place_code", "place_name").iter_rows())
    rows = named.to_dicts()
    consists_of = wording.parts(items, named, names)
    arrived = weeks.arrived_by_week(given.arrived)
    raised = dict(
        judged.detection.filter((pl.col("place_level") == "city") & (pl.col("status") != "not_assessed"))
        .group_by("week_start_on")
        .agg((pl.col("status") == "alarm").mean())
        .iter_rows()
    )
    return named.with_columns(
        pl.col("kinds").list.join(","),
        pl.Series("sentence", [wording.sentence(row) for row in rows]),
        pl.Series("evidence", [wording.as_json(part) for part in consists_of]),
        pl.Series(
            "caveat",
            [
                wording.caveat(
                    part,
                    row["observed"],
                    arrived.get((row["week_start_on"], row["county_code"]), 1.0),
                    raised.get(row["week_start_on"], 0.0),
                )
                for part, row in zip(consists_of, rows, strict=True)
            ],
        ),
    ).select(list(_SIGNAL_SCHEMA))


def complete_weeks(connection: duckdb.DuckDBPyConnection, today: date) -> pl.DataFrame:
    """The weeks that history is made of, see `weeks.complete_weeks`."""
    calendar = connection.sql("select day_on, week_start_on, is_workday from calendar").pl()
    daily = connection.sql(
        "select registered_on, sum(n_events)::bigint as n_events from daily_counts group by all"
    ).pl()
    return weeks.complete_weeks(calendar, daily, today)


def city(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Code and name of the city."""
    cities = "select place_code, place_name from place where place_level = 'city' order by place_code"
    return connection.execute(cities).fetchall()[0]
