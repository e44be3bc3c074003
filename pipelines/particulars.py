"""The particulars of signals: names, what they consist of, who should handle them, what to be careful about. → mart `signal`"""

import re
from datetime import date, timedelta

import duckdb
import polars as pl

from pipelines import surveillance
from pipelines.config import SQL
from pipelines.surveillance import claims, clusters, indicators, matters, weeks, wording

MIN_OF_MATTER = 5  # items of one matter in a week from which the sentence names it
MIN_HISTORY, HISTORY_SHARE = 10, 0.5  # items of a year, and the share of one unit, from which it is taken for in charge
SILENT_AFTER_WEEKS = 4  # a source that came in each of so many weeks before and does not now is missed
WHOLE_YEAR = 52

SIGNAL_SCHEMA = {
    "signal_id": pl.String, "week_start_on": pl.Date, "signal_level": pl.String, "title": pl.String,
    "kind": pl.String, "kinds": pl.String, "place_level": pl.String, "place_code": pl.String,
    "place_name": pl.String, "county_code": pl.String, "issue_code": pl.String, "issue_name": pl.String,
    "group_name": pl.String, "role_name": pl.String, "unit_name": pl.String, "matter_id": pl.String,
    "observed": pl.Int64, "base": pl.Int64, "expected": pl.Float64, "upper_bound": pl.Float64, "excess": pl.Float64,
    "p_value": pl.Float64, "chance_per_year": pl.Float64, "since_on": pl.Date, "n_weeks": pl.Int64, "rank": pl.Int64,
    "sentence": pl.String, "evidence": pl.String, "caveat": pl.String, "blind_spots": pl.String,
    "responsible_unit": pl.String, "responsible_basis": pl.String,
}  # fmt: skip


def describe(
    connection: duckdb.DuckDBPyConnection,
    judged: surveillance.Judged,
    given: surveillance.Record,
    found: dict[str, pl.DataFrame],
) -> pl.DataFrame:
    """The signals as the `signal` mart has them.

    `found`: the marts cluster, matter and emerging of this build.
    """
    if judged.signals.is_empty():
        return pl.DataFrame(schema=SIGNAL_SCHEMA)
    place = connection.sql("from place").pl()
    named = _named(connection, judged.signals, place).join(
        _abouts(found), on=["kind", "subject"], how="left", maintain_order="left"
    )
    items = _items(connection, named)
    names = dict(place.select("place_code", "place_name").iter_rows())
    consists_of = wording.parts(items, named, names)
    titles = dict(found["matter"].select("matter_id", "title").iter_rows())
    rows = []
    for number, row in enumerate(named.to_dicts()):
        if row["matter_id"] and not row["subject"]:
            n_of_matter = len(items.filter((pl.col("signal_no") == number) & (pl.col("matter_id") == row["matter_id"])))
            row |= {"about": titles.get(row["matter_id"]), "n_of_matter": n_of_matter * (n_of_matter >= MIN_OF_MATTER)}
        rows.append(row)
    arrived = weeks.arrived_by_week(given.arrived)
    raised = dict(
        judged.detection.filter((pl.col("place_level") == "city") & (pl.col("status") != "not_assessed"))
        .group_by("week_start_on")
        .agg((pl.col("status") == "alarm").mean())
        .iter_rows()
    )
    silent = _silent(connection, named)
    searched_from = given.weeks["week_start_on"].tail(clusters.CLUSTER_WEEKS).to_list()[0]
    without_text = dict(items.group_by("signal_no").agg((~pl.col("has_text")).sum()).iter_rows())
    caveats = [
        ""
        if row["unit_name"]
        else wording.caveat(
            part,
            sum(day["n_events"] for day in part["days"]) if row["subject"] else row["observed"],
            arrived.get((row["week_start_on"], row["county_code"]), 1.0),
            raised.get(row["week_start_on"], 0.0),
        )
        for part, row in zip(consists_of, rows, strict=True)
    ]
    unseen = [
        wording.blind_spots(
            row,
            part,
            silent=silent.get(number, []),
            searched_from=searched_from,
            n_without_text=without_text.get(number, 0),
        )
        for number, (row, part) in enumerate(zip(rows, consists_of, strict=True))
    ]
    in_charge = _in_charge(connection, rows, consists_of, place)
    return named.with_columns(
        pl.col("kinds").list.join(","),
        pl.Series("title", [wording.title(row) for row in rows], dtype=pl.String),
        pl.Series("sentence", [wording.sentence(row) for row in rows], dtype=pl.String),
        pl.Series("evidence", [wording.as_json(part) for part in consists_of], dtype=pl.String),
        pl.Series("caveat", caveats, dtype=pl.String),
        pl.Series("blind_spots", [wording.as_json(said) for said in unseen], dtype=pl.String),
        pl.Series("responsible_unit", [unit for unit, _ in in_charge], dtype=pl.String),
        pl.Series("responsible_basis", [basis for _, basis in in_charge], dtype=pl.String),
    ).select(list(SIGNAL_SCHEMA))


