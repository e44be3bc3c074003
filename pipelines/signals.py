"""Early warning inside a build: from the marts just made to those it adds.

Adds weekly_detection (every verdict on a count), evidence (the other kinds), cluster and cluster_place, signal,
weekly_concern, weekly_topic.
What is judged and how is in `surveillance`; here is what it reads. How its answers are put into words: `particulars`.
"""

from dataclasses import replace
from datetime import date, timedelta
from itertools import chain

import duckdb
import polars as pl

from pipelines import particulars, registers, surveillance
from pipelines.config import SQL, warning_budget
from pipelines.surveillance import claims, clusters, excess, indicators, stories, weeks
from pipelines.surveillance.kept import Kept

EVIDENCE_KEPT_P = 0.2  # evidence less telling than this is not kept

Tables = dict[str, pl.DataFrame]


DETECTION_COLUMNS = [
    "week_start_on", "place_level", "place_code", "issue_code", "observed",
    "expected", "upper_bound", "score", "p_value", "status", "reason",
]  # fmt: skip


def record(
    connection: duckdb.DuckDBPyConnection,
    complete: pl.DataFrame,
    as_of: date,
    kept: Kept | None = None,
    *,
    has_communities: bool = False,
) -> surveillance.Record:
    """What early warning looks at, from the marts just built: sums of towns, or of their communities. `complete`: see
    `weeks.complete_weeks`."""
    places = "county_code, town_code, community_code" if has_communities else "county_code, town_code"
    known_days = f"select count(distinct known_on) from known_batch where {registers.OF_ITEMS}"
    [(n_days,)] = connection.execute(known_days).fetchall()
    since = as_of - timedelta(weeks=weeks.DELAY_WEEKS[1] + 2)
    # fewer days say nothing about delays
    triangle = first_reports(connection, since) if n_days >= weeks.MIN_DELAY_WEEKS else pl.DataFrame()
    return surveillance.Record(
        weekly=connection.sql(
            f"select week_start_on, source, {places}, issue_code, sum(n_events)::bigint as n_events,"
            " sum(n_repeat)::bigint as n_repeat, sum(n_repeat_known)::bigint as n_repeat_known"
            " from weekly_counts group by all"
        ).pl(),
        weeks=complete,
        places=connection.sql("from place").pl(),
        issues=connection.sql("select issue_code, group_code, severity from issue").pl(),
        city_code=city(connection)[0],
        arrived=weeks.completeness(triangle, complete["week_start_on"].to_list(), as_of),
        kept=kept,
    )


def first_reports(connection: duckdb.DuckDBPyConnection, since: date) -> pl.DataFrame:
    """When the office first had the items of each week since `since`: the reporting triangle."""
    text = (SQL / "views" / "first_reports.sql").read_text(encoding="utf-8")
    return connection.sql(text, params={"since": since}).pl()


def judge(
    connection: duckdb.DuckDBPyConnection,
    complete: pl.DataFrame,
    as_of: date,
    found: Tables,
    units: pl.DataFrame,
    kept: Kept | None = None,
) -> tuple[Tables, stories.Rule]:
    """Weekly verdicts, the evidence besides them and the signals made of both, up to the last complete week.

    `found`: what was found besides the counts: the marts cluster, matter, emerging. `units`: from `judge_units`.
    `kept`: verdicts of an earlier build.
    """
    given = record(connection, complete, as_of, kept)
    examples = {key for keys in found["emerging"]["examples"].drop_nulls() for key in keys.split(",")}
    found = {
        **found,
        "matter_week": connection.sql("from matter_week where is_alarm").pl(),
        "event_matter": connection.sql(
            "from event_matter where event_key in (select unnest($examples::varchar[]))",
            params={"examples": sorted(examples)},
        ).pl(),
    }
    asked = particulars.claims_of(found, units, given.places, given.weekly)
    judged = surveillance.judge(
        given,
        others=pl.concat([clusters.evidence(found["cluster"]), units]),
        claims=asked,
        rule=stories.Rule(**warning_budget()),
    )
    worth_keeping = (pl.col("p_value") < EVIDENCE_KEPT_P) | pl.col("unit_name").is_not_null()
    tables = {
        "weekly_detection": judged.detection.select(DETECTION_COLUMNS),
        "evidence": pl.concat([judged.evidence.filter(worth_keeping), claims.as_evidence(asked)]),
        "signal": particulars.describe(connection, judged, given, found),
        "weekly_concern": concerns(given, connection.sql("from concern_group").pl()),
        "weekly_topic": topics(given, connection.sql("from topic_week").pl()),
    }
    return tables, judged.rule


def concerns(given: surveillance.Record, groups: pl.DataFrame) -> pl.DataFrame:
    """Verdicts on the groups of concern in city and counties; `groups`: issue_code, concern_group: issues, never persons.

    Twelve weeks more than warnings are given for: the reader sees each week with the quarter it ends.
    """
    judged = excess.detect_sums(
        given,
        groups.rename({"concern_group": "sum_name"}),
        levels=("city", "county"),
        evaluate=excess.HISTORY_WEEKS + 12,
        name="concern ",
    )
    return judged.select(DETECTION_COLUMNS).rename({"issue_code": "concern_group"})


def topics(given: surveillance.Record, counts: pl.DataFrame) -> pl.DataFrame:
    """Verdicts on the topics in city and counties, as `concerns`; `counts`: mart topic_week. A topic is one sum of its own."""
    names = pl.DataFrame({"issue_code": counts["topic_id"].unique().sort()})
    judged = excess.detect_sums(
        replace(given, weekly=counts.drop("issue_code").rename({"topic_id": "issue_code"})),
        names.with_columns(pl.col("issue_code").alias("sum_name")),
        levels=("city", "county"),
        evaluate=excess.HISTORY_WEEKS + 12,
        name="topic ",
    )
    return judged.select(DETECTION_COLUMNS).rename({"issue_code": "topic_id"})


def judge_units(
    connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame, kept: Kept | None = None
) -> pl.DataFrame:
    """Which units fell out of their control limits: evidence of the units."""
    sums = ", ".join(f"sum({name})::bigint as {name}" for name in ("n_events", *chain(*indicators.UNIT_KINDS.values())))
    outcome = connection.sql(
        f"select week_start_on, county_code, unit_name, {sums} from weekly_outcome where unit_name is not null group by all"
    ).pl()
    return indicators.unit_evidence(
        outcome, complete["week_start_on"].to_list(), city_code=city(connection)[0], kept=kept
    )


def find_clusters(
    connection: duckdb.DuckDBPyConnection, complete: pl.DataFrame, *, is_followed: bool = False
) -> Tables:
    """Where items of one issue crowd together: the marts `cluster` and `cluster_place`, and `basis.scan`, of what they
    were made. `is_followed`: catalog `before` has those of the version before."""
    mondays = complete["week_start_on"].to_list()
    studied = mondays[-clusters.CLUSTER_WEEKS - clusters.STUDY_WEEKS :]
    items = connection.sql(
        "select date_trunc('week', registered_on)::date as week_start_on, issue_code, county_code, town_code, "
        "community_code, lon, lat, count(*) as n_events from event where registered_on >= $first group by all",
        params={"first": studied[0] if studied else date.max},
    ).pl()
    tables = ("cluster", "cluster_place", "basis.scan")
    before = clusters.NONE
    if is_followed:
        before = clusters.Scans(*(connection.sql(f"from before.{table}").pl() for table in tables))
    scans = clusters.find(items, connection.sql("from place").pl(), weeks=studied, before=before)
    return dict(zip(tables, scans, strict=True))


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
