"""What else asks to be warned of, besides counts of a place × issue: matters, space-time clusters, new words, units.

A claim is one subject in one week. `stories.tell` lets it speak by itself only where no signal of that week already speaks of
the same place and issue; otherwise it becomes a further kind of evidence of that signal. So one event stays one warning.
"""

from datetime import timedelta

import polars as pl

from pipelines.surveillance.indicators import UNIT_KINDS, WINDOW
from pipelines.surveillance.joining import NODE
from pipelines.surveillance.matters import RECENT_WEEKS
from pipelines.surveillance.record import EVIDENCE_COLUMNS

CLAIM_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "week_start_on": pl.Date,
    "place_level": pl.String,
    "place_code": pl.String,
    "issue_code": pl.String,  # null for units
    "kind": pl.String,  # matter | cluster | emerging | overdue | satisfaction | returns
    "subject": pl.String,  # matter_id, cluster_id, word_id or the unit's name
    "matter_id": pl.String,  # the matter itself, or the one most examples of a word belong to; else null
    "observed": pl.Int64,
    "span": pl.Int64,  # weeks it counts
    "base": pl.Int64,  # items it is counted among: of a unit those due, rated, closed; of a matter all so far; else null
    "expected": pl.Float64,
    "upper_bound": pl.Float64,
    "p_value": pl.Float64,
    "chance_per_year": pl.Float64,
    "since_on": pl.Date,
    "n_weeks": pl.Int64,
    "is_rarest": pl.Boolean,
}
ORDER = ("matter", "cluster", "emerging", *UNIT_KINDS)
"""Who speaks first where several claims are about one event."""
MAX_GAP_WEEKS = 2  # between raised weeks of one run, of a claim and of a count


def empty() -> pl.DataFrame:
    return pl.DataFrame(schema=CLAIM_COLUMNS)


def of_units(evidence: pl.DataFrame) -> pl.DataFrame:
    """Units out of their control limits: the alarms among evidence with a unit_name; chance among the units judged that week."""
    units = evidence.filter(pl.col("unit_name").is_not_null())
    n_units = units.group_by("week_start_on", "kind").agg(pl.col("p_value").count().alias("n_units"))
    alarms = units.filter(pl.col("status") == "alarm").join(n_units, on=["week_start_on", "kind"])
    return _lasting(
        alarms.with_columns(
            pl.col("unit_name").alias("subject"),
            pl.lit(None, pl.String).alias("matter_id"),
            pl.lit(WINDOW).alias("span"),
            (pl.col("p_value") * pl.col("n_units") * 52).alias("chance_per_year"),
        )
    )


def of_clusters(found: pl.DataFrame) -> pl.DataFrame:
    """Space-time clusters of `clusters.find`; they last as long as they say themselves, and speak in weeks that bring more items."""
    before = pl.col("observed").shift().over("cluster_id", order_by="week_start_on")
    found = found.filter((pl.col("observed") > before).fill_null(True))
    weeks = (pl.col("week_start_on") - pl.col("first_week_on")).dt.total_days() // 7 + 1
    return found.select(
        *NODE,
        pl.lit("cluster").alias("kind"),
        pl.col("cluster_id").alias("subject"),
        pl.lit(None, pl.String).alias("matter_id"),
        "observed",
        weeks.alias("span"),
        pl.lit(None, pl.Int64).alias("base"),
        "expected",
        pl.lit(None, pl.Float64).alias("upper_bound"),
        "p_value",
        "chance_per_year",
        pl.col("first_week_on").alias("since_on"),
        weeks.alias("n_weeks"),
        pl.lit(True).alias("is_rarest"),
    ).cast(pl.Schema(CLAIM_COLUMNS))


def of_matters(matter: pl.DataFrame, weekly: pl.DataFrame) -> pl.DataFrame:
    """Matters that grow faster than matters do: the alarms of `matter_week`, at the place and issue of the matter.

    Counted are the items of the last RECENT_WEEKS weeks, as the alarm does; a week without any says nothing.
    """
    alarms = weekly.filter(pl.col("is_alarm") & (pl.col("n_events") > 0)).join(
        matter.select("matter_id", "place_level", "place_code", "issue_code"), on="matter_id"
    )
    return _lasting(
        alarms.with_columns(
            pl.lit("matter").alias("kind"),
            pl.col("matter_id").alias("subject"),
            pl.col("n_recent").alias("observed"),
            pl.lit(RECENT_WEEKS).alias("span"),
            pl.col("n_so_far").alias("base"),
            RECENT_WEEKS * pl.col("expected"),
        )
    )