def _named(connection: duckdb.DuckDBPyConnection, signals: pl.DataFrame, place: pl.DataFrame) -> pl.DataFrame:
    town = pl.when(pl.col("place_level") == "town").then("county_name").otherwise(pl.lit(""))
    full_name = pl.concat_str(town, "place_name").alias("place_full_name")
    issues = connection.sql(
        "select issue_code, issue_name, group_code, group_name, role_name from issue union all "
        "select distinct group_code, group_name || '（大类）', group_code, group_name, null from issue "
        "where group_code not in (select issue_code from issue)"
    ).pl()
    return signals.join(
        place.select("place_code", "place_name", "county_code", full_name), on="place_code", maintain_order="left"
    ).join(issues, on="issue_code", how="left", maintain_order="left")


def _abouts(found: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """kind, subject → about (a matter's title, the words) and radius_km (of a cluster)."""
    word, cluster = (
        found[name].sort("week_start_on").unique(key, keep="last", maintain_order=True)
        for name, key in (("emerging", "word_id"), ("cluster", "cluster_id"))
    )
    quoted = pl.concat_str(pl.lit("“"), "word", pl.lit("”"))
    parts = [
        found["matter"].select(pl.lit("matter").alias("kind"), pl.col("matter_id").alias("subject"), pl.col("title").alias("about")),
        word.select(pl.lit("emerging").alias("kind"), pl.col("word_id").alias("subject"), quoted.alias("about")),
        cluster.select(pl.lit("cluster").alias("kind"), pl.col("cluster_id").alias("subject"), "radius_km"),
    ]  # fmt: skip
    return pl.concat(parts, how="diagonal")


def _items(connection: duckdb.DuckDBPyConnection, signals: pl.DataFrame) -> pl.DataFrame:
    """The items behind each signal: signal_no, registered_on, place codes, issue_name, unit_name, source, channel, matter_id, has_text.

    Of a matter its items of four weeks; of a unit the cases among its last four weeks; of the others the items of the place,
    issue and week (see sql/views/signal_items.sql).
    """
    chosen = signals.with_row_index("signal_no").select(
        pl.col("signal_no").cast(pl.Int64), "week_start_on", "place_level", "place_code", "issue_code", "unit_name",
        "kind", pl.when(pl.col("kind") == "matter").then("matter_id").alias("matter_id"),
        pl.when(pl.col("kind") == "cluster").then("subject").alias("cluster_id"),
        pl.when(pl.col("kind") == "matter")
        .then(pl.col("week_start_on").dt.offset_by(f"-{matters.RECENT_WEEKS - 1}w"))
        .when(pl.col("kind") == "cluster", pl.col("subject").is_not_null())
        .then(pl.max_horizontal("since_on", pl.col("week_start_on").dt.offset_by(f"-{clusters.MAX_WINDOW_WEEKS - 1}w")))
        .otherwise("week_start_on").alias("from_on"),
    )  # fmt: skip
    connection.register("chosen_signal", chosen.to_arrow())
    text = (SQL / "views" / "signal_items.sql").read_text(encoding="utf-8")
    items = connection.sql(text, params={"weeks_before": indicators.WINDOW - 1}).pl()
    connection.unregister("chosen_signal")
    return items


def _silent(connection: duckdb.DuckDBPyConnection, signals: pl.DataFrame) -> dict[int, list[str]]:
    """Sources that came in each of the weeks before, in the signal's county (or the city), and did not in its week."""
    words = {"petition": "信访", "hotline": "12345热线", "grid": "网格"}
    came = connection.sql(
        "select week_start_on, source, county_code, sum(n_events)::bigint as n_events from weekly_counts"
        " where county_code is not null group by all"
    ).pl()
    by_county = {
        (week, county): set(rows) for week, county, rows in came.group_by("week_start_on", "county_code").agg("source").iter_rows()
    }  # fmt: skip
    by_city = {week: set(rows) for week, rows in came.group_by("week_start_on").agg("source").iter_rows()}
    silent = {}
    for number, row in enumerate(signals.iter_rows(named=True)):
        county = row["county_code"] if row["place_level"] != "city" else None

        def seen(week: date, county: str | None = county) -> set[str]:
            return by_city.get(week, set()) if county is None else by_county.get((week, county), set())

        before = [seen(row["week_start_on"] - timedelta(weeks=n)) for n in range(1, SILENT_AFTER_WEEKS + 1)]
        missed = set.intersection(*before) - seen(row["week_start_on"])
        silent[number] = [words.get(source, source) for source in sorted(missed)]
    return silent


def _in_charge(
    connection: duckdb.DuckDBPyConnection, rows: list[dict], consists_of: list[dict], place: pl.DataFrame
) -> list[tuple[str | None, str | None]]:
    """(unit, why) of each signal: the unit it is about, whoever has most items of the matter, the duty list, the last year."""
    duty: dict[tuple[str, str], str] = {}
    for unit, role, county in connection.execute(
        "select unit_name, role_name, county_code from unit order by unit_code desc"
    ).fetchall():
        for name in _roles(role):
            duty[name, county or ""] = unit
    offices = dict(connection.execute("select town_code, unit_name from unit where town_code is not null").fetchall())
    towns = dict(place.filter(pl.col("place_level") == "town").select("place_code", "parent_code").iter_rows())
    history = connection.sql(
        "select week_start_on, county_code, town_code, issue_code, unit_name, sum(n_events)::bigint as n_events"
        " from weekly_outcome where unit_name is not null and n_events > 0 group by all"
    ).pl()
    group_of = dict(connection.execute("select issue_code, group_code from issue").fetchall())
    history = history.with_columns(pl.col("issue_code").replace_strict(group_of, default=None).alias("group_code"))
    answers: list[tuple[str | None, str | None]] = []
    for row, part in zip(rows, consists_of, strict=True):
        if row["unit_name"]:
            answers.append((row["unit_name"], "预警说的就是这个单位的办理"))
            continue
        if row["kind"] == "matter" and part["units"] and 2 * part["units"][0]["n_events"] > row["observed"]:
            answers.append((part["units"][0]["name"], "这件事近 4 周的诉求多数由其主办"))
            continue
        roles = _roles(row["role_name"])
        county = towns.get(row["place_code"], row["place_code"]) if row["place_level"] != "city" else ""
        unit = next((duty[key] for role in roles for key in ((role, county), (role, "")) if key in duty), None)
        if unit is None and roles and roles[0].startswith("属地"):
            unit = offices.get(row["place_code"])
        if unit:
            answers.append((unit, f"职责清单：{row['role_name']}"))
            continue
        answers.append(_usual(history, row))
    return answers


def _usual(history: pl.DataFrame, row: dict) -> tuple[str | None, str | None]:
    """Who handled most of such items there in the year before."""
    since = row["week_start_on"] - timedelta(weeks=WHOLE_YEAR)
    column = "group_code" if row["issue_code"] == row["group_code"] else "issue_code"
    there = history.filter(
        pl.col("week_start_on").is_between(since, row["week_start_on"]), pl.col(column) == row["issue_code"]
    )
    if row["place_level"] != "city":
        there = there.filter(pl.col(f"{row['place_level']}_code") == row["place_code"])
    units = there.group_by("unit_name").agg(pl.col("n_events").sum()).sort("n_events", "unit_name", descending=[True, False])  # fmt: skip
    total = int(units["n_events"].sum())
    if total < MIN_HISTORY or units["n_events"][0] < HISTORY_SHARE * total:
        return None, None
    return units["unit_name"][0], f"近一年此地此类事项的 {units['n_events'][0] / total:.0%} 由其主办"


def _roles(role: str | None) -> list[str]:
    """The departments a role names, without what stands in brackets.

    >>> _roles("住建局(工地)/城管局(道路)"), _roles("公安局（或城管局）"), _roles(None)
    (['住建局', '城管局'], ['公安局'], [])
    """
    plain = re.sub(r"[(（][^)）]*[)）]?", "", role or "")
    return [part.strip() for part in re.split(r"[/、]", plain) if part.strip()]


def claims_of(
    found: dict[str, pl.DataFrame], units: pl.DataFrame, places: pl.DataFrame, weekly: pl.DataFrame
) -> pl.DataFrame:
    """What besides the counts may speak by itself, from the marts of this build and the evidence of units.

    A matter of one community is its town's: warnings are of cities, counties and towns.
    """
    asked = [
        claims.of_units(units),
        claims.of_clusters(found["cluster"]),
        claims.of_matters(found["matter"], found["matter_week"]),
        claims.of_words(found["emerging"], found["event_matter"]),
    ]
    town_of = dict(places.filter(pl.col("place_level") == "community").select("place_code", "parent_code").iter_rows())
    is_community = pl.col("place_level") == "community"
    located = (
        pl.concat(asked)
        .with_columns(
            pl.when(is_community).then(pl.lit("town")).otherwise("place_level").alias("place_level"),
            pl.when(is_community)
            .then(pl.col("place_code").replace_strict(town_of, default=None, return_dtype=pl.String))
            .otherwise("place_code")
            .alias("place_code"),
        )
        .filter(pl.col("place_code").is_not_null())
    )
    return claims.still_coming(located, weekly)