def of_words(emerging: pl.DataFrame, event_matter: pl.DataFrame) -> pl.DataFrame:
    """New words, at the place and issue most of their items have; with the matter most of their examples belong to."""
    matter_of = (
        emerging.select("word_id", "week_start_on", pl.col("examples").str.split(",").alias("event_key"))
        .explode("event_key")
        .join(event_matter, on="event_key", how="left")
        .group_by("word_id", "week_start_on")
        .agg(pl.col("matter_id").mode().sort().first(), pl.col("matter_id").drop_nulls().mode().len().alias("n_modes"))
    )
    named = matter_of.select(
        "word_id", "week_start_on", pl.when(pl.col("n_modes") == 1).then("matter_id").alias("matter_id")
    )
    return _lasting(
        emerging.join(named, on=["word_id", "week_start_on"], how="left").with_columns(
            pl.lit("emerging").alias("kind"),
            pl.col("word_id").alias("subject"),
            pl.col("n_events").alias("observed"),
            pl.col("window_weeks").alias("span"),
            pl.lit(None, pl.Int64).alias("base"),
            pl.lit(None, pl.Float64).alias("upper_bound"),
        )
    )


def as_evidence(claims: pl.DataFrame) -> pl.DataFrame:
    """The matters and new words among claims as evidence on their place and issue, EVIDENCE_COLUMNS."""
    return (
        claims.filter(pl.col("kind").is_in(["matter", "emerging"]))
        .with_columns(
            pl.lit(None, pl.String).alias("unit_name"),
            pl.lit(None, pl.Float64).alias("score"),
            pl.lit("alarm").alias("status"),
            pl.lit("").alias("reason"),
        )
        .select(list(EVIDENCE_COLUMNS))
        .cast(pl.Schema(EVIDENCE_COLUMNS))
    )


def still_coming(claims: pl.DataFrame, weekly: pl.DataFrame) -> pl.DataFrame:
    """Without the clusters and new words of whose place and issue no item came in the week itself.

    `weekly`: mart weekly_counts. What counts four weeks would go on speaking of something that is over.
    """
    keys = ["week_start_on", "place_code", "issue_code"]
    came = pl.concat(
        weekly.filter(pl.col(f"{level}_code").is_not_null())
        .select("week_start_on", pl.col(f"{level}_code").alias("place_code"), "issue_code")
        .unique()
        for level in ("county", "town")
    )
    looks_back = pl.col("kind").is_in(["cluster", "emerging"]) & pl.col("place_level").is_in(["county", "town"])
    return pl.concat([claims.filter(~looks_back), claims.filter(looks_back).join(came, on=keys, how="semi")])


def _lasting(rows: pl.DataFrame) -> pl.DataFrame:
    """CLAIM_COLUMNS, with what unbroken runs of one subject add: since_on, n_weeks, the rarest chance so far."""
    keys = ["kind", "subject"]
    ordered = rows.filter(pl.col("chance_per_year").is_not_null()).sort(*keys, "week_start_on")
    breaks = (pl.col("week_start_on").diff().over(keys) > timedelta(weeks=MAX_GAP_WEEKS)).fill_null(True)
    run = [*keys, "run"]
    return (
        ordered.with_columns(breaks.cum_sum().over(keys).alias("run"))
        .with_columns(
            pl.col("week_start_on").min().over(run).alias("since_on"),
            (pl.col("chance_per_year") <= pl.col("chance_per_year").cum_min().over(run)).alias("is_rarest"),
            pl.col("chance_per_year").cum_min().over(run),
        )
        .with_columns(((pl.col("week_start_on") - pl.col("since_on")).dt.total_days() // 7 + 1).alias("n_weeks"))
        .select(list(CLAIM_COLUMNS))
        .cast(pl.Schema(CLAIM_COLUMNS))
    )
